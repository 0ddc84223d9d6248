"""The writer: puts rows into a log in groups, one commit for all that came in meanwhile.

Rows are put in from the event loop; the commit, which waits for the disk, runs on a thread of its own.
(If the rows were put in there as well, each statement would have to win the interpreter's lock back from a
busy event loop.) While one group waits for the disk the next one gathers: a commit a group and not a row
is what makes `synchronous=FULL` affordable.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bartleby.collectors.schema import explain
from bartleby.errors import LogError

__all__ = ["Writer"]

Value = str | bytes | int | float | None
T = TypeVar("T")


class Writer:
    """Group commit on one connection, for one event loop.

    Parameters
    ----------
    connection
        Opened by `schema.connect`; it is the writer's from here on.
    path
        The log, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bartleby-log")
        self._pending: list[tuple[str, tuple[Value, ...]]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._busy = False
        self._failure: LogError | None = None

    def put(self, statement: str, values: tuple[Value, ...]) -> None:
        """Put a statement into the next group, without waiting for it.

        Raises
        ------
        LogError
            If an earlier group could not be written.
        """
        if self._failure is not None:
            raise self._failure
        self._pending.append((statement, values))
        self._wake()

    async def committed(self) -> None:
        """Wait until all that was put in before is on the disk.

        Raises
        ------
        LogError
            If it could not be written.
        """
        if self._failure is not None:
            raise self._failure
        if not self._pending and not self._busy:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake()
        await done

    async def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a piece of work on the connection in one transaction, with nothing else under way.

        Raises
        ------
        LogError
            If it could not be done; then nothing of it is in the log.
        """
        while self._busy or self._pending:
            await self.committed()
        self._busy = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)
        finally:
            self._busy = False
            self._wake_if_needed()

    async def close(self) -> None:
        """Write what is left and close the file; what failed before is not raised again."""
        try:
            if self._failure is None:
                await self.committed()
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
            self._thread.shutdown()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise explain(self._path, error) from error
            raise
        return result

    def _wake(self) -> None:
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._write_group)

    def _wake_if_needed(self) -> None:
        if self._pending or self._waiting:
            self._wake()

    def _write_group(self) -> None:
        """Put the group into a transaction and hand its commit to the thread."""
        group, self._pending = self._pending, []
        waiting, self._waiting = self._waiting, []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement, values in group:
                self._connection.execute(statement, values)
        except Exception as error:  # whatever it is, those who wait must hear of it
            self._settle(waiting, error)
            return
        loop = asyncio.get_running_loop()
        commit = loop.run_in_executor(self._thread, self._connection.execute, "COMMIT")
        commit.add_done_callback(lambda done: self._settle(waiting, done.exception()))

    def _settle(self, waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
        """Tell those who wait that their group is on the disk, or why it is not, and start the next."""
        self._busy = False
        if error is not None:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                self._failure = explain(self._path, error)
            else:
                self._failure = LogError(f"log {self._path}: {type(error).__name__}: {error}")
            waiting, self._waiting, self._pending = [*waiting, *self._waiting], [], []
        for future in waiting:
            if future.done():
                continue
            if self._failure is None:
                future.set_result(None)
            else:
                future.set_exception(self._failure)
        self._wake_if_needed()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                return
