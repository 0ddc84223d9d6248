"""The writer: puts rows into a log in groups, one commit for all that came in meanwhile.

Rows are put in from the event loop; the commit, which waits for the disk, runs on a thread of its own.
(If the rows were put in there as well, each statement would have to win the interpreter's lock back from a
busy event loop.) While one group waits for the disk the next one gathers: a commit a group and not a row
is what makes `synchronous=FULL` affordable.

What is written goes into the file beside the log (`-wal`) first, and every few seconds from there into the
log itself, so that the log alone, copied or moved, lacks a few seconds at most.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from bartleby.collectors.schema import explain
from bartleby.errors import LogError
from bartleby.storage import Identity, free_name, require_bindable, transaction

__all__ = ["Writer"]

Value = str | bytes | int | float | None
T = TypeVar("T")

FOLD = 3.0
"""Seconds between two times that what is beside the log is taken into it."""
BUSY = 5000
"""Milliseconds for which a statement waits for other processes, as in Python's `sqlite3`."""
LOOK = 0.5
"""Seconds between two looks at whether the log is still the same file."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done on the connection with nothing else under way."""

    run: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]


_Entry = tuple[str, tuple[Value, ...]] | asyncio.Future[None] | _Work
"""What waits to be written: a statement, somebody who waits for all before, or work that is done alone."""


class Writer:
    """Group commit on one connection, for one event loop.

    Parameters
    ----------
    connection
        Opened by `schema.connect`; it is the writer's from here on.
    path
        The log, for messages.
    file
        Says whether the path is still the log.

    Attributes
    ----------
    failure
        Why nothing can be written any more; None as long as it can.
    on_failure
        Called if that is found out while nobody waits to write.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, file: Identity | None = None) -> None:
        self.failure: LogError | None = None
        self.on_failure: Callable[[], object] = lambda: None
        self._connection = connection
        self._path = path
        self._file = file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bartleby-log")
        self._pending: deque[_Entry] = deque()
        self._busy = False
        self._dirty = False
        self._folded = 0.0
        self._looking: asyncio.TimerHandle | None = None

    def put(self, statement: str, values: tuple[Value, ...]) -> None:
        """Put a statement into the next group, without waiting for it.

        Raises
        ------
        LogError
            If an earlier group could not be written.
        ValueError
            If a value cannot be stored; nothing else is then affected.
        """
        self._raise_failure()
        require_bindable(values)
        self._add((statement, values))

    async def committed(self) -> None:
        """Wait until all that was put in before is on the disk.

        Raises
        ------
        LogError
            If it could not be written.
        """
        self._raise_failure()
        if self._pending or self._busy:
            await self._added(asyncio.get_running_loop().create_future())

    async def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a piece of work on the connection in one transaction, after all that was put in before.

        Raises
        ------
        LogError
            If it could not be done; then nothing of it is in the log.
        """
        self._raise_failure()
        entry = _Work(lambda _: self._transaction(work), asyncio.get_running_loop().create_future())
        self._add(entry)
        return cast("T", await entry.done)

    async def close(self) -> None:
        """Write what is left and close the file; what failed before is not raised again."""
        if self._looking is not None:
            self._looking.cancel()
        try:
            if self.failure is None:
                await self.committed()
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
            self._thread.shutdown()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def _added(self, future: asyncio.Future[None]) -> None:
        self._add(future)
        await future

    def _add(self, entry: _Entry) -> None:
        self._pending.append(entry)
        self._wake()
        if self._looking is None:
            self._look()

    def _look(self) -> None:
        """Look, again and again, whether the file is still the log and whether it is time to fold."""
        loop = asyncio.get_running_loop()
        if self.failure is not None:
            return
        # Whoever writes looks for itself; and there is always somebody who writes while a run is fast.
        error = None if self._busy else self._moved()
        if error is not None:
            self._fail(error)
            self.on_failure()
            return
        if self._dirty and loop.time() - self._folded >= FOLD:
            self._dirty, self._folded = False, loop.time()
            self._add(_Work(lambda _: self._fold(), loop.create_future()))
        self._looking = loop.call_later(LOOK, self._look)

    def _fold(self) -> None:
        # After a passive one the file beside the log would go on growing. It waits for no reader.
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.execute(f"PRAGMA busy_timeout = {BUSY}")
        if self._file is not None:
            self._file.note()

    def _moved(self) -> LogError | None:
        """Return what is wrong where the path is not the log any more; a copy of the log is then made."""
        change = None if self._file is None else self._file.change()
        if change is None:
            return None
        kept = free_name(self._path, "kept")
        try:
            with closing(sqlite3.connect(kept)) as copy:
                self._connection.backup(copy)
        except sqlite3.Error:
            return LogError(f"log {self._path}: {change}")
        return LogError(
            f"log {self._path}: {change}. All that was recorded is in {kept}; resume it with that"
        )

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._dirty = True
        with transaction(self._connection):
            return work(self._connection)

    def _wake(self) -> None:
        if not self._busy and self._pending:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._write_next)

    def _write_next(self) -> None:
        """Write the next group, up to the next piece of work that is done alone; or do that."""
        error = self._moved()
        if error is not None:
            self._settle([], error)
            return
        first = self._pending[0]
        if isinstance(first, _Work):
            self._pending.popleft()
            self._on_thread(first)
            return
        waiting: list[asyncio.Future[None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            while self._pending and not isinstance(self._pending[0], _Work):
                entry = self._pending.popleft()
                if isinstance(entry, asyncio.Future):
                    waiting.append(entry)
                elif not isinstance(entry, _Work):
                    self._connection.execute(*entry)
        except Exception as error:  # whatever it is, those who wait must hear of it
            self._settle(waiting, error)
            return
        self._dirty = True
        loop = asyncio.get_running_loop()
        commit = loop.run_in_executor(self._thread, self._connection.execute, "COMMIT")
        commit.add_done_callback(lambda done: self._settle(waiting, done.exception()))

    def _on_thread(self, work: _Work) -> None:
        running = asyncio.get_running_loop().run_in_executor(self._thread, work.run, self._connection)

        def settle(done: asyncio.Future[Any]) -> None:
            error = done.exception()
            if not work.done.done():
                if error is None:
                    work.done.set_result(done.result())
                else:
                    said = explain(self._path, error) if isinstance(error, sqlite3.Error) else error
                    work.done.set_exception(said)
                    work.done.exception()  # nobody may wait for it: then it is no error that goes unseen
            self._busy = False
            self._wake()

        running.add_done_callback(settle)

    def _settle(self, waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
        """Let those who wait know that their group is on the disk, or why it is not, and start the next."""
        self._busy = False
        if error is None:
            for future in waiting:
                if not future.done():
                    future.set_result(None)
            self._wake()
            return
        self._pending.extendleft(reversed(waiting))
        if isinstance(error, sqlite3.Error):
            error = explain(self._path, error)
        elif not isinstance(error, LogError):
            error = LogError(f"log {self._path}: {type(error).__name__}: {error}")
        self._fail(error)

    def _fail(self, error: LogError) -> None:
        """Write nothing more, and say why to all who wait."""
        self.failure = error
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        pending, self._pending = self._pending, deque()
        for entry in pending:
            future = entry.done if isinstance(entry, _Work) else entry
            if isinstance(future, asyncio.Future) and not future.done():
                future.set_exception(error)
