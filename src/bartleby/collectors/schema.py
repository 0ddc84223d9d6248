"""The layout of a log: one SQLite file a run, and how such a file is opened.

A log is written ahead (WAL) and synced at every commit, so what was committed survives a killed process
and a lost machine. Texts are JSON or plain text that anybody can read with the `sqlite3` shell; long replies
are packed (`packing` says how, and how to read them there).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from bartleby.collectors.packing import show_whole
from bartleby.errors import LogError

__all__ = [
    "ADDED",
    "APPLICATION_ID",
    "NEW",
    "VERSION",
    "connect",
    "create",
    "empty",
    "explain",
    "in_order",
    "is_new",
    "layout_of",
    "open_to_read",
    "require_whole",
    "storable",
]

APPLICATION_ID = 0x42415254
"""What marks an SQLite file as a log of ours: the letters BART."""

VERSION = 3
"""Version of the layout: a log of a newer one is refused, one of an older one is brought up (`migration`)."""

PAGE_SIZE = 16384

PACKS = "CREATE TABLE packs (number INTEGER PRIMARY KEY, packed BLOB NOT NULL)"
"""Long replies, compressed together."""

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
    """CREATE TABLE attempts (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, trial INTEGER NOT NULL,
        ask INTEGER NOT NULL, attempt INTEGER NOT NULL, hash TEXT NOT NULL, started REAL NOT NULL,
        seconds REAL, ok INTEGER, kind TEXT, message TEXT, status INTEGER, request_id TEXT,
        input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,
        cache_write_tokens INTEGER, listener TEXT, aversive INTEGER)""",
    # The reply to each ask, apart from the attempts so that counting them need not read it. A packed one
    # is the name of its pack and line.
    """CREATE TABLE replies (attempt INTEGER PRIMARY KEY REFERENCES attempts, trial INTEGER NOT NULL,
        ask INTEGER NOT NULL, reply TEXT NOT NULL, UNIQUE (trial, ask))""",
    """CREATE TABLE outcomes (trial INTEGER PRIMARY KEY REFERENCES trials, outcome TEXT NOT NULL,
        refused INTEGER, turn INTEGER, turns INTEGER, columns TEXT, message TEXT, asks INTEGER NOT NULL,
        input_tokens INTEGER, output_tokens INTEGER, seconds REAL, ended REAL NOT NULL, turn_rows TEXT)""",
    PACKS,
)

ADDED: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    2: {
        "sessions": ("reason TEXT",),
        "bodies": ("before TEXT",),
        "attempts": ("listener TEXT", "aversive INTEGER"),
        "outcomes": ("turn_rows TEXT",),
    }
}
"""By version: the columns that came with it, by table; always at the end, and empty in what was there."""

NEW: Mapping[int, tuple[str, ...]] = {3: (PACKS,)}
"""By version: the statements that make the tables that came with it."""

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
        if not is_new(connection):
            layout_of(path, connection)
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
    if not path.exists():
        raise LogError(f"log {path}: there is no such file")
    if path.is_dir():
        raise LogError(f"log {path}: this is a directory; a log is one file")
    if path.stat().st_size == 0:
        raise LogError(f"log {path}: the file is empty; nothing was ever recorded in it")
    try:
        with closing(_connect_to_read(path)) as connection:
            if is_new(connection):
                raise LogError(f"log {path}: nothing was ever recorded in it")
            version = layout_of(path, connection)
            _show_as_newest(connection, version)
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise explain(path, error) from error


def _show_as_newest(connection: sqlite3.Connection, version: int) -> None:
    """Let a connection see a log, an older one too, as one of this layout; nothing is written to the file."""
    connection.execute("PRAGMA query_only = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    missing: dict[str, list[str]] = {}
    for each in range(version + 1, VERSION + 1):
        for table, columns in ADDED.get(each, {}).items():
            missing.setdefault(table, []).extend(f"NULL AS {column.split()[0]}" for column in columns)
    for table, empty in missing.items():
        view = f"SELECT *, {', '.join(empty)} FROM main.{table}"  # noqa: S608 - names of ours
        connection.execute(f"CREATE TEMP VIEW {table} AS {view}")
    show_whole(connection)
    connection.execute("PRAGMA query_only = ON")


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


def layout_of(path: Path, connection: sqlite3.Connection) -> int:
    """Return the version of a log's layout.

    Raises
    ------
    LogError
        If the file is something else, or of a newer layout; then the version that reads it is named.
    """
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise LogError(f"log {path}: this SQLite file was not written by Bartleby; name another file")
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise LogError(
            f"log {path}: its layout has version {version} and this Bartleby reads up to {VERSION}; "
            f"use {_writer(connection)}"
        )
    return version


def _writer(connection: sqlite3.Connection) -> str:
    """Return what wrote a log last, of whatever layout it is."""
    try:
        row = connection.execute("SELECT versions FROM sessions ORDER BY number DESC LIMIT 1").fetchone()
        return f"Bartleby {json.loads(row[0])['bartleby']}, which wrote it, or a newer one"
    except (sqlite3.Error, TypeError, ValueError, KeyError):
        return "the newer Bartleby that wrote it"


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
