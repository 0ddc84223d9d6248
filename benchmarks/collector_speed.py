"""How fast the collector and the log are: `python benchmarks/collector_speed.py [TRIALS]`.

Measured in one run on this machine: replies a second into the log (2.7 KB each, every one committed before
it is acknowledged, 64 at a time), trials a second and CPU milliseconds a trial with a model that answers at
once, peak memory, and how long the trial table takes to read.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bartleby.collectors.collector import collect
from bartleby.collectors.frozen import freeze
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import Capabilities
from bartleby.exchange import Reply, Request, Usage
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

CONCURRENCY = 64
RECORDS = 20_000
ITEMS = 50


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
    reply = Reply("x" * 2400, usage=Usage(100, 600), request_id="req_1")

    async def work(start: int) -> None:
        for trial in range(start, RECORDS, CONCURRENCY):
            number = log.attempt_started(trial, 0, 1, f"{trial:032x}", "{}")
            await log.attempt_answered(number, trial, 0, reply, 0.1)

    started = time.perf_counter()
    await asyncio.gather(*(work(start) for start in range(CONCURRENCY)))
    seconds = time.perf_counter() - started
    await log.close()
    return RECORDS / seconds


def main() -> None:
    """Measure and print."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        rate = asyncio.run(write_records(Path(folder) / "records.db"))
        print(f"log: {rate:,.0f} replies a second, {CONCURRENCY} at a time")
        log = Path(folder) / "run.db"
        started, cpu = time.perf_counter(), time.process_time()
        summary = asyncio.run(collect(study(trials), InstantModel(), log))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        done = summary.trials
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"collector: {done:,} trials, {done / seconds:,.0f} a second, {1000 * cpu / done:.2f} CPU ms each"
        )
        print(f"peak memory: {peak:.0f} MB; log: {log.stat().st_size / done:.0f} bytes a trial")
        from bartleby.collectors.trial_table import read

        started = time.perf_counter()
        rows = len(read(log))
        print(f"trial table: {rows:,} rows read in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
