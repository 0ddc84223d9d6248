"""Dependence and phi of two events, from counts by cluster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.inference.association import dependence, phi


def test_dependence_of_independent_trials_has_the_multinomial_variance() -> None:
    cells = np.array([12.0, 3.0, 20.0, 65.0])
    fit = dependence(cells, 0.95, clustered=False)
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(100, cells / 100, size=20_000) / 100
    values = drawn[:, 0] - (drawn[:, 0] + drawn[:, 1]) * (drawn[:, 0] + drawn[:, 2])
    assert fit.std_error == pytest.approx(values.std(), rel=0.03)


def test_one_event_that_follows_from_the_other_has_no_interval() -> None:
    assert np.isnan(phi([10, 0, 0, 10], 0.95, clustered=False).low)


def test_one_cluster_says_nothing_of_others() -> None:
    assert np.isnan(dependence([[3, 2, 4, 5]], 0.95, clustered=True).low)


def test_the_jackknife_of_single_trials_is_close_to_independence() -> None:
    rows = np.repeat(np.eye(4), [24, 6, 40, 130], axis=0)
    for of in (dependence, phi):
        one, other = of(rows, 0.95, clustered=True), of(rows, 0.95, clustered=False)
        assert one.estimate == other.estimate
        assert one.std_error == pytest.approx(other.std_error, rel=0.03)


def test_an_event_that_one_cluster_alone_has_is_not_known_of_others() -> None:
    fit = phi([[3, 2, 1, 4], [0, 0, 5, 5], [0, 0, 4, 6]], 0.95, clustered=True)
    assert np.isnan(fit.low)
    assert "one cluster alone" in fit.method


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=3, max_size=12), st.booleans())
@settings(max_examples=80, deadline=None)
def test_intervals_hold_their_estimate_and_stay_in_range(
    rows: list[tuple[int, ...]], clustered: bool
) -> None:
    table = np.array(rows, dtype=float)
    if table.sum() == 0:
        return
    for of in (dependence, phi):
        fit = of(table, 0.95, clustered=clustered)
        if not np.isnan(fit.low):
            assert -1 <= fit.low <= fit.estimate <= fit.high <= 1
            assert fit.low < fit.high
