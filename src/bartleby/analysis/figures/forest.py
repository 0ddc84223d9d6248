"""Rows of estimates with their intervals on one scale: what most figures are.

A row whose interval is unknown is drawn hollow, one whose interval continues beyond the axis ends in an
arrow, and one without an estimate says so: nothing that is missing looks like a number. Rows of several
models share a line, each model with a colour and a marker of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bartleby.analysis.figures.labels import broken, clip, percent, percent_ticks
from bartleby.analysis.figures.panels import arrange
from bartleby.analysis.figures.style import (
    INK,
    MUTED,
    ONE_COLUMN,
    Look,
    Picture,
    Width,
    described,
    inches,
    style,
    width_of,
)
from bartleby.errors import DataError

__all__ = [
    "Forest",
    "Row",
    "Scale",
    "axis_limits",
    "draw_handles",
    "draw_legend",
    "draw_rows",
    "interval_text",
    "notes",
    "require_columns",
    "row_label",
    "share_limits",
]

PLAIN = Look(INK, "o", "")
NEEDED = ("term", "estimate", "low", "high")
TINT = "#EEF1F5"
TOPS = (0.1, 0.2, 0.5, 1.0)
"""Where an axis of shares may end: as far as the intervals need it."""
SPREAD = 0.28
"""How far from the middle of a line the first and the last of several rows on it are drawn."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a forest of intervals.

    Parameters
    ----------
    label
        What is written at its left.
    estimate, low, high
        NaN where unknown; infinite where unbounded.
    look
        Colour and marker.
    kind
        `estimate`; `fixed` (not an estimate: a baseline); `header` (a title over the rows below it).
    separated
        Whether the item won or lost every comparison that could place it.
    beside
        What is written at its right.
    tinted
        Whether it is drawn on tinted ground.
    joined
        Whether it shares the line of the row before it, of which it is the next model.
    """

    label: str
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    look: Look = PLAIN
    kind: str = "estimate"
    separated: bool = False
    beside: str = ""
    tinted: bool = False
    joined: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are known."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def beyond(self, limits: tuple[float, float]) -> str:
        """Return the ends of an axis, `<` and `>`, behind which the row continues."""
        low, high = (self.low, self.high) if self.has_interval else (self.estimate, self.estimate)
        return "<" * (low < limits[0]) + ">" * (high > limits[1])


@dataclass(frozen=True, slots=True)
class Scale:
    """The horizontal axis of a forest.

    Parameters
    ----------
    label
        What is measured, with its unit.
    limits
        Of the axis.
    form
        How its ticks are written: `number`, `percent`, or percentage `points`.
    ticks
        Where they are; chosen by matplotlib if empty.
    zero
        How zero is marked: `faint`, `solid`, `dashed` or not at all (empty).
    """

    label: str
    limits: tuple[float, float]
    form: Literal["number", "percent", "points"] = "number"
    ticks: tuple[float, ...] = ()
    zero: Literal["", "faint", "solid", "dashed"] = ""

    def text(self, value: float) -> str:
        """Return a value for the text alternative."""
        return {"number": "{:.2f}".format, "percent": percent, "points": _points}[self.form](value)


@dataclass(frozen=True)
class Forest:
    """A figure of rows with intervals.

    Parameters
    ----------
    rows
        From top to bottom.
    scale
        The horizontal axis.
    subject
        What is to be seen, for the text alternative.
    level
        Of the intervals, if it is the same for all rows.
    remarks
        What else a reader must know, after the notes on how rows are drawn.
    legend
        Looks that need a legend: the models, where there are several.
    """

    rows: Sequence[Row]
    scale: Scale
    subject: str
    level: float | None = None
    remarks: Sequence[str] = ()
    legend: Sequence[Look] = ()

    @property
    def text(self) -> str:
        """What a reader must know to read the rows."""
        tinted = ["Tinted: controls."] if any(row.tinted for row in self.rows) else []
        return " ".join([*notes(self.rows, self.level, self.scale.limits), *tinted, *self.remarks])

    @property
    def description(self) -> str:
        """The text alternative."""
        parts, heading = [], ""
        for row in self.rows:
            if row.kind == "header":
                heading = f"{row.label}: "
                continue
            model = f" ({row.look.label})" if self.legend else ""
            beside = f", {row.beside}" if row.beside else ""
            numbers = interval_text(row.estimate, row.low, row.high, self.scale.text)
            parts.append(f"{heading}{row.label}{model}: {numbers}{beside}")
            heading = ""
        return f"{self.subject}, with intervals. {'; '.join(parts) or 'Nothing to show'}."

    def picture(self, width: Width | None = None, ax: Axes | None = None) -> Picture:
        """Return the figure: a new one, or the one that `ax` is in with the rows drawn there."""
        with style():
            if ax is not None:
                width_of(width, ax)
                self.draw(ax)
                return described(ax, self.description, self.text)
            wide = inches(width or "two")
            picture, axes = arrange(wide, self.height, (), legend=bool(self.legend), text=self.text)
            self.draw(axes)
        return described(axes, self.description, self.text, picture)

    @property
    def height(self) -> int:
        """How many lines it is high; a line with several models is higher."""
        joined = sum(row.joined for row in self.rows)
        return math.ceil(len(self.rows) - 0.5 * joined)

    def draw(self, axes: Axes) -> None:
        """Draw the rows, the scale and the legend."""
        scale = self.scale
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.4)
        axes.set_axisbelow(True)
        if scale.zero and scale.limits[0] <= 0 <= scale.limits[1]:
            axes.axvline(0, **_ZEROS[scale.zero])
        draw_rows(axes, self.rows, limits=scale.limits, size=4)
        if scale.ticks:
            axes.set_xticks(scale.ticks)
        else:
            axes.locator_params(axis="x", nbins=5 if width_of(None, axes) <= ONE_COLUMN else 8)
        if scale.form != "number":
            percent_ticks(axes.xaxis, "%" if scale.form == "percent" else "")
        axes.set_xlabel(broken(scale.label, width_of(None, axes)))
        if self.legend:
            draw_legend(axes, self.legend)
        if not self.rows:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=MUTED)


_ZEROS: Mapping[str, Any] = {
    "faint": {"color": "#dddddd", "linewidth": 0.5, "zorder": 0},
    "solid": {"color": INK, "linewidth": 0.8, "zorder": 1},
    "dashed": {"color": MUTED, "linewidth": 0.7, "linestyle": (0, (3, 2)), "zorder": 0},
}


def draw_legend(axes: Axes, looks: Sequence[Look]) -> None:
    """Draw a legend of looks above the axes."""
    marks = [Line2D([], [], marker=look.marker, color=look.colour, linestyle="none", ms=4) for look in looks]
    _legend(axes, marks, [look.label for look in looks])


def draw_handles(axes: Axes) -> None:
    """Draw a legend of what is labelled on the axes above them."""
    _legend(axes, *axes.get_legend_handles_labels())


def _legend(axes: Axes, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Draw a legend above the whole figure where it is ours, and else above the axes."""
    names = [clip(name, 44) for name in names]
    across = max(1, int(width_of(None, axes) / (0.45 + 0.05 * max(map(len, names), default=0))))
    columns = min(len(names), across)
    if isinstance(axes.get_figure(root=True), Picture):
        axes.figure.legend(handles=handles, labels=names, loc="outside upper left", ncols=columns)
    else:
        axes.legend(handles=handles, labels=names, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns)


