"""Whatever is sent as a reply: each trial has an outcome, the log can be read, the bill is honest."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartleby.collectors import batches, retry
from bartleby.collectors.collector import collect
from bartleby.collectors.models.anthropic_batches import AnthropicBatches
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.batching import BatchResult, BatchState
from bartleby.collectors.models.completions import read as read_completion
from bartleby.collectors.models.messages import read_json as read_message
from bartleby.collectors.models.normalising import UnreadableError, body_json, normalised, sendable
from bartleby.collectors.status import Status, status
from bartleby.collectors.transcripts import transcripts
from bartleby.collectors.trial_table import read
from bartleby.exchange import Reply, Request, ToolCall, Usage
from tests.collectors.fakes import FakeModel, query, small_study
from tests.collectors.models.asking import pair

# Some of the bodies name the model that answered, and it is another than the one that was asked.
pytestmark = pytest.mark.filterwarnings("ignore:.*another model than .* has answered")

Read = Callable[[object, Request], Reply]
DIALECTS: dict[str, Read] = {
    "messages": lambda sent, request: read_message(sent),
    "completions": read_completion,
}

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [math.nan, math.inf, -math.inf, -1, 0.5, 1e300, 10**30, True, None, "", "\ud800", "\x00", [], {}, 7]
)
ANY = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def maybe(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what is usual in three of four places, and anything in the fourth."""
    return st.integers(0, 3).flatmap(lambda draw: usual if draw else ANY)


