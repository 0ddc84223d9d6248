"""Standard errors that respect clusters: the CR2 sandwich with Satterthwaite degrees of freedom.

Answers to the same item, pair or scenario are alike, so they are worth less than as many independent
answers. The sandwich takes the scores of a cluster together; CR2 corrects it for the part of each cluster
that the fit has already absorbed; the degrees of freedom say how many clusters a number really rests on.

Any estimator that can give scores and a root of its information can use it. A cluster of two rows is never
blown up to a p x p matrix, and rows that touch few of the parameters can be given as a sparse matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.inference.cluster_directions import Directions, Matrix, added_squares
from bartleby.analysis.inference.dense_clusters import dense_directions
from bartleby.analysis.inference.positive import firm_inverse
from bartleby.analysis.inference.satterthwaite import satterthwaite
from bartleby.analysis.inference.sparse_clusters import sparse_directions
from bartleby.errors import DataError, SettingError

__all__ = ["Kind", "RobustCovariance", "Rows", "cluster_covariance"]

Kind: TypeAlias = Literal["CR0", "CR1", "CR2"]
Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.integer]
Rows: TypeAlias = npt.ArrayLike | sparse.csr_array

_KINDS = ("CR0", "CR1", "CR2")
_ABSORBED = 1e-9
"""A leverage within this of 1 means that a direction is known from one cluster alone."""
_EXACT = 1e-18
"""A variance within this, relative to that of the model, is rounding where clusters do not vary at all."""
_DENSE = 250_000
"""Numbers up to which sparse rows are written out: small problems are quicker that way."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """Contrasts (k, p), their coordinates (p, k) and lengths (k,), and which rest on clusters (k,)."""

    contrasts: Floats
    coordinates: Floats
    lengths: Floats
    robust: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RobustCovariance:
    """A cluster-robust covariance of p parameters.

    Parameters
    ----------
    kind
        `CR0`, `CR1` or `CR2`.
    n_clusters
        Clusters that have any information.
    directions
        Each cluster's information, taken apart.
    scores
        Scores of clusters, corrected along these directions (G, ...).
    """

    kind: Kind
    n_clusters: int
    directions: Directions = field(repr=False)
    scores: Matrix = field(repr=False)

    @cached_property
    def covariance(self) -> Floats:
        """The p x p covariance; NaN throughout if there is one cluster."""
        covariance = self.directions.covariance(self.scores) * self._stretch
        return covariance if self.n_clusters > 1 else np.full_like(covariance, np.nan)

    def dispersion(self) -> float:
        """Return the trace of the covariance times the information."""
        return self.directions.dispersion(self.scores) * self._stretch

    @property
    def _stretch(self) -> float:
        return self.n_clusters / (self.n_clusters - 1) if self.kind == "CR1" and self.n_clusters > 1 else 1.0

    def variances(self, contrasts: npt.ArrayLike) -> Floats:
        """Return variances of contrasts (k, p), also of those that cannot be estimated robustly."""
        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        return self._variances(rows, self.directions.coordinates(rows))

    def _variances(self, rows: Floats, coordinates: Floats) -> Floats:
        if self.n_clusters < 2:
            return np.full(len(rows), np.nan)
        if not sparse.issparse(self.scores):
            variances: Floats = np.sum((rows @ self.covariance) * rows, axis=1)
            return variances
        # Much less than the whole covariance takes, where scores touch few of the parameters.
        return added_squares(self.scores, coordinates) * self._stretch

    def contributions(self, contrasts: npt.ArrayLike) -> Floats:
        """Return what each cluster contributes to the error of contrasts (k, p), whose squares add up (G, k).

        For a few contrasts: of all pairs of hundreds of items they take much memory.
        """
        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        found: Floats = self.scores @ self.directions.coordinates(rows)
        return found * math.sqrt(self._stretch)

    @property
    def leverages(self) -> Floats:
        """How much of what is known in each direction of a cluster comes from that cluster, 0 to 1 (k,)."""
        return self.directions.leverages

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
            from a single cluster alone, so that nothing says how it varies between clusters. With many
            clusters and more than a hundred parameters up to 0.1% too large, otherwise exact; see
            `satterthwaite`.

        Notes
        -----
        Pustejovsky & Tipton (2018), section 2.3, with the fitted information as working model: for the
        quadratic form with matrix P over clusters, df = tr(P)^2 / tr(P^2).
        """
        return self._freedom(self._measured(contrasts))

    def standard_errors(self, contrasts: npt.ArrayLike) -> Floats:
        """Return standard errors of contrasts (k, p), NaN where they cannot be estimated robustly.

        Where every cluster is fitted exactly nothing says how clusters vary: what comes out then is rounding,
        and no standard error.
        """
        return self._errors(self._measured(contrasts))

    def errors_and_freedom(self, contrasts: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return standard errors and degrees of freedom of contrasts (k, p), which take less together."""
        measured = self._measured(contrasts)
        return self._errors(measured), self._freedom(measured)

    def _errors(self, measured: _Measured) -> Floats:
        variance = self._variances(measured.contrasts, measured.coordinates)
        known = measured.robust & (variance > _EXACT * measured.lengths)
        return np.where(known, np.sqrt(np.maximum(variance, 0.0)), np.nan)

    def _freedom(self, measured: _Measured) -> Floats:
        df = np.full(len(measured.lengths), np.nan)
        known = measured.robust
        coordinates = measured.coordinates if known.all() else measured.coordinates[:, known]
        factor = _adjustment(self.leverages, self.kind)
        df[known] = satterthwaite(self.directions, factor, coordinates, measured.lengths[known])
        return df

    def _measured(self, contrasts: npt.ArrayLike) -> _Measured:
        """Return contrasts with their lengths, and which rest on more than one cluster in all their parts."""
        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        coordinates = self.directions.coordinates(rows)
        lengths = self.directions.lengths(rows, coordinates)
        robust: npt.NDArray[np.bool_] = (lengths > 0) & (self.n_clusters > 1)
        alone = np.flatnonzero(self.leverages > 1 - _ABSORBED)
        if len(alone):
            lost = np.sum(self.directions.along(coordinates, alone) ** 2, axis=0)
            robust &= lost <= 1e-8 * lengths
        return _Measured(rows, coordinates, lengths, robust)


def cluster_covariance(
    scores: Rows,
    score_cluster: npt.ArrayLike,
    root_information: Rows,
    root_cluster: npt.ArrayLike,
    *,
    kind: Kind = "CR2",
) -> RobustCovariance:
    """Return the cluster-robust covariance of an estimate.

    Parameters
    ----------
    scores
        Contributions of rows to the score at the estimate (n, p), an array or, like `root_information`,
        sparse.
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
    written_out = not sparse.issparse(root_information) or math.prod(root_information.shape) <= _DENSE
    row_scores, roots = _prepared(scores, written_out), _prepared(root_information, written_out)
    row_codes, root_codes = np.asarray(score_cluster), np.asarray(root_cluster)
    _check_shapes(row_scores, row_codes, roots, root_codes)
    labels, owner = np.unique(root_codes, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    directions = _directions(roots[order], owner[order])
    scored = np.searchsorted(labels, row_codes)
    clusters = len(labels)
    place = (scored, np.arange(len(scored)))
    gather = sparse.csr_array((np.ones(len(scored)), place), shape=(clusters, len(scored)))
    sums: Any = gather @ row_scores
    corrected = directions.corrected(sums, _adjustment(directions.leverages, kind))
    return RobustCovariance(kind, clusters, directions, corrected)


def _prepared(rows: Rows, written_out: bool) -> Matrix:
    """Return rows as an array, or as a sparse matrix."""
    if not isinstance(rows, sparse.csr_array):
        dense = np.ascontiguousarray(rows, dtype=float)
        return dense if written_out else sparse.csr_array(dense)
    return rows.toarray() if written_out else rows


def _directions(roots: Matrix, owner: Codes) -> Directions:
    """Return the directions of clusters from rows sorted by cluster."""
    if isinstance(roots, sparse.csr_array):
        information = sparse.csr_array(roots.T @ roots)
        return sparse_directions(_inverse(information), information, roots, owner)
    return dense_directions(_whitener(roots.T @ roots), roots, owner)


def _check_shapes(scores: Matrix, score_codes: Codes, roots: Matrix, root_codes: Codes) -> None:
    problems = []
    if scores.ndim != 2 or roots.ndim != 2 or scores.shape[1:] != roots.shape[1:]:
        problems.append(f"scores {scores.shape} and root_information {roots.shape} must be (n, p) and (m, p)")
    if score_codes.shape != scores.shape[:1] or root_codes.shape != roots.shape[:1]:
        problems.append("there must be one cluster code a row")
    elif roots.shape[0] == 0:
        problems.append("root_information has no rows")
    elif np.setdiff1d(score_codes, root_codes).size:
        problems.append("some clusters have scores and no information")
    if problems:
        raise DataError(problems)


def _inverse(information: sparse.csr_array) -> Floats:
    """Return the inverse of R'R: from its root, or from its eigenvectors where it is near to having none."""
    inverse = firm_inverse(information.toarray(), overwrite=True)
    if inverse is not None:
        return inverse
    whitener = _whitener(information.toarray())
    return np.asarray(whitener @ whitener.T)


def _whitener(information: Floats) -> Floats:
    """Return L with L L' = (R'R)^-1, by way of a unit diagonal so that units of columns do not matter."""
    scale = np.sqrt(np.diag(information))
    if not np.all(np.isfinite(scale)) or np.any(scale == 0):
        raise DataError("the information about some parameter is zero or not finite")
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] <= len(values) * np.finfo(float).eps * values[-1]:
        raise DataError(f"the information has rank below its {len(values)} parameters")
    whitener: Floats = vectors / np.sqrt(values) / scale[:, None]
    return whitener


def _adjustment(leverages: Floats, kind: Kind) -> Floats:
    """Return (1 - leverage)^(-1/2) for CR2, zero where the cluster has absorbed the direction; else 1."""
    if kind != "CR2":
        return np.ones_like(leverages)
    left = 1.0 - leverages
    absorbed = left < _ABSORBED
    return np.where(absorbed, 0.0, 1.0 / np.sqrt(np.where(absorbed, 1.0, left)))
