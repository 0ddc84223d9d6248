"""Kinds of server faults in three dialects: what becomes of trials, log and bill.

    python -m benchmarks.server_faults

Every kind meets one trial of a run through the official SDK, once; what that trial is asked again is answered
well. A kind counts as survived if its trial has an outcome and the run went on. Prints a table in Markdown.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bartleby.collectors import batches, retry
from bartleby.collectors.collector import collect
from bartleby.collectors.models import open_model
from bartleby.collectors.schema import open_to_read
from bartleby.collectors.status import Status, status
from bartleby.collectors.transcripts import transcripts
from bartleby.collectors.trial_table import read
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

ODD_VALUES: Mapping[str, Any] = {
    "null": None, "true": True, "a number": 7, "a fraction": 0.5, "a negative": -3, "a huge number": 10**30,
    "infinity": math.inf, "NaN": math.nan, "empty text": "", "a lone surrogate": "\ud83d", "NUL": "\x00",
    "an empty list": [], "a list": [[1]], "an empty object": {}, "an object": {"a": {"b": 1}},
}  # fmt: skip
BODIES: Mapping[str, bytes] = {
    "an empty body": b"", "HTML": b"<html>gateway</html>", "half of a body": b'{"content": [{"ty',
    "bytes that are no text": b"\xff\xfe\x00", "deep nesting": b"[" * 50_000, "a huge number": b"9" * 9000,
    "an event stream": b"data: {}\n\ndata: [DONE]\n", "null": b"null", "a list": b"[1, 2]", "text": b'"no"',
}  # fmt: skip
STATUSES = (400, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504, 520, 529)
WAITS = ("", "soon", "nan", "inf", "-1", "9" * 400, "Mon, 01 Jan 99999 00:00:00 GMT")
MESSAGE_FIELDS = ("id", "model", "role", "content", "stop_reason", "stop_details", "usage")
COMPLETION_FIELDS = ("id", "model", "choices", "usage", "error")
CHOICE_FIELDS = ("message", "finish_reason", "logprobs")


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what is sent instead of a good answer."""

    name: str
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def message(**changed: object) -> dict[str, Any]:
    """Return a good message with some fields changed."""
    usage = {"input_tokens": 9, "output_tokens": 2}
    block = {"type": "text", "text": "A"}
    whole = {"id": "msg", "type": "message", "role": "assistant", "model": "claude-x", "content": [block]}
    return {**whole, "stop_reason": "end_turn", "usage": usage, **changed}


