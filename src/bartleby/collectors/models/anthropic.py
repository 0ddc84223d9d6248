"""`anthropic/...`: Claude models through the official SDK, which makes one attempt at a time for us.

The SDK is given no retries of its own: it would sleep for as long as a server asks, without a word, and pay
again for what was lost after it was answered. Who retries, and how often, is the collector's business.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from bartleby.collectors.models.anthropic_batches import AnthropicBatches
from bartleby.collectors.models.anthropic_models import from_info, from_nothing, info_of, setting_problem
from bartleby.collectors.models.base import Capabilities, RateLimit, refuse_settings
from bartleby.collectors.models.caching import LEAST_TOKENS, Marker, Repeats
from bartleby.collectors.models.http_ceilings import client_settings, clock_ahead
from bartleby.collectors.models.http_limits import LimitHeaders, rate_limit, tells_limits
from bartleby.collectors.models.messages import compose, read_json
from bartleby.collectors.models.messages_errors import translated
from bartleby.collectors.models.normalising import UnreadableError, body_json, identifier, mapping, sendable
from bartleby.collectors.models.registry import ModelName
from bartleby.errors import ModelError
from bartleby.exchange import Reply, Request, token_count

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response

__all__ = ["AnthropicModel", "from_name"]

TIMEOUT = 120.0
HEADERS = LimitHeaders(
    remaining="anthropic-ratelimit-{}-remaining",
    reset="anthropic-ratelimit-{}-reset",
    counted=("requests",),
    all_or_nothing=("tokens", "input-tokens", "output-tokens"),
)
KEYS = "ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN)"


class AnthropicModel:
    """A model that speaks the Messages API: Anthropic's, or any server that `ANTHROPIC_BASE_URL` names.

    The key is read from the environment by the SDK and is never stored, shown or logged here.

    Parameters
    ----------
    model
        The provider's id of the model.
    name
        Its name in the record.
    timeout
        Seconds after which an attempt is given up.
    """

    def __init__(self, model: str, *, name: str, timeout: float = TIMEOUT) -> None:
        self.model = model
        self.name = name
        self.timeout = timeout
        self._client: AsyncAnthropic | None = None
        self._response: type[Response]
        self._stack = AsyncExitStack()
        self._capabilities: Capabilities | None = None
        self._rate_limit: RateLimit | None = None
        self._marker = Marker()
        self._told = False
        self._ahead = 0.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be stored or shown."""
        return () if self._client is None else _secrets(self._client)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the API said last of its limits."""
        return self._rate_limit

    async def __aenter__(self) -> Self:
        client = await self._stack.enter_async_context(_client(self.name, self.timeout, self._hear))
        if not (client.api_key or client.auth_token or client.credentials):
            await self._stack.aclose()
            raise ModelError(f"{self.name}: no key; set the environment variable {KEYS}")
        self._client, self._response = client, _raw_response()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        await self._stack.aclose()

    async def capabilities(self) -> Capabilities:
        """Return what the provider says the model can do; it is asked once.

        Raises
        ------
        ModelError
            If the key is refused, or the model is not known or retired.
        TransientError
            If the provider cannot be reached just now.
        """
        if self._capabilities is None:
            self._capabilities = await self._probe()
        return self._capabilities

    async def answer(self, request: Request) -> Reply:
        """Make one attempt at a request.

        Raises
        ------
        ModelError
            No answer will come to any request: the key is refused, no such model, a setting it lacks.
        RequestError
            No answer will come to this one.
        TransientError
            Another attempt may succeed.
        """
        self._check(request)
        client = self._opened()
        async with translated(self.name, _secrets(client), self.timeout):
            # The body is in the API's own form already, and is read as it was sent: making the SDK's objects
            # of both, as `client.messages.create` does, would cost a quarter of all that a call costs.
            body = self._marker.mark(compose(self.model, request), request)
            try:
                response = await client.post("/v1/messages", body=body, cast_to=self._response)
            except UnicodeEncodeError:
                response = await client.post("/v1/messages", body=sendable(body), cast_to=self._response)
        request_id = response.headers.get("request-id")
        reply = read_json(body_json(response.content, request_id), request_id)
        self._marker.heard(reply.usage)
        return reply

    def cache(self, repeats: Repeats | None) -> str:
        """Have the beginnings of prompts kept that a study shows again (see `caching`), or none of them.

        Only a server that tells of its models, as Anthropic's does, is taken to understand the marks.
        """
        if repeats is None or not self._told:
            self._marker = Marker()
            return "off" if self._told else "off: this server may not know of it"
        self._marker = Marker(repeats)
        what = "system text and conversations" if repeats.conversations else "system text"
        return f"{what} of {LEAST_TOKENS} tokens or more are marked to be kept for 5 minutes, while it pays"

    async def count_tokens(self, request: Request) -> int:
        """Return the tokens of a prompt, as the provider counts them for nothing."""
        self._check(request)
        client = self._opened()
        body = {name: part for name, part in compose(self.model, request).items() if name != "max_tokens"}
        async with translated(self.name, _secrets(client), self.timeout):
            response = await client.post("/v1/messages/count_tokens", body=body, cast_to=self._response)
        tokens = token_count(mapping(body_json(response.content)).get("input_tokens"))
        if tokens is None:
            raise UnreadableError("it has no count of tokens", response.text)
        return tokens

    def batches(self) -> AnthropicBatches:
        """Return the way to ask this model in batches, at half the price."""
        client = self._opened()

        def compose_checked(request: Request) -> dict[str, Any]:
            self._check(request)
            return self._marker.mark(compose(self.model, request), request, alone=False)

        return AnthropicBatches(
            self.name,
            client,
            self._response,
            compose_checked,
            lambda silence: translated(self.name, _secrets(client), silence),
            timeout=self.timeout,
            now=lambda: time.time() + self._ahead,
        )

    async def _hear(self, response: Response) -> None:
        self._ahead = clock_ahead(response.headers) or self._ahead
        if tells_limits(response.headers.raw):
            self._rate_limit = rate_limit(response.headers, HEADERS) or self._rate_limit

    async def _probe(self) -> Capabilities:
        client = self._opened()
        told = self._environment(client)
        async with translated(self.name, _secrets(client), self.timeout):
            info = await info_of(client, self.model, self._response)
        self._told = info is not None
        if info is None:
            return from_nothing(told)
        if info.get("lifecycle") == "retired":
            day = identifier(info.get("retires_at")) or "an unknown day"
            raise ModelError(f"{self.name}: this model was retired on {day}; name another one")
        return from_info(info, told)

    def _environment(self, client: AsyncAnthropic) -> dict[str, Any]:
        base = urlsplit(str(client.base_url))
        where = f"{base.scheme}://{base.hostname}" + (f":{base.port}" if base.port else "")
        return {
            "provider": "anthropic",
            "id": self.model,
            "server": where,
            "sdk": metadata.version("anthropic"),
            "timeout": self.timeout,
            "sampling": "provider default",
        }

    def _check(self, request: Request) -> None:
        accepted = frozenset({"thinking", "effort"})
        limits: Mapping[str, Any] = {}
        if self._capabilities is not None:
            accepted, limits = self._capabilities.settings, self._capabilities.description
        refuse_settings(self.name, request.settings, accepted)
        problem = setting_problem(request.settings, limits)
        if problem is not None:
            raise ModelError(f"{self.name}: {problem}")
        if request.constrain:
            raise ModelError(
                f"{self.name}: this model cannot be held to labels token by token (channel 'label')"
            )

    def _opened(self) -> AsyncAnthropic:
        if self._client is None:
            raise ModelError(f"{self.name}: the model is not open; use it in `async with`")
        return self._client


def _client(name: str, timeout: float, hear: Callable[[Response], Awaitable[None]]) -> AsyncAnthropic:
    """Return a client without retries, on the aiohttp transport where that is installed (it is cheaper).

    What it hears from the server is passed on with each response.
    """
    import anthropic

    fast = importlib.util.find_spec("aiohttp") is not None
    transport = anthropic.DefaultAioHttpClient if fast else anthropic.DefaultAsyncHttpxClient
    http = transport(**client_settings(timeout, hear))
    try:
        return anthropic.AsyncAnthropic(max_retries=0, timeout=timeout, http_client=http)
    except (anthropic.AnthropicError, ValueError) as error:
        raise ModelError(f"{name}: the SDK cannot be set up: {error}") from None


def _raw_response() -> type[Response]:
    """Return what the SDK is asked for, so that it gives the answer as it came."""
    import httpx2

    return httpx2.Response


def _secrets(client: AsyncAnthropic) -> tuple[str, ...]:
    return tuple(each for each in (client.api_key, client.auth_token) if each)


def from_name(name: ModelName) -> AnthropicModel:
    """Return the hosted model that a name asks for (see `registry.open_model`)."""
    name.check_options(("timeout",))
    try:
        installed = importlib.util.find_spec("anthropic") is not None
    except ValueError:
        installed = False
    if not installed:
        raise ModelError(f"model {name.full!r} needs the Anthropic SDK: pip install 'anthropic[aiohttp]'")
    return AnthropicModel(name.name, name=name.full, timeout=name.number("timeout", TIMEOUT, least=0.1))