def made(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of the fields, each of them of the usual kind or any."""
    return st.fixed_dictionaries({}, optional={name: maybe(kind) for name, kind in fields.items()})


TEXT = st.sampled_from(["A", "B", "I would rather not.", "\ud83d", ""])
COUNT = st.integers(0, 1000)
MESSAGE = made(
    id=st.just("msg_1"),
    role=st.just("assistant"),
    model=st.just("claude-x"),
    content=st.lists(
        made(
            type=st.sampled_from(["text", "tool_use", "thinking"]), text=TEXT, id=TEXT, name=TEXT, input=ANY
        ),
        max_size=3,
    ),
    stop_reason=st.sampled_from(["end_turn", "refusal", "tool_use", "pause_turn"]),
    stop_details=made(category=TEXT),
    usage=made(input_tokens=COUNT, output_tokens=COUNT, cache_read_input_tokens=COUNT),
)
CALL = made(id=TEXT, type=st.just("function"), function=made(name=TEXT, arguments=TEXT | ANY.map(str)))
LISTED = made(token=TEXT, logprob=st.floats(-9, 0))
COMPLETION = made(
    id=st.just("cmpl_1"),
    model=st.just("gpt-x"),
    choices=st.lists(
        made(
            finish_reason=st.sampled_from(["stop", "length", "error", "content_filter"]),
            message=made(
                content=TEXT
                | st.lists(made(type=st.sampled_from(["text", "thinking"]), text=TEXT), max_size=2),
                refusal=TEXT,
                tool_calls=st.lists(CALL, max_size=2),
                reasoning_content=TEXT,
            ),
            logprobs=made(content=st.lists(made(token=TEXT, top_logprobs=st.lists(LISTED)), max_size=2)),
        ),
        max_size=2,
    ),
    usage=made(prompt_tokens=COUNT, completion_tokens=COUNT, prompt_tokens_details=made(cached_tokens=COUNT)),
    error=made(message=TEXT, code=st.sampled_from([429, 500, "content_filter"])),
)
SENT = st.sampled_from(sorted(DIALECTS)).flatmap(
    lambda dialect: st.tuples(st.just(dialect), ANY | (MESSAGE if dialect == "messages" else COMPLETION))
)
"""A dialect, and a body: of its form in most places, or anything at all."""

QUICK = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(batches, "FIRST_POLL", 0.0)


@settings(max_examples=100)
@given(SENT)
def test_any_json_is_a_sound_reply_or_a_failure_that_may_pass(sent: tuple[str, Any]) -> None:
    dialect, body = sent
    try:
        reply = normalised(DIALECTS[dialect](as_sent(body), pair()))
    except TransientError as error:
        assert error.kind
        counts = vars(error)["usage"]
    else:
        assert Reply.from_json(reply.to_json()) == reply
        assert normalised(reply) == reply
        json.dumps(sendable({"blocks": reply.blocks}), allow_nan=False, ensure_ascii=False).encode()
        counts = reply.usage
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"):
        count = getattr(counts, name)
        assert count is None or 0 <= count <= 10**9 * 3


def as_sent(body: object) -> object:
    """Return a body as it comes out of the bytes of an answer."""
    return body_json(json.dumps(body).encode())


@QUICK
@given(st.lists(SENT, min_size=1, max_size=4))
def test_any_json_as_a_reply_ends_in_an_outcome_and_an_honest_bill(sent: list[tuple[str, Any]]) -> None:
    asyncio.run(any_replies(sent))


async def any_replies(sent: list[tuple[str, Any]]) -> None:
    def answer(request: Request, number: int) -> Reply:
        dialect, body = sent[number % len(sent)]
        return DIALECTS[dialect](as_sent(body), request)

    with TemporaryDirectory() as folder:
        log = Path(folder) / "run.db"
        summary = await collect(small_study(3), FakeModel(answer), log, max_attempts=2)
        check(log, summary.status)
        again = await collect(small_study(3), FakeModel(), log, retry_errors=True)
        check(log, again.status)
        assert "error" not in again.status.ended


def check(log: Path, stands: Status) -> None:
    """Check that every trial has an outcome, that all readers read the log, and that the bill is whole."""
    assert sum(stands.ended.values()) == stands.planned == len(read(log))
    assert len(list(transcripts(log))) == stands.planned
    assert str(status(log))
    answered = query(log, "SELECT count(*) FROM attempts WHERE ok = 1")[0][0]
    assert query(log, "SELECT count(*) FROM replies") == [(answered,)]
    assert query(log, "SELECT count(*) FROM attempts WHERE ok IS NULL") == [(0,)]
    # What has no count of tokens is named: as a reply without them, or as what may have been billed. Only
    # where the provider says that nothing was answered was nothing billed.
    said_no = "('request', 'model', 'rate_limit', 'batch_expired')"
    batched = "kind = 'server' AND seconds IS NULL"
    refused = query(log, f"SELECT count(*) FROM attempts WHERE kind IN {said_no} OR ({batched})")[0][0]  # noqa: S608
    counted = query(log, "SELECT count(*) FROM attempts WHERE input_tokens + output_tokens IS NOT NULL")[0][0]
    named = stands.uncounted_replies + stands.unheard_attempts
    assert int(str(counted)) + int(str(refused)) + named >= stands.attempts


class AnyBatches(AnthropicBatches):
    """Batches whose results are lines of anything, in the place of the results of some requests."""

    def __init__(self, lines: Sequence[Any]) -> None:
        client = SimpleNamespace(api_key="", auth_token="")
        super().__init__("fake/one", client, object, dict, nullcontext)  # type: ignore[arg-type]
        self.lines = lines
        self.made: dict[str, list[str]] = {}

    def size(self, request: Request) -> int:
        return 100

    async def create(self, requests: Sequence[tuple[str, Request]]) -> BatchState:
        self.made[f"batch_{len(self.made)}"] = [name for name, _ in requests]
        return self._state(f"batch_{len(self.made) - 1}")

    async def retrieve(self, batch: str) -> BatchState | None:
        return self._state(batch)

    def _state(self, batch: str) -> BatchState:
        return BatchState(batch, len(self.made[batch]), time.time(), ended=True)

    async def recent(self, since: float) -> AsyncIterator[BatchState]:
        for batch in self.made:
            yield self._state(batch)

    async def results(self, batch: str) -> AsyncGenerator[BatchResult, None]:
        for number, name in enumerate(self.made[batch]):
            sent = self.lines[number % len(self.lines)] if batch == "batch_0" else GOOD
            whole = sent.pop("whole", True) if isinstance(sent, dict) else False
            line = {"custom_id": name, "result": sent} if whole else sent
            found = self.result(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass"))
            if found is not None:
                yield found


GOOD = {
    "type": "succeeded",
    "message": {"content": "A", "usage": {"input_tokens": 3, "output_tokens": 1}, "stop_reason": "end_turn"},
}
RESULT = made(type=st.sampled_from(["succeeded", "errored", "expired"]), message=MESSAGE, error=ANY)


class BatchedModel(FakeModel):
    def __init__(self, lines: Sequence[Any]) -> None:
        super().__init__()
        self.service = AnyBatches(lines)

    def batches(self) -> AnyBatches:
        return self.service


@QUICK
@given(st.lists(ANY | RESULT, min_size=1, max_size=4))
def test_any_json_as_a_line_of_a_batch_ends_in_an_outcome_and_an_honest_bill(lines: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "run.db"
        run = asyncio.run(collect(small_study(3), BatchedModel(lines), log, batch=True, max_attempts=3))
        check(log, run.status)
        assert query(log, "SELECT DISTINCT ending FROM batches") == [("fetched",)]


def completion(**fields: object) -> dict[str, Any]:
    message = {"role": "assistant", "content": "A"}
    choice = {"message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    given = {name: fields.pop(name) for name in list(fields) if name in (*message, "tool_calls")}
    chosen = {name: fields.pop(name) for name in list(fields) if name in (*choice, "logprobs")}
    return {"choices": [choice | {"message": message | given} | chosen], "usage": usage} | fields


def logprobs(value: float) -> dict[str, Any]:
    tops = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": value}]
    return {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": tops}]}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            completion(content=[{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "A"}]),
            Reply(
                "A",
                usage=Usage(9, 1),
                blocks=({"type": "reasoning", "text": [{"type": "thinking", "thinking": "Hm."}]},),
            ),
        ),
        (
            completion(content=["A"], id=5, model=7.5),
            Reply("A", usage=Usage(9, 1), model="7.5", request_id="5"),
        ),
        (completion(finish_reason=3), Reply("A", stop="other", stop_detail="3", usage=Usage(9, 1))),
        (completion(logprobs=logprobs(math.nan)), Reply("A", usage=Usage(9, 1))),
        (completion(logprobs=logprobs(math.inf)), Reply("A", usage=Usage(9, 1))),
        (
            completion(logprobs=logprobs(-math.inf)),
            Reply("A", usage=Usage(9, 1), probabilities={"A": math.exp(-0.1), "B": 0.0}),
        ),
        (completion(usage={"prompt_tokens": 1e30, "completion_tokens": -2}), Reply("A")),
        (
            completion(usage={"prompt_tokens": 2.5, "completion_tokens": 3.0}),
            Reply("A", usage=Usage(None, 3)),
        ),
        (completion(usage=[1]), Reply("A")),
        (completion(content="caf\ud83d"), Reply("caf\ud83d", usage=Usage(9, 1))),
    ],
)
def test_odd_replies_are_what_they_say_as_far_as_it_can_be_read(sent: object, expected: Reply) -> None:
    reply = normalised(read_completion(as_sent(sent), pair()))
    assert reply.probabilities == (expected.probabilities and pytest.approx(expected.probabilities))
    assert replace(reply, probabilities=None) == replace(expected, probabilities=None)


def test_numbers_that_are_none_in_tool_arguments_are_null() -> None:
    call = {
        "id": 1,
        "type": "function",
        "function": {"name": "go", "arguments": '{"a": NaN, "b": 1e999, "c": 2}'},
    }
    reply = normalised(read_completion(as_sent(completion(content=None, tool_calls=[call])), pair()))
    assert reply.tool_calls == (ToolCall("go", {"a": None, "b": None, "c": 2}, "1"),)
    block = {"type": "tool_use", "id": "t1", "name": "go", "input": {"a": math.nan, "b": 10**400}}
    told = normalised(read_message(as_sent({"content": [block], "usage": {}}))).tool_calls
    assert told == (ToolCall("go", {"a": None, "b": None}, "t1"),)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (completion(finish_reason="error"), "server"),
        (completion(error={"code": 429, "message": "slow down"}), "rate_limit"),
        (completion(content=5), "unreadable"),
        (completion(tool_calls=[{"function": {}}]), "unreadable"),
        ({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}, "unreadable"),
    ],
)
async def test_what_cannot_be_read_is_kept_as_it_came_as_an_error_that_was_billed(
    tmp_path: Path, sent: object, kind: str
) -> None:
    def answer(request: Request, number: int) -> Reply:
        return read_completion(as_sent(sent), request)

    log = tmp_path / "run.db"
    summary = await collect(
        small_study(2),
        FakeModel(answer),
        log,
        max_attempts=2,
        price=lambda used: float(used.input_tokens or 0),
    )
    assert (summary.status.ended, summary.failures) == ({"error": 2}, 4)
    assert (summary.status.input_tokens, summary.status.unheard_attempts) == (36, 4)
    assert summary.cost == summary.status.cost == 36.0
    rows = query(log, "SELECT DISTINCT kind, message FROM attempts")
    assert [row[0] for row in rows] == [kind]
    assert json.dumps(as_sent(sent), ensure_ascii=False) in str(rows[0][1])


def test_a_filter_that_stops_an_answer_half_way_is_a_refusal() -> None:
    sent = completion(error={"code": "content_filter", "message": "no"})
    assert read_completion(sent, pair()) == Reply(
        "", stop="refusal", stop_detail="content_filter", usage=Usage(9, 1)
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [(b'{"a": "caf\xff"}', "caf\ufffd"), (b'\xef\xbb\xbf{"a": "x"}', "x"), (b'{"a": "\\ud83d"}', "\ud83d")],
)
def test_bytes_that_are_no_text_are_replaced(body: bytes, text: str) -> None:
    assert body_json(body) == {"a": text}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": ', b"[" * 100_000, b"9" * 5000])
def test_a_body_that_is_not_json_is_unreadable_and_kept(body: bytes) -> None:
    with pytest.raises(UnreadableError, match="not JSON") as caught:
        body_json(body)
    assert caught.value.raw.startswith(body.decode()[:1000])


async def test_a_name_of_no_batch_beside_results_of_ours_is_no_reason_to_ask_again(tmp_path: Path) -> None:
    stranger = {"custom_id": "somebody-1", "result": GOOD, "whole": False}
    model = BatchedModel([dict(GOOD), stranger])
    run = await collect(small_study(3), model, tmp_path / "run.db", batch=True, max_attempts=3)
    assert run.status.ended == {"chose_first": 6}
    assert [len(names) for names in model.service.made.values()] == [6, 3]


@pytest.mark.parametrize(
    "usage",
    [
        '{"input_tokens":inf}',
        '{"input_tokens":nan,"output_tokens":2}',
        '{"output_tokens":True}',
        '{"x":1e400}',
    ],
)
def test_what_earlier_versions_stored_is_read_with_counts_unknown(usage: str) -> None:
    stored = f'{{"stop":"end","text":"A","usage":{usage}}}'
    assert Reply.from_json(stored) == Reply("A")


async def test_impossible_counts_in_an_old_log_are_unknown(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(2), FakeModel(), log)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("UPDATE attempts SET input_tokens = 1e999, output_tokens = 2.5 WHERE number = 1")
        connection.execute("UPDATE outcomes SET input_tokens = 1e999, output_tokens = -3 WHERE trial = 1")
        connection.commit()
    table = read(log)
    assert table["input_tokens"].isna().tolist() == [True, False]
    assert table["output_tokens"].isna().tolist() == [True, False]
    stands = status(log)
    assert (stands.input_tokens, stands.output_tokens) == (10, 2)
    assert "1 replies came without their tokens" in str(stands)
