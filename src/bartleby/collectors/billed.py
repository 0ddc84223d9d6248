"""What a log says was billed: tokens by who was asked, and by whether it was in a batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from bartleby.collectors.batch_log import batch_usage
from bartleby.collectors.prices import BATCH_SHARE
from bartleby.collectors.spent import TOKENS, counted
from bartleby.exchange import Usage

__all__ = ["Billed", "billed"]

Price = Callable[[Usage], float | None]


@dataclass(frozen=True, slots=True)
class Billed:
    """Tokens of the subject, those of them that were had in batches, and tokens of who plays the user."""

    subject: Usage
    batched: Usage
    user: Usage

    def subject_cost(self, price: Price | None) -> float | None:
        """Return what the subject cost, in dollars; None where that is not known.

        The price is given sums of tokens, so it is taken to be linear.
        """
        if price is None:
            return None
        whole, batched = price(self.subject), price(self.batched)
        return None if whole is None or batched is None else whole - batched * (1.0 - BATCH_SHARE)

    def user_cost(self, price: Price | None) -> float | None:
        """Return what the model that plays the user cost, in dollars; None where that is not known."""
        return None if price is None else price(self.user)


def billed(connection: sqlite3.Connection) -> Billed:
    """Return the tokens of all attempts in a log, also of those that were billed and could not be read."""
    sums = ", ".join(f"sum({counted(name)})" for name in TOKENS)
    rows = connection.execute(f"SELECT listener, {sums} FROM attempts GROUP BY listener")  # noqa: S608
    found = {row[0]: Usage(*row[1:]) for row in rows}
    return Billed(found.get(None, Usage()), batch_usage(connection), found.get("user", Usage()))
