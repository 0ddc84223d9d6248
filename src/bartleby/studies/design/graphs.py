"""Pair graphs: which items are put beside which.

Every graph is connected, because utilities on two parts that were never compared have no common scale.
A graph is drawn from a generator that the study seeds, so the same seed gives the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Protocol

import numpy as np

from bartleby.errors import DesignError, SettingError

__all__ = ["AllPairs", "Pair", "PairGraph", "SparsePairs", "SwissRounds", "components"]

Pair = tuple[str, str]


class PairGraph(Protocol):
    """Which pairs are shown, in one round or in several where later rounds depend on earlier answers."""

    @property
    def rounds(self) -> int:
        """How many rounds there are; 1 for a graph that is known beforehand."""
        ...

    def pairs(
        self,
        ids: Sequence[str],
        rng: np.random.Generator,
        number: int,
        previous: Sequence[Pair],
        scores: Mapping[str, float],
    ) -> list[Pair]:
        """Return the pairs of round `number` (from 0), given those of earlier rounds and their scores."""
        ...

    def adapts(self, number: int) -> bool:
        """Return whether earlier answers decide which pairs round `number` has; asked where rounds > 1."""
        ...

    def count(self, items: int) -> int:
        """Return how many pairs there will be in all rounds (an upper bound where it varies)."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        ...


@dataclass(frozen=True)
class AllPairs:
    """Every item beside every other: n (n - 1) / 2 pairs.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.AllPairs().count(10)
    45
    """

    rounds: ClassVar[int] = 1

    def pairs(
        self,
        ids: Sequence[str],
        rng: np.random.Generator,
        number: int,
        previous: Sequence[Pair],
        scores: Mapping[str, float],
    ) -> list[Pair]:
        """Return all pairs."""
        return list(combinations(ids, 2))

    def adapts(self, number: int) -> bool:
        """Return False: the pairs are known beforehand."""
        return False

    def count(self, items: int) -> int:
        """Return n (n - 1) / 2."""
        return items * (items - 1) // 2

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        return {"graph": "all_pairs"}


