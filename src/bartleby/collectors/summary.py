"""What a run did, to be told at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bartleby.collectors.status import Status
from bartleby.visible import Printed

__all__ = ["RunSummary"]


@dataclass(frozen=True, repr=False)
class RunSummary(Printed):
    """What a run did in this session, and how the log stands now.

    Parameters
    ----------
    status
        The whole log.
    trials
        Trials that ended in this session.
    replies
        Replies that were had in this session.
    failures
        Attempts in this session that brought none.
    seconds
        How long the session took.
    cost
        Dollars of this session, where the price is known.
    stopped
        What stopped it before all was asked: a cap of the study.
    pilot_of
        Trials of the whole design, where a limit left some of them for later.
    """

    status: Status
    trials: int
    replies: int
    failures: int
    seconds: float
    cost: float | None
    stopped: str | None = None
    pilot_of: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values, with the status of the log."""
        return {**asdict(self), "status": self.status.to_dict()}

    def __str__(self) -> str:
        """Say it in a line or two."""
        money = "" if self.cost is None else f", ${self.cost:,.2f}"
        failed = f", {self.failures} failed attempts" if self.failures else ""
        why = "" if self.stopped is None else f"; stopped: {self.stopped}"
        if self.pilot_of is not None:
            why += f"; a pilot of {self.pilot_of} trials: run it again without the limit for the others"
        return (
            f"{self.status}\nthis session: {self.trials} trials, {self.replies} replies{failed}, "
            f"{self.seconds:.1f} s{money}{why}"
        )
