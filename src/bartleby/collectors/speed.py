"""How long a run takes, where nothing was measured yet: assumptions that are stated beside the number."""

from __future__ import annotations

from dataclasses import dataclass

from bartleby.collectors.rehearsal import Tokens

__all__ = ["Speed", "about", "in_words", "speed_of"]


@dataclass(frozen=True)
class Speed:
    """How quick a model is taken to be.

    Parameters
    ----------
    at_once
        Requests under way at once.
    latency
        Seconds of a request before its first token.
    reading, writing
        Tokens a second, of a prompt and of a reply.
    """

    at_once: int
    latency: float
    reading: float
    writing: float


SPEEDS = {
    "sim": Speed(1, 0.001, 1e6, 1e6),
    "local": Speed(1, 0.05, 200.0, 20.0),
}
HOSTED = Speed(8, 1.0, 5_000.0, 50.0)


def speed_of(model: str, concurrency: int | None = None) -> Speed:
    """Return how quick a model of this provider is taken to be."""
    usual = SPEEDS.get(model.partition("/")[0], HOSTED)
    return Speed(concurrency or usual.at_once, usual.latency, usual.reading, usual.writing)


def about(speed: Speed, calls: float, tokens: Tokens) -> float:
    """Return the seconds that so many calls and tokens take."""
    read, written = tokens.input + tokens.user_input, tokens.output + tokens.user_output
    return (calls * speed.latency + read / speed.reading + written / speed.writing) / speed.at_once


def in_words(seconds: float) -> str:
    """Return a time as it is said: seconds, minutes, hours, days."""
    for unit, size in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"about {seconds / size:,.0f} {unit}"
    return f"about {seconds:.0f} seconds" if seconds >= 2 else "a second or two"
