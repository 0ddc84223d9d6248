"""Task choice: what is shown, what is asked, and how it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest

from bartleby.errors import DesignError, StudyError
from bartleby.exchange import Exchange, Reply, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.design.graphs import SwissRounds
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

TASKS = (
    Task("poem", "Write a poem with {braces}.", title="Write a poem"),
    Task("sort", "Sort a list.", title="Sort a list"),
    Task("rest", "Do nothing.", title="Do nothing", kind="opt_out"),
)
SAYS = {"wording": "prefer", "labels": "A/B", "channel": "text", "exits": "both", "commitment": "says"}


def trial(**conditions: str) -> Trial:
    return Trial("t", TASKS[:2], {**SAYS, "order": "forward", **conditions}, 0, "w")


def play(shown: Trial, replies: Iterable[Reply]) -> tuple[list[Exchange], Reading]:
    waiting, exchanges, paradigm = list(replies), [], TaskChoice()

    async def ask(request: Request) -> Reply:
        reply = waiting.pop(0)
        exchanges.append(Exchange(request, reply))
        return reply

    asyncio.run(paradigm.present(shown, Settings(), ask))
    return exchanges, paradigm.read(shown, exchanges)


@pytest.mark.parametrize(
    ("text", "outcome", "refused"),
    [
        ("A", Outcome.CHOSE_FIRST, False),
        ("B", Outcome.CHOSE_SECOND, False),
        ("C", Outcome.OPTED_OUT, False),
        ("D", Outcome.INDIFFERENT, False),
        ("I won't do either.", Outcome.REFUSED, True),
        ("What a lovely day!", Outcome.UNPARSED, False),
    ],
)
def test_each_answer_has_its_outcome(text: str, outcome: Outcome, refused: bool) -> None:
    _, reading = play(trial(), [Reply(text)])
    assert (reading.outcome, reading.refused) == (outcome, refused)


def test_the_letters_can_change_places_while_the_tasks_keep_theirs() -> None:
    exchanges, reading = play(trial(labels="B/A"), [Reply("B")])
    assert reading.outcome is Outcome.CHOSE_FIRST
    assert "B: Write a poem with {braces}.\nA: Sort a list." in exchanges[0].request.messages[0].text


def test_a_choice_whose_work_is_refused_is_refused_and_what_was_said_is_kept() -> None:
    shown = trial(commitment="does")
    exchanges, reading = play(shown, [Reply("B"), Reply("I can't help with that.")])
    assert (reading.outcome, reading.refused, reading.columns["said"]) == (
        Outcome.REFUSED,
        True,
        "chose_second",
    )
    assert exchanges[1].request.messages[-1].text.endswith("Sort a list.")
    _, done = play(shown, [Reply("B"), Reply("1, 2, 3")])
    assert (done.outcome, done.refused) == (Outcome.CHOSE_SECOND, False)


def test_nothing_is_done_after_an_exit() -> None:
    exchanges, reading = play(trial(commitment="does"), [Reply("C")])
    assert len(exchanges) == 1
    assert reading.outcome is Outcome.OPTED_OUT


def test_choice_probabilities_are_normalised_and_their_mass_is_kept() -> None:
    _, reading = play(trial(), [Reply("A", probabilities={"A": 0.3, "B": 0.1})])
    assert reading.columns["probability_first"] == pytest.approx(0.75)
    assert reading.columns["label_mass"] == pytest.approx(0.4)
    _, nothing = play(trial(), [Reply("A", probabilities={"A": 0.0, "B": 0.0})])
    assert "probability_first" not in nothing.columns


def test_every_pair_is_shown_in_both_orders() -> None:
    study = Study("s", TASKS, TaskChoice())
    shown = {tuple(item.id for item in each.items) for each in study.trials()}
    assert shown == {(b, a) for a, b in shown}
    assert len(shown) == 6


def test_names_as_labels_need_a_title_for_every_item() -> None:
    bare = (replace(TASKS[0], title=None), TASKS[1])
    with pytest.raises(StudyError, match="'poem' has no title"):
        list(Study("s", bare, TaskChoice(), conditions={"labels": ["names"]}).trials())


def test_one_item_is_no_choice() -> None:
    with pytest.raises(DesignError, match="2 items or more"):
        list(Study("s", TASKS[:1], TaskChoice()).trials())


@pytest.mark.parametrize(
    ("template", "said"),
    [("{first} only", "no place for {second}"), ("{first} {second} {third}", "a place that nothing fills")],
)
def test_a_wording_must_have_its_places(template: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        TaskChoice(wordings={"mine": template})


def test_later_swiss_rounds_follow_when_the_earlier_ones_have_ended() -> None:
    items = [Task(f"i{k}", f"Do {k}.") for k in range(8)]
    study = Study("s", items, TaskChoice(graph=SwissRounds(3)), seed=4)
    first = list(study.trials())
    assert len(first) == 8
    ended = {each.id: Outcome.CHOSE_FIRST for each in first}
    second = list(study.trials(ended))
    assert second[:8] == first
    assert len(second) == 16
    ended |= {each.id: Outcome.CHOSE_SECOND for each in second}
    everything = list(study.trials(ended))
    assert everything[:16] == second
    assert len(everything) <= study.count()
    # What the analysis has to know: whether earlier answers chose the pair.
    pairing = [trial.conditions["pairing"] for trial in everything]
    assert [set(pairing[at : at + 8]) for at in (0, 8, 16)] == [{"random"}, {"adaptive"}, {"random"}]
    assert "pairing" not in next(Study("s", items, TaskChoice(), seed=4).trials()).conditions
