"""How an ask reaches a model that answers at once: attempts, waiting between them, one logged row each.

This is the only piece of the collector that knows how requests travel. Another way of bringing them to a
model (in batches, say) is another `Delivery`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from random import SystemRandom
from typing import Protocol

from bartleby.collectors.bodies import Body
from bartleby.collectors.environment import HIDDEN, redact, secret_pattern
from bartleby.collectors.log import Log
from bartleby.collectors.models.base import Model, TransientError
from bartleby.collectors.models.normalising import identifier, normalised
from bartleby.collectors.pacing import Pace
from bartleby.errors import ModelError, RequestError, StudyError
from bartleby.exchange import Listener, Reply, Request, Usage

__all__ = ["LONGEST_WAIT", "NO_USER", "Account", "Delivery", "Live", "NoReply", "Question", "waiting_time"]

_LOGGER = logging.getLogger(__name__)
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds: no wait between two attempts is longer, whatever a server asks for."""

NO_USER = (
    "a simulated user is asked for, and no model was named to play it; name one with --user MODEL, or user="
)


@dataclass(frozen=True, slots=True)
class Question:
    """One ask of one trial, on its way to a model.

    Parameters
    ----------
    trial
        Number of the trial in the log.
    ask
        Number of the ask within the trial, from 0.
    request
        What is asked.
    body
        What will be shown, as it is stored.
    attempts
        Attempts made at it in earlier sessions.
    """

    trial: int
    ask: int
    request: Request
    body: Body
    attempts: int = 0


