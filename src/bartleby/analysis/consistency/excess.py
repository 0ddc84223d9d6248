"""How much oftener answers differ between two conditions than within one: values and their interval.

The excess of a pair is a square less its own noise, so it is skewed, near zero for most pairs, and where it
came out small its variance did too. A plain t interval over few pairs misses a tenth of the time, nearly
always below the truth; this one is made for what squares do.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit, clustered_variance, critical_value
from bartleby.analysis.inference.means import skewed_bounds
from bartleby.analysis.inference.square_and_add import mover_difference
from bartleby.analysis.inference.unit_means import Units, mean_of, share_of

__all__ = [
    "chance_variance",
    "cross_agreement",
    "excess_disagreement",
    "excess_of",
    "repeat_agreement",
]

Floats = npt.NDArray[np.float64]
_FEW_DF = 3.0
"""With fewer degrees of freedom one or two pairs make up the whole variance, and it is not relied on."""


def repeat_agreement(low: npt.ArrayLike, n: npt.ArrayLike) -> Floats:
    """Return the unbiased probability that two of n answers agree, NaN where n is below 2.

    Parameters
    ----------
    low, n
        Answers that took one item, and all answers, of each cell (m,).
    """
    a, total = np.asarray(low, dtype=float), np.asarray(n, dtype=float)
    enough = total >= 2
    pairs = np.where(enough, total * (total - 1), np.nan)
    result: Floats = (a * (a - 1) + (total - a) * (total - a - 1)) / pairs
    return result


def cross_agreement(low: npt.ArrayLike, n: npt.ArrayLike, low_y: npt.ArrayLike, n_y: npt.ArrayLike) -> Floats:
    """Return the unbiased probability that an answer of one cell agrees with one of another (m,)."""
    p = np.asarray(low, dtype=float) / np.asarray(n, dtype=float)
    q = np.asarray(low_y, dtype=float) / np.asarray(n_y, dtype=float)
    result: Floats = p * q + (1 - p) * (1 - q)
    return result


def excess_disagreement(cells: pd.DataFrame) -> Floats:
    """Return disagreement between two cells beyond that within them, NaN without two answers in each.

    Parameters
    ----------
    cells
        From `matched` (m rows).

    Returns
    -------
    array (m,)
        Unbiased for (p - q)^2, p and q the chances of an item in the two cells; so 0 on average, and in a
        single cell it can be below 0.
    """
    within = repeat_agreement(cells["low_x"], cells["n_x"]) + repeat_agreement(cells["low_y"], cells["n_y"])
    between = cross_agreement(cells["low_x"], cells["n_x"], cells["low_y"], cells["n_y"])
    result: Floats = within / 2 - between
    return result


def excess_of(cells: pd.DataFrame, units: Units, level: float, *, by_item: bool = False) -> RateFit:
    """Return the mean excess of disagreement with its interval, within -1 and 1.

    Parameters
    ----------
    cells
        From `matched`, each with two answers or more under both conditions (m rows).
    units
        The same cells with their `excess_disagreement` as value (m,).
    level
        Of the interval.
    by_item
        Whether units that share an item hang together.

    Notes
    -----
    Over clusters, with the CR2 variance: a skewed mean has Hall's (1992) transformed t interval where the
    skew is that of squares, to the right; a skew to the left only lengthens the lower side of the t
    interval, as a few pairs can show one by accident. Unless the data refute that there is no excess at
    all, the interval reaches no less far than chance alone would make it: 1.96 standard errors (at 95%) of
    the excess when answers to one pair in one order are dealt out anew (`chance_variance`). Where one or two
    pairs make up the variance (fewer than 3 degrees of freedom) it also holds the interval that square-and-
    add (Zou & Donner 2008) gives from the intervals of disagreement between and within, and where nothing
    varies it is that one. The upper end leaves room for pairs unlike those seen (`with_room`). Chosen by
    simulation: see the documentation (coverage).

    By item: a t interval (`mean_of`).
    """
    fit = _excess_seen(cells, units, level, by_item=by_item)
    if by_item:
        return fit
    return with_room(fit, units.n_clusters(by_item=False), level, limits=(-math.inf, 1.0))


def _excess_seen(cells: pd.DataFrame, units: Units, level: float, *, by_item: bool) -> RateFit:
    """Return the mean excess with the interval that the pairs seen give."""
    if by_item or len(cells) == 0 or units.n_clusters(by_item=False) < 2:
        fit = mean_of(units, level, by_item=by_item, limits=(-1.0, 1.0))
        return _as_difference(fit, cells, units, level, by_item=by_item) if math.isnan(fit.low) else fit
    events, n = units.sums()
    mean, variance, df = clustered_variance(events, n)
    clusters = len(n)
    error = math.sqrt(variance) if variance > 1e-20 else 0.0
    chance = math.sqrt(float(chance_variance(cells).sum())) / len(cells)
    refuted = abs(mean) > critical_value(level, clusters - 1) * chance
    reach = 0.0 if refuted else critical_value(level) * chance
    fit = RateFit(mean, error or math.nan, math.nan, math.nan, df, "")
    if error == 0 and reach == 0:
        return _as_difference(fit, cells, units, level)
    half = critical_value(level, df) * error
    low, high = mean - half, mean + half
    method = "t, CR2"
    if error > 0:
        skew = _skewness(events - n * mean)
        critical = critical_value(level, clusters - 1)
        bounds = skewed_bounds(mean, error, critical, skew / math.sqrt(clusters))
        low, high = bounds if skew > 0 else (min(low, bounds[0]), high)
        method = "skewed t, CR2"
    if mean - reach < low or mean + reach > high:
        method = f"{method}, no less than by chance"
        low, high = min(low, mean - reach), max(high, mean + reach)
    fit = replace(fit, low=max(low, -1.0), high=min(high, 1.0), method=method)
    return _as_difference(fit, cells, units, level) if df < _FEW_DF else fit


def chance_variance(cells: pd.DataFrame) -> Floats:
    """Return the variance of each cell's excess if its answers were dealt out anew between the conditions.

    Parameters
    ----------
    cells
        From `matched`, each with two answers or more under both conditions (m rows).

    Returns
    -------
    array (m,)
        0 where all answers are the same.

    Notes
    -----
    With n and k answers, d the difference of the two shares and p the share of all, the excess is
    a d^2 + b d + constant, a = 1 + (k/T)^2 / (n - 1) + (n/T)^2 / (k - 1), b = (2p - 1) ((k/T) / (n - 1) -
    (n/T) / (k - 1)), T = n + k; and d is hypergeometric, whose moments are known.
    """
    low, n, low_y, n_y = cells[["low_x", "n_x", "low_y", "n_y"]].to_numpy(dtype=float).T
    total, taken = n + n_y, low + low_y
    share = taken / total
    square = 1 + (n_y / total) ** 2 / (n - 1) + (n / total) ** 2 / (n_y - 1)
    linear = (2 * share - 1) * ((n_y / total) / (n - 1) - (n / total) / (n_y - 1))
    product = n * n_y * taken * (total - taken)
    known = product > 1e-12
    product = np.where(known, product, 1.0)
    variance = product / (total**2 * (total - 1)) * (total / (n * n_y)) ** 2
    skew = (total - 2 * taken) * (total - 2 * n) * np.sqrt((total - 1) / product) / (total - 2)
    peaked = (total - 1) * total**2 * (total * (total + 1) - 6 * taken * (total - taken) - 6 * n * n_y)
    peaked = (peaked + 6 * product * (5 * total - 6)) / (product * (total - 2) * (total - 3))
    result: Floats = (
        square**2 * variance**2 * (peaked + 2)
        + linear**2 * variance
        + 2 * square * linear * variance**1.5 * skew
    )
    return np.where(known, np.maximum(result, 0.0), 0.0)


def _skewness(part: Floats) -> float:
    away = part - part.mean()
    square = float(np.mean(away**2))
    return float(np.mean(away**3)) / square**1.5 if square > 0 else 0.0


def _as_difference(
    fit: RateFit, cells: pd.DataFrame, units: Units, level: float, *, by_item: bool = False
) -> RateFit:
    """Return the interval, if there is one, widened to that of a difference of two shares."""
    flipped = 1 - cross_agreement(cells["low_x"], cells["n_x"], cells["low_y"], cells["n_y"])
    between, within = (replace(units, value=each) for each in (flipped, flipped - units.value))
    one, other = (share_of(each, level, by_item=by_item) for each in (between, within))
    if math.isnan(one.low) or math.isnan(other.low):
        return fit
    (a, n), (b, _) = between.sums(), within.sums()
    a, b = a - n * one.estimate, b - n * other.estimate
    scale = math.sqrt(float(a @ a) * float(b @ b))
    correlation = float(a @ b) / scale if scale > 1e-12 else 0.0
    low, high = mover_difference(
        one.estimate, (one.low, one.high), other.estimate, (other.low, other.high), correlation
    )
    if math.isnan(fit.low):
        words = "square-and-add, no variation between clusters"
        return replace(fit, estimate=one.estimate - other.estimate, low=low, high=high, method=words)
    return replace(
        fit, low=min(low, fit.low), high=max(high, fit.high), method=f"{fit.method}, or square-and-add"
    )
