"""Prompt caching like the Messages API's: beginnings of prompts, kept for minutes where they are marked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_MARKS = 4
LOOKED_BACK = 20
LEAST_TOKENS = 1024
KEPT_SECONDS = 300.0


@dataclass(frozen=True)
class Block:
    """A piece of a prompt: the prompt up to its end (a hash, and tokens), and whether it is marked."""

    upto: str
    tokens: int
    marked: bool


@dataclass(frozen=True)
class Used:
    """Tokens of a prompt: in all, found in the cache, and written into it; and what is to be kept."""

    shown: int
    found: int = 0
    written: int = 0
    kept: tuple[str, ...] = ()


@dataclass
class PromptCache:
    """What was kept, and until when. What is asked at the same time is not found: it is not there yet."""

    until: dict[str, float] = field(default_factory=dict)

    def use(self, body: Mapping[str, Any], now: float) -> Used:
        """Return what a prompt finds and writes; it is to be `keep`-ed when its answer begins."""
        blocks = list(blocks_of(body))
        marks = [at for at, block in enumerate(blocks) if block.marked and block.tokens >= LEAST_TOKENS]
        shown = blocks[-1].tokens
        if not marks:
            return Used(shown)
        looked = {at for mark in marks for at in range(max(0, mark - LOOKED_BACK + 1), mark + 1)}
        there = [at for at in looked if self.until.get(blocks[at].upto, 0.0) > now]
        found = blocks[max(there)].tokens if there else 0
        kept = {blocks[at].upto for at in marks} | ({blocks[max(there)].upto} if there else set())
        return Used(shown, found, max(0, blocks[marks[-1]].tokens - found), tuple(kept))

    def keep(self, used: Used, now: float) -> None:
        """Keep what was marked, and for longer what was found."""
        self.until.update(dict.fromkeys(used.kept, now + KEPT_SECONDS))


def blocks_of(body: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the pieces of a prompt in their order: tools, system text, messages."""
    digest, tokens = hashlib.sha256(), 1
    pieces = list(_pieces(body))
    # A mark on the whole body is one on its last piece.
    last = len(pieces) - 1 if body.get("cache_control") else None
    for at, piece in enumerate(pieces):
        mark = "cache_control" in piece or at == last
        text = json.dumps({name: part for name, part in piece.items() if name != "cache_control"})
        digest.update(text.encode())
        tokens += len(text) // 4
        yield Block(digest.hexdigest(), tokens, mark)


def marks_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the pieces that are marked."""
    return [piece for piece in _pieces(body) if "cache_control" in piece]


def without_marks(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all that is shown, whether it was to be kept or not."""
    return [{name: part for name, part in each.items() if name != "cache_control"} for each in _pieces(body)]


def _pieces(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from body.get("tools", ())
    yield from _blocks(body.get("system", []))
    for turn in body["messages"]:
        for block in _blocks(turn["content"]):
            yield {"role": turn["role"], **block}


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
