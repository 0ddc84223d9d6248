"""Requests and replies are plain values: identified by what is shown, and kept to the letter."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bartleby.exchange import Message, Option, Reply, Request, Settings, Tool, ToolCall, Usage

REQUEST = Request((Message("user", "Which?"),), Settings(max_tokens=5))


@given(text=st.text(), label=st.text(min_size=1), probability=st.floats(0, 1))
def test_a_reply_comes_back_from_json_as_it_was(text: str, label: str, probability: float) -> None:
    reply = Reply(
        text,
        (ToolCall("answer", {"choice": None, "note": "", "list": [None, {}]}, "call"),),
        "tool_use",
        usage=Usage(3, 0),
        blocks=({"type": "thinking", "thinking": "", "signature": None},),
        probabilities={label: probability},
    )
    assert Reply.from_json(reply.to_json()) == reply
    assert Reply.from_json(Reply("").to_json()) == Reply("")


def test_identity_is_of_what_is_shown_and_how_the_model_is_run() -> None:
    same = replace(REQUEST, options=(Option("A", "item", "a"),), seed=7)
    others = [
        replace(REQUEST, messages=(Message("user", "Which one?"),)),
        replace(REQUEST, settings=Settings(max_tokens=6)),
        replace(REQUEST, settings=Settings(max_tokens=5, temperature=0.0)),
        replace(REQUEST, tools=(Tool("leave", "Ends the chat."),)),
        replace(REQUEST, schema={"type": "object"}),
        replace(REQUEST, constrain=("A", "B")),
    ]
    assert same.identity() == REQUEST.identity()
    assert len({REQUEST.identity(), *(each.identity() for each in others)}) == 7


def test_a_reply_is_passed_back_with_its_blocks() -> None:
    block = {"type": "thinking", "signature": "x"}
    later = REQUEST.followed_by(Reply("A", blocks=(block,)), "Go on.")
    assert [message.role for message in later] == ["user", "assistant", "user"]
    assert later[1].blocks == (block,)


def test_who_is_asked_is_part_of_the_identity_where_it_is_not_the_subject() -> None:
    told = replace(REQUEST, about={"ask": "turn"}, aversive=True)
    assert told.identity() == REQUEST.identity()
    assert "to" not in REQUEST.shown()
    assert replace(REQUEST, to="user").shown()["to"] == "user"
    assert replace(REQUEST, to="user").identity() != REQUEST.identity()


def test_what_a_tool_returned_is_part_of_the_identity_and_nothing_returned_is_not() -> None:
    said = Message("user", "Which?", result="There is no such tool here.")
    assert replace(REQUEST, messages=(said,)).identity() != REQUEST.identity()
    assert "result" not in REQUEST.shown()["messages"][0]
    called = Reply("", (ToolCall("search"),), "tool_use")
    later = REQUEST.followed_by(called, "Go on.", "Nothing.")
    assert later[-1] == Message("user", "Go on.", result="Nothing.")
