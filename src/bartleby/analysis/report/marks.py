"""What is pointed out in a conversation: where the model left, where it declined, what a coder marked.

A mark is of a whole turn, or of some of its words. Marks come from outside of the conversation (a turn
table, a table of codings), so they are put on by `marked`, which takes conversations of any kind and gives
them back with their marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.report.sections import Prepare, TranscriptLike, TurnLike

__all__ = ["Mark", "MarkedTranscript", "MarkedTurn", "as_marked", "mark_rows", "marked", "with_turns"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that is pointed out in a turn.

    Parameters
    ----------
    kind
        `exit`, `declined`, `code`, or another: it decides how the mark looks. `absent`: a coder looked and
        did not find what another one did; `silent`: a coder gave no coding.
    label
        What is said of it, in words.
    by
        Who says so: a reader of the study, a judge, a person. Empty for what the log itself says.
    start, end
        Characters of the turn's text that it is about, from `start` up to `end`; None for the whole turn.
    code
        The code, if it is about one.
    quote
        Words that were quoted for it and do not stand where they should: told, and not marked.
    """

    kind: str
    label: str
    by: str = ""
    start: int | None = None
    end: int | None = None
    code: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class MarkedTurn:
    """What was said once, by whom, with its marks.

    `number` counts the turns of the model, from 1. What stands `aside` was asked or answered beside the
    conversation, and is no part of it.
    """

    role: str
    text: str
    tool_calls: tuple[Any, ...] = ()
    stop: str | None = None
    stop_detail: str | None = None
    probabilities: Mapping[str, float] | None = None
    speaker: str = ""
    number: int | None = None
    aside: bool = False
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkedTranscript:
    """The conversation of one trial, its turns with marks.

    `codings` are of the conversation as a whole; `coders` have coded some of it, whatever they found.
    """

    trial: str
    items: tuple[str, ...]
    conditions: Mapping[str, str]
    outcome: str | None
    turns: tuple[MarkedTurn, ...]
    sample: int | None = None
    seconds: float | None = None
    message: str | None = None
    codings: tuple[Mark, ...] = ()
    coders: tuple[str, ...] = ()


def as_marked(turn: TurnLike, **changes: Any) -> MarkedTurn:  # noqa: ANN401 - fields of a marked turn
    """Return a turn as one that can have marks, with some of its fields changed."""
    told = {
        name: getattr(turn, name)
        for name in MarkedTurn.__dataclass_fields__
        if getattr(turn, name, None) is not None
    }
    return MarkedTurn(**{**told, **changes})


def marked(marks: Mapping[tuple[str, int], Sequence[Mark]]) -> Prepare:
    """Return what puts further marks on the turns of conversations; for `prepare` of `write_report`.

    Parameters
    ----------
    marks
        By id of the trial and place of the turn in its transcript, from 0.
    """

    def mark(transcript: TranscriptLike) -> MarkedTranscript:
        turns = [
            as_marked(turn, marks=(*getattr(turn, "marks", ()), *marks.get((transcript.trial, place), ())))
            for place, turn in enumerate(transcript.turns)
        ]
        return with_turns(transcript, turns)

    return mark


def with_turns(transcript: TranscriptLike, turns: Sequence[MarkedTurn]) -> MarkedTranscript:
    """Return a conversation with other turns."""
    return MarkedTranscript(
        transcript.trial,
        tuple(transcript.items),
        transcript.conditions,
        transcript.outcome,
        tuple(turns),
        getattr(transcript, "sample", None),
        getattr(transcript, "seconds", None),
        getattr(transcript, "message", None),
        getattr(transcript, "codings", ()),
        getattr(transcript, "coders", ()),
    )


def mark_rows(text: str, marks: Iterable[Mark]) -> list[dict[str, Any]]:
    """Return marks as JSON values, with places in the text as the page's script counts them.

    Hidden characters are shown as several, and a script counts UTF-16 units, so places move.

    Parameters
    ----------
    text
        What was said, as it came.
    marks
        Its marks. Places beyond the text are taken as its end; a mark of no characters is one of the turn.
    """
    rows = []
    for mark in marks:
        row: dict[str, Any] = {"kind": visible(mark.kind), "label": visible(mark.label)}
        for name in ("by", "code", "quote"):
            if getattr(mark, name):
                row[name] = visible(getattr(mark, name))
        if mark.start is not None and mark.end is not None:
            start, end = (_unit(text, place) for place in (mark.start, mark.end))
            if end > start:
                row |= {"start": start, "end": end}
        rows.append(row)
    return rows


def _unit(text: str, place: int) -> int:
    """Return how many UTF-16 units the visible text has before a character."""
    place = min(max(place, 0), len(text))
    if text[place - 1 : place + 1] == "\r\n":  # shown as one line feed: not to be taken apart
        place -= 1
    return len(visible(text[:place]).encode("utf-16-le")) // 2
