"""Families of tests, and how large a study has to be: `bb.inference`."""

from __future__ import annotations

from bartleby.analysis.inference.families import adjust_p
from bartleby.analysis.rates.power import minimum_detectable_effect

__all__ = [
    "adjust_p",
    "minimum_detectable_effect",
]
