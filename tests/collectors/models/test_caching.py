from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bartleby.collectors.collector import collect
from bartleby.collectors.models import open_model
from bartleby.collectors.models.caching import PATIENCE, Marker, Repeats, mark_conversation
from bartleby.collectors.prices import Price
from bartleby.collectors.status import status
from bartleby.collectors.summary import RunSummary
from bartleby.collectors.trial_table import read
from bartleby.exchange import Message, Request, Settings, Usage
from bartleby.studies.items import Task
from bartleby.studies.study import Study
from tests.collectors.fakes import query
from tests.collectors.solo import Solo
from tests.servers.messages_server import KEY, MessagesServer, serve

LONG = "All work and no play. " * 300
"""About 1,650 tokens."""
MODEL = "anthropic/claude-test-1"
PRICE = Price(4.0, 20.0, 5.0, 0.4)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    pytest.importorskip("anthropic")
    with serve() as started:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield started


def talks(turns: int, *, text: str = LONG, system: str | None = None, items: int = 3) -> Study:
    tasks = [Task(f"t{i}", f"{i}: {text}") for i in range(items)]
    made = Solo.study(tasks, turns=turns, settings=Settings(max_tokens=64, system=system))
    return replace(made, conditions={"channel": ["text"]})


def run(study: Study, log: Path, **how: Any) -> RunSummary:  # noqa: ANN401
    return asyncio.run(collect(study, open_model(MODEL), log, price=PRICE.cost, concurrency=1, **how))


def test_a_conversation_is_kept_turn_by_turn_and_found_again(server: MessagesServer, tmp_path: Path) -> None:
    summary = run(talks(5), tmp_path / "run.db")
    shown, found, written = server.ledger.tokens()
    assert query(
        tmp_path / "run.db",
        "SELECT sum(input_tokens), sum(cache_read_tokens), sum(cache_write_tokens) FROM attempts",
    ) == [(shown, found, written)]
    assert found > 0.7 * shown
    whole = PRICE.cost(Usage(shown, 15 * 8))
    assert summary.cost == pytest.approx(PRICE.cost(Usage(shown, 15 * 8, found, written)))
    assert (summary.cost or whole) < 0.5 * whole
    assert status(tmp_path / "run.db", price=PRICE.cost).cost == pytest.approx(summary.cost)


def test_a_table_tells_what_was_shown_whether_it_was_kept_or_not(
    server: MessagesServer, tmp_path: Path
) -> None:
    run(talks(3), tmp_path / "with.db")
    run(talks(3), tmp_path / "without.db", cache=False)
    tables = [read(tmp_path / name).set_index("trial")["input_tokens"] for name in ("with.db", "without.db")]
    assert tables[0].equals(tables[1])
    replies = [query(tmp_path / name, "SELECT count(*) FROM replies") for name in ("with.db", "without.db")]
    assert replies == [[(9,)], [(9,)]]
    assert len(server.requests) == 18


def test_a_system_text_that_all_trials_share_is_kept(server: MessagesServer, tmp_path: Path) -> None:
    run(talks(1, text="Short.", system=LONG), tmp_path / "run.db")
    marked = [each["system"][0].get("cache_control") for each in server.requests]
    assert marked == [{"type": "ephemeral"}] * 3
    assert all(isinstance(each["messages"][-1]["content"], str) for each in server.requests)
    _, found, written = server.ledger.tokens()
    assert found == 2 * written > 3000


@pytest.mark.parametrize(
    "study",
    [talks(1), talks(4, text="Short."), talks(1, text="Short.", system="Be brief.")],
    ids=["shown once", "too short", "system too short"],
)
def test_what_is_not_worth_it_goes_unmarked(server: MessagesServer, tmp_path: Path, study: Study) -> None:
    run(study, tmp_path / "run.db")
    assert "cache_control" not in json.dumps(server.requests)
    assert server.ledger.tokens()[1:] == (0, 0)


def test_it_can_be_switched_off_and_on_in_one_log_and_the_record_says_so(
    server: MessagesServer, tmp_path: Path
) -> None:
    log, study = tmp_path / "run.db", talks(4)
    server.script = ["ok"] * 5 + ["payment"]
    with pytest.raises(Exception, match="payment"):
        run(study, log, cache=False)
    assert server.ledger.tokens()[1:] == (0, 0)
    run(study, log)
    assert status(log).ended == {"completed": 3}
    assert server.ledger.tokens()[1] > 0
    told = [json.loads(row[0])["model"] for row in query(log, "SELECT versions FROM sessions")]  # type: ignore[arg-type]
    assert told[0]["prompt_caching"] == "off"
    assert "conversations of 1024 tokens" in told[1]["prompt_caching"]


def test_a_server_that_may_not_know_of_it_sees_no_marks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("anthropic")
    with serve(MessagesServer(tells_models=False)) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        run(talks(3), tmp_path / "run.db")
    assert "cache_control" not in json.dumps(server.requests)


def test_in_batches_only_what_trials_share_is_kept(
    server: MessagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.collectors.batches.FIRST_POLL", 0.05)
    summary = run(talks(2, system=LONG), tmp_path / "run.db", batch=True)
    asked = [each["params"] for batch in server.batches.batches.values() for each in batch.requests]
    assert all("cache_control" in each["system"][0] for each in asked)
    assert "cache_control" not in json.dumps([each["messages"] for each in asked])
    shown, found, written = server.ledger.tokens()
    assert summary.cost == pytest.approx(PRICE.in_batches().cost(Usage(shown, 6 * 8, found, written)))


def test_marks_that_cost_more_than_they_save_are_left_off() -> None:
    marker, request = Marker(Repeats(asks=3)), Request((Message("user", LONG),))
    body: dict[str, Any] = {"messages": [{"role": "user", "content": LONG}]}
    for _ in range(PATIENCE):
        assert "cache_control" in json.dumps(marker.mark(body, request))
        marker.heard(Usage(1000, 1, 0, 1000))
    assert marker.mark(body, request) == body
    marker.heard(Usage(10**6, 1, 10**6, 0))
    assert marker.mark(body, request) != body


def test_answers_of_a_tool_are_marked_at_their_end_and_empty_texts_are_not() -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_1"}
    body = {"messages": [{"role": "user", "content": [result, {"type": "text", "text": "Go on."}]}]}
    blocks = mark_conversation(body)["messages"][0]["content"]
    assert blocks == [
        result,
        {"type": "text", "text": "Go on.", "cache_control": {"type": "ephemeral"}},
    ]
    alone = {"messages": [{"role": "user", "content": [result]}]}
    assert "cache_control" in mark_conversation(alone)["messages"][0]["content"][0]
    empty = {"messages": [{"role": "user", "content": ""}]}
    assert mark_conversation(empty) == empty
    assert "cache_control" not in json.dumps(body)
