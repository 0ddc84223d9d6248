"""What a sample of few clusters does not show, and how much room intervals leave for it.

If a fifth of clusters is far from the others, one in six samples of eight holds none of these, and nothing in
such a sample varies as clusters do. So intervals leave room for clusters unlike any in the sample, as much as
the rule of three has (Hanley & Lippman-Hand 1983): up to the end of a stated scale, or some way beyond the
farthest cluster. Without a scale that way is an assumption, and must be one: no interval of a mean covers
whatever the population is if nothing bounds it (Bahadur & Savage 1956). Chosen by simulation:
`benchmarks/coverage_means.py`, `benchmarks/coverage_consistency.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from bartleby.analysis.inference.intervals import RateFit

__all__ = [
    "FEWEST",
    "RARE",
    "ROOM",
    "TOO_FEW",
    "UNSHOWN",
    "FewClusters",
    "Unseen",
    "farthest",
    "few_clusters",
    "of_arms",
    "rare_with_room",
    "unseen_share",
    "widened",
    "with_room",
]

Floats = npt.NDArray[np.float64]
Number: TypeAlias = "float | Floats"
Limits = tuple[float, float]

RARE = 0.1
"""A rate below which, or above 1 less which, a few clusters may hold none of a kind that makes most of it."""
ROOM = "room for clusters unlike these"
"""What the method says where an interval leaves room for clusters of which the sample holds none."""
FEWEST = 14
"""If a fifth of clusters is far from the others, 4% of samples of 14 hold none of these, more of fewer."""
TOO_FEW = f"fewer than {FEWEST} clusters do not show how far others would differ"
UNSHOWN = f"{TOO_FEW}; state the lowest and the highest value with scale=, or take method='t'"


@dataclass(frozen=True)
class Unseen:
    """How far from the others clusters may be that a sample holds none of.

    Parameters
    ----------
    clusters
        Number in the sample.
    far
        How far, in units of the estimate, the cluster at either end is from the others: (below, above), both
        positive; infinite where only the end of the scale says how far others could be.
    ends
        How far the ends of the scale are; infinite where none is stated.
    needed
        Whether there is no interval without it, and so none of fewer than `FEWEST` clusters without a scale.
    """

    clusters: float
    far: tuple[Number, Number]
    ends: tuple[Number, Number] = (math.inf, math.inf)
    needed: bool = True

    def room(self, end: int, level: float, limit: Number) -> Number:
        """Return the room below (`end` 0) or above (1) an estimate that is so far from its own limit."""
        times = 3.6 * (20 / self.clusters) ** 0.25
        few = self.needed and self.clusters < FEWEST
        reach = math.inf if few else times * self.far[end]
        share = unseen_share(self.clusters, level)
        return share * np.minimum(np.minimum(reach, self.ends[end]), limit)


@dataclass(frozen=True)
class FewClusters:
    """What the interval of an estimate over clusters needs beside its standard error.

    Parameters
    ----------
    pooled
        The variance of the estimate if clusters of all kinds varied alike; 0 if that says no more.
    unseen
        The clusters that the sample may hold none of, by arm; none if they are not allowed for.
    """

    pooled: Number
    unseen: tuple[Unseen, ...] = ()


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
    method = f"{fit.method}, {ROOM}"
    return replace(fit, low=min(low, fit.low), high=max(high, fit.high), method=method)


def rare_with_room(fit: RateFit, clusters: int, level: float) -> RateFit:
    """Return the interval of a rate, with room for a kind of cluster of which a few clusters hold none.

    Parameters
    ----------
    fit
        The rate and its interval.
    clusters
        Number of them.
    level
        Of the interval.

    Notes
    -----
    If a fifth of clusters nearly always does what the others never do, one sample of eight in six holds none
    of that fifth, and looks as if all clusters were alike. So of what is rare (or nearly always) among fewer
    than `FEWEST` clusters the interval has room on the far side (`with_room`). Its other end is as it was.
    """
    if math.isnan(fit.low) or clusters >= FEWEST or not min(fit.estimate, 1 - fit.estimate) < RARE:
        return fit
    limits = (-math.inf, 1.0) if fit.estimate < RARE else (0.0, math.inf)
    roomy = with_room(fit, clusters, level, limits=limits)
    # An interval that is long already has the room.
    return roomy if ROOM in roomy.method else replace(roomy, method=f"{roomy.method}, {ROOM}")


def few_clusters(
    rows: tuple[Floats, Floats, Floats, Floats],
    inverse: Floats,
    contrast: Floats,
    *,
    bounded: bool = False,
) -> FewClusters:
    """Return what the interval of a contrast of least squares needs beside its standard error over clusters.

    Parameters
    ----------
    rows
        By cluster, sums of rows of the design times residuals, sums of rows of the design (G, p), the number
        of rows, and the sum of residuals (G,).
    inverse, contrast
        Inverse information of a variance of 1 (p, p), and the contrast (p,).
    bounded
        Whether the outcome has a stated scale, so that even few clusters have an interval.

    Notes
    -----
    A cluster contributes its weight times its own mean residual where it lies on one side of the contrast,
    and what is left of its score where it lies on both. The first part is pooled: the variance that the
    contrast would have if the means of all clusters varied alike. The second says how far the farthest is,
    and is needed where the contrast is mostly one within clusters, as a paired difference is.
    """
    scores, sums, n, residual = rows
    clusters, width = sums.shape
    inward = inverse @ contrast
    own, total = residual / n, float(n.sum())
    between = sums @ inward
    pooled = float(n @ own**2) / total * clusters / max(clusters - width, 1) * float(between @ between)
    within = (scores @ inward - between * own) * n.sum()
    model = float(contrast @ inward)
    one_sample = float(between**2 @ (1 / n)) < model / 2
    return FewClusters(pooled, (Unseen(clusters, farthest(within, n), needed=one_sample and not bounded),))


def farthest(residual: Floats, n: Floats) -> tuple[Any, Any]:
    """Return how far below and above the others the farthest cluster is, both 0 or more.

    Parameters
    ----------
    residual, n
        Sum of residuals, and number of values, of each cluster (..., G).

    Notes
    -----
    A cluster's mean residual counts by the root of its size over the average size. Counted in full, small
    clusters would be far by the noise of their few values; by their share in the mean, none but a huge one
    would be far.
    """
    clusters = residual.shape[-1]
    away = residual / np.sqrt(n * n.mean(axis=-1, keepdims=True)) * math.sqrt(clusters / max(clusters - 1, 1))
    return np.maximum(-away.min(axis=-1), 0.0), np.maximum(away.max(axis=-1), 0.0)


def of_arms(arms: Sequence[tuple[float, tuple[float, float], float]], scale: Limits) -> tuple[Unseen, ...]:
    """Return what the samples of two arms, whose means are compared, may hold none of.

    Parameters
    ----------
    arms
        Of the arm and of the reference: number of clusters, how far the farthest are below and above the
        others, and the mean.
    scale
        The lowest and the highest value that there can be, infinite where none is stated.

    Notes
    -----
    Either arm may be the one that has far clusters, so the room of the interval is that of the arm with more.
    """
    found = []
    for sign, (clusters, far, mean) in zip((1, -1), arms, strict=True):
        ends = mean - scale[0], scale[1] - mean
        reach = (math.inf, math.inf) if all(map(math.isfinite, scale)) else far
        if sign < 0:  # What lowers the mean of the reference raises the difference.
            reach, ends = (reach[1], reach[0]), (ends[1], ends[0])
        found.append(Unseen(clusters, reach, ends))
    return tuple(found)


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
        NaN with fewer clusters than `FEWEST` where room is needed and there are no limits.

    Notes
    -----
    Two of these:

    - The variance of a few clusters on one side of a contrast is small just where the far ones were missed.
      No interval is shorter than plus and minus t with two thirds of its own variance and a third of the
      pooled one, and half as many degrees of freedom again: as if the pooled one were known beforehand from
      half as many clusters (a moderated t; Smyth 2004).
    - The room is `unseen_share` of clusters, each some times as far as the farthest seen (3.6 times with 20
      clusters, 2.4 with 100, by the fourth root), or at the end of the scale where one is stated; and no
      farther than a limit. Of two arms it is that of the one that has more.
    """
    (low, high), (error, df) = bounds, spread
    half = stdtrit(1.5 * df, (1 + level) / 2) * np.sqrt(2 / 3 * error**2 + few.pooled / 3)
    if np.any(few.pooled):
        low, high = np.minimum(low, estimate - half), np.maximum(high, estimate + half)
    for unseen in few.unseen:
        low = np.minimum(low, estimate - unseen.room(0, level, estimate - limits[0]))
        high = np.maximum(high, estimate + unseen.room(1, level, limits[1] - estimate))
    shown = np.isfinite(low) & np.isfinite(high)
    return (
        np.where(shown, np.maximum(low, limits[0]), np.nan),
        np.where(shown, np.minimum(high, limits[1]), np.nan),
    )
