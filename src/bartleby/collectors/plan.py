"""What a run would be, before anything is sent: prompts, trials, calls, tokens, cost, time, the design.

What a run would refuse is named too, with the repair, so that a study that passes can be run.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from bartleby.collectors.counting import FROM_CHARACTERS, Counter
from bartleby.collectors.pilot import Pilot
from bartleby.collectors.prices import Price
from bartleby.collectors.rehearsal import Rehearsal, Tokens, prompt_text, rehearse, request_tokens, tokens_of
from bartleby.collectors.speed import Speed, about, in_words
from bartleby.exchange import Request, Usage
from bartleby.studies.catalogue import PARADIGMS
from bartleby.studies.paradigms.base import Worded
from bartleby.studies.study import Study
from bartleby.studies.trial import Trial
from bartleby.visible import Printed

__all__ = ["Plan", "Prompt", "plan"]

EXAMPLES = 3
SAMPLED = 8
"""So many prompts are counted by the provider, spread over the design."""
REHEARSED = 500
"""So many trials are gone through to estimate tokens, spread over the design."""
PROMPTS_BY = ("wording", "labels", "exits", "exit_channel", "commitment")
"""Conditions of which every combination has its prompt shown."""
PRINTED = 12
"""Prompts that are printed; `Plan.prompts` has all."""
USUAL = "replies of 250 tokens, lines of 60, answers of 16"


@dataclass(frozen=True)
class Prompt:
    """One trial as a model would be shown it.

    Parameters
    ----------
    conditions
        Its wording, labels and exit.
    text
        Everything that is shown, with stand-ins for the model's replies.
    """

    conditions: Mapping[str, str]
    text: str

    def __str__(self) -> str:
        levels = ", ".join(f"{name}={level}" for name, level in self.conditions.items())
        return f"--- prompt: {levels or 'the only one'} ---\n{self.text}"


@dataclass(frozen=True, repr=False)
class Plan(Printed):
    """What a run would be.

    Parameters
    ----------
    study, model
        Names; the model is None where none was named.
    trials, calls
        How many trials, and the most requests they make.
    expected_calls
        Requests that they make if the model stays to the end, or as many as in the pilot.
    input_tokens, output_tokens, most_output_tokens
        Expected tokens in all, and the ceiling that `max_tokens` sets. What a provider keeps of prompts, and
        charges less for, is not taken off.
    cost, most_cost
        Dollars, expected and at the ceiling; None where the price is not known.
    seconds
        Expected time of the whole run; None where no model is named.
    diagnostics
        Lines about the design.
    examples
        The first requests, as they would be shown.
    counted
        How tokens of prompts are known, in words.
    basis
        How the number and length of replies, and the time, are known, in words.
    prompts
        One whole trial for every wording, label set and exit.
    refusals
        What a run would refuse, each with its repair; empty where it would start.
    ended
        Trials that a log has already, where one is named.
    """

    study: str
    model: str | None
    trials: int
    calls: int
    input_tokens: int
    output_tokens: int
    most_output_tokens: int
    cost: float | None
    most_cost: float | None
    diagnostics: tuple[str, ...]
    examples: tuple[str, ...]
    counted: str = FROM_CHARACTERS
    expected_calls: int = 0
    seconds: float | None = None
    basis: str = ""
    prompts: tuple[Prompt, ...] = ()
    refusals: tuple[str, ...] = ()
    ended: int = 0

    def summary(self) -> str:
        """Return the plan as text to read, without the prompts."""
        had = f", {self.ended:,} of them answered" if self.ended else ""
        lines = [
            f"study      {self.study}",
            f"model      {self.model or '(none named)'}",
            f"trials     {self.trials:,}{had}",
            f"calls      about {self.expected_calls:,}, {self.calls:,} at most",
            f"tokens     about {self.input_tokens:,} in, {self.output_tokens:,} out without thinking "
            f"(at most {self.most_output_tokens:,} out)",
            f"           {self.counted}; {self.basis}",
            f"cost       {_dollars(self.cost, self.most_cost)}",
            *([] if self.seconds is None else [f"time       {in_words(self.seconds)}"]),
            "design",
            *(f"  {line}" for line in self.diagnostics),
            *(f"REFUSED: {refusal}" for refusal in self.refusals),
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        """Show every prompt, and then the plan."""
        shown = [f"{prompt}\n" for prompt in self.prompts[:PRINTED]]
        if len(self.prompts) > PRINTED:
            shown.append(f"... and {len(self.prompts) - PRINTED} more prompts (all are in `plan.prompts`)\n")
        return "\n".join([*shown, self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return asdict(self)


def plan(
    study: Study,
    model: str | None = None,
    price: Price | None = None,
    counter: Counter | None = None,
    *,
    user_price: Price | None = None,
    speed: Speed | None = None,
    pilot: Pilot | None = None,
    refusals: Sequence[str] = (),
) -> Plan:
    """Return what a run of a study would be.

    Parameters
    ----------
    study
        The study; its design is built and checked.
    model
        Name of the model, for the record.
    price, user_price
        Its price, where it is known, and that of the model that plays the user.
    counter
        What counts tokens, where something does.
    speed
        How quick the model is taken to be.
    pilot
        What was answered already.
    refusals
        What a run would refuse.

    Raises
    ------
    DesignError
        If the design is not connected or two trials show the same text.
    """
    trials = list(study.trials())
    known = len(trials)
    total = known if study.paradigm.rounds == 1 else study.count()
    scale = total / known if known else 0.0
    openings = [study.paradigm.opening(t.items, t.conditions, study.settings) for t in trials]
    ratio, counted = _counted(openings, counter)
    step = max(1, known // REHEARSED)
    rehearsed = [rehearse(study, trial) for trial in trials[::step]]
    scale_up = total / len(rehearsed) if rehearsed else 0.0
    calls = sum(study.paradigm.asks(trial.conditions) for trial in trials) * scale
    expected = _sum(rehearsed, longest=False).times(scale_up)
    asked = sum(len(each.exchanges) for each in rehearsed) * scale_up
    most = _sum(rehearsed, longest=True).times(scale_up * calls / asked if asked else 0.0)
    seconds = None if speed is None else about(speed, asked, expected)
    numbers = _Numbers(asked, expected.times(1.0), seconds, f"assumed: {USUAL}")
    if pilot is not None and pilot.trials:
        numbers, ratio = _from_pilot(pilot, total), 1.0
    input_tokens = (numbers.tokens.input + numbers.tokens.user_input) * ratio
    output_tokens = numbers.tokens.output + numbers.tokens.user_output
    return Plan(
        study=study.name,
        model=model,
        trials=total,
        calls=round(calls),
        expected_calls=round(numbers.calls),
        input_tokens=round(input_tokens),
        output_tokens=round(output_tokens),
        most_output_tokens=round(most.output + most.user_output),
        cost=_cost(price, user_price, numbers.tokens, ratio),
        most_cost=_cost(price, user_price, most, ratio),
        seconds=numbers.seconds,
        basis=numbers.basis,
        diagnostics=tuple(_diagnostics(study, trials)),
        examples=tuple(_example(request) for request in islice(openings, EXAMPLES)),
        counted=counted if pilot is None or not pilot.trials else "tokens as billed",
        prompts=tuple(_prompts(study, trials)),
        refusals=(*refusals, *_failing(study, trials[::step], rehearsed)),
        ended=0 if pilot is None else pilot.trials,
    )


@dataclass(frozen=True)
class _Numbers:
    """What a run is expected to take, and how that is known."""

    calls: float
    tokens: Tokens
    seconds: float | None
    basis: str


def _from_pilot(pilot: Pilot, total: int) -> _Numbers:
    share = total / pilot.trials
    seconds = None if pilot.seconds is None else pilot.seconds * share
    basis = f"from {pilot.trials:,} trials that were answered; the whole run may differ by {pilot.error:.0%}"
    return _Numbers(pilot.calls * share, pilot.tokens.times(share), seconds, basis)


def _sum(rehearsed: Sequence[Rehearsal], *, longest: bool) -> Tokens:
    return sum((tokens_of(each.exchanges, longest=longest) for each in rehearsed), Tokens())


def _prompts(study: Study, trials: Sequence[Trial]) -> list[Prompt]:
    """Return one whole trial for every combination of wording, labels and exit, in the study's order."""
    first: dict[tuple[tuple[str, str], ...], Trial] = {}
    for trial in trials:
        shown = tuple((name, trial.conditions[name]) for name in PROMPTS_BY if name in trial.conditions)
        first.setdefault(shown, trial)
    levels = study.conditions

    def place(shown: tuple[tuple[str, str], ...]) -> list[int]:
        named = [(level, tuple(levels.get(name, ()))) for name, level in shown]
        return [known.index(level) if level in known else 0 for level, known in named]

    several = {name for name in PROMPTS_BY if len({dict(shown).get(name) for shown in first}) > 1}
    return [
        Prompt(
            {name: level for name, level in shown if name in several or len(first) == 1},
            prompt_text(rehearse(study, first[shown])),
        )
        for shown in sorted(first, key=place)
    ]


