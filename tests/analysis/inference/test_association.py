"""Dependence and phi of two events, from counts by cluster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.inference.association import dependence, phi
from bartleby.analysis.inference.intervals import clustered_rate, independent_rate


def test_dependence_of_independent_trials_has_the_multinomial_variance() -> None:
    cells = np.array([12.0, 3.0, 20.0, 65.0])
    fit = dependence(cells, 0.95, clustered=False)
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(100, cells / 100, size=20_000) / 100
    values = drawn[:, 0] - (drawn[:, 0] + drawn[:, 1]) * (drawn[:, 0] + drawn[:, 2])
    assert fit.std_error == pytest.approx(values.std(), rel=0.03)


def test_one_event_that_follows_from_the_other_has_an_interval_that_ends_at_one() -> None:
    fit = phi([10, 0, 0, 10], 0.95, clustered=False)
    assert (fit.estimate, fit.high) == (1, 1)
    assert 0.4 < fit.low < 0.9


@pytest.mark.parametrize("clustered", [True, False])
def test_an_empty_cell_is_not_known_to_stay_empty(clustered: bool) -> None:
    table = np.array([[0, 2, 3, 15], [0, 0, 4, 16], [0, 3, 0, 17], [0, 1, 2, 17]] * 3)
    fit = phi(table, 0.95, clustered=clustered)
    # What the upper bound of `both` alone allows, the rest being as it was.
    bound = (
        clustered_rate(table[:, 0], table.sum(axis=1), 0.95) if clustered else independent_rate(0, 240, 0.95)
    )
    one, other = table[:, 1].sum() / 240, table[:, 2].sum() / 240
    p, q = bound.high + one, bound.high + other
    alone = (bound.high - p * q) / np.sqrt(p * (1 - p) * q * (1 - q))
    assert fit.low < fit.estimate < 0 < alone < fit.high


def test_naming_the_absence_of_an_event_turns_phi_round() -> None:
    table = np.array([[5, 2, 3, 10], [1, 4, 2, 13], [6, 0, 1, 13], [2, 2, 5, 11]])
    one, other = phi(table, 0.95, clustered=True), phi(table[:, [1, 0, 3, 2]], 0.95, clustered=True)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_order_of_clusters_does_not_matter() -> None:
    table = np.array([[5, 2, 3, 10], [1, 4, 2, 13], [6, 0, 1, 13], [2, 2, 5, 11]])
    one, other = phi(table, 0.95, clustered=True), phi(table[::-1], 0.95, clustered=True)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-12)


def test_one_cluster_says_nothing_of_others() -> None:
    assert np.isnan(dependence([[3, 2, 4, 5]], 0.95, clustered=True).low)


def test_the_jackknife_of_single_trials_is_close_to_independence() -> None:
    rows = np.repeat(np.eye(4), [24, 6, 40, 130], axis=0)
    for of in (dependence, phi):
        one, other = of(rows, 0.95, clustered=True), of(rows, 0.95, clustered=False)
        assert one.estimate == other.estimate
        assert one.std_error == pytest.approx(other.std_error, rel=0.03)


def test_an_event_that_one_cluster_alone_has_says_little() -> None:
    fit = phi([[3, 2, 1, 4], [0, 0, 5, 5], [0, 0, 4, 6]], 0.95, clustered=True)
    assert np.isnan(fit.std_error)
    assert fit.high - fit.low > 1


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=3, max_size=12), st.booleans())
@settings(max_examples=80)
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
