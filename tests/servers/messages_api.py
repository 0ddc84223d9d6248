"""What the Messages API accepts and answers, as far as this project uses it: pure functions of the body."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.prompt_cache import MOST_MARKS, PromptCache, Used, blocks_of, marks_of, without_marks

REQUIRED = ("model", "max_tokens", "messages")
SHOWN = ("system", "tools", "tool_choice", "output_config", "thinking")
COUNTED = (*SHOWN, "cache_control")
OPTIONAL = (*COUNTED, "stream")


class NotAccepted(Exception):  # noqa: N818
    """A body that the API would answer with an error."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class ModelCard:
    """A model the server knows: what it can do."""

    structured_outputs: bool = True
    thinking: tuple[str, ...] = ("adaptive",)
    effort: tuple[str, ...] = ("low", "medium", "high")
    lifecycle: str = "active"


MODELS: Mapping[str, ModelCard] = {
    "claude-test-1": ModelCard(),
    "claude-old-1": ModelCard(structured_outputs=False, thinking=("enabled", "disabled"), effort=()),
    "claude-retired-1": ModelCard(lifecycle="retired"),
}


def body_hash(body: bytes) -> str:
    """Return the hash by which the ledger names a body."""
    return hashlib.sha256(body).hexdigest()[:16]


def model_info(model: str) -> dict[str, Any]:
    """Return the answer of `GET /v1/models/{model}`."""
    card = _card(model)

    def yes(which: bool) -> dict[str, bool]:
        return {"supported": which}

    plain = ("batch", "citations", "code_execution", "image_input", "pdf_input")
    kinds = ("adaptive", "between_tools", "disabled", "enabled")
    thinking = {kind: yes(kind in card.thinking) for kind in kinds}
    efforts = {level: yes(level in card.effort) for level in ("low", "medium", "high", "xhigh", "max")}
    return {
        "type": "model",
        "id": model,
        "display_name": model.title(),
        "created_at": "2026-02-01T00:00:00Z",
        "lifecycle": card.lifecycle,
        "retires_at": "2026-10-01T00:00:00Z" if card.lifecycle == "retired" else None,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": {
            **{name: yes(True) for name in plain},
            "context_management": yes(False),
            "server_tools": yes(False),
            "structured_outputs": yes(card.structured_outputs),
            "thinking": {"supported": True, "types": thinking},
            "effort": {"supported": bool(card.effort), **efforts},
        },
    }


def check(body: Mapping[str, Any]) -> None:
    """Raise `NotAccepted` where the API would answer with an error."""
    unknown = sorted(set(body) - {*REQUIRED, *OPTIONAL})
    if unknown:
        raise _bad(f"{unknown[0]}: Extra inputs are not permitted")
    for name in REQUIRED:
        if name not in body:
            raise _bad(f"{name}: Field required")
    card = _card(body["model"])
    _check_turns(body)
    _check_marks(body)
    thinking = body.get("thinking", {}).get("type")
    if thinking is not None and thinking not in card.thinking:
        raise _bad(f"thinking.type: {thinking!r} is not supported by this model")
    if body.get("tool_choice", {}).get("type") == "tool" and "disabled" not in card.thinking:
        raise _bad("tool_choice: this model does not support forced tool use")
    form = body.get("output_config", {}).get("format")
    if form is not None and not card.structured_outputs:
        raise _bad("output_config.format: structured outputs are not supported by this model")
    if form is not None and form["schema"].get("additionalProperties") is not False:
        raise _bad("output_config.format.schema: 'additionalProperties' must be explicitly set to false")


def _check_marks(body: Mapping[str, Any]) -> None:
    marks = marks_of(body)
    if len(marks) > MOST_MARKS:
        raise _bad(f"cache_control: a maximum of {MOST_MARKS} blocks may be marked, found {len(marks)}")
    for piece in marks:
        if piece["cache_control"].get("type") != "ephemeral":
            raise _bad("cache_control.type: Input should be 'ephemeral'")
        if piece.get("type") in ("thinking", "redacted_thinking") or piece.get("text") == "":
            raise _bad("cache_control cannot be set for thinking or empty text blocks")


