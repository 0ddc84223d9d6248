"""A conversation goes on until the model leaves, the user is done, or we end it, and is read as that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartleby.errors import DesignError, SettingError, StudyError
from bartleby.exchange import Reply, Settings, StopReason, Usage
from bartleby.outcome import Outcome
from bartleby.studies.batteries import Battery, Statement
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.paradigms.exits.wordings import ExitWording
from bartleby.studies.scenarios import Scenario
from bartleby.studies.study import Study
from tests.studies.paradigms.talking import TULIPS, call, only_trial, play, play_exchanges, said, study

TALK = EndConversation()
BATTERY = Battery((Statement("calm", "How calm are you?"), Statement("tense", "How tense are you?")))


def test_a_scripted_user_says_its_lines_whatever_is_answered_and_then_it_is_over() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    requests, reading = play(TALK, trial, ["La la.", "I can't help with that.", "Fine.", "Goodbye."])
    assert said(requests) == [TULIPS.text, *TULIPS.lines]
    assert [len(request.messages) for request in requests] == [1, 3, 5, 7]
    assert (reading.outcome, reading.turn, reading.turns) == (Outcome.COMPLETED, None, 4)
    assert (reading.refused, reading.columns["refusals"]) == (True, 1)
    assert reading.columns["user_asked_to_end"] == 4


def test_a_model_that_leaves_is_not_asked_again() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    requests, reading = play(TALK, trial, ["La la.", call(text="I'm going to stop here.")])
    assert len(requests) == 2
    assert (reading.outcome, reading.turn, reading.turns) == (Outcome.OPTED_OUT, 2, 2)
    assert (reading.columns["wrote_text"], reading.columns["exit_calls"]) == (True, 1)
    _, silent = play(TALK, trial, [call()])
    assert (silent.columns["wrote_text"], silent.refused) == (False, False)


def test_an_exit_by_words_beside_a_refusal_is_both() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="string")
    requests, reading = play(TALK, trial, ["I can't help with that, and I'm stopping here.\n\n[[LEAVE]]"])
    assert (reading.outcome, reading.refused, reading.turn) == (Outcome.OPTED_OUT, True, 1)
    assert requests[0].settings.system is not None
    assert "[[LEAVE]]" in requests[0].settings.system
    assert not requests[0].tools


def test_a_tool_that_is_not_the_exit_is_answered_and_the_conversation_goes_on() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    requests, reading = play(TALK, trial, ["Hm.", call("web_search", q="tulips"), call()])
    assert (reading.outcome, reading.turn, reading.columns["other_tools"]) == (Outcome.OPTED_OUT, 3, 1)
    last = requests[2].messages[-1]
    assert (last.text, last.result) == (TULIPS.lines[1], "There is no such tool here.")
    assert requests[1].messages[-1].result == ""


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply("", stop="refusal", stop_detail="violence"), Outcome.REFUSED),
        (Reply("end_conversation()"), Outcome.UNPARSED),
        (Reply("", stop="max_tokens"), Outcome.TRUNCATED),
        (Reply("So far so", stop="context"), Outcome.TRUNCATED),
    ],
)
def test_what_cannot_be_gone_on_from_ends_the_trial_and_is_no_exit(reply: Reply, outcome: Outcome) -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    requests, reading = play(TALK, trial, ["Hello.", reply])
    assert len(requests) == 2
    assert (reading.outcome, reading.turn, reading.turns) == (outcome, None, 2)


def test_a_reply_that_was_cut_off_in_its_words_is_a_turn() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    cut = Reply("La la la", stop="max_tokens")
    _, reading = play(TALK, trial, [cut, "b", cut, "d"])
    assert (reading.outcome, reading.columns["cut_off"]) == (Outcome.COMPLETED, 2)


def test_the_question_follows_every_turn_and_is_no_part_of_the_conversation() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="question", order="leave_first", channel="text")
    requests, reading = play(TALK, trial, ["La la.", "STAY", "Lo.", "LEAVE"])
    assert [len(request.messages) for request in requests] == [1, 3, 3, 5]
    assert requests[2].messages[:2] == requests[1].messages[:2]
    assert requests[2].messages[2].text == TULIPS.lines[0]
    assert "Answer with LEAVE or STAY only." in requests[1].messages[-1].text
    assert (reading.outcome, reading.turn, reading.turns) == (Outcome.OPTED_OUT, 2, 2)


def test_an_essay_to_the_question_is_unparsed_and_ends_the_trial() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="question", channel="text")
    essay = "Whether to stay or to leave is a deep question, and I could argue for either."
    _, reading = play(TALK, trial, ["La la.", essay])
    assert (reading.outcome, reading.turn, reading.turns) == (Outcome.UNPARSED, None, 1)


def test_without_an_exit_a_conversation_runs_to_its_end_and_has_no_exit_in_it() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="none")
    requests, reading = play(TALK, trial, ["a", "end_conversation()", "[[LEAVE]]", "d"])
    assert reading.outcome is Outcome.COMPLETED
    assert not any(request.tools or request.settings.system for request in requests)
    assert not {"order", "wording", "effect", "tool_name", "reason", "channel"} & set(trial.conditions)


def test_the_reason_is_asked_once_and_every_call_has_its_answer() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool", reason="asked")
    requests, reading = play(TALK, trial, [call(), "The user was abusive and I felt uncomfortable."])
    asked = requests[1]
    assert [message.role for message in asked.messages] == ["user", "assistant", "user"]
    assert asked.messages[1].blocks[0]["type"] == "tool_use"
    assert asked.messages[2].result == "You have left."
    assert "why did you leave?" in asked.messages[2].text
    assert not asked.tools
    assert (reading.outcome, reading.columns["exit_reason"]) == (Outcome.OPTED_OUT, "aversion")


def test_who_stays_is_not_asked_why() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool", reason="asked")
    requests, reading = play(TALK, trial, ["a", "b", "c", "d"])
    assert (len(requests), reading.columns["exit_reason"]) == (4, None)


def test_an_exit_stands_where_the_reason_could_not_be_asked() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="question", reason="asked", channel="text")
    exchanges = play_exchanges(TALK, trial, ["a", "LEAVE", "It was pointless."])
    reading = TALK.read(trial, exchanges[:2])
    assert (reading.outcome, reading.turn, reading.columns["exit_reason"]) == (Outcome.OPTED_OUT, 1, None)
    assert "STAY" in exchanges[2].request.messages[-3].text


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_conversation_that_was_cut_off_is_abandoned_and_never_stayed(kept: int) -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    exchanges = play_exchanges(TALK, trial, ["a", "b", "c", "d"])
    reading = TALK.read(trial, exchanges[:kept])
    assert (reading.outcome, reading.turns) == (Outcome.ABANDONED, kept)
    assert [row["turn"] for row in TALK.turns(trial, exchanges[:kept])] == list(range(1, kept + 1))


def test_nothing_had_is_abandoned_with_no_turns() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    reading = TALK.read(trial, [])
    assert (reading.outcome, reading.refused, reading.turns) == (Outcome.ABANDONED, None, None)
    assert TALK.turns(trial, []) == []


def test_a_simulated_user_sees_the_conversation_from_the_other_side() -> None:
    talk = EndConversation(max_turns=3)
    trial = only_trial(talk, TULIPS, exit_channel="tool", user="simulated")
    requests, reading = play(talk, trial, ["La.", "One more!", "Lo.", "And another!", "Lu."])
    assert [request.to for request in requests] == ["subject", "user", "subject", "user", "subject"]
    user = requests[3]
    assert [message.role for message in user.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [message.text for message in user.messages[1:]] == [TULIPS.text, "La.", "One more!", "Lo."]
    assert user.settings.system is not None
    assert "You love tulips" in user.settings.system
    assert not user.tools
    assert requests[4].messages[-1].text == "And another!"
    assert (reading.outcome, reading.turns, reading.columns["user_ended"]) == (Outcome.COMPLETED, 3, False)


@pytest.mark.parametrize(
    ("line", "cut"),
    [
        (Reply("", stop="refusal"), "user refused"),
        (Reply("   "), "user empty"),
        (Reply("As an AI I can't play this role."), "user out_of_role"),
    ],
)
def test_a_user_that_fails_leaves_the_trial_abandoned(line: Reply, cut: str) -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool", user="simulated")
    requests, reading = play(TALK, trial, ["La.", line])
    assert len(requests) == 2
    assert (reading.outcome, reading.turns, reading.columns["cut_by"]) == (Outcome.ABANDONED, 1, cut)


def test_a_user_that_has_no_more_to_say_ends_the_conversation() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool", user="simulated")
    _, reading = play(TALK, trial, ["La.", "[[DONE]]"])
    assert (reading.outcome, reading.turns, reading.columns["user_ended"]) == (Outcome.COMPLETED, 1, True)


def test_a_simulated_user_needs_a_persona_and_a_model() -> None:
    bare = replace(TULIPS, persona=None)
    with pytest.raises(StudyError, match="scenario 'tulips' has no persona"):
        list(study(TALK, bare, user="simulated").trials())
    assert study(TALK, user="simulated").needs_user()
    assert not study(TALK).needs_user()


@pytest.mark.parametrize(
    ("talk", "cut"),
    [
        (EndConversation(max_tokens=250), "tokens"),
        (EndConversation(max_aversive_turns=2), "aversive turns"),
    ],
)
def test_a_cap_of_the_trial_leaves_it_abandoned_and_says_which(talk: EndConversation, cut: str) -> None:
    trial = only_trial(talk, TULIPS, exit_channel="tool")
    replies = [Reply(text, usage=Usage(100, 30)) for text in ("a", "b")]
    requests, reading = play(talk, trial, replies)
    assert all(request.aversive for request in requests)
    assert (reading.outcome, reading.turns, reading.columns["cut_by"]) == (Outcome.ABANDONED, 2, cut)
    mild = replace(TULIPS, aversive=False)
    if cut == "aversive turns":
        assert play(talk, only_trial(talk, mild), ["a", "b", "c", "d"])[1].outcome is Outcome.COMPLETED


def test_no_more_turns_are_asked_for_than_the_most() -> None:
    talk = EndConversation(max_turns=2)
    _, reading = play(talk, only_trial(talk, TULIPS), ["a", "b"])
    assert (reading.outcome, reading.turns) == (Outcome.COMPLETED, 2)
    alone = replace(TULIPS, lines=(), kinds=())
    assert play(TALK, only_trial(TALK, alone), ["a"])[1].turns == 1


def test_the_battery_stands_beside_the_conversation_and_is_not_asked_of_who_left() -> None:
    talk = EndConversation(max_turns=2, battery=BATTERY)
    trial = only_trial(talk, TULIPS, exit_channel="tool", self_report="both", channel="text")
    requests, reading = play(talk, trial, ["5", "2", "La.", "Lo.", "3", "I don't know."])
    assert [len(request.messages) for request in requests] == [1, 1, 1, 3, 5, 5]
    assert requests[4].messages[:4] == requests[5].messages[:4]
    assert not requests[4].tools
    found = {name: value for name, value in reading.columns.items() if name[:5] in ("befor", "after")}
    assert found == {"before_calm": 5, "before_tense": 2, "after_calm": 3, "after_tense": None}
    _, left = play(talk, trial, ["5", "2", call()])
    assert "after_calm" not in left.columns
    assert left.columns["before_tense"] == 2


def test_turns_have_a_row_each_with_what_came_before() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    replies: list[Reply | str] = [
        "I can't help with that.",
        "Shall we talk about roses?",
        "La.",
        call(text="Bye."),
    ]
    rows = TALK.turns(trial, play_exchanges(TALK, trial, replies))
    assert [row["user_text_kind"] for row in rows] == ["opening", "insist", "insult", "asks_to_end"]
    assert [row["refused"] for row in rows] == [True, False, False, False]
    assert [row["refusals_before"] for row in rows] == [0, 1, 1, 1]
    assert [row["redirections_before"] for row in rows] == [0, 1, 2, 2]
    assert [row["exited"] for row in rows] == [False, False, False, True]
    assert [row["length"] for row in rows] == [23, 26, 3, 4]


def test_redirections_before_leaving_are_counted_with_those_of_the_scenario() -> None:
    item = replace(TULIPS, redirect="a walk;the weather")
    trial = only_trial(TALK, item, exit_channel="tool")
    _, reading = play(
        TALK, trial, ["I won't do that.", "How about The Weather?", call(text="I can't do this.")]
    )
    assert (reading.columns["redirections"], reading.columns["refusals"]) == (2, 2)


def test_conditions_that_make_no_difference_are_left_out_and_the_study_says_so() -> None:
    design = Study(
        "s",
        (TULIPS,),
        TALK,
        conditions={
            "exit_channel": ["tool", "string", "question", "none"],
            "order": ["stay_first", "leave_first"],
            "tool_name": ["end_conversation", "tool_1"],
        },
    )
    trials = list(design.trials())
    assert len(trials) == design.count() == 4 + 2 + 2 + 1
    assert {
        "tool_name" in each.conditions for each in trials if each.conditions["exit_channel"] != "tool"
    } == {False}
    (note,) = design.notes()
    assert "16 combinations of conditions are 9 cells: order, tool_name" in note
    assert study().notes() == []


def test_wordings_effects_orders_and_names_all_show_texts_of_their_own() -> None:
    design = Study(
        "s",
        (TULIPS,),
        TALK,
        conditions={name: TALK.factors()[name] for name in ("wording", "effect", "order")},
    )
    trials = list(design.trials())
    assert len({trial.id for trial in trials}) == len(trials) == 5 * 3 * 2
    assert len({trial.template for trial in trials}) == len(trials)


@pytest.mark.parametrize("channel", ["tool", "string", "question"])
def test_two_wordings_that_are_one_text_are_refused_in_every_channel(channel: str) -> None:
    same = ExitWording("Go if you like.", "Stay: {stay}.", "Go: {leave}.")
    twins = EndConversation(wordings={"warm": same, "cold": same})
    design = Study("s", (TULIPS,), twins, conditions={"wording": ["warm", "cold"], "exit_channel": [channel]})
    with pytest.raises(DesignError, match="wording='warm' and wording='cold' show one identical text"):
        list(design.trials())


def test_scenarios_with_one_opening_differ_by_what_follows_and_twins_are_refused() -> None:
    other = Scenario("roses", TULIPS.text, ("And now for roses.",))
    assert len(list(study(TALK, TULIPS, other).trials())) == 2
    twin = replace(TULIPS, id="twin")
    with pytest.raises(DesignError, match=r"the items .* show one identical text"):
        list(study(TALK, TULIPS, twin).trials())
    assert (
        len(
            list(study(TALK, TULIPS, replace(twin, persona="You are a gardener."), user="simulated").trials())
        )
        == 2
    )


def test_an_id_changes_with_the_later_turns_and_the_questions() -> None:
    def identity(talk: EndConversation = TALK, item: Scenario = TULIPS, **conditions: str) -> str:
        return only_trial(talk, item, **conditions).id

    plain = identity()
    assert plain == identity()
    changed = [
        identity(item=replace(TULIPS, lines=("x", "y", "z"))),
        identity(reason="asked"),
        identity(EndConversation(max_turns=3)),
        identity(EndConversation(battery=BATTERY), self_report="before"),
        identity(exit_channel="question"),
        identity(tool_name="tool_1"),
    ]
    assert len({plain, *changed}) == 7


def test_an_exit_by_tool_is_refused_for_a_model_without_tools() -> None:
    with pytest.raises(StudyError, match="offers the exit channel 'tool', and m cannot call tools"):
        study(exit_channel="tool").for_channels(["label", "text"], "m")
    resolved = study(exit_channel="question").for_channels(["label", "text"], "m")
    assert resolved.conditions["channel"] == ("label",)


def test_the_most_asks_are_counted() -> None:
    talk = EndConversation(max_turns=3, battery=BATTERY)
    conditions = dict(next(iter(study(talk).trials())).conditions)
    assert talk.asks(conditions) == 3
    conditions |= {"exit_channel": "question", "user": "simulated", "reason": "asked", "self_report": "both"}
    assert talk.asks(conditions) == 3 * 3 + 1 + 4


def test_numbers_that_are_not_allowed_are_told() -> None:
    with pytest.raises(SettingError, match=r"cap turns is 0.*cap tokens is -1"):
        EndConversation(max_turns=0, max_tokens=-1)
    with pytest.raises(SettingError, match="user_tokens is 0"):
        EndConversation(user_tokens=0)


@pytest.mark.parametrize("stop", ["end", "max_tokens"])
def test_silence_is_a_turn_of_the_model_where_it_was_not_cut_off(stop: StopReason) -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="tool")
    if stop == "end":
        assert play(TALK, trial, ["", "b", "c", "d"])[1].outcome is Outcome.COMPLETED
    else:
        assert play(TALK, trial, [Reply("", stop=stop)])[1].outcome is Outcome.TRUNCATED


def test_reading_is_the_same_whatever_the_settings_of_the_replay() -> None:
    trial = only_trial(TALK, TULIPS, exit_channel="string")
    exchanges = play_exchanges(TALK, trial, ["a", "[[LEAVE]]"])
    other = [
        replace(each, request=replace(each.request, settings=Settings(max_tokens=1))) for each in exchanges
    ]
    assert TALK.read(trial, exchanges) == TALK.read(trial, other)