def completion(choice: Mapping[str, Any] | None = None, **changed: object) -> dict[str, Any]:
    """Return a good completion with some fields of it, or of its choice, changed."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    usual = {"index": 0, "message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"}
    return {"id": "c", "model": "gpt-x", "choices": [{**usual, **(choice or {})}], "usage": usage, **changed}


def odd_messages() -> Iterator[tuple[str, Any]]:
    """Yield odd messages, each with what is odd in it."""
    for name, value in ODD_VALUES.items():
        yield from ((f"{each} is {name}", message(**{each: value})) for each in MESSAGE_FIELDS)
        yield f"the text of a block is {name}", message(content=[{"type": "text", "text": value}])
        yield f"a block is {name}", message(content=[value])
        call = {"type": "tool_use", "id": value, "name": value, "input": value}
        yield f"a tool call of {name}", message(content=[call])
        yield f"tokens are {name}", message(usage={"input_tokens": value, "output_tokens": value})
    yield "an error under 200", {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


def odd_completions() -> Iterator[tuple[str, Any]]:
    """Yield odd completions, each with what is odd in it."""
    for name, value in ODD_VALUES.items():
        yield from ((f"{each} is {name}", completion(**{each: value})) for each in COMPLETION_FIELDS)
        yield from ((f"{each} is {name}", completion({each: value})) for each in CHOICE_FIELDS)
        yield f"content is {name}", completion({"message": {"content": value}})
        yield f"a part of the content is {name}", completion({"message": {"content": [value]}})
        call = {"id": value, "type": "function", "function": {"name": value, "arguments": value}}
        yield f"a tool call of {name}", completion({"message": {"content": None, "tool_calls": [call]}})
        tops = [{"token": "A", "logprob": value}]
        said = {"content": [{"token": "A", "logprob": value, "top_logprobs": tops}]}
        yield f"a log-probability is {name}", completion({"logprobs": said})
        yield f"tokens are {name}", completion(usage={"prompt_tokens": value, "completion_tokens": value})
    yield "finish_reason is error", completion({"finish_reason": "error"})
    yield "an error under 200", {"error": {"code": 502, "message": "upstream"}}


def faults(odd: Callable[[], Iterator[tuple[str, Any]]]) -> list[Fault]:
    """Return all kinds of faults of live answers in one dialect."""
    found = [Fault(name, body=json.dumps(sent).encode()) for name, sent in odd()]
    found += [Fault(f"the body is {name}", body=body) for name, body in BODIES.items()]
    found += [
        Fault(f"status {code}", code, b'{"error": {"message": "no", "type": "x"}}') for code in STATUSES
    ]
    found += [
        Fault(f"status {code} with {name}", code, body)
        for code in (429, 500)
        for name, body in BODIES.items()
    ]
    found += [Fault(f"retry-after {each[:9]!r}", 429, b"{}", {"retry-after": each}) for each in WAITS]
    found += [
        Fault(f"encoded as {each}", body=b"x", headers={"content-encoding": each}) for each in ("gzip", "br")
    ]
    return [*found, Fault("the connection is cut", cut=True)]


class Server(ThreadingHTTPServer):
    """Answers each prompt with the next fault first, and well from then on; makes batches likewise."""

    daemon_threads = True

    def __init__(self, kinds: list[Fault], good: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kinds = list(kinds)
        self.good = json.dumps(good).encode()
        self.met: dict[str, str] = {}
        self.made: list[list[str]] = []
        self.lock = threading.Lock()

    def fault(self, prompt: str) -> Fault:
        """Return what a prompt is answered with."""
        with self.lock:
            if prompt in self.met or not self.kinds:
                return Fault("", body=self.good)
            kind = self.kinds.pop(0)
            self.met[prompt] = kind.name
            return kind

    def batch(self, number: int) -> bytes:
        """Return how a batch stands."""
        counts = {"processing": 0, "succeeded": len(self.made[number])}
        counts |= dict.fromkeys(("errored", "canceled", "expired"), 0)
        told = {"id": f"b{number}", "processing_status": "ended", "request_counts": counts}
        return json.dumps({**told, "created_at": "2026-11-30T00:00:00Z", "results_url": "here"}).encode()

    def results(self, number: int) -> bytes:
        """Return the results of a batch; those of the first one are faulty."""
        lines = []
        for name in self.made[number]:
            kind = self.fault(name) if number == 0 else Fault("", body=self.good)
            lines.append(kind.body.replace(b"@NAME@", name.encode()))
        return b"\n".join(lines)


class Handler(BaseHTTPRequestHandler):
    """Hands requests to the server that has the faults."""

    server: Server

    def do_GET(self) -> None:
        """Answer what asks for a batch; there are no models to be told of."""
        parts = self.path.split("/")
        if "batches" not in parts:
            self._send(Fault("", 404, b"{}"))
        elif parts[-1] == "results":
            self._send(Fault("", body=self.server.results(int(parts[-2][1:]))))
        else:
            self._send(Fault("", body=self.server.batch(int(parts[-1][1:]))))

    def do_POST(self) -> None:
        """Answer a prompt, or make a batch."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "requests" in body:
            self.server.made.append([each["custom_id"] for each in body["requests"]])
            self._send(Fault("", body=self.server.batch(len(self.server.made) - 1)))
        else:
            text = json.dumps(body["messages"])
            self._send(Fault("", body=self.server.good) if "hello" in text else self.server.fault(text))

    def _send(self, fault: Fault) -> None:
        if fault.cut:
            self.connection.close()
            return
        self.send_response(fault.status)
        for name, value in {"content-type": "application/json", **fault.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(fault.body)))
        self.end_headers()
        self.wfile.write(fault.body)

    def log_message(self, *args: object) -> None:
        """Write nothing."""
        return


