"""How a log stands: read from the log alone, read-only, also while a run goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bartleby.collectors.batch_log import BatchCounts, batch_counts
from bartleby.collectors.billed import billed
from bartleby.collectors.schema import open_to_read
from bartleby.collectors.served import others_text, served_in_log
from bartleby.collectors.spent import counted
from bartleby.exchange import Usage
from bartleby.outcome import Outcome
from bartleby.storage import is_held
from bartleby.visible import Printed

__all__ = ["Status", "status"]

_ATTEMPTS = f"""SELECT count(*), coalesce(sum(ok = 0 AND kind != 'cancelled'), 0),
    coalesce(sum(ok IS NULL OR kind = 'cancelled'), 0),
    coalesce(sum(ok = 0 AND (kind IN ('batch_deleted', 'batch_unreadable', 'batch_missing')
        OR input_tokens IS NOT NULL OR output_tokens IS NOT NULL
        OR (seconds IS NOT NULL AND status IS NULL
            AND kind IN ('connection', 'timeout', 'server', 'unreadable', 'unexpected')))), 0),
    coalesce(sum(CASE WHEN ok THEN seconds END), 0),
    coalesce(sum(ok = 1 AND ({counted("input_tokens")} IS NULL OR {counted("output_tokens")} IS NULL)), 0)
    FROM attempts"""  # noqa: S608 - names of ours
"""A failure does not show whether the request was answered, unless the server said no, with a status."""


@dataclass(frozen=True, repr=False)
class Status(Printed):
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
    unheard_attempts
        Failed attempts whose request may have been answered all the same: the connection was lost, no reply
        came in time, or it could not be read; or the results of a batch were deleted. Perhaps billed too.
    uncounted_replies
        Replies whose tokens the provider did not report, or reported as what is no count: tokens and cost
        below are without them.
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
    user
        The model that plays the user, where there is one.
    user_tokens, user_cost
        What it took of the tokens and dollars above.
    stopped
        What stopped the latest run on purpose, where something is left to ask: a cap of the study, or a
        limit of the run.
    batches
        Its batches: those made, and those whose results are not in the log.
    other_models
        Trials in which another model than the one that was asked has answered, by the name of that model.
    """

    log: Path
    study: str
    model: str
    planned: int
    ended: Mapping[str, int]
    attempts: int
    failed_attempts: int
    lost_attempts: int
    unheard_attempts: int
    uncounted_replies: int
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None
    finished: bool
    running: bool
    user: str | None = None
    user_tokens: int = 0
    user_cost: float | None = None
    stopped: str | None = None
    batches: BatchCounts = field(default_factory=BatchCounts)
    other_models: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        return {**asdict(self), "log": str(self.log), "ended": dict(self.ended)}

    def __str__(self) -> str:
        """Say it in one line."""
        done = sum(self.ended.values())
        how = ", ".join(f"{name} {count}" for name, count in self.ended.items()) or "none"
        parts = [
            f"{self.log}: {self.study} on {self.model}: {done} of {self.planned} trials ended ({how})",
            f"{self.input_tokens + self.output_tokens} tokens{self._of_user(self.user_tokens)}",
        ]
        if self.cost is not None:
            of_user = "" if self.user_cost is None else self._of_user(f"${self.user_cost:,.2f}")
            parts.append(f"${self.cost:,.2f}{of_user}")
        if self.uncounted_replies:
            parts.append(f"{self.uncounted_replies} replies came without their tokens, which are not in this")
        if self.other_models:
            parts.append(f"WARNING: {others_text(self.model, self.other_models)}")
        if self.failed_attempts:
            parts.append(f"{self.failed_attempts} of {self.attempts} attempts failed")
        if self.batches.made or self.batches.under_way:
            parts.append(str(self.batches))
        if self.unheard_attempts or (self.lost_attempts and not self.running):
            parts.append(self._may_have_been_billed())
        if self.running:
            return "; ".join([*parts, "running"])
        if self.stopped is not None:
            return "; ".join([*parts, f"stopped: {self.stopped}"])
        return "; ".join([*parts, "finished" if self.finished else "run it again to go on"])

    def _may_have_been_billed(self) -> str:
        lost = 0 if self.running else self.lost_attempts
        reasons = [
            f"{count} {what}"
            for count, what in (
                (lost, "were under way when a run stopped"),
                (self.unheard_attempts, "were lost on the way, or could not be read"),
            )
            if count
        ]
        total = lost + self.unheard_attempts
        return f"at most {total} calls were billed and never delivered ({', '.join(reasons)})"

    def _of_user(self, share: object) -> str:
        return "" if self.user is None else f" ({share} of them by {self.user} as the user)"


def status(
    log: Path | str,
    *,
    price: Callable[[Usage], float | None] | None = None,
    user_price: Callable[[Usage], float | None] | None = None,
) -> Status:
    """Return how a log stands.

    Parameters
    ----------
    log
        The file.
    price, user_price
        What tokens of the model, and of the one that plays the user, cost; each is given the sum of all of
        them, so it is taken to be linear.

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
        latest = connection.execute("SELECT reason FROM sessions ORDER BY number DESC LIMIT 1").fetchone()
        counts = _attempts(connection)
        tokens = billed(connection)
        batches = batch_counts(connection)
        others = served_in_log(connection)
        user = meta.get("user")
        usages = (tokens.subject, tokens.user)
        costs = [tokens.subject_cost(price), tokens.user_cost(user_price) if user is not None else None]
        left = sum(ended.values()) < planned
        counts["lost_attempts"] -= batches.requests
        return Status(
            log=path,
            study=json.loads(meta["study"])["name"],
            model=meta["model"],
            planned=planned,
            ended=ended,
            **counts,
            input_tokens=sum(each.input_tokens or 0 for each in usages),
            output_tokens=sum(each.output_tokens or 0 for each in usages),
            cost=_sum(costs if user is not None else costs[:1]),
            finished=finished is not None and not left,
            running=is_held(path),
            user=user,
            user_tokens=(usages[1].input_tokens or 0) + (usages[1].output_tokens or 0),
            user_cost=costs[1],
            stopped=latest[0] if latest is not None and left else None,
            batches=batches,
            other_models=others,
        )


def _ended(connection: sqlite3.Connection) -> dict[str, int]:
    found = dict(connection.execute("SELECT outcome, count(*) FROM outcomes GROUP BY outcome"))
    return {each.value: found[each.value] for each in Outcome if each.value in found}


def _attempts(connection: sqlite3.Connection) -> dict[str, Any]:
    row = connection.execute(_ATTEMPTS).fetchone()
    return {
        "attempts": row[0],
        "failed_attempts": row[1],
        "lost_attempts": row[2],
        "unheard_attempts": row[3],
        "seconds": float(row[4]),
        "uncounted_replies": row[5],
    }


def _sum(costs: Sequence[float | None]) -> float | None:
    """Return the sum, or None where one of them is not known: a part of a cost is not the cost."""
    return None if None in costs else sum(each for each in costs if each is not None)
