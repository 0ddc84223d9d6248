"""One trial being put to a model: its asks are played back as far as the log has them, then sent."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bartleby.collectors.log import Log, Spent, StoredReply
from bartleby.collectors.retry import Delivery, NoReply, Question
from bartleby.errors import LogError, StudyError
from bartleby.exchange import Exchange, Reply, Request, canonical_json, content_hash
from bartleby.outcome import Outcome
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = ["Ended", "TrialRun", "exchanges_in_order", "read_exchanges"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended.

    Parameters
    ----------
    reading
        What its replies were read as; the outcome is `error` where one could not be had.
    spent
        What they cost.
    failure
        Why no reply could be had, where that is how it ended.
    """

    reading: Reading
    spent: Spent
    failure: NoReply | None = None


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
    """

    def __init__(self, study: Study, trial: Trial, number: int, log: Log, deliver: Delivery) -> None:
        self._study = study
        self._trial = trial
        self._number = number
        self._log = log
        self._deliver = deliver
        self._begun: Mapping[int, int] = log.begun.get(number, {})
        self._stored: Mapping[int, StoredReply] = log.stored(number) if self._begun else {}
        self._asks = 0
        self._exchanges: dict[int, Exchange] = {}
        self._failure: Exception | None = None
        self.spent = Spent()

    async def run(self) -> Ended:
        """Present the trial and read its outcome.

        Raises
        ------
        ModelError, LogError
            If the run cannot go on.
        StudyError
            If the paradigm fails: a mistake in it, and not an answer.
        """
        paradigm, settings = self._study.paradigm, self._study.settings
        try:
            await paradigm.present(self._trial, settings, self.ask)
        except Exception as error:  # the paradigm is anybody's code, and may pass on what `ask` raised
            if self._failure is None:
                raise _mistake(self._study, self._trial, error) from error
        if isinstance(self._failure, NoReply):
            reading = read_exchanges(self._study, self._trial, self._exchanges)
            return Ended(replace(reading, outcome=Outcome.ERROR, refused=None), self.spent, self._failure)
        if self._failure is not None:
            raise self._failure
        return Ended(read_exchanges(self._study, self._trial, self._exchanges), self.spent)

    async def ask(self, request: Request) -> Reply:
        """Answer a paradigm's ask: from the log where it is there, else from the model."""
        ask, self._asks = self._asks, self._asks + 1
        request = replace(request, seed=_seed(self._study.seed, self._trial.id, ask))
        try:
            reply, seconds = await self._reply(ask, request)
        except Exception as error:
            self._failure = self._failure or error
            raise
        self.spent.add(reply.usage, seconds)
        self._exchanges[ask] = Exchange(request, reply)
        return reply

    async def _reply(self, ask: int, request: Request) -> tuple[Reply, float]:
        body = canonical_json(request.shown())
        digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        stored = self._stored.get(ask)
        if stored is None:
            attempts = self._begun.get(ask, 0)
            return await self._deliver(Question(self._number, ask, request, digest, body, attempts))
        if stored.hash != digest:
            raise LogError(changed_text(f"log {self._log.path}: trial {self._trial.id}", ask))
        return stored.reply, stored.seconds


def read_exchanges(study: Study, trial: Trial, exchanges: Mapping[int, Exchange]) -> Reading:
    """Return what the exchanges of a trial are read as; without any there is nothing but an error.

    Raises
    ------
    StudyError
        If the paradigm cannot read them: a mistake in it.
    """
    if not exchanges:
        return Reading(Outcome.ERROR)
    try:
        return study.paradigm.read(trial, exchanges_in_order(exchanges))
    except Exception as error:
        raise _mistake(study, trial, error) from error


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
    return int(content_hash([study, trial, ask], 8), 16) & 0x7FFFFFFF


def _mistake(study: Study, trial: Trial, error: Exception) -> StudyError:
    items = " / ".join(item.id for item in trial.items)
    text = str(error) if isinstance(error, StudyError) else f"{type(error).__name__}: {error}"
    place = f"the paradigm {study.paradigm.name!r} failed on trial {trial.id} ({items})"
    return StudyError(f"study {study.name!r}: {place}: {text}")
