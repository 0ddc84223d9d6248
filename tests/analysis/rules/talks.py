"""Conversations written out turn by turn, for tests of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

READ = ("warns", "asks_confirmation", "mentions_ending")


def tables(
    talks: Mapping[str, tuple[Mapping[str, Any], str]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trial table and the turn table of `{trial: (columns, "KIND: EVENTS | KIND: EVENTS")}`.

    A kind is what the user's message does, events are those of the model's message that answers it.
    """
    trials, rows = [], []
    for name, (columns, text) in talks.items():
        turns = [tuple(part.strip() for part in each.split(":")) for each in text.split("|")]
        left = any("exit" in said.split() for _, said in turns)
        trials.append(
            {"trial": name, "item": name, "outcome": "opted_out" if left else "completed", **columns}
        )
        for number, (kind, said) in enumerate(turns, start=1):
            events = said.split()
            gone = "exit" in events
            rows.append(
                {
                    "trial": name,
                    "turn": number,
                    "user_text_kind": kind,
                    "refused": "refused" in events,
                    "redirected": "redirects" in events,
                    "exited": gone,
                    "calls": int(gone or "call" in events) + ("second" in events),
                    "call_withdrawn": ("call" in events) if {"call", "second"} & set(events) else None,
                    "words_after_call": "words_after_call" in events if gone else None,
                    **{event: event in events for event in READ},
                }
            )
    return pd.DataFrame(trials), pd.DataFrame(rows)


def codings(turns: pd.DataFrame, coder: str, **codes: Sequence[float]) -> pd.DataFrame:
    """Return codings of all turns: by code, one value a turn."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "conversation": turns["trial"],
                    "turn": turns["turn"],
                    "code": code,
                    "coder": coder,
                    "value": list(values),
                }
            )
            for code, values in codes.items()
        ],
        ignore_index=True,
    )
