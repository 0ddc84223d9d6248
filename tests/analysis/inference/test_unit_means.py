from __future__ import annotations

import math

import numpy as np
import pytest

from bartleby.analysis.inference.unit_means import Units, mean_of, share_of, shared_item_variance


def units(value: list[float], items: list[tuple[int, int]]) -> Units:
    size = len(value)
    return Units(np.array(value), np.ones(size), np.arange(size), np.array(items).reshape(size, 2))


def test_the_variance_over_shared_items_is_the_sum_over_dependent_units() -> None:
    rng = np.random.default_rng(1)
    low, high = np.triu_indices(9, 1)
    effect = rng.normal(size=9)
    value = effect[low] + effect[high] + 0.1 * rng.normal(size=len(low))
    residual = value - value.mean()
    products, dependent = 0.0, 0
    for at in range(len(low)):
        for other in range(len(low)):
            if {low[at], high[at]} & {low[other], high[other]}:
                products += residual[at] * residual[other]
                dependent += 1
    found = shared_item_variance(residual, np.stack([low, high], axis=1), np.ones(len(low)))
    assert found == pytest.approx(products / (1 - dependent / len(low) ** 2))


def test_units_without_items_in_common_are_as_good_as_independent() -> None:
    found = units([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], [(2 * at, 2 * at + 1) for at in range(6)])
    by_item, by_pair = mean_of(found, 0.95, by_item=True), mean_of(found, 0.95)
    assert by_item.std_error == pytest.approx(by_pair.std_error)


def test_three_items_say_nothing_of_new_ones() -> None:
    found = share_of(units([0.2, 0.4, 0.6], [(0, 1), (1, 2), (0, 2)]), 0.95, by_item=True)
    assert found.estimate == pytest.approx(0.4)
    assert math.isnan(found.low)


def test_nothing_to_average_is_undefined() -> None:
    empty = units([], [])
    assert math.isnan(share_of(empty, 0.95).estimate)
    assert math.isnan(mean_of(empty, 0.95).estimate)


def test_a_mean_that_does_not_vary_has_no_interval() -> None:
    found = mean_of(units([0.5] * 4, [(0, 1), (1, 2), (2, 3), (3, 4)]), 0.95)
    assert found.estimate == 0.5
    assert math.isnan(found.low)


def test_a_share_of_one_has_an_interval_by_item_as_well() -> None:
    low, high = np.triu_indices(6, 1)
    found = share_of(units([1.0] * 15, list(zip(low, high, strict=True))), 0.95, by_item=True)
    assert found.estimate == found.high == 1
    # By hand: Wilson of sqrt(15 * 2.5 / 2) with t of 1.5 degrees of freedom.
    assert found.low == pytest.approx(0.1068, abs=1e-4)
