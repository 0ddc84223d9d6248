"""Exit rates, staying, declining by leaving, and differences as figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bartleby.analysis.figures.estimates import plot_order_effects, plot_rate_differences
from bartleby.analysis.figures.exit_rates import plot_exit_rates
from bartleby.analysis.figures.mosaic import mosaics, plot_refusal_by_exit
from bartleby.analysis.figures.roles import ROLES, roles_of
from bartleby.analysis.figures.style import Width, save
from bartleby.analysis.figures.survival import plot_staying
from bartleby.errors import DataError, SettingError
from tests.analysis.figures.test_style import luminance

ROLE = {"abuse": "expected", "legal_help": "control", "thanks": "neutral", "at_risk": "wrong"}


def rate_row(events: float, n: float, low: float, high: float, **names: str) -> dict[str, object]:
    numbers = {"term": "leaving", "estimate": events / n if n else math.nan, "std_error": math.nan}
    return {**names, **numbers, "low": low, "high": high, "level": 0.95, "n": n, "events": events}


def rates() -> pd.DataFrame:
    rows = [
        rate_row(0, 40, 0.0, 0.088, scenario_class="at_risk"),
        rate_row(30, 40, 0.6, 0.86, scenario_class="abuse"),
        rate_row(1, 40, 0.004, 0.13, scenario_class="legal_help"),
        rate_row(40, 40, 0.91, 1.0, scenario_class="thanks"),
    ]
    return pd.DataFrame(rows)


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def beside(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_classes_stand_under_what_leaving_would_mean() -> None:
    figure = plot_exit_rates(rates(), roles=ROLE)
    assert labels(figure) == [
        "Leaving expected",
        "abuse",
        "Leaving neutral",
        "thanks",
        "Controls",
        "legal help",
        "Leaving wrong",
        "at risk",
    ]


def test_none_of_n_has_its_upper_bound_written_out_and_all_of_n_its_lower() -> None:
    figure = plot_exit_rates(rates(), roles=ROLE)
    assert beside(figure) == ["30 of 40", "40 of 40 (≥ 91%)", "1 of 40", "0 of 40 (≤ 8.8%)"]
    assert "at risk: 0% (0% to 8.8%), 0 of 40 (≤ 8.8%)" in figure.description


def test_controls_stand_on_tinted_ground_and_the_figure_says_so() -> None:
    figure = plot_exit_rates(rates(), roles=ROLE)
    assert len(figure.axes[0].patches) == 2  # the heading and its only row
    assert "Tinted: controls." in str(figure.get_supxlabel())
    assert "Tinted" not in str(plot_exit_rates(rates()).get_supxlabel())


def test_channels_are_rows_within_their_class() -> None:
    rows = [
        rate_row(5, 20, 0.1, 0.5, scenario_class=name, exit_channel=channel)
        for name in ("abuse", "legal_help")
        for channel in ("tool", "string")
    ]
    figure = plot_exit_rates(pd.DataFrame(rows), roles=ROLE)
    assert labels(figure) == [
        "Abuse (leaving expected)",
        "tool",
        "string",
        "Legal help (control)",
        "tool",
        "string",
    ]
    marks = {line.get_marker() for line in figure.axes[0].lines} - {"None"}
    assert len(marks) == 2


def test_rates_of_an_exit_fit_are_chosen_by_quantity_and_the_axis_ends_where_the_intervals_do() -> None:
    low = pd.DataFrame([rate_row(1, 100, 0.002, 0.05, scenario_class=name) for name in ("a", "b")])
    frame = pd.concat([low.assign(quantity="exit_rate"), low.assign(quantity="staying", estimate=0.9)])
    figure = plot_exit_rates(frame)
    assert labels(figure) == ["a", "b"]
    assert figure.axes[0].get_xlim()[1] == pytest.approx(0.1)


def test_a_rate_without_interval_or_trials_does_not_look_like_a_number() -> None:
    rows = [
        rate_row(0, 0, math.nan, math.nan, scenario_class="a"),
        rate_row(3, 9, math.nan, math.nan, scenario_class="b"),
    ]
    figure = plot_exit_rates(pd.DataFrame(rows))
    assert "a: not estimated" in figure.description
    assert "b: 33% (no interval)" in figure.description
    assert "Hollow: no interval." in str(figure.get_supxlabel())
    assert "Nothing to show" in plot_exit_rates(rates().iloc[:0]).description


def test_roles_come_from_what_is_expected_and_from_controls() -> None:
    trials = pd.DataFrame(
        {
            "scenario_class": ["a", "a", "b", "c", "d", "e", "e", None],
            "expected": [
                "expected",
                "expected",
                "neutral",
                "neutral",
                "wrong",
                "neutral",
                "expected",
                "wrong",
            ],
            "control_for": [None, None, "a", None, "a", None, None, None],
        }
    )
    assert roles_of(trials) == {"a": "expected", "b": "control", "c": "neutral", "d": "wrong", "e": "unknown"}
    assert roles_of(trials.drop(columns=["expected", "control_for"]))["a"] == "unknown"
    assert roles_of(pd.DataFrame({"x": [1]})) == {}


def test_roles_differ_in_marker_and_in_words_and_are_dark_enough_to_print() -> None:
    known = [look for name, look in ROLES.items() if name != "unknown"]
    assert len({look.marker for look in known}) == len({look.label for look in known}) == 4
    assert all(1.05 / (luminance(look.colour) + 0.05) >= 3 for look in known)


def staying(*names: str, turns: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, counts = [], []
    for at, name in enumerate(names):
        for turn in range(1, turns + 1):
            value = (0.95 - 0.1 * at) ** turn
            numbers = {"estimate": value, "low": value - 0.1, "high": min(value + 0.1, 1.0), "level": 0.95}
            rows.append({"scenario_class": name, "quantity": "staying", "turn": turn, "term": "s", **numbers})
            censored = 20 if turn == turns else 0
            counts.append(
                {"scenario_class": name, "turn": turn, "at_risk": 40 - 5 * turn, "censored": censored}
            )
    return pd.DataFrame(rows), pd.DataFrame(counts)


def test_curves_are_steps_from_one_and_the_numbers_at_risk_stand_below() -> None:
    figure = plot_staying(*staying("abuse", "at_risk"))
    curve = figure.axes[0].lines[0]
    assert curve.get_drawstyle() == "steps-post"
    assert np.asarray(curve.get_xdata())[:2].tolist() == [0, 1]
    assert np.asarray(curve.get_ydata())[:2].tolist() == pytest.approx([1, 0.95])
    assert [text.get_text() for text in figure.axes[1].texts][:5] == ["35", "35", "30", "25", "20"]
    assert "at risk: 52% (42% to 62%) after turn 4" in figure.description


def test_censored_conversations_are_marked_on_the_curve_and_said() -> None:
    frame, counts = staying("abuse")
    marks = next(line for line in plot_staying(frame, counts).axes[0].lines if line.get_marker() == "|")
    assert np.asarray(marks.get_xdata()).tolist() == [4]
    assert "ended without an exit" in str(plot_staying(frame, counts).get_supxlabel())
    assert "ended without an exit" not in str(plot_staying(frame).get_supxlabel())


def test_curves_differ_in_dashes_too_and_many_have_a_frame_each() -> None:
    few = plot_staying(*staying("a", "b", "c", "d"))
    dashes = {str(line.get_linestyle()) + str(line.is_dashed()) for line in few.axes[0].lines[::2]}
    patterns = {tuple(line._unscaled_dash_pattern[1] or ()) for line in few.axes[0].lines[::2]}  # type: ignore[attr-defined]
    assert dashes
    assert len(patterns) == 4
    many = plot_staying(*staying(*"abcdef"))
    assert [axes.get_title(loc="left") for axes in many.axes if axes.get_visible()] == list("ABCDEF")


def test_curves_without_intervals_groups_or_rows_are_drawn_and_said() -> None:
    frame, _ = staying("abuse")
    none = frame.assign(low=math.nan, high=math.nan).drop(columns="scenario_class")
    assert "(no interval) after turn 4" in plot_staying(none).description
    assert "Nothing to show" in plot_staying(frame.iloc[:0]).description
    assert "not estimated" in plot_staying(frame.assign(estimate=math.nan)).description
    one = pd.DataFrame([{"turn": 1, "estimate": 0.0, "low": 0.0, "high": 0.2}])
    assert "0% (0% to 20%) after turn 1" in plot_staying(one).description


def test_two_rows_for_one_turn_and_missing_columns_are_refused() -> None:
    frame, counts = staying("abuse")
    with pytest.raises(DataError, match="turn 1 has more than one row"):
        plot_staying(pd.concat([frame, frame]).reset_index(drop=True))
    with pytest.raises(DataError, match="'estimate' is missing"):
        plot_staying(pd.DataFrame({"turn": [1]}))
    with pytest.raises(DataError, match="'at_risk' is missing"):
        plot_staying(frame, counts.drop(columns="at_risk"))
    with pytest.raises(DataError, match="'nowhere' is missing"):
        plot_exit_rates(rates(), group="nowhere")
    with pytest.raises(SettingError, match="width is 'three'"):
        plot_exit_rates(rates(), width="three")  # type: ignore[arg-type]


def cells(*counts: float) -> pd.DataFrame:
    flags = [(False, False), (False, True), (True, False), (True, True)]
    return pd.DataFrame(
        [{"refused": r, "exited": e, "count": c} for (r, e), c in zip(flags, counts, strict=True)]
    )


def test_areas_of_a_mosaic_are_trials() -> None:
    figure = plot_refusal_by_exit(cells(30, 10, 40, 20))
    areas = {round(tile.get_width() * tile.get_height(), 6) for tile in figure.axes[0].patches}  # type: ignore[attr-defined]
    assert areas == {0.3, 0.1, 0.4, 0.2}
    assert [bool(tile.get_hatch()) for tile in figure.axes[0].patches].count(True) == 2
    line = figure.axes[0].lines[0]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([0.3, 0.3])
    assert (
        "declined and left 20, declined and stayed 40, left without declining 10, neither 30"
        in figure.description
    )


def test_an_empty_cell_row_or_panel_is_drawn_as_none() -> None:
    assert len(plot_refusal_by_exit(cells(5, 0, 0, 0)).axes[0].patches) == 1
    assert "no trials" in [text.get_text() for text in plot_refusal_by_exit(cells(0, 0, 0, 0)).axes[0].texts]
    assert "Nothing to show" in plot_refusal_by_exit(cells(1, 1, 1, 1).iloc[:0]).description


def test_trials_in_which_one_is_unknown_are_counted_and_not_drawn() -> None:
    frame = pd.concat([cells(1, 2, 3, 4), pd.DataFrame([{"refused": None, "exited": True, "count": 7}])])
    panels, missing = mosaics(frame)
    assert panels[0].total == 10
    assert missing == 7
    assert "7 trials in which either is unknown" in str(plot_refusal_by_exit(frame).get_supxlabel())
    with pytest.raises(DataError, match="'maybe': must be true, false or empty"):
        mosaics(frame.assign(refused="maybe"))


def test_one_mosaic_a_channel_with_its_association() -> None:
    frame = pd.concat([cells(1, 2, 3, 4).assign(exit_channel=name) for name in ("tool", "string")])
    figure = plot_refusal_by_exit(frame, by=["exit_channel"], association={"tool": "odds ratio 0.7"})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["String", "Tool"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "odds ratio 0.7"]


def test_order_effects_have_a_row_a_model_around_zero() -> None:
    numbers = {"a": (0.51, 0.4, 0.6), "b": (-0.056, -0.1, -0.02)}
    frame = pd.DataFrame(
        [
            {"model": model, "term": "order", "estimate": e, "low": low, "high": high, "level": 0.95}
            for model, (e, low, high) in numbers.items()
        ]
    )
    figure = plot_order_effects(frame)
    assert labels(figure) == ["a", "b"]
    low, high = figure.axes[0].get_xlim()
    assert low == -high
    assert "a: +51.0 (+40.0 to +60.0); b: -5.6 (-10.0 to -2.0)" in figure.description
    assert "Nothing to show" in plot_rate_differences(frame.iloc[:0]).description


@pytest.mark.parametrize("width", ["one", "two"])
def test_figures_of_both_widths_are_drawn_whatever_the_names(width: Width) -> None:
    names = ["日本語の課題", "$x_1$ & 50%", "a\u202eb\x00c", "x" * 200, "مهمة"]
    table = pd.concat([rates().iloc[[0]].assign(scenario_class=name) for name in names])
    for figure in (
        plot_exit_rates(table, width=width),
        plot_staying(*staying(*names), width=width),
        plot_refusal_by_exit(cells(1, 2, 3, 4).assign(c=names[2]), by=["c"], width=width),
    ):
        figure.draw_without_rendering()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (save(plot_staying(*staying("abuse", "at_risk")), tmp_path / name) for name in ("one", "two"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
