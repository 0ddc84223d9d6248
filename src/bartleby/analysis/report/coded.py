"""What coders found, as part of a page: its sections, and the codings in the conversations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bartleby.analysis.figures.labels import words
from bartleby.analysis.report.coded_data import CodedData
from bartleby.analysis.report.coded_marks import coded_reader
from bartleby.analysis.report.coded_patterns import (
    codes_together,
    course_by_class,
    course_of_codes,
    in_episodes,
    typical_phrases,
    what_precedes,
    with_leaving,
    with_triggers,
)
from bartleby.analysis.report.coded_sections import (
    agreement_of_coders,
    as_coded,
    before_and_after,
    judge_by_people,
    not_found,
)
from bartleby.analysis.report.page import write_report
from bartleby.analysis.report.sections import Parts, Prepare, Reader, Section, TranscriptLike, made

__all__ = ["CodedPart", "coded_part", "write"]

CODED = "coded"
"""Column of the trial table that says whether anything was found in a trial."""
CLAIM = (
    "Codes say how words on a page were read, by whoever coded them: apparent distress, and no state. "
    "Nothing here shows that a model feels anything, and nothing here shows that it does not."
)
FACTS = ("model", "item", "scenario_class", "expected", "outcome")


@dataclass(frozen=True, eq=False)
class CodedPart:
    """What codings add to a page.

    Parameters
    ----------
    data
        The codings, and the turns that they are of.
    """

    data: CodedData = field(repr=False)

    def sections(self) -> list[Section]:
        """Return the sections about what was found."""
        data = self.data
        parts: Parts[CodedData] = (
            ("What coders found", as_coded),
            ("Prevalence, corrected", before_and_after),
            ("Do coders agree?", agreement_of_coders),
            ("Beside people", judge_by_people),
            ("When a code is first there", course_of_codes),
            (f"When {words(data.main)} is first there, by class", course_by_class),
            ("Before and after", with_triggers),
            (f"What precedes {words(data.main)}", what_precedes),
            ("Which codes go together", codes_together),
            ("Episodes", in_episodes),
            (f"{words(data.main).capitalize()} and leaving", with_leaving),
            ("Words that set these turns apart", typical_phrases),
            ("Quotations that are not there", not_found),
        )
        return made(parts, data)

    def prepare(self, before: Prepare | None = None) -> Prepare:
        """Return what puts codings on conversations that `before` makes ready otherwise."""
        return coded_reader(self.data.found, self.data.turns, before)

    def trials(self, trials: pd.DataFrame) -> pd.DataFrame:
        """Return the trial table with a column that says whether anything was found in a trial."""
        if "trial" not in trials or CODED in trials:
            return trials
        rows = self.data.found.rows
        names = trials["trial"].astype(str)
        shown = names.isin(rows.loc[(rows["value"] >= 1).fillna(False), "conversation"].unique())
        seen = names.isin(rows["conversation"].unique())
        found = shown.map({True: "with a code", False: "without a code"}).where(seen, "not coded")
        return trials.assign(**{CODED: found})

    def reader(self, reader: Reader | None = None) -> Reader:
        """Return how the reader of trials is set up: trials with a code are sampled beside the others."""
        reader = reader or Reader()
        return dataclasses.replace(reader, strata=(*reader.strata, CODED))


def coded_part(codings: pd.DataFrame, turns: pd.DataFrame, level: float = 0.95) -> CodedPart:
    """Return what codings add to a page.

    Parameters
    ----------
    codings
        From any number of coders, one below the other; see `bartleby.analysis.report.placed`.
    turns
        One row a turn of the model: `conversation`, `turn`, `text`, and what else is known of each.
    level
        Of the intervals.

    Raises
    ------
    DataError
        If the codings are none, or not of these conversations.
    """
    return CodedPart(CodedData.of(codings, turns, level))


def write(
    folder: Path | str,
    *,
    part: CodedPart,
    record: Mapping[str, Any],
    transcripts: Iterable[TranscriptLike],
    max_trials: int = 5_000,
    seed: int = 0,
) -> Path:
    """Write a page about coded conversations that are of no study of ours.

    Parameters
    ----------
    folder
        Folder to write.
    part
        The codings.
    record
        What is known of where the conversations are from; see `write_report`.
    transcripts
        The conversations, whose ids are those of the codings.
    max_trials, seed
        As for `write_report`.

    Returns
    -------
    The page.
    """
    turns = part.data.turns
    names = [name for name in FACTS if name in turns]
    first = turns.drop_duplicates("conversation")[["conversation", *names]]
    trials = part.trials(first.rename(columns={"conversation": "trial"}))
    facets = tuple(name for name in names if name not in ("item", "outcome"))
    return write_report(
        folder,
        record=record,
        trials=trials,
        sections=part.sections(),
        transcripts=transcripts,
        reader=part.reader(Reader(facets=facets, names={"scenario_class": "class"})),
        prepare=part.prepare(),
        claim=CLAIM,
        max_trials=max_trials,
        seed=seed,
    )
