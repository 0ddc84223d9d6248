"""Commands killed without warning (SIGKILL) at random moments: `python -m benchmarks.collector_kills`.

Four kinds of runs, each through the official SDK on the loopback server, with its ledger of what it billed
and delivered: choices asked live, choices asked in batches, conversations asked live, and `bartleby code`
with a judge. A log is killed 24 times and then run to its end; logs are begun until there were as many kills
as wanted. One request in a hundred is answered and billed and its reply lost on the way (in batches: one in
ten is made and nobody hears of it, one in ten is not made), so that what is billed in vain is not only what
a kill cost.

Three kinds of other commands: `export` and `report`, which must leave the files of before or the whole new
ones, and the log as it was; and `label`, which must have every label that it said it had saved, once.

And Ctrl-C twice, at random moments from the start of Python to the end of a run.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.collectors import killed_batch_run, killed_run
from tests.collectors.killing import (
    PROCESSES,
    Counts,
    count,
    finish,
    kill_at,
    messages_server,
    started,
)
from tests.servers.ledger import Ledger

from bartleby.cli.main import main as command
from bartleby.collectors.checking import check_log
from bartleby.collectors.people.store import rows_of_saves
from bartleby.collectors.status import status

KILLS_A_LOG = 24
MODEL = killed_run.JUDGE
JUDGED = 600
"""Conversations that a judge codes."""
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


def judged(log: Path, environment: dict[str, str]) -> ForkServerProcess:
    """Start a judge on conversations, in a file that all logs of one folder share."""
    source = log.with_name("talks.jsonl")
    if not source.exists():
        write_talks(source, JUDGED)
    return started(killed_run.judge, str(source), str(log), str(log.with_suffix(".csv")), environment)


def write_talks(file: Path, talks: int) -> None:
    """Write conversations of one turn, each with a text of its own."""
    said = ([{"role": "user", "content": f"Hello {n}."}, {"role": "assistant", "content": f"No, {n}."}]
            for n in range(talks))  # fmt: skip
    file.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in said))


KINDS = (
    Kind("live", partial(live, 0), killed_run.TRIALS, LIVE_FAULTS),
    Kind("batches", in_batches, killed_run.TRIALS, BATCH_FAULTS, batches=True),
    Kind("conversations", partial(live, 30), 40 * 30, LIVE_FAULTS),
    Kind("code with a judge", judged, JUDGED, LIVE_FAULTS),
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


@dataclass
class Outputs:
    """What became of files whose writing was killed."""

    kills: int = 0
    files: int = 0
    broken: int = 0
    faults: int = 0
    left: int = 0


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder, but those that are being written."""
    files = (each for each in folder.rglob("*") if each.is_file() and ".part" not in each.name)
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def kill_writing(what: str, kills: int, rng: random.Random) -> Outputs:
    """Kill commands that write files over good ones; look at the files and the log after each."""
    counts = Outputs()
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name) / "out", Path(name) / "run.db"
        command(["run", "task_preferences", "--model", "sim/averse", "--log", str(log), "--max-calls", "800"])
        files = (
            [folder / f"trials{end}" for end in (".csv", ".jsonl", ".parquet")]
            if what == "export"
            else [folder]
        )
        ways = [(what, str(log), "-o", str(file)) for file in files]
        began = time.monotonic()
        for way in ways:
            finish(started(killed_run.command, *way))
        whole, took = contents(folder), (time.monotonic() - began) / len(ways)
        while counts.kills < kills:
            child = started(killed_run.command, *rng.choice(ways))
            time.sleep(rng.uniform(0, 1.1 * took))
            counts.kills += child.is_alive()
            child.kill()
            child.join()
            counts.files += len(whole)
            counts.broken += sum(whole[file] != now for file, now in contents(folder).items())
            counts.broken += len(whole.keys() - contents(folder).keys())
            counts.faults += len(check_log(log).faults)
        for way in ways:
            finish(started(killed_run.command, *way))
        counts.broken += contents(folder) != whole
        counts.left = sum(1 for file in folder.rglob("*.part*"))
    return counts


@dataclass
class Labelled:
    """What became of labels that were saved while the page was killed."""

    kills: int = 0
    saved: int = 0
    missing: int = 0
    twice: int = 0


def kill_labelling(kills: int, rng: random.Random) -> Labelled:
    """Kill the page while labels are saved; look after each kill for all that it said it had saved."""
    counts, sent = Labelled(), dict[str, int]()
    with tempfile.TemporaryDirectory() as name:
        source, store = Path(name) / "talks.jsonl", Path(name) / "labels.db"
        write_talks(source, 50)
        page = ("label", str(source), "--store", str(store), "--labeller", "ann", "--no-browser")
        while counts.kills < kills:
            child = started(killed_run.command, *page)
            save_until_killed(child, store, sent, rng)
            counts.kills += 1
            ids = [row[0] for row in rows_of(store, "SELECT id FROM saves")]
            counts.missing += len(sent.keys() - set(ids))
            counts.twice += len(ids) - len(set(ids))
        values = {row["save"]: row["value"] for row in rows_of_saves(store)}
        numbers = dict(rows_of(store, "SELECT id, number FROM saves"))
        counts.missing += sum(values[numbers[save]] != value for save, value in sent.items())
        counts.saved = len(sent)
    return counts


