"""What servers say of their limits in the headers of an answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bartleby.collectors.models.base import RateLimit

__all__ = ["LimitHeaders", "rate_limit", "tells_limits"]

SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
COUNT = re.compile(r"[0-9]{1,18}")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """How a provider names its limits.

    Parameters
    ----------
    remaining, reset
        Names of the headers, with {} for what is limited.
    counted
        What is limited and counts requests.
    all_or_nothing
        What is limited and counts something else: it says no more than whether anything is left.
    """

    remaining: str
    reset: str
    counted: tuple[str, ...]
    all_or_nothing: tuple[str, ...]


def tells_limits(raw: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether headers tell of limits at all: cheap, as it is looked up with every answer."""
    return any(b"ratelimit" in name.lower() for name, _ in raw)


def rate_limit(headers: Mapping[str, str], names: LimitHeaders) -> RateLimit | None:
    """Return the tightest limit that headers tell of; None if they tell of none.

    Parameters
    ----------
    headers
        Of an answer, to be looked up in lower case.
    names
        What they are called.
    """
    found = []
    for what in (*names.counted, *names.all_or_nothing):
        told = headers.get(names.remaining.format(what))
        if told is None or not COUNT.fullmatch(told):
            continue
        left = int(told)
        if what in names.counted or left == 0:
            found.append(RateLimit(left, seconds_until(headers.get(names.reset.format(what)))))
    return min(found, key=lambda limit: limit.remaining, default=None)


def seconds_until(told: str | None) -> float | None:
    """Return in how many seconds a limit is lifted: of a date (RFC 3339), a duration (`6m0s`) or seconds."""
    if not told:
        return None
    pieces = DURATION.findall(told)
    if pieces and "".join(number + unit for number, unit in pieces) == told:
        return sum(float(number) * SECONDS[unit] for number, unit in pieces)
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, datetime.fromisoformat(told).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None
