"""What a model that takes requests in batches is to the collector."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bartleby.collectors.models.base import TransientError
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request

__all__ = ["BatchResult", "BatchState", "Batched", "Batching"]


@dataclass(frozen=True, slots=True)
class BatchState:
    """How a batch stands, as the provider tells.

    Parameters
    ----------
    id
        The provider's id.
    requests
        How many requests it has.
    created
        When it was made, in seconds since 1970.
    ended
        Whether all its requests came to an end.
    deleted
        Whether its results can no longer be had.
    """

    id: str
    requests: int
    created: float
    ended: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one request of a batch.

    Parameters
    ----------
    custom_id
        The name that the request was given.
    outcome
        The reply; or why there is none: a `RequestError` where there will never be one, a `TransientError`
        where there may be one another time, a `ModelError` where no request will get one.
    """

    custom_id: str
    outcome: Reply | RequestError | TransientError | ModelError


class Batching(Protocol):
    """Requests in batches, made at one time and answered at another.

    Attributes
    ----------
    most_requests, most_bytes
        How much is put into one batch.
    """

    most_requests: int
    most_bytes: int

    def now(self) -> float:
        """Return the time by the provider's clock, in seconds since 1970, as far as it is known."""
        ...

    def size(self, request: Request) -> int:
        """Return the bytes that a request takes in a batch.

        Raises
        ------
        ModelError, RequestError
            If it would not be accepted.
        """
        ...

    async def create(self, requests: Sequence[tuple[str, Request]]) -> BatchState:
        """Make a batch of requests, each with the name that its result will have: one attempt.

        Raises
        ------
        ModelError
            If no batch will be made.
        TransientError
            If one may be made another time. Without a status below 500 it may have been made all the same.
        """
        ...

    async def retrieve(self, batch: str) -> BatchState | None:
        """Return how a batch stands, or None if there is none of this id (any more)."""
        ...

    def recent(self, since: float) -> AsyncIterator[BatchState]:
        """Yield the batches that were made after a time (seconds since 1970), the newest first."""
        ...

    def results(self, batch: str) -> AsyncGenerator[BatchResult, None]:
        """Yield what became of the requests of a batch that has ended, in any order, as it comes."""
        ...


@runtime_checkable
class Batched(Protocol):
    """A model that can be asked in batches as well."""

    def batches(self) -> Batching:
        """Return the way to ask it in batches; it is of use while the model is open."""
        ...
