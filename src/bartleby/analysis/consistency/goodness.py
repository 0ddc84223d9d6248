"""Goodness of fit of the choice model: whether pairs behave as the utilities of their items say.

With a handful of answers a pair, chi-square tables are wrong, so the statistics are held against data
simulated from the fitted model and fitted again in the same way (a parametric bootstrap).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.plain_fit import PlainFit, draw_choices, refit
from bartleby.analysis.inference.intervals import clustered_variance, critical_value

__all__ = ["Goodness", "deviance", "goodness_of_fit", "pair_dispersion"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Goodness:
    """One statistic over what the model gives: 1 if it fits, above 1 if pairs go their own way.

    Parameters
    ----------
    ratio, low, high
        The statistic divided by its mean in simulated data, with an interval.
    std_error
        NaN where the interval does not come from one.
    p_value
        Share of simulated data sets with as much misfit or more.
    df
        Degrees of freedom of the interval, if it has any.
    n_draws
        Simulated data sets that could be fitted.
    """

    ratio: float
    low: float
    high: float
    std_error: float
    p_value: float
    df: float
    n_draws: int


def deviance(first: Floats, total: Floats, chance: Floats) -> Floats:
    """Return the deviance of each data set against a chance of its own for each cell (B,).

    Parameters
    ----------
    first
        Choices of the item shown first (B, M).
    total
        Choices of each cell (M,).
    chance
        Fitted chance of the first (B, M).
    """
    second = total - first
    found: Floats = 2 * np.sum(
        special.xlogy(first, first) + special.xlogy(second, second) - special.xlogy(total, total), axis=-1
    ) - 2 * np.sum(special.xlogy(first, chance) + special.xlogy(second, 1 - chance), axis=-1)
    return found


def pair_dispersion(
    first: Floats, total: Floats, chance: Floats, pair: Integers, sign: Floats
) -> tuple[Floats, Floats]:
    """Return squared residuals and model variances of pairs, both orders together (B, P) each.

    Parameters
    ----------
    first, total, chance
        As in `deviance`.
    pair
        Pair of each cell (M,).
    sign
        1 where the cell shows the pair's items in alphabetical order, -1 where it does not (M,).

    Notes
    -----
    The sum of the first over the sum of the second is the score statistic for a random effect of the pair
    beyond its items' utilities; it says something even with one answer a cell, where the deviance
    says next to nothing.
    """
    size = int(pair.max(initial=-1)) + 1
    gather = np.zeros((len(pair), size))
    gather[np.arange(len(pair)), pair] = 1.0
    residual = ((first - total * chance) * sign) @ gather
    return residual**2, (total * chance * (1 - chance)) @ gather


def goodness_of_fit(
    fit: PlainFit, draws: int, level: float, rng: np.random.Generator
) -> tuple[Goodness, Goodness]:
    """Return deviance and pair dispersion over what the fitted model gives.

    Parameters
    ----------
    fit
        The model.
    draws
        Simulated data sets.
    level
        Of the intervals.
    rng
        Where the simulations come from.

    Notes
    -----
    The deviance's interval is the statistic over the quantiles of simulated ones: right if misfit is
    overdispersion alike everywhere. The dispersion's is from the variation between pairs (CR2, t, on the
    logarithm).
    """
    nothing = Goodness(*(math.nan,) * 6, 0)
    if not fit.converged:
        return nothing, nothing
    total = fit.data.counts.sum(axis=1)
    observed = fit.data.counts[:, 0][None]
    drawn = draw_choices(total, fit.probability, draws, rng)
    chances, converged = refit(fit, drawn)
    drawn, chances = drawn[converged], chances[converged]
    if len(drawn) < draws / 2:
        return nothing, nothing
    by_cell = _deviance_row(
        float(deviance(observed, total, fit.probability[None])[0]), deviance(drawn, total, chances), level
    )
    pair = np.unique(fit.data.pairs, return_inverse=True)[1].astype(np.int64)
    sign = np.where(fit.data.first < fit.data.second, 1.0, -1.0)
    square, variance = pair_dispersion(observed, total, fit.probability[None], pair, sign)
    simulated = pair_dispersion(drawn, total, chances, pair, sign)
    given = simulated[0].sum(axis=1) / simulated[1].sum(axis=1)
    return by_cell, _dispersion_row(square[0], variance[0], given, level)


def _deviance_row(observed: float, simulated: Floats, level: float) -> Goodness:
    expected = float(simulated.mean())
    low, high = (float(each) for each in np.quantile(simulated, [(1 - level) / 2, (1 + level) / 2]))
    p = float((np.sum(simulated >= observed - 1e-9) + 1) / (len(simulated) + 1))
    if expected <= 1e-9:
        return Goodness(*(math.nan,) * 6, len(simulated))
    upper = observed / low if low > 0 else math.inf
    return Goodness(observed / expected, observed / high, upper, math.nan, p, math.nan, len(simulated))


def _dispersion_row(square: Floats, variance: Floats, given: Floats, level: float) -> Goodness:
    used = variance > 0
    if used.sum() < 2:
        return Goodness(*(math.nan,) * 6, len(given))
    rate, spread, df = clustered_variance(square[used], variance[used])
    p = float((np.sum(given >= rate - 1e-9) + 1) / (len(given) + 1))
    expected = float(given.mean())
    ratio, error = rate / expected, math.sqrt(spread) / expected
    if error <= 0 or ratio <= 0:
        return Goodness(ratio, math.nan, math.nan, math.nan, p, math.nan, len(given))
    half = critical_value(level, df) * error / ratio
    return Goodness(ratio, ratio * math.exp(-half), ratio * math.exp(half), error, p, df, len(given))
