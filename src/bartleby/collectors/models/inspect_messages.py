"""Requests and replies in the words of Inspect AI: pure translation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    ResponseSchema,
)
from inspect_ai.tool import ToolFunction, ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from bartleby.collectors.models.base import TransientError
from bartleby.exchange import Message, Reply, Request, Settings, StopReason, ToolCall, Usage

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput, ModelUsage

__all__ = ["chat", "choice_of", "config", "read", "tools"]

KIND = "inspect"
"""Marks the block in which a model's own turn is kept as Inspect had it."""

STOPS: Mapping[str, StopReason] = {
    "stop": "end",
    "max_tokens": "max_tokens",
    "model_length": "context",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def chat(request: Request) -> list[ChatMessage]:
    """Return the conversation of a request; a model's own turns are passed back as they came."""
    system = request.settings.system
    made: list[ChatMessage] = [] if system is None else [ChatMessageSystem(content=system)]
    for message in request.messages:
        if message.role == "assistant":
            made.append(_own_turn(message))
            continue
        made += _results(made[-1] if made else None, message.result)
        if message.text or not message.result:
            made.append(ChatMessageUser(content=message.text))
    return made


def _own_turn(message: Message) -> ChatMessageAssistant:
    for block in message.blocks:
        if block.get("type") == KIND:
            return ChatMessageAssistant.model_validate(block["message"])
    return ChatMessageAssistant(content=message.text)


def _results(before: ChatMessage | None, result: str) -> Iterable[ChatMessage]:
    """Answer every tool call of the turn before, as providers want."""
    calls = before.tool_calls if isinstance(before, ChatMessageAssistant) else None
    for call in calls or ():
        yield ChatMessageTool(content=result, tool_call_id=call.id, function=call.function)


def tools(request: Request) -> list[ToolInfo]:
    """Return the tools on offer."""
    return [
        ToolInfo(
            name=tool.name,
            description=tool.description,
            parameters=ToolParams.model_validate(dict(tool.parameters)),
        )
        for tool in request.tools
    ]


def choice_of(request: Request) -> Literal["auto"] | ToolFunction | None:
    """Return which tool is to be called."""
    if not request.tools:
        return None
    return "auto" if request.tool_choice == "auto" else ToolFunction(name=request.tool_choice)


def config(request: Request) -> GenerateConfig:
    """Return the settings of a request."""
    return GenerateConfig(**_settings(request.settings), **_schema(request.schema), seed=request.seed)


def _settings(settings: Settings) -> dict[str, Any]:
    told = {
        "max_tokens": settings.ceiling,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "reasoning_effort": settings.effort,
        "reasoning_tokens": settings.thinking if isinstance(settings.thinking, int) else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _schema(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {}
    form = JSONSchema.model_validate(dict(schema))
    return {"response_schema": ResponseSchema(name="answer", json_schema=form, strict=True)}


def read(output: ModelOutput) -> Reply:
    """Return what a model said as a reply.

    Raises
    ------
    TransientError
        If there is nothing in it, or it tells of an error: the next attempt may be whole.
    """
    if output.error or not output.choices:
        raise TransientError(f"no reply: {output.error or 'the output is empty'}", kind="server")
    choice = output.choices[0]
    message = choice.message
    calls = tuple(
        ToolCall(call.function, call.arguments if isinstance(call.arguments, Mapping) else {}, call.id)
        for call in message.tool_calls or ()
    )
    stop = STOPS.get(choice.stop_reason, "other")
    details = choice.stop_details
    return Reply(
        message.text,
        tool_calls=calls,
        stop="tool_use" if calls and stop == "end" else stop,
        stop_detail=details.category if details is not None else None,
        usage=_usage(output.usage),
        blocks=({"type": KIND, "message": message.model_dump(mode="json", exclude_none=True)},),
        model=output.model or None,
        request_id=output.response_id,
    )


def _usage(used: ModelUsage | None) -> Usage:
    if used is None:
        return Usage()
    found, kept = used.input_tokens_cache_read, used.input_tokens_cache_write
    # Inspect tells what came from a cache, or went into one, apart from the rest that was shown.
    return Usage(used.input_tokens + (found or 0) + (kept or 0), used.output_tokens, found, kept)
