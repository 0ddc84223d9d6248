"""The log as the collector writes it: the frozen study, every attempt, every reply, every outcome.

Only one run writes a log at a time; a lock beside it sees to that and is let go by the system when a run
is killed. Readers (`reader`, `trial_table`, `transcripts`) open it read-only and are never in the way.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from bartleby.collectors.batch_log import BatchLog
from bartleby.collectors.billed import Billed, billed
from bartleby.collectors.bodies import Body
from bartleby.collectors.caps import Totals
from bartleby.collectors.environment import redact
from bartleby.collectors.frozen import Frozen
from bartleby.collectors.opening import Design, begin_session, plan_trials, scalar, take_lock
from bartleby.collectors.packing import Packing, add_whole
from bartleby.collectors.schema import connect, explain, identity, in_order, storable
from bartleby.collectors.spent import Spent, StoredReply, counted, tokens_of, with_raw
from bartleby.collectors.writer import Writer
from bartleby.errors import LogError
from bartleby.exchange import Reply, Request, Usage
from bartleby.outcome import Outcome
from bartleby.storage import Held, Identity
from bartleby.studies.trial import Reading, Trial

__all__ = ["Log"]

_START = """INSERT INTO attempts (number, session, trial, ask, attempt, hash, started, listener, aversive,
    aside) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_FAIL = """UPDATE attempts SET seconds = ?, ok = 0, kind = ?, message = ?, status = ?, request_id = ?,
    input_tokens = ?, output_tokens = ?, cache_read_tokens = ?, cache_write_tokens = ? WHERE number = ?"""
_ANSWER = """UPDATE attempts SET seconds = ?, ok = 1, request_id = ?, input_tokens = ?, output_tokens = ?,
    cache_read_tokens = ?, cache_write_tokens = ? WHERE number = ?"""
_BODY = "INSERT OR IGNORE INTO bodies (hash, body, before) VALUES (?, ?, ?)"
_TOTALS = f"""SELECT coalesce(sum(ok = 1), 0), coalesce(sum(coalesce({counted("input_tokens")}, 0)
    + coalesce({counted("output_tokens")}, 0)), 0), coalesce(sum(CASE WHEN ok = 1 THEN aversive END), 0)
    FROM attempts"""  # noqa: S608 - names of ours
