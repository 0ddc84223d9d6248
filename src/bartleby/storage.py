"""What is on the disk: outputs that take their place once they are whole, and SQLite files of our own.

Logs and labels are both SQLite files. Such a file is written by us alone, has our tables and nothing else in
it, and has to stay the file that it was when it was opened, whatever is done to its name meanwhile.
"""

from __future__ import annotations

import glob
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bartleby.errors import LogError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be renamed, replaced or deleted anyway
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "Held",
    "Identity",
    "free_name",
    "is_held",
    "replacing",
    "require_bindable",
    "require_own",
    "transaction",
]

LARGEST = 2**63
"""Whole numbers from here on are none to SQLite."""
WAIT = 0.2
"""Seconds to wait for a lock: whoever looks whether it is taken holds it for a moment."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a file beside another, which takes its place once it is whole.

    So the old file is there until the new one is: a write that is killed, or fails, leaves it as it was.
    A file that is a link stays one; what it points to is replaced. What a killed write has left beside it is
    taken away by the next one.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not target.is_file():  # such as /dev/stdout, which nothing takes the place of
        yield target
        return
    number = os.getpid()
    beside = target.with_name(f".{target.stem}.{number}-{_began(number)}.part{target.suffix}")
    _clear(target)
    try:
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        if target.exists():
            beside.chmod(target.stat().st_mode)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _clear(target: Path) -> None:
    """Take away what processes have left that were killed while they wrote a file."""
    for left in target.parent.glob(f".{glob.escape(target.stem)}.*.part{glob.escape(target.suffix)}"):
        process = left.name.removesuffix(f".part{target.suffix}").rpartition(".")[2]
        number, _, began = process.partition("-")
        if number.isdecimal() and not (_is_alive(int(number)) and began == _began(int(number))):
            left.unlink(missing_ok=True)


def _began(process: int) -> str:
    """Return when a process began, which tells it from a later one of its number; 0 where none says so."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, ValueError, IndexError):
        return "0"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def free_name(path: Path, what: str) -> Path:
    """Return the name of a file beside another that is not there yet, such as `run.kept1.db`."""
    number = 1
    while (free := path.with_name(f"{path.stem}.{what}{number}{path.suffix}")).exists():
        number += 1
    return free


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what follows, or none of it: whatever goes wrong, no transaction is left open."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


def require_bindable(values: Sequence[object]) -> None:
    """Raise `ValueError` for a value that SQLite cannot store, before it is part of a transaction."""
    for value in values:
        if isinstance(value, str):
            if not value.isascii():
                value.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        elif isinstance(value, int):
            if not -LARGEST <= value < LARGEST:
                raise ValueError(f"a whole number of {value.bit_length()} bits; allowed: 64")
        elif value is not None and not isinstance(value, float | bytes):
            raise ValueError(f"a value of type {type(value).__name__}; allowed: text, numbers, bytes, None")


def require_own(path: Path, connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    """Raise `LogError` if an SQLite file has anything but our tables, made by these statements.

    Views, triggers, virtual tables, computed columns and indexes on expressions are programs: in a file of a
    stranger they would run at our queries.
    """
    own = {_kind_and_name(statement): " ".join(statement.split()) for statement in statements}
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    there = {(kind, name): " ".join(str(sql).split()) for kind, name, sql in rows}
    faults = {
        "other tables, views or triggers in it": [each for each in there if each not in own],
        "tables of another layout": [each for each in own if there.get(each, own[each]) != own[each]],
        "tables that it lacks": [each for each in own if each not in there],
    }
    found = [
        f"{what}: {', '.join(f'{kind} {name!r}' for kind, name in sorted(names)[:5])}"
        for what, names in faults.items()
        if names
    ]
    if found:
        raise LogError(
            f"{path}: not the layout that this version of Bartleby writes; there are {'; '.join(found)}. Use "
            "the version that wrote it, or name another file"
        )


def _kind_and_name(statement: str) -> tuple[str, str]:
    _, kind, name, *_ = statement.split()
    return kind.lower(), name


class Held:
    """A file that only this process writes.

    There are two locks: one beside the file by its name, which works everywhere, and one of the file itself,
    which holds whatever the file is called and whether or not the first lock is deleted. Both are let go of
    by the system when the process ends.

    Parameters
    ----------
    path
        The file; it is made, with the directories above it, if it is not there. Links are followed.

    Raises
    ------
    LogError
        If another process holds it, it is no ordinary file, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = _followed(path)
        self._file: int | None = None
        self._name = FileLock(_lock_of(self.path), timeout=WAIT, thread_local=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._name.acquire()
            self._hold_file(path)
        except Timeout:
            if not Path(self._name.lock_file).exists():  # it waited for a file that could not be made
                raise LogError(
                    f"log {path}: cannot be written: no file can be made in {path.parent}"
                ) from None
            raise _taken(path) from None
        except OSError as error:
            self.release()
            raise LogError(f"log {path}: cannot be written: {error.strerror or error}") from error
        except LogError:
            self.release()
            raise

    def _hold_file(self, path: Path) -> None:
        if self.path.exists():
            _require_one_name(path, self.path.stat())
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        self._file = file
        if fcntl is None:  # mypy knows one system only
            return  # type: ignore[unreachable]
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(path) from None
        except OSError:  # a file system without such locks: the one beside it has to do
            return

    def release(self) -> None:
        """Let go of it; SQLite has to have closed the file before.

        (Closing any handle of a file takes SQLite's own locks away from all that this process has open.)
        """
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._name.release()


def _require_one_name(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise LogError(f"log {path}: this is no ordinary file; name another one")
    if status.st_nlink > 1:
        raise LogError(
            f"log {path}: the file has {status.st_nlink} names (hard links), and what is written last is "
            "found under one of them only; remove the other names, or copy the file"
        )


def _followed(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a NUL in a name
        raise LogError(f"log {path}: no name of a file: {error}") from None


def _taken(path: Path) -> LogError:
    return LogError(f"log {path}: another run is writing it; wait for it or give this run a log of its own")


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def is_held(path: Path) -> bool:
    """Return whether a process holds a file as `Held`."""
    lock = _lock_of(path.resolve())
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written has no run in it
        return False


class Identity:
    """Which file a name was when it was opened, so that it is noticed if it becomes another one.

    Parameters
    ----------
    path
        An SQLite file that is open, written ahead (WAL).
    mark
        A query that returns one row only as long as the file holds what this process wrote.
    """

    def __init__(self, path: Path, mark: str) -> None:
        self._path, self._mark = path.resolve(), mark
        beside = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
        self._files = {file: _number(file) for file in (self._path, *map(Path.resolve, beside))}
        self.note()

    def note(self) -> None:
        """Note how the file is now, after it was written by this process."""
        self._written = _written(self._path)

    def change(self) -> str | None:
        """Return what has happened to the file in words, None if nothing has."""
        if any(_number(file) != number for file, number in self._files.items()):
            return "it was moved, deleted or replaced while it was being written"
        if _written(self._path) != self._written:
            if not self._is_ours():
                return "another program has written over it while it was being written"
            self.note()
        return None

    def _is_ours(self) -> bool:
        """Return whether the file still holds what was written: another may have folded in what is ahead."""
        try:
            connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
        except sqlite3.Error:
            return False
        try:
            return connection.execute(self._mark).fetchone() is not None
        except sqlite3.OperationalError as error:  # busy is not another file
            return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        except sqlite3.Error:
            return False
        finally:
            connection.close()


def _number(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _written(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
