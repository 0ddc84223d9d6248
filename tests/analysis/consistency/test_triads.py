from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pytest

from bartleby.analysis.consistency.triads import (
    Tournament,
    cyclic_share_interval,
    cyclic_share_variance,
    cyclic_triads,
    largest_cyclic_count,
    largest_cyclic_share,
    majorities,
    number_of_triads,
)


def drawn(
    seed: int, items: int, chance: float = 1.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    matrix, asked = np.zeros((items, items)), np.zeros((items, items))
    for a, b in combinations(range(items), 2):
        if rng.random() < chance:
            matrix[a, b] = rng.choice([0.0, 0.5, 1.0])
            matrix[b, a] = 1 - matrix[a, b]
            asked[a, b] = asked[b, a] = 1
    return matrix, asked


def by_hand(matrix: npt.NDArray[np.float64], asked: npt.NDArray[np.float64]) -> list[tuple[set[int], float]]:
    found = []
    for a, b, c in combinations(range(len(asked)), 3):
        if asked[a, b] and asked[b, c] and asked[a, c]:
            one = matrix[a, b] * matrix[b, c] * matrix[c, a]
            found.append(({a, b, c}, float(one + matrix[b, a] * matrix[c, b] * matrix[a, c])))
    return found


@pytest.mark.parametrize("chance", [1.0, 0.6])
def test_triads_and_circles_are_those_counted_one_by_one(chance: float) -> None:
    matrix, asked = drawn(1, 9, chance)
    triads = by_hand(matrix, asked)
    assert number_of_triads(asked) == pytest.approx(len(triads))
    assert float(cyclic_triads(matrix)) == pytest.approx(sum(value for _, value in triads))


def test_the_variance_over_shared_items_is_the_sum_over_dependent_pairs_of_triads() -> None:
    matrix, asked = drawn(3, 14, 0.8)
    # Five items are taken at random and the others in order, so that items differ.
    matrix[:, 5:] = np.triu(asked, 1)[:, 5:]
    matrix[5:, :] = 0
    matrix[5:, 5:] = np.triu(asked, 1)[5:, 5:]
    triads = by_hand(matrix, asked)
    mean = sum(value for _, value in triads) / len(triads)
    products, dependent = 0.0, 0
    for one, value in triads:
        for other, value_other in triads:
            if one & other:
                products += (value - mean) * (value_other - mean)
                dependent += 1
    expected = products / (1 - dependent / len(triads) ** 2) / len(triads) ** 2
    assert cyclic_share_variance(matrix, asked)[0] == pytest.approx(expected)


def test_the_variance_is_undefined_where_every_triad_shares_an_item_with_every_other() -> None:
    matrix, asked = drawn(0, 5)
    assert np.isnan(cyclic_share_variance(matrix, asked)).all()


@pytest.mark.parametrize(("items", "most"), [(3, 1), (4, 2), (5, 5), (6, 8), (7, 14)])
def test_the_largest_number_of_circles_is_that_of_kendall_and_babington_smith(items: int, most: int) -> None:
    assert largest_cyclic_count(items) == most


def test_no_tournament_of_four_items_has_more_circles_than_the_largest_number() -> None:
    found = set()
    for bits in range(2**6):
        matrix = np.zeros((4, 4))
        for at, (a, b) in enumerate(combinations(range(4), 2)):
            matrix[a, b] = bits >> at & 1
            matrix[b, a] = 1 - matrix[a, b]
        found.add(round(float(cyclic_triads(matrix)), 9))
    assert max(found) == 2


def test_the_largest_share_of_circles_nears_a_quarter() -> None:
    assert largest_cyclic_share(3) == 1
    assert largest_cyclic_share(5) == 0.5
    assert 0.25 < largest_cyclic_share(1000) < 0.251


@pytest.mark.parametrize("share", [0.0, 0.01, 0.15, 0.24, 0.35, 0.6, 1.0])
def test_the_interval_of_the_share_holds_it_and_nests_with_the_level(share: float) -> None:
    most = largest_cyclic_share(9)
    narrow, wide = (
        cyclic_share_interval(share, 4e-4, 4.0, level=level, fallback=30.0, most=most, method="")
        for level in (0.8, 0.95)
    )
    assert 0 <= wide.low <= narrow.low <= share <= narrow.high <= wide.high <= 1
    assert wide.high - wide.low > narrow.high - narrow.low > 0
    assert narrow.estimate == share


def test_a_share_with_room_below_the_largest_keeps_within_it() -> None:
    most = largest_cyclic_share(9)
    found = cyclic_share_interval(0.25, 0.01, 4.0, level=0.99, fallback=30.0, most=most, method="")
    assert found.high < most
    assert found.std_error == pytest.approx(0.1)


def test_circles_do_not_depend_on_the_order_of_items() -> None:
    matrix, _ = drawn(5, 6)
    counts = {round(float(cyclic_triads(matrix[np.ix_(p, p)])), 9) for p in permutations(range(6))}
    assert len(counts) == 1


def test_a_share_of_one_half_is_level() -> None:
    assert majorities(np.array([0.2, 0.5, 0.9])).tolist() == [0.0, 0.5, 1.0]


def test_orders_weigh_the_same_in_a_majority_however_often_each_was_asked() -> None:
    found = Tournament.from_cells(np.array([0, 1]), np.array([1, 0]), np.array([10.0, 1.0]), 2)
    # Ten of ten take the item shown first, and so does the one answer in the other order: level.
    assert found.shares(np.array([[10.0, 1.0]]))[0].tolist() == [0.5]


def test_batches_give_what_one_data_set_gives_alone() -> None:
    rng = np.random.default_rng(2)
    a, b = np.triu_indices(7, 1)
    first, second = np.concatenate([a, b]), np.concatenate([b, a])
    found = Tournament.from_cells(first, second, np.full(len(first), 3.0), 7)
    taken = rng.binomial(3, 0.5, size=(5, len(first))).astype(float)
    alone = [float(cyclic_triads(found.matrix(row))) for row in taken]
    assert found.cyclic(taken).tolist() == pytest.approx(alone)
