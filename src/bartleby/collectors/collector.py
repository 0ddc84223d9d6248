"""The collector: brings the trials of a study to a model, and survives anything.

Every reply is on the disk before the paradigm sees it. A run that was stopped or killed is started again
with the same call: replies that are in the log are played back, and only what is missing is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

from bartleby.collectors.batch_terms import Deferred, Postponed
from bartleby.collectors.budget import Budget, BudgetCount, BudgetReached
from bartleby.collectors.caps import CapReached
from bartleby.collectors.delivering import Delivering, Means, require_prices
from bartleby.collectors.fitting import fitted, frozen, opened
from bartleby.collectors.giving_up import FailureStreak
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import Model
from bartleby.collectors.pacing import Paces
from bartleby.collectors.progress import Progress, Told
from bartleby.collectors.retry import NO_USER, Question
from bartleby.collectors.status import Status, status
from bartleby.collectors.summary import RunSummary
from bartleby.collectors.tally import Price, Prices
from bartleby.collectors.trial_run import Ended, TrialRun
from bartleby.errors import LogError, SettingError, StudyError
from bartleby.exchange import Listener, Reply
from bartleby.outcome import Outcome
from bartleby.studies.study import Study
from bartleby.studies.trial import Trial

__all__ = ["Price", "RunSummary", "collect"]

Pending = tuple[int, Trial]


async def collect(
    study: Study,
    model: Model,
    log: Path | str,
    *,
    user: Model | None = None,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    progress: bool | None = None,
    price: Price | None = None,
    user_price: Price | None = None,
    batch: bool = False,
    budget: Budget | BudgetCount | None = None,
    paces: Paces | None = None,
) -> RunSummary:
    """Put every trial of a study to a model, keeping all in a log; go on where an earlier run stopped.

    Parameters
    ----------
    study
        What is asked. Its channel `auto` becomes the most reliable one that the model supports.
    model
        Who answers: not opened yet. It is opened here, and closed again whatever happens.
    log
        The file; it is made if it is not there.
    user
        Who plays the user, in a study that has one played; it may be the same model.
    concurrency
        How many trials, and requests, are under way at once; with None there are as many as the provider
        bears, up to what the model says it is worth.
    max_attempts
        The most attempts at one question.
    retry_errors
        Whether trials that ended in `error`, or that a cap or a failing user cut off, are asked again.
    progress
        Whether to show a bar; None for where the error stream is a terminal.
    price, user_price
        What tokens of the model, and of the one that plays the user, cost.
    batch
        Whether the model is asked in batches. Those of earlier runs are fetched in any case.
    budget
        What the run may spend, alone or together with others; when it is spent, the run stops and can be
        gone on with.
    paces
        The paces of runs that share a provider's limits; its own if none are given.

    Raises
    ------
    SettingError
        If a limit in dollars is given and the price is not known.
    StudyError
        If the model does not accept the study's settings or channel, nobody plays the user that it needs, or
        the paradigm fails.
    ModelError
        If a model cannot be had, or every trial fails the same way.
    LogError
        If the log cannot be written, is in use, or belongs to another study or model.
    asyncio.CancelledError
        If it was cancelled; its argument says how to go on.
    """
    _check_numbers(concurrency, max_attempts)
    prices: Prices = {"subject": price, "user": user_price}
    means = Means(prices, budget or Budget(), paces or Paces(), concurrency, max_attempts, batch)
    path, started = Path(log), time.perf_counter()
    if study.needs_user() and user is None:
        raise StudyError(f"study {study.name!r}: {NO_USER}")
    require_prices(means.budget, _names(study, model, user), prices)
    async with AsyncExitStack() as stack:
        subject = await opened(stack, model, max_attempts)
        player = None
        if user is not None and study.needs_user():
            player = subject if user is model else await opened(stack, user, max_attempts)
        resolved = fitted(study, subject.name, subject.capabilities)
        record = Log.open(path, frozen(resolved, subject, player), retry_errors=retry_errors)
        bar = Progress(f"{study.name} · {subject.name}", shown=progress)
        run = _Run(resolved, subject.name, record, bar)
        try:
            delivering = Delivering.prepare(resolved, record, subject, player, means)
            await run.rounds(delivering, concurrency or subject.capabilities.concurrency)
            await record.finish("finished" if run.stopped is None else "capped", run.stopped)
        except asyncio.CancelledError:
            with suppress(LogError):
                await record.finish("stopped")
            raise asyncio.CancelledError(_how_to_go_on(path)) from None
        except BaseException:
            with suppress(LogError):
                await record.finish("failed")
            raise
        finally:
            run.stop_progress()
            await record.close()
    stands = status(path, price=price, user_price=user_price)
    return run.summary(stands, time.perf_counter() - started)


class _Run:
    """One session of a run: workers that take trials one by one, and what they have seen so far."""

    def __init__(self, study: Study, model: str, log: Log, bar: Progress) -> None:
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
            total = max(planned, self._study.count()) if several else planned
            self._bar.start(total, planned - len(pending))
            self._expected = self._trials + total - planned + len(pending)
            await self._ask_all(delivering, pending, min(concurrency, len(pending)))
            self._record(self._streak.release())
            if not several or self.stopped is not None:
                return

    async def _pending(self) -> tuple[list[Pending], int]:
        """Plan what is known to be asked by now; return what has not ended, and how many there are."""
        trials = await asyncio.to_thread(lambda: list(self._study.trials(self._ended)))
        numbers = await self._log.plan(trials, self._ended)
        both = zip(numbers, trials, strict=True)
        return [(number, trial) for number, trial in both if trial.id not in self._ended], len(trials)

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
            try:
                ended = await TrialRun(self._study, trial, number, self._log, deliver).run()
            except (CapReached, BudgetReached, Deferred, Postponed):
                continue  # it was not begun, or can be gone on with
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
        for number, trial, ended in trials:
            self._log.trial_ended(number, ended.reading, ended.spent, ended.message, ended.turns)
            self._trials += 1
            self._outcomes[ended.reading.outcome.value] += 1
            if several:
                self._ended[trial.id] = ended.reading.outcome
            self._bar.step(self._told)

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
        return RunSummary(stands, self._trials, replies, self._log.failures, seconds, cost, self.stopped)


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


def _names(study: Study, model: Model, user: Model | None) -> dict[Listener, str]:
    """Return who is asked in a study."""
    names: dict[Listener, str] = {"subject": model.name}
    return names if user is None or not study.needs_user() else {**names, "user": user.name}


def _how_to_go_on(path: Path) -> str:
    stands = status(path)
    waiting = stands.batches.under_way
    batches = f"{waiting} batches go on without us, to be fetched by the next run. " if waiting else ""
    return (
        f"stopped: {sum(stands.ended.values())} of {stands.planned} trials have ended; nothing that was "
        f"answered is lost. {batches}Run it again with the same log ({path}) to go on"
    )


def _check_numbers(concurrency: int | None, max_attempts: int) -> None:
    for name, value in (("concurrency", concurrency), ("max_attempts", max_attempts)):
        if value is not None and value < 1:
            raise SettingError(f"{name} is {value}; allowed: 1 or more")
