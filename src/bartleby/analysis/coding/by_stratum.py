"""The interval of a prevalence whose labels were drawn by stratum, such as by the judge's verdict.

Of a rare code most labels of the units that the judge passes are negative, and often all of them. No variance
comes from labels that are alike, and from one or two that are not hardly a usable one; a binomial interval in
each stratum takes such counts for what they are, and the strata's intervals then add up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from bartleby.analysis.inference.intervals import critical_value

__all__ = ["Strata", "Worth", "called_interval", "jeffreys", "stratified_interval"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Strata:
    """Labels by stratum.

    Parameters
    ----------
    units
        Units of each stratum (S,).
    labels, positive
        Labels of each, and those that say yes (S,).
    """

    units: Floats
    labels: Floats
    positive: Floats

    @classmethod
    def of(cls, label: Floats, labelled: Booleans, stratum: Integers) -> Strata:
        """Count labels; `label` (N,) is anything where nobody `labelled` (N,)."""
        units = np.bincount(stratum).astype(float)
        drawn, seen = stratum[labelled], label[labelled]
        size = len(units)
        return cls(
            units,
            np.bincount(drawn, minlength=size).astype(float),
            np.bincount(drawn, seen, size).astype(float),
        )

    def negatives(self) -> Strata:
        """Return the same strata with what labels call negative for positive."""
        return Strata(self.units, self.labels, self.labels - self.positive)

    @property
    def weight(self) -> Floats:
        """The share of units in each stratum (S,)."""
        weight: Floats = self.units / self.units.sum()
        return weight

    @property
    def share(self) -> Floats:
        """The share of positive labels in each stratum (S,)."""
        share: Floats = self.positive / self.labels
        return share

    @property
    def estimate(self) -> float:
        """The stratified share of positives."""
        return float(self.weight @ self.share)

    @property
    def alike(self) -> bool:
        """Whether no stratum has labels of both kinds."""
        return bool(np.all((self.positive == 0) | (self.positive == self.labels)))

    @property
    def between(self) -> float:
        """The variance that comes of how many units fell into each stratum."""
        return float(self.weight @ (self.share - self.estimate) ** 2) / float(self.units.sum())

    @property
    def variance(self) -> float:
        """The variance of the estimate with independent units."""
        spread = self.share * (1 - self.share) / np.maximum(self.labels - 1, 1)
        return float(self.weight**2 @ spread) + self.between + self.unseen

    @property
    def unseen(self) -> float:
        """The variance of strata whose labels are all alike, as if half a label of each kind were added.

        None of 100 labelled of those that the judge passes is not none of the 10,000 there are.
        """
        alike = ((self.positive == 0) | (self.positive == self.labels)) & (self.labels < self.units)
        near = (self.positive + 0.5) / (self.labels + 1)
        return float(np.sum((self.weight**2 * near * (1 - near) / self.labels)[alike]))


def jeffreys(share: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Return Jeffreys' intervals of proportions (Brown, Cai & DasGupta 2001), for any effective n.

    Parameters
    ----------
    share, n
        Proportions and the trials they are worth (S,).
    level
        Of the intervals.

    Returns
    -------
    tuple
        Bounds (S,): 0 below 0 of n, 1 above n of n.
    """
    a, b = n * share + 0.5, n * (1 - share) + 0.5
    low = np.where(share <= 0, 0.0, np.minimum(betaincinv(a, b, (1 - level) / 2), share))
    high = np.where(share >= 1, 1.0, np.maximum(betaincinv(a, b, (1 + level) / 2), share))
    return low, high


@dataclass(frozen=True)
class Worth:
    """What a label is worth.

    Parameters
    ----------
    each
        Independent labels for each: below 1 where they cluster, above where a judge helps.
    df
        Degrees of freedom with which that is known, infinite for independent units.
    """

    each: float
    df: float

    def critical(self, level: float) -> float:
        """Return t's critical value."""
        return critical_value(level, self.df)

    def trials(self, labels: Floats, level: float) -> Floats:
        """Return how many independent trials labels make (S,): fewer by (z / t)^2 where t is called for."""
        trials: Floats = labels * self.each * (critical_value(level) / self.critical(level)) ** 2
        return trials

    @property
    def known(self) -> bool:
        """Whether there are degrees of freedom at all."""
        return self.df >= 1 and self.each > 0


