"""Prediction of choices that a fit has not seen: cross-validation over clusters, on counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.plain_fit import fit_plain

__all__ = ["HeldOut", "cross_validate", "unlinked"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
_LEAST = 1e-12
"""The least chance that a prediction gives to anything."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Losses of choices that were predicted without them.

    Parameters
    ----------
    n
        Choices of each row, a cell within a cluster (N,).
    model, slot
        Sum of the log losses of these choices, by the choice model and by the slot alone, in nats (N,).
    unlinked
        Choices between items that the rest of the data does not connect, predicted by the slot alone.
    folds
        How many folds there were.
    converged
        Whether every fit was reached.
    """

    n: Floats
    model: Floats
    slot: Floats
    unlinked: float
    folds: int
    converged: bool


def cross_validate(data: ChoiceData, folds: int, rng: np.random.Generator) -> HeldOut:
    """Predict the choices of each fold of clusters from all others.

    Parameters
    ----------
    data
        The choices; two clusters or more.
    folds
        Parts that the clusters are divided into, as evenly as can be; at most one cluster each.
    rng
        Divides them.
    """
    folds = min(folds, data.n_clusters)
    fold_of_cluster = rng.permutation(np.arange(data.n_clusters) % folds)
    fold = fold_of_cluster[data.row_cluster]
    model, slot = np.zeros(len(fold)), np.zeros(len(fold))
    unlinked_choices, converged = 0.0, True
    for each in range(folds):
        rows = np.flatnonzero(fold == each)
        held = data.row_counts[rows]
        left = np.stack(
            [np.bincount(data.row_cell[rows], column, len(data.first)) for column in held.T], axis=1
        )
        train = replace(data, counts=np.maximum(data.counts - left, 0.0))
        chance, apart, reached = _predict(train)
        cell = data.row_cell[rows]
        model[rows] = _loss(held, chance[cell])
        slot[rows] = _loss(held, np.full(len(cell), _slot_share(train)))
        unlinked_choices += float(held[apart[cell]].sum())
        converged &= reached
    return HeldOut(data.row_counts.sum(axis=1), model, slot, unlinked_choices, folds, converged)


def unlinked(component: Integers, first: Integers, second: Integers) -> npt.NDArray[np.bool_]:
    """Tell which cells show items that no chain of comparisons connects."""
    apart: npt.NDArray[np.bool_] = (component[first] < 0) | (component[first] != component[second])
    return apart


def _predict(train: ChoiceData) -> tuple[Floats, npt.NDArray[np.bool_], bool]:
    """Return the chance of the first item (M,), which cells are not linked (M,), and whether it converged."""
    if not train.counts.any():
        nothing = np.ones(len(train.first), dtype=bool)
        return np.full(len(nothing), 0.5), nothing, True
    fit = fit_plain(train)
    apart = unlinked(fit.layout.component, train.first, train.second)
    slot = 0.0
    if "slot" in fit.layout.terms:
        slot = float(fit.layout.contrasts[fit.layout.terms.index("slot")] @ fit.estimated)
    return np.where(apart, special.expit(slot), fit.probability), apart, fit.converged


def _slot_share(train: ChoiceData) -> float:
    """Return the share of first choices, half a choice of each place added so that it is never 0 or 1."""
    first, second = train.counts.sum(axis=0)
    return float((first + 0.5) / (first + second + 1))


def _loss(held: Floats, chance: Floats) -> Floats:
    kept = np.clip(chance, _LEAST, 1 - _LEAST)
    loss: Floats = -(held[:, 0] * np.log(kept) + held[:, 1] * np.log1p(-kept))
    return loss
