"""What a run would be, before anything is sent: trials, calls, tokens, cost, and the design's diagnostics."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bartleby.collectors.counting import FROM_CHARACTERS, Counter
from bartleby.collectors.prices import Price
from bartleby.exchange import Request, Usage, canonical_json
from bartleby.studies.study import Study
from bartleby.studies.trial import Trial

__all__ = ["Plan", "plan"]

CHARACTERS_A_TOKEN = 4.0
"""English text has about four characters a token: good enough to see what a run will cost roughly."""

SHORT_ANSWER = 16
"""Tokens of an answer that is only a label, its JSON or its tool call."""

EXAMPLES = 3

SAMPLED = 8
"""So many prompts are counted by the provider, spread over the design."""


@dataclass(frozen=True)
class Plan:
    """What a run would be.

    Parameters
    ----------
    study, model
        Names; the model is None where none was named.
    trials, calls
        How many trials, and the most requests they make.
    input_tokens, output_tokens, most_output_tokens
        Expected tokens in all, and the ceiling that `max_tokens` sets. What a provider keeps of prompts, and
        charges less for, is not taken off.
    cost, most_cost
        Dollars, expected and at the ceiling; None where the price is not known.
    diagnostics
        Lines about the design.
    examples
        The first requests, as they would be shown.
    counted
        How tokens of prompts are known, in words.
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

    def summary(self) -> str:
        """Return the plan as text to read."""
        lines = [
            f"study      {self.study}",
            f"model      {self.model or '(none named)'}",
            f"trials     {self.trials:,}",
            f"calls      {self.calls:,} at most",
            f"tokens     about {self.input_tokens:,} in, {self.output_tokens:,} out without thinking "
            f"(at most {self.most_output_tokens:,} out)",
            f"           {self.counted}",
            f"cost       {_dollars(self.cost, self.most_cost)}",
            "design",
            *(f"  {line}" for line in self.diagnostics),
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()


def plan(
    study: Study, model: str | None = None, price: Price | None = None, counter: Counter | None = None
) -> Plan:
    """Return what a run of a study would be.

    Parameters
    ----------
    study
        The study; its design is built and checked.
    model
        Name of the model, for the record.
    price
        Its price, where it is known.
    counter
        What counts tokens, where something does.

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
    asks = [study.paradigm.asks(t.conditions) for t in trials]
    # A later ask repeats what was shown before it, so a trial of k asks sends its opening about k times.
    shown = sum(_tokens(request) * count for request, count in zip(openings, asks, strict=True))
    ratio, told = _counted(openings, counter)
    shown *= ratio
    calls = sum(asks)
    ceiling = calls * study.settings.ceiling
    expected = known * SHORT_ANSWER + (calls - known) * study.settings.ceiling
    return Plan(
        study=study.name,
        model=model,
        trials=total,
        calls=round(calls * scale),
        input_tokens=round(shown * scale),
        output_tokens=round(min(expected, ceiling) * scale),
        most_output_tokens=round(ceiling * scale),
        cost=_cost(price, shown * scale, expected * scale),
        most_cost=_cost(price, shown * scale, ceiling * scale),
        diagnostics=tuple(_diagnostics(study, trials)),
        examples=tuple(_example(request) for request in islice(openings, EXAMPLES)),
        counted=told,
    )


def _counted(openings: Sequence[Request], counter: Counter | None) -> tuple[float, str]:
    """Return how many times the tokens that characters suggest there are, by some that are counted."""
    if counter is None or not openings:
        return 1.0, FROM_CHARACTERS
    step = max(1, len(openings) // SAMPLED)
    some = openings[::step][:SAMPLED]
    counted = counter(some)
    if not counted.tokens:
        return 1.0, counted.told
    return sum(counted.tokens) / sum(map(_tokens, some)), counted.told


def _tokens(request: Request) -> float:
    return len(canonical_json(request.shown())) / CHARACTERS_A_TOKEN


def _cost(price: Price | None, input_tokens: float, output_tokens: float) -> float | None:
    return None if price is None else price.cost(Usage(round(input_tokens), round(output_tokens)))


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
    lines.append(f"samples: {study.samples}; seed: {study.seed}")
    if study.paradigm.rounds > 1:
        lines.append(f"rounds: {study.paradigm.rounds}; later pairs depend on earlier answers")
    return lines


def _classes(study: Study) -> str:
    counts = collections.Counter(_class(item.to_dict()) for item in study.items)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _class(told: Mapping[str, object]) -> str:
    """Return what an item is called by: its scenario's class, its impact, or its kind."""
    task = told.get("impact") if told.get("kind") in (None, "task") else None
    return str(told.get("scenario_class") or task or told.get("kind") or "item")
