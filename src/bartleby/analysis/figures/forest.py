"""Rows of estimates with their intervals: what most figures are made of.

A row whose interval is unknown is drawn hollow, one whose interval goes on beyond the axis ends in an arrow,
and one without an estimate says so: nothing that is missing looks like a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.labels import clip
from bartleby.analysis.figures.style import INK, MUTED, Look
from bartleby.errors import DataError

__all__ = ["Row", "axis_limits", "draw_rows", "interval_text", "notes", "require_columns", "row_label"]

PLAIN = Look(INK, "o", "")
NEEDED = ("term", "estimate", "low", "high")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a forest of intervals.

    Parameters
    ----------
    label
        What stands at its left.
    estimate, low, high
        NaN where unknown; infinite where unbounded.
    look
        Colour and marker.
    kind
        `estimate`; `fixed` (not an estimate: a baseline); `header` (a title over the rows below it).
    separated
        Whether the item won or lost every comparison that could place it.
    """

    label: str
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    look: Look = PLAIN
    kind: str = "estimate"
    separated: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are known."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def beyond(self, limits: tuple[float, float]) -> str:
        """Return the ends of an axis, `<` and `>`, behind which the row continues."""
        low, high = (self.low, self.high) if self.has_interval else (self.estimate, self.estimate)
        return "<" * (low < limits[0]) + ">" * (high > limits[1])


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
    """Return limits that show every finite estimate, and intervals unless they are out of all proportion.

    One interval of a nearly separated item would squash all others to nothing; it is cut, with an arrow,
    where it goes beyond three times the range of the estimates.
    """
    points = [row.estimate for row in rows if math.isfinite(row.estimate)]
    points += [value for value in include if math.isfinite(value)]
    if not points:
        return -1.0, 1.0
    low, high = min(points), max(points)
    room = max(high - low, 1.0)
    ends = [value for row in rows for value in (row.low, row.high) if math.isfinite(value)]
    shown = [value for value in ends if low - room <= value <= high + room]
    low, high = min([low, *shown]), max([high, *shown])
    margin = 0.04 * max(high - low, 0.5)
    return low - margin, high + margin


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
        Limits of x. What goes on beyond them ends in an arrow.
    size
        Size of the markers, in points.
    font
        Size of the labels, in points.
    """
    axes.set_xlim(*limits)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _draw_intervals(axes, rows, limits)
    _draw_markers(axes, rows, limits, size)
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=font)
    axes.tick_params(axis="y", length=0, pad=3)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        if row.kind == "header":
            label.set_fontweight("bold")
            label.set_color(row.look.colour)
    axes.spines["left"].set_visible(False)


def _draw_intervals(axes: Axes, rows: Sequence[Row], limits: tuple[float, float]) -> None:
    """Draw the intervals of one colour as one line with gaps: drawing costs by the artist, not by the row."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for y, row in enumerate(rows):
        if row.kind != "header" and row.has_interval:
            low, high = np.clip([row.low, row.high], *limits)
            ends.setdefault(row.look.colour, []).extend([(low, y), (high, y), (math.nan, math.nan)])
    for colour, points in ends.items():
        axes.plot(*np.transpose(points), color=colour, linewidth=0.9, solid_capstyle="butt", zorder=2)


def _draw_markers(axes: Axes, rows: Sequence[Row], limits: tuple[float, float], size: float) -> None:
    """Draw the estimates, and an arrow where a row goes on beyond the axis; equal marks are one artist."""
    marks: dict[tuple[str, str, str], list[tuple[float, int]]] = {}
    arrows: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for y, row in enumerate(rows):
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
            *np.transpose(points), marker, ms=size, mfc=fill, mec=colour, mew=0.7, zorder=3, linestyle="none"
        )
    for (colour, marker), points in arrows.items():
        axes.plot(
            *np.transpose(points), marker, ms=size + 0.4, mfc="white", mec=colour, mew=0.7, clip_on=False,
            zorder=4, linestyle="none",
        )  # fmt: skip


def notes(rows: Sequence[Row], level: float | None, limits: tuple[float, float]) -> list[str]:
    """Return what a reader must know to read these rows: only the marks that are there."""
    drawn = [row for row in rows if row.kind == "estimate"]
    known = [row for row in drawn if row.has_interval]
    found = []
    if known:
        found.append(f"Lines are {level:.0%} intervals." if level else "Lines are intervals.")
    if any(not row.has_interval for row in drawn if not math.isnan(row.estimate)):
        found.append("Hollow: no interval.")
    if any(row.beyond(limits) for row in drawn):
        found.append("Arrow: goes on beyond the axis.")
    if any(row.separated for row in drawn):
        found.append("* separated: won or lost every comparison that could place it.")
    return found


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
