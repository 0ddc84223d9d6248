"""Requests and replies in the words of Chat Completions: pure translation.

Servers that speak it differ in what they know of it. What this one knows is its `Dialect`, which
`completions_probe` finds out by asking.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.chat import messages, tool_call
from bartleby.collectors.models.labels import grammar, label_probabilities, variants
from bartleby.errors import ModelError
from bartleby.exchange import Reply, Request, StopReason, Tool, Usage

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion
    from openai.types.chat.chat_completion import Choice

__all__ = [
    "CONSTRAINTS",
    "Dialect",
    "chances",
    "compose",
    "constraint",
    "declared",
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
    body[dialect.limit] = settings.max_tokens
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


def read(completion: ChatCompletion, request: Request) -> Reply:
    """Return a completion as a reply.

    What the model wrote in the field `refusal` is its text, and the stop is a refusal: it declined in words.

    Raises
    ------
    TransientError
        If it is not of the API's form (the SDK does not check): it may be whole the next time.
    """
    choice = _first_choice(completion)
    message = choice.message
    calls = tuple(tool_call(call.to_dict()) for call in message.tool_calls or () if call.type == "function")
    text, stop, detail = message.content or "", STOPS.get(choice.finish_reason, "other"), None
    if message.refusal:
        text, stop, detail = text or message.refusal, "refusal", "refusal in words"
    elif calls:
        stop = "tool_use"
    elif stop in ("refusal", "other"):
        detail = choice.finish_reason
    return Reply(
        text,
        tool_calls=calls,
        stop=stop,
        stop_detail=detail,
        usage=_usage(completion.usage),
        blocks=tuple(_blocks(choice)),
        probabilities=_probabilities(choice, text, request),
        model=completion.model,
        request_id=completion._request_id or completion.id,
    )


def refused_by_filter() -> Reply:
    """Return the reply of a classifier that did not let a prompt reach the model."""
    return Reply("", stop="refusal", stop_detail="content_filter")


def _first_choice(completion: ChatCompletion) -> Choice:
    choices: list[Choice] | None = getattr(completion, "choices", None)
    if not choices or getattr(choices[0], "message", None) is None:
        raise TransientError(f"the reply is not a completion but {str(completion)[:80]!r}", kind="server")
    return choices[0]


def _blocks(choice: Choice) -> list[dict[str, Any]]:
    """Return what later turns pass back (a turn with tool calls), and what is only kept (the reasoning)."""
    message: Mapping[str, Any] = choice.message.to_dict(mode="json")
    kept: list[dict[str, Any]] = []
    if message.get("tool_calls"):
        own = {name: message[name] for name in ("content", "tool_calls") if name in message}
        kept.append({"role": "assistant", **own})
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if reasoning:
        kept.append({"type": "reasoning", "text": reasoning})
    return kept


def _usage(used: CompletionUsage | None) -> Usage:
    """Return tokens as billed, and how many of what was shown were read from a cache."""
    if used is None:
        return Usage()
    cached = None if used.prompt_tokens_details is None else used.prompt_tokens_details.cached_tokens
    return Usage(used.prompt_tokens, used.completion_tokens, cached)


def _probabilities(choice: Choice, text: str, request: Request) -> dict[str, float] | None:
    told = None if choice.logprobs is None else choice.logprobs.content
    if not told or not _tells_of_labels(request):
        return None
    first = told[0]
    if not first.token.strip() or not text.lstrip().startswith(first.token.strip()):
        return None  # this token is not the beginning of the answer, but of reasoning before it
    tokens = [(each.token, math.exp(each.logprob)) for each in first.top_logprobs]
    return chances(tokens, [option.label for option in request.options])


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