def require_columns(frame: pd.DataFrame, what: str, needed: Iterable[str] = NEEDED) -> None:
    """Raise `DataError` naming every column that a table of estimates lacks."""
    there = ", ".join(map(str, frame.columns)) or "none"
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise DataError([f"{what}: column {name!r} is missing; columns here: {there}" for name in missing])


def row_label(text: object, length: int, *, separated: bool = False) -> str:
    """Return a label of at most `length` characters, with an asterisk where the item is separated."""
    return f"{clip(text, length)}{' *' if separated else ''}"


def axis_limits(rows: Sequence[Row], include: Iterable[float] = (0.0,)) -> tuple[float, float]:
    """Return limits that include every finite estimate, and intervals unless they are out of all proportion.

    One interval of a nearly separated item would squash all others to nothing; it is cut, with an arrow,
    where it continues beyond three times the range of the estimates. An axis on which nothing is below
    zero, or nothing above it, ends there.
    """
    points = [row.estimate for row in rows if math.isfinite(row.estimate)]
    points += [value for value in include if math.isfinite(value)]
    if not points:
        return -1.0, 1.0
    low, high = min(points), max(points)
    room = max(high - low, 1.0)
    ends = [value for row in rows for value in (row.low, row.high) if math.isfinite(value)]
    within = [value for value in ends if low - room <= value <= high + room]
    low, high = min([low, *within]), max([high, *within])
    if low == high == 0:
        return -1.0, 1.0
    margin = 0.04 * ((high - low) or 1.0)
    return (low - margin if low else 0.0), (high + margin if high else 0.0)


