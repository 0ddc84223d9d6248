"""The trials as data inside the page, for its reader: which ones, in what form, and how made harmless.

What a model wrote is never markup here. It is JSON in which no `<` occurs, so it cannot end the element it
stands in, and the page's script puts it on screen as text only.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.report.marks import mark_rows
from bartleby.analysis.report.sampling import Keeper, Sample, sample_trials
from bartleby.analysis.report.sections import Prepare, Reader, TranscriptLike, TurnLike
from bartleby.progress import steps
from bartleby.visible import page_text

__all__ = ["BUDGET", "LONGEST", "Embedded", "as_script_text", "compressed", "embed"]

LONGEST = 1_000_000
"""Characters of one turn that are embedded."""
BUDGET = 40_000_000
"""Characters of all turns together that are embedded."""
TURN = 80
"""What a turn costs beside its text, in characters."""
FACTS = (
    "refused",
    "said",
    "turn",
    "turns",
    "probability_first",
    "probability_second",
    "label_mass",
    "sample",
)
"""Columns of the trial table that are shown beside a conversation, where it has them."""


@dataclass(frozen=True)
class Embedded:
    """Trials for the reader.

    Parameters
    ----------
    data
        JSON values.
    shown
        How many trials are in it.
    note
        Which ones, if not all.
    item
        What an item is called.
    """

    data: dict[str, Any]
    shown: int
    note: str
    item: str = "item"


def embed(
    transcripts: Iterable[TranscriptLike],
    trials: pd.DataFrame,
    items: Sequence[Mapping[str, Any]],
    *,
    maximum: int,
    seed: int,
    reader: Reader | None = None,
    prepare: Prepare | None = None,
) -> Embedded:
    """Return the trials that go into the page.

    Parameters
    ----------
    transcripts
        Conversations; read once, never held all at once.
    trials
        The trial table, for what else is known of each.
    items
        The items of the study, with their attributes.
    maximum
        Most trials that are embedded; above it, a random sample stratified by outcome and by
        `reader.strata`. If those are too long for a page, a random part of them.
    seed
        Seed of that sample.
    reader
        What trials can be filtered by, and what is told of each.
    prepare
        What is done to each conversation that is embedded, and only to those: of many, few are.
    """
    reader = reader or Reader()
    sample = sample_trials(trials, maximum, seed, reader.strata) if "trial" in trials else None
    known = _facts(trials, sample, (*FACTS, *reader.facets, *reader.facts), frozenset(reader.facts))
    kept = Keeper(BUDGET, seed)
    seen = taken = 0
    for transcript in steps(transcripts, "reading conversations", len(trials) or None, unit="trial"):
        seen += 1
        wanted = sample is None or transcript.trial in sample.ids or transcript.outcome is None
        if not wanted or taken >= maximum:
            continue
        taken += 1
        shown = transcript if prepare is None else prepare(transcript)
        row = _trial(shown, known.get(transcript.trial, {}))
        size = sum(len(turn["text"]) + TURN for turn in row["turns"])
        kept.add(row, size, always=sample is not None and transcript.trial in sample.whole)
    data = {
        "items": [_item(each) for each in items],
        "groups": _groups(items),
        **reader.to_dict(),
        "trials": kept.rows,
    }
    note = _note(len(kept.rows), seen, seed, sample, reader, thinned=kept.threshold < 1)
    return Embedded(data, len(kept.rows), note, reader.item)


def as_script_text(data: object) -> str:
    """Return JSON that can stand in a `<script>` element: no `<`, `>` or `&`, and nothing but ASCII."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def compressed(text: str) -> str:
    """Return text as gzip in base 64, for a browser to unpack: conversations become a fifth as long."""
    return base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")


def _trial(transcript: TranscriptLike, facts: Mapping[str, Any]) -> dict[str, Any]:
    told = {"seconds": getattr(transcript, "seconds", None), "sample": getattr(transcript, "sample", None)}
    message = getattr(transcript, "message", None)
    codings, coders = mark_rows("", getattr(transcript, "codings", ())), getattr(transcript, "coders", ())
    return {
        "id": visible(transcript.trial),
        "items": [visible(item) for item in transcript.items],
        "conditions": {visible(name): visible(level) for name, level in transcript.conditions.items()},
        "outcome": visible(transcript.outcome or "not finished"),
        "turns": [_turn(turn) for turn in transcript.turns],
        "facts": {**{name: _plain(value) for name, value in told.items() if value is not None}, **facts},
        **({"message": page_text(message)} if message else {}),
        **({"codings": codings} if codings else {}),
        **({"coders": [visible(name) for name in coders]} if coders else {}),
    }


