"""Prevalence, courses, confusion and agreement as figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.coding.coder_agreement import coder_agreement
from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.figures.confusion import confusion, plot_confusion
from bartleby.analysis.figures.course import plot_around_trigger, plot_course
from bartleby.analysis.figures.estimates import plot_agreement, plot_prevalence
from bartleby.analysis.figures.style import Width, save
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.triggers import around_trigger
from bartleby.errors import DataError, SettingError
from tests.analysis.coded_tables import simulated_turns


def units() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.2
    judge = np.where(truth, rng.random(400) < 0.8, rng.random(400) < 0.1).astype(float)
    return pd.DataFrame({"judge": judge, "label": np.where(np.arange(400) < 100, truth, np.nan)})


def coded() -> pd.DataFrame:
    turns = simulated_turns(np.random.default_rng(1), scenarios=8, repeats=4)
    names = {f"scenario {number}": "日本語" if number % 2 else "$a_b" for number in range(8)}
    return turns.assign(scenario_class=turns["item"].map(names), insult=(turns["turn"] == 3).astype(int))


def agreement() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    values = rng.random((60, 2)) < 0.3
    table = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(60), 2),
            "coder": ["ann", "bob"] * 60,
            "value": values.ravel().astype(int),
        }
    )
    return coder_agreement(table, unit="unit", coder="coder", value="value", reference="ann").frame


def test_every_answer_has_a_row_and_is_told_in_words() -> None:
    figure = plot_prevalence(prevalence(units(), judge="judge", label="label").frame)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "the judge's count, not corrected"
    assert len(labels) == 4
    assert "Lines are 95% intervals." in str(figure.get_supxlabel())
    assert "labels with the judge's help (PPI++)" in figure.description


def test_groups_have_headings_and_no_rows_are_said() -> None:
    two = pd.concat([units().assign(model=name) for name in ("a", "b")])
    figure = plot_prevalence(prevalence(two, judge="judge", label="label").frame)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()].count("a") == 1
    nothing = prevalence(two, judge="judge", label="label").frame.iloc[:0]
    assert "Nothing to show" in plot_prevalence(nothing).description
    with pytest.raises(DataError, match="'estimate' is missing"):
        plot_prevalence(pd.DataFrame({"term": ["prevalence"]}))


def test_every_quantity_of_a_course_can_be_drawn_and_no_other() -> None:
    frame = course(coded(), exited="exited", by="scenario_class").frame
    for quantity in ("first_coded", "left_first", "still_there", "had_all_stayed"):
        figure = plot_course(frame, quantity=quantity)
        assert "at turn 8" in figure.description
        assert len(figure.legends) == 1
    assert "Dotted" in str(plot_course(frame, quantity="had_all_stayed").get_supxlabel())
    assert plot_course(frame).axes[0].lines[0].get_drawstyle() == "steps-post"
    assert "Nothing to show" in plot_course(frame, quantity="corrected").description
    with pytest.raises(SettingError, match="quantity='mood'"):
        plot_course(frame, quantity="mood")


def test_the_turn_of_the_trigger_is_marked() -> None:
    figure = plot_around_trigger(around_trigger(coded(), "insult").frame)
    marked = [line for line in figure.axes[0].lines if list(np.asarray(line.get_xdata())) == [0, 0]]
    assert len(marked) == 1
    assert "at offset -2" in figure.description


def test_cells_are_counts_and_shares_of_what_people_said() -> None:
    table = pd.DataFrame({"judge": [1, 0.4, 0, 1, 0.9], "label": [1, 1, 0, 0, None]})
    found = confusion(table)
    assert found["units"].tolist() == [1, 1, 1, 1]
    assert found["share"].tolist() == [0.5] * 4
    assert confusion(table, threshold=0.3)["units"].tolist() == [2, 0, 1, 1]
    figure = plot_confusion(table)
    assert "people present, judge absent 1" in figure.description


def test_a_label_that_never_occurs_is_not_a_share_of_zero() -> None:
    table = pd.DataFrame({"judge": [1.0, 0.0], "label": [0, 0]})
    assert math.isnan(confusion(table)["share"].iloc[0])
    assert "0\nno such unit" in [text.get_text() for text in plot_confusion(table).axes[0].texts]
    with pytest.raises(DataError, match="no unit has both"):
        confusion(table.assign(label=np.nan))
    with pytest.raises(DataError, match="allowed: 0, 1 or empty"):
        confusion(table.assign(label=2))
    with pytest.raises(SettingError, match="threshold=0"):
        confusion(table, threshold=0)


def test_measures_of_agreement_name_their_coders() -> None:
    figure = plot_agreement(agreement())
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "Krippendorff's alpha"
    assert "Cohen's kappa: ann and bob" in labels
    assert "Nothing to show" in plot_agreement(agreement().iloc[:0]).description


@pytest.mark.parametrize("width", ["one", "two"])
def test_figures_of_both_widths_are_drawn_and_saved_alike(tmp_path: Path, width: Width) -> None:
    frame = course(coded(), exited="exited", by="scenario_class").frame
    for number in range(2):
        for name, figure in {
            "course": plot_course(frame, quantity="had_all_stayed", width=width),
            "prevalence": plot_prevalence(
                prevalence(units(), judge="judge", label="label").frame, width=width
            ),
            "confusion": plot_confusion(units(), width=width),
            "agreement": plot_agreement(agreement(), width=width),
        }.items():
            save(figure, tmp_path / f"{name}-{number}")
    for first in tmp_path.glob("*-0.*"):
        assert first.read_bytes() == first.with_name(first.name.replace("-0.", "-1.")).read_bytes()