def share_limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Return limits of an axis of shares: from 0 as far as estimates and intervals need it."""
    ends = [value for row in rows for value in (row.estimate, row.high) if math.isfinite(value)]
    return 0.0, next((top for top in TOPS if ends and all(end <= top for end in ends)), 1.0)


def draw_rows(
    axes: Axes, rows: Sequence[Row], *, limits: tuple[float, float], size: float = 3.4, font: float = 6.5
) -> None:
    """Draw rows from top to bottom on axes that have no other use of y.

    Parameters
    ----------
    axes
        Where.
    rows
        The rows; the first is drawn on top, at y = 0, the next at y = 1, and so on.
    limits
        Limits of x. What continues beyond them ends in an arrow.
    size
        Size of the markers, in points.
    font
        Size of the labels, in points.
    """
    heights = _heights(rows)
    lines = [row for row in rows if not row.joined]
    axes.set_xlim(*limits)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    for line, row in enumerate(lines):
        if row.tinted:
            axes.axhspan(line - 0.5, line + 0.5, color=TINT, linewidth=0, zorder=-2)
    _draw_intervals(axes, rows, heights, limits)
    _draw_markers(axes, rows, heights, limits, size)
    axes.set_yticks(range(len(lines)), [row.label for row in lines], fontsize=font)
    axes.tick_params(axis="y", length=0, pad=5)
    for label, row in zip(axes.get_yticklabels(), lines, strict=True):
        if row.kind == "header":
            label.set_fontweight("bold")
            label.set_color(row.look.colour)
    axes.spines["left"].set_visible(False)
    beside = axes.get_yaxis_transform()
    for height, row in zip(heights, rows, strict=True):
        if row.beside:
            axes.annotate(
                row.beside, (1, height), (6, 0), xycoords=beside, textcoords="offset points", va="center",
                fontsize=5.8, color=MUTED,
            )  # fmt: skip


def _heights(rows: Sequence[Row]) -> list[float]:
    """Return where rows are drawn: a line each, those of several models spread about their line."""
    starts = [place for place, row in enumerate(rows) if not row.joined]
    heights = []
    for line, (start, end) in enumerate(zip(starts, [*starts[1:], len(rows)], strict=False)):
        spread = np.linspace(-SPREAD, SPREAD, end - start) if end - start > 1 else [0.0]
        heights += [line + float(shift) for shift in spread]
    return heights


def _draw_intervals(
    axes: Axes, rows: Sequence[Row], heights: Sequence[float], limits: tuple[float, float]
) -> None:
    """Draw the intervals of one colour as one line with gaps: drawing costs by the artist, not by the row."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for y, row in zip(heights, rows, strict=True):
        if row.kind != "header" and row.has_interval:
            low, high = np.clip([row.low, row.high], *limits)
            ends.setdefault(row.look.colour, []).extend([(low, y), (high, y), (math.nan, math.nan)])
    for colour, points in ends.items():
        axes.plot(*np.transpose(points), color=colour, linewidth=0.9, solid_capstyle="butt", zorder=2)


def _draw_markers(
    axes: Axes, rows: Sequence[Row], heights: Sequence[float], limits: tuple[float, float], size: float
) -> None:
    """Draw the estimates, and an arrow where a row continues beyond the axis; equal marks are one artist."""
    marks: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    arrows: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for y, row in zip(heights, rows, strict=True):
        if row.kind == "header":
            continue
        if math.isnan(row.estimate):
            axes.text(limits[0], y, " not estimated", va="center", fontsize=5.5, color=MUTED, style="italic")
        if limits[0] <= row.estimate <= limits[1]:
            fill = row.look.colour if row.has_interval or row.kind == "fixed" else "white"
            marks.setdefault((row.look.colour, row.look.marker, fill), []).append((row.estimate, y))
        for marker in row.beyond(limits):
            arrows.setdefault((row.look.colour, marker), []).append((limits["<>".index(marker)], y))
    for (colour, marker, fill), points in marks.items():
        axes.plot(
            *np.transpose(points), marker, ms=size, mfc=fill, mec=colour, mew=0.7, clip_on=False, zorder=3,
            linestyle="none",
        )  # fmt: skip
    for (colour, marker), points in arrows.items():
        axes.plot(
            *np.transpose(points), marker, ms=size + 0.4, mfc="white", mec=colour, mew=0.7, clip_on=False,
            zorder=4, linestyle="none",
        )  # fmt: skip


def notes(rows: Sequence[Row], level: float | None, limits: tuple[float, float]) -> list[str]:
    """Return what a reader must know to read these rows: only the marks that are there."""
    drawn = [row for row in rows if row.kind == "estimate"]
    texts = []
    if any(row.has_interval for row in drawn):
        texts.append(f"Lines are {100 * level:.4g}% intervals." if level else "Lines are intervals.")
    if any(not row.has_interval for row in drawn if not math.isnan(row.estimate)):
        texts.append("Hollow: no interval.")
    if any(row.beyond(limits) for row in drawn):
        texts.append("Arrow: continues beyond the axis.")
    if any(row.separated for row in drawn):
        texts.append("* separated: won or lost every comparison that could place it.")
    return texts


def interval_text(
    estimate: float, low: float, high: float, show: Callable[[float], str] = "{:.2f}".format
) -> str:
    """Return an estimate with its interval in words, for the text alternative of a figure."""
    if math.isnan(estimate):
        return "not estimated"
    if math.isnan(low) or math.isnan(high):
        return f"{show(estimate)} (no interval)"
    ends = [show(end) if math.isfinite(end) else "unbounded" for end in (low, high)]
    return f"{show(estimate)} ({ends[0]} to {ends[1]})"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
