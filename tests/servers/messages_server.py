"""A faithful loopback Messages API (with Batches) and Chat Completions, with faults on demand and a ledger.

    python -m tests.servers.messages_server --port 0 --ledger FILE --latency 0.01 --fault rate_limit=0.05

prints the address it listens on, on one line, and serves until it is killed; it can also be had in a thread
(`serve`). Clients are pointed at it with `ANTHROPIC_BASE_URL` or `OPENAI_BASE_URL` and the key in `KEY`.
"""

from __future__ import annotations

import argparse
import asyncio
import email.utils
import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.servers.batch_endpoints import BatchEndpoints
from tests.servers.batches_api import BatchBook
from tests.servers.completions_api import model_list
from tests.servers.ledger import Ledger
from tests.servers.messages_api import NotAccepted, body_hash, count_tokens, model_info
from tests.servers.prompt_cache import PromptCache
from tests.servers.responses import COMPLETIONS, MESSAGES, Api, drop, error, spoilt

KEY = "sk-ant-loopback-key-0123456789"
STATUSES: Mapping[str, tuple[int, str]] = {
    "rate_limit": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "server": (500, "api_error"),
    "bad_request": (400, "invalid_request_error"),
    "payment": (402, "billing_error"),
    "forbidden": (403, "permission_error"),
    "too_large": (413, "request_too_large"),
    "no_quota": (429, "insufficient_quota"),
    "filtered": (400, "content_filter"),
}
SPOILING = ("drop_before", "drop_after", "truncated", "not_json", "not_a_message", "hang")
FAULTS = (*STATUSES, *SPOILING, "refusal", "declined")
"""Everything that can be made to go wrong. The `drop_after`, `truncated`, ... replies were billed."""


