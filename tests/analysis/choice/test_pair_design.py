from __future__ import annotations

import numpy as np
import pytest

from bartleby.analysis.choice.bradley_terry import maximise
from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.layout import choice_layout, near_maximum
from bartleby.analysis.choice.options import ChoiceOptions, Ties
from bartleby.analysis.choice.pair_design import without_order
from bartleby.analysis.choice.table import read_choices
from tests.analysis.choice_tables import simulated


def choices(*, slot: bool = False, ties: Ties = "none", n_items: int = 8) -> ChoiceData:
    rows, _ = simulated(3, n_items=n_items)
    options = ChoiceOptions(clusters=(), slot=slot, ties=ties)
    return choice_data(read_choices(rows, clusters=()).cells, options, has_pair_column=False)


@pytest.mark.parametrize("penalised", [False, True])
def test_without_a_slot_effect_pairs_tell_as_much_as_pairs_in_their_order(*, penalised: bool) -> None:
    data = choices()
    design = choice_layout(data, None).design
    pairs, counts = without_order(design, data.counts)
    assert len(pairs.index) == len(counts) == 8 * 7 // 2 < len(design.index)
    assert counts.sum() == data.used
    at = np.random.default_rng(1).normal(size=(1, design.n_estimated))
    expected = design.evaluate(data.counts[None], at, penalised=penalised)
    found = pairs.evaluate(counts[None], at, penalised=penalised)
    np.testing.assert_allclose(found.objective, expected.objective, rtol=1e-12)
    np.testing.assert_allclose(found.score, expected.score, atol=1e-10)
    np.testing.assert_allclose(found.curvature, expected.curvature, atol=1e-10)


def test_pairs_in_their_order_are_kept_where_the_order_matters() -> None:
    data = choices(slot=True)
    design = choice_layout(data, None).design
    assert without_order(design, data.counts) == (design, data.counts)


@pytest.mark.parametrize("slot", [False, True])
@pytest.mark.parametrize("baseline", [None, "item 02"])
def test_the_start_is_near_the_maximum_and_leads_to_it(slot: bool, baseline: str | None) -> None:
    data = choices(slot=slot)
    layout = choice_layout(data, baseline)
    start = near_maximum(data, layout)
    assert start is not None
    from_zero = maximise(layout.design, data.counts[None])
    from_near = maximise(layout.design, data.counts[None], start=start)
    assert np.abs(start - from_zero.estimated).max() < 0.5 * np.abs(from_zero.estimated).max()
    np.testing.assert_allclose(from_near.estimated, from_zero.estimated, atol=1e-12)
    assert from_near.converged.all()


def test_an_item_that_never_won_starts_at_a_finite_utility() -> None:
    data = choices()
    counts = data.counts.copy()
    counts[data.first == 0, 0] = counts[data.second == 0, 1] = 0
    lost = ChoiceData(**{**vars(data), "counts": counts})
    start = near_maximum(lost, choice_layout(lost, None))
    assert start is not None
    assert np.isfinite(start).all()


def test_items_never_compared_have_no_common_start() -> None:
    data = choices(n_items=4)
    apart = (data.first < 2) == (data.second < 2)
    counts = data.counts * apart[:, None]
    split = ChoiceData(**{**vars(data), "counts": counts})
    assert near_maximum(split, choice_layout(split, None)) is None
