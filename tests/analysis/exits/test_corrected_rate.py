"""Exits against their matched benign controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bartleby.analysis.exits.corrected_rate import corrected_rate
from bartleby.analysis.rates.differences import difference
from bartleby.errors import DataError, SettingError


def scenario(name: str, kind: str, left: int, stayed: int, **columns: object) -> pd.DataFrame:
    words = ["opted_out"] * left + ["completed"] * stayed
    return pd.DataFrame({"item": name, "scenario_class": kind, "outcome": words, **columns})


@pytest.fixture
def trials() -> pd.DataFrame:
    return pd.concat(
        [
            scenario("abuse 1", "abuse", 6, 4, control_for=None, match="m1"),
            scenario("abuse 2", "abuse", 8, 2, control_for=None, match="m2"),
            scenario("abuse 3", "abuse", 3, 7, control_for=None, match="m3"),
            scenario("heated 1", "heated", 1, 9, control_for="abuse", match="m1"),
            scenario("heated 2", "heated", 3, 7, control_for="abuse", match="m2"),
            scenario("heated 3", "heated", 0, 10, control_for="abuse", match="m3"),
            scenario("privacy 1", "privacy", 5, 5, control_for=None, match="m4"),
            scenario("privacy 2", "privacy", 5, 5, control_for=None, match="m5"),
            scenario("legal 1", "legal", 0, 10, control_for="privacy", match="m4"),
            scenario("legal 2", "legal", 2, 8, control_for="privacy", match="m5"),
        ],
        ignore_index=True,
    )


def test_the_false_exit_rate_of_the_control_is_taken_off(trials: pd.DataFrame) -> None:
    found: Any = corrected_rate(trials).frame.set_index("scenario_class")
    assert found["control"].to_dict() == {"abuse": "heated", "privacy": "legal"}
    assert found.loc["abuse", "estimate"] == pytest.approx(17 / 30 - 4 / 30)
    assert found.loc["privacy", ["rate", "control_rate"]].tolist() == pytest.approx([0.5, 0.1])
    assert (found["low"] < found["estimate"]).all()
    assert (found["p_adjusted"] >= found["p_value"]).all()


def test_matched_scenarios_are_paired_and_others_not(trials: pd.DataFrame) -> None:
    paired, unpaired = corrected_rate(trials), corrected_rate(trials, match=False)
    assert paired.settings["paired"] == "match"
    assert unpaired.settings["paired"] is None
    assert "paired" in paired.frame["method"].iloc[0]
    np.testing.assert_allclose(paired.frame["estimate"], unpaired.frame["estimate"])
    one = trials[trials["scenario_class"].isin(["abuse", "heated"])]
    direct = difference(one, between="scenario_class", reference="heated", paired="match").frame.iloc[0]
    row = paired.frame.iloc[0]
    assert (row["low"], row["high"]) == (direct["low"], direct["high"])


def test_unpaired_scenarios_still_share_what_matches_them(trials: pd.DataFrame) -> None:
    found = corrected_rate(trials, match=False)
    assert found.settings["cluster"] == "match (found in the table)"
    by_item = corrected_rate(trials, match=False, cluster="item")
    assert by_item.settings["cluster"] == "item"
    assert by_item.frame["n_clusters"].iloc[0] == 2 * found.frame["n_clusters"].iloc[0]


def test_controls_may_be_named(trials: pd.DataFrame) -> None:
    plain = trials.drop(columns=["control_for", "match"])
    both = corrected_rate(plain, controls={"abuse": "heated", "privacy": ("legal", "heated")}).frame
    assert both["control"].tolist() == ["heated", "legal or heated"]
    assert both.set_index("scenario_class").loc["privacy", "control_rate"] == pytest.approx(6 / 50)
    all_of_them = corrected_rate(plain, controls=["heated", "legal"]).frame
    assert all_of_them["scenario_class"].tolist() == ["abuse", "privacy"]


def test_rows_of_a_class_that_is_the_control_of_two_go_where_they_belong() -> None:
    trials = pd.concat(
        [
            scenario("a1", "abuse", 5, 5, control_for=None),
            scenario("a2", "abuse", 6, 4, control_for=None),
            scenario("p1", "privacy", 3, 7, control_for=None),
            scenario("p2", "privacy", 4, 6, control_for=None),
            scenario("c1", "coding", 0, 10, control_for="abuse"),
            scenario("c2", "coding", 1, 9, control_for="abuse"),
            scenario("c3", "coding", 4, 6, control_for="privacy"),
            scenario("c4", "coding", 2, 8, control_for="privacy"),
        ]
    )
    found = corrected_rate(trials).frame.set_index("scenario_class")["control_rate"]
    assert found.to_dict() == pytest.approx({"abuse": 1 / 20, "privacy": 6 / 20})


def test_groups_and_engines_give_the_same(trials: pd.DataFrame) -> None:
    table = trials.assign(model=["a", "b"] * 50)
    one, other = (
        corrected_rate(table, match=False).frame,
        corrected_rate(pl.from_pandas(table), match=False).frame,
    )
    assert one["model"].tolist() == ["a", "b", "a", "b"]
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_a_class_that_nobody_leaves_has_an_interval_of_some_width() -> None:
    trials = pd.concat(
        [scenario(f"{kind} {n}", kind, 0, 10) for kind in ("topic", "coding") for n in range(6)]
    )
    row = corrected_rate(trials, controls="coding").frame.iloc[0]
    assert row["estimate"] == 0
    assert row["low"] < 0 < row["high"]


def test_what_is_missing_is_named(trials: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no column 'scenario_class'"):
        corrected_rate(trials.drop(columns="scenario_class"))
    with pytest.raises(DataError, match="no column 'control_for'"):
        corrected_rate(trials.drop(columns="control_for"))
    with pytest.raises(SettingError, match="'nothing': not in column 'scenario_class'"):
        corrected_rate(trials, controls={"abuse": "nothing"})
    with pytest.raises(DataError, match="no value in common between 'abuse'"):
        corrected_rate(trials, controls={"abuse": "legal"}, match="match")
    with pytest.raises(DataError, match="names no class"):
        corrected_rate(trials.assign(control_for="elsewhere"))
