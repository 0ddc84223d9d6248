"""The endpoints of Message Batches: HTTP around a `BatchBook`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from tests.servers.batches_api import BatchBook
from tests.servers.messages_api import NotAccepted
from tests.servers.responses import MESSAGES, drop, error

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ROOT = "/v1/messages/batches"


class BatchEndpoints:
    """Serves a book of batches; a fault may meet the making of one.

    A batch whose making was met by `drop_after` is there, and nobody was told; with `drop_before` it is not.
    """

    def __init__(
        self, book: BatchBook, has_key: Callable[[web.Request], bool], fault: Callable[[], str]
    ) -> None:
        self._book = book
        self._has_key = has_key
        self._fault = fault

    def add_to(self, app: web.Application) -> None:
        """Add the endpoints to an application."""
        one = ROOT + "/{batch}"
        app.router.add_post(ROOT, self._guarded(self._create))
        app.router.add_get(ROOT, self._guarded(self._list))
        app.router.add_get(one, self._guarded(self._retrieve))
        app.router.add_delete(one, self._guarded(self._delete))
        app.router.add_post(f"{one}/cancel", self._guarded(self._cancel))
        app.router.add_get(f"{one}/results", self._guarded(self._results))

    def _guarded(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._has_key(request):
                return error(MESSAGES, 401, "authentication_error", "invalid bearer token")
            try:
                return await handler(request)
            except NotAccepted as wrong:
                return error(MESSAGES, wrong.status, wrong.kind, str(wrong))

        return handle

    async def _create(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        fault = self._fault()
        if fault == "drop_before":
            return await drop(request)
        if fault in ("overloaded", "server", "rate_limit"):
            return error(MESSAGES, 529, "overloaded_error", "this is what overloaded looks like")
        told = self._book.create(raw, _origin(request))
        return await drop(request) if fault == "drop_after" else _json(told)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        limit = int(request.query.get("limit", "20"))
        return _json(self._book.page(limit, request.query.get("after_id"), _origin(request)))

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        return _json(self._book.told(self._book.find(request.match_info["batch"]), _origin(request)))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        return _json(self._book.delete(request.match_info["batch"]))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        return _json(self._book.cancel(request.match_info["batch"], _origin(request)))

    async def _results(self, request: web.Request) -> web.StreamResponse:
        batch = self._book.find(request.match_info["batch"])
        lines = self._book.results(batch.id)
        cut = len(batch.requests) // 2 if batch.plan == "cut" else None
        batch.plan = "ok" if cut is not None else batch.plan
        response = web.StreamResponse(headers={"content-type": "application/x-jsonl"})
        await response.prepare(request)
        with suppress(ConnectionError):  # whoever asked was killed
            for at, line in enumerate(lines):
                if at == cut:
                    await response.write(line[:10].encode())
                    return await drop(request)
                await response.write(line.encode())
            await response.write_eof()
        return response


def _origin(request: web.Request) -> str:
    return str(request.url.origin())


def _json(told: dict[str, Any]) -> web.Response:
    return web.json_response(told)
