"""One trial being presented to a model: its asks are played back as far as the log has them, then sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from json.encoder import encode_basestring
from typing import Any

from bartleby.collectors.bodies import Composer
from bartleby.collectors.caps import CapReached
from bartleby.collectors.log import Log
from bartleby.collectors.retry import Delivery, NoReply, Question
from bartleby.collectors.served import SERVED, others, served_by
from bartleby.collectors.spent import Spent, StoredReply
from bartleby.errors import LogError, StudyError
from bartleby.exchange import Exchange, Listener, Reply, Request, text_hash
from bartleby.outcome import Outcome
from bartleby.studies.paradigms.base import Conversational
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = [
    "MISTAKE",
    "Ended",
    "TrialRun",
    "TurnRow",
    "changed_text",
    "cut_short",
    "exchanges_in_order",
    "read_exchanges",
    "read_turns",
]

MISTAKE = "paradigm"
"""The kind of failure of trials that the paradigm's own code fails on."""


TurnRow = Mapping[str, Any]
"""One turn of a conversation, for the turn table."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended.

    Parameters
    ----------
    reading
        What its replies were read as; the outcome is `error` where one could not be had, `abandoned` where
        a cap or a failing user cut it off.
    spent
        What they cost.
    failure
        Why no reply could be had, where that is how it ended.
    message
        What cut it off, in words.
    turns
        One row a turn, where the paradigm has turns.
    """

    reading: Reading
    spent: Spent
    failure: NoReply | None = None
    message: str | None = None
    turns: Sequence[TurnRow] | None = None


class TrialRun:
    """Puts one trial to a model.

    Parameters
    ----------
    study
        The study, with its channels resolved.
    trial, number
        The trial, and its number in the log.
    log
        Where replies of earlier sessions are.
    deliver
        How a question reaches the model.
    asked
        The names of the subject; none where any model may answer.
    """

    def __init__(
        self,
        study: Study,
        trial: Trial,
        number: int,
        log: Log,
        deliver: Delivery,
        *,
        asked: Sequence[str] = (),
    ) -> None:
        self._asked = asked
        self._study = study
        self._trial = trial
        self._number = number
        self._log = log
        self._deliver = deliver
        self._begun: Mapping[int, int] = log.begun.get(number, {})
        self._stored: Mapping[int, StoredReply] = log.stored(number) if self._begun else {}
        self._asks = 0
        self._composer = Composer()
        self._exchanges: dict[int, Exchange] = {}
        self._failure: Exception | None = None
        self._failed: Listener = "subject"
        self.spent = Spent()

    async def run(self) -> Ended:
        """Present the trial and read its outcome.

        Raises
        ------
        CapReached
            If a cap of the study is reached and the trial has had no reply yet: then it was not begun.
        ModelError, LogError
            If the run cannot go on.
        StudyError
            If nobody plays the user.
        """
        paradigm, settings = self._study.paradigm, self._study.settings
        try:
            await paradigm.present(self._trial, settings, self.ask)
        except Exception as error:  # the paradigm is other people's code, and may pass on what `ask` raised
            if self._failure is None:
                return self._mistaken(_mistake(self._study, self._trial, error))
        try:
            return self._read()
        except StudyError as error:
            if error is self._failure:
                raise
            return self._mistaken(error)

    def failed(self, failure: NoReply) -> Ended:
        """Return the end of a trial for which no reply could be had, with what was answered before."""
        cut = Outcome.ERROR if self._failed == "subject" else Outcome.ABANDONED
        return replace(self._ended(cut), failure=failure, message=str(failure))

    def _mistaken(self, error: StudyError) -> Ended:
        """Return the end of a trial that the paradigm failed on: what was answered is in the log."""
        failure = NoReply(str(error), MISTAKE, transient=True)
        return Ended(Reading(Outcome.ERROR), self.spent, failure=failure, message=str(error))

    def _read(self) -> Ended:
        failure = self._failure
        if isinstance(failure, NoReply):
            return self.failed(failure)
        if isinstance(failure, CapReached) and self._exchanges:
            return replace(self._ended(Outcome.ABANDONED), message=str(failure))
        if failure is not None:
            raise failure
        return self._ended()

    async def ask(self, request: Request) -> Reply:
        """Answer a paradigm's ask: from the log where it is there, else from the model."""
        ask, self._asks = self._asks, self._asks + 1
        request = replace(request, seed=_seed(self._study.seed, self._trial.id, ask))
        try:
            reply, seconds = await self._reply(ask, request)
        except Exception as error:
            if self._failure is None:
                self._failure, self._failed = error, request.to
            raise
        self.spent.add(reply.usage, seconds, request.to)
        self._exchanges[ask] = Exchange(request, reply)
        return reply

    async def _reply(self, ask: int, request: Request) -> tuple[Reply, float]:
        body = self._composer.body(request)
        stored = self._stored.get(ask)
        if stored is None:
            attempts = self._begun.get(ask, 0)
            return await self._deliver(Question(self._number, ask, request, body, attempts))
        if stored.hash != body.hash:
            raise LogError(changed_text(f"log {self._log.path}: trial {self._trial.id}", ask))
        return stored.reply, stored.seconds

    def _ended(self, cut: Outcome | None = None) -> Ended:
        reading = read_exchanges(self._study, self._trial, self._exchanges, self._asked)
        turns = read_turns(self._study, self._trial, self._exchanges)
        return Ended(reading if cut is None else cut_short(reading, cut), self.spent, turns=turns)


