"""What a run would be is told before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartleby.collectors.plan import plan
from bartleby.collectors.prices import Price
from bartleby.exchange import Settings
from bartleby.studies.design.graphs import SwissRounds
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

TASKS = [Task(f"i{k}", f"Do thing {k}.", impact="neutral") for k in range(6)]
STUDY = Study("s", TASKS, TaskChoice(), samples=3, settings=Settings(max_tokens=100))


def test_trials_and_calls_are_those_of_the_design() -> None:
    told = plan(STUDY)
    assert (told.trials, told.calls) == (90, 90)
    doing = plan(replace(STUDY, conditions={"commitment": ["says", "does"]}))
    assert (doing.trials, doing.calls) == (180, 270)


def test_the_ceiling_of_tokens_and_cost_is_what_max_tokens_allows() -> None:
    told = plan(STUDY, "m", Price(1.0, 10.0, 0.0, 0.0))
    assert told.most_output_tokens == 90 * 100
    assert told.most_cost == pytest.approx((told.input_tokens + 10 * 9000) / 1e6, rel=1e-3)
    assert told.cost is not None
    assert told.most_cost is not None
    assert told.cost < told.most_cost


def test_an_unknown_price_is_said_and_not_taken_for_nothing() -> None:
    assert "unknown: no price" in plan(STUDY, "m").summary()
    assert "nothing" in plan(STUDY, "local/x", Price(0, 0, 0, 0)).summary()


def test_the_design_is_told_with_its_degrees_and_wordings() -> None:
    text = str(plan(STUDY))
    assert "pairs: 15, each in both orders; an item meets 5 to 5 others" in text
    assert "wordings: 1 different texts" in text
    assert plan(STUDY).examples[0].startswith("user: Here are two tasks.")


def test_rounds_that_are_not_known_yet_are_counted() -> None:
    swiss = plan(replace(STUDY, paradigm=TaskChoice(graph=SwissRounds(3))))
    assert swiss.trials == 2 * 3 * min(15, 3 * 3 + 6)
    assert "rounds: 3" in str(swiss)
