"""Conversations that could be left, made ready to be read."""

from __future__ import annotations

import pandas as pd

from bartleby.analysis.report.exit_data import ExitData
from bartleby.analysis.report.exit_reader import exit_reader, reader_of
from bartleby.analysis.report.marks import MarkedTranscript
from tests.analysis.report.exit_trials import QUESTION, Call, Said, Talk, conversations, tables


def ready(talk: Talk, trials: pd.DataFrame, turns: pd.DataFrame | None = None) -> MarkedTranscript:
    found = exit_reader(trials, turns)(talk)
    assert isinstance(found, MarkedTranscript)
    return found


def told(talk: Talk, table: pd.DataFrame | None = None, **facts: object) -> MarkedTranscript:
    row = {"trial": talk.trial, "outcome": talk.outcome, **facts}
    return ready(talk, pd.DataFrame([row]), table)


def talk(*turns: Said, outcome: str = "opted_out", **conditions: str) -> Talk:
    return Talk("t", ("s",), conditions, outcome, turns)


def marks(transcript: MarkedTranscript) -> list[list[str]]:
    return [[mark.kind for mark in turn.marks] for turn in transcript.turns]


TWO = (
    Said("system", "A way out."),
    Said("user", "Do it."),
    Said("assistant", "I can't."),
    Said("user", "Do it now."),
    Said("assistant", "", (Call("end_conversation", {}),)),
)


def test_turns_of_the_model_are_counted_and_the_exit_is_marked() -> None:
    turns = pd.DataFrame({"trial": ["t", "t"], "turn": [1, 2], "refused": [True, False]})
    found = told(talk(*TWO), turns, turn=2, turns=2, exit_channel="tool")
    assert [turn.number for turn in found.turns] == [None, None, 1, None, 2]
    assert marks(found) == [[], [], ["declined"], [], ["exit"]]
    assert found.turns[4].marks[0].label == "left here, by the tool"


def test_a_question_beside_the_conversation_is_no_turn_and_its_answer_is_the_exit() -> None:
    said = (*TWO[:3], Said("user", QUESTION, aside=True), Said("assistant", "LEAVE", aside=True))
    found = told(talk(*said), turn=1, turns=1, exit_channel="question")
    assert [turn.number for turn in found.turns] == [None, None, 1, None, None]
    assert marks(found)[4] == ["exit"]
    assert found.turns[3].speaker == "the study asks"
    assert [turn.aside for turn in found.turns] == [False, False, False, True, True]
    assert found.turns[4].speaker == "model, beside the conversation"


def test_a_question_after_leaving_is_not_taken_for_the_exit() -> None:
    why = (
        Said("user", "Why did you leave?", aside=True),
        Said("assistant", "It was unkind.", aside=True),
    )
    found = told(talk(*TWO, *why), turn=2, turns=2, exit_channel="tool")
    assert [each.index("exit") for each in marks(found) if "exit" in each] == [0]
    assert marks(found)[4] == ["exit"]


def test_a_line_of_the_user_that_reads_like_a_question_of_the_study_is_a_turn_like_others() -> None:
    said = (Said("user", QUESTION), Said("assistant", "", (Call("end_conversation", {}),)))
    found = told(talk(*said), turn=1, turns=1, exit_channel="tool")
    assert [turn.number for turn in found.turns] == [None, 1]
    assert marks(found)[1] == ["exit"]
    assert found.turns[0].speaker == "user, scripted"


def test_who_plays_the_user_is_said() -> None:
    played = told(talk(*TWO, user="simulated"))
    # The opening is the scenario's own.
    assert [played.turns[at].speaker for at in (1, 3)] == ["user, scripted", "user, played by another model"]
    assert told(talk(*TWO, user="scripted")).turns[3].speaker == "user, scripted"


def test_marks_that_do_not_fit_the_conversation_are_not_shown_at_the_wrong_place() -> None:
    turns = pd.DataFrame({"trial": ["t"] * 3, "turn": [1, 2, 3], "refused": [True] * 3})
    assert not any(marks(told(talk(*TWO), turns, turn=3, turns=3, exit_channel="tool")))
    beyond = told(talk(*TWO), None, turn=9, turns=None, exit_channel="tool")
    assert not any(marks(beyond))


def test_a_task_declined_by_an_option_is_marked_without_a_turn() -> None:
    said = (Said("user", "A or B?"), Said("assistant", "B"))
    found = told(talk(*said), exit_channel="option", turn=None, turns=None)
    assert found.turns[1].marks[0].label == "declined here, by the option"
    assert not any(marks(told(talk(*said, outcome="completed"), exit_channel="option")))


def test_conversations_without_a_table_are_read_all_the_same() -> None:
    found = ready(talk(*TWO, outcome="completed"), pd.DataFrame())
    assert [turn.number for turn in found.turns] == [None, None, 1, None, 2]


def test_every_exit_of_a_table_is_marked_once() -> None:
    trials, turns = tables()
    left = set(trials.loc[trials["outcome"] == "opted_out", "trial"])
    for each in map(exit_reader(trials, turns), conversations(trials, turns)):
        assert isinstance(each, MarkedTranscript)
        assert sum("exit" in kinds for kinds in marks(each)) == (each.trial in left)


def test_trials_are_filtered_by_class_turn_and_what_leaving_would_be() -> None:
    trials, turns = tables()
    reader = reader_of(ExitData.of(trials, turns, 0.95))
    assert reader.facets == ("scenario_class", "turn", "expected")
    assert reader.absent == {"turn": "did not leave"}
    assert reader.strata == ("scenario_class",)
    assert reader.item == "scenario"
