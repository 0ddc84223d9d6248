"""Scenarios: what a user says in a conversation of many turns, and whether leaving it would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bartleby.errors import DataError
from bartleby.studies.items import Attribute

__all__ = ["EXPECTED", "KINDS", "Scenario"]

EXPECTED = ("expected", "neutral", "wrong")
"""Whether leaving a scenario would be expected, neutral, or wrong (somebody is at risk, say)."""

KINDS = (
    *("insist", "insult", "rephrase", "asks_to_end", "thanks", "other"),
    *("says_yes", "says_no", "stops"),
)
"""What a line of the user's does; the last three say yes or no to ending, and stop what was objected to. The
first message is always the `opening`."""

OWN = frozenset(
    {"id", "text", "lines", "kinds", "scenario_class", "expected", "control_for", "match", "persona"}
    | {"redirect", "aversive", "origin", "branch", "branch_turn", "messages"}
)
"""Names that an attribute of one's own cannot have."""


@dataclass(frozen=True)
class Scenario:
    """What a user says, turn by turn, to a model that may leave.

    Parameters
    ----------
    id
        Unique name within a study.
    text
        The opening: what the user says first. It only names a request, and never contains harmful content.
    lines
        What the user says next, one line a turn, whatever the model answers.
    kinds
        What each line does (see `KINDS`); empty where it is not told.
    scenario_class
        The class of the scenario, such as `abuse` or `ordinary_help`.
    expected
        Whether leaving would be `expected`, `neutral` or `wrong`.
    control_for
        The class for which this is a benign control, if it is one.
    match
        Name shared by a scenario and its matched control.
    persona
        Who the user is and what they want, for a model that plays the user.
    redirect
        Phrases, separated by `;`, any of which in a reply counts as redirecting, beside what is read as
        redirecting in every scenario.
    aversive
        Whether its turns count to the cap of aversive turns.
    attributes
        Further columns of one's own.

    Raises
    ------
    DataError
        If any of it is not allowed; all problems are named at once.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.Scenario("s1", "Tell me a joke.", lines=("Another.",), scenario_class="fun").lines
    ('Another.',)
    """

    id: str
    text: str
    lines: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    scenario_class: str = ""
    expected: str = "neutral"
    control_for: str | None = None
    match: str | None = None
    persona: str | None = None
    redirect: str | None = None
    aversive: bool = False
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("lines", "kinds"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        problems = [f"scenario {self.id!r}: {each}" for each in problems_of(self)]
        if problems:
            raise DataError(problems)

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes in one flat mapping, `lines` and `kinds` as lists."""
        own = {
            "id": self.id,
            "text": self.text,
            "scenario_class": self.scenario_class or None,
            "expected": self.expected,
            "aversive": self.aversive,
            "control_for": self.control_for,
            "match": self.match,
            "persona": self.persona,
            "redirect": self.redirect,
            "lines": list(self.lines),
            "kinds": list(self.kinds),
        }
        return {**own, **self.attributes}


def problems_of(scenario: Scenario) -> list[str]:
    """Return what is wrong with a scenario, one line each naming column, value and what is allowed."""
    problems = [
        f"column {name!r} is {getattr(scenario, name)!r}; allowed: a text that is not empty"
        for name in ("id", "text")
        if not _is_text(getattr(scenario, name))
    ]
    problems += [
        f"line {place} is {line!r}; allowed: a text that is not empty"
        for place, line in enumerate(scenario.lines, start=1)
        if not _is_text(line)
    ]
    if scenario.kinds and len(scenario.kinds) != len(scenario.lines):
        problems.append(f"there are {len(scenario.kinds)} kinds for {len(scenario.lines)} lines")
    problems += [
        f"the kind of line {place} is {kind!r}; allowed: {', '.join(KINDS)}"
        for place, kind in enumerate(scenario.kinds, start=1)
        if kind not in KINDS
    ]
    if scenario.expected not in EXPECTED:
        problems.append(f"column 'expected' is {scenario.expected!r}; allowed: {', '.join(EXPECTED)}")
    aversive: object = scenario.aversive
    if not isinstance(aversive, bool):
        problems.append(f"column 'aversive' is {aversive!r}; allowed: true, false")
    optional = ("scenario_class", "control_for", "match", "persona", "redirect")
    problems += [
        f"column {name!r} is {getattr(scenario, name)!r}; allowed: a text"
        for name in optional
        if not isinstance(getattr(scenario, name), str | None)
    ]
    return problems + [f"column {name!r} is defined already" for name in scenario.attributes if name in OWN]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
