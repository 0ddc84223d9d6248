"""Tails of replicates that come a few at a time, against all of them at once."""

from __future__ import annotations

import numpy as np
import pytest

from bartleby.analysis.choice.tails import Tails


@pytest.mark.parametrize("tail", [0.005, 0.025, 0.25, 0.49])
@pytest.mark.parametrize("width", [1, 7, 300])
@pytest.mark.parametrize("number", [2, 3, 199, 300])
def test_tails_are_those_of_all_replicates_at_once(tail: float, width: int, number: int) -> None:
    values = 50.0 + np.random.default_rng(1).normal(size=(number, 4)) * [1.0, 1e-3, 1.0, 0.0]
    tails = Tails(4, 300, tail)
    for at in range(0, number, width):
        tails.add(values[at : at + width])
    low, high = tails.interval()
    assert tails.number == number
    np.testing.assert_allclose(low, np.quantile(values, tail, axis=0), rtol=1e-14)
    np.testing.assert_allclose(high, np.quantile(values, 1 - tail, axis=0), rtol=1e-14)
    np.testing.assert_allclose(tails.std_error(), values.std(axis=0, ddof=1), rtol=1e-9, atol=1e-14)


def test_equal_numbers_have_a_place_in_the_order_too() -> None:
    values = np.repeat([[1.0], [2.0]], [40, 60], axis=0)
    tails = Tails(1, 100, 0.1)
    for row in values[::-1]:
        tails.add(row[None])
    np.testing.assert_array_equal(tails.interval(), [[1.0], [2.0]])


def test_fewer_than_two_replicates_tell_nothing() -> None:
    tails = Tails(2, 100, 0.025)
    tails.add(np.empty((0, 2)))
    assert np.isnan(tails.std_error()).all()
    tails.add(np.ones((1, 2)))
    assert np.isnan(tails.std_error()).all()
    assert np.isnan(tails.interval()).all()
