from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.choice import accounting
from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError, SettingError
from tests.analysis.choice_tables import CEMS, CITATIONS, baseball, choices, from_wins, simulated


def column(fit: Estimates, name: str = "estimate") -> dict[str, float]:
    frame = fit.to_frame()
    return {str(term): float(value) for term, value in zip(frame["term"], frame[name], strict=True)}


def table(fit: Estimates) -> Any:  # noqa: ANN401
    return fit.to_frame().set_index("term")


def test_baseball_with_home_effect_is_as_in_r() -> None:
    fit = choice_model(baseball(), baseline="Baltimore", cluster=False)
    # BradleyTerry2 1.1: BTm(cbind(home.wins, away.wins), home.team, away.team, ~ team + at.home)
    expected = {
        "Boston": (1.143802653297, 0.337842188911),
        "Cleveland": (0.704694456900, 0.335001403342),
        "Detroit": (1.475357213586, 0.344551823286),
        "Milwaukee": (1.619554993578, 0.347365306113),
        "New York": (1.281340403276, 0.340403358811),
        "Toronto": (1.327110398072, 0.340322208808),
        "slot": (0.302260655528, 0.130943642532),
    }
    for term, (estimate, error) in expected.items():
        assert column(fit)[term] == pytest.approx(estimate, abs=1e-8)
        # R stops its iterations a little earlier, which shows in the standard errors
        assert column(fit, "std_error")[term] == pytest.approx(error, rel=5e-6)


def test_baseball_without_slot_is_as_in_r() -> None:
    found = column(choice_model(baseball(), baseline="Baltimore", slot=False))
    assert "slot" not in found
    assert found["Milwaukee"] == pytest.approx(1.581355876655, abs=1e-8)
    assert found["Cleveland"] == pytest.approx(0.683852769153, abs=1e-8)


@pytest.mark.parametrize(
    ("bias_reduced", "expected"),
    [
        (False, (-2.949072496844, -0.479569769752, 0.268954055819)),
        (True, (-2.944381821804, -0.479075261033, 0.268531022759)),
    ],
)
def test_citations_are_as_in_r(bias_reduced: bool, expected: tuple[float, ...]) -> None:
    # BradleyTerry2 with br = FALSE and TRUE; the cited journal is the winner.
    fit = choice_model(
        from_wins(CITATIONS), baseline="Biometrika", slot=False, bias_reduced=bias_reduced, cluster=False
    )
    found = [column(fit)[name] for name in ("Comm Statist", "JASA", "JRSS-B")]
    assert found == pytest.approx(expected, abs=2e-7)


def test_cems_with_davidson_ties_is_as_in_r() -> None:
    # glm(n ~ pair + schools + tie, poisson), the log-linear form of Dittrich et al. (1998)
    fit = choice_model(from_wins(CEMS), baseline="Stockholm", ties="davidson", slot=False, cluster=False)
    expected = {
        "London": (1.822801976674, 0.0831448900698),
        "Paris": (1.032533859743, 0.0775710542373),
        "Milano": (0.441972156876, 0.0760189298875),
        "St.Gallen": (0.598322088107, 0.0751484927345),
        "Barcelona": (0.612932464151, 0.0751676354754),
        "log_nu": (-1.317179726990, 0.0485083144406),
    }
    for term, (estimate, error) in expected.items():
        assert column(fit)[term] == pytest.approx(estimate, abs=1e-8)
        assert column(fit, "std_error")[term] == pytest.approx(error, rel=1e-5)


def test_cems_with_davidson_ties_and_slot_is_as_in_r() -> None:
    fit = choice_model(from_wins(CEMS), baseline="Stockholm", ties="davidson", cluster=False)
    assert column(fit)["slot"] == pytest.approx(-0.0104861609816, abs=1e-8)
    assert column(fit)["log_nu"] == pytest.approx(-1.3171650453609, abs=1e-8)
    assert column(fit, "std_error")["slot"] == pytest.approx(0.0739289856855, rel=1e-5)


def test_cems_with_rao_kupper_ties_is_as_maximised_in_r() -> None:
    fit = choice_model(from_wins(CEMS), baseline="Stockholm", ties="rao-kupper", slot=False)
    assert column(fit)["London"] == pytest.approx(1.629852528746, abs=2e-6)
    assert column(fit)["log_theta"] == pytest.approx(0.250923387971, abs=2e-6)


