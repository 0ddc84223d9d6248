"""The slot effect: how far the place in which an item is shown moves the choice."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.forest import (
    Row,
    axis_limits,
    draw_rows,
    interval_text,
    require_columns,
    row_label,
)
from bartleby.analysis.figures.shares import identifying
from bartleby.analysis.figures.style import INK, Look, Picture, Width, inches, new_picture, style

__all__ = ["draw_slot", "plot_slot", "slot_rows"]


def plot_slot(estimates: pd.DataFrame, *, width: Width = "one") -> Picture:
    """Draw slot effects in logits, above 0 where the item shown first is favoured.

    Parameters
    ----------
    estimates
        A table of estimates; the rows whose `term` is `slot` or begins with `slot` are drawn.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    rows = slot_rows(estimates, length=40)
    with style():
        picture = new_picture(inches(width), 0.75 + 0.17 * max(len(rows), 1))
        draw_slot(picture.add_subplot(), rows)
    told = "; ".join(f"{row.label}: {interval_text(row.estimate, row.low, row.high)}" for row in rows)
    picture.description = f"Slot effect in logits, above 0 where the first is favoured. {told or 'None'}."
    return picture


def slot_rows(estimates: pd.DataFrame, length: int = 24) -> list[Row]:
    """Return one row a slot effect in a table of estimates."""
    require_columns(estimates, "table of estimates")
    found = estimates[estimates["term"].astype(str).str.match(r"slot($|[\W_])")]
    names = [name for name in identifying(found) if name != "term"] if len(found) > 1 else []
    rows = []
    for _, row in found.iterrows():
        parts = [str(row[name]) for name in names] or ["Shown first" if len(found) == 1 else str(row["term"])]
        numbers = (float(row["estimate"]), float(row["low"]), float(row["high"]))
        rows.append(Row(row_label(", ".join(parts), length), *numbers, Look(INK, "o", "slot")))
    return rows


def draw_slot(axes: Axes, rows: list[Row], font: float = 6.5) -> None:
    """Draw slot effects around zero, with what they mean for two items that are liked equally."""
    reach = max(0.25, *(abs(end) for end in axis_limits(rows)))
    limits = (-reach, reach)
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    draw_rows(axes, rows, limits=limits, size=4, font=font)
    axes.set_xlabel("\N{LEFTWARDS ARROW} second favoured (logits) first favoured \N{RIGHTWARDS ARROW}")
    axes.locator_params(axis="x", nbins=5)
    if len(rows) == 1 and math.isfinite(rows[0].estimate):
        first = 1 / (1 + math.exp(-rows[0].estimate))
        axes.set_title(f"First taken {first:.0%} of the time if liked equally", fontsize=6, weight="normal")
