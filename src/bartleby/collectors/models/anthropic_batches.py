"""Message Batches: Claude models asked many requests at once, at half the price, through the official SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.batching import BatchResult, BatchState
from bartleby.collectors.models.messages import read
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

__all__ = ["AnthropicBatches"]

MOST_REQUESTS = 10_000
MOST_BYTES = 32 * 2**20
"""Far below the API's 100,000 requests and 256 MB: a batch of that size takes a gigabyte to compose."""
PAGE = 100
CREATION_TIMEOUT = 600.0

REQUEST_ERRORS = frozenset({"invalid_request_error", "request_too_large", "not_found_error"})
MODEL_ERRORS = frozenset({"authentication_error", "billing_error", "permission_error"})
KINDS: Mapping[str, str] = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limit",
    "timeout_error": "timeout",
}
"""How errors of single requests are called in the record; others are `server`."""


class AnthropicBatches:
    """The Message Batches of one model.

    Parameters
    ----------
    name
        The model's name in the record.
    client
        An open client.
    compose
        From a request to the arguments of `messages.create`; it raises where the model would not accept it.
    translated
        The context in which the SDK's exceptions become ours.
    """

    def __init__(
        self,
        name: str,
        client: AsyncAnthropic,
        compose: Callable[[Request], dict[str, Any]],
        translated: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self.most_requests = MOST_REQUESTS
        self.most_bytes = MOST_BYTES
        self._name = name
        self._client = client
        self._compose = compose
        self._translated = translated

    def size(self, request: Request) -> int:
        """Return the bytes that a request takes in a batch."""
        return len(json.dumps(self._compose(request)).encode()) + 100

    async def create(self, requests: Sequence[tuple[str, Request]]) -> BatchState:
        """Make a batch: one attempt."""
        async with self._translated():
            made = await self._client.messages.batches.create(
                requests=[
                    {"custom_id": name, "params": self._compose(each)}  # type: ignore[typeddict-item]
                    for name, each in requests
                ],
                timeout=CREATION_TIMEOUT,
            )
            return _state(made)

    async def retrieve(self, batch: str) -> BatchState | None:
        """Return how a batch stands, or None if there is none of this id (any more)."""
        import anthropic

        async with self._translated():
            try:
                return _state(await self._client.messages.batches.retrieve(batch))
            except anthropic.NotFoundError:
                return None

    async def recent(self, since: float) -> AsyncIterator[BatchState]:
        """Yield the batches that were made after a time, the newest first."""
        async with self._translated():
            async for each in self._client.messages.batches.list(limit=PAGE):
                state = _state(each)
                if state.created < since:
                    return
                yield state

    async def results(self, batch: str) -> AsyncGenerator[BatchResult, None]:
        """Yield what became of the requests of a batch that has ended, as it comes."""
        async with self._translated():
            told = await self._client.messages.batches.results(batch)
            try:
                async for each in told:
                    if not isinstance(getattr(each, "custom_id", None), str):
                        raise TransientError(f"{self._name}: a result could not be read", kind="server")
                    yield BatchResult(each.custom_id, self._outcome(each))
            finally:
                await told.close()

    def _outcome(
        self, told: MessageBatchIndividualResponse
    ) -> Reply | RequestError | TransientError | ModelError:
        result = told.result
        try:
            if result.type == "succeeded":
                return read(result.message)
            if result.type == "errored":
                return self._error(result.error.error.type, result.error.error.message)
        except (TransientError, AttributeError, TypeError, KeyError) as error:  # the SDK does not check it
            said = f"{self._name}: the result could not be read: {error}"
            return TransientError(said, kind="batch_unreadable")
        gone = "it expired after 24 hours" if result.type == "expired" else "its batch was cancelled"
        return TransientError(
            f"{self._name}: the request was not answered: {gone}", kind=f"batch_{result.type}"
        )

    def _error(self, kind: str, said: str) -> RequestError | TransientError | ModelError:
        if kind in REQUEST_ERRORS:
            return RequestError(f"{self._name}: the request was not accepted ({kind}): {said}")
        if kind in MODEL_ERRORS:
            return ModelError(f"{self._name}: {kind}: {said}")
        return TransientError(f"{self._name}: {kind}: {said}", kind=KINDS.get(kind, "server"))


def _state(batch: MessageBatch) -> BatchState:
    counts = batch.request_counts
    requests = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
    ended = batch.processing_status == "ended"
    return BatchState(
        batch.id,
        requests,
        batch.created_at.timestamp(),
        ended=ended,
        deleted=ended and batch.results_url is None,
    )