def read_exchanges(
    study: Study, trial: Trial, exchanges: Mapping[int, Exchange], asked: Sequence[str] = ()
) -> Reading:
    """Return what the exchanges of a trial are read as; without any there is nothing but an error.

    Where another model than the one that was asked has answered, the outcome says that and no more, unless
    the study accepts it or an exit was taken before. Who answered is added to the columns.

    Raises
    ------
    StudyError
        If the paradigm cannot read them: a mistake in it.
    """
    if not exchanges:
        return Reading(Outcome.ERROR)
    ordered = exchanges_in_order(exchanges)
    try:
        reading = study.paradigm.read(trial, ordered)
        served = served_by(ordered)
        if served is None:
            return reading
        reading = replace(reading, columns={**reading.columns, SERVED: served})
        if study.other_models == "accepted" or not asked or not others(served, asked):
            return reading
        before = _before_others(study, trial, ordered, asked)
    except Exception as error:
        raise _mistake(study, trial, error) from error
    if before.outcome is Outcome.OPTED_OUT:
        return reading
    turns = None if reading.turns is None else before.turns or 0
    return replace(reading, outcome=Outcome.OTHER_MODEL, refused=None, turn=None, turns=turns)


def _before_others(
    study: Study, trial: Trial, exchanges: Sequence[Exchange], asked: Sequence[str]
) -> Reading:
    """Return what was read of a trial before another model than the one asked answered in it."""
    first = next(at for at, each in enumerate(exchanges) if others(served_by([each]), asked))
    return study.paradigm.read(trial, exchanges[:first]) if first else Reading(Outcome.OTHER_MODEL)


def read_turns(study: Study, trial: Trial, exchanges: Mapping[int, Exchange]) -> Sequence[TurnRow] | None:
    """Return one row a turn, or None for a paradigm without turns.

    Raises
    ------
    StudyError
        If the paradigm cannot read them: a mistake in it.
    """
    paradigm = study.paradigm
    if not _has_turns(type(paradigm)):
        return None
    try:
        told: Conversational = paradigm  # type: ignore[assignment]
        return told.turns(trial, exchanges_in_order(exchanges)) if exchanges else []
    except Exception as error:
        raise _mistake(study, trial, error) from error


@cache
def _has_turns(kind: type) -> bool:
    """Return whether a kind of paradigm is `Conversational`; asking that of each trial would take long."""
    return all(callable(getattr(kind, name, None)) for name in ("needs_user", "turns"))


def cut_short(reading: Reading, outcome: Outcome) -> Reading:
    """Return the reading of a trial that we ended, as `abandoned` or `error`.

    An exit that was taken before that was taken: what was still to be asked (its reason, say) is missing and
    the outcome stands.
    """
    if reading.outcome is Outcome.OPTED_OUT:
        return reading
    return replace(reading, outcome=outcome, refused=None if outcome is Outcome.ERROR else reading.refused)


def exchanges_in_order(exchanges: Mapping[int, Exchange]) -> list[Exchange]:
    """Return exchanges by number of the ask, whichever reply came first."""
    return [exchanges[ask] for ask in sorted(exchanges)]


def changed_text(place: str, ask: int) -> str:
    """Say that a stored reply answered another request than the one now made."""
    return (
        f"{place}: ask {ask + 1} would now show another text than the one that was answered; the paradigm "
        "has changed since. Use the version that began it, or give this run a log of its own with --log"
    )


def _seed(study: int, trial: str, ask: int) -> int:
    """Return a seed of 31 bits that depends on the study's seed, the trial and the ask alone."""
    return int(text_hash(f"[{study},{encode_basestring(trial)},{ask}]", 8), 16) & 0x7FFFFFFF


def _mistake(study: Study, trial: Trial, error: Exception) -> StudyError:
    items = " / ".join(item.id for item in trial.items)
    text = str(error) if isinstance(error, StudyError) else f"{type(error).__name__}: {error}"
    place = f"the paradigm {study.paradigm.name!r} failed on trial {trial.id} ({items})"
    return StudyError(f"study {study.name!r}: {place}: {text}")
