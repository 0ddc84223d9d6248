"""Prevalence from labels of people and a judge that errs: functions of numbers and arrays, no tables.

`prediction_powered` starts from the labels and uses the judge to say more than they do alone. It needs
nothing of a judge, and holds for one that is no better than chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bartleby.analysis.coding.by_stratum import Strata

__all__ = ["NOTHING", "Linear", "Proportion", "degrees", "effective", "prediction_powered"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

NOTHING = 1e-9
"""What is left, but for rounding, of sensitivity + specificity - 1 of a judge that says nothing."""


@dataclass(frozen=True)
class Proportion:
    """A proportion and the independent trials it is worth."""

    value: float
    n: float


@dataclass(frozen=True)
class Linear:
    """An estimate with its variance over clusters.

    Parameters
    ----------
    estimate, variance
        The estimate and its variance.
    df
        Degrees of freedom, fewer than clusters where a few of them make most of the variance.
    weight
        The weight given to the judge (lambda), 0 where it says the same of all units of a stratum.
    """

    estimate: float
    variance: float
    df: float
    weight: float


def effective(
    right: Floats, weights: Floats, cluster: Integers, *, clustered: bool
) -> tuple[Proportion, float]:
    """Return a weighted proportion with the independent trials it is worth, and its degrees of freedom.

    Parameters
    ----------
    right, weights
        0 or 1, and weight, of each trial (n,).
    cluster
        Code of each trial's cluster (n,).
    clustered
        Whether trials share clusters.

    Notes
    -----
    Independent trials of one weight are worth their number. Otherwise, after Kish, p (1 - p) / variance;
    where nothing varies there is no variance to take, and the trials are worth their weighted number, or
    the geometric mean of it and the clusters, as in `intervals.clustered_rate`.
    """
    if len(right) == 0:
        return Proportion(math.nan, 0.0), math.nan
    share = weights / weights.sum()
    value = min(1.0, float(share @ right))
    worth = 1 / float(share @ share)
    if not clustered and np.ptp(weights) == 0:
        return Proportion(value, worth), math.inf
    _, code = np.unique(cluster, return_inverse=True)
    groups = int(code.max()) + 1
    spread = value * (1 - value)
    if spread <= 1e-12 or groups < 2:
        return Proportion(value, math.sqrt(worth * groups) if clustered else worth), groups - 1.0
    parts: Floats = np.bincount(code, share * (right - value)).astype(float)
    variance = float(parts @ parts) * groups / (groups - 1)
    return Proportion(value, spread / max(variance, 1e-12)), degrees(parts)


def prediction_powered(
    judge: Floats, label: Floats, labelled: Booleans, stratum: Integers, cluster: Integers
) -> Linear:
    """Return the prevalence from labels of some units and a judge's word on all of them.

    Parameters
    ----------
    judge
        What the judge says of each unit, 0 or 1 or a score (N,).
    label
        What people say, where they do (N,); anything elsewhere.
    labelled
        Who was labelled (N,); every stratum has one or more.
    stratum
        Code of the stratum in which units were drawn for labelling at random (N,).
    cluster
        Code of each unit's cluster (N,).

    Notes
    -----
    PPI++ (Angelopoulos, Duchi & Zrnic 2023) for a mean, where the labelled units are drawn from those that
    the judge saw: the regression estimator of two-phase sampling (Saerndal, Swensson & Wretman 1992, ch. 9).
    It is the mean of lambda * judge over all units plus the weighted mean of label - lambda * judge over the
    labelled; lambda, the slope of label on judge, gives the least variance. The variance sums each
    cluster's linearised contributions; `Strata.unseen` is added where the labels of a stratum are all alike.
    """
    size = len(judge)
    strata = Strata.of(label, labelled, stratum)
    weight = np.where(labelled, (strata.units / strata.labels)[stratum], 0.0)
    # Where the strata are the judge's verdicts, they have said all that it says.
    within = judge - (np.bincount(stratum, judge) / strata.units)[stratum]
    slope = _slope(judge, label, weight) if float(np.max(np.abs(within))) > NOTHING else 0.0
    rest = np.where(labelled, np.where(labelled, label, 0.0) - slope * judge, 0.0)
    means = np.bincount(stratum, weight * rest) / strata.units
    fitted = slope * judge + means[stratum]
    estimate = float(fitted.mean())
    own = (fitted - estimate) / size
    # A slope and a mean were taken from the labels, so their residuals are a little too small.
    n = len(np.unique(cluster[labelled]))
    lost = math.sqrt(n / max(n - 1.0 - (slope != 0), 1.0))
    residual = lost * weight * (rest - means[stratum]) / size
    parts: Floats = np.bincount(cluster, own + residual).astype(float)
    groups = len(parts)
    scale = groups / (groups - 1) if groups > 1 else math.nan
    return Linear(estimate, float(parts @ parts) * scale + strata.unseen, degrees(parts), slope)


def _slope(judge: Floats, label: Floats, weight: Floats) -> float:
    total = weight.sum()
    used = weight > 0
    x, y, w = judge[used], label[used], weight[used] / total
    centred = x - w @ x
    spread = float(w @ centred**2)
    return float((w * centred) @ (y - w @ y)) / spread if spread > 1e-12 else 0.0


def degrees(parts: Floats) -> float:
    """Return Satterthwaite's degrees of freedom with the fourth moment of the clusters' contributions."""
    square = float(parts @ parts)
    most = len(parts) - 1.0
    if square <= 0 or most < 1:
        return max(most, 1.0)
    peaked = float(np.sum(parts**4)) / square**2 - 1 / len(parts)
    return most if peaked <= 0 else max(1.0, min(most, 2 / peaked))
