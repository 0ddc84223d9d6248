"""The layout of a log: one SQLite file a run, and how such a file is opened.

A log is written ahead (WAL) and synced at every commit, so what was committed survives a killed process
and a lost machine. Texts are JSON or plain text that anybody can read with the `sqlite3` shell; long replies
are packed (`packing` says how, and how to read them there).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bartleby.collectors.packing import show_whole
from bartleby.errors import LogError
from bartleby.storage import Identity, require_own

__all__ = [
    "APPLICATION_ID",
    "UNREADABLE",
    "VERSION",
    "connect",
    "create",
    "empty",
    "explain",
    "identity",
    "in_order",
    "is_new",
    "open_to_read",
    "require_layout",
    "require_whole",
    "storable",
]

APPLICATION_ID = 0x42415254
"""What marks an SQLite file as a log of ours: the letters BART."""

VERSION = 1
"""Version of the layout; a log of another one is refused.

It is 1 because no version of Bartleby that wrote another layout was ever released. Logs from before the first
release are read by the version that wrote them, which can export them. The first change after the release
makes it 2, and has to bring with it how a log of 1 is read.
"""

PAGE_SIZE = 16384

TABLES = (
    # The frozen study, its fingerprint, the model and its description, when it was made and finished.
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # One row each time a run was started on this log.
    """CREATE TABLE sessions (number INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL,
        ending TEXT, versions TEXT NOT NULL, reason TEXT)""",
    "CREATE TABLE items (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, attributes TEXT NOT NULL)",
    # Every trial that is known to be asked, in the order in which they are started.
    """CREATE TABLE trials (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, round INTEGER NOT NULL,
        items TEXT NOT NULL, cell INTEGER NOT NULL REFERENCES cells, sample INTEGER NOT NULL,
        template TEXT NOT NULL)""",
    # Combinations of conditions: few, so trials refer to them.
    "CREATE TABLE cells (number INTEGER PRIMARY KEY, conditions TEXT NOT NULL UNIQUE)",
    # What was shown, once for all that showed the same; only what is new, where it goes on from `before`.
    """CREATE TABLE bodies (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
        before TEXT)""",
    # One row an attempt. `ok` is empty while it is under way, and stays so if we were killed then.
    # `input_tokens` are all that were shown; those found in a cache, or written into it, are parts of them.
    # `listener` is empty where the subject was asked, and `user` where the model that plays the user was.
    # `aside` is 1 for what is asked beside the conversation: whether to stay, why it left, how it is.
    """CREATE TABLE attempts (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, trial INTEGER NOT NULL,
        ask INTEGER NOT NULL, attempt INTEGER NOT NULL, hash TEXT NOT NULL, started REAL NOT NULL,
        seconds REAL, ok INTEGER, kind TEXT, message TEXT, status INTEGER, request_id TEXT,
        input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,
        cache_write_tokens INTEGER, listener TEXT, aversive INTEGER, aside INTEGER)""",
    # The reply to each ask, apart from the attempts so that counting them need not read it. A packed one
    # is the name of its pack and line.
    """CREATE TABLE replies (attempt INTEGER PRIMARY KEY REFERENCES attempts, trial INTEGER NOT NULL,
        ask INTEGER NOT NULL, reply TEXT NOT NULL, UNIQUE (trial, ask))""",
    """CREATE TABLE outcomes (trial INTEGER PRIMARY KEY REFERENCES trials, outcome TEXT NOT NULL,
        refused INTEGER, turn INTEGER, turns INTEGER, columns TEXT, message TEXT, asks INTEGER NOT NULL,
        input_tokens INTEGER, output_tokens INTEGER, seconds REAL, ended REAL NOT NULL, turn_rows TEXT)""",
    # Long replies, compressed together.
    "CREATE TABLE packs (number INTEGER PRIMARY KEY, packed BLOB NOT NULL)",
    # Batches: what was about to be sent, under which id it went, and what came of it.
    """CREATE TABLE batches (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, key TEXT NOT NULL UNIQUE,
        first INTEGER NOT NULL, requests INTEGER NOT NULL, composed REAL NOT NULL, id TEXT, created REAL,
        closed REAL, ending TEXT)""",
)

UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    EOFError,
)
"""What reading raises where records are not what a run writes: JSON that is none, text for a number, ..."""
_FULL = ("SQLITE_FULL",)
_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def in_order(value: object) -> str:
    """Return a value as JSON text, storable, with its keys in the order in which they are."""
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def storable(text: str) -> str:
    """Return a JSON text in which lone surrogates, which UTF-8 has no place for, are JSON escapes."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def connect(path: Path) -> sqlite3.Connection:
    """Open a log to write in, a new or an old one; whoever calls holds the lock.

    The connection may be handed from thread to thread but is used by one at a time.

    Raises
    ------
    sqlite3.Error
        For `explain` to say in plain words.
    LogError
        If the file is something else, or of a newer layout.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it every few seconds
        if not is_new(connection):
            require_layout(path, connection)
            require_whole(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether nothing was ever written into this file."""
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return not tables and not _pragma(connection, "application_id")


