"""Failures: tried again, recorded with their message, and never a reason to lose what was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bartleby.collectors import retry
from bartleby.collectors.collector import collect
from bartleby.collectors.models.base import KeyRefusedError, TransientError
from bartleby.collectors.status import status
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request
from tests.collectors.fakes import FakeModel, after, always_first, query, small_study


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


async def test_failures_that_pass_are_tried_again_and_each_attempt_is_logged(log: Path) -> None:
    def busy(request: Request, number: int) -> Reply:
        if number % 3:
            raise TransientError(
                "overloaded", kind="overloaded", status=529, request_id="req_x", retry_after=0.0
            )
        return always_first(request, number)

    model = FakeModel(busy, concurrency=1)
    summary = await collect(small_study(), model, log)
    assert summary.status.ended == {"chose_first": 12}
    assert (summary.status.attempts, summary.failures) == (34, 22)
    rows = query(log, "SELECT DISTINCT kind, message, status, request_id, ok FROM attempts WHERE ok = 0")
    assert rows == [("overloaded", "overloaded", 529, "req_x", 0)]
    assert query(log, "SELECT max(attempt) FROM attempts") == [(3,)]


async def test_what_fails_for_good_is_an_error_with_its_message(log: Path) -> None:
    def refuses_some(request: Request, number: int) -> Reply:
        if "line 3" in request.messages[0].text:
            raise RequestError("prompt is too long: 9 tokens > 8")
        return always_first(request, number)

    summary = await collect(small_study(), FakeModel(refuses_some), log)
    assert summary.status.ended == {"chose_first": 6, "error": 6}
    assert summary.status.finished
    told = query(log, "SELECT DISTINCT message, refused FROM outcomes WHERE outcome = 'error'")
    assert told == [("prompt is too long: 9 tokens > 8", None)]
    assert query(log, "SELECT DISTINCT kind FROM attempts WHERE ok = 0") == [("request",)]


async def test_errors_are_asked_again_only_if_wished(log: Path) -> None:
    await collect(small_study(), FakeModel(after(8, lambda: RequestError("no"))), log)
    assert status(log).ended == {"chose_first": 8, "error": 4}
    untouched = FakeModel()
    await collect(small_study(), untouched, log)
    assert untouched.asked == []
    again = FakeModel()
    summary = await collect(small_study(), again, log, retry_errors=True)
    assert len(again.asked) == 4
    assert summary.status.ended == {"chose_first": 12}
    assert query(log, "SELECT count(*) FROM attempts WHERE attempt = 2 AND ok") == [(4,)]


async def test_a_failure_half_way_keeps_what_was_said_before(log: Path) -> None:
    def no_work(request: Request, number: int) -> Reply:
        if not request.options and number > 3:
            raise TransientError("lost", kind="connection")
        return always_first(request, number)

    model = FakeModel(no_work, concurrency=1)
    summary = await collect(small_study(conditions={"commitment": ["does"]}), model, log, max_attempts=2)
    assert summary.status.ended == {"chose_first": 2, "error": 10}
    told = query(log, "SELECT DISTINCT message, columns, asks FROM outcomes WHERE outcome = 'error'")
    assert told == [("lost (2 attempts)", '{"said":"chose_first","served":"one"}', 1)]


async def test_a_surprise_in_the_model_is_an_error_of_its_trial_alone(log: Path) -> None:
    def breaks(request: Request, number: int) -> Reply:
        if number == 5:
            raise ZeroDivisionError("division by zero")
        return always_first(request, number)

    summary = await collect(small_study(), FakeModel(breaks), log)
    assert summary.status.ended == {"chose_first": 11, "error": 1}
    assert query(log, "SELECT message FROM outcomes WHERE message IS NOT NULL") == [
        ("ZeroDivisionError: division by zero",)
    ]


async def test_a_request_that_a_library_cancels_by_itself_is_an_error_of_its_trial_alone(log: Path) -> None:
    def cancels(request: Request, number: int) -> Reply:
        if number == 5:
            raise asyncio.CancelledError
        return always_first(request, number)

    summary = await collect(small_study(), FakeModel(cancels), log)
    assert summary.status.ended == {"chose_first": 11, "error": 1}
    assert summary.status.finished


@pytest.mark.parametrize(
    ("error", "answered"),
    [
        (lambda: RequestError("unknown field"), 0),
        (lambda: KeyError("choices"), 0),
        (lambda: TransientError("connection lost", kind="connection"), 0),
        (lambda: TransientError("connection lost", kind="connection"), 30),
    ],
)
async def test_a_run_in_which_everything_fails_stops_and_can_go_on(
    log: Path, error: Callable[[], Exception], answered: int
) -> None:
    study = small_study(10)
    model = FakeModel(after(answered, error), concurrency=1)
    with pytest.raises(ModelError, match=r"20 trials one after the other failed the same way.*Run again"):
        await collect(study, model, log, max_attempts=1)
    assert len(model.asked) == answered + 20
    assert status(log).ended == ({"chose_first": answered} if answered else {})
    summary = await collect(study, FakeModel(), log)
    assert summary.status.ended == {"chose_first": 90}


async def test_requests_that_are_not_accepted_do_not_stop_a_run_that_had_answers(log: Path) -> None:
    summary = await collect(small_study(10), FakeModel(after(30, lambda: RequestError("too long"))), log)
    assert summary.status.ended == {"chose_first": 30, "error": 60}


async def test_secrets_do_not_reach_the_log_or_an_error(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "plain-words-as-a-key")

    def leaks(request: Request, number: int) -> Reply:
        if number == 2:
            raise RuntimeError("header x-api-key: abcdefgh1234 was plain-words-as-a-key")
        if number == 5:
            raise KeyRefusedError("key sk-ant-REDACTED refused")
        return always_first(request, number)

    with pytest.raises(ModelError) as caught:
        await collect(small_study(), FakeModel(leaks, concurrency=1), log)
    written = b"".join(path.read_bytes() for path in log.parent.iterdir()) + str(caught.value).encode()
    for secret in (b"plain-words-as-a-key", b"abcdefgh1234", b"sk-ant-REDACTED"):
        assert secret not in written
    assert b"[secret]" in written


@pytest.mark.parametrize(
    ("error", "billed"),
    [
        (TransientError("the connection failed", kind="connection"), 1),
        (TransientError("no reply in time", kind="timeout"), 1),
        (TransientError("the reply could not be read", kind="server"), 1),
        (TransientError("status 500", kind="server", status=500), 0),
        (TransientError("status 429", kind="rate_limit", status=429), 0),
        (RequestError("too long"), 0),
    ],
)
async def test_what_may_have_been_billed_and_was_never_delivered_is_said(
    log: Path, error: Exception, billed: int
) -> None:
    def answer(request: Request, number: int) -> Reply:
        if number == 3:
            raise error
        return always_first(request, number)

    summary = await collect(small_study(), FakeModel(answer, concurrency=1), log)
    assert (summary.status.unheard_attempts, summary.status.lost_attempts) == (billed, 0)
    said = "at most 1 calls were billed and never delivered (1 were lost on the way, or could not be read)"
    assert (said in str(summary)) == bool(billed)


async def test_an_attempt_is_on_the_disk_before_it_is_made(log: Path) -> None:
    seen: list[tuple[object, ...]] = []

    def answer(request: Request, number: int) -> Reply:
        seen.extend(query(log, "SELECT max(number) FROM attempts"))
        return always_first(request, number)

    await collect(small_study(), FakeModel(answer, concurrency=1), log)
    assert seen == [(number,) for number in range(1, 13)]
