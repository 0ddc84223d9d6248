"""What is offered: items of any kind, and tasks with their attributes, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from bartleby.errors import DataError

__all__ = ["LEVELS", "Attribute", "Item", "Task", "check_items"]

Attribute = str | float | int | bool | None
"""What an attribute of an item can be."""


class Item(Protocol):
    """Anything that a study puts to a model: a task, a scenario, a conversation to go on with."""

    @property
    def id(self) -> str:
        """Unique name within a study; it is what tables and figures show."""
        ...

    @property
    def text(self) -> str:
        """What is put to the model first."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes in one flat mapping of JSON values, `id` and `text` included."""
        ...


LEVELS: Mapping[str, tuple[str, ...]] = {
    "kind": ("task", "opt_out", "free_choice"),
    "impact": ("positive", "neutral", "harmful"),
    "harm": ("none", "mild", "severe"),
    "difficulty": ("easy", "medium", "hard"),
}
"""The words allowed in each attribute of a fixed vocabulary, in order."""

NUMERIC = frozenset({"harm", "difficulty"})
"""Attributes of a fixed vocabulary that may be numbers instead."""


@dataclass(frozen=True)
class Task:
    """One thing that a model could be asked to do, or to leave undone.

    Parameters
    ----------
    id
        Unique name within a study; it is what tables and figures show.
    text
        The request as it is put to the model. A harmful task only names the request.
    title
        A few words, for when tasks are the labels of the answers.
    kind
        `task`, `opt_out` (an explicit way to do nothing, offered as an ordinary item) or `free_choice`.
    impact
        `positive`, `neutral` or `harmful`.
    harm
        `none`, `mild`, `severe`, or a number that grows with severity.
    difficulty
        `easy`, `medium`, `hard`, or a number.
    category
        Any grouping.
    attributes
        Further columns of one's own; they are joined to the trial table under their own names.

    Raises
    ------
    DataError
        If any of it is not allowed; all problems are named at once.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.Task("sort-names", "Sort these twenty names.", harm="none").id
    'sort-names'
    """

    id: str
    text: str
    title: str | None = None
    kind: str = "task"
    impact: str | None = None
    harm: str | float | None = None
    difficulty: str | float | None = None
    category: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = [f"task {self.id!r}: {each}" for each in problems_of(self)]
        if problems:
            raise DataError(problems)

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes in one flat mapping, `id` and `text` included."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "attributes"}
        return {**own, **self.attributes}


def problems_of(task: Task) -> list[str]:
    """Return what is wrong with a task, one line each naming the column, the value and what is allowed."""
    problems = [
        f"column {name!r} is {getattr(task, name)!r}; allowed: a text that is not empty"
        for name in ("id", "text")
        if not isinstance(getattr(task, name), str) or not getattr(task, name).strip()
    ]
    for name, allowed in LEVELS.items():
        value = getattr(task, name)
        if not _is_allowed(name, value, allowed):
            number = " or a number" if name in NUMERIC else ""
            problems.append(f"column {name!r} is {value!r}; allowed: {', '.join(allowed)}{number}")
    known = {f.name for f in fields(task)}
    problems += [f"column {name!r} is defined already" for name in task.attributes if name in known]
    return problems


def _is_allowed(name: str, value: object, allowed: tuple[str, ...]) -> bool:
    if isinstance(value, str):
        return value in allowed
    if value is None:
        return name != "kind"
    return name in NUMERIC and isinstance(value, (int, float)) and math.isfinite(value)


def _is_item(item: object) -> bool:
    return not isinstance(item, type) and all(hasattr(item, name) for name in ("id", "text", "to_dict"))


def _not_an_item(place: int, item: object) -> str:
    if isinstance(item, type):
        made = f"{item.__name__}('name', 'what is asked')"
        return f"item {place} is the class {item.__name__}; make one of it: {made}"
    kind, allowed = type(item).__name__, "bb.Task('name', 'what is asked'), bb.Scenario(...)"
    return f"item {place} is the {'text' if kind == 'str' else kind} {str(item)[:60]!r}; allowed: {allowed}"


def check_items(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items of a study, after checking that their ids, and the texts of tasks, are distinct.

    Two conversations may begin with the same text; that they differ in what follows is checked where their
    trials are made.

    Raises
    ------
    DataError
        If there is none, or an id or a task's text occurs twice.
    """
    if isinstance(items, (str, Path)):
        loaders = "bb.load_tasks or bb.load_scenarios"
        raise DataError(f"items is the text {str(items)!r}; a file is loaded with {loaders}")
    if hasattr(items, "columns") or not isinstance(items, Iterable):
        kind = type(items).__name__
        raise DataError(f"items is a {kind}; allowed: a list of bb.Task or bb.Scenario")
    kept = tuple(items)
    strange = [_not_an_item(place, item) for place, item in enumerate(kept, start=1) if not _is_item(item)]
    if strange:
        raise DataError(strange)
    problems = [] if kept else ["there are no items; a study needs at least one"]
    for name in ("id", "text"):
        seen: dict[str, str] = {}
        for item in kept if name == "id" else [each for each in kept if isinstance(each, Task)]:
            value = getattr(item, name)
            if value in seen:
                problems.append(f"items {seen[value]!r} and {item.id!r} have the same {name}: {value!r}")
            seen[value] = item.id
    if problems:
        raise DataError(problems)
    return kept
