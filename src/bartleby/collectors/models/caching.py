"""Prompt caching: what will be shown again is marked, so that it is not paid in full each time.

A provider that keeps the beginning of a prompt for some minutes charges more for keeping it (a quarter, at
Anthropic) and far less for finding it again (a tenth, or less). So a mark pays where much is shown again
soon: the system text that all trials share, and a conversation that goes on turn after turn. What a model
answers does not depend on it, so marks are no part of what was shown: a run can be resumed with them or
without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bartleby.exchange import Request, Usage

__all__ = ["LEAST_TOKENS", "Caching", "Marker", "Repeats", "mark_conversation", "mark_system"]

LEAST_TOKENS = 1024
"""The least that any model keeps. Where a model's own least is higher, it takes no notice of the mark."""
CHARACTERS_A_TOKEN = 4.0
MARK: Mapping[str, Any] = {"type": "ephemeral"}
"""Kept for five minutes from when it was last used."""
SURCHARGE, SAVED = 0.25, 0.9
"""Parts of the price of a token: what keeping it costs on top, and what finding it again usually saves."""
PATIENCE, PATIENCE_WITH_REPEATS = 200, 2000
"""After so many answers, marks that have cost more than they saved are left off."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """What a study shows more than once.

    Parameters
    ----------
    asks
        The most asks of a trial: with more than one, a later ask shows again what was shown before.
    samples
        How often each trial is repeated.
    """

    asks: int = 1
    samples: int = 1

    @property
    def conversations(self) -> bool:
        """Whether whole prompts are shown again, and not only their common beginning."""
        return self.asks > 1 or self.samples > 1


@runtime_checkable
class Caching(Protocol):
    """A model whose provider keeps beginnings of prompts, if it is told which."""

    def cache(self, repeats: Repeats | None) -> str:
        """Mark what a study repeats from now on, or nothing; return what is done, for the record."""
        ...


class Marker:
    """Decides what of a request is marked, and leaves it off when it does not pay.

    Parameters
    ----------
    repeats
        What the study repeats; None for no marks at all.
    """

    def __init__(self, repeats: Repeats | None = None) -> None:
        self._repeats = repeats
        self._marked = 0
        self._gained = 0.0

    def mark(self, body: dict[str, Any], request: Request, *, alone: bool = True) -> dict[str, Any]:
        """Return the body of a request with its marks.

        Parameters
        ----------
        body
            In the form of the Messages API.
        request
            What it was made of.
        alone
            Whether it goes alone, and what follows it soon after; not so in a batch, where only what
            requests have in common may be found again.
        """
        repeats = self._repeats
        if repeats is None or not self._pays():
            return body
        system = len(request.settings.system or "")
        if _is_long(system):
            body = mark_system(body)
        if alone and repeats.conversations and _is_long(system + _characters(request)):
            body = mark_conversation(body)
        return body

    def heard(self, usage: Usage) -> None:
        """Take note of what an answer says was kept and found."""
        written, found = usage.cache_write_tokens or 0, usage.cache_read_tokens or 0
        if written or found:
            self._marked += 1
            self._gained += SAVED * found - SURCHARGE * written

    def _pays(self) -> bool:
        repeated = self._repeats is not None and self._repeats.samples > 1
        return self._gained >= 0 or self._marked < (PATIENCE_WITH_REPEATS if repeated else PATIENCE)


def mark_system(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of the Messages API whose system text, and the tools before it, are kept."""
    return {**body, "system": [{"type": "text", "text": body["system"], "cache_control": dict(MARK)}]}


def mark_conversation(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of the Messages API of which all is kept, to the end of its last message."""
    *before, last = body["messages"]
    blocks = last["content"]
    if isinstance(blocks, str):
        blocks = [{"type": "text", "text": blocks}]
    *others, final = blocks
    if final["type"] == "text" and not final["text"]:
        return dict(body)  # the API marks no empty text
    marked = [*others, {**final, "cache_control": dict(MARK)}]
    return {**body, "messages": [*before, {**last, "content": marked}]}


def _is_long(characters: int) -> bool:
    return characters >= LEAST_TOKENS * CHARACTERS_A_TOKEN


def _characters(request: Request) -> int:
    return sum([len(message.text) + len(message.result) for message in request.messages])
