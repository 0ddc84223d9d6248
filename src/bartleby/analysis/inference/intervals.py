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

from bartleby.analysis.inference.beta_binomial import mean_posterior

__all__ = [
    "RateFit",
    "clustered_rate",
    "clustered_rates",
    "clustered_variance",
    "critical_value",
    "independent_rate",
    "p_from_interval",
    "trust_in_variance",
    "undefined",
    "wilson",
]

Floats = npt.NDArray[np.float64]

FEW, ENOUGH = 10, 40
"""Up to so many clusters the model of a Beta distribution is relied on; from so many on, not at all."""


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


def undefined(why: str, estimate: float = math.nan) -> RateFit:
    """Return a fit without an interval, with the reason as its method."""
    return RateFit(estimate, math.nan, math.nan, math.nan, math.nan, f"undefined, {why}")


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
    """Return a rate among new clusters at one level; see `clustered_rates`."""
    return clustered_rates(events, n, method=method, rows=rows)(level)


def clustered_rates(
    events: npt.ArrayLike, n: npt.ArrayLike, *, method: str = "auto", rows: float | None = None
) -> Callable[[float], RateFit]:
    """Return a rate among new clusters by level: what would happen with items like these.

    Parameters
    ----------
    events, n
        Events (or weighted rates) and trials (or weights) of each cluster (G,).
    method
        `logit_t`: cluster t on the logit scale. `wilson`: score interval with effective n.
        `beta_binomial`: the posterior of the mean of a Beta distribution of rates. `auto`: the last with up
        to 10 clusters, the first with 40 and more, and in between their bounds averaged on the logit scale;
        no shorter than the first, or with up to 10 clusters than half way to it towards one half.
    rows
        Trials in all, where `n` are weights; the sum of `n` otherwise. Weights have no beta-binomial
        likelihood: `auto` is then `logit_t`.

    Returns
    -------
    callable
        From a level to a `RateFit`, with NaN bounds if there are fewer than two clusters.

    Notes
    -----
    Effective n is rate (1 - rate) / variance, after Kish, with a t critical value. The logit interval is
    cut where it is wider than if every cluster had answered but once (one event in a rare outcome leaves
    hardly a degree of freedom, and yet no worse than that can be true). At 0 of n and n of n, and
    where no cluster differs from another, the data cannot say how alike the trials of a cluster are:
    the score interval is taken with the geometric mean of trials and clusters as effective n.

    With few clusters the variance is itself hardly known, and small just where the rate came out too small
    (at 10 clusters, 5%, and items that differ by 2 logits the logit interval holds the truth 87% of the
    time): `bartleby.analysis.inference.beta_binomial`. Where few of a dozen clusters have most events it is
    the posterior that is too narrow (.90), so with more than ten the interval has both, and with up to ten
    it reaches half of the way to the logit interval towards one half (`_half_way`). The posterior weighs
    clusters by what they tell of the mean, which is less than by their trials; where clusters are unequal
    it also covers what its bounds are when carried over to the rate over trials (`_carried_over`), and is
    rather too wide.
    """
    y, size = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    y, size = y[size > 0], size[size > 0]
    if len(size) < 2:
        rate = float(y[0] / size[0]) if len(size) else math.nan
        why = "undefined, one cluster" if len(size) else "no trials"
        return lambda level: RateFit(rate, math.nan, math.nan, math.nan, math.nan, why)
    total = float(size.sum())
    counted = rows is None or abs(rows - total) < 1e-9 * total
    share = _share_of_model(len(size), method, counted=counted)
    posterior = mean_posterior(y, size) if share > 0 else None
    carry = _carried_over(y, size, 0.0 if posterior is None else posterior.likeness)

    def fit(level: float) -> RateFit:
        robust = _robust_rate(y, size, level, method=method, rows=total if rows is None else rows)
        if posterior is None:
            return robust
        least, most = posterior.bounds(level)
        low = _between(min(least, carry(least)), robust.low, share)
        high = _between(max(most, carry(most)), robust.high, share)
        low, high = min(low, robust.estimate), max(high, robust.estimate)
        if method == "auto" and robust.std_error > 0:
            if share == 1:
                low, high = _half_way((low, high), robust, critical_value(level, len(size) - 1))
            else:
                low, high = min(low, robust.low), max(high, robust.high)
        words = "beta-binomial" if share == 1 else f"beta-binomial and {robust.method}"
        return RateFit(robust.estimate, robust.std_error, low, high, robust.df, f"{words}, few clusters")

    return fit


