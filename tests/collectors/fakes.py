"""Models and studies small enough to see through, for tests of the collector."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bartleby.collectors.models.base import Capabilities
from bartleby.exchange import Reply, Request, Usage
from bartleby.studies.design.graphs import Pair
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

Answer = Callable[[Request, int], Reply]
"""What a fake answers to a request, given how many attempts it has had before this one."""


class FakeModel:
    """Answers as it is told, remembers what it was asked, and counts how many asks are under way."""

    def __init__(self, answer: Answer | None = None, *, concurrency: int = 4, name: str = "fake/one") -> None:
        self.name = name
        self.asked: list[Request] = []
        self.under_way = self.most_under_way = self.opened = self.closed = 0
        self._answer = answer or always_first
        self._concurrency = concurrency

    async def __aenter__(self) -> Self:
        self.opened += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed += 1

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            ("text",), frozenset({"temperature"}), concurrency=self._concurrency, description={"id": "one"}
        )

    async def answer(self, request: Request) -> Reply:
        number = len(self.asked)
        self.asked.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            return self._answer(request, number)
        finally:
            self.under_way -= 1


class HangingModel(FakeModel):
    """Answers a few requests and then never again; `stuck` is set when so many wait for ever."""

    def __init__(self, answers: int, *, waiting: int = 1) -> None:
        super().__init__()
        self.stuck = asyncio.Event()
        self._left = answers
        self._waiting = waiting

    async def answer(self, request: Request) -> Reply:
        reply = await super().answer(request)
        self._left -= 1
        if self._left < 0:
            if self._left == -self._waiting:
                self.stuck.set()
            await asyncio.Event().wait()
        return reply


def always_first(request: Request, number: int) -> Reply:
    label = request.options[0].label if request.options else "Done."
    return Reply(label, usage=Usage(10, 2), model="one", request_id=f"req_{number}")


def after(attempts: int, error: Callable[[], Exception]) -> Answer:
    """Return an answer that fails from some attempt on."""

    def answer(request: Request, number: int) -> Reply:
        if number >= attempts:
            raise error()
        return always_first(request, number)

    return answer


def small_study(
    items: int = 4,
    *,
    name: str = "small",
    samples: int = 1,
    conditions: Mapping[str, Sequence[str]] | None = None,
    paradigm: TaskChoice | None = None,
) -> Study:
    """Return a study with `items * (items - 1) * samples` trials."""
    tasks = [
        Task(
            f"t{i}", f"Write line {i}.", f"line {i}", harm=("none", "mild", "severe")[i % 3], impact="neutral"
        )
        for i in range(items)
    ]
    return Study(name, tasks, paradigm or TaskChoice(), conditions or {}, samples=samples)


class FirstPairs:
    """A pair graph with exactly so many pairs: each item with those after it."""

    def __init__(self, pairs: int) -> None:
        self._pairs = pairs

    @property
    def rounds(self) -> int:
        return 1

    def adapts(self, number: int) -> bool:
        return False

    def pairs(
        self,
        ids: Sequence[str],
        rng: object,
        number: int,
        previous: Sequence[Pair],
        scores: Mapping[str, float],
    ) -> list[Pair]:
        steps = range(1, len(ids))
        found = [(ids[i], ids[i + step]) for step in steps for i in range(len(ids) - step)]
        return found[: self._pairs]

    def count(self, items: int) -> int:
        return self._pairs

    def to_dict(self) -> dict[str, object]:
        return {"graph": "first_pairs", "pairs": self._pairs}


def query(log: Path, text: str) -> list[tuple[object, ...]]:
    """Return what a query finds in a log."""
    with sqlite3.connect(log) as connection:
        rows = connection.execute(text).fetchall()
    connection.close()
    return rows
