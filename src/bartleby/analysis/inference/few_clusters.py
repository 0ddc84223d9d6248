"""What a sample of few clusters does not show, and how much room intervals leave for it.

If a fifth of clusters is far from the others, one in six samples of eight holds none of these, and nothing in
such a sample varies as clusters do. So intervals leave room for clusters unlike any in the sample, as much as
the rule of three has (Hanley & Lippman-Hand 1983): up to the end of a stated scale, or some way beyond the
farthest cluster. Chosen by simulation: `benchmarks/coverage_means.py`, `benchmarks/coverage_consistency.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from bartleby.analysis.inference.intervals import RateFit

__all__ = ["FEWEST", "UNSHOWN", "FewClusters", "few_clusters", "unseen_share", "widened", "with_room"]

Floats = npt.NDArray[np.float64]
Number: TypeAlias = "float | Floats"
Limits = tuple[float, float]

FEWEST = 10
"""With fewer clusters nothing but a stated scale says how far others could be."""
UNSHOWN = (
    f"fewer than {FEWEST} clusters do not show how far others would differ; state the lowest and the highest "
    "value with scale=, or take method='t'"
)


@dataclass(frozen=True)
class FewClusters:
    """What the interval of an estimate over clusters needs beside its standard error.

    Parameters
    ----------
    clusters
        Number of them.
    pooled
        The variance of the estimate if clusters of all kinds varied alike; 0 if that says no more.
    far
        How far, in units of the estimate, the cluster at either end is from the others: (below, above), both
        positive; the part that clusters in all arms contribute.
    one_sample
        Whether the estimate is a mean of one number a cluster, as a paired difference is.
    """

    clusters: float
    pooled: Number
    far: tuple[Number, Number]
    one_sample: bool


def unseen_share(clusters: float, level: float) -> float:
    """Return the share of clusters that a sample of so many may well hold none of (the rule of three)."""
    unseen = -math.log(1 - level)
    return unseen / (clusters + unseen)


def with_room(fit: RateFit, clusters: int, level: float, *, limits: Limits = (0.0, 1.0)) -> RateFit:
    """Return an interval of a mean over clusters that leaves room for clusters at the limits.

    Parameters
    ----------
    fit
        The mean and its interval; NaN bounds stay.
    clusters
        Number of them.
    level
        Of the interval.
    limits
        Values that a cluster cannot pass; no room is left towards an infinite one.

    Notes
    -----
    With up to fifty clusters there is room for as many more at a limit as the rule of three has (-log(1 -
    level), three at 95%: had 3/n of all been such, a sample of n would hold one 95% of the time); with ninety
    and more for a third.
    """
    if clusters < 2 or math.isnan(fit.low):
        return fit
    unseen = -math.log(1 - level) * min(max(5.5 - clusters / 20, 1.0), 3.0) / 3
    part = unseen / (clusters + unseen)
    low, high = (
        fit.estimate + (limit - fit.estimate) * part if math.isfinite(limit) else bound
        for limit, bound in zip(limits, (fit.low, fit.high), strict=True)
    )
    if low >= fit.low and high <= fit.high:
        return fit
    method = f"{fit.method}, room for clusters unlike these"
    return replace(fit, low=min(low, fit.low), high=max(high, fit.high), method=method)


def few_clusters(
    rows: tuple[Floats, Floats, Floats, Floats], inverse: Floats, contrast: Floats
) -> FewClusters:
    """Return what the interval of a contrast of least squares needs beside its standard error over clusters.

    Parameters
    ----------
    rows
        By cluster, sums of rows of the design times residuals, sums of rows of the design (G, p), the number
        of rows, and the sum of residuals (G,).
    inverse, contrast
        Inverse information of a variance of 1 (p, p), and the contrast (p,).

    Notes
    -----
    A cluster contributes its weight times its own mean residual where it lies on one side of the contrast,
    and what is left of its score where it lies on both. The first part is pooled: the variance that the
    contrast would have if the means of all clusters varied alike. Of the second `far` is made.
    """
    scores, sums, n, residual = rows
    clusters, width = sums.shape
    inward = inverse @ contrast
    own, total = residual / n, float(n.sum())
    between = sums @ inward
    pooled = float(n @ own**2) / total * clusters / max(clusters - width, 1) * float(between @ between)
    within = (scores @ inward - between * own) * clusters * math.sqrt(clusters / max(clusters - 1, 1))
    model = float(contrast @ inward)
    one_sample = float(between**2 @ (1 / n)) < model / 2
    far = max(-float(within.min()), 0.0), max(float(within.max()), 0.0)
    return FewClusters(clusters, pooled, far, one_sample)


def widened(
    bounds: tuple[Number, Number],
    estimate: Number,
    spread: tuple[Number, Number],
    few: FewClusters,
    level: float,
    *,
    limits: Limits = (-math.inf, math.inf),
) -> tuple[Any, Any]:
    """Return bounds widened by what few clusters do not show, and cut at the limits.

    Parameters
    ----------
    bounds, estimate, spread
        Of the interval, the estimate, and its standard error and degrees of freedom: numbers, or arrays.
    few
        From `few_clusters`.
    level
        Of the interval.
    limits
        Values that the estimate cannot pass.

    Returns
    -------
    tuple
        NaN with fewer than `FEWEST` clusters of one sample and no limits.

    Notes
    -----
    Two of these:

    - The variance of a few clusters on one side of a contrast is small just where the far ones were missed.
      No interval is shorter than plus and minus t with two thirds of its own variance and a third of the
      pooled one, and half as many degrees of freedom again: as if the pooled one were known beforehand from
      half as many clusters (a moderated t; Smyth 2004).
    - In one sample the room is `unseen_share` of clusters, each so many times as far as the farthest seen:
      twice from 21 clusters on and a fifth more for every cluster fewer; and no farther than a limit.
    """
    (low, high), (error, df) = bounds, spread
    half = stdtrit(1.5 * df, (1 + level) / 2) * np.sqrt(2 / 3 * error**2 + few.pooled / 3)
    if np.any(few.pooled):
        low, high = np.minimum(low, estimate - half), np.maximum(high, estimate + half)
    part, times = unseen_share(few.clusters, level), 2 + max(21 - few.clusters, 0) / 5
    below, above = estimate - limits[0], limits[1] - estimate
    if not (few.one_sample and few.clusters < FEWEST):
        below, above = np.minimum(times * few.far[0], below), np.minimum(times * few.far[1], above)
    low, high = np.minimum(low, estimate - part * below), np.maximum(high, estimate + part * above)
    shown = np.isfinite(low) & np.isfinite(high)
    return (
        np.where(shown, np.maximum(low, limits[0]), np.nan),
        np.where(shown, np.minimum(high, limits[1]), np.nan),
    )
