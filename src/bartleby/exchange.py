"""What passes between a paradigm and a model: messages, a request, a reply.

These are plain values that every wing but `analysis` shares, so that a paradigm needs to know nothing of
networks and a model nothing of studies. All of them turn into JSON and back without loss, because a
request is identified by a hash of its JSON and a reply is played back from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

__all__ = [
    "Exchange",
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
]

Role = Literal["user", "assistant"]
StopReason = Literal["end", "max_tokens", "tool_use", "refusal", "context", "other"]


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, unicode as it is."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def content_hash(value: object, length: int = 32) -> str:
    """Return a hexadecimal SHA-256 of a JSON value, cut to `length` characters."""
    text = canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:length]


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
    """

    role: Role
    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer, with the JSON schema of its arguments."""

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
        The most tokens a reply may have. A model that thinks before it answers spends them on that as
        well, so a low ceiling makes its answers `truncated`.
    system
        The system prompt, if any.
    temperature, top_p
        Sampling, where the model still has it; `None` leaves the provider's default. A model without
        these settings refuses a study that sets them rather than ignoring it.
    thinking
        `adaptive`, `disabled`, or a number of tokens; `None` leaves the provider's default.
    effort
        `low` to `max`, where the model has it.
    """

    max_tokens: int = 2048
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    thinking: Literal["adaptive", "disabled"] | int | None = None
    effort: str | None = None


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
    """

    messages: tuple[Message, ...]
    settings: Settings = field(default_factory=Settings)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    schema: Mapping[str, Any] | None = None
    constrain: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    seed: int | None = None

    def shown(self) -> dict[str, Any]:
        """Return what the model will be shown and how it is run, as JSON values."""
        body: dict[str, Any] = {
            "messages": [_drop_empty(asdict(m)) for m in self.messages],
            "settings": _drop_empty(asdict(self.settings)),
        }
        if self.tools:
            body["tools"] = [asdict(t) for t in self.tools]
            body["tool_choice"] = self.tool_choice
        if self.schema is not None:
            body["schema"] = dict(self.schema)
        if self.constrain:
            body["constrain"] = list(self.constrain)
        return body

    def identity(self) -> str:
        """Return the hash of what will be shown."""
        return content_hash(self.shown())

    def followed_by(self, reply: Reply, text: str) -> tuple[Message, ...]:
        """Return the conversation, the model's reply, and a new user turn."""
        return (*self.messages, Message("assistant", reply.text, reply.blocks), Message("user", text))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a reply cost: as billed, where the provider says so."""

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
        """Return the reply as JSON, without what is empty."""
        data = {**asdict(self), "usage": _drop_empty(asdict(self.usage))}
        return canonical_json(_drop_empty(data))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the reply that `to_json` wrote."""
        data = json.loads(text)
        data["tool_calls"] = tuple(ToolCall(**call) for call in data.get("tool_calls", ()))
        data["blocks"] = tuple(data.get("blocks", ()))
        data["usage"] = Usage(**data.get("usage", {}))
        data.setdefault("text", "")
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the reply it got."""

    request: Request
    reply: Reply


def _drop_empty(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out fields that say nothing, so that one added later does not change old identities.

    Only fields of ours: what a provider sent is kept to the letter, its nulls included.
    """
    return {name: value for name, value in data.items() if value not in (None, (), {}, "", [])}
