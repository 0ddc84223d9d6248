"""How fast the collector and the log are: `python -m benchmarks.collector_speed [--inspect PYTHON]`.

What is measured, all in one run on this machine:

- overhead: CPU a trial of the collector against a bare SDK loop on the same server and transport, in turns,
  as medians of the ratios of each round; and, given an interpreter that has it, against `inspect_ai.eval`;
- keeping up: trials a second at 500 ms latency and 64 at a time, where 128 a second are possible, and those
  of the bare loop;
- memory and room: peak memory at two lengths of a run, and bytes a trial in the log;
- the log alone: replies a second, every one committed before it is acknowledged; and reading it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

from benchmarks.collector_clients import peak_mb

from bartleby.collectors.bodies import Body
from bartleby.collectors.collector import collect
from bartleby.collectors.frozen import freeze
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import Capabilities
from bartleby.exchange import Message, Reply, Request, Usage
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

ROOT = Path(__file__).parents[1]
CONCURRENCY = 64
RECORDS = 20_000
ITEMS = 50
LATENCY = 0.5


class InstantModel:
    """Answers at once, without any network."""

    name = "instant"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def capabilities(self) -> Capabilities:
        """Return that plain text is all it can do."""
        return Capabilities(("text",), concurrency=CONCURRENCY)

    async def answer(self, request: Request) -> Reply:
        """Answer A."""
        await asyncio.sleep(0)
        return Reply("A", usage=Usage(100, 1), blocks=({"type": "text", "text": "A"},), request_id="req_1")


def study(trials: int) -> Study:
    """Return a study of about so many trials."""
    items = [Task(f"t{i}", f"Write a short text about the number {i}.") for i in range(ITEMS)]
    samples = max(1, round(trials / (ITEMS * (ITEMS - 1))))
    return Study("speed", items, TaskChoice(), {"channel": ["text"]}, samples=samples)


async def write_records(path: Path) -> float:
    """Write replies from many tasks at once, each waiting for its own; return replies a second."""
    log = Log.open(path, freeze(study(1), "instant", {}))
    request = Request((Message("user", "x"),))
    reply = Reply("x" * 2400, usage=Usage(100, 600), request_id="req_1")

    async def work(start: int) -> None:
        for trial in range(start, RECORDS, CONCURRENCY):
            number = await log.attempt_started(trial, 0, 1, Body(f"{trial:032x}", "{}"), request)
            await log.attempt_answered(number, trial, 0, reply, 0.1)

    started = time.perf_counter()
    await asyncio.gather(*(work(start) for start in range(CONCURRENCY)))
    seconds = time.perf_counter() - started
    await log.close()
    return RECORDS / seconds


@contextmanager
def server(latency: float) -> Iterator[str]:
    """Serve the Messages API in a process of its own; yield its address."""
    command = [sys.executable, "-m", "tests.servers.messages_server", "--latency", str(latency)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def client(kind: str, address: str, trials: int, python: str = sys.executable) -> dict[str, Any]:
    """Run a client in a process of its own and return what it measured."""
    script = str(ROOT / "benchmarks" / "collector_clients.py")
    command = [python, script, kind, address, str(trials), str(CONCURRENCY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def compare(trials: int, rounds: int) -> float:
    """Measure the bare loop and ours in turns; print medians and ratios; return the median of our CPU."""
    measured: dict[str, list[dict[str, Any]]] = {"bare": [], "bartleby": []}
    with server(0.0) as address:
        for _ in range(rounds):
            for kind, each in measured.items():
                each.append(client(kind, address, trials))
    for kind, each in measured.items():
        cpu, rate, peak = (median(one[name] for one in each) for name in ("cpu_ms", "per_second", "peak_mb"))
        print(f"{kind:<9} {cpu:6.2f} CPU ms a trial, {rate:6.0f} trials a second, peak {peak:.0f} MB")
    ratios = [_ratio(one, two) for one, two in zip(measured["bartleby"], measured["bare"], strict=True)]
    print(f"bartleby / bare: {median(ratios):.2f} times the CPU ({min(ratios):.2f} to {max(ratios):.2f})")
    return float(median(one["cpu_ms"] for one in measured["bartleby"]))


def beside_inspect(python: str, samples: list[int], ours: float) -> None:
    """Measure `inspect_ai.eval`, once at each number of samples, against the CPU that a trial takes us."""
    with server(0.0) as address:
        for trials in samples:
            told = client("inspect", address, trials, python)
            print(f"inspect   {told['cpu_ms']:6.1f} CPU ms a sample of {trials:,}, ", end="")
            print(f"peak {told['peak_mb']:.0f} MB: {told['cpu_ms'] / ours:.0f} times ours")


def _ratio(one: dict[str, Any], other: dict[str, Any]) -> float:
    return float(one["cpu_ms"]) / float(other["cpu_ms"])


def keep_up(trials: int) -> None:
    """Measure trials a second against a server that takes half a second for each."""
    most = CONCURRENCY / LATENCY
    with server(LATENCY) as address:
        for kind in ("bare", "bartleby"):
            told = client(kind, address, trials)
            print(
                f"at {1000 * LATENCY:.0f} ms: {kind}: {told['per_second']:.1f} of {most:.0f} trials a second"
            )
    print(f"room: {told['log_bytes']:.0f} bytes a trial with its log")


def memory_with_sdk(trials: int) -> None:
    """Print the peak memory of a run through the SDK."""
    with server(0.0) as address:
        told = client("bartleby", address, trials)
    print(f"through the SDK: {told['trials']:,} trials, peak memory {told['peak_mb']:.0f} MB", end="")
    print(f", {told['cpu_ms']:.2f} CPU ms each, log {told['log_bytes']:.0f} bytes a trial")


def memory(trials: int) -> None:
    """Print the peak memory of a run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.collector_speed", "--instant", str(trials)]
    print(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip())


