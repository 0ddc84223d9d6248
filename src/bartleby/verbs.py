"""The verbs, joined: each takes names or values, and calls the wing whose work it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bartleby.collectors.plan import Plan, plan
from bartleby.collectors.prices import price_of
from bartleby.errors import BartlebyError, DataError, LogError, SettingError
from bartleby.studies.load import bundled, load
from bartleby.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.report.coded import CodedPart
    from bartleby.coded import Codings
    from bartleby.collectors.battery import BadStudy, BatterySummary, PairSummary
    from bartleby.collectors.budget import Budget, BudgetCount
    from bartleby.collectors.models.base import Model
    from bartleby.collectors.status import Status
    from bartleby.collectors.summary import RunSummary
    from bartleby.exchange import Usage
    from bartleby.studies.paradigms.branches import Branch, Edit

__all__ = ["branches", "check", "collect", "export", "init", "read", "report", "run", "run_battery", "status"]


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
    """
    from bartleby.collectors.counting import counter_of

    price = price_of(model) if model else None
    counter = counter_of(model) if model and count else None
    return plan(_study(study), model, price.in_batches() if batch and price is not None else price, counter)


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

    asked = _model(model)
    player = asked if user is not None and user == model else _model(user)
    if asked is None:
        raise SettingError("no model is named")
    return await collect_trials(
        _study(study),
        asked,
        log,
        user=player,
        concurrency=concurrency,
        max_attempts=max_attempts,
        retry_errors=retry_errors,
        progress=progress,
        price=_price(asked.name),
        user_price=None if player is None else _price(player.name),
        batch=batch,
        cache=cache,
        budget=budget,
    )


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
    """Do what `collect` does and wait for it; works in a script and in a notebook alike."""
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
    concurrency, max_attempts, retry_errors, batch, cache
        As in `collect`.
    max_cost, max_calls, max_time
        As in `collect`, of all logs together.
    told
        Called with the summary of each pair as it ends.

    Raises
    ------
    SettingError
        If a study or a model is named twice, or none is.
    """
    from bartleby.collectors.battery import Pair, collect_battery, pairs_of
    from bartleby.collectors.blocking import run_in_thread
    from bartleby.collectors.budget import Budget, BudgetCount

    pairs = pairs_of(_studies(studies), models, Path(logs), user)
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


def read(
    log: str | Path, study: Study | str | Path | None = None, *, unit: Literal["trial", "turn"] = "trial"
) -> pd.DataFrame:
    """Return the trial table of a log: one row a trial that ended.

    Parameters
    ----------
    log
        Log of a run, finished or not; or a folder of logs, whose tables are then read as one; or a log of
        Inspect AI (`.eval`, `.json`) that one of Bartleby's tasks made.
    study
        With the study, outcomes are read anew from the stored replies; nobody is asked again and the log
        is left as it is. In a folder, only logs of this study are read.
    unit
        `trial`, or `turn` for one row a turn of the conversations.

    Raises
    ------
    LogError
        If there is no such log, or it cannot be read.
    """
    from bartleby.collectors.trial_table import read as read_log

    given = None if study is None else _study(study)
    if Path(log).suffix in (".eval", ".json"):
        return _read_inspects(Path(log), given, unit)
    if not Path(log).is_dir():
        return read_log(log, given, unit)
    from bartleby.collectors.battery import logs_in
    from bartleby.collectors.many_tables import stacked
    from bartleby.collectors.transcripts import study_record

    logs = logs_in(Path(log))
    if given is not None:
        logs = [each for each in logs if study_record(each)["study"]["name"] == given.name]
        if not logs:
            raise LogError(f"{log}: there is no log of the study {given.name!r} in this directory")
    return stacked([read_log(each, given, unit) for each in logs])


def _read_inspects(log: Path, study: Study | None, unit: str) -> pd.DataFrame:
    from bartleby.collectors.inspecting.eval_log import read_eval_log

    if study is not None or unit != "trial":
        raise SettingError(
            f"{log}: a log of Inspect is read as it was scored, a row a trial; no study, unit='trial'"
        )
    return read_eval_log(log)


def branches(
    log: str | Path,
    study: Study | str | Path,
    *,
    turn: int | Literal["last"],
    edit: Edit | Mapping[str, Edit],
    trials: Collection[str] | None = None,
    keep_lines: bool = True,
) -> tuple[Branch, ...]:
    """Return items that go on from a turn of the conversations in a log, with an edited message.

    They are the items of a new study with the paradigm `EndConversation`. Its trial table has the columns
    `origin` (the trial that is gone on from), `branch` (`original`, or the name of the edit) and
    `branch_turn`, so that edit and original are compared in pairs.

    Parameters
    ----------
    log
        Log of a run of conversations.
    study
        The study whose run it is.
    turn
        The user's message that is edited, from 1 for the opening; `last` for the one before the model's last
        reply, which is where a model that left did so.
    edit
        The message in its place, or a function of the original one that returns it; several by name. One
        without a name is called `edited`.
    trials
        Ids of the trials to go on from; None for all that reached the turn.
    keep_lines
        Whether the scenario's later lines follow.

    Raises
    ------
    DataError
        If no conversation reached the turn.
    SettingError, LogError
        If an argument is not allowed, or the log cannot be read or is of another study.
    """
    from bartleby.collectors.conversations import conversations
    from bartleby.studies.paradigms.branches import make_branches

    held = conversations(log, _study(study), trials)
    edits = edit if isinstance(edit, Mapping) else {"edited": edit}
    return make_branches(held, turn=turn, edits=edits, keep_lines=keep_lines)


def status(log: str | Path) -> Status:
    """Return how far a run is."""
    from bartleby.collectors.status import status as status_of
    from bartleby.collectors.transcripts import study_record

    record = study_record(log)
    user = record["user"]
    return status_of(log, price=_price(record["model"]), user_price=None if user is None else _price(user))


def export(log: str | Path, output: str | Path, *, unit: Literal["trial", "turn"] = "trial") -> int:
    """Write a table as CSV, JSONL or Parquet, and return the number of its rows.

    Parameters
    ----------
    log
        Log of a run, or a folder of logs.
    output
        File to write.
    unit
        `trial`, or `turn` for one row a turn of the conversations.
    """
    from bartleby.analysis.tables.files import write_table

    table = read(log, unit=unit)
    write_table(table, output)
    return len(table)


def init(folder: str | Path) -> list[Path]:
    """Lay out a research folder: the four places, with one working study in them.

    Returns
    -------
    list of Path
        The files that were made. Files that are there already are left as they are.

    Raises
    ------
    DataError
        If the folder cannot be written.
    """
    made = []
    for place in ("studies", "analysis", "notebooks", "data"):
        root = bundled(place)
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            target = Path(folder) / place / source.relative_to(root)
            if target.exists() or "__pycache__" in source.parts:
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            except OSError as error:
                raise DataError(f"{target}: cannot be written: {error.strerror}") from None
            made.append(target)
    return made


def report(
    log: str | Path | pd.DataFrame,
    folder: str | Path,
    *,
    codings: Codings | None = None,
    baseline: str | None = None,
    level: float = 0.95,
) -> Path:
    """Write figures, tables and a self-contained page about a run, or about coded conversations.

    Parameters
    ----------
    log
        Log of a run, finished or not. With codings also what else holds conversations: a log of Inspect, a
        file or folder of them, a table of turns (see `read_turns`).
    folder
        Folder to write; made if it is not there.
    codings
        What coders found, from one place or several: tables, or files that `bartleby code` and `bartleby
        label` write. The page then marks the words in the conversations, with who coded what, and has
        prevalence, agreement and patterns.
    baseline
        Item that is the zero of the scale, of a study of task choice. By default the study's: the first
        hub of its pair graph, else its first opt-out task, else none (utilities are then against their
        mean).
    level
        Confidence level of the intervals.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    DataError, LogError, SettingError
        If there is no such log, the codings are not of it, or there is no report for its paradigm.
    """
    from bartleby.analysis.report import exits, task_choice
    from bartleby.collectors.transcripts import study_record, transcripts

    if not isinstance(log, (str, Path)) or Path(log).is_dir() or Path(log).suffix != ".db":
        return _report_of_conversations(log, Path(folder), codings, level)
    record = study_record(log)
    paradigm = record["study"]["paradigm"]["paradigm"]
    told: dict[str, Any] = {"record": record, "trials": read(log), "transcripts": transcripts(log)}
    if codings is not None:
        told["coded"] = _coded(log, codings, level)
    if paradigm == "task_choice":
        zero = baseline or _baseline(record["study"])
        return task_choice.write(Path(folder), **told, baseline=zero, level=level)
    if paradigm in _EXITS:
        return exits.write(Path(folder), **told, turns=_turns(log), level=level)
    allowed = ", ".join(("task_choice", *_EXITS))
    raise SettingError(f"{log}: there is no report for the paradigm {paradigm!r}; allowed: {allowed}")


def _coded(source: str | Path | pd.DataFrame, codings: Codings, level: float) -> CodedPart:
    from bartleby.analysis.report.coded import coded_part
    from bartleby.coded import assistant_turns, read_codings

    return coded_part(read_codings(codings), assistant_turns(source), level)


def _report_of_conversations(
    source: str | Path | pd.DataFrame, folder: Path, codings: Codings | None, level: float
) -> Path:
    from bartleby.analysis.report import coded
    from bartleby.coded import conversations_of

    if codings is None:
        raise SettingError(
            f"{source if isinstance(source, (str, Path)) else 'a table'}: no log of a run; of other "
            "conversations there is a report on their codings: --codings FILE"
        )
    part = _coded(source, codings, level)
    named = str(source) if isinstance(source, (str, Path)) else "a table of turns"
    record = {"study": {"title": "Coded conversations", "description": f"Conversations from {named}."}}
    return coded.write(folder, part=part, record=record, transcripts=conversations_of(source))


_EXITS = ("opt_out", "end_conversation")
"""Paradigms whose trials can be left."""


def _turns(log: str | Path) -> pd.DataFrame | None:
    """Return the turn table of a log; None where nothing is known of turns, as of one task a trial."""
    try:
        return read(log, unit="turn")
    except SettingError:
        return None


def _baseline(declared: Mapping[str, Any]) -> str | None:
    hubs = declared["paradigm"]["graph"].get("hubs") or []
    exits = [item["id"] for item in declared["items"] if item["kind"] == "opt_out"]
    return next(iter([*hubs, *exits]), None)


def _study(study: Study | str | Path) -> Study:
    return study if isinstance(study, Study) else load(study)


def _spent(logs: Iterable[Path]) -> tuple[float, int]:
    """Return the dollars and calls of the logs that can be read; others fail when they are opened."""
    known = []
    for log in logs:
        with suppress(LogError):
            if log.is_file():
                known.append(status(log))
    return sum(each.cost or 0.0 for each in known), sum(each.attempts for each in known)


def _studies(studies: Sequence[Study | str | Path]) -> list[Study | BadStudy]:
    """Load what can be loaded; what cannot is kept with the reason."""
    from bartleby.collectors.battery import BadStudy

    found: list[Study | BadStudy] = []
    for each in studies:
        try:
            found.append(_study(each))
        except BartlebyError as error:
            found.append(BadStudy(str(each), error))
    return found


def _model(model: Model | str | None) -> Model | None:
    from bartleby.collectors.models import open_model

    return open_model(model) if isinstance(model, str) else model


def _price(model: str) -> Callable[[Usage], float | None] | None:
    price = price_of(model)
    return None if price is None else price.cost
