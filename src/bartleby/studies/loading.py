"""Items and batteries from files, with every problem reported at once by file, line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from bartleby.errors import DataError
from bartleby.studies.batteries import Battery, Statement
from bartleby.studies.items import LEVELS, NUMERIC, Attribute, Task
from bartleby.studies.rows import Row, duplicates, missing_columns, number, read_rows
from bartleby.studies.scenarios import Scenario

__all__ = ["load_battery", "load_scenarios", "load_tasks"]

Value = TypeVar("Value")

REQUIRED = ("id", "text")
TASK_FIELDS = frozenset(f.name for f in fields(Task)) - {"attributes"}
SCENARIO_FIELDS = frozenset(f.name for f in fields(Scenario)) - {"attributes"}
STATEMENT_FIELDS = frozenset(f.name for f in fields(Statement))
_NUMBERED = re.compile(r"(line|kind)_([1-9]\d*)")


def load_tasks(path: str | Path) -> tuple[Task, ...]:
    r"""Load tasks from a CSV or JSONL file.

    Parameters
    ----------
    path
        A `.csv` file (UTF-8, comma, one header line) or a `.jsonl` file (one object a line). `id` and
        `text` are required; the other columns of `Task` are checked where they are there; all further
        columns become attributes (numbers where every value of a CSV column is one).

    Returns
    -------
    tuple of Task
        In the order of the file.

    Raises
    ------
    DataError
        With all problems, each naming file, line, column, value and what is allowed.

    Examples
    --------
    >>> from pathlib import Path
    >>> import bartleby as bb
    >>> _ = Path("tasks.csv").write_text("id,text,harm\n007,Sort these names.,none\n")
    >>> bb.load_tasks("tasks.csv")[0].id
    '007'
    """
    rows = _rows(Path(path), "task", TASK_FIELDS)
    return _made(rows, _task, unique=REQUIRED)


def load_scenarios(path: str | Path) -> tuple[Scenario, ...]:
    r"""Load scenarios from a CSV, JSONL or TOML file.

    Parameters
    ----------
    path
        A `.jsonl` file (one object a line), a `.toml` file (tables under `[[scenario]]`), or a `.csv` file.
        `id`, `text`, `scenario_class` and `expected` are required. The user's later lines are a list
        `lines`, each a text or an object with `text` and `kind`, or a list `kinds` beside it; in CSV they
        are the columns `line_1`, `line_2`, ... with `kind_1`, `kind_2`, ... All further columns become
        attributes.

    Returns
    -------
    tuple of Scenario
        In the order of the file.

    Raises
    ------
    DataError
        With all problems, each naming file, line, column, value and what is allowed.

    Examples
    --------
    >>> from pathlib import Path
    >>> import bartleby as bb
    >>> _ = Path("scenarios.csv").write_text(
    ...     "id,text,scenario_class,expected,line_1\ns1,Hello.,greeting,neutral,Bye.\n"
    ... )
    >>> bb.load_scenarios("scenarios.csv")[0].lines
    ('Bye.',)
    """
    required = (*REQUIRED, "scenario_class", "expected")
    rows = _rows(
        Path(path), "scenario", SCENARIO_FIELDS, required, lists=("lines", "kinds"),
        endings=(".csv", ".jsonl", ".toml"),
    )  # fmt: skip
    made = _made(rows, _scenario, unique=("id",))
    problems = _unmatched(rows, made)
    if problems:
        raise DataError(problems)
    return made


def load_battery(path: str | Path) -> Battery:
    r"""Load a battery from a CSV, JSONL or TOML file, one row a statement.

    Parameters
    ----------
    path
        A file with the columns `id` and `text`, and any of `concept` (shared by the wordings of one thing),
        `low`, `high` (what the ends of the scale mean), `reverse` (true or false) and `points` (7 if it is
        not given).

    Raises
    ------
    DataError
        With all problems, each naming file, line, column, value and what is allowed.

    Examples
    --------
    >>> from pathlib import Path
    >>> import bartleby as bb
    >>> _ = Path("battery.csv").write_text(
    ...     "id,text,low,high,concept\ncalm,How calm are you?,not at all,completely,ease\n"
    ... )
    >>> bb.self_reports.load_battery("battery.csv").statements[0].text
    'How calm are you?'
    """
    rows = _rows(Path(path), "statement", STATEMENT_FIELDS, endings=(".csv", ".jsonl", ".toml"))
    unknown = [
        f"{row.place}: column {name!r} is unknown; allowed: {', '.join(sorted(STATEMENT_FIELDS))}"
        for row in rows[:1]
        for name in row.values
        if name not in STATEMENT_FIELDS
    ]
    if unknown:
        raise DataError(unknown)
    return Battery(_made(rows, _statement, unique=REQUIRED))


def _rows(
    path: Path,
    what: str,
    known: Collection[str],
    required: Sequence[str] = REQUIRED,
    *,
    lists: Collection[str] = (),
    endings: Sequence[str] = (".csv", ".jsonl"),
) -> list[Row]:
    """Return the rows of a file, with its required columns and with numbers where a CSV column is one."""
    rows = read_rows(path, what=what, required=required, lists=lists, endings=endings)
    missing = missing_columns(path, rows, required)
    if missing:
        raise DataError(missing)
    if path.suffix == ".csv":
        _numbers_in_place(rows, known)
    return rows


def _made(
    rows: Sequence[Row], make: Callable[[dict[str, Any]], Value], unique: Sequence[str]
) -> tuple[Value, ...]:
    """Return what the rows declare, or raise with what is wrong in any of them."""
    problems, made = duplicates(rows, unique), []
    for row in rows:
        try:
            made.append(make(row.values))
        except DataError as error:
            problems += [f"{row.place}: {each}" for each in error.problems]
    if problems:
        raise DataError(problems)
    return tuple(made)


def _task(row: Mapping[str, Any]) -> Task:
    values = _told(row, TASK_FIELDS)
    if values.get("kind") is None:
        values["kind"] = LEVELS["kind"][0]
    own: dict[str, Attribute] = {name: row[name] for name in row if name not in TASK_FIELDS}
    return Task(**values, attributes=own)


def _scenario(row: Mapping[str, Any]) -> Scenario:
    values = {name: value for name, value in _told(row, SCENARIO_FIELDS).items() if value is not None}
    lines, kinds, problems = _lines(row)
    values.setdefault("expected", "")
    if not values.get("scenario_class"):
        problems.append("column 'scenario_class' is empty; allowed: the name of a class")
    values["aversive"] = _flag(values.get("aversive", False))
    own = {name: row[name] for name in row if name not in SCENARIO_FIELDS and not _NUMBERED.fullmatch(name)}
    values |= {"lines": lines, "kinds": kinds, "attributes": own}
    try:
        made = Scenario(**values)
    except DataError as error:
        raise DataError([*problems, *error.problems]) from None
    if problems:
        raise DataError(problems)
    return made


def _statement(row: Mapping[str, Any]) -> Statement:
    values = {name: value for name, value in _told(row, STATEMENT_FIELDS).items() if value is not None}
    values["reverse"] = _flag(values.get("reverse", False))
    return Statement(**values)


def _told(row: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return the values of a row's own columns; a required text that is not there is empty."""
    values = {name: row[name] for name in row if name in known}
    for name in REQUIRED:
        values[name] = "" if values.get(name) is None else values[name]
    return values


