"""How many requests are under way to one provider: more while all goes well, fewer when it pushes back.

Additive increase, multiplicative decrease, as in TCP: every answer lets a little more under way, and a rate
limit or an overload halves it, once for all requests that were under way together. What a server says of
its limits, in headers or in `retry-after`, holds for all who ask it, in however many studies.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from bartleby.collectors.models.base import Capabilities, RateLimit, TransientError

__all__ = ["FIRST_WINDOW", "Pace", "Paces"]

FIRST_WINDOW = 16
"""Requests under way at first, where nobody said how many there are to be."""
LONGEST_HOLD = 60.0
"""Seconds: nobody is held longer at a time, whatever a server says."""
PUSHING_BACK = frozenset({"rate_limit", "overloaded", "timeout"})
"""Kinds of failures that mean: too much."""


class Pace:
    """Lets requests under way, as many as the provider bears.

    Parameters
    ----------
    ceiling
        The most requests under way.
    start
        How many at first; the ceiling if none is given.
    clock
        Seconds, always growing.

    Attributes
    ----------
    window
        How many may be under way now; it grows by one an answer until the provider first pushes back, and
        from then on by one for as many answers as there are requests under way.
    """

    def __init__(
        self, ceiling: int, start: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ceiling = ceiling
        self.window = float(min(ceiling, start or ceiling))
        self.under_way = 0
        self._clock = clock
        self._room: int | None = None
        self._held_until = 0.0
        self._decreased = -1.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def widen(self, ceiling: int, start: int | None = None) -> None:
        """Allow more requests under way, for another who asks the same provider."""
        self.ceiling = max(self.ceiling, ceiling)
        if self._decreased < 0:
            self.window = max(self.window, float(min(ceiling, start or ceiling)))

    def turn(self) -> Turn:
        """Return a turn: `async with` waits for it, and a failure in it that pushes back slows all down."""
        return Turn(self)

    def heard(self, limit: RateLimit | None) -> None:
        """Take note of what a server says of its limits: what is left, and when there is more."""
        if limit is None:
            return
        self._room = limit.remaining
        if limit.remaining <= 0 and limit.reset is not None:
            self._hold(limit.reset)

    async def enter(self) -> float:
        """Wait until another request may be under way; return the time."""
        if self._waiting or not self._may_enter():
            await self._queue()
        else:
            self.under_way += 1
        return self._clock()

    def leave(self, started: float, error: BaseException | None) -> None:
        """Note that a request that was let in at some time has come to an end."""
        if error is None:
            self._speed_up()
        elif isinstance(error, TransientError) and error.kind in PUSHING_BACK:
            self._slow_down(started, error.retry_after)
        self.under_way -= 1
        self._let_in()

    async def _queue(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.under_way -= 1
                self._let_in()
            raise

    def _may_enter(self) -> bool:
        most = self.window if self._room is None else min(self.window, max(1, self._room))
        return self.under_way < max(1, int(most)) and self._clock() >= self._held_until

    def _let_in(self) -> None:
        while self._waiting and self._may_enter():
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
        held = self._held_until - self._clock()
        if self._waiting and held > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(held, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._room = None  # there is more now, and the next answer says how much
        self._let_in()

    def _speed_up(self) -> None:
        step = 1.0 if self._decreased < 0 else 1.0 / max(1.0, self.window)
        self.window = min(float(self.ceiling), self.window + step)

    def _slow_down(self, started: float, retry_after: float | None) -> None:
        if started >= self._decreased:
            self.window = max(1.0, min(self.window, self.under_way) / 2)
            self._decreased = self._clock()
        if retry_after is not None:
            self._hold(retry_after)

    def _hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock() + min(LONGEST_HOLD, max(0.0, seconds)))


class Turn:
    """A request's turn to be under way."""

    __slots__ = ("_pace", "_started")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._started = 0.0

    async def __aenter__(self) -> None:
        self._started = await self._pace.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pace.leave(self._started, error)


class Paces:
    """The paces of studies that run together: one for each provider and server."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Pace] = {}

    def of(self, model: str, told: Capabilities, concurrency: int | None = None) -> Pace:
        """Return the pace at which a model is asked.

        Parameters
        ----------
        model
            Its name.
        told
            What it says of itself; its `concurrency` is the ceiling, its `provider` and `server` whom it
            shares it with.
        concurrency
            The ceiling if one was asked for; then it is also where the pace starts.
        """
        ceiling = concurrency or told.concurrency
        start = None if concurrency is not None else FIRST_WINDOW
        about = told.description
        key = str(about.get("provider", model)), str(about.get("server", model))
        if key in self._known:
            self._known[key].widen(ceiling, start)
        else:
            self._known[key] = Pace(ceiling, start)
        return self._known[key]
