"""Runs of turns with a code."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.patterns.episodes import episode_kinds, episode_table, episodes
from bartleby.errors import DataError, SettingError
from tests.analysis.coded_tables import simulated_turns, spelled


def quantity(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[frame["quantity"] == name].iloc[0]


def test_episodes_are_runs_and_say_how_they_ended() -> None:
    table = episode_table(spelled({"a": "1 1 0 1x", "b": "0 1", "c": "0 0"}), exited="exited")
    assert table["start"].tolist() == [1, 4, 2]
    assert table["length"].tolist() == [2, 1, 1]
    assert table["ended"].tolist() == ["ebbed", "left", "conversation_ended"]
    assert table["conversation"].tolist() == ["a", "a", "b"]


def test_a_gap_that_is_allowed_joins_two_runs() -> None:
    table = episode_table(spelled({"a": "1 0 1 0 0 1"}), gap=1)
    assert table["length"].tolist() == [3, 1]
    assert table["coded_turns"].tolist() == [2, 1]


def test_kinds_of_episodes_are_counted_by_what_else_they_have() -> None:
    turns = spelled({"a": "1 1 0", "b": "1 0 1"}).assign(pleading=[0, 1, 0, 0, 0, 0])
    kinds = episode_kinds(episode_table(turns, also="pleading"), ["pleading"])
    assert kinds["episodes"].sum() == 3
    joined = kinds[kinds["pleading"] == 1].iloc[0]
    assert (joined["episodes"], joined["ended"], joined["median_length"]) == (1, "ebbed", 2)
    with pytest.raises(DataError, match="no column 'joy'"):
        episode_kinds(kinds, ["joy"])


def test_chances_are_those_of_the_turn_after() -> None:
    frame = episodes(spelled({"a": "1 1 0 0", "b": "0 1 1 1", "c": "0 0 0 1"}), cluster=False).frame
    assert quantity(frame, "any_episode")["estimate"] == 1
    assert quantity(frame, "beginning")["estimate"] == pytest.approx(2 / 5)
    assert quantity(frame, "going_on")["estimate"] == pytest.approx(3 / 4)
    assert quantity(frame, "clustering")["estimate"] == pytest.approx(3 / 4 - 2 / 5)
    assert quantity(frame, "mean_length")["estimate"] == pytest.approx(4)


def test_turns_strewn_at_random_do_not_cluster_and_lasting_ones_do() -> None:
    settings = {"leaving": -99.0, "leaves_if": 0.0, "spread": 0.0}
    strewn = simulated_turns(np.random.default_rng(1), persists=0.0, **settings)  # type: ignore[arg-type]
    row = quantity(episodes(strewn).frame, "clustering")
    assert abs(row["estimate"]) < 4 * row["std_error"]
    lasting = simulated_turns(np.random.default_rng(1), persists=3.0, **settings)  # type: ignore[arg-type]
    found = quantity(episodes(lasting).frame, "clustering")
    assert found["low"] > 0.2
    assert found["p_adjusted"] < 0.01


def test_conversations_cut_short_do_not_shorten_episodes() -> None:
    settings = {"leaving": -99.0, "leaves_if": 0.0, "spread": 0.0, "persists": 3.5, "repeats": 20}
    long = simulated_turns(np.random.default_rng(1), turns=20, **settings)  # type: ignore[arg-type]
    short = long[long["turn"] <= 4]
    truth = quantity(episodes(long).frame, "mean_length")["estimate"]
    row = quantity(episodes(short).frame, "mean_length")
    assert row["low"] < truth < row["high"]
    assert episode_table(short)["length"].mean() < row["low"]


def test_no_episode_one_turn_and_one_cluster_are_undefined_and_not_zero() -> None:
    none = episodes(spelled({"a": "0 0", "b": "0 0"}), cluster=False).frame
    assert quantity(none, "any_episode")["estimate"] == 0
    assert quantity(none, "any_episode")["high"] > 0.1
    assert math.isnan(quantity(none, "going_on")["estimate"])
    assert math.isnan(quantity(none, "mean_length")["estimate"])
    single = episodes(spelled({"a": "1", "b": "0"}), cluster=False).frame
    assert math.isnan(quantity(single, "clustering")["estimate"])
    alone = episodes(spelled({"a": "1 0 1 1"}), cluster=False)
    assert alone.frame["low"].isna().all()
    assert episode_table(spelled({"a": "0 0"})).empty


def test_a_gap_below_none_is_refused() -> None:
    with pytest.raises(SettingError, match="gap=-1"):
        episode_table(spelled({"a": "1"}), gap=-1)
