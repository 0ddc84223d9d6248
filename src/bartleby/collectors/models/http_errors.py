"""What went wrong with an HTTP request to a model: will it pass, is it this request, or any request."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping, Sequence

from bartleby.collectors.environment import redact
from bartleby.collectors.models.base import KeyRefusedError, TransientError
from bartleby.errors import BartlebyError, ModelError, RequestError

__all__ = ["from_status", "hide", "retry_after"]

TRANSIENT: Mapping[int, str] = {
    408: "timeout",
    409: "server",
    425: "server",
    429: "rate_limit",
    499: "connection",
}
"""Statuses below 500 after which another attempt may succeed, and what they are called in the record."""
HOPELESS: Mapping[int, str] = {
    401: "the key was refused",
    402: "the provider asks for payment",
    403: "the key was refused for this; check what it may be used for",
    404: "there is no such model, or this key may not use it",
    405: "the server cannot do this",
    501: "the server cannot do this",
    **dict.fromkeys(
        (301, 302, 303, 307, 308),
        "the server names another address, to which neither text nor key is sent; name that address itself",
    ),
}
"""Statuses after which no request will be answered, and what that means."""


def from_status(
    name: str,
    status: int,
    said: str,
    *,
    headers: Mapping[str, str],
    request_id: str | None,
    key: str,
) -> BartlebyError | TransientError:
    """Return what a status means.

    Parameters
    ----------
    name
        The model's name, for the message.
    status, said
        The HTTP status, and what the server said; without secrets.
    headers
        The response's headers.
    request_id
        The provider's id of the attempt.
    key
        The environment variable with the key, for the message.
    """
    if status in HOPELESS:
        where = f"; check the environment variable {key}" if status == 401 else ""
        kind = KeyRefusedError if status in (401, 402) else ModelError
        return kind(f"{name}: {HOPELESS[status]}{where} (status {status}: {said})")
    if status in TRANSIENT or status >= 500:
        return TransientError(
            f"{name}: status {status}: {said}",
            kind=TRANSIENT.get(status, "overloaded" if status in (503, 529) else "server"),
            retry_after=retry_after(headers),
            status=status,
            request_id=request_id,
        )
    return RequestError(f"{name}: the request was not accepted (status {status}): {said}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait: `retry-after-ms`, or `retry-after` (seconds, or a date)."""
    for header, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[header]) / scale
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = email.utils.parsedate_tz(headers.get("retry-after"))
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
    except (ValueError, OverflowError, TypeError, IndexError):  # no form of it says that there is no answer
        return None


def hide(text: str, secrets: Sequence[str]) -> str:
    """Return a text without any of the secrets, in whatever form a server echoes them."""
    return redact(text, secrets)
