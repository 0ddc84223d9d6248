"""Clusters of any size whose rows touch any of the parameters: their information in whitened coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.cluster_directions import (
    EMPTY,
    EVERY,
    Matrix,
    added_squares,
    eigenpairs,
    owners,
)

__all__ = ["DenseDirections", "dense_directions"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.integer]

_BATCH = 2_000_000
"""Numbers in one batch of cluster blocks: 16 MB."""


@dataclass(frozen=True, eq=False)
class DenseDirections:
    """Directions as rows of p numbers.

    Parameters
    ----------
    whitener
        L with L L' = inverse of the information (p, p).
    rows
        Unit eigenvectors in whitened coordinates (k, p).
    leverages, starts
        As in `Directions`.
    """

    whitener: Floats
    rows: Floats
    leverages: Floats
    starts: Integers

    @property
    def width(self) -> int:
        """Number of parameters p."""
        return len(self.whitener)

    def coordinates(self, contrasts: Floats) -> Floats:
        """Return contrasts (c, p) in whitened coordinates (p, c)."""
        whitened: Floats = (contrasts @ self.whitener).T
        return whitened

    def lengths(self, contrasts: Floats, coordinates: Floats) -> Floats:
        """Return the model's variances of contrasts (c, p)."""
        lengths: Floats = np.sum(coordinates**2, axis=0)
        return lengths

    def added_squares(self, coordinates: Floats, weights: Floats) -> Floats:
        """Return weighted sums of squares of how far contrasts go along directions (c,)."""
        return added_squares(self.rows, coordinates, weights)

    def along(self, coordinates: Floats, chosen: Integers | slice = EVERY) -> Floats:
        """Return how far contrasts go along directions: all, or those chosen (k, c)."""
        along: Floats = self.rows[chosen] @ coordinates
        return along

    def corrected(self, sums: Matrix, factor: Floats) -> Floats:
        """Return scores by cluster (G, p) with factors (k,) along directions, for `coordinates`."""
        whitened = sums @ self.whitener
        part = np.einsum("kp,kp->k", self.rows, whitened[owners(self)])
        whitened += self._sums(((factor - 1.0) * part)[:, None])[:, :, 0]
        return np.asarray(whitened, dtype=np.float64)

    def covariance(self, corrected: Matrix) -> Floats:
        """Return the covariance (p, p) from corrected scores."""
        half = corrected @ self.whitener.T
        covariance: Floats = half.T @ half
        return covariance

    def dispersion(self, corrected: Matrix) -> float:
        """Return the trace of the covariance from corrected scores times the information."""
        return float(np.sum(np.asarray(corrected) ** 2))

    def square(
        self, amounts: Floats, chosen: Integers | slice = EVERY, owner: Integers | None = None
    ) -> float:
        """Return the sum of squares of inner products between different clusters; see `Directions`."""
        if owner is None:
            return float(self.squares(amounts[:, None])[0])
        sums = np.zeros((int(owner.max(initial=-1)) + 1, self.width))
        np.add.at(sums, owner, amounts[:, None] * self.rows[chosen])
        # |A A'| = |A'A|: the smaller of the two.
        inner = sums @ sums.T if len(sums) < self.width else sums.T @ sums
        return float(np.sum(inner**2) - np.sum(np.bincount(owner, amounts**2) ** 2))

    def squares(self, amounts: Floats) -> Floats:
        """Return such sums for several contrasts, of amounts (k, c) times all directions (c,)."""
        found = np.empty(amounts.shape[1])
        step = max(1, _BATCH // (len(self.starts) * self.width))
        for begin in range(0, len(found), step):
            sums = np.ascontiguousarray(self._sums(amounts[:, begin : begin + step]).transpose(2, 0, 1))
            turned = sums.transpose(0, 2, 1)
            # |A A'| = |A'A|: the smaller of the two.
            inner = sums @ turned if sums.shape[1] < sums.shape[2] else turned @ sums
            # Directions of a cluster are orthonormal.
            own = np.einsum("cgp,cgp->cg", sums, sums)
            found[begin : begin + step] = np.sum(inner**2, axis=(1, 2)) - np.sum(own**2, axis=1)
        return found

    def _sums(self, amounts: Floats) -> Floats:
        """Return sums by cluster (G, p, c) of amounts (k, c) times directions."""
        sums = np.empty((len(self.starts), self.width, amounts.shape[1]))
        sizes = np.diff(self.starts, append=len(self.rows))
        for size in np.unique(sizes):
            members = np.flatnonzero(sizes == size)
            at = self.starts[members][:, None] + np.arange(size)
            sums[members] = self.rows[at].transpose(0, 2, 1) @ amounts[at]
        return sums


def dense_directions(whitener: Floats, rows: Floats, owner: Codes) -> DenseDirections:
    """Return the directions of clusters.

    Parameters
    ----------
    whitener
        L with L L' = inverse of the information (p, p).
    rows
        Roots R of the information, R'R (n, p), sorted by cluster.
    owner
        Cluster of each row (n,), numbers from 0 of which all occur.

    Notes
    -----
    Clusters of equal size go through one batched decomposition, of the smaller of R_g R_g' and R_g'R_g.
    """
    rows, width = rows @ whitener, rows.shape[1]
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
    return DenseDirections(whitener, directions, leverages, starts.astype(np.int64))


def _decompose(blocks: Floats) -> tuple[Floats, Floats]:
    """Return row eigenvectors (b, k, p) and eigenvalues (b, k), k = min(m, p), of blocks (b, m, p)."""
    if blocks.shape[1] >= blocks.shape[2]:
        values, columns = np.linalg.eigh(blocks.transpose(0, 2, 1) @ blocks)
        vectors = columns.transpose(0, 2, 1)
        values = np.clip(values, 0.0, 1.0)
        empty = values <= EMPTY
        return np.where(empty[:, :, None], 0.0, vectors), np.where(empty, 0.0, values)
    roots, values = eigenpairs(blocks @ blocks.transpose(0, 2, 1))
    return roots @ blocks, values
