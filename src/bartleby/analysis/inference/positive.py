"""Inverses, determinants and solutions of positive definite matrices, such as an information.

Cholesky's method takes a third of what a general one takes. It is used for large matrices that are not near
to having no inverse; others are left to numpy, which takes many small ones together.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

__all__ = [
    "firm_inverse",
    "inverses_and_determinants",
    "least_pivot",
    "mirrored",
    "quadratic",
    "solved",
    "times",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Root: TypeAlias = tuple[Floats, Floats]

_LARGE = 48
"""Rows from which on a matrix gets a call of its own."""
_FIRM = 1e-5
"""Least pivot of the root, of a unit diagonal, from which on an inverse needs no other method."""
_BLOCK = 256
_MANY = 40_000
"""Numbers of rows from which on it pays to look for what they share."""
_SAMPLE = 15
"""Rows whose median is taken for what all share."""
_FEW = 30
"""Numbers a row may have of its own where rows share the others."""


def firm_inverse(matrix: Floats, *, overwrite: bool = False) -> Floats | None:
    """Return the inverse of a matrix (q, q), which may be overwritten; None where it has hardly any."""
    root = _root(matrix, overwrite=overwrite)
    return None if root is None else _inverse(*root)


def inverses_and_determinants(matrices: Floats) -> tuple[Floats, Floats]:
    """Return inverses of matrices (B, q, q) and logarithms of their determinants (B,).

    Inverses are generalised where one has none; a determinant that is not above zero has -inf.
    """
    if matrices.shape[-1] < _LARGE:
        return _general(matrices)
    found = [_firm(matrix) or _of_one(matrix) for matrix in matrices]
    return _together([inverse for inverse, _ in found]), np.array([logarithm for _, logarithm in found])


def solved(matrices: Floats, right: Floats) -> Floats:
    """Return solutions (B, q) of systems (B, q, q) with right-hand sides (B, q).

    Raises
    ------
    LinAlgError
        A matrix is singular.
    """
    if matrices.shape[-1] >= _LARGE:
        return np.stack([_solution(matrix, side) for matrix, side in zip(matrices, right, strict=True)])
    return np.asarray(np.linalg.solve(matrices, right[..., None])[..., 0], dtype=np.float64)


def mirrored(matrix: Floats) -> Floats:
    """Write the lower triangle of a matrix over its upper one, in place."""
    for begin in range(0, len(matrix), _BLOCK):
        own = slice(begin, begin + _BLOCK)
        lower = np.tril(matrix[own, own])
        matrix[own, own] = lower + np.tril(lower, -1).T
        matrix[own, begin + _BLOCK :] = matrix[begin + _BLOCK :, own].T
    return matrix


def times(rows: Floats, matrix: Floats) -> Floats:
    """Return rows (c, q) times a symmetric matrix (q, q).

    What is measured against one mean shares nearly all of its numbers: then the others are few.
    """
    if rows.size < _MANY:
        return np.asarray(rows @ matrix)
    shared = np.median(rows[:: max(1, len(rows) // _SAMPLE)], axis=0)
    own = _differences(rows, shared)
    if own.nnz > len(rows) * _FEW:
        return np.asarray(rows @ matrix)
    product: Floats = own @ matrix
    product += shared @ matrix
    return product


def quadratic(rows: Floats, matrix: Floats) -> Floats:
    """Return r'Mr for rows r (c, q) and a symmetric matrix M (q, q), c of them."""
    return np.asarray(np.einsum("cq,cq->c", times(rows, matrix), rows))


def _differences(rows: Floats, shared: Floats) -> sparse.csr_array:
    """Return what rows differ by from one row, a few at a time as most of it is nothing."""
    step = max(1, _MANY // max(len(shared), 1))
    parts = [sparse.csr_array(rows[at : at + step] - shared) for at in range(0, len(rows), step)]
    return sparse.csr_array(sparse.vstack(parts, format="csr"))


def least_pivot(matrix: Floats) -> float:
    """Return the least squared pivot of a matrix of unit diagonal; 0 where it is not positive definite."""
    decomposed = _decomposed(matrix)
    return 0.0 if decomposed is None else float(np.min(np.diagonal(decomposed[0]), initial=1.0)) ** 2


def _decomposed(matrix: Floats, *, overwrite: bool = False) -> Root | None:
    """Return the lower root of a matrix brought to a unit diagonal, and by what it was divided."""
    with np.errstate(invalid="ignore"):
        scale = np.sqrt(np.diagonal(matrix))
    if not (np.all(np.isfinite(scale)) and np.all(scale > 0)):
        return None
    scaled = np.divide(matrix, scale, out=matrix if overwrite else None)
    scaled /= scale[:, None]
    # Symmetric, so that its transpose is the same by columns, as LAPACK takes it without a copy.
    root, failed = linalg.lapack.dpotrf(scaled.T, lower=1, overwrite_a=1)
    return None if failed else (root, scale)


def _root(matrix: Floats, *, overwrite: bool = False) -> Root | None:
    """Return the same where the matrix is far enough from having no inverse."""
    decomposed = _decomposed(matrix, overwrite=overwrite)
    if decomposed is None or not np.min(np.diagonal(decomposed[0]), initial=1.0) > _FIRM:
        return None
    return decomposed


def _inverse(root: Floats, scale: Floats) -> Floats:
    """Return the inverse from a root, in whose place it is written."""
    inverse: Floats = mirrored(linalg.lapack.dpotri(root, lower=1, overwrite_c=1)[0]).T
    inverse /= scale
    inverse /= scale[:, None]
    return inverse


def _solution(matrix: Floats, right: Floats) -> Floats:
    root = _root(matrix)
    if root is None:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    solution: Floats = linalg.lapack.dpotrs(root[0], right / root[1], lower=1)[0] / root[1]
    return solution


def _firm(matrix: Floats) -> tuple[Floats, float] | None:
    """Return the inverse of one matrix and the logarithm of its determinant; None as `firm_inverse`."""
    root = _root(matrix)
    if root is None:
        return None
    logarithm = 2 * float(np.sum(np.log(np.diagonal(root[0]) * root[1])))
    return _inverse(*root), logarithm


def _of_one(matrix: Floats) -> tuple[Floats, float]:
    found, logarithm = _general(matrix[None])
    return found[0], float(logarithm[0])


def _general(matrices: Floats) -> tuple[Floats, Floats]:
    """Return the same by methods for any matrix."""
    sign, logarithm = np.linalg.slogdet(matrices)
    try:
        found = np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(matrices, hermitian=True)
    return found.astype(np.float64, copy=False), np.where(sign > 0, logarithm, -np.inf)


def _together(matrices: list[Floats]) -> Floats:
    """Return matrices as one array, without a copy if there is only one."""
    return matrices[0][None] if len(matrices) == 1 else np.stack(matrices)
