"""Requests and replies in the words of the Messages API: pure translation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bartleby.collectors.models.base import TransientError
from bartleby.exchange import Message, Reply, Request, Settings, StopReason, ToolCall, Usage

if TYPE_CHECKING:
    from anthropic.types import Message as ApiMessage

__all__ = ["compose", "conversation", "read"]

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


def compose(model: str, request: Request) -> dict[str, Any]:
    """Return the arguments of `messages.create` for a request.

    A later turn that passes a tool call back while no tool is on offer gets the called tools again, with
    `tool_choice` none: the API wants to know the tools of a conversation, and none is to be called.
    """
    settings = request.settings
    messages = conversation(request.messages)
    body: dict[str, Any] = {"model": model, "max_tokens": settings.max_tokens, "messages": messages}
    if settings.system is not None:
        body["system"] = settings.system
    body.update(_thinking(settings))
    output = _output(request)
    if output:
        body["output_config"] = output
    body.update(_tools(request) if request.tools else _called_before(messages))
    return body


def conversation(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return the turns: a model's own blocks unchanged, its tool calls answered in the turn that follows."""
    made: list[dict[str, Any]] = []
    open_calls: list[str] = []
    for message in messages:
        if message.role == "assistant" and message.blocks:
            blocks = [dict(block) for block in message.blocks]
            open_calls = [block["id"] for block in blocks if block.get("type") == "tool_use"]
            made.append({"role": "assistant", "content": blocks})
            continue
        content: str | list[dict[str, Any]] = message.text
        if open_calls and message.role == "user":
            said = [{"type": "text", "text": message.text}] if message.text else []
            content = [*({"type": "tool_result", "tool_use_id": call} for call in open_calls), *said]
        open_calls = []
        made.append({"role": message.role, "content": content})
    return made


def read(message: ApiMessage) -> Reply:
    """Return a message of the API as a reply, with all its blocks as they came.

    Raises
    ------
    TransientError
        If it is not of the API's form (the SDK does not check): it may be whole the next time.
    """
    parts = (getattr(message, name, None) for name in ("content", "usage", "role"))
    if any(part is None for part in parts):
        raise TransientError(f"the reply is not a message but {str(message)[:80]!r}", kind="server")
    blocks = tuple(block.to_dict(mode="json") for block in message.content)
    reason = message.stop_reason
    return Reply(
        "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text"),
        tool_calls=tuple(_tool_call(block) for block in blocks if block.get("type") == "tool_use"),
        stop=STOPS.get(reason or "", "other"),
        stop_detail=_stop_detail(message),
        usage=Usage(
            message.usage.input_tokens,
            message.usage.output_tokens,
            message.usage.cache_read_input_tokens,
            message.usage.cache_creation_input_tokens,
        ),
        blocks=blocks,
        model=message.model,
        request_id=message._request_id,
    )


def _stop_detail(message: ApiMessage) -> str | None:
    if message.stop_details is not None and message.stop_details.category is not None:
        return message.stop_details.category
    return None if message.stop_reason in PLAIN_STOPS else message.stop_reason


def _tool_call(block: Mapping[str, Any]) -> ToolCall:
    given = block.get("input")
    return ToolCall(str(block["name"]), given if isinstance(given, Mapping) else {}, str(block.get("id", "")))


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