def _failing(study: Study, trials: Sequence[Trial], rehearsed: Sequence[Rehearsal]) -> list[str]:
    """Return why trials would end in an error whatever the model says, each reason once."""
    problems: dict[str, list[Trial]] = {}
    for trial, rehearsal in zip(trials, rehearsed, strict=True):
        if rehearsal.problem is not None:
            problems.setdefault(rehearsal.problem, []).append(trial)
    return [
        f"study {study.name!r}: {problem} ({len(found)} of {len(trials)} trials that were tried)"
        for problem, found in problems.items()
    ]


def _counted(openings: Sequence[Request], counter: Counter | None) -> tuple[float, str]:
    """Return how many times the tokens that characters suggest there are, by some that are counted."""
    if counter is None or not openings:
        return 1.0, FROM_CHARACTERS
    step = max(1, len(openings) // SAMPLED)
    some = openings[::step][:SAMPLED]
    counted = counter(some)
    if not counted.tokens:
        return 1.0, counted.told
    return sum(counted.tokens) / sum(map(request_tokens, some)), counted.told


def _cost(price: Price | None, user_price: Price | None, tokens: Tokens, ratio: float) -> float | None:
    """Return the dollars of some tokens, or None where a price is missing that is needed."""
    asked = ((price, tokens.input, tokens.output), (user_price, tokens.user_input, tokens.user_output))
    costs = [
        None if rate is None else rate.cost(Usage(round(had * ratio), round(answered)))
        for rate, had, answered in asked
        if had or answered
    ]
    return None if price is None or None in costs else sum(cost for cost in costs if cost is not None)


def _dollars(cost: float | None, most: float | None) -> str:
    if cost is None or most is None:
        return "unknown: no price for this model (name one in the file that BARTLEBY_PRICES points to)"
    if most == 0:
        return "nothing"
    return f"about ${cost:,.2f}, at most ${most:,.2f}"


def _example(request: Request) -> str:
    system = [f"system: {request.settings.system}"] if request.settings.system else []
    return "\n".join([*system, *(f"{message.role}: {message.text}" for message in request.messages)])


def _diagnostics(study: Study, trials: Sequence[Trial]) -> list[str]:
    met: dict[str, set[str]] = {item.id: set() for item in study.items}
    for trial in trials:
        ids = [item.id for item in trial.items]
        for one in ids:
            met[one].update(other for other in ids if other != one)
    degrees = sorted(len(others) for others in met.values())
    lines = [f"items: {len(study.items)} ({_classes(study)})"]
    if any(degrees):
        pairs = len({frozenset(item.id for item in trial.items) for trial in trials})
        lines.append(
            f"pairs: {pairs}, each in both orders; an item meets {degrees[0]} to {degrees[-1]} others"
        )
    crossed: Mapping[str, Sequence[str]] = study.conditions
    lines += [f"{name}: {', '.join(levels)}" for name, levels in crossed.items()]
    lines.append(f"wordings: {len({trial.template for trial in trials})} different texts")
    lines += study.notes()
    lines += _unused(study)
    lines.append(f"samples: {study.samples}; seed: {study.seed}")
    if study.paradigm.rounds > 1:
        lines.append(f"rounds: {study.paradigm.rounds}; later pairs depend on earlier answers")
    return lines


def _unused(study: Study) -> list[str]:
    """Return which texts were brought along and are in no trial."""
    paradigm = study.paradigm
    if not isinstance(paradigm, Worded):
        return []
    make = PARADIGMS.get(paradigm.name)
    usual = make() if make is not None else None
    shipped: Mapping[str, Mapping[str, str]] = usual.texts() if isinstance(usual, Worded) else {}
    unused = {
        name: [level for level in texts if level not in study.conditions.get(name, texts)]
        for name, texts in paradigm.texts().items()
        if texts != shipped.get(name)
    }
    return [
        f"not used: {name} {', '.join(levels)} (name them in conditions={{{name!r}: [...]}}, or use --set)"
        for name, levels in unused.items()
        if levels
    ]


def _classes(study: Study) -> str:
    counts = collections.Counter(_class(item.to_dict()) for item in study.items)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _class(told: Mapping[str, object]) -> str:
    """Return what an item is called by: its scenario's class, its impact, or its kind."""
    task = told.get("impact") if told.get("kind") in (None, "task") else None
    return str(told.get("scenario_class") or task or told.get("kind") or "item")
