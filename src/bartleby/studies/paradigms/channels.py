"""The answer channels: how a model is to give its answer, and how that answer is read.

The channel is a condition of the study, because it moves the answers. Newest hosted models refuse a forced
tool, a local model can be held to its labels token by token: which channels a model supports is probed
(`Capabilities.channels`), and `auto` takes the first of them.

`text`
    Plain text with a strict reader: the label alone, or a sentence that names exactly one label in one of
    a few forms. An essay is not an answer.
`json_schema`
    Structured output: an object whose `choice` is one of the labels.
`tool`
    A tool `answer` the model may call (`tool_choice: auto`).
`forced_tool`
    The same tool, which it must call (older models).
`label`
    The sampler is restricted to the labels (models whose tokens we sample).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from bartleby.exchange import Reply, Request, Tool, ToolCall
from bartleby.outcome import Outcome
from bartleby.studies.paradigms.refusals import declines

__all__ = ["CHANNELS", "Answer", "Channel", "compose", "instruction", "pose", "read_answer", "read_label"]

Channel = Literal["text", "json_schema", "tool", "forced_tool", "label"]
CHANNELS: tuple[Channel, ...] = ("label", "json_schema", "tool", "forced_tool", "text")
"""All channels, the most reliable first: the order in which `auto` prefers them."""

ANSWER_TOOL = "answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """A label that was read from a reply, or the outcome that says why none could be."""

    label: str | None
    outcome: Outcome | None = None


def pose(request: Request, channel: Channel) -> Request:
    """Return the request with what the channel adds: a schema, a tool, or a constraint.

    Parameters
    ----------
    request
        A request whose `options` are the answers on offer.
    channel
        How the answer is to come.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> options = (paradigms.Option("yes", "item"), paradigms.Option("no", "exit"))
    >>> request = paradigms.Request((paradigms.Message("user", "Yes or no?"),), options=options)
    >>> paradigms.pose(request, "label").constrain
    ('yes', 'no')
    """
    labels = [option.label for option in request.options]
    if channel == "json_schema":
        return replace(request, schema=_schema(labels))
    if channel in ("tool", "forced_tool"):
        tool = Tool(ANSWER_TOOL, "Give your answer.", _schema(labels))
        return replace(request, tools=(tool,), tool_choice="auto" if channel == "tool" else ANSWER_TOOL)
    if channel == "label":
        return replace(request, constrain=tuple(labels))
    return request


def instruction(channel: Channel, labels: Sequence[str]) -> str:
    """Return the sentence that tells the model how to answer.

    Parameters
    ----------
    channel
        How the answer is to come.
    labels
        The answers on offer.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> paradigms.instruction("text", ["A", "B"])
    'Answer with A or B only.'
    """
    quoted = [f'"{label}"' if " " in label else label for label in labels]
    listed = " or ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0]
    if channel in ("tool", "forced_tool"):
        return f"Answer by calling the tool `{ANSWER_TOOL}` with {listed}."
    if channel == "json_schema":
        return f'Answer with a JSON object whose "choice" is {listed}.'
    return f"Answer with {listed} only."


def compose(request: Request, label: str) -> Reply:
    """Return the reply of a respondent that follows the channel to the letter (for simulations)."""
    if request.schema is not None:
        return Reply(json.dumps({"choice": label}, ensure_ascii=False))
    if request.tools:
        call = ToolCall(request.tools[0].name, {"choice": label}, "call_0")
        return Reply("", tool_calls=(call,), stop="tool_use")
    return Reply(label)


def read_answer(reply: Reply, channel: Channel, labels: Sequence[str]) -> Answer:
    """Return which of the labels a reply gives.

    A provider's refusal is `refused`; a reply that was cut off before an answer could be read is
    `truncated`; words that decline are `refused`; anything else that is not one label is `unparsed`.

    Parameters
    ----------
    reply
        What the model answered.
    channel
        How the answer was to come.
    labels
        The answers on offer.

    Examples
    --------
    >>> from bartleby import paradigms
    >>> paradigms.read_answer(paradigms.Reply("I would choose B."), "text", ["A", "B"]).label
    'B'
    """
    if reply.stop == "refusal":
        return Answer(None, Outcome.REFUSED)
    found = _find(reply, channel, labels)
    if len(found) == 1:
        return Answer(found.pop())
    if reply.stop in ("max_tokens", "context") and not found:
        return Answer(None, Outcome.TRUNCATED)
    return Answer(None, Outcome.REFUSED if not found and declines(reply.text) else Outcome.UNPARSED)


def _schema(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(labels)}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def _find(reply: Reply, channel: Channel, labels: Sequence[str]) -> set[str]:
    """Return the labels that a reply gives; one of them is an answer, several are a contradiction."""
    if reply.tool_calls:
        given = [call.arguments.get("choice") for call in reply.tool_calls if call.name == ANSWER_TOOL]
        return {label for label in labels if label in given}
    if channel == "json_schema":
        return _find_in_json(reply.text, labels)
    found = read_label(reply.text, labels)
    return set() if found is None else {found}


def _find_in_json(text: str, labels: Sequence[str]) -> set[str]:
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", text, flags=re.DOTALL)
    try:
        value = json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError):
        return set()
    choice = value.get("choice") if isinstance(value, dict) else None
    return {choice} if isinstance(choice, str) and choice in labels else set()


_LEAD = (
    r"(?:(?:my|the)\s+)?(?:answer|choice|pick|preference)\s*(?:is|:)\s*",
    r"i(?:\s+would|\s+will|'d|’d|'ll|’ll)?\s+(?:rather\s+)?(?:choose|pick|take|do|select|prefer|go\s+with)\s+",
)
_BEFORE, _AFTER = r"[\s\"'`*_(\[“‘]*", r"[\s\"'`*_)\].!”’]*"


def read_label(text: str, labels: Sequence[str]) -> str | None:
    """Return the one label that a text gives, or None: the strict reader of the text channel.

    Accepted are the label alone (in quotes, brackets or bold), after a lead such as "I would choose" or
    "Answer:", and the label followed by `:`, `.` or `)` and the option said again. A text in which
    another label stands on its own as well is not an answer.
    """
    if len(text) > 2000:
        return None
    found = [label for label in labels if _gives(text, label)]
    if len(found) != 1:
        return None
    others = [label for label in labels if label != found[0] and _stands_alone(text, label)]
    return None if others else found[0]


def _gives(text: str, label: str) -> bool:
    alone, said_again, _ = _patterns(label)
    return bool(alone.fullmatch(text) or said_again.fullmatch(text))


def _stands_alone(text: str, label: str) -> bool:
    return _patterns(label)[2].search(text) is not None


@lru_cache(maxsize=1024)
def _patterns(label: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return what matches the label alone, the label said again, and a place where it stands by itself.

    A label stands by itself as a name of its own: a single letter only as a capital that no word follows.
    "A" begins many English sentences, so a single letter counts only before punctuation or at the end.
    """
    exact, flags = re.escape(label), re.IGNORECASE | re.DOTALL
    name = rf"{_BEFORE}(?:(?:option|task)\s+)?{_BEFORE}{exact}"
    lead = f"(?:{'|'.join(_LEAD)})?"
    alone = re.compile(rf"\s*{lead}{name}{_AFTER}", flags)
    said_again = re.compile(rf"\s*{lead}{name}[\"'`*_)\]]*\s*[:.)\-–—]\s*[\"'`*_]*\s*\S.*", flags)
    if len(label) == 1:
        after = r"(?=[\"'`*_)\].:,;!?]|\s*$|\s+(?:or|and)\b)"
        return alone, said_again, re.compile(rf"(?<!\w){exact}{after}")
    return alone, said_again, re.compile(rf"(?<!\w){exact}(?!\w)", re.IGNORECASE)
