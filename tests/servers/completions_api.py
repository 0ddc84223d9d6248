"""What Chat Completions accepts and answers, in the dialects of several servers: pure functions."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.messages_api import NotAccepted, labels_of, pick

PLAIN = ("model", "messages", "stream")
KNOWN = (
    *PLAIN,
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tools",
    "tool_choice",
    "reasoning_effort",
)
EFFORTS = ("minimal", "low", "medium", "high")


@dataclass(frozen=True)
class Server:
    """A kind of server: which fields it reads, and what it does with those that it does not."""

    reads: tuple[str, ...] = KNOWN
    refuses_others: bool = True
    most_logprobs: int = 20
    constraint: str | None = None
    forced: str = "named"
    auto_tools: bool = True
    thinks: bool = False


SERVERS: Mapping[str, Server] = {
    "gpt-test-1": Server(reads=tuple(name for name in KNOWN if name != "reasoning_effort")),
    "gpt-thinks-1": Server(
        reads=(
            *PLAIN,
            "max_completion_tokens",
            "response_format",
            "tools",
            "tool_choice",
            "reasoning_effort",
        ),
        thinks=True,
    ),
    "open-new-1": Server(refuses_others=False, constraint="structured_outputs", auto_tools=False),
    "open-older-1": Server(refuses_others=False, constraint="guided_choice", most_logprobs=5),
    "open-llama-1": Server(
        reads=tuple(name for name in KNOWN if name != "reasoning_effort"),
        refuses_others=False,
        constraint="grammar",
        forced="required",
    ),
    "open-old-1": Server(reads=(*PLAIN, "max_tokens", "temperature", "seed"), refuses_others=False),
}
"""Model -> the kind of server that has it."""


def model_list() -> dict[str, Any]:
    """Return the answer of `GET /v1/models`."""
    data = [{"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "test"} for name in SERVERS]
    return {"object": "list", "data": data}


def check(body: Mapping[str, Any]) -> None:
    """Raise `NotAccepted` where such a server would answer with an error."""
    server = _server(body)
    unknown = [name for name in body if name not in server.reads and name != server.constraint]
    if unknown and server.refuses_others:
        raise _bad(f"Unrecognized request argument supplied: {unknown[0]}")
    read = _read(body)
    roles = [turn["role"] for turn in body["messages"]]
    if not roles or roles[-1] not in ("user", "tool"):
        raise _bad("messages: the conversation must end with a user message")
    _check_calls(body["messages"])
    if read.get("top_logprobs", 0) > server.most_logprobs:
        raise _bad(f"top_logprobs must be at most {server.most_logprobs}")
    if read.get("reasoning_effort") not in (None, *EFFORTS):
        raise _bad(f"reasoning_effort: Input should be one of {EFFORTS}")
    if not 0 <= read.get("temperature", 1) <= 2:
        raise _bad("temperature must be from 0 to 2")
    choice = read.get("tool_choice")
    if choice == "auto" and not server.auto_tools:
        raise _bad('"auto" tool choice requires --enable-auto-tool-choice')
    if isinstance(choice, Mapping) and server.forced != "named":
        raise NotAccepted(500, "server_error", "Invalid tool_choice")


def _check_calls(turns: list[Mapping[str, Any]]) -> None:
    waiting: set[str] = set()
    for turn in turns:
        if turn["role"] == "tool":
            waiting.discard(turn["tool_call_id"])
        elif waiting:
            raise _bad("an assistant message with 'tool_calls' must be followed by tool messages")
        waiting |= {call["id"] for call in turn.get("tool_calls") or ()}


def answer(body: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a completion that answers a body: a label, chosen by a hash of the body."""
    chance = int(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8], 16)
    read, server = _read(body), _server(body)
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    finish = "stop"
    if read.get("tools"):
        message["tool_calls"] = [_call(read, chance)]
        finish = "tool_calls"
    else:
        message["content"] = _say(read, server, chance)
    if server.thinks:
        message["reasoning_content"] = f"Let me see: {chance}."
    prompt = max(1, len(json.dumps({**read, "seed": 0})) // 4)
    return {
        "id": f"chatcmpl-{number:06d}",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": body["model"],
        "system_fingerprint": "fp_test",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": finish,
                "logprobs": _logprobs(read, message["content"]),
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": 8,
            "total_tokens": prompt + 8,
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    }


def _say(read: Mapping[str, Any], server: Server, chance: int) -> str:
    form = read.get("response_format", {}).get("json_schema", {}).get("schema")
    if form is not None:
        return json.dumps({name: pick(each["enum"], chance) for name, each in form["properties"].items()})
    held = read.get(server.constraint or "")
    if server.constraint == "grammar" and held:
        return pick(json.loads(f"[{held.removeprefix('root ::= ').replace(' | ', ',')}]"), chance)
    if held:
        return pick(held["choice"] if isinstance(held, Mapping) else held, chance)
    labels = labels_of(read["messages"][-1]["content"] or "")
    return pick(labels, chance) if labels else "Hello!"


def _call(read: Mapping[str, Any], chance: int) -> dict[str, Any]:
    function = read["tools"][0]["function"]
    given = function["parameters"].get("properties", {})
    arguments = {name: pick(each["enum"], chance) for name, each in given.items() if "enum" in each}
    return {
        "id": f"call_{chance:08x}",
        "type": "function",
        "function": {"name": function["name"], "arguments": json.dumps(arguments)},
    }


def _logprobs(read: Mapping[str, Any], text: str | None) -> dict[str, Any] | None:
    """Return A at .6, " A" at .1 and B at .2, and other tokens after them, whatever is said."""
    if not read.get("logprobs") or not text:
        return None
    listed = [("A", 0.6), ("B", 0.2), (" A", 0.1), ("The", 0.05)]
    listed += [(f"t{at}", 0.04 * 0.5**at) for at in range(1, 20)]
    top = [
        {"token": token, "logprob": math.log(chance), "bytes": None}
        for token, chance in listed[: read.get("top_logprobs", 0)]
    ]
    first = {"token": text[0], "logprob": -0.5, "bytes": None, "top_logprobs": top}
    return {"content": [first], "refusal": None}


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the server reads of a body."""
    server = _server(body)
    return {name: body[name] for name in body if name in server.reads or name == server.constraint}


def _server(body: Mapping[str, Any]) -> Server:
    model = str(body.get("model"))
    if model not in SERVERS:
        raise NotAccepted(404, "model_not_found", f"The model `{model}` does not exist")
    return SERVERS[model]


def _bad(message: str) -> NotAccepted:
    return NotAccepted(400, "invalid_request_error", message)
