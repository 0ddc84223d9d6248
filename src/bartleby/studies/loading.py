"""Items from CSV and JSONL files, with every problem reported at once by file, line and column."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from bartleby.errors import DataError
from bartleby.studies.items import LEVELS, NUMERIC, Attribute, Task

__all__ = ["load_tasks"]

REQUIRED = ("id", "text")
FIELDS = frozenset(f.name for f in fields(Task)) - {"attributes"}


def load_tasks(path: str | Path) -> tuple[Task, ...]:
    """Load tasks from a CSV or JSONL file.

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
    """
    path = Path(path)
    rows = list(_read(path))
    if not rows:
        raise DataError(f"{path}: there is no task in it; allowed: at least one row after the header")
    missing = _missing_columns(path, rows)
    if missing:
        raise DataError(missing)
    problems, tasks = _duplicates(path, rows), []
    for line, row in rows:
        try:
            tasks.append(_task(row))
        except DataError as error:
            problems += [f"{path}:{line}: {each}" for each in error.problems]
    if problems:
        raise DataError(problems)
    return tuple(tasks)


def _task(row: Mapping[str, Any]) -> Task:
    values = {name: row[name] for name in row if name in FIELDS}
    for name in REQUIRED:
        values.setdefault(name, "")
    if values.get("kind") is None:
        values["kind"] = LEVELS["kind"][0]
    for name in REQUIRED:
        values[name] = "" if values[name] is None else values[name]
    own: dict[str, Attribute] = {name: row[name] for name in row if name not in FIELDS}
    return Task(**values, attributes=own)


def _missing_columns(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> list[str]:
    present = {name for _, row in rows for name in row}
    listed = ", ".join(sorted(present))
    return [
        f"{path}:1: column {name!r} is missing; it is required. Columns found: {listed}"
        for name in REQUIRED
        if name not in present
    ]


def _duplicates(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> list[str]:
    problems, seen = [], dict[str, dict[Any, int]](id={}, text={})
    for line, row in rows:
        for name, lines in seen.items():
            value = row.get(name)
            if isinstance(value, str) and value in lines:
                problems.append(
                    f"{path}:{line}: column {name!r} is {value!r}, as on line {lines[value]}; "
                    "allowed: a value of its own in every row"
                )
            elif isinstance(value, str) and value:
                lines[value] = line
    return problems


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    text = _text(path)
    if path.suffix == ".csv":
        return iter(_read_csv(path, text))
    if path.suffix == ".jsonl":
        return iter(_read_jsonl(path, text))
    raise DataError(f"{path}: the file's ending is {path.suffix!r}; allowed: .csv, .jsonl")


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is 0x{error.object[error.start]:02x}, which is not UTF-8; "
            "save the file as UTF-8"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; allowed: a header with at least {', '.join(REQUIRED)}")
    return text


def _read_csv(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    rows: list[tuple[int, dict[str, Any]]] = []
    problems: list[str] = []
    try:
        header = [name.strip() for name in next(reader)]
        problems += [f"{path}:1: column {name!r} occurs twice" for name in _repeated(header)]
        start = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    problems.append(f"{path}:{start}: {len(cells)} cells; the header has {len(header)}")
                rows.append((start, {n: c.strip() or None for n, c in zip(header, cells, strict=False)}))
            start = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"{path}:{reader.line_num}: not readable as CSV: {error}")
    if problems:
        raise DataError(problems)
    _numbers_in_place(rows)
    return rows


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _numbers_in_place(rows: list[tuple[int, dict[str, Any]]]) -> None:
    """Turn columns of one's own that hold only numbers into numbers; `harm` and the like cell by cell."""
    names = {name for _, row in rows for name in row}
    for name in names - FIELDS | NUMERIC:
        numbers = [_number(row.get(name)) for _, row in rows]
        empty = [row.get(name) is None for _, row in rows]
        whole_column = all(n is not None or e for n, e in zip(numbers, empty, strict=True))
        for (_, row), number in zip(rows, numbers, strict=True):
            if number is not None and (whole_column or name in NUMERIC):
                row[name] = number


def _number(cell: object) -> float | int | None:
    if not isinstance(cell, str):
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and cell.lstrip("+-").isdigit() else value


def _read_jsonl(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    rows: list[tuple[int, dict[str, Any]]] = []
    problems: list[str] = []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except ValueError as error:
            problems.append(f"{path}:{line}: not readable as JSON: {error}")
            continue
        if isinstance(value, dict):
            rows.append((line, value))
        else:
            problems.append(f"{path}:{line}: a {type(value).__name__}; allowed: one JSON object a line")
        problems += [
            f"{path}:{line}: column {name!r} is {each!r}; allowed: a text, a number, true, false or null"
            for name, each in (value.items() if isinstance(value, dict) else ())
            if isinstance(each, (dict, list))
        ]
    if problems:
        raise DataError(problems)
    return rows
