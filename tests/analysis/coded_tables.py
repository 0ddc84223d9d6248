"""Made-up tables of coded turns for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit


def simulated_turns(
    rng: np.random.Generator,
    *,
    scenarios: int = 30,
    repeats: int = 8,
    turns: int = 8,
    onset: float = -2.5,
    spread: float = 1.0,
    persists: float = 1.5,
    leaving: float = -3.0,
    leaves_if: float = 1.5,
) -> pd.DataFrame:
    """Return turns whose code goes on by itself, and whose model leaves more often at a turn with it."""
    size = scenarios * repeats
    scenario = np.repeat(np.arange(scenarios), repeats)
    own = rng.normal(0, spread, scenarios)[scenario]
    here, before, parts = np.ones(size, dtype=bool), np.zeros(size), []
    for turn in range(1, turns + 1):
        code = (rng.random(size) < expit(onset + own + persists * before)).astype(int)
        leaves = (rng.random(size) < expit(leaving + leaves_if * code)).astype(int)
        at = np.flatnonzero(here)
        parts.append(
            pd.DataFrame(
                {
                    "item": [f"scenario {number}" for number in scenario[at]],
                    "conversation": [f"c{number}" for number in at],
                    "turn": turn,
                    "coded": code[at],
                    "exited": leaves[at],
                }
            )
        )
        here &= leaves == 0
        before = code.astype(float)
    return pd.concat(parts, ignore_index=True)


def spelled(rows: dict[str, str], **columns: str) -> pd.DataFrame:
    """Return turns from `{conversation: "0 1 . 1x"}`: 0, 1, `.` not coded, `x` where the model left."""
    table = []
    for name, text in rows.items():
        for at, word in enumerate(text.split(), start=1):
            code = None if word[0] == "." else int(word[0])
            table.append({"conversation": name, "turn": at, "coded": code, "exited": int(word.endswith("x"))})
    return pd.DataFrame(table).assign(**columns).astype({"coded": "Int8"})
