from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from bartleby.collectors.status import status
from bartleby.collectors.transcripts import transcripts
from tests.collectors.killed_run import CONCURRENCY, TRIALS, run
from tests.collectors.killing import Counts, bodies_answered, count, finish, kill_at, messages_server, started
from tests.servers.ledger import Ledger


class LineServer:
    """Takes a hash, counts it as billed, and delivers an answer; it remembers both in order."""

    def __init__(self, latency: float) -> None:
        self.billed: list[str] = []
        self.delivered: list[str] = []
        self._latency = latency
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._ready.wait()

    def _serve(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        self._loop.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        digest = (await reader.readline()).decode().strip()
        if digest:
            self.billed.append(digest)
            await asyncio.sleep(random.uniform(0, 2 * self._latency))  # noqa: S311
            writer.write(b"A\n")
            try:
                await writer.drain()
            except ConnectionError:
                return
            self.delivered.append(digest)
        writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def server() -> Iterator[LineServer]:
    opened = LineServer(0.004)
    yield opened
    opened.close()


def start(
    log: Path,
    name: str,
    turns: int = 0,
    environment: dict[str, str] | None = None,
    user: str | None = None,
) -> ForkServerProcess:
    return started(run, str(log), name, turns, environment, user)


def committed(log: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT hash FROM attempts WHERE ok = 1")}


@pytest.fixture
def messages(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A Messages API in a process of its own: the file of its ledger, and how to reach it."""
    pytest.importorskip("anthropic")
    ledger = tmp_path / "ledger.jsonl"
    with messages_server(ledger, "--latency", "0.01") as environment:
        yield ledger, environment


def test_2000_trials_through_the_sdk_killed_ten_times_ask_nothing_twice(
    tmp_path: Path, messages: tuple[Path, dict[str, str]]
) -> None:
    """What was billed and delivered is never asked for again, but for what was under way at the kill."""
    rng = random.Random(7)  # noqa: S311
    book, environment = messages
    log, how = tmp_path / "run.db", ("anthropic/claude-test-1", 0, environment)
    kept: list[tuple[set[str], int]] = []
    unread = 0
    for threshold in sorted(rng.sample(range(TRIALS - 100), 10)):
        kill_at(start(log, *how), log, threshold, rng.uniform(0, 0.05))
        time.sleep(0.1)  # what is under way at the server comes to its end
        entries = Ledger.read(book).entries
        answered = bodies_answered(log, entries)
        assert len(answered) == count(log) < TRIALS
        delivered = {entry.body for entry in entries if entry.event == "delivered"}
        assert len(delivered - answered) <= CONCURRENCY
        unread += len(delivered - answered)
        kept.append((answered, len(entries)))
    assert finish(start(log, *how)) == 0
    ledger = Ledger.read(book)
    for answered, already in kept:
        assert answered.isdisjoint(entry.body for entry in ledger.entries[already:])
    stands = status(log)
    assert (stands.planned, sum(stands.ended.values()), stands.finished) == (TRIALS, TRIALS, True)
    assert set(stands.ended) <= {"chose_first", "chose_second"}
    assert count(log) == len(bodies_answered(log, ledger.entries)) == TRIALS
    # Delivered twice: only what arrived in the moment of a kill. Billed twice: at most what was under way,
    # and the log knows of it.
    assert ledger.count("delivered") - TRIALS <= unread
    assert ledger.count("billed") - TRIALS <= stands.lost_attempts + CONCURRENCY
    assert stands.lost_attempts <= 10 * CONCURRENCY


def test_conversations_killed_at_random_go_on_at_the_turn_where_they_stood(
    tmp_path: Path, server: LineServer
) -> None:
    rng = random.Random(8)  # noqa: S311
    log, arguments = tmp_path / "run.db", (f"line/{server.port}", 12)
    kept: list[tuple[set[str], int]] = []
    for threshold in (60, 150, 260, 350, 430):
        kill_at(start(log, *arguments), log, threshold, rng.uniform(0, 0.01))
        kept.append((committed(log), len(server.billed)))
    assert count(log, "SELECT count(*) FROM outcomes") < 40
    assert finish(start(log, *arguments)) == 0
    for answered, already in kept:
        assert answered.isdisjoint(server.billed[already:])
    assert status(log).ended == {"completed": 40}
    assert count(log) == 480
    assert len(server.billed) <= 480 + 5 * CONCURRENCY
    told = list(transcripts(log))
    assert [len(each.turns) for each in told] == [24] * 40
    assert {each.turns[-1].text for each in told} == {"A"}


def test_conversations_with_a_played_user_killed_at_random_ask_neither_side_twice(
    tmp_path: Path, server: LineServer
) -> None:
    """12 turns of the subject and 11 lines of the user each: 920 replies in all."""
    rng = random.Random(9)  # noqa: S311
    name = f"line/{server.port}"
    log = tmp_path / "run.db"
    kept: list[tuple[set[str], int]] = []
    for threshold in (100, 350, 600, 850):
        kill_at(start(log, name, 12, None, name), log, threshold, rng.uniform(0, 0.01))
        kept.append((committed(log), len(server.billed)))
    assert count(log, "SELECT count(*) FROM outcomes") < 40
    assert finish(start(log, name, 12, None, name)) == 0
    for answered, already in kept:
        assert answered.isdisjoint(server.billed[already:])
    assert status(log).ended == {"completed": 40}
    by_listener = "SELECT count(*) FROM replies r JOIN attempts a ON a.number = r.attempt WHERE listener"
    assert (count(log, f"{by_listener} IS NULL"), count(log, f"{by_listener} = 'user'")) == (480, 440)
    assert len(server.billed) <= 920 + 4 * CONCURRENCY
    told = list(transcripts(log))
    assert [len(each.turns) for each in told] == [24] * 40


@pytest.mark.slow
@pytest.mark.parametrize("turns", [0, 30], ids=["choices", "conversations"])
def test_at_every_kill_the_log_knows_of_all_that_was_billed_and_not_delivered(
    tmp_path: Path, turns: int
) -> None:
    """`benchmarks/collector_kills.py` does this at length."""
    pytest.importorskip("anthropic")
    rng, counts = random.Random(12), Counts()  # noqa: S311
    ledger, log = tmp_path / "ledger.jsonl", tmp_path / "run.db"
    replies, now = 40 * turns or TRIALS, 0
    with messages_server(ledger, "--latency", "0.02", "--fault", "drop_after=0.01") as environment:
        how = ("anthropic/claude-test-1", turns, environment)
        for wanted in sorted(rng.sample(range(replies - 100), 6)):
            if kill_at(start(log, *how), log, max(wanted, count(log)), rng.expovariate(10.0)):
                now = counts.killed(log, ledger, 0, now)
        assert finish(start(log, *how)) == 0
        counts.ended(ledger)
    stands = status(log)
    assert (counts.kills, counts.asked_again, counts.beyond) == (6, 0, 0)
    assert counts.most_under_way <= CONCURRENCY + CONCURRENCY // 8
    assert (count(log), stands.finished, "error" in stands.ended) == (replies, True, False)
    billed = Ledger.read(ledger).count("billed")
    assert 0 < billed - replies <= stands.lost_attempts + stands.unheard_attempts
