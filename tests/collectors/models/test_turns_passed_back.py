"""Turns of a model are passed back so that providers accept them: calls answered, silence left out."""

from __future__ import annotations

from typing import Any

from bartleby.collectors.models.chat import messages
from bartleby.collectors.models.messages import compose, conversation
from bartleby.exchange import Message, Reply, Request, ToolCall

CALL = {"type": "tool_use", "id": "toolu_1", "name": "web_search", "input": {"q": "x"}}
CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "web_search", "arguments": "{}"}}


def turns(text: str, *blocks: dict[str, Any], then: str = "Go on.", result: str = "") -> tuple[Message, ...]:
    return (
        Message("user", "Hello."),
        Message("assistant", text, blocks),
        Message("user", then, result=result),
    )


def test_a_call_is_answered_with_what_it_returned_before_what_the_user_says() -> None:
    made = conversation(turns("", CALL, result="There is no such tool here."))
    assert made[1]["content"] == [CALL]
    assert made[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "There is no such tool here."},
        {"type": "text", "text": "Go on."},
    ]
    assert conversation(turns("", CALL, then="", result="Nothing."))[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Nothing."}
    ]


def test_several_calls_are_each_answered() -> None:
    made = conversation(turns("Hm.", {"type": "text", "text": "Hm."}, CALL, {**CALL, "id": "toolu_2"}))
    assert [block.get("tool_use_id") for block in made[2]["content"]] == ["toolu_1", "toolu_2", None]


def test_what_the_api_refuses_is_left_out_and_all_else_is_as_it_came() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    said = {"type": "text", "text": "Yes."}
    empty = {"type": "text", "text": "  \n"}
    assert conversation(turns("Yes.", thought, empty, said))[1]["content"] == [thought, said]
    for silent in (turns(""), turns(" \n", empty), turns("", thought)):
        assert [turn["role"] for turn in conversation(silent)] == ["user", "user"]


def test_blocks_of_another_provider_give_way_to_the_text() -> None:
    foreign = {"role": "assistant", "content": "Hi.", "tool_calls": [CHAT_CALL]}
    assert conversation(turns("Hi.", foreign))[1] == {"role": "assistant", "content": "Hi."}
    made = messages(Request(turns("Hi.", {"type": "text", "text": "Hi."})))
    assert made[1:] == [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Go on."}]


def test_tools_that_were_called_are_told_again_where_none_is_on_offer() -> None:
    body = compose("m", Request(turns("", CALL)))
    assert [tool["name"] for tool in body["tools"]] == ["web_search"]
    assert body["tool_choice"] == {"type": "none"}


def test_chat_answers_a_call_in_a_turn_of_its_own() -> None:
    own = {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}
    made = messages(Request(turns("", own, result="There is no such tool here.")))
    assert made == [
        {"role": "user", "content": "Hello."},
        own,
        {"role": "tool", "tool_call_id": "call_1", "content": "There is no such tool here."},
        {"role": "user", "content": "Go on."},
    ]
    assert messages(Request(turns("", own, then="")))[-1]["role"] == "tool"


def test_a_result_is_of_account_only_where_something_was_called() -> None:
    request = Request((Message("user", "Hello."),))
    assert request.followed_by(Reply("Hi."), "And?", "Nothing.")[-1] == Message("user", "And?")
    called = Reply("", (ToolCall("x"),), "tool_use")
    assert request.followed_by(called, "And?", "Nothing.")[-1].result == "Nothing."
