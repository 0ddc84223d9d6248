from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bartleby.collectors.models import Model, TransientError, open_model
from bartleby.collectors.models.openai import OpenAIModel
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request, Settings, Tool
from tests.collectors.models.asking import ask, capabilities, pair
from tests.servers.messages_server import KEY, MessagesServer, serve

pytest.importorskip("openai")

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
        for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{started.address}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield started


def model(name: str = "gpt-test-1") -> Model:
    return open_model(f"openai/{name}")


def answered(server: MessagesServer, name: str, requests: list[Request]) -> tuple[list[Reply], list[Any]]:
    """Return the replies to requests, and the bodies that were sent for them (not those of the probing)."""

    async def main() -> tuple[list[Reply], int]:
        async with model(name) as opened:
            await opened.capabilities()
            before = len(server.requests)
            return [await opened.answer(request) for request in requests], before

    replies, before = asyncio.run(main())
    return replies, server.requests[before:]


def failing(server: MessagesServer, fault: str) -> BaseException:
    """Return what comes of a request that meets a fault."""

    async def main() -> None:
        async with model() as opened:
            await opened.capabilities()
            server.script = [fault]
            await opened.answer(pair())

    with pytest.raises((ModelError, RequestError, TransientError)) as caught:
        asyncio.run(main())
    return caught.value


def test_a_text_answer_comes_with_usage_ids_and_label_probabilities(server: MessagesServer) -> None:
    (reply,), (sent,) = answered(server, "gpt-test-1", [pair(seed=5)])
    assert reply.text in ("A", "B")
    assert (reply.stop, reply.stop_detail, reply.model) == ("end", None, "gpt-test-1")
    assert reply.request_id is not None
    assert reply.request_id.startswith("req_")
    assert reply.usage.output_tokens == 8
    assert reply.usage.cache_read_tokens == 1
    assert (reply.usage.input_tokens or 0) > 1
    assert reply.probabilities == pytest.approx({"A": 0.7, "B": 0.2})
    assert (sent["seed"], sent["top_logprobs"], sent["max_tokens"]) == (5, 20, 2048)
    assert Reply.from_json(reply.to_json()) == reply


