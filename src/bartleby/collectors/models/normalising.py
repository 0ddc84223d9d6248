"""The boundary that every reply passes before it is recorded as an answer.

A provider may send anything. Past this boundary text is text, counts are whole numbers or unknown, numbers
are finite, and identifiers are valid Unicode. What has no such form is no reply: it is kept as it came, with
the tokens it reports, as a failed attempt that was, or may have been, billed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from bartleby.collectors.environment import HIDDEN
from bartleby.collectors.models.base import TransientError
from bartleby.exchange import Reply, StopReason, ToolCall, Usage, token_count, well_formed

__all__ = ["UnreadableError", "body_json", "identifier", "json_value", "mapping", "mappings", "normalised"]

DEEPEST = 100
"""Levels of nesting of a JSON value; Python reads about a thousand, and every writer needs some of them."""
LONGEST_IDENTIFIER = 500
KEPT = 20_000
"""Characters of an unreadable reply that are kept."""
STOPS = frozenset(get_args(StopReason))
WIDEST = 2**63
"""Whole numbers below it fit into every table; larger ones become floating point."""


class UnreadableError(TransientError):
    """The provider answered, and the answer could not be read; another attempt may be answered better.

    Parameters
    ----------
    problem
        What is wrong with it.
    raw
        The answer as it came.
    usage
        The tokens it reports, where that much can be read.
    kind
        A short name for the record.
    request_id
        The provider's id of the attempt, if there was one.
    """

    def __init__(
        self,
        problem: str,
        raw: object,
        *,
        usage: Usage | None = None,
        kind: str = "unreadable",
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            f"the reply cannot be read: {problem}",
            kind=kind,
            request_id=request_id,
            raw=_shortened(raw if isinstance(raw, str) else _as_text(raw)),
            usage=usage,
        )


def normalised(reply: object, secrets: re.Pattern[str] | None = None) -> Reply:
    """Return a reply whose parts all have the types and ranges that its documentation promises.

    Parameters
    ----------
    reply
        What a model returned. Counts that are no whole number from 0 to a billion become unknown; numbers
        that are not finite become null; text stays as it came.
    secrets
        Finds what must not be stored, should a server echo it; it is replaced by `[secret]`.

    Raises
    ------
    UnreadableError
        If it is no reply, its text is not text, or a tool call has no name.
    """
    if not isinstance(reply, Reply):
        raise UnreadableError(f"the model returned {type(reply).__name__} instead of a reply", reply)
    usage = _usage(reply.usage)
    if not isinstance(reply.text, str):
        raise UnreadableError("its text is not text", reply, usage=usage)
    try:
        stop = reply.stop if isinstance(reply.stop, str) and reply.stop in STOPS else "other"
        detail = reply.stop_detail if stop == reply.stop else reply.stop_detail or reply.stop
        return Reply(
            _clean(reply.text, secrets),
            tool_calls=tuple([_tool_call(call, secrets) for call in _items(reply.tool_calls)]),
            stop=stop,
            stop_detail=identifier(detail, secrets),
            usage=usage,
            blocks=tuple([_object(block, secrets) for block in _items(reply.blocks)]),
            probabilities=_probabilities(reply.probabilities),
            model=identifier(reply.model, secrets),
            request_id=identifier(reply.request_id, secrets),
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise UnreadableError(str(error), reply, usage=usage) from None


def body_json(body: bytes, request_id: str | None = None) -> Any:  # noqa: ANN401 - whatever was sent
    """Return the JSON of a body; bytes that are no UTF-8 become replacement characters.

    Raises
    ------
    UnreadableError
        If it is not JSON, or nested deeper than Python reads.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"it is not JSON ({error})", text, request_id=request_id) from None


def sendable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body in which lone surrogates, which no request can hold, are replacement characters.

    A reply that was cut off in the middle of a character has them, and is passed back in the next turn.
    """
    found: dict[str, Any] = json.loads(well_formed(json.dumps(body, ensure_ascii=False)))
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one in place of any other value."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects in a list; nothing from any other value."""
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, Mapping))


def identifier(value: object, secrets: re.Pattern[str] | None = None) -> str | None:
    """Return the text of an identifier that came as text or as a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = value if isinstance(value, str) else _as_text(value)
    return _clean(well_formed(text[:LONGEST_IDENTIFIER]), secrets) or None


def json_value(value: object, secrets: re.Pattern[str] | None = None, depth: int = DEEPEST) -> Any:  # noqa: ANN401
    """Return a value as JSON that can be stored and sent back: no number in it is infinite or undefined.

    Raises
    ------
    TypeError, ValueError
        If it is no JSON value, or nested too deep.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _clean(value, secrets)
    if isinstance(value, int):
        return int(value) if -WIDEST <= value < WIDEST else json_value(_float(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if not depth:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return {
            _clean(str(key), secrets): json_value(item, secrets, depth - 1) for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [json_value(item, secrets, depth - 1) for item in value]
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _object(value: object, secrets: re.Pattern[str] | None) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a block is {type(value).__name__} instead of an object")
    found: dict[str, Any] = json_value(value, secrets)
    return found


def _tool_call(call: object, secrets: re.Pattern[str] | None) -> ToolCall:
    if not isinstance(call, ToolCall) or not isinstance(call.name, str):
        raise TypeError("a tool call has no name")
    arguments = json_value(call.arguments, secrets) if isinstance(call.arguments, Mapping) else {}
    return ToolCall(_clean(call.name, secrets), arguments, identifier(call.id, secrets) or "")


def _items(value: object) -> Sequence[object]:
    if value is None:
        return ()
    if isinstance(value, (list, tuple)):
        return value
    raise TypeError(f"{type(value).__name__} in place of a list")


def _usage(usage: object) -> Usage:
    """Return counts that are possible; parts of the input that exceed it are unknown."""
    if not isinstance(usage, Usage):
        return Usage()
    shown, answered = token_count(usage.input_tokens), token_count(usage.output_tokens)
    read, written = token_count(usage.cache_read_tokens), token_count(usage.cache_write_tokens)
    if shown is not None and (read or 0) + (written or 0) > shown:
        read = written = None
    return Usage(shown, answered, read, written)


def _probabilities(told: object) -> dict[str, float] | None:
    """Return probabilities of labels, or None where one of them is no probability."""
    if not isinstance(told, Mapping) or not told:
        return None
    numbers = list(told.values())
    if not all(isinstance(each, (int, float)) and 0.0 <= each <= 1.0 + 1e-6 for each in numbers):
        return None
    return {well_formed(str(label)): min(1.0, float(number)) for label, number in told.items()}


def _clean(text: str, secrets: re.Pattern[str] | None) -> str:
    text = str(text)
    return text if secrets is None else secrets.sub(HIDDEN, text)


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _as_text(value: object) -> str:
    """Return any value as text: JSON where it is JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}, which cannot be shown: {type(error).__name__}>"


def _shortened(text: str) -> str:
    text = well_formed(text)
    return text if len(text) <= KEPT else f"{text[:KEPT]}... ({len(text):,} characters in all)"
