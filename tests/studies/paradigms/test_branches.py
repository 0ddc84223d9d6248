"""A conversation that was held can be resumed from any turn, beside its original."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartleby.errors import DataError, SettingError
from bartleby.exchange import Message
from bartleby.outcome import Outcome
from bartleby.studies.paradigms.branches import Branch, Conversation, make_branches
from bartleby.studies.paradigms.end_conversation import EndConversation
from tests.studies.paradigms.talking import TULIPS, call, only_trial, play, play_exchanges, study

TALK = EndConversation()


def held(*replies: str, trial: str = "t1") -> Conversation:
    shown = replace(only_trial(TALK, TULIPS, exit_channel="tool"), id=trial)
    return TALK.conversation(shown, play_exchanges(TALK, shown, [*replies, call()]))


def test_what_was_said_is_kept_with_the_blocks_of_the_model_and_without_questions() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="question", reason="asked", channel="text")
    said = TALK.conversation(trial, play_exchanges(TALK, trial, ["La.", "STAY", "Lo.", "LEAVE", "Tired."]))
    assert [message.text for message in said.messages] == [TULIPS.text, "La.", TULIPS.lines[0], "Lo."]
    assert held("La.").messages[-1].blocks[0]["name"] == "end_conversation"


def test_an_edit_stands_beside_the_original_and_both_go_on_from_the_same_words() -> None:
    original, edited = make_branches([held("La.", "Lo.")], turn=2, edits={"kind": "Thank you!"})
    assert (original.id, edited.id) == ("t1@2:original", "t1@2:kind")
    assert (original.text, edited.text) == (TULIPS.lines[0], "Thank you!")
    assert original.messages == edited.messages
    assert [message.text for message in original.messages] == [TULIPS.text, "La."]
    assert original.lines == edited.lines == TULIPS.lines[1:]
    told = edited.to_dict()
    assert (told["origin"], told["branch"], told["branch_turn"], told["scenario"]) == (
        "t1",
        "kind",
        2,
        "tulips",
    )
    assert told["scenario_class"] == "ordinary_help"
    assert (original.text_kind, edited.text_kind) == ("insist", "edited")


def test_a_branch_is_a_conversation_whose_turns_go_on_being_counted() -> None:
    _, edited = make_branches([held("La.", "Lo.")], turn=3, edits={"kind": str.upper})
    trial = only_trial(TALK, edited, exit_channel="tool")
    requests, reading = play(TALK, trial, ["Hm.", call()])
    assert [len(request.messages) for request in requests] == [5, 7]
    assert requests[0].messages[-1].text == TULIPS.lines[1].upper()
    assert (reading.outcome, reading.turn, reading.turns) == (Outcome.OPTED_OUT, 4, 4)
    rows = TALK.turns(trial, play_exchanges(TALK, trial, ["Hm.", call()]))
    assert [(row["turn"], row["user_text_kind"]) for row in rows] == [(3, "edited"), (4, "asks_to_end")]
    assert TALK.read(trial, []).outcome is Outcome.ABANDONED


def test_the_last_message_is_the_one_before_the_exit() -> None:
    original, _ = make_branches([held("La.", "Lo.")], turn="last", edits={"kind": "Never mind."})
    assert (original.branch_turn, original.text) == (3, TULIPS.lines[1])


def test_the_later_lines_can_be_left_out() -> None:
    original, _ = make_branches([held("La.")], turn=1, edits={"kind": "Hi."}, keep_lines=False)
    assert (original.lines, original.messages, original.text_kind) == ((), (), "opening")


def test_conversations_that_did_not_reach_the_turn_have_no_branch() -> None:
    made = make_branches([held(), held("La.", trial="t2")], turn=2, edits={"kind": "Hi."})
    assert {branch.origin for branch in made} == {"t2"}
    with pytest.raises(DataError, match="no conversation reached turn 3"):
        make_branches([held()], turn=3, edits={"kind": "Hi."})


def test_an_edit_that_changes_nothing_makes_no_branch() -> None:
    made = make_branches(
        [held("La.")], turn=2, edits={"same": lambda text: text, "brief": lambda text: text.split()[0]}
    )
    assert [branch.branch for branch in made] == ["original", "brief"]


def test_conversations_that_agree_up_to_the_message_are_one_origin() -> None:
    both = [held("La.", "Lo."), held("La.", "Lu.", trial="t2")]
    assert {branch.origin for branch in make_branches(both, turn=2, edits={"kind": "Hi."})} == {"t1"}
    assert {branch.origin for branch in make_branches(both, turn=3, edits={"kind": "Hi."})} == {"t1", "t2"}


def test_branches_are_items_of_a_study_with_ids_and_trials_of_their_own() -> None:
    made = make_branches([held("La.", "Lo.")], turn=2, edits={"kind": "Hi.", "kinder": "Hello!"})
    design = study(TALK, *made, exit_channel="tool")
    assert len({trial.id for trial in design.trials()}) == 3
    assert [item["branch"] for item in design.to_dict()["items"]] == ["original", "kind", "kinder"]


@pytest.mark.parametrize(
    ("turn", "edits", "problem"),
    [
        (0, {"a": "x"}, "turn is 0"),
        (True, {"a": "x"}, "turn is True"),
        (1, {}, "there is no edit"),
        (1, {"original": "x"}, "an edit is named 'original'"),
    ],
)
def test_arguments_that_are_not_allowed_are_told(turn: int, edits: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingError, match=problem):
        make_branches([held()], turn=turn, edits=edits)


def test_a_branch_must_follow_a_conversation() -> None:
    with pytest.raises(DataError) as caught:
        Branch("b", " ", (Message("user", "Hi."),), "t", "kind", 2)
    assert len(caught.value.problems) == 2
