"""Whether a log is whole: its replies agree with the ledger of attempts, and both with the trials.

A run leaves none of these faults behind, however it ends: they come from disks, from programs that edit a
log, from copies without what was written ahead. What can be repaired without asking a model is repaired on
request; what was there before stays in a copy beside the log.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bartleby.collectors.opening import take_lock
from bartleby.collectors.packing import unpacker
from bartleby.collectors.schema import UNREADABLE, connect, explain, open_to_read
from bartleby.collectors.served import others_text, served_in_log
from bartleby.collectors.spent import TOKENS, counted, tokens_of
from bartleby.exchange import Reply
from bartleby.outcome import Outcome
from bartleby.progress import steps
from bartleby.storage import free_name, transaction
from bartleby.visible import Printed

__all__ = ["Fault", "LogCheck", "check_log"]

SHOWN = 5
"""Records of a fault that are named."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault in a log.

    Parameters
    ----------
    what
        What is wrong, in words that follow a count.
    records
        The records that have it: numbers of attempts, ids of trials, ...
    repair
        What repairing does, or has done; None where only a person can.
    advice
        What to do where it cannot be repaired.
    """

    what: str
    records: tuple[str, ...]
    repair: str | None = None
    advice: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        names = ", ".join(self.records[:SHOWN]) + (", ..." if len(self.records) > SHOWN else "")
        then = f"repair: {self.repair}" if self.repair else f"cannot be repaired: {self.advice}"
        return f"{len(self.records):,} {self.what} ({names}); {then}"


@dataclass(frozen=True, repr=False)
class LogCheck(Printed):
    """What was found in a log.

    Parameters
    ----------
    log
        The file.
    counts
        Records that were looked at, by table.
    faults
        What is wrong; empty where nothing is.
    notes
        What is no fault and worth knowing: attempts that were under way, other models that answered.
    repaired
        What was wrong and is repaired now.
    copy
        The log as it was before it was repaired.
    """

    log: Path
    counts: Mapping[str, int]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    repaired: tuple[Fault, ...] = ()
    copy: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as JSON values."""
        return {**asdict(self), "log": str(self.log), "copy": None if self.copy is None else str(self.copy)}

    def __str__(self) -> str:
        """Say it in a line a fault."""
        counts = ", ".join(f"{count:,} {table}" for table, count in self.counts.items())
        lines = [f"{self.log}: {counts}"]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"repaired: {fault}" for fault in self.repaired]
        lines += [f"FAULT: {fault}" for fault in self.faults]
        if self.copy is not None:
            lines.append(f"the log as it was is kept in {self.copy}")
        mendable = sum(fault.repair is not None for fault in self.faults)
        if mendable:
            lines.append(
                f"{mendable} of {len(self.faults)} can be repaired: bartleby check {self.log} --repair"
            )
        if not self.faults:
            lines.append("nothing is wrong" if not self.repaired else "nothing else is wrong")
        return "\n".join(lines)


def check_log(log: Path | str, *, repair: bool = False) -> LogCheck:
    """Return whether a log is whole, and repair what can be; no model is asked anything.

    Parameters
    ----------
    log
        Log of a run, also while it goes on.
    repair
        Whether to repair what can be repaired, which nobody may write meanwhile. Replies that cannot be read
        or belong to no attempt are taken out, and asked again by the next run; outcomes that their replies
        do not bear out are taken out, and read anew from the replies; counts that are impossible become
        unknown. The log as it was is copied first.

    Raises
    ------
    LogError
        If there is no such log, it cannot be opened, or a run is writing it and it is to be repaired.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> bb.check_log("leave.db").faults
    ()
    """
    path = Path(log)
    with open_to_read(path) as connection:
        before = _checked(path, connection)
    todo = [fault for fault in before.faults if fault.repair is not None]
    if not repair or not todo:
        return before
    with _to_repair(path) as connection:
        copy = _copied(path, connection)
        with transaction(connection):
            for look in _LOOKS:
                for fault in look(connection):
                    fault.mend(connection)
    with open_to_read(path) as connection:
        after = _checked(path, connection)
    left = {fault.what for fault in after.faults}
    done = tuple(fault for fault in todo if fault.what not in left)
    return LogCheck(path, after.counts, after.faults, after.notes, done, copy)


