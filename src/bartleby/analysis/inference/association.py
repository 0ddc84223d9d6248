"""How two events of the same trials hang together: dependence and phi, with intervals over clusters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.intervals import (
    RateFit,
    clustered_rate,
    independent_rate,
    trust_in_variance,
    undefined,
)

__all__ = ["dependence", "phi"]

Floats = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Statistic: TypeAlias = Callable[[Floats], Floats]


def dependence(cells: npt.ArrayLike, level: float, *, clustered: bool) -> RateFit:
    """Return P(A and B) - P(A) P(B): 0 if the events are independent.

    Parameters
    ----------
    cells
        Trials of each cluster (G, 4): both, A alone, B alone, neither.
    level
        Of the interval.
    clustered
        Whether rows are clusters; if not, trials are independent and rows are summed.

    Returns
    -------
    RateFit
        NaN bounds with one cluster, and where an event always or never happens.

    Notes
    -----
    Square-and-add (Zou & Donner 2008) over the shares of the three smaller cells, each with the interval
    that `rate` has for it: every bound is carried through the statistic, at the expense of the largest cell,
    and the changes are added with the correlations of the three shares. So a cell that is empty has the upper
    bound of 0 of n, where linearisation and the jackknife take it for certain. With up to 10 clusters
    correlations are not relied on at all, with 40 and more they are, as in `clustered_rates`. The standard
    error is the jackknife's over clusters, or the delta method's for independent trials.
    """
    return _interval(np.asarray(cells, dtype=float), _dependence, level, clustered=clustered)


def phi(cells: npt.ArrayLike, level: float, *, clustered: bool) -> RateFit:
    """Return the correlation of two events: phi, within -1 and 1.

    Parameters
    ----------
    cells, level, clustered
        As in `dependence`, and so is the interval.

    Returns
    -------
    RateFit
        NaN where an event always or never happens.
    """
    return _interval(np.asarray(cells, dtype=float), _phi, level, clustered=clustered)


def _dependence(cells: Floats) -> Floats:
    """Return the dependence of tables (..., 4)."""
    share = cells / cells.sum(axis=-1, keepdims=True)
    both, one, other = share[..., 0], share[..., 1], share[..., 2]
    result: Floats = both - (both + one) * (both + other)
    return result


def _phi(cells: Floats) -> Floats:
    """Return phi of tables (..., 4), NaN where a margin is empty."""
    share = cells / cells.sum(axis=-1, keepdims=True)
    both, one, other, neither = (share[..., at] for at in range(4))
    margins = (both + one) * (other + neither) * (both + other) * (one + neither)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (both * neither - one * other) / np.sqrt(margins)
    result: Floats = np.where(margins > 1e-15, np.clip(value, -1.0, 1.0), np.nan)
    return result


def _interval(table: Floats, value_of: Statistic, level: float, *, clustered: bool) -> RateFit:
    table = np.atleast_2d(table)
    table = table[table.sum(axis=1) > 0]
    total = table.sum(axis=0)
    value = float(value_of(total))
    if math.isnan(value) or math.isnan(float(_phi(total))):
        return undefined("an event always or never happens", value)
    if clustered and len(table) < 2:
        return undefined("one cluster", value)
    error, df = _jackknife(table, value_of) if clustered else (_delta(total, value_of), math.inf)
    cells = np.argsort(-total, kind="stable")[1:]
    shares = total / total.sum()
    bounds, covariance = (_clustered if clustered else _independent)(table, shares, cells, level)
    together = _correlations(covariance) * (math.sqrt(trust_in_variance(len(table))) if clustered else 1.0)
    low, high = (_carried(value_of, shares, (cells, bounds), together, side) for side in (-1.0, 1.0))
    method = "square-and-add of joint rates, " + ("clustered" if clustered else "independent rows")
    return RateFit(value, error or math.nan, max(low, -1.0), min(high, 1.0), df, method)


def _clustered(table: Floats, shares: Floats, cells: Integers, level: float) -> tuple[Floats, Floats]:
    """Return bounds (3, 2) of the shares of three cells over clusters, and their covariance but for scale."""
    n = table.sum(axis=1)
    fits = [clustered_rate(table[:, cell], n, level) for cell in cells]
    gaps = (table - n[:, None] * shares)[:, cells] / np.sqrt(1 - n / n.sum())[:, None]
    return np.array([[fit.low, fit.high] for fit in fits]), gaps.T @ gaps


def _independent(table: Floats, shares: Floats, cells: Integers, level: float) -> tuple[Floats, Floats]:
    """As `_clustered`, of independent trials."""
    total = table.sum(axis=0)
    fits = [independent_rate(total[cell], float(total.sum()), level) for cell in cells]
    own = shares[cells]
    return np.array([[fit.low, fit.high] for fit in fits]), np.diag(own) - np.outer(own, own)


def _correlations(covariance: Floats) -> Floats:
    """Return correlations off the diagonal, and 0 for what does not vary; the diagonal is 0."""
    error = np.sqrt(np.diag(covariance))
    scale = np.outer(error, error)
    result: Floats = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(result, 0.0)
    return np.clip(result, -1.0, 1.0)


def _carried(
    value_of: Statistic, shares: Floats, moved: tuple[Integers, Floats], together: Floats, side: float
) -> float:
    """Return a bound of the statistic: the lower with side -1, the upper with side 1."""
    value = float(value_of(shares))
    changes = np.zeros(3)
    for at, (cell, bounds) in enumerate(zip(*moved, strict=True)):
        # Towards the bound of the share that changes the statistic to this side; the sign tells which.
        steps = [side * (float(value_of(_with_share(shares, cell, bound))) - value) for bound in bounds]
        down, up = (0.0 if math.isnan(step) else max(step, 0.0) for step in steps)
        changes[at] = up if up >= down else -down
    square = float(changes @ changes + changes @ together @ changes)
    return value + side * math.sqrt(max(square, 0.0))


def _with_share(shares: Floats, cell: int, share: float) -> Floats:
    """Return shares with one of them changed: at the expense of the largest, and then of all others."""
    changed = shares.copy()
    largest = int(np.argsort(-shares, kind="stable")[0])
    changed[largest] += shares[cell] - share
    changed[cell] = share
    if changed[largest] < 0:
        changed = shares * (1 - share) / (1 - shares[cell])
        changed[cell] = share
    return changed


def _jackknife(table: Floats, value_of: Statistic) -> tuple[float, float]:
    """Return standard error and degrees of freedom, from leaving out each cluster; NaN if one is needed."""
    clusters = len(table)
    part = value_of(table.sum(axis=0) - table)
    if not np.all(np.isfinite(part)):
        return math.nan, math.nan
    part = part - part.mean()
    squares = float(np.sum(part**2))
    if squares <= 1e-24:
        return math.nan, clusters - 1.0
    peaked = float(np.sum(part**4)) / squares**2 - 1 / clusters
    df = clusters - 1.0 if peaked <= 0 else min(clusters - 1.0, 2 / peaked)
    return math.sqrt((clusters - 1) / clusters * squares), max(df, 1.0)


def _delta(total: Floats, value_of: Statistic) -> float:
    """Return the standard error if trials are independent, by the delta method."""
    n = float(total.sum())
    share = total / n
    step = 1e-6 * np.eye(4)
    gradient = (value_of(share + step) - value_of(share - step)) / 2e-6
    if not np.all(np.isfinite(gradient)):
        return math.nan
    return math.sqrt(max(float(gradient**2 @ share - (gradient @ share) ** 2), 0.0) / n)
