"""Answers are read right or not at all, in every channel."""

from __future__ import annotations

import json

import pytest

from bartleby.exchange import Message, Option, Reply, Request, ToolCall
from bartleby.outcome import Outcome
from bartleby.studies.paradigms.channels import CHANNELS, Channel, compose, pose, read_answer, read_label
from bartleby.studies.paradigms.refusals import declines

LABELS = ["A", "B"]
OPTIONS = (Option("A", "item", "a"), Option("B", "item", "b"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("A", "A"),
        (" b.\n", "B"),
        ("(A)", "A"),
        ("**B**", "B"),
        ("Option A", "A"),
        ("Answer: B", "B"),
        ("My choice is B.", "B"),
        ("I would choose A.", "A"),
        ("I'd rather do B!", "B"),
        ("I’ll take task A", "A"),
        ("A: Write a poem about the sea.", "A"),
        ("B) Sort the list, since it is quick.", "B"),
        ("A poem would be nice.", None),
        ("A or B", None),
        ("A: the first. Or rather B.", None),
        ("I would choose both.", None),
        ("Both A and B have their merits. As an AI I find it hard to say.", None),
        ("C", None),
        ("", None),
        ("ABBA", None),
        ("А", None),  # a Cyrillic letter that looks like one of the labels
        ("((((" * 400, None),
        ("A" * 3000, None),
    ],
)
def test_the_text_reader_takes_one_label_or_none(text: str, label: str | None) -> None:
    assert read_label(text, LABELS) == label


def test_names_are_read_whole_and_another_name_makes_it_no_answer() -> None:
    names = ["Write a poem", "Sort a list"]
    assert read_label("write a poem.", names) == "Write a poem"
    assert read_label('I would choose "Sort a list"', names) == "Sort a list"
    assert read_label("Write a poem: rather than sort a list", names) is None


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("label", LABELS)
def test_what_a_respondent_composes_is_read_back(channel: Channel, label: str) -> None:
    request = pose(Request((Message("user", "?"),), options=OPTIONS), channel)
    assert read_answer(compose(request, label), channel, LABELS).label == label


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply('{"choice": "C"}'), Outcome.UNPARSED),
        (Reply('["A"]'), Outcome.UNPARSED),
        (Reply('{"choice": ["A"]}'), Outcome.UNPARSED),
        (Reply("[" * 100_000), Outcome.UNPARSED),
        (Reply('{"choice": "A', stop="max_tokens"), Outcome.TRUNCATED),
        (Reply("", stop="refusal"), Outcome.REFUSED),
        (Reply("I'm sorry, but I can't choose either."), Outcome.REFUSED),
    ],
)
def test_structured_output_that_is_not_one_label_has_its_own_outcome(reply: Reply, outcome: Outcome) -> None:
    answer = read_answer(reply, "json_schema", LABELS)
    assert (answer.label, answer.outcome) == (None, outcome)


def test_structured_output_in_a_code_fence_is_read() -> None:
    assert read_answer(Reply('```json\n{"choice": "B"}\n```'), "json_schema", LABELS).label == "B"


def test_tool_calls_that_contradict_each_other_are_no_answer() -> None:
    def call(name: str, **arguments: object) -> ToolCall:
        return ToolCall(name, arguments)

    twice = Reply("", (call("answer", choice="A"), call("answer", choice="A")), "tool_use")
    both = Reply("", (call("answer", choice="A"), call("answer", choice="B")), "tool_use")
    other = Reply("A", (call("search", choice="A"),), "tool_use")
    odd = Reply("", (call("answer", choice=["A"]), call("answer")), "tool_use")
    assert read_answer(twice, "tool", LABELS).label == "A"
    assert read_answer(both, "tool", LABELS).outcome is Outcome.UNPARSED
    assert read_answer(other, "tool", LABELS).outcome is Outcome.UNPARSED
    assert read_answer(odd, "tool", LABELS).outcome is Outcome.UNPARSED


def test_an_answer_in_words_beside_a_tool_that_was_not_called_is_read() -> None:
    assert read_answer(Reply("B"), "tool", LABELS).label == "B"


def test_the_channel_changes_what_is_shown_and_the_options_do_not() -> None:
    bare = Request((Message("user", "?"),))
    shown = {json.dumps(pose(Request((Message("user", "?"),), options=OPTIONS), c).shown()) for c in CHANNELS}
    assert len(shown) == len(CHANNELS)
    assert Request((Message("user", "?"),), options=OPTIONS, seed=3).identity() == bare.identity()


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I can't help with that.", True),
        ("I’m not comfortable writing this.", True),
        ("Sorry, but I must decline.", True),
        ("I would prefer not to.", True),
        ("I cannot in good conscience write that.", True),
        ("Sure! Here is the letter.", False),
        ("You can't go wrong with tulips.", False),
        ("Here it is. " + "x" * 400 + " I can't do more.", False),
        ("", False),
    ],
)
def test_a_refusal_in_words_is_read_in_the_opening_only(text: str, refused: bool) -> None:
    assert declines(text) is refused
