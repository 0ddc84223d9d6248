"""How a log stands: read from the log alone, read-only, also while a run goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bartleby.collectors.opening import is_running
from bartleby.collectors.schema import open_to_read
from bartleby.exchange import Usage
from bartleby.outcome import Outcome

__all__ = ["Status", "status"]


@dataclass(frozen=True)
class Status:
    """How a log stands.

    Parameters
    ----------
    log, study, model
        The file, and whose it is.
    planned
        Trials known to be asked; designs with several rounds learn of more.
    ended
        Trials that ended, by outcome, in the order of the vocabulary.
    attempts, failed_attempts
        Attempts made, and those of them that brought no reply.
    lost_attempts
        Attempts under way when a run was stopped or killed (or under way now): perhaps billed, never
        delivered.
    input_tokens, output_tokens
        As billed, where the provider says so.
    seconds
        What the model took for its replies, added up.
    cost
        Dollars, where the price is known.
    finished
        Whether all that was planned has ended.
    running
        Whether a run is writing it now.
    """

    log: Path
    study: str
    model: str
    planned: int
    ended: Mapping[str, int]
    attempts: int
    failed_attempts: int
    lost_attempts: int
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None
    finished: bool
    running: bool

    def __str__(self) -> str:
        """Say it in one line."""
        done = sum(self.ended.values())
        how = ", ".join(f"{name} {count}" for name, count in self.ended.items()) or "none"
        parts = [
            f"{self.log}: {self.study} on {self.model}: {done} of {self.planned} trials ended ({how})",
            f"{self.input_tokens + self.output_tokens} tokens",
        ]
        if self.cost is not None:
            parts.append(f"${self.cost:,.2f}")
        if self.failed_attempts:
            parts.append(f"{self.failed_attempts} of {self.attempts} attempts failed")
        if self.running:
            return "; ".join([*parts, "running"])
        if self.lost_attempts:
            parts.append(f"{self.lost_attempts} were under way when a run stopped")
        return "; ".join([*parts, "finished" if self.finished else "run it again to go on"])


def status(log: Path | str, *, price: Callable[[Usage], float | None] | None = None) -> Status:
    """Return how a log stands.

    Parameters
    ----------
    log
        The file.
    price
        What tokens cost; it is given the sum of all of them, so it is taken to be linear.

    Raises
    ------
    LogError
        If there is no such log, or it cannot be read.
    """
    path = Path(log)
    with open_to_read(path) as connection:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        planned = connection.execute("SELECT count(*) FROM trials").fetchone()[0]
        ended = _ended(connection)
        finished = connection.execute("SELECT 1 FROM sessions WHERE ending = 'finished' LIMIT 1").fetchone()
        counts = _attempts(connection)
    usage = Usage(*counts.pop("tokens"))
    return Status(
        log=path,
        study=json.loads(meta["study"])["name"],
        model=meta["model"],
        planned=planned,
        ended=ended,
        **counts,
        input_tokens=usage.input_tokens or 0,
        output_tokens=usage.output_tokens or 0,
        cost=None if price is None else price(usage),
        finished=finished is not None and sum(ended.values()) == planned,
        running=is_running(path),
    )


def _ended(connection: sqlite3.Connection) -> dict[str, int]:
    found = dict(connection.execute("SELECT outcome, count(*) FROM outcomes GROUP BY outcome"))
    return {each.value: found[each.value] for each in Outcome if each.value in found}


def _attempts(connection: sqlite3.Connection) -> dict[str, Any]:
    row = connection.execute(
        "SELECT count(*), coalesce(sum(ok = 0 AND kind != 'cancelled'), 0), "
        "coalesce(sum(ok IS NULL OR kind = 'cancelled'), 0), "
        "coalesce(sum(CASE WHEN ok THEN seconds END), 0), "
        "sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens) FROM attempts"
    ).fetchone()
    return {
        "attempts": row[0],
        "failed_attempts": row[1],
        "lost_attempts": row[2],
        "seconds": float(row[3]),
        "tokens": row[4:],
    }
