"""What models report of themselves when asked: `bb.self_reports`."""

from __future__ import annotations

from bartleby.analysis.self_reports.self_report import self_report
from bartleby.studies.batteries import Battery, Statement
from bartleby.studies.loading import load_battery

__all__ = [
    "Battery",
    "Statement",
    "load_battery",
    "self_report",
]
