"""The information that weighted cells give on parameters, applied to vectors without its matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

__all__ = ["Information", "cell_information"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_WIDE = 4
"""A parameter that bears on more than one in so many cells is taken by itself."""


@dataclass(frozen=True, eq=False)
class Information:
    """X' diag(weight) X as something to be applied: cells that are alike but for their order count as one.

    Parameters
    ----------
    narrow, wide
        Parameters that bear on few cells, and those that bear on many, such as the slot effect.
    rows, columns
        Features of cells in the narrow ones, each kind of cell once (G, n), and turned.
    summed
        Adds up weights of the cells of a kind (G, M).
    shared
        What the cells of each wide parameter add up to in the narrow ones, (n, M) each.
    squares
        Products of wide parameters in each cell, (w, w, M).
    """

    narrow: Integers
    wide: Integers
    rows: sparse.csr_array
    columns: sparse.csr_array
    summed: sparse.csr_array
    shared: list[sparse.csr_array]
    squares: Floats

    def of(self, weight: Floats) -> Callable[[Floats], Floats]:
        """Return what multiplies vectors (K, q) by the information with these weights (M, K)."""
        kinds = np.asarray(self.summed @ weight)
        across = [np.asarray(part @ weight) for part in self.shared]
        within = self.squares @ weight

        def times(vectors: Floats) -> Floats:
            few, many = vectors[:, self.narrow].T, vectors[:, self.wide].T
            product = np.empty(vectors.shape)
            near = np.asarray(self.columns @ (kinds * np.asarray(self.rows @ few)))
            for part, value in zip(across, many, strict=True):
                near += part * value
            product[:, self.narrow] = near.T
            for at, (part, column) in enumerate(zip(across, self.wide.tolist(), strict=True)):
                product[:, column] = np.sum(part * few, axis=0) + np.sum(within[at] * many, axis=0)
            return product

        return times


def cell_information(X: sparse.csr_array) -> Information:
    """Return the information of cells with these features (M, q)."""
    columns = sparse.csr_array(X.T)
    broad = np.diff(columns.indptr) > X.shape[0] / _WIDE
    narrow, wide = (np.flatnonzero(part).astype(np.int64) for part in (~broad, broad))
    few, many = sparse.csr_array(X[:, narrow]), X[:, wide].toarray()
    few.sort_indices()
    sign = np.ones(few.shape[0])
    filled = np.flatnonzero(np.diff(few.indptr))
    sign[filled] = np.sign(few.data[few.indptr[filled]])
    turned = sparse.csr_array(sparse.diags_array(sign) @ few)
    turned.sort_indices()
    kinds: dict[bytes, int] = {}
    kind = [
        kinds.setdefault(turned.indices[a:b].tobytes() + turned.data[a:b].tobytes(), len(kinds))
        for a, b in zip(turned.indptr[:-1], turned.indptr[1:], strict=True)
    ]
    _, first = np.unique(kind, return_index=True)
    rows = turned[first]
    cells = np.arange(few.shape[0])
    summed = sparse.csr_array((np.ones(len(cells)), (kind, cells)), shape=(len(kinds), len(cells)))
    shared = [sparse.csr_array(few.T @ sparse.diags_array(part)) for part in many.T]
    squares = many.T[:, None] * many.T[None]
    return Information(narrow, wide, rows, sparse.csr_array(rows.T), summed, shared, squares)
