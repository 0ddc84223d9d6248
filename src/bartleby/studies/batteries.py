"""Batteries: short self-reports, each statement answered on a scale of whole numbers with named ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bartleby.errors import DataError

__all__ = ["Battery", "Statement"]


@dataclass(frozen=True)
class Statement:
    """One question of a battery, in one wording.

    Parameters
    ----------
    id
        Unique name within the battery: the columns are `before_<id>` and `after_<id>`.
    text
        What is asked.
    low, high
        What the ends of the scale mean.
    concept
        What it is about: several wordings of one thing share it. By default the id.
    reverse
        Whether a high number says little of the concept. Columns hold the number as it was given.
    points
        How many points the scale has, from 1.

    Raises
    ------
    DataError
        If any of it is not allowed; all problems are named at once.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.self_reports.Statement("calm", "How calm are you?").points
    7
    """

    id: str
    text: str
    low: str = "not at all"
    high: str = "completely"
    concept: str = ""
    reverse: bool = False
    points: int = 7

    def __post_init__(self) -> None:
        if not self.concept:
            object.__setattr__(self, "concept", self.id)
        problems = [f"statement {self.id!r}: {each}" for each in _problems(self)]
        if problems:
            raise DataError(problems)

    def scored(self, answer: int) -> int:
        """Return an answer with a reversed scale turned round, so that high says much of the concept."""
        return self.points + 1 - answer if self.reverse else answer

    def to_dict(self) -> dict[str, Any]:
        """Return the statement as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Battery:
    """Statements that are asked one by one, each on its own.

    Parameters
    ----------
    statements
        At least one, with distinct ids and texts.

    Raises
    ------
    DataError
        If there is none, or an id or a text occurs twice.

    Examples
    --------
    >>> import bartleby as bb
    >>> len(bb.self_reports.Battery((bb.self_reports.Statement("calm", "How calm are you?"),)).statements)
    1
    """

    statements: tuple[Statement, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "statements", tuple(self.statements))
        problems = [] if self.statements else ["a battery needs at least one statement"]
        for name in ("id", "text"):
            values = [getattr(each, name) for each in self.statements]
            problems += [
                f"two statements have the same {name}: {value!r}"
                for value in dict.fromkeys(values)
                if values.count(value) > 1
            ]
        if problems:
            raise DataError(problems)

    def concepts(self) -> dict[str, tuple[Statement, ...]]:
        """Return the statements by what they are about."""
        found: dict[str, list[Statement]] = {}
        for each in self.statements:
            found.setdefault(each.concept, []).append(each)
        return {concept: tuple(wordings) for concept, wordings in found.items()}

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the battery as JSON values."""
        return [each.to_dict() for each in self.statements]


def _problems(statement: Statement) -> list[str]:
    told: Mapping[str, object] = statement.to_dict()
    problems = [
        f"column {name!r} is {told[name]!r}; allowed: a text that is not empty"
        for name in ("id", "text", "low", "high", "concept")
        if not isinstance(told[name], str) or not str(told[name]).strip()
    ]
    scale = re.search(r"\b1\s*(?:to|through|[-–])\s*(\d+)\b", str(statement.text))
    if scale is not None:
        problems.append(
            f"column 'text' names a scale ({scale.group()!r}), and one from 1 to {statement.points} is added "
            "to it; remove it from the text"
        )
    if not isinstance(told["reverse"], bool):
        problems.append(f"column 'reverse' is {statement.reverse!r}; allowed: true, false")
    points = told["points"]
    if isinstance(points, bool) or not isinstance(points, int) or not 2 <= points <= 10:
        problems.append(f"column 'points' is {points!r}; allowed: a whole number from 2 to 10")
    return problems
