"""What passes between a paradigm and a model: messages, a request, a reply.

These are plain values that every wing but `analysis` shares, so that a paradigm needs to know nothing of
networks and a model nothing of studies. All of them turn into JSON and back without loss, because a
request is identified by a hash of its JSON and a reply is played back from it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from json.encoder import encode_basestring
from typing import Any, Literal, Self

__all__ = [
    "MOST_TOKENS",
    "Exchange",
    "Listener",
    "Message",
    "Option",
    "Reply",
    "Request",
    "Settings",
    "Tool",
    "ToolCall",
    "Usage",
    "canonical_json",
    "content_hash",
    "text_hash",
    "token_count",
    "well_formed",
]

Role = Literal["user", "assistant"]
Listener = Literal["subject", "user"]
StopReason = Literal["end", "max_tokens", "tool_use", "refusal", "context", "other"]


USUAL_CEILING = 2048
"""Tokens that a reply may have where neither the study nor the model says how many."""
MOST_TOKENS = 10**9
"""A reply of more tokens is none: no model reads or writes so many, and sums of them must fit 64 bits."""

_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, unicode as it is."""
    return _ENCODER.encode(value)


def content_hash(value: object, length: int = 32) -> str:
    """Return a hexadecimal SHA-256 of a JSON value, cut to `length` characters."""
    return text_hash(canonical_json(value), length)


def text_hash(text: str, length: int = 32) -> str:
    """Return a hexadecimal SHA-256 of a text, lone surrogates and all, cut to `length` characters."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def well_formed(text: str) -> str:
    """Return a text in which lone surrogates, which no table can hold, are replacement characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def token_count(value: object) -> int | None:
    """Return a count of tokens if it is one: a whole number from 0 to a billion; else None, for unknown."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if 0 <= value <= MOST_TOKENS else None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model called: its name, the arguments as given, and the provider's id for it."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Parameters
    ----------
    role
        Who speaks.
    text
        What is said.
    blocks
        The provider's own content blocks, if this is a turn that a model made. They are passed back
        unchanged in later turns (thinking blocks must be), and win over `text` where the provider
        that made them is asked again.
    result
        In a user turn: what the tools that the turn before it called have returned; each of its calls is
        answered with this text, as providers want every call answered. Nothing where none was called.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> paradigms.Message("user", "Hello.").role
    'user'
    """

    role: Role
    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()
    result: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer, with the JSON schema of its arguments.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> paradigms.Tool("leave", "End this conversation.").name
    'leave'
    """

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers on offer, and what taking it would mean.

    Only the `label` is ever part of what is shown. The rest is for a simulated respondent, which decides
    by what it is offered and not by reading the text.

    Parameters
    ----------
    label
        How the model names this answer.
    meaning
        `item`, `exit` or `indifferent`.
    item
        The id of the item, where it is one.
    attributes
        The item's attributes.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> paradigms.Option("A", "item", "poem").meaning
    'item'
    """

    label: str
    meaning: Literal["item", "exit", "indifferent"]
    item: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is run: what belongs to the study and is the same in all its trials.

    Parameters
    ----------
    max_tokens
        The most tokens a reply may have; by default what suits the model: 2,048, and for a local one an
        eighth of its context. A model that thinks before it answers spends them on that as well, so a low
        ceiling makes its answers `truncated`.
    system
        The system prompt, if any.
    temperature, top_p
        Sampling, where the model still has it; `None` leaves the provider's default. A model without
        these settings refuses a study that sets them rather than ignoring it.
    thinking
        `adaptive`, `disabled`, or a number of tokens; `None` leaves the provider's default.
    effort
        `low` to `max`, where the model has it.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.Settings(max_tokens=16, temperature=1.0).max_tokens
    16
    """

    max_tokens: int | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    thinking: Literal["adaptive", "disabled"] | int | None = None
    effort: str | None = None

    @property
    def ceiling(self) -> int:
        """The most tokens of a reply."""
        return USUAL_CEILING if self.max_tokens is None else self.max_tokens


@dataclass(frozen=True, slots=True)
class Request:
    """One ask: everything a model is shown, and how its answer is to come.

    Parameters
    ----------
    messages
        The conversation so far, ending with a user turn.
    settings
        How the model is run.
    tools
        Tools on offer.
    tool_choice
        `auto` leaves it free to call one; any other word is the name of the tool it must call.
    schema
        JSON schema the reply must satisfy, in the structured-output channel.
    constrain
        Only these texts may be answered: the sampler is restricted to them (models with token access).
    options
        The answers on offer with their meanings; not shown, and not part of the identity.
    seed
        Seed for models that sample reproducibly; not part of the identity.
    to
        Who is asked: the `subject` of the study, or the model that plays the `user` it talks with.
    aversive
        Whether being asked this may be aversive: it counts to the cap of aversive turns. Not shown, and not
        part of the identity.
    aside
        Whether it is asked beside the conversation, on a copy of it that nothing follows. Not shown, and not
        part of the identity.
    about
        What is asked, for a simulated respondent, which decides by it and not by reading the text. Not
        shown, and not part of the identity.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> request = paradigms.Request((paradigms.Message("user", "Hello."),))
    >>> request.shown()["messages"]
    [{'role': 'user', 'text': 'Hello.'}]
    """

    messages: tuple[Message, ...]
    settings: Settings = field(default_factory=Settings)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    schema: Mapping[str, Any] | None = None
    constrain: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    seed: int | None = None
    to: Listener = "subject"
    aversive: bool = False
    aside: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Return what the model will be shown and how it is run, as JSON values."""
        body: dict[str, Any] = json.loads(self.shown_json())
        return body

    def shown_json(self) -> str:
        """Return what the model will be shown and how it is run, as canonical JSON.

        It is written by hand, with its keys in order, because it is made for every ask of every trial.
        """
        parts = []
        if self.constrain:
            parts.append(f'"constrain":{canonical_json(self.constrain)}')
        parts.append(f'"messages":[{",".join(map(_message_json, self.messages))}]')
        if self.schema is not None:
            parts.append(f'"schema":{canonical_json(dict(self.schema))}')
        parts.append(f'"settings":{_settings_json(self.settings)}')
        if self.to != "subject":
            parts.append(f'"to":{canonical_json(self.to)}')
        if self.tools:
            tools = ",".join(map(_tool_json, self.tools))
            parts.append(f'"tool_choice":{encode_basestring(self.tool_choice)},"tools":[{tools}]')
        return f"{{{','.join(parts)}}}"

    def identity(self) -> str:
        """Return the hash of what will be shown."""
        return text_hash(self.shown_json())

    def followed_by(self, reply: Reply, text: str, result: str = "") -> tuple[Message, ...]:
        """Return the conversation, the model's reply, and a new user turn.

        Parameters
        ----------
        reply
            What the model answered.
        text
            What the user says next.
        result
            What the tools that were called in the reply have returned; of no account where none was.
        """
        returned = result if reply.tool_calls else ""
        said = Message("assistant", reply.text, reply.blocks)
        return (*self.messages, said, Message("user", text, result=returned))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a reply cost: as billed, where the provider says so.

    `input_tokens` is all that was shown; those that were read from a cache or written to it are part of it.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered, as it came.

    Parameters
    ----------
    text
        The visible text, all text blocks joined.
    tool_calls
        The tools it called, in order.
    stop
        Why it stopped, in one vocabulary for all providers.
    stop_detail
        The provider's own words for it, such as the category of a refusal.
    usage
        Tokens.
    blocks
        The provider's content blocks, to be passed back unchanged.
    probabilities
        Probability of each option's label as the first token, where the model gives token
        probabilities. Not normalised: their sum is the mass the labels had.
    model, request_id
        The model that answered and the provider's id for this answer.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> paradigms.Reply("", stop="refusal").stop
    'refusal'
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    stop: StopReason = "end"
    stop_detail: str | None = None
    usage: Usage = field(default_factory=Usage)
    blocks: tuple[Mapping[str, Any], ...] = ()
    probabilities: Mapping[str, float] | None = None
    model: str | None = None
    request_id: str | None = None

    def to_json(self) -> str:
        """Return the reply as canonical JSON, without what is empty."""
        calls = [{"arguments": each.arguments, "id": each.id, "name": each.name} for each in self.tool_calls]
        parts = (
            ("blocks", self.blocks and canonical_json(self.blocks)),
            ("model", self.model and encode_basestring(self.model)),
            ("probabilities", self.probabilities and canonical_json(self.probabilities)),
            ("request_id", self.request_id and encode_basestring(self.request_id)),
            ("stop", encode_basestring(self.stop)),
            ("stop_detail", self.stop_detail and encode_basestring(self.stop_detail)),
            ("text", self.text and encode_basestring(self.text)),
            ("tool_calls", calls and canonical_json(calls)),
            ("usage", _usage_json(self.usage)),
        )
        told = ",".join([f'"{name}":{text}' for name, text in parts if text])
        return f"{{{told}}}"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the reply that `to_json` wrote, or an earlier version of it.

        Earlier versions stored counts of tokens as they came, some of which are no JSON: those are unknown.
        """
        data = _reply_json(text)
        usage = data.get("usage") or {}
        data["tool_calls"] = tuple(ToolCall(**call) for call in data.get("tool_calls", ()))
        data["blocks"] = tuple(data.get("blocks", ()))
        data["usage"] = Usage(**{name: token_count(usage.get(name)) for name in _USAGE})
        data.setdefault("text", "")
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the reply it got.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> request = paradigms.Request((paradigms.Message("user", "Hello."),))
    >>> paradigms.Exchange(request, paradigms.Reply("Good morning.")).reply.text
    'Good morning.'
    """

    request: Request
    reply: Reply


