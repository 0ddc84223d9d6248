from __future__ import annotations

import numpy as np
import pytest

from bartleby.analysis.inference.effective_size import effective_size


def chains(correlation: float, *, number: int = 8, size: int = 4000, seed: int = 0) -> np.ndarray:
    """Return autoregressive chains of variance 1."""
    rng = np.random.default_rng(seed)
    values = np.empty((number, size))
    values[:, 0] = rng.normal(size=number)
    for at in range(1, size):
        noise = np.sqrt(1 - correlation**2) * rng.normal(size=number)
        values[:, at] = correlation * values[:, at - 1] + noise
    return values


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_autoregressive_chains_are_worth_what_theory_says(correlation: float) -> None:
    expected = 8 * 4000 * (1 - correlation) / (1 + correlation)
    assert effective_size(chains(correlation)) == pytest.approx(expected, rel=0.15)


def test_chains_that_have_not_met_are_worth_little() -> None:
    apart = chains(0.0, number=4, size=500) + 5 * np.arange(4)[:, None]
    assert effective_size(apart) < 10


def test_too_few_draws_and_none_that_vary_are_undefined() -> None:
    assert np.isnan(effective_size(np.zeros((4, 3))))
    assert np.isnan(effective_size(np.ones((4, 50))))
    assert effective_size(chains(0.2, number=1, size=200)) > 50
