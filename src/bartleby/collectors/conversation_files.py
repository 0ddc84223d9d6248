"""Conversations in files of JSON, as many tools write them; every problem by file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from bartleby.errors import DataError

__all__ = ["LEAVING", "Conversation", "Message", "assistant_messages", "flat", "read_file"]

MOST_PROBLEMS = 20
CONTENT = ("content", "text", "value")
ROLE = ("role", "speaker", "from")
NAME = ("conversation", "conversation_id", "id")
MESSAGES = ("messages", "conversation", "turns", "conversations")
LEAVING = "The assistant left the conversation here."
EXIT = re.compile(r"(end|leave|exit|quit|opt_?out)([_-]?(the_?)?(conversation|chat|session|dialogue))?", re.I)
"""Names of tools by which a model leaves a conversation."""
UNSPOKEN = frozenset({"thinking", "redacted_thinking", "reasoning"})
"""Blocks of content that are said to nobody."""
CALLS = frozenset({"function_call", "tool_call", "custom_tool_call", "tool_use"})
"""Speakers of ShareGPT, and types of items of OpenAI's Responses, that are a call of a tool."""
RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
ARGUMENTS = ("arguments", "input", "args", "parameters")
KINDS = ("function", "custom")
"""Where a call of OpenAI's has its name and arguments."""
STOPS = ("stop_reason", "finish_reason")
SAID = ("refusal", "tool_calls", "function_call", *STOPS)
"""What of a message is read as part of what was said."""

Message: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""Who spoke, what was said, and what else is known of this message."""


@dataclass(frozen=True)
class Conversation:
    """A conversation: its id, its messages, whatever else is known of it, whether each message was a row."""

    id: str
    messages: Sequence[Message]
    fields: Mapping[str, Any] = field(default_factory=dict)
    in_rows: bool = False


def read_file(file: Path) -> Iterator[Conversation]:
    """Yield the conversations of a `.jsonl` or `.json` file (see `turn_texts.read_turns`).

    Raises
    ------
    DataError
        At the end of the file, with what is wrong (the first 20 problems), unless there is nothing to read.
    """
    problems: list[str] = []
    found = 0
    in_rows: set[str] = set()
    for group in _grouped(_values(file, problems)):
        conversation = _conversation(group, problems)
        if conversation is not None and conversation.in_rows:
            if conversation.id in in_rows:
                problems.append(
                    f"{group[0][0]}: messages of conversation {conversation.id!r} that are apart from its "
                    "others; sort the file by conversation"
                )
            in_rows.add(conversation.id)
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
                    except (ValueError, RecursionError) as error:
                        problems.append(f"{file}:{number}: not readable as JSON: {error}")
    except UnicodeDecodeError as error:
        problems.append(f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8")
    except (ValueError, RecursionError) as error:
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
    batched = _batch_result(value, place, problems)
    if batched is not None:
        return batched
    listed = _messages(value)
    own = _first(value, NAME)
    if isinstance(listed, list):
        fields = flat({key: each for key, each in value.items() if each is not listed})
        named = own if isinstance(own, (str, int)) else name
        return Conversation(str(named), _said(listed, place, problems), fields)
    fields = flat({key: each for key, each in value.items() if key not in (*CONTENT, *ROLE, *NAME, *SAID)})
    said = [pair for where, row in group for pair in _said([row], where, problems)]
    return Conversation(str(own) if own is not None else name, said, fields, in_rows=own is not None)


def _batch_result(value: Mapping[str, Any], place: str, problems: list[str]) -> Conversation | None:
    """Return what a line of the results of a batch says, of Anthropic's or OpenAI's; None if it is none.

    A request that got no answer is a message of nobody's, so that it does not vanish.
    """
    result, response = value.get("result"), value.get("response")
    if "custom_id" not in value or not (isinstance(result, dict) or "response" in value):
        return None
    if isinstance(result, dict):
        kind, message, error = str(result.get("type")), result.get("message"), result.get("error")
    else:
        body = next(iter(_objects([response.get("body")])), {}) if isinstance(response, dict) else {}
        choice = next(iter(_objects(body.get("choices"))), {})
        reason = {"finish_reason": choice.get("finish_reason"), "model": body.get("model")}
        message = {**choice["message"], **reason} if isinstance(choice.get("message"), dict) else None
        kind, error = "errored" if message is None else "succeeded", value.get("error") or body or None
    fields: dict[str, Any] = {"result": kind}
    if isinstance(message, dict):
        fields["stop_reason"] = message.get("stop_reason") or message.get("finish_reason")
        fields["model"] = message.get("model")
        said = _said([{"role": "assistant", **message}], place, problems)
    else:
        said = [("unanswered", f"[no answer: {kind}]", {})]
        fields["error"] = None if error is None else json.dumps(error, ensure_ascii=False)
    return Conversation(str(value["custom_id"]), said, fields)


def flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a conversation as one value a column: lists and objects as JSON."""
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
        for name, value in fields.items()
    }


