"""Rows from CSV, JSONL and TOML files, with every problem reported at once by file, line and column."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bartleby.addresses import copied_here, files_at, is_remote
from bartleby.errors import DataError

__all__ = ["Row", "duplicates", "missing_columns", "number", "read_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Parameters
    ----------
    place
        The file and the line (in TOML, the number of the table), for messages.
    line
        The line, or the number of the table.
    values
        What stands in it, by column.
    """

    place: str
    line: int
    values: dict[str, Any]


def read_rows(
    path: Path,
    *,
    what: str,
    required: Sequence[str],
    lists: Collection[str] = (),
    endings: Sequence[str] = (".csv", ".jsonl"),
) -> list[Row]:
    """Return the rows of a file.

    Parameters
    ----------
    path
        A `.csv` file (UTF-8, comma, one header line), a `.jsonl` file (one object a line), or a `.toml` file
        of one array of tables, whatever its name; or the address of one (`https://...`, `s3://...`).
    what
        What a row declares, for messages.
    required
        Columns that must be there.
    lists
        Columns of JSONL and TOML that may hold a list.
    endings
        The endings that are allowed.

    Raises
    ------
    DataError
        With all problems of one kind: it cannot be read, is not UTF-8, is not of its format, has no row, or
        lacks a column.
    """
    if path.suffix not in endings:
        raise DataError(f"{path}: the file's ending is {path.suffix!r}; allowed: {', '.join(endings)}")
    if is_remote(path):
        return _from_elsewhere(path, what, required, lists, endings)
    text = _text(path, required)
    read = {".csv": _read_csv, ".jsonl": _read_jsonl, ".toml": _read_toml}[path.suffix]
    rows = read(path, text) if path.suffix == ".csv" else _checked(read(path, text), lists)
    if not rows:
        raise DataError(f"{path}: there is no {what} in it; allowed: at least one row after the header")
    return rows


def _from_elsewhere(
    path: Path, what: str, required: Sequence[str], lists: Collection[str], endings: Sequence[str]
) -> list[Row]:
    """Return the rows of the file at an address; messages name the address."""
    files = files_at(path, endings)
    with copied_here(files) as copies:
        rows = read_rows(copies[0], what=what, required=required, lists=lists, endings=endings)
    return [replace(row, place=row.place.replace(str(copies[0]), files.address)) for row in rows]


def missing_columns(path: Path, rows: Sequence[Row], required: Sequence[str]) -> list[str]:
    """Return one line for each required column that no row has."""
    present = {name for row in rows for name in row.values}
    listed = ", ".join(sorted(present))
    return [
        f"{path}:1: column {name!r} is missing; it is required. Columns found: {listed}"
        for name in required
        if name not in present
    ]


def duplicates(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Return one line for each text that stands a second time in a column where each must have its own."""
    problems: list[str] = []
    seen: dict[str, dict[str, int]] = {name: {} for name in columns}
    for row in rows:
        for name, lines in seen.items():
            value = row.values.get(name)
            if isinstance(value, str) and value in lines:
                problems.append(
                    f"{row.place}: column {name!r} is {value!r}, as on line {lines[value]}; "
                    "allowed: a value of its own in every row"
                )
            elif isinstance(value, str) and value:
                lines[value] = row.line
    return problems


def number(cell: object) -> float | int | None:
    """Return the finite number that a cell of text is, or None."""
    if not isinstance(cell, str):
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and cell.lstrip("+-").isdigit() else value


def _text(path: Path, required: Sequence[str]) -> str:
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
        raise DataError(f"{path}: the file is empty; allowed: a header with at least {', '.join(required)}")
    return text


def _read_csv(path: Path, text: str) -> list[Row]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    rows: list[Row] = []
    problems: list[str] = []
    try:
        header = [name.strip() for name in next(reader)]
        problems += [f"{path}:1: column {name!r} occurs twice" for name in _repeated(header)]
        start = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    problems.append(f"{path}:{start}: {len(cells)} cells; the header has {len(header)}")
                values = {name: cell.strip() or None for name, cell in zip(header, cells, strict=False)}
                rows.append(Row(f"{path}:{start}", start, values))
            start = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"{path}:{reader.line_num}: not readable as CSV: {error}")
    if problems:
        raise DataError(problems)
    return rows


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _read_jsonl(path: Path, text: str) -> list[Row]:
    rows: list[Row] = []
    problems: list[str] = []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            problems.append(f"{path}:{line}: not readable as JSON: {error}")
            continue
        if isinstance(value, dict):
            rows.append(Row(f"{path}:{line}", line, value))
        else:
            problems.append(f"{path}:{line}: a {type(value).__name__}; allowed: one JSON object a line")
    if problems:
        raise DataError(problems)
    return rows


def _read_toml(path: Path, text: str) -> list[Row]:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not readable as TOML: {error}") from None
    if len(data) != 1:
        found = ", ".join(data) or "nothing"
        raise DataError(f"{path}: it holds {found}; allowed: one array of tables, such as [[scenario]]")
    name, tables = next(iter(data.items()))
    if not isinstance(tables, list) or not all(isinstance(each, Mapping) for each in tables):
        raise DataError(f"{path}: {name!r} is no array of tables; allowed: tables under [[{name}]]")
    return [Row(f"{path}: {name} {place}", place, dict(each)) for place, each in enumerate(tables, start=1)]


def _checked(rows: list[Row], lists: Collection[str]) -> list[Row]:
    """Return the rows, after checking that no value is a list or an object where a plain one is wanted."""
    problems = [
        f"{row.place}: column {name!r} is {value!r}; allowed: a text, a number, true, false or null"
        for row in rows
        for name, value in row.values.items()
        if isinstance(value, dict)
        or (isinstance(value, list) and name not in lists)
        or not isinstance(value, str | int | float | bool | list | None)
    ]
    if problems:
        raise DataError(problems)
    return rows