def _half_way(bounds: tuple[float, float], robust: RateFit, critical: float) -> tuple[float, float]:
    """Return the bounds of a model, that towards one half no nearer than half way to that of the variance.

    Nor than t, if that is nearer still. Clusters that have most events are likelier to be missed than to be
    drawn too often, so that the rate of what is rarer than not is too low, and the other bound far enough.
    """
    low, high = bounds
    half = critical * robust.std_error
    if robust.estimate >= 0.5:
        low = min(low, max(_between(low, robust.low, 0.5), robust.estimate - half))
    if robust.estimate <= 0.5:
        high = max(high, min(_between(high, robust.high, 0.5), robust.estimate + half))
    return low, high


def _carried_over(y: Floats, size: Floats, likeness: float) -> Callable[[float], float]:
    """Return how a bound of the mean of clusters becomes one of the rate over trials.

    The mean with clusters weighted by their information, n / (1 + (n - 1) likeness), and the rate over all
    trials differ where clusters are unequal, and the rate varies more. On the logit scale, a bound keeps its
    distance to its own centre, times the ratio of standard errors. With equal clusters nothing changes.
    """
    rate = float(y.sum() / size.sum())
    doubled = 1 + (size - 1) * likeness
    weight = size / doubled
    mean = float(np.sum(y / doubled) / weight.sum())
    stretch = math.sqrt(float(size @ doubled) * float(weight.sum())) / float(size.sum())

    def carry(bound: float) -> float:
        if not 0 < rate < 1 or bound in {0.0, 1.0}:
            return bound
        return float(expit(logit(rate) + stretch * (logit(bound) - logit(mean))))

    return carry


def trust_in_variance(clusters: int) -> float:
    """Return how far what is estimated from differences between clusters is relied on.

    0 with up to `FEW` clusters, 1 with `ENOUGH` and more, and in between in proportion.
    """
    return min(max((clusters - FEW) / (ENOUGH - FEW), 0.0), 1.0)


def _share_of_model(clusters: int, method: str, *, counted: bool) -> float:
    """Return how much the beta-binomial bounds weigh: 1 with few clusters, 0 with enough."""
    if method == "beta_binomial":
        return 1.0
    if method != "auto" or not counted:
        return 0.0
    return 1 - trust_in_variance(clusters)


def _between(one: float, other: float, share: float) -> float:
    """Return the average of two proportions on the logit scale, the first weighing `share`."""
    if share == 1 or one in {0.0, 1.0}:
        return one
    return other if other in {0.0, 1.0} else float(expit(share * logit(one) + (1 - share) * logit(other)))


def _robust_rate(y: Floats, size: Floats, level: float, *, method: str, rows: float) -> RateFit:
    """Return the interval that rests on the variance between two or more clusters alone."""
    rate, variance, df = clustered_variance(y, size)
    critical = critical_value(level, df)
    spread = rate * (1 - rate)
    if variance <= 1e-12 * max(spread, 1e-12):
        low, high = wilson(rate, math.sqrt(rows * len(size)), critical)
        return RateFit(rate, math.nan, low, high, df, "wilson t, no variation between clusters")
    error = math.sqrt(variance)
    if method == "wilson":
        low, high = wilson(rate, spread / variance, critical)
        return RateFit(rate, error, low, high, df, "wilson t, effective n, CR2")
    half = critical * error / spread
    low, high = float(expit(logit(rate) - half)), float(expit(logit(rate) + half))
    alone = wilson(rate, float(size.sum()) ** 2 / float(size @ size), critical_value(level, len(size) - 1))
    return RateFit(rate, error, max(low, alone[0]), min(high, alone[1]), df, "logit t, CR2")


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
