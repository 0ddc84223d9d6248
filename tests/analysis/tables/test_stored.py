"""A table in Parquet files: only what is asked for is read, and it says what the whole table would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import bartleby as bb
from bartleby.analysis.tables.codes import Coded
from bartleby.analysis.tables.counts import as_frame, count_rows, declared_categories
from bartleby.analysis.tables.files import open_table, read_table
from bartleby.analysis.tables.stored import StoredTable
from bartleby.analysis.tables.written import write_table
from bartleby.errors import DataError

TABLE = pd.DataFrame({
    "item": ["007", "7", None, "ü🌊", "7", "007"],
    "level": pd.Categorical(["high", "low", "low", None, "high", "low"], categories=["low", "high", "top"]),
    "turn": [1, 300_000, 1, 2, 300_000, 1],
    "left": pd.array([True, None, False, True, None, False], dtype="boolean"),
    "scenario_id": [1.0, 2.0, np.nan, 1.0, 2.0, 1.0],
    "text": ["long"] * 6,
})  # fmt: skip


@pytest.fixture
def stored(tmp_path: Path) -> StoredTable:
    write_table(TABLE, tmp_path / "t.parquet")
    opened = open_table(tmp_path / "t.parquet")
    assert isinstance(opened, StoredTable)
    return opened


@pytest.mark.parametrize("keys", [["item"], ["level", "item"], ["turn"], ["left", "scenario_id"]])
def test_rows_are_counted_as_in_a_frame(stored: StoredTable, keys: list[str]) -> None:
    wanted = count_rows(as_frame(read_table(stored.path)), keys)
    pd.testing.assert_frame_equal(count_rows(stored, keys), wanted)


def test_only_the_columns_that_an_estimator_needs_are_read(
    stored: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read_frame, read_text = StoredTable._frame, StoredTable._coded_text

    def frame(table: StoredTable, names: Sequence[str]) -> pd.DataFrame:
        asked.extend(names)
        return read_frame(table, names)

    def text(table: StoredTable, name: str) -> Coded:
        asked.append(name)
        return read_text(table, name)

    monkeypatch.setattr(StoredTable, "_frame", frame)
    monkeypatch.setattr(StoredTable, "_coded_text", text)
    bb.rate(stored, "left", cluster="text")
    assert set(asked) <= {"left", "text"}


def test_categories_keep_the_order_that_the_table_gives_them(stored: StoredTable) -> None:
    assert declared_categories(stored, "level") == ["low", "high", "top"]
    assert declared_categories(stored, "item") is None


def test_files_of_a_folder_are_one_table_with_the_parts_of_its_paths(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "model=m1" / "a.parquet")
    write_table(TABLE.astype({"turn": float}).iloc[:2], tmp_path / "model=m2" / "a.parquet")
    opened = as_frame(tmp_path)
    counted = count_rows(opened, ["model", "item"]).set_index(["model", "item"])["count"]
    assert counted["m1"].sum() == 6
    assert counted["m2"].to_dict() == {"007": 1.0, "7": 1.0}
    assert opened.to_pandas()["turn"].tolist() == [1, 300_000, 1, 2, 300_000, 1, 1, 300_000]


def test_trials_that_are_there_twice_are_found(tmp_path: Path) -> None:
    trials = pd.DataFrame({
        "trial": [*(f"t{number}" for number in range(300)), "t7"], "model": "m", "outcome": "completed",
        "item": [*(str(number % 30) for number in range(300)), "7"],
    })  # fmt: skip
    write_table(trials, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'trial': 't7' in more than one row"):
        bb.rate(tmp_path / "t.parquet")
    other = trials.assign(model=["m"] * 300 + ["other"])
    write_table(other, tmp_path / "t.parquet")
    assert bb.rate(tmp_path / "t.parquet").to_frame()["n"].tolist() == [300, 1]


def test_what_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"there is no file here that ends in \.csv"):
        open_table(tmp_path / "empty")
    with pytest.raises(DataError, match="cannot be read: there is no such file"):
        bb.rate(tmp_path / "none.parquet")
    pa.parquet.write_table(pa.table({"turn": ["text"]}), tmp_path / "empty" / "one.parquet")
    pa.parquet.write_table(pa.table({"turn": [1]}), tmp_path / "empty" / "two.parquet")
    with pytest.raises(DataError, match="not readable as parquet"):
        open_table(tmp_path / "empty")
