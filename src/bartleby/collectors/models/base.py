"""What a model is to the collector: it says what it can do, and it answers requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from bartleby.errors import ModelError
from bartleby.exchange import Reply, Request, Settings, Usage

__all__ = [
    "Capabilities",
    "KeyRefusedError",
    "Limited",
    "Model",
    "RateLimit",
    "TransientError",
    "given_settings",
    "refuse_settings",
]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, as probed and not as remembered from a list.

    Parameters
    ----------
    channels
        Answer channels it supports, the most reliable first.
    settings
        Names of the fields of `Settings` that it accepts beyond `max_tokens` and `system`.
    probabilities
        Whether it tells the probability of each label.
    concurrency
        How many requests it is worth having under way at once.
    free
        Whether asking it costs no money.
    description
        What is known of it, for the record: id, versions, file and its hash, limits, lifecycle.
    quick_after_alike
        Whether a prompt costs less time right after one that begins alike.
    ceiling
        The most tokens of a reply, where a study does not say how many; None for the usual number.
    """

    channels: tuple[str, ...]
    settings: frozenset[str] = frozenset()
    probabilities: bool = False
    concurrency: int = 8
    free: bool = False
    description: Mapping[str, Any] = field(default_factory=dict)
    quick_after_alike: bool = False
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a server said of its limits with an answer.

    Parameters
    ----------
    remaining
        How many more requests it takes before it says no.
    reset
        In how many seconds it takes as many as ever, if it said.
    """

    remaining: int
    reset: float | None = None


@runtime_checkable
class Limited(Protocol):
    """A model whose server says with its answers how many more it takes."""

    @property
    def rate_limit(self) -> RateLimit | None:
        """What it said last."""
        ...


def given_settings(settings: Settings) -> frozenset[str]:
    """Return the names of the settings that were set, beyond `max_tokens` and `system`.

    These are what is compared with `Capabilities.settings`: a model that lacks one refuses the study.
    """
    optional = ("temperature", "top_p", "thinking", "effort")
    return frozenset(name for name in optional if getattr(settings, name) is not None)


def refuse_settings(name: str, settings: Settings, accepted: frozenset[str]) -> None:
    """Raise `ModelError` if a setting is given that the model does not have.

    Ignoring it would let a study believe that it ran at a temperature at which it did not.
    """
    unknown = sorted(given_settings(settings) - accepted)
    if unknown:
        told = ", ".join(f"{each}={getattr(settings, each)!r}" for each in unknown)
        allowed = ", ".join(("max_tokens", "system", *sorted(accepted)))
        raise ModelError(f"{name}: this model has no setting {told}; it accepts: {allowed}")


class TransientError(Exception):
    """An attempt failed in a way that may pass: a rate limit, an overload, a lost connection.

    Parameters
    ----------
    message
        What happened, without secrets.
    kind
        A short name for the record: `rate_limit`, `overloaded`, `timeout`, `connection`, `server`,
        `unreadable`.
    retry_after
        Seconds the server asked us to wait, if it did.
    status
        The HTTP status, if there was one.
    request_id
        The provider's id of the attempt, if there was one.
    raw
        What the server sent, where it was an answer that could not be used.
    usage
        Tokens that were billed for it, where the server reported them.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "server",
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
        raw: str = "",
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        self.status = status
        self.request_id = request_id
        self.raw = raw
        self.usage = usage or Usage()


class KeyRefusedError(ModelError):
    """The key is refused, or its account is empty: no request will be answered until the user sees to it.

    Any other `ModelError` ends a run only where nothing was ever answered; else it may be of one request.
    """


class Model(Protocol):
    """A model that can be asked. It is opened and closed with `async with`.

    `answer` makes exactly one attempt. It raises `TransientError` where another attempt may succeed,
    `ModelError` where none will for any request (no key, unknown model), and `RequestError` where this
    request will never be answered (too long, not accepted).
    """

    @property
    def name(self) -> str:
        """What the record calls it: the name it was opened by."""
        ...

    async def __aenter__(self) -> Self:
        """Open what is needed to ask."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, whatever happened."""
        ...

    async def capabilities(self) -> Capabilities:
        """Return what this model can do."""
        ...

    async def answer(self, request: Request) -> Reply:
        """Make one attempt at a request."""
        ...
