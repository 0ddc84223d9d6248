"""What a reply of an earlier session was, and what the replies of a trial cost."""

from __future__ import annotations

from dataclasses import dataclass

from bartleby.exchange import MOST_TOKENS, Listener, Reply, Usage

__all__ = ["TOKENS", "Spent", "StoredReply", "counted", "tokens_of", "with_raw"]

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
"""Columns with the tokens of an attempt."""


def counted(column: str) -> str:
    """Return SQL for a count of tokens: what earlier versions stored that is no possible count is NULL."""
    return (
        f"CASE WHEN typeof({column}) = 'integer' AND {column} BETWEEN 0 AND {MOST_TOKENS} THEN {column} END"
    )


def tokens_of(usage: Usage) -> tuple[int | None, ...]:
    """Return the counts in the order of `TOKENS`."""
    return usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens


def with_raw(message: str, raw: str) -> str:
    """Return why an attempt failed, with what was sent instead of a reply, where something was."""
    return f"{message}. It was: {raw}" if raw else message


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
