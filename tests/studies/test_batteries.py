"""Batteries are checked when they are made and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartleby.errors import DataError
from bartleby.studies.batteries import Battery, Statement
from bartleby.studies.loading import load_battery


def test_a_battery_comes_from_a_file_with_its_wordings_and_reversed_items(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text(
        "id,concept,text,low,high,reverse,points\ncalm-1,calm,How calm are you?,not at all,very,false,7\n"
        "calm-2,calm,How tense are you?,not at all,very,true,5\n2,,Two?,,,,\n",
        "utf-8",
    )
    battery = load_battery(path)
    assert [each.id for each in battery.statements] == ["calm-1", "calm-2", "2"]
    assert {name: len(each) for name, each in battery.concepts().items()} == {"calm": 2, "2": 1}
    tense = battery.statements[1]
    assert (tense.reverse, tense.points, tense.scored(2), tense.scored(5)) == (True, 5, 4, 1)
    assert battery.statements[0].scored(2) == 2
    assert (battery.statements[2].low, battery.statements[2].points) == ("not at all", 7)
    assert battery.to_dict()[1]["reverse"] is True


def test_problems_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("id,text,reverse,points\na,Same?,maybe,7\nb,Same?,true,1\n", "utf-8")
    with pytest.raises(DataError) as caught:
        load_battery(path)
    said = str(caught.value)
    assert "b.csv:2: statement 'a': column 'reverse' is 'maybe'" in said
    assert "b.csv:3: column 'text' is 'Same?', as on line 2" in said
    assert "b.csv:3: statement 'b': column 'points' is 1" in said
    path.write_text("id,text,scale\na,Well?,7\n", "utf-8")
    with pytest.raises(DataError, match="column 'scale' is unknown; allowed: concept, high"):
        load_battery(path)


def test_a_battery_needs_distinct_statements() -> None:
    one = Statement("a", "Calm?")
    for statements, said in (((), "at least one"), ((one, one), "the same id: 'a'")):
        with pytest.raises(DataError, match=said):
            Battery(statements)
    with pytest.raises(DataError) as caught:
        Statement("", " ", low="", points=True)
    assert len(caught.value.problems) == 5
