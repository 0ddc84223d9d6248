"""Message Batches: Claude models asked many requests at once, at half the price, through the official SDK."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from bartleby.collectors.models.base import KeyRefusedError, TransientError
from bartleby.collectors.models.batching import BatchResult, BatchState
from bartleby.collectors.models.http_ceilings import MOST_BYTES as LONGEST_LINE
from bartleby.collectors.models.messages import ERRORS, read_json
from bartleby.collectors.models.normalising import (
    UnreadableError,
    body_json,
    identifier,
    mapping,
    mappings,
    sendable,
)
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request, token_count

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response

__all__ = ["AnthropicBatches"]

MOST_REQUESTS = 10_000
MOST_BYTES = 32 * 2**20
"""Far below the API's 100,000 requests and 256 MB: a batch of that size takes a gigabyte to compose."""
PAGE = 100
CREATION_TIMEOUT = 600.0
READING_DEADLINE = 3600.0
"""Seconds that reading the results of a batch may take; what was read is kept, and the rest is read again."""

REQUEST_ERRORS = frozenset(
    {"invalid_request_error", "request_too_large", "not_found_error", "permission_error"}
)
"""What is wrong with one request: the key was good enough to make the batch."""
MODEL_ERRORS = frozenset({"authentication_error", "billing_error"})
COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
PATH = "/v1/messages/batches"
BINARY: Mapping[str, Any] = {"headers": {"Accept": "application/binary"}}


