"""Tables in files, and what estimators return: `bb.tables`, for scripts that load, estimate and save."""

from __future__ import annotations

from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.files import read_table
from bartleby.analysis.tables.written import write_table

__all__ = ["Estimates", "read_table", "write_table"]
