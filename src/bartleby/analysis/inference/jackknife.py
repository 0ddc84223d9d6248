"""Intervals of statistics of sums over clusters: the jackknife with t, and the bootstrap.

Both leave whole clusters out or draw them again, so they ask nothing about what happens within one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr, ndtri

from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.inference.means import skewed_bounds

__all__ = ["Jackknife", "bootstrap_interval", "cluster_sums", "jackknife", "scaled_interval", "skewness"]

Floats = npt.NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]
"""A statistic of sums of features (..., D), giving (...)."""

Scale: TypeAlias = Literal["fisher", "logit"]

CHUNK = 4_000_000
"""Weights drawn at once."""


@dataclass(frozen=True)
class Jackknife:
    """A statistic with its standard error over clusters.

    Parameters
    ----------
    estimate, std_error
        The statistic and its jackknife standard error.
    df
        Degrees of freedom: fewer than clusters where a few of them make most of the variance.
    without
        The statistic without each cluster (G,), which says how skewed its error is; None if unknown.
    """

    estimate: float
    std_error: float
    df: float
    without: Floats | None = field(default=None, repr=False, compare=False)


def cluster_sums(features: Floats, cluster: npt.NDArray[np.int64], n_clusters: int) -> Floats:
    """Return the sum of each cluster's rows of features (G, D)."""
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(n_clusters))
    return np.add.reduceat(features[order], starts, axis=0)


def jackknife(sums: Floats, statistic: Statistic) -> Jackknife:
    """Return a statistic of the total with its delete-one-cluster standard error.

    Parameters
    ----------
    sums
        From `cluster_sums` (G, D).
    statistic
        Of sums.

    Notes
    -----
    Variance (G - 1) / G * sum (theta_(g) - mean)^2 (Efron 1982). Degrees of freedom are Satterthwaite's with
    the fourth moment of the clusters' contributions, as in `intervals.clustered_variance`. NaN with fewer
    than two clusters, or where leaving one out leaves the statistic undefined.
    """
    total = sums.sum(axis=0)
    estimate = float(statistic(total))
    n = len(sums)
    if n < 2:
        return Jackknife(estimate, math.nan, math.nan)
    parts = statistic(total - sums)
    gaps = parts - parts.mean()
    square = float(gaps @ gaps)
    if not square > 0:
        return Jackknife(estimate, 0.0 if square == 0 else math.nan, n - 1.0)
    peaked = float(np.sum(gaps**4)) / square**2 - 1 / n
    df = n - 1.0 if peaked <= 0 else max(1.0, min(n - 1.0, 2 / peaked))
    return Jackknife(estimate, math.sqrt(square * (n - 1) / n), df, parts)


def scaled_interval(found: Jackknife, level: float, scale: Scale) -> tuple[float, float]:
    """Return a t interval on a scale on which the statistic is nearer to normal, and that keeps its range.

    Parameters
    ----------
    found
        From `jackknife`.
    level
        Of the interval.
    scale
        `fisher`: atanh, for what lies between -1 and 1; `logit`: for what lies between 0 and 1.

    Returns
    -------
    tuple
        NaN where the standard error is 0 or undefined: no interval of zero width.

    Notes
    -----
    Where a few clusters have most of what the statistic is about, its error is skewed on any scale: t then
    misses on one side (coverage .89 with 15 conversations and a heavy tail). The interval reaches as far as
    t and as Hall's transformation for skewness (`means.skewed_bounds`), as those of means do.
    """
    x = found.estimate
    slope = 1 - x**2 if scale == "fisher" else x * (1 - x)
    if not (found.std_error > 0 and slope > 0):
        return math.nan, math.nan
    there, back = (np.arctanh, np.tanh) if scale == "fisher" else (logit, expit)
    centre, error = float(there(x)), found.std_error / slope
    critical = critical_value(level, found.df)
    inside = (-1 + 1e-12, 1 - 1e-12) if scale == "fisher" else (1e-12, 1 - 1e-12)
    without = None if found.without is None else there(np.clip(found.without, *inside))
    skewed = skewed_bounds(centre, error, critical, skewness(without))
    low, high = min(centre - critical * error, skewed[0]), max(centre + critical * error, skewed[1])
    return float(back(low)), float(back(high))


def skewness(without: Floats | None) -> float:
    """Return the skewness of a statistic's error, from the statistic without each cluster (G,)."""
    if without is None or len(without) < 3:
        return 0.0
    gaps = without.mean() - without
    square = float(gaps @ gaps)
    if not square > 0:
        return 0.0
    n = len(gaps)
    found: float = float(np.sum(gaps**3)) / square**1.5 * math.sqrt(n * (n - 1)) / (n - 2)
    return found


def bootstrap_interval(
    sums: Floats, statistic: Statistic, level: float, seed: int, replicates: int
) -> tuple[float, float, int]:
    """Return the bias-corrected accelerated bootstrap interval over clusters (Efron 1987).

    Parameters
    ----------
    sums
        From `cluster_sums` (G, D).
    statistic
        Of sums.
    level
        Of the interval.
    seed
        Of the draws.
    replicates
        Resamples of G clusters.

    Returns
    -------
    tuple
        Bounds, and the resamples in which the statistic was defined. NaN where hardly any was, or all
        gave one value.
    """
    total = sums.sum(axis=0)
    estimate = float(statistic(total))
    drawn = np.concatenate(list(_replicates(sums, statistic, np.random.default_rng(seed), replicates)))
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < replicates / 2 or len(sums) < 2 or np.ptp(drawn) == 0:
        return math.nan, math.nan, len(drawn)
    parts = statistic(total - sums)
    gaps = parts.mean() - parts
    square = float(gaps @ gaps)
    skew = float(np.sum(gaps**3)) / (6 * square**1.5) if square > 0 else 0.0
    below = (np.sum(drawn < estimate) + 0.5 * np.sum(drawn == estimate)) / len(drawn)
    shift = float(ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn))))
    tails = shift + ndtri(np.array([1 - level, 1 + level]) / 2)
    low, high = np.quantile(drawn, ndtr(shift + tails / (1 - skew * tails)))
    return float(low), float(high), len(drawn)


def _replicates(
    sums: Floats, statistic: Statistic, rng: np.random.Generator, replicates: int
) -> Iterator[Floats]:
    """Draw clusters with equal sums together: only how often each kind was drawn matters."""
    kinds, times = np.unique(sums, axis=0, return_counts=True)
    step = max(1, CHUNK // len(kinds))
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        weights = rng.multinomial(len(sums), times / len(sums), size=size).astype(float)
        yield statistic(weights @ kinds)
