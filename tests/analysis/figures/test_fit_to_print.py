"""Every figure of every study that ships can be printed: nothing overlaps, is cut off, or is a false tick."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import bartleby as bb
from bartleby.analysis.figures.style import Picture
from bartleby.analysis.report import page
from tests.analysis.figures import drawn

STUDIES = Path(__file__).parents[3] / "studies"
TOUCH = 0.25
"""Share of its height by which a text box may overlap another: boxes have room for ascenders."""


def faults(figure: Figure) -> list[str]:
    """Return texts that overlap or are cut off, and tick labels that are not what is at their place."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    texts = [(text, text.get_window_extent(renderer)) for text in visible_texts(figure)]
    told = [
        f"cut off: {text.get_text()!r}"
        for text, box in texts
        if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.x1 + 1 or box.y1 > figure.bbox.y1 + 1
    ]
    for (one, a), (other, b) in combinations(texts, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > 0.5 and down > TOUCH * min(a.height, b.height):
            told.append(f"overlap: {one.get_text()!r} and {other.get_text()!r}")
    return told + [fault for axes in figure.axes if axes.get_visible() for fault in false_ticks(axes)]


def visible_texts(figure: Figure) -> Iterator[Text]:
    """Yield the texts that are drawn; ticks outside of an axis are not."""
    hidden = set()
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            room = 1e-9 * abs(high - low)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                outside = not min(low, high) - room <= tick.get_loc() <= max(low, high) + room
                hidden |= {tick.label1, tick.label2} if outside else set()
    for text in figure.findobj(Text):
        owner = text.axes
        there = owner is None or owner.get_visible()
        assert isinstance(text, Text)
        if text.get_visible() and there and text not in hidden and text.get_text().strip():
            yield text


def false_ticks(axes: Axes) -> Iterator[str]:
    """Yield tick labels that are numbers, and not the number of their place."""
    for axis in (axes.xaxis, axes.yaxis):
        for tick in axis.get_major_ticks():
            text = tick.label1.get_text().split("\n")[0].replace("\N{MINUS SIGN}", "-")
            number = re.fullmatch(r"(-?[\d.]+)(%?)", text)
            place = float(tick.get_loc())
            if number and not named_rows(axes, axis):
                value = float(number[1])
                right = [value / 100] if "%" in text else [value, value / 100]
                if "%" in text and 0 < value < 100:  # a chance on an axis of logits
                    right.append(math.log(value / (100 - value)))
                if not any(math.isclose(place, each, abs_tol=1e-9, rel_tol=1e-6) for each in right):
                    yield f"tick {text!r} at {place:g}"


def named_rows(axes: Axes, axis: Any) -> bool:  # noqa: ANN401 - an axis of matplotlib's
    """Return whether the ticks of an axis are names of rows, some of which may be numbers."""
    return axis is axes.yaxis and axes.yaxis_inverted()


def drawn_in(make: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Return the figures that a report saves meanwhile."""
    figures: dict[str, Figure] = {}

    def keep(figure: Figure, path: Path) -> tuple[Path, Path, Path]:
        figures[path.name] = figure
        path.parent.mkdir(parents=True, exist_ok=True)
        for ending in (".pdf", ".svg", ".png"):
            path.with_name(path.name + ending).write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        return path, path.with_name(path.name + ".svg"), path

    monkeypatch.setattr(page, "save", keep)
    make()
    return figures


CONVERSATIONS = STUDIES.parent / "data" / "apparent_distress"


def test_figures_of_coded_conversations_fit_to_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = pd.read_parquet(CONVERSATIONS / "simulated_turns.parquet")
    codings = [CONVERSATIONS / "simulated_judge.parquet", CONVERSATIONS / "simulated_labels.csv"]
    figures = drawn_in(lambda: bb.report(turns, tmp_path / "page", codings=codings), monkeypatch)
    assert "confusion" in figures
    told = {name: found for name, figure in figures.items() if (found := faults(figure))}
    assert not told


@pytest.mark.parametrize("study", ["end_conversation", "exit_channels", "opt_out", "task_preferences"])
def test_figures_of_a_study_fit_to_print(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.db"
    bb.run(STUDIES / f"{study}.py", "sim/averse?order=-0.5&spread=0.5", log=log, progress=False)
    figures = drawn_in(lambda: bb.report(log, tmp_path / "page"), monkeypatch)
    assert figures
    told = {name: found for name, figure in figures.items() if (found := faults(figure))}
    assert not told


@pytest.mark.parametrize("width", ["one", "two"])
@pytest.mark.parametrize("name", sorted({**drawn.FIGURES, **drawn.PANELS}))
def test_every_kind_of_figure_fits_to_print_in_both_widths(name: str, width: str) -> None:
    assert not faults({**drawn.FIGURES, **drawn.PANELS}[name](width=width))


@pytest.mark.parametrize("name", sorted(drawn.FIGURES))
def test_every_kind_of_figure_is_drawn_into_axes(name: str) -> None:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    returned = drawn.FIGURES[name](ax=axes)
    assert returned is figure
    assert len(figure.axes) <= 2  # the utilities have the chance of being chosen along the top
    assert axes.lines or axes.patches or axes.collections
    assert returned.description
    with pytest.raises(bb.errors.SettingError, match="width"):
        drawn.FIGURES[name](ax=axes, width="one")


def test_what_is_wrong_is_found() -> None:
    figure = Picture(figsize=(2, 2), layout="constrained")
    axes = figure.subplots()
    axes.text(0.5, 0.5, "one")
    axes.text(0.5, 0.5, "two")
    axes.text(0.9, 0.2, "far beyond the edge of it").set_in_layout(False)
    axes.set_xticks([0.5, 0.75], ["0.5", "0.8"])
    assert faults(figure) == [
        "cut off: 'far beyond the edge of it'",
        "overlap: 'one' and 'two'",
        "tick '0.8' at 0.75",
    ]


def test_labels_and_models_are_those_that_were_asked_for() -> None:
    both = pd.concat([drawn.rates(), drawn.rates().assign(model="second")])
    figure = bb.figures.plot_exit_rates(both, models=["second", "first"], labels={"first": "Model A"})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["second", "Model A"]
    one = bb.figures.plot_exit_rates(both, models=["second"], labels={"abuse": "Insults"})
    assert "Model: second." in one.notes
    assert "Insults" in [text.get_text() for text in one.axes[0].get_yticklabels()]
