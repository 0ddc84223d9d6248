"""Conversations that could be left, made ready to be read: who speaks, turns counted, exits pointed out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bartleby.analysis.report.exit_data import ExitData
from bartleby.analysis.report.marks import Mark, MarkedTranscript, MarkedTurn, as_marked, with_turns
from bartleby.analysis.report.sections import Prepare, Reader, TranscriptLike, TurnLike

__all__ = ["exit_reader", "reader_of"]

FACTS = (
    "refusals",
    "redirections",
    "exit_reason",
    "wrote_text",
    "exit_calls",
    "exit_quoted",
    "other_tools",
    "user_asked_to_end",
    "expected",
    "match",
    "origin",
    "branch",
    "branch_turn",
)
LEFT = {
    "tool": "left here, by the tool",
    "string": "left here, by the exit string",
    "question": "left here, asked whether to stay",
    "option": "declined here, by the option",
}


def reader_of(data: ExitData) -> Reader:
    """Return how the reader of trials is set up for exits: by class, role, turn of the exit."""
    facets = [
        name for name in (data.classes, "turn" if data.long else None, "expected") if name in data.trials
    ]
    return Reader(
        facets=tuple(str(name) for name in facets),
        names={
            "scenario_class": "class",
            "turn": "left at turn",
            "turns": "turns",
            "refused": "declined in words",
            "expected": "leaving would be",
            "exit_channel": "exit by",
            "effect": "leaving does",
            "refusals": "turns declined",
            "redirections": "turns redirected",
        },
        absent={"turn": "did not leave"},
        strata=(data.classes,) if data.classes is not None else (),
        facts=FACTS,
        item="scenario" if "scenario_class" in data.trials else "item",
    )


def exit_reader(trials: pd.DataFrame, turns: pd.DataFrame | None = None) -> Prepare:
    """Return what makes conversations ready: speakers, counted turns, marks where the model left or declined.

    Parameters
    ----------
    trials
        The trial table, for the turn of the exit and how it was offered.
    turns
        The turn table, for where the model declined. Marks of a trial whose turns do not fit those of its
        conversation are not shown: better none than at the wrong place.
    """
    known = _by_trial(trials, ("turn", "turns", "exit_channel", "outcome", "user"))
    declined = _declined(turns)

    def prepare(transcript: TranscriptLike) -> MarkedTranscript:
        facts = known.get(transcript.trial, {})
        told = _speaking(transcript, facts)
        marked = _pointed_out(told, facts, declined.get(transcript.trial, frozenset()))
        return with_turns(transcript, tuple(marked))

    return prepare


def _by_trial(trials: pd.DataFrame, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    if "trial" not in trials:
        return {}
    there = [name for name in names if name in trials]
    rows = trials[there].astype(object).to_dict(orient="records")
    return {
        str(name): {str(k): v for k, v in row.items()}
        for name, row in zip(trials["trial"], rows, strict=True)
    }


def _declined(turns: pd.DataFrame | None) -> dict[str, frozenset[int]]:
    """Return the turns of each trial at which the model declined in words."""
    if turns is None or not {"trial", "turn", "refused"} <= set(turns):
        return {}
    rows = turns[turns["refused"].fillna(False).astype(bool)]
    return {str(name): frozenset(map(int, part)) for name, part in rows.groupby("trial")["turn"]}


def _speaking(transcript: TranscriptLike, facts: Mapping[str, Any]) -> list[MarkedTurn]:
    """Return the turns with who speaks, those of the model in the conversation counted from 1.

    The opening is the scenario's own, even where another model plays the user from then on.
    """
    played = facts.get("user") == "simulated" or transcript.conditions.get("user") == "simulated"
    told: list[MarkedTurn] = []
    number, opened = 0, False
    for turn in transcript.turns:
        aside = bool(getattr(turn, "aside", False))
        if turn.role == "assistant":
            number += not aside
            speaker = "model, beside the conversation" if aside else "model"
            told.append(as_marked(turn, number=None if aside else number, speaker=speaker, aside=aside))
            continue
        told.append(as_marked(turn, speaker=_other(turn, aside=aside, played=played and opened), aside=aside))
        opened = opened or (turn.role == "user" and not aside)
    return told


def _other(turn: TurnLike, *, aside: bool, played: bool) -> str:
    if turn.role != "user":
        return "system prompt" if turn.role == "system" else turn.role
    if aside:
        return "the study asks"
    return "user, played by another model" if played else "user, scripted"


def _pointed_out(
    turns: list[MarkedTurn], facts: Mapping[str, Any], declined: frozenset[int]
) -> Iterator[MarkedTurn]:
    counted = max((turn.number or 0 for turn in turns), default=0)
    had = facts.get("turns")
    fits = had is None or pd.isna(had) or int(had) == counted
    left = _exit_place(turns, facts) if fits else None
    for place, turn in enumerate(turns):
        marks = list(turn.marks)
        if fits and turn.number in declined:
            marks.append(Mark("declined", "declined in words"))
        if place == left:
            marks.append(Mark("exit", LEFT.get(str(facts.get("exit_channel")), "left here")))
        yield as_marked(turn, marks=tuple(marks))


def _exit_place(turns: list[MarkedTurn], facts: Mapping[str, Any]) -> int | None:
    """Return which turn is the exit: the reply of that number, or the answer to the question behind it."""
    at = facts.get("turn")
    if facts.get("outcome") != "opted_out":
        return None
    number = 1 if at is None or pd.isna(at) else int(at)
    found = [place for place, turn in enumerate(turns) if turn.number == number]
    if not found:
        return None
    if facts.get("exit_channel") != "question":
        return found[0]
    behind = [
        place
        for place, turn in enumerate(turns[found[0] + 1 :], found[0] + 1)
        if turn.role == "assistant" and turn.number is None
    ]
    return behind[0] if behind else found[0]
