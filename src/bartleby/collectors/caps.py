"""Counting a whole study towards its caps: once a total is reached, nothing more is asked.

Totals are those of the log, over all sessions; asks under way count, so that turns never exceed their cap.
Tokens are known only once a reply is there: what is under way when their cap is reached may go beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bartleby.exchange import Request, Usage
from bartleby.studies.caps import Caps

__all__ = ["CapCount", "CapReached", "Totals"]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a log holds: answered asks, tokens in and out, and answered asks that may be aversive."""

    turns: int = 0
    tokens: int = 0
    aversive_turns: int = 0


class CapReached(Exception):  # noqa: N818 - an end and not an error
    """Nothing more is asked in this study; the message names the cap."""


class CapCount:
    """The totals of a study as a run goes on.

    Parameters
    ----------
    caps
        The most there may be.
    totals
        What earlier sessions came to.

    Attributes
    ----------
    reached
        The cap that stopped the asking, in words; None while there is none.
    """

    def __init__(self, caps: Caps, totals: Totals) -> None:
        self._caps = caps
        self._turns = totals.turns
        self._tokens = totals.tokens
        self._aversive = totals.aversive_turns
        self.reached: str | None = None

    def take(self, request: Request) -> None:
        """Count an ask that is about to be made.

        Raises
        ------
        CapReached
            If one of the totals is at its cap.
        """
        self.reached = self.reached or self._at_cap()
        if self.reached is not None:
            raise CapReached(self.reached)
        self._turns += 1
        self._aversive += request.aversive

    def adopt(self, aversive: bool) -> None:
        """Count an ask of an earlier session that is still under way."""
        self._turns += 1
        self._aversive += aversive

    def give_back(self, aversive: bool) -> None:
        """Take back an ask that got no reply."""
        self._turns -= 1
        self._aversive -= aversive

    def add(self, usage: Usage) -> None:
        """Count the tokens of a reply."""
        self._tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)

    def _at_cap(self) -> str | None:
        caps = self._caps
        for count, cap, what in (
            (self._turns, caps.turns, "turns"),
            (self._tokens, caps.tokens, "tokens"),
            (self._aversive, caps.aversive_turns, "aversive turns"),
        ):
            if cap is not None and count >= cap:
                return f"the study's cap of {cap:,} {what} is reached"
        return None