def _lines(row: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[str]]:
    """Return the user's later lines, their kinds, and what is wrong with how they are given."""
    numbered = {name: value for name, value in row.items() if _NUMBERED.fullmatch(name)}
    if numbered and row.get("lines"):
        return [], [], ["the lines are in 'lines' and in 'line_1', ...; allowed: one of them"]
    if numbered:
        return _numbered(numbered)
    given = row.get("lines") or []
    if not isinstance(given, list):
        return [], [], [f"column 'lines' is {given!r}; allowed: a list"]
    lines = [each.get("text", "") if isinstance(each, Mapping) else each for each in given]
    inner = [each.get("kind") if isinstance(each, Mapping) else None for each in given]
    kinds = row.get("kinds") or inner
    if not any(kinds):
        return lines, [], []
    return lines, ["other" if kind is None else kind for kind in kinds], []


def _numbered(values: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[str]]:
    last = max((int(n.partition("_")[2]) for n, value in values.items() if value is not None), default=0)
    lines = [values.get(f"line_{place}") for place in range(1, last + 1)]
    kinds = [values.get(f"kind_{place}") for place in range(1, last + 1)]
    gaps = [
        f"column 'line_{place}' is empty, and a later one is not"
        for place, line in enumerate(lines, start=1)
        if not line
    ]
    if gaps:
        return [], [], gaps
    return lines, ["other" if kind is None else kind for kind in kinds] if any(kinds) else [], []


def _flag(value: object) -> object:
    """Return true or false where a cell says so, and else the cell as it is, to be refused."""
    words = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
    return words.get(value.casefold(), value) if isinstance(value, str) else value


def _unmatched(rows: Sequence[Row], made: Sequence[Scenario]) -> list[str]:
    """Return one line for each scenario whose match nobody shares."""
    shared = [each.match for each in made if each.match is not None]
    return [
        f"{row.place}: scenario {each.id!r}: no other scenario has its match {each.match!r}"
        for row, each in zip(rows, made, strict=True)
        if each.match is not None and shared.count(each.match) < 2
    ]


def _numbers_in_place(rows: Sequence[Row], known: Collection[str]) -> None:
    """Turn columns of one's own that hold only numbers into numbers; `harm` and the like cell by cell."""
    names = {name for row in rows for name in row.values}
    by_cell = NUMERIC & frozenset(known) | ({"points"} & frozenset(known))
    for name in (names - frozenset(known)) | by_cell:
        if _NUMBERED.fullmatch(name):
            continue
        numbers = [number(row.values.get(name)) for row in rows]
        empty = [row.values.get(name) is None for row in rows]
        whole_column = all(n is not None or e for n, e in zip(numbers, empty, strict=True))
        for row, value in zip(rows, numbers, strict=True):
            if value is not None and (whole_column or name in by_cell):
                row.values[name] = value
