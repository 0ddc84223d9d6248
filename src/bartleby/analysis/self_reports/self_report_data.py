"""A battery and the answers to it: what was asked, the numbers as scores, and what the model did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import pandas as pd

from bartleby.analysis.exits.exit_times import exit_outcome
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.sample import read_sample
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import Frame, as_frame, column_names, count_rows
from bartleby.analysis.tables.grouping import ITEM_PAIR, Cluster, Clusters
from bartleby.errors import DataError, SettingError

__all__ = [
    "TIMES",
    "Asked",
    "BatteryLike",
    "answer_cells",
    "answer_columns",
    "read_battery",
    "scored_answers",
]

BatteryLike: TypeAlias = object
"""What has `statements`, a frame with a column `id`, mappings, or names of statements."""
TIMES = ("before", "after")


@dataclass(frozen=True)
class Asked:
    """One statement of a battery: its id, what it is about, and how its numbers are read."""

    id: str
    concept: str
    reverse: bool = False
    points: int = 7


def read_battery(battery: BatteryLike) -> tuple[Asked, ...]:
    """Return the statements of a battery, whatever it is given as.

    Raises
    ------
    SettingError
        It has none, or an entry has no id, or two have one.
    """
    entries = [_entry(each) for each in _entries(battery)]
    problems = [f"battery: entry {index + 1} has no id" for index, each in enumerate(entries) if not each.id]
    ids = [each.id for each in entries]
    problems += [f"battery: id {name!r} occurs twice" for name in dict.fromkeys(ids) if ids.count(name) > 1]
    problems += [
        f"battery: {each.id!r}: points={each.points!r}: must be 2 or more"
        for each in entries
        if each.points < 2
    ]
    if not entries:
        problems.append("battery: names no statement")
    if problems:
        raise SettingError("\n".join(problems))
    return tuple(entries)


def _entries(battery: BatteryLike) -> list[Any]:
    statements = getattr(battery, "statements", None)
    if statements is not None:
        return list(statements)
    if isinstance(battery, str):
        return [battery]
    if isinstance(battery, Mapping):
        return [{"id": name, "reverse": reverse} for name, reverse in battery.items()]
    if hasattr(battery, "columns"):
        frame = as_frame(battery)
        names = [name for name in ("id", "concept", "reverse", "points") if name in column_names(frame)]
        eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        return list(eager.select(names).iter_rows(named=True))
    if isinstance(battery, Iterable):
        return list(battery)
    raise SettingError(
        f"battery: a {type(battery).__name__}; must be a Battery, a table with a column 'id', or names of "
        "statements"
    )


def _entry(given: Any) -> Asked:  # noqa: ANN401
    """Return one statement from a name, a mapping, or anything with these attributes."""
    if isinstance(given, str):
        return Asked(given, given)

    def of(name: str, default: object) -> Any:  # noqa: ANN401
        value = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
        return default if pd.isna(value) or value == "" else value

    reverse = of("reverse", False)
    if isinstance(reverse, str):
        reverse = reverse.strip().lower() in {"true", "1", "yes"}
    name = str(of("id", ""))
    return Asked(name, str(of("concept", name)), bool(reverse), int(of("points", 7)))


def answer_columns(names: Sequence[str], statements: Sequence[Asked]) -> dict[str, Asked]:
    """Return the columns of the answers, with what they answer."""
    found = {
        f"{time}_{each.id}": each for time in TIMES for each in statements if f"{time}_{each.id}" in names
    }
    lost = [each.id for each in statements if not any(f"{time}_{each.id}" in found for time in TIMES)]
    if lost:
        raise DataError(
            [
                f"battery: no column 'before_{name}' or 'after_{name}'; columns here: {', '.join(names)}"
                for name in lost
            ]
        )
    return found


def answer_cells(
    frame: Frame, names: Sequence[str], keys: list[str], behaviour: str | Sequence[str] | None
) -> tuple[pd.DataFrame, Accounting, list[str]]:
    """Return counted trials with what the model did as `_did` (NaN if not known)."""
    weight = "count" if "count" in names else None
    asked: str | tuple[str, ...] | None
    try:
        asked = exit_outcome(frame, behaviour)
    except SettingError:
        asked = None
    number = isinstance(asked, str) and asked in names and _is_number(frame, asked)
    if asked is None or number:
        columns = [*keys, *([asked] if isinstance(asked, str) and asked not in keys else [])]
        cells = count_rows(frame, columns, weight)
        total = float(cells["count"].sum())
        did = pd.to_numeric(cells[asked]).astype(float) if isinstance(asked, str) else math.nan
        accounting = Accounting({"trials": total}, {"trials": "used"}, total)
        notes = (
            [] if asked is not None else ["the table has no outcome, so nothing is held against the answers"]
        )
        return cells.assign(_did=did), accounting, notes
    kept = (Column(key, key, empty="keep") for key in keys if key != ITEM_PAIR)
    clusters = Cluster(ITEM_PAIR if ITEM_PAIR in keys else None, "")
    sample = read_sample(frame, asked, *kept, cluster=Clusters(clusters))
    return sample.cells.assign(_did=sample.cells["_event"]), sample.accounting(), list(sample.warnings)


def _is_number(frame: Frame, column: str) -> bool:
    """Tell whether a column holds numbers other than 0 and 1."""
    values = count_rows(frame, [column])[column].dropna().unique()
    numbers = all(isinstance(value, (int, float, np.number)) for value in values)
    return bool(numbers and any(value not in (0, 1) for value in values))


def scored_answers(cells: pd.DataFrame, columns: Mapping[str, Asked]) -> tuple[pd.DataFrame, list[str]]:
    """Return answers with reversed scales turned round, and what is off the scale."""
    scored, problems = {}, []
    for name, asked in columns.items():
        number = pd.to_numeric(cells[name].astype(object), errors="coerce").astype(float)
        wrong = cells[name].notna() & ~((number >= 1) & (number <= asked.points))
        if wrong.any():
            listed = ", ".join(map(repr, cells.loc[wrong, name].unique()[:3]))
            problems.append(f"column {name!r}: {listed}: must be a number from 1 to {asked.points}, or empty")
        scored[name] = asked.points + 1 - number if asked.reverse else number
    return pd.DataFrame(scored, index=cells.index), problems
