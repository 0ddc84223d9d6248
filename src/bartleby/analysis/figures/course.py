"""The course of a code: over turns, a curve a class, or around a trigger, whose turn is marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bartleby.analysis.figures.forest import draw_handles, interval_text, require_columns
from bartleby.analysis.figures.labels import Labels, clip, named, percent_ticks, words
from bartleby.analysis.figures.panels import write_notes
from bartleby.analysis.figures.style import (
    MUTED,
    Look,
    Picture,
    Width,
    described,
    inches,
    looks,
    new_picture,
    redrawable,
    style,
    width_of,
)
from bartleby.analysis.figures.table_rows import choose_models, model_remarks, several
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import SettingError

__all__ = ["plot_around_trigger", "plot_course"]

QUANTITIES = {
    "first_coded": "Have shown it by this turn",
    "left_first": "Have left without showing it",
    "still_there": "Show it, of those still there",
    "had_all_stayed": "Show it, had all stayed",
    "corrected": "Show it, corrected",
}
"""Quantities of `course` that can be drawn, and what their axis says."""
STEPS = ("first_coded", "left_first")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))


@redrawable
def plot_course(
    estimates: pd.DataFrame,
    *,
    quantity: str = "first_coded",
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw a quantity over turns, a curve with its interval for each group.

    Parameters
    ----------
    estimates
        The frame of `course`; columns before `quantity` tell groups apart.
    quantity
        `first_coded`, `left_first`, `still_there`, `had_all_stayed` (with the bounds of the worst cases,
        dotted) or `corrected`.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `quantity` or `width` is not allowed.
    """
    if quantity not in QUANTITIES:
        raise SettingError(f"quantity={quantity!r}: must be one of {', '.join(map(repr, QUANTITIES))}")
    require_columns(estimates, "table of a course", ("quantity", "turn", "estimate", "low", "high"))
    part = choose_models(estimates[estimates["quantity"] == quantity], models)
    told = ["Bands are intervals; each turn has its own."]
    if quantity == "had_all_stayed":
        told.append("Dotted: bounds, whatever those who left would have shown.")
    if quantity in STEPS:
        told.append("Who left is counted as having left, not taken out.")
    drawn = _Courses(part, "turn", QUANTITIES[quantity], quantity in STEPS, told, labels)
    return drawn.picture(width, ax)


@redrawable
def plot_around_trigger(
    estimates: pd.DataFrame,
    *,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw the share of turns with the code before and after a trigger, a curve for each trigger and group.

    Parameters
    ----------
    estimates
        The frame of `around_trigger`.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    require_columns(estimates, "table around a trigger", ("quantity", "offset", "estimate", "low", "high"))
    part = choose_models(estimates[estimates["quantity"] == "at_offset"], models)
    told = ["0 is the turn of the first trigger. Bands are intervals; each turn has its own."]
    return _Courses(part, "offset", "Turns with the code", False, told, labels).picture(width, ax)


@dataclass(frozen=True)
class _Courses:
    """Curves over turns, what their axes say, and how to read them."""

    part: pd.DataFrame
    across: str
    axis_label: str
    steps: bool
    remarks: Sequence[str]
    labels: Labels

    def picture(self, width: Width | None, ax: Axes | None) -> Picture:
        """Return the figure, a new one or the one that `ax` is in."""
        curves = _curves(self.part, self.across)
        model = [] if _several_models(self.part) else model_remarks(self.part, self.labels)
        text = " ".join([*self.remarks, *model])
        description = _described(curves, self.across, self.axis_label)
        with style():
            if ax is not None:
                width_of(width, ax)
                self._draw(ax, curves)
                return described(ax, description, text)
            wide = inches(width or "two")
            picture = new_picture(wide, 2.9)
            self._draw(picture.subplots(), curves)
            write_notes(picture, text)
        return described(picture.axes[0], description, text, picture)

    def _draw(self, axes: Axes, curves: dict[str, pd.DataFrame]) -> None:
        look_of = looks(curves)
        for at, (name, curve) in enumerate(curves.items()):
            label = clip(named(name, self.labels), 40)
            look = (look_of[name], DASHES[at % len(DASHES)], label)
            _draw(axes, curve, self.across, look, steps=self.steps)
        _dress(axes, self.across, self.axis_label, min(1.02, 1.1 * _top(curves)))
        if len(curves) > 1:
            draw_handles(axes)
        if not curves:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=MUTED)


def _several_models(part: pd.DataFrame) -> bool:
    return "model" in part and several(part, "model")


def _curves(part: pd.DataFrame, across: str) -> dict[str, pd.DataFrame]:
    columns = [str(name) for name in part.columns]
    lead = [name for name in columns[: columns.index("quantity")] if name != across]
    lead = [name for name in lead if name != "model" or several(part, name)]
    if not len(part):
        return {}
    keys = part[lead].astype(str).agg(", ".join, axis=1) if lead else pd.Series("", index=part.index)
    return {key: part[keys == key].sort_values(across) for key in natural_order(keys.unique())}


def _top(curves: dict[str, pd.DataFrame]) -> float:
    """Return the largest number there is to show."""
    names = ("estimate", "high", "worst_high")
    ends = [
        float(value) for each in curves.values() for name in names if name in each for value in each[name]
    ]
    return max((value for value in ends if not math.isnan(value)), default=1.0) or 1.0


def _draw(
    axes: Axes, curve: pd.DataFrame, across: str, look: tuple[Look, object, str], *, steps: bool
) -> None:
    style_of, dash, name = look
    x, estimate, low, high = (
        curve[each].to_numpy(dtype=float) for each in (across, "estimate", "low", "high")
    )
    known = (~(np.isnan(low) | np.isnan(high))).tolist()
    colour = style_of.colour
    if steps:
        x = np.append(x, x[-1] + 0.5)
        estimate, low, high = (np.append(each, each[-1]) for each in (estimate, low, high))
        known.append(known[-1])
        axes.fill_between(x, low, high, where=known, step="post", color=colour, alpha=0.15, linewidth=0)
        axes.step(x, estimate, where="post", color=colour, linestyle=dash, linewidth=1.2, label=name)
        return
    axes.fill_between(x, low, high, where=known, color=colour, alpha=0.15, linewidth=0)
    marker = style_of.marker
    axes.plot(x, estimate, marker=marker, ms=3.5, color=colour, linestyle=dash, linewidth=1.2, label=name)
    for bound in ("worst_low", "worst_high"):
        if bound in curve and curve[bound].notna().any():
            axes.plot(x, curve[bound], color=colour, linestyle=(0, (1, 2)), linewidth=0.8)


def _dress(axes: Axes, across: str, axis_label: str, top: float) -> None:
    axes.set_ylim(0, top)
    percent_ticks(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_ylabel(axis_label)
    axes.set_xlabel("Turn" if across == "turn" else "Turns from the first trigger")
    if across == "offset":
        axes.axvline(0, color=MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)


def _described(curves: dict[str, pd.DataFrame], across: str, axis_label: str) -> str:
    parts = []
    for name, curve in curves.items():
        for row in (curve.iloc[0], curve.iloc[-1]):
            numbers = (float(row["estimate"]), float(row["low"]), float(row["high"]))
            said = interval_text(*numbers, lambda value: "-" if math.isnan(value) else f"{value:.0%}")
            parts.append(f"{f'{words(name)}: ' if name else ''}{said} at {across} {row[across]:g}")
    return f"{axis_label}, with intervals. {'; '.join(parts) or 'Nothing to show'}."
