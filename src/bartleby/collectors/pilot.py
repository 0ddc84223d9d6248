"""What the trials that were answered already took: the honest basis for what the others will."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass

from bartleby.collectors.billed import billed
from bartleby.collectors.rehearsal import Tokens

__all__ = ["Pilot", "pilot_in"]


@dataclass(frozen=True)
class Pilot:
    """What the trials of a log took.

    Parameters
    ----------
    trials
        How many have ended.
    calls
        Attempts that were made.
    tokens
        As billed.
    seconds
        Time of the sessions, from start to end; None where none has ended.
    error
        Two standard errors of the tokens of a whole run like these trials, as a share.
    """

    trials: int
    calls: int
    tokens: Tokens
    seconds: float | None
    error: float


def pilot_in(connection: sqlite3.Connection) -> Pilot:
    """Return what the trials of an open log took."""
    trials, mean, square = connection.execute(
        "SELECT count(*), avg(n), avg(n * n) FROM (SELECT coalesce(input_tokens, 0) "
        "+ coalesce(output_tokens, 0) + 0.0 AS n FROM outcomes)"
    ).fetchone()
    calls = connection.execute("SELECT count(*) FROM attempts").fetchone()[0]
    seconds = connection.execute("SELECT sum(ended - started) FROM sessions").fetchone()[0]
    tokens = billed(connection)
    return Pilot(
        trials,
        calls,
        Tokens(
            tokens.subject.input_tokens or 0,
            tokens.subject.output_tokens or 0,
            tokens.user.input_tokens or 0,
            tokens.user.output_tokens or 0,
        ),
        seconds,
        _relative_error(trials, mean or 0.0, square or 0.0),
    )


def _relative_error(trials: int, mean: float, square: float) -> float:
    if trials < 2 or not mean:
        return 1.0
    variance = max(0.0, square - mean**2) * trials / (trials - 1)
    return 2.0 * math.sqrt(variance / trials) / mean
