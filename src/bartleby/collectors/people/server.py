"""A page on this machine on which people label passages: standard library, loopback, one token.

What is shown is untrusted text. It is sent as JSON and put on the page as text; the page may load nothing
but its own files and talk to nobody but this server. Every save names its unit and the unit's version, so
that no label can land on another unit than the one that was seen.
"""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from bartleby.collectors.people.store import ConflictError, LabelStore, Saved
from bartleby.errors import DataError, LogError, SettingError
from bartleby.exchange import content_hash

__all__ = ["LabelServer", "serving"]

MOST = 1_000_000
"""The most bytes of what a page may send."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
FILES = {
    "/sending.js": "text/javascript",
    "/label.js": "text/javascript",
    "/label.css": "text/css",
}
MOST_UNITS = 50
ENOUGH = 500_000
"""Once units of so many characters are in an answer, the others that were asked for are not."""


class LabelServer:
    """Serves one labeller's page.

    Parameters
    ----------
    store
        Where labels are kept.
    labeller
        Who labels; nobody sees another's labels.
    port
        Port on 127.0.0.1; 0 for the labeller's last one, or any that is free.

    Raises
    ------
    SettingError
        If the port is taken, or the labeller has no name.
    """

    def __init__(self, store: LabelStore, labeller: str, port: int = 0) -> None:
        if not labeller.strip() or not labeller.isprintable():
            raise SettingError(f"labeller is {labeller!r}; allowed: a name, so that labellers are distinct")
        self.store, self.labeller = store, labeller
        # Every labeller has an order of their own, so that what comes first tires nobody the same way.
        seed = int.from_bytes(labeller.encode()) % 2**63
        units = store.units()
        self.order = [int(number) for number in np.random.default_rng(seed).permutation(len(units))]
        # A page that is open when the server is started again goes on working: same port, same token.
        self._remembered = f"page of {labeller}"
        last = json.loads(store.remembered(self._remembered) or "{}")
        self.token = last.get("token") or secrets.token_urlsafe(16)
        self._server = _listening([port] if port else [last.get("port", 0), 0], _handler(self))
        host, number = "127.0.0.1", self._server.server_address[1]
        self.host = f"{host}:{number}"
        store.remember(self._remembered, json.dumps({"token": self.token, "port": number}))
        # A unit's own id may say what the labeller should not know, such as the model.
        self._ids = {content_hash([self.token, unit], 16): number for number, unit in enumerate(units)}
        self._id_of = {number: name for name, number in self._ids.items()}

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
            "labeller": self.labeller,
            "units": len(self.order),
            "done": [position for position, number in enumerate(self.order) if number in done],
        }

    def unit(self, position: int) -> dict[str, Any]:
        """Return what is shown at a position of the labeller's own order, with what they said of it."""
        if not 0 <= position < len(self.order):
            raise DataError(f"there is no unit at position {position}")
        number = self.order[position]
        labels = self.store.labels(self.labeller, number)
        return {
            **self.store.passage(number),
            "place": position,
            "unit": self._id_of[number],
            "labels": labels,
            "note": next((label["note"] for label in labels.values() if label["note"]), ""),
            "revision": self.store.revision(self.labeller, number),
        }

    def units(self, positions: Sequence[int]) -> dict[str, Any]:
        """Return the units at some positions: the first, and as many more as an answer should hold."""
        units: list[dict[str, Any]] = []
        size = 0
        for position in positions:
            if size < ENOUGH:
                units.append(self.unit(position))
                size += sum(len(line["text"]) for line in units[-1]["said"])
        return {"units": units}

    def save(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Keep labels that the page sent, if they are of a unit as it is in the file."""
        number = self._ids.get(str(sent.get("unit")))
        if number is None or self.store.passage(number)["version"] != sent.get("version"):
            raise ConflictError("this unit is not in the file of labels any more, or has changed")
        revision = self.store.save(self.labeller, number, _saved(sent))
        return {"revision": revision, "done": len(self.store.done(self.labeller))}


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


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the library
        """Say nothing where a browser hung up before it had its answer: it asks again."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _listening(ports: Sequence[int], handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Return a server at the first of some ports that is free."""
    for port in ports:
        try:
            return _Server(("127.0.0.1", port), handler)
        except (OSError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or "allowed: 0 to 65535"
    raise SettingError(f"port={ports[0]}: cannot be listened on: {problem}")


def _handler(own: LabelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers the page."""

        server_version = "bartleby"
        sys_version = ""
        timeout = 30  # seconds that a request may take to arrive

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
                self._answer(own.state)
            elif path == "/unit":
                self._answer(lambda: own.unit(int(query.get("place", ["-1"])[0])))
            elif path == "/units":
                places = query.get("places", [""])[0].split(",")[:MOST_UNITS]
                self._answer(lambda: own.units([int(place) for place in places]))
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
                self._answer(lambda: own.save(_object(body)))

        def _known(self, token: str) -> bool:
            given = self.headers.get("X-Token") or token
            return secrets.compare_digest(given.encode(), own.token.encode())

        def _answer(self, make: Callable[[], Mapping[str, Any]]) -> None:
            try:
                self._json(make())
            except (DataError, ValueError) as error:
                status = HTTPStatus.CONFLICT if isinstance(error, ConflictError) else HTTPStatus.BAD_REQUEST
                self._say(status, "text/plain", str(error).encode("utf-8", "replace"))
            except (
                sqlite3.Error,
                LogError,
            ) as error:  # such as a full disk: the page tries again
                text = f"the file of labels cannot be written: {error}"
                self._say(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", text.encode())

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


def _saved(sent: Mapping[str, Any]) -> Saved:
    """Return what a page sent as a save; labels are empty only where it says that they are taken back."""
    labels, seconds, steps = sent.get("labels"), sent.get("seconds"), sent.get("steps", [])
    if not isinstance(labels, dict) or not all(isinstance(label, dict) for label in labels.values()):
        raise DataError("labels are no object of objects")
    if not labels and sent.get("withdrawn") is not True:
        raise DataError("there is no label in it")
    name, revision = sent.get("id"), sent.get("revision")
    if not isinstance(name, str) or type(revision) is not int:
        raise DataError("a save has an id (text) and a revision (whole number)")
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds) or seconds < 0:
        seconds = None
    return Saved(
        labels,
        note=str(sent.get("note") or "")[:10_000],
        id=name[:100],
        revision=revision,
        seconds=seconds,
        steps=steps[:1000] if isinstance(steps, list) else (),
    )
