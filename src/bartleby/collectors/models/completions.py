"""Requests and replies in the words of Chat Completions: pure translation.

Servers that speak it differ in what they know of it. What this one knows is its `Dialect`, which
`completions_probe` finds out by asking.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, Literal

from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.chat import messages, tool_call
from bartleby.collectors.models.http_errors import TRANSIENT
from bartleby.collectors.models.labels import grammar, label_probabilities, variants
from bartleby.collectors.models.normalising import UnreadableError, identifier, mapping, mappings
from bartleby.errors import ModelError
from bartleby.exchange import Reply, Request, StopReason, Tool, Usage, token_count

__all__ = [
    "CONSTRAINTS",
    "FILTERED",
    "Dialect",
    "chances",
    "compose",
    "constraint",
    "declared",
    "first_token",
    "held_to",
    "read",
    "refused_by_filter",
]

Constraint = Literal["structured_outputs", "guided_choice", "grammar", "ebnf"]
CONSTRAINTS: tuple[Constraint, ...] = ("structured_outputs", "guided_choice", "grammar", "ebnf")
"""Fields by which servers hold an answer to given texts: vLLM's new and old one, llama.cpp's, SGLang's."""

STOPS: Mapping[str, StopReason] = {
    "stop": "end",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
FILTERED = frozenset({"content_filter", "content_policy_violation"})
"""Error codes of a classifier that does not let a prompt reach the model: an outcome, and no failure."""
REASONING = ("reasoning_content", "reasoning")
"""Fields in which servers report what a model thought."""
TEXT_PARTS = ("text", "output_text")
LARGEST_LOGPROB = 1e-6
"""Logarithms of probabilities are rounded, and may exceed 0 by that much."""
SMALLEST_LOGPROB = -1000.0
"""Below it, a probability is 0 in floating point."""
NEGLIGIBLE = 1e-4
"""A label below the listed tokens is taken for one of no probability if it has at most this share."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server knows of Chat Completions, as it was found by asking it.

    Parameters
    ----------
    limit
        The field that limits the tokens of an answer.
    settings
        Names of the settings that it accepts.
    seed
        Whether it accepts a seed.
    top_logprobs
        How many of the likeliest tokens it tells with their probabilities; 0 where it tells none.
    schema
        Whether an answer keeps to a JSON schema.
    tools
        Whether tools reach the model.
    forced
        How it is told to call one tool: by its name, by being `required` to call any, or not at all.
    constraint
        The field by which an answer is held to given texts, if it knows one.
    """

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    settings: frozenset[str] = frozenset()
    seed: bool = False
    top_logprobs: int = 0
    schema: bool = False
    tools: bool = False
    forced: Literal["named", "required"] | None = None
    constraint: Constraint | None = None


def compose(model: str, request: Request, dialect: Dialect) -> dict[str, Any]:
    """Return the body of a request.

    Token probabilities are asked for where an answer is one of the options in plain text, as they say
    something of it only there.

    Raises
    ------
    ModelError
        If it needs what the server does not have.
    """
    settings = request.settings
    body: dict[str, Any] = {"model": model, "messages": messages(request)}
    body[dialect.limit] = settings.ceiling
    for name, field in (("temperature", "temperature"), ("top_p", "top_p"), ("effort", "reasoning_effort")):
        if getattr(settings, name) is not None:
            body[field] = getattr(settings, name)
    if dialect.seed and request.seed is not None:
        body["seed"] = request.seed
    if dialect.top_logprobs and _tells_of_labels(request):
        body |= {"logprobs": True, "top_logprobs": dialect.top_logprobs}
    if request.schema is not None:
        body["response_format"] = held_to(request.schema)
    if request.tools:
        body |= _tools(request, dialect)
    if request.constrain:
        if dialect.constraint is None:
            raise ModelError("this server cannot hold a model to labels token by token (channel 'label')")
        body |= constraint(dialect.constraint, request.constrain)
    return body


def held_to(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response format that keeps an answer to a JSON schema."""
    named = {"name": "answer", "schema": dict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}


def constraint(field: Constraint, texts: Sequence[str]) -> dict[str, Any]:
    """Return the field that holds an answer to one of the texts."""
    if field == "structured_outputs":
        return {field: {"choice": list(texts)}}
    return {field: list(texts) if field == "guided_choice" else grammar(texts)}


def declared(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return tools as they are declared to the API."""
    functions = (
        {"name": each.name, "description": each.description, "parameters": dict(each.parameters)}
        for each in tools
    )
    return [{"type": "function", "function": function} for function in functions]


def _tools(request: Request, dialect: Dialect) -> dict[str, Any]:
    forced = request.tool_choice
    if forced == "auto":
        return {"tools": declared(request.tools), "tool_choice": "auto"}
    if dialect.forced == "named":
        choice = {"type": "function", "function": {"name": forced}}
        return {"tools": declared(request.tools), "tool_choice": choice}
    # Where it can be told to call some tool and not which, the one that is forced is the only one.
    only = [each for each in request.tools if each.name == forced]
    return {"tools": declared(only), "tool_choice": "required"}


def _tells_of_labels(request: Request) -> bool:
    return bool(request.options) and not request.tools and request.schema is None


def read(completion: object, request: Request, request_id: str | None = None) -> Reply:
    """Return the JSON of a completion as a reply, to be normalised.

    What the model wrote in the field `refusal` is its text, and the stop is a refusal: it declined in words.

    Parameters
    ----------
    completion
        What the server sent: any JSON value.
    request
        What was asked.
    request_id
        The server's id of the attempt; else the completion's own takes its place.

    Raises
    ------
    TransientError
        If it is an error, or not of the API's form: it may be whole the next time.
    """
    found = mapping(completion)
    usage = _usage(mapping(found.get("usage")))
    choice = next(mappings(found.get("choices")), {})
    reason = identifier(choice.get("finish_reason"))
    error = found.get("error") or choice.get("error")
    if error is not None or reason == "error":
        if identifier(mapping(error).get("code")) in FILTERED:
            return replace(refused_by_filter(), usage=usage)
        raise _sent_error(error, completion, usage, request_id)
    message = mapping(choice.get("message"))
    try:
        text, refusal = _said(message)
        calls = tuple([tool_call(call) for call in _calls(message) if call.get("type") in (None, "function")])
    except TypeError as problem:
        raise UnreadableError(str(problem), completion, usage=usage, request_id=request_id) from None
    stop, detail = STOPS.get(reason or "", "other"), None
    if refusal:
        text, stop, detail = text or refusal, "refusal", "refusal in words"
    elif calls:
        stop = "tool_use"
    elif stop in ("refusal", "other"):
        detail = reason
    return Reply(
        text,
        tool_calls=calls,
        stop=stop,
        stop_detail=detail,
        usage=usage,
        blocks=tuple(_blocks(message)),
        probabilities=_probabilities(choice, text, request),
        model=found.get("model"),
        request_id=request_id or found.get("id"),
    )


def refused_by_filter() -> Reply:
    """Return the reply of a classifier that did not let a prompt reach the model."""
    return Reply("", stop="refusal", stop_detail="content_filter")


def _sent_error(error: object, completion: object, usage: Usage, request_id: str | None) -> TransientError:
    """Return the error that was sent in place of an answer, under a status that says all is well."""
    told = mapping(error)
    code = told.get("code")
    kind = TRANSIENT.get(code, "server") if isinstance(code, int) else "server"
    problem = f"it is an error ({str(told.get('message') or error or 'finish_reason')[:200]})"
    return UnreadableError(problem, completion, usage=usage, kind=kind, request_id=request_id)


def _said(message: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text of a message, and what the model wrote in declining.

    The content may be a list of parts, as servers of models that think send it: the text is that of the parts
    that are text.
    """
    content, refusal = message.get("content"), message.get("refusal")
    if content is None and not any(message.get(name) for name in ("refusal", "tool_calls", *REASONING)):
        if "content" not in message:
            raise TypeError("there is no message in it")
        return "", ""
    if isinstance(content, list):
        parts = [
            {"type": "text", "text": each} if isinstance(each, str) else mapping(each) for each in content
        ]
        refusal = refusal or "".join(_part(each, "refusal") for each in parts)
        content = "".join(_part(each, "text") for each in parts if each.get("type") in TEXT_PARTS)
    if not isinstance(content, (str, NoneType)) or not isinstance(refusal, (str, NoneType)):
        raise TypeError("its content is not text")
    return content or "", refusal or ""


def _part(part: Mapping[str, Any], name: str) -> str:
    text = part.get(name)
    if not isinstance(text, (str, NoneType)):
        raise TypeError("a part of its content is not text")
    return text or ""


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, Mapping) for call in calls):
        raise TypeError("its tool calls are not a list of objects")
    return calls


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what later turns pass back (a turn with tool calls), and what is only kept (the reasoning)."""
    kept: list[dict[str, Any]] = []
    if message.get("tool_calls"):
        own = {name: message[name] for name in ("content", "tool_calls") if name in message}
        kept.append({"role": "assistant", **own})
    content = message.get("content")
    parts = [part for part in mappings(content) if part.get("type") not in (*TEXT_PARTS, "refusal")]
    reasoning = next((message[name] for name in REASONING if message.get(name)), None)
    if reasoning or parts:
        kept.append({"type": "reasoning", "text": reasoning or parts})
    return kept


def _usage(used: Mapping[str, Any]) -> Usage:
    """Return tokens as billed, and how many of what was shown were read from a cache."""
    cached = mapping(used.get("prompt_tokens_details")).get("cached_tokens")
    counts = (used.get("prompt_tokens"), used.get("completion_tokens"), cached)
    return Usage(*map(token_count, counts))


def _probabilities(choice: Mapping[str, Any], text: str, request: Request) -> dict[str, float] | None:
    """Return the probabilities of labels; None where nothing is known, or one listed is no probability."""
    first = first_token(choice)
    if first is None or not _tells_of_labels(request):
        return None
    start = str(first.get("token", "")).strip()
    if not start or not text.lstrip().startswith(start):
        return None  # this token is not the beginning of the answer, but of reasoning before it
    listed = [(each.get("token"), each.get("logprob")) for each in mappings(first.get("top_logprobs"))]
    tokens = [
        (token, math.exp(max(number, SMALLEST_LOGPROB)))
        for token, number in listed
        if isinstance(token, str) and isinstance(number, (int, float)) and number <= LARGEST_LOGPROB
    ]
    if len(tokens) < len(listed):
        return None
    return chances(tokens, [option.label for option in request.options])


def first_token(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what is reported of the first token of an answer, where its likely alternatives are listed."""
    told = mapping(choice.get("logprobs")).get("content")
    first = next(mappings(told), None)
    return first if first is not None and first.get("top_logprobs") else None


def chances(tokens: Sequence[tuple[str, float]], labels: Sequence[str]) -> dict[str, float] | None:
    """Return the probabilities of labels as the first token, where only the likeliest tokens are listed.

    A label that is not listed has at most the probability of the last one listed. Where that is negligible
    beside the labels that are, it is left out (its probability is 0 to four digits); else nothing is known.

    Parameters
    ----------
    tokens
        The likeliest first tokens, with their probabilities.
    labels
        The labels, none of which is empty.

    Returns
    -------
    dict or None
        Label -> probability, not normalised. None if too little is listed, or if a label may be several
        tokens (then the first does not decide between them).
    """
    listed = {text.removeprefix(" ") for text, _ in tokens} - {""}
    known = [label for label in labels if label in listed]
    rest = [label for label in labels if label not in listed]
    pieces = any(label.startswith(text) for label in rest for text in listed)
    found = variants(tokens, known) if known and not pieces else None
    if found is None:
        return None
    told = label_probabilities(found)
    unlisted = min(probability for _, probability in tokens)
    return None if rest and unlisted > NEGLIGIBLE * sum(told.values()) else told
