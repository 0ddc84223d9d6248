"""Batches in a log: what was about to be sent, under which id it went, and what has come back of it.

The intent is on the disk before a batch is made, and its id right after, so that a run that was killed
between the two knows what to look for. The attempts of a batch have numbers in a row, so a batch needs to
keep only the first.
"""

from __future__ import annotations

import math
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bartleby.collectors.bodies import Body
from bartleby.collectors.environment import redact
from bartleby.collectors.packing import Packing
from bartleby.collectors.schema import storable
from bartleby.collectors.spent import TOKENS, counted, tokens_of, with_raw
from bartleby.collectors.writer import Writer
from bartleby.exchange import Reply, Usage

if TYPE_CHECKING:
    from bartleby.collectors.models.base import TransientError

__all__ = ["BatchCounts", "BatchLog", "Place", "StoredBatch", "batch_counts", "batch_usage"]

KEPT_SECONDS = 29 * 86_400.0
"""The provider deletes results 29 days after a batch was made."""

_INTEND = "INSERT INTO batches (session, key, first, requests, composed) VALUES (?, ?, ?, ?, ?)"
_START = """INSERT INTO attempts (number, session, trial, ask, attempt, hash, started, aversive, aside)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_BODY = "INSERT OR IGNORE INTO bodies (hash, body, before) VALUES (?, ?, ?)"
_ANSWER = """UPDATE attempts SET ok = 1, request_id = ?, input_tokens = ?, output_tokens = ?,
    cache_read_tokens = ?, cache_write_tokens = ? WHERE number = ?"""
_FAIL = """UPDATE attempts SET ok = 0, kind = ?, message = ?, status = ?, input_tokens = ?,
    output_tokens = ?, cache_read_tokens = ?, cache_write_tokens = ? WHERE number = ?"""
_OPEN = "SELECT number, key, first, requests, composed, id FROM batches WHERE ending IS NULL ORDER BY number"
_WAITING = """SELECT number, trial, ask, attempt, aversive, aside FROM attempts
    WHERE number BETWEEN ? AND ? AND ok IS NULL"""
_SUMS = ", ".join(f"sum({counted(name)})" for name in TOKENS)
_USAGE = f"SELECT {_SUMS} FROM attempts WHERE number BETWEEN ? AND ?"  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request of a batch belongs (trial, ask, which attempt), and of which kind it is."""

    trial: int
    ask: int
    attempt: int
    aversive: bool = False
    aside: bool = False

    @property
    def kind(self) -> tuple[bool | None, bool | None]:
        """`aversive` and `aside`, as they are stored."""
        return self.aversive or None, self.aside or None


@dataclass(slots=True)
class StoredBatch:
    """A batch that has not been fetched.

    Parameters
    ----------
    number
        Its number in the log.
    key
        What the names of its requests begin with; no other batch has the same.
    first, requests
        Number of its first attempt, and how many it has.
    composed
        When it was about to be made (seconds since 1970, by the provider's clock).
    id
        The provider's id, once it is known.
    waiting
        Attempt -> its place, for all whose result is not in the log.
    rejected
        Ids of batches that were taken for it and proved to be others.
    """

    number: int
    key: str
    first: int
    requests: int
    composed: float
    id: str | None = None
    waiting: dict[int, Place] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)

    def name_of(self, attempt: int) -> str:
        """Return the name that the request of an attempt goes by."""
        return f"{self.key}-{attempt}"

    def attempt_of(self, name: str) -> int | None:
        """Return the attempt that a name is of; None if it is of another batch."""
        key, _, number = name.rpartition("-")
        if key != self.key or not number.isdecimal():
            return None
        return int(number) if self.first <= int(number) < self.first + self.requests else None


