"""Long replies, packed: a log of texts takes a quarter of the room.

A reply is written as text first, and is on the disk before anything reads it. Once those that were written
since make up a pack, they are compressed together, and within one transaction the pack is stored and each of
their rows names it instead. So a run that is killed at any moment has all its replies, as text or packed.

A pack is what `bzip2` makes of its replies, one a line, so that it can be read without this program:

    sqlite3 run.db "SELECT writefile('pack.bz2', packed) FROM packs WHERE number = 1"; bzcat pack.bz2

The column `reply` of a packed reply is `1:20`, the pack and the line, from 0; anything else is the reply
itself.
"""

from __future__ import annotations

import bz2
import re
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

__all__ = ["Packing", "add_whole", "show_whole", "unpacker"]

SIZE = 850_000
"""Bytes of text in a pack: as much as `bzip2` compresses at once."""
LEAST = 256
"""Shorter replies, such as choices, stay text: it is as small, and easier to look at."""
LOOKED_AT = 10_000
"""Latest replies among which those are looked for that an earlier session had not packed."""
LARGEST = 64 * SIZE
"""Bytes of text that a pack may be: more is no pack of ours."""
UNPACKED = 16
"""Packs that are kept unpacked while a log is read: replies of one conversation may be in several."""

Put: TypeAlias = Callable[[str, tuple[Any, ...]], None]
"""Puts a statement with its values into what a log writes next."""

_REPLY = "INSERT INTO replies (attempt, trial, ask, reply) VALUES (?, ?, ?, ?)"
_PACKED = re.compile(r"(\d+):(\d+)")


class Packing:
    """Writes replies, and packs them when there are enough.

    Parameters
    ----------
    connection
        An open log, to see what is in it.
    put
        `put` of the log's writer.
    """

    def __init__(self, connection: sqlite3.Connection, put: Put) -> None:
        self._put = put
        self._next = int(connection.execute("SELECT coalesce(max(number), 0) + 1 FROM packs").fetchone()[0])
        self._waiting: list[tuple[int, int, int, str]] = []
        self._size = 0
        latest = "SELECT attempt, trial, ask, reply FROM replies ORDER BY attempt DESC LIMIT ?"
        # What an earlier session had not packed; what was written before there were packs stays as it is.
        for attempt, trial, ask, reply in connection.execute(latest, (LOOKED_AT,)):
            if self._size + len(reply) > SIZE or _PACKED.fullmatch(reply):
                break
            self._wait(attempt, trial, ask, reply)
        self._waiting.reverse()

    def put(self, attempt: int, trial: int, ask: int, reply: str) -> None:
        """Write a reply with the next group; if that makes up a pack, the pack is written with it."""
        self._put(_REPLY, (attempt, trial, ask, reply))
        self._wait(attempt, trial, ask, reply)
        if self._size >= SIZE:
            self._pack()

    def _wait(self, attempt: int, trial: int, ask: int, reply: str) -> None:
        if len(reply) >= LEAST:
            self._waiting.append((attempt, trial, ask, reply))
            self._size += len(reply)

    def _pack(self) -> None:
        """Put a pack and the names of its replies into one group, and so into one transaction."""
        number, self._next = self._next, self._next + 1
        packed = bz2.compress("\n".join(reply for *_, reply in self._waiting).encode())
        self._put("INSERT INTO packs VALUES (?, ?)", (number, packed))
        # Deleted before they are written anew: SQLite gives a page back when rows go, not when they shrink.
        for attempt, *_ in self._waiting:
            self._put("DELETE FROM replies WHERE attempt = ?", (attempt,))
        for line, (attempt, trial, ask, _) in enumerate(self._waiting):
            self._put(_REPLY, (attempt, trial, ask, f"{number}:{line}"))
        self._waiting, self._size = [], 0


def unpacker(connection: sqlite3.Connection) -> Callable[[str | None], str | None]:
    """Return a function that makes the reply out of the column `reply`."""

    @lru_cache(maxsize=UNPACKED)
    def lines(number: int) -> list[str] | Exception:
        try:
            return read(number)
        except (OSError, ValueError, TypeError, EOFError) as error:  # kept, as a bomb takes long to find out
            return error

    def read(number: int) -> list[str]:
        packed = connection.execute("SELECT packed FROM main.packs WHERE number = ?", (number,)).fetchone()[0]
        unpacking = bz2.BZ2Decompressor()
        text = unpacking.decompress(packed, LARGEST)
        if not unpacking.eof:
            raise ValueError(f"pack {number} is not whole, or more than a pack can be")
        return text.decode().split("\n")

    def whole(reply: str | None) -> str | None:
        where = None if reply is None else _PACKED.fullmatch(reply)
        if where is None:
            return reply
        unpacked = lines(int(where[1]))
        if isinstance(unpacked, Exception):
            raise unpacked
        return unpacked[int(where[2])]

    return whole


def add_whole(connection: sqlite3.Connection) -> None:
    """Give a connection the function `whole`, which makes the reply out of the column `reply`."""
    connection.create_function("whole", 1, unpacker(connection))


def show_whole(connection: sqlite3.Connection) -> None:
    """Let a connection see all replies as text, packed or not; nothing is written to the file."""
    add_whole(connection)
    connection.execute(
        "CREATE TEMP VIEW replies AS SELECT attempt, trial, ask, whole(reply) AS reply FROM main.replies"
    )
