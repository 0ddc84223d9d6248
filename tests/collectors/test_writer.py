from __future__ import annotations

import asyncio
import contextlib
import itertools
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


@pytest.mark.parametrize("value", ["\ud800", 2**63, -(2**63) - 1, object(), 1j, [1]])
async def test_a_value_that_cannot_be_stored_is_refused_and_the_others_are_stored(
    tmp_path: Path, value: object
) -> None:
    writer = opened(tmp_path / "x.db")
    writer.put("INSERT INTO lines VALUES (?, ?)", (1, "before"))
    with pytest.raises(ValueError, match=r"surrogates not allowed|allowed: "):
        writer.put("INSERT INTO lines VALUES (?, ?)", (2, value))  # type: ignore[arg-type]
    writer.put("INSERT INTO lines VALUES (?, ?)", (3, "after"))
    await asyncio.wait_for(writer.committed(), 5)
    await writer.close()
    assert lines(tmp_path / "x.db") == 2


async def test_work_done_alone_has_its_turn_while_others_never_stop_writing(tmp_path: Path) -> None:
    writer = opened(tmp_path / "x.db")
    numbers = itertools.count()

    async def write() -> None:
        while True:
            writer.put("INSERT INTO lines VALUES (?, 'x')", (next(numbers),))
            await writer.committed()

    tasks = [asyncio.create_task(write()) for _ in range(20)]
    await asyncio.sleep(0.05)
    count = "SELECT count(*) FROM lines"
    for _ in range(3):
        before = lines(tmp_path / "x.db")
        assert await asyncio.wait_for(writer.alone(lambda c: c.execute(count).fetchone()[0]), 5) >= before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await writer.close()


async def test_what_was_put_in_before_work_done_alone_is_there_and_what_comes_after_is_not(
    tmp_path: Path,
) -> None:
    writer = opened(tmp_path / "x.db")
    writer.put("INSERT INTO lines VALUES (1, 'x')", ())
    alone = asyncio.ensure_future(writer.alone(lambda c: c.execute("SELECT count(*) FROM lines").fetchone()))
    await asyncio.sleep(0)
    writer.put("INSERT INTO lines VALUES (2, 'x')", ())
    await writer.committed()
    assert await alone == (1,)
    assert lines(tmp_path / "x.db") == 2
    await writer.close()


async def test_the_log_alone_has_what_was_written_a_few_seconds_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.collectors.writer.FOLD", 0.0)
    monkeypatch.setattr("bartleby.collectors.writer.LOOK", 0.01)
    writer = opened(tmp_path / "x.db")
    writer.put("INSERT INTO lines VALUES (1, 'x')", ())
    await writer.committed()
    copy = tmp_path / "copy.db"
    for _ in range(500):
        copy.write_bytes((tmp_path / "x.db").read_bytes())
        with contextlib.suppress(sqlite3.Error):
            if lines(copy) == 1:
                break
        await asyncio.sleep(0.01)
    assert lines(copy) == 1
    await writer.close()


async def test_what_is_beside_the_log_is_taken_in_while_others_never_stop_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.collectors.writer.FOLD", 0.0)
    monkeypatch.setattr("bartleby.collectors.writer.LOOK", 0.01)
    writer = opened(tmp_path / "x.db")
    numbers = itertools.count()

    async def write() -> None:
        while True:
            writer.put("INSERT INTO lines VALUES (?, ?)", (next(numbers), "x" * 5000))
            await writer.committed()

    tasks = [asyncio.create_task(write()) for _ in range(20)]
    beside, sizes = tmp_path / "x.db-wal", [0]
    for _ in range(3000):
        await asyncio.sleep(0.01)
        sizes.append(beside.stat().st_size)
        # It grew and became smaller again, more than once, though there was no moment without a writer.
        if sum(later < size for size, later in itertools.pairwise(sizes)) > 2:
            break
    else:
        pytest.fail(f"never taken in: {max(sizes)} bytes")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
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
