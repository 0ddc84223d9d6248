"""Items as rows of a forest: their class, their name, their order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bartleby.analysis.figures.forest import Row, row_label
from bartleby.analysis.figures.labels import Labels
from bartleby.analysis.figures.style import Look, looks

__all__ = ["Naming", "attributes_by_id", "group_rows", "item_rows", "rows_of_models"]

ItemRows = list[tuple[Row, str]]
"""Rows, each with the class that its item belongs to."""
NEITHER = "neither"


@dataclass(frozen=True)
class Naming:
    """How items are named: by title or id, and in how many characters."""

    attributes: Mapping[str, Mapping[str, Any]]
    label: str
    length: int
    labels: Labels = None

    def name(self, item: str) -> str:
        """Return the user's own label of an item, else its title where that is wanted, else its id."""
        if item in (self.labels or {}):
            return str((self.labels or {})[item])
        title = self.attributes.get(item, {}).get("title")
        return title if self.label == "title" and isinstance(title, str) and title else item


def attributes_by_id(
    items: pd.DataFrame | Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, dict[str, Any]]:
    """Return attributes by item id, from a frame or a mapping."""
    if items is None:
        return {}
    if isinstance(items, pd.DataFrame):
        table = items.set_index("id") if "id" in items.columns else items
        records = table.to_dict(orient="records")
        return {str(key): dict(row) for key, row in zip(table.index, records, strict=True)}  # type: ignore[arg-type]
    return {str(key): dict(row) for key, row in items.items()}


def item_rows(
    frame: pd.DataFrame, naming: Naming, colour: str, baseline: str | None, separated: set[str]
) -> ItemRows:
    """Return a row an item with the class it belongs to, from the highest utility to the lowest."""
    terms = [str(term) for term in frame["term"]]
    marked = frame["separated"].fillna(False).astype(bool) if "separated" in frame else [False] * len(frame)
    classes = [_class_of(term, naming.attributes.get(term, {}), colour) for term in terms]
    shown = looks(classes)
    rows = []
    columns = zip(terms, classes, marked, frame["estimate"], frame["low"], frame["high"], strict=True)
    for term, group, mark, estimate, low, high in columns:
        split = bool(mark) or term in separated
        name = naming.name(term) + (" (baseline)" if term == baseline else "")
        text = row_label(name, naming.length, separated=split)
        kind = "fixed" if term == baseline else "estimate"
        row = Row(text, float(estimate), float(low), float(high), shown[group], kind, split)
        rows.append((row, group))
    return sorted(rows, key=lambda pair: _falling(pair[0]))


def rows_of_models(
    frames: Mapping[str, pd.DataFrame],
    of_model: Mapping[str, Look],
    rows_of: Callable[[pd.DataFrame], ItemRows],
) -> ItemRows:
    """Return the rows of the first model, and on the line of each those of the other models.

    Items that a model lacks have no mark of it; items that the first lacks come after its own.
    """
    lines: dict[str, tuple[str, list[Row]]] = {}
    for model, frame in frames.items():
        for row, group in rows_of(frame):
            _, line = lines.setdefault(row.label.removesuffix(" *"), (group, []))
            line.append(replace(row, look=of_model[model], joined=bool(line)))
    return [(row, group) for group, line in lines.values() for row in line]


def _falling(row: Row) -> tuple[bool, float, str]:
    unknown = math.isnan(row.estimate)
    return unknown, 0.0 if unknown else -row.estimate, row.label


def _class_of(item: str, attributes: Mapping[str, Any], colour: str) -> str:
    # "neither" is no item: it is the utility of an exit that was offered beside the items.
    kind = "opt_out" if item == NEITHER and not attributes else attributes.get("kind")
    if kind in ("opt_out", "free_choice"):
        return str(kind)
    value = attributes.get(colour)
    return "other" if value is None or pd.isna(value) or value == "" else str(value)


def group_rows(rows: ItemRows) -> list[Row]:
    """Put a header over the items of each class, classes in their fixed order."""
    groups: dict[str, list[Row]] = {}
    for row, group in rows:
        groups.setdefault(group, []).append(row)
    if len(groups) == 1 and "other" in groups:
        return groups["other"]
    arranged = []
    for group, look in looks(groups).items():
        title = look.label if look.label != "other" else "Other items"
        arranged += [Row(title, look=look, kind="header"), *groups[group]]
    return arranged
