"""Intervals of labels drawn by stratum: written-out values, limits, and rare codes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bartleby.analysis.coding.by_stratum import Strata, Worth, called_interval, jeffreys, stratified_interval

ALONE = Worth(1.0, math.inf)
CALLED = np.array([False, True])


def strata(*positive: float, labels: float = 100, units: tuple[float, ...] = (1870, 130)) -> Strata:
    return Strata(np.array(units), np.full(len(units), labels), np.array(positive))


@pytest.mark.parametrize(
    ("positive", "level", "expected"),
    [
        # qbeta of R 4.2, squared and added by hand.
        ((0, 25), 0.95, (0.0105672271548, 0.0402856449496)),
        ((2, 25), 0.95, (0.0191385954059, 0.0753012458827)),
        ((2, 25), 0.90, (0.0208132142613, 0.0674166034709)),
    ],
)
def test_the_bounds_of_strata_are_squared_and_added(
    positive: tuple[float, float], level: float, expected: tuple[float, float]
) -> None:
    those = strata(*positive)
    found = stratified_interval(those, those.estimate, ALONE, level)
    assert found == pytest.approx(expected, abs=1e-9)


def test_of_one_stratum_the_interval_is_that_of_jeffreys() -> None:
    one = strata(7, units=(500,))
    low, high = jeffreys(np.array([0.07]), np.array([100.0]), 0.95)
    assert stratified_interval(one, 0.07, ALONE, 0.95) == pytest.approx((low[0], high[0]))


@pytest.mark.parametrize(("positive", "end"), [(0.0, 0), (100.0, 1)])
def test_labels_that_are_all_alike_have_a_width_but_no_bound_on_the_wrong_side(
    positive: float, end: int
) -> None:
    those = strata(positive, positive)
    bounds = stratified_interval(those, those.estimate, ALONE, 0.95)
    assert bounds[end] == end
    assert 0.01 < bounds[1] - bounds[0] < 0.1
    assert those.alike
    assert those.unseen > 0


def test_more_labels_narrow_the_interval_and_clusters_widen_it() -> None:
    few, many = strata(2, 25), strata(20, 250, labels=1000, units=(18700, 1300))

    def width(those: Strata, worth: Worth) -> float:
        low, high = stratified_interval(those, those.estimate, worth, 0.95)
        return high - low

    assert width(many, ALONE) == pytest.approx(width(few, ALONE) / math.sqrt(10), rel=0.15)
    assert width(few, Worth(0.5, math.inf)) > 1.3 * width(few, ALONE)
    assert width(few, Worth(1.0, 4.0)) > 1.3 * width(few, ALONE)


def test_without_degrees_of_freedom_there_is_no_interval() -> None:
    assert all(map(math.isnan, stratified_interval(strata(2, 25), 0.03, Worth(1.0, 0.0), 0.95)))
    assert all(map(math.isnan, called_interval(strata(2, 25), CALLED, Worth(1.0, 0.0), 0.95)))


@pytest.mark.parametrize("positive", [(0, 25), (2, 25), (40, 25), (90, 1), (50, 0), (1, 100)])
def test_the_interval_of_a_sensitivity_holds_its_estimate(positive: tuple[float, float]) -> None:
    those = strata(*positive)
    found = those.weight * those.share
    low, high = called_interval(those, CALLED, ALONE, 0.95)
    assert 0 <= low <= found[1] / found.sum() <= high <= 1
    assert low < high


def test_a_sensitivity_is_one_less_what_is_missed() -> None:
    those = strata(2, 25)
    low, high = called_interval(those, CALLED, ALONE, 0.95)
    assert called_interval(those, ~CALLED, ALONE, 0.95) == pytest.approx((1 - high, 1 - low))


def test_nothing_missed_among_the_labels_is_not_nothing_missed() -> None:
    low, high = called_interval(strata(0, 25), CALLED, ALONE, 0.95)
    assert high == 1
    assert low < 0.7
    assert all(map(math.isnan, called_interval(strata(0, 0), CALLED, ALONE, 0.95)))


def test_with_every_weight_known_a_sensitivity_from_many_labels_is_that_of_the_delta_method() -> None:
    those = strata(4000, 25000, labels=100_000, units=(1.5e9, 5e8))
    hits, missed = 0.25 * 0.25, 0.75 * 0.04
    log_odds = math.sqrt(0.75 / 25_000 + 0.96 / 4_000)
    value = hits / (hits + missed)
    half = 1.959964 * log_odds * value * (1 - value)
    low, high = called_interval(those, CALLED, ALONE, 0.95)
    assert (low, high) == pytest.approx((value - half, value + half), abs=half / 50)
