"""Rows become counts: any frame is grouped by its own engine, and only the counts come here.

Everything an estimator needs from a table is how often each combination of labels occurred, so a million
rows cost a group-by and nothing more. Any frame that `narwhals` reads will do: pandas, polars, PyArrow, a
DuckDB relation, a PySpark or Dask frame; and the path of a file, of which only the needed columns are read
where its format allows that (Parquet).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from narwhals.exceptions import NarwhalsError
from scipy import sparse

from bartleby.analysis.tables.codes import Coded, code_values, codes_by_appearance, narrowest
from bartleby.analysis.tables.files import open_table
from bartleby.analysis.tables.labels import is_label, label_key, label_text
from bartleby.analysis.tables.stored import StoredTable
from bartleby.errors import DataError

__all__ = [
    "Frame",
    "as_frame",
    "column_names",
    "count_rows",
    "declared_categories",
    "distinct_rows",
    "first_row",
    "narrowest",
]

Frame: TypeAlias = Any
"""What `narwhals` reads: an eager or lazy frame of any engine; or a `StoredTable`."""

Labels: TypeAlias = npt.NDArray[np.object_] | pd.api.extensions.ExtensionArray
Codes: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Counted: TypeAlias = tuple[list[Codes], npt.NDArray[np.floating[Any]]]
"""Numbers of the labels of each combination by key, -1 for missing, and how many rows have it."""

_TABLE_CELLS = 4_000_000
"""The most combinations of labels that are counted in one flat array."""
_PIECE = 1 << 17
"""Rows whose flat codes stand in memory at once: more are no quicker."""


def as_frame(trials: object) -> Frame:
    """Return a table as a narwhals frame; of a path, the table in that file or folder (see `open_table`).

    Raises
    ------
    DataError
        It is not a table that narwhals reads, or the file cannot be read.
    """
    if isinstance(trials, (str, Path)):
        trials = open_table(trials)
    if isinstance(trials, StoredTable):
        return trials
    try:
        return nw.from_native(trials)
    except (TypeError, NarwhalsError) as error:
        kind = type(trials).__name__
        raise DataError(
            f"trials: a {kind} is not a table; give a pandas, polars, PyArrow, DuckDB or PySpark frame, "
            "or the path of a file"
        ) from error


def column_names(frame: Frame) -> list[str]:
    """Return the names of a frame's columns, in order."""
    # What the columns hold is not asked of a frame that knows their names.
    return list(frame.collect_schema().names() if isinstance(frame, nw.LazyFrame) else frame.columns)


def declared_categories(frame: Frame, name: str) -> list[Any] | None:
    """Return the categories of a column in the order that the table gives them, None if it gives none."""
    if isinstance(frame, StoredTable):
        return frame.categories(name)
    native = frame.to_native()
    if isinstance(native, pd.DataFrame):
        dtype = native[name].dtype
        return list(dtype.categories) if isinstance(dtype, pd.CategoricalDtype) else None
    kind = frame.collect_schema()[name]
    return list(kind.categories) if isinstance(kind, nw.Enum) else None


def count_rows(
    frame: Frame,
    keys: Sequence[str],
    weight: str | None = None,
    *,
    name: str = "count",
    coded: Collection[str] = (),
) -> pd.DataFrame:
    """Return how many rows there are of each combination of `keys`.

    Parameters
    ----------
    frame
        From `as_frame`.
    keys
        Columns to group by; missing values are a group of their own.
    weight
        A column of row weights to sum; None counts each row once.
    name
        Name of the column of counts.
    coded
        Keys that come back as categories, whose labels nobody has to look up row by row. Categories may be
        among them that do not occur.

    Returns
    -------
    DataFrame
        The columns `keys` and the counts, one row a combination that occurs, in the order of the keys: the
        same whatever the order of the rows and the engine. Rows of weight 0 may leave a count of 0. Columns
        that name things are text.
    """
    stored = isinstance(frame, StoredTable)
    native = None if stored else frame.to_native()
    if stored:
        weights = None if weight is None else frame.select(weight).to_native()[weight]
        counted = _count_coded({key: frame.coded(key) for key in keys}, len(frame), weights, name, coded)
    elif isinstance(native, pd.DataFrame):
        columns = {key: code_values(native[key]) for key in keys}
        weights = None if weight is None else native[weight]
        counted = _count_coded(columns, len(native), weights, name, coded)
    else:
        sum_of = nw.len() if weight is None else nw.col(weight).sum()
        counted = _collect(frame.group_by(*keys).agg(sum_of.alias("_bartleby_count")))
        counted = counted.rename(columns={"_bartleby_count": name})
        counted[name] = counted[name].astype(float)
    return _in_order(counted, list(keys), coded)


