"""Positive definite matrices: as numpy's general methods, and left to these near to having no inverse."""

from __future__ import annotations

import numpy as np
import pytest

from bartleby.analysis.inference.positive import (
    firm_inverse,
    inverses_and_determinants,
    least_pivot,
    quadratic,
    solved,
    times,
)


def matrices(size: int, number: int = 2) -> np.ndarray:
    """Return positive definite matrices whose rows have very different units."""
    rng = np.random.default_rng(size)
    rows = rng.normal(size=(number, 3 * size, size)) * 10.0 ** rng.integers(-3, 4, size)
    return rows.transpose(0, 2, 1) @ rows


@pytest.mark.parametrize("size", [1, 5, 60, 300])
def test_inverses_determinants_and_solutions_are_those_of_general_methods(size: int) -> None:
    both = matrices(size)
    right = np.random.default_rng(1).normal(size=(2, size))
    found, logarithm = inverses_and_determinants(both)
    np.testing.assert_allclose(found @ both, np.broadcast_to(np.eye(size), both.shape), atol=1e-4)
    np.testing.assert_allclose(logarithm, np.linalg.slogdet(both)[1], rtol=1e-10)
    np.testing.assert_allclose(
        solved(both, right), np.linalg.solve(both, right[..., None])[..., 0], rtol=1e-8
    )


@pytest.mark.parametrize("size", [4, 80])
def test_a_singular_matrix_has_a_generalised_inverse_and_no_determinant(size: int) -> None:
    singular = np.ones((1, size, size))
    found, logarithm = inverses_and_determinants(singular)
    assert firm_inverse(singular[0]) is None
    assert least_pivot(singular[0]) < 1e-12
    assert logarithm[0] < -20
    assert np.isfinite(found).all()


@pytest.mark.parametrize("matrix", [-np.eye(3), np.zeros((3, 3)), np.full((3, 3), np.nan)], ids=str)
def test_what_is_not_positive_definite_has_no_pivot(matrix: np.ndarray) -> None:
    assert least_pivot(matrix) == 0.0
    assert firm_inverse(matrix) is None


def test_rows_that_share_most_of_their_numbers_give_what_whole_products_give() -> None:
    matrix = matrices(300, 1)[0]
    shared = np.eye(300) - 1 / 300
    different = np.random.default_rng(2).normal(size=(200, 300))
    for rows in (shared, different, shared[:3]):
        rounding = 1e-11 * np.abs(rows @ matrix).max(axis=0)
        assert np.all(np.abs(times(rows, matrix) - rows @ matrix) <= rounding)
        np.testing.assert_allclose(quadratic(rows, matrix), np.diag(rows @ matrix @ rows.T), rtol=1e-8)
