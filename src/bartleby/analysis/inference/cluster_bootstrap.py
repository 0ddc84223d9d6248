"""The bootstrap of clusters for anything that is a function of sums over clusters.

A replicate is a weighted sum of what each cluster contributes, so a thousand of them are one product of
matrices, however many trials there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.intervals import RateFit, critical_value, undefined

__all__ = ["Scale", "Statistic", "bootstrap_interval"]

Floats = npt.NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]
"""From sums (b, q) to the value of each (b,); NaN where it has none."""

_LOST = 0.5
"""More replicates than this share without a value, and there is no interval."""
_FEWEST, _MANY = 3, 120
_BATCH = 2_000_000
"""Numbers in one batch of replicates: 16 MB."""
_STEP = 1e-3


@dataclass(frozen=True)
class Scale:
    """A scale on which replicates vary evenly: a function and its inverse, both growing or both falling."""

    there: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]


def bootstrap_interval(
    sums: Floats,
    statistic: Statistic,
    scale: Scale,
    *,
    level: float,
    replicates: int,
    rng: np.random.Generator,
) -> RateFit:
    """Return a statistic with the interval of a studentised bootstrap of clusters.

    Parameters
    ----------
    sums
        What each cluster contributes (G, q).
    statistic
        Of the sum over clusters.
    scale
        The scale of the interval.
    level, replicates, rng
        Of the bootstrap.

    Returns
    -------
    RateFit
        Bootstrap t (Efron & Tibshirani 1993, 12.5), with the standard error of each replicate from the
        influence of its clusters, for percentiles and standard deviations of replicates are too narrow with
        few clusters. Beyond `_MANY` clusters that makes no difference, and the standard deviation is taken.
        NaN bounds with fewer than three clusters, and where the scale has no value.
    """
    clusters = len(sums)
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    if np.isnan(value):
        return undefined("nothing varies")
    if clusters < _FEWEST:
        return undefined("fewer than three clusters", value)
    own = _on(scale, np.array([value]))
    if not np.isfinite(own[0]):
        return undefined("every answer follows from the others", value)
    if clusters > _MANY:
        weights = _weights(clusters, replicates, rng)
        drawn = _on(scale, statistic(weights @ sums))
        return _by_deviation(value, float(own[0]), drawn, scale, level=level, clusters=clusters)
    error = _errors(sums, np.ones((1, clusters)), statistic, scale)[1][0]
    size = max(1, _BATCH // (clusters * sums.shape[1]))
    parts = [
        _errors(sums, _weights(clusters, min(size, replicates - begin), rng), statistic, scale)
        for begin in range(0, replicates, size)
    ]
    drawn, errors = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (drawn - own[0]) / errors
    known = ratio[np.isfinite(ratio)]
    if len(known) < _LOST * replicates or not error > 0:
        return undefined("replicates do not vary", value)
    tails = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    low, high = np.sort(scale.back(own[0] - tails * error))
    spread = float(np.std(scale.back(drawn[np.isfinite(drawn)]), ddof=1))
    return RateFit(value, spread, float(low), float(high), float(clusters - 1), "bootstrap t")


def _errors(sums: Floats, weights: Floats, statistic: Statistic, scale: Scale) -> tuple[Floats, Floats]:
    """Return the scaled statistic under weights of clusters (b, G), and its standard error."""
    total = weights @ sums
    value = _on(scale, statistic(total))
    less = total[:, None, :] - _STEP * sums
    changed = _on(scale, statistic(less.reshape(-1, sums.shape[1]))).reshape(weights.shape)
    clusters = weights.shape[1]
    # Replicates without a value on the scale are infinite or NaN, and left out by whoever asked.
    with np.errstate(invalid="ignore", over="ignore"):
        influence = (value[:, None] - changed) / _STEP
        error = np.sqrt(np.sum(weights * influence**2, axis=1) * clusters / (clusters - 1))
    return value, error


def _by_deviation(
    value: float, own: float, drawn: Floats, scale: Scale, *, level: float, clusters: int
) -> RateFit:
    known = drawn[np.isfinite(drawn)]
    if len(known) < _LOST * len(drawn) or np.ptp(known) == 0:
        return undefined("replicates do not vary", value)
    half = critical_value(level, clusters - 1) * float(known.std(ddof=1))
    low, high = np.sort(scale.back(np.array([own - half, own + half])))
    spread = float(np.std(scale.back(known), ddof=1))
    return RateFit(value, spread, float(low), float(high), float(clusters - 1), "bootstrap, t")


def _on(scale: Scale, value: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return scale.there(value)


def _weights(size: int, replicates: int, rng: np.random.Generator) -> Floats:
    return rng.multinomial(size, np.full(size, 1 / size), size=replicates).astype(float)
