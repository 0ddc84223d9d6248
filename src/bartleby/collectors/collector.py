"""The collector: brings the trials of a study to a model, and survives anything.

Every reply is on the disk before the paradigm sees it. A run that was stopped or killed is started again
with the same call: replies that are in the log are played back, and only what is missing is asked.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Unpack

from bartleby.collectors.budget import Budget, BudgetCount
from bartleby.collectors.delivering import Delivering, Means, require_prices
from bartleby.collectors.fitting import cached, fitted, frozen, opened
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import Model
from bartleby.collectors.options import RunKeywords, RunOptions
from bartleby.collectors.pacing import Paces
from bartleby.collectors.progress import Progress
from bartleby.collectors.retry import NO_USER
from bartleby.collectors.served import asked_names
from bartleby.collectors.session import Session
from bartleby.collectors.status import status
from bartleby.collectors.summary import RunSummary
from bartleby.collectors.tally import Price, Prices
from bartleby.docstrings import options_of
from bartleby.errors import LogError, StudyError
from bartleby.exchange import Listener
from bartleby.studies.study import Study

__all__ = ["Price", "RunSummary", "collect"]


@options_of(RunOptions)
async def collect(
    study: Study,
    model: Model,
    log: Path | str,
    *,
    user: Model | None = None,
    price: Price | None = None,
    user_price: Price | None = None,
    budget: Budget | BudgetCount | None = None,
    paces: Paces | None = None,
    **options: Unpack[RunKeywords],
) -> RunSummary:
    """Put every trial of a study to a model, keeping all in a log; resume where an earlier run stopped.

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
    price, user_price
        What tokens of the model, and of the one that plays the user, cost.
    budget
        What the run may spend together with others, in place of the limits among the options.
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
    how = RunOptions(**options)
    prices: Prices = {"subject": price, "user": user_price}
    means = Means(prices, budget or how.budget(), paces or Paces(), how)
    path, started = Path(log), time.perf_counter()
    if study.needs_user() and user is None:
        raise StudyError(f"study {study.name!r}: {NO_USER}")
    require_prices(means.budget, _names(study, model, user), prices)
    async with AsyncExitStack() as stack:
        subject = await opened(stack, model, how.max_attempts)
        player = None
        if user is not None and study.needs_user():
            player = subject if user is model else await opened(stack, user, how.max_attempts)
        resolved = fitted(study, subject.name, subject.capabilities)
        subject = cached(subject, resolved, cache=how.cache)
        if player is not None:
            player = cached(player, resolved, cache=how.cache)
        record = Log.open(path, frozen(resolved, subject, player), retry_errors=how.retry_errors)
        bar = Progress(f"{study.name} · {subject.name}", shown=how.progress)
        asked = asked_names(subject.name, subject.capabilities.description)
        run = Session(
            resolved,
            subject.name,
            record,
            bar,
            asked,
            alike_together=subject.capabilities.quick_after_alike,
            limit=how.limit,
        )
        task = asyncio.current_task()
        if task is not None:
            record.on_failure(task.cancel)
        try:
            delivering = Delivering.prepare(resolved, record, subject, player, means)
            await run.rounds(delivering, how.concurrency or subject.capabilities.concurrency)
            await record.finish("finished" if run.stopped is None else "capped", run.stopped)
        except asyncio.CancelledError:
            if record.failure is not None:  # it was noticed while nothing was being written
                if task is not None:
                    task.uncancel()
                raise record.failure from None
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
