"""The course of a code over turns, with leaving."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.inference.intervals import clustered_rate
from bartleby.analysis.patterns.by_turn import course
from bartleby.errors import DataError, SettingError
from tests.analysis.coded_tables import simulated_turns, spelled

KINDS = {0: "0", 1: "1", 2: "0x"}


def by_hand() -> pd.DataFrame:
    """Return conversations with known times: 1 coded, 2 left, 0 censored."""
    time = [1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5]
    event = [1, 0, 2, 1, 0, 1, 2, 0, 1, 0, 2, 0]
    rows = {
        f"c{at}": " ".join([*["0"] * (last - 1), KINDS[kind]])
        for at, (last, kind) in enumerate(zip(time, event, strict=True))
    }
    return spelled(rows)


def row(frame: pd.DataFrame, quantity: str, turn: int) -> pd.Series:
    return frame[(frame["quantity"] == quantity) & (frame["turn"] == turn)].iloc[0]


def test_cumulative_incidence_is_that_of_r_survival_with_censoring() -> None:
    frame = course(by_hand(), exited="exited", cluster=False).frame
    # R 4.2: survival::survfit(Surv(time, factor(event)) ~ 1), states coded and left.
    coded = [0.0833333333333, 0.175, 0.2797619047619, 0.4107142857143, 0.4107142857143]
    left = [0, 0.0916666666667, 0.1964285714286, 0.1964285714286, 0.3928571428571]
    assert frame.loc[frame["quantity"] == "first_coded", "estimate"].tolist() == pytest.approx(coded)
    assert frame.loc[frame["quantity"] == "left_first", "estimate"].tolist() == pytest.approx(left)


def test_a_turn_with_the_code_at_which_the_model_left_counts_as_coded() -> None:
    frame = course(spelled({"a": "0 1x", "b": "0 0x", "c": "0 0"}), exited="exited", cluster=False).frame
    assert row(frame, "first_coded", 2)["estimate"] == pytest.approx(1 / 3)
    assert row(frame, "left_first", 2)["estimate"] == pytest.approx(1 / 3)


def test_a_turn_that_was_not_coded_censors_before_it() -> None:
    frame = course(spelled({"a": ". 1", "b": "0 1", "c": "0 0"}), cluster=False).frame
    assert row(frame, "first_coded", 1)["n"] == 2
    assert row(frame, "first_coded", 2)["estimate"] == pytest.approx(1 / 2)
    assert row(frame, "still_there", 2)["estimate"] == pytest.approx(2 / 3)


def test_weighting_recovers_what_survivors_hide() -> None:
    settings = {"scenarios": 300, "repeats": 20, "turns": 6, "onset": -1.0, "persists": 2.0}
    seen = simulated_turns(np.random.default_rng(1), leaving=-2.5, leaves_if=3.0, **settings)  # type: ignore[arg-type]
    all_stay = simulated_turns(np.random.default_rng(2), leaving=-99.0, leaves_if=0.0, **settings)  # type: ignore[arg-type]
    truth = all_stay.loc[all_stay["turn"] == 6, "coded"].mean()
    frame = course(seen, exited="exited").frame
    weighted, plain = row(frame, "had_all_stayed", 6), row(frame, "still_there", 6)
    assert weighted["low"] < truth < weighted["high"]
    assert plain["high"] < truth
    assert weighted["worst_low"] < truth < weighted["worst_high"]


def test_without_leaving_weighted_and_plain_shares_are_one() -> None:
    turns = simulated_turns(np.random.default_rng(3), leaving=-99.0, leaves_if=0.0)
    frame = course(turns).frame
    plain, weighted = (frame[frame["quantity"] == name] for name in ("still_there", "had_all_stayed"))
    assert plain["estimate"].tolist() == pytest.approx(weighted["estimate"].tolist())
    for bound, end in (("worst_low", "low"), ("worst_high", "high")):
        assert weighted[bound].tolist() == pytest.approx(weighted[end].tolist())


def test_none_of_n_and_all_of_n_have_intervals_of_some_width() -> None:
    none = course(spelled({f"c{at}": "0 0" for at in range(9)}), cluster=False).frame
    first = row(none, "first_coded", 2)
    assert first["estimate"] == 0
    assert math.isnan(first["std_error"])
    assert 0.1 < first["high"] < 0.5
    every = row(course(spelled({f"c{at}": "1 1" for at in range(9)}), cluster=False).frame, "first_coded", 1)
    assert every["estimate"] == every["high"] == 1
    assert every["low"] < 0.9


def test_one_cluster_or_one_conversation_has_no_interval_and_says_so() -> None:
    for turns in (spelled({"a": "0 1", "b": "1 0"}, item="one"), spelled({"a": "0 1"})):
        found = course(turns)
        assert found.frame["low"].isna().all()
        assert any("one cluster only" in each for each in found.warnings)


def test_a_turn_nobody_was_coded_at_is_undefined_and_not_zero() -> None:
    frame = course(spelled({"a": "0 .", "b": "0 ."}), cluster=False).frame
    assert math.isnan(row(frame, "still_there", 2)["estimate"])
    assert math.isnan(row(frame, "had_all_stayed", 2)["estimate"])


def test_labels_correct_the_turns_that_have_enough_of_them() -> None:
    turns = simulated_turns(np.random.default_rng(4))
    rng = np.random.default_rng(5)
    wrong = rng.random(len(turns)) < 0.15
    judged = np.where(wrong, 1 - turns["coded"], turns["coded"])
    label = turns["coded"].astype("Int8").where((rng.random(len(turns)) < 0.4) & (turns["turn"] < 3))
    found = course(turns.assign(coded=judged, label=label), label="label")
    corrected = found.frame[found.frame["quantity"] == "corrected"]
    assert corrected["turn"].tolist() == [1, 2]
    assert (corrected["estimate"].to_numpy() < found.frame["estimate"][16:18].to_numpy()).all()
    assert any("fewer than 20 labels" in each for each in found.warnings)


def test_every_class_has_a_course_and_horizons_cut_it() -> None:
    turns = pd.concat([by_hand().assign(scenario_class=name, item=name + "1") for name in ("a", "b")])
    turns["conversation"] = turns["scenario_class"] + turns["conversation"]
    frame = course(turns, by="scenario_class", horizon=2, cluster=False).frame
    assert frame.groupby("scenario_class").size().tolist() == [8, 8]
    with pytest.raises(SettingError, match="horizon=0"):
        course(turns, horizon=0)


def test_codes_that_nobody_checked_are_said_not_to_be_corrected() -> None:
    warnings = course(by_hand(), cluster=False).warnings
    assert any("not corrected for its errors" in text for text in warnings)


def levels_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the turns with a graded code of levels 1 to 4 that is 1 where nothing was coded as there."""
    rng = np.random.default_rng(3)
    return table.assign(level=1 + table["coded"] * rng.integers(1, 4, len(table)))