PUBLISHED = Path(__file__).parents[4] / "shared" / "published" / "evalica"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published data are not beside the checkout")
def test_the_food_data_give_the_scores_of_evalica() -> None:
    rows = pd.read_csv(PUBLISHED / "food.csv").rename(columns={"left": "first", "right": "second"})
    words = {"left": "chose_first", "right": "chose_second", "tie": "indifferent"}
    fit = choice_model(rows.assign(outcome=rows["winner"].map(words)), ties="half", slot=False)
    golden = pd.read_csv(PUBLISHED / "food-golden.csv").query("algorithm == 'bradley_terry'")
    scores = np.exp(fit.to_frame().set_index("term")["estimate"].astype(float))
    expected = golden.set_index("item")["score"]
    assert (scores / scores.sum())[expected.index].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def test_the_baseline_is_zero_and_has_no_interval() -> None:
    row = table(choice_model(baseball(), baseline="Boston")).loc["Boston"]
    assert row["estimate"] == 0
    assert row["method"] == "baseline"
    assert row[["std_error", "low", "high"]].isna().all()


def test_without_a_baseline_utilities_sum_to_zero_and_it_says_so() -> None:
    fit = choice_model(baseball())
    frame = fit.to_frame()
    assert frame.loc[frame["term"] != "slot", "estimate"].sum() == pytest.approx(0, abs=1e-10)
    assert fit.settings["contrast"] == "sum-to-zero"
    assert frame["method"].str.contains("sum-to-zero").all()


def test_counts_and_rows_give_the_same_answer() -> None:
    rows, _ = simulated(1)
    counted = rows.value_counts().reset_index()
    pd.testing.assert_frame_equal(choice_model(rows).to_frame(), choice_model(counted).to_frame())


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_row_order_does_not_matter(seed: int) -> None:
    rows, _ = simulated(2, n_items=5)
    mixed = rows.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(choice_model(rows).to_frame(), choice_model(mixed).to_frame())


