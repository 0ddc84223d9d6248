"""The server's own book of what it was asked, what it billed and what it delivered."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

USAGE = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
Event = Literal["asked", "refused", "billed", "delivered"]


@dataclass(frozen=True)
class Entry:
    """One line: what happened to the request of this body (its hash), when, and on which attempt of all.

    What was billed tells its tokens: those shown, and those of them found in a cache or written to it.
    """

    event: Event
    body: str
    attempt: int
    at: float
    status: int = 200
    shown: int = 0
    found: int = 0
    written: int = 0


@dataclass
class Ledger:
    """Entries in memory, and in a file if there is one: each line is flushed before the reply goes out.

    `delivered` means that the whole reply was handed to the network while the client was still connected.
    A client killed within the next milliseconds may not have read it: `delivered(before=...)` leaves those
    out, given the time of the kill less a grace.
    """

    path: Path | None = None
    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.path is not None:
            self.path.touch()

    def write(
        self, event: Event, body: str, attempt: int, status: int = 200, usage: Mapping[str, int] | None = None
    ) -> None:
        """Note what happened; `usage` is what the Messages API says was billed."""
        told = usage or {}
        fresh, found, written = (told.get(name, 0) for name in USAGE)
        entry = Entry(event, body, attempt, time.time(), status, fresh + found + written, found, written)
        with self._lock:
            self.entries.append(entry)
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(entry)) + "\n")

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Return a ledger as a server in another process wrote it (a torn last line is left out)."""
        ledger = cls()
        ledger.entries = list(_entries(path))
        return ledger

    def count(self, event: Event) -> int:
        """Return how often something happened."""
        return sum(entry.event == event for entry in self.entries)

    def tokens(self) -> tuple[int, int, int]:
        """Return the tokens that were billed: all that were shown, those found in a cache, those written."""
        billed = [entry for entry in self.entries if entry.event == "billed"]
        return (
            sum(each.shown for each in billed),
            sum(each.found for each in billed),
            sum(each.written for each in billed),
        )

    def bodies(self, event: Event, before: float = float("inf")) -> Counter[str]:
        """Return how often it happened to each body, before a time."""
        return Counter(entry.body for entry in self.entries if entry.event == event and entry.at < before)

    def lost(self) -> list[Entry]:
        """Return what was billed and never delivered."""
        delivered = {entry.attempt for entry in self.entries if entry.event == "delivered"}
        return [e for e in self.entries if e.event == "billed" and e.attempt not in delivered]


def _entries(path: Path) -> Iterator[Entry]:
    lines = path.read_text("utf-8").split("\n")
    whole = lines[:-1]  # what follows the last line end is torn, or empty
    return (Entry(**json.loads(line)) for line in whole)
