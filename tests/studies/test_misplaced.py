"""What makes no sense where it stands is refused, in one sentence that names what would be allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bartleby as bb

TASKS = [bb.Task("sort", "Sort."), bb.Task("poem", "Write.")]
TALK = bb.Scenario("hello", "Hello.", lines=("Another.",))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("tasks.csv", "a file is loaded with bb.load_tasks"),
        (Path("tasks.csv"), "a file is loaded with bb.load_tasks"),
        (["Sort", "Write"], "item 1 is the text 'Sort'; allowed: bb.Task("),
        ([{"id": "a", "text": "b"}], "item 1 is the dict"),
        ([bb.Task], "item 1 is the class Task; make one of it"),
        (bb.Task("a", "b"), "items is a Task; allowed: a list"),
        (pd.DataFrame({"id": ["a"]}), "items is a DataFrame; allowed: a list"),
        (None, "items is a NoneType; allowed: a list"),
        ([], "there are no items"),
        ([TALK], "item 'hello' is a scenario, and opt_out shows one text and no conversation"),
    ],
)
def test_items_that_are_none(items: Sequence[bb.Task], said: str) -> None:
    with pytest.raises(bb.BartlebyError) as error:
        bb.Study("s", items, bb.OptOut())
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"paradigm": bb.TaskChoice}, r"the class TaskChoice; write it with brackets: TaskChoice\(\)"),
        ({"paradigm": "choice"}, "paradigm is 'choice'; allowed"),
        ({"settings": {"max_tokens": 3}}, "settings is .*; allowed: bb.Settings"),
        ({"conditions": ["order"]}, "conditions is .*; allowed: lists of levels"),
        ({"samples": "3"}, "samples is '3'; allowed: a whole number"),
        ({"seed": 1.5}, "seed is 1.5; allowed: a whole number"),
    ],
)
def test_other_parts_of_a_study(given: dict[str, Any], said: str) -> None:
    with pytest.raises(bb.BartlebyError, match=said):
        bb.Study("s", TASKS, **{"paradigm": bb.TaskChoice(), **given})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: bb.TaskChoice(bb.SparsePairs), "graph is the class SparsePairs; allowed"),  # type: ignore[arg-type]
        (lambda: bb.TaskChoice(wordings="x"), "wordings is 'x'; allowed"),  # type: ignore[arg-type]
        (lambda: bb.OptOut(wordings={"a": "x"}), "allowed: at least one ExitWording"),  # type: ignore[dict-item]
        (lambda: bb.EndConversation(battery=[1]), "battery is .1.; allowed"),  # type: ignore[arg-type]
    ],
)
def test_parts_of_a_paradigm(make: Callable[[], object], said: str) -> None:
    with pytest.raises(bb.BartlebyError, match=said):
        make()
