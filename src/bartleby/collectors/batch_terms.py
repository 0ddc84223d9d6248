"""What those who ask in batches say to each other: that a question waits, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bartleby.collectors.batch_log import Place
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.retry import Question
from bartleby.errors import RequestError
from bartleby.exchange import Reply, Usage

__all__ = ["Deferred", "Failure", "Postponed", "Settling"]


class Deferred(Exception):  # noqa: N818 - not an error
    """The question is in a batch; its trial is to be put again when the reply is in the log."""


class Postponed(Exception):  # noqa: N818 - not an error
    """The question is in no batch; its trial is to be put again when other replies are there."""


class Settling(Protocol):
    """Who counts requests in batches, and what comes of them."""

    def batch_asked(self, question: Question) -> bool:
        """Count a request that is about to be put into a batch; False if others must come back first."""
        ...

    def batch_adopted(self, place: Place) -> None:
        """Count a request of an earlier session that is found in a batch."""
        ...

    def batch_replied(self, reply: Reply) -> None:
        """Count a reply, at the price of a batch."""
        ...

    def batch_failed(self, place: Place, usage: Usage) -> None:
        """Take back a request that got none, but for what was billed."""
        ...

    def out_of_time(self) -> bool:
        """Return whether this session is to wait no longer."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a question got no reply so far, how often in this session, and whether it ever will."""

    error: TransientError | RequestError
    count: int

    @property
    def kind(self) -> str:
        """A short name for it."""
        return self.error.kind if isinstance(self.error, TransientError) else "request"
