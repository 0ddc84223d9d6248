from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bartleby.collectors.schema import connect
from bartleby.collectors.writer import Writer
from bartleby.errors import LogError


def opened(path: Path) -> Writer:
    connection = connect(path)
    connection.execute("CREATE TABLE lines (number INTEGER PRIMARY KEY, text TEXT)")
    return Writer(connection, path)


def lines(path: Path) -> int:
    connection = sqlite3.connect(path)
    count = connection.execute("SELECT count(*) FROM lines").fetchone()[0]
    connection.close()
    return int(count)


async def test_what_is_awaited_is_visible_to_others_at_once(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")
    for number in range(5):
        writer.put("INSERT INTO lines VALUES (?, ?)", (number, "x"))
        await writer.committed()
        assert lines(tmp_path / "x.db") == number + 1
    await writer.close()


async def test_many_writers_share_commits_and_closing_writes_the_rest(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")

    async def write(start: int) -> None:
        for number in range(start, start + 20):
            writer.put("INSERT INTO lines VALUES (?, ?)", (number, "x"))
            await writer.committed()

    await asyncio.gather(*(write(100 * start) for start in range(30)))
    assert lines(tmp_path / "x.db") == 600
    writer.put("INSERT INTO lines VALUES (?, ?)", (5000, "last"))
    await writer.close()
    assert lines(tmp_path / "x.db") == 601


async def test_a_group_that_cannot_be_written_fails_all_in_it_and_all_later(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")
    writer.put("INSERT INTO lines VALUES (?, ?)", (1, "x"))
    await writer.committed()

    async def write(number: int) -> None:
        writer.put("INSERT INTO lines VALUES (?, ?)", (number, "x"))
        await writer.committed()

    results = await asyncio.gather(write(2), write(1), write(3), return_exceptions=True)
    assert all(isinstance(result, LogError) for result in results)
    with pytest.raises(LogError, match="UNIQUE constraint failed"):
        writer.put("INSERT INTO lines VALUES (?, ?)", (4, "x"))
    with pytest.raises(LogError):
        await writer.committed()
    await writer.close()
    assert lines(tmp_path / "x.db") == 1


async def test_a_value_that_cannot_be_stored_is_an_error_and_no_hang(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")
    writer.put("INSERT INTO lines VALUES (?, ?)", (1, "\ud800"))
    with pytest.raises(LogError, match="UnicodeEncodeError"):
        await asyncio.wait_for(writer.committed(), 5)
    await writer.close()


async def test_work_done_alone_is_all_or_nothing(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO lines VALUES (1, 'x')")
        raise LogError("no")

    with pytest.raises(LogError, match="no"):
        await writer.alone(half)
    writer.put("INSERT INTO lines VALUES (?, ?)", (2, "x"))
    assert await writer.alone(lambda c: c.execute("SELECT count(*) FROM lines").fetchone()[0]) == 1
    await writer.close()
    assert lines(tmp_path / "x.db") == 1


async def test_giving_up_waiting_leaves_the_row_to_be_written(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")

    async def write() -> None:
        writer.put("INSERT INTO lines VALUES (?, ?)", (1, "x"))
        await writer.committed()

    task = asyncio.create_task(write())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await writer.close()
    assert lines(tmp_path / "x.db") == 1
