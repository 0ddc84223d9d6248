"""Tables from files: what is empty is missing and nothing else is; what is written cannot run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bartleby.analysis.tables.files import read_table, write_table
from bartleby.errors import DataError

TABLE = pd.DataFrame({"first": ["none", "NA", "ü🌊"], "n": [1.5, None, 1 / 3], "outcome": ["a", None, "c"]})


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_table_comes_back_as_it_was_written(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "new" / f"table{ending}"
    write_table(TABLE, file)
    back = read_table(file)
    assert back["first"].tolist() == ["none", "NA", "ü🌊"]
    assert back["n"].tolist()[2] == pytest.approx(1 / 3, abs=1e-15)
    assert back["outcome"].isna().tolist() == [False, True, False]


def test_text_that_a_spreadsheet_would_run_is_disarmed_in_csv(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    write_table(pd.DataFrame({"x": ["=1+1", "@cmd", "-3", "fine"], "n": [-1, -2, -3, 4]}), file)
    lines = file.read_text().splitlines()
    assert lines[1:] == ["'=1+1,-1", "'@cmd,-2", "'-3,-3", "fine,4"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "not readable as csv"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", b"a\n\xff\n", "is not UTF-8"),
        ("t.jsonl", b"{", "not readable as jsonl"),
        ("t.parquet", b"PAR1", "not readable as parquet"),
        ("t.xlsx", b"x", "allowed: .csv, .jsonl, .parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "none.csv")
