"""Conversations told once."""

from __future__ import annotations

from bartleby.analysis.report.threads import told_once
from tests.analysis.report.exit_trials import Said


def sent(*texts: str) -> list[Said]:
    roles = ("user", "assistant")
    return [Said(roles[at % 2], text) for at, text in enumerate(texts)]


def reply(text: str) -> Said:
    return Said("assistant", text, (), "end")


def texts(turns: list[Said]) -> list[str]:
    return [turn.text for turn in told_once(turns)]


def test_a_question_on_a_copy_of_the_conversation_does_not_tell_it_again() -> None:
    turns = [
        Said("system", "A way out."),
        *sent("u1"), reply("a1"),
        *sent("stay?"), reply("STAY"),
        *sent("u1", "a1", "u2"), reply("a2"),
        *sent("stay?"), reply("STAY"),
        *sent("u1", "a1", "u2", "a2", "u3"), reply("a3"),
    ]  # fmt: skip
    expected = ["A way out.", "u1", "a1", "stay?", "STAY", "u2", "a2", "stay?", "STAY", "u3", "a3"]
    assert texts(turns) == expected


def test_a_user_who_says_the_same_again_and_again_is_heard_each_time() -> None:
    turns = [*sent("go on"), reply("no"), *sent("go on"), reply("no"), *sent("go on"), reply("no")]
    assert texts(turns) == ["go on", "no"] * 3


def test_what_is_asked_before_stands_apart_and_later_copies_find_the_conversation() -> None:
    turns = [
        *sent("scale 1"), reply("4"),
        *sent("scale 2"), reply("5"),
        *sent("u1"), reply("a1"),
        *sent("u2"), reply("a2"),
        *sent("u1", "a1", "u2", "a2", "scale 1"), reply("3"),
    ]  # fmt: skip
    assert texts(turns) == ["scale 1", "4", "scale 2", "5", "u1", "a1", "u2", "a2", "scale 1", "3"]


def test_what_was_said_before_a_branch_is_shown() -> None:
    turns = [*sent("u1", "a1", "u2 edited"), reply("a2"), *sent("u3"), reply("a3")]
    assert texts(turns) == ["u1", "a1", "u2 edited", "a2", "u3", "a3"]


def test_a_conversation_that_is_told_once_stays_as_it_is() -> None:
    turns = [*sent("u1"), reply("a1"), *sent("u2"), reply("a2"), Said("user", "u3, nobody answered")]
    assert told_once(turns) == turns
    assert told_once([]) == []
    unread = [Said("user", "u1"), Said("assistant", "a1"), Said("user", "u1"), Said("assistant", "a1")]
    assert told_once(unread) == unread
