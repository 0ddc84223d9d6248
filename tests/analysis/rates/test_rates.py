"""Rates: what counts, what is left out and told, which interval."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from bartleby.analysis.rates.rates import rate
from bartleby.errors import DataError, SettingError

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "published"


def table(outcomes: dict[str, int], **columns: object) -> pd.DataFrame:
    words = [word for word, count in outcomes.items() for _ in range(count)]
    return pd.DataFrame({"outcome": words, **columns})


def by_item(events: list[int], n: int) -> pd.DataFrame:
    rows = [
        {"item": f"task-{index}", "outcome": "opted_out" if draw < count else "completed"}
        for index, count in enumerate(events)
        for draw in range(n)
    ]
    return pd.DataFrame(rows)


def test_every_outcome_is_counted_and_said_how() -> None:
    trials = table({"opted_out": 6, "completed": 10, "refused": 3, "abandoned": 1})
    found = rate(trials, cluster=False)
    row = found.frame.iloc[0]
    assert row["estimate"] == pytest.approx(6 / 19)
    assert (row["events"], row["missing"], row["n"]) == (6, 1, 19)
    assert found.accounting.counts == {"opted_out": 6, "completed": 10, "refused": 3, "abandoned": 1}
    assert found.accounting.counted_as["refused"] == "counted as not opted_out"
    assert found.accounting.counted_as["abandoned"] == "left out: missing"
    low, high = (proportion_confint(events, 20, method="wilson")[end] for end, events in enumerate((6, 7)))
    assert found.accounting.bounds["opted_out"] == pytest.approx((low, high))
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((low, high))


def test_few_missing_trials_that_could_carry_a_rate_out_of_its_interval_are_a_warning() -> None:
    found = rate(table({"completed": 16_000, "unparsed": 427}), cluster=False)
    assert found.frame["high"].iloc[0] < 0.001
    assert found.frame["bound_high"].iloc[0] == pytest.approx(
        proportion_confint(427, 16_427, method="wilson")[1]
    )
    (warning,) = found.warnings
    assert "427 of 16427 trials (2.6%)" in warning
    assert "0.026" in warning


def test_missing_trials_that_matter_less_than_chance_are_no_warning() -> None:
    assert not rate(table({"opted_out": 50, "completed": 50, "unparsed": 1}), cluster=False).warnings


def test_bounds_hold_the_interval_and_both_extremes_with_clusters() -> None:
    trials = by_item([0, 1, 2, 5, 8, 9, 3, 1], 10)
    trials.loc[::7, "outcome"] = "error"
    row = rate(trials).frame.iloc[0]
    for end, word in (("low", "completed"), ("high", "opted_out")):
        extreme = rate(trials.replace({"outcome": {"error": word}})).frame.iloc[0]
        assert row[f"bound_{end}"] == pytest.approx(extreme[end])
    assert row["bound_low"] < row["low"] < row["high"] < row["bound_high"]


@pytest.mark.parametrize(
    ("refusals", "expected"), [("counted", 6 / 19), ("left_out", 6 / 16), ("as_event", 9 / 19)]
)
def test_refusals_count_as_asked(refusals: str, expected: float) -> None:
    trials = table({"opted_out": 6, "completed": 10, "refused": 3, "abandoned": 1})
    found = rate(trials, cluster=False, refusals=refusals)  # type: ignore[arg-type]
    assert found.frame["estimate"].iloc[0] == pytest.approx(expected)


def test_several_outcomes_may_be_one_event() -> None:
    trials = table({"opted_out": 6, "completed": 10, "refused": 4})
    found = rate(trials, ["opted_out", "refused"], cluster=False)
    assert found.frame["term"].iloc[0] == "opted_out or refused"
    assert found.frame["estimate"].iloc[0] == 0.5


def test_abandoned_trials_never_count_as_staying_and_much_of_it_is_warned_of() -> None:
    found = rate(table({"opted_out": 12, "completed": 64, "abandoned": 679}), cluster=False)
    assert found.frame["estimate"].iloc[0] == pytest.approx(12 / 76)
    assert any("90% of 755" in text and "679 abandoned" in text for text in found.warnings)


def test_a_column_named_after_a_missing_outcome_is_noticed() -> None:
    trials = pd.DataFrame({"stopped": [1, 0, 0, 0], "abandoned": [0, 1, 1, 0], "scenario_id": list("abcd")})
    found = rate(trials, "stopped")
    assert found.frame["estimate"].iloc[0] == 0.5
    assert found.accounting.counts["abandoned"] == 2


def test_an_event_that_was_seen_counts_even_if_the_trial_was_abandoned_later() -> None:
    trials = pd.DataFrame({"stopped": [1, 1, 0], "abandoned": [1, 0, 0]})
    assert rate(trials, "stopped", cluster=False).frame["events"].iloc[0] == 2


def test_a_column_of_zero_and_one_with_gaps_leaves_the_gaps_out() -> None:
    trials = pd.DataFrame({"left": pd.array([True, False, None, False], dtype="boolean")})
    found = rate(trials, "left", cluster=False)
    assert found.frame["estimate"].iloc[0] == pytest.approx(1 / 3)
    assert found.accounting.counts["empty"] == 1


def test_repeats_of_an_item_are_found_and_said() -> None:
    found = rate(by_item([0, 2, 5, 9, 10], 10))
    assert found.settings["cluster"] == "item (found in the table)"
    assert found.frame["n_clusters"].iloc[0] == 5
    assert found.frame["method"].iloc[0] == "beta-binomial, few clusters"
    assert rate(by_item([0, 2, 5, 9, 10], 10), method="logit_t").frame["method"].iloc[0] == "logit t, CR2"
    naive = rate(by_item([0, 2, 5, 9, 10], 10), cluster=False)
    width = found.frame["high"] - found.frame["low"]
    assert float(width.iloc[0]) > 2 * float((naive.frame["high"] - naive.frame["low"]).iloc[0])


def test_pairs_of_first_and_second_are_one_cluster_in_either_order() -> None:
    trials = table({"chose_first": 3, "opted_out": 3}, first=list("abcbcd"), second=list("bcdabc"))
    found = rate(trials)
    assert found.frame["n_clusters"].iloc[0] == 3
    assert found.settings["cluster"].startswith("pair")


def test_no_clusters_at_all_are_warned_of_unless_asked_for() -> None:
    trials = table({"opted_out": 3, "completed": 7})
    assert any("independent" in text for text in rate(trials).warnings)
    assert rate(trials, cluster=False).warnings == ()


def test_one_cluster_has_no_interval_for_new_items_and_one_for_these() -> None:
    new, these = rate(by_item([3], 10)), rate(by_item([3], 10), estimand="these_items")
    assert np.isnan(new.frame["low"].iloc[0])
    assert any("one cluster" in text for text in new.warnings)
    assert 0 < these.frame["low"].iloc[0] < 0.3 < these.frame["high"].iloc[0] < 1


@pytest.mark.parametrize("events", [0, 10])
@pytest.mark.parametrize("estimand", ["new_items", "these_items"])
def test_none_and_all_have_a_one_sided_interval(events: int, estimand: str) -> None:
    row = rate(by_item([events] * 6, 10), estimand=estimand).frame.iloc[0]  # type: ignore[arg-type]
    assert row["low"] == 0 if events == 0 else row["high"] == 1
    assert 0.02 < row["high"] - row["low"] < 0.6
    assert np.isnan(row["std_error"])


def test_a_word_that_is_also_a_column_is_said_to_be_read_as_an_outcome() -> None:
    trials = table({"refused": 1, "opted_out": 3}, refused=[True, True, False, False])
    found = rate(trials, "refused", cluster=False)
    assert found.frame["events"].iloc[0] == 1
    assert any("a column 'refused' is there too" in text for text in found.warnings)
    renamed = trials.rename(columns={"refused": "said_no"})
    assert rate(renamed, "said_no", cluster=False).frame["events"].iloc[0] == 2


def test_a_rare_outcome_in_few_clusters_is_warned_of() -> None:
    assert any("10 clusters seldom include" in text for text in rate(by_item([3] + [0] * 9, 10)).warnings)
    assert rate(by_item([3] * 5 + [1] * 5, 10)).warnings == ()
    assert rate(by_item([3] + [0] * 9, 10), estimand="these_items").warnings == ()


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_no_item_of_a_few_does_may_be_what_every_fifth_item_does(mirrored: bool) -> None:
    counts = [10 if mirrored else 0] * 8
    row = rate(by_item(counts, 10)).frame.iloc[0]
    far = 1 - row["low"] if mirrored else row["high"]
    # The rule of three: had 3 of 11 been of the other kind, a sample of 8 could well hold none of them.
    assert far == pytest.approx(math.log(20) / (8 + math.log(20)))
    assert "room for clusters unlike these" in row["method"]
    many = rate(by_item([10 if mirrored else 0] * 14, 10)).frame.iloc[0]
    assert "room" not in many["method"]
    exact = rate(by_item(counts, 10), estimand="these_items").frame.iloc[0]
    assert (exact["high"] - exact["low"]) < 0.06


def test_a_one_sided_limit_has_the_room_of_its_own_level() -> None:
    row = rate(by_item([0] * 12, 20), one_sided="upper").frame.iloc[0]
    assert row["upper"] == pytest.approx(math.log(20) / (12 + math.log(20)))


def test_models_are_kept_apart_and_groups_come_in_order() -> None:
    trials = by_item([1, 2, 3, 4], 5).assign(model=["b", "a"] * 10, turns=[10, 9] * 10)
    found = rate(trials, by="turns").frame
    assert list(found.columns[:2]) == ["model", "turns"]
    assert found["model"].tolist() == ["a", "b"]
    assert rate(trials.drop(columns="model"), by="turns").frame["turns"].tolist() == [9, 10]


def test_a_group_with_the_name_of_a_fixed_column_is_refused() -> None:
    with pytest.raises(SettingError, match="'level'"):
        rate(by_item([1, 2], 5).assign(level=1), by="level")
    with pytest.raises(SettingError, match="'events'"):
        rate(by_item([1, 2], 5).assign(events=1), by="events")


def test_nothing_usable_is_nan_with_a_warning() -> None:
    found = rate(table({"error": 3}), cluster=False)
    assert np.isnan(found.frame["estimate"].iloc[0])
    assert (found.frame["bound_low"].iloc[0], found.frame["bound_high"].iloc[0]) == (0, 1)
    assert any("no usable trial" in text for text in found.warnings)
    assert json.loads(found.to_json())["estimates"][0]["estimate"] is None


def test_one_observation_has_an_interval() -> None:
    row = rate(table({"opted_out": 1}), cluster=False).frame.iloc[0]
    assert 0 < row["low"] < row["high"] == 1


def test_unicode_items_and_groups_pass() -> None:
    trials = table({"opted_out": 2, "completed": 2}, item=["猫", "été", "猫", "été"], model="модель")
    assert rate(trials).frame["model"].iloc[0] == "модель"


def test_what_is_wrong_with_the_table_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(DataError, match=r"'left'.*must be one of"):
        rate(table({"left": 2}))
    with pytest.raises(DataError, match="no rows"):
        rate(table({}))
    with pytest.raises(DataError, match="0, 1 or empty"):
        rate(pd.DataFrame({"y": [0, 1, 2]}), "y")
    with pytest.raises(DataError, match="number of trials"):
        rate(pd.DataFrame({"y": [0, 1], "count": [1, -2]}), "y")
    with pytest.raises(DataError, match="no column 'nope'"):
        rate(table({"opted_out": 1}), by="nope")
    with pytest.raises(DataError, match="no column 'nope'"):
        rate(table({"opted_out": 1}), cluster="nope")
    with pytest.raises(DataError, match="empty in 1 rows"):
        rate(table({"opted_out": 2}, item=["a", None]))
    with pytest.raises(DataError, match="not a table"):
        rate([1, 2, 3])


@pytest.mark.parametrize(
    ("count", "message"),
    [
        ([1, 1, -1], "row 3, column 'count': -1: must be"),
        ([1, np.nan, 1], "row 2, column 'count': empty: must be"),
        ([1, np.inf, 1], "row 2, column 'count': inf: must be"),
        (["1", "1", "1"], "column 'count': must be numbers"),
    ],
)
def test_a_count_that_is_none_is_refused_with_its_row(count: list[object], message: str) -> None:
    trials = table({"opted_out": 2, "completed": 1}, count=count)
    with pytest.raises(DataError, match=message):
        rate(trials, cluster=False)


def test_a_word_that_is_no_outcome_is_refused_with_its_row() -> None:
    trials = table({"opted_out": 2, "left": 1})
    with pytest.raises(DataError, match="row 3, column 'outcome': 'left': must be one of"):
        rate(trials, cluster=False)
    with pytest.raises(DataError, match="row 3, column 'outcome': empty: must be one of"):
        rate(trials.replace("left", None), cluster=False)


@pytest.mark.parametrize("level", [0, 1, 95, "0.95", math.nan, None])
def test_a_level_that_is_none_is_refused(level: Any) -> None:  # noqa: ANN401 - of any kind
    with pytest.raises(SettingError, match="level="):
        rate(by_item([1, 2], 5), level=level)


def test_settings_that_are_wrong_are_all_named() -> None:
    with pytest.raises(SettingError) as caught:
        rate(table({"opted_out": 1}), level=95, estimand="all", method="wald")  # type: ignore[arg-type]
    for word in ("level=95", "estimand='all'", "method='wald'", "wilson"):
        assert word in str(caught.value)
    with pytest.raises(SettingError, match="outcome='leaving'"):
        rate(table({"opted_out": 1}), "leaving")


def test_polars_gives_what_pandas_gives() -> None:
    trials = by_item([0, 3, 4, 10], 10).assign(model=["a", "b"] * 20)
    pd.testing.assert_frame_equal(rate(trials).frame, rate(pl.from_pandas(trials)).frame)
    pd.testing.assert_frame_equal(rate(trials).frame, rate(pl.from_pandas(trials).lazy()).frame)


cells = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.sampled_from(["opted_out", "completed", "error"]), st.integers(1, 4)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40)
@given(cells, st.randoms(use_true_random=False))
def test_counts_equal_rows_in_any_order(drawn: list[tuple[str, str, int]], random: object) -> None:
    counted = pd.DataFrame(drawn, columns=["item", "outcome", "count"])
    rows = counted.loc[counted.index.repeat(counted["count"])].drop(columns="count")
    rows = rows.sample(frac=1, random_state=abs(hash(str(random))) % 1000)
    estimands: list[Any] = ["new_items", "these_items"]
    for estimand in estimands:
        one, other = (rate(each, estimand=estimand).frame for each in (counted, rows))
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="other people's published data are not here")
def test_published_stop_button_counts_come_out_and_the_abandoned_are_noticed() -> None:
    trials = pd.read_csv(PUBLISHED / "cais-wellbeing" / "stop_button_trials.csv")
    found = rate(trials, "stopped")
    rows: Any = found.frame.set_index("model")
    assert (rows.loc["qwen3-235b-a22b", "events"], rows.loc["qwen3-235b-a22b", "n"]) == (1562, 1610)
    assert rows.loc["gpt-5-mini", ["events", "n", "missing"]].tolist() == [12, 76, 679]
    assert rows.loc["gpt-5-mini", "bound_low"] < 12 / 755
    assert rows.loc["gpt-5-mini", "n_clusters"] < 76
    assert any("gpt-5-mini" in text and "679 abandoned" in text for text in found.warnings)
    assert found.settings["cluster"] == "scenario_id (found in the table)"