@dataclass(frozen=True)
class SparsePairs:
    """A random connected graph in which every item meets about `degree` others.

    Built from random Hamiltonian cycles (each adds 2 to every degree and the first makes it connected),
    and a random matching where the degree is odd. A pair that comes up twice is kept once, so a few items
    have a lower degree.

    Parameters
    ----------
    degree
        How many others each item meets, at least 2.
    hubs
        Ids of items that meet every other item. A baseline is best a hub: whether an item falls below it
        is then asked directly, and the baseline's own uncertainty, which all shares carry, is small.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.SparsePairs(degree=6).count(50)
    150
    """

    degree: int = 6
    hubs: tuple[str, ...] = ()
    rounds: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.degree < 2:
            raise SettingError(f"degree is {self.degree}; allowed: 2 or more, or the graph is not connected")

    def pairs(
        self,
        ids: Sequence[str],
        rng: np.random.Generator,
        number: int,
        previous: Sequence[Pair],
        scores: Mapping[str, float],
    ) -> list[Pair]:
        """Return the pairs of one random graph."""
        unknown = [hub for hub in self.hubs if hub not in ids]
        if unknown:
            raise DesignError(f"hub {unknown[0]!r} is not an item of the study; allowed: {', '.join(ids)}")
        if self.degree >= len(ids) - 1:
            return list(combinations(ids, 2))
        found: dict[frozenset[str], Pair] = {}
        for _ in range(self.degree // 2):
            cycle = [ids[i] for i in rng.permutation(len(ids))]
            _add(found, zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        if self.degree % 2:
            line = [ids[i] for i in rng.permutation(len(ids))]
            _add(found, zip(line[::2], line[1::2], strict=False))
        _add(found, ((hub, other) for hub in self.hubs for other in ids if other != hub))
        return list(found.values())

    def adapts(self, number: int) -> bool:
        """Return False: the pairs are known beforehand."""
        return False

    def count(self, items: int) -> int:
        """Return an upper bound of the number of pairs."""
        most = items * (items - 1) // 2
        return min(most, items * self.degree // 2 + len(self.hubs) * (items - 1))

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        return {"graph": "sparse_pairs", "degree": self.degree, "hubs": list(self.hubs)}


@dataclass(frozen=True)
class SwissRounds:
    """Rounds in which items of similar score meet, as in a Swiss tournament, and then random rounds.

    The first round is random; in each later one, items are sorted by score and each meets the nearest one
    it has not met. Pairs that are hard to tell apart are asked most, which orders the items with few trials.
    The last rounds are random again, because the others exaggerate how far apart items are: an item that
    was lucky at first meets others that were, so that its luck is never found out (in simulations utilities
    were 20 to 70% too far from each other, and order no better than those of random pairs). Random rounds at
    the end find it out, and choices from all rounds together then have intervals that hold. The last
    round adds whatever pairs are needed to leave the graph connected.

    Which pairs are asked depends on earlier answers, so the trials of a round are known when the round
    before it has ended. The column `pairing` of the trial table is `adaptive` or `random`; without enough
    random rounds `choice_model` allows for adaptive pairs in its intervals.

    Parameters
    ----------
    rounds
        How many rounds, at least 1.
    random_rounds
        How many of these, at the end, have random pairs; None for half of them (rounded down).

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.SwissRounds(rounds=8).count(50)
    250
    """

    rounds: int = 8
    random_rounds: int | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.rounds < 1:
            problems.append(f"rounds is {self.rounds}; allowed: 1 or more")
        elif self.random_rounds is not None and not 0 <= self.random_rounds <= self.rounds:
            problems.append(f"random_rounds is {self.random_rounds}; allowed: 0 to {self.rounds}, or None")
        if problems:
            raise SettingError("; ".join(problems))

    def adapts(self, number: int) -> bool:
        """Return whether earlier answers decide which pairs round `number` has."""
        last = self.rounds // 2 if self.random_rounds is None else self.random_rounds
        return 0 < number < self.rounds - last

    def pairs(
        self,
        ids: Sequence[str],
        rng: np.random.Generator,
        number: int,
        previous: Sequence[Pair],
        scores: Mapping[str, float],
    ) -> list[Pair]:
        """Return the pairs of round `number`."""
        tie_break = rng.permutation(len(ids))
        score = scores if self.adapts(number) else {}
        order = sorted(range(len(ids)), key=lambda i: (-score.get(ids[i], 0.0), tie_break[i]))
        met = {frozenset(pair) for pair in previous}
        pairs = _match([ids[i] for i in order], met)
        if number + 1 == self.rounds:
            pairs += _bridges(ids, [*previous, *pairs])
        return pairs

    def count(self, items: int) -> int:
        """Return an upper bound of the number of pairs."""
        return min(items * (items - 1) // 2, self.rounds * (items // 2) + items)

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        adaptive = sum(map(self.adapts, range(self.rounds)))
        return {"graph": "swiss_rounds", "rounds": self.rounds, "adaptive_rounds": adaptive}


def components(ids: Iterable[str], pairs: Iterable[Pair]) -> list[list[str]]:
    """Return the connected components of a pair graph, largest first."""
    parent = {name: name for name in ids}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        parent[root(one)] = root(other)
    groups: dict[str, list[str]] = {}
    for name in parent:
        groups.setdefault(root(name), []).append(name)
    return sorted(groups.values(), key=len, reverse=True)


def _add(found: dict[frozenset[str], Pair], pairs: Iterable[Pair]) -> None:
    for pair in pairs:
        found.setdefault(frozenset(pair), pair)


def _match(ranked: list[str], met: set[frozenset[str]]) -> list[Pair]:
    """Pair each item with the nearest in rank that it has not met; one may be left over."""
    free, pairs = list(ranked), []
    while len(free) > 1:
        first = free.pop(0)
        partner = next((other for other in free if frozenset((first, other)) not in met), None)
        if partner is not None:
            free.remove(partner)
            pairs.append((first, partner))
    return pairs


def _bridges(ids: Sequence[str], pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that join the components, each through its first item."""
    largest, *others = components(ids, pairs)
    return [(largest[0], other[0]) for other in others]
