"""Discrete-time hazard against R, and at its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit

from bartleby.analysis.exits.hazard import Link, hazard
from bartleby.errors import DataError, SettingError
from tests.analysis.exit_tables import simulated, turn_rows

# R 4.2, 186 turns in 6 clusters: glm(exited ~ x + factor(turn)), clubSandwich vcovCR("CR2") and coef_test
TURN = np.repeat([1, 2, 3], 4)
X = np.array([-1.0, 0.0, 0.5, 2.0] * 3)
EXITS = np.array([2, 5, 3, 9, 1, 4, 6, 5, 3, 2, 4, 1])
N = np.array([20, 20, 20, 20, 18, 15, 17, 11, 17, 11, 11, 6])
IN_R = {
    "logit": (
        [-1.453325722039, 0.536597170704, 0.242250029719, 0.120420572206],
        [0.224569017416, 0.158467371074, 0.325437938962, 0.499339480235],
        [2.89894321602, 4.15830993034, 3.48475370893, 3.97561737589],
    ),
    "cloglog": (
        [-1.5517736661961, 0.4487823521151, 0.2036318942471, 0.0619374435195],
        [0.199857046950, 0.132196316142, 0.276381280721, 0.451655330219],
        [3.04766920691, 4.21426829737, 3.37030036746, 3.90462074899],
    ),
}


@pytest.fixture
def turns() -> pd.DataFrame:
    trials = simulated(np.random.default_rng(5), scenarios=20, hazard=-1.8, spread=0.7)
    rows = turn_rows(trials)
    rows["refusals_before"] = np.random.default_rng(1).binomial(rows["turn"] - 1, 0.5)
    rows["scenario_class"] = np.where(rows["item"].str[-1].isin(list("02468")), "abuse", "coding")
    return rows


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_hazards_equal_those_of_r_with_clubsandwich(link: Any) -> None:  # noqa: ANN401
    cells = pd.DataFrame({"turn": TURN, "x": X, "scene": [f"s{number}" for number in np.arange(12) % 6]})
    table = pd.concat([cells.assign(exited=1, count=EXITS), cells.assign(exited=0, count=N - EXITS)])
    found = hazard(table, "x", link=link, cluster="scene").frame
    rows = found[found["quantity"] == "coefficient"]
    beta, errors, df = IN_R[link]
    assert rows["term"].tolist() == ["Intercept", "x", "C(turn)[2]", "C(turn)[3]"]
    np.testing.assert_allclose(rows["estimate"], beta, rtol=1e-6)
    # clubSandwich corrects on the scale of the response, which differs by about a thousandth.
    np.testing.assert_allclose(rows["std_error"], errors, rtol=5e-3)
    np.testing.assert_allclose(rows["df"], df, rtol=5e-3)


def test_hazards_of_logits_are_those_of_a_logistic_regression_of_turns(turns: pd.DataFrame) -> None:
    found = hazard(turns, ["scenario_class"], baseline="none", cluster=False).frame
    row = found[(found["quantity"] == "odds_ratio")].iloc[0]
    table = turns.groupby("scenario_class")["exited"].agg(["sum", "count"])
    odds = table["sum"] / (table["count"] - table["sum"])
    assert row["term"] == "scenario_class[coding]"
    assert row["estimate"] == pytest.approx(odds["coding"] / odds["abuse"])


def test_each_turn_has_an_effect_and_turns_without_exits_are_left_out(turns: pd.DataFrame) -> None:
    quiet = turns.assign(exited=turns["exited"] & (turns["turn"] != 3))
    found = hazard(
        quiet, ["refusals_before", "scenario_class"], baseline="each_turn", by=None, cluster="item"
    )
    terms = set(found.frame["term"])
    assert "C(turn)[2]" in terms
    assert "C(turn)[3]" not in terms
    assert any("at turns 3" in text for text in found.warnings)
    without = hazard(quiet[quiet["turn"] != 3], ["refusals_before", "scenario_class"], cluster="item")
    np.testing.assert_allclose(found.frame["estimate"], without.frame["estimate"])


def test_the_last_turn_of_an_abandoned_conversation_counts_as_had(turns: pd.DataFrame) -> None:
    assert (turns["outcome"] == "abandoned").any()
    found = hazard(turns, baseline="linear")
    assert found.frame["n"].iloc[0] == len(turns)
    assert found.accounting.used == len(turns)


def test_cumulative_refusals_that_raise_the_hazard_are_found() -> None:
    rng = np.random.default_rng(8)
    rows = []
    for scenario in range(40):
        shift = rng.normal(0, 0.5)
        for trial in range(15):
            refusals = 0
            for turn in range(1, 9):
                left = rng.random() < expit(-3 + shift + 0.6 * refusals)
                rows.append((f"s{scenario}", f"{scenario}-{trial}", turn, refusals, left))
                if left:
                    break
                refusals += rng.random() < 0.5
    table = pd.DataFrame(rows, columns=["item", "trial", "turn", "refusals_before", "exited"])
    for link in ("logit", "cloglog"):
        found = hazard(table, "refusals_before", baseline="none", link=link).frame.set_index(
            ["quantity", "term"]
        )
        row: Any = found.loc[("coefficient", "refusals_before")]
        assert row["low"] < 0.6 < row["high"] + 0.1
        assert row["low"] > 0.3
        assert row["n_clusters"] == 40


def test_separated_classes_are_firths_by_logits_and_undefined_by_cloglog(turns: pd.DataFrame) -> None:
    quiet = turns.assign(exited=turns["exited"] & (turns["scenario_class"] == "abuse"))
    logit = hazard(quiet, "scenario_class", baseline="none")
    assert logit.frame["method"].str.startswith("firth").any()
    cloglog = hazard(quiet, "scenario_class", baseline="none", link="cloglog")
    assert cloglog.frame["estimate"].isna().all()
    assert any("separated" in text and "Firth" in text for text in cloglog.warnings)


def test_nobody_leaving_is_told(turns: pd.DataFrame) -> None:
    found = hazard(turns.assign(exited=False), "scenario_class")
    assert found.frame.empty
    assert any("nobody left" in text for text in found.warnings)


def test_everybody_leaving_at_turn_one_does_not_crash(turns: pd.DataFrame) -> None:
    found = hazard(turns[turns["turn"] == 1].assign(exited=True), "scenario_class", baseline="none")
    assert found.frame["estimate"].isna().all() or found.frame["method"].str.contains("firth").all()


def test_counts_models_and_engines(turns: pd.DataFrame) -> None:
    table = turns.assign(model=np.where(np.arange(len(turns)) % 2, "a", "b"))
    one = hazard(table, "scenario_class", baseline="linear").frame
    other = hazard(pl.from_pandas(table), "scenario_class", baseline="linear").frame
    pd.testing.assert_frame_equal(one, other, check_dtype=False, rtol=1e-8)
    assert set(one["model"]) == {"a", "b"}
    doubled = hazard(table.assign(count=2), "scenario_class", baseline="linear").frame
    np.testing.assert_allclose(doubled["std_error"], one["std_error"], rtol=1e-8)


def test_what_is_wrong_is_named(turns: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="it takes the turn table"):
        hazard(turns.drop(columns="exited"))
    with pytest.raises(SettingError, match="give the right side alone"):
        hazard(turns, "exited ~ turn")
    with pytest.raises(SettingError, match="baseline='quadratic'"):
        hazard(turns, baseline="quadratic")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no column 'mood'"):
        hazard(turns, ["mood"])
    with pytest.raises(DataError, match="must be 0, 1 or empty"):
        hazard(turns.assign(exited="yes"))


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_a_predictor_that_does_not_vary_is_left_out_and_told(turns: pd.DataFrame, link: Link) -> None:
    table = turns.assign(temperature=1.0, wording="plain")
    plain = hazard(turns, "scenario_class", link=link)
    found = hazard(table, ["temperature", "scenario_class", "wording"], link=link)
    pd.testing.assert_frame_equal(found.frame, plain.frame)
    told = set(found.warnings) - set(plain.warnings)
    assert {text.split(" is the same")[0] for text in told} == {"hazard: temperature", "hazard: wording"}


def test_a_predictor_that_varies_in_one_group_alone_has_its_effect_there(turns: pd.DataFrame) -> None:
    model = np.where(np.arange(len(turns)) % 2, "a", "b")
    table = turns.assign(model=model, dose=np.where(model == "a", 2.0, turns["refusals_before"]))
    found = hazard(table, "dose", baseline="none")
    assert set(found.frame.loc[found.frame["term"] == "dose", "model"]) == {"b"}
    assert [text for text in found.warnings if "dose" in text and "a" in text.split(":")[0]]


def test_a_slope_of_the_turn_needs_more_than_one_turn(turns: pd.DataFrame) -> None:
    found = hazard(turns[turns["turn"] == 1], "scenario_class", baseline="log")
    assert any("np.log(turn) is the same at all turns" in text for text in found.warnings)
    assert not found.frame["term"].str.contains("turn").any()


def test_rows_without_a_predictor_are_left_out_and_told(turns: pd.DataFrame) -> None:
    table = turns.assign(refusals_before=turns["refusals_before"].where(turns.index > 9))
    found = hazard(table, "refusals_before", baseline="none")
    assert any("10 turns in which" in text for text in found.warnings)
