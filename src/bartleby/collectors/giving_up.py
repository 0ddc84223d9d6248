"""When to stop rather than burn through a study in which everything fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bartleby.collectors.retry import NoReply
from bartleby.collectors.trial_run import MISTAKE
from bartleby.errors import ModelError, StudyError

__all__ = ["LIMIT", "FailureStreak"]

LIMIT = 20
"""So many trials that fail the same way, one after the other, stop a run."""

T = TypeVar("T")


@dataclass
class FailureStreak(Generic[T]):
    """Trials that failed one after the other, held back until something else happens.

    A lost network or a request that is never accepted fails every trial alike. Such trials are not
    recorded as failed: the run stops, and they are asked when it is started again. Failures that may pass
    stop a run at any time; others only as long as nothing was ever answered, because a study may have
    many items that a model does not accept.

    Parameters
    ----------
    model
        Name of the model, for the message.
    answered
        Whether anything was ever answered.
    """

    model: str
    answered: bool = False
    held: list[T] = field(default_factory=list)
    kind: str = ""
    _last: str = ""

    def answer(self) -> list[T]:
        """Note a trial that did not fail; return those held back, which are now to be recorded."""
        self.answered = True
        return self.release()

    def failure(self, failure: NoReply, trial: T) -> list[T]:
        """Hold back a trial that failed; return those that failed in another way before.

        Raises
        ------
        ModelError
            If it is one too many of its kind.
        StudyError
            Likewise, where the paradigm itself fails.
        """
        released = self.release() if failure.kind != self.kind else []
        self.kind, self._last = failure.kind, str(failure)
        self.held.append(trial)
        if len(self.held) >= LIMIT and (failure.transient or not self.answered):
            if failure.kind == MISTAKE:
                raise StudyError(str(failure))
            raise ModelError(
                f"{self.model}: {len(self.held)} trials one after the other failed the same way: {failure}. "
                "The run was stopped; they are not counted as asked, and nothing that was answered is lost. "
                "Run again to go on"
            )
        return released

    def finish(self) -> list[T]:
        """Return the trials held back when there are no more.

        Raises
        ------
        StudyError
            If the paradigm has failed on all there were: a mistake in it, and no answers.
        """
        if self.held and self.kind == MISTAKE and not self.answered:
            raise StudyError(self._last)
        return self.release()

    def release(self) -> list[T]:
        """Return the trials held back, and hold none."""
        held, self.held = self.held, []
        return held
