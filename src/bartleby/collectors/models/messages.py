"""Requests and replies in the words of the Messages API: pure translation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.normalising import UnreadableError, identifier, mapping
from bartleby.exchange import Message, Reply, Request, Settings, StopReason, ToolCall, Usage, token_count

__all__ = ["ERRORS", "compose", "conversation", "read_json"]

STOPS: Mapping[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "max_tokens",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "model_context_window_exceeded": "context",
}
PLAIN_STOPS = frozenset({"end_turn", "tool_use"})
"""Reasons that `Reply.stop` tells in full."""
ERRORS: Mapping[str, str] = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limit",
    "timeout_error": "timeout",
}
"""What errors that may pass are called in the record; others are `server`."""


def compose(model: str, request: Request) -> dict[str, Any]:
    """Return the arguments of `messages.create` for a request.

    A later turn that passes a tool call back while no tool is on offer gets the called tools again, with
    `tool_choice` none: the API wants to know the tools of a conversation, and none is to be called.
    """
    settings = request.settings
    messages = conversation(request.messages)
    body: dict[str, Any] = {"model": model, "max_tokens": settings.ceiling, "messages": messages}
    if settings.system is not None:
        body["system"] = settings.system
    body.update(_thinking(settings))
    output = _output(request)
    if output:
        body["output_config"] = output
    body.update(_tools(request) if request.tools else _called_before(messages))
    return body


def conversation(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return the turns: a model's own blocks unchanged, its tool calls answered in the turn that follows.

    Two things are left out because the API refuses them: text blocks without text, and turns in which a
    model said nothing and called nothing.
    """
    made: list[dict[str, Any]] = []
    open_calls: list[str] = []
    for message in messages:
        if message.role == "assistant":
            content = _own_turn(message)
            open_calls = _calls(content)
            if content:
                made.append({"role": "assistant", "content": content})
            continue
        made.append({"role": "user", "content": _answered(message, open_calls) or message.text})
        open_calls = []
    return made


def _own_turn(message: Message) -> str | list[dict[str, Any]]:
    """Return what a model said: its blocks where they are of this API, else its text; nothing for silence."""
    if not message.blocks or not all("type" in block for block in message.blocks):
        return message.text if message.text.strip() else ""
    kept = [
        dict(block)
        for block in message.blocks
        if block["type"] != "text" or str(block.get("text", "")).strip()
    ]
    thoughts = {"thinking", "redacted_thinking"}
    return kept if any(block["type"] not in thoughts for block in kept) else ""


def _calls(content: str | list[dict[str, Any]]) -> list[str]:
    blocks = content if isinstance(content, list) else []
    return [block["id"] for block in blocks if block["type"] == "tool_use"]


def _answered(message: Message, calls: Iterable[str]) -> list[dict[str, Any]]:
    """Return a user turn that answers tool calls; nothing where none is to be answered."""
    told = {"content": message.result} if message.result else {}
    results: list[dict[str, Any]] = [
        {"type": "tool_result", "tool_use_id": call, **told} for call in calls
    ]  # fmt: skip
    said = [{"type": "text", "text": message.text}] if message.text else []
    return [*results, *said] if results else []


def read_json(message: object, request_id: str | None = None) -> Reply:
    """Return the JSON of a message as a reply, to be normalised.

    Parameters
    ----------
    message
        What the API sent: any JSON value.
    request_id
        The API's id of the attempt; in a batch there is none, and the message's own takes its place.

    Raises
    ------
    TransientError
        If it is an error, or not of the API's form: it may be whole the next time.
    """
    found = mapping(message)
    usage = _usage(mapping(found.get("usage")))
    if found.get("type") == "error" or "error" in found:
        raise _sent_error(found, usage, request_id)
    try:
        blocks = _blocks(found.get("content"))
        calls = tuple([_tool_call(block) for block in blocks if block["type"] == "tool_use"])
        text = "".join([_text(block) for block in blocks if block["type"] == "text"])
    except TypeError as error:
        raise UnreadableError(str(error), message, usage=usage, request_id=request_id) from None
    return Reply(
        text,
        tool_calls=calls,
        stop=STOPS.get(identifier(found.get("stop_reason")) or "", "other"),
        stop_detail=_stop_detail(found),
        usage=usage,
        blocks=tuple(blocks),
        model=found.get("model"),
        request_id=request_id or found.get("id"),
    )


def _sent_error(message: Mapping[str, Any], usage: Usage, request_id: str | None) -> TransientError:
    """Return the error that was sent in place of a message, under a status that says all is well."""
    told = mapping(message.get("error"))
    kind = ERRORS.get(identifier(told.get("type")) or "", "server")
    problem = f"it is an error ({str(told.get('message') or message.get('error'))[:200]})"
    return UnreadableError(problem, message, usage=usage, kind=kind, request_id=request_id)


def _blocks(content: object) -> list[Mapping[str, Any]]:
    """Return the blocks of a message; text alone, as some servers send it, is one block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise TypeError(f"its content is {type(content).__name__} and not a list of blocks")
    blocks = [{"type": "text", "text": each} if isinstance(each, str) else each for each in content]
    if not all(isinstance(each, Mapping) and isinstance(each.get("type"), str) for each in blocks):
        raise TypeError("a block of its content has no type")
    return blocks


def _text(block: Mapping[str, Any]) -> str:
    text = block.get("text", "")
    if not isinstance(text, str):
        raise TypeError("the text of a block is not text")
    return text


def _usage(told: Mapping[str, Any]) -> Usage:
    """Return tokens with those of a cache among what was shown: the API reports them apart from the rest."""
    fresh = token_count(told.get("input_tokens"))
    found = token_count(told.get("cache_read_input_tokens"))
    kept = token_count(told.get("cache_creation_input_tokens"))
    shown = None if fresh is None else fresh + (found or 0) + (kept or 0)
    return Usage(shown, token_count(told.get("output_tokens")), found, kept)


def _stop_detail(message: Mapping[str, Any]) -> str | None:
    category = identifier(mapping(message.get("stop_details")).get("category"))
    reason = identifier(message.get("stop_reason"))
    return category or (None if reason in PLAIN_STOPS else reason)


def _tool_call(block: Mapping[str, Any]) -> ToolCall:
    name, given = block.get("name"), block.get("input")
    if not isinstance(name, str) or not isinstance(block.get("id"), str):
        raise TypeError("a tool call has no name or no id")
    return ToolCall(name, given if isinstance(given, Mapping) else {}, block["id"])


def _thinking(settings: Settings) -> dict[str, Any]:
    if settings.thinking is None:
        return {}
    if isinstance(settings.thinking, int):
        return {"thinking": {"type": "enabled", "budget_tokens": settings.thinking}}
    return {"thinking": {"type": settings.thinking}}


def _output(request: Request) -> dict[str, Any]:
    output: dict[str, Any] = {}
    if request.schema is not None:
        output["format"] = {"type": "json_schema", "schema": dict(request.schema)}
    if request.settings.effort is not None:
        output["effort"] = request.settings.effort
    return output


def _tools(request: Request) -> dict[str, Any]:
    offered = [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
        for tool in request.tools
    ]
    if request.tool_choice == "auto":
        return {"tools": offered, "tool_choice": {"type": "auto"}}
    return {"tools": offered, "tool_choice": {"type": "tool", "name": request.tool_choice}}


def _called_before(messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    blocks = (block for turn in messages if isinstance(turn["content"], list) for block in turn["content"])
    names = dict.fromkeys(block["name"] for block in blocks if block.get("type") == "tool_use")
    if not names:
        return {}
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}}
