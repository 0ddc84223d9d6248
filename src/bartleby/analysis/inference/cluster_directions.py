"""The information of each cluster, taken apart into directions: what small-sample corrections are made of.

In the coordinates in which the total information is the identity, the information of a cluster has
eigenvalues between 0 and 1 (leverages: how much of what is known in a direction comes from this cluster
alone) and orthonormal eigenvectors. `dense_clusters` keeps them as dense rows, `sparse_clusters` as sparse
rows where a cluster touches few of many parameters.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

__all__ = ["EMPTY", "EVERY", "Directions", "Matrix", "added_squares", "eigenpairs", "members", "owners"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Matrix: TypeAlias = Floats | sparse.csr_array

EVERY = slice(None)
EMPTY = 1e-12
"""A leverage below this is rounding."""
_BLOCK = 256
"""Parameters whose products are made together."""


class Directions(Protocol):
    """Directions of all clusters, those of a cluster next to each other."""

    @property
    def leverages(self) -> Floats:
        """Eigenvalue of each direction, in (0, 1], or 0 where there is no such direction (k,)."""

    @property
    def starts(self) -> Integers:
        """First direction of each cluster (G,)."""

    @property
    def width(self) -> int:
        """Number of parameters p."""

    def coordinates(self, contrasts: Floats) -> Floats:
        """Return contrasts (c, p) in the coordinates that `along` takes (p, c)."""

    def lengths(self, contrasts: Floats, coordinates: Floats) -> Floats:
        """Return the model's variances of contrasts (c, p): their squared lengths when whitened (c,)."""

    def added_squares(self, coordinates: Floats, weights: Floats) -> Floats:
        """Return weighted sums of squares of how far contrasts go along all directions (c,)."""

    def along(self, coordinates: Floats, chosen: Integers | slice = EVERY) -> Floats:
        """Return how far contrasts go along directions: all, or those chosen (k, c)."""

    def corrected(self, sums: Matrix, factor: Floats) -> Matrix:
        """Return scores by cluster (G, p) with factors (k,) along directions, for `coordinates`."""

    def covariance(self, corrected: Matrix) -> Floats:
        """Return the covariance (p, p) from corrected scores."""

    def dispersion(self, corrected: Matrix) -> float:
        """Return the trace of the covariance from corrected scores times the information."""

    def square(
        self, amounts: Floats, chosen: Integers | slice = EVERY, owner: Integers | None = None
    ) -> float:
        """Return the sum of squares of inner products between different clusters.

        They are of the sums of amounts (k,) times directions: of all, or of those chosen, which belong to
        clusters `owner`, numbered from 0.
        """

    def squares(self, amounts: Floats) -> Floats:
        """Return such sums for several contrasts, of amounts (k, c) times all directions (c,)."""


def added_squares(rows: Matrix, coordinates: Floats, weights: Floats | None = None) -> Floats:
    """Return weighted sums of squares of the products of rows (n, p) and coordinates (p, c).

    Rows are added up into a matrix of parameters first, so that no product of a row and a contrast is made.
    """
    weighted = rows if weights is None else rows * weights[:, None]
    product = rows.T @ weighted
    middle: Matrix = sparse.csr_array(product) if sparse.issparse(product) else product
    sums = np.zeros(coordinates.shape[1])
    for begin in range(0, len(coordinates), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        sums += np.einsum("pc,pc->c", coordinates[part], middle[part] @ coordinates)
    return sums


def members(directions: Directions, clusters: Integers) -> tuple[Integers, Integers]:
    """Return the directions of some clusters, and which of these each belongs to."""
    ends = np.append(directions.starts, len(directions.leverages))
    sizes = ends[clusters + 1] - ends[clusters]
    owner = np.repeat(np.arange(len(clusters)), sizes)
    first = ends[clusters] - np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return first[owner] + np.arange(len(owner)), owner


def owners(directions: Directions) -> npt.NDArray[np.intp]:
    """Return the cluster of each direction (k,)."""
    ends = np.append(directions.starts[1:], len(directions.leverages))
    return np.repeat(np.arange(len(ends)), ends - directions.starts)


def eigenpairs(inner: Floats) -> tuple[Floats, Floats]:
    """Return eigenvectors of R R' (b, m, m), one a row, over the root of their eigenvalues (b, m), and these.

    Such a row times R is a unit eigenvector of R'R. Where an eigenvalue is only rounding, both are zero.
    """
    values, columns = np.linalg.eigh(inner)
    values = np.clip(values, 0.0, 1.0)
    empty = values <= EMPTY
    scale = np.where(empty, 0.0, 1.0 / np.sqrt(np.where(empty, 1.0, values)))
    return columns.transpose(0, 2, 1) * scale[:, :, None], np.where(empty, 0.0, values)
