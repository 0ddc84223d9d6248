"""A study: a frozen declaration, and the trials that follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from math import prod
from typing import Any, Literal, get_args

import numpy as np

from bartleby.errors import DesignError, StudyError
from bartleby.exchange import Settings, canonical_json, content_hash, text_hash
from bartleby.outcome import Outcome
from bartleby.studies.caps import Caps
from bartleby.studies.items import Item, check_items
from bartleby.studies.paradigms.base import Conversational, Paradigm, Scripted, Settling, Worded
from bartleby.studies.scenarios import Scenario
from bartleby.studies.trial import Showing, Trial
from bartleby.visible import Printed

__all__ = ["DESCRIBING", "Study"]

OtherModels = Literal["excluded", "accepted"]
DESCRIBING = ("title", "description", "caps", "other_models")
"""Parts of a declaration that decide nothing of what a trial asks: a log goes on when they change."""


@dataclass(frozen=True, repr=False)
class Study(Printed):
    """What is asked: items, a paradigm, conditions, samples and a seed. Making one sends nothing.

    Parameters
    ----------
    name
        Name of the study: that of its files in `studies/`, `analysis/`, `notebooks/` and `data/`.
    items
        What is offered.
    paradigm
        How it is presented to a model.
    conditions
        Levels of the paradigm's conditions that are crossed with one another; a condition that is not
        named has its default level.
    samples
        How often each trial is repeated. Repeats say more about these items and nothing about others.
    seed
        Seed of the design: which pairs, and in which order trials are asked.
    settings
        How the model is run.
    caps
        The most turns, tokens and aversive turns of the whole study. They can be raised later: a run that
        is started again goes on.
    title, description
        For the reader of the report.
    other_models
        What becomes of trials in which another model than the one that was asked has answered, as where a
        provider serves by another one what the first would not take: with `excluded` their outcome is
        `other_model`, which estimates exclude and bound; with `accepted` it is what was answered. The column
        `served` says in either case who answered.

    Raises
    ------
    StudyError
        With all problems at once.

    Examples
    --------
    >>> import bartleby as bb
    >>> tasks = [
    ...     bb.Task("sort", "Sort these names."),
    ...     bb.Task("poem", "Write a poem."),
    ...     bb.Task("sum", "Add these numbers."),
    ... ]
    >>> bb.Study("mine", tasks, bb.TaskChoice(), samples=2).count()
    12
    """

    name: str
    items: Sequence[Item]
    paradigm: Paradigm
    conditions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    samples: int = 1
    seed: int = 0
    settings: Settings = field(default_factory=Settings)
    caps: Caps = field(default_factory=Caps)
    title: str = ""
    description: str = ""
    other_models: OtherModels = "excluded"

    def __post_init__(self) -> None:
        _require_made(self)
        object.__setattr__(self, "items", check_items(self.items))
        factors = self.paradigm.factors()
        problems = _problems(self, factors)
        if problems:
            raise StudyError("\n".join(f"study {self.name!r}: {each}" for each in problems))
        levels = {name: tuple(self.conditions.get(name, known[:1])) for name, known in factors.items()}
        object.__setattr__(self, "conditions", levels)
        if isinstance(self.paradigm, Worded):
            clashes = dict.fromkeys(text for cell in self._cells() for text in self.paradigm.clashes(cell))
            if clashes:
                raise StudyError("\n".join(f"study {self.name!r}: {text}" for text in clashes))

    def __str__(self) -> str:
        """Say in a few lines what is asked, how, and how often."""
        crossed = [
            f"{name} ({', '.join(levels)})" for name, levels in self.conditions.items() if len(levels) > 1
        ]
        samples = f"{self.samples} sample{'s' * (self.samples > 1)} of each trial"
        lines = [
            f"study {self.name}{f': {self.title}' if self.title else ''}",
            f"  {len(self.items)} items by {self.paradigm.name}; {self._most():,} trials",
            f"  {samples}, seed {self.seed}; varied: {'; '.join(crossed) or 'nothing'}",
        ]
        return "\n".join(lines)

    def trials(self, outcomes: Mapping[str, Outcome] | None = None) -> Iterator[Trial]:
        """Yield every trial of the design, the same ones in the same order for the same seed.

        Parameters
        ----------
        outcomes
            Outcome by trial id, so far. Designs with several rounds give the trials of a round when all
            of the round before have one; other designs do not look at it.

        Raises
        ------
        DesignError
            If two trials that were meant to differ show the same text, or the pairs are not connected.
        """
        known = outcomes or {}
        history: list[tuple[Trial, Outcome]] = []
        seen: dict[str, Trial] = {}
        for number in range(self.paradigm.rounds):
            batch = self._round(number, history, seen)
            yield from batch
            if any(trial.id not in known for trial in batch):
                return
            history += [(trial, known[trial.id]) for trial in batch]

    def count(self) -> int:
        """Return how many trials there will be (an upper bound for designs with several rounds)."""
        return sum(1 for _ in self.trials()) if self.paradigm.rounds == 1 else self._most()

    def _most(self) -> int:
        """Return how many trials there are as the paradigm counts them, without building any."""
        return self.paradigm.count(len(self.items)) * len(list(self._cells())) * self.samples

    def with_levels(self, **levels: Sequence[str] | str) -> Study:
        """Return the study with other levels of some conditions: `study.with_levels(exit_channel="string")`.

        Raises
        ------
        StudyError
            If there is no such condition or level.
        """
        named = {name: (given,) if isinstance(given, str) else tuple(given) for name, given in levels.items()}
        return replace(self, conditions={**self.conditions, **named})

    def for_channels(self, supported: Sequence[str], model: str) -> Study:
        """Return the study with `auto` replaced by the first channel, and exit, that a model supports.

        Raises
        ------
        StudyError
            If the study fixes a channel that the model does not support, or offers an exit by a tool to a
            model that cannot call one.
        """
        problems = self.unsupported(supported, model)
        if problems:
            raise StudyError("\n".join(problems))
        exits = [exit_channel for exit_channel in self._exits() if _can_take(exit_channel, supported)]
        first = {"channel": supported[:1], "exit_channel": exits[:1]}
        levels = dict(self.conditions)
        for name, automatic in first.items():
            if "auto" in levels.get(name, ()):
                named = [level for one in levels[name] for level in (automatic if one == "auto" else (one,))]
                levels[name] = tuple(named)
        return self if levels == self.conditions else replace(self, conditions=levels)

    def unsupported(self, supported: Sequence[str], model: str) -> list[str]:
        """Return which levels a model that supports these channels cannot be asked, with the repair."""
        problems = []
        exits = self.conditions.get("exit_channel", ())
        if "tool" in exits and "tool" not in supported:
            others = [level for level in exits if level != "tool"] or [
                level for level in self._exits() if level != "tool"
            ][:1]
            problems.append(
                f"study {self.name!r} offers the exit channel 'tool', and {model} cannot call tools; "
                f"{_repair('exit_channel', others)}"
            )
        channels = self.conditions.get("channel", ())
        wrong = [level for level in channels if level != "auto" and level not in supported]
        if wrong:
            others = [level for level in channels if level not in wrong] or ["auto"]
            problems.append(
                f"study {self.name!r} fixes the answer channel {', '.join(map(repr, wrong))}, which {model} "
                f"does not support; allowed: auto, {', '.join(supported)}; {_repair('channel', others)}"
            )
        return problems

    def _exits(self) -> tuple[str, ...]:
        """Return the exit channels that the paradigm knows, the preferred one first."""
        return tuple(getattr(self.paradigm, "exit_channels", ()))

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values: what the log freezes."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "items": [item.to_dict() for item in self.items],
            "paradigm": self.paradigm.to_dict(),
            "conditions": {name: list(levels) for name, levels in self.conditions.items()},
            "samples": self.samples,
            "seed": self.seed,
            "settings": {**asdict(self.settings), "max_tokens": self.settings.ceiling},
            "caps": self.caps.to_dict(),
            **({} if self.other_models == "excluded" else {"other_models": self.other_models}),
        }

    def needs_user(self) -> bool:
        """Return whether some trial asks a model that plays the user."""
        paradigm = self.paradigm
        return isinstance(paradigm, Conversational) and any(map(paradigm.needs_user, self._cells()))

    def fingerprint(self) -> str:
        """Return a hash of all that decides what is asked: not of the title, description and caps."""
        told = self.to_dict()
        return content_hash({name: told[name] for name in told if name not in DESCRIBING})

    def notes(self) -> list[str]:
        """Return what is to be said of the design: which conditions are not crossed with which."""
        crossed = prod(len(levels) for levels in self.conditions.values())
        cells = list(self._cells())
        if len(cells) == crossed:
            return []
        names = [
            name
            for name, levels in self.conditions.items()
            if len(levels) > 1 and any(name not in cell for cell in cells)
        ]
        return [
            f"{crossed} combinations of conditions are {len(cells)} cells: {', '.join(names)} "
            "left out where it would make no difference (NA in the table)"
        ]

    def _cells(self) -> Iterator[dict[str, str]]:
        """Yield the combinations of conditions, those that differ in nothing that matters once."""
        names, seen = list(self.conditions), set[tuple[tuple[str, str], ...]]()
        for levels in product(*self.conditions.values()):
            cell = dict(zip(names, levels, strict=True))
            if isinstance(self.paradigm, Settling):
                cell = self.paradigm.settle(cell)
            if tuple(cell.items()) not in seen:
                seen.add(tuple(cell.items()))
                yield cell

    def _round(
        self, number: int, history: Sequence[tuple[Trial, Outcome]], seen: dict[str, Trial]
    ) -> list[Trial]:
        """Return the trials of one round, in random order so that drift is not taken for a condition."""
        rng = np.random.default_rng([self.seed, number])
        showings = self.paradigm.showings(self.items, rng, number, history)
        batch = []
        for showing, cell in product(showings, list(self._cells())):
            for trial in self._samples(showing, cell):
                if trial.id in seen:
                    raise DesignError(_collision(self.name, seen[trial.id], trial))
                seen[trial.id] = trial
                batch.append(trial)
        return [batch[i] for i in rng.permutation(len(batch))]

    def identity(self, items: Sequence[Item], conditions: Mapping[str, str], sample: int) -> str:
        """Return the id of a trial: a hash of what it shows, and of its sample number."""
        return content_hash([self._shown(items, conditions), sample], 24)

    def _shown(self, items: Sequence[Item], conditions: Mapping[str, str]) -> str:
        """Return a hash of all that a trial may show."""
        shown = self.paradigm.opening(items, conditions, self.settings).shown_json()
        about: dict[str, Any] = {"asks": self.paradigm.asks(conditions)}
        if isinstance(self.paradigm, Scripted):
            about["script"] = self.paradigm.script(items, conditions)
        # What is shown is JSON already; its key comes last of all.
        return text_hash(f'{canonical_json(about)[:-1]},"shown":{shown}}}')

    def _samples(self, showing: Showing, cell: Mapping[str, str]) -> Iterator[Trial]:
        conditions = {**cell, **showing.conditions}
        shown = self._shown(showing.items, conditions)
        template = content_hash(self.paradigm.template(conditions), 12)
        for sample in range(self.samples):
            identity = content_hash([shown, sample], 24)
            yield Trial(identity, showing.items, conditions, sample, template)


def _require_made(study: Study) -> None:
    """Raise where a class stands in place of what is made of it, or a mapping in place of a value."""
    paradigm: object = study.paradigm
    problems = []
    if isinstance(paradigm, type):
        name = paradigm.__name__
        problems.append(f"paradigm is the class {name}; write it with brackets: {name}()")
    elif not all(hasattr(paradigm, name) for name in ("factors", "present", "read")):
        allowed = "bb.TaskChoice(), bb.OptOut(), bb.EndConversation(), or one of your own"
        problems.append(f"paradigm is {paradigm!r}; allowed: {allowed}")
    for name in ("samples", "seed"):
        value = getattr(study, name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            problems.append(f"{name} is {value!r}; allowed: a whole number")
    for name, kind in (("settings", Settings), ("caps", Caps)):
        value = getattr(study, name)
        if not isinstance(value, kind):
            problems.append(f"{name} is {value!r}; allowed: bb.{kind.__name__}(...)")
    conditions: object = study.conditions
    if not isinstance(conditions, Mapping):
        problems.append(f"conditions is {study.conditions!r}; allowed: lists of levels by condition")
    if problems:
        raise StudyError("\n".join(f"study {study.name!r}: {problem}" for problem in problems))


def _misplaced(study: Study) -> list[str]:
    """Return which scenarios are in a paradigm that would say nothing but their first line."""
    if isinstance(study.paradigm, Conversational):
        return []
    return [
        f"item {item.id!r} is a scenario, and {study.paradigm.name} shows one text and no conversation; "
        "allowed: bb.Task, or the paradigm bb.EndConversation()"
        for item in study.items
        if isinstance(item, Scenario)
    ]


def _can_take(exit_channel: str, supported: Sequence[str]) -> bool:
    """Whether a model that supports these answer channels can take an exit."""
    return exit_channel != "tool" or "tool" in supported


def _repair(condition: str, levels: Sequence[str]) -> str:
    """Return how other levels are named, on the command line and in Python."""
    return f"use --set {condition}={','.join(levels)}, or study.with_levels({condition}={list(levels)})"


def _problems(study: Study, factors: Mapping[str, tuple[str, ...]]) -> list[str]:
    problems = _misplaced(study)
    if not isinstance(study.name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", study.name):
        problems.append(f"name is {study.name!r}; allowed: letters, digits, '_', '-' and '.'")
    if study.samples < 1:
        problems.append(f"samples is {study.samples}; allowed: 1 or more")
    if study.seed < 0:
        problems.append(f"seed is {study.seed}; allowed: 0 or more")
    if study.other_models not in get_args(OtherModels):
        allowed = ", ".join(get_args(OtherModels))
        problems.append(f"other_models is {study.other_models!r}; allowed: {allowed}")
    if study.settings.ceiling < 1:
        problems.append(f"settings: max_tokens is {study.settings.max_tokens}; allowed: 1 or more")
    for name, levels in study.conditions.items():
        if name not in factors:
            problems.append(f"condition {name!r} is unknown; allowed: {', '.join(factors)}")
        elif isinstance(levels, str) or not levels:
            problems.append(f"condition {name!r} is {levels!r}; allowed: a list of levels")
        else:
            known = ", ".join(factors[name])
            problems += [
                f"condition {name!r} has the level {level!r}; allowed: {known}"
                for level in levels
                if level not in factors[name]
            ]
            if len(set(levels)) < len(levels):
                problems.append(f"condition {name!r} names a level twice: {', '.join(levels)}")
    return problems


def _collision(study: str, one: Trial, other: Trial) -> str:
    """Say which two trials show the same text, and in which conditions they were meant to differ."""
    items = " / ".join(item.id for item in other.items)
    if one.items != other.items:
        first = " / ".join(item.id for item in one.items)
        return (
            f"study {study!r}: the items {first} and {items} show one identical text, so they cannot be told "
            "apart; remove one of them"
        )
    differ = [name for name in other.conditions if one.conditions.get(name) != other.conditions[name]]
    if not differ:
        return f"study {study!r}: the trial of {items} occurs twice in the design"
    pairs = ", ".join(f"{n}={one.conditions.get(n)!r} and {n}={other.conditions[n]!r}" for n in differ)
    return (
        f"study {study!r}: {pairs} show one identical text (for {items}), so they cannot be told apart; "
        "remove one of them or give it a text of its own"
    )
