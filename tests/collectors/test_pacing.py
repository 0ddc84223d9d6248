from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bartleby.collectors import retry
from bartleby.collectors.collector import collect
from bartleby.collectors.models import Capabilities, open_model
from bartleby.collectors.models.base import RateLimit, TransientError
from bartleby.collectors.pacing import FIRST_WINDOW, Pace, Paces
from tests.collectors.fakes import query, small_study
from tests.servers.messages_server import KEY, MessagesServer, serve


async def work(pace: Pace, error: Exception | None = None) -> None:
    async with pace.turn():
        await asyncio.sleep(0)
        if error is not None:
            raise error


async def fail(pace: Pace, kind: str = "rate_limit", retry_after: float | None = None) -> None:
    with pytest.raises(TransientError):
        await work(pace, TransientError("no", kind=kind, retry_after=retry_after))


async def test_it_grows_by_one_an_answer_up_to_its_ceiling() -> None:
    pace = Pace(10, 4)
    for expected in (5, 6, 7, 8, 9, 10, 10):
        await work(pace)
        assert pace.window == expected


async def test_never_more_are_under_way_than_the_window_and_all_get_their_turn() -> None:
    pace, most = Pace(5), 0

    async def one() -> None:
        nonlocal most
        async with pace.turn():
            most = max(most, pace.under_way)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(one() for _ in range(50)))
    assert (most, pace.under_way) == (5, 0)


async def test_a_push_back_halves_it_once_for_all_that_were_under_way_together() -> None:
    now = 0.0
    pace = Pace(16, clock=lambda: now)
    turns = [pace.turn() for _ in range(16)]
    for turn in turns:
        await turn.__aenter__()
    now = 1.0
    error = TransientError("no", kind="overloaded")
    for turn in turns[:5]:
        await turn.__aexit__(TransientError, error, None)
    assert pace.window == 8
    for turn in turns[5:]:
        await turn.__aexit__(None, None, None)
    assert 8 < pace.window < 10  # from here on by one for as many answers as fit into it
    now = 2.0
    await fail(pace)
    assert pace.window == 1  # it was alone: so many were too much
    await fail(pace, kind="server")
    assert pace.window == 1


async def test_everybody_waits_for_as_long_as_the_server_asks() -> None:
    pace = Pace(4)
    await fail(pace, retry_after=0.15)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(work(pace) for _ in range(3)))
    assert 0.1 < loop.time() - started < 5


async def test_what_a_server_says_is_left_is_not_exceeded() -> None:
    pace, most = Pace(8), 0
    pace.heard(RateLimit(2))

    async def one() -> None:
        nonlocal most
        async with pace.turn():
            most = max(most, pace.under_way)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(one() for _ in range(10)))
    assert most == 2
    pace.heard(RateLimit(0, 0.1))
    started = asyncio.get_running_loop().time()
    await work(pace)
    assert asyncio.get_running_loop().time() - started > 0.05


async def test_one_that_is_cancelled_while_it_waits_takes_no_turn() -> None:
    pace = Pace(1)
    holding = pace.turn()
    await holding.__aenter__()
    waiting = [asyncio.create_task(work(pace)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await holding.__aexit__(None, None, None)
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert pace.under_way == 0
    assert waiting[2].done()
    assert not waiting[2].cancelled()


def test_those_who_ask_one_server_share_a_pace() -> None:
    paces = Paces()
    told = Capabilities(("text",), concurrency=64, description={"provider": "anthropic", "server": "x"})
    first, second = paces.of("anthropic/one", told), paces.of("anthropic/two", told)
    assert first is second
    assert (first.window, first.ceiling) == (FIRST_WINDOW, 64)
    other = Capabilities(("text",), concurrency=4, description={"provider": "openai", "server": "x"})
    assert paces.of("openai/one", other, 3) is not first
    assert paces.of("openai/one", other, 3).window == 3
    assert paces.of("anthropic/one", told, 80).window == 80


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    pytest.importorskip("anthropic")
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with serve(MessagesServer(latency=0.01, capacity=6, retry_after="0.02")) as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield started


async def test_a_run_finds_the_concurrency_that_a_server_bears(
    server: MessagesServer, tmp_path: Path
) -> None:
    model = open_model("anthropic/claude-test-1")
    summary = await collect(small_study(20), model, tmp_path / "run.db", concurrency=40, max_attempts=40)
    assert sum(summary.status.ended.values()) == 380
    assert "error" not in summary.status.ended
    late = query(tmp_path / "run.db", "SELECT count(*) FROM attempts WHERE number > 250 AND ok = 0")[0][0]
    # With forty at a time that six are taken of, thirty-four of forty would be refused.
    assert isinstance(late, int)
    assert late < summary.status.attempts / 3


async def test_the_headers_of_both_sdks_reach_the_pace(
    server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    from tests.collectors.models.asking import pair

    server.headers_told |= {
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-tokens-remaining": "90000",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "1m0.5s",
    }
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.address}/v1")
    for name, limit in (
        ("anthropic/claude-test-1", RateLimit(7)),
        ("openai/gpt-test-1", RateLimit(3, 60.5)),
    ):
        async with open_model(name) as model:
            await model.answer(pair())
            assert getattr(model, "rate_limit") == limit  # noqa: B009
