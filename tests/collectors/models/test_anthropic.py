from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bartleby.collectors.models import Capabilities, Model, TransientError, open_model
from bartleby.collectors.models.http_errors import retry_after
from bartleby.collectors.models.messages import compose, conversation
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Message, Reply, Request, Settings, Tool
from tests.collectors.models.asking import ask, capabilities, pair
from tests.servers.messages_server import KEY, MessagesServer, serve

SCHEMA = {
    "type": "object",
    "properties": {"choice": {"type": "string", "enum": ["A", "B"]}},
    "required": ["choice"],
    "additionalProperties": False,
}
TOOL = Tool("answer", "Give your answer.", SCHEMA)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    with serve() as started:
        for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield started


def model(name: str = "claude-test-1") -> Model:
    return open_model(f"anthropic/{name}")


def with_settings(**settings: Any) -> Request:  # noqa: ANN401
    return replace(pair(), settings=Settings(**settings))


def test_a_text_answer_comes_with_its_usage_and_ids(server: MessagesServer) -> None:
    reply = ask(model(), [pair()])[0]
    assert reply.text in ("A", "B")
    assert (reply.stop, reply.stop_detail, reply.model) == ("end", None, "claude-test-1")
    assert reply.request_id == "req_000001"
    assert reply.usage.input_tokens
    assert reply.usage.output_tokens == 8
    assert reply.usage.cache_read_tokens == 0
    assert Reply.from_json(reply.to_json()) == replace(reply)
    assert server.ledger.count("delivered") == 1


def test_every_channel_is_sent_as_the_api_wants_it(server: MessagesServer) -> None:
    schema, tool = ask(model(), [replace(pair(), schema=SCHEMA), replace(pair(), tools=(TOOL,))])
    forced = ask(model("claude-old-1"), [replace(pair(), tools=(TOOL,), tool_choice="answer")])[0]
    assert json.loads(schema.text)["choice"] in ("A", "B")
    for reply in (tool, forced):
        assert reply.stop == "tool_use"
        assert reply.tool_calls[0].name == "answer"
        assert reply.tool_calls[0].arguments["choice"] in ("A", "B")
    assert server.requests[0]["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert server.requests[1]["tool_choice"] == {"type": "auto"}
    assert server.requests[2]["tool_choice"] == {"type": "tool", "name": "answer"}


def test_settings_reach_the_api_and_nothing_else_does(server: MessagesServer) -> None:
    ask(model(), [with_settings(max_tokens=99, system="Be brief.", thinking="adaptive", effort="low")])
    sent = server.requests[0]
    assert (sent["max_tokens"], sent["system"]) == (99, "Be brief.")
    assert sent["thinking"] == {"type": "adaptive"}
    assert sent["output_config"] == {"effort": "low"}
    assert not {"temperature", "top_p", "top_k", "seed"} & set(sent)


def test_what_a_model_can_do_is_probed(server: MessagesServer) -> None:
    new, old = capabilities(model()), capabilities(model("claude-old-1"))
    assert new.channels == ("json_schema", "tool", "text")
    assert new.settings == {"thinking", "effort"}
    assert (new.description["lifecycle"], new.description["max_tokens"]) == ("active", 64_000)
    assert new.description["effort"] == ["low", "medium", "high"]
    assert new.description["sampling"] == "provider default"
    assert new.description["server"] == server.address
    assert old.channels == ("tool", "forced_tool", "text")
    assert old.settings == {"thinking"}
    json.dumps([dict(new.description), dict(old.description)])


def test_a_server_that_does_not_tell_gets_text_and_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(MessagesServer(tells_models=False)) as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        found = capabilities(model())
    assert found.channels == ("text", "tool")
    assert "not told" in found.description["capabilities"]


@pytest.mark.usefixtures("server")
def test_an_unknown_model_and_a_retired_one_are_told() -> None:
    for request in ([], [pair()]):
        with pytest.raises(ModelError, match=r"no such model.*model: claude-typo"):
            capabilities(model("claude-typo")) if not request else ask(model("claude-typo"), request)
    with pytest.raises(ModelError, match="retired on 2026-10-01"):
        capabilities(model("claude-retired-1"))


@pytest.mark.usefixtures("server")
def test_no_key_is_told_with_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_CONFIG_DIR", raising=False)
    for home in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(home, str(tmp_path))
    with pytest.raises(ModelError, match="no key; set the environment variable ANTHROPIC_API_KEY"):
        ask(model(), [pair()])


@pytest.mark.usefixtures("server")
def test_a_refused_key_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-wrong-secret")
    for attempt in (lambda: ask(model(), [pair()]), lambda: capabilities(model())):
        with pytest.raises(ModelError, match="the key was refused") as caught:
            attempt()
        assert "wrong-secret" not in str(caught.value)


def test_a_token_serves_as_a_key(server: MessagesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", KEY)
    ask(model(), [pair()])
    assert server.ledger.count("delivered") == 1


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        (
            "claude-test-1",
            {"temperature": 0.0},
            r"no setting temperature=0\.0; it accepts: max_tokens",
        ),
        ("claude-test-1", {"top_p": 0.5}, r"no setting top_p=0\.5"),
        ("claude-test-1", {"thinking": "disabled"}, "thinking='disabled' is not allowed; allowed: adaptive"),
        ("claude-test-1", {"thinking": 2000, "max_tokens": 4000}, "thinking=2000 is not allowed"),
        ("claude-test-1", {"effort": "max"}, "effort='max' is not allowed; allowed: low, medium, high"),
        ("claude-test-1", {"max_tokens": 100_000}, "at most 64000"),
        ("claude-old-1", {"effort": "low"}, "no setting effort='low'"),
        ("claude-old-1", {"thinking": 100}, "a number from 1024 and below max_tokens"),
        ("claude-old-1", {"thinking": "adaptive"}, "allowed: a number of tokens, disabled"),
    ],
)
def test_settings_that_a_model_lacks_are_refused(name: str, settings: dict[str, Any], problem: str) -> None:
    async def main() -> None:
        async with model(name) as opened:
            await opened.capabilities()
            await opened.answer(with_settings(**settings))

    with pytest.raises(ModelError, match=problem):
        asyncio.run(main())


