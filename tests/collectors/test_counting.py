"""Tokens are counted by the provider where it does so, and estimated with a word about it where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bartleby.collectors import counting
from bartleby.collectors.counting import FROM_CHARACTERS, Counted, counter_of
from bartleby.collectors.plan import SAMPLED, plan
from bartleby.collectors.prices import Price
from bartleby.collectors.rehearsal import request_tokens
from bartleby.exchange import Request, Settings
from bartleby.verbs.running import check
from tests.collectors.fakes import small_study
from tests.collectors.models.asking import pair
from tests.servers.messages_server import KEY, MessagesServer, serve

MODEL = "anthropic/claude-test-1"
STUDY = replace(small_study(6), settings=Settings(max_tokens=64))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    pytest.importorskip("anthropic")
    with serve() as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield started


def test_a_few_prompts_are_counted_and_none_is_asked(server: MessagesServer) -> None:
    told = check(STUDY, MODEL)
    assert len(server.counted) == SAMPLED
    assert server.requests == []
    assert all("max_tokens" not in body for body in server.counted)
    assert told.counted == "8 prompts counted by anthropic, scaled up"
    assert told.counted in told.summary()
    assert told.input_tokens != check(STUDY, MODEL, offline=True).input_tokens
    assert len(server.counted) == SAMPLED


def test_the_estimate_is_scaled_by_what_was_counted() -> None:
    def twice(requests: Sequence[Request]) -> Counted:
        return Counted(tuple(round(2 * request_tokens(each)) for each in requests), "counted")

    price = Price(1.0, 0.0, 0.0, 0.0)
    once, double = plan(STUDY, "m", price), plan(STUDY, "m", price, twice)
    assert double.input_tokens == pytest.approx(2 * once.input_tokens, rel=0.01)
    assert double.cost == pytest.approx(2 * (once.cost or 0.0), rel=0.01)
    assert double.output_tokens == once.output_tokens


def test_without_a_key_it_is_an_estimate_and_says_why(
    server: MessagesServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("ANTHROPIC_CONFIG_DIR", raising=False)
    for home in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(home, str(tmp_path))
    told = check(STUDY, MODEL)
    assert told.counted.startswith(FROM_CHARACTERS)
    assert "no key" in told.counted
    assert any("no key" in refusal for refusal in told.refusals)
    assert server.counted == []


def test_a_provider_that_does_not_count_leaves_an_estimate() -> None:
    assert counter_of("sim/averse")([pair()]).tokens == ()
    assert check(STUDY, "sim/averse").counted.startswith(FROM_CHARACTERS)


def test_a_server_that_cannot_count_or_takes_too_long_leaves_an_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with serve(MessagesServer(counts_tokens=False)) as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        found = counter_of(MODEL)([pair()])
        assert found.tokens == ()
        assert found.told.startswith(FROM_CHARACTERS)
        assert KEY not in found.told
    with serve() as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setattr(counting, "PATIENCE", 0.0)
        assert "nothing was counted in 0 s" in counter_of(MODEL)([pair()]).told
