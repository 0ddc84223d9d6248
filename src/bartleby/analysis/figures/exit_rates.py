"""How often a model left, by class of scenario and by exit: with the controls beside, and 0 of n bounded.

A row with no exit at all is not a rate of zero: its interval goes up to the upper bound, and the bound is
written out. Classes in which leaving would be expected stand first, then the controls, on a tinted ground,
then those in which leaving would be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from bartleby.analysis.figures.forest import (
    Row,
    draw_rows,
    interval_text,
    notes,
    require_columns,
    row_label,
)
from bartleby.analysis.figures.panels import arrange
from bartleby.analysis.figures.roles import UNKNOWN, role_looks
from bartleby.analysis.figures.shares import identifying
from bartleby.analysis.figures.style import MUTED, ONE_COLUMN, Look, Picture, Width, inches, looks, style
from bartleby.analysis.tables.labels import natural_order

__all__ = ["plot_exit_rates", "words"]

TINT = "#EEF1F5"
TOPS = (0.1, 0.2, 0.5, 1.0)
"""Where the axis may end: as far as the intervals need it."""


@dataclass(frozen=True)
class _Line:
    """A row with what is written beside it, and whether it stands on tinted ground."""

    row: Row
    counts: str = ""
    tinted: bool = False


def plot_exit_rates(
    rates: pd.DataFrame,
    *,
    roles: Mapping[str, str] | None = None,
    group: str | None = None,
    axis_label: str = "Left",
    width: Width = "two",
) -> Picture:
    """Draw exit rates with their intervals, by class and within a class by channel and all else.

    Parameters
    ----------
    rates
        A table of estimates: `estimate`, `low`, `high`, and columns that tell its rows apart. Of a table
        with a column `quantity`, the rows that say `exit_rate` are drawn. `events` and `n` are written
        beside each row where they are there.
    roles
        What leaving would mean in each class: `expected`, `neutral`, `control` or `wrong`; see `roles_of`.
    group
        The column of classes; by default `scenario_class`, or else the first that tells the rows apart.
    axis_label
        What happened, in words.
    width
        `one` or `two` journal columns, or inches.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed.
    """
    require_columns(rates, "table of exit rates", ("estimate", "low", "high"))
    frame = _only_rates(rates)
    wide = inches(width)
    lines = _lines(frame, dict(roles or {}), _group_of(frame, group), 40 if wide > ONE_COLUMN else 26)
    rows = [line.row for line in lines]
    limits = _limits(rows)
    levels = set(frame["level"].dropna()) if "level" in frame else set()
    told = notes(rows, float(levels.pop()) if len(levels) == 1 else None, limits)
    if any(line.tinted for line in lines):
        told.append("Tinted: controls.")
    with style():
        picture, axes = arrange(wide, len(rows), [], text=" ".join(told))
        _draw(axes, lines, limits, axis_label)
    picture.description = _described(lines, axis_label)
    return picture


def words(name: object) -> str:
    """Return a name of a class, a channel or a condition as words."""
    return str(name).replace("_", " ")


def _only_rates(rates: pd.DataFrame) -> pd.DataFrame:
    if "quantity" not in rates:
        return rates.reset_index(drop=True)
    return rates[rates["quantity"] == "exit_rate"].drop(columns="quantity").reset_index(drop=True)


def _group_of(frame: pd.DataFrame, group: str | None) -> str | None:
    if group is not None:
        require_columns(frame, "table of exit rates", (group,))
        return group
    if "scenario_class" in frame:
        return "scenario_class"
    names = [name for name in identifying(frame) if name != "term"]
    return names[0] if names else None


def _lines(frame: pd.DataFrame, roles: Mapping[str, str], group: str | None, length: int) -> list[_Line]:
    """Return the rows from top to bottom: a header over each role, or over each class with several rows."""
    values = frame[group].astype(str) if group else pd.Series([""] * len(frame))
    rest = [name for name in identifying(frame) if name not in (group, "term")]
    part_of = {str(value): frame[values == value] for value in dict.fromkeys(values)}
    split = any(len(part) > 1 for part in part_of.values()) and group is not None
    inner = looks(_inner(row, rest) for _, row in frame.iterrows())
    lines: list[_Line] = []
    for role, look in role_looks(roles.get(value, UNKNOWN) for value in part_of).items():
        own = natural_order(value for value in part_of if roles.get(value, UNKNOWN) == role)
        if not split and role != UNKNOWN:
            title = "Controls" if role == "control" else look.label
            lines.append(_header(title, look, role, length))
        for value in own:
            if split:
                said = f" ({look.label.lower()})" if role != UNKNOWN else ""
                lines.append(_header(f"{words(value).capitalize()}{said}", look, role, 2 * length))
            for _, row in part_of[value].iterrows():
                name = words(_inner(row, rest)) if split else words(value) or str(row.get("term", ""))
                marker = inner[_inner(row, rest)].marker if split else look.marker
                lines.append(_line(row, name, replace(look, marker=marker), role, length))
    return lines


def _header(title: str, look: Look, role: str, length: int) -> _Line:
    return _Line(Row(row_label(title, length), look=look, kind="header"), tinted=role == "control")


def _inner(row: pd.Series, names: list[str]) -> str:
    return ", ".join(str(row[name]) for name in names)


def _line(row: pd.Series, name: str, look: Look, role: str, length: int) -> _Line:
    numbers = (float(row["estimate"]), float(row["low"]), float(row["high"]))
    return _Line(Row(row_label(name, length), *numbers, look), _counts(row), role == "control")


def _counts(row: Mapping[str, Any] | pd.Series) -> str:
    """Return exits of trials as written beside a row; where there were none or all, with the bound."""
    if "n" not in row or pd.isna(row["n"]):
        return ""
    if "events" not in row or pd.isna(row["events"]):
        return f"n = {row['n']:,.6g}"
    told = f"{row['events']:,.6g} of {row['n']:,.6g}"
    low, high = float(row["low"]), float(row["high"])
    if row["n"] > 0 and row["events"] == 0 and math.isfinite(high):
        return f"{told} (≤ {_percent(high)})"
    if row["n"] > 0 and row["events"] == row["n"] and math.isfinite(low):
        return f"{told} (≥ {_percent(low)})"
    return told


def _limits(rows: list[Row]) -> tuple[float, float]:
    ends = [value for row in rows for value in (row.estimate, row.high) if math.isfinite(value)]
    top = next((top for top in TOPS if all(end <= top for end in ends)), 1.0) if ends else 1.0
    return -0.03 * top, 1.03 * top


def _draw(axes: Axes, lines: list[_Line], limits: tuple[float, float], axis_label: str) -> None:
    for position, line in enumerate(lines):
        if line.tinted:
            axes.axhspan(position - 0.5, position + 0.5, color=TINT, linewidth=0, zorder=-2)
    axes.grid(axis="x", color="#dddddd", linewidth=0.4)
    axes.set_axisbelow(True)
    draw_rows(axes, [line.row for line in lines], limits=limits, size=4)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(axis_label)
    beside = axes.get_yaxis_transform()
    for position, line in enumerate(lines):
        if line.counts:
            axes.text(1.01, position, line.counts, transform=beside, va="center", fontsize=5.8, color=MUTED)
    if not lines:
        axes.text(0.5, 0, "nothing to show", ha="center", va="center", color=MUTED)


def _described(lines: list[_Line], axis_label: str) -> str:
    parts, heading = [], ""
    for line in lines:
        if line.row.kind == "header":
            heading = f"{line.row.label}: "
            continue
        row = line.row
        counts = f", {line.counts}" if line.counts else ""
        parts.append(
            f"{heading}{row.label} {interval_text(row.estimate, row.low, row.high, _percent)}{counts}"
        )
        heading = ""
    return f"{axis_label}, with intervals. {'; '.join(parts) or 'Nothing to show'}."


def _percent(value: float) -> str:
    return f"{value:.1%}" if 0 < value < 0.0995 else f"{value:.0%}"