_OUTCOME = """INSERT OR REPLACE INTO outcomes (trial, outcome, refused, turn, turns, columns, message, asks,
    input_tokens, output_tokens, seconds, ended, turn_rows)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Log:
    """A log that is being written. Made by `Log.open`; ended by `close`, whatever happened.

    Attributes
    ----------
    begun
        For each trial that was begun and has not ended: attempts made so far by number of the ask.
    failures
        Attempts of this session that brought no reply.
    attempts_before
        Attempts of earlier sessions.
    """

    def __init__(
        self, path: Path, lock: Held, connection: sqlite3.Connection, session: int, file: Identity
    ) -> None:
        self.path = path
        self._lock = lock
        self._session = session
        self._reader = connection
        self._writer = Writer(connection, path, file)
        self._packing = Packing(connection, self._writer.put)
        self._next_attempt = scalar(connection, "SELECT coalesce(max(number), 0) FROM attempts") + 1
        self._retried: frozenset[str] = frozenset()
        self.attempts_before = scalar(connection, "SELECT count(*) FROM attempts")
        self.begun = self._begun()
        self.failures = 0

    @classmethod
    def open(cls, path: Path, frozen: Frozen, *, retry_errors: bool = False) -> Self:
        """Open a new log, or an old one of the same study and model.

        Parameters
        ----------
        path
            The file; missing directories above it are made.
        frozen
            The study and the model that will be asked.
        retry_errors
            Whether trials that ended in `error`, or that a cap or a failing user cut off, count as not ended.
            Where the design has several rounds, only those of the last one do: later rounds were built on
            the others.

        Raises
        ------
        LogError
            If it cannot be written, is in use, is corrupted, or belongs to another study or model.
        """
        lock = take_lock(path)
        try:
            connection = connect(path)
            try:
                session, started = begin_session(path, connection, frozen)
                add_whole(connection)
                log = cls(path, lock, connection, session, identity(path, session, started))
            except BaseException:
                connection.close()
                raise
        except BaseException as error:
            lock.release()
            if isinstance(error, sqlite3.Error):
                raise explain(path, error) from error
            raise
        if retry_errors:
            log._retry_errors()
        return log

    def ended(self) -> dict[str, Outcome]:
        """Return the outcome of every trial that ended, by id; those to be tried again are left out."""
        rows = self._reader.execute("SELECT id, outcome FROM outcomes JOIN trials ON number = trial")
        return {name: Outcome(outcome) for name, outcome in rows if name not in self._retried}

    async def plan(self, trials: Sequence[Trial], design: Design) -> list[int]:
        """Store the trials that are now known to be asked, and return the number of each.

        Trials of earlier sessions that are not among them stay, as long as the study would still show in
        them what was shown: a limit, fewer levels or another pair graph leaves them to other sessions.

        Raises
        ------
        LogError
            If they do not fit those that were planned before: the same declaration now shows other texts.
        """
        return await self._writer.alone(lambda connection: plan_trials(self.path, connection, trials, design))

    async def attempt_started(
        self,
        trial: int,
        ask: int,
        attempt: int,
        body: Body,
        request: Request,
    ) -> int:
        """Note that an attempt is about to be made; return its number once that is on the disk.

        So a run that is killed leaves behind what it had under way, and what may have been billed is known.
        """
        number = self._take_numbers(1)
        if attempt == 1:
            self._writer.put(_BODY, (body.hash, storable(body.text), body.before))
        listener = None if request.to == "subject" else request.to
        kind = (listener, request.aversive or None, request.aside or None)
        self._writer.put(_START, (number, self._session, trial, ask, attempt, body.hash, time.time(), *kind))
        await self._writer.committed()
        return number

    def attempt_failed(
        self,
        number: int,
        seconds: float,
        kind: str,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        raw: str = "",
        usage: Usage | None = None,
    ) -> None:
        """Note that an attempt brought no reply, what came instead, and what that was billed."""
        self.failures += 1
        told = storable(redact(with_raw(message, raw)))
        tokens = tokens_of(usage or Usage())
        self._writer.put(_FAIL, (seconds, kind, told, status, request_id, *tokens, number))

    async def attempt_answered(self, number: int, trial: int, ask: int, reply: Reply, seconds: float) -> None:
        """Store a reply, and wait until it is on the disk."""
        text = storable(reply.to_json())
        self._writer.put(_ANSWER, (seconds, reply.request_id, *tokens_of(reply.usage), number))
        self._packing.put(number, trial, ask, text)
        await self._writer.committed()

    def trial_ended(
        self,
        trial: int,
        reading: Reading,
        spent: Spent,
        message: str | None = None,
        turns: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Note how a trial ended. It can be read anew from the replies, so nobody waits for the disk."""
        refused = None if reading.refused is None else int(reading.refused)
        columns = in_order(dict(reading.columns)) if reading.columns else None
        told = None if message is None else storable(redact(message))
        read = (reading.outcome.value, refused, reading.turn, reading.turns, columns, told)
        cost = (spent.asks, spent.input_tokens, spent.output_tokens, spent.seconds if spent.asks else None)
        rows = None if turns is None else in_order([dict(each) for each in turns])
        self._writer.put(_OUTCOME, (trial, *read, *cost, time.time(), rows))

    def billed(self) -> Billed:
        """Return the tokens of earlier sessions."""
        return billed(self._reader)

    def totals(self) -> Totals:
        """Return what earlier sessions came to."""
        return Totals(*self._reader.execute(_TOTALS).fetchone())

    def stored(self, trial: int) -> dict[int, StoredReply]:
        """Return the replies that a trial had in earlier sessions, by number of the ask."""
        rows = self._reader.execute(
            "SELECT r.ask, a.hash, whole(r.reply), a.seconds "
            "FROM replies r JOIN attempts a ON a.number = r.attempt WHERE r.trial = ?",
            (trial,),
        )
        # What came in a batch has no time of its own.
        return {
            ask: StoredReply(digest, Reply.from_json(reply), math.nan if seconds is None else seconds)
            for ask, digest, reply, seconds in rows
        }

    def batches(self) -> BatchLog:
        """Return the part of this log that batches are written in."""
        return BatchLog(
            self._writer,
            self._reader,
            self._session,
            packing=self._packing,
            take_numbers=self._take_numbers,
            begun=self.begun,
            count_failure=self._one_more_failure,
        )

    async def finish(self, ending: str, reason: str | None = None) -> None:
        """Note how this session ended (`finished`, `stopped`, `failed`) and wait until all is on the disk.

        Parameters
        ----------
        ending
            One word for it.
        reason
            What stopped it, where it was stopped on purpose.
        """
        told = (time.time(), ending, reason, self._session)
        self._writer.put("UPDATE sessions SET ended = ?, ending = ?, reason = ? WHERE number = ?", told)
        await self._writer.committed()

    def on_failure(self, call: Callable[[], object]) -> None:
        """Have a function called once the log cannot be written any more; `failure` then says why."""
        self._writer.on_failure = call

    @property
    def failure(self) -> LogError | None:
        """Why the log cannot be written any more, None as long as it can."""
        return self._writer.failure

    async def close(self) -> None:
        """Write what is left, close the file and let go of the lock."""
        try:
            await self._writer.close()
        finally:
            self._lock.release()

    def _take_numbers(self, count: int) -> int:
        first = self._next_attempt
        self._next_attempt += count
        return first

    def _one_more_failure(self) -> None:
        self.failures += 1

    def _begun(self) -> dict[int, dict[int, int]]:
        found: dict[int, dict[int, int]] = {}
        rows = self._reader.execute(
            "SELECT trial, ask, max(attempt) FROM attempts WHERE trial NOT IN (SELECT trial FROM outcomes) "
            "GROUP BY trial, ask"
        )
        for trial, ask, attempts in rows:
            found.setdefault(trial, {})[ask] = attempts
        return found

    def _retry_errors(self) -> None:
        rows = self._reader.execute(
            "SELECT t.id, a.trial, a.ask, max(a.attempt) FROM outcomes o JOIN trials t ON t.number = o.trial "
            "LEFT JOIN attempts a ON a.trial = o.trial "
            "WHERE o.outcome IN ('error', 'abandoned') AND o.message IS NOT NULL "
            "AND t.round = (SELECT max(round) FROM trials) GROUP BY t.id, a.ask"
        ).fetchall()
        self._retried = frozenset(row[0] for row in rows)
        for _, trial, ask, attempts in rows:
            if trial is not None:
                self.begun.setdefault(trial, {})[ask] = attempts
