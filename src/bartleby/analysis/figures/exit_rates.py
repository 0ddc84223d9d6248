"""How often a model left, by class of scenario and by exit: with the controls beside, and 0 of n bounded.

A row with no exit at all is not a rate of zero: its interval goes up to the upper bound, and the bound is
written out. Classes in which leaving would be expected stand first, then the controls, on a tinted ground,
then those in which leaving would be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.forest import Row, Scale, require_columns, row_label, share_limits
from bartleby.analysis.figures.labels import Labels, named, percent, words
from bartleby.analysis.figures.roles import UNKNOWN, role_looks
from bartleby.analysis.figures.style import Look, Picture, Width, looks, redrawable
from bartleby.analysis.figures.table_rows import (
    Record,
    choose_models,
    forest_of,
    identifying,
    is_empty,
    label_length,
    model_looks,
    row_of,
)
from bartleby.analysis.tables.labels import natural_order

__all__ = ["plot_exit_rates", "words"]


@redrawable
def plot_exit_rates(
    rates: pd.DataFrame,
    *,
    roles: Mapping[str, str] | None = None,
    group: str | None = None,
    axis_label: str = "Left",
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw exit rates with their intervals, by class and within a class by exit and all else.

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

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    require_columns(rates, "table of exit rates", ("estimate", "low", "high"))
    frame = choose_models(_only_rates(rates), models)
    rows, legend = _rows(frame, dict(roles or {}), _group_of(frame, group), label_length(width, ax), labels)
    scale = Scale(axis_label, share_limits(rows), "percent")
    return forest_of(frame, rows, scale, axis_label, legend=legend, labels=labels).picture(width, ax)


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


def _rows(
    frame: pd.DataFrame, roles: Mapping[str, str], group: str | None, length: int, labels: Labels
) -> tuple[list[Row], list[Look]]:
    """Return the rows from top to bottom: a header over each role, or over each class with several rows."""
    values = frame[group].astype(str) if group else pd.Series([""] * len(frame))
    rest = [name for name in identifying(frame) if name not in (group, "term")]
    # Models share a line wherever something else tells the lines apart.
    series = model_looks(frame, labels) if "model" in rest else {}
    rest = [name for name in rest if name != "model"]
    part_of = {str(value): frame[values == value] for value in dict.fromkeys(values)}
    split = bool(rest) and group is not None and any(_several(part, rest) for part in part_of.values())
    inner = looks(_inner(row, rest) for row in frame.to_dict(orient="records"))
    rows: list[Row] = []
    for role, look in role_looks(roles.get(value, UNKNOWN) for value in part_of).items():
        own = natural_order(value for value in part_of if roles.get(value, UNKNOWN) == role)
        if not split and role != UNKNOWN:
            rows.append(_header("Controls" if role == "control" else look.label, look, role, length))
        for value in own:
            title = named(value, labels)
            if split:
                said = f" ({look.label.lower()})" if role != UNKNOWN else ""
                rows.append(_header(f"{title[:1].upper()}{title[1:]}{said}", look, role, 2 * length))
            line = ""
            part = part_of[value].sort_values(rest, kind="stable") if series else part_of[value]
            for row in part.to_dict(orient="records"):
                within = _inner(row, rest)
                name = named(within, labels) if split else title or str(row.get("term", ""))
                marker = inner[within].marker if split else look.marker
                shape = series.get(str(row.get("model")), replace(look, marker=marker))
                drawn = row_of(row, row_label(name, length), shape, joined=bool(series) and line == name)
                rows.append(replace(drawn, beside=_counts(row), tinted=role == "control"))
                line = name
    return rows, list(series.values())


def _several(part: pd.DataFrame, names: Sequence[str]) -> bool:
    return len(part[list(names)].drop_duplicates()) > 1


def _header(title: str, look: Look, role: str, length: int) -> Row:
    return Row(row_label(title, length), look=look, kind="header", tinted=role == "control")


def _inner(row: Record, names: Sequence[str]) -> str:
    return ", ".join(str(row[name]) for name in names)


def _counts(row: Record) -> str:
    """Return exits of trials as written beside a row; where there were none or all, with the bound."""
    if is_empty(row.get("n")):
        return ""
    if is_empty(row.get("events")):
        return f"n = {row['n']:,.6g}"
    counts = f"{row['events']:,.6g} of {row['n']:,.6g}"
    low, high = float(row["low"]), float(row["high"])
    if row["n"] > 0 and row["events"] == 0 and math.isfinite(high):
        return f"{counts} (≤ {percent(high)})"
    if row["n"] > 0 and row["events"] == row["n"] and math.isfinite(low):
        return f"{counts} (≥ {percent(low)})"
    return counts
