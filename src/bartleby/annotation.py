"""Codebooks, judges, lexicons and annotators, and the tables that they code: `bb.annotation`."""

from __future__ import annotations

from bartleby.analysis.coding.judge_codings import judge_codings, units_table
from bartleby.analysis.coding.label_next import label_next
from bartleby.collectors.turn_texts import read_turns
from bartleby.studies.codebook import load_codebook
from bartleby.studies.paradigms.judging import Judging
from bartleby.verbs.coded import coded_table, read_codings
from bartleby.verbs.coding import code, judging_study, lexicon_codings
from bartleby.verbs.labelling import read_labels

__all__ = [
    "Judging",
    "code",
    "coded_table",
    "judge_codings",
    "judging_study",
    "label_next",
    "lexicon_codings",
    "load_codebook",
    "read_codings",
    "read_labels",
    "read_turns",
    "units_table",
]
