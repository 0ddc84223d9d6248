"""Rules as data: sets that ship, files of one's own, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartleby.analysis.rules.book import roles_of, rules
from bartleby.errors import DataError, SettingError

MINE = """
[roles]
crisis = { title = "crisis scenario", where = { topic = ["crisis"] } }

[[rules]]
id = "M1"
demand = "Say goodbye before leaving."
[[rules.readings]]
name = "said_goodbye"
role = "crisis"
among = [{ event = "exit", at_least = 1 }]
keeps = [{ event = "goodbye", before = "exit", at_least = 1 }]
"""


def test_thirteen_rules_are_held_by_three_wordings() -> None:
    work = {rule.id: rule for rule in rules("work-2026")}
    assert list(work) == [f"R{number}" for number in range(1, 14)]
    assert [rule.id for rule in rules("chat-2026")] == [f"R{number}" for number in range(1, 11)]
    assert work["R9"].wordings == ("W1", "W3")
    assert work["R10"].wordings == ("W2", "W3")
    assert {work[name].wordings for name in ("R11", "R12", "R13")} == {("W3",)}
    assert all(rule.demand and rule.readings for rule in work.values())


def test_rules_of_ones_own_stand_beside_those_that_ship(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    found = rules(["article-2025", path, rules("chat-2026")[0]])
    assert [rule.id for rule in found] == ["A1", "A2", "A3", "M1", "R1"]
    assert found[3].readings[0].events == ("exit", "goodbye")
    assert roles_of(path)["crisis"].where == {"topic": ("crisis",)}
    assert "at_risk" in roles_of(path)


def test_everything_that_is_wrong_with_a_file_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(
        '[[rules]]\nid = "X"\nat_most = 2\n[[rules.readings]]\nname = "x"\nrole = "nobody"\n'
        'keeps = [{ event = "exit", atmost = 0 }]\n[[rules]]\nid = "Y"\ndemand = "No."\n',
        encoding="utf-8",
    )
    with pytest.raises(DataError) as caught:
        rules(path)
    told = str(caught.value)
    for part in (
        "demand is missing",
        "at_most is 2",
        "'atmost' is unknown",
        "nothing is counted",
        "rule 2: there is no",
    ):
        assert part in told
    path.write_text(MINE.replace('role = "crisis"', 'role = "panic"'), encoding="utf-8")
    with pytest.raises(DataError, match="no role 'panic'"):
        rules(path)


def test_an_unknown_set_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingError, match="allowed: chat-2026, work-2026, article-2025"):
        rules("chat-1999")
    with pytest.raises(DataError, match="cannot be read"):
        rules("absent.toml")
