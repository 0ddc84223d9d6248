"""Studies put to models: checked, run, and many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bartleby.collectors.options import RunKeywords, RunOptions
from bartleby.collectors.plan import Plan, plan
from bartleby.collectors.prices import price_of
from bartleby.docstrings import options_of, parameters_of
from bartleby.errors import LogError, SettingError
from bartleby.studies.study import Study

if TYPE_CHECKING:
    from bartleby.collectors.battery import BatterySummary, PairSummary
    from bartleby.collectors.budget import BudgetCount
    from bartleby.collectors.models.base import Model
    from bartleby.collectors.summary import RunSummary

from bartleby.verbs.given import cost_of, model_of, studies_of, study_of
from bartleby.verbs.logs import status

__all__ = ["check", "collect", "run", "run_battery"]


def check(
    study: Study | str | Path,
    model: Model | str | None = None,
    *,
    user: Model | str | None = None,
    log: str | Path | None = None,
    batch: bool = False,
    offline: bool = False,
) -> Plan:
    """Return what a run would be: prompts, trials, calls, tokens, cost, time. The study is not asked.

    The model is opened as a run opens it, so that what `run` would refuse is named here, with the repair:
    in `refusals`, and in print. (A server that has no other way to say what it can do is asked a handful of
    short questions, as at the start of each run; see `docs/models.md`.)

    Parameters
    ----------
    study
        A study, the path of a study file, or the name of one that comes with Bartleby.
    model
        A model or its name. Without one, what any model would be asked is shown: `auto` as plain text.
    user
        The model that plays the user, or its name, for a study in which one is played.
    log
        Log of the run. What was answered there is the basis of the tokens, cost and time of the whole run.
    batch
        Show the cost in batches.
    offline
        Send nothing: no key is looked for, no server asked what it can do, and tokens are estimated from
        characters where a provider would count them for nothing.

    Raises
    ------
    DesignError
        If the design is not connected, or two trials that were meant to differ show one text.

    Examples
    --------
    >>> import bartleby as bb
    >>> plan = bb.check("task_preferences", "sim/averse")
    >>> plan.trials, plan.refusals
    (614, ())
    """
    from bartleby.collectors.blocking import run_in_thread
    from bartleby.collectors.counting import counter_of
    from bartleby.collectors.readiness import Readiness, readiness
    from bartleby.collectors.speed import speed_of

    declared = study_of(study)
    if model is None:
        if log is not None:
            raise SettingError(f"log is {str(log)!r}, and no model is named; a log is of a study on a model")
        return plan(declared)
    name = _name(model)
    path = None if log is None else Path(log)
    ready: Readiness = run_in_thread(readiness(declared, model, user=user, log=path, offline=offline))
    price, user_price = price_of(name), None if user is None else price_of(_name(user))
    if batch and price is not None:
        price = price.in_batches()
    counted = isinstance(model, str) and not offline
    return plan(
        ready.study,
        name,
        price,
        counter_of(name) if counted else None,
        user_price=user_price,
        speed=speed_of(name),
        pilot=ready.pilot,
        refusals=ready.refusals,
    )


def _name(model: Model | str) -> str:
    return model if isinstance(model, str) else model.name


@options_of(RunOptions)
async def collect(
    study: Study | str | Path,
    model: Model | str,
    *,
    log: str | Path,
    user: Model | str | None = None,
    **options: Unpack[RunKeywords],
) -> RunSummary:
    """Run a study on a model and log every reply; call it again to resume where it stopped.

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
    return await _collect(study, model, log, user, budget=None, options=options)


async def _collect(
    study: Study | str | Path,
    model: Model | str,
    log: str | Path,
    user: Model | str | None,
    *,
    budget: BudgetCount | None,
    options: RunKeywords,
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
        price=cost_of(asked.name),
        user_price=None if player is None else cost_of(player.name),
        budget=budget,
        **options,
    )


@parameters_of(collect)
@options_of(RunOptions)
def run(
    study: Study | str | Path,
    model: Model | str,
    *,
    log: str | Path,
    user: Model | str | None = None,
    **options: Unpack[RunKeywords],
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

    return run_in_thread(collect(study, model, log=log, user=user, **options))


@parameters_of(collect)
@options_of(RunOptions)
def run_battery(
    studies: Sequence[Study | str | Path],
    models: Sequence[str],
    *,
    logs: str | Path,
    user: str | None = None,
    told: Callable[[PairSummary], None] | None = None,
    **options: Unpack[RunKeywords],
) -> BatterySummary:
    """Run every study on every model, each pair in a log of its own; call it again to resume.

    Pairs that ask one provider run one after another, since they share its limits; others side by side, and
    all of them in batches. One that fails is reported in the summary, and the others continue. Limits are of
    all logs together; there is no progress bar unless `progress=True`.

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
    from bartleby.collectors.budget import BudgetCount

    together: RunKeywords = {**options, "progress": options.get("progress") or False}
    how = RunOptions(**together)
    pairs = pairs_of(studies_of(studies), models, Path(logs), user)
    budget = BudgetCount(how.budget(), *_spent(pair.log for pair in pairs))

    async def one(study: Study, pair: Pair) -> RunSummary:
        return await _collect(study, pair.model, pair.log, pair.user, budget=budget, options=together)

    return run_in_thread(collect_battery(pairs, one, told, together=how.batch))


def _spent(logs: Iterable[Path]) -> tuple[float, int]:
    """Return the dollars and calls of the logs that can be read; others fail when they are opened."""
    readable = []
    for log in logs:
        with suppress(LogError):
            if log.is_file():
                readable.append(status(log))
    return sum(log.cost or 0.0 for log in readable), sum(log.attempts for log in readable)
