"""Intervals for rates and for differences of rates: functions of numbers, no tables.

Which interval is used where was chosen by simulation (`benchmarks/coverage_rates.py`): it must cover what
it says for a few items asked many times, for rare outcomes, and for 0 of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri, stdtrit

__all__ = [
    "RateFit",
    "clustered_rate",
    "clustered_variance",
    "critical_value",
    "independent_rate",
    "mover_difference",
    "p_from_interval",
    "paired_correlation",
    "stratified_rate",
    "wilson",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RateFit:
    """A rate with its interval.

    Parameters
    ----------
    estimate, std_error, low, high
        As proportions; `std_error` is NaN at 0 of n and n of n, where it has no meaning.
    df
        Degrees of freedom of the critical value, infinite for a normal one.
    method
        In words.
    """

    estimate: float
    std_error: float
    low: float
    high: float
    df: float
    method: str


def critical_value(level: float, df: float = math.inf) -> float:
    """Return the two-sided critical value of t with `df` degrees of freedom (normal if infinite)."""
    upper = (1 + level) / 2
    return float(ndtri(upper) if math.isinf(df) else stdtrit(df, upper))


def wilson(rate: float, n: float, critical: float) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927), for any effective n and critical value."""
    square = critical**2
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = critical * math.sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / (1 + square / n)
    # At the ends the interval touches 0 or 1 exactly; rounding must not carry it past them.
    low = 0.0 if rate <= 0 else max(0.0, centre - half)
    high = 1.0 if rate >= 1 else min(1.0, centre + half)
    return low, high


def independent_rate(events: float, n: float, level: float) -> RateFit:
    """Return the Wilson interval of independent trials; NaN throughout if there are none."""
    if n <= 0:
        return RateFit(math.nan, math.nan, math.nan, math.nan, math.nan, "no trials")
    rate = events / n
    low, high = wilson(rate, n, critical_value(level))
    error = math.sqrt(rate * (1 - rate) / n)
    return RateFit(rate, error or math.nan, low, high, math.inf, "wilson, independent rows")


def clustered_variance(events: Floats, n: Floats) -> tuple[float, float, float]:
    """Return the rate over clusters, its CR2 variance, and degrees of freedom.

    Parameters
    ----------
    events, n
        Events and trials of each cluster (G,), G at least 2.

    Notes
    -----
    The variance is CR2 (Bell & McCaffrey 2002) of a model with a mean alone. The degrees of freedom are
    the smaller of Satterthwaite's under the working model (G - 1 for equal clusters) and Satterthwaite's
    with the fourth moment of the clusters' contributions in place of that of a normal distribution,
    df = 2 / (sum z^4 / (sum z^2)^2 - 1 / G). Where a few clusters hold nearly all the events, which is
    what a rare outcome looks like, the variance itself is poorly known, and only the second says so.
    """
    total = float(n.sum())
    rate = float(events.sum()) / total
    share = n / total
    parts = (events - n * rate) / (total * np.sqrt(1 - share))
    variance = float(parts @ parts)
    own, square = share / (1 - share), share**2 / (1 - share)
    working = 1 / float(np.sum(own**2 - 2 * own * square) + np.sum(square) ** 2)
    if variance <= 0:
        return rate, 0.0, working
    peaked = float(np.sum(parts**4)) / variance**2 - 1 / len(n)
    df = working if peaked <= 0 else min(working, 2 / peaked)
    return rate, variance, max(df, 1.0)


def clustered_rate(
    events: npt.ArrayLike, n: npt.ArrayLike, level: float, *, method: str = "auto", rows: float | None = None
) -> RateFit:
    """Return a rate among new clusters: what would happen with items like these.

    Parameters
    ----------
    events, n
        Events (or weighted rates) and trials (or weights) of each cluster (G,).
    level
        Of the interval.
    method
        `logit_t` (what `auto` chooses): cluster t on the logit scale. `wilson`: score interval with
        effective n.
    rows
        Trials in all, where `n` are weights; the sum of `n` otherwise.

    Returns
    -------
    RateFit
        NaN bounds if there are fewer than two clusters.

    Notes
    -----
    Effective n is rate (1 - rate) / variance, after Kish, with a t critical value. The logit interval is
    cut where it is wider than if every cluster had answered but once (one event in a rare outcome leaves
    hardly a degree of freedom, and yet no worse than that can be true). At 0 of n and n of n, and
    where no cluster differs from another, the data cannot say how alike the trials of a cluster are:
    the score interval is taken with the geometric mean of trials and clusters as effective n.
    """
    y, size = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    y, size = y[size > 0], size[size > 0]
    if len(size) == 0:
        return RateFit(math.nan, math.nan, math.nan, math.nan, math.nan, "no trials")
    if len(size) == 1:
        rate = float(y[0] / size[0])
        return RateFit(rate, math.nan, math.nan, math.nan, math.nan, "undefined, one cluster")
    rate, variance, df = clustered_variance(y, size)
    critical = critical_value(level, df)
    spread = rate * (1 - rate)
    if variance <= 1e-12 * max(spread, 1e-12):
        total = float(size.sum()) if rows is None else rows
        low, high = wilson(rate, math.sqrt(total * len(size)), critical)
        return RateFit(rate, math.nan, low, high, df, "wilson t, no variation between clusters")
    error = math.sqrt(variance)
    if method == "wilson":
        low, high = wilson(rate, spread / variance, critical)
        return RateFit(rate, error, low, high, df, "wilson t, effective n, CR2")
    half = critical * error / spread
    low, high = float(expit(logit(rate) - half)), float(expit(logit(rate) + half))
    alone = wilson(rate, float(size.sum()) ** 2 / float(size @ size), critical_value(level, len(size) - 1))
    return RateFit(rate, error, max(low, alone[0]), min(high, alone[1]), df, "logit t, CR2")


