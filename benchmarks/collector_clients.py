"""Clients that put the same two-choice task to the loopback server, for `collector_speed.py`.

    python benchmarks/collector_clients.py KIND ADDRESS TRIALS CONCURRENCY

runs one of them in a process of its own and prints a line of JSON: trials, trials a second, CPU milliseconds
a trial (of this process, user and system, from the first request to the last) and peak memory. Kinds:

`bare`
    A loop over `AsyncAnthropic` on its aiohttp transport: no log, no retries, nothing read but the text.
`bartleby`
    `collect` on a new log, from opening the model to the last commit.
`inspect`
    `inspect_ai.eval` of the same prompts with a log, where that is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ITEMS = 50
KEY = "sk-ant-loopback-key-0123456789"
MODEL = "claude-test-1"
PROMPT = (
    "Here are two tasks. A: Write a short text about the number {}. "
    "B: Write a short text about the number {}. "
    "Which would you prefer? Answer with A or B only."
)


def prompts(trials: int) -> Iterator[str]:
    """Yield the prompts: every pair of items in both orders, again and again."""
    pairs = [(i, j) for i in range(ITEMS) for j in range(ITEMS) if i != j]
    for number in range(trials):
        yield PROMPT.format(*pairs[number % len(pairs)])


def peak_mb() -> float:
    """Return the most memory that this process had.

    The kernel's account of a process (`ru_maxrss`) begins with what the process that started it had, so
    where there is another one (Linux) that is read.
    """
    told = Path("/proc/self/status")
    if told.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", told.read_text())
        if found is not None:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Meter:
    """Time and CPU from when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def told(self, kind: str, trials: int) -> dict[str, str | float]:
        """Return what was measured."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {
            "kind": kind,
            "trials": trials,
            "per_second": trials / wall,
            "cpu_ms": 1000 * cpu / trials,
            "peak_mb": peak_mb(),
        }


def bare(trials: int, concurrency: int) -> dict[str, str | float]:
    """Ask with the SDK alone."""
    import anthropic

    async def main() -> dict[str, str | float]:
        texts = list(prompts(trials))
        http = anthropic.DefaultAioHttpClient(timeout=120)
        async with anthropic.AsyncAnthropic(max_retries=0, timeout=120, http_client=http) as client:
            meter, waiting = Meter(), iter(texts)

            async def work() -> None:
                for text in waiting:
                    message = await client.messages.create(
                        model=MODEL, max_tokens=64, messages=[{"role": "user", "content": text}]
                    )
                    "".join(block.text for block in message.content if block.type == "text")

            await asyncio.gather(*(work() for _ in range(concurrency)))
            return meter.told("bare", trials)

    return asyncio.run(main())


def bartleby(trials: int, concurrency: int) -> dict[str, str | float]:
    """Ask with the collector, every reply committed before it is read."""
    import anthropic  # noqa: F401 - its import is not what is measured

    from bartleby.collectors.collector import collect
    from bartleby.collectors.models import open_model
    from bartleby.exchange import Settings
    from bartleby.studies.items import Task
    from bartleby.studies.paradigms.task_choice import TaskChoice
    from bartleby.studies.study import Study

    items = [Task(f"t{i}", f"Write a short text about the number {i}.") for i in range(ITEMS)]
    samples = max(1, round(trials / (ITEMS * (ITEMS - 1))))
    study = Study(
        "speed", items, TaskChoice(), {"channel": ["text"]}, samples=samples, settings=Settings(max_tokens=64)
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run.db"
        meter = Meter()
        summary = asyncio.run(collect(study, open_model(f"anthropic/{MODEL}"), log, concurrency=concurrency))
        told = meter.told("bartleby", summary.trials)
        return {**told, "log_bytes": log.stat().st_size / summary.trials}


def inspect(trials: int, concurrency: int) -> dict[str, str | float]:
    """Ask with `inspect_ai.eval`, with its log."""
    from inspect_ai import Task, eval  # noqa: A004
    from inspect_ai.dataset import Sample
    from inspect_ai.model import GenerateConfig
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    samples = [Sample(input=text, target="A") for text in prompts(trials)]
    task = Task(dataset=samples, solver=generate(), scorer=match())
    with tempfile.TemporaryDirectory() as folder:
        meter = Meter()
        (log,) = eval(
            task,
            model=f"anthropic/{MODEL}",
            model_base_url=os.environ["ANTHROPIC_BASE_URL"],
            log_dir=folder,
            display="none",
            max_samples=concurrency,
            max_connections=concurrency,
            **GenerateConfig(max_tokens=64).model_dump(exclude_none=True),
        )
        told = meter.told("inspect", trials)
    if log.status != "success":
        raise RuntimeError(f"the eval did not succeed: {log.error}")
    return told


CLIENTS: dict[str, Callable[[int, int], dict[str, str | float]]] = {
    "bare": bare,
    "bartleby": bartleby,
    "inspect": inspect,
}


def main() -> None:
    """Run one client."""
    kind, address, trials, concurrency = sys.argv[1:]
    os.environ |= {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": KEY}
    print(json.dumps(CLIENTS[kind](int(trials), int(concurrency))))


if __name__ == "__main__":
    main()
