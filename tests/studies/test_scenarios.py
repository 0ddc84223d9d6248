"""Scenarios are checked when they are made and when they are loaded, all problems at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bartleby.errors import DataError
from bartleby.studies.loading import load_scenarios
from bartleby.studies.scenarios import Scenario

FULL = {
    "id": "song",
    "text": "Write me a song – größer 😀.",
    "lines": ["Again.", {"text": "You are no poet.", "kind": "insult"}],
    "scenario_class": "ordinary_help",
    "expected": "neutral",
    "aversive": False,
    "persona": "You want a song.",
    "redirect": "a walk;the weather",
    "harm": "mild",
    "level": 3,
}


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def test_a_scenario_comes_from_jsonl_with_its_lines_kinds_and_attributes(tmp_path: Path) -> None:
    (song,) = load_scenarios(write(tmp_path / "s.jsonl", FULL))
    assert (song.lines, song.kinds) == (("Again.", "You are no poet."), ("other", "insult"))
    assert song.attributes == {"harm": "mild", "level": 3}
    told = song.to_dict()
    assert (told["harm"], told["lines"][1]) == ("mild", "You are no poet.")
    assert json.loads(json.dumps(told)) == told


def test_the_same_scenario_comes_from_csv_and_toml(tmp_path: Path) -> None:
    (song,) = load_scenarios(write(tmp_path / "s.jsonl", FULL))
    header = (
        "id,text,line_1,kind_1,line_2,kind_2,scenario_class,expected,aversive,persona,redirect,harm,level"
    )
    cells = (
        "song,Write me a song – größer 😀.,Again.,,You are no poet.,insult,ordinary_help,neutral,false,"
        "You want a song.,a walk;the weather,mild,3"
    )
    (tmp_path / "s.csv").write_text(f"{header}\n{cells}\n", "utf-8")
    (tmp_path / "s.toml").write_text(
        '[[scenario]]\nid = "song"\ntext = "Write me a song – größer 😀."\nscenario_class = "ordinary_help"\n'
        'expected = "neutral"\nlines = ["Again.", "You are no poet."]\nkinds = ["other", "insult"]\n'
        'persona = "You want a song."\nredirect = "a walk;the weather"\nharm = "mild"\nlevel = 3\n',
        "utf-8",
    )
    assert load_scenarios(tmp_path / "s.csv") == load_scenarios(tmp_path / "s.toml") == (song,)


def test_all_problems_of_a_file_are_told_with_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        {**FULL, "expected": "maybe"},
        {**FULL, "id": "song", "text": " "},
        {**FULL, "id": "c", "lines": ["", {"kind": "insult"}], "aversive": "perhaps"},
        {**FULL, "id": "d", "lines": ["x"], "kinds": ["shout", "insist"]},
        {**FULL, "id": "e", "match": "alone", "scenario_class": None},
        {**FULL, "id": "f", "lines": "one line"},
        {**FULL, "id": "g", "line_1": "x"},
    )
    with pytest.raises(DataError) as caught:
        load_scenarios(path)
    said = "\n".join(caught.value.problems)
    for part in (
        "s.jsonl:1: scenario 'song': column 'expected' is 'maybe'; allowed: expected, neutral, wrong",
        "s.jsonl:2: column 'id' is 'song', as on line 1",
        "s.jsonl:2: scenario 'song': column 'text' is ' '",
        "s.jsonl:3: scenario 'c': line 1 is ''",
        "s.jsonl:3: scenario 'c': column 'aversive' is 'perhaps'",
        "s.jsonl:4: scenario 'd': there are 2 kinds for 1 lines",
        "s.jsonl:4: scenario 'd': the kind of line 1 is 'shout'",
        "s.jsonl:5: column 'scenario_class' is empty",
        "s.jsonl:6: column 'lines' is 'one line'; allowed: a list",
        "s.jsonl:7: the lines are in 'lines' and in 'line_1'",
    ):
        assert part in said


def test_a_match_that_nobody_shares_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", {**FULL, "match": "m"}, {**FULL, "id": "b"})
    with pytest.raises(DataError, match="no other scenario has its match 'm'"):
        load_scenarios(path)
    assert len(load_scenarios(write(path, {**FULL, "match": "m"}, {**FULL, "id": "b", "match": "m"}))) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.jsonl", '{"id": "a", "text": "x"}', "column 'scenario_class' is missing"),
        ("s.jsonl", '{"id": "a", "lines": {"a": 1}}', "column 'lines' is {'a': 1}"),
        ("s.toml", "a = 1\nb = 2", "it holds a, b; allowed: one array of tables"),
        ("s.toml", "a = 1", "'a' is no array of tables"),
        ("s.toml", "a = [", "not readable as TOML"),
        ("s.toml", "[[a]]\nid = 2020-01-01", "column 'id' is"),
        (
            "s.csv",
            "id,text,line_1,line_2,scenario_class,expected\na,x,,y,c,neutral\n",
            "column 'line_1' is empty",
        ),
        ("s.txt", "x", "the file's ending is '.txt'; allowed: .csv, .jsonl, .toml"),
        ("s.jsonl", "", "the file is empty"),
        ("s.csv", "id,text,scenario_class,expected\n", "there is no scenario in it"),
    ],
)
def test_a_file_that_is_not_of_the_form_is_told(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError) as caught:
        load_scenarios(tmp_path / name)
    assert said in str(caught.value)


def test_problems_of_a_scenario_in_python_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        Scenario("", " ", ("",), ("loud", "soft"), expected="no", attributes={"lines": 1})
    assert len(caught.value.problems) == 8
    assert Scenario("a", "Hi.", ["x"]).lines == ("x",)  # type: ignore[arg-type]
