"""What Claude models can do, as the API tells it, and whether a study's settings are among it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bartleby.collectors.models.base import Capabilities
from bartleby.collectors.models.normalising import body_json, identifier, mapping
from bartleby.exchange import Settings, token_count

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response

__all__ = ["from_info", "from_nothing", "info_of", "setting_problem"]

CONCURRENCY = 64
"""A ceiling: how many requests the API bears is found out as a run goes on."""
LEVELS = ("low", "medium", "high", "xhigh", "max")
BARE_CHANNELS = ("text", "tool")
"""What is taken for granted where a server does not tell what its models can do."""


async def info_of(
    client: AsyncAnthropic, model: str, response_type: type[Response]
) -> Mapping[str, Any] | None:
    """Return what a server reports of a model, or None if it has no endpoint for that.

    A server that knows the endpoint and not the model sends the API's own error: that is passed on.

    Raises
    ------
    TransientError
        If the answer cannot be read.
    """
    import anthropic

    try:
        response = await client.get(f"/v1/models/{quote(model, safe='')}", cast_to=response_type)
        if "json" not in response.headers.get("content-type", "json"):
            return None  # a page that a gateway sends for every address it does not know
        return mapping(body_json(response.content))
    except anthropic.APIStatusError as error:
        enveloped = isinstance(error.body, Mapping) and error.body.get("type") == "error"
        if error.status_code in (404, 405, 501) and not enveloped:
            return None
        raise


def from_nothing(told: Mapping[str, Any]) -> Capabilities:
    """Return what is taken for granted of a model that its server tells nothing of."""
    assumed = "not told by this server: text and tools are assumed"
    return Capabilities(BARE_CHANNELS, concurrency=CONCURRENCY, description={**told, "capabilities": assumed})


def from_info(info: Mapping[str, Any], told: Mapping[str, Any]) -> Capabilities:
    """Return what the API reports of a model; `told` is what is known of it otherwise.

    What it does not report is taken for missing, whatever form the rest has.
    """
    able = mapping(info.get("capabilities"))
    thinking, efforts = _thinking(able), _efforts(able)
    structured = _supported(able, "structured_outputs")
    channels = ["json_schema"] if structured else []
    channels.append("tool")
    if "disabled" in thinking:
        # A forced tool call leaves no room for thinking: a model that cannot do without refuses it.
        channels.append("forced_tool")
    settings = {name for name, values in (("thinking", thinking), ("effort", efforts)) if values}
    description = {
        **told,
        **{name: identifier(info.get(name)) for name in ("display_name", "lifecycle", "created_at")},
        "retires_at": identifier(info.get("retires_at")),
        "api_id": identifier(info.get("id")),
        "max_input_tokens": token_count(info.get("max_input_tokens")),
        "max_tokens": token_count(info.get("max_tokens")),
        "structured_outputs": structured,
        "thinking": list(thinking),
        "effort": list(efforts),
    }
    return Capabilities(
        (*channels, "text"), frozenset(settings), concurrency=CONCURRENCY, description=description
    )


def _supported(able: Mapping[str, Any], name: str) -> bool:
    return mapping(able.get(name)).get("supported") is True


def _thinking(able: Mapping[str, Any]) -> tuple[str, ...]:
    types = mapping(mapping(able.get("thinking")).get("types"))
    return tuple(kind for kind in ("adaptive", "enabled", "disabled") if _supported(types, kind))


def _efforts(able: Mapping[str, Any]) -> tuple[str, ...]:
    levels = mapping(able.get("effort"))
    return tuple(level for level in LEVELS if _supported(levels, level)) if _supported(able, "effort") else ()


def setting_problem(settings: Settings, told: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the values of settings that the model has, by what was told of it."""
    thinking = "enabled" if isinstance(settings.thinking, int) else settings.thinking
    allowed = told.get("thinking", ("adaptive", "enabled", "disabled"))
    if thinking is not None and thinking not in allowed:
        words = ", ".join("a number of tokens" if each == "enabled" else each for each in allowed)
        return f"thinking={settings.thinking!r} is not allowed; allowed: {words}"
    if isinstance(settings.thinking, int) and not 1024 <= settings.thinking < settings.ceiling:
        return f"thinking={settings.thinking!r} is not allowed; a number from 1024 and below max_tokens is"
    levels = told.get("effort", LEVELS)
    if settings.effort is not None and settings.effort not in levels:
        return f"effort={settings.effort!r} is not allowed; allowed: {', '.join(levels)}"
    most = told.get("max_tokens")
    if most is not None and settings.ceiling > most:
        return f"max_tokens={settings.ceiling} is not allowed; this model has at most {most}"
    return None
