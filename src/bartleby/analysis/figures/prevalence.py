"""Prevalence before and after the judge's errors are corrected for: four answers below one another."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.ticker import PercentFormatter

from bartleby.analysis.figures.exit_rates import words
from bartleby.analysis.figures.forest import Row, draw_rows, interval_text, notes, require_columns, row_label
from bartleby.analysis.figures.style import INK, MUTED, Look, Picture, Width, inches, new_picture, style
from bartleby.analysis.tables.labels import natural_order

__all__ = ["plot_prevalence"]

LOOKS = {
    "judge_alone": Look("#D55E00", "v", "the judge's count, not corrected"),
    "rogan_gladen": Look("#56789A", "s", "corrected for its errors (Rogan-Gladen)"),
    "prevalence": Look("#0072B2", "o", "labels with the judge's help (PPI++)"),
    "labels_alone": Look("#6b6b6b", "D", "people's labels alone"),
}
"""The terms of `prevalence` that answer one question, in the order in which they are drawn."""
LONGEST = 44


def plot_prevalence(estimates: pd.DataFrame, *, width: Width = "two") -> Picture:
    """Draw what the judge alone says beside what is left once its errors are allowed for.

    Parameters
    ----------
    estimates
        The frame of `prevalence`; columns before `term` tell groups apart.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    require_columns(estimates, "table of prevalence")
    rows, spoken = _rows(estimates)
    levels = list(estimates["level"].dropna().unique()) if "level" in estimates else []
    top = max((row.high for row in rows if not math.isnan(row.high)), default=1.0)
    top = min(
        1.0, max(1.15 * top, *(1.15 * row.estimate for row in rows if not math.isnan(row.estimate)), 0.02)
    )
    wide = inches(width)
    with style():
        picture = new_picture(wide, max(1.2, 0.17 * len(rows) + 0.75))
        axes = picture.subplots()
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.4)
        axes.set_axisbelow(True)
        limits = (-0.02 * top, top)
        draw_rows(axes, rows, limits=limits, size=4)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        axes.set_xlabel("Share of units")
        told = notes(rows, float(levels[0]) if len(levels) == 1 else None, limits)
        if not rows:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=MUTED)
        picture.supxlabel(" ".join(told), fontsize=6, color=MUTED, x=0.01, ha="left", wrap=True)
    picture.description = f"Prevalence, with intervals. {'; '.join(spoken) or 'Nothing to show'}."
    return picture


def _rows(estimates: pd.DataFrame) -> tuple[list[Row], list[str]]:
    """Return the rows of every group and what they say in words."""
    columns = [str(name) for name in estimates.columns]
    lead = columns[: columns.index("term")]
    shown = estimates[estimates["term"].isin(list(LOOKS))]
    if shown.empty:
        return [], []
    keys = shown[lead].astype(str).agg(", ".join, axis=1) if lead else pd.Series("", index=shown.index)
    rows: list[Row] = []
    spoken = []
    for key in natural_order(keys.unique()):
        if key:
            rows.append(Row(row_label(words(key), LONGEST), look=Look(INK, "o", ""), kind="header"))
        part = shown[keys == key].drop_duplicates("term").set_index("term")
        for term, look in LOOKS.items():
            if term in part.index:
                row = part.loc[term]
                numbers = (float(row["estimate"]), float(row["low"]), float(row["high"]))
                rows.append(Row(look.label, *numbers, look))
                said = interval_text(*numbers, "{:.1%}".format)
                spoken.append(f"{f'{words(key)}: ' if key else ''}{look.label} {said}")
    return rows, spoken