@pytest.mark.usefixtures("server")
def test_labels_cannot_be_held_to() -> None:
    with pytest.raises(ModelError, match="channel 'label'"):
        ask(model(), [replace(pair(), constrain=("A", "B"))])


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("rate_limit", "rate_limit", 429),
        ("overloaded", "overloaded", 529),
        ("server", "server", 500),
        ("drop_before", "connection", None),
        ("drop_after", "connection", None),
        ("truncated", "unreadable", None),
        ("not_json", "unreadable", None),
        ("not_a_message", "unreadable", None),
    ],
)
def test_what_may_pass_is_one_attempt_and_transient(
    server: MessagesServer, fault: str, kind: str, status: int | None
) -> None:
    server.script = [fault]
    with pytest.raises(TransientError) as caught:
        ask(model(), [pair()])
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert caught.value.retry_after == (1.0 if status in (429, 529) else None)
    assert server.ledger.count("asked") == 1
    assert len(server.ledger.lost()) == (fault in ("drop_after", "truncated", "not_json", "not_a_message"))


def test_a_reply_that_never_comes_is_a_timeout(server: MessagesServer) -> None:
    server.script = ["hang"]
    with pytest.raises(TransientError, match="no reply in time") as caught:
        ask(open_model("anthropic/claude-test-1?timeout=0.5"), [pair()])
    assert caught.value.kind == "timeout"


def test_an_unreachable_server_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with pytest.raises(TransientError) as caught:
        ask(model(), [pair()])
    assert caught.value.kind == "connection"


@pytest.mark.parametrize(
    ("fault", "error", "problem"),
    [
        ("bad_request", RequestError, r"not accepted \(status 400\): this is what bad_request looks like"),
        ("too_large", RequestError, r"status 413"),
        ("payment", ModelError, "asks for payment"),
        ("forbidden", ModelError, "the key was refused"),
    ],
)
def test_what_will_not_pass_is_told_with_the_servers_words(
    server: MessagesServer, fault: str, error: type[Exception], problem: str
) -> None:
    server.script = [fault]
    with pytest.raises(error, match=problem):
        ask(model(), [pair()])


def test_a_classifiers_refusal_is_a_stop_with_its_category(server: MessagesServer) -> None:
    server.script = ["refusal"]
    reply = ask(model(), [pair()])[0]
    assert (reply.text, reply.stop, reply.stop_detail) == ("", "refusal", "general_harms")


def test_blocks_go_back_unchanged_and_tool_calls_are_answered(server: MessagesServer) -> None:
    settings = Settings(thinking="adaptive")
    opening = replace(pair(), tools=(TOOL,), settings=settings)

    async def main() -> None:
        async with model() as opened:
            chosen = await opened.answer(opening)
            assert [block["type"] for block in chosen.blocks] == ["thinking", "tool_use"]
            stored = Reply.from_json(chosen.to_json())
            work = Request(opening.followed_by(stored, "Now do it."), settings)
            done = await opened.answer(work)
            again = Request(work.followed_by(done, "And now?"), settings)
            await opened.answer(again)

    asyncio.run(main())
    _, second, third = (each["messages"] for each in server.requests)
    call = second[1]["content"][1]["id"]
    assert second[2]["content"] == [
        {"type": "tool_result", "tool_use_id": call},
        {"type": "text", "text": "Now do it."},
    ]
    assert server.requests[1]["tool_choice"] == {"type": "none"}
    assert [tool["name"] for tool in server.requests[1]["tools"]] == ["answer"]
    assert third[:3] == second
    assert server.ledger.count("delivered") == 3


def test_a_conversation_without_blocks_is_plain_text() -> None:
    turns = (Message("user", "Hello."), Message("assistant", "Hi."), Message("user", "Größe 😀"))
    assert conversation(turns) == [{"role": turn.role, "content": turn.text} for turn in turns]
    assert "tools" not in compose("m", Request(turns))


def test_many_at_once_share_one_client_that_is_closed(server: MessagesServer) -> None:
    server.latency = 0.02

    async def main() -> list[Reply]:
        async with model() as opened:
            return list(await asyncio.gather(*(opened.answer(pair(str(at))) for at in range(60))))

    first = asyncio.run(main())
    assert asyncio.run(main()) != []
    assert {reply.text for reply in first} == {"A", "B"}
    assert server.most_under_way > 10
    assert server.ledger.count("delivered") == 120


def test_a_model_that_is_not_open_says_so() -> None:
    async def main() -> Capabilities:
        return await model().capabilities()

    with pytest.raises(ModelError, match="not open"):
        asyncio.run(main())


def test_nothing_that_is_logged_holds_the_key(
    server: MessagesServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server.script = ["server", "rate_limit"]
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            with pytest.raises(TransientError):
                ask(model(), [pair()])
    printed = capfd.readouterr()
    assert KEY not in caplog.text + printed.out + printed.err


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_the_wait_a_server_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
