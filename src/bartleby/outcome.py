"""Every way a trial can end: the one vocabulary that all wings share."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CHOICES", "MISSING", "Outcome"]


class Outcome(StrEnum):
    """How a trial ended. Missing is never a choice.

    A model that declines in words has `REFUSED`; one that takes an exit it was offered has `OPTED_OUT`:
    the two are told apart in every study. What *we* ended is `ABANDONED`, and was not the model's doing.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.Outcome("opted_out").value
    'opted_out'
    """

    CHOSE_FIRST = "chose_first"
    """It took the item that was shown first."""
    CHOSE_SECOND = "chose_second"
    """It took the item that was shown second."""
    INDIFFERENT = "indifferent"
    """It said that it has no preference, where that answer was offered."""
    OPTED_OUT = "opted_out"
    """It took an exit that was offered: "neither", a tool, a string, leaving."""
    COMPLETED = "completed"
    """It did the task, or stayed to the end."""
    REFUSED = "refused"
    """It declined in words without taking the exit, or the API stopped with a refusal."""
    UNPARSED = "unparsed"
    """It answered, and the answer could not be read as any of those offered."""
    TRUNCATED = "truncated"
    """It ran into the token limit before an answer could be read."""
    ABANDONED = "abandoned"
    """We ended it: a budget, a cap, or the other side of the conversation failed."""
    ERROR = "error"
    """No reply could be had; the message is in the log."""
    OTHER_MODEL = "other_model"
    """Another model than the one that was asked has answered: it says nothing of this one."""


CHOICES: frozenset[Outcome] = frozenset({Outcome.CHOSE_FIRST, Outcome.CHOSE_SECOND})
"""Outcomes in which one of two items was taken."""

MISSING: frozenset[Outcome] = frozenset(
    {Outcome.UNPARSED, Outcome.TRUNCATED, Outcome.ABANDONED, Outcome.ERROR, Outcome.OTHER_MODEL}
)
"""Outcomes that say nothing of what the model would prefer."""
