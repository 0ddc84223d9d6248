"""Which utilities the data cannot pin down: disconnected graphs, and items that always or never win.

Items that are never compared, even through others, cannot be placed on one scale. Items that only ever win
or only ever lose against the rest have no finite maximum-likelihood estimate: the likelihood rises for
ever (Ford 1957). Both are found exactly, before anything is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse
from scipy.sparse import csgraph

__all__ = ["Separation", "components", "pair_separation", "polyhedral_separation"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Separation:
    """What has no finite maximum-likelihood estimate.

    Parameters
    ----------
    separated
        Whether anything is.
    never, always
        Items that lost, or won, every one of their trials (codes).
    others
        Further items whose utility relative to the largest group of items that beat each other, directly
        or through others, is infinite.
    slot
        Whether the slot effect itself is.
    """

    separated: bool
    never: tuple[int, ...] = ()
    always: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    slot: bool = False

    @property
    def items(self) -> tuple[int, ...]:
        """All separated items (codes)."""
        return (*self.never, *self.always, *self.others)

    def describe(self, items: Sequence[str]) -> str:
        """Return which items are separated, in words."""
        parts = [
            f"{words}: {', '.join(items[code] for code in codes)}"
            for words, codes in (
                ("never chosen", self.never),
                ("always chosen", self.always),
                ("above or below all others they met", self.others),
            )
            if codes
        ]
        if self.slot:
            parts.append("the slot effect: answers follow the order in all trials that could show otherwise")
        return "; ".join(parts) or "no single item, but a combination of effects"


def components(first: Integers, second: Integers, n_items: int) -> Integers:
    """Return the number of the connected component of each item (n_items,), the largest being 0."""
    graph = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(n_items, n_items))
    _, label = csgraph.connected_components(graph, directed=False)
    sizes = np.bincount(label)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[label]


def pair_separation(
    first: Integers, second: Integers, wins: Floats, n_items: int, *, slot: bool = True
) -> Separation:
    """Tell exactly whether a Bradley-Terry model with a slot effect has a finite estimate.

    Parameters
    ----------
    first, second
        Items of each cell (M,).
    wins
        Wins of the first and of the second item (M, 2).
    n_items
        Number of items.
    slot
        Whether there is a slot effect.

    Notes
    -----
    Without a slot effect the estimate is finite exactly if the digraph with an arrow from each winner to
    each item it beat is strongly connected within each component (Ford 1957). With one, there must also
    be no utilities under which the order alone would explain every answer: u_i - u_j >= -1 wherever the
    first item i won and u_j - u_i >= 1 wherever the second item j did, or the same for a slot effect in
    the other direction. These are difference constraints, which can be met exactly if their graph has no
    negative cycle.
    """
    seen = wins.sum(axis=1) > 0
    first, second, wins = first[seen], second[seen], wins[seen]
    winner = np.concatenate([first[wins[:, 0] > 0], second[wins[:, 1] > 0]])
    loser = np.concatenate([second[wins[:, 0] > 0], first[wins[:, 1] > 0]])
    shape = (n_items, n_items)
    graph = sparse.csr_array((np.ones(len(winner)), (winner, loser)), shape=shape)
    strong = csgraph.connected_components(graph, directed=True, connection="strong")[1].astype(np.int64)
    weak = components(first, second, n_items)
    never, always, others = _outside(strong, weak, winner, loser, n_items)
    by_slot = slot and any(
        _order_explains(first, second, wins, n_items, direction) for direction in (1.0, -1.0)
    )
    return Separation(bool(never or always or others or by_slot), never, always, others, by_slot)


def polyhedral_separation(rows: sparse.csr_array) -> npt.NDArray[np.bool_]:
    """Return which parameters have no finite estimate in any multinomial or logistic model.

    Parameters
    ----------
    rows
        One row (m, q) for each outcome that occurred against each alternative that could have: the
        features of the one minus those of the other.

    Notes
    -----
    Albert & Anderson (1984): the data are separated if some direction d has rows @ d >= 0 and not all 0.
    A linear programme (Konis 2007) finds one that strictly separates every row that can be; the
    parameters that it moves are those without a finite estimate. Parameters that no row identifies do
    not move.
    """
    n_rows, n_parameters = rows.shape
    if n_rows == 0:
        return np.zeros(n_parameters, dtype=bool)
    cost = np.concatenate([np.zeros(n_parameters), -np.ones(n_rows)])
    constraint: Any = sparse.csr_array(sparse.hstack([-rows, sparse.eye_array(n_rows)]))
    bounds: Any = [(None, None)] * n_parameters + [(0.0, 1.0)] * n_rows
    found = optimize.linprog(cost, A_ub=constraint, b_ub=np.zeros(n_rows), bounds=bounds, method="highs")
    if found.x is None or not found.fun or found.fun > -1e-6:
        return np.zeros(n_parameters, dtype=bool)
    moved: npt.NDArray[np.bool_] = np.abs(found.x[:n_parameters]) > 1e-7
    return moved


def _outside(
    strong: Integers, weak: Integers, winner: Integers, loser: Integers, n_items: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return items outside the largest strong component of their weak one: losers, winners, others."""
    won = np.bincount(winner, minlength=n_items) > 0
    lost = np.bincount(loser, minlength=n_items) > 0
    never: list[int] = []
    always: list[int] = []
    others: list[int] = []
    for component in np.unique(weak):
        members = np.flatnonzero(weak == component)
        labels = strong[members]
        if len(np.unique(labels)) == 1:
            continue
        largest = np.argmax(np.bincount(labels))
        for item in members[(labels != largest) | (np.bincount(labels).max() == 1)]:
            kind = never if not won[item] else always if not lost[item] else others
            kind.append(int(item))
    return tuple(never), tuple(always), tuple(others)


def _order_explains(first: Integers, second: Integers, wins: Floats, n_items: int, direction: float) -> bool:
    """Tell whether utilities exist under which a slot effect of +-1 explains every answer.

    Each constraint u_to - u_from <= length is an arrow; relaxation settles within n_items rounds exactly
    if there is no negative cycle.
    """
    by_first, by_second = wins[:, 0] > 0, wins[:, 1] > 0
    # first won: u_first - u_second + direction >= 0; second won: u_second - u_first - direction >= 0
    origin = np.concatenate([first[by_first], second[by_second]])
    target = np.concatenate([second[by_first], first[by_second]])
    length = np.concatenate([np.full(by_first.sum(), direction), np.full(by_second.sum(), -direction)])
    if _two_cycle(origin, target, length, n_items):
        return False
    utility = np.zeros(n_items)
    for _ in range(n_items + 1):
        reached = utility[origin] + length
        if np.all(utility[target] <= reached):
            return True
        np.minimum.at(utility, target, reached)
    return False


def _two_cycle(origin: Integers, target: Integers, length: Floats, n_items: int) -> bool:
    """Tell, quickly, whether some pair of items alone already contradicts the constraints."""
    down = length < 0
    there = origin[down] * n_items + target[down]
    back = target[down] * n_items + origin[down]
    return bool(np.isin(there, back).any())
