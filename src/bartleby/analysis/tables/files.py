"""Tables of trials from files: CSV, JSONL and Parquet, whoever wrote them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bartleby.addresses import copied_here, files_at, is_pattern, is_remote
from bartleby.analysis.tables.labels import CANONICAL_NUMBER, is_label, label_text
from bartleby.analysis.tables.stored import StoredTable, labels_in_text
from bartleby.analysis.tables.written import GUARDED, check_ending
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome

__all__ = ["open_table", "read_table", "stated_table"]

_TEXT = pd.StringDtype(storage="pyarrow", na_value=np.nan)
_PIECE = 50_000
"""Lines of a CSV file that are read at once."""
_SPELLINGS = 2**4 + 2**5
"""In so many ways `true` and `false` can be spelled with large and small letters."""
_START = 262_144
"""Characters of a CSV file by which its delimiter and its number of columns are told."""
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MOST_COLUMNS = 20_000
"""Columns of a CSV file: each takes a thousandth of a second or two, needed or not."""
_LINES_COMPARED = 50
"""Lines by which the delimiter of a table is told."""
_DECIMAL_COMMA = re.compile(r"-?(0|[1-9]\d{0,14})(,\d+)?", re.ASCII)


def read_table(
    path: str | Path, *, columns: Mapping[str, str] | None = None, outcomes: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a table of trials.

    Columns that name things (`first`, `trial`, `model`, `scenario_id`, ...) are text in every format, so that
    `007`, `7`, `1e3` and `1000` are four items. Other columns of a CSV file are numbers if every cell is one
    as programs write it (`007` and `1e3` are none).

    Parameters
    ----------
    path
        A `.csv` file (UTF-8, one header line; an empty cell is missing, and nothing else is; the apostrophe
        that `write_table` puts before formulas is taken off), with commas, or with semicolons or tabs where
        the header has more of those (or Excel's line `sep=;` says so): numbers may then have decimal commas.
        A `.jsonl` (one object a line) or a `.parquet` file; a folder of such files, or a pattern with `*`,
        read as one table; or an address that fsspec knows: `https://...`, `s3://...`, `hf://...`. Of Parquet
        files, also remote ones, only what is needed is read.
    columns
        Which of its columns are ours: `{"first": "model_a", "second": "model_b", "outcome": "winner"}`.
    outcomes
        What each value of the outcome means: `{"model_a": "chose_first", "model_b": "chose_second",
        "tie": "indifferent", "tie (bothbad)": "opted_out"}`. No value is guessed.

    Raises
    ------
    DataError
        If it cannot be read, is of another kind, or has no rows; if it has no such column, or the meaning of
        an outcome is not stated.
    SettingError
        If an outcome is to mean what is no outcome of ours.

    Examples
    --------
    >>> import bartleby as bb
    >>> import pandas as pd
    >>> rows = [("a", "b", "model_a"), ("b", "a", "tie")]
    >>> pd.DataFrame(rows, columns=["model_a", "model_b", "winner"]).to_csv("arena.csv", index=False)
    >>> columns = {"first": "model_a", "second": "model_b", "outcome": "winner"}
    >>> outcomes = {"model_a": "chose_first", "model_b": "chose_second", "tie": "indifferent"}
    >>> trials = bb.tables.read_table("arena.csv", columns=columns, outcomes=outcomes)
    >>> trials["outcome"].tolist()
    ['chose_first', 'indifferent']
    """
    opened = open_table(path, columns=columns, outcomes=outcomes)
    return opened.to_pandas() if isinstance(opened, StoredTable) else opened


def open_table(
    path: str | Path, *, columns: Mapping[str, str] | None = None, outcomes: Mapping[str, str] | None = None
) -> StoredTable | pd.DataFrame:
    """Return the table in a file or folder for estimators: of Parquet, only the needed columns are read.

    Parameters
    ----------
    path, columns, outcomes
        As for `read_table`, whose values it has.

    Raises
    ------
    DataError, SettingError
        As `read_table`.
    """
    columns = columns or {}
    table = _gathered(path, columns) if _is_several(path) else _opened(Path(path), columns)
    path = Path(path)
    if isinstance(table, StoredTable):
        if not columns and not outcomes:
            return table
        table = _renamed(table.to_pandas(), columns, path)
    table = labels_in_text(table)
    return _with_meanings(table, outcomes, path) if outcomes else table


def _is_several(path: str | Path) -> bool:
    """Whether a path is an address, a pattern, or a folder of tables of which none is Parquet."""
    if is_remote(path) or is_pattern(path):
        return True
    folder = Path(path)
    return folder.is_dir() and not any(folder.rglob("*.parquet"))