@dataclass
class MessagesServer:
    """How the server behaves: `script` names each next request's fault ("ok" for none), then rates rule.

    `capacity` is how many requests it takes at once: those above are told to come back (429). `headers_told`
    are sent with every answer. Batches take `batch_seconds`; `batch_script` says what becomes of each next.
    """

    latency: float = 0.0
    retry_after: str | None = "1"
    faults: Mapping[str, float] = field(default_factory=dict)
    script: list[str] = field(default_factory=list)
    key: str = KEY
    tells_models: bool = True
    counts_tokens: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    seed: int = 0
    address: str = ""
    capacity: int | None = None
    headers_told: dict[str, str] = field(default_factory=dict)
    batch_seconds: float = 0.1
    batch_script: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    counted: list[dict[str, Any]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in (*self.faults, *self.script) if name not in (*FAULTS, "ok")]
        if unknown:
            raise ValueError(f"no fault {unknown}; there are {FAULTS}")
        self._draws = random.Random(self.seed)  # noqa: S311
        self._number = 0
        self.cache = PromptCache()
        self.batches = BatchBook(self.ledger, self.batch_seconds, self.batch_script, self.seed, self.cache)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=300 * 2**20)
        app.on_response_prepare.append(self._date)
        app.router.add_post("/v1/messages", partial(self._ask, api=MESSAGES))
        if self.counts_tokens:
            app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_post("/v1/chat/completions", partial(self._ask, api=COMPLETIONS))
        if self.tells_models:
            app.router.add_get("/v1/models/{model}", self._model)
            app.router.add_get("/v1/models", self._models)
        BatchEndpoints(self.batches, self._has_key, self._fault).add_to(app)
        return app

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["date"] = email.utils.formatdate(time.time() + self.batches.ahead, usegmt=True)

    async def _model(self, request: web.Request) -> web.StreamResponse:
        if not self._has_key(request):
            return error(MESSAGES, 401, "authentication_error", "invalid bearer token")
        try:
            return web.json_response(model_info(request.match_info["model"]))
        except NotAccepted as wrong:
            return error(MESSAGES, wrong.status, wrong.kind, str(wrong))

    async def _count(self, request: web.Request) -> web.StreamResponse:
        if not self._has_key(request):
            return error(MESSAGES, 401, "authentication_error", "invalid bearer token")
        body = json.loads(await request.read())
        self.counted.append(body)
        try:
            return web.json_response(count_tokens(body))
        except NotAccepted as wrong:
            return error(MESSAGES, wrong.status, wrong.kind, str(wrong))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if not self._has_key(request):
            return error(COMPLETIONS, 401, "invalid_api_key", "Incorrect API key provided")
        return web.json_response(model_list())

    async def _ask(self, request: web.Request, api: Api) -> web.StreamResponse:
        raw = await request.read()
        self._number += 1
        number, name = self._number, body_hash(raw)
        self.ledger.write("asked", name, number)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            refusal = self._refuse(request, raw, api)
            if refusal is not None:
                self.ledger.write("refused", name, number, refusal.status)
                return refusal
            return await self._reply(request, json.loads(raw), name, number, api)
        finally:
            self.under_way -= 1

    def _refuse(self, request: web.Request, raw: bytes, api: Api) -> web.Response | None:
        if not self._has_key(request):
            return error(api, 401, "authentication_error", "invalid bearer token")
        if self.capacity is not None and self.under_way > self.capacity:
            return error(api, 429, "rate_limit_error", "too many at once", self._wait(429))
        try:
            body = json.loads(raw)
            self.requests.append(body)
            self.headers.append(dict(request.headers))
            api.check(body)
        except NotAccepted as wrong:
            return error(api, wrong.status, wrong.kind, str(wrong))
        return None

    async def _reply(
        self, request: web.Request, body: dict[str, Any], name: str, number: int, api: Api
    ) -> web.StreamResponse:
        fault = self._fault()
        if fault in STATUSES:
            status, kind = STATUSES[fault]
            self.ledger.write("refused", name, number, status)
            return error(api, status, kind, f"this is what {fault} looks like", self._wait(status))
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault == "drop_before":
            return await drop(request)
        if fault == "hang":
            await asyncio.sleep(3600)
        message = self._answer(body, number, api)
        self.ledger.write("billed", name, number, usage=message["usage"] if api.caches else None)
        if fault in ("refusal", "declined"):
            message = api.refused(message) if fault == "refusal" else api.declined(message)
        if fault in ("drop_after", "truncated", "not_json", "not_a_message"):
            return await spoilt(request, message, fault)
        return await self._deliver(request, message, name, number, api)

    def _answer(self, body: dict[str, Any], number: int, api: Api) -> dict[str, Any]:
        if not api.caches:
            return api.answer(body, number)
        used = self.cache.use(body, time.time())
        self.cache.keep(used, time.time())
        return api.answer(body, number, used)

    async def _deliver(
        self, request: web.Request, message: dict[str, Any], name: str, number: int, api: Api
    ) -> web.StreamResponse:
        payload = json.dumps(message).encode()
        headers = {
            "content-type": "application/json",
            api.id_header: f"req_{number:06d}",
            **self.headers_told,
        }
        response = web.StreamResponse(headers={**headers, "content-length": str(len(payload))})
        if request.transport is None or request.transport.is_closing():
            return response  # whoever asked was killed
        await response.prepare(request)
        # Told at the moment the bytes are handed over, so that a client that has them finds it told.
        if request.transport is not None and not request.transport.is_closing():
            self.ledger.write("delivered", name, number)
        with suppress(ConnectionError):
            await response.write(payload)
            await response.write_eof()
        return response

    def _wait(self, status: int) -> dict[str, str]:
        return {"retry-after": self.retry_after} if self.retry_after and status in (429, 529) else {}

    def _has_key(self, request: web.Request) -> bool:
        given = (request.headers.get("x-api-key"), request.headers.get("authorization"))
        return self.key in given or f"Bearer {self.key}" in given

    def _fault(self) -> str:
        if self.script:
            return self.script.pop(0)
        point = self._draws.random()
        for name, rate in self.faults.items():
            if point < rate:
                return name
            point -= rate
        return "ok"


@contextmanager
def serve(server: MessagesServer | None = None, port: int = 0) -> Iterator[MessagesServer]:
    """Serve in a thread of its own on 127.0.0.1; `address` says where."""
    made = server or MessagesServer()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop = asyncio.Event()

    async def main() -> None:
        runner = web.AppRunner(made.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        made.address = _address(runner)
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    if not ready.wait(30):
        raise RuntimeError("the loopback server did not start")
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=RATE", help=", ".join(FAULTS))
    parser.add_argument("--retry-after", default="1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-seconds", type=float, default=0.1)
    parser.add_argument("--batch-script", default="", help="what becomes of the first batches, with commas")
    given = parser.parse_args(arguments)
    faults = {name: float(rate) for name, rate in (each.split("=") for each in given.fault)}
    server = MessagesServer(
        latency=given.latency,
        retry_after=given.retry_after,
        faults=faults,
        ledger=Ledger(given.ledger),
        seed=given.seed,
        batch_seconds=given.batch_seconds,
        batch_script=[plan for plan in given.batch_script.split(",") if plan],
    )
    with serve(server, given.port):
        sys.stdout.write(server.address + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
