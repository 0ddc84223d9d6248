"""Agreement of coders with intervals: alpha and kappa on one scale, chance marked."""

from __future__ import annotations

import math

import pandas as pd

from bartleby.analysis.figures.exit_rates import words
from bartleby.analysis.figures.forest import Row, draw_rows, interval_text, notes, require_columns, row_label
from bartleby.analysis.figures.style import MUTED, Look, Picture, Width, inches, new_picture, style

__all__ = ["plot_agreement"]

LOOKS = {
    "alpha": Look("#0072B2", "o", "Krippendorff's alpha"),
    "fleiss_kappa": Look("#009E73", "s", "Fleiss' kappa"),
    "cohen_kappa": Look("#D55E00", "v", "Cohen's kappa"),
    "observed_agreement": Look("#6b6b6b", "D", "agreement, chance included"),
    "sensitivity": Look("#CC79A7", "^", "sensitivity"),
    "specificity": Look("#8A6D00", "P", "specificity"),
}
LONGEST = 52


def plot_agreement(estimates: pd.DataFrame, *, width: Width = "two") -> Picture:
    """Draw measures of agreement with their intervals.

    Parameters
    ----------
    estimates
        The frame of `coder_agreement`; columns before `term` say which rows they are.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    require_columns(estimates, "table of agreement")
    rows = _rows(estimates)
    lows = [value for row in rows for value in (row.low, row.estimate) if not math.isnan(value)]
    limits = (min(-0.05, max(-1.05, min(lows, default=0.0) - 0.05)), 1.03)
    levels = list(estimates["level"].dropna().unique()) if "level" in estimates else []
    with style():
        picture = new_picture(inches(width), max(1.2, 0.18 * len(rows) + 0.8))
        axes = picture.subplots()
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.4)
        axes.set_axisbelow(True)
        axes.axvline(0, color=MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)
        draw_rows(axes, rows, limits=limits, size=4)
        axes.set_xlabel("Alpha and kappa: 0 is chance, 1 is full agreement")
        told = notes(rows, float(levels[0]) if len(levels) == 1 else None, limits)
        if not rows:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=MUTED)
        picture.supxlabel(" ".join(told), fontsize=6, color=MUTED, x=0.01, ha="left", wrap=True)
    said = [f"{row.label} {interval_text(row.estimate, row.low, row.high)}" for row in rows]
    picture.description = f"Agreement of coders, with intervals. {'; '.join(said) or 'Nothing to show'}."
    return picture


def _rows(estimates: pd.DataFrame) -> list[Row]:
    columns = [str(name) for name in estimates.columns]
    lead = columns[: columns.index("term")]
    found = []
    for row in estimates.to_dict("records"):
        look = LOOKS.get(str(row["term"]), Look(MUTED, "o", words(row["term"])))
        own = {name: row[name] for name in lead if not pd.isna(row[name]) and str(row[name])}
        coders = " and ".join(str(own.pop(name)) for name in ("coder", "other") if name in own)
        where = ", ".join([*([coders] if coders else []), *(words(value) for value in own.values())])
        label = row_label(f"{look.label}{f': {where}' if where else ''}", LONGEST)
        numbers = (float(row["estimate"]), float(row["low"]), float(row["high"]))
        found.append(Row(label, *numbers, look))
    return found