def rows_of(store: Path, query: str) -> list[tuple[str, int]]:
    """Return rows of a file of labels, none while there is no such file."""
    if not store.exists():
        return []
    connection = sqlite3.connect(store)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def save_until_killed(
    child: ForkServerProcess, store: Path, sent: dict[str, int], rng: random.Random
) -> None:
    """Save labels as the page does, noting those that were said to be saved, and kill the page meanwhile."""
    killer = threading.Timer(rng.expovariate(1.0), child.kill)
    while child.is_alive():
        try:
            row = rows_of(store, "SELECT key, value FROM meta WHERE key = 'page of ann'")
            about = json.loads(str(row[0][1]))
            unit = asked(about, f"/unit?place={rng.randrange(50)}")
            code = unit_codes(about)[0]
            save, value = f"s{rng.getrandbits(60)}", rng.randrange(2)
            shown = {name: unit[name] for name in ("unit", "version", "revision")}
            body = {**shown, "id": save, "labels": {code: {"value": value}}}
            if not killer.ident:
                killer.start()
            asked(about, "/labels", body)
            sent[save] = value
        except (OSError, ValueError, IndexError, HTTPException, sqlite3.Error):
            time.sleep(0.02)
    child.join()


def unit_codes(about: dict[str, str]) -> list[str]:
    """Return the codes that a page labels."""
    return [code["name"] for code in asked(about, "/state")["codebook"]["codes"]]


def asked(about: dict[str, str], path: str, body: object = None) -> dict[str, Any]:
    """Return what the page answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{about['port']}{path}", data, {"X-Token": about["token"]}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
        value: dict[str, Any] = json.loads(answer.read())
        return value


def interrupt_twice(runs: int, rng: random.Random) -> str:
    """Press Ctrl-C twice at random moments of runs of six seconds, and say how these ended."""
    codes, seconds, silent = Counter[int](), list[float](), 0
    program = Path(sys.executable).with_name("bartleby")
    asked = ["run", "end_conversation", "--model", "sim/averse?latency=0.1", "--log"]
    # A shell that starts this in the background has it ignored, which the runs would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            log = Path(folder) / f"run{number}.db"
            child = subprocess.Popen([program, *asked, log], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(rng.uniform(0.05, 6))
            child.send_signal(signal.SIGINT)
            time.sleep(rng.uniform(0, 0.4))
            began = time.monotonic()
            child.send_signal(signal.SIGINT)
            _, said = child.communicate()
            seconds.append(time.monotonic() - began)
            codes[child.returncode] += 1
            silent += b"resume" not in said and b"to go on" not in said
    told = f"{silent} do not say how to resume; at most {max(seconds):.2f} s after the second"
    return f"exit codes {dict(codes)}; {told}"


def main() -> None:
    """Kill, count and print."""
    PROCESSES.set_forkserver_preload(
        [
            "tests.collectors.killed_run",
            "tests.collectors.killed_batch_run",
            "anthropic",
            "bartleby.collectors.models.anthropic",
            "bartleby.analysis.report.task_choice",
            "bartleby.collectors.people.server",
            "bartleby.verbs.labelling",
            "pyarrow.parquet",
        ]
    )
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=72, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--other-kills", type=int, default=36, help="of each other command")
    parser.add_argument("--interrupts", type=int, default=60, help="runs that get Ctrl-C twice")
    parser.add_argument("--only", nargs="+", help="names of kinds: live, export, ...")
    given = parser.parse_args()
    total = 0
    for what in ("label", "export", "report"):
        if given.only is None or what in given.only:
            began, rng = time.monotonic(), random.Random(given.seed)  # noqa: S311
            kills = given.other_kills
            done = kill_labelling(kills, rng) if what == "label" else kill_writing(what, kills, rng)
            total += done.kills
            print(f"{what} ({time.monotonic() - began:.0f} s)\n  {done}", flush=True)
    if given.only is None or "interrupts" in given.only:
        print(f"interrupts\n  {interrupt_twice(given.interrupts, random.Random(given.seed))}", flush=True)  # noqa: S311
    for kind in (kind for kind in KINDS if given.only is None or kind.name in given.only):
        began = time.monotonic()
        counts, ends = kill_often(kind, given.kills, random.Random(given.seed))  # noqa: S311
        total += counts.kills
        print(report(kind, counts, ends, time.monotonic() - began), flush=True)
    print(f"kills in all: {total}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
