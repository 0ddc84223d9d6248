"""`inspect/...`: any model that Inspect AI knows, through its model layer: `inspect/google/gemini-...`, ...

Providers that Bartleby has no client of its own for are asked through Inspect's. It makes one attempt at a
time here and is given no retries of its own, so that every attempt is in our log. The SDK below it is told
the same where it can be; where not, the record says that attempts may be more than the log has.
"""

from __future__ import annotations

import os
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bartleby.collectors.models.base import Capabilities, TransientError, refuse_settings
from bartleby.collectors.models.http_errors import hide
from bartleby.collectors.models.registry import ModelName
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request

if TYPE_CHECKING:
    from inspect_ai.model import Model

__all__ = ["InspectModel", "from_name"]

CONCURRENCY = 32
TIMEOUT = 120
SETTINGS = frozenset({"temperature", "top_p", "effort", "thinking"})
SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
SHORTEST_SECRET = 8


class InspectModel:
    """A model of Inspect AI's model layer. Keys are read by Inspect, from the environment.

    Parameters
    ----------
    model
        Inspect's name of the model: `PROVIDER/MODEL`.
    name
        Its name in the record.
    """

    def __init__(self, model: str, *, name: str) -> None:
        self.model = model
        self.name = name
        self._open: Model | None = None
        self._single = True

    async def __aenter__(self) -> Self:
        try:
            self._open, self._single = _opened(self.model)
        except Exception as error:
            raise ModelError(f"{self.name}: Inspect cannot open it: {_told(error)}") from None
        await self._open.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.__aexit__(kind, error, trace)

    async def capabilities(self) -> Capabilities:
        """Return what can be asked of it. Inspect does not tell, so only what all its providers have.

        A setting that a provider lacks may be dropped by Inspect without a word; the record says so.
        """
        return Capabilities(
            channels=("tool", "text"),
            settings=SETTINGS,
            concurrency=CONCURRENCY,
            description={
                "provider": "inspect",
                "id": self.model,
                "sdk": metadata.version("inspect-ai"),
                "timeout": TIMEOUT,
                "retries below": "none" if self._single else "those of the provider's SDK: not in the log",
                "sampling": "the provider's default unless set; Inspect may drop what a provider lacks",
            },
        )

    async def answer(self, request: Request) -> Reply:
        """Make one attempt at a request.

        Raises
        ------
        ModelError
            No answer will come to any request: the key is refused, a setting it lacks.
        RequestError
            No answer will come to this one.
        TransientError
            Another attempt may succeed.
        """
        from bartleby.collectors.models.inspect_messages import chat, choice_of, config, read, tools

        if self._open is None:
            raise ModelError(f"{self.name}: the model is not open; use it in `async with`")
        refuse_settings(self.name, request.settings, SETTINGS)
        if request.constrain:
            raise ModelError(f"{self.name}: Inspect cannot hold a model to labels (channel 'label')")
        try:
            output = await self._open.generate(
                chat(request), tools=tools(request), tool_choice=choice_of(request), config=config(request)
            )
        except Exception as error:
            raise _translated(self.name, self._open, error) from None
        return read(output)


def _opened(model: str) -> tuple[Model, bool]:
    """Return an open model, and whether its SDK took the word that it is not to try again by itself."""
    from inspect_ai.model import GenerateConfig, get_model

    settings = GenerateConfig(max_retries=0, attempt_timeout=TIMEOUT, max_connections=CONCURRENCY)
    try:
        return get_model(model, config=settings, memoize=False, max_retries=0), True
    except TypeError:
        return get_model(model, config=settings, memoize=False), False


def _translated(name: str, model: Model, error: Exception) -> ModelError | RequestError | TransientError:
    """Return what an error means: Inspect wraps those after which it would have tried again."""
    from tenacity import RetryError

    if isinstance(error, RetryError):
        cause = error.last_attempt.exception() or error
        return TransientError(_told(cause), kind=_kind(cause), status=_status(cause))
    if model.api.is_auth_failure(error) or isinstance(error, (ImportError, NotImplementedError)):
        return ModelError(f"{name}: {_told(error)}")
    return RequestError(f"{name}: {_told(error)}")


def _kind(error: BaseException) -> str:
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "timeout"
    if _status(error) == 429 or "RateLimit" in type(error).__name__:
        return "rate_limit"
    return "connection" if "Connect" in type(error).__name__ else "server"


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _told(error: BaseException) -> str:
    """Return an error in words, without whatever in the environment looks like a secret."""
    secrets = [
        value
        for variable, value in os.environ.items()
        if variable.upper().endswith(SECRET_ENDINGS) and len(value) >= SHORTEST_SECRET
    ]
    return hide(f"{type(error).__name__}: {error}", secrets)[:500]


def from_name(name: ModelName) -> InspectModel:
    """Return the model of a name such as `inspect/google/gemini-...`.

    Raises
    ------
    ModelError
        If Inspect AI is not installed, or no provider is named.
    """
    name.check_options(())
    try:
        metadata.version("inspect-ai")
    except metadata.PackageNotFoundError:
        raise ModelError(
            f"model {name.full!r} needs Inspect AI, which is not installed: pip install 'bartleby[inspect]'"
        ) from None
    if "/" not in name.name:
        raise ModelError(f"model {name.full!r}: allowed: inspect/PROVIDER/MODEL, as Inspect names it")
    return InspectModel(name.name, name=name.full)
