"""A page on this machine on which people label passages: standard library, loopback, one token.

What is shown is anybody's text. It is sent as JSON and put on the page as text; the page may load nothing
but its own two files and talk to nobody but this server.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from bartleby.collectors.people.store import LabelStore
from bartleby.errors import DataError, SettingError

__all__ = ["LabelServer", "serving"]

MOST = 1_000_000
"""The most bytes of what a page may send."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
FILES = {"/label.js": "text/javascript", "/label.css": "text/css"}


class LabelServer:
    """Serves one labeller's page.

    Parameters
    ----------
    store
        Where labels are kept.
    labeller
        Who labels; nobody sees another's labels.
    port
        Port on 127.0.0.1; 0 for any that is free.

    Raises
    ------
    SettingError
        If the port is taken, or the labeller has no name.
    """

    def __init__(self, store: LabelStore, labeller: str, port: int = 0) -> None:
        if not labeller.strip():
            raise SettingError("labeller is empty; allowed: any name, so that labels can be told apart")
        self.store, self.labeller = store, labeller
        self.token = secrets.token_urlsafe(16)
        # Everybody has an order of their own, so that what comes first tires nobody the same way.
        seed = int.from_bytes(labeller.encode("utf-8", "surrogatepass")) % 2**63
        self.order = [int(each) for each in np.random.default_rng(seed).permutation(len(store.units()))]
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise SettingError(f"port={port}: cannot be listened on: {error.strerror}") from None
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def address(self) -> str:
        """The page's address, with its token."""
        return f"http://{self.host}/?token={self.token}"

    def serve(self) -> None:
        """Serve until `stop` is called or Ctrl-C is pressed."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()

    def state(self) -> dict[str, Any]:
        """Return the codebook and how far the labeller is."""
        done = self.store.done(self.labeller)
        book = self.store.codebook
        return {
            "codebook": book.to_dict(),
            "units": len(self.order),
            "done": [place for place, number in enumerate(self.order) if number in done],
        }

    def unit(self, place: int) -> dict[str, Any]:
        """Return what is shown at a place of the labeller's own order, with what they said of it."""
        if not 0 <= place < len(self.order):
            raise DataError(f"there is no unit at place {place}")
        number = self.order[place]
        return {**self.store.passage(number), "labels": self.store.labels(self.labeller, number)}

    def save(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Keep labels that the page sent."""
        place, labels, note = told.get("place"), told.get("labels"), told.get("note", "")
        if not isinstance(place, int) or not 0 <= place < len(self.order):
            raise DataError(f"there is no unit at place {place!r}")
        if not isinstance(labels, dict) or not all(isinstance(each, dict) for each in labels.values()):
            raise DataError("labels are no object of objects")
        self.store.save(self.labeller, self.order[place], labels, str(note)[:10_000])
        return {"done": len(self.store.done(self.labeller))}


@contextmanager
def serving(server: LabelServer) -> Iterator[LabelServer]:
    """Serve in a thread, as tests and notebooks do."""
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
        server.close()


def _handler(own: LabelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers the page."""

        server_version = "bartleby"
        sys_version = ""

        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            if self.headers.get("Host") != own.host:
                self._say(HTTPStatus.FORBIDDEN, "text/plain", b"another host")
            elif path in FILES:
                self._say(HTTPStatus.OK, FILES[path], _file(path[1:]))
            elif not self._known(query.get("token", [""])[0]):
                self._say(HTTPStatus.FORBIDDEN, "text/plain", b"open the address that was printed")
            elif path == "/":
                self._say(HTTPStatus.OK, "text/html", _file("label.html"))
            elif path == "/state":
                self._json(own.state())
            elif path == "/unit":
                self._told(lambda: own.unit(int(query.get("place", ["-1"])[0])))
            else:
                self._say(HTTPStatus.NOT_FOUND, "text/plain", b"nothing here")

        def do_POST(self) -> None:
            origin = self.headers.get("Origin")
            size = self.headers.get("Content-Length", "")
            foreign = origin is not None and origin != f"http://{own.host}"
            if self.headers.get("Host") != own.host or foreign or not self._known(""):
                self._say(HTTPStatus.FORBIDDEN, "text/plain", b"not from this page")
            elif urlsplit(self.path).path != "/labels" or not size.isdigit() or int(size) > MOST:
                self._say(HTTPStatus.BAD_REQUEST, "text/plain", b"not understood")
            else:
                body = self.rfile.read(int(size))
                self._told(lambda: own.save(_object(body)))

        def _known(self, token: str) -> bool:
            given = self.headers.get("X-Token") or token
            return secrets.compare_digest(given.encode(), own.token.encode())

        def _told(self, make: Any) -> None:  # noqa: ANN401 - a function that makes an answer
            try:
                self._json(make())
            except (DataError, ValueError) as error:
                self._say(HTTPStatus.BAD_REQUEST, "text/plain", str(error).encode("utf-8", "replace"))

        def _json(self, told: Mapping[str, Any]) -> None:
            body = json.dumps(told, ensure_ascii=True).encode()
            self._say(HTTPStatus.OK, "application/json", body)

        def _say(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            headers = {
                "Content-Type": f"{kind}; charset=utf-8",
                "Content-Length": str(len(body)),
                "Content-Security-Policy": POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the address has the token in it."""

    return Handler


def _file(name: str) -> bytes:
    return files("bartleby.collectors.people").joinpath(name).read_bytes()


def _object(body: bytes) -> Mapping[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise DataError("an object is allowed")
    return value
