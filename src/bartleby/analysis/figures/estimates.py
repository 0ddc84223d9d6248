"""Any table of estimates as a forest of intervals: what `Estimates.plot()` draws."""

from __future__ import annotations

import pandas as pd

from bartleby.analysis.figures.forest import Row, axis_limits, draw_rows, notes, require_columns, row_label
from bartleby.analysis.figures.shares import identifying
from bartleby.analysis.figures.style import Picture, Width, inches, new_picture, style

__all__ = ["plot_estimates"]

ROW_HEIGHT, FRAME_HEIGHT = 0.17, 0.75
"""Inches for one row, and for what stands around them."""


def plot_estimates(frame: pd.DataFrame, *, axis_label: str = "Estimate", width: Width = "one") -> Picture:
    """Draw the rows of a table of estimates with their intervals, from top to bottom.

    Parameters
    ----------
    frame
        A table of estimates: `estimate`, `low`, `high`, and columns that tell its rows apart.
    axis_label
        What is estimated, with its unit.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If columns are missing.
    """
    require_columns(frame, "table of estimates", ("term", "estimate", "low", "high"))
    names = list(dict.fromkeys([*identifying(frame), *(["term"] if len(set(frame["term"])) > 1 else [])]))
    rows = [
        Row(
            row_label(", ".join(str(record[name]) for name in names), 40),
            float(record["estimate"]),
            float(record["low"]),
            float(record["high"]),
        )
        for record in frame.to_dict(orient="records")
    ]
    levels = set(frame["level"].dropna()) if "level" in frame else set()
    with style():
        picture = new_picture(inches(width), FRAME_HEIGHT + ROW_HEIGHT * max(len(rows), 1))
        axes = picture.subplots()
        limits = axis_limits(rows)
        axes.axvline(0, color="#dddddd", linewidth=0.5, zorder=0)
        draw_rows(axes, rows, limits=limits)
        told = notes(rows, float(levels.pop()) if len(levels) == 1 else None, limits)
        axes.set_xlabel("\n".join([axis_label, *told]))
    picture.description = f"{axis_label} with intervals, {len(rows)} rows."
    return picture
