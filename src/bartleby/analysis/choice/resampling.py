"""Which clusters a replicate of a bootstrap has drawn, and how the counts of cells follow from that.

The unit that gets a weight is a cluster, or a single row of counts where rows belong to several clusters at
once (two items, or two columns). Counts of a replicate are then one sparse product of what each unit holds
with its weight; a million trials cost no more than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.data import ChoiceData, numbered

__all__ = ["Resampling", "resampling"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
Codes = npt.NDArray[np.integer[Any]]

_PIECE = 32_768
"""Draws that stand in memory at once."""


class Held(Protocol):
    """A matrix of what each unit holds of each cell (C, U)."""

    def __matmul__(self, weights: Floats, /) -> Floats:
        """Return the sums by cell (C, b), given weights of units (U, b)."""


@dataclass(frozen=True, eq=False)
class OneEach:
    """A matrix with one number in each row.

    Parameters
    ----------
    column
        Where it is (C,).
    amounts
        What it is (C,).
    """

    column: Codes
    amounts: npt.NDArray[Any]

    def __matmul__(self, weights: Floats) -> Floats:
        product = weights[self.column]
        product *= self.amounts[:, None]
        return product


@dataclass(frozen=True, eq=False)
class Resampling:
    """How replicates of a data set are drawn.

    Parameters
    ----------
    unit
        Unit of each row of counts (N,).
    n_units
        Units U.
    levels
        Clusters of each unit, one array (U, k) a cluster column, if units get the product of independent
        weights; empty if units are the clusters and are drawn with replacement.
    n_clusters
        Clusters of the column that has fewest.
    """

    unit: Integers
    n_units: int
    levels: tuple[Integers, ...]
    n_clusters: int

    def draw(self, number: int, rng: np.random.Generator) -> Floats:
        """Return weights of units (U, number), which do not depend on how many are drawn at a time."""
        weights = np.empty((self.n_units, number))
        for column in weights.T:
            column[:] = self._products(rng) if self.levels else self._multiplicities(rng)
        return weights

    def held(self, row_cell: Codes, amounts: Iterable[npt.NDArray[Any]], n_cells: int) -> list[Held]:
        """Return amounts (N,) of rows as matrices of cells by units (n_cells, U)."""
        unit_of = np.zeros(n_cells, dtype=self.unit.dtype)
        unit_of[row_cell] = self.unit
        if np.array_equal(unit_of[row_cell], self.unit):
            return [OneEach(unit_of, _narrowed(np.bincount(row_cell, each, n_cells))) for each in amounts]
        return [self._by_row(row_cell, each, n_cells) for each in amounts]

    def _by_row(self, row_cell: Codes, amounts: npt.NDArray[Any], n_cells: int) -> sparse.csr_array:
        kept = amounts != 0
        place = (row_cell[kept].astype(np.int32), self.unit[kept].astype(np.int32))
        return sparse.csr_array((amounts[kept], place), shape=(n_cells, self.n_units))

    def _multiplicities(self, rng: np.random.Generator) -> Floats:
        """Return how often each unit was drawn; counting draws is much quicker than a multinomial one."""
        times = np.zeros(self.n_units)
        for start in range(0, self.n_units, _PIECE):
            size = min(_PIECE, self.n_units - start)
            np.add.at(times, rng.integers(0, self.n_units, size, dtype=np.int32), 1.0)
        return times

    def _products(self, rng: np.random.Generator) -> Floats:
        weight = np.ones(self.n_units)
        for levels in self.levels:
            drawn = rng.standard_exponential(int(levels.max()) + 1)
            for column in levels.T:
                weight *= drawn[column]
        return weight


def resampling(data: ChoiceData, clusters: Sequence[str]) -> Resampling:
    """Return how clusters of choices are drawn.

    Parameters
    ----------
    data
        The choices.
    clusters
        One or two of `pair`, `item` and the cluster column of `data`.

    Notes
    -----
    One column of clusters is resampled with replacement. Items, and two columns, get independent weights
    from an exponential distribution for each of their levels, multiplied for a trial (the pigeonhole
    bootstrap of Owen & Eckles 2012): a trial belongs to both its items, and no item is ever lost.
    """
    levels = tuple(_levels(data, name) for name in clusters)
    sizes = [int(each.max(initial=-1)) + 1 for each in levels]
    if len(clusters) > 1 or "item" in clusters:
        rows = np.arange(len(data.row_cell), dtype=np.int64)
        return Resampling(rows, len(rows), levels, min(sizes))
    return Resampling(levels[0][:, 0], sizes[0], (), sizes[0])


def _narrowed(amounts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers in the narrowest type that holds them exactly: most are small and whole."""
    for kind in (np.uint8, np.uint16):
        if np.all((amounts >= 0) & (amounts <= np.iinfo(kind).max) & (amounts == np.trunc(amounts))):
            return amounts.astype(kind)
    return amounts


def _levels(data: ChoiceData, name: str) -> Integers:
    """Return the levels of a cluster column that each row belongs to (N, 1), or its two items (N, 2)."""
    if name == "item":
        return np.stack([data.first[data.row_cell], data.second[data.row_cell]], axis=1)
    if name == "pair":
        return numbered(data.pairs[data.row_cell])[1][:, None]
    return data.row_cluster[:, None]
