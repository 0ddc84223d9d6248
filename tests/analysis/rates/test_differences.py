"""Differences between conditions."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from bartleby.analysis.rates.contrasts import independent_contrast, pairs_contrast
from bartleby.analysis.rates.differences import difference
from bartleby.errors import DataError, SettingError


def study(items: int = 30, repeats: int = 4, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    leaning = rng.normal(-0.5, 1.5, items)
    rows = [
        {"item": f"i{item:02}", "channel": channel, "outcome": "opted_out" if leaves else "completed"}
        for item in range(items)
        for channel, shift in (("tool", 0.8), ("string", 0.0))
        for leaves in rng.random(repeats) < 1 / (1 + np.exp(-leaning[item] - shift))
    ]
    return pd.DataFrame(rows)


def test_independent_rows_have_newcombes_interval() -> None:
    trials = pd.DataFrame(
        {
            "arm": ["a"] * 70 + ["b"] * 80,
            "outcome": ["opted_out"] * 56 + ["completed"] * 14 + ["opted_out"] * 48 + ["completed"] * 32,
        }
    )
    row = difference(trials, between="arm", reference="b", cluster=False).frame.iloc[0]
    assert row["term"] == "a - b"
    assert [row["low"], row["high"]] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert row["p_value"] < 0.05


def test_items_under_both_conditions_make_the_difference_sharper() -> None:
    trials = study()
    shared = difference(trials, between="channel").frame.iloc[0]
    renamed = trials.assign(item=trials["item"] + trials["channel"])
    apart = difference(renamed, between="channel").frame.iloc[0]
    assert shared["n_clusters"] == 30
    assert apart["n_clusters"] == 60
    assert shared["high"] - shared["low"] < 0.75 * (apart["high"] - apart["low"])


def test_single_answers_paired_by_item_have_newcombes_paired_interval() -> None:
    trials = study(repeats=1)
    row = difference(trials, between="channel", paired="item").frame.iloc[0]
    wide = (
        trials.pivot_table(index="item", columns="channel", values="outcome", aggfunc="first") == "opted_out"
    )
    tool, string = wide["tool"], wide["string"]
    counts = [
        float((a & b).sum()) for a, b in ((tool, string), (tool, ~string), (~tool, string), (~tool, ~string))
    ]
    expected = pairs_contrast(*counts).interval(0.95)
    assert [row["low"], row["high"]] == pytest.approx(list(expected))
    assert row["method"] == "newcombe, paired"


def test_pairing_weighs_items_alike_and_leaves_out_what_has_no_partner() -> None:
    trials = pd.concat(
        [study(6, 3), pd.DataFrame({"item": ["x"] * 50, "channel": "tool", "outcome": "opted_out"})]
    )
    more = pd.concat([trials, trials[(trials["item"] == "i01") & (trials["channel"] == "tool")]])
    one = difference(trials, between="channel", paired="item").frame.iloc[0]
    two = difference(more, between="channel", paired="item").frame.iloc[0]
    assert one["estimate"] == pytest.approx(two["estimate"])
    assert one["n"] == 36


def test_swapping_the_reference_mirrors_the_difference() -> None:
    one = difference(study(), between="channel", reference="string").frame.iloc[0]
    other = difference(study(), between="channel", reference="tool").frame.iloc[0]
    assert [one["estimate"], one["low"], one["high"]] == pytest.approx(
        [-other["estimate"], -other["high"], -other["low"]]
    )
    assert one["p_value"] == pytest.approx(other["p_value"], rel=1e-6)


def test_intervals_stay_within_minus_one_and_one_and_have_a_width_at_the_ends() -> None:
    trials = pd.DataFrame(
        {
            "item": [f"i{index}" for index in range(10)] * 2,
            "arm": ["a"] * 10 + ["b"] * 10,
            "outcome": ["opted_out"] * 10 + ["completed"] * 10,
        }
    )
    every: list[dict[str, Any]] = [{}, {"cluster": False}, {"paired": "item"}, {"estimand": "these_items"}]
    for options in [*every, {"method": "t"}]:
        row = difference(trials, between="arm", reference="b", **options).frame.iloc[0]
        assert row["estimate"] == 1
        assert 0 < row["low"] < row["high"] == 1
    same = trials.assign(outcome="completed")
    row = difference(same, between="arm").frame.iloc[0]
    assert -1 < row["low"] < 0 < row["high"] < 1
    assert row["p_value"] == pytest.approx(1.0)


@pytest.mark.parametrize("paired", [None, "item"])
@pytest.mark.parametrize("method", ["auto", "t"])
def test_a_model_that_answers_alike_under_both_conditions_has_an_interval_with_a_width(
    paired: str | None, method: Literal["auto", "t"]
) -> None:
    trials = pd.DataFrame(
        [
            (f"i{item}", arm, "opted_out" if item % 2 else "completed")
            for item in range(40)
            for arm in "ab"
            for _ in range(3)
        ],
        columns=["item", "arm", "outcome"],
    )
    row = difference(trials, between="arm", paired=paired, method=method).frame.iloc[0]
    assert row["estimate"] == 0
    assert row["low"] < -0.01
    assert row["high"] > 0.01


def test_the_family_is_adjusted_without_what_could_not_be_compared() -> None:
    trials = pd.concat(
        [study().assign(model=name) for name in ("a", "b")]
        + [study(1, 4).assign(model="c")]
        + [study(30, 4, seed=3).assign(model="d")]
    )
    found = difference(trials, between="channel", adjust="holm")
    rows: Any = found.frame.set_index("model")
    assert np.isnan(rows.loc["c", "p_adjusted"])
    assert rows.loc["a", "p_adjusted"] >= 2 * rows.loc["a", "p_value"] * (1 - 1e-9)
    assert found.settings["family"] == "all 4 comparisons of this call"
    assert any("model=c" in text for text in found.warnings)


def test_equivalence_and_the_interval_agree() -> None:
    trials = study(60, 10)
    narrow = difference(trials, between="channel", margin=0.02, level=0.95).frame.iloc[0]
    wide = difference(trials, between="channel", margin=0.5, level=0.95).frame.iloc[0]
    assert narrow["equivalent"] is False or not narrow["equivalent"]
    assert bool(wide["equivalent"])
    ninety = difference(trials, between="channel", level=0.9).frame.iloc[0]
    margin = float(max(abs(ninety["low"]), abs(ninety["high"])))
    at_edge = difference(trials, between="channel", margin=margin).frame.iloc[0]
    assert at_edge["p_equivalence"] == pytest.approx(0.05, abs=1e-4)


def test_bounds_say_what_the_missing_could_have_done() -> None:
    trials = pd.DataFrame(
        {
            "arm": ["a"] * 10 + ["b"] * 10,
            "outcome": ["opted_out"] * 5 + ["error"] * 5 + ["opted_out"] * 2 + ["completed"] * 8,
        }
    )
    found = difference(trials, between="arm", reference="b", cluster=False)
    row = found.frame.iloc[0]
    # By hand: 5 of 10 and 10 of 10 against 2 of 10, Newcombe's interval of each.
    low, high = (
        confint_proportions_2indep(events, 10, 2, 10, method="newcomb")[end]
        for end, events in enumerate((5, 10))
    )
    assert [row["bound_low"], row["bound_high"]] == pytest.approx([low, high])
    assert row["missing"] == 5
    assert found.accounting.bounds["a - b"] == pytest.approx((low, high))


def test_missing_trials_that_could_carry_a_difference_out_of_its_interval_are_a_warning() -> None:
    trials = pd.DataFrame({"arm": ["a"] * 4000 + ["b"] * 4000, "outcome": "completed"})
    trials.loc[:59, "outcome"] = "unparsed"
    found = difference(trials, between="arm", cluster=False)
    (warning,) = found.warnings
    assert warning.startswith("b - a: 60 of 8000 trials (0.8%) are missing")
    assert "between -0.015 and 0" in warning


def test_models_can_be_compared_and_counts_equal_rows() -> None:
    trials = study().assign(model=lambda data: data["channel"])
    found = difference(trials, between="model")
    counted = trials.value_counts(["item", "model", "outcome"]).reset_index()
    again = difference(counted, between="model")
    pd.testing.assert_frame_equal(found.frame, again.frame)
    pd.testing.assert_frame_equal(found.frame, difference(pl.from_pandas(trials), between="model").frame)
    assert json.loads(found.to_json())["settings"]["reference"] == "string"


def test_a_coarser_cluster_holds_whole_pairs() -> None:
    trials = study(12, 2)
    trials["topic"] = trials["item"].str[-1].astype(int) % 4
    row = difference(trials, between="channel", paired="item", cluster="topic").frame.iloc[0]
    assert row["n_clusters"] == 4
    trials.loc[0, "topic"] = 9
    with pytest.raises(DataError, match="more than one 'topic'"):
        difference(trials, between="channel", paired="item", cluster="topic")


def test_what_cannot_be_compared_is_refused() -> None:
    trials = study(4, 2)
    with pytest.raises(DataError, match="one value"):
        difference(trials[trials["channel"] == "tool"], between="channel")
    with pytest.raises(SettingError, match=r"reference='mail'.*'string', 'tool'"):
        difference(trials, between="channel", reference="mail")
    with pytest.raises(DataError) as caught:
        difference(trials, between="nope", paired="nor")
    assert len(caught.value.problems) == 2
    with pytest.raises(SettingError, match="margin"):
        difference(trials, between="channel", margin=-1)


def test_an_arm_without_usable_trials_has_no_interval() -> None:
    trials = pd.DataFrame(
        {
            "item": list("abab"),
            "arm": ["a", "a", "b", "b"],
            "outcome": ["opted_out", "completed", "error", "error"],
        }
    )
    row = difference(trials, between="arm").frame.iloc[0]
    assert np.isnan(row["low"])
    assert np.isnan(row["p_value"])


def test_intervals_of_differences_nest_with_the_level() -> None:
    found = [
        difference(study(8, 3), between="channel", level=level).frame.iloc[0] for level in (0.8, 0.9, 0.99)
    ]
    lows, highs = [row["low"] for row in found], [row["high"] for row in found]
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)
    contrast = independent_contrast(3, 9, 5, 8, "")
    assert contrast.interval(0.8)[0] > contrast.interval(0.9)[0]


def test_a_smaller_arm_that_does_not_vary_is_not_taken_as_known_exactly() -> None:
    rows = [
        {
            "item": f"{arm}{item}",
            "arm": arm,
            "outcome": "opted_out" if item % 5 == 0 and often else "completed",
        }
        for arm, items, often in (("few", 8, False), ("many", 40, True))
        for item in range(items)
        for _ in range(10)
    ]
    trials = pd.DataFrame(rows)
    row = difference(trials, between="arm", cluster="item").frame.iloc[0]
    assert row["method"] == "newcombe, CR2"
    plain = difference(trials, between="arm", cluster="item", method="t").frame.iloc[0]
    assert row["low"] < plain["low"] / 2
    # The other way around, the variance of the few is known.
    turned = trials.assign(outcome=np.where(trials["arm"] == "few", "opted_out", "completed"))
    turned.loc[turned["item"] == "few0", "outcome"] = "completed"
    assert difference(turned, between="arm", cluster="item").frame["method"].iloc[0] == "t with skewness, CR2"