def study(trials: int) -> Study:
    """Return a study with at least so many trials, each with a prompt of its own."""
    items = 2 + math.isqrt(trials)
    tasks = [
        Task(f"t{i}", f"Write line {i}.", f"line {i}", harm="none", impact="neutral") for i in range(items)
    ]
    return Study("faults", tasks, TaskChoice(), {"channel": ["text"]})


def batch_faults() -> list[Fault]:
    """Return all kinds of faults of a line in the results of a batch."""

    def line(result: object) -> bytes:
        return json.dumps({"custom_id": "@NAME@", "result": result}).encode()

    found = [Fault(name, body=line({"type": "succeeded", "message": sent})) for name, sent in odd_messages()]
    for name, value in ODD_VALUES.items():
        found.append(Fault(f"the result is {name}", body=line(value)))
        found.append(Fault(f"its type is {name}", body=line({"type": value})))
        found.append(Fault(f"its error is {name}", body=line({"type": "errored", "error": value})))
        found.append(
            Fault(f"its name is {name}", body=json.dumps({"custom_id": value, "result": {}}).encode())
        )
    whole = [(name, body) for name, body in BODIES.items() if b"\n" not in body]
    return found + [Fault(f"the line is {name}", body=body) for name, body in whole]


def run(dialect: str, kinds: list[Fault], good: Mapping[str, Any]) -> tuple[int, Status]:
    """Run a study whose trials meet all kinds; return how many were met, and how the log stands."""
    with Server(kinds, good) as server, TemporaryDirectory() as folder:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        os.environ |= {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "a-key-of-no-use"}
        name = f"openai/gpt-x@{address}/v1" if dialect == "completions" else "anthropic/claude-x"
        log = Path(folder) / "run.db"
        batch = dialect == "batches"
        asyncio.run(
            collect(study(len(kinds)), open_model(name), log, batch=batch, progress=False, concurrency=8)
        )
        stands = status(log)
        check(log, stands)
        server.shutdown()
        return len(server.met), stands


def check(log: Path, stands: Status) -> None:
    """Raise if a trial has no outcome, a reader does not read the log, or attempts and replies disagree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = len(read(log))
    with open_to_read(log) as connection:
        answered, stored = (
            connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]  # noqa: S608
            for what in ("attempts WHERE ok = 1", "replies")
        )
    told = len(list(transcripts(log)))
    if not rows == told == stands.planned or answered != stored:
        raise AssertionError(
            f"{stands}: {rows} rows, {told} transcripts, {answered} answers, {stored} replies"
        )


def main() -> None:
    """Run all three dialects and print the table."""
    retry.FIRST_WAIT = retry.LONGEST_WAIT = batches.FIRST_POLL = 0.0
    print("| | kinds of faults met | trials | with an outcome | of these `error` | attempts | failed |")
    print("|---|---|---|---|---|---|---|")
    line = {"custom_id": "@NAME@", "result": {"type": "succeeded", "message": message()}}
    for dialect, kinds, good in (
        ("messages", faults(odd_messages), message()),
        ("completions", faults(odd_completions), completion()),
        ("batches", batch_faults(), line),
    ):
        met, stands = run(dialect, kinds, good)
        counts = (stands.planned, sum(stands.ended.values()), stands.ended.get("error", 0))
        cells = (met, *counts, stands.attempts, stands.failed_attempts)
        print(f"| {dialect} | {' | '.join(f'{each:,}' for each in cells)} |", flush=True)


if __name__ == "__main__":
    main()
