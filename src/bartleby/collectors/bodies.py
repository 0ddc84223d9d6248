"""What was shown, stored once: a turn of a conversation holds only what the turn before it did not.

A body that goes on from another one names it by its hash and adds its new messages, so a conversation takes
room in proportion to its length and not to its square. What is not told again (settings, tools) is as it
was. Two bodies of one hash have one content, however it was come by.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bartleby.exchange import Request, canonical_json, text_hash

__all__ = ["Bodies", "Body", "Composer"]

KEPT = 64
"""So many bodies that were put together are kept: more than there are asks in most trials."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request shows, as it is stored.

    Parameters
    ----------
    hash
        Hash of all that is shown.
    text
        JSON of it or, where it goes on from another body, of what is new.
    before
        Hash of the body it goes on from.
    """

    hash: str
    text: str
    before: str | None = None


class Composer:
    """Writes the bodies of one trial, each as what the earlier ones lack."""

    def __init__(self) -> None:
        self._earlier: list[tuple[str, Request]] = []

    def body(self, request: Request) -> Body:
        """Return the body of the next request."""
        text = request.shown_json()
        digest = text_hash(text)
        known = next((each for each in reversed(self._earlier) if _goes_on(each[1], request)), None)
        self._earlier.append((digest, request))
        if known is None:
            return Body(digest, text)
        return Body(digest, _what_is_new(known[1], request), known[0])


def _goes_on(earlier: Request, request: Request) -> bool:
    """Return whether a request shows all messages of an earlier one, and then more."""
    count = len(earlier.messages)
    return count < len(request.messages) and request.messages[:count] == earlier.messages


def _what_is_new(earlier: Request, request: Request) -> str:
    added = replace(request, messages=request.messages[len(earlier.messages) :])
    text = added.shown_json()
    if replace(added, messages=()).shown_json() == replace(earlier, messages=()).shown_json():
        text = canonical_json({"messages": json.loads(text)["messages"]})
    return text


class Bodies:
    """Reads the bodies of a log, put together again.

    Parameters
    ----------
    connection
        An open log.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._kept: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, digest: str) -> Mapping[str, Any]:
        """Return a body as `Request.shown` gave it.

        Raises
        ------
        KeyError
            If there is none of this hash.
        """
        found = self._kept.get(digest)
        if found is None:
            found = self._put_together(digest)
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[digest] = found
        return found

    def _put_together(self, digest: str) -> Mapping[str, Any]:
        parts: list[Mapping[str, Any]] = []
        following: str | None = digest
        seen: set[str] = set()
        while following is not None and following not in self._kept:
            if following in seen:  # in no log that a run wrote
                raise KeyError(following)
            seen.add(following)
            row = self._connection.execute(
                "SELECT body, before FROM bodies WHERE hash = ?", (following,)
            ).fetchone()
            if row is None:
                raise KeyError(following)
            parts.append(json.loads(row[0]))
            following = row[1]
        if following is not None:
            parts.append(self._kept[following])
        return _joined(parts[::-1])


def _joined(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the messages of all parts under the rest of the last part that tells it."""
    messages = [message for part in parts for message in part["messages"]]
    rest = next((part for part in reversed(parts) if "settings" in part), None)
    if rest is None:
        raise KeyError("settings")
    return {**rest, "messages": messages}