def test_the_mean_of_a_graded_code_is_the_sum_of_its_shares_at_or_above_each_level() -> None:
    table = levels_of(simulated_turns(np.random.default_rng(2), scenarios=12))
    frame = course(table, coded="level", graded=True, exited="exited").frame
    assert set(frame["at_least"].dropna()) == {2, 3, 4}
    for turn in (1, 5):
        here = frame[frame["turn"] == turn]
        shares = here.loc[here["quantity"] == "still_there", "estimate"]
        mean = here[here["quantity"] == "mean_level"].iloc[0]
        assert mean["estimate"] == pytest.approx(1 + shares.sum())
        assert mean["estimate"] == pytest.approx(table.loc[table["turn"] == turn, "level"].mean())
        assert 1 <= mean["worst_low"] <= mean["low"] < mean["estimate"]
        assert mean["estimate"] < mean["high"] <= mean["worst_high"] <= 4
        first = here[here["quantity"] == "first_coded"].set_index("at_least")["estimate"]
        assert first[2] >= first[3] >= first[4]


def test_a_graded_code_of_two_levels_is_the_plain_one() -> None:
    table = simulated_turns(np.random.default_rng(2), scenarios=12)
    plain = course(table, exited="exited").frame
    graded = course(table, exited="exited", graded=True).frame
    mine = graded[graded["quantity"] != "mean_level"]
    assert mine["low"].tolist() == pytest.approx(plain["low"].tolist(), nan_ok=True)
    mean = graded[graded["quantity"] == "mean_level"].reset_index(drop=True)
    share = plain[plain["quantity"] == "still_there"].reset_index(drop=True)
    for column in ("estimate", "low", "high"):
        assert mean[column].tolist() == pytest.approx(share[column].tolist())


def test_levels_are_numbers_few_and_more_than_one() -> None:
    table = simulated_turns(np.random.default_rng(2), scenarios=4)
    with pytest.raises(DataError, match="0 in every turn, so there are no levels"):
        course(table.assign(coded=0), graded=True)
    with pytest.raises(DataError, match="'mild'; levels of a graded code are numbers"):
        course(table.assign(coded="mild"), graded=True)
    with pytest.raises(DataError, match=r"levels; allowed for a graded code: 20"):
        course(table.assign(coded=np.arange(len(table))), graded=True)
    with pytest.raises(SettingError, match="label='coded'"):
        course(table, graded=True, label="coded")


def test_shares_of_few_scenarios_have_the_intervals_of_rates() -> None:
    table = simulated_turns(np.random.default_rng(4), scenarios=9)
    row = course(table, exited="exited").frame.query("quantity == 'still_there' and turn == 1").iloc[0]
    first = table[table["turn"] == 1].groupby("item")["coded"].agg(["sum", "size"])
    fit = clustered_rate(first["sum"], first["size"], 0.95)
    assert (row["low"], row["high"]) == pytest.approx((fit.low, fit.high))
