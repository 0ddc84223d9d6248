"""A code before and after a trigger."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.patterns.triggers import around_trigger
from bartleby.errors import DataError, SettingError
from tests.analysis.coded_tables import simulated_turns, spelled


def insulted(effect: float, seed: int = 1) -> pd.DataFrame:
    """Return turns of which every fourth is insulted, and then shows the code more often."""
    rng = np.random.default_rng(seed)
    turns = simulated_turns(rng, leaving=-99.0, leaves_if=0.0, persists=0.0, spread=0.5)
    turns["insult"] = (rng.random(len(turns)) < 0.25).astype(int)
    first = turns[turns["insult"] == 1].groupby("conversation")["turn"].min()
    after = turns["turn"] >= turns["conversation"].map(first).fillna(99)
    shown = after & (rng.random(len(turns)) < effect)
    return turns.assign(coded=np.where(shown, 1, turns["coded"]))


def difference(turns: pd.DataFrame, **settings: object) -> pd.Series:
    frame = around_trigger(turns, "insult", **settings).frame  # type: ignore[arg-type]
    return frame[frame["quantity"] == "difference"].iloc[0]


def test_the_difference_is_of_each_conversation_with_itself() -> None:
    turns = spelled({"a": "0 0 1 1", "b": "1 0 1 0", "c": "0 1"})
    turns["insult"] = [0, 0, 1, 0, 0, 0, 1, 1, 1, 0]
    row = difference(turns, cluster=False)
    # a: 1 - 0; b: 1/2 - 1/2; c was insulted at once.
    assert row["estimate"] == pytest.approx(0.5)
    assert row["n"] == 2


def test_a_trigger_in_the_models_own_turn_leaves_that_turn_out() -> None:
    turns = spelled({"a": "0 1 0 0", "b": "0 1 1 0"})
    turns["insult"] = [0, 1, 0, 0] * 2
    row = difference(turns, cluster=False, by_whom="model")
    assert row["estimate"] == pytest.approx(0.25)


def test_an_effect_is_found_and_none_is_not() -> None:
    found = difference(insulted(0.4))
    assert found["low"] > 0.2
    assert found["p_value"] < 0.001
    none = difference(insulted(0.0))
    assert none["low"] < 0 < none["high"]
    assert none["p_value"] > 0.05


def test_offsets_are_turns_from_the_first_trigger() -> None:
    frame = around_trigger(insulted(0.4), "insult", before=2, after=1).frame
    offsets = frame.loc[frame["quantity"] == "at_offset", "offset"].tolist()
    assert offsets == [-2, -1, 0, 1]


def test_several_triggers_are_one_family_of_tests() -> None:
    turns = insulted(0.4).assign(again=lambda table: (table["turn"] == 4).astype(int))
    frame = around_trigger(turns, ["insult", "again"]).frame
    tested = frame[frame["quantity"] == "difference"]
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    assert tested["p_adjusted"].max() > 0


def test_those_who_left_are_bounded() -> None:
    turns = spelled({"a": "0 0x", "b": "0 0 1", "c": "1 1 1"})
    turns["insult"] = [0, 1, 0, 1, 0, 0, 1, 0]
    found = around_trigger(turns, "insult", exited="exited", by_whom="model", cluster=False)
    row = found.frame[found.frame["quantity"] == "difference"].iloc[0]
    assert row["estimate"] == pytest.approx(0.5)
    # Had "a" shown it nowhere the difference were 1 / 3, everywhere 2 / 3; with the error of three.
    assert row["bound_low"] <= min(1 / 3, row["low"])
    assert row["bound_high"] >= max(2 / 3, row["high"])
    assert any("1 because the model left" in each for each in found.warnings)


def test_nothing_that_varies_is_not_an_interval_of_no_width() -> None:
    turns = spelled({f"c{at}": "0 0 0" for at in range(6)})
    row = difference(turns.assign(insult=(turns["turn"] == 2).astype(int)), cluster=False)
    assert row["estimate"] == 0
    assert row["low"] < -0.1
    assert row["high"] > 0.1
    assert row["p_value"] == 1


def test_no_trigger_or_one_side_only_is_said() -> None:
    turns = spelled({"a": "0 1", "b": "1 0"}).assign(insult=0)
    none = around_trigger(turns, "insult", cluster=False)
    assert none.frame.empty
    assert any("no conversation has it" in each for each in none.warnings)
    at_once = around_trigger(turns.assign(insult=1), "insult", cluster=False)
    assert "difference" not in set(at_once.frame["quantity"])
    one = difference(spelled({"a": "0 1"}).assign(insult=[0, 1]), cluster=False)
    assert math.isnan(one["low"])


def test_bad_settings_and_columns_are_named() -> None:
    turns = insulted(0.0)
    with pytest.raises(SettingError, match="before=0"):
        around_trigger(turns, "insult", before=0)
    with pytest.raises(DataError, match="no column 'praise'"):
        around_trigger(turns, "praise")
    with pytest.raises(SettingError, match="by_whom='nobody'"):
        around_trigger(turns, "insult", by_whom="nobody")  # type: ignore[arg-type]
