"""Tables written to files: CSV that no spreadsheet runs, JSONL and Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from bartleby.errors import DataError
from bartleby.storage import replacing

__all__ = ["GUARDED", "check_ending", "without_formulas", "write_table", "write_tables"]

ENDINGS = (".csv", ".jsonl", ".parquet")

GUARDED = re.compile(r"'*(?:[=+\-@\t\r]|$)")
"""Texts that get an apostrophe before them in CSV: formulas, empty texts (an empty cell is a missing one),
and texts from which reading would take an apostrophe off."""


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, JSONL or Parquet, by the ending of the file's name.

    In CSV, a text that a spreadsheet would take for a formula has an apostrophe before it, because item
    names and model output are other people's text; so has an empty text, because an empty cell is missing.
    `read_table` takes it off again.

    Parameters
    ----------
    table
        Any table; its index is not written.
    path
        The file, `.csv`, `.jsonl` or `.parquet`; an old one stays whole until the new one is.

    Raises
    ------
    DataError
        If the ending is another one, or the file cannot be written.
    """
    path = Path(path)
    check_ending(path)
    try:
        with replacing(path) as beside:
            if path.suffix == ".csv":
                with beside.open("w", encoding="utf-8", newline="") as opened:
                    _write_csv(table, opened)
            elif path.suffix == ".jsonl":
                table.to_json(beside, orient="records", lines=True, force_ascii=False, double_precision=15)
            else:
                table.to_parquet(beside, index=False)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None


def write_tables(tables: Iterable[pd.DataFrame], path: str | Path) -> None:
    """Write tables of the same columns one below the other; CSV and JSONL as they come, in bounded memory.

    Raises
    ------
    DataError
        As `write_table`.
    """
    path = Path(path)
    check_ending(path)
    if path.suffix == ".parquet":
        write_table(pd.concat(list(tables), ignore_index=True), path)
        return
    try:
        with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as opened:
            for number, table in enumerate(tables):
                if path.suffix == ".csv":
                    _write_csv(table, opened, header=number == 0)
                else:
                    table.to_json(
                        opened, orient="records", lines=True, force_ascii=False, double_precision=15
                    )
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None


def _write_csv(table: pd.DataFrame, file: TextIO, *, header: bool = True) -> None:
    plain = table.apply(without_formulas)
    # A carriage return ends a line for who reads the file, and a line of spaces is none; neither is quoted
    # by itself.
    returns = len(plain.columns) == 1 or any(
        "\r" in value
        for _, column in plain.items()
        if not pd.api.types.is_numeric_dtype(column)
        for value in column
        if isinstance(value, str)
    )
    quoting: Any = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    plain.to_csv(file, index=False, header=header, quoting=quoting, lineterminator="\n")


def without_formulas(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column in which no text is taken for a formula by a spreadsheet: a quote is put before it."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    plain = column.astype(object)
    risky = plain.map(lambda value: isinstance(value, str) and GUARDED.match(value) is not None)
    return plain.where(~risky.astype(bool), "'" + plain.astype(str))


def check_ending(path: Path) -> None:
    """Raise if the name of a file does not end as that of a table."""
    if path.suffix not in ENDINGS:
        raise DataError(f"{path}: the file's ending is {path.suffix!r}; allowed: {', '.join(ENDINGS)}")
