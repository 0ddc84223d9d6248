"""Tables of choices with known answers, shared by the tests of the choice model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

BASEBALL_TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
# Agresti (2002), table 10.10: wins of the home team (row) over the away team, and its losses, 1987.
BASEBALL = {
    "Milwaukee": ((4, 3), (4, 2), (4, 3), (6, 1), (4, 2), (6, 0)),
    "Detroit": ((3, 3), (4, 2), (4, 3), (6, 0), (6, 1), (4, 3)),
    "Toronto": ((2, 5), (4, 3), (2, 4), (4, 3), (4, 2), (6, 0)),
    "New York": ((3, 3), (5, 1), (2, 5), (4, 3), (4, 2), (6, 1)),
    "Boston": ((5, 1), (2, 5), (3, 3), (4, 2), (5, 2), (6, 0)),
    "Cleveland": ((2, 5), (3, 3), (3, 4), (4, 3), (4, 2), (2, 4)),
    "Baltimore": ((2, 5), (1, 5), (1, 6), (2, 4), (1, 6), (3, 4)),
}
# Stigler (1994): citations; the cited journal wins.
CITATIONS = (
    ("Biometrika", "Comm Statist", 730, 33),
    ("Biometrika", "JASA", 498, 320),
    ("Biometrika", "JRSS-B", 221, 284),
    ("Comm Statist", "JASA", 68, 813),
    ("Comm Statist", "JRSS-B", 17, 276),
    ("JASA", "JRSS-B", 142, 325),
)
# Dittrich, Hatzinger & Katzenbeisser (1998): CEMS schools, first preferred, second preferred, no decision.
CEMS = (
    ("London", "Barcelona", 217, 67, 19),
    ("Milano", "Barcelona", 104, 132, 67),
    ("Paris", "Barcelona", 157, 109, 37),
    ("St.Gallen", "Barcelona", 144, 134, 25),
    ("London", "Milano", 221, 56, 26),
    ("Paris", "Milano", 121, 59, 32),
    ("London", "Paris", 186, 91, 26),
    ("London", "St.Gallen", 208, 73, 22),
    ("Milano", "St.Gallen", 135, 140, 28),
    ("Paris", "St.Gallen", 165, 119, 19),
    ("Barcelona", "Stockholm", 172, 90, 41),
    ("London", "Stockholm", 250, 34, 19),
    ("Milano", "Stockholm", 157, 100, 46),
    ("Paris", "Stockholm", 203, 70, 30),
    ("St.Gallen", "Stockholm", 155, 98, 50),
)


def choices(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Return rows of (first, second, outcome, count) as a table."""
    return pd.DataFrame(rows, columns=["first", "second", "outcome", "count"])


def from_wins(pairs: object) -> pd.DataFrame:
    """Return (first, second, wins of the first, wins of the second[, ties]) as a table of choices."""
    names = ("chose_first", "chose_second", "indifferent")
    return choices(
        [
            (first, second, name, count)
            for first, second, *counts in pairs  # type: ignore[attr-defined]
            for name, count in zip(names, counts, strict=False)
        ]
    )


def baseball() -> pd.DataFrame:
    """Return the games as choices, the home team shown first."""
    return from_wins(
        (home, away, *games)
        for home, all_games in BASEBALL.items()
        for away, games in zip((t for t in BASEBALL_TEAMS if t != home), all_games, strict=True)
    )


def simulated(
    seed: int, *, n_items: int = 8, repeats: int = 4, slot: float = 0.5, spread: float = 1.0
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return choices among all pairs in both orders, and the utilities they were made by."""
    rng = np.random.default_rng(seed)
    utility = spread * rng.normal(size=n_items)
    first, second = (part.ravel() for part in np.meshgrid(np.arange(n_items), np.arange(n_items)))
    keep = np.repeat(np.flatnonzero(first != second), repeats)
    first, second = first[keep], second[keep]
    wins = rng.random(len(first)) < 1 / (1 + np.exp(-(utility[first] - utility[second] + slot)))
    names = np.array([f"item {at:02d}" for at in range(n_items)])
    table = pd.DataFrame(
        {
            "first": names[first],
            "second": names[second],
            "outcome": np.where(wins, "chose_first", "chose_second"),
        }
    )
    return table, dict(zip(names.tolist(), utility.tolist(), strict=True))
