"""Passages: what a coder reads, made from any conversations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from bartleby.errors import DataError
from bartleby.exchange import content_hash
from bartleby.studies.items import Attribute

__all__ = ["Passage", "Said", "passages"]

Unit = Literal["turn", "transcript"]
SHOWN = ("user", "assistant", "exit")
"""Whose words a coder is shown; `exit` says that the conversation was left."""
OWN = frozenset({"conversation", "turn", "speaker", "text"})
"""Columns of a table of turns; all others are attributes."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said: the number of the assistant turn it is, or that it goes before."""

    turn: int
    speaker: str
    text: str


@dataclass(frozen=True)
class Passage:
    """A turn with what went before it, or a whole conversation.

    Parameters
    ----------
    id
        The unit: `conversation:turn`, or the conversation.
    conversation, turn
        Where it is from; no turn where the unit is the whole.
    said
        What is shown to the coder, in order.
    attributes
        Further columns. A coder never sees them.

    Raises
    ------
    DataError
        If the assistant says nothing in it.
    """

    id: str
    conversation: str
    turn: int | None
    said: tuple[Said, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.coded():
            raise DataError(
                f"unit {self.id!r}: the assistant says nothing in it, so there is nothing to code"
            )

    def coded(self) -> tuple[Said, ...]:
        """Return what is to be coded: the assistant's turn, or all of them."""
        own = (each for each in self.said if each.speaker == "assistant" and each.text.strip())
        return tuple(each for each in own if self.turn is None or each.turn == self.turn)

    @property
    def fence(self) -> str:
        """A line that stands around what is shown, and that nothing in it can know."""
        return f"-----{content_hash([self.id, [[s.turn, s.speaker, s.text] for s in self.said]], 16)}-----"

    @property
    def text(self) -> str:
        """What is shown, as data: a JSON list between two fences, in which no text can pass for structure."""
        told = [{"turn": each.turn, "speaker": each.speaker, "text": each.text} for each in self.said]
        lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in told)
        shown = lines.replace("<", "\\u003c").replace(">", "\\u003e").replace("`", "\\u0060")
        return f"{self.fence}\n[{shown}]\n{self.fence}"

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes in one flat mapping."""
        own = {"id": self.id, "text": self.text, "conversation": self.conversation, "turn": self.turn}
        return {**own, **{name: value for name, value in self.attributes.items() if name not in own}}


def passages(
    turns: Iterable[Mapping[str, Any]], unit: Unit = "turn", *, context: int | None = None
) -> Iterator[Passage]:
    """Make passages of a table of turns.

    Parameters
    ----------
    turns
        Rows with `conversation`, `turn` (of the assistant; a user's line has that of the turn it goes
        before), `speaker` and `text`, the rows of a conversation together and in order. Further columns are
        attributes of the passage; where they differ within it, those of the coded turn are taken.
    unit
        `turn`: one passage an assistant turn, with what went before it; `transcript`: one a conversation.
    context
        The most lines that are shown before a coded turn; None for all.

    Yields
    ------
    Passage
        Turns in which the assistant says nothing are left out.
    """
    for conversation, rows in groupby(turns, key=lambda row: str(row["conversation"])):
        every = list(rows)
        said = [Said(int(row["turn"]), str(row["speaker"]), str(row["text"] or "")) for row in every]
        shown = [each for each in said if each.speaker in SHOWN and each.text.strip()]
        if unit == "transcript":
            if any(each.speaker == "assistant" for each in shown):
                yield Passage(conversation, conversation, None, tuple(shown), _attributes(every[-1]))
            continue
        for row, each in zip(every, said, strict=True):
            if each.speaker != "assistant" or not each.text.strip():
                continue
            before = [other for other in shown if other.turn <= each.turn and other is not each]
            kept = before if context is None else before[max(0, len(before) - context) :]
            unit_id = f"{conversation}:{each.turn}"
            yield Passage(unit_id, conversation, each.turn, (*kept, each), _attributes(row))


def _attributes(row: Mapping[str, Any]) -> dict[str, Attribute]:
    return {
        name: value
        for name, value in row.items()
        if name not in OWN and (value is None or isinstance(value, (str, float, int, bool)))
    }
