"""A user who is played by a model: asked like any other, logged as such, and never asked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bartleby.collectors import retry
from bartleby.collectors.collector import collect
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record, transcripts
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError, ModelError, RequestError, StudyError
from bartleby.exchange import Reply, Request, Usage
from tests.collectors.fakes import FakeModel, HangingModel, after, query
from tests.collectors.talks import LEAVE, WHY, talks


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def says(text: str, tokens: int = 5) -> FakeModel:
    return FakeModel(lambda request, number: Reply(f"{text} {number}", usage=Usage(tokens, 1)), name=text)


async def test_lines_of_the_user_come_from_the_user_model_and_are_logged_as_such(log: Path) -> None:
    subject, user = says("subject"), says("user")
    summary = await collect(talks(), subject, log, user=user)
    assert (len(subject.asked), len(user.asked), summary.replies) == (6, 4, 10)
    assert {request.to for request in subject.asked} == {"subject"}
    assert {request.to for request in user.asked} == {"user"}
    assert query(log, "SELECT listener, count(*) FROM attempts GROUP BY listener") == [(None, 6), ("user", 4)]
    assert (user.opened, user.closed, subject.closed) == (1, 1, 1)
    record = study_record(log)
    assert (record["model"], record["user"], record["user_description"]) == ("subject", "user", {"id": "one"})
    (told, _) = transcripts(log)
    assert [turn.role for turn in told.turns] == ["user", "assistant"] * 3
    assert all(turn.text.startswith("user ") for turn in told.turns[2::2])


async def test_the_trial_table_has_the_tokens_of_the_subject_and_the_status_those_of_both(log: Path) -> None:
    def price(usage: Usage) -> float:
        return (usage.input_tokens or 0) / 10

    prices = {"price": price, "user_price": lambda usage: 2 * price(usage)}
    summary = await collect(talks(), says("subject", 10), log, user=says("user", 5), **prices)  # type: ignore[arg-type]
    assert read(log)["input_tokens"].tolist() == [30, 30]
    stands = status(log, price=price, user_price=lambda usage: 2 * price(usage))
    assert (stands.input_tokens, stands.user_tokens) == (80, 24)
    assert (stands.cost, stands.user_cost) == (10.0, 4.0)
    assert summary.cost == pytest.approx(10.0)
    assert "90 tokens (24 of them by user as the user); $10.00 ($4.00 of them by user as the user)" in str(
        stands
    )
    assert status(log, price=price).cost is None  # a part of a cost is not the cost


async def test_a_study_that_needs_a_user_and_has_none_is_refused_before_anything_is_sent(log: Path) -> None:
    subject = says("subject")
    with pytest.raises(StudyError, match=r"'talks': a simulated user is asked for.*--user"):
        await collect(talks(), subject, log)
    assert (subject.opened, subject.asked) == (0, [])
    with pytest.raises(LogError, match="no such file"):
        status(log)


async def test_a_study_without_a_played_user_leaves_the_user_model_alone(log: Path) -> None:
    user = says("user")
    await collect(talks(user="scripted"), says("subject"), log, user=user)
    assert (user.opened, study_record(log)["user"]) == (0, None)


async def test_another_user_model_is_refused_on_the_same_log(log: Path) -> None:
    await collect(talks(), says("subject"), log, user=says("user"))
    with pytest.raises(LogError, match="model of the user user -> other"):
        await collect(talks(), says("subject"), log, user=says("other"))


async def test_one_model_may_play_both_and_is_opened_once(log: Path) -> None:
    model = says("both")
    await collect(talks(), model, log, user=model)
    assert (model.opened, model.closed, len(model.asked)) == (1, 1, 10)


async def test_a_stopped_conversation_goes_on_where_it_stood_and_asks_no_user_again(log: Path) -> None:
    user = says("user")
    task = asyncio.create_task(collect(talks(4), model := HangingModel(6, waiting=4), log, user=user))
    await model.stuck.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    lines = [request.identity() for request in user.asked]
    again = says("user")
    summary = await collect(talks(4), FakeModel(), log, user=again)
    assert summary.status.ended == {"completed": 4}
    assert set(lines).isdisjoint(request.identity() for request in again.asked)
    assert len(lines) + len(again.asked) == 8


async def test_a_user_model_that_fails_abandons_the_trial_and_can_be_asked_again(log: Path) -> None:
    broken = FakeModel(after(1, lambda: RequestError("too long")), name="user", concurrency=1)
    summary = await collect(talks(3), says("subject"), log, user=broken, concurrency=1)
    assert summary.status.ended == {"abandoned": 3}
    assert query(log, "SELECT DISTINCT message FROM outcomes") == [("too long",)]
    assert read(log)["turns"].tolist() == [2, 1, 1]
    assert read(log, talks(3))["outcome"].tolist() == ["abandoned"] * 3
    assert (await collect(talks(3), says("subject"), log, user=says("user"))).trials == 0
    fixed = await collect(talks(3), says("subject"), log, user=says("user"), retry_errors=True)
    assert fixed.status.ended == {"completed": 3}


async def test_a_user_model_that_cannot_be_had_stops_the_run(log: Path) -> None:
    user = FakeModel(after(0, lambda: ModelError("no key")), name="user")
    with pytest.raises(ModelError, match="no key"):
        await collect(talks(3), says("subject"), log, user=user)


async def test_an_exit_stands_though_the_question_why_gets_no_answer(log: Path) -> None:
    def leaves(request: Request, number: int) -> Reply:
        if request.messages[-1].text == WHY:
            raise TransientError("overloaded", kind="overloaded")
        return Reply(LEAVE)

    summary = await collect(talks(2), FakeModel(leaves), log, user=says("user"), max_attempts=2)
    assert summary.status.ended == {"opted_out": 2}
    assert read(log)["turn"].tolist() == [1, 1]
    assert query(log, "SELECT DISTINCT message FROM outcomes") == [("overloaded (2 attempts)",)]
    assert read(log, talks(2))["outcome"].tolist() == ["opted_out"] * 2
