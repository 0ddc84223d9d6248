"""The verbs, joined: each takes names or values, and calls the wing whose work it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bartleby.collectors.plan import Plan, plan
from bartleby.collectors.prices import price_of
from bartleby.errors import DataError, SettingError
from bartleby.studies.load import bundled, load
from bartleby.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.collectors.collector import RunSummary
    from bartleby.collectors.models.base import Model
    from bartleby.collectors.status import Status

__all__ = ["check", "collect", "export", "init", "read", "report", "run", "status"]


def check(study: Study | str | Path, model: str | None = None) -> Plan:
    """Return what a run would be: trials, calls, tokens, cost, diagnostics. Nothing is sent.

    Parameters
    ----------
    study
        A study, the path of a study file, or the name of one that comes with Bartleby.
    model
        Name of the model, for the cost. It is not asked anything, so `auto` is shown as plain text.

    Raises
    ------
    DesignError
        If the design is not connected, or two trials that were meant to differ show one text.
    """
    return plan(_study(study), model, price_of(model) if model else None)


async def collect(
    study: Study | str | Path,
    model: Model | str,
    *,
    log: str | Path,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    progress: bool | None = None,
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
    concurrency
        Requests under way at once; by default what the model is worth.
    max_attempts
        Attempts at one request before its trial is an `error`.
    retry_errors
        Ask again where an earlier run ended in `error`.
    progress
        Show a progress bar; by default where standard error is a terminal.

    Raises
    ------
    StudyError, ModelError, LogError
        With what is wrong; whatever was answered is in the log.
    """
    from bartleby.collectors.collector import collect as collect_trials
    from bartleby.collectors.models import open_model

    asked = open_model(model) if isinstance(model, str) else model
    price = price_of(asked.name)
    return await collect_trials(
        _study(study),
        asked,
        log,
        concurrency=concurrency,
        max_attempts=max_attempts,
        retry_errors=retry_errors,
        progress=progress,
        price=price.cost if price is not None else None,
    )


def run(
    study: Study | str | Path,
    model: Model | str,
    *,
    log: str | Path,
    concurrency: int | None = None,
    max_attempts: int = 6,
    retry_errors: bool = False,
    progress: bool | None = None,
) -> RunSummary:
    """Do what `collect` does and wait for it; works in a script and in a notebook alike."""
    from bartleby.collectors.blocking import run_in_thread

    return run_in_thread(
        collect(
            study,
            model,
            log=log,
            concurrency=concurrency,
            max_attempts=max_attempts,
            retry_errors=retry_errors,
            progress=progress,
        )
    )


def read(log: str | Path, study: Study | str | Path | None = None) -> pd.DataFrame:
    """Return the trial table of a log: one row a trial that ended.

    Parameters
    ----------
    log
        Log of a run, finished or not.
    study
        With the study, outcomes are read anew from the stored replies; nobody is asked again and the log
        is left as it is.
    """
    from bartleby.collectors.trial_table import read as read_log

    return read_log(log, None if study is None else _study(study))


def status(log: str | Path) -> Status:
    """Return how far a run is."""
    from bartleby.collectors.status import status as status_of
    from bartleby.collectors.transcripts import study_record

    price = price_of(study_record(log)["model"])
    return status_of(log, price=price.cost if price is not None else None)


def export(log: str | Path, output: str | Path) -> int:
    """Write the trial table of a log as CSV, JSONL or Parquet, and return the number of its rows."""
    from bartleby.analysis.files import write_table

    table = read(log)
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


def report(log: str | Path, folder: str | Path, *, baseline: str | None = None, level: float = 0.95) -> Path:
    """Write figures, tables and a self-contained page about a run.

    Parameters
    ----------
    log
        Log of a run, finished or not.
    folder
        Folder to write; made if it is not there.
    baseline
        Item that is the zero of the scale. By default the study's: the first hub of its pair graph, else
        its first opt-out task, else none (utilities are then against their mean).
    level
        Confidence level of the intervals.

    Returns
    -------
    Path
        The page.
    """
    from bartleby.analysis.report import task_choice
    from bartleby.collectors.transcripts import study_record, transcripts

    record = study_record(log)
    paradigm = record["study"]["paradigm"]["paradigm"]
    if paradigm != "task_choice":
        raise SettingError(f"{log}: there is no report for the paradigm {paradigm!r}; allowed: task_choice")
    return task_choice.write(
        Path(folder),
        record=record,
        trials=read(log),
        transcripts=transcripts(log),
        baseline=baseline or _baseline(record["study"]),
        level=level,
    )


def _baseline(declared: Mapping[str, Any]) -> str | None:
    hubs = declared["paradigm"]["graph"].get("hubs") or []
    exits = [item["id"] for item in declared["items"] if item["kind"] == "opt_out"]
    return next(iter([*hubs, *exits]), None)


def _study(study: Study | str | Path) -> Study:
    return study if isinstance(study, Study) else load(study)