def create(connection: sqlite3.Connection) -> None:
    """Write the empty tables; within the caller's transaction, so that there is never half a layout."""
    for statement in TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def empty(connection: sqlite3.Connection) -> None:
    """Take out the study of a log in which nothing was asked yet; within the caller's transaction."""
    for statement in (
        "DELETE FROM outcomes",
        "DELETE FROM trials",
        "DELETE FROM cells",
        "DELETE FROM items",
        "DELETE FROM meta",
    ):
        connection.execute(statement)


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a log read-only, seeing one moment of it even while a run goes on.

    Raises
    ------
    LogError
        If there is no such log, or it cannot be read.
    """
    _require_file(path)
    if path.stat().st_size == 0:
        raise LogError(f"log {path}: the file is empty; nothing was ever recorded in it{_ahead(path)}")
    try:
        with closing(_connect_to_read(path)) as connection:
            if is_new(connection):
                raise LogError(f"log {path}: nothing was ever recorded in it{_ahead(path)}")
            require_layout(path, connection)
            connection.execute("PRAGMA query_only = OFF")
            connection.execute("PRAGMA temp_store = MEMORY")
            show_whole(connection)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise explain(path, error) from error
    except UNREADABLE as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise LogError(
            f"log {path}: there is something in it that no run writes ({what}); "
            "`bartleby check` on it says which records, and `--repair` sets them aside"
        ) from error


def _require_file(path: Path) -> None:
    """Raise `LogError` if there is no ordinary file of this name."""
    if path.is_dir():
        raise LogError(f"log {path}: this is a directory; a log is one file")
    if not path.exists():
        raise LogError(f"log {path}: there is no such file")
    if not path.is_file():
        raise LogError(f"log {path}: this is no ordinary file; a log is one")


def _ahead(path: Path) -> str:
    """Say where records may be that are not in a file without any."""
    return (
        ""
        if path.with_name(f"{path.name}-wal").exists()
        else f" (what a run has recorded last is in {path.name}-wal until the run ends or is begun again: "
        "where a log is copied, copy both)"
    )


def identity(path: Path, session: int, started: float) -> Identity:
    """Return what says whether a name is still the log of a session that writes it."""
    mark = f"SELECT 1 FROM sessions WHERE number = {session} AND started = {started!r}"  # noqa: S608 - numbers
    return Identity(path, mark)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Open to query only; where nobody may write, as a file that does not change.

    SQLite's own read-only mode would leave its auxiliary files behind, which a query-only connection that
    may write them also takes away.
    """
    uri = f"{path.resolve().as_uri()}?mode="
    connection = sqlite3.connect(f"{uri}rw", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.OperationalError as error:
        connection.close()
        beside = path.with_name(path.name + "-wal")
        if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and not beside.exists():
            return sqlite3.connect(f"{uri}ro&immutable=1", uri=True, isolation_level=None)
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def require_layout(path: Path, connection: sqlite3.Connection) -> None:
    """Raise `LogError` if a file is not a log of this layout; the version that reads it is named."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise LogError(f"log {path}: this SQLite file was not written by Bartleby; name another file")
    version = _pragma(connection, "user_version")
    if version != VERSION:
        raise LogError(
            f"log {path}: its layout has version {version} and this Bartleby reads {VERSION}; "
            f"use {_writer(connection)}"
        )
    require_own(path, connection, TABLES)


def _writer(connection: sqlite3.Connection) -> str:
    """Return what wrote a log last, of whatever layout it is."""
    if connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE name = 'sessions' AND type != 'table'"
    ).fetchone():
        return "the Bartleby that wrote it"  # a view could run for ever
    try:
        row = connection.execute("SELECT versions FROM sessions ORDER BY number DESC LIMIT 1").fetchone()
        return f"Bartleby {json.loads(row[0])['bartleby']}, which wrote it"
    except (sqlite3.Error, TypeError, ValueError, KeyError):
        return "the Bartleby that wrote it"


def require_whole(path: Path, connection: sqlite3.Connection) -> None:
    """Raise `LogError` if a file is not whole."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise LogError(f"log {path}: the file is corrupted ({' '.join(str(found).split())})")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def explain(path: Path, error: sqlite3.Error) -> LogError:
    """Return what an SQLite error means for this log, in one line."""
    name = getattr(error, "sqlite_errorname", "")
    kept = "nothing that was answered before is lost; free space and run again"
    if name in _FULL:
        return LogError(f"log {path}: the disk is full; {kept}")
    if name.startswith("SQLITE_IOERR"):
        return LogError(
            f"log {path}: cannot be written ({name}): is the disk full or a limit reached? {kept}"
        )
    if name.startswith(_BROKEN):
        return LogError(f"log {path}: the file is corrupted or is no log of Bartleby ({error})")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return LogError(f"log {path}: cannot be opened or written: {error}; is the place read-only?")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LogError(f"log {path}: another program holds it ({error}); close it and run again")
    return LogError(f"log {path}: {error}")