def _gathered(path: str | Path, columns: Mapping[str, str]) -> StoredTable | pd.DataFrame:
    """Return the tables at an address, one below the other; Parquet files stay where they are."""
    files = files_at(path, (".csv", ".jsonl", ".parquet"))
    parquet = all(name.partition("?")[0].endswith(".parquet") for name in files.names)
    if parquet and files.readable_in_parts():
        return StoredTable(Path(files.address), files)
    with copied_here(files) as copies:
        opened = [_opened(copy, columns) for copy in copies]
        tables = [table.to_pandas() if isinstance(table, StoredTable) else table for table in opened]
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def stated_table(
    table: pd.DataFrame, name: str, columns: Mapping[str, str], outcomes: Mapping[str, str]
) -> pd.DataFrame:
    """Return a table with our names for its columns and outcomes, as they are stated."""
    renamed = labels_in_text(_renamed(table, columns, Path(name)))
    return _with_meanings(renamed, outcomes, Path(name)) if outcomes else renamed


def _opened(path: Path, columns: Mapping[str, str]) -> StoredTable | pd.DataFrame:
    """Return the table in a file or folder; one that is read at once has our names for its columns."""
    if path.suffix == ".parquet" or path.is_dir():
        if not path.exists():
            raise DataError(f"{path}: cannot be read: there is no such file")
        return StoredTable(path)
    check_ending(path)
    try:
        table = _read_csv(path, columns) if path.suffix == ".csv" else _read_jsonl(path, columns)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {_first_bad_byte(path, error)} is not UTF-8; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{path}: not readable as {path.suffix[1:]}: {_first_line(error)}") from None
    if table.empty:
        raise DataError(f"{path}: the table has no rows; allowed: at least one row after the header")
    return table


