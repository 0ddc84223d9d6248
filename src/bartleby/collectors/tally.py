"""What a session asks and gets, counted: replies, tokens and dollars, towards caps and towards the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bartleby.collectors.batch_log import Place
from bartleby.collectors.budget import BudgetCount
from bartleby.collectors.caps import CapCount
from bartleby.collectors.prices import BATCH_SHARE
from bartleby.collectors.retry import Question
from bartleby.exchange import Listener, Reply, Request, Usage

__all__ = ["Price", "Prices", "Tally"]

Price = Callable[[Usage], float | None]
"""What tokens cost, in dollars; None where it is not known."""
Prices = Mapping[Listener, Price | None]
"""The price of each of the models that are asked."""

CHARACTERS_A_TOKEN = 4.0
"""English text has about four characters a token."""


class Tally:
    """The counts of one session.

    Parameters
    ----------
    caps
        The study's.
    budget
        The run's.
    prices
        What the models cost.

    Attributes
    ----------
    replies, tokens
        Had in this session.
    cost
        Dollars of this session; None where no price is known.
    """

    def __init__(self, caps: CapCount, budget: BudgetCount, prices: Prices) -> None:
        self.replies = self.tokens = 0
        self.cost: float | None = None
        self._caps = caps
        self._budget = budget
        self._prices = prices

    @property
    def stopped(self) -> str | None:
        """What stopped the asking, where something was left to ask."""
        return self._caps.reached or self._budget.reached

    def ask(self, request: Request) -> None:
        """Count an ask towards the caps; raise `CapReached` if one is reached."""
        self._caps.take(request)

    def unanswered(self, request: Request) -> None:
        """Take back an ask that got no reply."""
        self._caps.give_back(request.aversive)

    async def call(self, question: Question) -> None:
        """Count an attempt that is about to be made, when the budget has room for it.

        Raises
        ------
        BudgetReached
            If it never will.
        """
        await self._budget.taken(self._ceiling(question, 1.0))

    def call_failed(self, listener: Listener, usage: Usage) -> None:
        """Note that an attempt brought no reply, and what was billed all the same."""
        self._spend(listener, usage, 1.0)

    def replied(self, listener: Listener, usage: Usage) -> None:
        """Count a reply that came at once."""
        self._count(listener, usage, 1.0)

    def _count(self, listener: Listener, usage: Usage, share: float) -> None:
        self.replies += 1
        self._spend(listener, usage, share)

    def _spend(self, listener: Listener, usage: Usage, share: float) -> None:
        self._caps.add(usage)
        self.tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
        cost = None if usage == Usage() else self._cost(listener, usage, share)
        self._budget.settle(cost, live=share == 1.0)
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def batch_asked(self, question: Question) -> bool:
        """Count a request that is about to be put into a batch; False if others must come back first.

        Raises
        ------
        BudgetReached
            If it may never be.
        """
        return self._budget.take(self._ceiling(question, BATCH_SHARE))

    def batch_adopted(self, place: Place) -> None:
        """Count a request of an earlier session that is found in a batch."""
        self._caps.adopt(place.aversive)
        self._budget.adopt()

    def batch_replied(self, reply: Reply) -> None:
        """Count a reply that came in a batch."""
        self._count("subject", reply.usage, BATCH_SHARE)

    def batch_failed(self, place: Place, usage: Usage) -> None:
        """Take back a request that its batch brought no reply to, but for what was billed."""
        self._caps.give_back(place.aversive)
        self._spend("subject", usage, BATCH_SHARE)

    def out_of_time(self) -> bool:
        """Return whether this session has taken the time it may."""
        return self._budget.out_of_time()

    def _cost(self, listener: Listener, usage: Usage, share: float) -> float | None:
        price = self._prices[listener]
        cost = price(usage) if price is not None else None
        return None if cost is None else cost * share

    def _ceiling(self, question: Question, share: float) -> float:
        """Return the most a call can cost, about: its text, and as many tokens as it may answer with."""
        request = question.request
        characters = sum(len(message.text) for message in request.messages)
        usage = Usage(round(characters / CHARACTERS_A_TOKEN), request.settings.ceiling)
        return self._cost(request.to, usage, share) or 0.0
