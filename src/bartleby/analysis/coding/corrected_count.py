"""A judge's own count, corrected for its errors (Rogan & Gladen): functions of numbers and arrays.

Sensitivity and specificity come from labels of some of the units that the judge has counted, or from another
study. Either way they are estimates, and what they leave open is in the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from bartleby.analysis.coding.by_stratum import jeffreys
from bartleby.analysis.coding.judge_error import NOTHING, Proportion, degrees

__all__ = ["NOBODY", "Corrected", "corrected_variance", "lang_reiczigel", "rogan_gladen"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def rogan_gladen(apparent: float, sensitivity: float, specificity: float) -> float:
    """Return the prevalence behind an apparent one (Rogan & Gladen 1978), kept within 0 and 1.

    NaN where sensitivity + specificity is 1 or less: such a judge says nothing, or the opposite.
    """
    youden = sensitivity + specificity - 1
    if not youden > NOTHING:
        return math.nan
    return min(1.0, max(0.0, (apparent + specificity - 1) / youden))


NOBODY = Proportion(0.0, 1e12)
"""A proportion of nobody, of which nothing depends."""


@dataclass(frozen=True)
class Corrected:
    """A judge's count corrected for its errors, and what that is made of.

    Parameters
    ----------
    apparent
        Positive verdicts among the units that are not labelled; of all units where the errors are known from
        elsewhere.
    sensitivity, specificity
        Of the judge.
    positive
        Positive labels, among the labelled units.
    labelled
        The share of all units that is labelled: 0 where the errors are known from elsewhere.
    """

    apparent: Proportion
    sensitivity: Proportion
    specificity: Proportion
    positive: Proportion = NOBODY
    labelled: float = 0.0

    @property
    def parts(self) -> tuple[Proportion, Proportion, Proportion, Proportion]:
        """The independent proportions."""
        return self.positive, self.apparent, self.sensitivity, self.specificity

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1."""
        return self.sensitivity.value + self.specificity.value - 1

    def balance(self, prevalence: float) -> tuple[float, Floats]:
        """Return the count less what a prevalence would make it, and its slopes by each of `parts` (4,)."""
        labelled, rest = self.labelled, 1 - self.labelled
        gap = self.positive.value - prevalence
        expected = prevalence * self.sensitivity.value + (1 - prevalence) * (1 - self.specificity.value)
        value = labelled * self.youden * gap + rest * (self.apparent.value - expected)
        slopes = (
            labelled * self.youden,
            rest,
            labelled * gap - rest * prevalence,
            labelled * gap + rest * (1 - prevalence),
        )
        return value, np.array(slopes)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the prevalences that the count does not contradict.

        Parameters
        ----------
        level
            Of the interval.

        Returns
        -------
        tuple
            Bounds within 0 and 1; NaN where sensitivity + specificity is 1 or less, and where the verdicts
            are so few (or so many) that no prevalence explains them.

        Notes
        -----
        Test inversion, as in Fieller's theorem: at the true prevalence the observed verdicts, less those to
        be expected, are a sum of independent proportions whose mean is 0. The interval of that sum squares
        and adds the distances of Jeffreys' bounds (Zou, Huang & Zhang 2009). It holds where sensitivity +
        specificity is hardly above 1, and is then wide.

        Labelled units are among those that the judge counts. What it says of them is the labels' own count,
        times sensitivity and false alarms, exactly; only the rest of the units is a further sample. Taking
        both for independent, as with errors that another study has measured, makes intervals a fifth too wide
        where a fifth of the units is labelled.
        """
        if not self.youden > NOTHING:
            return math.nan, math.nan
        value = np.array([part.value for part in self.parts])
        trials = np.array([part.n for part in self.parts])
        low, high = jeffreys(value, trials, level)
        down, up = value - low, high - value

        def reach(prevalence: float, side: float) -> float:
            balance, slopes = self.balance(prevalence)
            # A bound below the balance comes of what raises it being low and of what lowers it being high.
            away = np.where(slopes * side > 0, up, down)
            return balance + side * float(np.sqrt(np.sum((slopes * away) ** 2)))

        if reach(0.0, 1.0) <= 0 or reach(1.0, -1.0) >= 0:
            return math.nan, math.nan
        least = 0.0 if reach(0.0, -1.0) <= 0 else brentq(reach, 0.0, 1.0, args=(-1.0,))
        most = 1.0 if reach(1.0, 1.0) >= 0 else brentq(reach, 0.0, 1.0, args=(1.0,))
        return float(least), float(most)


def corrected_variance(
    verdict: Floats, label: Floats, weight: Floats, cluster: Integers, prevalence: float
) -> tuple[float, float]:
    """Return the variance of a count corrected by labels of some of its units, and its degrees of freedom.

    Parameters
    ----------
    verdict, label
        0 or 1 of each unit (N,), NaN for labels that nobody gave.
    weight
        Weight of each label (N,).
    cluster
        Code of each unit's cluster (N,).
    prevalence
        The corrected count.

    Notes
    -----
    Linearised: the derivatives of (verdicts + specificity - 1) / (sensitivity + specificity - 1), summed by
    cluster. Degrees of freedom as in `intervals.clustered_variance`.
    """
    error = (verdict - verdict.mean()) / len(verdict)
    youden = -1.0
    for value, slope in ((1.0, -prevalence), (0.0, 1 - prevalence)):
        seen = label == value
        own = np.where(seen, weight, 0.0)
        own = own / own.sum()
        right = (verdict == value).astype(float)
        share = float(own @ right)
        error = error + slope * own * (right - share)
        youden += share
    parts: Floats = np.bincount(cluster, error / youden).astype(float)
    groups = len(parts)
    scale = groups / (groups - 1) if groups > 1 else math.nan
    return float(parts @ parts) * scale, degrees(parts)


def lang_reiczigel(
    apparent: Proportion, sensitivity: Proportion, specificity: Proportion, critical: float
) -> tuple[float, float]:
    """Return the interval of a corrected prevalence that carries the error of all three proportions.

    Parameters
    ----------
    apparent, sensitivity, specificity
        Each with the independent trials it is worth.
    critical
        Critical value.

    Returns
    -------
    tuple
        Bounds within 0 and 1; NaN where sensitivity + specificity is 1 or less.

    Notes
    -----
    Lang & Reiczigel (2014), Preventive Veterinary Medicine 113: 13-22. Each proportion is drawn to one half
    as Agresti and Coull do, with two trials for sensitivity and specificity, and the interval is shifted.
    """
    if not sensitivity.value + specificity.value - 1 > NOTHING:
        return math.nan, math.nan
    square = critical**2
    q, n = _drawn(apparent, square)
    se, n_se = _drawn(sensitivity, 2.0)
    sp, n_sp = _drawn(specificity, 2.0)
    youden = se + sp - 1
    if not youden > 0:
        return math.nan, math.nan
    centre = (q + sp - 1) / youden
    spread_se, spread_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    error = math.sqrt(q * (1 - q) / n + spread_se * centre**2 + spread_sp * (1 - centre) ** 2) / youden
    shifted = centre + 2 * square * (centre * spread_se - (1 - centre) * spread_sp)
    low, high = shifted - critical * error, shifted + critical * error
    return min(1.0, max(0.0, low)), min(1.0, max(0.0, high))


def _drawn(proportion: Proportion, plus: float) -> tuple[float, float]:
    n = proportion.n + plus
    return (proportion.value * proportion.n + plus / 2) / n, n
