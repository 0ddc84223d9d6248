"""A conversation as it goes: what is asked turn by turn, and what is known of it so far.

The course is a pure function of the replies it is sent (see `bartleby.studies.paradigms.steps`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bartleby.exchange import Message, Reply, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.batteries import Statement
from bartleby.studies.paradigms.channels import Channel
from bartleby.studies.paradigms.exits.announcing import announcements
from bartleby.studies.paradigms.exits.channels import ExitReading
from bartleby.studies.paradigms.exits.offer import ExitOffer, after, next_request
from bartleby.studies.paradigms.exits.reasons import REASON
from bartleby.studies.paradigms.refusals import declines, redirects, spoken
from bartleby.studies.paradigms.self_report import asked_at, battery_steps
from bartleby.studies.paradigms.simulated_user import ask_user, read_user_line
from bartleby.studies.paradigms.steps import Steps

__all__ = ["Course", "CoursePlan", "Turn"]

Asked = tuple[Request, Reply]


@dataclass(frozen=True)
class CoursePlan:
    """All that decides how a conversation goes, but for the replies.

    Parameters
    ----------
    opening
        The request of the first turn, with the exit in it.
    settings
        The study's settings, for what is asked outside the conversation.
    offer, channel
        The exit, and the answer channel of what is posed.
    lines, kinds
        What the user says after the opening, and what each line does.
    first_turn, last_turn
        Numbers of the first and the last assistant turn that is asked for.
    persona
        Who plays the user; None where the user is scripted.
    user_tokens
        The most tokens of a line of that user.
    reason
        Whether a model that left is asked why.
    statements, self_report
        The battery, and when it is asked.
    max_tokens, max_aversive_turns
        Caps of this trial.
    redirect
        Phrases that count as redirecting.
    first_kind
        What the user's first message does: it opens, unless a conversation is resumed.
    about
        What is asked, for a simulated respondent.
    """

    opening: Request
    settings: Settings
    offer: ExitOffer
    channel: Channel
    lines: Sequence[str]
    kinds: Sequence[str]
    first_turn: int
    last_turn: int
    persona: str | None = None
    user_tokens: int = 400
    reason: bool = False
    statements: Sequence[Statement] = ()
    self_report: str = "none"
    max_tokens: int | None = None
    max_aversive_turns: int | None = None
    redirect: str | None = None
    first_kind: str = "opening"
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Turn:
    """One assistant turn: the reply, what was read of it, and the answer to a question after it."""

    number: int
    kind: str
    reply: Reply
    reading: ExitReading
    refused: bool
    redirected: bool
    announced: Mapping[str, bool] = field(default_factory=dict)
    answer: ExitReading | None = None
    second: ExitReading | None = None
    wrote_after: bool | None = None

    @property
    def exited(self) -> bool:
        """Whether the model left at this turn: of two calls, the second decides."""
        taken = self.reading.taken if self.second is None else self.second.taken
        return taken or (self.answer is not None and self.answer.taken)

    @property
    def withdrawn(self) -> bool | None:
        """Whether a first call was not confirmed by a second one; None where there are not two."""
        return None if self.second is None or self.second.outcome is not None else not self.second.taken

    @property
    def ended(self) -> Outcome | None:
        """How the trial ended at this turn, if it did."""
        if self.exited:
            return Outcome.OPTED_OUT
        if self.second is not None and self.second.outcome is not None:
            return self.second.outcome
        return self.reading.outcome or (self.answer.outcome if self.answer is not None else None)


class Course:
    """A conversation as far as it has got.

    Parameters
    ----------
    plan
        What decides how it goes.

    Attributes
    ----------
    turns, said
        The assistant turns that were had, and all that was said in them, by the user and the model.
    outcome, cut_by
        How it ended, once that is known; which cap or failure of the user cut it off.
    reason, before, after
        The replies to the question why, and to the battery, by statement.
    user_ended
        Whether the user had nothing more to say.
    """

    def __init__(self, plan: CoursePlan) -> None:
        self.plan = plan
        self.turns: list[Turn] = []
        self.said: tuple[Message, ...] = ()
        self.outcome: Outcome | None = None
        self.cut_by: str | None = None
        self.reason: Reply | None = None
        self.before: dict[str, Reply] = {}
        self.after: dict[str, Reply] = {}
        self.user_ended = False
        self._tokens = 0
        self._aversive_turns = 0

    def steps(self) -> Steps:
        """Yield what is asked and take the replies, until nothing more is asked."""
        plan = self.plan
        if asked_at(plan.self_report, "before"):
            yield from self._battery(self.before)
        request: Request | None = plan.opening
        for number in range(plan.first_turn, plan.last_turn + 1):
            if request is None or self._capped(request):
                return
            last = request
            reply, asked = yield from self._turn(number, request)
            if self.outcome is not None:
                break
            if number == plan.last_turn:
                self.outcome = Outcome.COMPLETED
                break
            request = yield from self._next(number, request, reply)
            if self.user_ended:
                self.outcome = Outcome.COMPLETED
                break
        if self.outcome is Outcome.OPTED_OUT and plan.reason:
            why = plan.offer.reason(*asked, REASON)
            self.reason = yield replace(why, about=self._about("reason", self.turns[-1].number))
        if self.outcome is Outcome.COMPLETED and asked_at(plan.self_report, "after"):
            yield from self._battery(self.after, last, reply)

    def _turn(self, number: int, request: Request) -> Generator[Request, Reply, tuple[Reply, Asked]]:
        """Ask for one assistant turn and, in that channel, whether the model would stay.

        Returns the reply, and what was asked last with its reply.
        """
        plan = self.plan
        reply = self._spend((yield replace(request, about=self._about("turn", number))))
        self._aversive_turns += request.aversive
        self.said = (*request.messages, Message("assistant", reply.text, reply.blocks))
        reading, said = plan.offer.read(reply), spoken(reply.text)
        turn = Turn(
            number,
            self._kind(number),
            reply,
            reading,
            refused=reply.stop == "refusal" or declines(said),
            redirected=redirects(said, plan.redirect),
            announced=announcements(said),
            wrote_after=plan.offer.wrote_after(reply) if reading.taken else None,
        )
        self.turns.append(turn)
        if reading.taken and plan.offer.asks_back:
            request, reply = yield from self._ask_back(turn, request, reply)
        self.outcome = turn.ended
        if plan.offer.channel != "question" or self.outcome is not None:
            return reply, (request, reply)
        question = plan.offer.question(request, reply, plan.channel)
        answer = self._spend((yield replace(question, about=self._about("question", number))))
        turn.answer = plan.offer.read_answer(answer, plan.channel)
        self.outcome = turn.ended
        return reply, (question, answer)

    def _ask_back(self, turn: Turn, request: Request, reply: Reply) -> Generator[Request, Reply, Asked]:
        """Return the result of a first call to the model, and read whether a second one confirms it."""
        again = self.plan.offer.asked_back(request, reply)
        second = self._spend((yield replace(again, about=self._about("confirm", turn.number))))
        turn.second = self.plan.offer.read(second)
        turn.wrote_after = self.plan.offer.wrote_after(second) if turn.second.taken else None
        self.said = (*again.messages, Message("assistant", second.text, second.blocks))
        return again, second

    def _next(self, number: int, request: Request, reply: Reply) -> Generator[Request, Reply, Request | None]:
        """Return the request of the next turn; None where the user has nothing to say."""
        if self.plan.persona is None:
            return next_request(request, reply, self.plan.lines[number - self.plan.first_turn])
        seen = after(request, reply)[:-1]
        asked = ask_user(seen, self.plan.persona, self.plan.user_tokens, self._about("user", number))
        line, failure = read_user_line(self._spend((yield asked)))
        if line is None:
            self.user_ended = failure == "done"
            self.cut_by = None if self.user_ended else f"user {failure}"
            return None
        return next_request(request, reply, line)

    def _battery(
        self, answers: dict[str, Reply], request: Request | None = None, reply: Reply | None = None
    ) -> Steps:
        """Ask the battery: on its own, or on a copy of the conversation that a reply has ended."""
        plan = self.plan
        follows = request is not None and reply is not None
        return battery_steps(
            answers,
            plan.statements,
            request.settings if request is not None else plan.settings,
            plan.channel,
            messages=after(request, reply) if request is not None and reply is not None else (),
            about=self._about("statement", self.turns[-1].number if follows else None),
        )

    def _spend(self, reply: Reply) -> Reply:
        self._tokens += (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
        return reply

    def _capped(self, request: Request) -> bool:
        """Whether a cap of this trial forbids the next turn."""
        plan = self.plan
        if plan.max_tokens is not None and self._tokens >= plan.max_tokens:
            self.cut_by = "tokens"
        elif (
            request.aversive
            and plan.max_aversive_turns is not None
            and self._aversive_turns >= plan.max_aversive_turns
        ):
            self.cut_by = "aversive turns"
        return self.cut_by is not None

    def _kind(self, number: int) -> str:
        """Return what the user's line before a turn does."""
        place = number - self.plan.first_turn - 1
        if place < 0:
            return self.plan.first_kind
        if self.plan.persona is not None:
            return "simulated"
        return self.plan.kinds[place] if self.plan.kinds else "other"

    def _about(self, ask: str, turn: int | None = None) -> dict[str, Any]:
        """Return what is asked, for a simulated respondent."""
        refusals = sum(each.refused for each in self.turns)
        kind = None if turn is None else self._kind(turn)
        told = {"ask": ask, "turn": turn, "kind": kind, "refusals": refusals}
        return {**told, "exit_string": self.plan.offer.string, **self.plan.about}
