"""What went wrong with an attempt at the Messages API, in words of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bartleby.collectors.models.base import KeyRefusedError, TransientError
from bartleby.collectors.models.http_ceilings import deadline
from bartleby.collectors.models.http_errors import from_status, hide
from bartleby.errors import BartlebyError

if TYPE_CHECKING:
    from anthropic import APIStatusError

__all__ = ["translated"]

KEY = "ANTHROPIC_API_KEY"
SPENT = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached", "organization_on_hold"})
"""Error codes that no waiting within a run will change, whatever their status."""


@asynccontextmanager
async def translated(name: str, secrets: Sequence[str], silence: float | None = None) -> AsyncIterator[None]:
    """Turn the SDK's exceptions into ours, without any of the secrets in the message.

    Parameters
    ----------
    name
        The model's name, for the message.
    secrets
        Texts that must never be told.
    silence
        Seconds after which a silent server is given up; None where the whole may take any time.
    """
    import anthropic
    import httpx2

    try:
        async with deadline(name, silence):
            yield
    except anthropic.APIStatusError as error:
        raise _from_error(name, error, secrets) from None
    except anthropic.APITimeoutError:
        raise TransientError(f"{name}: no reply in time", kind="timeout") from None
    except anthropic.APIConnectionError as error:
        reason = hide(str(error.__cause__ or error.message), secrets)
        raise TransientError(f"{name}: the connection failed: {reason}", kind="connection") from None
    except httpx2.HTTPError as error:  # the SDK lets through what happens while an answer is read
        kind = "timeout" if isinstance(error, httpx2.TimeoutException) else "connection"
        reason = hide(str(error), secrets)
        raise TransientError(f"{name}: the connection failed: {reason}", kind=kind) from None
    except (anthropic.AnthropicError, json.JSONDecodeError) as error:
        reason = hide(f"{type(error).__name__}: {error}", secrets)
        raise TransientError(f"{name}: the reply could not be read: {reason}", kind="server") from None


def _from_error(name: str, error: APIStatusError, secrets: Sequence[str]) -> BartlebyError | TransientError:
    said = hide(str(error.api_message or error.message), secrets)
    if error.error_code in SPENT:
        return KeyRefusedError(f"{name}: {said}")
    return from_status(
        name,
        error.status_code,
        said,
        headers=error.response.headers,
        request_id=error.request_id,
        key=KEY,
    )
