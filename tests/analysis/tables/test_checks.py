"""Faults that no estimator passes over: repeated trials, unused outcomes, models asked differently."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pandas as pd
import polars
import pytest

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.effects import effects
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.tables.checks import confounded_models, unused_outcomes
from bartleby.analysis.tables.counts import as_frame
from bartleby.errors import DataError

TRIALS = pd.DataFrame({
    "trial": [f"t{number}" for number in range(8)],
    "model": ["m1", "m2"] * 4,
    "item": [f"item {number // 2}" for number in range(8)],
    "outcome": ["opted_out", "completed"] * 2 + ["completed"] * 4,
})  # fmt: skip


def in_duckdb(table: pd.DataFrame) -> object:
    return duckdb.connect().from_df(table)


@pytest.mark.parametrize(
    "make", [pd.DataFrame, polars.from_pandas, lambda t: polars.from_pandas(t).lazy(), in_duckdb]
)
def test_a_table_with_its_trials_twice_is_refused_with_their_ids(
    make: Callable[[pd.DataFrame], object],
) -> None:
    twice = pd.concat([TRIALS, TRIALS], ignore_index=True)
    with pytest.raises(DataError, match=r"'t0', 't1', 't2', 't3', 't4' and 3 more in more than one row"):
        rate(make(twice), "opted_out")
    rate(make(TRIALS), "opted_out")


def test_choices_are_refused_likewise() -> None:
    pairs = pd.DataFrame(
        {"trial": [1, 1], "first": ["a", "a"], "second": ["b", "b"], "outcome": ["chose_first"] * 2}
    )
    with pytest.raises(DataError, match="column 'trial': '1' in more than one row"):
        choice_model(pairs)


def test_trials_that_differ_in_what_names_them_are_not_the_same() -> None:
    same_text = TRIALS.assign(trial=[f"t{number // 2}" for number in range(8)])
    assert rate(same_text, "opted_out").accounting.used == 8
    numbered_within = TRIALS.drop(columns="model").assign(trial=[1, 2] * 4)
    assert rate(numbered_within, "opted_out").accounting.used == 8
    again = pd.concat([TRIALS.assign(run="first"), TRIALS.assign(run="second")])
    assert rate(again, "opted_out").accounting.used == 16


def test_columns_that_look_like_outcomes_are_named_if_they_say_something() -> None:
    table = TRIALS.assign(
        finish_reason=["length"] + ["stop"] * 7,
        abandoned=0,
        error=None,
        refusal_text="",
        my_refusals=[1, 0] * 4,
    )
    told = " ".join(rate(table, "opted_out").warnings)
    assert "not used: finish_reason, my_refusals." in told
    column = table.assign(left=[1, 0] * 4, abandoned=[0, 1] * 4)
    # `abandoned` makes a trial missing where the outcome is a column.
    assert unused_outcomes(as_frame(column), ["left", "abandoned"])[0].count("abandoned,") == 1
    assert not any("look like outcomes" in text for text in rate(TRIALS, "opted_out").warnings)


def test_counts_of_refusals_beside_an_outcome_are_no_unused_outcome() -> None:
    table = TRIALS.assign(refusals=[1, 0] * 4)
    assert not any("look like outcomes" in text for text in rate(table, "opted_out").warnings)
    column = table.drop(columns="outcome").assign(left=[1, 0] * 4)
    assert any("not used: refusals" in text for text in rate(column, "left").warnings)


def test_choices_warn_of_unused_outcomes_too() -> None:
    pairs = pd.DataFrame(
        {"first": ["a", "b"], "second": ["b", "a"], "outcome": "chose_first", "timeout": [True, False]}
    )
    assert any("timeout" in text for text in choice_model(pairs).warnings)


def test_models_without_a_template_in_common_are_not_compared() -> None:
    apart = TRIALS.assign(template=TRIALS["model"].map({"m1": "x", "m2": "y"}))
    with pytest.raises(DataError, match="model 'm1' and 'm2' have no template in common"):
        difference(apart, "opted_out", between="model")
    with pytest.raises(DataError, match="no template in common"):
        effects(apart, "opted_out ~ model")
    assert any("no template in common" in text for text in rate(apart, "opted_out").warnings)
    shared = TRIALS.assign(template=["x", "x", "y", "y"] * 2)
    assert difference(shared, "opted_out", between="model").to_frame()["n"].notna().all()


def test_models_that_share_some_templates_are_compared_with_a_warning_that_names_the_others() -> None:
    partly = TRIALS.assign(template=["x", "x", "x", "y", "x", "x", "x", "x"])
    models = partly.assign(model=["m1"] * 4 + ["m2"] * 4)
    for result in (difference(models, "opted_out", between="model"), rate(models, "opted_out", by="model")):
        assert any("not every model has template 'y'" in text for text in result.warnings)
    alike = models.assign(template=["x", "y"] * 4)
    assert not any("template" in text for text in rate(alike, "opted_out", by="model").warnings)


def test_models_read_by_different_judges_have_no_prevalences_side_by_side() -> None:
    units = pd.DataFrame({
        "model": ["m1"] * 6 + ["m2"] * 6, "coder": ["j1"] * 6 + ["j2"] * 6,
        "verdict": [0, 1] * 6, "label": [0, 1, 0, 0, 1, 1] * 2,
    })  # fmt: skip
    with pytest.raises(DataError, match="no coder in common"):
        prevalence(units, judge="verdict", label="label")
    assert not confounded_models(as_frame(units.assign(coder="j")))
    assert not confounded_models(as_frame(units.drop(columns="coder").assign(judge=range(12))))
