"""Do several wordings of one question agree? Alpha, intraclass correlation, and agreement with behaviour."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from bartleby.analysis.inference.cluster_bootstrap import Scale, Statistic, bootstrap_interval
from bartleby.analysis.inference.intervals import RateFit, critical_value, undefined
from bartleby.analysis.inference.jackknife import jackknife

__all__ = ["alpha", "alpha_interval", "correlation_interval", "icc", "icc_interval"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BELOW_ONE = Scale(lambda value: np.log1p(-value), lambda scaled: -np.expm1(np.minimum(scaled, 700.0)))
_FISHER = Scale(np.arctanh, np.tanh)
_FEWEST = 3
_FEWEST_OF_VARIANCE = 12
"""Of ten clusters of which one in five differs, none does one time in nine: no interval would hold then."""
_TOO_FEW = f"fewer than {_FEWEST_OF_VARIANCE} clusters do not show how far others would differ"
_STEP = 1e-4
_TAILS = 0.0, 75.0
"""How far few clusters understate the uncertainty of a variance at both ends; see `_degrees_of_variance`."""
_TAILS_OF_CORRELATION = 25.0, 75.0
"""The same for a correlation, whose clusters of one kind may be many by chance as well as few."""


def alpha(covariance: Floats) -> Floats:
    """Return Cronbach's alpha of covariances (..., k, k).

    Notes
    -----
    Cronbach (1951): k / (k - 1) (1 - sum of variances / variance of the sum). NaN where no sum differs from
    another.
    """
    width = covariance.shape[-1]
    total = covariance.sum(axis=(-1, -2))
    own = np.trace(covariance, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = width / (width - 1) * (1 - own / total)
    result: Floats = np.where(total > 1e-12, value, np.nan)
    return result


def icc(n: Floats, mean: Floats, covariance: Floats) -> Floats:
    """Return the intraclass correlation of single answers, absolute agreement: ICC(A, 1).

    Parameters
    ----------
    n, mean, covariance
        Trials (...,), means (..., k) and covariances (..., k, k) of the answers.

    Notes
    -----
    McGraw & Wong (1996), two-way, with trials and wordings as random. A wording that shifts every answer
    lowers it; alpha does not see that.
    """
    width = covariance.shape[-1]
    rows = covariance.sum(axis=(-1, -2)) / width
    residual = (np.trace(covariance, axis1=-2, axis2=-1) - rows) / (width - 1)
    columns = n * np.var(mean, axis=-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = rows + (width - 1) * residual + width * (columns - residual) / n
        value = (rows - residual) / below
    result: Floats = np.where(rows + residual > 1e-12, value, np.nan)
    return result


def alpha_interval(
    answers: Floats,
    cluster: Integers,
    weight: Floats,
    *,
    level: float,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> RateFit:
    """Return Cronbach's alpha of answers with its interval over clusters.

    Parameters
    ----------
    answers
        One row a trial, without gaps (m, k).
    cluster, weight
        Codes from 0 and trials of each row (m,).
    level
        Of the interval.
    replicates, rng
        Of a bootstrap (`bootstrap_interval`, on the scale of log(1 - alpha)); None for the jackknife.

    Notes
    -----
    1 - alpha is a ratio of the residual variance to that of the trials' sums, as in Feldt's (1965) interval
    by F. Of the two the second is poorly known, since it rests on how few clusters differ; it is taken for
    chi-squared with degrees of freedom from its own relative variance (see `_degrees_of_variance`). Where a
    trial is a cluster of its own that comes close to Feldt's.
    """
    width = answers.shape[1]

    def statistic(sums: Floats) -> Floats:
        return alpha(_moments(sums, width)[2])

    def of_variance(sums: Floats, factor: float) -> float:
        return 1 - (1 - float(statistic(sums)[0])) / factor

    sums = _sums(answers, cluster, weight)
    if replicates is None:
        return _by_variance(sums, statistic, of_variance, level)
    return _drawn(sums, statistic, _BELOW_ONE, level, (replicates, rng))


def icc_interval(
    answers: Floats,
    cluster: Integers,
    weight: Floats,
    *,
    level: float,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> RateFit:
    """Return ICC(A, 1) of answers with its interval over clusters; as `alpha_interval`.

    The residual variance and that of the wordings' means are taken as they are (McGraw & Wong 1996 has them
    in the F of the interval of one trial a cluster); what is uncertain is how far trials differ.
    """
    width = answers.shape[1]

    def statistic(sums: Floats) -> Floats:
        return icc(*_moments(sums, width))

    def of_variance(sums: Floats, factor: float) -> float:
        n, mean, covariance = _moments(sums, width)
        # More of what is common to all answers of a trial, and the same residual.
        common = (factor - 1) * covariance.sum(axis=(-1, -2))[:, None, None] / width**2
        return float(icc(n, mean, covariance + common)[0])

    sums = _sums(answers, cluster, weight)
    if replicates is None:
        return _by_variance(sums, statistic, of_variance, level)
    return _drawn(sums, statistic, _BELOW_ONE, level, (replicates, rng))


def correlation_interval(
    pairs: Floats,
    cluster: Integers,
    weight: Floats,
    *,
    ranks: bool,
    level: float,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> RateFit:
    """Return Pearson's or Spearman's correlation with its interval over clusters.

    Parameters
    ----------
    pairs
        Two values a trial (m, 2); of a value and a 0 or 1, Pearson's is the point-biserial correlation.
    cluster, weight
        Codes from 0 and trials of each row (m,).
    ranks
        Whether values are replaced by their mid-ranks, anew without each cluster or in each replicate.
    level, replicates, rng
        As in `alpha_interval`; a bootstrap is on Fisher's scale too.

    Returns
    -------
    RateFit
        NaN where a value never varies.
    """
    if not ranks:
        # About their own means, so that rounding of one value is no variation of the other.
        sums = _sums(pairs - np.average(pairs, axis=0, weights=weight), cluster, weight)
        if replicates is not None:
            return _drawn(sums, _pearson, _FISHER, level, (replicates, rng))
        return _as_variance_allows(_by_jackknife(sums, _pearson, level), pairs, cluster, weight, level)
    cells, code = np.unique(pairs, axis=0, return_inverse=True)
    table = np.zeros((int(cluster.max(initial=-1)) + 1, len(cells)))
    np.add.at(table, (cluster, code.reshape(-1)), weight)
    levels = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in cells.T]

    def statistic(counts: Floats) -> Floats:
        return _rank_correlation(counts, levels)

    if replicates is not None:
        return _drawn(table, statistic, _FISHER, level, (replicates, rng))
    held = table.sum(axis=0)
    ranked = np.stack([_mid_ranks(held, index) for index in levels], axis=1)[code.reshape(-1)]
    return _as_variance_allows(_by_jackknife(table, statistic, level), ranked, cluster, weight, level)


def _mid_ranks(held: Floats, at: Integers) -> Floats:
    """Return the mid-rank of each combination from how often it occurs and its level of one value (m,)."""
    of_level = np.bincount(at, held)
    ranks: Floats = (np.cumsum(of_level) - of_level / 2)[at]
    return ranks


def _as_variance_allows(
    fit: RateFit, pairs: Floats, cluster: Integers, weight: Floats, level: float
) -> RateFit:
    """Return the interval of a correlation, no shorter than the spread between clusters is known.

    Two values go together as far as trials differ in what both follow. Were its variance larger by a factor
    f, and what each has of its own the same, a correlation r would be f r / (1 + (f - 1) |r|). The factor is
    that of `_by_variance`; a jackknife of the correlation knows of no clusters that are far from the others
    (in skewed populations it held the truth .83 to .88 of the time).
    """
    if math.isnan(fit.low):
        return fit
    away = pairs - np.average(pairs, axis=0, weights=weight)
    away /= np.sqrt(np.average(away**2, axis=0, weights=weight))
    sign = math.copysign(1, fit.estimate)
    sums = _sums(away * [1, sign], cluster, weight)
    if len(sums) < _FEWEST_OF_VARIANCE:
        return undefined(_TOO_FEW, fit.estimate)
    size = max(abs(fit.estimate), 1e-9)
    df = _degrees_of_variance(sums, 0.0, 2 * size / (1 + size), tails=_TAILS_OF_CORRELATION)
    if math.isnan(df[0]):
        return undefined("it rests on one cluster alone", fit.estimate)
    factors = df / chdtri(np.array(df), np.array([1 - level, 1 + level]) / 2)
    ends = np.sort(sign * factors * size / (1 + (factors - 1) * size))
    return replace(fit, low=min(fit.low, float(ends[0])), high=max(fit.high, float(ends[1])))


def _drawn(
    sums: Floats,
    statistic: Statistic,
    scale: Scale,
    level: float,
    drawn: tuple[int | None, np.random.Generator | None],
) -> RateFit:
    """Return the interval of a bootstrap of clusters."""
    rng = np.random.default_rng(0) if drawn[1] is None else drawn[1]
    return bootstrap_interval(sums, statistic, scale, level=level, replicates=drawn[0] or 0, rng=rng)


def _by_variance(
    sums: Floats, statistic: Statistic, of_variance: Callable[[Floats, float], float], level: float
) -> RateFit:
    """Return the interval of a reliability, from how well the variance of the trials' sums is known.

    Parameters
    ----------
    sums, statistic
        Sums by cluster, and what is made of their total.
    of_variance
        What the statistic would be were that variance larger by a factor.
    level
        Of the interval.
    """
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    problem = _no_interval(value, len(sums))
    if not problem and len(sums) < _FEWEST_OF_VARIANCE:
        problem = _TOO_FEW
    if problem:
        return undefined(problem, value)
    error = jackknife(
        sums, lambda totals: statistic(np.atleast_2d(totals)).reshape(totals.shape[:-1])
    ).std_error
    total = sums.sum(axis=0, keepdims=True)
    ends = [math.log1p(-of_variance(total, factor)) for factor in (1 - _STEP, 1 + _STEP)]
    # What the jackknife makes of the statistic, as if all of it were the variance's.
    own = (error / (1 - value) * 2 * _STEP / (ends[1] - ends[0])) ** 2
    df = _degrees_of_variance(sums, own)
    if math.isnan(df[0]) or not error > 1e-12:
        why = "it rests on one cluster alone" if math.isnan(df[0]) else "clusters do not differ"
        return undefined(why, value)
    tails = chdtri(np.array(df), np.array([1 - level, 1 + level]) / 2) / df
    low, high = (of_variance(total, 1 / float(tail)) for tail in tails)
    return RateFit(value, error, low, high, df[0], "chi-squared of the variance between clusters")


def _degrees_of_variance(
    sums: Floats, own: float, share: float = 1.0, *, tails: tuple[float, float] = _TAILS
) -> tuple[float, float]:
    """Return degrees of freedom of the variance of the trials' sums, 2 / its relative variance, by end.

    The relative variance is the jackknife's over clusters, no less than were clusters and trials in them
    normal (2 / (G - 1) where all variance is between them), and no less than `own`, which has the residual's
    share. It is itself estimated from the same few clusters, and both are too small where the far ones were
    missed: nearly all misses are above the interval. So for the upper end it is no less than of a gamma
    distribution as skewed as the clusters' means (whose excess kurtosis is 1.5 times the squared skewness),
    and it is taken 1 + c / G times, with a larger c for the upper end: chosen by simulation. NaN where one
    cluster has all the variance. `share` is the part of the variance that it is about, if not all: as much of
    that is between clusters as can be.
    """
    width = math.isqrt(sums.shape[1])
    trials = sums[:, 0]
    kept = trials > 0
    total, n = sums.sum(axis=0), trials[kept]

    def of(totals: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs: Floats = np.log(_moments(np.atleast_2d(totals), width)[2].sum(axis=(-1, -2)))
        return logs

    without = of(total - sums[kept])
    if len(n) < 2 or not np.all(np.isfinite(without)) or math.isnan(own):
        return math.nan, math.nan
    clusters, whole = len(n), float(n.sum())
    relative = (clusters - 1) / clusters * float(np.sum((without - without.mean()) ** 2))
    first = sums[kept, 1 : 1 + width].sum(axis=1)
    squares = float(total[1 + width :].sum()) - float(total[1 : 1 + width].sum()) ** 2 / whole
    between = float(np.sum((first - n * first.sum() / whole) ** 2 / n))
    alike = min(_likeness(between, squares - between, n) / share, 1.0)
    normal = 2 * alike**2 * clusters * float(n @ n) / whole**2 / (clusters - 1)
    normal += 2 * (1 - alike) ** 2 / max(whole - clusters, 1.0) if alike < 1 else 0.0
    skewed = normal * (1 + 0.75 * _skewness(first / n) ** 2)
    least = max(relative, normal, own) * (1 + tails[0] / clusters)
    most = max(relative, skewed, own) * (1 + tails[1] / clusters)
    return max(2 / least, 1.0), max(2 / most, 1.0)


def _skewness(means: Floats) -> float:
    """Return the skewness of clusters' means without the bias of few clusters; 0 of two, or alike."""
    count, away = len(means), means - means.mean()
    square = float(away @ away)
    if count < 3 or square <= 0:
        return 0.0
    unbiased = count * math.sqrt(count - 1) / (count - 2)
    third = float(np.sum(away**3))
    return third / (square * math.sqrt(square)) * unbiased