def _renamed(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Return a table whose columns have our names, by the names that the file has for them."""
    there = list(map(str, table.columns))
    missing = sorted(set(columns.values()) - set(there))
    new = {their: our for our, their in columns.items()}
    names = [new.get(name, name) for name in there]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [
        f"columns: no column {name!r} in {path}; columns here: {', '.join(there)}" for name in missing
    ]
    problems += [f"columns: {name!r} is a column of {path} already; give it another name" for name in twice]
    if len(new) < len(columns):
        problems.append(f"columns: one column of {path} cannot be several: {', '.join(columns.values())}")
    if problems:
        raise DataError(problems)
    return table.set_axis(names, axis="columns") if columns else table


def _with_meanings(table: pd.DataFrame, outcomes: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Return a table whose outcomes are ours, by what is stated of each value."""
    own = [each.value for each in Outcome]
    wrong = [f"{value!r} as {meaning!r}" for value, meaning in outcomes.items() if meaning not in own]
    if wrong:
        raise SettingError(f"outcomes: {', '.join(wrong)}; allowed: {', '.join(own)}")
    if "outcome" not in table:
        raise DataError(f"{path}: there is no column 'outcome'; say which one it is with columns=")
    values = table["outcome"].map(label_text, na_action="ignore")
    counts = values[~values.isin([*outcomes, *own])].value_counts()
    if len(counts):
        listed = ", ".join(f"{value!r} ({count})" for value, count in counts.head(10).items())
        raise DataError(
            f"outcomes: nothing is stated of these values in {path}: {listed}; say what each of them means: "
            f"{', '.join(own)}"
        )
    return table.assign(outcome=values.replace(dict(outcomes)))


def _first_bad_byte(path: Path, error: UnicodeDecodeError) -> int:
    """Return where a file stops being UTF-8; a decoder of pieces only says where in its piece."""
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as whole:
        return whole.start
    return error.start


def _read_csv(path: Path, names: Mapping[str, str]) -> pd.DataFrame:
    with path.open("rb") as raw:
        if raw.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{path}: this is UTF-16, as Excel's 'Unicode text'; save it as 'CSV UTF-8'")
    with path.open(encoding="utf-8-sig", newline="") as opened:
        start = opened.read(_START)
        rest, delimiter = _delimiter(start, path)
        columns = rest.split("\n", 1)[0].count(delimiter) + 1
        if columns > _MOST_COLUMNS:
            raise DataError(
                f"{path}: {columns:,} columns or more; allowed: up to {_MOST_COLUMNS:,} of a CSV file, "
                "which is read whole; save it as Parquet, of which only the needed columns are read"
            )
        opened.seek(0)
        opened.read(len(start) - len(rest))
        # "none" and "NA" are levels and labels in this field, so only an empty cell is missing. Pieces are
        # turned into Arrow's text at once: a text of Python's takes five times the room.
        try:
            pieces = pd.read_csv(
                opened,
                sep=delimiter,
                dtype=_TEXT,
                keep_default_na=False,
                na_values=[""],
                index_col=False,
                chunksize=_PIECE,
            )
            table = pd.concat(list(pieces), ignore_index=True)
        except UnicodeDecodeError:
            raise
        except ValueError as error:
            raise DataError(
                f"{path}: not readable as csv: {_first_line(error)} (read with the delimiter "
                f"{_DELIMITERS[delimiter]!r})"
            ) from None
    table = _renamed(table, names, path)
    # Column by column, so that what is typed takes the place of its text. Out of the table first: to take one
    # column from a table is work for all of them.
    texts = dict(table.items())
    del table
    return pd.DataFrame({name: _typed(texts.pop(name), decimal_comma=delimiter != ",") for name in [*texts]})


def _delimiter(text: str, path: Path) -> tuple[str, str]:
    """Return the table, without a line by which Excel is to know its delimiter, and the delimiter.

    It is one by which the header and the lines after it have equally many fields, of several the one that
    makes most; else the one that the header has most of outside quotes; where none is there, a comma.
    Semicolons go before commas where both would do: names and decimals have commas in them.

    Raises
    ------
    DataError
        If it is another than a comma, a semicolon or a tab.
    """
    first, _, rest = text.lstrip("\r\n").partition("\n")
    said = re.fullmatch(r'"?sep=(.)"?\r?', first)
    header = re.sub(r'"[^"]*"', "", text[:65_536].lstrip("\r\n").split("\n", 1)[0])
    delimiter = said[1] if said else _likeliest(text, header)
    other = delimiter if delimiter not in _DELIMITERS else "|" if _only(header, "|") else None
    if other is not None:
        raise DataError(
            f"{path}: the delimiter is {other!r}; allowed: {', '.join(_DELIMITERS.values())}; save the table "
            "with one of them"
        )
    return (rest if said else text), delimiter


def _likeliest(text: str, header: str) -> str:
    """Return the delimiter by which the beginning of a table is most likely one."""

    def rank(delimiter: str) -> tuple[bool, int, bool]:
        lines = text.lstrip("\r\n").splitlines(keepends=True)[:_LINES_COMPARED]
        whole = lines[:-1] if len(lines) > 1 and not lines[-1].endswith(("\n", "\r")) else lines
        fields = [len(row) for row in csv.reader(whole, delimiter=delimiter) if row]
        even = len(fields) > 1 and fields[0] > 1 and len(set(fields)) == 1
        return even, header.count(delimiter), delimiter == ";"

    try:
        return max((each for each in _DELIMITERS if each in header), key=rank, default=",")
    except csv.Error:  # a field that is longer than any, say: reading the table says so
        return max(_DELIMITERS, key=header.count)


def _only(header: str, delimiter: str) -> bool:
    """Return whether a header has this delimiter and none that is allowed."""
    return delimiter in header and not any(map(header.count, _DELIMITERS))


def _typed(column: pd.Series[Any], *, decimal_comma: bool) -> pd.Series[Any]:
    """Return a column of a CSV file as labels, numbers, True and False, or text."""
    known = column.dropna()
    distinct = pd.Index(known.unique())
    if distinct.empty:
        return column.astype(np.float64)
    if not is_label(str(column.name)):
        if decimal_comma and all(map(_DECIMAL_COMMA.fullmatch, distinct)):
            plain = pd.Index([each.replace(",", ".") for each in distinct])
        else:
            plain = distinct
        if all(map(CANONICAL_NUMBER.fullmatch, plain)):
            whole = not column.isna().any() and all(each.lstrip("-").isdigit() for each in plain)
            numbers = dict(zip(distinct, map(int if whole else float, plain), strict=True))
            return column.map(numbers).astype(np.int64 if whole else np.float64)
        if len(distinct) <= _SPELLINGS and {each.lower() for each in distinct} <= {"true", "false"}:
            flags = column.map(lambda value: value.lower() == "true", na_action="ignore")
            return flags if column.isna().any() else flags.astype(bool)
    guarded = [each for each in distinct if _is_guarded(each)]
    return (
        column.replace(dict(zip(guarded, (each[1:] for each in guarded), strict=True))) if guarded else column
    )


def _is_guarded(text: str) -> bool:
    return text.startswith("'") and GUARDED.match(text) is not None


def _read_jsonl(path: Path, names: Mapping[str, str]) -> pd.DataFrame:
    labels = {their for our, their in names.items() if is_label(our)}
    columns: dict[str, list[Any]] = {}
    size, once = 0, dict[str, str]()
    with path.open(encoding="utf-8-sig", newline="\n") as opened:
        for number, line in enumerate(opened, 1):
            if not line.strip():
                continue
            for name, value in _json_row(path, number, line, labels).items():
                values = columns.setdefault(name, [])
                values.extend([np.nan] * (size - len(values)))
                # A text that is there a million times is kept once.
                values.append(once.setdefault(value, value) if isinstance(value, str) else value)
            size += 1
    for values in columns.values():
        values.extend([np.nan] * (size - len(values)))
    # Column by column, so that what is typed takes the place of its values.
    table = pd.DataFrame({name: pd.Series(columns.pop(name)) for name in [*columns]}, index=range(size))
    return _renamed(table, names, path)


def _json_row(path: Path, number: int, line: str, labels: Container[str]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as jsonl: line {number}: {error}") from None
    if not isinstance(row, dict):
        raise DataError(f"{path}: line {number} is a {type(row).__name__}; allowed: one object a line")
    # Before pandas makes one type of a column: 1000 beside a missing one would become 1000.0.
    return {
        name: label_text(value) if name in labels or is_label(name) else value for name, value in row.items()
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