def _in_order(counted: pd.DataFrame, keys: list[str], categories: Collection[str]) -> pd.DataFrame:
    """Return counted rows sorted by their keys: numbers by size, then text, then what is missing."""
    ranks = []
    for key in keys:
        coded = codes_by_appearance(counted[key])
        codes, labels = coded.codes.astype(np.int64), coded.labels
        if is_label(key):
            again, texts = pd.factorize(np.array([*map(label_text, labels.tolist())], dtype=object))
            codes, labels = np.append(again, -1)[codes], pd.Index(texts, dtype=object)
        order = _order(labels)
        position = np.empty(len(labels) + 1, dtype=np.int64)
        # What is missing has code -1, the last place.
        position[order], position[-1] = np.arange(len(labels)), len(labels)
        ranks.append(position[codes])
        if key in categories or isinstance(counted[key].dtype, pd.CategoricalDtype):
            position[-1] = -1
            counted[key] = _categories_at(labels[order], position[codes])
        elif is_label(key) and not isinstance(counted[key].dtype, pd.StringDtype):
            counted[key] = _labels_at(labels, codes)
    if not ranks:
        return counted
    return counted.iloc[np.lexsort(ranks[::-1])].reset_index(drop=True)


def _order(labels: pd.Index[Any]) -> npt.NDArray[np.intp]:
    if pd.api.types.is_numeric_dtype(labels.dtype) and isinstance(labels.dtype, np.dtype):
        return np.argsort(labels.to_numpy(), kind="stable")
    return np.array(
        sorted(range(len(labels)), key=[label_key(label) for label in labels].__getitem__), dtype=np.intp
    )


