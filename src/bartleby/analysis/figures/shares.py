"""Shares with their intervals, by class or model: the headline figure of a preference study."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from bartleby.analysis.figures.forest import Row, draw_rows, interval_text, require_columns, row_label
from bartleby.analysis.figures.style import MUTED, Picture, Width, inches, looks, new_picture, style

__all__ = ["draw_shares", "identifying", "plot_shares", "share_rows"]


def plot_shares(
    shares: pd.DataFrame,
    *,
    by: str | None = None,
    axis_label: str = "Share below the baseline",
    width: Width = "one",
) -> Picture:
    """Draw shares with their intervals, one row each.

    Parameters
    ----------
    shares
        A table of estimates of proportions: `estimate`, `low` and `high` in [0, 1].
    by
        The column that decides colour and marker; by default the first that identifies the rows and is
        not constant.
    axis_label
        What is shared.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    rows = share_rows(shares, by, length=40)
    with style():
        picture = new_picture(inches(width), 0.65 + 0.17 * max(len(rows), 1))
        draw_shares(picture.add_subplot(), rows, axis_label)
    told = "; ".join(
        f"{row.label}: {interval_text(row.estimate, row.low, row.high, _percent)}" for row in rows
    )
    picture.description = f"{axis_label}, with intervals. {told or 'Nothing to show'}."
    return picture


def draw_shares(axes: Axes, rows: Sequence[Row], axis_label: str, font: float = 6.5) -> None:
    """Draw rows of shares on axes from 0 to 100%."""
    for tick in (0.25, 0.5, 0.75):
        axes.axvline(tick, color="#dddddd", linewidth=0.5, zorder=0)
    draw_rows(axes, rows, limits=(-0.03, 1.03), size=4, font=font)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(axis_label)
    if not rows:
        axes.text(0.5, 0, "nothing to show", ha="center", va="center", color=MUTED)


def share_rows(shares: pd.DataFrame, by: str | None = None, length: int = 24) -> list[Row]:
    """Return the rows of a forest from a table of shares, classes with a fixed order in that order."""
    require_columns(shares, "table of shares", ("estimate", "low", "high"))
    names = identifying(shares)
    colour = by if by is not None else (names[0] if names else "term")
    values = shares[colour].astype(str) if colour in shares else pd.Series([""] * len(shares))
    shown = looks(values)
    order = {name: position for position, name in enumerate(shown)}
    rows = []
    for position in sorted(range(len(shares)), key=lambda i: order[values.iloc[i]]):
        row = shares.iloc[position]
        parts = [shown[str(row[name])].label if name == colour else str(row[name]) for name in names]
        label = ", ".join(parts) or str(row.get("term", ""))
        numbers = (float(row["estimate"]), float(row["low"]), float(row["high"]))
        rows.append(Row(row_label(label, length), *numbers, shown[values.iloc[position]]))
    return rows


def identifying(frame: pd.DataFrame) -> list[str]:
    """Return the columns before `term` that tell the rows apart, or `term` if only that does."""
    names = list(frame.columns)
    lead = names[: names.index("term")] if "term" in names else []
    telling = [name for name in lead if len(set(frame[name].astype(str))) > 1]
    if telling:
        return telling
    if "term" in names and len(set(frame["term"])) > 1:
        return ["term"]
    return lead[-1:]


def _percent(value: float) -> str:
    return f"{value:.0%}"
