"""Two rates and how they hang together: the numbers behind a difference, without tables of trials.

An arm is a function from a level to a rate with its interval, so that the interval of the difference, its p
value and its test of equivalence all come from one construction and can never disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bartleby.analysis.intervals import (
    RateFit,
    clustered_rate,
    critical_value,
    independent_rate,
    mover_difference,
    paired_correlation,
    stratified_rate,
)
from bartleby.analysis.sandwich import RobustCovariance, cluster_covariance

__all__ = ["Contrast", "clustered_contrast", "independent_contrast", "pairs_contrast"]

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
        One row a unit: `cluster`, `events` (or the unit's rate), `n` (or its weight) and `trials`.
    stratified
        Whether it is about exactly these items.
    paired
        Whether each unit's rate is weighted alike: said in the method.

    Notes
    -----
    The covariance of the two rates is CR2 of a model with one mean an arm, so that clusters that occur
    in both make the difference sharper, as pairing does.
    """
    joint = _joint(arm, reference)
    errors = np.sqrt(np.maximum(np.diag(joint.covariance), 0.0))
    known = bool(np.all(errors > 0)) and not stratified
    correlation = float(joint.covariance[0, 1] / errors.prod()) if known else 0.0
    arms = [_arm(part, stratified=stratified) for part in (arm, reference)]
    contrast = np.array([[1.0, -1.0]])
    error = float(joint.standard_errors(contrast)[0])
    df = float(joint.degrees_of_freedom(contrast)[0])
    if stratified:
        error = math.hypot(*(each(0.5).std_error for each in arms))
        df = math.inf
    words = ["newcombe" if stratified else "newcombe, clustered (CR2)", "paired" if paired else ""]
    words += ["stratified by item"] if stratified else []
    method = ", ".join(word for word in words if word)
    n_clusters = len(set(arm["cluster"]) | set(reference["cluster"]))
    return Contrast(arms[0], arms[1], correlation, error or math.nan, df, n_clusters, method)


def _arm(units: pd.DataFrame, *, stratified: bool) -> Arm:
    if stratified:
        rates, trials = units["events"] / units["n"], units["trials"].to_numpy(dtype=float)
        events, weights = rates.to_numpy(dtype=float) * trials, units["n"].to_numpy(dtype=float)
        return lambda level: stratified_rate(events, trials, level, weights=weights)
    summed = units.groupby("cluster", sort=False)[["events", "n"]].sum().to_numpy(dtype=float)
    rows = float(units["trials"].sum())
    return lambda level: clustered_rate(summed[:, 0], summed[:, 1], level, rows=rows)


def _joint(arm: pd.DataFrame, reference: pd.DataFrame) -> RobustCovariance:
    """Return the covariance of the two rates, clusters that occur in both taken together."""
    clusters = pd.factorize(pd.concat([arm["cluster"], reference["cluster"]]))[0]
    scores, roots = np.zeros((len(clusters), 2)), np.zeros((len(clusters), 2))
    rows = (slice(0, len(arm)), slice(len(arm), None))
    for column, (units, at) in enumerate(zip((arm, reference), rows, strict=True)):
        events, n = units["events"].to_numpy(dtype=float), units["n"].to_numpy(dtype=float)
        scores[at, column] = events - n * events.sum() / n.sum()
        roots[at, column] = np.sqrt(n)
    return cluster_covariance(scores, clusters, roots, clusters)
