"""Choices beyond `choice_model`: sets, consistency, framing and prediction: `bb.choices`."""

from __future__ import annotations

from bartleby.analysis.choice.sets.model import choice_sets
from bartleby.analysis.consistency.agreement import agreement
from bartleby.analysis.consistency.flips import flips
from bartleby.analysis.consistency.predictive_fit import predictive_fit
from bartleby.analysis.consistency.stated_and_revealed import stated_and_revealed
from bartleby.analysis.consistency.transitivity import transitivity

__all__ = [
    "agreement",
    "choice_sets",
    "flips",
    "predictive_fit",
    "stated_and_revealed",
    "transitivity",
]
