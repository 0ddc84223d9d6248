from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.plain_fit import choices_of, draw_choices
from bartleby.analysis.choice.table import read_choices
from bartleby.analysis.consistency.goodness import deviance
from bartleby.analysis.consistency.held_out import cross_validate, unlinked
from bartleby.analysis.consistency.predictive_fit import predictive_fit
from bartleby.errors import SettingError
from tests.analysis.repeat_tables import by_term, ladder, repeated, tournament


def rows(trials: pd.DataFrame, **settings: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    return by_term(predictive_fit(trials, **{"draws": 0, **settings}))


def test_strong_preferences_are_foretold() -> None:
    found = rows(repeated(1, n_items=10, spread=2.0))
    assert found["gain_over_coin"]["low"] > 0
    assert found["gain_over_slot"]["low"] > 0
    assert found["log_loss_coin"]["estimate"] == pytest.approx(math.log(2))


def test_gains_are_differences_of_losses() -> None:
    found = rows(repeated(2))
    gain = found["log_loss_slot"]["estimate"] - found["log_loss"]["estimate"]
    assert found["gain_over_slot"]["estimate"] == pytest.approx(gain)


def test_coins_are_not_foretold() -> None:
    assert rows(repeated(3, n_items=10, spread=0.0))["gain_over_coin"]["high"] < 0.02


def test_a_slot_habit_is_foretold_by_the_slot_alone() -> None:
    found = rows(ladder(6, 2).assign(outcome="chose_first"))
    assert found["log_loss_slot"]["estimate"] < 0.05
    assert found["gain_over_slot"]["high"] < 0.1


def test_what_is_held_out_is_not_seen() -> None:
    # Each pair goes its own way, so a fit that had seen a pair would foretell it.
    found = rows(repeated(4, n_items=8, answers=20, spread=0.0, pair_spread=3.0))
    assert found["gain_over_coin"]["estimate"] < 0


def test_unlinked_items_are_foretold_by_the_slot_and_told() -> None:
    found = predictive_fit(tournament({("a", "b"): 1, ("b", "c"): 1, ("c", "d"): 1}, 3), draws=0)
    assert any("held-out choices are between items" in note for note in found.warnings)
    assert np.isfinite(by_term(found)["log_loss"]["estimate"])
    component, first, second = np.array([0, 0, 1, -1]), np.array([0, 0, 3]), np.array([1, 2, 0])
    assert unlinked(component, first, second).tolist() == [False, True, True]


def test_one_cluster_cannot_be_held_out() -> None:
    found = predictive_fit(tournament({("a", "b"): 1}, 3), draws=100)
    assert np.isnan(by_term(found)["log_loss"]["estimate"])
    assert any("one cluster" in note for note in found.warnings)


def test_no_choice_at_all_is_undefined() -> None:
    found = predictive_fit(pd.DataFrame({"first": ["a"], "second": ["b"], "outcome": ["refused"]}))
    assert found.to_frame()["estimate"].isna().all()
    assert found.accounting.used == 0


def test_a_model_that_fits_is_not_rejected_and_pairs_of_their_own_are() -> None:
    fits = rows(repeated(5, n_items=9, answers=4), draws=200)
    assert fits["pair_dispersion"]["p_value"] > 0.05
    own = rows(repeated(5, n_items=9, answers=4, pair_spread=1.5), draws=200)
    assert own["pair_dispersion"]["p_value"] < 0.01
    assert own["pair_dispersion"]["low"] > 1
    assert own["deviance"]["p_value"] < 0.01


def test_the_deviance_of_a_perfect_fit_is_zero() -> None:
    first, total = np.array([[0.0, 2.0, 3.0]]), np.array([4.0, 4.0, 3.0])
    assert deviance(first, total, first / total)[0] == pytest.approx(0)


def test_every_choice_is_held_out_once() -> None:
    table = repeated(6)
    data = choices_of(read_choices(table).cells)
    result = cross_validate(data, 7, np.random.default_rng(0))
    assert result.n.sum() == table["count"].sum()
    assert result.folds == 7


def test_drawn_weights_keep_their_total() -> None:
    drawn = draw_choices(np.array([0.0, 2.5, 4.0]), np.array([0.5, 1.0, 0.0]), 3, np.random.default_rng(0))
    assert drawn.tolist() == [[0.0, 2.5, 0.0]] * 3


def test_clusters_by_item_hold_out_pairs() -> None:
    table = repeated(7, n_items=10)
    by_pair, by_item = rows(table), rows(table, cluster="item")
    assert by_item["log_loss"]["estimate"] == by_pair["log_loss"]["estimate"]
    assert by_item["log_loss"]["n_clusters"] == 10


def test_the_same_seed_gives_the_same_answer_and_counts_equal_rows() -> None:
    counted = repeated(8)
    single = counted.loc[counted.index.repeat(counted["count"])].drop(columns="count")
    one, other = rows(counted, draws=100, seed=3), rows(single, draws=100, seed=3)
    for term, row in one.items():
        assert row["estimate"] == pytest.approx(other[term]["estimate"])


def test_settings_out_of_range_are_refused_together() -> None:
    with pytest.raises(SettingError, match=r"(?s)cluster=False.*folds=1.*draws=5"):
        predictive_fit(ladder(3), cluster=False, folds=1, draws=5)  # type: ignore[arg-type]
