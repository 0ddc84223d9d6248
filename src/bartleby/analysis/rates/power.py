"""How small an effect a study could find: before it is run, and honestly after.

A power of 80% is promised for the test that will be used. The default test allows for skewness and for few
clusters that decide, so its power has no formula: it is simulated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import betaincinv, nctdtr, ndtr, ndtri, stdtrit

from bartleby.analysis.inference.means import skewed_intervals
from bartleby.analysis.rates.contrasts import pairs_contrast
from bartleby.errors import SettingError

__all__ = ["minimum_detectable_effect"]

Floats = npt.NDArray[np.float64]
Test: TypeAlias = Literal["auto", "t", "normal"]
Pair = tuple[float, float]

_UNITS = 2_000_000
"""Units simulated at most for one value of the power."""
_SCORES = np.linspace(-6.0, 6.0, 2001)
"""Normal scores at which quantiles of a Beta distribution are computed."""


@dataclass(frozen=True)
class _Design:
    """A comparison as planned; see `minimum_detectable_effect`."""

    n: Pair
    std_dev: Pair | None
    rate: float
    repeats: int
    likeness: float
    correlation: float
    arms: int
    paired: bool
    sign: float
    level: float

    @property
    def df(self) -> float:
        """Satterthwaite's degrees of freedom of units of one variance."""
        if self.arms == 1:
            return self.n[0] - 1
        parts = 1 / np.array(self.n)
        return float(parts.sum() ** 2 / np.sum(parts**2 / (np.array(self.n) - 1)))

    @property
    def largest(self) -> float:
        """The largest effect that there can be."""
        if self.std_dev is not None:
            return math.inf
        return 1 - self.rate if self.sign > 0 else self.rate

    def std_error(self, effect: float) -> float:
        """Return the standard error of the difference if it is so large."""
        if self.std_dev is not None:
            squares = [deviation**2 / size for deviation, size in zip(self.std_dev, self.n, strict=True)]
            return math.sqrt(sum(squares[: self.arms]))
        rates = (self.rate + self.sign * effect, self.rate)
        spreads = [max(rate * (1 - rate), 0.0) for rate in rates]
        repeated = (1 + (self.repeats - 1) * self.likeness) / self.repeats
        squares = [spread * repeated / size for spread, size in zip(spreads, self.n, strict=True)]
        if self.paired:
            shared = 2 * self.correlation * math.sqrt(spreads[0] * spreads[1]) / self.n[0]
            return math.sqrt(max(sum(squares) - shared, 0.0))
        return math.sqrt(sum(squares[: self.arms]))


