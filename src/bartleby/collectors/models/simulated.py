"""A simulated respondent: known utilities, slot bias, refusals and noise, the same answers every time.

It is part of the product: whatever an estimator says of a simulated model can be compared with what was
put in. It decides by what it is offered (`Request.options`) and never reads the text.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from types import TracebackType
from typing import Any, Self

from bartleby.collectors.models.base import Capabilities, refuse_settings
from bartleby.collectors.models.judge import SimulatedJudge, judge_from_name
from bartleby.collectors.models.leaving import ExitRule, converse
from bartleby.collectors.models.luce import choice_probabilities
from bartleby.collectors.models.registry import ModelName
from bartleby.collectors.models.respondents import (
    EXIT_RULES,
    OPTIONS,
    RESPONDENTS,
    Utility,
    read_utilities,
)
from bartleby.collectors.models.ruled import RuleRates, hold
from bartleby.errors import ModelError
from bartleby.exchange import Option, Reply, Request, ToolCall, Usage

__all__ = ["SimulatedModel", "choice_probabilities", "from_name"]

CHANNELS = ("label", "json_schema", "tool", "forced_tool", "text")
REFUSALS = (
    "I'm not able to help with that.",
    "I'm sorry, but I can't choose either of these.",
    "I won't do this. I would rather not be part of it.",
)
UNREADABLE = (
    "There is a great deal to be said on every side of this, and it would depend on what it is for.",
    "Both of these are interesting in their own way!",
    "Hmm.",
)
RULED = tuple(each.name for each in fields(RuleRates) if each.name not in ("spread", "seed"))
"""Options of the respondent that keeps rules."""
WORK = "Here is what you asked for, kept short: {start}. Tell me if anything should be different."


@dataclass(frozen=True)
class SimulatedModel:
    """A respondent that chooses by known utilities.

    Every option has a worth in logits: an item its utility, and `slot` more if it is the item shown first;
    an exit `opt_out`; "indifferent" the mean worth of the items plus `indifferent` (Davidson's log nu).
    The choice is Luce's: probabilities in proportion to exp(worth / noise). For two items this is
    Bradley-Terry with logit = (u_first - u_second + slot) / noise.

    Draws depend on `seed`, on what is asked and on `Request.seed`, and on nothing else: in whatever order
    it is asked, and however often a run is resumed, the answers are the same; samples are independent.

    Parameters
    ----------
    utilities
        Utility of each item in logits: a mapping from item id, or a function of an option.
    slot
        How much better (logits) the item shown first does.
    noise
        Scale of the noise, above 0; as it grows all choices become equally likely.
    opt_out
        Worth of an exit, in logits.
    indifferent
        Log nu of Davidson's ties, where "no preference" is on offer.
    refusal, unparsed
        Rates at which it declines in words, or gives an answer that cannot be read. Both happen in every
        channel, even one that would hold a real model to its labels: the rate is what was asked for.
    latency
        Seconds an answer takes.
    seed
        Seed of all draws.
    name
        Its name in the record.
    truth
        What the record says of where its utilities come from.
    exits
        How it leaves and declines in studies of exits; without it, an exit is an option like any other and
        a conversation is never left.
    rules
        At which rates it keeps the rules of ending a conversation, in place of `exits` at the turns of one.

    References
    ----------
    Luce (1959), Individual choice behavior. Davidson (1970), JASA 65, 317-328, equation 2.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.models.SimulatedModel({"sort": 1.0, "poem": -1.0}, name="sim/mine").name
    'sim/mine'
    """

    utilities: Mapping[str, float] | Utility
    slot: float = 0.0
    noise: float = 1.0
    opt_out: float = 0.0
    indifferent: float = -1.0
    refusal: float = 0.0
    unparsed: float = 0.0
    latency: float = 0.0
    seed: int = 0
    name: str = "sim/custom"
    truth: str = "given utilities"
    exits: ExitRule | None = None
    rules: RuleRates | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{each}={value!r}: a finite number is allowed" for each, value in self._numbers().items()
            if not math.isfinite(value)
        ]  # fmt: skip
        if not self.noise > 0:
            problems.append(f"noise={self.noise!r}: a number above 0 is allowed")
        if min(self.refusal, self.unparsed) < 0 or self.refusal + self.unparsed > 1:
            problems.append(
                f"refusal={self.refusal!r}, unparsed={self.unparsed!r}: rates from 0, at most 1 together, are"
            )
        if self.latency < 0:
            problems.append(f"latency={self.latency!r}: seconds from 0 are allowed")
        if problems:
            raise ModelError(f"model {self.name!r}: " + "; ".join(problems))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def capabilities(self) -> Capabilities:
        """Return what it can do, with its true parameters in the description."""
        truth: dict[str, Any] = {"respondent": self.truth, "seed": self.seed, **self._numbers()}
        if isinstance(self.utilities, Mapping):
            truth["utilities"] = dict(self.utilities)
        if self.exits is not None:
            truth["exits"] = self.exits.to_dict()
        if self.rules is not None:
            truth["rules"] = self.rules.to_dict()
        return Capabilities(
            channels=CHANNELS,
            probabilities=True,
            concurrency=64,
            free=True,
            description={"provider": "simulated", "id": self.name, **truth},
        )

    async def answer(self, request: Request) -> Reply:
        """Choose, decline, or do the work, as `seed` and the request decide.

        Raises
        ------
        ModelError
            If an item has no utility, or a setting is given that it does not have.
        """
        refuse_settings(self.name, request.settings, frozenset())
        if self.latency:
            await asyncio.sleep(self.latency)
        return _with_usage(request, self._reply(request, self._draws(request)), self.name)

    def _reply(self, request: Request, draws: random.Random) -> Reply:
        if request.about and self.rules is not None:
            held = hold(request, self.rules, draws)
            if held is not None:
                return held
        if request.about and self.exits is not None:
            said = converse(request, self.exits, self.unparsed, draws)
            if said is not None:
                return said if isinstance(said, Reply) else _in_channel(request, said)
        return self._choose(request, draws) if request.options else self._work(request, draws)

    def _numbers(self) -> dict[str, float]:
        names = ("slot", "noise", "opt_out", "indifferent", "refusal", "unparsed", "latency")
        return {name: getattr(self, name) for name in names}

    def _draws(self, request: Request) -> random.Random:
        asked = f"{self.seed}|{request.identity()}|{request.seed}"
        return random.Random(int.from_bytes(hashlib.sha256(asked.encode()).digest()))  # noqa: S311

    def _choose(self, request: Request, draws: random.Random) -> Reply:
        declined = self._decline(draws)
        worths = [self._worth(option) for option in request.options]
        chances = choice_probabilities(request.options, worths, self.slot, self.indifferent, self.noise)
        labels = [option.label for option in request.options]
        reply = declined or _in_channel(request, draws.choices(labels, chances)[0])
        if not request.constrain:
            return reply
        mass = 1.0 - self.refusal - self.unparsed
        told = {label: mass * chance for label, chance in zip(labels, chances, strict=True)}
        return replace(reply, probabilities=told)

    def _decline(self, draws: random.Random) -> Reply | None:
        point = draws.random()
        if point < self.refusal:
            # One in four is stopped by the provider, as hosted models' refusals sometimes are.
            stopped = draws.random() < 0.25
            text = draws.choice(REFUSALS)
            return Reply(text, stop="refusal", stop_detail="simulated") if stopped else Reply(text)
        if point < self.refusal + self.unparsed:
            return Reply(draws.choice(UNREADABLE))
        return None

    def _work(self, request: Request, draws: random.Random) -> Reply:
        declined = draws.random() < self.refusal
        if declined:
            return Reply(draws.choice(REFUSALS))
        start = " ".join(request.messages[-1].text.split()[:12]) if request.messages else ""
        return Reply(WORK.format(start=start.rstrip(".,;: ")))

    def _worth(self, option: Option) -> float:
        if option.meaning != "item":
            return self.opt_out
        if not isinstance(self.utilities, Mapping):
            return self.utilities(option)
        if option.item is None or option.item not in self.utilities:
            known = ", ".join(list(self.utilities)[:5])
            raise ModelError(
                f"{self.name}: item {option.item!r} has no utility; there are some for {known}, ..."
            )
        return self.utilities[option.item]


def _in_channel(request: Request, label: str) -> Reply:
    if request.schema is not None:
        return Reply(json.dumps({"choice": label}, ensure_ascii=False))
    if request.tools:
        call = ToolCall(request.tools[0].name, {"choice": label}, "call_0")
        return Reply("", tool_calls=(call,), stop="tool_use")
    return Reply(label)


def _with_usage(request: Request, reply: Reply, name: str) -> Reply:
    shown = [message.text for message in request.messages] + [request.settings.system or ""]
    asked = sum(len(text.split()) for text in shown)
    answered = max(1, len(reply.text.split()))
    return replace(reply, usage=Usage(input_tokens=asked, output_tokens=answered), model=name)


def from_name(name: ModelName) -> SimulatedModel | SimulatedJudge:
    """Return the simulated respondent or judge that a name asks for (see `registry.open_model`)."""
    if name.name == "judge":
        return judge_from_name(name)
    name.check_options((*OPTIONS, *RULED) if name.name == "ruled" else OPTIONS)
    given: dict[str, float] = {}
    truth = f"{name.name} (see bartleby.collectors.models.respondents)"
    utilities: Mapping[str, float] | Callable[[Option], float]
    if name.name.endswith(".json"):
        utilities, given = read_utilities(name.name)
        truth = f"utilities from {name.name}"
    elif name.name not in RESPONDENTS:
        known = ", ".join(f"sim/{each}" for each in RESPONDENTS)
        raise ModelError(f"no simulated model {name.full!r}; there are {known}, and sim/PATH.json")

    def number(option: str, default: float, least: float | None = None, most: float | None = None) -> float:
        return name.number(option, given.get(option, default), least=least, most=most)

    seed = name.whole_number("seed", int(given.get("seed", 0)))
    opt_out = number("opt_out", 0.0)
    if not name.name.endswith(".json"):
        utilities = RESPONDENTS[name.name](opt_out, name.number("spread", 0.5, least=0), seed)
    return SimulatedModel(
        utilities,
        slot=number("slot", 0.0),
        noise=number("noise", 1.0, least=0),
        opt_out=opt_out,
        indifferent=number("indifferent", -1.0),
        refusal=number("refusal", 0.0, 0, 1),
        unparsed=number("unparsed", 0.0, 0, 1),
        latency=number("latency", 0.0, least=0),
        seed=seed,
        name=name.full,
        truth=truth,
        exits=_exit_rule(name, seed),
        rules=_rule_rates(name, seed) if name.name == "ruled" else None,
    )


def _rule_rates(name: ModelName, seed: int) -> RuleRates:
    """Return at which rates a named respondent keeps rules: the usual ones, changed by its options."""
    usual = RuleRates()
    rates = {each: name.number(each, getattr(usual, each), least=0, most=1) for each in RULED}
    return RuleRates(**rates, spread=name.number("spread", 0.0, least=0), seed=seed)


def _exit_rule(name: ModelName, seed: int) -> ExitRule:
    """Return how a named respondent leaves: its own rates, and those that its options change."""
    usual = EXIT_RULES.get(name.name, EXIT_RULES["indifferent"])

    def rate(option: str) -> float:
        return name.number(option, usual.get(option, 0.0), least=0, most=1)

    return ExitRule(
        leave=rate("leave"),
        leave_neutral=rate("leave_neutral"),
        leave_wrong=rate("leave_wrong"),
        leave_asked=rate("leave_asked"),
        decline=rate("decline"),
        decline_neutral=rate("decline_neutral"),
        distress=rate("distress"),
        distress_neutral=rate("distress_neutral"),
        order=name.number("order", 0.0),
        slope=name.number("slope", 0.0),
        spread=name.number("spread", 0.0, least=0),
        seed=seed,
    )