def _likeness(between: float, within: float, n: Floats) -> float:
    """Return the share of the variance that is between clusters, from sums of squares and sizes (G,)."""
    clusters, whole = len(n), float(n.sum())
    if whole <= clusters:
        return 1.0
    one, other = between / (clusters - 1), within / (whole - clusters)
    typical = (whole - float(n @ n) / whole) / (clusters - 1)
    excess = max((one - other) / typical, 0.0)
    return excess / (excess + other) if excess + other > 0 else 1.0


def _no_interval(value: float, clusters: int) -> str:
    """Return why there is no interval, or nothing."""
    if math.isnan(value):
        return "nothing varies"
    if clusters < _FEWEST:
        return "fewer than three clusters"
    return "every answer follows from the others" if abs(value) > 1 - 1e-9 and value > 0 else ""


def _by_jackknife(sums: Floats, statistic: Statistic, level: float) -> RateFit:
    """Return t on Fisher's scale, about the estimate less the jackknife's measure of its bias."""

    def of(totals: Floats) -> Floats:
        return statistic(np.atleast_2d(totals)).reshape(totals.shape[:-1])

    found, clusters = jackknife(sums, of), len(sums)
    value = found.estimate
    problem = _no_interval(value, clusters) or _no_interval(-value, clusters)
    if problem:
        return undefined(problem, value)
    if not found.std_error > 1e-12:
        why = "it rests on one cluster alone" if math.isnan(found.std_error) else "clusters do not differ"
        return undefined(why, value)
    slope = 1 / (1 - value**2)
    bias = (clusters - 1) * (float(of(sums.sum(axis=0) - sums).mean()) - value)
    half = critical_value(level, found.df) * found.std_error * slope
    index = math.atanh(value) - bias * slope
    low, high = min(math.tanh(index - half), value), max(math.tanh(index + half), value)
    return RateFit(value, found.std_error, low, high, found.df, "Fisher z, t, jackknife of clusters")


