"""What comes of the requests of batches: replies put on the disk, failures counted, trials that can go on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing

from bartleby.collectors.batch_log import BatchLog, Place, StoredBatch
from bartleby.collectors.batch_terms import Failure, Settling
from bartleby.collectors.environment import redact, secret_pattern
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.batching import Batching
from bartleby.collectors.models.normalising import normalised
from bartleby.collectors.retry import NoReply, Question
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Usage

__all__ = ["BatchReplies"]

TOGETHER = 500
"""So many results are put on the disk together."""

Where = tuple[int, int]


class BatchReplies:
    """Questions that wait for their batch, and what came of those that do no longer.

    Parameters
    ----------
    log
        The log's batches.
    settling
        Who counts what comes of them.
    max_attempts
        The most attempts at one question in a session.
    secrets
        What must not be stored, should the provider echo it.
    """

    def __init__(
        self, log: BatchLog, settling: Settling, max_attempts: int, secrets: Iterable[str] = ()
    ) -> None:
        self._log = log
        self._settling = settling
        self._max_attempts = max_attempts
        self._secrets = secret_pattern(secrets)
        self._waiting: set[Where] = set()
        self._failures: dict[Where, Failure] = {}

    def waits(self, question: Question) -> bool:
        """Return whether a question is in a batch already."""
        return (question.trial, question.ask) in self._waiting

    def put(self, question: Question) -> None:
        """Note that a question waits for its batch."""
        self._waiting.add((question.trial, question.ask))

    def adopt(self, batch: StoredBatch) -> None:
        """Note what waits in a batch of an earlier session."""
        for place in batch.waiting.values():
            self._waiting.add((place.trial, place.ask))
            self._settling.batch_adopted(place)

    def refuse(self, question: Question) -> None:
        """Raise `NoReply` if a question was tried as often as is allowed, or will never be accepted."""
        failure = self._failures.get((question.trial, question.ask))
        if failure is None:
            return
        transient = isinstance(failure.error, TransientError)
        if not transient or failure.count >= self._max_attempts:
            tries = f" ({failure.count} attempts)" if failure.count > 1 else ""
            raise NoReply(redact(str(failure.error)) + tries, failure.kind, transient=transient)

    async def read(self, service: Batching, batch: StoredBatch, name: str, trials: list[int]) -> str | None:
        """Read results as they come, adding their trials.

        If the connection is lost half-way, what was read is in the log, and the rest is read the next time.

        Returns
        -------
        str or None
            The name of a result, if all of them are of another batch; a name that cannot be of this batch
            beside others that are is a fault of the server's.
        """
        fatal: ModelError | None = None
        ours, stranger = False, None
        async with aclosing(service.results(name)) as results:
            async for result in results:
                attempt = batch.attempt_of(result.custom_id)
                if attempt is None:
                    stranger = result.custom_id
                    continue
                ours = True
                place = batch.waiting.pop(attempt, None)
                if place is None:
                    continue
                if isinstance(result.outcome, ModelError):
                    fatal = result.outcome
                self.settle(attempt, place, result.outcome)
                trials.append(place.trial)
                if len(trials) % TOGETHER == 0:
                    await self._log.committed()
        await self._log.committed()
        if fatal is not None:
            raise fatal
        return None if ours else stranger

    def settle(
        self, attempt: int, place: Place, outcome: Reply | RequestError | TransientError | ModelError
    ) -> None:
        """Note what became of one request; a reply is normalised before it is recorded as one."""
        where = (place.trial, place.ask)
        self._waiting.discard(where)
        try:
            outcome = normalised(outcome, self._secrets) if isinstance(outcome, Reply) else outcome
        except TransientError as error:
            error.kind = "batch_unreadable"
            outcome = error
        if isinstance(outcome, Reply):
            self._log.answered(attempt, place, outcome)
            self._failures.pop(where, None)
            self._settling.batch_replied(outcome)
            return
        if isinstance(outcome, ModelError):
            self._log.failed(attempt, "model", outcome)
        else:
            before = self._failures.get(where)
            failure = Failure(outcome, 1 if before is None else before.count + 1)
            self._failures[where] = failure
            self._log.failed(attempt, failure.kind, outcome)
        self._settling.batch_failed(place, getattr(outcome, "usage", Usage()))

    def fail_all(self, batch: StoredBatch, error: TransientError) -> list[int]:
        """Note that nothing will come of what a batch still has; return the trials, which may ask again."""
        trials = []
        for attempt, place in batch.waiting.items():
            self.settle(attempt, place, error)
            trials.append(place.trial)
        batch.waiting.clear()
        return trials
