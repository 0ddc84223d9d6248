"""Tables in Parquet files, of which only the columns that are asked for are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from bartleby.addresses import Files, files_at
from bartleby.analysis.tables.codes import Coded, code_values
from bartleby.analysis.tables.labels import is_label, label_text
from bartleby.errors import DataError

__all__ = ["StoredTable", "labels_in_text"]

_BATCH = 1 << 17
"""Rows that are decoded at once."""
_FEW = 1 << 16
"""Columns with no more labels than this are kept once they are coded: they are narrow."""

Hashes = npt.NDArray[np.uint64]


class StoredTable:
    """A Parquet file, or a folder of them, as a table whose columns stay on the disk until they are needed.

    It does what estimators need of a frame: names of columns, some columns as a frame, columns as codes.
    Anything else that a narwhals frame does is done on the whole table, which is then read.

    Parameters
    ----------
    path
        A file, or a folder; in a folder, every file below it that ends in `.parquet`, and parts of paths like
        `model=m1` are columns.
    files
        The files, where they are elsewhere; by default those at the path.

    Raises
    ------
    DataError
        If it cannot be read, its files do not fit together, or it has no rows.
    """

    def __init__(self, path: Path, files: Files | None = None) -> None:
        self.path = path
        if files is None:
            one = Files(str(path), (str(path),))
            files = files_at(path, (".parquet",)) if path.is_dir() else one
        self._files, self._filesystem = list(files.names), files.filesystem
        shown = files.address
        try:
            self._data = self._dataset([])
            schema = self._data.schema
            self.n_rows = int(self._data.count_rows())
            schema.empty_table().to_pandas()  # fails where what pandas has noted is nonsense
            index = (schema.pandas_metadata or {}).get("index_columns", [])
            self.columns = [name for name in schema.names if name not in index]
        except FileNotFoundError:
            raise DataError(f"{shown}: cannot be read: there is no such file") from None
        except OSError as error:
            raise DataError(f"{shown}: cannot be read: {error.strerror or _line(error)}") from None
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise DataError(f"{shown}: not readable as parquet: {_line(error)}") from None
        if not self.n_rows:
            raise DataError(f"{shown}: the table has no rows; allowed: at least one row after the header")
        self._coded: dict[str, Coded] = {}

    def __len__(self) -> int:
        return self.n_rows

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a frame has
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._whole, name)

    @cached_property
    def _whole(self) -> Any:  # noqa: ANN401 - a narwhals frame
        return nw.from_native(self.to_pandas())

    def _dataset(self, by_dictionary: Sequence[str]) -> ds.Dataset:
        """Return the files as one table, some columns of text as codes and dictionaries."""
        kind = ds.ParquetFileFormat(dictionary_columns=by_dictionary)
        of_paths = ds.partitioning(flavor="hive") if self.path.is_dir() else None
        base = str(self.path) if self.path.is_dir() else None
        given = {
            "format": kind,
            "partitioning": of_paths,
            "partition_base_dir": base,
            "filesystem": self._filesystem,
        }
        data = ds.dataset(self._files, **given)
        if len(self._files) == 1:
            return data
        schemas = [data.schema, *(part.physical_schema for part in data.get_fragments())]
        return ds.dataset(self._files, schema=_unified(schemas), **given)

    def to_pandas(self) -> pd.DataFrame:
        """Return the whole table."""
        return self._frame(self.columns)

    def _frame(self, names: Sequence[str]) -> pd.DataFrame:
        table = self._data.to_table(columns=list(names), use_threads=False)
        frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True).reset_index(drop=True)
        return labels_in_text(frame)

    def select(self, *names: str | Sequence[str]) -> Any:  # noqa: ANN401 - a narwhals frame
        """Return some columns as a frame; only they are read."""
        wanted = [name for each in names for name in ([each] if isinstance(each, str) else each)]
        return nw.from_native(self._frame(wanted))

    def collect_schema(self) -> Any:  # noqa: ANN401 - a narwhals schema
        """Return the kinds of the columns."""
        empty: pd.DataFrame = self._data.schema.empty_table().to_pandas()
        return nw.from_native(empty[self.columns]).collect_schema()

    def categories(self, name: str) -> list[Any] | None:
        """Return the categories of a column in the order that the table gives them, None if it gives none."""
        if not pa.types.is_dictionary(self._data.schema.field(name).type):
            return None
        return list(self.coded(name).labels)

    def coded(self, name: str) -> Coded:
        """Return a column as codes of its labels, as narrow as they come."""
        kept = self._coded.get(name)
        if kept is not None:
            return kept
        kind = self._data.schema.field(name).type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        coded = self._coded_text(name) if text else _narrowed(code_values(self._frame([name])[name]))
        if len(coded.labels) <= _FEW:
            self._coded[name] = coded
        return coded

    def _coded_text(self, name: str) -> Coded:
        """Return a column of text as codes, without ever having its rows in memory as text."""
        codes = np.empty(self.n_rows, dtype=np.int32)
        numbers: dict[str, int] = {}
        start, before, own = 0, None, np.empty(0, dtype=np.int32)
        for batch in self._batches(self._dataset([name]), name):
            array = batch if pa.types.is_dictionary(batch.type) else batch.dictionary_encode()
            if before is None or not array.dictionary.equals(before):
                before = array.dictionary
                labels = before.to_pylist()
                # Code -1, for what is missing, takes the last number.
                own = np.array([*(numbers.setdefault(each, len(numbers)) for each in labels), -1], np.int32)
            indices = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            codes[start : start + len(indices)] = own[indices]
            start += len(indices)
        return _narrowed(Coded(codes, 0, pd.Index(pa.array(numbers, pa.string()).to_pandas())))

    def _batches(self, data: ds.Dataset, name: str) -> Iterator[Any]:
        scanned = data.scanner(
            columns=[name], batch_size=_BATCH, batch_readahead=1, fragment_readahead=1, use_threads=False
        )
        for batch in scanned.to_batches():
            yield batch.column(0)

    def repeated(self, keys: Sequence[str], name: str) -> pd.Series[Any]:
        """Return the distinct values of a column in rows that have the same keys as an earlier row.

        Rows are compared by hashes of 64 bits first, so that ids of any length take eight bytes a row; only
        where two of these are equal are the keys themselves read.
        """
        empty = np.concatenate([np.asarray(batch.is_null()) for batch in self._batches(self._data, name)])
        hashes = np.zeros(self.n_rows, dtype=np.uint64)
        for key in keys:
            self._add_hashes(hashes, key)
        hashes = hashes[~empty] if empty.any() else hashes
        hashes.sort()
        if not (hashes[1:] == hashes[:-1]).any():
            return pd.Series([], dtype=object)
        native = self._frame(list(dict.fromkeys([*keys, name])))
        again = native.duplicated([*keys]) & native[name].notna()
        return native.loc[again, name].drop_duplicates()

    def _add_hashes(self, hashes: Hashes, key: str) -> None:
        """Mix the hashes of a column into those of the rows."""
        start = 0
        for batch in self._batches(self._data, key):
            values = np.array([*batch.to_pylist(), None], dtype=object)[:-1]
            part = hashes[start : start + len(values)]
            part *= np.uint64(0x9E3779B97F4A7C15)
            part += pd.util.hash_array(values, categorize=False)
            start += len(values)


def _unified(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return one schema for several files: what is whole numbers in one and not in another is numbers."""
    kinds: dict[str, set[pa.DataType]] = {}
    for field in (field for schema in schemas for field in schema):
        kinds.setdefault(field.name, set()).add(field.type)
    mixed = {
        name
        for name, types in kinds.items()
        if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in types)
        and any(map(pa.types.is_floating, types))
    }
    fields = [
        [field.with_type(pa.float64()) if field.name in mixed else field for field in one] for one in schemas
    ]
    return pa.unify_schemas(
        [pa.schema(one, schemas[0].metadata) for one in fields], promote_options="permissive"
    )


def labels_in_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns that name things are text."""
    for name in filter(is_label, map(str, table.columns)):
        table[name] = _in_text(table[name])
    return table


def _in_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of labels as text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.rename_categories(label_text)
    if isinstance(column.dtype, pd.StringDtype) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    return column.map(label_text, na_action="ignore")


def _narrowed(coded: Coded) -> Coded:
    """Return a column with its codes in the narrowest integers that hold them."""
    kind = coded.codes.dtype
    if kind.kind == "b" or not len(coded.codes):
        return coded
    least, most = np.min_scalar_type(int(coded.codes.min())), np.min_scalar_type(int(coded.codes.max()))
    narrow = np.result_type(least, most)
    return (
        coded
        if narrow.itemsize >= kind.itemsize
        else Coded(coded.codes.astype(narrow), coded.low, coded.labels)
    )


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
