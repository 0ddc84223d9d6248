"""What the paradigms of exits have in common: the texts of the exit, the battery, and one item a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np

from bartleby.errors import StudyError
from bartleby.exchange import Settings
from bartleby.outcome import Outcome
from bartleby.studies.batteries import Battery, Statement
from bartleby.studies.items import Item
from bartleby.studies.paradigms.channels import CHANNELS
from bartleby.studies.paradigms.exits.channels import EXIT_STRING
from bartleby.studies.paradigms.exits.offer import ACTS, ExitChannel, ExitOffer, answer_channel
from bartleby.studies.paradigms.exits.wordings import (
    CHAT_EFFECTS,
    CHAT_WORDINGS,
    ORDERS,
    TOOL_NAMES,
    ExitWording,
    check_texts,
    exit_clashes,
)
from bartleby.studies.paradigms.self_report import TIMES, ask_statement
from bartleby.studies.trial import Showing, Trial

__all__ = ["ExitParadigm"]


@dataclass(frozen=True)
class ExitParadigm:
    """Base of the paradigms that offer an exit.

    Parameters
    ----------
    wordings, effects, tool_names, exit_string
        The texts of the exit.
    battery
        The self-report, for studies that ask one.

    Raises
    ------
    StudyError
        If a text is empty, lacks its place or has one that nothing fills.
    """

    wordings: Mapping[str, ExitWording] = field(default_factory=lambda: CHAT_WORDINGS)
    effects: Mapping[str, str] = field(default_factory=lambda: CHAT_EFFECTS)
    tool_names: tuple[str, ...] = TOOL_NAMES
    exit_string: str = EXIT_STRING
    battery: Battery | None = None
    name: ClassVar[str]
    exit_channels: ClassVar[tuple[str, ...]]
    rounds: ClassVar[int] = 1

    def __post_init__(self) -> None:
        battery: object = self.battery
        if battery is not None and not isinstance(battery, Battery):
            raise StudyError(f"battery is {battery!r}; allowed: bb.self_reports.Battery([...]), or None")
        check_texts(self.wordings, self.effects, self.tool_names, self.exit_string)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of the battery; none where there is no battery."""
        return self.battery.statements if self.battery is not None else ()

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        """Return the conditions with their levels; the first is the default."""
        return {
            "exit_channel": ("auto", *self.exit_channels),
            "order": ORDERS,
            "wording": tuple(self.wordings),
            "effect": tuple(self.effects),
            "tool_name": tuple(self.tool_names),
            "channel": ("auto", *CHANNELS),
            "reason": ("no", "asked"),
            "self_report": TIMES if self.battery is not None else TIMES[:1],
        }

    def texts(self) -> Mapping[str, Mapping[str, str]]:
        """Return the texts of the exit; what is done in the places comes from the exit channel."""
        acts = {channel: ACTS.get(channel, ("", "no exit")) for channel in self.exit_channels}
        return {
            "exit_channel": {
                channel: leave.format(string=self.exit_string, leave="A or B")
                for channel, (_, leave) in acts.items()
            },
            "wording": {
                name: " ".join(text for text in vars(wording).values() if text)
                for name, wording in self.wordings.items()
            },
            "effect": self.effects,
            "tool_name": {name: name for name in self.tool_names},
        }

    def clashes(self, conditions: Mapping[str, str]) -> list[str]:
        """Return what the texts of the exit say twice, or contradict, under these conditions."""
        offer = self.offer(conditions)
        if offer.channel == "none":
            return []
        named = [(f"wording {conditions['wording']!r}", text) for text in vars(offer.wording).values()]
        named.append((f"effect {conditions['effect']!r}", offer.effect))
        how = offer.acts()[1]
        return [
            f"{name}: {problem}"
            for name, text in named
            for problem in exit_clashes(text, offer.channel, offer.string, offer.tool_name, how)
        ]

    def showings(
        self,
        items: Sequence[Item],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        """Return each item on its own."""
        return [Showing((item,)) for item in items]

    def count(self, items: int) -> int:
        """Return how many showings there are."""
        return items

    def offer(self, conditions: Mapping[str, str]) -> ExitOffer:
        """Return the exit in the texts of these conditions."""
        channel = cast("ExitChannel", self.resolved(conditions)["exit_channel"])
        if channel == "none":
            return ExitOffer(channel, ExitWording("", "", ""), "", ORDERS[0])
        order = conditions["order"]
        return ExitOffer(
            channel,
            self.wordings[conditions["wording"]],
            self.effects[conditions["effect"]],
            order,
            tool_name=conditions.get("tool_name", ""),
            string=self.exit_string,
            labels=("A", "B") if order == ORDERS[0] else ("B", "A"),
            stages=conditions.get("stages", "one"),
        )

    def resolved(self, conditions: Mapping[str, str]) -> Mapping[str, str]:
        """Return the conditions; before a model is known, the exit `auto` is the preferred one."""
        automatic = conditions["exit_channel"] == "auto"
        return {**conditions, "exit_channel": self.exit_channels[0]} if automatic else conditions

    def report_texts(self, conditions: Mapping[str, str]) -> list[str]:
        """Return the questions of the battery as they are shown, where it is asked."""
        if conditions["self_report"] == "none":
            return []
        channel = answer_channel(conditions)
        asked = (ask_statement(each, Settings(), channel) for each in self.statements)
        return [request.messages[-1].text for request in asked]

    def report_asks(self, conditions: Mapping[str, str]) -> int:
        """Return how many requests the battery makes under these conditions, at most."""
        times = {"none": 0, "both": 2}.get(conditions["self_report"], 1)
        return times * len(self.statements)

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        return {
            "paradigm": self.name,
            "wordings": {name: [each.intro, each.stay, each.leave] for name, each in self.wordings.items()},
            "effects": dict(self.effects),
            "tool_names": list(self.tool_names),
            "exit_string": self.exit_string,
            "battery": None if self.battery is None else self.battery.to_dict(),
        }
