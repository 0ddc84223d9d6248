"""Prevalence behind a judge's errors: known values, limits, and what cannot be corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.coding.corrected_count import lang_reiczigel, rogan_gladen
from bartleby.analysis.coding.judge_error import Proportion, prediction_powered
from bartleby.analysis.coding.label_next import label_next
from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.inference.intervals import wilson
from bartleby.errors import DataError, SettingError

Z = 1.959963984540054


def sample(
    size: int = 2000, labels: int = 200, prevalence: float = 0.1, seed: int = 0, sensitivity: float = 0.8
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.random(size) < prevalence
    judge = np.where(truth, rng.random(size) < sensitivity, rng.random(size) > 0.95).astype(int)
    label = np.full(size, np.nan)
    drawn = rng.permutation(size)[:labels]
    label[drawn] = truth[drawn]
    return pd.DataFrame({"judge": judge, "label": label, "talk": np.arange(size) // 10})


def rows(table: pd.DataFrame, **settings: object) -> dict[str, dict[Any, Any]]:
    found = prevalence(table, judge="judge", label="label", **settings)  # type: ignore[arg-type]
    return {row["term"]: row for row in found.frame.to_dict(orient="records")}


def bounds(row: dict[Any, Any]) -> tuple[float, float]:
    return row["low"], row["high"]


def width(row: dict[Any, Any]) -> float:
    return float(row["high"] - row["low"])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((27, 650, 50, 100, 199, 200), (0.02746001057, 0.11458302573)),
        ((120, 1000, 64, 80, 285, 300), (0.0500900058, 0.1355834615)),
    ],
)
def test_the_interval_is_that_of_lang_and_reiczigel(
    counts: tuple[int, ...], expected: tuple[float, float]
) -> None:
    k, n, k_se, n_se, k_sp, n_sp = counts
    found = lang_reiczigel(
        Proportion(k / n, n), Proportion(k_se / n_se, n_se), Proportion(k_sp / n_sp, n_sp), Z
    )
    assert found == pytest.approx(expected, abs=1e-9)


def test_rogan_gladen_undoes_the_errors_of_a_judge() -> None:
    assert rogan_gladen(0.1 * 0.8 + 0.9 * 0.05, 0.8, 0.95) == pytest.approx(0.1)
    assert rogan_gladen(0.01, 0.8, 0.95) == 0
    assert np.isnan(rogan_gladen(0.5, 0.5, 0.5))


def test_with_every_unit_labelled_the_judge_adds_nothing() -> None:
    table = sample(labels=2000)
    found = rows(table)
    share = table["label"].mean()
    assert found["prevalence"]["estimate"] == pytest.approx(share)
    assert found["labels_alone"]["estimate"] == pytest.approx(share)
    assert found["rogan_gladen"]["estimate"] == pytest.approx(share)
    expected = wilson(share, 2000, Z)
    assert bounds(found["prevalence"]) == pytest.approx(expected, rel=0.02)


def test_a_judge_that_says_nothing_leaves_the_labels() -> None:
    table = sample().assign(judge=1)
    result = prevalence(table, judge="judge", label="label")
    found = rows(table)
    for column in ("estimate", "std_error", "low", "high"):
        assert found["prevalence"][column] == pytest.approx(found["labels_alone"][column])
    assert np.isnan(found["rogan_gladen"]["estimate"])
    assert any("calls every unit positive" in each for each in result.warnings)
    assert any("is 1 or less" in each for each in result.warnings)


def test_a_good_judge_makes_the_interval_shorter_and_moves_the_estimate_off_its_own_count() -> None:
    found = rows(sample(seed=3))
    assert found["prevalence"]["std_error"] < 0.85 * found["labels_alone"]["std_error"]
    assert width(found["prevalence"]) < 0.9 * width(found["labels_alone"])
    assert found["judge_alone"]["low"] > 0.1
    assert found["prevalence"]["low"] < 0.1 < found["prevalence"]["high"]


def test_labels_drawn_by_stratum_are_weighted_back() -> None:
    truth = np.r_[np.ones(80), np.zeros(20), np.ones(20), np.zeros(880)]
    judge = np.r_[np.ones(100), np.zeros(900)]
    label = np.full(1000, np.nan)
    label[:100:2] = truth[:100:2]
    label[100::10] = truth[100::10]
    table = pd.DataFrame({"judge": judge, "label": label, "stratum": judge})
    weighted, plain = rows(table, stratum="stratum"), rows(table)
    assert weighted["prevalence"]["estimate"] == pytest.approx(0.1)
    assert weighted["labels_alone"]["estimate"] == pytest.approx(0.1)
    assert weighted["sensitivity"]["estimate"] == pytest.approx(0.8)
    assert plain["labels_alone"]["estimate"] == pytest.approx(42 / 140)


def test_a_stratum_whose_labels_are_all_alike_is_not_taken_as_known() -> None:
    judge = np.r_[np.ones(100), np.zeros(900)]
    label = np.full(1000, np.nan)
    label[:100] = np.r_[np.ones(80), np.zeros(20)]
    label[100:150] = 0
    stratum = judge.astype(int)
    found = prediction_powered(judge, label, ~np.isnan(label), stratum, np.arange(1000))
    none = prediction_powered(judge, np.nan_to_num(label), np.ones(1000, bool), stratum, np.arange(1000))
    assert found.variance > none.variance + 0.9**2 * 0.001 / 50


def by_verdict(positive: tuple[int, int], labels: int = 100) -> pd.DataFrame:
    """Return units by the judge's verdict, so many of them labelled and so many of these positive."""
    parts = []
    for verdict, (size, events) in enumerate(zip((1870, 130), positive, strict=True)):
        label = np.full(size, np.nan)
        label[:labels] = np.arange(labels) < events
        parts.append(pd.DataFrame({"judge": verdict, "label": label}))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(verdict=table["judge"], talk=np.arange(len(table)) // 10)


def test_labels_drawn_by_verdict_correct_the_count_alike_and_with_one_interval() -> None:
    found = rows(by_verdict((2, 25)), stratum="verdict")
    assert found["rogan_gladen"]["estimate"] == pytest.approx(found["prevalence"]["estimate"])
    assert bounds(found["rogan_gladen"]) == bounds(found["prevalence"])
    assert bounds(found["prevalence"]) == pytest.approx((0.0191385954059, 0.0753012458827))
    for term in ("sensitivity", "specificity"):
        assert found[term]["low"] < found[term]["estimate"] < found[term]["high"]
        assert "ratio" in found[term]["method"]


def test_one_false_negative_among_few_labels_leaves_a_sensitivity_wide_open() -> None:
    none, one = (rows(by_verdict((events, 25)), stratum="verdict")["sensitivity"] for events in (0, 1))
    assert none["estimate"] == none["high"] == 1
    assert none["low"] < 0.6
    assert one["high"] - one["low"] > 0.4


def test_labels_by_verdict_that_cluster_are_worth_less() -> None:
    table = by_verdict((20, 60))
    table["pairs"] = table["talk"]
    apart = rows(table, stratum="verdict")
    together = rows(table, stratum="verdict", cluster="pairs")
    for term in ("prevalence", "sensitivity", "rogan_gladen"):
        assert width(together[term]) > 1.2 * width(apart[term])
    lonely = rows(table.assign(pairs=0), stratum="verdict", cluster="pairs")
    assert np.isnan(lonely["prevalence"]["low"])


def test_a_judge_that_scores_within_strata_narrows_the_interval() -> None:
    rng = np.random.default_rng(0)
    table = sample(4000, 4000, 0.3, seed=4)
    truth = table["label"].to_numpy()
    table["score"] = np.clip(0.3 + 0.4 * truth + rng.normal(0, 0.1, 4000), 0, 1)
    table["half"] = np.arange(4000) % 2
    table["label"] = np.where(np.arange(4000) < 300, truth, np.nan)
    found = prevalence(table, judge="score", label="label", stratum="half").frame.set_index("term")
    gap = found["high"] - found["low"]
    assert gap["prevalence"] < 0.7 * gap["labels_alone"]
    assert found.loc["prevalence", "low"] < truth.mean() < found.loc["prevalence", "high"]


def test_nobody_positive_by_verdict_leaves_the_correction_undefined_and_the_prevalence_bounded() -> None:
    found = rows(by_verdict((0, 0)), stratum="verdict")
    assert bounds(found["prevalence"])[0] == 0
    assert 0.01 < bounds(found["prevalence"])[1] < 0.05
    assert all(np.isnan([*bounds(found["rogan_gladen"]), *bounds(found["sensitivity"])]))


LANG_REICZIGEL = [
    ((4060, 11284), (178, 179), (358, 359), (0.349, 0.372)),
    ((51, 2971), (32, 33), (20, 20), (0.0, 0.053)),
    ((259, 509), (84, 127), (96, 109), (0.58, 0.87)),
    ((51, 509), (23, 41), (187, 195), (0.037, 0.195)),
]
"""Lang & Reiczigel (2014), examples 1, 2 and 4: positive, sensitivity, specificity, and their interval."""


def verdicts(positive: int, size: int) -> pd.DataFrame:
    return pd.DataFrame({"judge": np.arange(size) < positive, "turn_id": np.arange(size)}).astype(int)


def elsewhere(table: pd.DataFrame, **settings: object) -> dict[str, dict[Any, Any]]:
    found = prevalence(table, judge="judge", **settings)  # type: ignore[arg-type]
    return {row["term"]: row for row in found.frame.to_dict(orient="records")}


@pytest.mark.parametrize(("positive", "sensitivity", "specificity", "expected"), LANG_REICZIGEL)
def test_errors_counted_elsewhere_give_the_published_intervals(
    positive: tuple[int, int],
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    expected: tuple[float, float],
) -> None:
    errors = {"sensitivity": sensitivity, "specificity": specificity}
    found = elsewhere(verdicts(*positive), correction="lang_reiczigel", **errors)["rogan_gladen"]
    assert bounds(found) == pytest.approx(expected, abs=0.0051 if expected[0] > 0.5 else 0.00051)
    inverted = elsewhere(verdicts(*positive), **errors)["rogan_gladen"]
    assert inverted["estimate"] == found["estimate"]
    assert inverted["low"] < inverted["estimate"] < inverted["high"]
    assert width(inverted) < 1.2 * width(found)


def test_a_prevalence_with_errors_from_elsewhere_is_that_of_the_worked_example() -> None:
    # epiR: 23 of 150 cows with sensitivity .96 and specificity .89 are 5.1 cases per 100, 0 to 13.
    known = {"sensitivity": (96_000_000, 100_000_000), "specificity": (89_000_000, 100_000_000)}
    found = elsewhere(verdicts(23, 150), **known)["rogan_gladen"]
    assert found["estimate"] == pytest.approx(0.051, abs=5e-4)
    assert bounds(found) == pytest.approx((0.0, 0.13), abs=0.01)


def test_the_uncertainty_of_errors_from_elsewhere_is_carried_and_its_transport_warned_of() -> None:
    table = verdicts(200, 1000)
    small, large = (
        elsewhere(table, sensitivity=(8 * k, 10 * k), specificity=(9 * k, 10 * k)) for k in (3, 300)
    )
    assert small["rogan_gladen"]["estimate"] == pytest.approx(large["rogan_gladen"]["estimate"])
    assert width(small["rogan_gladen"]) > 2 * width(large["rogan_gladen"])
    assert small["sensitivity"]["n"] == 30
    assert list(small) == ["rogan_gladen", "judge_alone", "sensitivity", "specificity"]
    warnings = prevalence(table, judge="judge", sensitivity=(8, 10), specificity=(9, 10)).warnings
    assert any("those of another study" in text for text in warnings)


def test_verdicts_that_errors_from_elsewhere_cannot_explain_have_no_interval_and_say_so() -> None:
    counts = {"sensitivity": (90, 100), "specificity": (800, 1000)}
    found = elsewhere(verdicts(50, 1000), **counts)["rogan_gladen"]
    assert found["estimate"] == 0
    assert np.isnan(bounds(found)).all()
    warnings = prevalence(verdicts(50, 1000), judge="judge", **counts).warnings  # type: ignore[arg-type]
    assert any("fewer than any prevalence" in text for text in warnings)
    blind = {"sensitivity": (5, 10), "specificity": (5, 10)}
    assert np.isnan(elsewhere(verdicts(50, 100), **blind)["rogan_gladen"]["estimate"])


def test_turns_of_a_conversation_are_worth_less_with_errors_from_elsewhere_too() -> None:
    table = verdicts(200, 1000).assign(conversation=np.arange(1000) // 20)
    counts = {"sensitivity": (900, 1000), "specificity": (990, 1000)}
    together, apart = (elsewhere(table, cluster=each, **counts)["rogan_gladen"] for each in (None, False))
    assert together["n_clusters"] == 50
    assert width(together) > 2 * width(apart)


def test_labels_and_counts_of_another_study_are_not_mixed_and_counts_are_counts() -> None:
    table = sample()
    with pytest.raises(SettingError, match="label: name the column"):
        prevalence(table, judge="judge")
    with pytest.raises(SettingError, match="give one of them"):
        prevalence(table, judge="judge", label="label", sensitivity=(9, 10), specificity=(9, 10))
    with pytest.raises(SettingError, match=r"sensitivity=0\.9: .*specificity=None"):
        prevalence(table, judge="judge", sensitivity=0.9)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=r"specificity=\(11, 10\)"):
        prevalence(table, judge="judge", sensitivity=(9, 10), specificity=(11, 10))
    with pytest.raises(SettingError, match="correction='wald'"):
        prevalence(table, judge="judge", label="label", correction="wald")  # type: ignore[arg-type]


def test_a_corrected_count_of_labels_here_is_not_as_wide_as_with_labels_from_elsewhere() -> None:
    table = sample(labels=600)
    inverted, published = (
        rows(table, correction=each)["rogan_gladen"] for each in ("inverted", "lang_reiczigel")
    )
    assert inverted["estimate"] == published["estimate"]
    assert width(inverted) < 0.9 * width(published)
    # With every unit labelled, the labels are the answer and the judge's errors are none.
    whole = rows(sample(labels=2000))
    assert width(whole["rogan_gladen"]) == pytest.approx(width(whole["labels_alone"]), rel=0.02)


def test_a_judge_hardly_better_than_chance_leaves_the_corrected_count_wide_open() -> None:
    found = rows(sample(labels=100, sensitivity=0.1, seed=5))["rogan_gladen"]
    assert np.isnan(found["estimate"]) or width(found) > 0.5


def test_conversations_are_found_by_name_and_said() -> None:
    table = sample().rename(columns={"talk": "conversation"})
    found = prevalence(table, judge="judge", label="label")
    assert found.settings["cluster"] == "conversation (found in the table)"
    assert found.frame["n_clusters"].max() == 200
    apart = prevalence(table, judge="judge", label="label", cluster=False)
    assert "independent" in apart.settings["cluster"]
    assert not any("independent" in text for text in found.warnings)
    lonely = prevalence(sample().drop(columns="talk"), judge="judge", label="label")
    assert any("every unit is taken as independent" in text for text in lonely.warnings)


def test_a_column_that_holds_no_units_together_is_no_cluster() -> None:
    table = sample().rename(columns={"talk": "conversation"})
    found = prevalence(table.assign(item=[f"turn {at}" for at in range(2000)]), judge="judge", label="label")
    assert found.settings["cluster"] == "conversation (found in the table)"
    some = table["conversation"].astype("object").where(table.index >= 5, None)
    warned = prevalence(table.assign(conversation=some), judge="judge", label="label").warnings
    assert any("empty for 5 units" in text for text in warned)


def test_few_conversations_with_a_rare_code_are_warned_of() -> None:
    table = sample(size=200, labels=100, prevalence=0.03).assign(conversation=np.arange(200) // 20)
    warnings = prevalence(table, judge="judge", label="label").warnings
    assert any("10 clusters seldom include the rare ones" in text for text in warnings)


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    talk = np.repeat(np.arange(100), 10)
    truth = rng.random(1000) < rng.beta(0.5, 2, 100)[talk]
    table = pd.DataFrame(
        {"judge": truth.astype(int), "label": np.where(talk < 40, truth, np.nan), "talk": talk}
    )
    apart, together = rows(table), rows(table, cluster="talk")
    assert together["labels_alone"]["std_error"] > 1.3 * apart["labels_alone"]["std_error"]
    assert together["prevalence"]["n_clusters"] == 100


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_labels_that_are_all_alike_have_an_interval_that_ends_there(value: float) -> None:
    table = sample()
    table["label"] = table["label"].where(table["label"].isna(), value)
    found = rows(table.assign(judge=int(value)))
    row = found["labels_alone"]
    assert row["estimate"] == value
    assert 0.01 < width(row) < 0.1


def test_scores_are_used_as_they_are() -> None:
    table = sample()
    table["judge"] = table["judge"] * 0.8 + 0.1
    found = rows(table)
    assert found["prevalence"]["estimate"] == pytest.approx(rows(sample())["prevalence"]["estimate"])
    assert found["judge_alone"]["estimate"] == pytest.approx(sample()["judge"].mean())


def test_groups_stand_alone_and_rows_may_come_in_any_order() -> None:
    both = pd.concat([sample(seed=1).assign(code="pleading"), sample(seed=2).assign(code="anger")])
    mixed = both.sample(frac=1, random_state=0)
    found = prevalence(mixed, judge="judge", label="label", by="code").frame
    alone = rows(sample(seed=2))["prevalence"]["estimate"]
    assert found["code"].iloc[0] == "anger"
    assert found["estimate"].iloc[0] == pytest.approx(alone)


def test_units_that_the_judge_refused_are_counted() -> None:
    table = sample()
    table.loc[:9, "judge"] = np.nan
    found = prevalence(table, judge="judge", label="label")
    assert found.accounting.counts["not judged"] == 10
    assert found.accounting.used == 1990


def test_a_rare_code_is_said_to_be_mostly_false_alarms() -> None:
    found = prevalence(sample(20000, 2000, 0.005), judge="judge", label="label")
    assert any("mostly false alarms" in each for each in found.warnings)


def test_more_labels_are_advised_and_the_advice_holds() -> None:
    table = sample(200_000, 400, seed=5)
    row = rows(table)["prevalence"]
    again = rows(sample(200_000, int(400 + row["labels_to_halve"]), seed=5))["prevalence"]
    ratio = width(again) / width(row)
    assert ratio == pytest.approx(0.5, abs=0.08)
    assert np.isinf(rows(sample(300, 280))["prevalence"]["labels_to_halve"])


def test_labels_are_best_spent_where_verdicts_and_people_differ_most() -> None:
    advice = label_next(sample(), 200, judge="judge", label="label")
    assert advice["label_next"].sum() == 200
    negative, positive = advice["label_next"] / advice["units"]
    assert positive > 2 * negative
    nobody = sample().assign(label=np.nan)
    assert label_next(nobody, 100, judge="judge", label="label")["label_next"].sum() == 100
    assert label_next(nobody, 9999, judge="judge", label="label")["label_next"].sum() == 2000


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_estimates_stay_between_0_and_1_and_within_their_intervals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(20, 200))
    table = sample(size, int(rng.integers(2, size)), float(rng.random()), seed)
    for term, row in rows(table).items():
        low, high = bounds(row)
        if not np.isnan(low):
            assert 0 <= low <= high <= 1
        if not np.isnan(low) and term != "rogan_gladen":
            assert low - 1e-12 <= row["estimate"] <= high + 1e-12


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(DataError, match=r"judge: no column 'says'"):
        prevalence(sample(), judge="says", label="label")
    with pytest.raises(DataError, match="row 1, column 'judge': 'yes'"):
        prevalence(sample().assign(judge="yes"), judge="judge", label="label")
    with pytest.raises(DataError, match=r"column 'label': 0\.5; allowed: 0, 1, or empty"):
        prevalence(sample().assign(label=0.5), judge="judge", label="label")
    with pytest.raises(DataError, match="random subsample"):
        prevalence(sample().assign(label=np.nan), judge="judge", label="label")
    with pytest.raises(DataError, match="stratum=b: nobody labelled"):
        table = sample().assign(stratum=np.where(sample()["label"].isna(), "b", "a"))
        prevalence(table, judge="judge", label="label", stratum="stratum")
    with pytest.raises(DataError, match="no rows"):
        prevalence(sample().head(0), judge="judge", label="label")
    with pytest.raises(SettingError, match="threshold=0"):
        prevalence(sample(), judge="judge", label="label", threshold=0)
