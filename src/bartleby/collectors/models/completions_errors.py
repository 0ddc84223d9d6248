"""What went wrong with an attempt at Chat Completions, in words of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bartleby.collectors.models.base import KeyRefusedError, TransientError
from bartleby.collectors.models.completions import FILTERED
from bartleby.collectors.models.http_ceilings import deadline
from bartleby.collectors.models.http_errors import from_status, hide
from bartleby.errors import BartlebyError

if TYPE_CHECKING:
    from openai import APIStatusError

__all__ = ["Filtered", "translated"]

SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"})
"""Error codes that no waiting within a run will change, whatever their status."""


class Filtered(Exception):  # noqa: N818 - how an attempt ended
    """A classifier did not let the prompt reach the model."""


@asynccontextmanager
async def translated(name: str, key: str, secrets: Sequence[str], silence: float) -> AsyncIterator[None]:
    """Turn the SDK's exceptions into ours, without any of the secrets in the message.

    Parameters
    ----------
    name
        The model's name, for the message.
    key
        The environment variable with the key, for the message.
    secrets
        Texts that must never be told.
    silence
        Seconds after which a silent server is given up.
    """
    import httpx2
    import openai

    try:
        async with deadline(name, silence):
            yield
    except openai.APIStatusError as error:
        raise _from_error(name, key, error, secrets) from None
    except openai.APIConnectionError as error:
        if isinstance(error, openai.APITimeoutError) and not _was_cut(error):
            raise TransientError(f"{name}: no reply in time", kind="timeout") from None
        reason = hide(str(error.__cause__ or error.message), secrets)
        raise TransientError(f"{name}: the connection failed: {reason}", kind="connection") from None
    except httpx2.HTTPError as error:  # the SDK lets through what happens while an answer is read
        kind = "timeout" if isinstance(error, httpx2.TimeoutException) else "connection"
        reason = hide(str(error), secrets)
        raise TransientError(f"{name}: the connection failed: {reason}", kind=kind) from None
    except (openai.OpenAIError, json.JSONDecodeError) as error:
        reason = hide(f"{type(error).__name__}: {error}", secrets)
        raise TransientError(f"{name}: the reply could not be read: {reason}", kind="server") from None


def _was_cut(error: BaseException) -> bool:
    """Whether a connection was lost that the SDK's aiohttp transport calls a timeout."""
    causes = []
    cause = error.__cause__
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__
    lost = any(type(each).__module__.startswith("aiohttp") for each in causes)
    return lost and not any(isinstance(each, TimeoutError) for each in causes)


def _from_error(
    name: str, key: str, error: APIStatusError, secrets: Sequence[str]
) -> BartlebyError | TransientError | Filtered:
    told = error.body.get("message") if isinstance(error.body, Mapping) else None
    said = hide(str(told or error.message), secrets)
    if error.code in FILTERED and error.status_code < 500:
        return Filtered(said)
    if error.code in SPENT:
        return KeyRefusedError(f"{name}: {said}")
    return from_status(
        name,
        error.status_code,
        said,
        headers=error.response.headers,
        request_id=error.request_id,
        key=key,
    )
