"""Whether items look like a sample from the population that was fitted to them: a predictive check."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.mixtures import Mixture

__all__ = ["population_check"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LEAST = 8
"""Fewer items say nothing of the shape of a population."""
_REPLICATES = 99


def population_check(
    fit: GroupFit,
    nodes: Integers,
    parameters: npt.NDArray[np.floating[Any]],
    population: Mixture,
    rng: np.random.Generator,
) -> float:
    """Return the posterior predictive p value of the population of a class; NaN with few items.

    Parameters
    ----------
    fit
        A fitted model.
    nodes
        Items of the class (n,).
    parameters, population
        Draws of the estimated parameters (draws, q), and of what the class is a sample from.
    rng
        Random numbers.

    Notes
    -----
    Choices of the same design are drawn with new items from the population in place of the class, and the
    shape of the class is compared: sorted log odds of being taken, standardised, by their squared distance
    from the mean over all data sets. Deviations are scaled up by the overdispersion. As the population was
    fitted to the same items, p is further from 0 than chance would have it (conservative).
    """
    if len(nodes) < _LEAST:
        return math.nan
    some = rng.integers(len(parameters), size=_REPLICATES)
    replaced = parameters[some].astype(np.float64)
    columns = fit.layout.design.basis[nodes].argmax(axis=1)
    replaced[:, columns] = population.at(some).sample(len(nodes), rng)
    counts = np.concatenate([fit.data.counts[None], _drawn_counts(fit, replaced, rng)])
    shapes = _shapes(fit, nodes, counts)
    if not np.isfinite(shapes).all():
        return math.nan
    deviation = shapes.std(axis=0)
    away = np.sum(((shapes - shapes.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)) ** 2, axis=1)
    return float(np.mean(away >= away[0] * (1 - 1e-12)))


def _drawn_counts(fit: GroupFit, parameters: Floats, rng: np.random.Generator) -> Floats:
    """Draw outcomes of all cells, with their overdispersion (replicates, M, A)."""
    design, total = fit.layout.design, fit.data.counts.sum(axis=1)
    trials = np.rint(total).astype(np.int64)
    counts = np.empty((len(parameters), *fit.data.counts.shape))
    for at, row in enumerate(parameters):
        chance = np.exp(design.kernel.log_probability(design.local(row[None])))[0]
        chance /= chance.sum(axis=-1, keepdims=True)
        expected = total[:, None] * chance
        counts[at] = expected + np.sqrt(fit.scale) * (rng.multinomial(trials, chance) - expected)
    return counts


def _shapes(fit: GroupFit, nodes: Integers, counts: Floats) -> Floats:
    """Return standardised, sorted log odds of being taken of some items in each data set (R, n)."""
    data = fit.data
    cells = np.arange(len(data.first))
    taken, total = np.zeros((data.n_items, len(counts))), np.zeros(data.n_items)
    for side, items in enumerate((data.first, data.second)):
        shown = sparse.csr_array((np.ones(len(cells)), (items, cells)), shape=(data.n_items, len(cells)))
        taken += np.asarray(shown @ counts[:, :, side].T)
        total += np.asarray(shown @ data.counts.sum(axis=1))
    share = (np.clip(taken.T, 0, total) + 0.5)[:, nodes] / (total[nodes] + 1)
    odds = np.sort(np.log(share / (1 - share)), axis=1)
    deviation = odds.std(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shapes: Floats = (odds - odds.mean(axis=1, keepdims=True)) / deviation
    return shapes
