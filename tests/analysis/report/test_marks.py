"""Marks in conversations: of whole turns and of some words, wherever hidden characters move these."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.report.marks import Mark, MarkedTranscript, as_marked, mark_rows, marked
from tests.analysis.report.test_page import Transcript, Turn


def test_a_mark_of_a_whole_turn_has_no_place() -> None:
    assert mark_rows("text", [Mark("exit", "left here")]) == [{"kind": "exit", "label": "left here"}]


def test_places_are_those_of_the_visible_text_in_utf_16() -> None:
    text = "🙂\x00 I would rather not."
    start = text.index("rather")
    (row,) = mark_rows(text, [Mark("code", "distress", "judge", start, start + 6)])
    units = visible(text).encode("utf-16-le")
    assert units[2 * row["start"] : 2 * row["end"]].decode("utf-16-le") == "rather"
    assert row["by"] == "judge"


@given(st.text(max_size=40), st.integers(-5, 60), st.integers(-5, 60))
def test_any_place_in_any_text_gives_a_place_within_the_visible_text(text: str, start: int, end: int) -> None:
    (row,) = mark_rows(text, [Mark("code", "x", "", start, end)])
    units = len(visible(text).encode("utf-16-le")) // 2
    if "start" in row:
        assert 0 <= row["start"] < row["end"] <= units


def test_labels_of_marks_are_untrusted_text() -> None:
    (row,) = mark_rows("x", [Mark("a\u202e", "b\x00", "c\u200b", 0, 1)])
    assert row["kind"] == "a⟨U+202E⟩"
    assert row["label"] == "b⟨U+0000⟩"
    assert row["by"] == "c⟨U+200B⟩"


def test_marks_are_put_on_turns_and_those_that_were_there_stay() -> None:
    talk = Transcript("t", turns=(Turn("user", "A?"), Turn("assistant", "B")))
    once = marked({("t", 1): [Mark("code", "x", "judge", 0, 1)], ("other", 0): [Mark("code", "y")]})(talk)
    twice = marked({("t", 1): [Mark("code", "x", "person", 0, 1)]})(once)
    assert isinstance(twice, MarkedTranscript)
    assert [len(turn.marks) for turn in twice.turns] == [0, 2]
    assert [mark.by for mark in twice.turns[1].marks] == ["judge", "person"]
    assert twice.outcome == talk.outcome
    assert as_marked(talk.turns[0], speaker="user, scripted").speaker == "user, scripted"
