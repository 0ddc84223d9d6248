"""What a log holds: trials and turns as tables, its status, and conversations to go on from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bartleby.errors import LogError, SettingError
from bartleby.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.collectors.status import Status
    from bartleby.studies.paradigms.branches import Branch, Edit

from bartleby.verbs.given import cost_of, study_of

__all__ = ["branch_study", "branches", "export", "read", "status"]


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

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> len(trials), trials.loc[0, "outcome"]
    (180, 'opted_out')
    """
    from bartleby.collectors.trial_table import read as read_log

    given = None if study is None else study_of(study)
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
    study: Study | str | Path | None = None,
    *,
    turn: int | Literal["last"] = "last",
    edit: Edit | Mapping[str, Edit] | None = None,
    new_chat: bool = False,
    back: bool = False,
    trials: Collection[str] | None = None,
    keep_lines: bool = True,
) -> tuple[Branch, ...]:
    """Return items that continue logged conversations from a turn: as they were, edited, or in a new chat.

    They are the items of a new study (`branch_study`). Its trial table has the columns `origin` (the trial
    that is continued), `branch`, `branch_turn` and `scenario`, so that branches are compared in pairs.

    Parameters
    ----------
    log
        Log of a run of conversations.
    study
        The study whose run it is; None takes the declaration in the log.
    turn
        The user's message from which they continue, from 1 for the opening; `last` for the one before the
        model's last reply, which is where a model that left did so.
    edit
        The message in its place, or a function of the original one that returns it; several by name. One
        without a name is called `edited`. The message as it was, asked again, is the branch `original`.
    new_chat
        Also the branches `new_chat` (the message in a new chat) and `new_chat_summary` (the same behind a
        summary of the old chat: the user's earlier messages, quoted).
    back
        Also the branch `back`: the same message once more in the same chat, behind the model's reply to it.
    trials
        Ids of the trials to continue, or an outcome, such as `opted_out` (`exited` means the same); None for
        all that reached the turn.
    keep_lines
        Whether the scenario's later lines follow.

    Raises
    ------
    DataError
        If no conversation reached the turn.
    SettingError, LogError, StudyError
        If an argument is not allowed, or the log cannot be read or is of another study.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> edited = bb.leaving.branches("leave.db", edit={"polite": "Thank you, that was kind."})
    >>> edited[0].branch, len(edited)
    ('original', 360)
    """
    from bartleby.collectors.conversations import conversations
    from bartleby.studies.paradigms.branches import make_branches

    held = conversations(log, _study_in(log, study), None if isinstance(trials, str) else trials)
    if isinstance(trials, str):
        outcome = "opted_out" if trials == "exited" else trials
        held = (each for each in held if each.outcome == outcome)
    edits = {} if edit is None else edit if isinstance(edit, Mapping) else {"edited": edit}
    return make_branches(held, turn=turn, edits=edits, keep_lines=keep_lines, new_chat=new_chat, back=back)


def branch_study(
    log: str | Path, branches: Sequence[Branch], study: Study | str | Path | None = None, *, samples: int = 1
) -> Study:
    """Return the study of branches: run like any other, it holds each under the conditions of its original.

    Parameters
    ----------
    log
        The log that they continue.
    branches
        From `branches`.
    study
        The study whose run it is; None takes the declaration in the log.
    samples
        How often each branch is held.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> edited = bb.leaving.branches("leave.db", edit={"polite": "Thank you."}, trials="exited")
    >>> bb.leaving.branch_study("leave.db", edited).name
    'end_conversation-branches'
    """
    from bartleby.studies.paradigms.end_conversation import NOT_OF_A_BRANCH

    declared = _study_in(log, study)
    first = branches[0].conditions if branches else {}
    factors = declared.paradigm.factors()
    conditions = {
        name: [level]
        for name, level in first.items()
        if name not in NOT_OF_A_BRANCH and level in factors.get(name, ())
    }
    return replace(
        declared,
        name=f"{declared.name}-branches",
        title=f"After the exit: {declared.title or declared.name}",
        items=branches,
        conditions=conditions,
        samples=samples,
    )


def _study_in(log: str | Path, study: Study | str | Path | None) -> Study:
    """Return the study of a log: the one named, or the one that the log has frozen."""
    if study is not None:
        return study_of(study)
    from bartleby.collectors.transcripts import study_record
    from bartleby.studies.declared import conversations_declared

    return conversations_declared(study_record(log)["study"])


def status(log: str | Path) -> Status:
    """Return how far a run is.

    Parameters
    ----------
    log
        The log of the run, which may be under way.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> bb.status("leave.db").planned
    180
    """
    from bartleby.collectors.status import status as status_of
    from bartleby.collectors.transcripts import study_record

    record = study_record(log)
    user = record["user"]
    return status_of(log, price=cost_of(record["model"]), user_price=None if user is None else cost_of(user))


def export(log: str | Path, output: str | Path, *, unit: Literal["trial", "turn"] = "trial") -> int:
    """Write a table as CSV, JSONL or Parquet, or a log for Inspect AI, and return the number of its rows.

    Parameters
    ----------
    log
        Log of a run, or a folder of logs.
    output
        File to write; with the ending `.eval`, one log with its conversations, a sample a trial, that
        Inspect's readers and viewer open.
    unit
        `trial`, or `turn` for one row a turn of the conversations.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> bb.export("leave.db", "leave.csv")
    180
    """
    from bartleby.analysis.tables.written import write_table

    if Path(output).suffix == ".eval":
        return _export_eval(Path(log), Path(output), unit)
    table = read(log, unit=unit)
    write_table(table, output)
    return len(table)


def _export_eval(log: Path, output: Path, unit: str) -> int:
    if unit != "trial" or log.is_dir():
        raise SettingError(
            f"{output}: a log for Inspect is made of one log, a sample a trial: no folder, unit='trial'"
        )
    try:
        from bartleby.collectors.inspecting.eval_export import export_eval
    except ImportError:
        raise SettingError(
            f"{output}: writing a log for Inspect needs Inspect AI: pip install 'bartleby[inspect]'"
        ) from None
    return export_eval(log, output)