@contextmanager
def _to_repair(path: Path) -> Iterator[sqlite3.Connection]:
    held = take_lock(path)
    try:
        with closing(connect(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise explain(path, error) from error
    finally:
        held.release()


def _copied(path: Path, connection: sqlite3.Connection) -> Path:
    copy = free_name(path, "before-repair")
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
    return copy


def _checked(path: Path, connection: sqlite3.Connection) -> LogCheck:
    broken = [row[0] for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    if broken:
        advice = f"copy what can be read with: sqlite3 {path.name} .recover"
        return LogCheck(path, {}, (Fault("damaged pages or indexes", tuple(broken), advice=advice),))
    tables = ("trials", "attempts", "replies", "outcomes")
    counts = {
        name: int(connection.execute(f"SELECT count(*) FROM main.{name}").fetchone()[0])  # noqa: S608 - ours
        for name in tables
    }
    faults = [fault for look in _LOOKS for fault in look(connection)]
    found = tuple(Fault(each.what, tuple(each.records), each.repair, each.advice) for each in faults)
    return LogCheck(path, counts, found, tuple(_notes(connection)))


def _notes(connection: sqlite3.Connection) -> Iterator[str]:
    for count, what in (
        ("ok IS NULL", "attempts are under way, or were when a run was killed: perhaps billed"),
        (
            f"ok = 1 AND ({counted(TOKENS[0])} IS NULL OR {counted(TOKENS[1])} IS NULL)",
            "replies have no tokens",
        ),
    ):
        number = connection.execute(f"SELECT count(*) FROM attempts WHERE {count}").fetchone()[0]  # noqa: S608
        if number:
            yield f"{number:,} {what}"
    try:
        others = served_in_log(connection)
        model = connection.execute("SELECT value FROM meta WHERE key = 'model'").fetchone()[0]
    except UNREADABLE:  # it is a fault, and said there
        return
    if others:
        yield others_text(model, others)


@dataclass
class _Found:
    """A fault, with what repairs it: statements, each run with every row of values."""

    what: str
    repair: str | None = None
    advice: str = ""
    records: list[str] = field(default_factory=list)
    statements: Sequence[str] = ()
    values: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, record: object, *values: Any) -> None:  # noqa: ANN401 - whatever the statements take
        self.records.append(str(record))
        self.values.append(values or (record,))

    def mend(self, connection: sqlite3.Connection) -> None:
        for statement in self.statements if self.repair is not None else ():
            connection.executemany(statement, [row[: statement.count("?")] for row in self.values])


_DROP_REPLY = "DELETE FROM main.replies WHERE attempt = ?"
_NOT_READ = """UPDATE attempts SET ok = 0, kind = 'unreadable', status = NULL,
    message = 'its reply is missing in the log, or unreadable' WHERE number = ?"""
_BILL = ", ".join(f"{name} = ?" for name in TOKENS)
_DROP_OUTCOME = "DELETE FROM outcomes WHERE trial = ?"
_ANEW = "taken out; the next run reads it anew from the replies, and asks only what is missing"
_AGAIN = "noted as billed and not delivered; the next run asks again"


def _of_meta(connection: sqlite3.Connection) -> Iterator[_Found]:
    """Look at the study and the model that the log says it is of."""
    found = _Found("records of the study or the model missing or unreadable", advice="use a copy of the log")
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    for key, readable in _META.items():
        try:
            readable(meta[key])
        except UNREADABLE:
            found.add(key)
    for number, versions in connection.execute("SELECT number, versions FROM sessions"):
        try:
            json.loads(versions)
        except UNREADABLE:
            found.add(f"session {number}")
    if found.records:
        yield found


_META: Mapping[str, Callable[[str], object]] = {
    "study": lambda text: json.loads(text)["paradigm"]["paradigm"],
    "fingerprint": str,
    "model": str,
    "description": lambda text: dict(json.loads(text)),
}


def _of_rows(connection: sqlite3.Connection) -> Iterator[_Found]:
    """Look for rows that refer to what is not there, or hold what cannot be."""
    tokens = " OR ".join(f"({name} IS NOT NULL AND {counted(name)} IS NULL)" for name in TOKENS)
    seconds = "(seconds IS NOT NULL AND (typeof(seconds) NOT IN ('real', 'integer') OR seconds < 0))"
    unknown = ", ".join(f"{name} = {counted(name)}" for name in TOKENS)
    known = f"CASE WHEN NOT {seconds} THEN seconds END"
    first, answered = (
        "SELECT number FROM attempts WHERE ",
        "ok = 1 AND number NOT IN (SELECT attempt FROM main.replies)",
    )
    mended = f"UPDATE attempts SET {unknown}, seconds = {known} WHERE number = ?"  # noqa: S608 - names of ours
    yield from _rows(
        connection,
        f"{first}{tokens} OR {seconds}",
        _Found(
            "attempts with impossible counts of tokens or seconds", "they become unknown", statements=[mended]
        ),
    )
    yield from _rows(
        connection,
        f"{first}{answered}",
        _Found("attempts that were answered and have no reply", _AGAIN, statements=[_NOT_READ]),
    )
    yield from _rows(
        connection,
        "SELECT r.attempt FROM main.replies r LEFT JOIN attempts a ON a.number = r.attempt "
        "WHERE a.number IS NULL OR a.trial IS NOT r.trial OR a.ask IS NOT r.ask",
        _Found(
            "replies that belong to no attempt, or to one at another question",
            "taken out; the next run asks again where a question has no reply",
            statements=[_DROP_REPLY, f"{_NOT_READ} AND ok = 1"],
        ),
    )
    yield from _rows(
        connection,
        "SELECT trial FROM outcomes WHERE trial NOT IN (SELECT number FROM trials)",
        _Found("outcomes of trials that are not planned", "taken out", statements=[_DROP_OUTCOME]),
    )
    short = "(SELECT count(*) FROM main.replies r WHERE r.trial = o.trial)"
    yield from _rows(
        connection,
        f"SELECT o.trial FROM outcomes o WHERE typeof(o.asks) != 'integer' OR o.asks > {short}",  # noqa: S608
        _Found("outcomes that were read from more replies than there are", _ANEW, statements=[_DROP_OUTCOME]),
    )
    missing = "keep it as it is: only what was shown in these trials cannot be read"
    yield from _rows(
        connection,
        "SELECT number FROM attempts WHERE trial NOT IN (SELECT number FROM trials)",
        _Found(
            "attempts at trials that are not planned", advice="their bill counts; nothing else reads them"
        ),
    )
    yield from _rows(
        connection,
        "SELECT number FROM attempts WHERE hash NOT IN (SELECT hash FROM bodies)",
        _Found("attempts whose request is not there", advice=missing),
    )
    yield from _rows(
        connection,
        "SELECT number FROM bodies WHERE before IS NOT NULL AND before NOT IN (SELECT hash FROM bodies)",
        _Found("requests that begin with one that is not there", advice=missing),
    )
    yield from _rows(
        connection,
        "SELECT id FROM trials WHERE cell NOT IN (SELECT number FROM cells)",
        _Found("trials whose conditions are not there", advice="use a copy of the log"),
    )


def _rows(connection: sqlite3.Connection, query: str, found: _Found) -> Iterator[_Found]:
    for (record,) in connection.execute(query):
        found.add(record)
    if found.records:
        yield found


def _of_replies(connection: sqlite3.Connection) -> Iterator[_Found]:
    """Read every reply, and compare what it was billed with what the ledger says."""
    unread = _Found(
        "replies that cannot be read", f"taken out and {_AGAIN}", statements=[_DROP_REPLY, _NOT_READ]
    )
    unbooked = _Found(
        "replies whose attempt does not say that it was answered",
        "the attempt is noted as answered, with the reply's tokens",
        statements=[
            f"UPDATE attempts SET {_BILL}, ok = 1, kind = NULL, message = NULL WHERE number = ?"  # noqa: S608
        ],
    )
    differing = _Found(
        "attempts with other tokens than their reply reports",
        "the reply's tokens are noted, as they are what the provider sent",
        statements=[f"UPDATE attempts SET {_BILL} WHERE number = ?"],  # noqa: S608 - names of ours
    )
    whole = unpacker(connection)
    query = f"""SELECT r.attempt, r.reply, a.ok, {", ".join(f"a.{name}" for name in TOKENS)}
        FROM main.replies r JOIN attempts a ON a.number = r.attempt ORDER BY r.attempt"""  # noqa: S608 - ours
    total = connection.execute("SELECT count(*) FROM main.replies").fetchone()[0]
    for attempt, stored, ok, *booked in steps(connection.execute(query), "reading replies", total):
        try:
            reply = Reply.from_json(whole(stored) or "")
            tokens = tokens_of(reply.usage)
        except (*UNREADABLE, OSError):  # the last is what a damaged pack raises
            unread.add(attempt)
            continue
        if ok != 1:
            unbooked.add(attempt, *tokens, attempt)
        elif tuple(booked) != tokens and any(number is not None for number in tokens):
            differing.add(attempt, *tokens, attempt)
    yield from (found for found in (unread, unbooked, differing) if found.records)


def _of_texts(connection: sqlite3.Connection) -> Iterator[_Found]:
    """Read what else is stored as text: outcomes, conditions, requests, items."""
    known = {outcome.value for outcome in Outcome}
    outcomes = _Found("outcomes that cannot be read", _ANEW, statements=[_DROP_OUTCOME])
    whole = ("refused", "turn", "turns")
    query = f"SELECT trial, outcome, columns, turn_rows, {', '.join(whole)} FROM outcomes"  # noqa: S608 - ours
    for trial, outcome, columns, turns, *numbers in connection.execute(query):
        try:
            parts = {} if columns is None else json.loads(columns), [] if turns is None else json.loads(turns)
            fits = isinstance(parts[0], dict) and isinstance(parts[1], list) and outcome in known
        except UNREADABLE:
            fits = False
        if not fits or not all(number is None or isinstance(number, int) for number in numbers):
            outcomes.add(trial)
    if outcomes.records:
        yield outcomes
    for table, column, kind, name in (
        ("cells", "conditions", dict, "number"),
        ("items", "attributes", dict, "number"),
        ("trials", "items", list, "id"),
        ("bodies", "body", dict, "number"),
    ):
        found = _Found(f"{table} that cannot be read", advice="use a copy of the log")
        for record, text in connection.execute(f"SELECT {name}, {column} FROM {table}"):  # noqa: S608 - ours
            try:
                fits = isinstance(json.loads(text), kind)
            except UNREADABLE:
                fits = False
            if not fits:
                found.add(record)
        if found.records:
            yield found


_LOOKS = (_of_meta, _of_replies, _of_rows, _of_texts)