def stratified_rate(
    events: npt.ArrayLike, n: npt.ArrayLike, level: float, *, weights: npt.ArrayLike | None = None
) -> RateFit:
    """Return a rate among exactly these items: what would happen if they were asked again.

    Parameters
    ----------
    events, n
        Events and trials of each item (G,).
    level
        Of the interval.
    weights
        Weight of each item's rate; its share of trials by default.

    Notes
    -----
    The variance of a stratified mean, sum w_i^2 p_i (1 - p_i) / n_i, with p_i (1 - p_i) replaced by its
    expectation given the item's own answers and a Beta distribution of rates whose mean and
    overdispersion are those of the data (Kleinman 1973), so that items that always answer alike do not
    claim a variance of zero. Then Wilson with effective n.
    """
    y, size = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    share = size if weights is None else np.asarray(weights, dtype=float)
    keep = size > 0
    y, size, share = y[keep], size[keep], share[keep]
    if len(size) == 0:
        return RateFit(math.nan, math.nan, math.nan, math.nan, math.nan, "no trials")
    share = share / share.sum()
    rate = float(share @ (y / size))
    total = float(size.sum())
    if np.all(y <= 0) or np.all(y >= size):
        end = 0.0 if y[0] <= 0 else 1.0
        return RateFit(
            end, math.nan, *wilson(end, total, critical_value(level)), math.inf, "wilson, these items"
        )
    precision = _beta_precision(y, size)
    a, b = precision * rate, precision * (1 - rate)
    if math.isinf(precision):
        spread = np.full(len(size), rate * (1 - rate))
    else:
        after = size + precision
        spread = (y + a) * (size - y + b) / (after * (after + 1))
    variance = float(np.sum(share**2 * spread / size))
    low, high = wilson(rate, rate * (1 - rate) / variance, critical_value(level))
    return RateFit(rate, math.sqrt(variance), low, high, math.inf, "wilson, effective n, stratified by item")


def _beta_precision(events: Floats, n: Floats) -> float:
    """Return a + b of the Beta distribution of items' rates by moments: 1 or more, infinite if all alike."""
    total, items = float(n.sum()), len(n)
    if items < 2 or total <= items:
        return math.inf
    rate = float(events.sum()) / total
    between = float(np.sum(n * (events / n - rate) ** 2)) / (items - 1)
    within = float(np.sum(events * (1 - events / n))) / (total - items)
    typical = (total - float(np.sum(n**2)) / total) / (items - 1)
    likeness = (between - within) / (between + (typical - 1) * within)
    # Likeness above 1/2 would all but trust a handful of equal answers to be the whole truth.
    return math.inf if likeness <= 0 else max(1.0, 1 / likeness - 1)


def mover_difference(
    rate: float,
    interval: tuple[float, float],
    reference: float,
    reference_interval: tuple[float, float],
    correlation: float = 0.0,
) -> tuple[float, float]:
    """Return the interval of `rate - reference` from the intervals of both.

    Parameters
    ----------
    rate, interval, reference, reference_interval
        Two proportions and their intervals.
    correlation
        Of the two estimates: 0 if unpaired.

    Notes
    -----
    Square-and-add (Newcombe 1998, methods 10 in both papers; Zou & Donner 2008): with Wilson intervals it is
    Newcombe's interval for independent, and with the correlation for paired proportions.
    """
    down, up = rate - interval[0], interval[1] - rate
    other_down, other_up = reference - reference_interval[0], reference_interval[1] - reference
    below = down**2 - 2 * correlation * down * other_up + other_up**2
    above = up**2 - 2 * correlation * up * other_down + other_down**2
    difference = rate - reference
    low = difference - math.sqrt(max(below, 0.0))
    high = difference + math.sqrt(max(above, 0.0))
    return max(low, -1.0), min(high, 1.0)


def paired_correlation(both: float, only: float, only_reference: float, neither: float) -> float:
    """Return the correlation of two paired proportions, corrected as in Newcombe (1998), method 10.

    Parameters
    ----------
    both, only, only_reference, neither
        Pairs with the event in both arms, in the first alone, in the reference alone, in neither.
    """
    margins = (both + only) * (only_reference + neither) * (both + only_reference) * (only + neither)
    if margins <= 0:
        return 0.0
    cross = both * neither - only * only_reference
    if cross > 0:
        cross = max(cross - (both + only + only_reference + neither) / 2, 0.0)
    return float(cross / math.sqrt(margins))


def p_from_interval(interval: Callable[[float], tuple[float, float]], value: float = 0.0) -> float:
    """Return 1 - the level at which an interval just touches a value: its two-sided p value.

    Parameters
    ----------
    interval
        Bounds as a function of the level; they must nest.
    value
        The hypothesis.
    """

    def reaches(log_p: float) -> float:
        low, high = interval(1 - math.exp(log_p))
        # Above 0 while the value is outside the interval.
        return max(low - value, value - high)

    smallest, largest = math.log(1e-15), math.log1p(-1e-12)
    low, high = interval(0.5)
    if math.isnan(low) or math.isnan(high):
        return math.nan
    if reaches(largest) <= 0:
        return 1.0
    if reaches(smallest) > 0:
        return 1e-15
    return float(math.exp(brentq(reaches, smallest, largest, xtol=1e-10)))
