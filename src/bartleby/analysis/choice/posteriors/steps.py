"""One step of a sampler: new parameters of a choice model, given a normal prior of them and the choices.

Many chains step together, so that the cost of a step is that of its numbers.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.priors import Prior, StepLike
from bartleby.analysis.choice.posteriors.slices import slices_of
from bartleby.analysis.choice.posteriors.wins import win_steps

__all__ = ["Step", "likelihood_steps"]

Floats = npt.NDArray[np.float64]


class Step(StepLike, Protocol):
    """Draws the parameters of all chains, given the prior of each."""

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters (K, q)."""
        ...

    @property
    def settled(self) -> int:
        """Steps after which draws are worth keeping."""
        ...

    def settle(self, now: Floats, step: int) -> None:
        """Learn from the parameters (K, q) after one of these steps."""
        ...


def likelihood_steps(fit: GroupFit) -> Step:
    """Return how the parameters of a fit are drawn: by Polya-Gamma augmentation where that is possible."""
    design, counts = fit.layout.design, fit.data.counts / fit.scale
    if design.kernel.ties == "rao-kupper" or design.kernel.neither:
        return slices_of(design, counts, fit.maximum.estimated[0])
    return win_steps(design, counts[None, :, :2])