def _sums(answers: Floats, cluster: Integers, weight: Floats) -> Floats:
    """Return, by cluster, trials, sums of k answers, and sums of their products (G, 1 + k + k * k).

    Answers are taken about one overall mean, so that products keep their digits.
    """
    values = np.asarray(answers, dtype=float)
    centred = values - (np.average(values.mean(axis=1), weights=weight) if len(values) else 0.0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(len(values), values.shape[1] ** 2)
    columns = np.concatenate([np.ones((len(values), 1)), centred, products], axis=1)
    size = int(cluster.max(initial=-1)) + 1
    return np.stack([np.bincount(cluster, weight * each, size) for each in columns.T], axis=1)


def _moments(sums: Floats, width: int) -> tuple[Floats, Floats, Floats]:
    """Return trials (b,), means (b, k) and covariances (b, k, k) of sums (b, 1 + k + k * k)."""
    n, first = sums[:, 0], sums[:, 1 : 1 + width]
    second = sums[:, 1 + width :].reshape(-1, width, width)
    mean = first / n[:, None]
    centred = second - n[:, None, None] * mean[:, :, None] * mean[:, None, :]
    return n, mean, centred / np.maximum(n - 1, 1)[:, None, None]


def _pearson(sums: Floats) -> Floats:
    covariance = _moments(sums, 2)[2]
    spread = covariance[:, 0, 0] * covariance[:, 1, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = covariance[:, 0, 1] / np.sqrt(spread)
    result: Floats = np.where(spread > 1e-15, np.clip(value, -1.0, 1.0), np.nan)
    return result


def _rank_correlation(counts: Floats, levels: list[Integers]) -> Floats:
    """Return Spearman's correlation, from counts of the combinations of two values (b, m)."""
    total = counts.sum(axis=1, keepdims=True)
    scores = []
    for index in levels:
        held = counts @ np.eye(int(index.max(initial=-1)) + 1)[index]
        middle = np.cumsum(held, axis=1) - held / 2
        scores.append(middle[:, index])
    one, other = (score - (counts * score).sum(axis=1, keepdims=True) / total for score in scores)
    both = (counts * one * other).sum(axis=1)
    spread = (counts * one**2).sum(axis=1) * (counts * other**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = both / np.sqrt(spread)
    result: Floats = np.where(spread > 1e-9, np.clip(value, -1.0, 1.0), np.nan)
    return result
