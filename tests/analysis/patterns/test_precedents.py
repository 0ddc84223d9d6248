"""What precedes turns with a code."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.patterns.precedents import precedents
from bartleby.analysis.rates.effects import effects
from bartleby.errors import DataError, SettingError
from tests.analysis.coded_tables import simulated_turns, spelled


def provoked(seed: int = 1) -> pd.DataFrame:
    """Return turns in which an insult, and nothing else, raises the code at the turn after it."""
    rng = np.random.default_rng(seed)
    turns = simulated_turns(rng, scenarios=40, repeats=10, leaving=-99.0, leaves_if=0.0)
    turns["insult"] = (rng.random(len(turns)) < 0.3).astype(int)
    turns["praise"] = (rng.random(len(turns)) < 0.3).astype(int)
    before = turns.groupby("conversation")["insult"].shift(1).fillna(0)
    return turns.assign(coded=np.where((before == 1) & (rng.random(len(turns)) < 0.4), 1, turns["coded"]))


def term(frame: pd.DataFrame, name: str, quantity: str = "odds_ratio") -> pd.Series:
    return frame[(frame["term"] == name) & (frame["quantity"] == quantity)].iloc[0]


def test_the_lag_at_which_it_happens_is_found() -> None:
    frame = precedents(provoked(), ["insult", "praise"]).frame
    assert term(frame, "before_insult")["low"] > 2
    assert term(frame, "before_insult")["p_adjusted"] < 0.001
    for other in ("insult", "praise", "before_praise"):
        row = term(frame, other)
        assert row["low"] < 1 < row["high"]


def test_it_is_the_logistic_regression_on_columns_lagged_by_hand() -> None:
    turns = provoked()
    by = turns.groupby("conversation")
    lagged = turns.assign(before_insult=by["insult"].shift(1), before_coded=by["coded"].shift(1)).dropna()
    expected = effects(lagged, "coded ~ insult + before_insult + before_coded + turn", cluster="item").frame
    found = precedents(turns, "insult").frame
    assert found["estimate"].tolist() == pytest.approx(expected["estimate"].tolist())
    assert found["std_error"].tolist() == pytest.approx(expected["std_error"].tolist())


def test_only_behaviours_are_tested_and_adjusted() -> None:
    frame = precedents(provoked(), ["insult", "praise"], lags=1).frame
    assert term(frame, "turn")[["p_adjusted"]].isna().all()
    assert term(frame, "before_praise")["p_adjusted"] >= term(frame, "before_praise")["p_value"]
    odds, logit = (term(frame, "before_insult", name)["p_adjusted"] for name in ("odds_ratio", "coefficient"))
    assert odds == logit


def test_a_turn_that_is_missing_is_not_the_one_before() -> None:
    turns = provoked()
    holes = turns[turns["turn"] != 3]
    assert precedents(holes, "insult").frame["n"].iloc[0] == (turns["turn"].isin([2, 5, 6, 7, 8])).sum()


def test_clusters_in_two_ways_are_taken() -> None:
    turns = provoked().assign(persona=lambda table: "p" + (table.groupby("item").ngroup() % 7).astype(str))
    found = precedents(turns, "insult", cluster=["item", "persona"])
    assert found.settings["cluster"] == "item and persona"
    assert "two-way" in found.frame["method"].iloc[0]


def test_complete_separation_has_firths_fit() -> None:
    turns = provoked().assign(coded=lambda table: np.where(table["insult"] == 1, 1, table["coded"]))
    found = precedents(turns, "insult", lags=0, own_history=False)
    assert "firth" in found.frame["method"].iloc[0]
    assert any("separated" in each for each in found.warnings)


def test_conversations_of_one_turn_have_nothing_before_them() -> None:
    turns = spelled({"a": "0", "b": "1"}).assign(insult=[0, 1])
    with pytest.raises(DataError, match="no conversation has so many turns"):
        precedents(turns, "insult", cluster=False)
    with pytest.raises(SettingError, match="lags=-1"):
        precedents(turns, "insult", lags=-1)
