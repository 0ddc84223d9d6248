"""The tables of many logs as one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["stacked"]


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables, one after another; NA where a table lacks a column.

    A column of categories keeps those of all tables; one whose kind differs between tables becomes text.
    """
    return pd.DataFrame({name: _column(name, tables) for name in _placed(tables)})


def _placed(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Return the columns in an order in which those of every table keep theirs, as far as they agree."""
    placed: list[str] = []
    for table in tables:
        at = 0
        for name in table.columns:
            if name in placed:
                at = placed.index(name) + 1
            else:
                placed.insert(at, name)
                at += 1
    return placed


def _column(name: str, tables: Sequence[pd.DataFrame]) -> pd.Series:
    there = [table[name] for table in tables if name in table]
    kinds = {str(each.dtype) for each in there if len(each)}
    if all(isinstance(each.dtype, pd.CategoricalDtype) for each in there):
        levels = list(dict.fromkeys(level for each in there for level in each.cat.categories))
        kind: object = pd.CategoricalDtype(levels)
    elif len(kinds) <= 1:
        kind = next((each.dtype for each in there if len(each)), there[0].dtype)
    else:
        kind = "Float64" if kinds <= {"Int64", "Float64"} else "string"
    parts = [
        table[name].astype(kind) if name in table else pd.Series([None] * len(table), dtype=kind)  # type: ignore[call-overload]
        for table in tables
    ]
    whole: pd.Series = pd.concat(parts, ignore_index=True)
    return whole
