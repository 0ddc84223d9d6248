from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.model import choice_model
from bartleby.errors import SettingError
from tests.analysis.choice_tables import choices, simulated


def flipping() -> pd.DataFrame:
    rows, _ = simulated(1, n_items=4, repeats=20, slot=0.0)
    names = {"item 00", "item 01"}
    flips = rows["first"].isin(names) & rows["second"].isin(names)
    return rows.assign(outcome=np.where(flips, "chose_first", rows["outcome"]))


def test_a_pair_that_follows_the_order_is_found_and_others_are_not() -> None:
    found: Any = choice_model(flipping()).flips().to_frame()
    assert len(found) == 6
    flips = found[found["flips"]]
    assert flips[["item_1", "item_2"]].to_numpy().tolist() == [["item 00", "item 01"]]
    assert flips["estimate"].iloc[0] > 2
    assert (found["q_value"] >= found["p_value"] - 1e-12).all()


def test_pairs_in_one_order_only_have_no_flip() -> None:
    found: Any = choice_model(choices([("a", "b", "chose_first", 3), ("a", "b", "chose_second", 2)])).flips()
    assert len(found.to_frame()) == 0
    assert found.warnings == ("no pair was shown in both orders",)


@pytest.mark.parametrize("fdr", [0, 1, 2])
def test_a_false_discovery_rate_that_is_none_is_refused(fdr: float) -> None:
    with pytest.raises(SettingError, match="fdr="):
        choice_model(flipping()).flips(fdr=fdr)
    with pytest.raises(SettingError, match="level="):
        choice_model(flipping()).flips(level=fdr)


def test_pairs_whose_counts_are_no_whole_numbers_are_said_to_have_no_test() -> None:
    found: Any = choice_model(flipping().assign(count=0.3)).flips()
    assert found.to_frame()["p_value"].isna().any()
    assert "pairs have no p value" in found.warnings[0]


def test_slot_effects_of_a_fit_without_the_order_are_refused() -> None:
    rows = flipping().assign(side_first="x", side_second="x")
    with pytest.raises(SettingError, match="slot=False"):
        choice_model(rows, slot=False).slot_by("side")


def test_a_slot_effect_that_differs_by_class_is_told_by_class() -> None:
    rng = np.random.default_rng(3)
    rows, _ = simulated(3, n_items=10, repeats=30, slot=0.0)
    low = [f"item {at:02d}" for at in range(5)]
    effect = {True: 1.0, False: -1.0}
    slot = (rows["first"].isin(low).map(effect) + rows["second"].isin(low).map(effect)) / 2
    wins = rng.random(len(rows)) < 1 / (1 + np.exp(-slot))
    rows = rows.assign(outcome=np.where(wins, "chose_first", "chose_second"))
    rows["kind_first"] = np.where(rows["first"].isin(low), "low", "high")
    rows["kind_second"] = np.where(rows["second"].isin(low), "low", "high")
    found: Any = choice_model(rows).slot_by("kind").to_frame().set_index("kind")
    assert found.loc["low", "low"] > 0.7
    assert found.loc["high", "high"] < -0.7
    overall: Any = choice_model(rows).to_frame().set_index("term").loc["slot", "estimate"]
    assert overall == pytest.approx(0, abs=0.15)


def test_items_whose_names_begin_with_slot_are_no_slots() -> None:
    rows, _ = simulated(3, n_items=4, repeats=20)
    names = {f"item {at:02d}": f"slot machine {at}" for at in range(4)}
    rows = rows.replace({"first": names, "second": names})
    rows["kind_first"], rows["kind_second"] = "one", "one"
    found = choice_model(rows).slot_by("kind").to_frame()
    assert found["term"].tolist() == ["slot"]
