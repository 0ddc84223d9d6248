"""Rows of a table of estimates: what tells them apart, which model each is of, and how it looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.forest import Forest, Row, Scale, row_label
from bartleby.analysis.figures.labels import Labels
from bartleby.analysis.figures.style import INK, ONE_COLUMN, Look, Width, inches, looks, width_of
from bartleby.errors import SettingError

__all__ = [
    "PLAIN",
    "Record",
    "but_model",
    "choose_models",
    "forest_of",
    "identifying",
    "is_empty",
    "is_wide",
    "label_length",
    "level_of",
    "model_looks",
    "model_remarks",
    "row_of",
    "rows_by_model",
    "several",
]

Record = Mapping[Any, Any]
PLAIN = Look(INK, "o", "")


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


def is_empty(value: object) -> bool:
    """Return whether a cell has nothing in it."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return value == "" or (isinstance(value, float) and math.isnan(value))


def several(frame: pd.DataFrame, name: str) -> bool:
    """Return whether a column has more than one value."""
    return len(set(frame[name].astype(str))) > 1


def choose_models(frame: pd.DataFrame, models: Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of some models, in that order; all rows where none are named.

    Raises
    ------
    SettingError
        If a model is not in the table.
    """
    if models is None:
        return frame
    there = list(dict.fromkeys(frame["model"].astype(str))) if "model" in frame else []
    unknown = [name for name in models if name not in there]
    if unknown or not models:
        asked = ", ".join(map(repr, unknown)) or "an empty list"
        raise SettingError(f"models: {asked}; models in the table: {', '.join(map(repr, there)) or 'none'}")
    return pd.concat([frame[frame["model"].astype(str) == name] for name in models], ignore_index=True)


def rows_by_model(
    frame: pd.DataFrame,
    name_of: Callable[[Record], str],
    length: int,
    labels: Labels = None,
    *,
    look_of: Callable[[Record], Look] = lambda _row: PLAIN,
) -> tuple[list[Row], list[Look]]:
    """Return a row an estimate, and the looks of models; those of several models share the line of a name."""
    records = frame.to_dict(orient="records")
    models = model_looks(frame, labels)
    only_models = identifying(frame) == ["model"] and len(set(frame.get("term", ()))) < 2
    if len(models) < 2 or only_models:
        return [row_of(record, row_label(name_of(record), length), look_of(record)) for record in records], []
    lines: dict[str, list[Record]] = {}
    for record in records:
        lines.setdefault(name_of({**record, "model": ""}).strip(", "), []).append(record)
    place = {name: number for number, name in enumerate(models)}
    rows = [
        row_of(record, row_label(name, length), models[str(record["model"])], joined=number > 0)
        for name, line in lines.items()
        for number, record in enumerate(sorted(line, key=lambda record: place[str(record["model"])]))
    ]
    return rows, list(models.values())


def model_looks(frame: pd.DataFrame, labels: Labels = None) -> dict[str, Look]:
    """Return a look for each model in a table, in the order of the table, with the model's label."""
    names = list(dict.fromkeys(frame["model"].astype(str))) if "model" in frame else []
    return {
        name: Look(look.colour, look.marker, (labels or {}).get(name, name))
        for name, look in looks(names).items()
    }


def model_remarks(frame: pd.DataFrame, labels: Labels = None) -> list[str]:
    """Return which model a figure is of, where it is of one."""
    models = model_looks(frame, labels)
    return [f"Model: {look.label}." for look in models.values()] if len(models) == 1 else []


def level_of(frame: pd.DataFrame) -> float | None:
    """Return the level of all intervals of a table, if it is one."""
    levels = set(frame["level"].dropna()) if "level" in frame else set()
    return float(levels.pop()) if len(levels) == 1 else None


def label_length(width: Width | None, ax: Axes | None) -> int:
    """Return how many characters the label of a row may have."""
    return 56 if is_wide(width, ax) else 28


def is_wide(width: Width | None, ax: Axes | None) -> bool:
    """Return whether there is room for long labels."""
    wide = width_of(None, ax) if ax is not None else inches(width or "two")
    return wide > 1.2 * ONE_COLUMN


def forest_of(
    frame: pd.DataFrame,
    rows: Sequence[Row],
    scale: Scale,
    subject: str,
    *,
    legend: Sequence[Look] = (),
    labels: Labels = None,
    remarks: Sequence[str] = (),
) -> Forest:
    """Return the figure of some rows of a table, which says the level, and the model if it is one."""
    own = [] if "model" in identifying(frame) else model_remarks(frame, labels)
    return Forest(rows, scale, subject, level_of(frame), [*remarks, *own], legend)


def row_of(record: Record, label: str, look: Look = PLAIN, *, joined: bool = False) -> Row:
    """Return the row of a record."""
    numbers = (float(record["estimate"]), float(record["low"]), float(record["high"]))
    return Row(label, *numbers, look, joined=joined)


def but_model(names: Sequence[str], row: Record) -> list[str]:
    """Return names without `model` where the model is told by the look of a row."""
    return [name for name in names if name != "model" or row.get("model")]