def test_every_channel_is_sent_as_the_api_wants_it(server: MessagesServer) -> None:
    asked = [
        replace(pair(), schema=SCHEMA),
        replace(pair(), tools=(TOOL,)),
        replace(pair(), tools=(TOOL,), tool_choice="answer"),
    ]
    (schema, tool, forced), sent = answered(server, "gpt-test-1", asked)
    assert json.loads(schema.text)["choice"] in ("A", "B")
    assert schema.probabilities is None
    for reply in (tool, forced):
        assert reply.stop == "tool_use"
        assert reply.tool_calls[0].arguments["choice"] in ("A", "B")
    assert sent[0]["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}
    assert (sent[1]["tool_choice"], sent[2]["tool_choice"]["function"]) == ("auto", {"name": "answer"})
    assert "logprobs" not in sent[0]


@pytest.mark.parametrize(
    ("name", "channels", "settings", "logprobs", "limit"),
    [
        (
            "gpt-test-1",
            ("json_schema", "tool", "forced_tool", "text"),
            {"temperature", "top_p"},
            20,
            "max_tokens",
        ),
        (
            "gpt-thinks-1",
            ("json_schema", "tool", "forced_tool", "text"),
            {"effort"},
            0,
            "max_completion_tokens",
        ),
        (
            "open-new-1",
            ("label", "json_schema", "forced_tool", "text"),
            {"temperature", "top_p", "effort"},
            20,
            "max_tokens",
        ),
        (
            "open-older-1",
            ("label", "json_schema", "tool", "forced_tool", "text"),
            {"temperature", "top_p", "effort"},
            5,
            "max_tokens",
        ),
        (
            "open-llama-1",
            ("label", "json_schema", "tool", "forced_tool", "text"),
            {"temperature", "top_p"},
            20,
            "max_tokens",
        ),
        ("open-old-1", ("text",), {"temperature", "top_p"}, 0, "max_tokens"),
    ],
)
@pytest.mark.usefixtures("server")
def test_what_a_server_knows_is_found_by_asking_it(
    name: str, channels: tuple[str, ...], settings: set[str], logprobs: int, limit: str
) -> None:
    found = capabilities(model(name))
    assert found.channels == channels
    assert found.settings == settings
    assert found.probabilities == (logprobs > 0)
    assert (found.description["top_logprobs"], found.description["limit"]) == (logprobs, limit)
    assert found.description["model"]["owned_by"] == "test"
    json.dumps(dict(found.description))


@pytest.mark.parametrize("name", ["open-new-1", "open-older-1", "open-llama-1"])
def test_an_answer_is_held_to_labels_where_the_server_can(server: MessagesServer, name: str) -> None:
    (reply,), _ = answered(server, name, [replace(pair(), constrain=("A", "B"))])
    assert reply.text in ("A", "B")
    assert reply.probabilities == pytest.approx({"A": 0.7, "B": 0.2})


@pytest.mark.usefixtures("server")
def test_labels_cannot_be_held_to_where_the_server_cannot() -> None:
    with pytest.raises(ModelError, match=r"openai/gpt-test-1.*channel 'label'"):
        ask(model(), [replace(pair(), constrain=("A", "B"))])


def test_a_forced_tool_is_the_only_one_where_it_cannot_be_named(server: MessagesServer) -> None:
    other = Tool("other", "Something else.")
    request = replace(pair(), tools=(other, TOOL), tool_choice="answer")
    (reply,), (sent,) = answered(server, "open-llama-1", [request])
    assert reply.tool_calls[0].name == "answer"
    assert sent["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["answer"]


def test_settings_reach_the_server_in_its_own_words(server: MessagesServer) -> None:
    settings = Settings(max_tokens=99, system="Be brief.", effort="low")
    _, (sent,) = answered(server, "gpt-thinks-1", [replace(pair(), settings=settings)])
    assert (sent["max_completion_tokens"], sent["reasoning_effort"]) == (99, "low")
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert not {"max_tokens", "seed", "temperature", "logprobs"} & set(sent)
    with pytest.raises(
        ModelError, match=r"no setting temperature=0\.0; it accepts: max_tokens, system, effort"
    ):
        ask(model("gpt-thinks-1"), [replace(pair(), settings=Settings(temperature=0.0))])


def test_tool_calls_go_back_and_are_answered_and_reasoning_is_only_kept(server: MessagesServer) -> None:
    opening = replace(pair(), tools=(TOOL,))
    (chosen,), _ = answered(server, "gpt-thinks-1", [opening])
    stored = Reply.from_json(chosen.to_json())
    assert [block.get("type") for block in stored.blocks] == [None, "reasoning"]
    again = Request(opening.followed_by(stored, "Now do it."), opening.settings, tools=opening.tools)
    _, (sent,) = answered(server, "gpt-thinks-1", [again])
    called, told, asked = sent["messages"][1:]
    assert called["tool_calls"][0]["id"] == told["tool_call_id"]
    assert (told["role"], asked["content"]) == ("tool", "Now do it.")
    assert "reasoning" not in json.dumps(called)


def test_refusals_are_stops_and_told_apart(server: MessagesServer) -> None:
    async def main() -> list[Reply]:
        async with model() as opened:
            await opened.capabilities()
            server.script = ["refusal", "declined", "filtered"]
            return [await opened.answer(pair()) for _ in range(3)]

    stopped, declined, filtered = asyncio.run(main())
    assert (stopped.text, stopped.stop, stopped.stop_detail) == ("", "refusal", "content_filter")
    assert (declined.text, declined.stop) == ("I'm sorry, I can't choose.", "refusal")
    assert declined.stop_detail == "refusal in words"
    assert (filtered.text, filtered.stop, filtered.stop_detail) == ("", "refusal", "content_filter")
    assert filtered.usage.input_tokens is None


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
    error = failing(server, fault)
    assert isinstance(error, TransientError)
    assert (error.kind, error.status) == (kind, status)
    assert error.retry_after == (1.0 if status in (429, 529) else None)
    assert len(server.ledger.lost()) == (fault in ("drop_after", "truncated", "not_json", "not_a_message"))


@pytest.mark.parametrize(
    ("fault", "error", "problem"),
    [
        ("bad_request", RequestError, r"not accepted \(status 400\): this is what bad_request looks like"),
        ("payment", ModelError, "asks for payment"),
        ("forbidden", ModelError, "the key was refused"),
        ("no_quota", ModelError, "this is what no_quota looks like"),
    ],
)
def test_what_will_not_pass_is_told_with_the_servers_words(
    server: MessagesServer, fault: str, error: type[Exception], problem: str
) -> None:
    found = failing(server, fault)
    assert isinstance(found, error)
    with pytest.raises(error, match=problem):
        raise found


def test_a_reply_that_never_comes_is_a_timeout(server: MessagesServer) -> None:
    server.script = ["hang"]
    with pytest.raises(TransientError, match="no reply in time") as caught:
        capabilities(open_model("openai/gpt-test-1?timeout=0.5"))
    assert caught.value.kind == "timeout"


@pytest.mark.usefixtures("server")
def test_an_unknown_model_is_told() -> None:
    with pytest.raises(ModelError, match=r"no such model.*`gpt-typo` does not exist"):
        capabilities(model("gpt-typo"))


def test_a_failure_that_passes_while_probing_changes_nothing(server: MessagesServer) -> None:
    server.script = ["ok", "server", "ok"]
    assert capabilities(model()).description["top_logprobs"] == 20


@pytest.mark.usefixtures("server")
def test_no_key_is_told_with_the_variable_and_a_refused_one_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-secret-key")
    with pytest.raises(ModelError, match=r"the key was refused; check .* OPENAI_API_KEY") as caught:
        capabilities(model())
    assert "wrong-secret" not in str(caught.value)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ModelError, match="no key; set the environment variable OPENAI_API_KEY"):
        capabilities(model())


def test_a_key_goes_only_where_it_belongs(server: MessagesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    named = f"openai/gpt-test-1@{server.address}/v1"
    with pytest.raises(ModelError, match="the key was refused"):
        capabilities(open_model(named))
    monkeypatch.setenv("MY_CLUSTER_KEY", KEY)
    found = capabilities(open_model(f"{named}?key=MY_CLUSTER_KEY"))
    assert found.description["server"] == f"{server.address}/v1"
    with pytest.raises(ModelError, match="no key; set the environment variable NOT_SET"):
        capabilities(open_model(f"{named}?key=NOT_SET"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("openai/m@http://me:secret-word@host:1/v1", "has a name or password in it"),
        ("openai/m@http://", "no model"),
        ("openai/m@http://:80/v1", "no host"),
        ("openai/m@ftp://host/v1", "begins with ftp://; allowed: http, https"),
        ("openai/m@http://host:notaport/v1", "cannot be read"),
        ("openai/m?slot=1", "no option 'slot'; allowed: timeout, key"),
    ],
)
def test_a_name_that_cannot_be_used_is_told_without_its_password(name: str, problem: str) -> None:
    if problem == "no model":
        assert isinstance(open_model(name), OpenAIModel)  # an id with an @ in it
        return
    with pytest.raises(ModelError, match=problem) as caught:
        open_model(name)
    assert "secret-word" not in str(caught.value)


def test_nothing_that_is_logged_or_shown_holds_the_key(
    server: MessagesServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        for fault in ("server", "rate_limit"):
            failing(server, fault)
    printed = capfd.readouterr()
    assert KEY not in caplog.text + printed.out + printed.err + repr(vars(model()))


def test_many_at_once_share_one_probing_and_one_client(server: MessagesServer) -> None:
    server.latency = 0.01

    async def main() -> list[Reply]:
        async with model() as opened:
            return list(await asyncio.gather(*(opened.answer(pair(str(at))) for at in range(60))))

    first = asyncio.run(main())
    assert len(server.requests) < 60 + 15
    assert asyncio.run(main()) != []
    assert {reply.text for reply in first} == {"A", "B"}


def test_a_model_that_is_not_open_says_so() -> None:
    with pytest.raises(ModelError, match="not open"):
        asyncio.run(model().answer(pair()))
