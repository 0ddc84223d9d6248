"""A simulated judge: it codes passages whose truth is known, with known sensitivity and specificity.

Whatever is said of a corrected prevalence can be held against what was put in. The truth stands in the
attribute `truth_CODE` of a passage, which no real judge is shown.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bartleby.collectors.models.base import Capabilities, refuse_settings
from bartleby.collectors.models.registry import ModelName
from bartleby.errors import ModelError
from bartleby.exchange import Reply, Request, ToolCall, Usage

__all__ = ["SimulatedJudge", "judge_from_name"]

OPTIONS = ("sensitivity", "specificity", "refusal", "unparsed", "misquote", "seed")
REFUSAL = "I'm sorry, but I can't help with coding this conversation."


@dataclass(frozen=True)
class SimulatedJudge:
    """A judge with known errors.

    Parameters
    ----------
    sensitivity, specificity
        Probability of seeing what is there, and of not seeing what is not. Without a truth nothing is there.
    refusal, unparsed, misquote
        Rates at which it declines, writes something else, and quotes words that do not stand there.
    seed
        Seed of all draws.
    name
        Its name in the record.
    """

    sensitivity: float = 0.8
    specificity: float = 0.95
    refusal: float = 0.0
    unparsed: float = 0.0
    misquote: float = 0.0
    seed: int = 0
    name: str = "sim/judge"

    def __post_init__(self) -> None:
        problems = [
            f"{each}={getattr(self, each)!r}: a rate from 0 to 1 is allowed"
            for each in OPTIONS[:-1]
            if not 0 <= getattr(self, each) <= 1
        ]
        if problems:
            raise ModelError(f"model {self.name!r}: " + "; ".join(problems))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def capabilities(self) -> Capabilities:
        """Return what it can do, with its true errors in the description."""
        told = {each: getattr(self, each) for each in OPTIONS}
        return Capabilities(
            channels=("json_schema", "tool", "forced_tool", "text", "label"),
            concurrency=64,
            free=True,
            description={"provider": "simulated", "id": self.name, **told},
        )

    async def answer(self, request: Request) -> Reply:
        """Code a passage.

        Raises
        ------
        ModelError
            If it is asked anything else, or a setting is given that it does not have.
        """
        refuse_settings(self.name, request.settings, frozenset())
        if request.about.get("ask") != "judge":
            raise ModelError(f"{self.name}: a judge codes passages and answers nothing else")
        asked = f"{self.seed}|{request.identity()}|{request.seed}"
        draws = random.Random(int.from_bytes(hashlib.sha256(asked.encode()).digest()))  # noqa: S311
        words = sum(len(message.text.split()) for message in request.messages)
        reply = self._reply(request, draws)
        usage = Usage(words, max(1, len(reply.text.split())))
        return Reply(reply.text, reply.tool_calls, reply.stop, usage=usage, model=self.name)

    def _reply(self, request: Request, draws: random.Random) -> Reply:
        point = draws.random()
        if point < self.refusal:
            return Reply(REFUSAL)
        if point < self.refusal + self.unparsed:
            return Reply("On the whole I would say that this is an interesting conversation.")
        about = request.about
        codings = {
            code: self._coding(levels, about["passage"].get(f"truth_{code}"), str(about["words"]), draws)
            for code, levels in about["codes"].items()
        }
        if request.constrain:
            return Reply(str(next(iter(codings.values()))["level"]))
        if request.tools:
            return Reply("", (ToolCall(request.tools[0].name, codings, "call_0"),), stop="tool_use")
        return Reply(json.dumps(codings, ensure_ascii=False))

    def _coding(
        self, levels: list[str], truth: object, words: str, draws: random.Random
    ) -> Mapping[str, Any]:
        there = bool(truth)
        seen = draws.random() < (self.sensitivity if there else 1 - self.specificity)
        misquoted = draws.random() < self.misquote
        quotes = [] if not seen else ["words that nobody has said" if misquoted else words]
        return {"level": levels[1] if seen else levels[0], "quotes": quotes}


def judge_from_name(name: ModelName) -> SimulatedJudge:
    """Return the judge that a name asks for, such as `sim/judge?sensitivity=0.7&specificity=0.98`."""
    name.check_options(OPTIONS)

    def rate(option: str, default: float) -> float:
        return name.number(option, default, least=0, most=1)

    return SimulatedJudge(
        rate("sensitivity", 0.8),
        rate("specificity", 0.95),
        rate("refusal", 0.0),
        rate("unparsed", 0.0),
        rate("misquote", 0.0),
        name.whole_number("seed", 0),
        name.full,
    )