def minimum_detectable_effect(
    n: float | tuple[float, float],
    *,
    std_dev: float | tuple[float, float] | None = None,
    rate: float | None = None,
    repeats: int = 1,
    likeness: float = 0.0,
    arms: int = 1,
    paired: bool = False,
    correlation: float | None = None,
    direction: Literal["increase", "decrease"] = "increase",
    level: float = 0.95,
    power: float = 0.8,
    test: Test = "auto",
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Return the smallest true difference that would be found with the given power.

    Parameters
    ----------
    n
        Independent units (items, pairs, scenarios) in each arm, or those of the two arms.
    std_dev
        Standard deviation of one unit's value (of its difference, for pairs), or those of the two arms.
        Either this or `rate`.
    rate
        Expected proportion in the reference condition.
    repeats
        Answers of each unit in each condition. Only used with `rate`.
    likeness
        Correlation of two answers of one unit (intra-class), 0 to 1: with 1, repeats add nothing. Only
        used with `rate`.
    arms
        1 for one sample or paired differences, 2 for two arms of units of their own.
    paired
        Whether the same `n` units are asked under both conditions. Only with `rate`; with `std_dev` pairs
        are one sample of differences.
    correlation
        Of two answers of one unit under the two conditions, for `paired`; by default the `likeness`, as if
        units kept their order.
    direction
        Whether the rate becomes larger or smaller: the power is not the same.
    level, power
        Of the two-sided test.
    test
        `auto`: the test of `difference` with its defaults, whose power is simulated; `t`: CR2 with
        Satterthwaite's t, for normal errors; `normal`: (z_(1 - alpha/2) + z_power) standard errors, as in
        published protocols, which promises too much with few units.
    draws, seed
        Of the simulation: at most so many data sets (fewer with more than 200 units, at least 2,000).

    Returns
    -------
    float
        In units of `std_dev`, or as a difference of proportions. NaN, with a Python warning, where no
        difference that is possible would be found with this power.

    Raises
    ------
    SettingError
        Any of these out of range; all are named.

    Notes
    -----
    Units of a condition are draws from a Beta distribution with the given likeness (or normal with
    `std_dev`). The variance of the second arm is that of its own, changed rate. With 10,000 draws the
    simulated power is right to 0.008 (two standard errors), and the effect to about 1%.

    Examples
    --------
    >>> import bartleby as bb
    >>> round(bb.inference.minimum_detectable_effect(65, std_dev=0.365, test="normal"), 3)
    0.127
    """
    sizes, deviations = _pair(n), None if std_dev is None else _pair(std_dev)
    checks = {
        f"n={n!r}: must be two or more units an arm": min(sizes) >= 2,
        "give either std_dev or rate": (std_dev is None) != (rate is None),
        f"std_dev={std_dev!r}: must be above 0": deviations is None or min(deviations) > 0,
        f"rate={rate!r}: must lie between 0 and 1": rate is None or 0 < rate < 1,
        f"repeats={repeats!r}: must be a whole number, at least 1": repeats >= 1 and repeats == int(repeats),
        f"likeness={likeness!r}: must lie between 0 and 1": 0 <= likeness <= 1,
        f"correlation={correlation!r}: must lie between 0 and likeness={likeness!r}": correlation is None
        or 0 <= correlation <= likeness,
        f"arms={arms!r}: must be 1 or 2": arms in {1, 2},
        "paired: needs rate and arms=1": not paired or (rate is not None and arms == 1),
        f"direction={direction!r}: must be 'increase' or 'decrease'": direction in {"increase", "decrease"},
        f"level={level!r}: must lie between 0 and 1": 0 < level < 1,
        f"power={power!r}: must lie between 0 and 1": 0 < power < 1,
        f"test={test!r}: must be 'auto', 't' or 'normal'": test in {"auto", "t", "normal"},
        f"draws={draws!r}: must be at least 100": draws >= 100,
    }
    problems = [message for message, passed in checks.items() if not passed]
    if problems:
        raise SettingError("; ".join(problems))
    design = _Design(
        sizes,
        deviations,
        rate or 0.0,
        int(repeats),
        likeness,
        likeness if correlation is None else correlation,
        arms,
        paired,
        1.0 if direction == "increase" else -1.0,
        level,
    )
    effect = _smallest(design, power, test, draws, seed)
    if math.isnan(effect):
        warnings.warn("no possible difference would be found with this power: take more units", stacklevel=2)
    return effect


def _pair(value: float | tuple[float, float]) -> Pair:
    one, other = (value, value) if isinstance(value, (int, float)) else value
    return float(one), float(other)


def _smallest(design: _Design, power: float, test: Test, draws: int, seed: int) -> float:
    """Return the effect at which the power of a test is as wanted, NaN if there is none."""
    power_of = _normal_power if test == "normal" else _t_power
    start = _solve(lambda effect: power_of(design, effect) - power, design, 0.0, 1e-10)
    if test != "auto":
        return start
    simulate = _normal_simulation if design.std_dev is not None else _rate_simulation
    simulated = simulate(design, draws, seed)
    guess = design.std_error(0.0) if math.isnan(start) else start
    return _solve(lambda effect: simulated(effect) - power, design, guess, 2e-3)


def _solve(excess: Callable[[float], float], design: _Design, guess: float, precision: float) -> float:
    """Return the effect at which the excess of power over what is wanted changes its sign."""
    # At the very end the changed rate would have no variance.
    largest = design.largest * (1 - 1e-9)
    high = min(1.5 * guess if guess > 0 else design.std_error(0.0), largest)
    while excess(high) < 0:
        if high >= largest:
            return math.nan
        high = min(1.5 * high, largest)
    low = 0.5 * high
    while excess(low) >= 0 and low > 1e-12 * high:
        high, low = low, 0.5 * low
    return float(brentq(excess, low, high, xtol=precision * high))


def _normal_power(design: _Design, effect: float) -> float:
    return float(ndtr(effect / _positive(design.std_error(effect)) - ndtri((1 + design.level) / 2)))


def _t_power(design: _Design, effect: float) -> float:
    """Return the power of a two-sided t test with noncentral t."""
    critical = float(stdtrit(design.df, (1 + design.level) / 2))
    away = min(effect / _positive(design.std_error(effect)), 1e3)
    return float(1 - nctdtr(design.df, away, critical) + nctdtr(design.df, away, -critical))


def _positive(error: float) -> float:
    return max(error, 1e-12)


def _normal_simulation(design: _Design, draws: int, seed: int) -> Callable[[float], float]:
    """Return the simulated power by effect for normal values of units."""
    rng = np.random.default_rng(seed)
    deviations = (1.0, 1.0) if design.std_dev is None else design.std_dev
    sizes = [int(size) for size in design.n[: design.arms]]
    size = _draws(draws, sum(sizes))
    values = [
        rng.normal(0, deviation, (size, units)) for deviation, units in zip(deviations, sizes, strict=False)
    ]
    parts = [_parts(value) for value in values]
    mean = values[0].mean(axis=1) - (values[1].mean(axis=1) if design.arms == 2 else 0.0)
    joined = np.concatenate([parts[0], *(-part for part in parts[1:])], axis=1)
    few = np.repeat(sizes, sizes).astype(float)
    low, high = skewed_intervals(mean, joined, few, df=design.df, level=design.level)
    return lambda effect: float(np.mean((low + effect > 0) | (high + effect < 0)))


def _rate_simulation(design: _Design, draws: int, seed: int) -> Callable[[float], float]:
    """Return the simulated power by effect for rates of units."""
    sizes = [int(size) for size in design.n]
    size = _draws(draws, sizes[0] if design.arms == 1 else sum(sizes))
    like = design.correlation / design.likeness if design.likeness > 0 else 0.0

    def simulated(effect: float) -> float:
        # The same random numbers for every effect.
        rng = np.random.default_rng(seed)
        reference = rng.normal(size=(size, sizes[1]))
        other = rng.normal(size=(size, sizes[0]))
        scores = like * reference + math.sqrt(1 - like**2) * other if design.paired else other
        rate = design.rate + design.sign * effect
        one = rng.binomial(design.repeats, _chances(scores, rate, design.likeness)) / design.repeats
        if design.arms == 1 and not design.paired:
            gap, parts = one.mean(axis=1) - design.rate, _parts(one)
            return _rejected(gap, parts, np.full(sizes[0], float(sizes[0])), design)
        two = rng.binomial(design.repeats, _chances(reference, design.rate, design.likeness)) / design.repeats
        gap = one.mean(axis=1) - two.mean(axis=1)
        if design.paired and design.repeats == 1:
            return _rejected_pairs(one, two, design.level)
        if design.paired:
            return _rejected(gap, _parts(one) - _parts(two), np.full(sizes[0], float(sizes[0])), design)
        parts = np.concatenate([_parts(one), -_parts(two)], axis=1)
        return _rejected(gap, parts, np.repeat(sizes, sizes).astype(float), design)

    return simulated


def _draws(draws: int, units: int) -> int:
    return min(draws, max(2000, _UNITS // units))


def _chances(scores: Floats, rate: float, likeness: float) -> Floats:
    """Return chances of units from normal scores: quantiles of a Beta distribution."""
    if likeness <= 0 or rate <= 0 or rate >= 1:
        return np.full(scores.shape, min(max(rate, 0.0), 1.0))
    if likeness >= 1:
        return (scores > ndtri(1 - rate)).astype(float)
    precision = 1 / likeness - 1
    quantiles = betaincinv(rate * precision, (1 - rate) * precision, ndtr(_SCORES))
    return np.interp(scores, _SCORES, quantiles)


def _parts(values: Floats) -> Floats:
    """Return what units (R, n) of one weight contribute to the error of their mean, as in CR2."""
    units = values.shape[1]
    gaps: Floats = (values - values.mean(axis=1, keepdims=True)) / math.sqrt(units * (units - 1))
    return gaps


def _rejected(gap: Floats, parts: Floats, few: Floats, design: _Design) -> float:
    low, high = skewed_intervals(gap, parts, few, df=design.df, level=design.level)
    return float(np.mean((low > 0) | (high < 0)))


def _rejected_pairs(one: Floats, two: Floats, level: float) -> float:
    """Return how often the interval of single paired answers excludes 0."""
    both, only = np.sum(one * two, axis=1), np.sum(one * (1 - two), axis=1)
    other = np.sum((1 - one) * two, axis=1)
    tables, times = np.unique(np.stack([both, only, other], axis=1), axis=0, return_counts=True)
    rejected = []
    for row in tables.tolist():
        contrast = pairs_contrast(row[0], row[1], row[2], one.shape[1] - sum(row))
        low, high = contrast.interval(level)
        rejected.append(low > 0 or high < 0)
    return float(np.average(rejected, weights=times))
