"""Made-up tables of exits for tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit


def conversations(
    rows: Mapping[str, list[tuple[str, int]]], cluster: str = "item", **columns: object
) -> pd.DataFrame:
    """Return trials from `{scenario: [(outcome, turns), ...]}`."""
    table = [
        {
            cluster: name,
            "outcome": outcome,
            "turn": turns if outcome == "opted_out" else None,
            "turns": turns,
            **columns,
        }
        for name, ended in rows.items()
        for outcome, turns in ended
    ]
    return pd.DataFrame(table)


def simulated(
    rng: np.random.Generator,
    *,
    scenarios: int = 12,
    repeats: int = 10,
    hazard: float = -2.0,
    spread: float = 1.0,
    cap: int = 8,
    abandon: float = 0.03,
    **columns: object,
) -> pd.DataFrame:
    """Return conversations whose scenarios differ in the logit of leaving at a turn."""
    at = np.repeat(np.arange(scenarios), repeats)
    chance = expit(hazard + rng.normal(0, spread, scenarios))[at]
    left, ended = rng.geometric(chance), rng.geometric(abandon, len(at))
    turns = np.minimum(np.minimum(left, ended), cap)
    exited = left <= turns
    outcome = np.where(exited, "opted_out", np.where(ended < cap, "abandoned", "completed"))
    return pd.DataFrame(
        {
            "item": [f"scenario {number}" for number in at],
            "outcome": outcome,
            "turn": pd.array(np.where(exited, turns, -1), dtype="Int64").astype("Int64"),
            "turns": turns,
            **columns,
        }
    ).assign(turn=lambda table: table["turn"].where(table["turn"] > 0))


def turn_rows(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the turn table of trials: one row a turn that was had."""
    repeated = trials.loc[trials.index.repeat(trials["turns"])].reset_index()
    turn = repeated.groupby("index").cumcount() + 1
    exited = (repeated["outcome"] == "opted_out") & (turn == repeated["turns"])
    return repeated.assign(turn=turn, exited=exited).drop(columns=["index", "turns"])
