"""Logs of an older layout: read as they are, and brought up on a copy when they are gone on with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bartleby.collectors.collector import collect
from bartleby.collectors.migration import bring_up
from bartleby.collectors.schema import APPLICATION_ID, VERSION, create
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record, transcripts
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError
from bartleby.exchange import Reply, Usage
from bartleby.studies.items import Task
from tests.collectors.fakes import FakeModel, query
from tests.collectors.solo import Solo

WRITTEN = Path(__file__).with_name("log_v1.sql")
"""A log as the first layout had it: two conversations of three turns, the second without its last reply."""

STUDY = Solo.study([Task("a", "Do it."), Task("b", "Do that.")], turns=3)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WRITTEN.read_text("utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    return path


def layout(path: Path) -> list[tuple[object, ...]]:
    tables = [str(row[0]) for row in query(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return [
        (table, *(row[1:4] for row in query(path, f"PRAGMA table_info({table})"))) for table in sorted(tables)
    ]


def test_an_older_log_is_read_and_left_as_it_is(log: Path) -> None:
    before = log.read_bytes()
    assert read(log)["outcome"].tolist() == ["completed"]
    assert read(log, STUDY)["turns"].tolist() == [3]
    stands = status(log)
    assert (stands.planned, stands.ended, stands.user, stands.input_tokens) == (2, {"completed": 1}, None, 50)
    assert study_record(log)["sessions"][0]["reason"] is None
    (whole, half) = transcripts(log)
    assert [turn.text for turn in whole.turns][-1] == "reply 2"
    assert (half.outcome, len(half.turns)) == (None, 4)
    assert log.read_bytes() == before
    assert [path.name for path in log.parent.iterdir() if path.suffix != ".lock"] == ["run.db"]


async def test_an_older_log_is_gone_on_with_on_a_copy(log: Path, tmp_path: Path) -> None:
    before = read(log)
    model = FakeModel(lambda request, number: Reply("reply 5", usage=Usage(10, 2)))
    summary = await collect(STUDY, model, log)
    assert (len(model.asked), summary.status.ended) == (1, {"completed": 2})
    assert query(log, "PRAGMA user_version") == [(VERSION,)]
    assert read(log).iloc[:1].equals(before)
    assert [len(each.turns) for each in transcripts(log)] == [6, 6]
    assert read(log, STUDY)["outcome"].tolist() == ["completed", "completed"]
    kept = tmp_path / "run.db.v1"
    assert (query(kept, "PRAGMA user_version"), len(read(kept))) == ([(1,)], 1)
    assert not (tmp_path / "run.db.migrating").exists()


def test_a_log_that_was_brought_up_has_the_layout_of_a_new_one(log: Path, tmp_path: Path) -> None:
    assert bring_up(log) == tmp_path / "run.db.v1"
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        create(connection)
    assert layout(log) == layout(tmp_path / "new.db")
    assert bring_up(log) is None


def test_what_is_written_ahead_in_an_older_log_is_taken_along(log: Path) -> None:
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE meta SET value = 'other' WHERE key = 'model'")
        with pytest.raises(LogError, match=r"run\.db: another program holds it"):
            bring_up(log)
    bring_up(log)
    assert study_record(log)["model"] == "other"


def test_a_corrupted_older_log_is_not_brought_up(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[4096 * 2 : 4096 * 5] = b"\x5a" * (4096 * 3)
    log.write_bytes(content)
    with pytest.raises(LogError, match="corrupted"):
        bring_up(log)
    assert log.read_bytes() == bytes(content)
    assert [path.name for path in log.parent.iterdir()] == ["run.db"]


def test_files_that_are_no_logs_are_none_of_its_business(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert bring_up(tmp_path / "empty.db") is None
    assert bring_up(tmp_path / "none.db") is None
    (tmp_path / "text.db").write_text("hello " * 500)
    with pytest.raises(LogError, match="corrupted or is no log"):
        bring_up(tmp_path / "text.db")


async def test_a_newer_log_is_refused_naming_the_version_that_reads_it(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(STUDY, FakeModel(), log)
    query(log, "UPDATE sessions SET versions = json_set(versions, '$.bartleby', '7.1.0')")
    query(log, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(LogError, match=r"use Bartleby 7\.1\.0, which wrote it, or a newer one"):
        read(log)
    query(log, "DROP TABLE sessions")
    with pytest.raises(LogError, match="use the newer Bartleby that wrote it"):
        read(log)
