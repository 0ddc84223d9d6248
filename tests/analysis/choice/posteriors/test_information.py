"""The information of weighted cells, applied without its matrix."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bartleby.analysis.choice.posteriors.information import cell_information


@pytest.mark.parametrize("slots", [0, 1, 2])
def test_the_information_applied_is_its_matrix_times_the_vectors(slots: int) -> None:
    rng = np.random.default_rng(slots)
    first, second = np.triu_indices(12, 1)
    # Both orders of each pair, one item at zero, and slot effects of every cell or of every other.
    pairs = np.concatenate([np.stack([first, second], axis=1), np.stack([second, first], axis=1)])
    X = (np.eye(12)[pairs[:, 0]] - np.eye(12)[pairs[:, 1]])[:, :11]
    X = np.column_stack([X, *[np.arange(len(X)) % slots == at for at in range(slots)]])
    weight = rng.gamma(1.0, size=(len(X), 3))
    vectors = rng.normal(size=(3, X.shape[1]))
    wanted = np.einsum("mp,mk,mq,kq->kp", X, weight, X, vectors, optimize=True)
    information = cell_information(sparse.csr_array(X))
    np.testing.assert_allclose(information.of(weight)(vectors), wanted, atol=1e-10)
    assert information.rows.shape[0] <= len(first) + 1