def stratified_interval(strata: Strata, estimate: float, worth: Worth, level: float) -> tuple[float, float]:
    """Return the interval of a stratified share, by adding up the intervals of its strata.

    Parameters
    ----------
    strata
        Labels by stratum, one or more in each.
    estimate
        What the interval is about, within 0 and 1: `strata.estimate`, or that with the help of a judge.
    worth
        What the labels are worth.
    level
        Of the interval.

    Returns
    -------
    tuple
        Bounds within 0 and 1, never of zero width; NaN where no degree of freedom is left.

    Notes
    -----
    Square-and-add (Zou, Huang & Zhang 2009, for sums of binomial proportions): the distances of the strata's
    bounds from their shares, each times the stratum's weight, are squared and added. In each stratum the
    bounds are those of Jeffreys, with its labels times `worth` times (z / t)^2 as trials, which carries t
    over to a binomial (Korn & Graubard 1998). Strata weigh by their share of the units, so how many fell into
    each adds a variance of its own.

    Why Jeffreys' bounds and not those of Wilson or of Clopper and Pearson: see
    `docs/evidence/coverage_coding.md`.
    """
    if not worth.known:
        return math.nan, math.nan
    low, high = jeffreys(strata.share, worth.trials(strata.labels, level), level)
    between = worth.critical(level) ** 2 * strata.between / min(worth.each, 1.0)
    down = float(strata.weight**2 @ (strata.share - low) ** 2) + between
    up = float(strata.weight**2 @ (high - strata.share) ** 2) + between
    return max(0.0, estimate - math.sqrt(down)), min(1.0, estimate + math.sqrt(up))


def called_interval(strata: Strata, called: Booleans, worth: Worth, level: float) -> tuple[float, float]:
    """Return the interval of the share of positives that lie in some of the strata: a judge's sensitivity.

    Parameters
    ----------
    strata
        Labels by stratum; their `negatives()` for a specificity.
    called
        The strata that the judge calls so (S,).
    worth, level
        As in `stratified_interval`.

    Returns
    -------
    tuple
        Bounds within 0 and 1; NaN where no label is positive, or no degree of freedom is left.

    Notes
    -----
    With a and b the positives in those strata and in the others, the share is 1 / (1 + b / a), and the
    interval of b / a comes from those of a and b (Donner & Zou 2012). One positive label among those that the
    judge passes stands for many units, so the share of right labels, weighted, has no usable variance.
    """
    amounts = [float(strata.weight[chosen] @ strata.share[chosen]) for chosen in (called, ~called)]
    if not (worth.known and sum(amounts) > 0):
        return math.nan, math.nan
    # The larger amount is divided by, so that it is not 0; it also carries what is due to the weights.
    hits_larger = amounts[0] >= amounts[1]
    larger, smaller = (called, ~called) if hits_larger else (~called, called)
    below = _amount(strata, larger, worth, level, _relative_spread(strata, larger, smaller))
    low, high = _ratio(_amount(strata, smaller, worth, level, 0.0), below)
    if hits_larger:
        return 1 / (1 + high), 1 / (1 + low)
    return low / (1 + low), 1 - 1 / (1 + high)


def _relative_spread(strata: Strata, one: Booleans, other: Booleans) -> float:
    """Return the variance of the log ratio of two amounts that comes of how many units each stratum has."""
    slope = np.zeros(len(strata.units))
    for chosen, sign in ((one, 1.0), (other, -1.0)):
        amount = float(strata.weight[chosen] @ strata.share[chosen])
        if amount > 0:
            slope[chosen] = sign * strata.share[chosen] / amount
    mean = float(strata.weight @ slope)
    return float(strata.weight @ (slope - mean) ** 2) / float(strata.units.sum())


def _amount(
    strata: Strata, chosen: Booleans, worth: Worth, level: float, spread: float
) -> tuple[float, float, float]:
    """Return the share of all units that are positive and lie in some strata, with its bounds.

    `spread` is a relative variance to be added.
    """
    weight, share = strata.weight[chosen], strata.share[chosen]
    amount = float(weight @ share)
    low, high = jeffreys(share, worth.trials(strata.labels[chosen], level), level)
    between = (worth.critical(level) * amount) ** 2 * spread / min(worth.each, 1.0)
    down = math.sqrt(float(weight**2 @ (share - low) ** 2) + between)
    up = math.sqrt(float(weight**2 @ (high - share) ** 2) + between)
    return amount, max(0.0, amount - down), amount + up


def _ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float]:
    """Return the interval of a ratio from its terms and their bounds; `other` is above 0."""
    (x, x_low, x_high), (y, y_low, y_high) = one, other
    product = (x * y) ** 2
    least, most = x_low * (2 * x - x_low), x_high * (2 * x - x_high)
    low = least / (x * y + math.sqrt(product - least * y_high * (2 * y - y_high))) if least > 0 else 0.0
    divisor = y_low * (2 * y - y_low)
    high = (x * y + math.sqrt(product - most * divisor)) / divisor if divisor > 0 else math.inf
    return low, high
