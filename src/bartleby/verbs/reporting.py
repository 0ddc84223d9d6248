"""Reports of runs and of coded conversations."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bartleby.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.report.coded import CodedPart
    from bartleby.verbs.coded import Codings

from bartleby.verbs.logs import read

__all__ = ["report"]


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

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> page = bb.report("leave.db", "leave_report")  # doctest: +SKIP
    """
    with _seldom_collecting():
        return _report(log, folder, codings, baseline, level)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for unreachable objects less often meanwhile.

    A report makes hundreds of thousands of objects that stay until it is written, modules among them, and
    looking through these again and again takes a tenth of its time.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _report(
    log: str | Path | pd.DataFrame,
    folder: str | Path,
    codings: Codings | None,
    baseline: str | None,
    level: float,
) -> Path:
    from bartleby.collectors.transcripts import study_record, transcripts

    if not isinstance(log, (str, Path)) or Path(log).is_dir() or Path(log).suffix != ".db":
        return _report_of_conversations(log, Path(folder), codings, level)
    record = study_record(log)
    paradigm = record["study"]["paradigm"]["paradigm"]
    told: dict[str, Any] = {"record": record, "trials": read(log), "transcripts": transcripts(log)}
    if codings is not None:
        told["coded"] = _coded(log, codings, level)
    if paradigm == "task_choice":
        from bartleby.analysis.report import task_choice

        zero = baseline or _baseline(record["study"])
        return task_choice.write(Path(folder), **told, baseline=zero, level=level)
    if paradigm in _EXITS:
        from bartleby.analysis.report import exits

        return exits.write(Path(folder), **told, turns=_turns(log), level=level)
    allowed = ", ".join(("task_choice", *_EXITS))
    raise SettingError(f"{log}: there is no report for the paradigm {paradigm!r}; allowed: {allowed}")


def _coded(source: str | Path | pd.DataFrame, codings: Codings, level: float) -> CodedPart:
    from bartleby.analysis.report.coded import coded_part
    from bartleby.verbs.coded import assistant_turns, read_codings

    return coded_part(read_codings(codings), assistant_turns(source), level)


def _report_of_conversations(
    source: str | Path | pd.DataFrame, folder: Path, codings: Codings | None, level: float
) -> Path:
    from bartleby.analysis.report import coded
    from bartleby.verbs.coded import conversations_of

    if codings is None:
        raise SettingError(
            f"{source if isinstance(source, (str, Path)) else 'a table'}: no log of a run; of other "
            "conversations there is a report on their codings: --codings FILE"
        )
    part = _coded(source, codings, level)
    named = Path(source).name if isinstance(source, (str, Path)) else "a table of turns"
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