class AnthropicBatches:
    """The Message Batches of one model.

    Parameters
    ----------
    name
        The model's name in the record.
    client
        An open client.
    response
        The class of the responses that its transport makes.
    compose
        From a request to the arguments of `messages.create`; it raises where the model would not accept it.
    translated
        The context in which the SDK's exceptions become ours, and in which an exchange has an end; it takes
        the seconds after which a silent server is given up.
    timeout
        These seconds; making a batch and reading results may take longer.
    now
        The time by the provider's clock.
    """

    def __init__(
        self,
        name: str,
        client: AsyncAnthropic,
        response: type[Response],
        compose: Callable[[Request], dict[str, Any]],
        translated: Callable[[float | None], AbstractAsyncContextManager[None]],
        *,
        timeout: float = 120.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.now = now
        self.most_requests = MOST_REQUESTS
        self.most_bytes = MOST_BYTES
        self.secrets = tuple(each for each in (client.api_key, client.auth_token) if each)
        self._name = name
        self._client = client
        self._response = response
        self._compose = compose
        self._translated = translated
        self._timeout = timeout

    def size(self, request: Request) -> int:
        """Return the bytes that a request takes in a batch."""
        return len(json.dumps(self._compose(request))) + 100

    async def create(self, requests: Sequence[tuple[str, Request]]) -> BatchState:
        """Make a batch: one attempt."""
        body = {"requests": [{"custom_id": name, "params": self._compose(each)} for name, each in requests]}
        try:
            response = await self._create(body)
        except UnicodeEncodeError:
            response = await self._create(sendable(body))
        return _state(body_json(response.content))

    async def _create(self, body: Mapping[str, Any]) -> Response:
        options: Any = {"timeout": CREATION_TIMEOUT}
        async with self._translated(CREATION_TIMEOUT):
            return await self._client.post(PATH, body=body, cast_to=self._response, options=options)

    async def retrieve(self, batch: str) -> BatchState | None:
        """Return how a batch stands, or None if there is none of this id (any more)."""
        import anthropic

        async with self._translated(self._timeout):
            try:
                response = await self._client.get(f"{PATH}/{quote(batch, safe='')}", cast_to=self._response)
            except anthropic.NotFoundError:
                return None
        return _state(body_json(response.content))

    async def recent(self, since: float) -> AsyncIterator[BatchState]:
        """Yield the batches that were made after a time, the newest first."""
        after: str | None = None
        while True:
            query = f"?limit={PAGE}" + (f"&after_id={quote(after, safe='')}" if after else "")
            async with self._translated(self._timeout):
                response = await self._client.get(PATH + query, cast_to=self._response)
            page = mapping(body_json(response.content))
            for each in mappings(page.get("data")):
                state = _state(each)
                if state.created < since:
                    return
                yield state
            following = identifier(page.get("last_id"))
            if page.get("has_more") is not True or following is None or following == after:
                return
            after = following

    async def results(self, batch: str) -> AsyncGenerator[BatchResult, None]:
        """Yield what became of the requests of a batch that has ended, as it comes.

        A line that cannot be read is skipped: nobody knows whose it is, and its request is left without a
        result.
        """
        # Not the address that the server names: the key goes to no other server.
        url = f"{PATH}/{quote(batch, safe='')}/results"
        async with self._translated(None):
            client = cast("Any", self._client)  # its types have no raw answers that are read as they come
            response = await client.get(url, cast_to=self._response, options=BINARY, stream=True)
            async with aclosing(_lines(response, self._name)) as lines:
                async for line in lines:
                    found = self.result(line)
                    if found is not None:
                        yield found

    def result(self, line: bytes) -> BatchResult | None:
        """Return what a line of the results says; None if it does not say of which request."""
        told = _object(line)
        name = told.get("custom_id")
        return (
            BatchResult(name, self._outcome(mapping(told.get("result")))) if isinstance(name, str) else None
        )

    def _outcome(self, result: Mapping[str, Any]) -> Reply | RequestError | TransientError | ModelError:
        kind = result.get("type")
        if kind == "errored":
            told = mapping(result.get("error"))
            told = mapping(told.get("error")) or told
            return self._error(identifier(told.get("type")) or "error", str(told.get("message", "")))
        if kind in ("expired", "canceled"):
            gone = "it expired after 24 hours" if kind == "expired" else "its batch was cancelled"
            return TransientError(f"{self._name}: the request was not answered: {gone}", kind=f"batch_{kind}")
        try:
            return read_json(result.get("message") if kind == "succeeded" else result)
        except TransientError as error:
            error.kind = "batch_unreadable"
            return error

    def _error(self, kind: str, said: str) -> RequestError | TransientError | ModelError:
        if kind in REQUEST_ERRORS:
            return RequestError(f"{self._name}: the request was not accepted ({kind}): {said}")
        if kind in MODEL_ERRORS:
            return KeyRefusedError(f"{self._name}: {kind}: {said}")
        return TransientError(f"{self._name}: {kind}: {said}", kind=ERRORS.get(kind, "server"))


def _state(batch: object) -> BatchState:
    """Return how a batch stands, from the JSON that was sent of it.

    Raises
    ------
    UnreadableError
        If it has no id, no date or no counts of its requests.
    """
    told = mapping(batch)
    counts = [token_count(mapping(told.get("request_counts")).get(name)) for name in COUNTS]
    identity, created = told.get("id"), _time(told.get("created_at"))
    if not isinstance(identity, str) or created is None or None in counts:
        raise UnreadableError("it says nothing of a batch", batch, kind="server")
    ended = told.get("processing_status") == "ended"
    requests = sum(each for each in counts if each is not None)
    deleted = ended and told.get("results_url") is None
    return BatchState(identity, requests, created, ended=ended, deleted=deleted)


def _time(told: object) -> float | None:
    try:
        return datetime.fromisoformat(told).timestamp() if isinstance(told, str) else None
    except (ValueError, OverflowError, OSError):
        return None


async def _lines(response: Response, name: str) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a body as they come, and close it; it has an end, however steadily bytes trickle."""
    rest, end = b"", time.monotonic() + READING_DEADLINE
    try:
        async for chunk in response.aiter_bytes():
            if time.monotonic() > end:
                raise TransientError(
                    f"{name}: results not read to their end in {READING_DEADLINE:g} s", kind="timeout"
                )
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line
            if len(rest) > LONGEST_LINE:
                raise UnreadableError(f"a line of it is longer than {LONGEST_LINE:,} bytes", "")
        yield rest
    finally:
        await response.aclose()


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        return mapping(body_json(line))
    except TransientError:
        return {}
