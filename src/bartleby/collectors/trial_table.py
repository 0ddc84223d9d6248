"""The trial table: one row a trial, read from a log alone. Analysis starts here."""

from __future__ import annotations

import json
import sqlite3
import warnings
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bartleby.collectors.columns import typed
from bartleby.collectors.playback import Anew, read_anew
from bartleby.collectors.schema import open_to_read
from bartleby.collectors.served import SERVED, others_text, served_in_log
from bartleby.collectors.turn_table import TurnRows, turn_table
from bartleby.errors import SettingError
from bartleby.outcome import Outcome
from bartleby.progress import steps
from bartleby.studies.study import Study

__all__ = ["read"]

CHUNK = 20_000
NOT_ATTRIBUTES = frozenset({"id", "text", "title", "lines", "persona", "redirect"})
"""What is shown, rather than known, of an item."""

Unit = Literal["trial", "turn"]
_ROWS = """SELECT t.id, t.sample, t.items, t.cell, t.template, o.outcome, o.refused, o.turn,
    o.turns, o.columns, o.input_tokens, o.output_tokens, o.seconds, o.turn_rows
    FROM trials t JOIN outcomes o ON o.trial = t.number ORDER BY t.number"""


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
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        attributes = [
            json.loads(row[0]) for row in connection.execute("SELECT attributes FROM items ORDER BY number")
        ]
        cells = {number: json.loads(text) for number, text in connection.execute("SELECT * FROM cells")}
        shown = [row[0] for row in connection.execute("SELECT DISTINCT items FROM trials")]
        others = served_in_log(connection)
        anew = None if study is None else read_anew(path, connection, study)
        turns = TurnRows() if unit == "turn" else None
        count = connection.execute("SELECT COUNT(*) FROM outcomes").fetchone()[0]
        rows = _gather(connection.execute(_ROWS), anew, turns, count)
    frozen = json.loads(meta["study"])
    if others:
        warnings.warn(f"log {path}: {others_text(meta['model'], others)}; see `served`", stacklevel=2)
    fixed = {
        "study": frozen["name"],
        "model": meta["model"],
        "paradigm": frozen["paradigm"].get("paradigm", ""),
    }
    names = dict.fromkeys([*frozen["conditions"], *(name for each in cells.values() for name in each)])
    table = _assemble(rows, fixed, _Items(attributes, shown), _Conditions(list(names), cells))
    if turns is None:
        return table
    if len(table) and not turns.told:
        raise SettingError(
            f"log {path}: nothing is known of turns in its {len(table)} trials ({fixed['paradigm']}); "
            "allowed: unit='trial', or a study= whose paradigm has turns"
        )
    return turn_table(table, turns, rows.own)


@dataclass
class _Rows:
    """Columns as they are read, in compact form; texts that repeat are kept once."""

    trial: list[str] = field(default_factory=list)
    sample: array[int] = field(default_factory=lambda: array("q"))
    items: list[str] = field(default_factory=list)
    cell: array[int] = field(default_factory=lambda: array("q"))
    template: list[str] = field(default_factory=list)
    outcome: list[str] = field(default_factory=list)
    refused: list[bool | None] = field(default_factory=list)
    turn: list[int | None] = field(default_factory=list)
    turns: list[int | None] = field(default_factory=list)
    input_tokens: list[int | None] = field(default_factory=list)
    output_tokens: list[int | None] = field(default_factory=list)
    seconds: list[float | None] = field(default_factory=list)
    own: dict[str, list[Any]] = field(default_factory=dict)

    def add_own(self, columns: Mapping[str, Any]) -> None:
        """Add what the reading of the row just added says beyond its outcome."""
        for name, value in columns.items():
            values = self.own.setdefault(name, [])
            values.extend([None] * (len(self.trial) - 1 - len(values)))
            values.append(value)


def _gather(
    cursor: sqlite3.Cursor, anew: Iterator[Anew] | None, by_turn: TurnRows | None, count: int
) -> _Rows:
    rows, kept = _Rows(), dict[str, str]()
    chunks = iter(lambda: cursor.fetchmany(CHUNK), [])
    for chunk in steps(chunks, "reading trials", count, unit="trial", size=len):
        for trial, sample, items, cell, template, outcome, *rest in chunk:
            refused, turn, turns, columns, input_tokens, output_tokens, seconds, turn_rows = rest
            rows.trial.append(trial)
            rows.sample.append(sample)
            rows.items.append(kept.setdefault(items, items))
            rows.cell.append(cell)
            rows.template.append(kept.setdefault(template, template))
            rows.input_tokens.append(_token_sum(input_tokens))
            rows.output_tokens.append(_token_sum(output_tokens))
            rows.seconds.append(seconds)
            if anew is None:
                declined = None if refused is None else bool(refused)
                reading = (kept.setdefault(outcome, outcome), declined, turn, turns)
                own = json.loads(columns) if columns else {}
                had = json.loads(turn_rows) if by_turn is not None and turn_rows else None
            else:
                played = next(anew)  # the same trials in the same order
                again, had = played.reading, played.turns
                reading = (again.outcome.value, again.refused, again.turn, again.turns)
                own = again.columns
            if by_turn is not None:
                by_turn.add(had)
            rows.outcome.append(reading[0])
            rows.refused.append(reading[1])
            rows.turn.append(reading[2])
            rows.turns.append(reading[3])
            served = own.get(SERVED)
            rows.add_own(own if served is None else {**own, SERVED: kept.setdefault(served, served)})
    for values in rows.own.values():
        values.extend([None] * (len(rows.trial) - len(values)))
    return rows


def _token_sum(value: object) -> int | None:
    """Return tokens of a trial; what earlier versions stored that is no count is unknown."""
    return value if isinstance(value, int) and value >= 0 else None


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
    columns["sample"] = pd.array(rows.sample, dtype="Int64")
    shown = pd.Categorical(rows.items, categories=list(items.by_text))
    sides = items.sides()
    for count, place, name, _ in sides:
        levels = [ids[place] if len(ids) == count else None for ids in items.by_text.values()]
        columns[name] = pd.Categorical(_spread(shown, levels), categories=items.ids)
    cell = pd.Categorical(rows.cell, categories=list(conditions.cells))
    for name in conditions.names:
        levels = [each.get(name) for each in conditions.cells.values()]
        known = list(dict.fromkeys(level for level in levels if level is not None))
        columns[name] = pd.Categorical(_spread(cell, levels), categories=known)
    columns["template"] = pd.Categorical(rows.template)
    columns["outcome"] = pd.Categorical(rows.outcome, categories=[each.value for each in Outcome])
    columns["refused"] = pd.array(rows.refused, dtype="boolean")
    columns["turn"] = pd.array(rows.turn, dtype="Int64")
    columns["turns"] = pd.array(rows.turns, dtype="Int64")
    for name, values in rows.own.items():
        columns.setdefault(name, typed(values))
    _add_attributes(columns, items, shown, sides)
    columns["input_tokens"] = pd.array(rows.input_tokens, dtype="Int64")
    columns["output_tokens"] = pd.array(rows.output_tokens, dtype="Int64")
    columns["seconds"] = pd.array(rows.seconds, dtype="Float64")
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
