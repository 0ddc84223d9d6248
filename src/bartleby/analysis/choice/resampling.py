"""Which clusters a replicate of a bootstrap has drawn, and how the counts of cells follow from that.

The unit that gets a weight is a cluster, or a single row of counts where rows belong to several clusters at
once (two items, or two columns). Counts of a replicate are then one sparse product of what each unit holds
with its weight; a million trials cost no more than a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.data import ChoiceData, numbered

__all__ = ["Resampling", "resampling"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


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

    def held(self, row_cell: Integers, amounts: Floats, n_cells: int) -> sparse.csr_array:
        """Return amounts (N,) of rows as a matrix of cells by units (n_cells, U)."""
        kept = amounts != 0
        place = (row_cell[kept].astype(np.int32), self.unit[kept].astype(np.int32))
        return sparse.csr_array((amounts[kept], place), shape=(n_cells, self.n_units))

    def _multiplicities(self, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Return how often each unit was drawn; counting draws is much quicker than a multinomial one."""
        return np.bincount(
            rng.integers(0, self.n_units, self.n_units, dtype=np.int32), minlength=self.n_units
        )

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


def _levels(data: ChoiceData, name: str) -> Integers:
    """Return the levels of a cluster column that each row belongs to (N, 1), or its two items (N, 2)."""
    if name == "item":
        return np.stack([data.first[data.row_cell], data.second[data.row_cell]], axis=1)
    if name == "pair":
        return numbered(data.pairs[data.row_cell])[1][:, None]
    return data.row_cluster[:, None]
