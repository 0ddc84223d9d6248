"""How long a server may take, how much it may send, and where requests may go, whoever it is."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bartleby.collectors.models.base import TransientError

if TYPE_CHECKING:
    from httpx2 import Response

__all__ = ["MOST_BYTES", "client_settings", "clock_ahead", "deadline"]

WHOLE = 5.0
"""An attempt may take so many times the seconds after which a silent server is given up."""
MOST_BYTES = 64 * 2**20
"""The most that is read of one answer."""
MOST_COMPRESSED = MOST_BYTES // 1032
"""The most that is read of a compressed one: gzip makes at most 1,032 bytes of one."""
READ_WHOLE = ("", "identity")
READ_COMPRESSED = ("gzip", "deflate")

Hear = Callable[["Response"], Awaitable[None]]


def client_settings(timeout: float, hear: Hear) -> dict[str, Any]:
    """Return the settings of an HTTP client whose answers have a ceiling.

    No redirect is followed, as that would take the text and the key to another address. Answers are asked
    for uncompressed, since what a small answer becomes when it is decompressed is not known before.

    Parameters
    ----------
    timeout
        Seconds after which a silent server is given up.
    hear
        Called with each response, before its body is read.
    """
    return {
        "timeout": timeout,
        "follow_redirects": False,
        "headers": {"accept-encoding": "identity"},
        "event_hooks": {"response": [_limit, hear]},
    }


@asynccontextmanager
async def deadline(name: str, silence: float | None) -> AsyncIterator[None]:
    """Give an exchange up that takes too long as a whole, however steadily bytes trickle in.

    Parameters
    ----------
    name
        The model's name, for the message.
    silence
        Seconds after which a silent server is given up; None for no end.
    """
    most = None if silence is None else WHOLE * silence
    try:
        async with asyncio.timeout(most):
            yield
    except TimeoutError:
        raise TransientError(f"{name}: no whole reply in {most:g} s", kind="timeout") from None


def clock_ahead(headers: Mapping[str, str]) -> float | None:
    """Return the seconds by which a server's clock is ahead of ours; None where it does not say."""
    try:
        date = email.utils.parsedate_tz(headers.get("date"))
        return None if date is None else email.utils.mktime_tz(date) - time.time()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


async def _limit(response: Response) -> None:
    """Have a body end in an error where it is longer than any answer is."""
    import httpx2

    encoding = response.headers.get("content-encoding", "").strip().lower()
    if response.request.url.path.endswith("/results") and encoding in READ_WHOLE:
        return  # the results of a batch are read line by line, and lines have a ceiling of their own
    most = MOST_BYTES if encoding in READ_WHOLE else MOST_COMPRESSED
    if encoding not in (*READ_WHOLE, *READ_COMPRESSED):
        raise httpx2.DecodingError(
            f"the answer is encoded as {encoding!r}, which was not asked for", request=response.request
        )
    stream = response.stream

    class Limited(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for chunk in stream:  # type: ignore[union-attr]
                read += len(chunk)
                if read > most:
                    raise httpx2.ReadError(f"the answer is longer than {most:,} bytes")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()  # type: ignore[union-attr]

    response.stream = Limited()
