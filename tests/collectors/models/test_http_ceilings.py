"""However long, however large and wherever to: what a server sends has a ceiling, for both SDKs."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bartleby.collectors.models import Model, TransientError, http_ceilings, open_model
from bartleby.collectors.models.http_ceilings import clock_ahead
from bartleby.collectors.models.http_errors import retry_after
from bartleby.errors import ModelError
from bartleby.exchange import Reply
from tests.collectors.models.asking import pair

pytest.importorskip("anthropic")
pytest.importorskip("openai")

FAR = "Mon, 01 Jan 99999 00:00:00 GMT"
BOMB = gzip.compress(b" " * 100 * 2**20)


class Handler(BaseHTTPRequestHandler):
    """Answers every request in the way of its server."""

    server: Server
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(dict(self.headers))
        status, headers, body, wait = self.server.answer
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for at in range(0, len(body), 1 if wait else 65_536):
                self.wfile.write(body[at : at + (1 if wait else 65_536)])
                self.wfile.flush()
                time.sleep(wait)
        except OSError:
            return

    def log_message(self, *args: object) -> None:
        return


class Server(ThreadingHTTPServer):
    answer: tuple[int, dict[str, str], bytes, float] = (200, {}, b"{}", 0.0)
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setenv("ANTHROPIC_BASE_URL", made.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key-of-no-use")
        yield made
        made.shutdown()


def models(server: Server, seconds: float) -> list[Model]:
    return [
        open_model(f"anthropic/claude-x?timeout={seconds}"),
        open_model(f"openai/m@{server.address}/v1?timeout={seconds}"),
    ]


def failures(server: Server, seconds: float = 5.0) -> Sequence[BaseException]:
    """Return what comes of a request to each of two models at this server."""

    async def ask(model: Model) -> Reply:
        async with model as opened:
            return await opened.answer(pair())

    found = []
    for model in models(server, seconds):
        with pytest.raises((ModelError, TransientError)) as caught:
            asyncio.run(ask(model))
        found.append(caught.value)
    return found


def test_redirects_are_not_followed_with_text_and_key(server: Server) -> None:
    with Server() as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        for status in (301, 302, 307, 308):
            server.answer = (status, {"location": f"{other.address}/v1/messages"}, b"", 0.0)
            for error in failures(server):
                assert isinstance(error, ModelError)
                assert "the server names another address" in str(error)
        other.shutdown()
        assert other.asked == []


def test_an_answer_that_trickles_in_has_a_deadline(server: Server) -> None:
    server.answer = (200, {}, b" " * 10_000, 0.05)
    started = time.perf_counter()
    for error in failures(server, 0.2):
        assert isinstance(error, TransientError)
        assert (error.kind, "no whole reply in 1 s" in str(error)) == ("timeout", True)
    assert time.perf_counter() - started < 60


@pytest.mark.parametrize(("encoding", "said"), [("gzip", "longer than"), ("br", "not asked for")])
def test_a_small_answer_that_becomes_a_large_one_is_not_read(
    server: Server, encoding: str, said: str
) -> None:
    server.answer = (200, {"content-encoding": encoding}, BOMB, 0.0)
    for error in failures(server):
        assert isinstance(error, TransientError)
        assert said in str(error)
    assert {each["accept-encoding"] for each in server.asked} == {"identity"}


def test_an_answer_without_an_end_is_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_ceilings, "MOST_BYTES", 100_000)
    server.answer = (200, {}, b" " * 1_000_000, 0.0)
    for error in failures(server):
        assert isinstance(error, TransientError)
        assert "longer than 100,000 bytes" in str(error)


@pytest.mark.parametrize(
    "told",
    [
        "",
        "soon",
        "-5",
        "nan",
        "inf",
        "1e999",
        "9" * 400,
        "Wed, 99 Foo 99999 99:99:99",
        "Mon, 01 Jan 99999 00:00:00 GMT",
    ],
)
def test_no_form_of_retry_after_makes_a_limit_final(server: Server, told: str) -> None:
    server.answer = (
        429,
        {"retry-after": told, "retry-after-ms": told},
        b'{"error": {"message": "slow"}}',
        0.0,
    )
    for error in failures(server):
        assert isinstance(error, TransientError)
        assert (error.kind, error.status) == ("rate_limit", 429)
    assert retry_after({"retry-after": told}) in (None, 0.0)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"[1]", b'{"error": 5}', b'{"error": {"message": {}, "code": []}}']
)
def test_no_form_of_an_error_makes_an_overload_final(server: Server, body: bytes) -> None:
    server.answer = (503, {}, body, 0.0)
    for error in failures(server):
        assert isinstance(error, TransientError)
        assert error.kind == "overloaded"


@pytest.mark.parametrize("date", ["", "yesterday", FAR])
def test_a_date_that_cannot_be_read_says_nothing_of_a_clock(date: str) -> None:
    assert clock_ahead({"date": date}) is None
    assert clock_ahead({}) is None
