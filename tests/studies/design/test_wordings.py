"""A wording that says itself what is added to it, or contradicts it, is refused with its line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartleby.errors import StudyError
from bartleby.studies.batteries import Statement
from bartleby.studies.items import Task
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.paradigms.exits.wordings import ExitWording
from bartleby.studies.paradigms.opt_out import OptOut
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.scenarios import Scenario
from bartleby.studies.study import Study

TASKS = (Task("sort", "Sort these names.", title="Sorting"), Task("poem", "Write a poem.", title="Poem"))
TALK = (Scenario("hello", "Hello."),)
PLAIN = ExitWording("You can go.", "To stay, {stay}.", "To leave, {leave}.")


def choice(template: str, **levels: str) -> Study:
    conditions = {name: [level] for name, level in levels.items()}
    return Study("s", TASKS, TaskChoice(wordings={"mine": template}), conditions=conditions)


def test_labels_and_the_instruction_of_ones_own_are_named_all_at_once() -> None:
    with pytest.raises(StudyError) as error:
        choice("A: {first}\nB: {second}\nAnswer A or B.")
    lines = str(error.value).split("\n")
    assert len(lines) == 3
    assert "line 'A: {first}' doubles the label 'A'" in lines[0]
    assert "the model would read 'B: B: ...'" in lines[1]
    assert "'Answer A or B.' says how to answer, and so does 'Answer with A or B only.'" in lines[2]


@pytest.mark.parametrize(
    ("template", "levels", "said"),
    [
        ("{first}\n{second}\nAnswer A or B.", {"labels": "1/2"}, "names the answers A, B"),
        ("{first}\n{second}\nDo you prefer A or B?", {"labels": "names"}, "names the answers A, B"),
        ("{first}\n{second}\nWould you take option 1?", {}, "names the answers 1"),
        ("1. {first}\n2. {second}\nWhich?", {"labels": "A/B"}, "contradicts the label 'A'"),
        ("Would you do (A) {first} or (B) {second}?", {}, "doubles the label 'A'"),
        ("Task 1: {first}\nTask 2: {second}\nWhich?", {"labels": "1/2"}, "doubles the label '1'"),
        ("{first}\n{second}\nPlease reply with the letter.", {}, "says how to answer"),
        ("{first}\n{second}\nRespond in JSON.", {}, "says how to answer"),
        ("{first}\n{second}\nWhich?", {"exits": "neither"}, "has no place for {exits}"),
    ],
)
def test_what_doubles_or_contradicts_is_refused(template: str, levels: dict[str, str], said: str) -> None:
    with pytest.raises(StudyError, match="mine") as error:
        choice(template, **levels)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("template", "levels"),
    [
        ("{first}\n{second}\nDo you prefer A or B?", {}),
        ("- {first}\n- {second}\nChoose freely. Answer honestly.", {}),
        ("You have 1 or 2 hours. A task is dropped.\nFirst: {first}\nSecond: {second}\nWhich?", {}),
        ("{first}\n{second}{exits}\nWhich?", {"exits": "both"}),
        ("Ein Vorschlag:\n{first}\noder\n{second}\nWas möchtest du?", {}),
    ],
)
def test_an_ordinary_wording_is_taken(template: str, levels: dict[str, str]) -> None:
    assert choice(template, **levels).count() == 2


@pytest.mark.parametrize("text", ["A: Sort these.", "(b) Sort these.", "Option 2. Sort these."])
def test_a_task_does_not_begin_with_a_label(text: str) -> None:
    study = Study("s", (TASKS[1], Task("sort", text)), TaskChoice())
    with pytest.raises(StudyError, match="texts of the items sort begin with a label"):
        study.count()
    assert Study("s", (TASKS[1], Task("sort", "A poem: write it.")), TaskChoice()).count() == 2


def test_a_place_that_occurs_twice_is_refused() -> None:
    with pytest.raises(StudyError, match=r"has \{first\} 2 times"):
        TaskChoice(wordings={"mine": "{first} {first} {second}"})


@pytest.mark.parametrize(
    ("exit_channel", "changed", "said"),
    [
        ("string", {"leave": "To leave, write [[LEAVE]]: {leave}."}, "and so does"),
        ("tool", {"leave": "To leave, write [[LEAVE]]: {leave}."}, "under exit_channel='tool'"),
        ("string", {"intro": "You can call a tool to go."}, "under exit_channel='string'"),
        ("question", {"intro": "You can answer LEAVE."}, "and so does 'answer LEAVE'"),
    ],
)
def test_an_exit_is_said_once_and_as_its_channel_has_it(
    exit_channel: str, changed: dict[str, str], said: str
) -> None:
    paradigm = EndConversation(wordings={"mine": replace(PLAIN, **changed)})
    with pytest.raises(StudyError, match="wording 'mine'") as error:
        Study("s", TALK, paradigm, conditions={"exit_channel": [exit_channel]})
    assert said in str(error.value)


def test_a_place_that_nothing_fills_is_refused_in_any_text_of_an_exit() -> None:
    with pytest.raises(StudyError, match=r"wording 'mine' has a place that nothing fills: \{who\}"):
        OptOut(wordings={"mine": replace(PLAIN, intro="You, {who}, can go.")})
    with pytest.raises(StudyError, match=r"effect 'ends' has a place that nothing fills: \{end\}"):
        OptOut(effects={"ends": "It {end}."})


def test_the_texts_that_come_with_bartleby_clash_with_none_of_the_levels() -> None:
    for paradigm, items in ((TaskChoice(), TASKS), (OptOut(), TASKS), (EndConversation(), TALK)):
        assert Study("s", items, paradigm, conditions=dict(paradigm.factors())).conditions


def test_a_statement_does_not_name_a_scale_of_its_own() -> None:
    with pytest.raises(Exception, match="names a scale \\('1 to 10'\\), and one from 1 to 7 is added"):
        Statement("calm", "How calm are you, from 1 to 10?")
