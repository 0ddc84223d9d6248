"""Long replies are packed: each is read as it came, whenever a run ended, and without this program too."""

from __future__ import annotations

import bz2
import json
from pathlib import Path

import pytest

from bartleby.collectors import packing
from bartleby.collectors.collector import collect
from bartleby.collectors.models.base import KeyRefusedError
from bartleby.collectors.transcripts import transcripts
from bartleby.collectors.trial_table import read
from bartleby.exchange import Reply, Request, Usage
from bartleby.studies.items import Task
from tests.collectors.fakes import FakeModel, query
from tests.collectors.solo import Solo

STUDY = Solo.study([Task(f"t{number}", f"Write about {number}.") for number in range(60)], turns=2)
PACKED = "SELECT count(*) FROM replies WHERE reply NOT LIKE '{%'"


def number_of(log: Path, select: str) -> int:
    """Return the one number that a query finds."""
    return int(str(query(log, select)[0][0]))


@pytest.fixture(autouse=True)
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SIZE", 12_000)


def text_of(request: Request) -> str:
    """Return a long reply that is the request's own, with what JSON and lines could break."""
    about = request.messages[0].text + str(len(request.messages))
    return f"About {about}\n\u2028 \u00fc\U0001f30a \ud800 \x85" + "and so on, at length. " * 30


def long(request: Request, number: int) -> Reply:
    return Reply(text_of(request), usage=Usage(10, 2), request_id=f"req_{number}")


def said(log: Path) -> dict[str, list[str]]:
    return {each.trial: [turn.text for turn in each.turns] for each in transcripts(log)}


async def test_packed_replies_are_read_as_they_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await collect(STUDY, FakeModel(long), tmp_path / "packed.db")
    monkeypatch.setattr(packing, "SIZE", 10**9)
    await collect(STUDY, FakeModel(long), tmp_path / "plain.db")
    assert query(tmp_path / "plain.db", PACKED) == [(0,)]
    assert number_of(tmp_path / "packed.db", PACKED) > 90
    assert said(tmp_path / "packed.db") == said(tmp_path / "plain.db")
    again = read(tmp_path / "packed.db", STUDY)
    assert again["outcome"].tolist() == read(tmp_path / "plain.db")["outcome"].tolist()


async def test_a_pack_is_lines_of_json_that_bzip2_unpacks(tmp_path: Path) -> None:
    await collect(STUDY, FakeModel(long), tmp_path / "run.db")
    ((pack, trial, name),) = query(
        tmp_path / "run.db",
        "SELECT p.packed, r.trial, r.reply FROM replies r JOIN packs p ON r.reply = p.number || ':3'",
    )[:1]
    assert isinstance(pack, bytes)
    line = bz2.decompress(pack).decode().split("\n")[int(str(name).split(":")[1])]
    (words,) = query(tmp_path / "run.db", f"SELECT items FROM trials WHERE number = {trial}")  # noqa: S608
    number = json.loads(str(words[0]))[0].removeprefix("t")
    assert json.loads(line)["text"].startswith(f"About Write about {number}.")


async def test_short_replies_stay_text(tmp_path: Path) -> None:
    await collect(STUDY, FakeModel(), tmp_path / "run.db")
    assert query(tmp_path / "run.db", PACKED) == [(0,)]


async def test_what_a_stopped_run_had_not_packed_is_packed_by_the_next(tmp_path: Path) -> None:
    def stops(request: Request, number: int) -> Reply:
        if number >= 45:
            raise KeyRefusedError("the key is not valid")
        return long(request, number)

    log, whole = tmp_path / "run.db", tmp_path / "whole.db"
    with pytest.raises(KeyRefusedError):
        await collect(STUDY, FakeModel(stops), log)
    before = number_of(log, PACKED)
    model = FakeModel(long)
    await collect(STUDY, model, log)
    await collect(STUDY, FakeModel(long), whole)
    answered = number_of(log, "SELECT count(*) FROM replies")
    assert (0 < before < 45, answered, len(model.asked) <= 120 - before) == (True, 120, True)
    assert answered - number_of(log, PACKED) < 20
    assert said(log) == said(whole)
