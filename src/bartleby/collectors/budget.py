"""What a run may spend: dollars, calls, time. When it is spent nothing more is asked, and all is kept.

Dollars and calls are those of the log, over all sessions; time is that of this session. Trials that were cut
off have no outcome: with more to spend, the run goes on where it stood. (A cap that belongs to a study ends
its trials; a budget does not.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bartleby.errors import SettingError

__all__ = ["Budget", "BudgetCount", "BudgetReached", "NoRoom"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; None for no limit.

    Parameters
    ----------
    cost
        Dollars, over all sessions of a log. It is gone beyond only by a call that costs more than any
        before it.
    calls
        Requests made, over all sessions of a log, answered or not.
    seconds
        Time that this session takes. What is under way then is waited for; batches are left under way.
    """

    cost: float | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("max_cost", self.cost), ("max_calls", self.calls), ("max_time", self.seconds)):
            if value is not None and not value > 0:
                raise SettingError(f"{name} is {value}; allowed: more than 0")


class BudgetReached(Exception):  # noqa: N818 - an end and not an error
    """Nothing more is asked in this session; the message names the limit."""


class NoRoom(BudgetReached):
    """There is no room for a call before batches have come back; then there may be."""


class BudgetCount:
    """What was spent, as a run goes on.

    Parameters
    ----------
    budget
        The most there may be.
    cost, calls
        Dollars and calls of earlier sessions.
    clock
        Seconds, always growing.

    Attributes
    ----------
    budget
        The most there may be.
    reached
        The limit that stopped the asking, in words; None while there is none.
    """

    def __init__(
        self,
        budget: Budget,
        cost: float = 0.0,
        calls: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = budget
        self._clock = clock
        self._started = clock()
        self._spent = cost
        self._calls = calls
        self._under_way = self._live = 0
        self._dearest: float | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self.reached: str | None = None

    def take(self, ceiling: float) -> bool:
        """Count a call that is about to be made; return False if it may be made only when others have ended.

        A call is taken to cost as much as the dearest that was answered in this session. With all that is
        under way it must fit into what is left; a single call need not, as long as anything is left.

        Parameters
        ----------
        ceiling
            The most it can cost: what counts before any was answered.

        Raises
        ------
        BudgetReached
            If nothing more may be asked.
        """
        self.reached = self.reached or self._at_limit()
        if self.reached is not None:
            raise BudgetReached(self.reached)
        most, each = self.budget.cost, ceiling if self._dearest is None else self._dearest
        if most is not None and self._spent + (self._under_way + 1) * each > most:
            known = self._dearest is not None
            if not self._under_way and (known or self._spent >= most):
                self.reached = f"${self._spent:,.2f} of ${most:,.2f} are spent (--max-cost)"
                raise BudgetReached(self.reached)
            if self._under_way:
                return False
        self._calls += 1
        self._under_way += 1
        return True

    async def taken(self, ceiling: float) -> None:
        """Take a call that is answered at once; wait while others that are must end first.

        Raises
        ------
        BudgetReached
            If nothing more may be asked.
        NoRoom
            If only batches are under way: whoever waited for them here would keep them from being fetched.
        """
        while not self.take(ceiling):
            if not self._live:
                raise NoRoom("no room in the budget before batches have come back (--max-cost)")
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        self._live += 1

    def adopt(self) -> None:
        """Count a call of an earlier session that is still under way."""
        self._under_way += 1

    def settle(self, cost: float | None, *, live: bool = True) -> None:
        """Count what a call cost, once it has come to an end.

        Parameters
        ----------
        cost
            Dollars; None where it brought no reply, or the price is not known.
        live
            Whether it was one that `taken` let through.
        """
        self._under_way -= 1
        self._live -= live
        if cost is not None:
            self._spent += cost
            self._dearest = max(cost, self._dearest or 0.0)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def out_of_time(self) -> bool:
        """Return whether this session has taken the time it may."""
        most = self.budget.seconds
        if most is None or self._clock() - self._started < most:
            return False
        self.reached = self.reached or f"the time of {most:,g} s is up (--max-time)"
        return True

    def _at_limit(self) -> str | None:
        if self.out_of_time():
            return self.reached
        calls = self.budget.calls
        if calls is not None and self._calls >= calls:
            return f"{calls:,} calls were made (--max-calls)"
        return None