def distinct_rows(frame: Frame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the distinct combinations of some columns."""
    return count_rows(frame, columns, name="_bartleby_count").drop(columns="_bartleby_count")


def first_row(frame: Frame, condition: nw.Expr) -> int | None:
    """Return the number (from 1) of the first row that meets a condition; None if lazy or not found."""
    if isinstance(frame, nw.LazyFrame):
        return None
    found = frame.with_row_index("_bartleby_row").filter(condition)
    return int(found["_bartleby_row"][0]) + 1 if len(found) else None


def _collect(frame: Frame) -> pd.DataFrame:
    eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return eager.to_pandas().reset_index(drop=True)


def _count_coded(
    columns: Mapping[str, Coded],
    n_rows: int,
    weight: pd.Series[Any] | None,
    name: str,
    categories: Collection[str],
) -> pd.DataFrame:
    """Count rows by way of integer codes: labels are looked up once, and then only added."""
    weights = None if weight is None else weight.to_numpy(dtype=float)
    coded = list(columns.values())
    if _cells(coded) > _TABLE_CELLS:
        # Whole numbers with gaps take cells that stay empty.
        coded = [_without_gaps(column) for column in coded]
    count = _count_grouped if _cells(coded) > _TABLE_CELLS else _count_flat
    parts, total = count(coded, n_rows, weights)
    counted = {
        key: _categories_at(column.labels, part) if key in categories else _labels_at(column.labels, part)
        for key, part, column in zip(columns, parts, coded, strict=True)
    }
    return pd.DataFrame({**counted, name: total})


def _without_gaps(column: Coded) -> Coded:
    """Return a column of whole numbers that are their own codes with codes in order of appearance."""
    if column.codes.dtype == bool:
        return Coded(column.codes.astype(np.int8) - np.int8(column.low), 0, column.labels)
    if not isinstance(column.labels, pd.RangeIndex):
        return column
    codes, found = pd.factorize(column.codes)
    return Coded(codes.astype(np.int32), 0, pd.Index(found.astype(np.int64)))


def _cells(coded: Sequence[Coded]) -> float:
    """Return the number of combinations of labels, missing being one of each; a float cannot overflow."""
    return math.prod(float(len(each.labels) + 1) for each in coded)


def _count_flat(coded: Sequence[Coded], n_rows: int, weights: npt.NDArray[np.float64] | None) -> Counted:
    """Count in one flat array of all combinations, in pieces so that wide codes stay few."""
    cells = int(_cells(coded))
    size = max(1, min(_PIECE, n_rows))
    tally = _DenseTally if cells > size else _SparseTally
    rows = tally(cells, size, np.int32 if n_rows <= np.iinfo(np.int32).max else np.int64)
    total = None if weights is None else tally(cells, size, np.float64)
    narrow = np.empty((2, size), dtype=narrowest(cells))
    for start in range(0, n_rows, size):
        piece = slice(start, min(start + size, n_rows))
        flat = _flat_codes(coded, piece, *narrow[:, : piece.stop - start])
        rows.add(flat)
        if total is not None and weights is not None:
            total.add(flat, weights[piece])
    present = np.flatnonzero(rows.sums).astype(narrowest(cells))
    counted = (rows if total is None else total).sums[present].astype(np.float64)
    return _taken_apart(present, coded), counted


class _DenseTally:
    """Sums by combination, added to in place."""

    def __init__(self, cells: int, size: int, kind: type[np.number[Any]]) -> None:
        self.sums = np.zeros(cells, dtype=kind)
        self._index = np.empty(size, dtype=np.intp)

    def add(self, flat: Codes, amounts: npt.NDArray[np.float64] | None = None) -> None:
        """Add amounts, or 1, of as many rows as there are numbers of combinations."""
        index = self._index[: len(flat)]
        index[:] = flat
        np.add.at(self.sums, index, self.sums.dtype.type(1) if amounts is None else amounts)


class _SparseTally:
    """Sums by combination, from a sparse matrix of one row that sums each piece as it is made dense.

    Much quicker than adding in place, while there are no more combinations than rows in a piece.
    """

    def __init__(self, cells: int, size: int, kind: type[np.number[Any]]) -> None:
        self.sums = np.zeros(cells, dtype=kind)
        self._piece = np.empty((1, cells), dtype=kind)
        amounts, index = np.ones(size, dtype=kind), np.zeros(size, dtype=np.int32)
        self._row = sparse.csr_array((amounts, index, np.array([0, size], dtype=np.int32)), shape=(1, cells))

    def add(self, flat: Codes, amounts: npt.NDArray[np.float64] | None = None) -> None:
        """Add amounts, or 1, of as many rows as there are numbers of combinations."""
        # The sparse matrix does not look whether its columns exist. A number below 0 is a large one unsigned.
        if flat.view(f"u{flat.itemsize}").max(initial=0) >= len(self.sums):
            raise DataError("the codes of a categorical column go beyond its categories")
        self._row.indices[: len(flat)] = flat
        if amounts is not None:
            self._row.data[: len(flat)] = amounts
        # What the last piece is short of counts nothing.
        self._row.data[len(flat) :] = 0
        self.sums += self._row.toarray(out=self._piece)[0]


def _taken_apart(flat: Codes, coded: Sequence[Coded]) -> list[Codes]:
    """Return the number of each key's label from the numbers of combinations, -1 for a missing one."""
    parts = []
    for each in reversed(coded):
        size = len(each.labels) + 1
        narrow = narrowest(size)
        parts.append((flat % size).astype(narrow) - narrow(1))
        flat = flat // size
    return parts[::-1]


def _flat_codes(coded: Sequence[Coded], piece: slice, flat: Codes, room: Codes) -> Codes:
    """Fill an array with the numbers of the combinations of labels of some rows, with room for as many.

    Integers wrap around, and the numbers that come out fit, so it does not matter whether what goes in does.
    """
    modulus = 2 ** (8 * flat.dtype.itemsize)
    offset = 0
    for index, each in enumerate(coded):
        offset = offset * (len(each.labels) + 1) + 1 - each.low
        if index == 0:
            np.copyto(flat, each.codes[piece], casting="unsafe")
            continue
        flat *= len(each.labels) + 1
        np.copyto(room, each.codes[piece], casting="unsafe")
        flat += room
    flat += (offset + modulus // 2) % modulus - modulus // 2
    return flat


def _count_grouped(coded: Sequence[Coded], n_rows: int, weights: npt.NDArray[np.float64] | None) -> Counted:
    """Count where a flat array of all combinations would be too large."""
    table = pd.DataFrame({str(index): each.codes for index, each in enumerate(coded)})
    names = list(table.columns)
    table["weight"] = np.ones(n_rows) if weights is None else weights
    counted = table.groupby(names, sort=True)["weight"].sum().reset_index()
    return [counted[name].to_numpy() for name in names], counted["weight"].to_numpy()


def _categories_at(labels: pd.Index[Any], codes: Codes) -> pd.Categorical[Any]:
    """Return labels by code as categories, missing for code -1."""
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(labels), validate=False)


def _labels_at(labels: pd.Index[Any], codes: Codes) -> Labels:
    """Return labels by code as an array, missing for code -1."""
    if isinstance(labels.dtype, pd.StringDtype):
        known_labels: Labels = labels.array.take(codes, allow_fill=True)
        return known_labels
    values = labels.to_numpy(dtype=object)
    taken = np.empty(len(codes), dtype=object)
    known = codes >= 0
    taken[known] = values[codes[known]]
    return taken
