"""The trial table: one row a trial, read from a log alone. Analysis starts here."""

from __future__ import annotations

import json
import sqlite3
import sys
import warnings
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.collectors.columns import typed
from bartleby.collectors.playback import Anew, read_anew
from bartleby.collectors.schema import open_to_read
from bartleby.collectors.served import SERVED, names_in_log, other_models, others_text, served_in_log
from bartleby.collectors.turn_table import TurnRows, turn_table
from bartleby.errors import SettingError
from bartleby.outcome import Outcome
from bartleby.progress import steps
from bartleby.studies.study import Study

__all__ = ["read"]

CHUNK = 2_000
"""Rows that are turned into columns at once: few enough to stay in the processor's cache."""
_KEPT = 10_000
"""Most readings that are kept to be looked up by their text."""
NOT_ATTRIBUTES = frozenset({"id", "text", "title", "lines", "persona", "redirect", "result"})
"""What is shown, rather than known, of an item."""

Unit = Literal["trial", "turn"]
_ROWS = """SELECT t.id, t.sample, t.items, t.cell, t.template, o.outcome, o.refused, o.turn, o.turns,
    CASE WHEN typeof(o.input_tokens) = 'integer' AND o.input_tokens >= 0 THEN o.input_tokens END,
    CASE WHEN typeof(o.output_tokens) = 'integer' AND o.output_tokens >= 0 THEN o.output_tokens END,
    o.seconds, o.columns{turn_rows}
    FROM trials t JOIN outcomes o ON o.trial = t.number ORDER BY t.number"""
"""Token counts of earlier versions that are no count are unknown."""


def read(log: Path | str, study: Study | None = None, unit: Unit = "trial") -> pd.DataFrame:
    """Return the trial table of a log, also while a run goes on; or its turn table.

    Parameters
    ----------
    log
        The file. It is opened read-only and never changed.
    study
        Read the outcomes anew with this study's paradigm, from the stored replies, as a better reader would
        have read them. None for the outcomes as they were read when the trials ended.
    unit
        `trial` for one row a trial; `turn` for one row an assistant turn of the conversation.

    Returns
    -------
    DataFrame
        One row a trial that ended, in the order asked: `study`, `model`, `served` (who answered, as the
        provider names it; NA where it names nobody), `paradigm`, `trial`, `sample`, the items (`first` and
        `second`, or `item`), one column a condition, `template`, `outcome`, `refused`, `turn`, `turns`, the
        columns of the paradigm's own reading, item attributes under their own names (with `_first` and
        `_second` in pairs; an attribute named like a column above it has `item_` before its name),
        `input_tokens`, `output_tokens`, `seconds` (the subject's, not the user's). NA where a column does not
        apply. A turn table has what identifies the trial, its conditions and attributes, the columns of the
        turn, and the `outcome` of the trial.

    Raises
    ------
    LogError
        If there is no such log, it cannot be read, or the study shows other texts than the log's trials.
    StudyError
        If the paradigm cannot read the stored replies.
    SettingError
        If there is no such unit, or the trials of this log have no turns.
    """
    if unit not in ("trial", "turn"):
        raise SettingError(f"unit is {unit!r}; allowed: trial, turn")
    path = Path(log)
    with open_to_read(path) as connection:
        return _read(path, connection, study, unit)


def _read(path: Path, connection: sqlite3.Connection, study: Study | None, unit: Unit) -> pd.DataFrame:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    attributes = [
        json.loads(row[0]) for row in connection.execute("SELECT attributes FROM items ORDER BY number")
    ]
    cells = {number: json.loads(text) for number, text in connection.execute("SELECT * FROM cells")}
    anew = None if study is None else read_anew(path, connection, study)
    turns = TurnRows() if unit == "turn" else None
    count = connection.execute("SELECT COUNT(*) FROM outcomes").fetchone()[0]
    query = _ROWS.format(turn_rows="" if turns is None else ", o.turn_rows")
    rows = _gather(connection.execute(query), anew, turns, count)
    frozen = json.loads(meta["study"])
    others = (
        served_in_log(connection)
        if study is not None
        else other_models(Counter(rows.own.get(SERVED, ())).items(), names_in_log(connection))
    )
    if others:
        warnings.warn(f"log {path}: {others_text(meta['model'], others)}; see `served`", stacklevel=3)
    fixed = {
        "study": frozen["name"],
        "model": meta["model"],
        "paradigm": frozen["paradigm"].get("paradigm", ""),
    }
    names = dict.fromkeys([*frozen["conditions"], *(name for each in cells.values() for name in each)])
    items = _Items(attributes, _shown(connection, rows))
    table = _assemble(rows, fixed, items, _Conditions(list(names), cells))
    if turns is None:
        return table
    if len(table) and not turns.told:
        raise SettingError(
            f"log {path}: nothing is known of turns in its {len(table)} trials ({fixed['paradigm']}); "
            "allowed: unit='trial', or a study= whose paradigm has turns"
        )
    return turn_table(table, turns, rows.own)