def _turn(turn: TurnLike) -> dict[str, Any]:
    text = str(turn.text)
    row: dict[str, Any] = {"role": visible(turn.role), "text": visible(text[:LONGEST])}
    if len(text) > LONGEST:
        row["cut"] = len(text) - LONGEST
    speaker, number = getattr(turn, "speaker", ""), getattr(turn, "number", None)
    marks = mark_rows(text[:LONGEST], getattr(turn, "marks", ()))
    row |= {"speaker": visible(speaker)} if speaker else {}
    row |= {"number": int(number)} if number is not None else {}
    row |= {"aside": True} if getattr(turn, "aside", False) else {}
    row |= {"marks": marks} if marks else {}
    calls = [
        f"{visible(call.name)}({visible(json.dumps(dict(call.arguments), ensure_ascii=False, default=str))})"
        for call in getattr(turn, "tool_calls", ())
    ]
    stops = [str(getattr(turn, name, None) or "") for name in ("stop", "stop_detail")]
    stop = ": ".join(visible(each) for each in stops if each)
    chances = getattr(turn, "probabilities", None) or {}
    if calls:
        row["calls"] = calls
    if stop:
        row["stop"] = stop
    if chances:
        row["chances"] = {visible(label): _plain(chance) for label, chance in chances.items()}
    return row


def _facts(
    trials: pd.DataFrame, sample: Sample | None, names: Sequence[str], if_any: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """Return what is told of each trial; of the columns `if_any`, only what is neither 0 nor false."""
    if sample is None:
        return {}
    columns = [name for name in dict.fromkeys(names) if name in trials]
    found = trials[trials["trial"].astype(str).isin(sample.ids)]
    # With the trial among them: of no columns, some versions of pandas return no records.
    records = found[list(dict.fromkeys(["trial", *columns]))].astype(object).to_dict(orient="records")
    return {
        str(trial): {
            str(name): _plain(value)
            for name, value in row.items()
            if name in columns and not _missing(value) and (name not in if_any or value)
        }
        for trial, row in zip(found["trial"], records, strict=True)
    }


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: visible(item.get(name) or "") for name in ("id", "title", "text", "kind", "impact")}


def _groups(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the groups of items one can filter by: those of an impact, and those of a kind."""
    groups: dict[str, list[str]] = {}
    for item in items:
        for name in ("impact", "kind"):
            if item.get(name):
                groups.setdefault(f"{name}: {visible(item[name])}", []).append(visible(item["id"]))
    return [{"label": label, "items": ids} for label, ids in groups.items() if len(ids) < len(items)]


def _plain(value: object) -> object:
    """Return a JSON value of a cell: numpy scalars unwrapped, floats short enough to read."""
    item = getattr(value, "item", None)
    plain = item() if callable(item) else value
    if isinstance(plain, float):
        return float(f"{plain:.4g}") if np.isfinite(plain) else str(plain)
    return plain if isinstance(plain, int | bool) else visible(plain)


def _missing(value: object) -> bool:
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
    )


def _note(shown: int, seen: int, seed: int, sample: Sample | None, reader: Reader, *, thinned: bool) -> str:
    if shown == seen:
        return f"All {shown:,} trials are here." if shown else "There are no trials to read."
    if sample is None or not (sample.drawn or thinned):
        return f"{shown:,} of {seen:,} trials are here. The log has all of them."
    strata = " and ".join(["outcomes", *(f"{name.replace('_', ' ')}" for name in reader.strata)])
    few = f" with every trial of those that occurred {sample.few:,} times or less" if sample.few else ""
    size = "; it is a part of them because all would make this page too large to open" if thinned else ""
    return (
        f"{shown:,} of {seen:,} trials are here: a random sample in proportion to {strata} (seed {seed})"
        f"{few}{size}. The log has all of them."
    )
