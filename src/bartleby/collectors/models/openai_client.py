"""The client of Chat Completions: how it is set up, where it may go, and what is said of a server."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bartleby.collectors.models.base import Capabilities
from bartleby.collectors.models.completions import Dialect
from bartleby.collectors.models.http_ceilings import client_settings
from bartleby.errors import ModelError

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

__all__ = ["NO_KEY", "capabilities_of", "check_server", "new_client", "raw_response", "secrets_of"]

CONCURRENCY = 64
NO_KEY = "none"
"""What is sent to servers that want no key: the SDK insists on one."""


def new_client(
    name: str,
    key: str,
    server: str | None,
    *,
    timeout: float,
    hear: Callable[[Response], Awaitable[None]],
) -> AsyncOpenAI:
    """Return a client without retries, on the aiohttp transport where that is installed (it is cheaper).

    What it hears from the server is passed on with each response.
    """
    import openai

    fast = importlib.util.find_spec("aiohttp") is not None
    transport = openai.DefaultAioHttpClient if fast else openai.DefaultAsyncHttpxClient
    http = transport(**client_settings(timeout, hear))
    try:
        return openai.AsyncOpenAI(
            api_key=key, base_url=server, max_retries=0, timeout=timeout, http_client=http
        )
    except (openai.OpenAIError, ValueError) as error:
        raise ModelError(f"{name}: the SDK cannot be set up: {error}") from None


def raw_response() -> type[Response]:
    """Return what the SDK is asked for, so that it gives the answer as it came."""
    import httpx2

    return httpx2.Response


def secrets_of(client: AsyncOpenAI) -> tuple[str, ...]:
    """Return what must never be told."""
    return () if client.api_key == NO_KEY else (client.api_key,)


def capabilities_of(dialect: Dialect, told: Mapping[str, Any]) -> Capabilities:
    """Return what a model can do behind a server of some dialect; `told` is what else is known of it."""
    able = {
        "label": dialect.constraint is not None,
        "json_schema": dialect.schema,
        "tool": dialect.tools,
        "forced_tool": dialect.forced is not None,
        "text": True,
    }
    found = {
        "limit": dialect.limit,
        "seed": dialect.seed,
        "top_logprobs": dialect.top_logprobs,
        "forced_tool": dialect.forced,
        "constraint": dialect.constraint,
        "probed": "schema, forced tools and held labels by an answer that kept to them; "
        "sampling settings and seed by being accepted",
    }
    return Capabilities(
        tuple(channel for channel, yes in able.items() if yes),
        dialect.settings,
        probabilities=dialect.top_logprobs > 0,
        concurrency=CONCURRENCY,
        description={**told, **found},
    )


def check_server(model: str, server: str) -> None:
    """Refuse an address that cannot be one, and one with a password in it, which every record would tell."""
    try:
        parts = urlsplit(server)
        wrong = not parts.hostname or (parts.port or 1) < 1
    except ValueError:
        raise ModelError(f"model 'openai/{model}@...': the address of the server cannot be read") from None
    if parts.username is not None or parts.password is not None:
        raise ModelError(
            f"model 'openai/{model}@...': the address has a name or password in it, and a model's name is "
            "written into every record; put the key into an environment variable and name it: ?key=VARIABLE"
        )
    if parts.scheme not in ("http", "https"):
        raise ModelError(
            f"model 'openai/{model}@{server}': the address begins with {parts.scheme}://; allowed: http, "
            "https"
        )
    if wrong:
        raise ModelError(f"model 'openai/{model}@{server}': the address has no host")