def instant(trials: int) -> None:
    """Run a study with the instant model and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run.db"
        started, cpu = time.perf_counter(), time.process_time()
        done = asyncio.run(collect(study(trials), InstantModel(), log)).trials
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        each = f"{done / seconds:,.0f} a second, {1000 * cpu / done:.2f} CPU ms each"
        print(f"no network: {done:,} trials, {each}, peak memory {peak_mb():.0f} MB", end="")
        print(f", log {log.stat().st_size / done:.0f} bytes a trial")


def log_alone() -> None:
    """Print how fast the log takes replies, and how fast a table is read."""
    from bartleby.collectors.trial_table import read

    with tempfile.TemporaryDirectory() as folder:
        rate = asyncio.run(write_records(Path(folder) / "records.db"))
        print(f"log: {rate:,.0f} replies a second, {CONCURRENCY} at a time, each committed before it is read")
        log = Path(folder) / "run.db"
        asyncio.run(collect(study(10_000), InstantModel(), log))
        started = time.perf_counter()
        rows = len(read(log))
        print(f"trial table: {rows:,} rows read in {time.perf_counter() - started:.2f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=9_800)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--inspect", metavar="PYTHON", help="an interpreter that has inspect_ai and anthropic"
    )
    parser.add_argument("--inspect-samples", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument("--long", type=int, default=100_000, help="trials of the long run through the SDK")
    parser.add_argument("--instant", type=int, metavar="N", help="only a run of so many without a network")
    given = parser.parse_args()
    if given.instant is not None:
        instant(given.instant)
        return
    log_alone()
    ours = compare(given.trials, given.rounds)
    if given.inspect is not None:
        beside_inspect(given.inspect, given.inspect_samples, ours)
    keep_up(4_900)
    memory_with_sdk(given.long)
    for trials in (10_000, 100_000):
        memory(trials)


if __name__ == "__main__":
    main()
