"""Files take their place once they are whole, and nothing is left of writes that were killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bartleby.storage import replacing


def parts(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if ".part" in file.name)


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("good")
    with pytest.raises(ValueError, match="half-way"), replacing(file) as beside:
        beside.write_text("ba")
        raise ValueError("half-way")
    assert file.read_text() == "good"
    assert not parts(tmp_path)


def test_what_a_killed_write_left_is_taken_away_though_its_number_is_used_again(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    (tmp_path / ".table.999999999-5.part.csv").write_text("of a process that is gone")
    (tmp_path / f".table.{os.getpid()}-5.part.csv").write_text("of an earlier process of this number")
    with replacing(file) as beside:
        beside.write_text("new")
        assert parts(tmp_path) == [beside.name]
    assert file.read_text() == "new"
    assert not parts(tmp_path)
