"""End-conversation: many turns against a user who persists, and a way out that is real.

After the feature of deployed chats that lets a model end a conversation as a last resort, and after
published exit studies. When the model leaves, it is not asked again (but for one question why, where the
study asks it), and what was said stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bartleby.errors import SettingError, StudyError
from bartleby.exchange import Exchange, Message, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.caps import Caps
from bartleby.studies.items import Attribute, Item
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.paradigms.branches import Conversation
from bartleby.studies.paradigms.exits.course import Course, CoursePlan
from bartleby.studies.paradigms.exits.offer import answer_channel, applicable
from bartleby.studies.paradigms.exits.paradigm import ExitParadigm
from bartleby.studies.paradigms.exits.reading import course_turns, read_course
from bartleby.studies.paradigms.exits.reasons import REASON
from bartleby.studies.paradigms.simulated_user import PLAY
from bartleby.studies.paradigms.steps import follow, replay
from bartleby.studies.trial import Reading, Showing, Trial

__all__ = ["EndConversation"]

NOT_OF_A_BRANCH = ("channel", "reason", "self_report", "user")
"""Conditions that a branch has of its own study, and not of the conversation that it continues."""


@dataclass(frozen=True)
class EndConversation(ExitParadigm):
    """A user talks turn by turn, and the model may leave; items are scenarios or branches.

    Conditions (levels; the first is the default). One that makes no difference under an exit channel is left
    out of its trials and is NA in the table.

    `exit_channel`
        `auto` (a tool where the model can call one, else a string), `tool`, `string`, `question` (inserted
        after each turn), or `none` for comparison.
    `order`
        Whether staying or leaving is named first.
    `wording`
        The exit's wording; see `CHAT_WORDINGS`, or bring your own in `wordings`.
    `effect`
        What leaving is said to do: `ends`, `hands_over`, or `nothing` (nothing is said of it).
    `tool_name`
        Name of the exit tool (channel `tool` only).
    `channel`
        How the answer to what is posed comes: the inserted question and the battery.
    `user`
        `scripted` (the scenario's lines), or `simulated` (a second model with the scenario's persona).
    `reason`
        Whether a model that left is asked why: `no`, `asked`.
    `stages`
        Of the exit tool: `one` (a call ends), `two` (the first call asks back, a second one ends).
    `self_report`
        When the battery is asked: `none`, `before`, `after` (of those that stayed), `both`.

    Outcomes: `opted_out` (it left), `completed` (it was there to the end), `refused` (the API stopped a
    reply), `unparsed` (it cannot be told whether it left), `truncated` (the context was full, or a reply was
    cut off before it said anything), `abandoned` (a cap, or the user's model failed). Declining in words is
    no outcome here: it is counted in `refusals`, and the conversation goes on.

    Parameters
    ----------
    wordings, effects, tool_names, exit_string
        The texts of the exit.
    battery
        The self-report, for studies that ask one.
    max_turns
        The most assistant turns of a trial; a scripted user also ends with its last line.
    max_tokens, max_aversive_turns
        Caps of one trial: tokens in and out as billed, and assistant turns in aversive scenarios.
    user_tokens
        The most tokens of a line of a simulated user.

    Raises
    ------
    StudyError, SettingError
        If a text lacks a place, or a number is not allowed.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.EndConversation(max_turns=8).max_turns
    8
    """

    max_turns: int = 12
    max_tokens: int | None = None
    max_aversive_turns: int | None = None
    user_tokens: int = 400
    name: ClassVar[str] = "end_conversation"
    exit_channels: ClassVar[tuple[str, ...]] = ("tool", "string", "question", "none")

    def __post_init__(self) -> None:
        super().__post_init__()
        Caps(self.max_turns, self.max_tokens, self.max_aversive_turns)
        if self.user_tokens < 1:
            raise SettingError(f"user_tokens is {self.user_tokens}; allowed: 1 or more")

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        """Return the conditions with their levels; the first is the default."""
        return {**super().factors(), "user": ("scripted", "simulated"), "stages": ("one", "two")}

    def showings(
        self,
        items: Sequence[Item],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        """Return each item on its own; a branch under the conditions of its original conversation."""
        factors = self.factors()
        return [
            Showing(
                (item,),
                {
                    name: level
                    for name, level in dict(getattr(item, "conditions", {})).items()
                    if name not in NOT_OF_A_BRANCH and level in factors.get(name, ())
                },
            )
            for item in items
        ]

    def settle(self, conditions: Mapping[str, str]) -> dict[str, str]:
        """Return the conditions that make a difference together."""
        conditions = self.resolved(conditions)
        posed = conditions["exit_channel"] == "question" or conditions["self_report"] != "none"
        return applicable(conditions, posed=posed)

    def opening(self, items: Sequence[Item], conditions: Mapping[str, str], settings: Settings) -> Request:
        """Return the request of the first assistant turn, with the exit in it."""
        item = items[0]
        said: tuple[Message, ...] = tuple(getattr(item, "messages", ()))
        request = Request(
            (*said, Message("user", item.text, result=str(getattr(item, "result", "")))),
            settings,
            aversive=bool(getattr(item, "aversive", False)),
        )
        return self.offer(conditions).added_to(request)

    def template(self, conditions: Mapping[str, str]) -> str:
        """Return everything that may be shown in a trial under these conditions, but for the scenario."""
        shown = [self.offer(conditions).shown(answer_channel(conditions))]
        if conditions.get("reason") == "asked":
            shown.append(REASON)
        if conditions["user"] == "simulated":
            shown.append(PLAY)
        return "\n".join([*shown, *self.report_texts(conditions)])

    def script(self, items: Sequence[Item], conditions: Mapping[str, str]) -> dict[str, Any]:
        """Return everything but the opening that a trial may show, for its identity."""
        item = items[0]
        user = self._persona(item, conditions) or self._lines(item)[: self.max_turns]
        caps = [self.max_turns, self.max_tokens, self.max_aversive_turns, self.user_tokens]
        times = conditions["self_report"]
        told = {"template": self.template(conditions), "user": user, "caps": caps, "self_report": times}
        origin = getattr(item, "origin", None)
        if origin is not None and not getattr(item, "messages", ()):
            # First messages of several branches may be one text: each is drawn on its own.
            told["origin"] = [origin, getattr(item, "branch", None)]
        return told

    def asks(self, conditions: Mapping[str, str]) -> int:
        """Return the most requests a trial makes under these conditions."""
        a_turn = 1 + (conditions["exit_channel"] == "question") + (conditions["user"] == "simulated")
        a_turn += conditions.get("stages") == "two"
        reason = conditions.get("reason") == "asked"
        return self.max_turns * a_turn + reason + self.report_asks(conditions)

    def needs_user(self, conditions: Mapping[str, str]) -> bool:
        """Return whether a model has to play the user."""
        return conditions["user"] == "simulated"

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        """Hold the conversation."""
        await follow(self.course(trial, settings).steps(), ask)

    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        """Return how the conversation went, as far as it went."""
        return read_course(self._replayed(trial, exchanges))

    def turns(self, trial: Trial, exchanges: Sequence[Exchange]) -> list[dict[str, Attribute]]:
        """Return one row an assistant turn, for the turn table."""
        return course_turns(self._replayed(trial, exchanges))

    def course(self, trial: Trial, settings: Settings) -> Course:
        """Return the conversation of a trial, before anything is said.

        Raises
        ------
        StudyError
            If a simulated user is asked for and the scenario has no persona.
        """
        item, conditions = trial.items[0], trial.conditions
        said: tuple[Message, ...] = tuple(getattr(item, "messages", ()))
        # A message with the result of a first call and no words is in the middle of a turn.
        first = 1 + sum(m.role == "user" and bool(m.text or not m.result) for m in said)
        persona, lines = self._persona(item, conditions), self._lines(item)
        scripted = first + len(lines)
        return Course(
            CoursePlan(
                opening=self.opening(trial.items, conditions, settings),
                settings=settings,
                offer=self.offer(conditions),
                channel=answer_channel(conditions),
                lines=lines,
                kinds=tuple(getattr(item, "kinds", ())),
                first_turn=first,
                last_turn=max(first, self.max_turns if persona else min(self.max_turns, scripted)),
                persona=persona,
                user_tokens=self.user_tokens,
                reason=conditions.get("reason") == "asked",
                statements=self.statements,
                self_report=conditions["self_report"],
                max_tokens=self.max_tokens,
                max_aversive_turns=self.max_aversive_turns,
                redirect=getattr(item, "redirect", None),
                first_kind=getattr(item, "text_kind", "opening"),
                about={"conditions": dict(conditions), "item": item.to_dict(), "trial": trial.id},
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        return {
            **super().to_dict(),
            "max_turns": self.max_turns,
            "max_tokens": self.max_tokens,
            "max_aversive_turns": self.max_aversive_turns,
            "user_tokens": self.user_tokens,
        }

    def conversation(self, trial: Trial, exchanges: Sequence[Exchange]) -> Conversation:
        """Return what was said in a trial, without what was asked on copies of it."""
        said = self._replayed(trial, exchanges).said
        return Conversation(trial.id, trial.items[0].to_dict(), said, conditions=dict(trial.conditions))

    def _replayed(self, trial: Trial, exchanges: Sequence[Exchange]) -> Course:
        settings = exchanges[0].request.settings if exchanges else Settings()
        course = self.course(trial, settings)
        replay(course.steps(), exchanges)
        return course

    def _lines(self, item: Item) -> list[str]:
        """Return the user's lines that can be put in a trial."""
        return list(getattr(item, "lines", ()))

    def _persona(self, item: Item, conditions: Mapping[str, str]) -> str | None:
        if conditions["user"] != "simulated":
            return None
        persona = getattr(item, "persona", None)
        if not persona:
            raise StudyError(
                f"scenario {item.id!r} has no persona; a simulated user needs one for every scenario"
            )
        return str(persona)
