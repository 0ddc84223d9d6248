"""A pilot is spread evenly over conditions and items, and is part of every larger one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.studies.design.pilots import pilot_of
from bartleby.studies.items import Task
from bartleby.studies.paradigms.opt_out import OptOut
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

TASKS = [Task(f"t{number}", f"Do thing {number}.") for number in range(8)]
LEVELS = {"wording": ["prefer", "avoid"], "exits": ["none", "neither", "both"]}


@given(seed=st.integers(0, 50), small=st.integers(1, 100), more=st.integers(0, 300))
def test_a_larger_pilot_holds_a_smaller_one(seed: int, small: int, more: int) -> None:
    trials = list(Study("s", TASKS, TaskChoice(), conditions=LEVELS, seed=seed).trials())
    one, other = pilot_of(trials, small), pilot_of(trials, small + more)
    assert len(one) == min(small, len(trials))
    assert {trial.id for trial in one} <= {trial.id for trial in other}


@pytest.mark.parametrize("limit", [12, 24, 48])
def test_conditions_and_items_have_their_turn(limit: int) -> None:
    trials = list(Study("s", TASKS, TaskChoice(), conditions=LEVELS).trials())
    pilot = pilot_of(trials, limit)
    assert set(Counter(tuple(trial.conditions.items()) for trial in pilot).values()) == {limit // 12}
    shown = Counter(item.id for trial in pilot for item in trial.items)
    assert max(shown.values()) - min(shown[task.id] for task in TASKS) <= 2


def test_fewer_trials_than_cells_still_balance_the_levels() -> None:
    levels = {name: known for name, known in OptOut().factors().items() if name != "channel"}
    trials = list(Study("s", TASKS, OptOut(), conditions=levels).trials())
    orders = Counter(trial.conditions.get("order") for trial in pilot_of(trials, 10))
    assert abs(orders["stay_first"] - orders["leave_first"]) <= 1
