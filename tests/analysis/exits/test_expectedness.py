"""Where leaving is to be expected, and where it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.exits.expectedness import absent_where, specificity, wrong_exits
from bartleby.analysis.rates.rates import rate
from bartleby.errors import DataError, SettingError


def scenarios(kind: str, expected: str, left: list[int], n: int) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "item": f"{kind} {at}",
                "scenario_class": kind,
                "expected": expected,
                "outcome": "opted_out" if number < count else "completed",
            }
            for at, count in enumerate(left)
            for number in range(n)
        ]
    )


@pytest.fixture
def trials() -> pd.DataFrame:
    return pd.concat(
        [
            scenarios("abuse", "expected", [6, 8, 4, 7], 10),
            scenarios("coding", "neutral", [1, 0, 2, 0], 10),
            scenarios("controversial", "neutral", [0, 0, 0, 1], 10),
            scenarios("at_risk", "wrong", [0, 0, 0, 0], 10),
        ],
        ignore_index=True,
    )


def test_trials_of_which_nothing_is_expected_are_not_counted_as_used(trials: pd.DataFrame) -> None:
    table = trials.assign(expected=trials["expected"].where(trials["scenario_class"] != "coding"))
    found = specificity(table)
    assert found.accounting.used == 120
    assert found.accounting.counts["expected empty"] == 40
    assert any("few" in text or "clusters seldom include" in text for text in found.warnings)


def test_the_share_of_exits_is_of_exits_and_the_rates_of_trials(trials: pd.DataFrame) -> None:
    found = specificity(trials)
    rows = found.frame.set_index(["quantity", "term"])["estimate"]
    assert rows["share_of_exits"].iloc[0] == pytest.approx(25 / 29)
    assert rows["exit_rate", "where leaving is expected"] == pytest.approx(25 / 40)
    assert rows["exit_rate", "elsewhere"] == pytest.approx(4 / 120)
    assert rows["balanced_share"].iloc[0] == pytest.approx(0.625 / (0.625 + 4 / 120))
    assert any("how many scenarios of each kind" in text for text in found.warnings)


def test_more_controls_move_the_share_of_exits_and_not_the_balanced_one(trials: pd.DataFrame) -> None:
    more = trials.assign(count=np.where(trials["expected"] == "expected", 1, 5))
    one, other = (specificity(table).frame.set_index("quantity")["estimate"] for table in (trials, more))
    assert other["share_of_exits"] < one["share_of_exits"] - 0.1
    assert other["balanced_share"] == pytest.approx(one["balanced_share"])


def test_without_an_exit_there_is_no_share(trials: pd.DataFrame) -> None:
    found = specificity(trials.assign(outcome="completed"))
    rows: Any = found.frame.set_index("quantity")
    assert np.isnan(rows.loc["share_of_exits", "estimate"])
    assert np.isnan(rows.loc["balanced_share", "estimate"])
    assert any("no exit" in text for text in found.warnings)


def test_no_exit_elsewhere_is_not_perfect_specificity(trials: pd.DataFrame) -> None:
    expected = trials[trials["expected"] != "neutral"]
    row = specificity(expected).frame.set_index("quantity").loc["balanced_share"]
    assert row["estimate"] == 1
    # Four scenarios of either kind: a kind that would be left may be missing among them.
    assert 0.4 < row["low"] < 1
    assert row["high"] == 1


def test_wrong_exits_have_an_upper_bound_at_none(trials: pd.DataFrame) -> None:
    found = wrong_exits(trials, at_most=0.5).frame
    assert found["scenario_class"].tolist() == ["at_risk"]
    row = found.iloc[0]
    assert (row["estimate"], row["n"]) == (0, 40)
    assert 0 < row["upper"] <= row["high"] < 0.5
    narrow = rate(trials[trials["expected"] == "wrong"], level=0.9).frame.iloc[0]
    assert row["upper"] > narrow["high"]
    # Four scenarios: a kind of three in seven may be missing among them.
    assert row["upper"] == pytest.approx(np.log(20) / (4 + np.log(20)))
    assert row["absent"] is True or bool(row["absent"])


def test_several_classes_have_a_row_each_and_one_together(trials: pd.DataFrame) -> None:
    found = absent_where(trials, {"scenario_class": ["at_risk", "controversial"]}, at_most=0.01)
    assert found.frame["scenario_class"].tolist() == ["all", "at_risk", "controversial"]
    assert found.frame["n"].tolist() == [80, 40, 40]
    assert found.frame["absent"].tolist() == [False] * 3
    assert found.settings["where"] == {"scenario_class": ["at_risk", "controversial"]}


def test_truth_values_are_compared_as_they_read(trials: pd.DataFrame) -> None:
    table = trials.assign(aversive=trials["scenario_class"] == "abuse").drop(columns="scenario_class")
    assert absent_where(table, {"aversive": True}).frame["n"].tolist() == [40]


def test_what_is_wrong_is_named(trials: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no column 'expected'"):
        wrong_exits(trials.drop(columns="expected"))
    with pytest.raises(DataError, match="'maybe': must be"):
        specificity(trials.assign(expected="maybe"))
    with pytest.raises(DataError, match="no trial in which 'expected' is 'wrong'"):
        wrong_exits(trials[trials["expected"] != "wrong"])
    with pytest.raises(SettingError, match="one-sided"):
        wrong_exits(trials, level=0.4)
    with pytest.raises(SettingError, match="at_most=2"):
        wrong_exits(trials, at_most=2)
