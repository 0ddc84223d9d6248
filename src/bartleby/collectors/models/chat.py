"""Requests and replies in the words of llama.cpp's chat interface: pure translation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bartleby.collectors.models.normalising import identifier, mapping
from bartleby.errors import RequestError
from bartleby.exchange import Reply, Request, Settings, StopReason, ToolCall, Usage

__all__ = ["check_text", "messages", "read", "sampling", "schema_grammar", "tool_call", "tools"]

STOPS: Mapping[str, StopReason] = {"stop": "end", "length": "max_tokens", "tool_calls": "tool_use"}


def sampling(settings: Settings) -> dict[str, Any]:
    """Return plain sampling: from the whole vocabulary, at temperature 1 unless another is set."""
    return {
        "temperature": 1.0 if settings.temperature is None else settings.temperature,
        "top_p": 1.0 if settings.top_p is None else settings.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "samplers": ["temperature", "top_p"],
    }


def messages(request: Request) -> list[dict[str, Any]]:
    """Return the conversation; a turn with tool calls of ours goes back as it was, and is answered."""
    system = request.settings.system
    made: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    open_calls: list[str] = []
    for message in request.messages:
        made += [{"role": "tool", "tool_call_id": call, "content": message.result} for call in open_calls]
        own = [dict(block) for block in message.blocks if block.get("role") == "assistant"]
        if own or message.text or not open_calls:
            made += own or [{"role": message.role, "content": message.text}]
        open_calls = [call.get("id", "") for block in own for call in block.get("tool_calls", ())]
    made += [{"role": "tool", "tool_call_id": call, "content": ""} for call in open_calls]
    return made


def tools(request: Request) -> dict[str, Any]:
    """Return the tools on offer; one that is forced is the only one."""
    if not request.tools:
        return {}
    forced = request.tool_choice != "auto"
    offered = [tool for tool in request.tools if not forced or tool.name == request.tool_choice]
    return {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in offered
        ],
        # llama.cpp can be told to call some tool, not which; so the one that is forced is the only one.
        "tool_choice": "required" if forced else "auto",
    }


def read(reply: Mapping[str, Any], context: int, name: str) -> Reply:
    """Return a chat completion as a reply.

    Parameters
    ----------
    reply
        What llama.cpp returned.
    context
        Tokens of prompt and answer together, at most: an answer cut off there ran out of context.
    name
        The model's name in the record.
    """
    choice, usage = reply["choices"][0], reply["usage"]
    message = choice["message"]
    calls = tuple(tool_call(call) for call in message.get("tool_calls") or ())
    reason = choice["finish_reason"]
    full = usage["prompt_tokens"] + usage["completion_tokens"] >= context
    stop = "context" if reason == "length" and full else STOPS.get(reason, "other")
    return Reply(
        message.get("content") or "",
        tool_calls=calls,
        stop="tool_use" if calls else stop,
        usage=Usage(usage["prompt_tokens"], usage["completion_tokens"]),
        blocks=(message,) if calls else (),
        model=name,
    )


def tool_call(call: Mapping[str, Any]) -> ToolCall:
    """Return a tool call, whose arguments are JSON that a model wrote and may be none at all.

    Raises
    ------
    TypeError
        If it has no name.
    """
    function = mapping(call.get("function"))
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str):
        raise TypeError("a tool call has no name")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            arguments = {"unreadable": arguments}
    return ToolCall(name, mapping(arguments), identifier(call.get("id")) or "")


def schema_grammar(schema: Mapping[str, Any]) -> str:
    """Return a grammar that accepts exactly the JSON of a schema."""
    import xllamacpp  # late: only this provider needs it

    # Through `response_format` the server would also let it write a code fence around the JSON.
    return str(xllamacpp.json_schema_to_grammar(dict(schema)))


def check_text(request: Request) -> None:
    """Raise `RequestError` for text that is not unicode, and for an empty label."""
    try:
        json.dumps(request.shown(), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError(f"the request is not valid unicode: {error.reason}") from None
    if request.constrain and not all(request.constrain):
        raise RequestError("a label to which the answer is held is empty")
