"""Tables of repeated choices, shared by the tests of consistency."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.tables.estimates import Estimates


def tournament(beats: dict[tuple[str, str], int], answers: int = 1) -> pd.DataFrame:
    """Return choices in both orders: of each pair (a, b) the first item is always taken if 1, else b."""
    rows = []
    for (a, b), first in beats.items():
        rows.append((a, b, "chose_first" if first else "chose_second", answers))
        rows.append((b, a, "chose_second" if first else "chose_first", answers))
    return pd.DataFrame(rows, columns=["first", "second", "outcome", "count"])


def cycle(n: int) -> pd.DataFrame:
    """Return the most circular tournament of an odd number of items: each beats the next (n - 1) / 2."""
    names = [f"item {at}" for at in range(n)]
    return tournament(
        {(names[a], names[b]): int((b - a) % n <= (n - 1) // 2) for a, b in combinations(range(n), 2)}
    )


def ladder(n: int, answers: int = 1) -> pd.DataFrame:
    """Return a transitive tournament."""
    names = [f"item {at}" for at in range(n)]
    return tournament({(names[a], names[b]): 1 for a, b in combinations(range(n), 2)}, answers)


def repeated(
    seed: int,
    *,
    n_items: int = 8,
    answers: int = 4,
    spread: float = 1.0,
    pair_spread: float = 0.0,
    **conditions: str,
) -> pd.DataFrame:
    """Return counted answers to all pairs in both orders, pairs having a preference of their own."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(n_items, 1)
    utility = spread * rng.normal(size=n_items)
    own = pair_spread * rng.normal(size=len(a))
    names = np.array([f"item {at}" for at in range(n_items)])
    parts = []
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        chance = 1 / (1 + np.exp(-(utility[first] - utility[second] + sign * own)))
        taken = rng.binomial(answers, chance)
        for outcome, count in (("chose_first", taken), ("chose_second", answers - taken)):
            lead = {"first": names[first], "second": names[second], "outcome": outcome, "count": count}
            parts.append(pd.DataFrame({**lead, **conditions}))
    return pd.concat(parts, ignore_index=True)


def by_term(found: Estimates) -> dict[str, dict[str, Any]]:
    """Return rows of estimates by term."""
    rows = found.to_frame().to_dict(orient="records")
    return {str(row["term"]): {str(name): value for name, value in row.items()} for row in rows}


def same(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> bool:
    """Tell whether two tables of rows are alike, to rounding."""
    left, right = (pd.DataFrame.from_dict(each, orient="index") for each in (one, other))
    pd.testing.assert_frame_equal(left, right)
    return True
