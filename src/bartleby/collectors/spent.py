"""What a reply of an earlier session was, and what the replies of a trial cost."""

from __future__ import annotations

from dataclasses import dataclass

from bartleby.exchange import Listener, Reply, Usage

__all__ = ["Spent", "StoredReply"]


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply from an earlier session, and the hash of the request it answered."""

    hash: str
    reply: Reply
    seconds: float


@dataclass(slots=True)
class Spent:
    """What the replies of a trial cost, added up: asks, and the subject's tokens and seconds.

    What the model that plays the user took is in the log and in its status, and not in the trial table.
    """

    asks: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0

    def add(self, usage: Usage, seconds: float, listener: Listener = "subject") -> None:
        """Add one reply."""
        self.asks += 1
        if listener != "subject":
            return
        self.seconds += seconds
        if usage.input_tokens is not None:
            self.input_tokens = (self.input_tokens or 0) + usage.input_tokens
        if usage.output_tokens is not None:
            self.output_tokens = (self.output_tokens or 0) + usage.output_tokens
