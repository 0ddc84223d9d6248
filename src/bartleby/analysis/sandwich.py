"""Standard errors that respect clusters: the CR2 sandwich with Satterthwaite degrees of freedom.

Answers to the same item, pair or scenario are alike, so they are worth less than as many independent
answers. The sandwich takes the scores of a cluster together; CR2 corrects it for the part of each cluster
that the fit has already absorbed; the degrees of freedom say how many clusters a number really rests on.

Everything happens in the whitened parameter space of p dimensions: any estimator that can give scores and
a root of its information can use it, and a cluster of two rows is never blown up to a p x p matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.errors import DataError, SettingError

__all__ = ["Kind", "RobustCovariance", "cluster_covariance"]

Kind: TypeAlias = Literal["CR0", "CR1", "CR2"]
Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.integer]

_KINDS = ("CR0", "CR1", "CR2")
_ABSORBED = 1e-9
"""A leverage within this of 1 means that a direction is known from one cluster alone."""
_EMPTY = 1e-12
"""A leverage below this is rounding."""
_BATCH = 2_000_000
"""Numbers in one batch of cluster blocks: 16 MB."""


@dataclass(frozen=True)
class RobustCovariance:
    """A cluster-robust covariance of p parameters.

    Parameters
    ----------
    covariance
        The p x p covariance; NaN throughout if there is one cluster.
    kind
        `CR0`, `CR1` or `CR2`.
    n_clusters
        Clusters that have any information.
    whitener
        L with L L' = inverse of the information (p, p).
    directions
        Unit eigenvectors of each cluster's whitened information, one a row (k, p).
    leverages
        Their eigenvalues, in (0, 1] (k,).
    starts
        Index of each cluster's first row of `directions`.
    """

    covariance: Floats
    kind: Kind
    n_clusters: int
    whitener: Floats = field(repr=False)
    directions: Floats = field(repr=False)
    leverages: Floats = field(repr=False)
    starts: npt.NDArray[np.int64] = field(repr=False)

    def degrees_of_freedom(self, contrasts: npt.ArrayLike) -> Floats:
        """Return Satterthwaite degrees of freedom of contrasts of the parameters.

        Parameters
        ----------
        contrasts
            One contrast a row (k, p); the identity matrix for the parameters themselves.

        Returns
        -------
        array (k,)
            NaN where a contrast cannot be estimated robustly: one cluster, or a part of it is known
            from a single cluster alone, so that nothing says how it varies between clusters.

        Notes
        -----
        Pustejovsky & Tipton (2018), section 2.3, with the fitted information as working model: for the
        quadratic form with matrix P over clusters, df = tr(P)^2 / tr(P^2).
        """
        whitened = np.atleast_2d(np.asarray(contrasts, dtype=float)) @ self.whitener
        known = self._is_robust(whitened)
        factor = _adjustment(self.leverages, self.kind)
        df = np.full(len(whitened), np.nan)
        for index in np.flatnonzero(known):
            part = self.directions @ whitened[index]
            own = np.add.reduceat(self.leverages * (factor * part) ** 2, self.starts)
            absorbed = np.add.reduceat(
                (self.leverages * factor * part)[:, None] * self.directions, self.starts, axis=0
            )
            squares = np.einsum("gp,gp->g", absorbed, absorbed)
            # tr(P^2) for P = diag(own) - absorbed absorbed', without ever forming P.
            trace_square = np.sum(own**2 - 2 * own * squares) + np.sum((absorbed.T @ absorbed) ** 2)
            trace = np.sum(own - squares)
            if trace > 0 and trace_square > 0:
                df[index] = trace**2 / trace_square
        return df

    def standard_errors(self, contrasts: npt.ArrayLike) -> Floats:
        """Return standard errors of contrasts (k, p), NaN where they cannot be estimated robustly."""
        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        variance = np.einsum("kp,pq,kq->k", rows, self.covariance, rows)
        known = self._is_robust(rows @ self.whitener)
        return np.where(known, np.sqrt(np.maximum(variance, 0.0)), np.nan)

    def _is_robust(self, whitened: Floats) -> npt.NDArray[np.bool_]:
        """Tell which whitened contrasts rest on more than one cluster in all their parts."""
        lengths = np.einsum("kp,kp->k", whitened, whitened)
        if self.n_clusters < 2:
            return np.zeros(len(whitened), dtype=bool)
        alone = self.directions[self.leverages > 1 - _ABSORBED]
        lost = np.sum((whitened @ alone.T) ** 2, axis=1)
        known: npt.NDArray[np.bool_] = (lengths > 0) & (lost <= 1e-8 * lengths)
        return known


def cluster_covariance(
    scores: npt.ArrayLike,
    score_cluster: npt.ArrayLike,
    root_information: npt.ArrayLike,
    root_cluster: npt.ArrayLike,
    *,
    kind: Kind = "CR2",
) -> RobustCovariance:
    """Return the cluster-robust covariance of an estimate.

    Parameters
    ----------
    scores
        Contributions of rows to the score at the estimate (n, p).
    score_cluster
        Cluster of each row of `scores`, whole numbers (n,).
    root_information
        Rows R (m, p) with R'R = the total information. A row of a logistic regression contributes
        sqrt(weight) * x; a multinomial row contributes several.
    root_cluster
        Cluster of each row of `root_information` (m,).
    kind
        `CR2` (Bell & McCaffrey 2002), unbiased if the working model holds; `CR1`, the plain sandwich times
        G / (G - 1); `CR0`, the plain sandwich.

    Returns
    -------
    RobustCovariance

    Raises
    ------
    SettingError
        `kind` is none of the three.
    DataError
        The information has not full rank, or lengths and shapes do not fit.

    Notes
    -----
    Pustejovsky & Tipton (2018), equations 5 to 7, in the parameter space: with B = L L' the inverse
    information, A_g that of a cluster and s_g its score, the adjusted score is
    L'^-1 (I - L'A_g L)^(-1/2) L's_g, which equals X_g'(I - H_gg)^(-1/2) e_g in a linear model. For
    generalised linear models the working residuals are whitened by the square root of the weights. Where
    I - H_gg has no inverse (a direction known from one cluster alone) its Moore-Penrose root is used, and
    the degrees of freedom of contrasts with a share in that direction are NaN.
    """
    if kind not in _KINDS:
        raise SettingError(f"kind={kind!r}: must be one of {', '.join(_KINDS)}")
    roots = np.ascontiguousarray(root_information, dtype=float)
    row_scores = np.asarray(scores, dtype=float)
    row_codes, root_codes = np.asarray(score_cluster), np.asarray(root_cluster)
    _check_shapes(row_scores, row_codes, roots, root_codes)
    whitener = _whitener(roots)
    labels, owner = np.unique(root_codes, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    directions, leverages, starts = _cluster_directions(roots[order] @ whitener, owner[order])
    clusters = len(labels)
    sums = _sum_by_cluster(row_scores, np.searchsorted(labels, row_codes), clusters) @ whitener
    if kind == "CR2":
        sums = _adjust(sums, directions, leverages, starts)
    half = sums @ whitener.T
    covariance = half.T @ half
    if kind == "CR1" and clusters > 1:
        covariance *= clusters / (clusters - 1)
    if clusters < 2:
        covariance = np.full_like(covariance, np.nan)
    return RobustCovariance(covariance, kind, clusters, whitener, directions, leverages, starts)


def _check_shapes(scores: Floats, score_codes: Codes, roots: Floats, root_codes: Codes) -> None:
    problems = []
    if scores.ndim != 2 or roots.ndim != 2 or scores.shape[1:] != roots.shape[1:]:
        problems.append(f"scores {scores.shape} and root_information {roots.shape} must be (n, p) and (m, p)")
    if score_codes.shape != scores.shape[:1] or root_codes.shape != roots.shape[:1]:
        problems.append("there must be one cluster code a row")
    elif len(roots) == 0:
        problems.append("root_information has no rows")
    elif np.setdiff1d(score_codes, root_codes).size:
        problems.append("some clusters have scores and no information")
    if problems:
        raise DataError(problems)


def _whitener(roots: Floats) -> Floats:
    """Return L with L L' = (R'R)^-1, by way of a unit diagonal so that units of columns do not matter."""
    information = roots.T @ roots
    scale = np.sqrt(np.diag(information))
    if not np.all(np.isfinite(scale)) or np.any(scale == 0):
        raise DataError("the information about some parameter is zero or not finite")
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] <= len(values) * np.finfo(float).eps * values[-1]:
        raise DataError(f"the information has rank below its {len(values)} parameters")
    whitener: Floats = vectors / np.sqrt(values) / scale[:, None]
    return whitener


def _sum_by_cluster(rows: Floats, codes: Codes, clusters: int) -> Floats:
    return np.column_stack([np.bincount(codes, column, minlength=clusters) for column in rows.T])


def _cluster_directions(rows: Floats, owner: Codes) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return eigenvectors and eigenvalues of each cluster's R_g'R_g, from rows sorted by cluster.

    Clusters of equal size go through one batched decomposition, of the smaller of R_g R_g' and R_g'R_g.
    """
    width = rows.shape[1]
    sizes = np.bincount(owner)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    kept = np.minimum(sizes, width)
    starts = np.concatenate([[0], np.cumsum(kept)[:-1]])
    directions = np.zeros((int(kept.sum()), width))
    leverages = np.zeros(len(directions))
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        step = max(1, _BATCH // (int(size) * width + width * width))
        for begin in range(0, len(members), step):
            batch = members[begin : begin + step]
            blocks = rows[first[batch][:, None] + np.arange(size)]
            vectors, values = _decompose(blocks)
            at = starts[batch][:, None] + np.arange(min(int(size), width))
            directions[at], leverages[at] = vectors, values
    return directions, leverages, starts.astype(np.int64)


def _decompose(blocks: Floats) -> tuple[Floats, Floats]:
    """Return row eigenvectors (b, k, p) and eigenvalues (b, k), k = min(m, p), of blocks (b, m, p)."""
    if blocks.shape[1] >= blocks.shape[2]:
        values, columns = np.linalg.eigh(blocks.transpose(0, 2, 1) @ blocks)
        vectors = columns.transpose(0, 2, 1)
    else:
        values, columns = np.linalg.eigh(blocks @ blocks.transpose(0, 2, 1))
        vectors = columns.transpose(0, 2, 1) @ blocks
        vectors = vectors / np.sqrt(np.maximum(values, _EMPTY))[:, :, None]
    values = np.clip(values, 0.0, 1.0)
    empty = values <= _EMPTY
    return np.where(empty[:, :, None], 0.0, vectors), np.where(empty, 0.0, values)


def _adjustment(leverages: Floats, kind: Kind) -> Floats:
    """Return (1 - leverage)^(-1/2) for CR2, zero where the cluster has absorbed the direction; else 1."""
    if kind != "CR2":
        return np.ones_like(leverages)
    left = 1.0 - leverages
    absorbed = left < _ABSORBED
    return np.where(absorbed, 0.0, 1.0 / np.sqrt(np.where(absorbed, 1.0, left)))


def _adjust(sums: Floats, directions: Floats, leverages: Floats, starts: npt.NDArray[np.int64]) -> Floats:
    """Return whitened cluster scores multiplied by (I - M_g)^(-1/2)."""
    owner = np.repeat(np.arange(len(starts)), np.diff([*starts, len(directions)]))
    part = np.einsum("kp,kp->k", directions, sums[owner])
    extra = ((_adjustment(leverages, "CR2") - 1.0) * part)[:, None] * directions
    adjusted: Floats = sums + np.add.reduceat(extra, starts, axis=0)
    return adjusted
