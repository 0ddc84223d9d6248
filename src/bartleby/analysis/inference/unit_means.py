"""Means of one value a unit (a pair in one order, say), with intervals over clusters or over items.

By pair, pairs are independent of each other. By item, two pairs that share an item hang together, which is
what a sample of new items calls for: every pair of a disliked item is disliked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bartleby.analysis.inference.intervals import (
    RateFit,
    clustered_rate,
    clustered_variance,
    critical_value,
    independent_rate,
    undefined,
    wilson,
)
from bartleby.analysis.inference.stratified import stratified_rate

__all__ = [
    "Clusters",
    "Units",
    "item_degrees",
    "logit_interval",
    "mean_of",
    "mean_within",
    "share_of",
    "shared_item_variance",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Clusters: TypeAlias = Literal["new", "these", "rows"]


@dataclass(frozen=True, eq=False)
class Units:
    """Values to average, each unit weighing the same.

    Parameters
    ----------
    value
        One a unit (n,).
    comparisons
        Independent comparisons that each value rests on (n,).
    cluster
        Code of each unit's cluster (n,).
    items
        Codes of the two items of each unit (n, 2).
    """

    value: Floats
    comparisons: Floats
    cluster: Integers
    items: Integers

    def n_clusters(self, *, by_item: bool) -> int:
        """Return the number of clusters, or of items."""
        return len(np.unique(self.items if by_item else self.cluster))

    def sums(self) -> tuple[Floats, Floats]:
        """Return the sum of values and the number of units of each cluster."""
        size = int(self.cluster.max(initial=-1)) + 1
        units = np.bincount(self.cluster, minlength=size).astype(float)
        return np.bincount(self.cluster, self.value, size).astype(float), units


def share_of(units: Units, level: float, *, by_item: bool = False) -> RateFit:
    """Return the mean of values within 0 and 1, with an interval that stays there.

    Parameters
    ----------
    units
        The values.
    level
        Of the interval.
    by_item
        Whether units that share an item hang together.

    Notes
    -----
    By cluster: `clustered_rate`. By item: a t interval on the logit scale with the variance over units that
    share an item (`shared_item_variance`) and `item_degrees` degrees of freedom, about half of what units
    of their own would have, because twice as many covered only 92% of the time at 20 items.
    """
    if len(units.value) == 0:
        return RateFit(math.nan, math.nan, math.nan, math.nan, math.nan, "undefined, nothing to compare")
    comparisons = float(units.comparisons.sum())
    if not by_item:
        return clustered_rate(*units.sums(), level, rows=comparisons)
    rate, variance, df = _by_item(units)
    if df < 1:
        return RateFit(rate, math.nan, math.nan, math.nan, math.nan, "undefined, too few items")
    fallback = math.sqrt(comparisons * (df + 1) / 2)
    return logit_interval(rate, variance, df, level=level, fallback=fallback, method="shared items")


def mean_of(
    units: Units, level: float, *, by_item: bool = False, limits: tuple[float, float] = (-math.inf, math.inf)
) -> RateFit:
    """Return the mean of any values plus and minus t standard errors, cut at `limits`.

    Parameters
    ----------
    units, level, by_item
        As in `share_of`.
    limits
        Values that a mean cannot pass.

    Returns
    -------
    RateFit
        NaN bounds with one cluster, and where no unit differs from another.
    """
    if len(units.value) == 0:
        return RateFit(math.nan, math.nan, math.nan, math.nan, math.nan, "undefined, nothing to compare")
    if by_item:
        rate, variance, df = _by_item(units)
        named, few = "t, shared items", "too few items"
    elif units.n_clusters(by_item=False) < 2:
        rate, variance, df, named, few = float(units.value.mean()), 0.0, 0.0, "", "one cluster"
    else:
        rate, variance, df = clustered_variance(*units.sums())
        named, few = "t, CR2", ""
    if df < 1 or variance <= 1e-20:
        why = few if df < 1 else "no variation between clusters"
        return RateFit(rate, math.nan, math.nan, math.nan, math.nan, f"undefined, {why}")
    half = critical_value(level, df) * math.sqrt(variance)
    low, high = max(rate - half, limits[0]), min(rate + half, limits[1])
    return RateFit(rate, math.sqrt(variance), low, high, df, named)


def mean_within(
    sums: npt.ArrayLike,
    n: npt.ArrayLike,
    *,
    variance: float,
    top: float,
    level: float,
    clusters: Clusters = "new",
) -> RateFit:
    """Return the mean of a number between 0 and `top` over clusters, with an interval that stays there.

    Parameters
    ----------
    sums, n
        Sum of the values and number of them, by cluster (G,).
    variance
        Of the values of all clusters together.
    top
        The largest value that there can be.
    level
        Of the interval.
    clusters
        Whether clusters are a sample (`new`), are asked again (`these`), or values are independent (`rows`).

    Returns
    -------
    RateFit
        NaN bounds with one cluster of a sample, and where all values are one between 0 and `top`.

    Notes
    -----
    As a rate: a value of variance v about a mean m is worth m (top - m) / v answers of yes or no, of which
    it has m / top. So skewed means of few clusters have the interval of `clustered_rates`, where t with CR2
    is too short on the side of larger means. Where values are 0 and 1 it is the interval of their rate.
    """
    total, number = np.asarray(sums, dtype=float), np.asarray(n, dtype=float)
    mean = float(total.sum() / number.sum())
    room = mean * (top - mean)
    if variance <= 1e-12 * top**2 and room > 1e-12 * top**2:
        return undefined("nothing varies", mean)
    worth = room / variance if variance > 1e-12 * top**2 else 1.0
    counts = np.clip(total / top, 0.0, number) * worth, number * worth
    if clusters == "rows":
        fit = independent_rate(float(counts[0].sum()), float(counts[1].sum()), level)
    else:
        fit = (clustered_rate if clusters == "new" else stratified_rate)(*counts, level)
    return RateFit(mean, fit.std_error * top, fit.low * top, fit.high * top, fit.df, fit.method)


def logit_interval(
    rate: float, variance: float, df: float, *, level: float, fallback: float, method: str
) -> RateFit:
    """Return a t interval of a share on the logit scale.

    Parameters
    ----------
    rate, variance, df
        The share, its variance and degrees of freedom.
    level
        Of the interval.
    fallback
        Effective n of the score interval taken where the variance is nothing: at 0 and 1.
    method
        In words.
    """
    spread = rate * (1 - rate)
    critical = critical_value(level, df)
    if variance <= 1e-12 * max(spread, 1e-12) or spread <= 0:
        low, high = wilson(rate, fallback, critical)
        return RateFit(rate, math.nan, low, high, df, f"wilson t, {method}, no variation")
    error = math.sqrt(variance)
    half = critical * error / spread
    low, high = (float(expit(logit(rate) + side)) for side in (-half, half))
    return RateFit(rate, error, low, high, df, f"logit t, {method}")


def item_degrees(n_items: int) -> float:
    """Return degrees of freedom of a variance over K items: (K - 3) / 2.

    A unit takes two of K items and the variance is a difference of sums, so it is less well known than
    K - 1 degrees of freedom would say; half of K - 3 was chosen by simulation (of K - 1 is too many for ten
    items).
    """
    return max((n_items - 3) / 2, 1.0)


def shared_item_variance(residual: Floats, items: npt.NDArray[np.integer], weight: Floats) -> float:
    """Return the variance of the sum of residuals of pairs that are dependent where they share an item.

    Parameters
    ----------
    residual
        Of each unit (n,), summing to zero.
    items
        Codes of its two items (n, 2).
    weight
        Weight of each unit in the mean that residuals are about (n,).

    Returns
    -------
    float
        NaN with so few items that every unit shares one with every other.

    Notes
    -----
    Aronow, Samii & Assenova (2015), by inclusion and exclusion: squares of item sums count what shares one
    item once and what shares both twice, so the squares of pair sums are taken off. Residuals about a mean
    that they made themselves take off the variance once for each dependent pair of units: the sum is
    divided by the part of pairs of units that are not dependent. It can come out below what independent
    pairs would have, even below zero; then theirs is taken.
    """
    names, codes = np.unique(items, return_inverse=True)
    codes = codes.reshape(items.shape)
    size = len(names)
    low, high = codes.min(axis=1), codes.max(axis=1)
    pair = np.unique(low * size + high, return_inverse=True)[1]
    found = _overlaps(residual, codes, pair)
    every = _overlaps(weight, codes, pair)
    whole = float(weight.sum()) ** 2
    scaled = [
        part / (1 - dependent / whole)
        for part, dependent in zip(found, every, strict=True)
        if dependent < whole * (1 - 1e-9)
    ]
    return max(scaled) if len(scaled) == len(found) else math.nan


def _overlaps(value: Floats, items: Integers, pair: Integers) -> tuple[float, float]:
    """Return sums of products over units that share an item, and over units of one pair."""
    size = int(items.max(initial=-1)) + 1
    sums = np.bincount(items[:, 0], value, size) + np.bincount(items[:, 1], value, size)
    squares = float(np.sum(np.bincount(pair, value) ** 2))
    return float(sums @ sums) - squares, squares


def _by_item(units: Units) -> tuple[float, float, float]:
    """Return mean, variance and degrees of freedom (0 with too few items)."""
    rate = float(units.value.mean())
    even = np.ones(len(units.value))
    variance = shared_item_variance(units.value - rate, units.items, even) / len(units.value) ** 2
    if math.isnan(variance):
        return rate, 0.0, 0.0
    return rate, variance, item_degrees(units.n_clusters(by_item=True))
