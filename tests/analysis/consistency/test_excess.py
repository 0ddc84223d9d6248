from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.analysis.consistency.excess import (
    chance_variance,
    cross_agreement,
    excess_disagreement,
    excess_of,
    repeat_agreement,
)
from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.inference.means import skewed_bounds
from bartleby.analysis.inference.unit_means import Units


@given(st.lists(st.booleans(), min_size=2, max_size=9))
def test_agreement_of_repeats_is_the_share_of_pairs_of_answers_that_agree(answers: list[bool]) -> None:
    pairs = [a == b for a, b in combinations(answers, 2)]
    assert repeat_agreement([sum(answers)], [len(answers)])[0] == pytest.approx(np.mean(pairs))


def test_agreement_of_one_answer_is_unknown() -> None:
    assert np.isnan(repeat_agreement([1.0], [1.0])[0])


def test_agreement_of_two_cells_is_the_share_of_pairs_of_answers_that_agree() -> None:
    one, other = [1, 1, 0], [1, 0, 0, 0]
    pairs = [a == b for a in one for b in other]
    assert cross_agreement([2], [3], [1], [4])[0] == pytest.approx(np.mean(pairs))


def cells_of(low: list[int], n: list[int], low_y: list[int], n_y: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"low_x": low, "n_x": n, "low_y": low_y, "n_y": n_y}, dtype=float)


def drawn(pairs: int, n: int, *, shift: float, seed: int, lead: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = lead * rng.normal(size=pairs)
    p, q = (1 / (1 + np.exp(-each)) for each in (at, at + shift * rng.normal(size=pairs)))
    size = [n] * pairs
    return cells_of(rng.binomial(n, p).tolist(), size, rng.binomial(n, q).tolist(), size)


def fit(cells: pd.DataFrame, level: float = 0.95, *, by_item: bool = False) -> RateFit:
    size = len(cells)
    value = excess_disagreement(cells)
    items = np.array([(at, at + 1) for at in range(size)], dtype=np.int64).reshape(size, 2)
    units = Units(value, cells["n_x"].to_numpy(dtype=float), np.arange(size), items)
    return excess_of(cells, units, level, by_item=by_item)


@given(st.integers(2, 7), st.integers(2, 7), st.data())
def test_chance_variance_is_that_over_all_ways_to_deal_answers_out(
    n: int, m: int, data: st.DataObject
) -> None:
    taken = data.draw(st.integers(0, n + m))
    answers = [1] * taken + [0] * (n + m - taken)
    low = [sum(answers[at] for at in chosen) for chosen in combinations(range(n + m), n)]
    again = cells_of(low, [n] * len(low), [taken - each for each in low], [m] * len(low))
    expected = np.var(excess_disagreement(again))
    assert chance_variance(again.iloc[:1])[0] == pytest.approx(expected, abs=1e-12)


def test_bounds_without_skew_are_those_of_t_and_skew_to_the_right_moves_both_up() -> None:
    assert skewed_bounds(1.0, 0.5, 2.0, 0.0) == (0.0, 2.0)
    low, high = skewed_bounds(1.0, 0.5, 2.0, 0.3)
    assert low > 0 and high > 2
    # g of the bounds is the critical value.
    t = (1.0 - low) / 0.5
    assert t + 0.3 * t**2 / 3 + 0.09 * t**3 / 27 + 0.05 == pytest.approx(2.0)


def test_the_interval_holds_the_estimate_and_nests_with_the_level() -> None:
    for shift in (0.0, 2.0):
        cells = drawn(12, 6, shift=shift, seed=3)
        narrow, wide = fit(cells, 0.8), fit(cells, 0.99)
        assert -1 <= wide.low < narrow.low < narrow.estimate < narrow.high < wide.high <= 1


def test_few_pairs_leave_room_for_pairs_unlike_them() -> None:
    seen = RateFit(0.0, 0.01, -0.02, 0.02, 7.0, "t")
    assert with_room(seen, 8, 0.95).high == pytest.approx(2.9957 / 10.9957, abs=1e-4)
    assert with_room(seen, 40, 0.95).high == pytest.approx(2.9957 / 42.9957, abs=1e-4)
    narrow = RateFit(0.0, 0.001, -0.002, 0.002, 7.0, "t")
    assert with_room(narrow, 90, 0.95).high == pytest.approx(0.9986 / 90.9986, abs=1e-4)
    assert with_room(seen, 200, 0.95) == seen
    # At the other limit, below; towards an infinite one, not at all.
    full = RateFit(1.0, 0.01, 0.98, 1.0, 7.0, "t")
    assert with_room(full, 8, 0.95).low == pytest.approx(8 / 10.9957, abs=1e-4)
    assert with_room(full, 8, 0.95, limits=(-math.inf, 1.0)) == full
    nothing = RateFit(0.0, math.nan, math.nan, math.nan, math.nan, "undefined")
    assert with_room(nothing, 8, 0.95) is nothing


def test_a_mean_of_squares_has_the_longer_side_above() -> None:
    found = fit(drawn(12, 40, shift=1.5, seed=5))
    assert found.high - found.estimate > found.estimate - found.low > 0
    assert found.method.startswith("skewed t")


def test_answers_that_vary_by_accident_alone_are_not_taken_for_a_sure_nothing() -> None:
    # Between the pairs the excess hardly varies here, and yet two answers each say little of it.
    cells = cells_of([1] * 6, [2] * 6, [1, 1, 1, 1, 1, 2], [2] * 6)
    found = fit(cells)
    by_chance = 1.96 * np.sqrt(chance_variance(cells).sum()) / 6
    assert found.high >= found.estimate + by_chance * 0.999
    assert found.low <= found.estimate - by_chance * 0.999


def test_where_every_answer_is_the_same_there_is_an_interval_with_a_width() -> None:
    same = fit(cells_of([5] * 20, [5] * 20, [5] * 20, [5] * 20))
    assert same.estimate == 0
    assert same.low < 0 < same.high < 0.2
    other = fit(cells_of([5] * 20, [5] * 20, [0] * 20, [5] * 20))
    assert other.estimate == 1
    assert 0.7 < other.low < 1 == other.high
    assert "no variation" in same.method and "no variation" in other.method


def test_one_pair_that_makes_up_the_variance_is_not_relied_on() -> None:
    cells = cells_of([5] * 9 + [3], [5] * 10, [5] * 9 + [1], [5] * 10)
    found = fit(cells)
    assert "square-and-add" in found.method
    assert found.high > 0.1


def test_by_item_it_is_a_t_interval_or_square_and_add() -> None:
    assert fit(drawn(12, 6, shift=1.0, seed=3), by_item=True).method == "t, shared items"
    same = fit(cells_of([5] * 12, [5] * 12, [5] * 12, [5] * 12), by_item=True)
    assert same.low < 0 < same.high


def test_no_cell_and_one_cluster_have_no_interval() -> None:
    assert np.isnan(fit(drawn(1, 6, shift=1.0, seed=3)).low)
    assert np.isnan(fit(drawn(0, 6, shift=1.0, seed=3)).estimate)
