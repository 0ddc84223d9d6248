"""Runs killed without warning (SIGKILL) at random moments: `python -m benchmarks.collector_kills`.

Three kinds of runs, each through the official SDK on the loopback server, with its ledger of what it billed
and delivered: choices asked live, choices asked in batches, conversations asked live. A log is killed 24
times and then run to its end; logs are begun until there were as many kills as wanted. One request in a
hundred is answered and billed and its reply lost on the way (in batches: one in ten is made and nobody hears
of it, one in ten is not made), so that what is billed in vain is not only what a kill cost.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.collectors import killed_batch_run, killed_run
from tests.collectors.killing import Counts, count, finish, kill_at, messages_server, started
from tests.servers.ledger import Ledger

from bartleby.collectors.status import status

KILLS_A_LOG = 24
MODEL = "anthropic/claude-test-1"
LIVE_FAULTS = ("--latency", "0.02", "--fault", "drop_after=0.01")
BATCH_FAULTS = ("--batch-seconds", "0.2", "--fault", "drop_after=0.1", "--fault", "drop_before=0.1")

Start = Callable[[Path, dict[str, str]], ForkServerProcess]


@dataclass(frozen=True)
class Kind:
    """A kind of run: how one is started, how many replies it has at its end, and what its server does."""

    name: str
    start: Start
    replies: int
    options: tuple[str, ...]
    batches: bool = False


def live(turns: int, log: Path, environment: dict[str, str]) -> ForkServerProcess:
    """Start a run that asks live: choices, or conversations of so many turns."""
    return started(killed_run.run, str(log), MODEL, turns, environment)


def in_batches(log: Path, environment: dict[str, str]) -> ForkServerProcess:
    """Start a run of choices in batches of 100."""
    return started(killed_batch_run.run, str(log), 100, 0, environment)


KINDS = (
    Kind("live", partial(live, 0), killed_run.TRIALS, LIVE_FAULTS),
    Kind("batches", in_batches, killed_run.TRIALS, BATCH_FAULTS, batches=True),
    Kind("conversations", partial(live, 30), 40 * 30, LIVE_FAULTS),
)


@dataclass(frozen=True)
class Site:
    """Where a run is: its log, the server's ledger, and how to reach the server."""

    log: Path
    ledger: Path
    environment: dict[str, str]


@dataclass
class Ends:
    """What all logs of a kind came to, by the logs and by the ledger."""

    planned: int = 0
    ended: int = 0
    errors: int = 0
    replies: int = 0
    billed: int = 0
    said: int = 0


def kill_often(kind: Kind, kills: int, rng: random.Random) -> tuple[Counts, Ends]:
    """Kill runs of a kind so often, and count what became of them."""
    counts, ends = Counts(kind.batches), Ends()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.jsonl"
        with messages_server(ledger, *kind.options) as environment:
            while counts.kills < kills:
                site = Site(Path(folder) / f"run{ends.planned}.db", ledger, environment)
                kill_one_log(kind, site, counts, rng)
                counts.ended(ledger)
                add(ends, site.log)
        ends.billed = Ledger.read(ledger).count("billed")
    return counts, ends


def kill_one_log(kind: Kind, site: Site, counts: Counts, rng: random.Random) -> None:
    """Kill the runs of one log at moments all over its length, and let the last one come to its end."""
    log = site.log
    begun = now = len(Ledger.read(site.ledger).entries)
    for wanted in sorted(rng.sample(range(kind.replies - kind.replies // 20), KILLS_A_LOG)):
        child = kind.start(log, site.environment)
        if kill_at(child, log, max(wanted, count(log)), rng.expovariate(10.0)):
            now = counts.killed(log, site.ledger, begun, now)
    if finish(kind.start(log, site.environment)) != 0:
        raise RuntimeError(f"the last run of {log} failed")


def add(ends: Ends, log: Path) -> None:
    """Add what a finished log says of itself."""
    stands = status(log)
    ends.planned += stands.planned
    ends.ended += sum(stands.ended.values())
    ends.errors += stands.ended.get("error", 0) + stands.ended.get("abandoned", 0)
    ends.replies += count(log)
    ends.said += stands.lost_attempts + stands.unheard_attempts


def report(kind: Kind, counts: Counts, ends: Ends, seconds: float) -> str:
    """Return what became of a kind of runs, in words."""
    rows = (
        ("kills", counts.kills),
        ("trials planned, ended, ended without an answer", (ends.planned, ends.ended, ends.errors)),
        (
            "replies on disk at the kills, of these asked or billed again",
            (counts.recorded, counts.asked_again),
        ),
        ("replies sent off by the server and not yet on disk at the kills", counts.unread),
        ("billed and not on disk at the kills; at most, by the logs", (counts.lost, counts.under_way)),
        ("the most under way at one kill, by the log", counts.most_under_way),
        ("kills at which more was billed than the log knew to be under way", counts.beyond),
        ("billed without a reply in the end; at most, by `status`", (ends.billed - ends.replies, ends.said)),
    )
    return "\n".join([f"{kind.name} ({seconds:.0f} s)", *(f"  {what}: {told}" for what, told in rows)])


def main() -> None:
    """Kill, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=72, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for kind in KINDS:
        began = time.monotonic()
        counts, ends = kill_often(kind, given.kills, random.Random(given.seed))  # noqa: S311
        print(report(kind, counts, ends, time.monotonic() - began), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
