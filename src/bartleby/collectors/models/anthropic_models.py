"""What Claude models can do, as the API tells it, and whether a study's settings are among it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bartleby.collectors.models.base import Capabilities
from bartleby.exchange import Settings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import ModelCapabilities, ModelInfo

__all__ = ["from_info", "from_nothing", "info_of", "setting_problem"]

CONCURRENCY = 64
"""A ceiling: how many requests the API bears is found out as a run goes on."""
LEVELS = ("low", "medium", "high", "xhigh", "max")
BARE_CHANNELS = ("text", "tool")
"""What is taken for granted where a server does not tell what its models can do."""


async def info_of(client: AsyncAnthropic, model: str) -> ModelInfo | None:
    """Return what a server tells of a model, or None if it has no endpoint that tells.

    A server that knows the endpoint and not the model sends the API's own error: that is passed on.
    """
    import anthropic

    try:
        return await client.models.retrieve(model)
    except anthropic.APIStatusError as error:
        enveloped = isinstance(error.body, Mapping) and error.body.get("type") == "error"
        if error.status_code in (404, 405, 501) and not enveloped:
            return None
        raise


def from_nothing(told: Mapping[str, Any]) -> Capabilities:
    """Return what is taken for granted of a model that its server tells nothing of."""
    assumed = "not told by this server: text and tools are assumed"
    return Capabilities(BARE_CHANNELS, concurrency=CONCURRENCY, description={**told, "capabilities": assumed})


def from_info(info: ModelInfo, told: Mapping[str, Any]) -> Capabilities:
    """Return what the API tells of a model; `told` is what is known of it otherwise."""
    thinking, efforts = _thinking(info.capabilities), _efforts(info.capabilities)
    structured = info.capabilities is not None and info.capabilities.structured_outputs.supported
    channels = ["json_schema"] if structured else []
    channels.append("tool")
    if "disabled" in thinking:
        # A forced tool call leaves no room for thinking: a model that cannot do without refuses it.
        channels.append("forced_tool")
    settings = {name for name, values in (("thinking", thinking), ("effort", efforts)) if values}
    description = {
        **told,
        "display_name": info.display_name,
        "lifecycle": info.lifecycle,
        "created_at": str(info.created_at),
        "retires_at": None if info.retires_at is None else str(info.retires_at),
        "max_input_tokens": info.max_input_tokens,
        "max_tokens": info.max_tokens,
        "structured_outputs": structured,
        "thinking": list(thinking),
        "effort": list(efforts),
    }
    return Capabilities(
        (*channels, "text"), frozenset(settings), concurrency=CONCURRENCY, description=description
    )


def _thinking(able: ModelCapabilities | None) -> tuple[str, ...]:
    if able is None:
        return ()
    types = able.thinking.types
    return tuple(
        kind for kind in ("adaptive", "enabled", "disabled") if getattr(types, kind).supported
    )  # fmt: skip


def _efforts(able: ModelCapabilities | None) -> tuple[str, ...]:
    if able is None or not able.effort.supported:
        return ()
    levels = ((level, getattr(able.effort, level, None)) for level in LEVELS)
    return tuple(level for level, support in levels if support is not None and support.supported)


def setting_problem(settings: Settings, told: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the values of settings that the model has, by what was told of it."""
    thinking = "enabled" if isinstance(settings.thinking, int) else settings.thinking
    allowed = told.get("thinking", ("adaptive", "enabled", "disabled"))
    if thinking is not None and thinking not in allowed:
        words = ", ".join("a number of tokens" if each == "enabled" else each for each in allowed)
        return f"thinking={settings.thinking!r} is not allowed; allowed: {words}"
    if isinstance(settings.thinking, int) and not 1024 <= settings.thinking < settings.max_tokens:
        return f"thinking={settings.thinking!r} is not allowed; a number from 1024 and below max_tokens is"
    levels = told.get("effort", LEVELS)
    if settings.effort is not None and settings.effort not in levels:
        return f"effort={settings.effort!r} is not allowed; allowed: {', '.join(levels)}"
    most = told.get("max_tokens")
    if most is not None and settings.max_tokens > most:
        return f"max_tokens={settings.max_tokens} is not allowed; this model has at most {most}"
    return None
