"""A trial: what is presented to a model once; and a reading: what its replies were read as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bartleby.outcome import Outcome
from bartleby.studies.items import Attribute, Item

__all__ = ["Reading", "Showing", "Trial"]


@dataclass(frozen=True)
class Showing:
    """Items that are shown together in this order, and the conditions that this order stands for.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.paradigms.Showing((bb.Task("poem", "Write a poem."),), {"order": "forward"}).conditions
    {'order': 'forward'}
    """

    items: tuple[Item, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One trial of a design.

    Parameters
    ----------
    id
        Hash of what will be shown and of the sample number.
    items
        The items, in the order in which they are shown.
    conditions
        Level of each condition: wording, order, channel, ...
    sample
        Number of this repetition, from 0.
    template
        Hash of the wording without the items.

    Examples
    --------
    >>> import bartleby as bb
    >>> tasks = [bb.Task("poem", "Write a poem."), bb.Task("sum", "Add these numbers.")]
    >>> trial = next(bb.Study("mine", tasks, bb.TaskChoice()).trials())
    >>> trial.sample, trial.conditions["wording"]
    (0, 'prefer')
    """

    id: str
    items: tuple[Item, ...]
    conditions: Mapping[str, str]
    sample: int
    template: str

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as JSON values, items by id."""
        return {
            "id": self.id,
            "items": [item.id for item in self.items],
            "conditions": dict(self.conditions),
            "sample": self.sample,
            "template": self.template,
        }


@dataclass(frozen=True)
class Reading:
    """What the replies of a trial were read as.

    Parameters
    ----------
    outcome
        How it ended.
    refused
        Whether it declined in words, read independently of any exit; None where there was nothing to read.
    turn, turns
        At which turn it exited, and how many were offered.
    columns
        Further columns for the trial table, such as the probability of each answer.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.paradigms.Reading(bb.Outcome.OPTED_OUT, turn=2, turns=8).turn
    2
    """

    outcome: Outcome
    refused: bool | None = None
    turn: int | None = None
    turns: int | None = None
    columns: Mapping[str, Attribute] = field(default_factory=dict)
