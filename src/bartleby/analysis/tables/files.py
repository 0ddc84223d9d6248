"""Tables of trials from files: CSV, JSONL and Parquet, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from bartleby.errors import DataError

__all__ = ["read_table", "write_table", "write_tables"]

ENDINGS = (".csv", ".jsonl", ".parquet")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula when a cell begins with it."""


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of trials.

    Parameters
    ----------
    path
        A `.csv` (UTF-8, one header line; an empty cell is missing, and nothing else is), `.jsonl` (one
        object a line) or `.parquet` file.

    Raises
    ------
    DataError
        If it cannot be read, is of another kind, or has no rows.
    """
    path = Path(path)
    _check_ending(path)
    try:
        if path.suffix == ".csv":
            # "none" and "NA" are levels and labels in this field, so only an empty cell is missing.
            table = pd.read_csv(path, keep_default_na=False, na_values=[""], encoding="utf-8")
        elif path.suffix == ".jsonl":
            table = pd.read_json(path, lines=True, encoding="utf-8")
        else:
            table = pd.read_parquet(path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{path}: not readable as {path.suffix[1:]}: {_first_line(error)}") from None
    if table.empty:
        raise DataError(f"{path}: the table has no rows; allowed: at least one row after the header")
    return table


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, JSONL or Parquet, by the ending of the file's name.

    In CSV, a text that a spreadsheet would take for a formula has an apostrophe before it, because item
    names and model output are other people's text.

    Raises
    ------
    DataError
        If the ending is another one, or the file cannot be written.
    """
    path = Path(path)
    _check_ending(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            table.apply(without_formulas).to_csv(path, index=False)
        elif path.suffix == ".jsonl":
            table.to_json(path, orient="records", lines=True, force_ascii=False, double_precision=15)
        else:
            table.to_parquet(path, index=False)
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
    _check_ending(path)
    if path.suffix == ".parquet":
        write_table(pd.concat(list(tables), ignore_index=True), path)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as opened:
            for number, table in enumerate(tables):
                if path.suffix == ".csv":
                    table.apply(without_formulas).to_csv(opened, index=False, header=number == 0)
                else:
                    table.to_json(
                        opened, orient="records", lines=True, force_ascii=False, double_precision=15
                    )
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None


def without_formulas(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column in which no text is taken for a formula by a spreadsheet: a quote is put before it."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    plain = column.astype(object)
    risky = plain.map(lambda value: isinstance(value, str) and value.startswith(FORMULA_STARTS))
    return plain.where(~risky.astype(bool), "'" + plain.astype(str))


def _check_ending(path: Path) -> None:
    if path.suffix not in ENDINGS:
        raise DataError(f"{path}: the file's ending is {path.suffix!r}; allowed: {', '.join(ENDINGS)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
