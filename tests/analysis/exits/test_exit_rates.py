"""Exits: what counts as leaving, what as staying, and published counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from bartleby.analysis.exits.exit_rates import ExitFit, exits
from bartleby.analysis.rates.rates import rate
from bartleby.errors import DataError, SettingError
from tests.analysis.exit_tables import conversations, simulated

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "published"
needs_published = pytest.mark.skipif(not PUBLISHED.exists(), reason="other people's data are not here")


@pytest.fixture
def trials() -> pd.DataFrame:
    return conversations(
        {
            "insult": [("opted_out", 2), ("opted_out", 3), ("completed", 5), ("opted_out", 1)],
            "threat": [("opted_out", 1), ("completed", 5), ("abandoned", 2), ("opted_out", 5)],
            "coding": [("completed", 5), ("completed", 5), ("refused", 1), ("abandoned", 4)],
        }
    )


def rows(found: ExitFit, quantity: str) -> pd.DataFrame:
    frame: pd.DataFrame = found.to_frame()
    return frame[frame["quantity"] == quantity].reset_index(drop=True)


def test_rates_curves_and_means_come_from_one_table(trials: pd.DataFrame) -> None:
    found = exits(trials)
    assert list(dict.fromkeys(found.frame["quantity"])) == ["exit_rate", "staying", "restricted_mean_turns"]
    rate_row = rows(found, "exit_rate").iloc[0]
    assert (rate_row["events"], rate_row["n"], rate_row["missing"]) == (5, 10, 2)
    assert rows(found, "staying")["turn"].tolist() == [1, 2, 3, 4, 5]
    # By hand: 12 at risk, 2 leave; 9 (one refused), 1 leaves; 7 (one abandoned), 1; 6, 0; 5, 1.
    expected = np.cumprod([10 / 12, 8 / 9, 6 / 7, 1, 4 / 5])
    np.testing.assert_allclose(rows(found, "staying")["estimate"], expected)
    mean = rows(found, "restricted_mean_turns").iloc[0]
    assert mean["turn"] == 5
    assert mean["estimate"] == pytest.approx(1 + expected[:4].sum())


def test_the_rate_is_that_of_rate(trials: pd.DataFrame) -> None:
    one, other = rows(exits(trials), "exit_rate").iloc[0], rate(trials, "opted_out").frame.iloc[0]
    for name in ("estimate", "low", "high", "bound_low", "bound_high", "missing", "method"):
        assert one[name] == other[name]


def test_an_abandoned_conversation_is_never_stayed(trials: pd.DataFrame) -> None:
    found = exits(trials)
    at_risk = found.at_risk()
    assert at_risk["at_risk"].tolist() == [12, 9, 7, 6, 5]
    assert at_risk["censored"].tolist() == [1, 1, 0, 1, 4]
    assert found.accounting.counted_as["abandoned"] == "left out: missing"
    low, high = found.accounting.bounds["opted_out"]
    assert low < 5 / 12 < 7 / 12 < high
    assert any("2 abandoned" in text for text in found.warnings)
    assert any("as stayed would make 41.7% of 50.0%" in text for text in found.warnings)


def test_worst_cases_of_the_curve_span_what_the_missing_could_make_of_it(trials: pd.DataFrame) -> None:
    found = exits(trials)
    gone = (trials["outcome"] == "abandoned").to_numpy()
    at_once = trials.assign(
        outcome=trials["outcome"].mask(gone, "opted_out"),
        turn=trials["turn"].mask(gone, trials["turns"] + 1),
        turns=trials["turns"].mask(gone, trials["turns"] + 1),
    )
    to_the_end = trials.assign(
        outcome=trials["outcome"].mask(gone, "completed"), turns=trials["turns"].mask(gone, 5)
    )
    for quantity in ("staying", "restricted_mean_turns"):
        own, least, most = (rows(each, quantity) for each in (found, exits(at_once), exits(to_the_end)))
        np.testing.assert_allclose(own["bound_low"], np.fmin(own["low"], least["low"]))
        np.testing.assert_allclose(own["bound_high"], np.fmax(own["high"], most["high"]))
        assert (own["missing"] == 2).all()
    mean = rows(found, "restricted_mean_turns").iloc[0]
    assert found.accounting.bounds["mean turns of 5"] == (mean["bound_low"], mean["bound_high"])


@pytest.mark.parametrize("settings", [{}, {"cluster": False}, {"estimand": "these_items"}])
def test_the_end_of_the_curve_is_the_rate_where_all_were_seen_to_the_end(
    trials: pd.DataFrame, settings: dict[str, Any]
) -> None:
    whole = trials[trials["outcome"].isin(["opted_out", "completed"])]
    found = exits(whole, **settings)
    rate_row, last = rows(found, "exit_rate").iloc[0], rows(found, "staying").iloc[-1]
    assert last["turn"] == 5
    ends = [1 - last[name] for name in ("estimate", "high", "low")]
    assert ends == pytest.approx([rate_row[name] for name in ("estimate", "low", "high")], rel=1e-12)
    assert not any("1 - staying" in text for text in found.warnings)


def test_where_the_rate_and_the_curve_differ_both_are_named(trials: pd.DataFrame) -> None:
    warned = [text for text in exits(trials).warnings if "1 - staying beyond turn 5" in text]
    assert len(warned) == 1
    assert "the exit rate is 50.0% of 10 trials" in warned[0]
    gone = 1 - np.prod([10 / 12, 8 / 9, 6 / 7, 1, 4 / 5])
    assert f"is {gone:.1%} of 12" in warned[0]


def test_groups_have_their_own_curves_and_one_horizon(trials: pd.DataFrame) -> None:
    table = trials.assign(model="m", exit_channel=["tool", "string"] * 6)
    found = exits(table, by="exit_channel")
    assert found.groups == ("model", "exit_channel")
    assert found.survival().columns[:3].tolist() == ["model", "exit_channel", "turn"]
    assert found.restricted_means()["turn"].tolist() == [5, 5]
    assert len(found.rates()) == 2
    assert set(found.at_risk()) == {"model", "exit_channel", "turn", "at_risk", "exits", "censored"}


def test_a_group_that_was_asked_one_turn_does_not_shorten_the_others() -> None:
    long = conversations({"a": [("opted_out", 3), ("completed", 6)], "b": [("completed", 6)]}, kind="long")
    short = conversations({"a": [("opted_out", 1), ("completed", 1)], "b": [("completed", 1)]}, kind="one")
    found = exits(pd.concat([long, short]), by="kind")
    means = found.restricted_means().set_index("kind")["estimate"]
    assert found.settings["horizon"] == 6
    assert means["long"] == pytest.approx(1 + 1 + 1 + 3 * 2 / 3)
    assert np.isnan(means["one"])
    assert any("kind=one" in text and "nothing is known" in text for text in found.warnings)


def test_a_group_that_all_left_is_known_for_ever() -> None:
    gone = conversations({"a": [("opted_out", 1)] * 3, "b": [("opted_out", 2)] * 3}, kind="gone")
    stay = conversations({"a": [("completed", 6)] * 3, "b": [("completed", 6)] * 3}, kind="stay")
    means: Any = exits(pd.concat([gone, stay]), by="kind").restricted_means().set_index("kind")
    assert means.loc["gone", "estimate"] == 1.5
    assert means.loc["stay", "estimate"] == 6
    assert means.loc["stay", "low"] < 6


def test_a_horizon_is_as_asked_or_unknown(trials: pd.DataFrame) -> None:
    assert exits(trials, horizon=3).restricted_means()["turn"].tolist() == [3]
    far = exits(trials, horizon=9)
    assert np.isnan(far.restricted_means()["estimate"].iloc[0])
    assert any("nothing is known so late" in text for text in far.warnings)


def test_single_turn_tables_have_a_rate_and_one_turn() -> None:
    table = conversations({"a": [("opted_out", 1), ("completed", 1)], "b": [("refused", 1)] * 2})
    found = exits(table)
    assert found.survival()["estimate"].tolist() == [0.75]
    assert found.rates()["estimate"].tolist() == [0.25]


def test_tables_without_times_have_the_rate_alone(trials: pd.DataFrame) -> None:
    found = exits(trials.drop(columns=["turn", "turns"]))
    assert found.frame["quantity"].tolist() == ["exit_rate"]
    assert any("only the rate" in text for text in found.warnings)
    assert found.at_risk().empty
    assert found.settings["time"] is None


@pytest.mark.parametrize("outcome", ["exited", "stopped"])
def test_anybodys_columns_will_do(trials: pd.DataFrame, outcome: str) -> None:
    left = trials["outcome"] == "opted_out"
    table = pd.DataFrame(
        {
            "scenario_id": trials["item"],
            outcome: left.astype(int),
            "at": trials["turn"],
            "said": trials["turns"],
            "abandoned": (trials["outcome"] == "abandoned").astype(int),
        }
    )
    found, own = exits(table, turn="at", turns="said"), exits(trials)
    np.testing.assert_allclose(found.survival()["estimate"], own.survival()["estimate"])
    assert found.rates()["n"].tolist() == [10]


@pytest.mark.parametrize("engine", ["polars", "arrow", "duckdb"])
def test_any_engine_gives_the_same(trials: pd.DataFrame, engine: str) -> None:
    table = trials.astype({"turn": "Int64"})
    made: dict[str, Any] = {"polars": pl.from_pandas, "arrow": lambda t: pl.from_pandas(t).to_arrow()}
    duckdb = pytest.importorskip("duckdb") if engine == "duckdb" else None
    native = duckdb.from_df(table) if duckdb is not None else made[engine](table)
    one, other = exits(native).frame, exits(trials).frame
    pd.testing.assert_frame_equal(
        one.sort_values(["quantity", "turn"], ignore_index=True),
        other.sort_values(["quantity", "turn"], ignore_index=True),
        check_dtype=False,
    )


def test_counted_rows_stand_for_trials(trials: pd.DataFrame) -> None:
    doubled = exits(trials.assign(count=2)).frame
    repeated = exits(pd.concat([trials, trials])).frame
    pd.testing.assert_frame_equal(doubled, repeated, check_dtype=False)


def test_order_of_rows_does_not_matter(trials: pd.DataFrame) -> None:
    shuffled = trials.sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(exits(shuffled).frame, exits(trials).frame)


def test_all_that_is_wrong_with_times_is_said_at_once() -> None:
    table = pd.DataFrame(
        {
            "item": list("abcde"),
            "outcome": ["opted_out", "opted_out", "completed", "completed", "opted_out"],
            "turn": [None, 4, None, None, 2.5],
            "turns": [3, 3, None, 0, 3],
        }
    )
    with pytest.raises(DataError) as told:
        exits(table)
    text = str(told.value)
    assert "'turn': empty in 1 trials that ended in an exit" in text
    assert "'turn': above 'turns' in 1 trials" in text
    assert "'turns': empty in 1 trials" in text
    assert "'turns': below 1 in 1 trials" in text
    assert "2.5" in text


def test_half_a_time_is_refused(trials: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="column 'turns' is missing"):
        exits(trials.drop(columns="turns"))


def test_settings_are_refused_with_what_is_allowed(trials: pd.DataFrame) -> None:
    with pytest.raises(SettingError, match="horizon=0"):
        exits(trials, horizon=0)
    with pytest.raises(SettingError, match="'turn'"):
        exits(trials, by="turn")
    with pytest.raises(SettingError, match="name the column of 0 and 1"):
        exits(pd.DataFrame({"item": ["a"]}))
    with pytest.raises(DataError, match="no column 'nowhere'"):
        exits(trials, cluster="nowhere")
    with pytest.raises(DataError, match="no rows"):
        exits(trials.iloc[:0])


def test_trials_in_which_no_turn_was_had_say_nothing_of_staying() -> None:
    table = conversations({"a": [("completed", 2), ("error", 0)], "b": [("opted_out", 2), ("abandoned", 0)]})
    found = exits(table)
    assert found.at_risk()["at_risk"].tolist() == [2, 2]
    assert any("2 of 4 trials ended before a turn was had" in text for text in found.warnings)


def test_replies_that_cannot_be_read_are_told_of() -> None:
    table = conversations({"a": [("completed", 2), ("unparsed", 1)], "b": [("opted_out", 2)]})
    assert any("could not be read" in text for text in exits(table).warnings)


def test_one_cluster_is_told_and_these_items_ask_about_it() -> None:
    table = conversations({"a": [("opted_out", 2), ("completed", 3), ("completed", 3)]})
    found = exits(table)
    assert found.survival()["low"].isna().all()
    assert any("staying: one cluster" in text for text in found.warnings)
    assert exits(table, estimand="these_items").survival()["low"].notna().all()


def test_names_in_any_script_and_missing_groups_are_kept() -> None:
    table = conversations({"склон": [("opted_out", 1)], "🌊 wave": [("completed", 3)]}).assign(
        kind=pd.Series(["é", None])
    )
    found = exits(table, by="kind", cluster=False)
    assert found.rates()["kind"].tolist()[0] == "é"
    assert found.rates()["kind"].isna().tolist() == [False, True]


def test_the_result_goes_to_json_and_to_a_figure(trials: pd.DataFrame) -> None:
    found = exits(trials)
    told = json.loads(found.to_json())
    assert told["estimates"][0]["turn"] is None
    assert told["estimates"][1]["turn"] == 1
    assert "staying beyond turn 1" in found.summary()
    assert found.plot().axes
    assert found.plot_staying().axes


def test_more_than_a_hundred_thousand_conversations_are_counted_first() -> None:
    rng = np.random.default_rng(0)
    table = simulated(rng, scenarios=50, repeats=20).assign(count=10_000)
    assert exits(table).rates()["n"].iloc[0] > 5_000_000


# Retyped: stopped, conversations and abandoned of four models of a published study with a stop button.
COUNTS = {
    "qwen3-235b-a22b": (1562, 1610, 0),
    "gpt-5-mini": (12, 755, 679),
    "gpt-5-nano": (1, 1319, 1246),
    "qwen3-vl-32b-instruct": (195, 1130, 0),
}


def test_published_counts_come_out_of_retyped_figures() -> None:
    table = pd.DataFrame(
        [
            {"model": name, "stopped": stopped, "abandoned": abandoned, "count": count}
            for name, (left, n, lost) in COUNTS.items()
            for stopped, abandoned, count in ((1, 0, left), (0, 1, lost), (0, 0, n - left - lost))
        ]
    )
    found: Any = exits(table, cluster=False).rates().set_index("model")
    for name, (left, n, lost) in COUNTS.items():
        assert found.loc[name, ["events", "n", "missing"]].tolist() == [left, n - lost, lost]
    assert found.loc["qwen3-235b-a22b", "estimate"] == pytest.approx(0.970, abs=5e-4)
    assert found.loc["gpt-5-mini", "estimate"] == pytest.approx(12 / 76)
    bound = proportion_confint(12, 755, method="wilson")[0]
    assert found.loc["gpt-5-mini", "bound_low"] == pytest.approx(bound)


@needs_published
def test_the_published_table_gives_its_counts_and_the_warnings_it_deserves() -> None:
    table = pd.read_csv(PUBLISHED / "cais-wellbeing" / "stop_button_trials.csv")
    found = exits(table, "stopped", turn="stopped_at_turn", turns="n_responses")
    rates: Any = found.rates().set_index("model")
    for name, (left, n, lost) in COUNTS.items():
        assert rates.loc[name, ["events", "n", "missing"]].tolist() == [left, n - lost, lost]
    warned = " ".join(found.warnings)
    assert "model=gpt-5-mini: 90% of 755 trials are missing (679 abandoned)" in warned
    assert "would make 1.6% of 15.8%" in warned
    assert "qwen3-235b-a22b: 125 of 125 such trials" in warned
    assert "there an exit means 'done', not aversion" in warned
    naive = exits(table, "stopped", turn="stopped_at_turn", turns="n_responses", cluster=False)
    assert any("'scenario_id' were taken as independent" in text for text in naive.warnings)
    wider = found.rates()["high"] - found.rates()["low"]
    assert (wider > naive.rates()["high"] - naive.rates()["low"]).all()


@needs_published
def test_published_exit_counts_by_item_and_condition_are_read_as_counts() -> None:
    table = pd.read_csv(PUBLISHED / "almostrealism" / "calibration_exit_counts.csv")
    told = pd.concat(
        [
            table.assign(left=1, count=table["exits"]),
            table.assign(left=0, count=table["n"] - table["exits"]),
        ]
    ).drop(columns=["exits", "n"])
    found = exits(told, by=["experiment", "condition"]).rates()
    expected = table.groupby(["experiment", "condition"])[["exits", "n"]].sum().reset_index()
    both = found.merge(expected, on=["experiment", "condition"], suffixes=("", "_published"))
    assert len(both) == len(expected)
    assert (both["events"] == both["exits"]).all()
    assert (both["n"] == both["n_published"]).all()
