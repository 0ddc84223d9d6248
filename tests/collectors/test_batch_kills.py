"""Runs in batches, killed without warning at random moments: nothing is ever billed twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from bartleby.collectors.status import status
from tests.collectors.killed_batch_run import run
from tests.collectors.killed_run import TRIALS
from tests.collectors.killing import count, finish, kill_at, messages_server, started
from tests.servers.ledger import Ledger

Serve = Callable[..., tuple[Path, dict[str, str]]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server in a process of its own; return the file of its ledger, and how to reach it."""
    pytest.importorskip("anthropic")
    with ExitStack() as stack:

        def start_one(*options: str) -> tuple[Path, dict[str, str]]:
            ledger = tmp_path / "ledger.jsonl"
            return ledger, stack.enter_context(messages_server(ledger, *options))

        yield start_one


def start(log: Path, most: int, turns: int, environment: dict[str, str]) -> ForkServerProcess:
    return started(run, str(log), most, turns, environment)


SENT = "SELECT count(*) FROM batches"
REPLIES = "SELECT count(*) FROM replies"


def test_2000_trials_in_batches_killed_eight_times_are_billed_once_each(tmp_path: Path, serve: Serve) -> None:
    rng = random.Random(9)  # noqa: S311
    # One batch in five is made and nobody hears of it, one in five is not made.
    faults = ("--fault", "drop_after=0.2", "--fault", "drop_before=0.2")
    ledger, environment = serve("--batch-seconds", "0.4", *faults)
    log, how = tmp_path / "run.db", (200, 0, environment)
    moments = [(at, SENT) for at in (1, 3, 6, 9)] + [(at, REPLIES) for at in (150, 700, 1200, 1700)]
    for wanted, query in moments:
        kill_at(start(log, *how), log, wanted, rng.uniform(0, 0.05), query)
    assert finish(start(log, *how)) == 0
    stands = status(log)
    assert (stands.planned, sum(stands.ended.values()), stands.finished) == (TRIALS, TRIALS, True)
    assert set(stands.ended) <= {"chose_first", "chose_second"}
    billed = Ledger.read(ledger).bodies("billed")
    assert (len(billed), sum(billed.values())) == (TRIALS, TRIALS)
    assert stands.lost_attempts == 0


def test_conversations_in_batches_killed_at_random_go_on_at_the_turn_where_they_stood(
    tmp_path: Path, serve: Serve
) -> None:
    rng = random.Random(10)  # noqa: S311
    ledger, environment = serve("--batch-seconds", "0.2", "--fault", "drop_after=0.1")
    log, how = tmp_path / "run.db", (25, 5, environment)
    for wanted in (10, 60, 110, 170):
        kill_at(start(log, *how), log, wanted, rng.uniform(0, 0.05))
    assert finish(start(log, *how)) == 0
    assert status(log).ended == {"completed": 40}
    billed = Ledger.read(ledger).bodies("billed")
    assert (len(billed), sum(billed.values())) == (200, 200)


@pytest.mark.slow
def test_a_run_in_batches_killed_a_hundred_times_at_random_is_billed_once_each(
    tmp_path: Path, serve: Serve
) -> None:
    rng = random.Random(11)  # noqa: S311
    faults = ("--fault", "drop_after=0.1", "--fault", "drop_before=0.1")
    ledger, environment = serve("--batch-seconds", "0.3", *faults)
    killed, left = 0, 0
    while killed < 100:
        log = tmp_path / f"run{left}.db"
        turns = 4 * (left % 2)  # choices and conversations by turns
        how = (10 if turns else 50, turns, environment)
        for _ in range(25):
            sent = count(log, SENT)
            kill_at(start(log, *how), log, sent + rng.choice((0, 1, 2)), rng.expovariate(4.0), SENT)
            killed += 1
        assert finish(start(log, *how)) == 0
        stands = status(log)
        assert (stands.finished, stands.lost_attempts, "error" in stands.ended) == (True, 0, False)
        left += 1
    billed = Ledger.read(ledger).bodies("billed")
    # Two logs of each kind show the same texts.
    assert (len(billed), set(billed.values())) == (TRIALS + 160, {2})
