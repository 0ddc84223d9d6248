"""Figures of utilities: every number that is there is drawn, and nothing that is not."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bartleby.analysis.figures.style import ONE_COLUMN, PAGE_HEIGHT, TWO_COLUMNS, save
from bartleby.analysis.figures.utilities import opt_out_band, plot_utilities
from bartleby.errors import DataError, SettingError
from tests.analysis.figures.frames import accounting, items, row, shares, utilities


def full(count: int) -> Figure:
    return plot_utilities(
        utilities(count), items=items(count), shares=shares().frame, accounting=accounting()
    )


def forest(figure: Figure) -> Axes:
    return figure.axes[0]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in forest(figure).get_yticklabels()]


def test_eighty_items_fit_on_a_page_with_labels_that_do_not_overlap() -> None:
    figure = full(78)
    assert figure.get_figwidth() == TWO_COLUMNS
    assert figure.get_figheight() <= PAGE_HEIGHT
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in forest(figure).get_yticklabels()]
    assert min(box.x0 for box in boxes) >= 0
    # Text boxes have room for ascenders and descenders; lines of text may touch, and not more than that.
    heights = [abs(one.y0 - other.y0) for one, other in pairwise(boxes)]
    assert min(heights) > 0.75 * max(box.height for box in boxes)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_items_are_drawn_too(count: int) -> None:
    figure = full(count)
    figure.draw_without_rendering()
    assert len([each for each in labels(figure) if each.startswith("Title")]) == count


def test_a_table_without_items_says_so() -> None:
    empty = utilities(0).iloc[:0]
    figure = plot_utilities(empty)
    assert "no items" in [text.get_text() for text in forest(figure).texts]


def test_items_are_grouped_by_impact_and_fall_within_it() -> None:
    told = labels(full(9))
    assert [each for each in told if each.endswith("impact")] == [
        "Positive impact",
        "Neutral impact",
        "Harmful impact",
    ]
    assert told[-3:] == ["Opting out", "End", "Nothing (baseline)"]
    frame = utilities(9).set_index("term")["estimate"]
    positive = [f"task-{name.split()[-1]}" for name in told[1:4]]
    assert frame[positive].is_monotonic_decreasing


def test_sorted_order_falls_through_all_classes_and_has_a_legend() -> None:
    figure = plot_utilities(utilities(9), items=items(9), order="sorted", label="id", width="one")
    frame = utilities(9).set_index("term")["estimate"]
    terms = [each.removesuffix(" (baseline)") for each in labels(figure)]
    assert frame[terms].is_monotonic_decreasing
    assert figure.get_figwidth() == ONE_COLUMN
    legend = forest(figure).figure.legends[0]
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["Positive impact", "Neutral impact", "Harmful impact", "Opting out"]


def test_an_unbounded_interval_ends_in_an_arrow_and_a_missing_one_is_hollow() -> None:
    frame = pd.DataFrame([row("a", -2, -math.inf, -1), row("b", 1, math.nan, math.nan), row("c", 0, -1, 1)])
    figure = plot_utilities(frame, separated={"a"})
    drawn = forest(figure).lines
    limits = forest(figure).get_xlim()
    arrows = [line for line in drawn if line.get_marker() == "<"]
    assert [tuple(np.ravel(line.get_xdata())) for line in arrows] == [(limits[0],)]
    hollow = [line for line in drawn if line.get_marker() == "o" and line.get_markerfacecolor() == "white"]
    assert [float(np.ravel(line.get_xdata())[0]) for line in hollow] == [1.0]
    assert labels(figure) == ["b", "c", "a *"]
    assert "unbounded" in figure.description
    assert "no interval" in figure.description


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_estimates_are_arrows_at_the_edge(value: float) -> None:
    frame = pd.DataFrame([row("a", value, math.nan, math.nan), row("b", 0.5, 0, 1)])
    figure = plot_utilities(frame)
    marker, edge = (">", 1) if value > 0 else ("<", 0)
    arrows = [line for line in forest(figure).lines if line.get_marker() == marker]
    assert [float(np.ravel(line.get_xdata())[0]) for line in arrows] == [forest(figure).get_xlim()[edge]]


def test_an_item_without_an_estimate_has_no_marker_and_says_so() -> None:
    frame = pd.DataFrame([row("a", math.nan, math.nan, math.nan), row("b", 0.5, 0, 1)])
    figure = plot_utilities(frame)
    assert [text.get_text().strip() for text in forest(figure).texts] == ["not estimated"]
    assert len([line for line in forest(figure).lines if line.get_marker() == "o"]) == 1


def test_one_huge_interval_does_not_squash_the_others() -> None:
    frame = pd.DataFrame([row("a", -3, -400, -1), row("b", 1, 0, 2)])
    low, high = forest(plot_utilities(frame)).get_xlim()
    assert high - low < 20


def test_the_baseline_has_no_interval_and_is_not_an_estimate() -> None:
    figure = plot_utilities(utilities(3), items=items(3))
    assert "Nothing (baseline):" not in figure.description
    diamonds = [line for line in forest(figure).lines if line.get_marker() == "D"]
    assert all(line.get_markerfacecolor() == "#000000" for line in diamonds)


def test_the_band_is_the_mean_interval_of_the_other_opt_out_items() -> None:
    kinds = {name: {"kind": "opt_out"} for name in ("x", "y", "zero")}
    frame = pd.DataFrame([row("x", 0, -1, 1), row("y", 1, 0.5, 1.5), row("zero", 0, math.nan, math.nan)])
    assert opt_out_band(frame, kinds, "zero") == (-0.25, 1.25)
    assert opt_out_band(frame, {}, "zero") is None
    assert opt_out_band(frame, kinds, None) is None, "one of them has no interval"


def test_colour_never_carries_the_class_alone() -> None:
    drawn = forest(full(9)).lines
    marks = {
        (str(line.get_markeredgecolor()), str(line.get_marker()))
        for line in drawn
        if line.get_marker() not in ("None", "<", ">")
    }
    assert len({marker for _, marker in marks}) == len({colour for colour, _ in marks}) == 4


def test_ids_in_any_script_and_with_markup_of_other_languages_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = ["日本語の課題", "$x_1$ & 50%", "مهمة", "🙂 task", "a\u202eb\x00c", "x" * 200]
    frame = pd.DataFrame([row(name, i, i - 1, i + 1) for i, name in enumerate(names)])
    figure = plot_utilities(frame)
    save(figure, tmp_path / "figure")
    told = labels(figure)
    assert "$x_1$ & 50%" in told
    assert "a⟨U+202E⟩b⟨U+0000⟩c" in told
    assert max(map(len, told)) <= 40


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [save(plot_utilities(utilities(2), items=items(2)), tmp_path / name) for name in ("one", "two")]
    first, second = ([file.read_bytes() for file in each] for each in files)
    assert first == second


def test_no_global_setting_is_changed() -> None:
    before = dict(mpl.rcParams)
    save_nothing = full(3)
    assert save_nothing is not None
    assert dict(mpl.rcParams) == before


def test_items_of_several_models_share_their_lines() -> None:
    two = pd.concat([utilities(2), utilities(3, "other")])
    figure = plot_utilities(two, items=items(3))
    one = plot_utilities(utilities(3), items=items(3))
    assert sorted(labels(figure)) == sorted(labels(one))
    assert figure.description.count("(other):") == 4
    assert len({line.get_marker() for line in forest(figure).lines} - {"None", "", "<", ">"}) == 2


def test_repeats_or_missing_columns_are_refused() -> None:
    two = pd.concat([utilities(2), utilities(2)])
    with pytest.raises(DataError, match="more than one row"):
        plot_utilities(two)
    with pytest.raises(DataError, match=r"'low' is missing[^\n]*\n[^\n]*'high' is missing"):
        plot_utilities(pd.DataFrame({"term": ["a"], "estimate": [1.0]}))
    with pytest.raises(SettingError, match=r"order is 'up'[^\n]*\n[^\n]*label is 'no'"):
        plot_utilities(utilities(2), order="up", label="no")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="width is 'three'"):
        plot_utilities(utilities(2), width="three")  # type: ignore[arg-type]


def test_it_shows_itself_in_a_notebook() -> None:
    figure = plot_utilities(utilities(1))
    assert figure._repr_png_().startswith(b"\x89PNG")
