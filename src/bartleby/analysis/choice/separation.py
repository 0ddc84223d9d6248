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

__all__ = ["Separation", "components", "open_sides", "pair_separation", "polyhedral_separation"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]

_NO_DIRECTION = 1e-6
"""A contrast that moves by less along every direction, of size 1 at most, does not move."""
_BLOCK = 65_536
"""Comparisons that are made into a graph at once; components of one block are joined by the next."""


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
    if _one_met_all(first, second, n_items):
        return np.zeros(n_items, dtype=np.int64)
    label: Integers = np.arange(n_items)
    for start in range(0, len(first), _BLOCK):
        ends = (label[first[start : start + _BLOCK]], label[second[start : start + _BLOCK]])
        graph = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(n_items, n_items))
        label = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)[label]
    sizes = np.bincount(label)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[label]


def _one_met_all(first: Integers, second: Integers, n_items: int) -> bool:
    """Tell, quickly, whether the item met most often met all others, which connects them all."""
    if len(first) < n_items - 1 or not len(first):
        return False
    one = np.argmax(np.bincount(first, minlength=n_items) + np.bincount(second, minlength=n_items))
    met = np.zeros(n_items, dtype=bool)
    met[one] = met[second[first == one]] = met[first[second == one]] = True
    return bool(met.all())


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
    won, lost = wins[:, 0] > 0, wins[:, 1] > 0
    never, always, others = _apart(first, second, won, lost, n_items)
    by_slot = slot and _order_explains(first, second, won, lost, n_items)
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


def open_sides(rows: Floats, contrast: Floats) -> tuple[bool, bool]:
    """Return whether no choice speaks against a contrast of the parameters being ever lower, or ever higher.

    Parameters
    ----------
    rows
        One row (m, q) for each kind of outcome that occurred: what makes it likely, in logits.
    contrast
        (q,).

    Notes
    -----
    Two linear programmes over the directions d with rows @ d >= 0, within a box. What they find does not
    depend on the seed, nor on how a processor rounds.
    """
    return _rises(rows, -contrast), _rises(rows, contrast)


def _rises(rows: Floats, contrast: Floats) -> bool:
    box: Any = [(-1.0, 1.0)] * len(contrast)
    best = optimize.linprog(-contrast, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=box, method="highs")
    return best.fun is not None and bool(best.fun < -_NO_DIRECTION)


def _apart(
    first: Integers, second: Integers, won: Booleans, lost: Booleans, n_items: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return items that are not connected both ways with the largest group of their component."""
    seen, both = won | lost, won & lost
    if np.array_equal(seen, both):
        return (), (), ()
    mutual = components(first[both], second[both], n_items)
    if not mutual.any():
        return (), (), ()
    weak = components(first[seen], second[seen], n_items)
    if mutual.max() == weak.max():
        # Pairs that beat each other already connect all that is connected.
        return (), (), ()
    winner = np.concatenate([first[won], second[lost]])
    loser = np.concatenate([second[won], first[lost]])
    graph = sparse.csr_array((np.ones(len(winner)), (winner, loser)), shape=(n_items, n_items))
    strong = csgraph.connected_components(graph, directed=True, connection="strong")[1].astype(np.int64)
    return _outside(strong, weak, winner, loser, n_items)


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


def _order_explains(first: Integers, second: Integers, won: Booleans, lost: Booleans, n_items: int) -> bool:
    """Tell whether utilities exist under which a slot effect of +1 or -1 explains every answer."""
    # first won: u_first - u_second + slot >= 0; second won: u_second - u_first - slot >= 0
    origin, target = np.concatenate([first[won], second[lost]]), np.concatenate([second[won], first[lost]])
    length = np.repeat([1.0, -1.0], [won.sum(), lost.sum()])
    return any(_can_be_met(origin, target, sign * length, n_items) for sign in (1.0, -1.0))


def _can_be_met(origin: Integers, target: Integers, length: Floats, n_items: int) -> bool:
    """Tell whether utilities exist with u_target - u_origin <= length everywhere.

    Each constraint is an arrow; relaxation settles within n_items rounds exactly if there is no negative
    cycle.
    """
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
