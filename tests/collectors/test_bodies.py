"""Bodies: a conversation takes room in proportion to its length, and reads as it was shown."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.collectors.bodies import Bodies, Body, Composer
from bartleby.collectors.collector import collect
from bartleby.collectors.schema import connect, create, storable
from bartleby.exchange import Message, Reply, Request, Settings, Tool, Usage
from bartleby.studies.items import Task
from tests.collectors.fakes import FakeModel, query
from tests.collectors.solo import Solo
from tests.collectors.talks import talks

TEXT = st.text(max_size=20)
MESSAGES = st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), TEXT), max_size=6)
REQUESTS = st.lists(
    st.builds(
        lambda messages, system, tools: Request(
            tuple(messages), Settings(system=system), (Tool("leave", "Leaves."),) if tools else ()
        ),
        MESSAGES,
        st.sampled_from([None, "a", "b"]),
        st.booleans(),
    ),
    max_size=6,
)


def put_together(bodies: list[Body]) -> list[object]:
    connection = sqlite3.connect(":memory:")
    create(connection)
    rows = [(body.hash, storable(body.text), body.before) for body in bodies]
    connection.executemany("INSERT OR IGNORE INTO bodies (hash, body, before) VALUES (?, ?, ?)", rows)
    reader = Bodies(connection)
    found: list[object] = [reader[body.hash] for body in bodies]
    connection.close()
    return found


@given(requests=REQUESTS)
def test_whatever_a_trial_asks_reads_as_it_was_shown(requests: list[Request]) -> None:
    composer = Composer()
    bodies = [composer.body(request) for request in requests]
    assert [body.hash for body in bodies] == [request.identity() for request in requests]
    assert put_together(bodies) == [request.shown() for request in requests]


@given(texts=st.lists(st.text(max_size=9), min_size=1, max_size=9), blocks=st.booleans())
def test_a_conversation_goes_on_from_its_turn_before(texts: list[str], blocks: bool) -> None:
    composer, request = Composer(), Request((Message("user", "Hello."),), Settings(system="s" * 500))
    bodies, shown = [composer.body(request)], [request.shown()]
    for number, text in enumerate(texts):
        kept = ({"type": "text", "text": text, "citations": None},) if blocks else ()
        messages = request.followed_by(Reply(text, blocks=kept), f"And {number}.")
        request = replace(request, messages=messages)
        bodies.append(composer.body(request))
        shown.append(request.shown())
    assert [body.before for body in bodies] == [None, *(body.hash for body in bodies[:-1])]
    assert all(set(json.loads(body.text)) == {"messages"} for body in bodies[1:])
    assert all(len(json.loads(body.text)["messages"]) == 2 for body in bodies[1:])
    assert put_together(bodies) == shown


def test_a_body_that_is_not_there_is_told() -> None:
    connection = sqlite3.connect(":memory:")
    create(connection)
    with pytest.raises(KeyError):
        Bodies(connection)["none"]
    connection.close()


@pytest.mark.parametrize("played", [False, True])
async def test_a_conversation_of_twice_the_length_takes_twice_the_room(tmp_path: Path, played: bool) -> None:
    async def room(turns: int) -> int:
        log = tmp_path / f"{turns}.db"
        say = "x" * 2000

        def answer(request: Request, number: int) -> Reply:
            return Reply(f"{number} {say}", usage=Usage(1, 1))

        study = talks(1, length=turns) if played else Solo.study([Task("a", "Do it.")], turns=turns)
        await collect(study, FakeModel(answer), log, user=FakeModel(answer, name="user"))
        return int(str(query(log, "SELECT sum(length(body)) FROM bodies")[0][0]))

    short, long = await room(10), await room(40)
    assert 3.5 < long / short < 4.6


def test_a_log_that_is_written_again_after_a_stop_holds_no_body_twice(tmp_path: Path) -> None:
    connection = connect(tmp_path / "x.db")
    create(connection)
    request = Request((Message("user", "Hello."),))
    for _ in range(2):
        body = Composer().body(request)
        connection.execute(
            "INSERT OR IGNORE INTO bodies (hash, body, before) VALUES (?, ?, ?)",
            (body.hash, body.text, body.before),
        )
    assert connection.execute("SELECT count(*) FROM bodies").fetchone() == (1,)
    connection.close()
