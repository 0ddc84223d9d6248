"""Runs in processes of their own, killed without warning; and what ledger and log say of it."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.servers.ledger import Entry, Ledger
from tests.servers.messages_server import KEY

ROOT = Path(__file__).parents[2]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "tests.collectors.killed_run",
        "tests.collectors.killed_batch_run",
        "bartleby.collectors.models.anthropic",
        "anthropic",
    ]
)
"""Runs are forked from a process that has imported what they need, because that is most of a start."""


def started(run: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Start a run in a process of its own."""
    child = PROCESSES.Process(target=run, args=arguments, daemon=True)
    child.start()
    return child


def finish(child: ForkServerProcess) -> int | None:
    """Wait for a run to end; return its exit code."""
    child.join(100)
    return child.exitcode


def kill_at(
    child: ForkServerProcess,
    log: Path,
    wanted: int,
    pause: float,
    query: str = "SELECT count(*) FROM replies",
) -> bool:
    """Kill a run a moment after a query on its log has found so much; return whether it was still running."""
    deadline = time.monotonic() + 60
    while count(log, query) < wanted and child.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(pause)
    running = child.is_alive()
    child.kill()
    child.join()
    return running


def count(log: Path, query: str = "SELECT count(*) FROM replies") -> int:
    """Return a number from a log, 0 while there is no log."""
    if not log.exists():
        return 0
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:
            return 0


@contextmanager
def messages_server(ledger: Path, *options: str) -> Iterator[dict[str, str]]:
    """Serve the Messages API in a process of its own; yield how to reach it."""
    command = [sys.executable, "-m", "tests.servers.messages_server", "--ledger", str(ledger), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("the server was not asked for its address")
        yield {"ANTHROPIC_BASE_URL": process.stdout.readline().strip(), "ANTHROPIC_API_KEY": KEY}
    finally:
        process.kill()
        process.communicate()


def numbers_answered(log: Path) -> set[int]:
    """Return the attempts whose replies a log holds, by the numbers that the server has for them."""
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
        rows: list[Any] = connection.execute(
            "SELECT a.request_id FROM replies r JOIN attempts a ON a.number = r.attempt"
        ).fetchall()
    return {int(row[0].rpartition("_")[2]) for row in rows}


def bodies_answered(log: Path, entries: Sequence[Entry]) -> set[str]:
    """Return the requests whose replies a log holds, by the names that the server has for them."""
    by_number = {entry.attempt: entry.body for entry in entries}
    return {by_number[number] for number in numbers_answered(log)}


UNDER_WAY = "SELECT count(*) FROM attempts WHERE ok IS NULL"
UNHEARD = "SELECT count(*) FROM attempts WHERE ok = 0 AND status IS NULL"
THIS_SESSION = " AND session = (SELECT max(number) FROM sessions)"


@dataclass
class Counts:
    """What became of runs that were killed.

    Parameters
    ----------
    batches
        Whether they ask in batches: then what earlier sessions asked is still under way.

    Attributes
    ----------
    kills
        Kills of a run that was under way.
    recorded
        Replies that were in a log at a kill, added up over kills.
    asked_again
        Requests whose reply was in the log at a kill and that were asked, or billed, again after it.
    unread
        Replies that the server had sent off, and that were not on the disk when the run was killed.
    lost, under_way
        Billed and not in the log at the kill; and the most that the log itself says there were.
    most_under_way
        The most attempts that the log has as under way at one kill.
    beyond
        Kills at which more was billed and lost than the log says.
    """

    batches: bool = False
    kills: int = 0
    recorded: int = 0
    asked_again: int = 0
    unread: int = 0
    lost: int = 0
    under_way: int = 0
    beyond: int = 0
    most_under_way: int = 0
    _kept: list[tuple[set[str], int]] = field(default_factory=list)

    def killed(self, log: Path, ledger: Path, begun: int, of_this_session: int) -> int:
        """Count one kill; return how many entries the ledger has by now.

        Parameters
        ----------
        log, ledger
            What the run and the server wrote.
        begun, of_this_session
            Entries of the ledger before the first session of this log, and before this session.
        """
        time.sleep(0.15)  # what is under way at the server comes to its end
        entries = Ledger.read(ledger).entries
        held = numbers_answered(log)
        session = entries[begun if self.batches else of_this_session :]
        which = "" if self.batches else THIS_SESSION
        billed = {entry.attempt for entry in session if entry.event == "billed"}
        delivered = {entry.attempt for entry in session if entry.event == "delivered"}
        under_way, unheard = count(log, UNDER_WAY + which), count(log, UNHEARD + which)
        self.kills += 1
        self.recorded += len(held)
        self.unread += len(delivered - held)
        self.lost += len(billed - held)
        self.under_way += under_way + unheard
        self.most_under_way = max(self.most_under_way, under_way)
        self.beyond += len(billed - held) > under_way + unheard
        self._kept.append((bodies_answered(log, entries[begun:]), len(entries)))
        return len(entries)

    def ended(self, ledger: Path) -> None:
        """Look, after the last session of a log, whether anything that it held was asked again."""
        entries = Ledger.read(ledger).entries
        for answered, already in self._kept:
            after = {entry.body for entry in entries[already:] if entry.event in ("asked", "billed")}
            self.asked_again += len(answered & after)
        self._kept.clear()
