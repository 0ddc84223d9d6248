"""Means of numbers over clusters, independent rows or fixed items: t intervals that allow for skewness.

A cluster's share in the variance is that of CR2 (Bell & McCaffrey 2002), as for rates. The mean of ten skewed
clusters has a skewed error, which t ignores. Coverage: `benchmarks/coverage_means.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from bartleby.analysis.inference.few_clusters import (
    UNSHOWN,
    FewClusters,
    Unseen,
    farthest,
    unseen_share,
    widened,
)
from bartleby.analysis.inference.intervals import RateFit, critical_value, undefined

__all__ = [
    "MeanSpread",
    "clustered_spread",
    "independent_spread",
    "mean_fit",
    "skewed_bounds",
    "skewed_intervals",
    "stratified_spread",
    "tails",
]

Floats = npt.NDArray[np.float64]
Number: TypeAlias = "float | Floats"

_SKEWED = 1.5
"""Skewness of clusters from which, with few of them, an interval is too short even so."""
_FEW = 20


@dataclass(frozen=True)
class MeanSpread:
    """A mean and what its interval is made of.

    Parameters
    ----------
    estimate, std_error, df
        The mean, its standard error and degrees of freedom; the standard error is NaN where undefined.
    skew
        Skewness of the estimate's error: that of one cluster over the root of their number.
    method
        How the standard error was found, or why there is none.
    units
        Clusters or rows that it rests on.
    far
        How far below and above the others the farthest cluster is.
    varies
        Whether clusters differ.
    """

    estimate: float
    std_error: float
    df: float
    skew: float
    method: str
    units: float
    far: tuple[float, float] = (0.0, 0.0)
    varies: bool = True

    @property
    def doubtful(self) -> bool:
        """Whether units are so few and so skewed that the interval is too short all the same."""
        return self.units < _FEW and abs(self.skew) * math.sqrt(self.units) > _SKEWED


def skewed_bounds(mean: Number, error: Number, critical: Number, skew: Number) -> tuple[Any, Any]:
    """Return the bounds of a mean of skewed values by Hall's (1992) transformation of t.

    Parameters
    ----------
    mean, error, critical
        The mean, its standard error, and the critical value: numbers, or arrays of them.
    skew
        Skewness of the values over the square root of their number.

    Notes
    -----
    g(t) = t + s t^2 / 3 + s^2 t^3 / 27 + s / 6 has hardly any skew left; its inverse takes the critical
    values back (Hall, On the removal of skewness by transformation, J. R. Stat. Soc. B 54, 221-228).
    """
    little = np.abs(skew) < 1e-6
    kept = np.where(little, 1.0, skew)

    def back(end: Number) -> Any:  # noqa: ANN401 - a number or an array, as `end` is
        return np.where(little, end, 3 / kept * (np.cbrt(1 + kept * (end - kept / 6)) - 1))

    return mean - error * back(critical), mean - error * back(-critical)


def skewed_intervals(
    estimate: Floats, parts: Floats, few: Floats, *, df: float | Floats, level: float
) -> tuple[Floats, Floats]:
    """Return intervals of many differences at once that allow for skewness and for few clusters that decide.

    Parameters
    ----------
    estimate
        Of each data set (R,).
    parts
        What each cluster contributes to its error (R, K): they add up to 0, their squares to the variance.
    few
        Clusters of the arm that each is in, of the smaller arm if it is in both (K,).
    df
        Satterthwaite's degrees of freedom under the working model, of all or of each data set (R,).
    level
        Of the intervals.

    Notes
    -----
    The t interval with the smaller of two degrees of freedom, the working model's and those with the fourth
    moment of the contributions (as in `clustered_variance`), together with what Hall's transformation of it
    reaches (`skewed_bounds`). Both ends are the estimate where nothing varies.
    """
    freedom, skew = tails(parts, few, df)
    error = np.sqrt(np.sum(parts**2, axis=-1))
    critical = _critical_values(freedom, level)
    low, high = skewed_bounds(estimate, error, critical, skew)
    return np.minimum(low, estimate - critical * error), np.maximum(high, estimate + critical * error)


def tails(parts: Floats, few: Floats, df: float | Floats) -> tuple[Floats, Floats]:
    """Return degrees of freedom and skewness of differences from what clusters contribute; see above."""
    square = np.sum(parts**2, axis=-1)
    # The third moment without the bias of few clusters; of two there is none.
    unbiased = np.where(few > 2, np.sqrt(few * (few - 1)) / np.maximum(few - 2, 1), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        peaked = np.sum(parts**4, axis=-1) / square**2 - 1 / parts.shape[-1]
        freedom = np.where(peaked > 0, np.minimum(df, 2 / peaked), df)
        skew = np.where(square > 0, parts**3 @ unbiased / square**1.5, 0.0)
    return np.maximum(freedom, 1.0), skew


def _critical_values(df: Floats, level: float) -> Floats:
    """Return critical values of t for 1 degree of freedom or more, interpolated: thousands are slow."""
    inverse = np.linspace(0, 1, 2001)
    with np.errstate(divide="ignore"):
        known = stdtrit(np.minimum(1 / inverse, 1e10), (1 + level) / 2)
    return np.interp(1 / df, inverse, known)


def mean_fit(
    spread: MeanSpread,
    level: float,
    *,
    skewness: bool = True,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> RateFit:
    """Return the interval of a mean.

    Parameters
    ----------
    spread
        The mean and its spread.
    level
        Of the interval.
    skewness
        Whether the t interval is extended to what Hall's transformation reaches, and leaves room for clusters
        unlike those seen (`few_clusters.widened`).
    limits
        Values that a mean cannot pass: infinite where no scale is stated.

    Notes
    -----
    Both intervals together, because Hall's alone is too short where tails are heavy on both sides.
    """
    estimate, error = spread.estimate, spread.std_error
    room_alone = skewness and not spread.varies and spread.units > 1 and all(map(math.isfinite, limits))
    if not (error > 0 or room_alone):
        return undefined(spread.method.removeprefix("undefined, "), estimate)
    if room_alone:
        # No farthest cluster says how far others could be: only the scale does.
        part = unseen_share(spread.units, level)
        low, high = (estimate + part * (limit - estimate) for limit in limits)
        return RateFit(estimate, math.nan, low, high, spread.df, "room for clusters unlike these, all alike")
    critical = critical_value(level, spread.df)
    low, high = estimate - critical * error, estimate + critical * error
    if not skewness:
        low, high = max(low, limits[0]), min(high, limits[1])
        return RateFit(estimate, error, low, high, spread.df, f"t, {spread.method}")
    skewed = skewed_bounds(estimate, error, critical, spread.skew)
    low, high = float(min(low, skewed[0])), float(max(high, skewed[1]))
    # With a scale no farthest cluster is relied on: others may be anywhere on it.
    far = (math.inf, math.inf) if all(map(math.isfinite, limits)) else spread.far
    few = FewClusters(0.0, (Unseen(spread.units, far),))
    low, high = map(float, widened((low, high), estimate, (error, spread.df), few, level, limits=limits))
    if math.isnan(low):
        return undefined(UNSHOWN, estimate)
    return RateFit(estimate, error, low, high, spread.df, f"t with skewness and room, {spread.method}")


def clustered_spread(totals: Floats, n: Floats) -> MeanSpread:
    """Return the mean over clusters: what would come out with items like these.

    Parameters
    ----------
    totals, n
        Sum of values and number of values of each cluster (G,), n above 0.

    Notes
    -----
    CR2 with Satterthwaite's degrees of freedom under the working model of independent rows of one variance:
    those of R's clubSandwich.
    """
    if len(n) == 0:
        return MeanSpread(math.nan, math.nan, math.nan, 0.0, "undefined, no values", 0)
    total = float(n.sum())
    mean, share = float(totals.sum()) / total, n / total
    if len(n) < 2:
        return MeanSpread(mean, math.nan, math.nan, 0.0, "undefined, one cluster", 1)
    parts = (totals - n * mean) / (total * np.sqrt(1 - share))
    own, square = share / (1 - share), share**2 / (1 - share)
    df = 1 / float(np.sum(own**2 - 2 * own * square) + np.sum(square) ** 2)
    plain = MeanSpread(mean, math.nan, df, 0.0, "CR2", len(n))
    spread = _spread(plain, parts, np.ones_like(parts), float(np.abs(totals).max()) / total)
    return replace(spread, far=farthest(totals - n * mean, n)) if spread.varies else spread


def independent_spread(values: Floats, counts: Floats) -> MeanSpread:
    """Return the mean of independent values, each occurring so many times (k,)."""
    total = float(counts.sum())
    if total <= 0:
        return MeanSpread(math.nan, math.nan, math.nan, 0.0, "undefined, no values", 0)
    mean = float(values @ counts) / total
    if total <= 1:
        return MeanSpread(mean, math.nan, math.nan, 0.0, "undefined, one value", 1)
    parts = (values - mean) / math.sqrt(total * (total - 1))
    plain = MeanSpread(mean, math.nan, total - 1, 0.0, "independent rows", total)
    return _spread(plain, parts, counts, float(np.abs(values).max()) / total)


def _spread(spread: MeanSpread, parts: Floats, counts: Floats, size: float) -> MeanSpread:
    """Return the spread completed by what units contribute to the mean; values of one part are of `size`."""
    units, variance = float(counts.sum()), float(counts @ parts**2)
    if variance <= (1e-12 * size) ** 2:
        return replace(spread, method=f"undefined, no variation ({spread.method})", varies=False)
    # The third moment without the bias of few units; of two there is none.
    unbiased = math.sqrt(units * (units - 1)) / (units - 2) if units > 2 else 0.0
    skew = float(counts @ parts**3) / variance**1.5 * unbiased
    far = units * max(-float(parts.min()), 0.0), units * max(float(parts.max()), 0.0)
    return replace(spread, std_error=math.sqrt(variance), skew=skew, far=far)


def stratified_spread(
    totals: Floats, n: Floats, squares: Floats, weights: Floats | None = None
) -> MeanSpread:
    """Return the mean among exactly these items: what would come out if they were asked again.

    Parameters
    ----------
    totals, n
        Sum of values and number of values of each item (G,), n above 0.
    squares
        Sum of squares of each item's values about their own mean (G,).
    weights
        Weight of each item's mean; its share of values by default.

    Notes
    -----
    The variance of a stratified mean, sum w_i^2 s_i^2 / n_i (Cochran 1977); an item with one value takes the
    variance within the others. Satterthwaite's degrees of freedom, with the items' own variances or with one
    common variance, whichever are fewer. Undefined where no item has two values.
    """
    if len(n) == 0:
        return MeanSpread(math.nan, math.nan, math.nan, 0.0, "undefined, no values", 0)
    share = n if weights is None else weights
    share = share / share.sum()
    mean = float(share @ (totals / n))
    spare = n - 1
    if not spare.sum() > 0:
        return MeanSpread(mean, math.nan, math.nan, 0.0, "undefined, no item was asked twice", len(n))
    pooled = float(squares.sum() / spare.sum())
    if pooled <= (1e-12 * float(np.abs(totals / n).max())) ** 2:
        return MeanSpread(mean, math.nan, math.nan, 0.0, "undefined, no variation within items", len(n))
    within = np.where(spare > 0, squares / np.where(spare > 0, spare, 1), pooled)
    freedom = np.where(spare > 0, spare, spare.sum())
    amounts, common = share**2 * within / n, share**2 / n
    df = min(float(part.sum() ** 2 / np.sum(part**2 / freedom)) for part in (amounts, common))
    return MeanSpread(mean, math.sqrt(amounts.sum()), df, 0.0, "stratified by item", len(n))
