"""How two events of the same trials hang together: dependence and phi, with intervals over clusters."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.cluster_bootstrap import Scale, Statistic
from bartleby.analysis.inference.intervals import RateFit, critical_value, undefined

__all__ = ["dependence", "phi"]

Floats = npt.NDArray[np.float64]

_AS_IT_IS = Scale(lambda value: value, lambda value: value)
_FISHER = Scale(np.arctanh, np.tanh)


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
        Plus and minus t standard errors. NaN bounds with one cluster, and where an event always or never
        happens.

    Notes
    -----
    Clusters are left out one at a time (jackknife), which covers better than linearisation where they are
    few; independent trials have the variance of a smooth function of multinomial shares.
    """
    return _interval(np.asarray(cells, dtype=float), _dependence, _AS_IT_IS, level, clustered=clustered)


def phi(cells: npt.ArrayLike, level: float, *, clustered: bool) -> RateFit:
    """Return the correlation of two events: phi, within -1 and 1.

    Parameters
    ----------
    cells, level, clustered
        As in `dependence`.

    Returns
    -------
    RateFit
        With Fisher's transformation; NaN where an event always or never happens.
    """
    return _interval(np.asarray(cells, dtype=float), _phi, _FISHER, level, clustered=clustered)


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


def _interval(table: Floats, value_of: Statistic, scale: Scale, level: float, *, clustered: bool) -> RateFit:
    table = np.atleast_2d(table)
    table = table[table.sum(axis=1) > 0]
    total = table.sum(axis=0)
    value = float(value_of(total))
    if math.isnan(value):
        return undefined("an event always or never happens")
    with np.errstate(divide="ignore"):
        at = float(scale.there(np.array(value)))
    if not math.isfinite(at):
        return undefined("one event follows from the other", value)
    if clustered and len(table) < 2:
        return undefined("one cluster", value)
    error, df = (
        _jackknife(table, value_of, scale) if clustered else (_delta(total, value_of, scale), math.inf)
    )
    if math.isnan(error):
        return undefined("it rests on one cluster alone", value)
    if error <= 1e-12:
        return undefined("nothing varies", value)
    half = critical_value(level, df) * error
    low, high = (float(scale.back(np.array(at + side))) for side in (-half, half))
    # The slope of the scale takes its standard error back to that of the value.
    slope = 1 - value**2 if scale is _FISHER else 1.0
    method = "t, jackknife of clusters" if clustered else "z, independent rows"
    return RateFit(value, error * slope, max(low, -1.0), min(high, 1.0), df, f"{_scale_name(scale)}{method}")


def _scale_name(scale: Scale) -> str:
    return "Fisher z, " if scale is _FISHER else ""


def _jackknife(table: Floats, value_of: Statistic, scale: Scale) -> tuple[float, float]:
    """Return standard error and degrees of freedom, from leaving out each cluster."""
    clusters = len(table)
    with np.errstate(divide="ignore"):
        without = scale.there(value_of(table.sum(axis=0) - table))
    if not np.all(np.isfinite(without)):
        return math.nan, math.nan
    part = without - without.mean()
    squares = float(np.sum(part**2))
    if squares <= 0:
        return 0.0, clusters - 1.0
    peaked = float(np.sum(part**4)) / squares**2 - 1 / clusters
    df = clusters - 1.0 if peaked <= 0 else min(clusters - 1.0, 2 / peaked)
    return math.sqrt((clusters - 1) / clusters * squares), max(df, 1.0)


def _delta(total: Floats, value_of: Statistic, scale: Scale) -> float:
    """Return the standard error if trials are independent, by the delta method."""
    n = float(total.sum())
    share = total / n
    step = 1e-6 * np.eye(4)
    gradient = (scale.there(value_of(share + step)) - scale.there(value_of(share - step))) / 2e-6
    return math.sqrt(max(float(gradient**2 @ share - (gradient @ share) ** 2), 0.0) / n)
