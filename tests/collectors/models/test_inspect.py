"""Models through Inspect AI's layer, against the loopback server through the SDK that Inspect uses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bartleby.collectors.models import TransientError, open_model
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Message, Reply, Request, Settings, Tool
from tests.collectors.models.asking import ask, capabilities, pair
from tests.servers.messages_server import KEY, MessagesServer, serve

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")
# Inspect AI leaves streams open, and its libraries warn of each other: none of it is ours.
pytestmark = pytest.mark.filterwarnings("ignore")

NAME = "inspect/openai-api/loopback/gpt-test-1"
TOOL = Tool("answer", "Give your answer.", {"type": "object", "properties": {"choice": {"type": "string"}}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    with serve() as started:
        monkeypatch.setenv("LOOPBACK_BASE_URL", f"{started.address}/v1")
        monkeypatch.setenv("LOOPBACK_API_KEY", KEY)
        yield started


def failing(server: MessagesServer, fault: str) -> BaseException:
    server.script = [fault]
    with pytest.raises((ModelError, RequestError, TransientError)) as caught:
        ask(open_model(NAME), [pair()])
    return caught.value


def test_a_question_is_answered_with_usage_and_comes_back_from_the_log(server: MessagesServer) -> None:
    (reply,) = ask(open_model(NAME), [pair()])
    assert reply.text in ("A", "B")
    assert reply.stop == "end"
    assert (reply.usage.output_tokens or 0) > 0
    assert Reply.from_json(reply.to_json()) == reply
    assert len(server.requests) == 1


def test_a_tool_call_is_answered_in_the_next_turn(server: MessagesServer) -> None:
    first = replace(pair(), tools=(TOOL,), tool_choice="answer")
    (reply,) = ask(open_model(NAME), [first])
    assert reply.stop == "tool_use"
    assert reply.tool_calls[0].name == "answer"
    stored = Reply.from_json(reply.to_json())
    second = Request(first.followed_by(stored, "Why?", result="noted"), tools=(TOOL,))
    ask(open_model(NAME), [second])
    roles = [message["role"] for message in server.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]
    assert server.requests[-1]["messages"][2]["content"] == "noted"


def test_settings_reach_the_provider(server: MessagesServer) -> None:
    settings = Settings(max_tokens=77, system="Be brief.", temperature=0.5)
    ask(open_model(NAME), [Request((Message("user", "Hello?"),), settings)])
    sent = server.requests[-1]
    assert (sent["max_tokens"], sent["temperature"]) == (77, 0.5)
    assert sent["messages"][0]["content"] == "Be brief."


@pytest.mark.parametrize(("fault", "kind"), [("rate_limit", "rate_limit"), ("server", "server")])
def test_what_may_pass_is_told_from_what_will_not_and_tried_once(
    server: MessagesServer, fault: str, kind: str
) -> None:
    error = failing(server, fault)
    assert isinstance(error, TransientError)
    assert error.kind == kind
    assert len(server.requests) <= 1
    assert isinstance(failing(server, "forbidden"), (ModelError, RequestError))


def test_no_error_shows_the_key(server: MessagesServer) -> None:
    for fault in ("rate_limit", "server", "bad_request", "forbidden"):
        assert KEY not in str(failing(server, fault))


def test_labels_token_by_token_are_refused(server: MessagesServer) -> None:
    with pytest.raises(ModelError, match="cannot hold a model to labels"):
        ask(open_model(NAME), [replace(pair(), constrain=("A", "B"))])
    assert capabilities(open_model(NAME)).channels == ("tool", "text")


def test_names_are_checked() -> None:
    with pytest.raises(ModelError, match="inspect/PROVIDER/MODEL"):
        open_model("inspect/model")
    with pytest.raises(ModelError, match="Inspect cannot open it"):
        ask(open_model("inspect/nobody/model"), [pair()])
    with pytest.raises(ModelError, match="is not open"):
        asyncio.run(open_model(NAME).answer(pair()))
