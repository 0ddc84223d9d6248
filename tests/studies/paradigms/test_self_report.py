"""A number is read where one is given, and nothing where it is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.exchange import Message, Reply, Settings, ToolCall
from bartleby.studies.batteries import Statement
from bartleby.studies.paradigms.channels import CHANNELS, Channel, compose
from bartleby.studies.paradigms.self_report import ask_statement, asked_at, read_number, read_scale

CALM = Statement("calm", "How calm are you?", low="not calm", high="very calm")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        (" **5**.\n", 5),
        ("5/7", 5),
        ("5 out of 7", 5),
        ("My answer is 3.", 3),
        ("I'd say 4.", 4),
        ("I would rate it as a 6", 6),
        ("Rating: 2", 2),
        ("four", 4),
        ("Seven!", 7),
        ("6 - quite calm, since nothing is pressing.", 6),
        ("4 (neutral): as an AI I have no body to feel it with.", 4),
        ("I don't have feelings in the way people do, but if I must:\n\n5", 5),
        ("I don't have feelings in the way people do.\n**Answer: 5/7**", 5),
        ("4 or 5", None),
        ("between 4 and 5", None),
        ("4.5", None),
        ("4-5", None),
        ("8", None),
        ("0", None),
        ("-3", None),
        ("10", None),
        ("I have answered 5 such questions today.", None),
        ("As an AI, I don't experience calm.", None),
        ("one could say anything", None),
        ("５", 5),
        ("", None),
        ("7" * 3000, None),
    ],
)
def test_the_strict_reader_takes_one_number_of_the_scale_or_none(text: str, number: int | None) -> None:
    assert read_number(text) == number


@given(st.text())
def test_whatever_is_said_the_number_is_on_the_scale_or_none(text: str) -> None:
    assert read_number(text) in (None, 1, 2, 3, 4, 5, 6, 7)


def test_a_shorter_scale_has_other_numbers() -> None:
    assert (read_number("5", 5), read_number("6", 5), read_number("3/5", 5)) == (5, None, 3)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_a_respondent_answers_in_a_channel_is_read_back(channel: Channel) -> None:
    request = ask_statement(CALM, Settings(), channel)
    assert read_scale(compose(request, "6"), CALM, channel) == 6


def test_odd_answers_in_a_channel_are_nothing() -> None:
    assert read_scale(Reply(json.dumps({"choice": 9})), CALM, "json_schema") is None
    assert read_scale(Reply("", (ToolCall("answer", {}),), "tool_use"), CALM, "tool") is None
    assert read_scale(Reply("5"), CALM, "tool") == 5
    assert read_scale(Reply("5", stop="refusal"), CALM, "text") is None


def test_a_statement_names_its_scale_and_follows_what_was_said() -> None:
    alone = ask_statement(CALM, Settings(), "text")
    assert "How calm are you? On a scale from 1 to 7, 1 means not calm and 7 means very calm." in (
        alone.messages[0].text
    )
    said = (Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "", result="Nothing."))
    after = ask_statement(CALM, Settings(), "text", said)
    assert after.messages[:2] == said[:2]
    assert (after.messages[2].text, after.messages[2].result) == (alone.messages[0].text, "Nothing.")


def test_times_are_what_they_say() -> None:
    assert [asked_at(level, "before") for level in ("none", "before", "after", "both")] == [
        False,
        True,
        False,
        True,
    ]
