"""A real model behind the real clients: llama.cpp's own two APIs on loopback, through the official SDKs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bartleby.collectors.models import Capabilities, open_model
from bartleby.collectors.models.local import LocalModel
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Message, Reply, Request, Settings
from tests.collectors.models.asking import ask, capabilities, pair

pytestmark = pytest.mark.local_model

KEY = "sk-loopback-llama"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import xllamacpp

    embedded = open_model("local/smollm2")
    assert isinstance(embedded, LocalModel)
    params = xllamacpp.CommonParams()
    params.model.path = str(embedded.path)
    params.n_ctx, params.n_parallel, params.port, params.verbosity = 1024, 1, 0, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = [KEY]
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server


@pytest.fixture(autouse=True)
def environment(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def test_it_answers_in_two_turns() -> None:
    model = open_model("anthropic/smollm2")
    opening = Request((Message("user", "Say hello."),), Settings(max_tokens=8, system="Be brief."))
    first = ask(model, [opening])[0]
    again = Request(opening.followed_by(first, "Once more."), opening.settings)
    second = ask(model, [again])[0]
    assert first.text
    assert second.text
    assert first.stop in ("end", "max_tokens")
    assert (second.usage.input_tokens or 0) + (second.usage.cache_read_tokens or 0) > 20


def test_it_does_not_tell_what_it_can_do() -> None:
    assert capabilities(open_model("anthropic/smollm2")).channels == ("text", "tool")


def test_a_wrong_key_and_too_long_a_prompt_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    long = Request((Message("user", "word " * 2000),))
    with pytest.raises(RequestError, match="exceeds the available context size"):
        ask(open_model("anthropic/smollm2"), [long])
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong")
    with pytest.raises(ModelError, match="the key was refused"):
        ask(open_model("anthropic/smollm2"), [Request((Message("user", "Hello."),))])


def test_chat_completions_give_label_probabilities_and_hold_answers(address: str) -> None:
    pytest.importorskip("openai")
    model = open_model(f"openai/smollm2@{address}/v1?key=ANTHROPIC_API_KEY")
    schema = {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": ["A", "B"]}},
        "required": ["choice"],
        "additionalProperties": False,
    }

    async def main() -> tuple[Capabilities, list[Reply]]:
        async with model as opened:
            told = await opened.capabilities()
            asked = [replace(pair(), constrain=("A", "B")), pair(), replace(pair(), schema=schema)]
            return told, [await opened.answer(request) for request in asked]

    told, (held, plain, structured) = asyncio.run(main())
    assert told.channels == ("label", "json_schema", "text")
    assert told.settings == {"temperature", "top_p"}
    assert (told.description["constraint"], told.description["top_logprobs"]) == ("grammar", 20)
    assert held.text in ("A", "B")
    assert json.loads(structured.text)["choice"] in ("A", "B")
    for reply in (held, plain):
        assert reply.probabilities is not None
        assert 0.3 < sum(reply.probabilities.values()) < 1
    # In this process the same model gives .50 and .08; the server computes in batches of its own.
    exact = ask(open_model("local/smollm2?threads=1"), [replace(pair(), constrain=("A", "B"))])[0]
    assert held.probabilities == pytest.approx(exact.probabilities, abs=0.1)
