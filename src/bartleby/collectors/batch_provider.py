"""Asking a provider how batches stand, patiently, and which of its batches may be one of ours."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bartleby.collectors.batch_log import BatchLog, StoredBatch
from bartleby.collectors.environment import redact
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.batching import Batching, BatchState
from bartleby.collectors.retry import waiting_time
from bartleby.errors import ModelError

__all__ = ["Provider"]

_LOGGER = logging.getLogger(__name__)

SKEW = 300.0
"""Seconds by which the provider's clock may differ from what is known of it."""
MAKING = 1200.0
"""Seconds that the making of a batch may take."""

T = TypeVar("T")


class Provider:
    """A provider of batches, asked again after failures that may pass.

    Parameters
    ----------
    model
        Name of the model, for messages.
    service
        The model's batches.
    log
        The log's batches.
    max_attempts
        The most attempts at reaching it.
    sleep
        How to wait.
    """

    def __init__(
        self,
        model: str,
        service: Batching,
        log: BatchLog,
        *,
        max_attempts: int,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._model = model
        self._service = service
        self._log = log
        self._max_attempts = max_attempts
        self._sleep = sleep

    async def state(self, batch: StoredBatch) -> BatchState | None:
        """Return how a batch stands, or None if there is none (any more)."""
        found = batch.id
        return None if found is None else await self.patiently(lambda: self._service.retrieve(found))

    async def unclaimed(self, batch: StoredBatch) -> list[BatchState]:
        """Return the batches that may be this one, the likeliest first."""
        return await self.patiently(lambda: self._unclaimed(batch))

    async def _unclaimed(self, batch: StoredBatch) -> list[BatchState]:
        """Return the batches of this size and time that we know nothing else of, the likeliest first."""
        known = self._log.ids() | batch.rejected
        found = [
            state
            async for state in self._service.recent(batch.composed - SKEW)
            if state.requests == batch.requests
            and state.created <= batch.composed + MAKING
            and state.id not in known
        ]
        return sorted(found, key=lambda state: abs(state.created - batch.composed))

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the provider, again after failures that may pass."""
        for count in range(1, self._max_attempts + 1):
            try:
                return await ask()
            except TransientError as error:
                if count == self._max_attempts:
                    raise ModelError(
                        f"{self._model}: its batches cannot be reached: {redact(str(error))}. "
                        "They go on without us: run again to fetch them"
                    ) from error
                seconds = waiting_time(count, error.retry_after)
                said = redact(str(error))
                _LOGGER.warning("batches of %s: %s; asked again in %.0f s", self._model, said, seconds)
                await self._sleep(seconds)
        raise ModelError(f"{self._model}: its batches cannot be reached")
