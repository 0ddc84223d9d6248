"""One session of a run: workers that take trials one by one, round after round, until there are no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from bartleby.collectors.batch_terms import Deferred, Postponed
from bartleby.collectors.budget import BudgetReached
from bartleby.collectors.caps import CapReached
from bartleby.collectors.delivering import Delivering
from bartleby.collectors.giving_up import FailureStreak
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import KeyRefusedError
from bartleby.collectors.opening import Design
from bartleby.collectors.progress import Progress, Told
from bartleby.collectors.retry import NoReply, Question
from bartleby.collectors.status import Status
from bartleby.collectors.summary import RunSummary
from bartleby.collectors.trial_run import Ended, TrialRun
from bartleby.errors import ModelError
from bartleby.exchange import Reply
from bartleby.outcome import Outcome
from bartleby.studies.design.pilots import pilot_of
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = ["BLOCK", "Session", "alike_together"]

Pending = tuple[int, Trial]

BLOCK = 128
"""Trials among which those that begin alike are put together: a run that is stopped has whole blocks of the
design's random order and at most one that has been asked in part."""
SPARE = 8
"""For each so many requests under way there is a worker more, as some wait for the disk meanwhile."""


class Session:
    """Workers that take trials one by one, and what they have seen so far.

    Parameters
    ----------
    study
        The study, fitted to the model.
    model
        Its name.
    log
        Where replies and outcomes go.
    bar
        Where it is shown how the session stands.
    asked
        All names of the model, by which it may answer.
    alike_together
        Whether trials that begin alike are asked one after another.
    limit
        The most trials that are asked, for a pilot.
    """

    def __init__(
        self,
        study: Study,
        model: str,
        log: Log,
        bar: Progress,
        asked: Sequence[str] = (),
        *,
        alike_together: bool = False,
        limit: int | None = None,
    ) -> None:
        self._limit = limit
        self._design = Design(self._identity)
        self._designed = 0
        self._asked = asked
        self._alike_together = alike_together
        self._study = study
        self._log = log
        self._bar = bar
        self._delivering: Delivering | None = None
        self._streak: FailureStreak[tuple[int, Trial, Ended]] = FailureStreak(model)
        self._outcomes: Counter[str] = Counter()
        self._ended: dict[str, Outcome] = {}
        self._trials = 0
        self._expected = 0

    @property
    def stopped(self) -> str | None:
        """What stopped the asking, where something was left to ask."""
        return None if self._delivering is None else self._delivering.tally.stopped

    async def rounds(self, delivering: Delivering, concurrency: int) -> None:
        """Ask round after round until nothing new comes, or a cap or limit is reached."""
        self._delivering = delivering
        if delivering.batches is not None:
            await delivering.batches.recover()
        self._ended = self._log.ended()
        self._streak.answered = any(each is not Outcome.ERROR for each in self._ended.values())
        self._outcomes = Counter(each.value for each in self._ended.values())
        several = self._study.paradigm.rounds > 1
        while True:
            pending, planned = await self._pending()
            if not pending:
                return
            if not several:
                self._ended = {}
            total = max(planned, self._study.count()) if several and self._limit is None else planned
            self._bar.start(total, planned - len(pending))
            self._expected = self._trials + total - planned + len(pending)
            workers = concurrency + concurrency // SPARE
            await self._ask_all(delivering, pending, min(workers, len(pending)))
            self._record(self._streak.finish())
            if not several or self.stopped is not None:
                return

    async def _pending(self) -> tuple[list[Pending], int]:
        """Plan what is known to be asked by now; return what has not ended, and how many there are."""
        trials = await asyncio.to_thread(self._wanted)
        numbers = await self._log.plan(trials, self._design)
        both = list(zip(numbers, trials, strict=True))
        if self._alike_together:
            both = alike_together(both, self._shown)
        return [(number, trial) for number, trial in both if trial.id not in self._ended], len(trials)

    def _wanted(self) -> list[Trial]:
        """Return the trials that are to be asked by now: all that are known, or as many as the limit."""
        trials = list(self._study.trials(self._ended))
        whole = frozenset(trial.id for trial in trials) if self._study.paradigm.rounds == 1 else None
        self._design = Design(self._identity, whole)
        self._designed = len(trials)
        return trials if self._limit is None else pilot_of(trials, self._limit)

    def _identity(self, items: Sequence[str], conditions: Mapping[str, str], sample: int) -> str | None:
        """Return the id of a trial of these items as the study would show it now; None where it would not."""
        study = self._study
        by_id = {item.id: item for item in study.items}
        levels = study.conditions
        strange = any(level not in levels.get(name, (level,)) for name, level in conditions.items())
        if strange or sample >= study.samples or not all(item in by_id for item in items):
            return None
        return study.identity([by_id[item] for item in items], conditions, sample)

    def _shown(self, pending: Pending) -> str:
        """Return what a trial shows first."""
        _, trial = pending
        return self._study.paradigm.opening(trial.items, trial.conditions, self._study.settings).shown_json()

    async def _ask_all(self, delivering: Delivering, pending: list[Pending], count: int) -> None:
        """Put trials; those whose questions went into batches again and again, as their replies come."""
        await self._workers(delivering, iter(pending), count)
        if delivering.batches is None:
            return
        trials = dict(pending)
        delivering.batches.waiting = lambda: self._bar.show(self._told())
        async for numbers in delivering.batches.answered():
            again = [(number, trials[number]) for number in numbers if number in trials]
            await self._workers(delivering, iter(again), min(count, len(again)))

    async def _workers(self, delivering: Delivering, pending: Iterator[Pending], count: int) -> None:
        """Run workers on one iterator until it is empty or one of them fails; then stop the others."""
        if not count:
            return
        tasks = [asyncio.create_task(self._work(delivering, pending)) for _ in range(count)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in failed:
            task.result()

    async def _work(self, delivering: Delivering, pending: Iterator[Pending]) -> None:
        deliver = partial(_counted, delivering)
        for number, trial in pending:
            if self.stopped is not None and number not in self._log.begun:
                continue  # what was begun may have all its replies, or else is cut off
            run = TrialRun(self._study, trial, number, self._log, deliver, asked=self._asked)
            try:
                ended = await run.run()
            except (CapReached, BudgetReached, Deferred, Postponed):
                continue  # it was not begun, or can be resumed
            except KeyRefusedError:
                raise
            except ModelError as error:
                if not self._streak.answered:
                    raise
                ended = run.failed(NoReply(str(error), "denied", transient=True))
            self._note(number, trial, ended)

    def _note(self, number: int, trial: Trial, ended: Ended) -> None:
        """Record how a trial ended, or hold it back while everything fails."""
        this = (number, trial, ended)
        if ended.failure is None:
            self._record([*self._streak.answer(), this])
        else:
            self._record(self._streak.failure(ended.failure, this))

    def _record(self, trials: list[tuple[int, Trial, Ended]]) -> None:
        several = self._study.paradigm.rounds > 1
        for trial, ended in map(self._stored, trials):
            self._trials += 1
            self._outcomes[ended.reading.outcome.value] += 1
            if several:
                self._ended[trial.id] = ended.reading.outcome
            self._bar.step(self._told)

    def _stored(self, this: tuple[int, Trial, Ended]) -> tuple[Trial, Ended]:
        """Record how a trial ended; a reading that cannot be stored is an error of this trial alone."""
        number, trial, ended = this
        try:
            self._log.trial_ended(number, ended.reading, ended.spent, ended.message, ended.turns)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            message = f"what the paradigm {self._study.paradigm.name!r} has read cannot be stored: {error}"
            ended = Ended(Reading(Outcome.ERROR), ended.spent, message=message)
            self._log.trial_ended(number, ended.reading, ended.spent, message)
        return trial, ended

    def stop_progress(self) -> None:
        """Leave the bar as it stands."""
        self._bar.stop(self._told())

    def _told(self) -> Told:
        if self._delivering is None:
            return Told(self._outcomes)
        tally, batches = self._delivering.tally, self._delivering.batches
        share = self._expected / self._trials if self._trials else None
        return Told(
            self._outcomes,
            tally.tokens,
            tally.cost,
            self._log.failures,
            None if tally.cost is None or share is None else tally.cost * share,
            *((0, 0) if batches is None else batches.under_way),
        )

    def summary(self, stands: Status, seconds: float) -> RunSummary:
        """Return what this session did."""
        tally = None if self._delivering is None else self._delivering.tally
        replies, cost = (0, None) if tally is None else (tally.replies, tally.cost)
        designed = self._designed if self._limit is not None and self._limit < self._designed else None
        return RunSummary(
            stands, self._trials, replies, self._log.failures, seconds, cost, self.stopped, designed
        )


async def _counted(delivering: Delivering, question: Question) -> tuple[Reply, float]:
    """Deliver a question unless a cap is reached or it is under way in a batch already."""
    batches, tally, request = delivering.batches, delivering.tally, question.request
    if batches is not None and batches.waits(question):
        raise Deferred
    tally.ask(request)
    try:
        return await delivering.deliver(question)
    except Deferred:
        raise  # its batch settles it
    except BaseException:
        tally.unanswered(request)
        raise


def alike_together(trials: Sequence[Pending], shown: Callable[[Pending], str]) -> list[Pending]:
    """Return trials, block by block, in the order of the texts that they show first."""
    blocks = (sorted(trials[at : at + BLOCK], key=shown) for at in range(0, len(trials), BLOCK))
    return [trial for block in blocks for trial in block]