def assistant_messages(
    text: str, calls: Sequence[tuple[str, Any]] = (), refusal: str | None = None
) -> list[Message]:
    """Return a turn of a model as what it is: words, calls of tools, a refusal, an exit.

    Parameters
    ----------
    text
        What it said.
    calls
        Name and arguments of each tool that it called: the column `tool_calls`, as JSON. Where it said
        nothing, they stand for its words. A tool whose name says so (`end_conversation`) is an exit.
    refusal
        The words of a refusal, None where there is none: the column `refused`.
    """
    details: dict[str, Any] = {}
    if calls:
        listed = [{"name": name, "arguments": arguments} for name, arguments in calls]
        details["tool_calls"] = json.dumps(listed, ensure_ascii=False)
    if refusal is not None:
        details["refused"] = True
    called = " ".join(f"[called {name} {_argument_text(arguments)}]" for name, arguments in calls)
    said: list[Message] = [("assistant", text or refusal or called, details)]
    if any(EXIT.fullmatch(name) for name, _ in calls):
        said.append(("exit", LEAVING, {}))
    return said


def _argument_text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _said(messages: Sequence[Any], place: str, problems: list[str]) -> list[Message]:
    said: list[Message] = []
    for number, message in enumerate(messages, 1):
        where = place if len(messages) == 1 else f"{place}: message {number}"
        if not isinstance(message, dict):
            problems.append(f"{where}: a {type(message).__name__}; allowed: an object with role and content")
            continue
        role, text = _role(message), _text(_first(message, (*CONTENT, "output")))
        if role is None:
            problems.append(f"{where}: there is no role; allowed: user, assistant, system, tool")
        elif text is None:
            problems.append(f"{where}: the content is neither a text nor a list of text blocks")
        elif role in CALLS:
            call = _called(message if "name" in message else _object(text))
            said += assistant_messages("", [call]) if call[0] else [(role, text, {})]
        else:
            calls, refusal = _calls(message), _refusal(message)
            spoken = assistant_messages(text, calls, refusal)
            known = spoken if calls or refusal is not None else [("", text, {})]
            own = (role, known[0][1], {**known[0][2], **_stop(message)})
            said += [own, *known[1:]]
    return said


def _role(message: Mapping[str, Any]) -> str | None:
    """Return who speaks: as it is written, or by the type of an item of OpenAI's Responses."""
    role, kind = _first(message, ROLE), message.get("type")
    if isinstance(role, str) and role.strip():
        return role.strip().lower()
    if role is not None or not isinstance(kind, str):
        return None
    return kind if kind in CALLS else "tool" if kind in RESULTS else None


def _stop(message: Mapping[str, Any]) -> dict[str, str]:
    """Return why the model stopped, where a message says so."""
    reason = _first(message, STOPS)
    return {"stop_reason": reason} if isinstance(reason, str) else {}


def _object(text: str) -> Mapping[str, Any]:
    """Return the object that a text is as JSON; an empty one if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _calls(message: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the tools that a message calls, as OpenAI's or Anthropic's API writes them."""
    listed = message.get("tool_calls")
    calls = [next(iter(_objects([_first(call, KINDS)])), call) for call in _objects(listed)]
    calls += _objects([message.get("function_call")])
    calls += [block for block in _objects(message.get("content")) if block.get("type") == "tool_use"]
    return [_called(call) for call in calls]


def _called(call: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the name and the arguments of a call."""
    arguments = _first(call, ARGUMENTS)
    return str(call.get("name") or ""), {} if arguments is None else arguments


def _refusal(message: Mapping[str, Any]) -> str | None:
    """Return the words of a refusal: a field of its own, a block of the content, or why the model stopped."""
    blocks = [block for block in _objects(message.get("content")) if block.get("type") == "refusal"]
    for refusal in (message.get("refusal"), *(block.get("refusal") for block in blocks)):
        if isinstance(refusal, str) and refusal:
            return refusal
    stops = [message.get(name) for name in STOPS]
    return "" if {"refusal", "content_filter"} & {stop for stop in stops if isinstance(stop, str)} else None


def _objects(values: object) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _text(content: Any) -> str | None:  # noqa: ANN401 - whatever stands there
    """Return a message's text: itself, or its text blocks, and the kinds of the others that are shown."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        block if isinstance(block, str) else _block_text(block) if isinstance(block, dict) else None
        for block in content
    ]
    return None if None in texts else "\n".join(text for text in texts if text)


def _block_text(block: Mapping[str, Any]) -> str | None:
    kind = str(block.get("type", "text"))
    if "text" in block:
        return str(block["text"] or "")
    if kind in UNSPOKEN or kind in ("tool_use", "refusal", "text"):  # nothing, or read elsewhere
        return ""
    return _text(block["content"]) if "content" in block else f"[{kind}]"
