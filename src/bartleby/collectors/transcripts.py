"""What people read of a log: the record of its study and model, and the conversations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from bartleby.collectors.bodies import Bodies
from bartleby.collectors.schema import open_to_read
from bartleby.collectors.served import served_in_log
from bartleby.exchange import Reply, ToolCall

__all__ = ["Transcript", "Turn", "study_record", "transcripts"]

_ROWS = """SELECT t.number, t.id, t.items, t.sample, c.conditions, o.outcome, o.seconds, o.message,
        r.ask, r.reply, a.hash, a.listener, a.aside
    FROM trials t JOIN cells c ON c.number = t.cell LEFT JOIN outcomes o ON o.trial = t.number
    LEFT JOIN replies r ON r.trial = t.number LEFT JOIN attempts a ON a.number = r.attempt
    WHERE o.trial IS NOT NULL OR r.trial IS NOT NULL ORDER BY t.number, r.ask"""


@dataclass(frozen=True)
class Turn:
    """What was said once.

    Parameters
    ----------
    role
        `system`, `user` or `assistant`.
    text
        What was said, as it came: untrusted.
    tool_calls
        Tools the model called.
    stop, stop_detail
        Why the model stopped, and the provider's words for it.
    probabilities
        Probability of each label, where the model told.
    aside
        Whether it was asked beside the conversation, by the study, or answers that.
    """

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    stop: str | None = None
    stop_detail: str | None = None
    probabilities: Mapping[str, float] | None = None
    aside: bool = False


@dataclass(frozen=True)
class Transcript:
    """The conversation of one trial.

    Parameters
    ----------
    trial, sample
        Id of the trial, and number of the repetition.
    items
        Ids of the items, in the order shown.
    conditions
        Level of each condition.
    outcome
        How it ended; None while it has not.
    turns
        All that was said, the system prompt first where there is one, and nothing twice: what was asked on a
        copy of the conversation stands where it was asked, and then the conversation goes on.
    seconds
        What the model took.
    message
        Why there is no reply, where the outcome is `error`.
    """

    trial: str
    sample: int
    items: tuple[str, ...]
    conditions: Mapping[str, str]
    outcome: str | None
    turns: tuple[Turn, ...]
    seconds: float | None = None
    message: str | None = None


def study_record(log: Path | str) -> dict[str, Any]:
    """Return what a log says of its study and model, and of each session that wrote it.

    Returns
    -------
    dict
        `study` (the frozen declaration), `fingerprint`, `model`, `description`, `user` and `user_description`
        (None where no model played the user), `created`, `other_models` (trials by the other models that
        answered, where some did), and `sessions`: a list with `started`, `ended` (ISO
        8601, UTC; None where a run was killed), `ending` (`finished`, `capped`, `stopped`, `failed` or None),
        `reason` (what stopped it on purpose, or None) and `versions`.

    Raises
    ------
    LogError
        If there is no such log, or it cannot be read.
    """
    with open_to_read(Path(log)) as connection:
        others = served_in_log(connection)
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        rows = connection.execute(
            "SELECT started, ended, ending, reason, versions FROM sessions ORDER BY number"
        )
        sessions = [
            {
                "started": _iso(start),
                "ended": _iso(end),
                "ending": how,
                "reason": why,
                "versions": json.loads(versions),
            }
            for start, end, how, why, versions in rows
        ]
        return {
            "study": json.loads(meta["study"]),
            "fingerprint": meta["fingerprint"],
            "model": meta["model"],
            "description": json.loads(meta["description"]),
            "user": meta.get("user"),
            "user_description": json.loads(meta["user_description"]) if "user_description" in meta else None,
            "created": meta["created"],
            **({"other_models": others} if others else {}),
            "sessions": sessions,
        }


def transcripts(log: Path | str, trials: Collection[str] | None = None) -> Iterator[Transcript]:
    """Yield the conversation of every trial that was answered or ended, in the order asked.

    Parameters
    ----------
    log
        The file; it is opened read-only.
    trials
        Ids of those wanted; None for all.

    Raises
    ------
    LogError
        If there is no such log, or it cannot be read.
    """
    wanted = None if trials is None else frozenset(trials)
    with open_to_read(Path(log)) as connection:
        bodies = Bodies(connection)
        for _, group in groupby(_rows(connection), key=lambda row: row[0]):
            rows = list(group)
            if wanted is None or rows[0][1] in wanted:
                yield _transcript(rows, bodies)


def _rows(connection: sqlite3.Connection) -> Iterator[Sequence[Any]]:
    return iter(connection.execute(_ROWS))


def _transcript(rows: Sequence[Sequence[Any]], bodies: Bodies) -> Transcript:
    _, name, items, sample, conditions, outcome, seconds, message, *_ = rows[0]
    said = _Said()
    for *_, ask, text, digest, listener, aside in rows:
        if ask is None:
            continue
        reply = Reply.from_json(text)
        if listener == "user":
            said.as_user = reply.text
        else:
            said.add(bodies[digest], reply, aside=bool(aside))
    turns = said.all()
    ids = tuple(json.loads(items))
    return Transcript(name, sample, ids, json.loads(conditions), outcome, turns, seconds, message)


Line = list[tuple[str, str]]


@dataclass
class _Said:
    """A conversation put together from requests, each of which holds all that came before it.

    A study may ask something on a copy of the conversation (whether to stay, why it left), and go on from
    where it stood. What a request shares with any earlier line was told then, and is not told again.
    """

    turns: list[Turn] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    as_user: str | None = None
    """What the model that plays the user said last, which the subject's next request will show."""

    def all(self) -> tuple[Turn, ...]:
        """Return all that was said, with what the user said last even where nobody answered it."""
        return (*self.turns, *([] if self.as_user is None else [Turn("user", self.as_user)]))

    def add(self, body: Mapping[str, Any], reply: Reply, *, aside: bool) -> None:
        """Add what is new in a request, and the reply to it."""
        self.as_user = None
        system = body["settings"].get("system")
        if system and not self.turns:
            self.turns.append(Turn("system", system))
        shown = [(each["role"], each.get("text", "")) for each in body["messages"]]
        self.turns += [Turn(role, text) for role, text in shown[self._told(shown) :]]
        if aside:
            self.turns[-1] = replace(self.turns[-1], aside=True)
        now = [*shown, ("assistant", reply.text)]
        self.lines = [*(line for line in self.lines if now[: len(line)] != line), now]
        calls, told = reply.tool_calls, (reply.stop, reply.stop_detail, reply.probabilities)
        self.turns.append(Turn("assistant", reply.text, calls, *told, aside=aside))

    def _told(self, shown: Line) -> int:
        """Return how many messages of a request were told before; none if no reply is among them."""
        shared = max((_in_common(shown, line) for line in self.lines), default=0)
        return shared if any(role == "assistant" for role, _ in shown[:shared]) else 0


def _in_common(one: Line, other: Line) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
