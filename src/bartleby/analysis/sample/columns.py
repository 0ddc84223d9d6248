"""The columns that an estimator declares: one reader, which checks all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from bartleby.analysis.tables.counts import Frame, column_names, count_rows
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError, SettingError

__all__ = [
    "Column",
    "Where",
    "check_column",
    "chosen_rows",
    "column_values",
    "declared",
    "listed",
    "typed_columns",
]

Where = Mapping[str, object] | None
_SHOWN = 5


@dataclass(frozen=True)
class Column:
    """A column that an estimator needs.

    Parameters
    ----------
    role
        The parameter that names it: said in messages, and what `Sample` finds it by.
    name
        What the table calls it; None if it is not asked for.
    kind
        `label`: anything; `flag`: 0 and 1, or false and true; `whole`: whole numbers, 0 or more.
    empty
        Whether empty cells are refused, kept, or their rows excluded with a warning.
    words
        The only labels that are allowed; any where there are none.
    optional
        Whether the table need not have it.
    hint
        Why it is needed, said where it is missing.
    """

    role: str
    name: str | None
    kind: Literal["label", "flag", "whole"] = "label"
    empty: Literal["refuse", "keep", "exclude"] = "refuse"
    words: tuple[str, ...] = ()
    optional: bool = False
    hint: str = ""


def declared(frame: Frame, columns: Sequence[Column]) -> list[Column]:
    """Return the columns that are to be read: those that are asked for, and of optional ones those there."""
    names = column_names(frame)
    _refuse_missing(names, *columns)
    return [column for column in columns if column.name is not None and column.name in names]


def _refuse_missing(names: Sequence[str], *columns: Column) -> None:
    """Raise `DataError` naming every column that a table with these columns lacks."""
    problems = [
        f"{column.role}: no column {column.name!r}{' ' + column.hint if column.hint else ''}; columns here: "
        f"{', '.join(names)}"
        for column in columns
        if column.name is not None and column.name not in names and not column.optional
    ]
    if problems:
        raise DataError(problems)


def typed_columns(cells: pd.DataFrame, columns: Sequence[Column]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return cells with flags and numbers as floats in columns of their own, and the column of each role."""
    typed, names, problems = {}, {}, []
    for column in columns:
        values = cells[str(column.name)]
        names[column.role] = str(column.name)
        odd, allowed = _odd_values(values, column)
        if odd.any():
            listed = ", ".join(map(repr, natural_order(values[odd].unique())[:_SHOWN]))
            problems.append(f"column {column.name!r}: {listed}: must be {allowed}")
        elif column.kind != "label":
            names[column.role] = f"_{column.role}"
            typed[f"_{column.role}"] = pd.to_numeric(values.astype(object)).astype(float)
    if problems:
        raise DataError(problems)
    return cells.assign(**typed), names


def check_column(frame: Frame, column: Column) -> None:
    """Raise where a column lacks or has values that are not allowed, in the whole of a table."""
    _refuse_missing(column_names(frame), column)
    typed_columns(count_rows(frame, [str(column.name)]), [column])


def _odd_values(values: pd.Series[Any], column: Column) -> tuple[pd.Series[bool], str]:
    """Return which values are not allowed in a column, and what is."""
    there = values.notna()
    if column.kind == "flag":
        return there & ~values.isin([0, 1]), "0, 1 (or false, true) or empty"
    if column.kind == "whole":
        number = pd.to_numeric(values, errors="coerce").astype(float)
        return there & ~((number >= 0) & (number == np.floor(number))), (
            "a number of turns, 0 or more, or empty"
        )
    if column.words:
        *others, last = map(repr, column.words)
        return there & ~values.astype(str).isin(column.words), f"{', '.join(others)} or {last}"
    return values.isna() & False, ""


def chosen_rows(frame: Frame, where: Where) -> Frame:
    """Return the trials in which every column named has one of the values, which are compared as text."""
    if where is None:
        return frame
    names = column_names(frame)
    if not where:
        raise SettingError("where: names no column")
    _refuse_missing(names, *(Column("where", name) for name in where))
    for name, value in where.items():
        wanted = {str(one) for one in listed(value)}
        values = column_values(frame, name)
        chosen = [one for one in values if str(one) in wanted]
        if not chosen:
            raise DataError(
                f"where: no trial in which {name!r} is {' or '.join(map(repr, map(str, listed(value))))}; it "
                f"is {', '.join(map(str, values[:8]))}"
            )
        frame = frame.filter(nw.col(name).is_in(chosen))
    return frame


def listed(value: object) -> list[Any]:
    """Return several values as a list, and one as a list of it."""
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def column_values(frame: Frame, column: str) -> list[Any]:
    """Return the values of a column that are not empty, each once and in order."""
    return natural_order(count_rows(frame, [column])[column].dropna().unique())
