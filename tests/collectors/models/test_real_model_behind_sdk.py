"""A real model behind the real client: llama.cpp's own Messages API on loopback, through the official SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bartleby.collectors.models import open_model
from bartleby.collectors.models.local import LocalModel
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Message, Request, Settings
from tests.collectors.models.asking import ask, capabilities

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