class BatchLog:
    """The batches of a log that is being written; made by `Log.batches`.

    Parameters
    ----------
    writer, reader
        The log's.
    session
        Number of this session.
    packing
        Writes its replies.
    take_numbers
        Sets attempt numbers in a row aside, and returns the first.
    begun
        For each trial that was begun: attempts by number of the ask. It is kept up here.
    count_failure
        Called for each attempt that brought no reply.
    """

    def __init__(
        self,
        writer: Writer,
        reader: sqlite3.Connection,
        session: int,
        *,
        packing: Packing,
        take_numbers: Callable[[int], int],
        begun: dict[int, dict[int, int]],
        count_failure: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._session = session
        self._packing = packing
        self._take_numbers = take_numbers
        self._begun = begun
        self._count_failure = count_failure

    def unfinished(self) -> list[StoredBatch]:
        """Return the batches of earlier sessions that were not fetched to the end, the oldest first."""
        found = [StoredBatch(*row) for row in self._reader.execute(_OPEN)]
        for batch in found:
            rows = self._reader.execute(_WAITING, (batch.first, batch.first + batch.requests - 1))
            batch.waiting = {row[0]: Place(*row[1:4], *map(bool, row[4:])) for row in rows}
        return found

    def ids(self) -> set[str]:
        """Return the providers' ids of all batches of this log."""
        return {row[0] for row in self._reader.execute("SELECT id FROM batches WHERE id IS NOT NULL")}

    async def intend(self, places: Sequence[tuple[Place, Body]], now: float) -> StoredBatch:
        """Write down a batch that is about to be made, and wait until that is on the disk.

        Parameters
        ----------
        places
            Where its requests belong, and what they show.
        now
            The time by the provider's clock: it says when a batch was made that may be this one.
        """
        first = self._take_numbers(len(places))
        key = f"b{secrets.token_hex(8)}"
        waiting = {first + at: place for at, (place, _) in enumerate(places)}
        bodies = [(body.hash, storable(body.text), body.before) for _, body in places]
        rows = [
            (number, self._session, each.trial, each.ask, each.attempt, body[0], now, *each.kind)
            for (number, each), body in zip(waiting.items(), bodies, strict=True)
        ]

        def write(connection: sqlite3.Connection) -> int:
            connection.executemany(_BODY, bodies)
            connection.executemany(_START, rows)
            made = connection.execute(_INTEND, (self._session, key, first, len(rows), now))
            return int(made.lastrowid or 0)

        number = await self._writer.alone(write)
        for place, _ in places:
            self._begun.setdefault(place.trial, {})[place.ask] = place.attempt
        return StoredBatch(number, key, first, len(rows), now, waiting=waiting)

    async def sent(self, batch: StoredBatch, created: float) -> None:
        """Write down the id under which a batch went, and wait until it is on the disk."""
        told = (batch.id, created, batch.number)
        self._writer.put("UPDATE batches SET id = ?, created = ? WHERE number = ?", told)
        await self._writer.committed()

    def answered(self, attempt: int, place: Place, reply: Reply) -> None:
        """Store a reply, without waiting for the disk: `committed` does, for many together."""
        text = storable(reply.to_json())
        self._writer.put(_ANSWER, (reply.request_id, *tokens_of(reply.usage), attempt))
        self._packing.put(attempt, place.trial, place.ask, text)
        self._begun.setdefault(place.trial, {})[place.ask] = place.attempt

    def failed(self, attempt: int, kind: str, error: Exception | TransientError) -> None:
        """Note that an attempt brought no reply, what came instead, and what that was billed."""
        self._count_failure()
        status, raw = getattr(error, "status", None), getattr(error, "raw", "")
        tokens = tokens_of(getattr(error, "usage", Usage()))
        told = storable(redact(with_raw(str(error), raw)))
        self._writer.put(_FAIL, (kind, told, status, *tokens, attempt))

    async def committed(self) -> None:
        """Wait until all of it is on the disk."""
        await self._writer.committed()

    async def close(self, batch: StoredBatch, ending: str) -> None:
        """Write down that nothing more will come of a batch, and wait until all of it is on the disk.

        Parameters
        ----------
        batch
            The batch.
        ending
            `fetched`, `never made`, `deleted`.
        """
        told = (time.time(), ending, batch.number)
        self._writer.put("UPDATE batches SET closed = ?, ending = ? WHERE number = ?", told)
        await self._writer.committed()


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Batches of a log: all, those not fetched yet, the requests in these, and since when they wait."""

    made: int = 0
    under_way: int = 0
    requests: int = 0
    oldest: float = math.nan

    def __str__(self) -> str:
        """Say it in a few words, with the day on which the first results are deleted."""
        if not self.under_way:
            return f"{self.made} batches, all fetched"
        deleted = datetime.fromtimestamp(self.oldest + KEPT_SECONDS, UTC).date().isoformat()
        return (
            f"{self.under_way} of {self.made} batches not fetched ({self.requests} requests; "
            f"run again to fetch them before {deleted})"
        )


def batch_counts(connection: sqlite3.Connection) -> BatchCounts:
    """Return how the batches of a log stand, as far as the log knows."""
    made = connection.execute("SELECT count(*) FROM batches WHERE id IS NOT NULL").fetchone()[0]
    rows = connection.execute(_OPEN).fetchall()
    requests = sum(
        len(connection.execute(_WAITING, (first, first + count - 1)).fetchall())
        for _, _, first, count, _, _ in rows
    )
    return BatchCounts(made, len(rows), requests, min((row[4] for row in rows), default=math.nan))


def batch_usage(connection: sqlite3.Connection) -> Usage:
    """Return the tokens that were billed in batches."""
    totals = [0, 0, 0, 0]
    for first, count in connection.execute("SELECT first, requests FROM batches").fetchall():
        row = connection.execute(_USAGE, (first, first + count - 1)).fetchone()
        totals = [total + (billed or 0) for total, billed in zip(totals, row, strict=True)]
    return Usage(*totals)
