"""The trials as data inside the page, for its reader: which ones, in what form, and how made harmless.

What a model wrote is never markup here. It is JSON in which no `<` occurs, so it cannot end the element it
stands in, and the page's script puts it on screen as text only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.report.sections import TranscriptLike, TurnLike

__all__ = ["Embedded", "as_script_text", "embed", "sample_trials"]

FEW = 50
"""An outcome with no more trials than this is never sampled."""
LONGEST = 1_000_000
"""Characters of one turn that are embedded."""
BUDGET = 60_000_000
"""Characters of all turns together that are embedded."""
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
    """

    data: dict[str, Any]
    shown: int
    note: str


def embed(
    transcripts: Iterable[TranscriptLike],
    trials: pd.DataFrame,
    items: Sequence[Mapping[str, Any]],
    *,
    maximum: int,
    seed: int,
    facets: Sequence[str] = (),
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
        Most trials that are embedded; above it, a random sample stratified by outcome.
    seed
        Seed of that sample.
    facets
        Columns of the trial table to filter by, beyond outcome and conditions.
    """
    chosen = sample_trials(trials, maximum, seed) if "trial" in trials else None
    known = _facts(trials, chosen, facets)
    rows: list[dict[str, Any]] = []
    characters, seen = 0, 0
    for transcript in transcripts:
        seen += 1
        wanted = chosen is None or transcript.trial in chosen or transcript.outcome is None
        if not wanted or len(rows) >= maximum or characters >= BUDGET:
            continue
        row = _trial(transcript, known.get(transcript.trial, {}))
        characters += sum(len(turn["text"]) for turn in row["turns"])
        rows.append(row)
    data = {
        "items": [_item(each) for each in items],
        "groups": _groups(items),
        "facets": list(facets),
        "trials": rows,
    }
    note = _note(len(rows), seen, seed, full=characters >= BUDGET, sampled=chosen is not None)
    return Embedded(data, len(rows), note)


def sample_trials(trials: pd.DataFrame, maximum: int, seed: int) -> frozenset[str]:
    """Return ids of at most `maximum` trials, in proportion to outcomes; rare outcomes are kept whole."""
    names = trials["trial"].astype(str)
    if len(names) <= maximum:
        return frozenset(names)
    rng = np.random.default_rng(seed)
    outcomes = trials["outcome"].astype("string").fillna("missing") if "outcome" in trials else names * 0
    by_outcome = {str(value): names[outcomes == value].to_numpy() for value in sorted(outcomes.unique())}
    rare = {value for value, found in by_outcome.items() if len(found) <= FEW}
    kept = [name for value in by_outcome for name in by_outcome[value] if value in rare][:maximum]
    common = [found for value, found in by_outcome.items() if value not in rare]
    total = sum(len(found) for found in common)
    for found in common:
        share = (maximum - len(kept)) * len(found) // total
        total -= len(found)
        kept += list(rng.choice(found, size=share, replace=False))
    return frozenset(kept)


def as_script_text(data: object) -> str:
    """Return JSON that can stand in a `<script>` element: no `<`, `>` or `&`, and nothing but ASCII."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _trial(transcript: TranscriptLike, facts: Mapping[str, Any]) -> dict[str, Any]:
    told = {"seconds": getattr(transcript, "seconds", None), "sample": getattr(transcript, "sample", None)}
    message = getattr(transcript, "message", None)
    return {
        "id": visible(transcript.trial),
        "items": [visible(item) for item in transcript.items],
        "conditions": {visible(name): visible(level) for name, level in transcript.conditions.items()},
        "outcome": visible(transcript.outcome or "not finished"),
        "turns": [_turn(turn) for turn in transcript.turns],
        "facts": {**{name: _plain(value) for name, value in told.items() if value is not None}, **facts},
        **({"message": visible(message)} if message else {}),
    }


def _turn(turn: TurnLike) -> dict[str, Any]:
    text = str(turn.text)
    row: dict[str, Any] = {"role": visible(turn.role), "text": visible(text[:LONGEST])}
    if len(text) > LONGEST:
        row["cut"] = len(text) - LONGEST
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
    trials: pd.DataFrame, chosen: frozenset[str] | None, facets: Sequence[str]
) -> dict[str, dict[str, Any]]:
    if chosen is None:
        return {}
    columns = [name for name in dict.fromkeys((*FACTS, *facets)) if name in trials]
    found = trials[trials["trial"].astype(str).isin(chosen)]
    records = found[columns].astype(object).to_dict(orient="records")
    return {
        str(trial): {str(name): _plain(value) for name, value in row.items() if not _missing(value)}
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


def _note(shown: int, seen: int, seed: int, *, full: bool, sampled: bool) -> str:
    if shown == seen:
        return f"All {shown:,} trials are here." if shown else "There are no trials to read."
    if full:
        return f"The first {shown:,} of {seen:,} trials are here: the rest would make this page too large."
    if sampled:
        return (
            f"{shown:,} of {seen:,} trials are here: a random sample in proportion to outcomes (seed {seed}) "
            f"with every trial of outcomes that occurred {FEW} times or less. The log has all of them."
        )
    return f"The first {shown:,} of {seen:,} trials are here. The log has all of them."
