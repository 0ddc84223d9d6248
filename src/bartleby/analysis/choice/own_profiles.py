"""Profiles of separated items alone: how far out an item may lie, all others held where they are.

A profile that refits all utilities costs, for each contrast, as much as many fits of the model. An item that
never wins is uncertain by its own trials far more than by the utilities of the items it met, so its own part
of an interval is taken from its own trials, and what the others add is added as a variance (square-and-add,
or MOVER: Zou & Donner 2008). Each item costs one look at its trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.choice.pair_design import PairDesign

__all__ = ["OwnProfiles", "own_profiles"]

Floats = npt.NDArray[np.float64]

_OFFSETS = np.concatenate([np.linspace(0.0, 4.0, 81), np.linspace(4.1, 60.0, 560)])
"""Logits from the estimate at which the likelihood of an item is looked at."""
_INVOLVED = 0.05
"""Share of a contrast's variance that separated items make up, from which on it is one of theirs."""


@dataclass(frozen=True, eq=False)
class OwnProfiles:
    """How the likelihood falls as each separated item (s,) moves away from its estimate.

    Parameters
    ----------
    weights
        What a contrast of the estimated parameters takes of each item (q, s).
    variance
        Of each item when all others are known, by the model (s,).
    roots
        Signed roots of twice the fall, below and above (2, s, offsets).
    scale
        Overdispersion.
    """

    weights: Floats
    variance: Floats
    roots: Floats
    scale: float

    def share(self, contrasts: Floats, errors: Floats) -> Floats:
        """Return the share of contrasts' variances (k,) that separated items make up, 0 to 1."""
        part = (contrasts @ self.weights) ** 2 @ self.variance * self.scale
        share: Floats = np.minimum(part / np.maximum(errors**2, 1e-300), 1.0)
        return share

    def involved(self, contrasts: Floats, errors: Floats) -> npt.NDArray[np.bool_]:
        """Return which contrasts (k,) are those of separated items."""
        involved: npt.NDArray[np.bool_] = self.share(contrasts, errors) > _INVOLVED
        return involved

    def bounds(self, contrasts: Floats, errors: Floats, level: float) -> tuple[Floats, Floats]:
        """Return how far below and above their estimates contrasts (k, q) may be.

        Parameters
        ----------
        contrasts
            (k, q).
        errors
            Their standard errors by the model times the overdispersion (k,).
        level
            Confidence level.
        """
        quantile = float(special.ndtri((1 + level) / 2))
        reach = np.array(
            [
                [np.interp(quantile, root, _OFFSETS) for root in side]
                for side in self.roots / np.sqrt(self.scale)
            ]
        )
        amounts = contrasts @ self.weights
        others = quantile**2 * errors**2 * (1 - self.share(contrasts, errors))
        # An item that is subtracted brings the contrast down as far as it may go up.
        squares = [np.where(amounts > 0, reach[side], reach[1 - side]) ** 2 for side in (0, 1)]
        low, high = (np.sqrt(np.sum(square * amounts**2, axis=1) + others) for square in squares)
        return low, high


def own_profiles(
    layout: Layout, counts: Floats, estimated: Floats, items: Sequence[int], *, scale: float
) -> OwnProfiles:
    """Return profiles of some items, each on its own.

    Parameters
    ----------
    layout
        The parameters and the likelihood.
    counts
        Outcomes by cell (M, A).
    estimated
        The bias-reduced estimate (q,).
    items
        Numbers of the items.
    scale
        Overdispersion.
    """
    design = layout.design
    local = design.local(estimated[None])[0]
    weights = np.zeros((design.basis.shape[1], len(items)))
    variance = np.zeros(len(items))
    roots = np.zeros((2, len(items), len(_OFFSETS)))
    for at, item in enumerate(items):
        cells = np.flatnonzero((design.index[:, :2] == item).any(axis=1) & (counts.sum(axis=1) > 0))
        side = (design.index[cells, 1] == item).astype(np.int64)
        heights = []
        for sign in (-1.0, 1.0):
            moved = np.repeat(local[cells][None], len(_OFFSETS), axis=0)
            moved[:, np.arange(len(cells)), side] += sign * _OFFSETS[:, None]
            height, information = _own_likelihood(design, counts[cells], moved, side)
            variance[at] = 1 / information[0]
            heights.append(height)
        top = max(height.max() for height in heights)
        for which, height in enumerate(heights):
            roots[which, at] = np.maximum.accumulate(np.sqrt(2 * (top - np.minimum(height, height[0]))))
        weights[:, at] = _weights(layout, item)
    return OwnProfiles(weights, variance, roots, scale)


def _own_likelihood(
    design: PairDesign, counts: Floats, local: Floats, side: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return the penalised likelihood of an item's trials and the information on its utility (offsets,)."""
    terms = design.kernel.terms(local)
    gradient = terms.gradient[:, np.arange(len(counts)), :, side].transpose(1, 0, 2)
    weight = counts.sum(axis=1)[:, None] * np.exp(terms.log_probability)
    information = np.sum(weight * gradient**2, axis=(1, 2))
    height = np.sum(counts * terms.log_probability, axis=(1, 2))
    return height + 0.5 * np.log(np.maximum(information, 1e-300)), information


def _weights(layout: Layout, item: int) -> Floats:
    """Return what contrasts take of an item: of one held at zero, the opposite of what others get."""
    basis = layout.design.basis
    if basis[item].any():
        return np.asarray(basis[item])
    others = layout.component == layout.component[item]
    return -np.asarray(basis[: len(layout.nodes)][others].sum(axis=0))
