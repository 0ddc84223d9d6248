"""What went wrong with an attempt at the Messages API: will it pass, is it this request, or any request."""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bartleby.collectors.models.base import TransientError
from bartleby.errors import BartlebyError, ModelError, RequestError

if TYPE_CHECKING:
    from anthropic import APIStatusError

__all__ = ["retry_after", "translated"]

TRANSIENT: Mapping[int, str] = {
    408: "timeout",
    409: "server",
    425: "server",
    429: "rate_limit",
    499: "connection",
}
"""Statuses below 500 after which another attempt may succeed, and what they are called in the record."""
HOPELESS: Mapping[int, str] = {
    401: "the key was refused; check the environment variable ANTHROPIC_API_KEY",
    402: "the provider asks for payment",
    403: "the key was refused for this; check what it may be used for",
    404: "there is no such model, or this key may not use it",
    405: "the server cannot do this",
    501: "the server cannot do this",
}
"""Statuses after which no request will be answered, and what that means."""
SPENT = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached", "organization_on_hold"})
"""Error codes that no waiting within a run will change, whatever their status."""


@asynccontextmanager
async def translated(name: str, secrets: Sequence[str]) -> AsyncIterator[None]:
    """Turn the SDK's exceptions into ours, without any of the secrets in the message.

    Parameters
    ----------
    name
        The model's name, for the message.
    secrets
        Texts that must never be told.
    """
    import anthropic

    try:
        yield
    except anthropic.APIStatusError as error:
        raise _from_status(name, error, secrets) from None
    except anthropic.APITimeoutError:
        raise TransientError(f"{name}: no reply in time", kind="timeout") from None
    except anthropic.APIConnectionError as error:
        reason = _hide(str(error.__cause__ or error.message), secrets)
        raise TransientError(f"{name}: the connection failed: {reason}", kind="connection") from None
    except (anthropic.AnthropicError, json.JSONDecodeError) as error:
        reason = _hide(f"{type(error).__name__}: {error}", secrets)
        raise TransientError(f"{name}: the reply could not be read: {reason}", kind="server") from None


def _from_status(name: str, error: APIStatusError, secrets: Sequence[str]) -> BartlebyError | TransientError:
    status = error.status_code
    said = _hide(error.api_message or error.message, secrets)
    if error.error_code in SPENT:
        return ModelError(f"{name}: {said}")
    if status in HOPELESS:
        return ModelError(f"{name}: {HOPELESS[status]} (status {status}: {said})")
    if status in TRANSIENT or status >= 500:
        kind = TRANSIENT.get(status, "overloaded" if status == 529 else "server")
        return TransientError(
            f"{name}: status {status}: {said}",
            kind=kind,
            retry_after=retry_after(error.response.headers),
            status=status,
            request_id=error.request_id,
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
    date = email.utils.parsedate_tz(headers.get("retry-after"))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _hide(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
