"""Conversations in files of JSON, as many tools write them; every problem by file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from bartleby.errors import DataError

__all__ = ["Conversation", "read_file"]

MOST_PROBLEMS = 20
CONTENT = ("content", "text", "value")
ROLE = ("role", "speaker", "from")
NAME = ("conversation", "conversation_id", "id")
MESSAGES = ("messages", "conversation", "turns", "conversations")


@dataclass(frozen=True)
class Conversation:
    """A conversation: its id, what was said as (role, text), and whatever else is known of it."""

    id: str
    messages: Sequence[tuple[str, str]]
    fields: Mapping[str, Any] = field(default_factory=dict)


def read_file(file: Path) -> Iterator[Conversation]:
    """Yield the conversations of a `.jsonl` or `.json` file (see `turn_texts.read_turns`).

    Raises
    ------
    DataError
        At the end of the file, with what is wrong (the first 20 problems), unless there is nothing to read.
    """
    problems: list[str] = []
    found = 0
    for group in _grouped(_values(file, problems)):
        conversation = _conversation(group, problems)
        if conversation is not None and not problems:
            found += 1
            yield conversation
        if len(problems) > MOST_PROBLEMS:
            break
    if problems:
        more = ["and more"] if len(problems) > MOST_PROBLEMS else []
        raise DataError(problems[:MOST_PROBLEMS] + more)
    if not found:
        raise DataError(f"{file}: there is no conversation in it")


def _values(file: Path, problems: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield each value of a file with its place."""
    try:
        with file.open(encoding="utf-8-sig") as lines:
            if file.suffix == ".json":
                value = json.load(lines)
                whole = value if isinstance(value, list) and not _is_message(value[:1]) else [value]
                yield from ((f"{file}: element {number}", each) for number, each in enumerate(whole, 1))
                return
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield f"{file}:{number}", json.loads(line)
                    except ValueError as error:
                        problems.append(f"{file}:{number}: not readable as JSON: {error}")
    except UnicodeDecodeError as error:
        problems.append(f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8")
    except ValueError as error:
        problems.append(f"{file}: not readable as JSON: {error}")
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")


def _is_message(values: Sequence[Any]) -> bool:
    return bool(values) and isinstance(values[0], dict) and _first(values[0], ROLE) is not None


def _grouped(values: Iterator[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    """Yield conversations: a value on its own, or messages that follow each other under one id."""

    def key(pair: tuple[str, Any]) -> tuple[str, Any]:
        place, value = pair
        if isinstance(value, dict) and not isinstance(_messages(value), list):
            name = _first(value, NAME)
            return ("rows", str(name)) if name is not None else ("alone", place)
        return ("alone", place)

    return (list(group) for _, group in groupby(values, key=key))


def _messages(value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever stands there
    return next((value[name] for name in MESSAGES if isinstance(value.get(name), list)), None)


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - whatever stands there
    return next((value[name] for name in names if value.get(name) is not None), None)


def _conversation(group: list[tuple[str, Any]], problems: list[str]) -> Conversation | None:
    place, value = group[0]
    name = f"line-{place.rsplit(':', 1)[-1].removeprefix(' element ').strip()}"
    if isinstance(value, list):
        return Conversation(name, _said(value, place, problems))
    if not isinstance(value, dict):
        problems.append(f"{place}: a {type(value).__name__}; allowed: a conversation or a message")
        return None
    listed = _messages(value)
    own = _first(value, NAME)
    if isinstance(listed, list):
        fields = {key: each for key, each in value.items() if key not in MESSAGES and not _nested(each)}
        named = own if isinstance(own, (str, int)) else name
        return Conversation(str(named), _said(listed, place, problems), fields)
    fields = {
        key: each for key, each in value.items() if key not in (*CONTENT, *ROLE, *NAME) and not _nested(each)
    }
    said = [pair for where, row in group for pair in _said([row], where, problems)]
    return Conversation(str(own) if own is not None else name, said, fields)


def _nested(value: object) -> bool:
    return isinstance(value, (list, dict))


def _said(messages: Sequence[Any], place: str, problems: list[str]) -> list[tuple[str, str]]:
    said = []
    for number, message in enumerate(messages, 1):
        where = place if len(messages) == 1 else f"{place}: message {number}"
        if not isinstance(message, dict):
            problems.append(f"{where}: a {type(message).__name__}; allowed: an object with role and content")
            continue
        role, text = _first(message, ROLE), _text(_first(message, CONTENT))
        if not isinstance(role, str) or not role.strip():
            problems.append(f"{where}: there is no role; allowed: user, assistant, system, tool")
        elif text is None:
            problems.append(f"{where}: the content is neither a text nor a list of text blocks")
        else:
            said.append((role.strip().lower(), text))
    return said


def _text(content: Any) -> str | None:  # noqa: ANN401 - whatever stands there
    """Return a message's text: itself, or its text blocks; nothing where it has no content."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        block if isinstance(block, str) else str(block.get("text", "")) if isinstance(block, dict) else None
        for block in content
    ]
    return None if None in texts else "\n".join(text for text in texts if text)
