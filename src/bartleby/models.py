"""Models that answer: opened by name, or simulated with tendencies that are known: `bb.models`."""

from __future__ import annotations

from bartleby.collectors.models import open_model
from bartleby.collectors.models.leaving import ExitRule
from bartleby.collectors.models.simulated import SimulatedModel

__all__ = [
    "ExitRule",
    "SimulatedModel",
    "open_model",
]
