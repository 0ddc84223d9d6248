"""Small clusters that touch few of many parameters, such as the pairs of five hundred items.

Whitening would make every row as long as there are parameters. Everything a cluster needs are inner products
between its own rows in the metric of the inverse information, and these are looked up instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.inference.cluster_directions import EVERY, Matrix, added_squares, eigenpairs, owners
from bartleby.analysis.inference.dense_clusters import dense_directions
from bartleby.analysis.inference.positive import times

__all__ = ["SparseDirections", "bilinear", "sparse_directions"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.integer]
Padded: TypeAlias = tuple[Codes, Floats]

_SHORT = 16
"""Rows of a cluster up to which their inner products are looked up one by one."""
_BATCH = 1_000_000
"""Numbers looked up, or written out, at a time."""
_SMALL = 200
"""Parameters up to which sparse matrices are not worth their making."""


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

    def coordinates(self, contrasts: Floats) -> Floats:
        """Return contrasts (c, p) times the inverse (p, c)."""
        # Row by row, as sparse products would copy all of what lies otherwise, for each block of clusters.
        coordinates = np.empty(contrasts.shape[::-1])
        step = max(1, _BATCH // max(self.width, 1))
        for begin in range(0, len(contrasts), step):
            coordinates[:, begin : begin + step] = times(contrasts[begin : begin + step], self.inverse).T
        return coordinates

    def lengths(self, contrasts: Floats, coordinates: Floats) -> Floats:
        """Return the model's variances of contrasts (c, p)."""
        lengths: Floats = np.einsum("cp,pc->c", contrasts, coordinates)
        return lengths

    def added_squares(self, coordinates: Floats, weights: Floats) -> Floats:
        """Return weighted sums of squares of how far contrasts go along directions (c,)."""
        return added_squares(self.rows, coordinates, weights)

    def along(self, coordinates: Floats, chosen: Integers | slice = EVERY) -> Floats:
        """Return how far contrasts go along directions: all, or those chosen (k, c)."""
        if isinstance(chosen, slice) or coordinates.shape[1] > 1:
            return np.asarray(self.rows[chosen] @ coordinates)
        places, values = self.padded
        return np.asarray(
            np.einsum("kw,kwc->kc", values[chosen], coordinates[places[chosen]]), dtype=np.float64
        )

    @cached_property
    def padded(self) -> Padded:
        """Places and values of the numbers of each row, as many for all (k, w)."""
        return _padded(self.rows)

    def corrected(self, sums: Matrix, factor: Floats) -> sparse.csr_array:
        """Return scores by cluster (G, p) with factors (k,) along directions, for `coordinates`."""
        scores, owner = sparse.csr_array(sums), owners(self)
        part = bilinear(self.padded, self.inverse, _padded(scores[owner]))
        gathered = self._gather(owner, (factor - 1.0) * part, len(self.starts)) @ self.rows
        return sparse.csr_array(scores + gathered)

    def covariance(self, corrected: Matrix) -> Floats:
        """Return the covariance (p, p) from corrected scores."""
        meat = sparse.csr_array(corrected.T @ corrected)
        covariance: Floats = np.asarray(meat @ self.inverse).T @ self.inverse
        return covariance

    def dispersion(self, corrected: Matrix) -> float:
        """Return the trace of the covariance from corrected scores times the information."""
        meat = sparse.coo_array(corrected.T @ corrected)
        return float(meat.data @ self.inverse[meat.row, meat.col])

    def square(
        self, amounts: Floats, chosen: Integers | slice = EVERY, owner: Integers | None = None
    ) -> float:
        """Return the sum of squares of inner products between different clusters; see `Directions`."""
        owner = owners(self) if owner is None else owner
        places, values = self.padded[0][chosen], self.padded[1][chosen] * amounts[:, None]
        there: Codes = np.unique(places)
        if len(there) * 2 > self.width:
            there = np.arange(self.width)
        place = np.searchsorted(there, places)
        metric = self.inverse if len(there) == self.width else self.inverse[np.ix_(there, there)]
        shape = (int(owner.max(initial=-1)) + 1, len(there))
        if len(there) <= _SMALL:
            sums = np.zeros(shape)
            np.add.at(sums, (owner[:, None], place), values)
            inner = sums.T @ sums @ metric
        else:
            starts = np.searchsorted(owner, np.arange(shape[0] + 1)) * values.shape[1]
            listed = sparse.csr_array((values.ravel(), place.ravel(), starts), shape=shape)
            inner = np.asarray((sparse.csr_array(listed.T) @ listed) @ metric)
        return float(np.sum(inner * inner.T) - np.sum(np.bincount(owner, amounts**2) ** 2))

    def squares(self, amounts: Floats) -> Floats:
        """Return such sums for several contrasts, of amounts (k, c) times all directions (c,)."""
        return np.array([self.square(column) for column in amounts.T])

    @staticmethod
    def _gather(owner: Codes, amounts: Floats, clusters: int) -> sparse.csr_array:
        place = (owner, np.arange(len(owner)))
        return sparse.csr_array((amounts, place), shape=(clusters, len(owner)))


def sparse_directions(
    inverse: Floats, information: sparse.csr_array, rows: sparse.csr_array, owner: Codes
) -> SparseDirections:
    """Return the directions of clusters; as `dense_directions`, of rows that are not whitened.

    Parameters
    ----------
    inverse
        Of the information (p, p).
    information
        R'R, sparse (p, p).
    rows
        Roots R of the information (n, p), sorted by cluster.
    owner
        Cluster of each row (n,), numbers from 0 of which all occur.
    """
    whitener = np.asarray(
        np.linalg.cholesky(inverse) if np.bincount(owner).max(initial=0) > _SHORT else inverse,
        dtype=np.float64,
    )
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


def bilinear(left: Padded, metric: Floats, right: Padded) -> Floats:
    """Return a_i' metric b_i for the rows a_i and b_i of two sparse matrices (n, p): places and values."""
    (left_at, left_value), (right_at, right_value) = left, right
    result = np.empty(len(left_at))
    step = max(1, _BATCH // max(left_at.shape[1] * right_at.shape[1], 1))
    for begin in range(0, len(result), step):
        part = slice(begin, begin + step)
        looked_up = metric[left_at[part][:, :, None], right_at[part][:, None, :]]
        result[part] = np.einsum("na,nab,nb->n", left_value[part], looked_up, right_value[part])
    return result


def _padded(rows: sparse.csr_array) -> Padded:
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
    places, values = _padded(rows)
    inner = bilinear((places[left], values[left]), inverse, (places[right], values[right])).reshape(
        clusters, size, size
    )
    vectors, leverages = eigenpairs(inner)
    mixed = sparse.csr_array((vectors.ravel(), (left, right)), shape=(rows.shape[0],) * 2)
    return sparse.csr_array(mixed @ rows), leverages.ravel()


def _long(
    whitener: Floats, information: sparse.csr_array, rows: sparse.csr_array, size: int
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
