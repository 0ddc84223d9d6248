"""What a server sends, whole and spoilt, in the words of the two APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers import completions_api, messages_api

Body = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """One of the two APIs: what it accepts and answers, and how it says what is wrong.

    Parameters
    ----------
    check, answer
        Pure functions of a body (and of its number, and of what it took of a cache).
    envelope
        The body of an error, from its kind and message.
    id_header
        The header with the id of a request.
    refused
        An answer turned into what comes when a classifier stops it.
    declined
        An answer turned into one in which the model declines in the API's own field, if it has one.
    caches
        Whether beginnings of prompts are kept where they are marked.
    """

    check: Callable[[Mapping[str, Any]], None]
    answer: Callable[..., Body]
    envelope: Callable[[str, str], Body]
    id_header: str
    refused: Callable[[Body], Body]
    declined: Callable[[Body], Body]
    caches: bool = False


def _stopped_message(message: Body) -> Body:
    details = {"type": "refusal", "category": "general_harms", "explanation": None}
    return message | {"stop_reason": "refusal", "content": [], "stop_details": details}


def _stopped_completion(completion: Body) -> Body:
    message = {"role": "assistant", "content": "", "refusal": None}
    return _with_choice(completion, message=message, finish_reason="content_filter", logprobs=None)


def _declined_completion(completion: Body) -> Body:
    message = {"role": "assistant", "content": None, "refusal": "I'm sorry, I can't choose."}
    return _with_choice(completion, message=message, finish_reason="stop", logprobs=None)


def _with_choice(completion: Body, **fields: object) -> Body:
    return completion | {"choices": [completion["choices"][0] | fields]}


MESSAGES = Api(
    messages_api.check,
    messages_api.answer,
    lambda kind, text: {
        "type": "error",
        "error": {"type": kind, "message": text},
        "request_id": "req_error",
    },
    "request-id",
    _stopped_message,
    lambda message: message,
    caches=True,
)
COMPLETIONS = Api(
    completions_api.check,
    completions_api.answer,
    lambda kind, text: {"error": {"type": kind, "code": kind, "message": text, "param": None}},
    "x-request-id",
    _stopped_completion,
    _declined_completion,
)


def error(
    api: Api, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an error in the words of an API."""
    told = {api.id_header: "req_error", **(headers or {})}
    return web.json_response(api.envelope(kind, message), status=status, headers=told)


async def drop(request: web.Request) -> web.StreamResponse:
    """Cut the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def spoilt(request: web.Request, message: Body, fault: str) -> web.StreamResponse:
    """Send what was billed in a way that nobody can read."""
    if fault == "drop_after":
        return await drop(request)
    text = json.dumps(message)
    bodies = {"truncated": text[: len(text) // 2], "not_json": "<html>gateway</html>", "not_a_message": "{}"}
    kind = "text/html" if fault == "not_json" else "application/json"
    return web.Response(text=bodies[fault], content_type=kind)
