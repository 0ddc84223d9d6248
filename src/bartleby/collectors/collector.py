"""The collector: brings the trials of a study to a model, and survives anything.

Every reply is on the disk before the paradigm sees it. A run that was stopped or killed is started again
with the same call: replies that are in the log are played back, and only what is missing is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from bartleby.collectors.frozen import freeze
from bartleby.collectors.giving_up import FailureStreak
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import Capabilities, Model, TransientError
from bartleby.collectors.progress import Progress
from bartleby.collectors.retry import Delivery, Live, Question, waiting_time
from bartleby.collectors.status import Status, status
from bartleby.collectors.trial_run import Ended, TrialRun
from bartleby.errors import LogError, ModelError, SettingError, StudyError
from bartleby.exchange import Reply, Settings, Usage
from bartleby.outcome import Outcome
from bartleby.studies.study import Study
from bartleby.studies.trial import Trial

__all__ = ["Price", "RunSummary", "collect"]

Price = Callable[[Usage], float | None]
"""What tokens cost, in dollars; None where it is not known."""

ALWAYS_ACCEPTED = frozenset({"max_tokens", "system"})

Pending = tuple[int, Trial]


@dataclass(frozen=True)
class RunSummary:
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
    """

    status: Status
    trials: int
    replies: int
    failures: int
    seconds: float
    cost: float | None

    def __str__(self) -> str:
        """Say it in a line or two."""
        money = "" if self.cost is None else f", ${self.cost:,.2f}"
        failed = f", {self.failures} failed attempts" if self.failures else ""
        return (
            f"{self.status}\nthis session: {self.trials} trials, {self.replies} replies{failed}, "
            f"{self.seconds:.1f} s{money}"
        )


