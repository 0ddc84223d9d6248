"""Two-way clustering: answers that share an item are alike, and so are those that share a wording.

The variance is that by items plus that by wordings, less that by both together, which the two have counted
twice; and never less than that by one of them alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bartleby.analysis.inference.intervals import RateFit, clustered_rates, critical_value, wilson
from bartleby.analysis.inference.sandwich import Kind, RobustCovariance, cluster_covariance

__all__ = ["TwoWay", "crossed_rates", "two_way_covariance"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TwoWay:
    """A covariance that is robust to two-way clustering.

    Parameters
    ----------
    ways
        The covariances by each way alone.
    covariance
        By both: the sum of these less that by their intersections (p, p).
    definite
        Whether that sum is a covariance, with no negative variance in any direction.
    """

    ways: tuple[RobustCovariance, RobustCovariance]
    covariance: Floats
    definite: bool

    @property
    def n_clusters(self) -> int:
        """Clusters of the way that has fewer."""
        return min(way.n_clusters for way in self.ways)

    def standard_errors(self, contrasts: npt.ArrayLike) -> Floats:
        """Return standard errors of contrasts (k, p): never less than by one way alone, NaN if one is."""
        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        alone = np.maximum(*(way.standard_errors(rows) for way in self.ways))
        variance = np.einsum("kp,pq,kq->k", rows, self.covariance, rows)
        result: Floats = np.maximum(alone, np.sqrt(np.maximum(variance, 0.0)))
        return np.where(np.isnan(alone), np.nan, result)

    def degrees_of_freedom(self, contrasts: npt.ArrayLike) -> Floats:
        """Return degrees of freedom of contrasts (k, p): no fewer than those of the way that has fewer."""
        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        ways = [np.minimum(way.degrees_of_freedom(rows), way.n_clusters - 1.0) for way in self.ways]
        # A variance of zero has no degrees of freedom to tell, and needs none.
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = sum(
                way.standard_errors(rows) ** 4 / freedom for way, freedom in zip(self.ways, ways, strict=True)
            )
            joint = self.standard_errors(rows) ** 4 / spread
        return np.fmax(np.minimum(*ways), joint)


def two_way_covariance(
    scores: npt.ArrayLike, roots: npt.ArrayLike, codes: npt.ArrayLike, *, kind: Kind = "CR2"
) -> TwoWay:
    """Return the covariance of an estimate, robust to two crossed ways of clustering.

    Parameters
    ----------
    scores, roots
        As in `cluster_covariance`, row by row (n, p).
    codes
        Clusters of each row in the two ways (n, 2).
    kind
        Of each of the three parts.

    Notes
    -----
    Cameron, Gelbach & Miller (2011), each of the three parts CR2 unless asked otherwise. With few clusters
    the difference can have negative variances; they and MacKinnon, Nielsen & Webb (2021) advise not to go
    below either way alone, which `TwoWay.standard_errors` does. Degrees of freedom: Satterthwaite's (1946) of
    a sum of two variances, each with those of its own way, which are at most its clusters less 1.
    """
    both = np.asarray(codes)
    one, other = (cluster_covariance(scores, both[:, way], roots, both[:, way], kind=kind) for way in (0, 1))
    cells = np.unique(both, axis=0, return_inverse=True)[1].ravel()
    shared = cluster_covariance(scores, cells, roots, cells, kind=kind)
    covariance = one.covariance + other.covariance - shared.covariance
    definite = bool(
        np.all(np.isfinite(covariance))
        and np.linalg.eigvalsh(covariance)[0] >= -1e-9 * max(float(np.trace(covariance)), 0.0)
    )
    return TwoWay((one, other), covariance, definite)


def crossed_rates(
    events: Floats, n: Floats, codes: Codes, *, method: str = "auto"
) -> Callable[[float], RateFit]:
    """Return a rate among new clusters of two kinds, by level.

    Parameters
    ----------
    events, n
        Events and trials of each combination (m,).
    codes
        Its clusters in the two ways, 0, 1, ... (m, 2).
    method
        As in `clustered_rates`.

    Notes
    -----
    A t interval on the logit scale (`two_way_covariance`), widened where the interval by one way alone
    (`clustered_rates`) reaches further: with few clusters that is the better known one.
    """
    ways = [clustered_rates(np.bincount(way, events), np.bincount(way, n), method=method) for way in codes.T]
    total, rate = float(n.sum()), float(events.sum() / n.sum())
    fewer = int(min(way.max() for way in codes.T)) + 1
    if fewer < 2:
        nothing = RateFit(rate, math.nan, math.nan, math.nan, math.nan, "undefined, one cluster")
        return lambda level: nothing
    joint = two_way_covariance((events - n * rate)[:, None], np.sqrt(n)[:, None], codes)
    error, df = float(joint.standard_errors([[1.0]])[0]), float(joint.degrees_of_freedom([[1.0]])[0])
    spread = rate * (1 - rate)

    def fit(level: float) -> RateFit:
        alone = [way(level) for way in ways]
        if error > 0 and spread > 0:
            half = critical_value(level, df) * error / spread
            low, high = float(expit(logit(rate) - half)), float(expit(logit(rate) + half))
        else:
            low, high = wilson(rate, math.sqrt(total * fewer), critical_value(level, fewer - 1))
        low, high = min(low, *(each.low for each in alone)), max(high, *(each.high for each in alone))
        return RateFit(rate, error or math.nan, low, high, df, "logit t, CR2, two-way")

    return fit
