"""Batches through the real SDK against a faithful server: few, never sent twice, found again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bartleby.collectors import batches, retry
from bartleby.collectors.budget import Budget
from bartleby.collectors.collector import collect
from bartleby.collectors.models import anthropic_batches, open_model
from bartleby.collectors.status import status
from bartleby.collectors.summary import RunSummary
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError, ModelError
from bartleby.exchange import Reply, Usage
from bartleby.studies.study import Study
from tests.collectors.fakes import FakeModel, query, small_study
from tests.collectors.killed_run import conversations as plain_conversations
from tests.collectors.talks import talks
from tests.servers.messages_server import KEY, MessagesServer, serve

pytest.importorskip("anthropic")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    monkeypatch.setattr(batches, "FIRST_POLL", 0.02)
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with serve(MessagesServer(batch_seconds=0.05)) as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield started


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def a_dollar_a_reply(usage: Usage) -> float:
    return (usage.output_tokens or 0) / 8


async def run(study: Study, log: Path, *, batch: bool = True, budget: Budget | None = None) -> RunSummary:
    model = open_model("anthropic/claude-test-1")
    return await collect(
        study, model, log, batch=batch, price=a_dollar_a_reply, budget=budget, max_attempts=3
    )


def conversations(turns: int) -> Study:
    return replace(plain_conversations(turns), conditions={"channel": ["text"]})


async def until_made(server: MessagesServer) -> None:
    for _ in range(1000):
        await asyncio.sleep(0.01)
        if server.batches.batches:
            return


def billed_twice(server: MessagesServer) -> int:
    return sum(count - 1 for count in server.ledger.bodies("billed").values())


async def test_a_single_turn_study_is_one_batch_at_half_the_price(server: MessagesServer, log: Path) -> None:
    summary = await run(small_study(6), log)
    assert len(server.batches.batches) == 1
    assert server.ledger.count("asked") == 0
    assert (summary.trials, summary.replies, summary.failures) == (30, 30, 0)
    assert summary.status.finished
    assert set(summary.status.ended) <= {"chose_first", "chose_second"}
    assert summary.cost == summary.status.cost == pytest.approx(15.0)
    assert str(summary.status.batches) == "1 batches, all fetched"
    table = read(log)
    assert table["seconds"].isna().all()
    assert (table["output_tokens"] == 8).all()


async def test_batches_are_as_few_as_their_limits_allow(
    server: MessagesServer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anthropic_batches, "MOST_REQUESTS", 12)
    await run(small_study(6), log)
    assert [len(batch.requests) for batch in server.batches.batches.values()] == [12, 12, 6]
    monkeypatch.setattr(anthropic_batches, "MOST_BYTES", 3000)
    before = len(server.batches.batches)
    await run(small_study(4, name="other"), log.with_name("other.db"))
    sizes = [len(batch.requests) for batch in list(server.batches.batches.values())[before:]]
    assert sum(sizes) == 12
    assert 1 < len(sizes) < 12


async def test_conversations_go_a_turn_at_a_time_all_together(server: MessagesServer, log: Path) -> None:
    summary = await run(conversations(4), log)
    assert summary.status.ended == {"completed": 40}
    assert [len(batch.requests) for batch in server.batches.batches.values()] == [40] * 4
    assert billed_twice(server) == 0
    turns = [len(request["params"]["messages"]) for request in _requests(server)]
    assert sorted(set(turns)) == [1, 3, 5, 7]


def _requests(server: MessagesServer) -> list[dict[str, dict[str, list[object]]]]:
    return [dict(each) for batch in server.batches.batches.values() for each in batch.requests]


@pytest.mark.parametrize("ahead", [-900.0, 900.0])
async def test_a_batch_made_unheard_is_found_by_the_clock_of_the_provider(
    server: MessagesServer, log: Path, ahead: float
) -> None:
    server.batches.ahead = ahead
    server.script = ["drop_after"]
    summary = await run(small_study(4), log)
    assert len(server.batches.batches) == 1
    assert (summary.status.finished, billed_twice(server)) == (True, 0)


@pytest.mark.parametrize(
    "plan", ["expired", "errored", "canceled", "half_expired", "half_errored", "deleted"]
)
async def test_what_was_not_answered_is_asked_again(server: MessagesServer, log: Path, plan: str) -> None:
    server.batch_script.append(plan)
    summary = await run(small_study(4), log)
    assert sum(summary.status.ended.values()) == 12
    assert "error" not in summary.status.ended
    sizes = [len(batch.requests) for batch in server.batches.batches.values()]
    assert sizes == [12, 6 if plan.startswith("half") else 12]
    assert summary.failures == sizes[1]
    kinds = {row[0] for row in query(log, "SELECT DISTINCT kind FROM attempts WHERE ok = 0")}
    named = {"errored": "overloaded", "deleted": "batch_deleted"}
    which = plan.removeprefix("half_")
    assert kinds == {named.get(which, f"batch_{which}")}
    assert billed_twice(server) == (12 if plan == "deleted" else 0)


async def test_what_is_never_answered_is_recorded_with_its_message(server: MessagesServer, log: Path) -> None:
    server.batch_script += ["half_expired", "expired", "expired"]
    summary = await run(small_study(4), log)
    assert summary.status.ended["error"] == 6
    told = query(log, "SELECT DISTINCT message FROM outcomes WHERE outcome = 'error'")
    assert told == [
        ("anthropic/claude-test-1: the request was not answered: it expired after 24 hours (3 attempts)",)
    ]
    again = await collect(
        small_study(4), open_model("anthropic/claude-test-1"), log, batch=True, retry_errors=True
    )
    assert "error" not in again.status.ended
    assert billed_twice(server) == 0


async def test_what_is_not_accepted_is_an_error_at_once(server: MessagesServer, log: Path) -> None:
    server.batch_script.append("ok")
    await run(small_study(3), log)
    server.batch_script.append("invalid")
    with pytest.raises(ModelError, match="20 trials one after the other failed the same way"):
        await run(small_study(6, name="other"), log.with_name("other.db"))
    assert len(server.batches.batches) == 2


@pytest.mark.parametrize("fault", ["drop_before", "overloaded", "rate_limit"])
async def test_a_batch_that_was_not_made_is_made_again(server: MessagesServer, log: Path, fault: str) -> None:
    server.script = [fault]
    summary = await run(small_study(4), log)
    assert len(server.batches.batches) == 1
    assert summary.failures == 0
    assert query(log, "SELECT ending FROM batches") == [("fetched",)]


async def test_a_batch_that_was_made_unheard_is_found_and_not_made_again(
    server: MessagesServer, log: Path
) -> None:
    server.script = ["drop_after"]
    summary = await run(small_study(4), log)
    assert len(server.batches.batches) == 1
    assert (summary.status.finished, billed_twice(server)) == (True, 0)


async def test_somebody_elses_batch_of_the_same_size_is_not_taken_for_ours(
    server: MessagesServer, log: Path
) -> None:
    await run(small_study(4, name="other"), log.with_name("other.db"))
    server.script = ["drop_before"]
    summary = await run(small_study(4), log)
    assert len(server.batches.batches) == 2
    assert summary.status.finished
    assert billed_twice(server) == 12  # the other study shows the same texts
    assert query(log, "SELECT id, ending FROM batches ORDER BY number") == [
        ("msgbatch_000001", "never made"),
        ("msgbatch_000002", "fetched"),
    ]


async def test_a_run_killed_while_it_waited_for_somebody_elses_batch_finds_its_own(
    server: MessagesServer, log: Path
) -> None:
    server.batch_script += ["slow", "slow"]
    other = log.with_name("other.db")
    await run(small_study(4, name="other"), other, budget=Budget(seconds=1.0))
    server.script = ["drop_after"]
    await run(small_study(4), log, budget=Budget(seconds=1.0))
    # As it would stand if it had taken the other one for its own, and had been killed then.
    with sqlite3.connect(log) as connection:
        connection.execute("UPDATE batches SET id = 'msgbatch_000001'")
    connection.close()
    _end(server)
    summary = await run(small_study(4), log)
    assert (len(server.batches.batches), summary.status.finished) == (2, True)
    assert query(log, "SELECT id, ending FROM batches") == [("msgbatch_000002", "fetched")]


async def test_a_run_that_is_stopped_finds_its_batches_again(server: MessagesServer, log: Path) -> None:
    server.batch_script.append("slow")
    task = asyncio.create_task(run(small_study(4), log))
    await until_made(server)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError, match="1 batches go on without us"):
        await task
    stands = status(log)
    assert (stands.batches.under_way, stands.batches.requests, stands.lost_attempts) == (1, 12, 0)
    assert "1 of 1 batches not fetched (12 requests; run again to fetch them before" in str(stands)
    _end(server)
    summary = await run(small_study(4), log)
    assert (len(server.batches.batches), summary.replies) == (1, 12)
    assert summary.status.finished
    assert billed_twice(server) == 0


def _end(server: MessagesServer) -> None:
    for batch in server.batches.batches.values():
        batch.ends = 0.0


async def test_batches_of_an_earlier_run_are_fetched_by_a_live_one(server: MessagesServer, log: Path) -> None:
    server.batch_script.append("slow")
    study = conversations(2)
    stopped = await run(study, log, budget=Budget(seconds=0.5))
    assert stopped.stopped == "the time of 0.5 s is up (--max-time)"
    assert stopped.status.batches.under_way == 1
    assert server.ledger.count("asked") == 0
    _end(server)
    summary = await run(study, log, batch=False)
    assert summary.status.ended == {"completed": 40}
    assert server.ledger.count("asked") == 40
    assert billed_twice(server) == 0
    assert summary.status.cost == pytest.approx(40 * 0.5 + 40)


async def test_results_that_are_deleted_soonest_are_fetched_first(
    server: MessagesServer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anthropic_batches, "MOST_REQUESTS", 4)
    server.batch_script += ["slow"] * 3
    await run(small_study(4), log, budget=Budget(seconds=1.0))
    made = list(server.batches.batches.values())
    made[1].created -= 86_400 * 28
    _end(server)
    await run(small_study(4), log)
    closed = query(log, "SELECT id FROM batches ORDER BY closed")
    assert closed[0] == (made[1].id,)
    assert len(closed) == 3


async def test_a_log_with_batches_under_way_is_not_given_to_a_model_without(
    server: MessagesServer, log: Path
) -> None:
    with pytest.raises(ModelError, match="cannot be asked in batches"):
        await collect(small_study(3), FakeModel(), log, batch=True)


async def test_a_budget_in_dollars_holds_batches_back_before_they_are_made(
    server: MessagesServer, log: Path
) -> None:
    study = conversations(2)
    summary = await run(study, log, budget=Budget(cost=30.0))
    # Before any is back a call may cost as much as its ceiling, so the first batch is one request; then it is
    # known that a call costs half a dollar.
    sizes = [len(batch.requests) for batch in server.batches.batches.values()]
    assert summary.stopped == "$30.00 of $30.00 are spent (--max-cost)"
    assert summary.status.cost == pytest.approx(30.0)
    assert (sizes[0], sum(sizes)) == (1, 60)
    assert summary.status.ended.keys() <= {"completed"}
    rest = await run(study, log, budget=Budget(cost=100.0))
    assert rest.status.ended == {"completed": 40}
    assert billed_twice(server) == 0


async def test_two_runs_on_one_log_with_batches_are_refused(server: MessagesServer, log: Path) -> None:
    server.batch_script.append("slow")
    task = asyncio.create_task(run(small_study(4), log))
    await until_made(server)
    with pytest.raises(LogError, match="another run is writing it"):
        await run(small_study(4), log)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_user_who_is_played_answers_at_once_between_the_batches(
    server: MessagesServer, log: Path
) -> None:
    user = FakeModel(
        lambda request, number: Reply(f"And then? {number}", usage=Usage(5, 1)), name="fake/user"
    )
    model = open_model("anthropic/claude-test-1")
    summary = await collect(talks(), model, log, user=user, batch=True, price=a_dollar_a_reply)
    assert [len(batch.requests) for batch in server.batches.batches.values()] == [2, 2, 2]
    assert (len(user.asked), server.ledger.count("asked"), billed_twice(server)) == (4, 0, 0)
    assert sum(summary.status.ended.values()) == 2


async def test_results_that_are_cut_off_half_way_are_read_on(server: MessagesServer, log: Path) -> None:
    server.batch_script.append("cut")
    summary = await run(small_study(5), log)
    assert (summary.replies, summary.failures, summary.status.finished) == (20, 0, True)
    assert (len(server.batches.batches), billed_twice(server)) == (1, 0)


async def test_no_key_reaches_the_log_of_a_run_in_batches(server: MessagesServer, log: Path) -> None:
    server.script = ["overloaded", "drop_before"]
    server.batch_script.append("half_errored")
    await run(small_study(4), log)
    written = b"".join(path.read_bytes() for path in log.parent.iterdir())
    assert len(written) > 10_000
    assert KEY.encode() not in written