async def collect(
    study: Study,
    model: Model,
    log: Path | str,
    *,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    progress: bool | None = None,
    price: Price | None = None,
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
    concurrency
        How many trials are under way at once; None for what the model says it is worth.
    max_attempts
        The most attempts at one question.
    retry_errors
        Whether trials that ended in `error` are asked again.
    progress
        Whether to show a bar; None for where the error stream is a terminal.
    price
        What tokens cost.

    Raises
    ------
    StudyError
        If the model does not accept the study's settings or channel, or the paradigm fails.
    ModelError
        If the model cannot be had, or every trial fails the same way.
    LogError
        If the log cannot be written, is in use, or belongs to another study or model.
    asyncio.CancelledError
        If it was cancelled; its argument says how to go on.
    """
    _check_numbers(concurrency, max_attempts)
    path, started = Path(log), time.perf_counter()
    async with model as opened:
        capabilities = await _probe(opened, max_attempts)
        resolved = _fitted(study, opened.name, capabilities)
        frozen = freeze(resolved, opened.name, capabilities.description)
        record = Log.open(path, frozen, retry_errors=retry_errors)
        bar = Progress(f"{study.name} · {opened.name}", shown=progress)
        live = Live(opened, record, max_attempts=max_attempts)
        run = _Run(resolved, opened.name, record, live, bar=bar, price=price)
        try:
            await run.rounds(concurrency or capabilities.concurrency)
            await record.finish("finished")
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
    return run.summary(status(path, price=price), time.perf_counter() - started)


class _Run:
    """One session of a run: workers that take trials one by one, and what they have seen so far."""

    def __init__(
        self, study: Study, model: str, log: Log, deliver: Delivery, *, bar: Progress, price: Price | None
    ) -> None:
        self._study = study
        self._log = log
        self._deliver = deliver
        self._bar = bar
        self._price = price
        self._streak: FailureStreak[tuple[int, Trial, Ended]] = FailureStreak(model)
        self._outcomes: Counter[str] = Counter()
        self._ended: dict[str, Outcome] = {}
        self._trials = self._replies = self._tokens = 0
        self._cost: float | None = None

    async def rounds(self, concurrency: int) -> None:
        """Ask round after round until nothing new comes."""
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
            await self._workers(iter(pending), min(concurrency, len(pending)))
            self._record(self._streak.release())
            if not several:
                return

    async def _pending(self) -> tuple[list[Pending], int]:
        """Plan what is known to be asked by now; return what has not ended, and how many there are."""
        trials = await asyncio.to_thread(lambda: list(self._study.trials(self._ended)))
        numbers = await self._log.plan(trials, self._ended)
        both = zip(numbers, trials, strict=True)
        return [(number, trial) for number, trial in both if trial.id not in self._ended], len(trials)

    async def _workers(self, pending: Iterator[Pending], count: int) -> None:
        """Run workers on one iterator until it is empty or one of them fails; then stop the others."""
        tasks = [asyncio.create_task(self._work(pending)) for _ in range(count)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in failed:
            task.result()

    async def _work(self, pending: Iterator[Pending]) -> None:
        for number, trial in pending:
            ended = await TrialRun(self._study, trial, number, self._log, self._counted).run()
            self._note(number, trial, ended)

    async def _counted(self, question: Question) -> tuple[Reply, float]:
        """Deliver a question and count what the reply cost."""
        reply, seconds = await self._deliver(question)
        self._replies += 1
        self._tokens += (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
        cost = self._price(reply.usage) if self._price is not None else None
        if cost is not None:
            self._cost = (self._cost or 0.0) + cost
        return reply, seconds

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
            message = None if ended.failure is None else str(ended.failure)
            self._log.trial_ended(number, ended.reading, ended.spent, message)
            self._trials += 1
            self._outcomes[ended.reading.outcome.value] += 1
            if several:
                self._ended[trial.id] = ended.reading.outcome
            self._bar.step(self._outcomes, self._tokens, self._cost, self._log.failures)

    def stop_progress(self) -> None:
        """Leave the bar as it stands."""
        self._bar.stop(self._outcomes, self._tokens, self._cost, self._log.failures)

    def summary(self, stands: Status, seconds: float) -> RunSummary:
        """Return what this session did."""
        return RunSummary(stands, self._trials, self._replies, self._log.failures, seconds, self._cost)


def _how_to_go_on(path: Path) -> str:
    stands = status(path)
    return (
        f"stopped: {sum(stands.ended.values())} of {stands.planned} trials have ended; nothing that was "
        f"answered is lost. Run it again with the same log ({path}) to go on"
    )


def _check_numbers(concurrency: int | None, max_attempts: int) -> None:
    for name, value in (("concurrency", concurrency), ("max_attempts", max_attempts)):
        if value is not None and value < 1:
            raise SettingError(f"{name} is {value}; allowed: 1 or more")


async def _probe(model: Model, max_attempts: int) -> Capabilities:
    """Ask what a model can do, again after failures that may pass."""
    for count in range(1, max_attempts + 1):
        try:
            return await model.capabilities()
        except TransientError as error:
            if count == max_attempts:
                raise ModelError(f"{model.name}: cannot be reached: {error}") from error
            await asyncio.sleep(waiting_time(count, error.retry_after))
    raise ModelError(f"{model.name}: cannot be reached")


def _fitted(study: Study, model: str, capabilities: Capabilities) -> Study:
    """Return the study as this model will be asked it, after checking that it can be."""
    default = Settings()
    names = {each.name for each in fields(Settings)} - ALWAYS_ACCEPTED - capabilities.settings
    wrong = sorted(name for name in names if getattr(study.settings, name) != getattr(default, name))
    if wrong:
        given = ", ".join(f"{name}={getattr(study.settings, name)!r}" for name in wrong)
        allowed = ", ".join(sorted(ALWAYS_ACCEPTED | capabilities.settings))
        raise StudyError(
            f"study {study.name!r} sets {given}, which {model} does not accept; allowed: {allowed}"
        )
    return study.for_channels(capabilities.channels, model)
