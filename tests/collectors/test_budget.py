from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from bartleby.collectors.budget import Budget, BudgetCount, BudgetReached, NoRoom
from bartleby.collectors.collector import collect
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.status import status
from bartleby.errors import SettingError
from bartleby.exchange import Reply, Request, Usage
from tests.collectors.fakes import FakeModel, always_first, query, small_study
from tests.collectors.killed_run import conversations


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def a_dollar(usage: Usage) -> float:
    """Return a dollar a reply: fakes answer with two tokens."""
    return (usage.output_tokens or 0) / 2


@pytest.mark.parametrize("field", ["cost", "calls", "seconds"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_that_is_no_limit_is_refused(field: str, value: float) -> None:
    given: dict[str, Any] = {field: value}
    with pytest.raises(SettingError, match=r"max_\w+ is .*; allowed: more than 0"):
        Budget(**given)


async def test_dollars_that_are_spent_stop_a_run_which_goes_on_with_more(log: Path) -> None:
    study = small_study(6)
    summary = await collect(study, FakeModel(), log, price=a_dollar, budget=Budget(cost=7))
    assert (summary.replies, summary.status.cost) == (7, 7.0)
    assert summary.stopped == "$7.00 of $7.00 are spent (--max-cost)"
    assert "stopped: $7.00 of $7.00" in str(status(log))
    assert not summary.status.finished
    again = FakeModel()
    same = await collect(study, again, log, price=a_dollar, budget=Budget(cost=7))
    assert (same.replies, again.asked) == (0, [])
    rest = await collect(study, FakeModel(), log, price=a_dollar, budget=Budget(cost=100))
    assert (rest.replies, rest.status.finished, rest.stopped) == (23, True, None)


async def test_a_limit_in_dollars_without_a_price_is_refused_before_anything_is_asked(log: Path) -> None:
    model = FakeModel()
    with pytest.raises(SettingError, match="no price is known for fake/one"):
        await collect(small_study(), model, log, budget=Budget(cost=1))
    assert model.opened == 0
    assert os.listdir(log.parent) == []  # noqa: PTH208


async def test_calls_are_counted_answered_or_not_over_all_sessions(log: Path) -> None:
    def busy(request: Request, number: int) -> Reply:
        if number % 2:
            raise TransientError("overloaded", kind="server", retry_after=0.0)
        return always_first(request, number)

    study = small_study(6)
    summary = await collect(study, FakeModel(busy, concurrency=1), log, budget=Budget(calls=5))
    assert summary.status.attempts == 5
    assert summary.stopped == "5 calls were made (--max-calls)"
    assert query(log, "SELECT count(*) FROM outcomes WHERE outcome = 'error'") == [(0,)]
    more = await collect(study, FakeModel(), log, budget=Budget(calls=9))
    assert more.status.attempts == 9
    done = await collect(study, FakeModel(), log)
    assert done.status.ended == {"chose_first": 30}


async def test_a_conversation_that_is_cut_off_goes_on_at_the_turn_where_it_stood(log: Path) -> None:
    study = conversations(6)
    model = FakeModel(concurrency=4)
    summary = await collect(study, model, log, budget=Budget(calls=20))
    assert (len(model.asked), summary.status.ended.get("abandoned")) == (20, None)
    rest = FakeModel()
    done = await collect(study, rest, log)
    assert done.status.ended == {"completed": 40}
    assert len(rest.asked) == 240 - 20


async def test_time_that_is_up_stops_a_run(log: Path) -> None:
    class Slow(FakeModel):
        async def answer(self, request: Request) -> Reply:
            await asyncio.sleep(0.05)
            return await super().answer(request)

    summary = await collect(small_study(10), Slow(concurrency=2), log, budget=Budget(seconds=0.2))
    assert summary.stopped == "the time of 0.2 s is up (--max-time)"
    assert 0 < summary.replies < 90
    assert summary.status.lost_attempts == 0


async def test_calls_wait_for_others_to_show_what_one_costs() -> None:
    count = BudgetCount(Budget(cost=10.0))
    await count.taken(8.0)
    assert not count.take(8.0)
    waiting = asyncio.create_task(count.taken(8.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    count.settle(1.0)
    await waiting
    assert all(count.take(8.0) for _ in range(8))
    for _ in range(9):
        count.settle(1.0)
    with pytest.raises(BudgetReached, match=r"\$10\.00 of \$10\.00"):
        count.take(8.0)


def test_a_single_call_may_be_made_whatever_its_ceiling() -> None:
    count = BudgetCount(Budget(cost=1.0))
    assert count.take(50.0)
    assert not count.take(50.0)
    count.settle(None)
    assert count.take(50.0)
    count.settle(3.0)
    with pytest.raises(BudgetReached):
        count.take(50.0)


async def test_a_call_does_not_wait_for_batches_that_nobody_would_fetch_meanwhile() -> None:
    count = BudgetCount(Budget(cost=10.0))
    assert count.take(6.0)
    with pytest.raises(NoRoom, match="before batches have come back"):
        await count.taken(6.0)
    assert count.reached is None
    count.settle(2.0, live=False)
    await count.taken(6.0)
