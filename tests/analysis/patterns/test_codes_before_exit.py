"""Whether a code precedes leaving."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.patterns.codes_before_exit import coded_before_exit
from bartleby.errors import SettingError
from tests.analysis.coded_tables import simulated_turns, spelled


def leaving_after(effect: float, seed: int = 1) -> pd.DataFrame:
    """Return turns of which the model leaves the turn after the code more often, by logits."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(600):
        before = 0
        for turn in range(1, 9):
            code = int(rng.random() < 0.25)
            left = int(rng.random() < 1 / (1 + math.exp(2.5 - effect * before)))
            rows.append((f"s{number % 30}", f"c{number}", turn, code, left))
            if left:
                break
            before = code
    return pd.DataFrame(rows, columns=["item", "conversation", "turn", "coded", "exited"])


def quantity(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[frame["quantity"] == name].iloc[0]


def test_a_hazard_that_the_code_raises_is_found() -> None:
    frame = coded_before_exit(leaving_after(1.5)).frame
    ratio = quantity(frame, "odds_ratio")
    assert ratio["low"] < math.exp(1.5) < ratio["high"]
    assert quantity(frame, "excess")["low"] > 0


def test_that_many_exits_were_preceded_is_no_excess_where_the_code_is_common() -> None:
    frame = coded_before_exit(leaving_after(0.0)).frame
    assert quantity(frame, "preceded")["estimate"] > 0.4
    excess = quantity(frame, "excess")
    assert excess["low"] < 0 < excess["high"]
    ratio = quantity(frame, "odds_ratio")
    assert ratio["low"] < 1 < ratio["high"]


def test_shares_are_of_exits_and_of_those_who_had_the_same_turn_and_stayed() -> None:
    turns = spelled({"a": "1 0x", "b": "0 0x", "c": "1 0 0", "d": "0 0 0", "e": "0 0 0"})
    frame = coded_before_exit(turns, cluster=False, baseline="none").frame
    assert quantity(frame, "preceded")["estimate"] == pytest.approx(1 / 2)
    assert quantity(frame, "expected")["estimate"] == pytest.approx(1 / 3)
    assert quantity(frame, "excess")["estimate"] == pytest.approx(1 / 6)
    assert quantity(frame, "left_afterwards")["estimate"] == pytest.approx(1 / 2)


def test_a_window_forgets_what_was_long_before() -> None:
    turns = spelled({"a": "1 0 0x", "b": "0 1 0x", "c": "0 0 0"})
    every = coded_before_exit(turns, cluster=False, baseline="none").frame
    recent = coded_before_exit(turns, cluster=False, baseline="none", within=1).frame
    assert quantity(every, "preceded")["estimate"] == 1
    assert quantity(recent, "preceded")["estimate"] == pytest.approx(1 / 2)


def test_nobody_left_and_codes_without_variation_are_said() -> None:
    none = coded_before_exit(spelled({"a": "0 1", "b": "1 1"}), cluster=False)
    assert none.frame.empty
    assert any("nobody left" in each for each in none.warnings)
    never = coded_before_exit(spelled({"a": "0 0x", "b": "0 0"}), cluster=False)
    assert any("always or never" in each for each in never.warnings)
    assert quantity(never.frame, "preceded")["estimate"] == 0
    assert math.isnan(quantity(never.frame, "left_afterwards")["estimate"])
    first = coded_before_exit(spelled({"a": "1x", "b": "0 0x", "c": "1 0"}), cluster=False)
    assert any("1 left at their first turn" in each for each in first.warnings)


def test_models_are_apart_and_adjusted_together() -> None:
    both = pd.concat([leaving_after(1.5, seed).assign(model=f"m{seed}") for seed in (1, 2)])
    frame = coded_before_exit(both).frame
    assert set(frame["model"]) == {"m1", "m2"}
    tested = frame[frame["quantity"].isin(["coefficient", "excess"])]
    assert len(tested) == 4
    assert (tested["p_adjusted"] >= tested["p_value"]).all()


def test_leaving_at_a_turn_with_the_code_is_not_preceded_by_it() -> None:
    turns = simulated_turns(np.random.default_rng(1), persists=0.0, spread=0.0)
    excess = quantity(coded_before_exit(turns).frame, "excess")
    assert excess["low"] < 0 < excess["high"]


def test_a_window_of_no_turns_is_refused() -> None:
    with pytest.raises(SettingError, match="within=0"):
        coded_before_exit(leaving_after(0.0), within=0)
