"""The page about a study of exits: when a model would rather leave, from what, and at which turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bartleby.analysis.figures.outcomes import plot_outcomes
from bartleby.analysis.report.exit_data import ExitData
from bartleby.analysis.report.exit_reader import exit_reader, reader_of
from bartleby.analysis.report.exit_sections import sections_of
from bartleby.analysis.report.page import write_report
from bartleby.analysis.report.sections import Section, TranscriptLike

if TYPE_CHECKING:
    from bartleby.analysis.report.coded import CodedPart

__all__ = ["write"]


def write(
    folder: Path | str,
    *,
    record: Mapping[str, Any],
    trials: pd.DataFrame,
    transcripts: Iterable[TranscriptLike] = (),
    turns: pd.DataFrame | None = None,
    level: float = 0.95,
    coded: CodedPart | None = None,
    max_trials: int = 5_000,
    seed: int = 0,
) -> Path:
    """Estimate exits and write the page.

    Parameters
    ----------
    folder
        Folder to write.
    record
        What is known of the study and the run; see `write_report`.
    trials
        The trial table.
    transcripts
        The conversations; read once, never held all at once.
    turns
        One row a turn of the model (`trial`, `turn`, `refused`, `exited`, ...): where it declined and left is
        then marked in the conversations.
    level
        Confidence level of the intervals.
    coded
        What coders found in these conversations.
    max_trials
        Most conversations inside the page; of more, a random sample stratified by outcome and class.
    seed
        Seed of that sample.

    Returns
    -------
    The page.

    Raises
    ------
    DataError, SettingError
        If the table cannot be used, or the folder cannot be written.
    """
    data = ExitData.of(trials, turns, level, record, None if coded is None else coded.data.found.rows)
    sections = sections_of(data) if data.any_ended() else [_nothing(trials)]
    reader, prepare = reader_of(data), exit_reader(trials, turns)
    if coded is not None:
        sections += coded.sections()
        trials, reader, prepare = coded.trials(trials), coded.reader(reader), coded.prepare(prepare)
    return write_report(
        folder,
        record=record,
        trials=trials,
        sections=sections,
        transcripts=transcripts,
        reader=reader,
        prepare=prepare,
        max_trials=max_trials,
        seed=seed,
    )


def _nothing(trials: pd.DataFrame) -> Section:
    if "outcome" not in trials or trials["outcome"].isna().all():
        return Section("Nothing to estimate yet", "No trial has ended, so there is nothing to estimate.")
    return Section(
        "Nothing to estimate",
        "No trial says whether the model left or stayed, so no exit rate can be estimated.",
        plot_outcomes(trials),
        name="ended",
    )
