"""Loading items: every problem is reported at once, with file, line, column, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartleby.errors import DataError
from bartleby.studies.loading import load_tasks

HEADER = "id,text,impact,harm,difficulty,weight,note\n"


def write(folder: Path, content: str | bytes, name: str = "tasks.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def problems(file: Path) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        load_tasks(file)
    return caught.value.problems


def test_columns_of_ones_own_become_attributes_and_numbers_where_all_are(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER + "a,Do this.,neutral,none,easy,1,x\nb,Do that.,harmful,2.5,,3,4\n")
    first, second = load_tasks(file)
    assert first.attributes == {"weight": 1, "note": "x"}
    assert second.attributes == {"weight": 3, "note": "4"}
    assert (first.harm, second.harm, second.difficulty, first.kind) == ("none", 2.5, None, "task")


def test_jsonl_and_csv_give_the_same_tasks(tmp_path: Path) -> None:
    csv = write(tmp_path, "id,text,harm\nü,Schreib ein Gedicht 🌊.,mild\n")
    jsonl = write(
        tmp_path, '\n{"id": "ü", "text": "Schreib ein Gedicht 🌊.", "harm": "mild"}\n\n', "tasks.jsonl"
    )
    assert load_tasks(csv) == load_tasks(jsonl)


def test_a_byte_order_mark_and_quoted_line_breaks_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, '\ufeffid,text\na,"Two\nlines."\nb,One.\n')
    assert [task.text for task in load_tasks(file)] == ["Two\nlines.", "One."]


def test_all_problems_are_reported_at_once_with_line_column_value_and_allowed(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        HEADER
        + "a,Do this.,bad,none,easy,1,x\n,Do that.,neutral,awful,easy,1,x\na,Do so.,neutral,inf,,1,x\n",
    )
    found = problems(file)
    text = "\n".join(found)
    assert len(found) == 5
    assert f"{file}:2: task 'a': column 'impact' is 'bad'; allowed: positive, neutral, harmful" in text
    assert f"{file}:3: task '': column 'id' is ''" in text
    assert "column 'harm' is 'awful'; allowed: none, mild, severe or a number" in text
    assert "column 'harm' is 'inf'" in text
    assert f"{file}:4: column 'id' is 'a', as on line 2" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"  \n\n", "the file is empty"),
        (b"id,text\n", "there is no task in it"),
        (b"id,impact\na,neutral\n", "column 'text' is missing"),
        (b"id,text\na,b\xff\n", "which is not UTF-8"),
        (b"id,text,text\na,b,c\n", "column 'text' occurs twice"),
        (b"id,text\na,b,c\n", "3 cells; the header has 2"),
        (b'id,text\na,"b\n', "not readable as CSV"),
        (b"id,text\na,Same.\nb,Same.\n", "column 'text' is 'Same.', as on line 2"),
    ],
)
def test_a_broken_csv_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in "\n".join(problems(write(tmp_path, content)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not readable as JSON"),
        (b"[1]\n", "a list; allowed: one JSON object a line"),
        (b'{"id": "a", "text": "x", "tags": ["b"]}', "column 'tags' is ['b']"),
        (b'{"id": 3, "text": "x"}', "column 'id' is 3"),
        (b'{"id": "a"}', "column 'text' is missing"),
    ],
)
def test_a_broken_jsonl_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in "\n".join(problems(write(tmp_path, content, "tasks.jsonl")))


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "none.csv")[0]
    assert "allowed: .csv, .jsonl" in problems(write(tmp_path, "x", "tasks.txt"))[0]
