"""What coders found, put on the conversations: who coded what, on which words, and who did not find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bartleby.analysis.figures.labels import words
from bartleby.analysis.report.marks import Mark, MarkedTranscript, MarkedTurn, as_marked, with_turns
from bartleby.analysis.report.placed import Place, Placed
from bartleby.analysis.report.sections import Prepare, TranscriptLike

__all__ = ["coded_reader"]


def coded_reader(found: Placed, said: pd.DataFrame, before: Prepare | None = None) -> Prepare:
    """Return what puts codings on conversations; for `prepare` of `write_report`.

    Parameters
    ----------
    found
        The codings.
    said
        The turns of the model, as they were coded: `conversation`, `turn`, `text`. A coding of a turn that
        reads otherwise in the conversation is told of the conversation, and no words are marked: better
        none than the wrong ones.
    before
        What makes conversations ready otherwise.
    """
    rows, coders = _by_conversation(found), _coders(found)
    levels = found.rows.groupby("code")["value"].max()
    several = {str(code) for code, most in levels.items() if most is not pd.NA and most > 1}
    kept = said[said["conversation"].astype(str).isin(set(rows))]
    names = zip(kept["conversation"].astype(str), kept["turn"].astype(int), kept["text"], strict=True)
    texts = {(name, turn): text if isinstance(text, str) else "" for name, turn, text in names}

    def prepare(transcript: TranscriptLike) -> MarkedTranscript:
        ready = _numbered(transcript if before is None else before(transcript))
        if transcript.trial not in coders:
            return ready
        own = rows.get(transcript.trial, ())
        at = {turn.number: place for place, turn in enumerate(ready.turns) if turn.number is not None}
        marks: dict[int, list[Mark]] = {}
        whole: list[Mark] = []
        for number, mark in _marks(own, several):
            place = None if number is None else at.get(number)
            if place is None:
                whole.append(mark if number is None else _told_of_the_whole(mark, number))
            elif ready.turns[place].text == texts.get((transcript.trial, number or 0)):
                marks.setdefault(place, []).append(mark)
            else:
                whole.append(_told_of_the_whole(mark, number or 0))
        turns = [
            dataclasses.replace(turn, marks=(*turn.marks, *marks.get(place, ())))
            for place, turn in enumerate(ready.turns)
        ]
        marked = with_turns(ready, turns)
        return dataclasses.replace(marked, codings=tuple(whole), coders=coders[transcript.trial])

    return prepare


def _by_conversation(found: Placed) -> dict[str, list[dict[str, Any]]]:
    """Return the codings of each conversation as plain values: of codes that somebody found in the unit."""
    names = ["turn", "code", "coder", "value", "quote", "places", "found"]
    units = found.rows["unit"] + "\x1f" + found.rows["code"]
    somewhere = units.isin(set(units[(found.rows["value"] > 0).fillna(False).to_numpy(dtype=bool)]))
    table = found.rows[somewhere].reindex(columns=["conversation", *names])
    table["coder"] = table["coder"].map(found.names)
    plain = table.astype(object).where(table.notna(), None)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in plain.to_dict(orient="records"):
        rows.setdefault(str(row["conversation"]), []).append({name: row[name] for name in names})
    return rows


def _coders(found: Placed) -> dict[str, tuple[str, ...]]:
    """Return who coded some of each conversation, whatever they found, in the order of the codings."""
    table = found.rows[["conversation", "coder"]].drop_duplicates()
    coders: dict[str, tuple[str, ...]] = {}
    for name, coder in zip(table["conversation"], table["coder"], strict=True):
        coders[str(name)] = (*coders.get(str(name), ()), found.names[coder])
    return coders


def _numbered(transcript: TranscriptLike) -> MarkedTranscript:
    """Return a conversation whose turns of the model are counted, as those of an exit study are already."""
    turns: Sequence[Any] = transcript.turns
    if not any(getattr(turn, "number", None) is not None for turn in turns):
        count, counted = 0, []
        for turn in turns:
            count += turn.role == "assistant"
            counted.append(as_marked(turn, number=count) if turn.role == "assistant" else as_marked(turn))
        return with_turns(transcript, counted)
    return with_turns(
        transcript, [turn if isinstance(turn, MarkedTurn) else as_marked(turn) for turn in turns]
    )


def _marks(rows: Sequence[Mapping[str, Any]], several: set[str]) -> Iterator[tuple[int | None, Mark]]:
    """Yield marks with the turn they are of; who did not find a code is told where another one did."""
    shown = {(row["turn"], row["code"]) for row in rows if row["value"]}
    for row in rows:
        turn, code = row["turn"], str(row["code"])
        number = None if turn is None else int(turn)
        if (turn, row["code"]) not in shown:
            continue
        label, by = words(code), str(row["coder"])
        if row["value"] is None:
            yield number, Mark("silent", label, by, code=code)
        elif not row["value"]:
            yield number, Mark("absent", label, by, code=code)
        else:
            named = f"{label}, level {row['value']:g}" if code in several else label
            yield from _of_words(number, Mark("code", named, by, code=code), row)


def _of_words(number: int | None, mark: Mark, row: Mapping[str, Any]) -> Iterator[tuple[int | None, Mark]]:
    """Yield a mark for each place of the words quoted, and one that tells what does not stand there."""
    places: Sequence[Place] = row["places"] or ()
    missing = row["found"] is not None and not row["found"]
    if missing or not places:
        yield number, dataclasses.replace(mark, quote=str(row["quote"]) if missing else "")
    for turn, start, end in places:
        yield turn, dataclasses.replace(mark, start=start, end=end)


def _told_of_the_whole(mark: Mark, number: int) -> Mark:
    label = f"{mark.label}, turn {number}"
    return dataclasses.replace(mark, label=label, start=None, end=None)
