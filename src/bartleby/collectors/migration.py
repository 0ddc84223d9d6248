"""Bringing a log of an older layout up to this one, on a copy, so that it can be gone on with.

To read such a log nothing of this is needed: `schema.open_to_read` shows it as one of this layout.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bartleby.collectors.schema import ADDED, NEW, VERSION, explain, is_new, layout_of, require_whole
from bartleby.errors import LogError

__all__ = ["bring_up"]


def bring_up(path: Path) -> Path | None:
    """Bring a log of an older layout up to this one; whoever calls holds its lock.

    The work is done on a copy, which takes the log's place when it is complete and whole. The log as it was
    stays beside it.

    Returns
    -------
    Path or None
        The log as it was, or None where there was nothing to do.

    Raises
    ------
    LogError
        If another program holds it, it is corrupted, or the copy cannot be written.
    """
    if not path.is_file() or not path.stat().st_size:
        return None
    copy, kept = path.with_name(f"{path.name}.migrating"), path
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if is_new(connection):
                return None
            version = layout_of(path, connection)
            if version >= VERSION:
                return None
            kept = path.with_name(f"{path.name}.v{version}")
            # What is written ahead must be in the file itself: a copy that takes its place must not find it.
            if connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                raise LogError(f"log {path}: another program holds it; close it and run again")
            _write(connection, path, copy, version)
        shutil.copy2(path, kept)
        copy.replace(path)
    except sqlite3.Error as error:
        raise explain(path, error) from error
    except OSError as error:
        raise LogError(f"log {path}: cannot be brought up to this version: {error.strerror}") from error
    finally:
        copy.unlink(missing_ok=True)
    return kept


def _write(connection: sqlite3.Connection, path: Path, copy: Path, version: int) -> None:
    """Write the copy: all that is in the log, and the columns that came since."""
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(copy, isolation_level=None)) as target:
        connection.backup(target)
        target.execute("BEGIN")
        for step in range(version + 1, VERSION + 1):
            for table, columns in ADDED.get(step, {}).items():
                for column in columns:
                    target.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
            for statement in NEW.get(step, ()):
                target.execute(statement)
        target.execute(f"PRAGMA user_version = {VERSION}")
        target.execute("COMMIT")
        require_whole(path, target)
