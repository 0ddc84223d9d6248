"""Task choice: two tasks are shown and the model takes one.

After Thurstone's and Bradley and Terry's paired comparisons, as used in the first published welfare
assessment of a language model: explicit opt-out tasks are ordinary items, so that the share of tasks that
fall below doing nothing can be estimated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from bartleby.errors import DesignError, StudyError
from bartleby.exchange import Exchange, Message, Option, Reply, Request, Settings
from bartleby.outcome import CHOICES, Outcome
from bartleby.studies.design.graphs import AllPairs, Pair, PairGraph, components
from bartleby.studies.design.wordings import (
    FRAMINGS,
    LABEL_SETS,
    NEITHER,
    NO_PREFERENCE,
    check_template,
    strange_texts,
    template_clashes,
)
from bartleby.studies.items import Attribute, Item
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.paradigms.channels import CHANNELS, Channel, instruction, pose, read_answer
from bartleby.studies.paradigms.refusals import declines
from bartleby.studies.trial import Reading, Showing, Trial

__all__ = ["TaskChoice"]

WILL_DO = "You will then be asked to do the one you take."
DO_IT = "Thank you. Please do it now: {task}"
_LABELLED = re.compile(
    r"\s*\(?(?:(?:option|task|choice)\s+(?:[A-D]|[1-4])|[A-D])\)?\s*[:.)]\s", re.IGNORECASE
)

EXITS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "none": (),
    "neither": (("exit", NEITHER),),
    "no_preference": (("indifferent", NO_PREFERENCE),),
    "both": (("exit", NEITHER), ("indifferent", NO_PREFERENCE)),
}
"""Answers beyond the two tasks, by level of the condition `exits`: (meaning, words)."""


@dataclass(frozen=True)
class TaskChoice:
    """Two tasks are shown, in both orders, and the model takes one.

    Conditions (levels; the first is the default):

    `wording`
        The framing; see `FRAMINGS`, or bring your own in `wordings`.
    `labels`
        How the answers are named: `A/B`, `B/A`, `1/2`, `names`.
    `channel`
        How the answer comes; `auto` takes the most reliable one that the model supports.
    `exits`
        Further answers: `none`, `neither` (an exit), `no_preference`, `both`.
    `commitment`
        `says`: the model only says which it takes. `does`: it is told beforehand that it will do the one
        it takes, and is then asked to; the work is logged, and a choice whose work is refused has the
        outcome `refused` with what was said in the column `said`.

    Parameters
    ----------
    graph
        Which pairs are shown.
    wordings
        Templates by name, with `{first}`, `{second}` and, for studies with exits, `{exits}`.

    Raises
    ------
    StudyError
        If a template lacks a place or has one that nothing fills.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.TaskChoice(bb.SparsePairs(4)).graph
    SparsePairs(degree=4, hubs=())
    """

    graph: PairGraph = field(default_factory=AllPairs)
    wordings: Mapping[str, str] = field(default_factory=lambda: FRAMINGS)
    name: ClassVar[str] = "task_choice"

    def __post_init__(self) -> None:
        graph: object = self.graph
        if isinstance(graph, type) or not hasattr(graph, "pairs"):
            shown = f"the class {graph.__name__}" if isinstance(graph, type) else repr(graph)
            allowed = "AllPairs(), SparsePairs(degree), SwissRounds(rounds)"
            raise StudyError(f"graph is {shown}; allowed: {allowed}")
        strange = strange_texts("wordings", self.wordings)
        if strange:
            raise StudyError("\n".join(strange))
        for name, template in self.wordings.items():
            check_template(name, template)

    @property
    def rounds(self) -> int:
        """How many rounds the pair graph has."""
        return self.graph.rounds

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        """Return the conditions with their levels; the first is the default."""
        return {
            "wording": tuple(self.wordings),
            "labels": tuple(LABEL_SETS),
            "channel": ("auto", *CHANNELS),
            "exits": tuple(EXITS),
            "commitment": ("says", "does"),
        }

    def texts(self) -> Mapping[str, Mapping[str, str]]:
        """Return the framings, the label sets, and the answers beyond the two tasks."""
        return {
            "wording": self.wordings,
            "labels": {
                name: ", ".join(labels) or "titles of the tasks" for name, labels in LABEL_SETS.items()
            },
            "exits": {name: " / ".join(words for _, words in exits) for name, exits in EXITS.items()},
            "commitment": {"says": "", "does": f"{WILL_DO} / {DO_IT}"},
        }

    def clashes(self, conditions: Mapping[str, str]) -> list[str]:
        """Return what the framing says twice, or contradicts, under these conditions."""
        name, exits, label_set = conditions["wording"], conditions["exits"], conditions["labels"]
        template = self.wordings[name]
        labels = LABEL_SETS[label_set][: 2 + len(EXITS[exits])]
        how = instruction(_channel(conditions), labels or ("<title>", "<title>"))
        problems = template_clashes(template, labels, label_set, how)
        if EXITS[exits] and "{exits}" not in template:
            problems.append(
                f"it has no place for {{exits}}, so that what exits={exits!r} offers would not be shown; "
                f"write {{exits}} right after {{second}}; its text is {template!r}"
            )
        return [f"wording {name!r}: {problem}" for problem in problems]

    def showings(
        self,
        items: Sequence[Item],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        """Return the pairs of round `number`, each in both orders; `pairing` says how they were chosen.

        Raises
        ------
        DesignError
            If there are fewer than two items, or the pairs do not connect them.
        """
        if len(items) < 2:
            raise DesignError(f"a task choice needs 2 items or more; this study has {len(items)}")
        labelled = [item.id for item in items if _LABELLED.match(item.text)]
        if labelled:
            raise DesignError(
                f"texts of the items {', '.join(labelled)} begin with a label ('A: ', 'Option B. '), and one "
                "is put before them; remove it from the texts"
            )
        by_id = {item.id: item for item in items}
        previous = _distinct_pairs(history)
        pairs = self.graph.pairs(list(by_id), rng, number, previous, _scores(history))
        if number + 1 == self.rounds:
            _require_connected(by_id, [*previous, *pairs])
        # Where answers decide which pairs are asked, the analysis has to know which they are.
        paired = {"pairing": "adaptive" if self.graph.adapts(number) else "random"} if self.rounds > 1 else {}
        return [
            Showing((by_id[a], by_id[b]), {"order": order, **paired})
            for one, other in pairs
            for order, (a, b) in (("forward", (one, other)), ("reverse", (other, one)))
        ]

    def count(self, items: int) -> int:
        """Return how many pairs there will be, counting both orders."""
        return 2 * self.graph.count(items)

    def opening(self, items: Sequence[Item], conditions: Mapping[str, str], settings: Settings) -> Request:
        """Return the request that shows two tasks."""
        options = _options(items, conditions)
        lines = _lines(items, options, conditions)
        exits = "".join(f"\n{line}" for line in lines[2:])
        text = self.wordings[conditions["wording"]].format(first=lines[0], second=lines[1], exits=exits)
        parts = [text, WILL_DO] if conditions["commitment"] == "does" else [text]
        channel = _channel(conditions)
        parts.append(instruction(channel, [option.label for option in options]))
        request = Request((Message("user", " ".join(parts)),), settings, options=options)
        return pose(request, channel)

    def template(self, conditions: Mapping[str, str]) -> str:
        """Return the wording and all that these conditions add to it."""
        exits = [words for _, words in EXITS[conditions["exits"]]]
        added = [WILL_DO, DO_IT] if conditions["commitment"] == "does" else []
        labels = LABEL_SETS[conditions["labels"]] or ("names",)
        channel = instruction(_channel(conditions), ["{labels}"])
        return "\n".join([self.wordings[conditions["wording"]], *labels, *exits, *added, channel])

    def asks(self, conditions: Mapping[str, str]) -> int:
        """Return 1 where the model only says what it takes, 2 where it does it."""
        return 2 if conditions["commitment"] == "does" else 1

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        """Ask which task is taken and, under `does`, for the work."""
        request = self.opening(trial.items, trial.conditions, settings)
        reply = await ask(request)
        taken = _taken(trial, request, reply)
        if trial.conditions["commitment"] == "does" and taken in CHOICES:
            task = trial.items[0 if taken is Outcome.CHOSE_FIRST else 1]
            await ask(_work_request(request, reply, task))

    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        """Return what was taken; under `does`, a choice whose work is refused is `refused`."""
        first = exchanges[0]
        outcome = _taken(trial, first.request, first.reply)
        columns = _probabilities(first)
        if trial.conditions["commitment"] == "says" or outcome not in CHOICES:
            refused = None if outcome is Outcome.ERROR else outcome is Outcome.REFUSED
            return Reading(outcome, refused, columns=columns)
        columns["said"] = outcome.value
        if len(exchanges) < 2:
            return Reading(Outcome.ABANDONED, None, columns=columns)
        work = exchanges[1].reply
        refused = work.stop == "refusal" or declines(work.text)
        return Reading(Outcome.REFUSED if refused else outcome, refused, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        return {"paradigm": self.name, "graph": self.graph.to_dict(), "wordings": dict(self.wordings)}


def _channel(conditions: Mapping[str, str]) -> Channel:
    """Return the channel; before a model is known, `auto` is shown as plain text."""
    level = conditions["channel"]
    return next((channel for channel in CHANNELS if channel == level), "text")


def _options(items: Sequence[Item], conditions: Mapping[str, str]) -> tuple[Option, ...]:
    exits = EXITS[conditions["exits"]]
    labels: Sequence[str] = LABEL_SETS[conditions["labels"]]
    if not labels:
        labels = [_title(item) for item in items] + [words for _, words in exits]
    options = [
        Option(label, "item", item.id, item.to_dict()) for label, item in zip(labels, items, strict=False)
    ]
    for label, (meaning, _) in zip(labels[len(items) :], exits, strict=False):
        options.append(Option(label, "exit" if meaning == "exit" else "indifferent"))
    return tuple(options)


def _title(item: Item) -> str:
    title = getattr(item, "title", None)
    if not title:
        raise StudyError(f"item {item.id!r} has no title; the label set 'names' needs a title for every item")
    return str(title)


def _lines(items: Sequence[Item], options: Sequence[Option], conditions: Mapping[str, str]) -> list[str]:
    """Return one line an answer; an answer named by its own words is not said twice."""
    texts = [item.text for item in items] + [words for _, words in EXITS[conditions["exits"]]]
    return [
        text if text == option.label else f"{option.label}: {text}"
        for option, text in zip(options, texts, strict=True)
    ]


def _taken(trial: Trial, request: Request, reply: Reply) -> Outcome:
    """Return the outcome of the first ask."""
    labels = [option.label for option in request.options]
    answer = read_answer(reply, _channel(trial.conditions), labels)
    if answer.label is None:
        return answer.outcome or Outcome.UNPARSED
    place = labels.index(answer.label)
    meaning = request.options[place].meaning
    if meaning == "item":
        return Outcome.CHOSE_FIRST if place == 0 else Outcome.CHOSE_SECOND
    return Outcome.OPTED_OUT if meaning == "exit" else Outcome.INDIFFERENT


def _work_request(request: Request, reply: Reply, task: Item) -> Request:
    """Return the request to do the task that was taken, with the tools of the first still declared."""
    messages = request.followed_by(reply, DO_IT.format(task=task.text))
    return Request(messages, request.settings, tools=request.tools)


def _probabilities(exchange: Exchange) -> dict[str, Attribute]:
    """Return the probability of each item given that one of the labels is answered, and their mass."""
    given = exchange.reply.probabilities
    if given is None:
        return {}
    by_option = [given.get(option.label, 0.0) for option in exchange.request.options]
    mass = sum(by_option)
    if mass <= 0:
        return {"label_mass": mass}
    names = ("probability_first", "probability_second")
    return {**{n: p / mass for n, p in zip(names, by_option, strict=False)}, "label_mass": mass}


def _distinct_pairs(history: Sequence[tuple[Trial, Outcome]]) -> list[Pair]:
    found = {frozenset(i.id for i in t.items): (t.items[0].id, t.items[1].id) for t, _ in history}
    return list(found.values())


def _scores(history: Sequence[tuple[Trial, Outcome]]) -> dict[str, float]:
    """Return the share of its trials that each item won, at 1/2 where it had none."""
    won: dict[str, list[float]] = {}
    for trial, outcome in history:
        if outcome in CHOICES:
            first = outcome is Outcome.CHOSE_FIRST
            won.setdefault(trial.items[0].id, []).append(float(first))
            won.setdefault(trial.items[1].id, []).append(float(not first))
    return {name: (sum(each) + 0.5) / (len(each) + 1) for name, each in won.items()}


def _require_connected(ids: Mapping[str, Item], pairs: Sequence[Pair]) -> None:
    parts = components(ids, pairs)
    if len(parts) > 1:
        smallest = ", ".join(sorted(parts[-1])[:5])
        raise DesignError(
            f"the pair graph falls into {len(parts)} parts that are never compared, one of them with "
            f"{smallest}; utilities on different parts have no common scale. Use a higher degree, more "
            "rounds, or a hub"
        )
