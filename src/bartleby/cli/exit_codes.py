"""Exit codes of the command, and which of them a run ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bartleby.collectors.battery import BatterySummary
    from bartleby.collectors.summary import RunSummary

__all__ = ["ABOUT", "ABOUT_CHECK", "FAILED", "FINISHED", "INTERRUPTED", "code_of_battery", "code_of_run"]

FINISHED = 0
FAILED = 1
STOPPED = 3
NOTHING_ANSWERED = 4
INTERRUPTED = 130
ABOUT = (
    "exit codes: 0 finished; 1 an error; 2 wrong usage; 3 stopped by a cap or a limit, resume it with the "
    "same command; 4 finished, but every trial ended in an error; 130 stopped by Ctrl-C, resume it likewise"
)
ABOUT_CHECK = (
    "exit codes: 0 a run would start; 1 it would be refused, or there is no such study. Of a log: 0 nothing "
    "is wrong, or all of it is repaired; 1 something is wrong, or it cannot be read"
)


def code_of_run(summary: RunSummary) -> int:
    """Return the exit code of a run that came to its end."""
    if summary.stopped is not None:
        return STOPPED
    ended = summary.status.ended
    return NOTHING_ANSWERED if set(ended) == {"error"} else FINISHED


def code_of_battery(summary: BatterySummary) -> int:
    """Return the exit code of many runs: that of the first kind, in this order, that one of them has."""
    codes: Sequence[int] = [
        FAILED if each.summary is None else code_of_run(each.summary) for each in summary.pairs
    ]
    return next((code for code in (FAILED, STOPPED, NOTHING_ANSWERED) if code in codes), FINISHED)