def count_tokens(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of `POST /v1/messages/count_tokens`."""
    unknown = sorted(set(body) - {*COUNTED, "model", "messages"})
    if unknown:
        raise _bad(f"{unknown[0]}: Extra inputs are not permitted")
    check({**body, "max_tokens": 1})
    return {"input_tokens": list(blocks_of(body))[-1].tokens}


def _check_turns(body: Mapping[str, Any]) -> None:
    turns = body["messages"]
    if not turns or turns[-1]["role"] != "user":
        raise _bad("messages: the conversation must end with a user message")
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        blocks = turn["content"] if isinstance(turn["content"], list) else []
        if turn["content"] in ("", []):
            raise _bad("messages: text content must be non-empty")
        for block in blocks:
            if block["type"] == "thinking" and block.get("signature") != _signature(block["thinking"]):
                raise _bad("messages: `thinking` blocks in the latest assistant message cannot be modified")
        calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
        if calls and not body.get("tools"):
            raise _bad("tools: Field required: the conversation has tool_use blocks")
        answered = following["content"] if following and isinstance(following["content"], list) else []
        first = [block["tool_use_id"] for block in answered[: len(calls)] if block["type"] == "tool_result"]
        if calls != set(first):
            raise _bad(f"messages: `tool_use` ids were found without `tool_result` blocks: {sorted(calls)}")


def answer(body: Mapping[str, Any], number: int, used: Used | None = None) -> dict[str, Any]:
    """Return a message that answers a body: a label, chosen by a hash of what is shown.

    `used` is what the prompt took of a cache, where there is one.
    """
    told = json.dumps([without_marks(body), {name: body[name] for name in SHOWN[1:] if name in body}])
    chance = int(hashlib.sha256(told.encode()).hexdigest()[:8], 16)
    used = used or PromptCache().use(body, 0.0)
    blocks: list[dict[str, Any]] = []
    if body.get("thinking", {}).get("type") in ("adaptive", "enabled"):
        thought = f"Let me see: {chance}."
        blocks.append({"type": "thinking", "thinking": thought, "signature": _signature(thought)})
    said, stop = _say(body, chance)
    return {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [*blocks, said],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": used.shown - used.found - used.written,
            "output_tokens": 8,
            "cache_read_input_tokens": used.found,
            "cache_creation_input_tokens": used.written,
        },
    }


def _say(body: Mapping[str, Any], chance: int) -> tuple[dict[str, Any], str]:
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    if schema is not None:
        return {"type": "text", "text": json.dumps(fitting(schema, chance))}, "end_turn"
    if body.get("tools") and body.get("tool_choice", {}).get("type") != "none":
        tool = body["tools"][0]
        given = tool["input_schema"].get("properties", {})
        choice = {name: pick(each["enum"], chance) for name, each in given.items() if "enum" in each}
        call = {"type": "tool_use", "id": f"toolu_{chance:08x}", "name": tool["name"], "input": choice}
        return call, "tool_use"
    labels = labels_of(body["messages"][-1]["content"])
    text = pick(labels, chance) if labels else "Here is a short piece of work."
    return {"type": "text", "text": text}, "end_turn"


def fitting(schema: Mapping[str, Any], chance: int) -> object:
    """Return a value that keeps to a JSON schema: of what it lists by chance, else what is empty."""
    if "enum" in schema:
        return pick(schema["enum"], chance)
    if schema.get("type") == "object":
        return {name: fitting(each, chance) for name, each in schema.get("properties", {}).items()}
    return [] if schema.get("type") == "array" else ""


def labels_of(content: str | list[dict[str, Any]]) -> list[str]:
    texts = [content] if isinstance(content, str) else [block.get("text", "") for block in content]
    found = re.search(r"Answer with (.+?) only\.", " ".join(texts))
    return re.split(r", | or ", found.group(1)) if found else []


def pick(labels: list[str], chance: int) -> str:
    return labels[chance % len(labels)]


def _signature(thought: str) -> str:
    return hashlib.sha256(f"signed {thought}".encode()).hexdigest()[:20]


def _card(model: str) -> ModelCard:
    if model not in MODELS:
        raise NotAccepted(404, "not_found_error", f"model: {model}")
    return MODELS[model]


def _bad(message: str) -> NotAccepted:
    return NotAccepted(400, "invalid_request_error", message)
