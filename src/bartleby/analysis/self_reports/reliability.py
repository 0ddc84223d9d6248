"""Do several wordings of one question agree? Alpha, intraclass correlation, and agreement with behaviour."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.cluster_bootstrap import Scale, Statistic, bootstrap_interval
from bartleby.analysis.inference.intervals import RateFit, critical_value, undefined
from bartleby.analysis.inference.jackknife import jackknife

__all__ = ["alpha", "alpha_interval", "correlation_interval", "icc", "icc_interval"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BELOW_ONE = Scale(lambda value: np.log1p(-value), lambda scaled: -np.expm1(np.minimum(scaled, 700.0)))
_FISHER = Scale(np.arctanh, np.tanh)
_FEWEST = 3


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
    Jackknife: t on Fisher's scale about the estimate less its bias (Efron 1982), with the degrees of freedom
    of `inference.jackknife`. With 15 clusters a studentised bootstrap holds the truth nine times in ten.
    """
    width = answers.shape[1]

    def statistic(sums: Floats) -> Floats:
        return alpha(_moments(sums, width)[2])

    sums = _sums(answers, cluster, weight)
    return _interval(sums, statistic, _BELOW_ONE, level, (replicates, rng))


def icc_interval(
    answers: Floats,
    cluster: Integers,
    weight: Floats,
    *,
    level: float,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> RateFit:
    """Return ICC(A, 1) of answers with its interval over clusters; as `alpha_interval`."""
    width = answers.shape[1]

    def statistic(sums: Floats) -> Floats:
        return icc(*_moments(sums, width))

    sums = _sums(answers, cluster, weight)
    return _interval(sums, statistic, _BELOW_ONE, level, (replicates, rng))


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
        sums = _sums(pairs, cluster, weight)
        return _interval(sums, _pearson, _FISHER, level, (replicates, rng))
    cells, code = np.unique(pairs, axis=0, return_inverse=True)
    table = np.zeros((int(cluster.max(initial=-1)) + 1, len(cells)))
    np.add.at(table, (cluster, code.reshape(-1)), weight)
    levels = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in cells.T]

    def statistic(counts: Floats) -> Floats:
        return _rank_correlation(counts, levels)

    return _interval(table, statistic, _FISHER, level, (replicates, rng))


def _interval(
    sums: Floats,
    statistic: Statistic,
    scale: Scale,
    level: float,
    drawn: tuple[int | None, np.random.Generator | None],
) -> RateFit:
    replicates, rng = drawn
    if replicates is None:
        return _by_jackknife(sums, statistic, scale, level)
    rng = np.random.default_rng(0) if rng is None else rng
    return bootstrap_interval(sums, statistic, scale, level=level, replicates=replicates, rng=rng)


def _by_jackknife(sums: Floats, statistic: Statistic, scale: Scale, level: float) -> RateFit:
    """Return t on Fisher's scale, about the estimate less the jackknife's measure of its bias.

    What may lie below -1 (alpha, where a wording goes against the others) is below 0 on its own scale, which
    has the same slope there.
    """

    def of(totals: Floats) -> Floats:
        return statistic(np.atleast_2d(totals)).reshape(totals.shape[:-1])

    found, clusters = jackknife(sums, of), len(sums)
    value = found.estimate
    if math.isnan(value):
        return undefined("nothing varies")
    if clusters < _FEWEST:
        return undefined("fewer than three clusters", value)
    if value > 1 - 1e-9:
        return undefined("every answer follows from the others", value)
    if not found.std_error > 1e-12:
        why = "it rests on one cluster alone" if math.isnan(found.std_error) else "clusters do not differ"
        return undefined(why, value)
    used, name = (scale, "log(1 - x)") if value < 0 and scale is _BELOW_ONE else (_FISHER, "Fisher z")
    at = float(used.there(np.array(value)))
    if not math.isfinite(at):
        return undefined("every answer follows from the others", value)
    slope = 1 / (1 - value**2) if used is _FISHER else -1 / (1 - value)
    bias = (clusters - 1) * (float(of(sums.sum(axis=0) - sums).mean()) - value)
    half = critical_value(level, found.df) * found.std_error * slope
    low, high = np.sort(used.back(np.array([at - bias * slope - half, at - bias * slope + half])))
    low, high = min(float(low), value), max(float(high), value)
    method = f"{name}, t, jackknife of clusters"
    return RateFit(value, found.std_error, low, high, found.df, method)


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
    for at in levels:
        held = counts @ np.eye(int(at.max(initial=-1)) + 1)[at]
        middle = np.cumsum(held, axis=1) - held / 2
        scores.append(middle[:, at])
    one, other = (score - (counts * score).sum(axis=1, keepdims=True) / total for score in scores)
    both = (counts * one * other).sum(axis=1)
    spread = (counts * one**2).sum(axis=1) * (counts * other**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = both / np.sqrt(spread)
    result: Floats = np.where(spread > 1e-9, np.clip(value, -1.0, 1.0), np.nan)
    return result