class NoReply(Exception):  # noqa: N818 - how a question ended
    """No reply could be had to a question, and none will be in this session.

    Parameters
    ----------
    message
        What happened, without secrets.
    kind
        A short name for it.
    transient
        Whether it is the kind of failure that may pass.
    """

    def __init__(self, message: str, kind: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.transient = transient


class Delivery(Protocol):
    """A way of bringing a question to a model."""

    async def __call__(self, question: Question) -> tuple[Reply, float]:
        """Return the reply, once it is in the log, and the seconds the model took.

        Raises
        ------
        NoReply
            If this question gets none.
        ModelError
            If no question will.
        LogError
            If the log cannot be written.
        StudyError
            If the user is asked and nobody plays it.
        """
        ...


class Account(Protocol):
    """Who counts attempts and replies."""

    async def call(self, question: Question) -> None:
        """Count an attempt that is about to be made, when it may be; raise if it never may."""
        ...

    def call_failed(self, listener: Listener, usage: Usage) -> None:
        """Note that it brought no reply, and what was billed all the same."""
        ...

    def replied(self, listener: Listener, usage: Usage) -> None:
        """Count the reply that it brought."""
        ...


class Live:
    """Ask a model, and ask again after failures that may pass.

    Parameters
    ----------
    model
        The subject, open.
    log
        Where every attempt is noted and every reply stored before it is returned.
    user
        The model that plays the user, open, where there is one.
    max_attempts
        The most attempts at one question in a session.
    account
        Who counts attempts and replies, and may forbid another one.
    paces
        How many requests may be under way to each model.
    sleep
        How to wait; tests pass one that does not.
    """

    def __init__(
        self,
        model: Model,
        log: Log,
        *,
        user: Model | None = None,
        max_attempts: int = 6,
        account: Account | None = None,
        paces: Mapping[Listener, Pace] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account = account
        self._paces = paces or {}
        self._models: dict[Listener, Model | None] = {"subject": model, "user": user}
        self._secrets: dict[Listener, re.Pattern[str] | None] = {}
        self._log = log
        self._max_attempts = max_attempts
        self._sleep = sleep

    async def __call__(self, question: Question) -> tuple[Reply, float]:
        """Return the reply to a question, in as many attempts as are allowed."""
        for count in range(1, self._max_attempts + 1):
            try:
                return await self._in_turn(question, question.attempts + count)
            except TransientError as error:
                if count == self._max_attempts:
                    tries = f" ({count} attempts)" if count > 1 else ""
                    message = redact(str(error)) + tries
                    raise NoReply(message, error.kind, transient=True) from error
                seconds = waiting_time(count, error.retry_after)
                _LOGGER.debug("attempt %d failed: %s; the next in %.1f s", count, redact(str(error)), seconds)
                await self._sleep(seconds)
        raise NoReply("no attempt is allowed", "attempts")

    async def _in_turn(self, question: Question, attempt: int) -> tuple[Reply, float]:
        """Make one attempt when it is this question's turn, unless the account forbids it.

        Others have their turn while its reply is put on the disk.
        """
        listener = question.request.to
        model, pace = self._models[listener], self._paces.get(listener)
        if model is None:
            raise StudyError(NO_USER)
        async with nullcontext() if pace is None else pace.turn():
            if self._account is not None:
                await self._account.call(question)
            try:
                number, reply, seconds = await self._attempt(model, question, attempt)
            except BaseException as error:
                if self._account is not None:
                    self._account.call_failed(listener, getattr(error, "usage", Usage()))
                raise
            if self._account is not None:
                self._account.replied(listener, reply.usage)
            if pace is not None:
                pace.heard(getattr(model, "rate_limit", None))  # `Limited`; asking what it is takes longer
        await self._log.attempt_answered(number, question.trial, question.ask, reply, seconds)
        return reply, seconds

    async def _attempt(self, model: Model, question: Question, attempt: int) -> tuple[int, Reply, float]:
        """Make one attempt and note how it went; whatever a model may raise is a failure of this attempt.

        What it returns is normalised before anything is recorded as answered.
        """
        request = question.request
        number = await self._log.attempt_started(
            question.trial, question.ask, attempt, question.body, request
        )
        started = time.perf_counter()
        secrets = self._secrets_of(model, request.to)
        try:
            reply = normalised(await model.answer(request), secrets)
        except BaseException as error:
            failure = _without(secrets, _as_failure(error))
            self._note_failure(number, time.perf_counter() - started, failure)
            raise _translated(failure) from error
        return number, reply, time.perf_counter() - started

    def _secrets_of(self, model: Model, listener: Listener) -> re.Pattern[str] | None:
        """Return what finds the keys that a server might echo; once, as it takes as long as a short reply."""
        if listener not in self._secrets:
            self._secrets[listener] = secret_pattern(getattr(model, "secrets", ()))
        return self._secrets[listener]

    def _note_failure(self, number: int, seconds: float, error: BaseException) -> None:
        if isinstance(error, TransientError):
            told = str(error)
            self._log.attempt_failed(
                number,
                seconds,
                error.kind,
                told,
                status=error.status,
                request_id=identifier(error.request_id),
                raw=error.raw,
                usage=error.usage,
            )
        elif isinstance(error, Exception):
            self._log.attempt_failed(number, seconds, _kind(error), _text(error))
        else:
            self._log.attempt_failed(number, seconds, "cancelled", "the run was stopped meanwhile")


def waiting_time(failures: int, retry_after: float | None = None) -> float:
    """Return how many seconds to wait after a number of failures in a row.

    Exponential back-off with full jitter, so that many requests that failed together do not come back
    together. Where the server named a time, that is the least; `LONGEST_WAIT` caps both.
    """
    jitter = SystemRandom().uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (failures - 1)))
    if retry_after is None:
        return jitter
    return min(LONGEST_WAIT, max(0.0, retry_after) + min(jitter, FIRST_WAIT))


def _as_failure(error: BaseException) -> BaseException:
    """Tell a cancellation that nobody asked for, from inside a client library, from our own."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling():
        return ConnectionError("the client library cancelled the request")
    return error


def _without(secrets: re.Pattern[str] | None, error: BaseException) -> BaseException:
    """Return an exception without secrets in what it says and in what the server sent."""
    if secrets is not None:
        error.args = tuple(
            secrets.sub(HIDDEN, each) if isinstance(each, str) else each for each in error.args
        )
        if isinstance(error, TransientError):
            error.raw = secrets.sub(HIDDEN, error.raw)
    return error


def _translated(error: BaseException) -> BaseException:
    """Return the exception as the collector knows it, without secrets in its message."""
    if isinstance(error, ModelError):
        return type(error)(redact(str(error)))
    if isinstance(error, TransientError) or not isinstance(error, Exception):
        return error
    return NoReply(_text(error), _kind(error))


def _kind(error: Exception) -> str:
    if isinstance(error, RequestError):
        return "request"
    return "model" if isinstance(error, ModelError) else "unexpected"


def _text(error: Exception) -> str:
    expected = isinstance(error, (RequestError, ModelError))
    return redact(str(error) if expected else f"{type(error).__name__}: {error}")
