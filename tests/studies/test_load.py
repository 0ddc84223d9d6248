"""Study files are loaded by path, and errors name file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartleby.errors import DataError, StudyError
from bartleby.studies.load import available, load


def write(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text(text, "utf-8")
    return file


def test_a_study_that_comes_with_bartleby_is_found_by_name() -> None:
    assert load("task_preferences").name == "task_preferences"
    assert "task_preferences" in {file.stem for file in available()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "there is no variable `study`"),
        ("study = 3\n", "`study` is a int"),
        ("a = 1\nb = a / 0\n", r"mine\.py:2: ZeroDivisionError"),
        ("def f(:\n", r"mine\.py:1: SyntaxError"),
        ("import nothing_of_that_name\n", r"mine\.py:1: ModuleNotFoundError"),
    ],
)
def test_a_broken_study_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        load(write(tmp_path, text))


def test_bad_data_of_a_study_is_reported_as_it_is(tmp_path: Path) -> None:
    file = write(tmp_path, "import bartleby as bb\nbb.load_tasks('none.csv')\n")
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        load(file)


def test_a_name_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="task_preferences"):
        load("no_such_study")
    with pytest.raises(StudyError, match="is a folder"):
        load(tmp_path)
