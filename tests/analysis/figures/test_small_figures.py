"""Shares, slot effects and outcome counts as figures of their own."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bartleby.analysis.figures.estimates import plot_position_effect, plot_shares
from bartleby.analysis.figures.outcomes import plot_outcomes
from bartleby.errors import DataError
from tests.analysis.figures.frames import accounting, row, shares, utilities


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_shares_stand_in_the_fixed_order_of_classes() -> None:
    figure = plot_shares(shares().frame.iloc[::-1])
    assert labels(figure) == ["Positive impact", "Neutral impact", "Harmful impact"]
    assert "Harmful impact: 90% (70% to 98%)" in figure.description


def test_shares_of_several_models_name_the_model() -> None:
    one = shares().frame
    both = pd.concat([one, one.assign(model="local/smollm2")])
    figure = plot_shares(both, labels={"harmful": "Harm"})
    assert labels(figure) == ["Positive impact", "Neutral impact", "Harm"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sim/averse", "local/smollm2"]
    assert "Harm (local/smollm2): 90% (70% to 98%)" in figure.description
    other = plot_shares(both, models=["local/smollm2"])
    assert "Model: local/smollm2." in other.notes


def test_no_shares_are_said_to_be_none() -> None:
    assert "Nothing to show" in plot_shares(shares().frame.iloc[:0]).description


def test_the_slot_effect_is_told_as_a_chance() -> None:
    figure = plot_position_effect(utilities(3))
    assert "First taken 60% of the time if liked equally" in figure.notes
    low, high = figure.axes[0].get_xlim()
    assert low == -high


def test_a_slot_effect_without_interval_is_hollow_and_one_without_estimate_says_so() -> None:
    figure = plot_position_effect(pd.DataFrame([row("slot", 0.3, math.nan, math.nan)]))
    assert "no interval" in figure.description
    unknown = plot_position_effect(pd.DataFrame([row("slot", math.nan, math.nan, math.nan)]))
    assert "not estimated" in unknown.description
    assert "Nothing to show" in plot_position_effect(pd.DataFrame([row("a", 0, 0, 0)])).description


def test_slot_effects_of_classes_have_a_row_each() -> None:
    frame = pd.DataFrame([{"impact": name, **row("slot", 0.1, 0, 0.2)} for name in ("positive", "harmful")])
    assert labels(plot_position_effect(frame)) == ["positive", "harmful"]


def test_outcomes_left_out_are_hatched() -> None:
    bars = plot_outcomes(accounting()).axes[0].patches
    assert [bool(bar.get_hatch()) for bar in bars] == [False, False, True, True]


def test_outcomes_are_counted_by_condition_with_weights() -> None:
    trials = pd.DataFrame(
        {"outcome": ["refused", "chose_first", "refused"], "wording": list("aab"), "count": [2, 5, 7]}
    )
    figure = plot_outcomes(trials, by="wording")
    assert len(figure.axes) == 2
    assert "wording = a: chose_first 5, refused 2; wording = b: refused 7" in figure.description


def test_no_outcomes_are_drawn_as_none() -> None:
    assert "no trials" in plot_outcomes(pd.DataFrame({"outcome": []})).description
    with pytest.raises(DataError, match=r"'outcome'[^\n]*\n[^\n]*'x'"):
        plot_outcomes(pd.DataFrame({"a": [1]}), by="x")
