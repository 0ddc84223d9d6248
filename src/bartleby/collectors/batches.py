"""Bringing questions to a model in batches: composed as trials ask, fetched as they end, never sent twice.

A trial that asks is not kept waiting in memory for a day. Its question goes into a batch and the trial is
let go (`Deferred`); when the reply is in the log the trial is put again, its earlier replies are played
back, and it goes on to its next question. So a single-turn study is as few batches as their size allows,
conversations go a turn at a time, all together, and a run that was killed goes on like one that was not.

Whether a batch was made is not always known: the connection may be lost after it was, or the run killed
before its id was on the disk. The provider cannot be asked for a batch by a name of ours, so a batch of the
same size that was made at that time and that we know nothing else of is taken for it until its results,
which carry our names, show whose it is. Only if there is none is it sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from bartleby.collectors.batch_log import BatchLog, Place, StoredBatch
from bartleby.collectors.batch_provider import Provider
from bartleby.collectors.batch_replies import BatchReplies
from bartleby.collectors.batch_terms import Deferred, Postponed, Settling
from bartleby.collectors.budget import NoRoom
from bartleby.collectors.environment import redact
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.batching import Batching, BatchState
from bartleby.collectors.retry import Delivery, NoReply, Question, waiting_time
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request

__all__ = ["Batches"]

FIRST_POLL = 2.0
LONGEST_POLL = 60.0
"""Seconds between two looks at the batches: at first, and at most."""


class Batches:
    """Delivers questions in batches.

    Parameters
    ----------
    model
        Name of the model, for messages.
    service
        The model's batches.
    log
        The log's batches.
    live
        How questions go that are not for the subject, or all of them where `sending` is off.
    settling
        Who counts what comes of them.
    max_attempts
        The most attempts at one question in a session, and at reaching the provider.
    sending
        Whether batches are made; if not, those of earlier sessions are fetched and the rest is asked live.
    sleep
        How to wait.

    Attributes
    ----------
    waiting
        Called at each look at the batches that finds none ended.
    """

    def __init__(
        self,
        model: str,
        service: Batching,
        log: BatchLog,
        live: Delivery,
        settling: Settling,
        *,
        max_attempts: int = 6,
        sending: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._model = model
        self._service = service
        self._provider = Provider(model, service, log, max_attempts=max_attempts, sleep=sleep)
        self._log = log
        self._live = live
        self._settling = settling
        self._max_attempts = max_attempts
        self._sending = sending
        self._sleep = sleep
        self._under_way: dict[int, StoredBatch] = {}
        self._replies = BatchReplies(log, settling, max_attempts, getattr(service, "secrets", ()))
        self._postponed: set[int] = set()
        self._composed: list[Question] = []
        self._bytes = 0
        self._composing = asyncio.Lock()
        self.waiting: Callable[[], None] = lambda: None

    @property
    def under_way(self) -> tuple[int, int]:
        """How many batches are under way, and how many requests in them wait for their result."""
        return len(self._under_way), sum(len(batch.waiting) for batch in self._under_way.values())

    async def recover(self) -> None:
        """Find the batches of earlier sessions again."""
        for batch in self._log.unfinished():
            self._under_way[batch.number] = batch
            self._replies.adopt(batch)
        for batch in list(self._under_way.values()):
            if batch.id is None and not await self._found(batch):
                await self._give_up(batch, "never made", "the run was stopped before the batch was made")

    def waits(self, question: Question) -> bool:
        """Return whether a question is in a batch already."""
        return self._replies.waits(question)

    async def __call__(self, question: Question) -> tuple[Reply, float]:
        """Put a question into the next batch.

        Raises
        ------
        Deferred
            When that is done.
        Postponed
            If there is no room for it in the budget before others have come back.
        NoReply
            If it was tried as often as is allowed, or will never be accepted.
        """
        self._replies.refuse(question)
        if not self._sending or question.request.to != "subject":
            return await self._at_once(question)
        try:
            size = self._service.size(question.request)
        except RequestError as error:
            raise NoReply(redact(str(error)), "request") from None
        if not self._settling.batch_asked(question):
            self._postponed.add(question.trial)
            raise Postponed
        self._replies.put(question)
        async with self._composing:
            full = len(self._composed) >= self._service.most_requests
            if self._composed and (full or self._bytes + size > self._service.most_bytes):
                await self._send()
            self._composed.append(question)
            self._bytes += size
        raise Deferred

    async def answered(self) -> AsyncIterator[list[int]]:
        """Send what is composed, wait for batches to end, and yield the trials that can go on.

        Whoever goes on with them asks the next questions, which are sent together when all batches that had
        ended are fetched. It comes to an end when no batch is under way, or when time is up.
        """
        await self._send()
        while self._under_way:
            ended = await self._next_ended()
            if not ended:
                return
            for batch, state in ended:
                yield await self._fetch(batch, state)
            postponed, self._postponed = sorted(self._postponed), set()
            if postponed:
                yield postponed
            await self._send()

    async def _at_once(self, question: Question) -> tuple[Reply, float]:
        try:
            return await self._live(question)
        except NoRoom:
            self._postponed.add(question.trial)
            raise Postponed from None

    async def _send(self) -> None:
        questions, self._composed, self._bytes = self._composed, [], 0
        if not questions:
            return
        places = [
            (
                Place(each.trial, each.ask, each.attempts + 1, each.request.aversive, each.request.aside),
                each.body,
            )
            for each in questions
        ]
        batch = await self._log.intend(places, self._service.now())
        self._under_way[batch.number] = batch
        names = [batch.name_of(batch.first + at) for at in range(len(questions))]
        await self._make(batch, list(zip(names, (each.request for each in questions), strict=True)))

    async def _make(self, batch: StoredBatch, requests: list[tuple[str, Request]]) -> None:
        """Make a batch, again after failures that may pass, unless it may have been made in spite of one."""
        failures = 0
        while True:
            try:
                state = await self._service.create(requests)
            except TransientError as error:
                failures += 1
                if _may_have_been_made(error) and await self._found(batch):
                    return
                queue_full = error.kind == "rate_limit" and len(self._under_way) > 1
                if failures >= self._max_attempts and not queue_full:
                    await self._give_up(batch, "never made", str(error))
                    raise ModelError(
                        f"{self._model}: no batch could be made: {redact(str(error))}. Run again to go on"
                    ) from error
                await self._sleep(waiting_time(failures, error.retry_after))
            except (ModelError, RequestError) as error:
                await self._give_up(batch, "never made", str(error))
                raise ModelError(f"{self._model}: no batch is made: {redact(str(error))}") from error
            else:
                await self._adopt(batch, state)
                return

    async def _adopt(self, batch: StoredBatch, state: BatchState) -> None:
        batch.id = state.id
        await self._log.sent(batch, state.created)

    async def _found(self, batch: StoredBatch) -> bool:
        """Look for a batch that may have been made; take what may be it for it until its results tell."""
        states = await self._provider.unclaimed(batch)
        if states:
            await self._adopt(batch, states[0])
        return bool(states)

    async def _next_ended(self) -> list[tuple[StoredBatch, BatchState | None]]:
        """Wait until batches have ended; return them, those first whose results are deleted first."""
        wait = FIRST_POLL
        while not self._settling.out_of_time():
            states = [(batch, await self._provider.state(batch)) for batch in list(self._under_way.values())]
            ended = [(batch, state) for batch, state in states if state is None or state.ended]
            if ended:
                return sorted(ended, key=lambda each: 0.0 if each[1] is None else each[1].created)
            self.waiting()
            await self._sleep(wait)
            wait = min(LONGEST_POLL, wait * 1.5)
        return []

    async def _fetch(self, batch: StoredBatch, state: BatchState | None) -> list[int]:
        """Bring the results of a batch into the log; return the trials that can go on."""
        if state is None or state.deleted:
            return await self._give_up(batch, "deleted", "its results were deleted before they were fetched")
        trials: list[int] = []
        stranger = await self._provider.patiently(
            lambda: self._replies.read(self._service, batch, state.id, trials)
        )
        if stranger is not None:
            return await self._mistaken(batch, stranger)
        trials += self._replies.fail_all(
            batch, TransientError("its batch has no result for it", kind="batch_missing")
        )
        await self._close(batch, "fetched")
        return list(dict.fromkeys(trials))

    async def _mistaken(self, batch: StoredBatch, stranger: str) -> list[int]:
        """Take the next batch that may be this one, after the last proved to be another."""
        for other in self._under_way.values():
            if other.attempt_of(stranger) is not None:
                batch.id, other.id = other.id, batch.id
                await self._log.sent(batch, batch.composed)
                await self._log.sent(other, other.composed)
                return []
        if batch.id is not None:
            batch.rejected.add(batch.id)
        # A run that was killed meanwhile does not know what else it might be: so it is looked for again.
        if await self._found(batch):
            return []
        return await self._give_up(batch, "never made", "the batch was never made")

    async def _give_up(self, batch: StoredBatch, ending: str, reason: str) -> list[int]:
        """Note that nothing will come of a batch; return its trials, which may ask again."""
        trials = self._replies.fail_all(
            batch, TransientError(reason, kind=f"batch_{ending.replace(' ', '_')}")
        )
        await self._close(batch, ending)
        return trials

    async def _close(self, batch: StoredBatch, ending: str) -> None:
        await self._log.close(batch, ending)
        del self._under_way[batch.number]


def _may_have_been_made(error: TransientError) -> bool:
    """Whether a batch may be there although its making failed: not if the server said that it is not."""
    return error.status is None or 500 <= error.status < 529
