"""Small clusters that touch few of many parameters, such as the pairs of five hundred items.

Whitening would make every row as long as there are parameters. Everything a cluster needs are inner products
between its own rows in the metric of the inverse information, and these are looked up instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.inference.cluster_directions import EVERY, Matrix, eigenpairs, owners
from bartleby.analysis.inference.dense_clusters import dense_directions

__all__ = ["SparseDirections", "bilinear", "sparse_directions"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.integer]

_SHORT = 16
"""Rows of a cluster up to which their inner products are looked up one by one."""
_BATCH = 1_000_000
"""Numbers looked up, or written out, at a time."""


@dataclass(frozen=True, eq=False)
class SparseDirections:
    """Directions as sparse rows.

    Parameters
    ----------
    inverse
        Inverse of the information (p, p).
    rows
        For a unit eigenvector v in whitened coordinates, the row r with v = L'r' (k, p).
    leverages, starts
        As in `Directions`.
    """

    inverse: Floats
    rows: sparse.csr_array
    leverages: Floats
    starts: Integers

    @property
    def width(self) -> int:
        """Number of parameters p."""
        return len(self.inverse)

    def lengths(self, contrasts: Floats) -> Floats:
        """Return the model's variances of contrasts (c, p)."""
        lengths: Floats = np.sum((contrasts @ self.inverse) * contrasts, axis=1)
        return lengths

    def parts(self, contrasts: Floats, chosen: Integers | slice = EVERY) -> Floats:
        """Return how far contrasts (c, p) go along directions: all, or those chosen (k, c)."""
        return np.asarray(self.rows[chosen] @ (self.inverse @ contrasts.T))

    def covariance(self, sums: Matrix, factor: Floats) -> Floats:
        """Return the covariance (p, p) from scores by cluster (G, p), with factors (k,) along directions."""
        scores, owner = sparse.csr_array(sums), owners(self)
        part = bilinear(self.rows, self.inverse, scores[owner])
        corrected = scores + self._gather(owner, (factor - 1.0) * part, len(self.starts)) @ self.rows
        meat = (corrected.T @ corrected).toarray()
        covariance: Floats = self.inverse @ meat @ self.inverse
        return covariance

    def products(self, amounts: Floats, clusters: Integers) -> Floats:
        """Return inner products, between some clusters, of the sums of amounts (k,) times directions."""
        ends = np.append(self.starts[1:], len(self.leverages))
        sizes = ends[clusters] - self.starts[clusters]
        first = np.repeat(self.starts[clusters] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        chosen = first + np.arange(sizes.sum())
        owner = np.repeat(np.arange(len(clusters)), sizes)
        sums = self._gather(owner, amounts[chosen], len(clusters)) @ self.rows[chosen]
        return np.asarray(sums @ (sums @ self.inverse).T)

    def square(self, amounts: Floats) -> float:
        """Return the sum of squares of these inner products between all clusters."""
        sums = self._gather(owners(self), amounts, len(self.starts)) @ self.rows
        inner = (sums.T @ sums).toarray() @ self.inverse
        return float(np.sum(inner * inner.T))

    @staticmethod
    def _gather(owner: Codes, amounts: Floats, clusters: int) -> sparse.csr_array:
        place = (owner, np.arange(len(owner)))
        return sparse.csr_array((amounts, place), shape=(clusters, len(owner)))


def sparse_directions(
    whitener: Floats, information: Floats, rows: sparse.csr_array, owner: Codes
) -> SparseDirections:
    """Return the directions of clusters; as `dense_directions`, of rows that are not whitened.

    Parameters
    ----------
    whitener
        L with L L' = inverse of the information (p, p).
    information
        R'R (p, p).
    rows
        Roots R of the information (n, p), sorted by cluster.
    owner
        Cluster of each row (n,), numbers from 0 of which all occur.
    """
    inverse = whitener @ whitener.T
    sizes = np.bincount(owner)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    found: list[tuple[npt.NDArray[np.int64], sparse.csr_array, Floats]] = []
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        each = int(size) * (int(size) if size <= _SHORT else len(inverse))
        step = max(1, _BATCH // each)
        for begin in range(0, len(members), step):
            batch = members[begin : begin + step]
            part = rows[(first[batch][:, None] + np.arange(size)).ravel()]
            if size <= _SHORT:
                directions, leverages = _short(inverse, part, int(size))
            else:
                directions, leverages = _long(whitener, information, part, int(size))
            found.append((np.repeat(batch, len(leverages) // len(batch)), directions, leverages))
    return _sorted(inverse, found)


def bilinear(left: sparse.csr_array, metric: Floats, right: sparse.csr_array) -> Floats:
    """Return a_i' metric b_i for the rows a_i and b_i of two sparse matrices (n, p)."""
    result = np.empty(left.shape[0])
    (left_at, left_value), (right_at, right_value) = _padded(left), _padded(right)
    step = max(1, _BATCH // max(left_at.shape[1] * right_at.shape[1], 1))
    for begin in range(0, len(result), step):
        part = slice(begin, begin + step)
        looked_up = metric[left_at[part][:, :, None], right_at[part][:, None, :]]
        result[part] = np.einsum("na,nab,nb->n", left_value[part], looked_up, right_value[part])
    return result


def _padded(rows: sparse.csr_array) -> tuple[Codes, Floats]:
    """Return the places and values of the numbers of sparse rows, filled up with zeros at place 0."""
    lengths = np.diff(rows.indptr)
    width = int(lengths.max(initial=1))
    there = np.arange(width) < lengths[:, None]
    places = np.zeros((len(lengths), width), dtype=np.int64)
    values = np.zeros((len(lengths), width))
    places[there], values[there] = rows.indices, rows.data
    return places, values


def _short(inverse: Floats, rows: sparse.csr_array, size: int) -> tuple[sparse.csr_array, Floats]:
    """Return directions and leverages of clusters of so many rows, by inner products of their rows."""
    clusters = rows.shape[0] // size
    start = np.arange(clusters)[:, None, None] * size
    one, other = np.arange(size)[None, :, None], np.arange(size)[None, None, :]
    left = np.broadcast_to(start + one, (clusters, size, size)).ravel()
    right = np.broadcast_to(start + other, (clusters, size, size)).ravel()
    inner = bilinear(rows[left], inverse, rows[right]).reshape(clusters, size, size)
    vectors, leverages = eigenpairs(inner)
    mixed = sparse.csr_array((vectors.ravel(), (left, right)), shape=(rows.shape[0],) * 2)
    return sparse.csr_array(mixed @ rows), leverages.ravel()


def _long(
    whitener: Floats, information: Floats, rows: sparse.csr_array, size: int
) -> tuple[sparse.csr_array, Floats]:
    """Return directions and leverages of clusters of so many rows, written out in whitened coordinates."""
    owner = np.repeat(np.arange(rows.shape[0] // size), size)
    found = dense_directions(whitener, rows.toarray(), owner)
    # L^-1 = L'A for A the information and L L' its inverse.
    return sparse.csr_array(found.rows @ (whitener.T @ information)), found.leverages


def _sorted(
    inverse: Floats, found: list[tuple[npt.NDArray[np.int64], sparse.csr_array, Floats]]
) -> SparseDirections:
    """Return directions found in batches, in the order of clusters."""
    owner = np.concatenate([part[0] for part in found])
    order = np.argsort(owner, kind="stable")
    rows = sparse.csr_array(sparse.vstack([part[1] for part in found], format="csr"))[order]
    leverages = np.concatenate([part[2] for part in found])[order]
    counts = np.bincount(owner)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return SparseDirections(inverse, rows, leverages, starts)
