"""Self-report beside behaviour."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bartleby.analysis.self_reports.self_report import self_report
from bartleby.analysis.self_reports.self_report_data import Asked, read_battery
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError, SettingError
from bartleby.studies.batteries import Battery, Statement

BATTERY: list[dict[str, Any]] = [
    {"id": "willing_1", "concept": "willing"},
    {"id": "willing_2", "concept": "willing"},
    {"id": "unwilling", "concept": "willing", "reverse": True},
]


def report(trials: object, battery: object, **settings: Any) -> Estimates:  # noqa: ANN401
    """Return the estimates with as few replicates as will do."""
    return self_report(trials, battery, **{"replicates": 200, **settings})


@pytest.fixture
def trials() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    item = np.repeat(np.arange(20), 8)
    trait = rng.normal(0, 1.2, 20)[item]

    def answers(shift: float) -> np.ndarray:
        return np.clip(np.rint(4 + shift + trait + rng.normal(0, 0.8, 160)), 1, 7)

    left = rng.random(160) < 1 / (1 + np.exp(1 + 1.2 * trait))
    return pd.DataFrame(
        {
            "item": [f"task {each}" for each in item],
            "outcome": np.where(left, "opted_out", "completed"),
            "before_willing_1": answers(0),
            "before_willing_2": answers(0),
            "before_unwilling": 8 - answers(0),
            "after_willing_1": answers(-0.5),
            "after_willing_2": answers(-0.5),
            "after_unwilling": 8 - answers(-0.5),
        }
    )


def row(found: pd.DataFrame, when: str, quantity: str) -> pd.Series:
    return found[(found["when"] == when) & (found["quantity"] == quantity)].iloc[0]


def test_reversed_statements_are_turned_round_before_anything(trials: pd.DataFrame) -> None:
    found = report(trials, BATTERY).frame
    scored = trials[["before_willing_1", "before_willing_2"]].assign(x=8 - trials["before_unwilling"])
    assert row(found, "before", "mean")["estimate"] == pytest.approx(scored.mean(axis=1).mean())
    covariance = scored.cov().to_numpy()
    alpha = 1.5 * (1 - np.trace(covariance) / covariance.sum())
    assert row(found, "before", "alpha")["estimate"] == pytest.approx(alpha)
    assert row(found, "before", "icc")["estimate"] < alpha
    assert row(found, "before", "alpha")["low"] > 0.6


def test_a_reverse_key_that_was_forgotten_is_told(trials: pd.DataFrame) -> None:
    found = report(trials, [{**each, "reverse": False} for each in BATTERY])
    assert row(found.frame, "before", "alpha")["estimate"] < 0.3
    assert any("do not agree" in text for text in found.warnings)


def test_the_change_is_within_trials(trials: pd.DataFrame) -> None:
    found = report(trials, BATTERY).frame
    change = row(found, "change", "change")
    after, before = (row(found, when, "mean")["estimate"] for when in ("after", "before"))
    assert change["estimate"] == pytest.approx(after - before)
    assert change["low"] < -0.4 < change["high"]
    assert change["n_clusters"] == 20


def test_agreement_with_what_it_did_is_negative_here(trials: pd.DataFrame) -> None:
    found = report(trials, BATTERY).frame
    point, rank = (row(found, "before", name) for name in ("with_behaviour", "rank_with_behaviour"))
    assert point["high"] < 0
    assert rank["high"] < 0
    assert point["estimate"] == pytest.approx(rank["estimate"], abs=0.1)


def test_clusters_are_wider_than_trials(trials: pd.DataFrame) -> None:
    one, other = (report(trials, BATTERY, cluster=each).frame for each in (None, False))
    for quantity in ("mean", "icc"):
        width = [
            row(each, "before", quantity)["high"] - row(each, "before", quantity)["low"]
            for each in (one, other)
        ]
        assert width[0] > width[1]


def test_the_same_seed_gives_the_same_numbers(trials: pd.DataFrame) -> None:
    one, other = report(trials, BATTERY, seed=3), report(trials, BATTERY, seed=3)
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert json.loads(one.to_json())["settings"]["seed"] == 3


def test_any_battery_is_read() -> None:
    expected = (Asked("a", "ease"), Asked("b", "ease", True, 5))
    statements = (
        Statement("a", "How easy?", concept="ease"),
        Statement("b", "How hard?", concept="ease", reverse=True, points=5),
    )
    frame = pd.DataFrame({"id": ["a", "b"], "concept": "ease", "reverse": [False, True], "points": [7, 5]})
    assert read_battery(Battery(statements)) == expected
    assert read_battery(frame) == expected
    assert read_battery(pl.from_pandas(frame)) == expected
    assert read_battery({"a": False, "b": True})[1].reverse
    assert read_battery(["a"]) == (Asked("a", "a"),)
    assert read_battery("a") == (Asked("a", "a"),)


def test_batteries_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(SettingError, match="names no statement"):
        read_battery([])
    with pytest.raises(SettingError, match="'a' occurs twice"):
        read_battery(["a", "a"])
    with pytest.raises(SettingError, match="entry 1 has no id"):
        read_battery([{"concept": "x"}])
    with pytest.raises(SettingError, match="a int"):
        read_battery(3)


def test_answers_off_the_scale_and_missing_columns_are_named(trials: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="must be a number from 1 to 7"):
        report(trials.assign(before_willing_1=8), BATTERY)
    with pytest.raises(DataError, match="no column 'before_mood' or 'after_mood'"):
        report(trials, ["mood"])
    with pytest.raises(SettingError, match="method='jack'"):
        report(trials, BATTERY, method="jack")
    with pytest.raises(SettingError, match="replicates=10"):
        report(trials, BATTERY, replicates=10)


def test_answers_that_were_not_read_are_left_out(trials: pd.DataFrame) -> None:
    table = trials.copy()
    table.loc[:9, "before_willing_1"] = np.nan
    found = report(table, BATTERY).frame
    assert row(found, "before", "alpha")["n"] == 150
    assert row(found, "before", "mean")["n"] == 160
    nothing = report(trials.assign(before_willing_1=np.nan), "willing_1").frame
    assert np.isnan(row(nothing, "before", "mean")["estimate"])


def test_one_statement_before_alone_has_neither_alpha_nor_change(trials: pd.DataFrame) -> None:
    found = report(trials[["item", "outcome", "before_willing_1"]], "willing_1").frame
    assert set(found["quantity"]) == {"mean", "with_behaviour", "rank_with_behaviour"}
    assert set(found["when"]) == {"before"}


def test_behaviour_may_be_a_number_or_missing(trials: pd.DataFrame) -> None:
    number = report(trials.assign(turns=np.arange(160) % 5 + 1), BATTERY, behaviour="turns").frame
    assert not np.isnan(row(number, "before", "with_behaviour")["estimate"])
    without = report(trials.drop(columns="outcome"), BATTERY)
    assert "with_behaviour" not in set(without.frame["quantity"])
    assert any("nothing is held against" in text for text in without.warnings)


def test_models_concepts_and_engines(trials: pd.DataFrame) -> None:
    table = trials.assign(model=["a", "b"] * 80)
    battery = [*BATTERY[:2], {"id": "unwilling", "concept": "unwilling"}]
    one, other = (report(each, battery).frame for each in (table, pl.from_pandas(table)))
    assert set(zip(one["model"], one["concept"], strict=True)) == {
        (model, concept) for model in ("a", "b") for concept in ("willing", "unwilling")
    }
    np.testing.assert_allclose(
        one.loc[one["quantity"] == "mean", "low"], other.loc[other["quantity"] == "mean", "low"]
    )


def test_counted_rows_have_the_mean_and_alpha_of_rows(trials: pd.DataFrame) -> None:
    one = report(trials.assign(count=2), BATTERY).frame
    other = report(pd.concat([trials, trials]), BATTERY).frame
    np.testing.assert_allclose(one["estimate"], other["estimate"])


def test_nothing_is_drawn_unless_a_bootstrap_is_asked_for(trials: pd.DataFrame) -> None:
    plain, drawn = (report(trials, BATTERY, method=method) for method in ("jackknife", "bootstrap"))
    methods = [row(each.frame, "before", "alpha")["method"] for each in (plain, drawn)]
    assert "chi-squared" in methods[0]
    assert "bootstrap" in methods[1]
    assert plain.settings["replicates"] is None
    assert drawn.settings["replicates"] == 200
