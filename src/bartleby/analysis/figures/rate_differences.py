"""Differences between exit rates, in percentage points: against controls, and between orders.

The direction in which order moves exits differs between models, so there is one row a model and no line is
drawn for all of them together.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.ticker import PercentFormatter

from bartleby.analysis.figures.exit_rates import words
from bartleby.analysis.figures.forest import Row, draw_rows, interval_text, notes, require_columns, row_label
from bartleby.analysis.figures.panels import arrange
from bartleby.analysis.figures.shares import identifying
from bartleby.analysis.figures.style import INK, ONE_COLUMN, Look, Picture, Width, inches, style

__all__ = ["plot_order_effects", "plot_rate_differences"]

LOOK = Look(INK, "o", "")


def plot_rate_differences(
    differences: pd.DataFrame,
    *,
    less: str = "less often",
    more: str = "more often",
    subject: str = "Difference in exit rate",
    width: Width = "two",
) -> Picture:
    """Draw differences between rates, in percentage points.

    Parameters
    ----------
    differences
        A table of estimates between -1 and 1: `estimate`, `low`, `high`; columns before `term` tell the
        rows apart.
    less, more
        What it means to lie left and right of zero.
    subject
        What differs, for the text alternative, and for the axis where a column is narrow.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    require_columns(differences, "table of differences", ("estimate", "low", "high"))
    wide = inches(width)
    rows = _rows(differences, 44 if wide > ONE_COLUMN else 26)
    limits = _limits(rows)
    levels = set(differences["level"].dropna()) if "level" in differences else set()
    told = notes(rows, float(levels.pop()) if len(levels) == 1 else None, limits)
    left, right = "\N{LEFTWARDS ARROW}", "\N{RIGHTWARDS ARROW}"
    with style():
        picture, axes = arrange(wide, len(rows), [], text=" ".join(told))
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.4)
        axes.set_axisbelow(True)
        draw_rows(axes, rows, limits=limits, size=4)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=""))
        axes.locator_params(axis="x", nbins=7)
        two = f"{left} {less}     (percentage points)     {more} {right}"
        axes.set_xlabel(two if wide > ONE_COLUMN else f"{subject}\n(percentage points)")
    parts = [f"{row.label}: {interval_text(row.estimate, row.low, row.high, _points)}" for row in rows]
    picture.description = f"{subject}, in percentage points. {'; '.join(parts) or 'Nothing to show'}."
    return picture


def plot_order_effects(effects: pd.DataFrame, *, width: Width = "two") -> Picture:
    """Draw the exit rate where leaving is named first less that where staying is, one row a model.

    Parameters
    ----------
    effects
        A table of estimates, one row a model; never pooled.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError, SettingError
        As `plot_rate_differences`.
    """
    return plot_rate_differences(
        effects,
        less="leaves more when staying is named first",
        more="leaves more when leaving is named first",
        subject="Exit rate with leaving named first less that with staying first",
        width=width,
    )


def _rows(frame: pd.DataFrame, length: int) -> list[Row]:
    names = identifying(frame)
    rows = []
    for record in frame.to_dict(orient="records"):
        label = words(", ".join(str(record[name]) for name in names)) or "All trials"
        numbers = (float(record["estimate"]), float(record["low"]), float(record["high"]))
        rows.append(Row(row_label(label, length), *numbers, LOOK))
    return rows


def _limits(rows: list[Row]) -> tuple[float, float]:
    ends = [abs(v) for row in rows for v in (row.estimate, row.low, row.high) if math.isfinite(v)]
    reach = min(1.05, 1.08 * max([0.1, *ends]))
    return -reach, reach


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
