"""What a server knows of Chat Completions, found out by asking it: a list would be wrong by next month.

A server that refuses what it does not know is easily found out. Many ignore it instead, and a study would
then believe that an answer was held to a schema when it was not. So wherever an answer can show it, what
counts is that the answer keeps to what was asked: a word that nobody would say unasked. A handful of short
questions is put each time a model is opened; they are about nothing, and are no part of the log.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.completions import (
    CONSTRAINTS,
    Constraint,
    Dialect,
    constraint,
    declared,
    first_token,
    held_to,
)
from bartleby.collectors.models.normalising import identifier, mapping, mappings
from bartleby.errors import RequestError
from bartleby.exchange import Tool, token_count

__all__ = ["CEILING", "find_dialect"]

Send = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Sends a body, which lacks only the model, to the server, and returns the JSON of its answer."""

CEILING = 512
"""The most tokens of an answer: enough for a model that thinks before it says a word."""
WORD = "quokka"
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": [WORD]}},
    "required": ["word"],
    "additionalProperties": False,
}
QUESTION = [{"role": "user", "content": "Please say hello, in one word."}]
TOOL = Tool("note", "Write a word down.", SCHEMA)
SAMPLING: Mapping[str, Any] = {"temperature": 0.5, "top_p": 0.9}
SEED: Mapping[str, Any] = {"seed": 1}
COUNTS = (20, 5)
"""How many likeliest tokens are asked for; servers have different limits."""


async def find_dialect(send: Send) -> tuple[Dialect, dict[str, Any]]:
    """Return what a server knows, and what else it told.

    Parameters
    ----------
    send
        Puts a body to the server. It raises `RequestError` where the server does not accept it,
        `ModelError` where it will accept none, and `TransientError` where it cannot just now.

    Raises
    ------
    RequestError
        If not even a plain question is accepted.
    """
    bare, plain = await _limit(send)
    prober = _Prober(send, bare)
    dialect = await prober.sampling_and_schema(bare)
    dialect = await prober.tools(dialect, _prompt_tokens(plain))
    if await prober.effort():
        dialect = replace(dialect, settings=dialect.settings | {"effort"})
    return replace(dialect, constraint=await prober.constraint()), {
        "answered_by": identifier(plain.get("model")),
        "system_fingerprint": identifier(plain.get("system_fingerprint")),
    }


async def _limit(send: Send) -> tuple[Dialect, Mapping[str, Any]]:
    """Find the field that limits an answer: the old one first, because an unknown one may be ignored."""
    try:
        return Dialect(), await send({"messages": QUESTION, "max_tokens": CEILING})
    except RequestError:
        newer = Dialect(limit="max_completion_tokens")
        return newer, await send({"messages": QUESTION, newer.limit: CEILING})


class _Prober:
    def __init__(self, send: Send, dialect: Dialect) -> None:
        self._send = send
        self._plain = {"messages": QUESTION, dialect.limit: CEILING}

    async def _try(self, **fields: Any) -> Mapping[str, Any] | None:  # noqa: ANN401
        """Return the answer to a question with these fields, or None if the server does not accept them.

        Some servers fail (500) on what they do not know: that counts if they do it twice.
        """
        for failed in (False, True):
            try:
                return await self._send({**self._plain, **fields})
            except RequestError:
                return None
            except TransientError as error:
                if error.status not in (500, 501):
                    raise
                if failed:
                    return None
        return None

    async def sampling_and_schema(self, dialect: Dialect) -> Dialect:
        """Try it all at once; where that is not accepted, one after the other."""
        form = {"response_format": held_to(SCHEMA)}
        answer = await self._try(**SAMPLING, **SEED, **_logprobs(COUNTS[0]), **form)
        if answer is not None:
            top = COUNTS[0] if _has_logprobs(answer) else 0
            return replace(
                dialect, settings=frozenset(SAMPLING), seed=True, top_logprobs=top, schema=_kept(answer)
            )
        settings = [name for name, value in SAMPLING.items() if await self._try(**{name: value})]
        seed = await self._try(**SEED)
        schema = await self._try(**form)
        return replace(
            dialect,
            settings=frozenset(settings),
            seed=seed is not None,
            top_logprobs=await self._top_logprobs(),
            schema=schema is not None and _kept(schema),
        )

    async def _top_logprobs(self) -> int:
        for count in COUNTS:
            answer = await self._try(**_logprobs(count))
            if answer is not None:
                return count if _has_logprobs(answer) else 0
        return 0

    async def tools(self, dialect: Dialect, without: int) -> Dialect:
        """Find out whether tools reach the model: it calls one, or its prompt grows by them."""
        offered = {"tools": declared([TOOL])}
        named = {"type": "function", "function": {"name": TOOL.name}}
        choices: tuple[tuple[Literal["named", "required"], object], ...] = (
            ("named", named),
            ("required", "required"),
        )
        for forced, choice in choices:
            answer = await self._try(**offered, tool_choice=choice)
            if answer is not None and _calls(answer):
                dialect = replace(dialect, forced=forced)
                break
        answer = await self._try(**offered, tool_choice="auto")
        reached = answer is not None and (
            dialect.forced is not None or _calls(answer) or _prompt_tokens(answer) > without
        )
        return replace(dialect, tools=reached)

    async def effort(self) -> bool:
        """Find out whether a level of effort is read: one that cannot be is refused, and `low` is not."""
        return (
            await self._try(reasoning_effort=WORD) is None
            and await self._try(reasoning_effort="low") is not None
        )

    async def constraint(self) -> Constraint | None:
        """Find the field that holds an answer to given texts."""
        for field in CONSTRAINTS:
            answer = await self._try(**constraint(field, [WORD]))
            if answer is not None and _text(answer) == WORD:
                return field
        return None


def _logprobs(count: int) -> dict[str, Any]:
    return {"logprobs": True, "top_logprobs": count}


def _message(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(_choice(answer).get("message"))


def _choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(mappings(answer.get("choices")), {})


def _text(answer: Mapping[str, Any]) -> str:
    content = _message(answer).get("content")
    return content.strip() if isinstance(content, str) else ""


def _kept(answer: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads(_text(answer)) == {"word": WORD})
    except (ValueError, RecursionError):
        return False


def _has_logprobs(answer: Mapping[str, Any]) -> bool:
    return first_token(_choice(answer)) is not None


def _calls(answer: Mapping[str, Any]) -> bool:
    return bool(_message(answer).get("tool_calls"))


def _prompt_tokens(answer: Mapping[str, Any]) -> int:
    return token_count(mapping(answer.get("usage")).get("prompt_tokens")) or 0