@settings(max_examples=15)
@given(st.permutations(range(5)))
def test_new_labels_move_the_rows_and_nothing_else(order: list[int]) -> None:
    rows, _ = simulated(3, n_items=5)
    names = {f"item {at:02d}": f"ü {to}" for at, to in enumerate(order)}
    renamed = rows.assign(first=rows["first"].map(names), second=rows["second"].map(names))
    old = choice_model(rows).to_frame().assign(term=lambda f: f["term"].map(lambda t: names.get(t, t)))
    new = choice_model(renamed).to_frame()
    numbers = ["estimate", "std_error", "low", "high", "df"]
    expected = old.set_index("term")[numbers].sort_index()
    pd.testing.assert_frame_equal(new.set_index("term")[numbers].sort_index(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("ties", ["none", "half", "davidson", "rao-kupper"])
def test_swapping_first_and_second_turns_the_slot_effect_around(ties: str) -> None:
    rows = from_wins(CEMS[:-1])
    swap = {"chose_first": "chose_second", "chose_second": "chose_first", "indifferent": "indifferent"}
    swapped = rows.assign(first=rows["second"], second=rows["first"], outcome=rows["outcome"].map(swap))
    one, other = (
        table(choice_model(each, baseline="Paris", ties=ties))  # type: ignore[arg-type]
        for each in (rows, swapped)
    )
    assert other.loc["slot", "estimate"] == pytest.approx(-one.loc["slot", "estimate"], abs=1e-9)
    assert other.loc["slot", "low"] == pytest.approx(-one.loc["slot", "high"], abs=1e-8)
    rest = [term for term in one.index if term != "slot"]
    assert other.loc[rest, "estimate"].tolist() == pytest.approx(one.loc[rest, "estimate"].tolist(), abs=1e-8)


@settings(max_examples=20)
@given(st.floats(0.5, 0.98), st.floats(0.001, 0.019), st.booleans())
def test_intervals_nest_with_level(level: float, more: float, bias_reduced: bool) -> None:
    rows, _ = simulated(4, n_items=4)
    narrow = choice_model(rows, level=level, bias_reduced=bias_reduced).to_frame()
    wide = choice_model(rows, level=level + more, bias_reduced=bias_reduced).to_frame()
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()
    assert ((narrow["low"] < narrow["estimate"]) & (narrow["estimate"] < narrow["high"])).all()


def test_an_item_that_never_wins_gets_a_bias_reduced_estimate_and_is_named() -> None:
    rows, _ = simulated(5, n_items=5)
    loses = np.where(
        rows["first"] == "item 02",
        "chose_second",
        np.where(rows["second"] == "item 02", "chose_first", rows["outcome"]),
    )
    fit = choice_model(rows.assign(outcome=loses), baseline="item 00")
    row = table(fit).loc["item 02"]
    assert any("never chosen: item 02" in each for each in fit.warnings)
    assert "Firth" in row["method"]
    assert np.isfinite(row["estimate"])
    assert row["low"] < row["estimate"] < row["high"] < 0
    assert not fit.to_frame().loc[1:, ["low", "high"]].isna().any().any()


def test_without_bias_reduction_a_separated_item_has_no_estimate() -> None:
    rows = choices(
        [
            (a, b, o, 3)
            for a, b in [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("a", "c"), ("c", "a")]
            for o in ("chose_first", "chose_second")
        ]
        + [("d", x, "chose_second", 3) for x in "abc"]
        + [(x, "d", "chose_first", 3) for x in "abc"]
    )
    fit = choice_model(rows, baseline="a", bias_reduced=False)
    frame = table(fit)
    assert math.isnan(frame.loc["d", "estimate"])
    assert frame.loc["d", "method"] == "infinite: separated data"
    assert frame.loc["b", "estimate"] == pytest.approx(0, abs=1e-9)
    assert any("d" in each and "separated" in each for each in fit.warnings)


def test_one_cluster_has_no_interval_and_says_why() -> None:
    rows = choices(
        [("a", "b", "chose_first", 7), ("b", "a", "chose_first", 4), ("a", "b", "chose_second", 3)]
    )
    fit = choice_model(rows.assign(count=[7, 4, 3]), baseline="a")
    frame = table(fit)
    assert np.isfinite(frame.loc["b", "estimate"])
    assert frame.loc[["b", "slot"], ["std_error", "low", "high"]].isna().all().all()
    assert any("one cluster" in each for each in fit.warnings)
    independent = table(choice_model(rows, baseline="a", cluster=False))
    assert independent.loc["b", "low"] < independent.loc["b", "high"]


def test_groups_that_are_never_compared_are_told_apart() -> None:
    left, _ = simulated(6, n_items=4)
    right = left.assign(first="other " + left["first"], second="other " + left["second"])
    both = pd.concat([left, right])
    fit = choice_model(both, baseline="item 00")
    frame = table(fit)
    assert math.isnan(frame.loc["other item 01", "estimate"])
    assert frame.loc["other item 01", "method"] == "not connected to the baseline 'item 00'"
    assert any("never compared" in each for each in fit.warnings)
    free = choice_model(both).to_frame()
    sums = free.dropna(subset=["component"]).groupby("component")["estimate"].sum()
    assert sums.tolist() == pytest.approx([0, 0], abs=1e-9)


def test_an_item_whose_every_trial_was_refused_has_no_utility() -> None:
    rows, _ = simulated(7, n_items=4)
    more = pd.DataFrame({"first": ["x", "item 00"], "second": ["item 00", "x"], "outcome": "refused"})
    fit = choice_model(pd.concat([rows, more]))
    frame = table(fit)
    assert frame.loc["x", "method"] == "no trial in the model"
    assert not any("separated" in each for each in fit.warnings)
    assert math.isnan(frame.loc["x", "estimate"])


def test_a_slot_effect_that_cannot_be_told_from_items_is_not_estimated() -> None:
    rows = choices([("a", "b", o, n) for o, n in (("chose_first", 5), ("chose_second", 3))])
    fit = choice_model(rows, baseline="a", cluster=False)
    assert "slot" not in set(fit.to_frame()["term"])
    assert column(fit)["b"] == pytest.approx(math.log(3 / 5), abs=1e-9)
    assert any("both orders" in each for each in fit.warnings)


def test_each_model_gets_a_fit_of_its_own() -> None:
    one, _ = simulated(8, n_items=4)
    two, _ = simulated(9, n_items=4)
    fit = choice_model(pd.concat([one.assign(model="m1"), two.assign(model="m2")]))
    frame = fit.to_frame()
    assert list(frame.columns[:2]) == ["model", "term"]
    alone = choice_model(two).to_frame()
    of_two = frame[frame["model"] == "m2"].drop(columns="model").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_two, alone)


def test_neither_is_an_option_with_a_utility_where_it_is_asked_for() -> None:
    # With two items and both orders alike, every utility is a log odds.
    rows = choices(
        [
            (f, s, o, n)
            for f, s, mine, theirs in (("a", "b", 40, 20), ("b", "a", 20, 40))
            for o, n in (("chose_first", mine), ("chose_second", theirs), ("opted_out", 10))
        ]
    )
    fit = choice_model(rows, baseline="neither", opted_out="neither", slot=False, cluster=False)
    found = column(fit)
    assert found["a"] == pytest.approx(math.log(4), abs=1e-9)
    assert found["b"] == pytest.approx(math.log(2), abs=1e-9)
    assert found["neither"] == 0
    assert fit.accounting.counted_as["opted_out"] == "a choice of neither item"
    left = choice_model(rows, baseline="a", slot=False, cluster=False)
    assert left.accounting.left_out == 20
    assert any("left out" in each for each in left.warnings)


def test_uncounted_trials_bound_the_slot_effect() -> None:
    rows, _ = simulated(10, n_items=4)
    refused = rows.iloc[:20].assign(outcome="refused")
    fit = choice_model(pd.concat([rows, refused]))
    low, high = fit.accounting.bounds["slot"]
    assert low < column(fit)["slot"] < high


def test_uncounted_trials_bound_the_utilities_of_the_items_they_show() -> None:
    # Two items without a slot effect: the utility is the log odds, 12 to 6, and four trials are open.
    fit = choice_model(
        choices(
            [
                ("a", "b", "chose_first", 6),
                ("b", "a", "chose_second", 6),
                ("a", "b", "chose_second", 3),
                ("b", "a", "chose_first", 3),
                ("a", "b", "refused", 2),
                ("b", "a", "error", 2),
            ]
        ),
        baseline="b",
        slot=False,
        cluster=False,
    )
    ends = [
        math.log(won / lost) + side * 1.959963985 * math.sqrt(1 / won + 1 / lost)
        for won, lost, side in ((12, 10, -1), (16, 6, 1))
    ]
    assert fit.accounting.bounds["a"] == pytest.approx(ends, abs=1e-6)
    assert list(fit.frame.set_index("term").loc["a", ["bound_low", "bound_high"]]) == pytest.approx(ends)
    assert "b" not in fit.accounting.bounds


def test_what_was_uncounted_bounds_an_item_that_hardly_ever_loses() -> None:
    rows = [("a", "b", "chose_first", 6), ("b", "a", "chose_second", 5), ("b", "a", "chose_first", 1)]
    # Eleven wins and one loss; two trials are open.
    fit = choice_model(choices([*rows, ("a", "b", "refused", 2)]), baseline="b", slot=False, cluster=False)
    low, high = fit.accounting.bounds["a"]
    assert low == pytest.approx(math.log(11 / 3) - 1.959963985 * math.sqrt(1 / 11 + 1 / 3), abs=1e-6)
    assert high == pytest.approx(math.log(13) + 1.959963985 * math.sqrt(1 / 13 + 1), abs=1e-6)
    lost = choice_model(
        choices(
            [
                ("a", "b", "chose_first", 6),
                ("a", "b", "chose_second", 2),
                ("a", "c", "refused", 1),
                ("b", "c", "chose_first", 2),
                ("c", "b", "chose_first", 2),
                ("c", "a", "chose_second", 3),
                ("c", "a", "chose_first", 1),
            ]
        ),
        slot=False,
    )
    assert json.loads(lost.to_json())["accounting"]["bounds"].keys() == {"a", "b", "c"}


def test_where_every_trial_counts_there_are_no_worst_cases() -> None:
    fit = choice_model(baseball())
    assert fit.accounting.bounds == {}
    assert "bound_low" not in fit.frame


def test_worst_cases_hold_the_estimate_of_any_data_that_could_have_been() -> None:
    rows, _ = simulated(12, n_items=5)
    rng = np.random.default_rng(3)
    # Half of the gaps are between items other than the one looked at, and in both orders.
    gone = rng.random(len(rows)) < 0.06
    fit = choice_model(rows.assign(outcome=rows["outcome"].where(~gone, "error")), baseline="item 00")
    bounds = fit.frame.set_index("term")[["bound_low", "bound_high"]].drop(index="item 00")
    for likely in (0.0, 0.2, 0.5, 0.8, 1.0):
        drawn = np.where(rng.random(len(rows)) < likely, "chose_first", "chose_second")
        other = choice_model(rows.assign(outcome=rows["outcome"].where(~gone, drawn)), baseline="item 00")
        ends = other.frame.set_index("term").loc[bounds.index]
        assert (bounds["bound_low"] <= ends["estimate"]).all()
        assert (bounds["bound_high"] >= ends["estimate"]).all()


def test_worst_cases_of_many_items_are_those_of_a_search_from_several_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, _ = simulated(12, n_items=5)
    gone = np.random.default_rng(3).random(len(rows)) < 0.06
    lost = rows.assign(outcome=rows["outcome"].where(~gone, "error"))
    whole = choice_model(lost, baseline="item 00").frame.set_index("term").drop(index="item 00")
    monkeypatch.setattr(accounting, "_FOLLOWED", 0)
    quick = choice_model(lost, baseline="item 00").frame.set_index("term").loc[whole.index]
    width = whole["bound_high"] - whole["bound_low"]
    for end in ("bound_low", "bound_high"):
        assert ((whole[end] - quick[end]).abs() < 0.005 * width).all()


def test_missing_trials_that_could_carry_an_estimate_away_are_a_warning() -> None:
    rows = [("a", "b", "chose_first", 500), ("b", "a", "chose_second", 480), ("b", "a", "chose_first", 20)]
    fit = choice_model(choices([*rows, ("a", "b", "error", 30)]), baseline="b", slot=False, cluster=False)
    assert any("a: 30 of 1030 trials (2.9%) are missing" in warning for warning in fit.warnings)


@pytest.mark.parametrize("adaptive", [None, True])
def test_a_column_or_a_setting_says_that_earlier_answers_chose_the_pairs(adaptive: bool | None) -> None:
    rows, _ = simulated(4, n_items=6)
    if adaptive is None:
        rows = rows.assign(pairing=np.where(np.arange(len(rows)) % 3, "adaptive", "random"))
    fit = choice_model(rows, baseline="item 00", adaptive=adaptive)
    plain = choice_model(rows, baseline="item 00", adaptive=False)
    assert any("earlier answers chose the pairs" in warning for warning in fit.warnings)
    one, other = fit.frame, plain.frame
    assert (one["low"].dropna() <= other["low"].dropna()).all()
    assert (one["high"].dropna() >= other["high"].dropna()).all()
    # Nothing is drawn together past the mean, and nothing apart.
    spread = [frame["estimate"].iloc[:6].std() for frame in (one, other)]
    assert 0 < spread[0] < spread[1]


def test_random_pairs_enough_need_no_allowance() -> None:
    rows, _ = simulated(4, n_items=6)
    half = rows.assign(pairing=np.where(np.arange(len(rows)) % 2, "adaptive", "random"))
    assert choice_model(half).frame.equals(choice_model(rows).frame)


def test_clusters_wider_than_pairs_are_found_where_pairs_lie_within_them() -> None:
    rows, _ = simulated(4, n_items=6)
    pair = [" ".join(sorted(each)) for each in zip(rows["first"], rows["second"], strict=True)]
    wider = rows.assign(scenario=pd.factorize(pd.Series(pair))[0] // 3)
    fit = choice_model(wider)
    assert fit.frame["n_clusters"].max() == 5
    assert fit.settings["cluster"].startswith("scenario (found")
    # Trials of a pair in several scenarios would not be together: the pair is.
    crossing = choice_model(rows.assign(scenario=np.arange(len(rows)) % 4))
    assert crossing.settings["cluster"] == "pair (found in the table)"
    assert choice_model(wider, cluster="pair").frame["n_clusters"].max() == 15
    assert "independent" in choice_model(wider, cluster=False).settings["cluster"]


def test_answers_that_follow_the_order_alone_leave_utilities_equal_and_the_order_unbounded() -> None:
    rows = [(a, b, "chose_first", 10) for a in "ABC" for b in "ABC" if a != b]
    fit = choice_model(choices(rows), baseline="A")
    estimates, highs = column(fit), column(fit, "high")
    assert max(abs(estimates["B"]), abs(estimates["C"])) < 1e-6
    assert estimates["slot"] > 3
    assert highs["slot"] > 5


def test_all_that_is_wrong_with_a_table_is_said_at_once() -> None:
    rows = pd.DataFrame(
        {
            "first": ["a", "b", "c", None],
            "second": ["b", "b", "a", "a"],
            "outcome": ["chose_first", "chose_first", "won", "chose_second"],
        }
    )
    with pytest.raises(DataError) as error:
        choice_model(rows)
    text = str(error.value)
    assert "row 2" in text
    assert "compared with itself" in text
    assert "row 3, column 'outcome': 'won'" in text
    assert "row 4, column 'first': empty" in text
    assert len(error.value.problems) == 3


@pytest.mark.parametrize("count", [-1.0, math.nan, math.inf])
def test_a_count_that_is_none_is_refused(count: float) -> None:
    rows = choices([("a", "b", "chose_first", 1.0), ("a", "b", "chose_second", count)])
    with pytest.raises(DataError, match="row 2, column 'count'"):
        choice_model(rows)


def test_missing_columns_are_all_named() -> None:
    with pytest.raises(DataError) as error:
        choice_model(pd.DataFrame({"first": ["a"]}), cluster="wording", by="arm")
    assert len(error.value.problems) == 4


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        choice_model(choices([]).astype({"count": float}))


def test_a_table_without_a_choice_is_refused() -> None:
    with pytest.raises(DataError, match="no trial ended in a choice"):
        choice_model(choices([("a", "b", "refused", 3)]))


def test_a_group_without_a_choice_is_told_of_and_the_others_are_estimated() -> None:
    some = choices([("a", "b", "chose_first", 3), ("b", "a", "chose_first", 2)])
    data = pd.concat([some.assign(version="a"), some.assign(version="b", outcome="refused")])
    fit = choice_model(data, by="version")
    assert set(fit.frame["version"]) == {"a"}
    assert any(text.startswith("version=b: no trial ended in a choice") for text in fit.warnings)
    assert fit.accounting.counts["refused"] == 5


@pytest.mark.parametrize("name", ["slot", "neither", "log_nu", "log_theta"])
def test_an_item_called_as_a_term_of_the_model_is_refused(name: str) -> None:
    data = pd.DataFrame({"first": ["a", name], "second": [name, "a"], "outcome": ["chose_first"] * 2})
    with pytest.raises(DataError, match=f"an item is called '{name}'"):
        choice_model(data)


@pytest.mark.parametrize("name", ["estimate", "term", "outcome", "count"])
def test_groups_by_a_column_of_the_table_of_estimates_are_refused(name: str) -> None:
    data = choices([("a", "b", "chose_first", 3)]).assign(estimate=1, term="x")
    with pytest.raises(DataError, match=f"by: '{name}'"):
        choice_model(data, by=name)


def test_a_baseline_may_be_a_number_as_items_may() -> None:
    data = pd.DataFrame({"first": [0, 1, 2, 0, 1, 2], "second": [1, 2, 0, 2, 0, 1]})
    data["outcome"] = ["chose_first", "chose_second", "chose_first"] * 2
    fit = choice_model(data, baseline=0)
    assert fit.settings["contrast"] == "0"
    assert column(fit)["0"] == 0


def test_without_a_setting_pairs_are_the_clusters_and_false_takes_trials_as_independent() -> None:
    found, pairs, alone = (choice_model(baseball(), cluster=cluster) for cluster in (None, "pair", False))
    pd.testing.assert_frame_equal(found.frame, pairs.frame)
    assert found.settings["cluster"] == "pair (found in the table)"
    assert alone.settings["cluster"] == "none: trials independent"
    assert "trials independent" in alone.frame["method"].iloc[-1]


def test_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(SettingError, match="baseline='z' is none of its items: a, b"):
        choice_model(choices([("a", "b", "chose_first", 3)]), baseline="z")


def test_settings_that_are_not_allowed_are_all_named() -> None:
    with pytest.raises(SettingError) as error:
        choice_model(baseball(), ties="maybe", level=95, refusals="?")  # type: ignore[arg-type]
    assert len(str(error.value).splitlines()) == 3
    with pytest.raises(SettingError) as error:
        choice_model(baseball(), seed=-1, slot="no", bias_reduced="no", level="0.9")  # type: ignore[arg-type]
    assert len(str(error.value).splitlines()) == 4


def test_pairs_that_are_fitted_exactly_have_no_interval_and_are_told() -> None:
    rows = [(a, b, "indifferent", 3) for a in "abcd" for b in "abcd" if a != b]
    fit = choice_model(choices(rows), ties="half")
    assert table(fit)[["std_error", "low", "high"]].isna().all(axis=None)
    assert any("fitted exactly in all of them" in text for text in fit.warnings)


def test_a_thing_that_is_no_table_is_refused() -> None:
    with pytest.raises(DataError, match="a list is not a table"):
        choice_model([1, 2])


def test_one_trial_gives_numbers_and_no_nonsense() -> None:
    fit = choice_model(choices([("a", "b", "chose_first", 1)]), baseline="a", cluster=False)
    row = table(fit).loc["b"]
    assert row["low"] < row["estimate"] < row["high"] or math.isinf(row["low"])


def test_results_are_json() -> None:
    fit = choice_model(baseball(), baseline="Boston")
    data = json.loads(fit.to_json())
    assert data["estimates"][0]["term"] == "Baltimore"
    assert data["settings"]["seed"] == 0


def _with_an_item_that_never_wins(*, n_items: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    utility = rng.normal(size=n_items)
    utility[3] = -np.inf
    first, second = np.array([(i, j) for i in range(n_items) for j in range(n_items) if i != j]).T
    took = rng.random(len(first)) < 1 / (1 + np.exp(utility[second] - utility[first] - 0.3))
    names = np.array([f"i{at:02d}" for at in range(n_items)])
    outcome = np.where(took, "chose_first", "chose_second")
    return pd.DataFrame({"first": names[first], "second": names[second], "outcome": outcome})


def test_only_a_separated_item_gets_a_profile_and_others_the_usual_intervals() -> None:
    data = _with_an_item_that_never_wins()
    rows = table(choice_model(data, baseline="i00"))
    profile = rows["method"].str.contains("profile penalised likelihood")
    assert list(rows.index[profile]) == ["i03"]
    assert rows.loc["i01", "method"].endswith("CR2 by pair, Satterthwaite t")
    without = data[(data["first"] != "i03") & (data["second"] != "i03")]
    alone = table(choice_model(without, baseline="i00", bias_reduced=True))
    widths = [frame.loc["i01", "high"] - frame.loc["i01", "low"] for frame in (rows, alone)]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)


def test_a_separated_baseline_gives_every_item_a_profile() -> None:
    rows = choice_model(_with_an_item_that_never_wins(), baseline="i03").to_frame().set_index("term")
    items = rows.index.str.startswith("i") & (rows.index != "i03")
    assert rows.loc[items, "method"].str.contains("profile penalised likelihood").all()


@pytest.mark.parametrize("baseline", [None, "i00", "i03"])
def test_an_items_own_profile_is_close_to_that_with_all_items_refitted(
    monkeypatch: pytest.MonkeyPatch, baseline: str | None
) -> None:
    table = _with_an_item_that_never_wins()
    refitted = choice_model(table, baseline=baseline).to_frame().set_index("term")
    monkeypatch.setattr("bartleby.analysis.choice.contrast_intervals._MOST_REFITTED", 0)
    own = choice_model(table, baseline=baseline).to_frame().set_index("term")
    changed = own["method"].str.contains("square-and-add")
    assert changed["i03"] or baseline == "i03"
    width = refitted["high"] - refitted["low"]
    for side in ("low", "high"):
        assert ((own[side] - refitted[side]).abs() / width)[changed].max() < 0.05


def test_intervals_can_be_chosen() -> None:
    table = _with_an_item_that_never_wins()
    none = choice_model(table, intervals="none").to_frame()
    assert none[["low", "high", "std_error"]].isna().all(axis=None)
    assert none["method"].str.endswith("no interval requested").all()
    wald = choice_model(table, intervals="wald").to_frame()
    assert not wald["method"].str.contains("profile").any()
    every = choice_model(table, intervals="profile").to_frame()
    assert every["method"].str.contains("profile").all()
    np.testing.assert_allclose(none["estimate"], every["estimate"], atol=1e-12)
    with pytest.raises(SettingError, match="intervals='likelihood': must be one of profile, wald, none"):
        choice_model(table, intervals="likelihood")  # type: ignore[arg-type]


def _few_choices(seed: int, rounds: int = 5) -> pd.DataFrame:
    """Thirty items, each with five others in both orders; the first is favoured by half a logit."""
    rng = np.random.default_rng(seed)
    utility = rng.normal(0, 0.7, 30)
    partner = [(at, (at + step) % 30) for step in range(1, rounds + 1) for at in range(30)]
    shown = np.array([*partner, *[(other, one) for one, other in partner]])
    chance = 1 / (1 + np.exp(-(utility[shown[:, 0]] - utility[shown[:, 1]] + 0.5)))
    names = np.array([f"i{at:02d}" for at in range(30)])
    outcome = np.where(rng.random(len(shown)) < chance, "chose_first", "chose_second")
    return pd.DataFrame({"first": names[shown[:, 0]], "second": names[shown[:, 1]], "outcome": outcome})


def test_few_choices_an_item_do_not_make_the_position_effect_larger_than_it_is() -> None:
    fits: dict[bool | None, list[float]] = {None: [], False: []}
    for seed in range(40):
        for setting, estimates in fits.items():
            estimates.append(column(choice_model(_few_choices(seed), bias_reduced=setting))["slot"])
    # The standard error of a mean of forty is 0.02.
    assert np.mean(fits[None]) == pytest.approx(0.5, abs=0.04)
    assert np.mean(fits[False]) > np.mean(fits[None]) + 0.03


def test_where_the_bias_of_maximum_likelihood_matters_all_terms_are_bias_reduced() -> None:
    fit = choice_model(_few_choices(1))
    reduced = choice_model(_few_choices(1), bias_reduced=True, intervals="wald")
    numbers = ["estimate", "std_error", "low", "high"]
    np.testing.assert_allclose(fit.frame[numbers], reduced.frame[numbers], atol=1e-8)
    assert fit.frame["method"].tolist() == reduced.frame["method"].tolist()
    many = _few_choices(1).assign(count=40)
    exact = ["estimate", "std_error"]
    plain = choice_model(many, bias_reduced=False).frame[exact]
    np.testing.assert_array_equal(choice_model(many).frame[exact], plain)


def test_replicates_lie_about_the_estimate_that_is_reported() -> None:
    fit = choice_model(_few_choices(1))
    again = fit.bootstrap(replicates=200).frame
    np.testing.assert_allclose(again["estimate"], fit.frame["estimate"], atol=1e-8)
    middle = (again["low"] + again["high"]) / 2
    assert np.abs(middle - again["estimate"]).mean() < again["std_error"].mean() / 2


def as_good_as_separated(kind: str) -> pd.DataFrame:
    counts: dict[str, list[tuple[str, str, str, float]]] = {
        "an item never wins": [("a", "b", "chose_first", 9), ("b", "a", "chose_second", 9)],
        "the first is always taken": [("a", "b", "chose_first", 9), ("b", "a", "chose_first", 9)],
        "each item beats all below": [
            (one, other, outcome, 3)
            for high, low in [("a", "b"), ("a", "c"), ("b", "c")]
            for one, other, outcome in [(high, low, "chose_first"), (low, high, "chose_second")]
        ],
        "next to never": [
            ("a", "b", "chose_first", 10**15),
            ("a", "b", "chose_second", 0.001),
            ("b", "a", "chose_first", 1),
            ("b", "a", "chose_second", 10**15),
            ("a", "c", "chose_first", 5),
            ("c", "a", "chose_first", 5),
        ],
    }
    return pd.DataFrame(counts[kind], columns=["first", "second", "outcome", "count"])


@pytest.mark.parametrize("cluster", [None, False])
@pytest.mark.parametrize(
    "kind",
    ["an item never wins", "the first is always taken", "each item beats all below", "next to never"],
)
def test_maximum_likelihood_without_finite_estimates_is_refused_with_what_to_do(
    kind: str, cluster: Literal[False] | None
) -> None:
    rows = as_good_as_separated(kind)
    with pytest.raises(DataError, match=r"separated.*without bias_reduced=False all items get bias-reduced"):
        choice_model(rows, bias_reduced=False, cluster=cluster)
    if kind != "next to never":
        assert table(choice_model(rows, cluster=cluster)).loc[["a", "b"], "estimate"].notna().all()


def test_ten_thousand_to_one_has_maximum_likelihood_estimates() -> None:
    rows = pd.DataFrame(
        [
            (one, other, outcome, count)
            for one, other in [("a", "b"), ("b", "c"), ("a", "c")]
            for outcome, count in [("chose_first", 10_000), ("chose_second", 1)]
        ]
        + [("b", "a", "chose_second", 9_999), ("b", "a", "chose_first", 2)],
        columns=["first", "second", "outcome", "count"],
    )
    fit = choice_model(rows, bias_reduced=False, cluster=False)
    assert fit.groups[0].converged
    assert fit.frame["std_error"].notna().all()


def test_items_that_are_separated_once_others_are_excluded_are_excluded_too() -> None:
    both = [("a", "b", o, 3) for o in ("chose_first", "chose_second")]
    both += [("b", "a", o, 3) for o in ("chose_first", "chose_second")]
    # d beats only e, and e beats nobody.
    lost = [(high, low, "chose_first", 3) for high, low in [("a", "d"), ("b", "d"), ("d", "e")]]
    lost += [(low, high, "chose_second", 3) for high, low, _, _ in lost]
    rows = pd.DataFrame(both + lost, columns=["first", "second", "outcome", "count"])
    frame = table(choice_model(rows, baseline="a", bias_reduced=False))
    assert list(frame.loc[["d", "e"], "method"]) == ["infinite: separated data"] * 2
    assert frame.loc["b", "estimate"] == pytest.approx(0.0, abs=1e-9)