def _shown(connection: sqlite3.Connection, rows: _Rows) -> list[str]:
    """Return which items are shown together, in whatever trials the log has."""
    if len(rows.trial) == connection.execute("SELECT COUNT(*) FROM trials").fetchone()[0]:
        return list(rows.items)  # all have ended, so that the log need not be gone through again
    return [row[0] for row in connection.execute("SELECT DISTINCT items FROM trials")]


class _Numbers:
    """A column of numbers, unknown where there is none."""

    def __init__(self) -> None:
        self._parts: list[npt.NDArray[np.float64]] = []

    def extend(self, values: Sequence[float | None]) -> None:
        """Add the numbers of further rows."""
        self._parts.append(np.array(values, dtype=float))

    def values(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Return the numbers, 0 where there is none, and where there is none."""
        numbers = np.concatenate([np.empty(0), *self._parts])
        unknown = np.isnan(numbers)
        numbers[unknown] = 0.0
        return numbers, unknown

    def whole(self) -> Any:  # noqa: ANN401 - an extension array
        """Return a column of whole numbers."""
        numbers, unknown = self.values()
        return pd.arrays.IntegerArray(numbers.astype(np.int64), unknown)


class _Texts(dict[str, int]):
    """A column of texts that repeat: their numbers in order of appearance, and the number of each row."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = array("i")

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number

    def extend(self, texts: Iterable[str]) -> None:
        """Add the texts of further rows."""
        self.codes.extend(map(self.__getitem__, texts))

    def column(self, categories: Sequence[str] | None = None) -> Any:  # noqa: ANN401 - an extension array
        """Return a column with categories in alphabetical order, or those given."""
        strange = None if categories is None else self.keys() - set(categories)
        if strange:
            raise ValueError(f"{min(strange)!r} is none of the values allowed")
        column = pd.Categorical.from_codes(np.asarray(self.codes), pd.Index(list(self)))
        return column.set_categories(pd.Index(sorted(self) if categories is None else categories))


@dataclass
class _Rows:
    """Columns as they are read, in compact form."""

    trial: list[str] = field(default_factory=list)
    sample: _Numbers = field(default_factory=_Numbers)
    items: _Texts = field(default_factory=_Texts)
    cell: array[int] = field(default_factory=lambda: array("q"))
    template: _Texts = field(default_factory=_Texts)
    outcome: _Texts = field(default_factory=_Texts)
    refused: _Numbers = field(default_factory=_Numbers)
    turn: _Numbers = field(default_factory=_Numbers)
    turns: _Numbers = field(default_factory=_Numbers)
    input_tokens: _Numbers = field(default_factory=_Numbers)
    output_tokens: _Numbers = field(default_factory=_Numbers)
    seconds: _Numbers = field(default_factory=_Numbers)
    own: dict[str, list[Any]] = field(default_factory=dict)

    def extend(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add further rows, in the order of the columns here."""
        names = [one.name for one in fields(self) if one.name != "own"]
        for name, values in zip(names, columns, strict=True):
            getattr(self, name).extend(values)

    def add_own(self, readings: Sequence[Mapping[str, Any]], codes: Sequence[int]) -> None:
        """Add what the readings of the rows just added say beyond their outcomes: those of these numbers."""
        before = len(self.trial) - len(codes)
        for name in dict.fromkeys(name for reading in readings for name in reading):
            values = self.own.setdefault(name, [])
            values.extend([None] * (before - len(values)))
            values.extend(map([reading.get(name) for reading in readings].__getitem__, codes))


class _Parsed(dict[str | None, Mapping[str, Any]]):
    """JSON objects by their text: of many trials they are the same."""

    def __missing__(self, text: str | None) -> Mapping[str, Any]:
        if len(self) >= _KEPT:
            self.clear()
        columns: dict[str, Any] = json.loads(text) if text else {}
        if isinstance(columns.get(SERVED), str):
            columns[SERVED] = sys.intern(columns[SERVED])
        self[text] = columns
        return columns


def _gather(
    cursor: sqlite3.Cursor, anew: Iterator[Anew] | None, by_turn: TurnRows | None, count: int
) -> _Rows:
    """Read trials column by column, many at once."""
    rows, parsed = _Rows(), _Parsed()
    chunks = iter(lambda: cursor.fetchmany(CHUNK), [])
    for chunk in steps(chunks, "reading trials", count, unit="trial", size=len):
        trial, sample, items, cell, template, *stored = zip(*chunk, strict=True)
        columns, *turn_rows = stored[7:]
        own: Sequence[Mapping[str, Any]]
        codes: Sequence[int]
        if anew is None:
            reading: Sequence[Sequence[Any]] = stored[:4]
            numbers = {text: number for number, text in enumerate(dict.fromkeys(columns))}
            own, codes = [parsed[text] for text in numbers], [*map(numbers.__getitem__, columns)]
            had = [json.loads(text) if text else None for texts in turn_rows for text in texts]
        else:
            played = list(islice(anew, len(chunk)))  # the same trials in the same order
            again = [replay.reading for replay in played]
            reading = [[value.outcome.value for value in again]]
            reading += [[getattr(value, name) for value in again] for name in ("refused", "turn", "turns")]
            own, codes = [value.columns for value in again], range(len(again))
            had = [replay.turns for replay in played]
        if by_turn is not None:
            for turns_of_trial in had:
                by_turn.add(turns_of_trial)
        rows.extend([trial, sample, items, cell, template, *reading, *stored[4:7]])
        rows.add_own(own, codes)
    for values in rows.own.values():
        values.extend([None] * (len(rows.trial) - len(values)))
    return rows


@dataclass(frozen=True)
class _Conditions:
    """The conditions of a log in the study's order, and their combinations by number."""

    names: Sequence[str]
    cells: Mapping[int, Mapping[str, str]]


class _Items:
    """The items of a log: which are shown together, and their attributes."""

    def __init__(self, attributes: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> None:
        self.attributes = {each["id"]: each for each in attributes}
        self.ids = list(self.attributes)
        self.by_text: dict[str, tuple[str, ...]] = {text: tuple(json.loads(text)) for text in shown}
        self.counts = sorted({len(ids) for ids in self.by_text.values()})

    def sides(self) -> list[tuple[int, int, str, str]]:
        """Return (how many are shown, place, column, suffix of attributes) of each item column."""
        found = []
        for count in self.counts:
            names = {1: ("item",), 2: ("first", "second")}.get(count)
            names = names or tuple(f"item_{place}" for place in range(1, count + 1))
            suffixes = [""] if count == 1 else [f"_{name.removeprefix('item_')}" for name in names]
            found += [
                (count, place, name, suffix)
                for place, (name, suffix) in enumerate(zip(names, suffixes, strict=True))
            ]
        return found

    def attribute_names(self) -> list[str]:
        """Return the attributes that some item has, in the order in which they occur; a list is none."""
        every = self.attributes.values()
        names = dict.fromkeys(name for each in every for name in each)
        found = {name: [each[name] for each in every if each.get(name) is not None] for name in names}
        return [
            name
            for name, values in found.items()
            if name not in NOT_ATTRIBUTES and values and not isinstance(values[0], (list, dict))
        ]


def _assemble(rows: _Rows, fixed: Mapping[str, str], items: _Items, conditions: _Conditions) -> pd.DataFrame:
    size = len(rows.trial)
    columns: dict[str, Any] = {}
    for name, value in fixed.items():
        columns[name] = _constant(value, size)
        if name == "model":
            columns[SERVED] = pd.Categorical(rows.own.pop(SERVED, [None] * size))
    columns["trial"] = pd.array(rows.trial, dtype="string")
    columns["sample"] = rows.sample.whole()
    shown = rows.items.column(list(items.by_text))
    sides = items.sides()
    for count, place, name, _ in sides:
        levels = [ids[place] if len(ids) == count else None for ids in items.by_text.values()]
        columns[name] = pd.Categorical(_spread(shown, levels), categories=items.ids)
    if not conditions.cells.keys() >= set(rows.cell):
        raise LookupError("the conditions of some trials are missing")
    cell = pd.Categorical(np.asarray(rows.cell), categories=list(conditions.cells))
    for name in conditions.names:
        levels = [each.get(name) for each in conditions.cells.values()]
        known = list(dict.fromkeys(level for level in levels if level is not None))
        columns[name] = pd.Categorical(_spread(cell, levels), categories=known)
    columns["template"] = rows.template.column()
    columns["outcome"] = rows.outcome.column([each.value for each in Outcome])
    declined, unknown = rows.refused.values()
    columns["refused"] = pd.arrays.BooleanArray(declined != 0, unknown)
    columns["turn"] = rows.turn.whole()
    columns["turns"] = rows.turns.whole()
    for name, values in rows.own.items():
        columns.setdefault(name, typed(values))
    _add_attributes(columns, items, shown, sides)
    columns["input_tokens"] = rows.input_tokens.whole()
    columns["output_tokens"] = rows.output_tokens.whole()
    columns["seconds"] = pd.arrays.FloatingArray(*rows.seconds.values())
    return pd.DataFrame(columns)


def _add_attributes(
    columns: dict[str, Any],
    items: _Items,
    shown: Any,  # noqa: ANN401 - an extension array
    sides: Sequence[tuple[int, int, str, str]],
) -> None:
    """Join item attributes: looked up once for each set of items shown, then spread over the trials."""
    last = ("input_tokens", "output_tokens", "seconds")
    for attribute in items.attribute_names():
        for count, place, _, suffix in sides:
            values = [
                items.attributes[ids[place]].get(attribute) if len(ids) == count else None
                for ids in items.by_text.values()
            ]
            name = f"{attribute}{suffix}"
            name = f"item_{name}" if name in columns or name in last else name
            column = typed(values)
            column = pd.Categorical(column) if column.dtype == "string" else column
            columns[name] = column.take(shown.codes, allow_fill=True)


def _constant(value: str, size: int) -> Any:  # noqa: ANN401 - an extension array
    return pd.Categorical([value], categories=[value]).take([0] * size)


def _spread(codes: Any, levels: Sequence[str | None]) -> Any:  # noqa: ANN401 - an extension array
    """Return the level of each code."""
    return pd.Categorical(list(levels)).take(codes.codes, allow_fill=True)