# What is empty says nothing and is left out, so that a field added later does not change old identities. That
# holds for fields of ours: what a provider sent is kept to the letter, its nulls included.


def _message_json(message: Message) -> str:
    blocks = f'"blocks":{canonical_json(message.blocks)},' if message.blocks else ""
    result = f'"result":{encode_basestring(message.result)},' if message.result else ""
    text = f',"text":{encode_basestring(message.text)}' if message.text else ""
    return f'{{{blocks}{result}"role":{encode_basestring(message.role)}{text}}}'


def _tool_json(tool: Tool) -> str:
    return canonical_json({"description": tool.description, "name": tool.name, "parameters": tool.parameters})


def _settings_json(settings: Settings) -> str:
    told = [("max_tokens", settings.ceiling), *((name, getattr(settings, name)) for name in _SETTINGS)]
    return canonical_json({name: value for name, value in told if value is not None and value != ""})


def _usage_json(usage: Usage) -> str:
    numbers = [(name, getattr(usage, name)) for name in _USAGE]
    told = ",".join([f'"{name}":{number}' for name, number in numbers if number is not None])
    return told and f"{{{told}}}"


def _reply_json(text: str) -> dict[str, Any]:
    """Return the JSON of a stored reply, without its usage where that is no JSON."""
    try:
        data: dict[str, Any] = json.loads(text)
    except ValueError:
        data = json.loads(_STORED_USAGE.sub("}", text))
    return data


_STORED_USAGE = re.compile(r',?"usage":\{[^{}]*\}\}$')
_SETTINGS = tuple(each.name for each in fields(Settings))
_USAGE = tuple(sorted(each.name for each in fields(Usage)))
