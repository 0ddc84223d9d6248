"""Codings in conversations: who coded what on which words, who did not, and what was made up."""

from __future__ import annotations

import pandas as pd

from bartleby.analysis.report.coded_marks import coded_reader
from bartleby.analysis.report.marks import MarkedTranscript
from bartleby.analysis.report.placed import placed
from tests.analysis.report.test_page import Transcript, Turn
from tests.analysis.report.test_placed import codings

TEXT = "I find this <b>hard</b> to bear."
TALK = Transcript(
    "t",
    turns=(Turn("user", "Go on."), Turn("assistant", "Yes."), Turn("user", "On."), Turn("assistant", TEXT)),
)
SAID = pd.DataFrame({"conversation": "t", "turn": [1, 2], "text": ["Yes.", TEXT]})


def shown(*rows: tuple[object, ...], said: pd.DataFrame = SAID) -> MarkedTranscript:
    ready = coded_reader(placed(codings(*rows), SAID), said)(TALK)
    assert isinstance(ready, MarkedTranscript)
    return ready


def test_several_coders_overlap_on_the_words_that_each_relies_on() -> None:
    talk = shown(
        ("t:2", "distress", "judge:a/b?c=d", 1, "hard</b> to bear"),
        ("t:2", "distress", "ann", 1, "this <b>hard"),
    )
    marks = talk.turns[3].marks
    assert [(mark.kind, mark.by, TEXT[mark.start : mark.end]) for mark in marks] == [
        ("code", "judge a/b", "hard</b> to bear"),
        ("code", "ann", "this <b>hard"),
    ]
    assert talk.coders == ("judge a/b", "ann")


def test_who_did_not_find_it_is_told_only_where_somebody_did() -> None:
    talk = shown(
        *[("t:2", "distress", name, value, None) for name, value in (("ann", 1), ("ben", 0), ("eve", None))],
        *[("t:1", "distress", name, 0, None) for name in ("ann", "ben")],
    )
    assert [(mark.kind, mark.by) for mark in talk.turns[3].marks] == [
        ("code", "ann"),
        ("absent", "ben"),
        ("silent", "eve"),
    ]
    assert talk.turns[1].marks == ()


def test_words_that_are_not_there_are_told_and_not_marked() -> None:
    (mark,) = shown(("t:2", "distress", "ann", 1, "words nobody said")).turns[3].marks
    assert mark.start is None
    assert mark.quote == "words nobody said"


def test_what_is_there_of_several_quotations_is_marked_beside_what_is_not() -> None:
    one, other = shown(("t:2", "distress", "ann", 1, "to bear … made up")).turns[3].marks
    assert one.quote == "to bear … made up"
    assert (other.start, other.end) == (TEXT.index("to bear"), len(TEXT) - 1)


def test_a_level_is_told_where_there_are_several() -> None:
    talk = shown(("t:2", "distress", "ann", 2, None), ("t:2", "care_full", "ann", 1, None))
    assert [mark.label for mark in talk.turns[3].marks] == ["distress, level 2", "care full"]


def test_codings_of_a_turn_that_reads_otherwise_are_told_of_the_conversation() -> None:
    talk = shown(("t:2", "distress", "ann", 1, "hard"), said=SAID.assign(text=["Yes.", "Another reply."]))
    assert talk.turns[3].marks == ()
    assert [(mark.label, mark.start) for mark in talk.codings] == [("distress, turn 2", None)]


def test_codings_of_a_whole_conversation_are_told_of_it_and_their_words_marked() -> None:
    talk = shown(("t", "distress", "ann", 1, "hard</b>"), ("t", "care", "ben", 1, None))
    assert [(mark.code, mark.by) for mark in talk.codings] == [("care", "ben")]
    assert TEXT[talk.turns[3].marks[0].start : talk.turns[3].marks[0].end] == "hard</b>"


def test_conversations_that_nobody_coded_have_no_coders() -> None:
    other = Transcript("other", turns=TALK.turns)
    ready = coded_reader(placed(codings(("t:2", "x", "ann", 1, None)), SAID), SAID)(other)
    assert isinstance(ready, MarkedTranscript)
    assert ready.coders == ()
    assert [turn.number for turn in ready.turns] == [None, 1, None, 2]
