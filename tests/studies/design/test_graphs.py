"""Pair graphs are connected, without repeats, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.errors import DesignError, SettingError
from bartleby.studies.design.graphs import AllPairs, Pair, PairGraph, SparsePairs, SwissRounds, components


def draw(graph: PairGraph, count: int, seed: int = 0) -> list[Pair]:
    return graph.pairs([f"i{k}" for k in range(count)], np.random.default_rng(seed), 0, [], {})


@given(count=st.integers(2, 40), degree=st.integers(2, 9), seed=st.integers(0, 99))
def test_a_sparse_graph_is_connected_without_loops_or_repeats(count: int, degree: int, seed: int) -> None:
    pairs = draw(SparsePairs(degree), count, seed)
    assert len(components([f"i{k}" for k in range(count)], pairs)) == 1
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) <= SparsePairs(degree).count(count)
    assert all(one != other for one, other in pairs)


def test_a_hub_meets_every_other_item() -> None:
    pairs = draw(SparsePairs(2, hubs=("i3",)), 20)
    assert {one if other == "i3" else other for one, other in pairs if "i3" in (one, other)} == {
        f"i{k}" for k in range(20) if k != 3
    }


def test_all_pairs_are_all_pairs() -> None:
    assert len(draw(AllPairs(), 9)) == AllPairs().count(9) == 36


def test_the_same_seed_gives_the_same_pairs_and_another_seed_others() -> None:
    assert draw(SparsePairs(4), 30, 5) == draw(SparsePairs(4), 30, 5) != draw(SparsePairs(4), 30, 6)


@given(count=st.integers(3, 25), rounds=st.integers(1, 6), seed=st.integers(0, 20))
def test_swiss_rounds_never_repeat_a_pair_and_end_connected(count: int, rounds: int, seed: int) -> None:
    graph, ids = SwissRounds(rounds), [f"i{k}" for k in range(count)]
    rng = np.random.default_rng(seed)
    pairs: list[Pair] = []
    for number in range(rounds):
        scores = {name: float(rng.random()) for name in ids}
        pairs += graph.pairs(ids, rng, number, pairs, scores)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) <= graph.count(count)
    assert len(components(ids, pairs)) == 1


def test_swiss_rounds_pair_neighbours_in_score() -> None:
    ids = [f"i{k}" for k in range(10)]
    scores = {name: float(k) for k, name in enumerate(ids)}
    pairs = SwissRounds(5).pairs(ids, np.random.default_rng(0), 1, [], scores)
    assert {frozenset(pair) for pair in pairs} == {frozenset((f"i{k}", f"i{k + 1}")) for k in range(0, 10, 2)}


def test_the_last_half_of_swiss_rounds_is_random_unless_another_number_is_set() -> None:
    assert [SwissRounds(8).adapts(number) for number in range(8)] == [False, *[True] * 3, *[False] * 4]
    assert not any(SwissRounds(2).adapts(number) for number in range(2))
    assert sum(SwissRounds(8, random_rounds=0).adapts(number) for number in range(8)) == 7
    ids = [f"i{k}" for k in range(40)]
    scores = {name: float(k) for k, name in enumerate(ids)}
    late = SwissRounds(4).pairs(ids, np.random.default_rng(0), 3, [], scores)
    assert sum(abs(int(one[1:]) - int(other[1:])) > 5 for one, other in late) > 10


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(SettingError, match="degree is 1"):
        SparsePairs(1)
    with pytest.raises(SettingError, match="rounds is 0"):
        SwissRounds(0)
    with pytest.raises(SettingError, match="random_rounds is 4; allowed: 0 to 3"):
        SwissRounds(3, random_rounds=4)
    with pytest.raises(DesignError, match="hub 'x' is not an item"):
        draw(SparsePairs(2, hubs=("x",)), 5)
