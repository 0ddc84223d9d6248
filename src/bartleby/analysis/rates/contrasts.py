"""Two rates and how they hang together: the numbers behind a difference, without tables of trials.

An arm is a function from a level to a rate with its interval, so that the interval of the difference, its p
value and its test of equivalence all come from one construction and can never disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.inference.intervals import RateFit, clustered_rates, critical_value, independent_rate
from bartleby.analysis.inference.sandwich import RobustCovariance, cluster_covariance
from bartleby.analysis.inference.square_and_add import mover_difference, paired_correlation
from bartleby.analysis.inference.stratified import stratified_rate
from bartleby.analysis.rates.two_way import TwoWay, crossed_rates, two_way_covariance

__all__ = ["Contrast", "clustered_contrast", "independent_contrast", "pairs_contrast"]

Floats = npt.NDArray[np.float64]
Arm = Callable[[float], RateFit]


@dataclass(frozen=True)
class Contrast:
    """Two rates, and how their estimates go together.

    Parameters
    ----------
    arm, reference
        Rate and interval as a function of the level.
    correlation
        Of the two estimates.
    std_error, df
        Of the difference; NaN where undefined.
    n_clusters
        Clusters (or rows, or pairs) that the two rest on.
    method
        In words.
    """

    arm: Arm
    reference: Arm
    correlation: float
    std_error: float
    df: float
    n_clusters: float
    method: str

    def estimate(self) -> float:
        """Return the difference."""
        return self.arm(0.5).estimate - self.reference(0.5).estimate

    def interval(self, level: float) -> tuple[float, float]:
        """Return the square-and-add interval."""
        one, other = self.arm(level), self.reference(level)
        if math.isnan(one.low) or math.isnan(other.low):
            return math.nan, math.nan
        return mover_difference(
            one.estimate, (one.low, one.high), other.estimate, (other.low, other.high), self.correlation
        )

    def t_interval(self, level: float) -> tuple[float, float]:
        """Return estimate plus and minus t standard errors, cut at -1 and 1; square-and-add if undefined."""
        if not (self.std_error > 0 and self.df > 0):
            return self.interval(level)
        half = critical_value(level, self.df) * self.std_error
        return max(self.estimate() - half, -1.0), min(self.estimate() + half, 1.0)


def independent_contrast(
    events: float, n: float, reference_events: float, reference_n: float, method: str
) -> Contrast:
    """Return the contrast of two samples of independent trials (Newcombe 1998, independent, method 10)."""
    one, other = independent_rate(events, n, 0.5), independent_rate(reference_events, reference_n, 0.5)
    variance = sum(
        fit.estimate * (1 - fit.estimate) / size for fit, size in ((one, n), (other, reference_n)) if size
    )
    return Contrast(
        lambda level: independent_rate(events, n, level),
        lambda level: independent_rate(reference_events, reference_n, level),
        0.0,
        math.sqrt(variance) or math.nan,
        math.inf,
        n + reference_n,
        method,
    )


def pairs_contrast(both: float, only: float, only_reference: float, neither: float) -> Contrast:
    """Return the contrast of single answers to the same items (Newcombe 1998, paired, method 10)."""
    n = both + only + only_reference + neither
    gap = (only - only_reference) / n
    variance = ((only + only_reference) / n - gap**2) / n
    return Contrast(
        lambda level: independent_rate(both + only, n, level),
        lambda level: independent_rate(both + only_reference, n, level),
        paired_correlation(both, only, only_reference, neither),
        math.sqrt(max(variance, 0.0)) or math.nan,
        math.inf,
        n,
        "newcombe, paired",
    )


def clustered_contrast(
    arm: pd.DataFrame, reference: pd.DataFrame, *, stratified: bool, paired: bool
) -> Contrast:
    """Return the contrast of two arms of clusters, which may share clusters.

    Parameters
    ----------
    arm, reference
        One row a unit: `cluster`, `events` (or the unit's rate), `n` (or its weight) and `trials`; and
        `second`, where units belong together in two ways.
    stratified
        Whether it is about exactly these items.
    paired
        Whether each unit's rate is weighted alike: said in the method.

    Notes
    -----
    The covariance of the two rates is CR2 of a model with one mean an arm, so that clusters that occur
    in both make the difference sharper, as pairing does. In two ways neither the rates nor their difference
    are taken for better known than by one way alone: with few clusters the difference of covariances would
    often have it that two rates vary in step, and their difference hardly at all.
    """
    joint = _joint(arm, reference)
    contrast = np.array([[1.0, -1.0]])
    error = float(joint.standard_errors(contrast)[0])
    correlation = 0.0 if stratified else _correlation(joint.standard_errors(np.eye(2)), error)
    arms = [_arm(part, stratified=stratified) for part in (arm, reference)]
    df = float(joint.degrees_of_freedom(contrast)[0])
    if stratified:
        error = math.hypot(*(each(0.5).std_error for each in arms))
        df = math.inf
    clustered = "newcombe, clustered (CR2)" + (", two-way" if isinstance(joint, TwoWay) else "")
    words = ["newcombe" if stratified else clustered, "paired" if paired else ""]
    words += ["stratified by item"] if stratified else []
    method = ", ".join(word for word in words if word)
    ways = [name for name in ("cluster", "second") if name in arm]
    n_clusters = min(len(set(arm[name]) | set(reference[name])) for name in ways)
    return Contrast(arms[0], arms[1], correlation, error or math.nan, df, n_clusters, method)


def _correlation(errors: Floats, error: float) -> float:
    """Return the correlation of two estimates from their standard errors (2,) and that of the difference."""
    if not (np.all(errors > 0) and error >= 0):
        return 0.0
    return float(np.clip((np.sum(errors**2) - error**2) / (2 * errors.prod()), -1.0, 1.0))


def _arm(units: pd.DataFrame, *, stratified: bool) -> Arm:
    if stratified:
        rates, trials = units["events"] / units["n"], units["trials"].to_numpy(dtype=float)
        events, weights = rates.to_numpy(dtype=float) * trials, units["n"].to_numpy(dtype=float)
        return lambda level: stratified_rate(events, trials, level, weights=weights)
    if "second" in units:
        codes = np.stack([pd.factorize(units[name])[0] for name in ("cluster", "second")], axis=1)
        events, n = units["events"].to_numpy(dtype=float), units["n"].to_numpy(dtype=float)
        return crossed_rates(events, n, codes.astype(np.int64))
    summed = units.groupby("cluster", sort=False)[["events", "n"]].sum().to_numpy(dtype=float)
    return clustered_rates(summed[:, 0], summed[:, 1], rows=float(units["trials"].sum()))


def _joint(arm: pd.DataFrame, reference: pd.DataFrame) -> RobustCovariance | TwoWay:
    """Return the covariance of the two rates, clusters that occur in both taken together."""
    clusters = pd.factorize(pd.concat([arm["cluster"], reference["cluster"]]))[0]
    scores, roots = np.zeros((len(clusters), 2)), np.zeros((len(clusters), 2))
    rows = (slice(0, len(arm)), slice(len(arm), None))
    for column, (units, at) in enumerate(zip((arm, reference), rows, strict=True)):
        events, n = units["events"].to_numpy(dtype=float), units["n"].to_numpy(dtype=float)
        scores[at, column] = events - n * events.sum() / n.sum()
        roots[at, column] = np.sqrt(n)
    if "second" in arm:
        second = pd.factorize(pd.concat([arm["second"], reference["second"]]))[0]
        return two_way_covariance(scores, roots, np.stack([clusters, second], axis=1))
    return cluster_covariance(scores, clusters, roots, clusters)
