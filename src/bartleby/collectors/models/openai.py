"""`openai/...`: models behind Chat Completions, through the official SDK: OpenAI's, vLLM's, SGLang's, ...

What such a server can do differs from one to the next; it is found out by asking (`completions_probe`).
The SDK makes one attempt at a time and is given no retries of its own. A key goes only where it belongs:
the one in `OPENAI_API_KEY` to OpenAI or to the server that `OPENAI_BASE_URL` names, and to a server that is
part of a model's name only the one whose variable is named with it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from bartleby.collectors.models.base import Capabilities, RateLimit, TransientError, refuse_settings
from bartleby.collectors.models.completions import Dialect, compose, read, refused_by_filter
from bartleby.collectors.models.completions_errors import Filtered, translated
from bartleby.collectors.models.completions_probe import find_dialect
from bartleby.collectors.models.http_limits import LimitHeaders, rate_limit, tells_limits
from bartleby.collectors.models.normalising import body_json, json_value, mapping, mappings, sendable
from bartleby.collectors.models.openai_client import (
    NO_KEY,
    capabilities_of,
    check_server,
    new_client,
    raw_response,
    secrets_of,
)
from bartleby.collectors.models.registry import ModelName
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Reply, Request

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

__all__ = ["OpenAIModel", "from_name"]

TIMEOUT = 120.0
HEADERS = LimitHeaders(
    remaining="x-ratelimit-remaining-{}",
    reset="x-ratelimit-reset-{}",
    counted=("requests",),
    all_or_nothing=("tokens",),
)
KEY = "OPENAI_API_KEY"
AT = re.compile(r"(?P<model>.+?)@(?P<server>[A-Za-z][\w+.-]*://.+)", re.DOTALL)


class OpenAIModel:
    """A model that speaks Chat Completions.

    The key is read from the environment and is never stored, shown or logged here.

    Parameters
    ----------
    model
        The server's id of the model.
    name
        Its name in the record.
    server
        Address of the server, up to `/v1`; None for the one that `OPENAI_BASE_URL` names, or OpenAI's.
    key
        Environment variable with the key; None where none is sent.
    timeout
        Seconds after which an attempt is given up.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str,
        server: str | None = None,
        key: str | None = KEY,
        timeout: float = TIMEOUT,
    ) -> None:
        self.model = model
        self.name = name
        self.server = server
        self.key = key
        self.timeout = timeout
        self._client: AsyncOpenAI | None = None
        self._response: type[Response]
        self._stack = AsyncExitStack()
        self._rate_limit: RateLimit | None = None
        self._probing: asyncio.Lock | None = None
        self._found: tuple[Dialect, Capabilities] | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be stored or shown."""
        return () if self._client is None else secrets_of(self._client)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the server said last of its limits."""
        return self._rate_limit

    async def __aenter__(self) -> Self:
        secret = NO_KEY if self.key is None else os.environ.get(self.key, "")
        if not secret:
            raise ModelError(f"{self.name}: no key; set the environment variable {self.key}")
        self._client = await self._stack.enter_async_context(
            new_client(self.name, secret, self.server, timeout=self.timeout, hear=self._hear)
        )
        self._response = raw_response()
        self._probing = asyncio.Lock()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        await self._stack.aclose()

    async def capabilities(self) -> Capabilities:
        """Return what the server can do with the model; it is found out once, by short questions.

        Raises
        ------
        ModelError
            If the key is refused, the model is not known, or not even a plain question is accepted.
        TransientError
            If the server cannot be reached just now.
        """
        return (await self._probed())[1]

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
        dialect, capabilities = await self._probed()
        refuse_settings(self.name, request.settings, capabilities.settings)
        try:
            body = compose(self.model, request, dialect)
        except ModelError as error:
            raise ModelError(f"{self.name}: {error}") from None
        try:
            response = await self._send(body)
            request_id = response.headers.get("x-request-id")
            return read(body_json(response.content, request_id), request, request_id)
        except Filtered:
            return refused_by_filter()

    async def _hear(self, response: Response) -> None:
        if tells_limits(response.headers.raw):
            self._rate_limit = rate_limit(response.headers, HEADERS) or self._rate_limit

    async def _probed(self) -> tuple[Dialect, Capabilities]:
        if self._found is not None:
            return self._found
        if self._probing is None:
            raise self._not_open()
        async with self._probing:
            if self._found is None:
                told = await self._told()
                dialect, more = await self._find()
                self._found = dialect, capabilities_of(dialect, {**told, **more})
            return self._found

    async def _find(self) -> tuple[Dialect, dict[str, Any]]:
        async def send(body: Mapping[str, Any]) -> Mapping[str, Any]:
            try:
                response = await self._send({"model": self.model, **body})
                return mapping(body_json(response.content))
            except Filtered as error:
                raise RequestError(str(error)) from None

        try:
            return await find_dialect(send)
        except RequestError as error:
            raise ModelError(f"not even a plain question is accepted: {error}") from None

    async def _send(self, body: Mapping[str, Any]) -> Response:
        client = self._opened()
        async with translated(self.name, self.key or KEY, secrets_of(client), self.timeout):
            # The answer is read as it was sent: the SDK's objects would hold any JSON without checking it.
            try:
                return await client.post("/chat/completions", body=body, cast_to=self._response)
            except UnicodeEncodeError:
                return await client.post("/chat/completions", body=sendable(body), cast_to=self._response)

    async def _told(self) -> dict[str, Any]:
        """Return what the record keeps of the server, and what that lists of the model."""
        client = self._opened()
        base = urlsplit(str(client.base_url))
        where = f"{base.scheme}://{base.hostname}" + (f":{base.port}" if base.port else "")
        return {
            "provider": "openai",
            "id": self.model,
            "server": where + base.path.rstrip("/"),
            "sdk": metadata.version("openai"),
            "timeout": self.timeout,
            "sampling": "the server's default unless set; it may be one that came with the model",
            "model": await self._listed(client),
        }

    async def _listed(self, client: AsyncOpenAI) -> dict[str, Any] | None:
        """Return what the list of models says of this one; not every server has such a list."""
        try:
            async with translated(self.name, self.key or KEY, secrets_of(client), self.timeout):
                response = await client.get("/models", cast_to=self._response)
            listed = mappings(mapping(body_json(response.content)).get("data"))
            found = next((each for each in listed if each.get("id") == self.model), None)
            told: dict[str, Any] | None = json_value(found)
        except (ModelError, RequestError, TransientError, ValueError):
            return None
        return told and {name: value for name, value in told.items() if name != "permission"}

    def _opened(self) -> AsyncOpenAI:
        if self._client is None:
            raise self._not_open()
        return self._client

    def _not_open(self) -> ModelError:
        return ModelError(f"{self.name}: the model is not open; use it in `async with`")


def from_name(name: ModelName) -> OpenAIModel:
    """Return the model that a name asks for (see `registry.open_model`)."""
    name.check_options(("timeout", "key"))
    match = AT.fullmatch(name.name)
    model, server = (match["model"], match["server"]) if match else (name.name, None)
    if server is not None:
        check_server(model, server)
    try:
        installed = importlib.util.find_spec("openai") is not None
    except ValueError:
        installed = False
    if not installed:
        raise ModelError(f"model {name.full!r} needs the OpenAI SDK: pip install 'bartleby[openai]'")
    key = name.options.get("key", KEY if server is None else None)
    return OpenAIModel(
        model, name=name.full, server=server, key=key, timeout=name.number("timeout", TIMEOUT, least=0.1)
    )
