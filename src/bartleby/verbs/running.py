"""Studies put to models: checked, run, and many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bartleby.collectors.plan import Plan, plan
from bartleby.collectors.prices import price_of
from bartleby.docstrings import parameters_of
from bartleby.errors import LogError, SettingError
from bartleby.studies.study import Study

if TYPE_CHECKING:
    from bartleby.collectors.battery import BatterySummary, PairSummary
    from bartleby.collectors.budget import Budget, BudgetCount
    from bartleby.collectors.models.base import Model
    from bartleby.collectors.summary import RunSummary

from bartleby.verbs.given import cost_of, model_of, studies_of, study_of
from bartleby.verbs.logs import status

__all__ = ["check", "collect", "run", "run_battery"]


def check(
    study: Study | str | Path, model: str | None = None, *, batch: bool = False, count: bool = True
) -> Plan:
    """Return what a run would be: trials, calls, tokens, cost, diagnostics. No model is asked anything.

    Parameters
    ----------
    study
        A study, the path of a study file, or the name of one that comes with Bartleby.
    model
        Name of the model, for the cost. It is not asked anything, so `auto` is shown as plain text.
    batch
        Whether the cost is that of batches.
    count
        Whether the provider may count the tokens of a few prompts, which costs nothing, where it does so and
        a key is there (`anthropic/...`); if not, nothing is sent, and tokens are estimated from characters.

    Raises
    ------
    DesignError
        If the design is not connected, or two trials that were meant to differ show one text.

    Examples
    --------
    >>> import bartleby as bb
    >>> plan = bb.check("task_preferences", "sim/averse")
    >>> plan.trials
    614
    """
    from bartleby.collectors.counting import counter_of

    price = price_of(model) if model else None
    counter = counter_of(model) if model and count else None
    return plan(study_of(study), model, price.in_batches() if batch and price is not None else price, counter)


async def collect(
    study: Study | str | Path,
    model: Model | str,
    *,
    log: str | Path,
    user: Model | str | None = None,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    progress: bool | None = None,
    batch: bool = False,
    cache: bool = True,
    max_cost: float | None = None,
    max_calls: int | None = None,
    max_time: float | None = None,
) -> RunSummary:
    """Put a study to a model and log every reply; call it again to carry on where it stopped.

    Parameters
    ----------
    study
        A study, the path of a study file, or the name of one that comes with Bartleby.
    model
        A model, or its name: `sim/averse`, `local/smollm2`, `anthropic/MODEL`, ...
    log
        File that every reply is committed to before it is read; made if it is not there.
    user
        The model that plays the user, or its name, for a study in which one is played.
    concurrency
        Requests under way at once; by default what the model is worth.
    max_attempts
        Attempts at one request before its trial is an `error`.
    retry_errors
        Ask again where an earlier run ended in `error`, or where a cap or a failing user cut a trial off.
    progress
        Show a progress bar; by default where standard error is a terminal.
    batch
        Ask in batches, at half the price and within a day (`anthropic/...`). A run that is stopped finds its
        batches again.
    cache
        Have what is shown again (a long system text, a conversation turn by turn) kept by the provider where
        it pays (`anthropic/...`). What a model answers does not depend on it.
    max_cost, max_calls, max_time
        Dollars and calls in the whole log, and seconds of this session, after which nothing more is asked.
        The run can be gone on with.

    Raises
    ------
    StudyError, ModelError, LogError
        With what is wrong; whatever was answered is in the log.

    Examples
    --------
    >>> import asyncio
    >>> import bartleby as bb
    >>> summary = asyncio.run(bb.collect("opt_out", "sim/averse", log="opt_out.db"))
    >>> sum(summary.status.ended.values())
    456
    """
    from bartleby.collectors.budget import Budget

    return await _collect(
        study,
        model,
        log,
        user,
        batch=batch,
        cache=cache,
        budget=Budget(max_cost, max_calls, max_time),
        concurrency=concurrency,
        max_attempts=max_attempts,
        retry_errors=retry_errors,
        progress=progress,
    )


async def _collect(
    study: Study | str | Path,
    model: Model | str,
    log: str | Path,
    user: Model | str | None,
    *,
    batch: bool,
    cache: bool,
    budget: Budget | BudgetCount,
    concurrency: int | None,
    max_attempts: int,
    retry_errors: bool,
    progress: bool | None,
) -> RunSummary:
    from bartleby.collectors.collector import collect as collect_trials

    asked = model_of(model)
    player = asked if user is not None and user == model else model_of(user)
    if asked is None:
        raise SettingError("no model is named")
    return await collect_trials(
        study_of(study),
        asked,
        log,
        user=player,
        concurrency=concurrency,
        max_attempts=max_attempts,
        retry_errors=retry_errors,
        progress=progress,
        price=cost_of(asked.name),
        user_price=None if player is None else cost_of(player.name),
        batch=batch,
        cache=cache,
        budget=budget,
    )


@parameters_of(collect)
def run(
    study: Study | str | Path,
    model: Model | str,
    *,
    log: str | Path,
    user: Model | str | None = None,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    progress: bool | None = None,
    batch: bool = False,
    cache: bool = True,
    max_cost: float | None = None,
    max_calls: int | None = None,
    max_time: float | None = None,
) -> RunSummary:
    """Do what `collect` does and wait for it; works in a script and in a notebook alike.

    Examples
    --------
    >>> import bartleby as bb
    >>> summary = bb.run("opt_out", "sim/averse", log="opt_out.db")
    >>> sum(summary.status.ended.values())
    456
    """
    from bartleby.collectors.blocking import run_in_thread

    return run_in_thread(
        collect(
            study,
            model,
            log=log,
            user=user,
            concurrency=concurrency,
            max_attempts=max_attempts,
            retry_errors=retry_errors,
            progress=progress,
            batch=batch,
            cache=cache,
            max_cost=max_cost,
            max_calls=max_calls,
            max_time=max_time,
        )
    )


@parameters_of(collect)
def run_battery(
    studies: Sequence[Study | str | Path],
    models: Sequence[str],
    *,
    logs: str | Path,
    user: str | None = None,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    batch: bool = False,
    cache: bool = True,
    max_cost: float | None = None,
    max_calls: int | None = None,
    max_time: float | None = None,
    told: Callable[[PairSummary], None] | None = None,
) -> BatterySummary:
    """Put every study to every model, each pair in a log of its own; call it again to carry on.

    Pairs that ask one provider run one after another, since they share its limits; others side by side, and
    all of them in batches. One that fails is told of in the summary, and the others go on.

    Parameters
    ----------
    studies
        Studies, paths of study files, or names of those that come with Bartleby.
    models
        Names of models.
    logs
        Folder of the logs. It can be moved, and `read` takes it as a whole.
    user
        Name of the model that plays the user, for the studies in which one is played.
    max_cost, max_calls, max_time
        Dollars, calls and seconds at most, of all logs together.
    told
        Called with the summary of each pair as it ends.

    Raises
    ------
    SettingError
        If a study or a model is named twice, or none is.

    Examples
    --------
    >>> import bartleby as bb
    >>> summary = bb.run_battery(["opt_out"], ["sim/averse", "sim/indifferent"], logs="battery")
    >>> len(summary.pairs)
    2
    """
    from bartleby.collectors.battery import Pair, collect_battery, pairs_of
    from bartleby.collectors.blocking import run_in_thread
    from bartleby.collectors.budget import Budget, BudgetCount

    pairs = pairs_of(studies_of(studies), models, Path(logs), user)
    spent, calls = _spent(pair.log for pair in pairs)
    budget = BudgetCount(Budget(max_cost, max_calls, max_time), spent, calls)

    async def one(study: Study, pair: Pair) -> RunSummary:
        return await _collect(
            study,
            pair.model,
            pair.log,
            pair.user,
            batch=batch,
            cache=cache,
            budget=budget,
            concurrency=concurrency,
            max_attempts=max_attempts,
            retry_errors=retry_errors,
            progress=False,
        )

    return run_in_thread(collect_battery(pairs, one, told, together=batch))


def _spent(logs: Iterable[Path]) -> tuple[float, int]:
    """Return the dollars and calls of the logs that can be read; others fail when they are opened."""
    known = []
    for log in logs:
        with suppress(LogError):
            if log.is_file():
                known.append(status(log))
    return sum(each.cost or 0.0 for each in known), sum(each.attempts for each in known)
