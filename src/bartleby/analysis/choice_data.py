"""Counted choices as arrays of integer codes: what a fit of the choice model works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice_options import ChoiceOptions
from bartleby.analysis.pair_likelihood import PairKernel
from bartleby.outcome import Outcome

__all__ = ["ChoiceData", "choice_data"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChoiceData:
    """The choices of one fit. A cell is a first and a second item; a row is a cell within a cluster.

    Parameters
    ----------
    items
        Item ids in alphabetical order; codes are positions in it.
    first, second
        Items of each cell (M,).
    counts
        Outcomes of each cell (M, A), in the order of `kernel.outcomes`.
    uncounted
        Trials of each cell that do not enter the model (M,).
    row_cell, row_cluster
        Cell and cluster of each row (N,).
    row_counts
        Outcomes of each row (N, A).
    n_clusters
        Clusters that have a trial in the model.
    kernel
        The likelihood.
    outcomes
        Trials by outcome, counted or not.
    unlabelled
        Trials without a cluster, each of which was made a cluster of its own cell.
    """

    items: tuple[str, ...]
    first: Integers
    second: Integers
    counts: Floats
    uncounted: Floats
    row_cell: Integers
    row_cluster: Integers
    row_counts: Floats
    n_clusters: int
    kernel: PairKernel
    outcomes: Mapping[str, float]
    unlabelled: float = 0.0

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def used(self) -> float:
        """Trials in the model."""
        return float(self.counts.sum())

    @property
    def trials_of_items(self) -> Floats:
        """Trials in the model by item (K,)."""
        total = self.counts.sum(axis=1)
        size = self.n_items
        found = np.bincount(self.first, total, size) + np.bincount(self.second, total, size)
        return found.astype(np.float64)

    @property
    def pairs(self) -> Integers:
        """A number for the unordered pair of each cell (M,)."""
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        return low * self.n_items + high


def choice_data(cells: pd.DataFrame, options: ChoiceOptions, *, has_pair_column: bool) -> ChoiceData:
    """Return the arrays of one group of a `ChoiceTable`.

    Parameters
    ----------
    cells
        Columns `first`, `second`, `outcome`, `count` and the cluster column, if there is one.
    options
        How outcomes are counted and what the clusters are.
    has_pair_column
        Whether `pair` is a column of the table rather than the unordered pair.
    """
    items = tuple(sorted(set(cells["first"]) | set(cells["second"])))
    code = pd.Index(items)
    first, second = code.get_indexer(cells["first"]), code.get_indexer(cells["second"])
    count = cells["count"].to_numpy(dtype=float)
    outcomes = {str(name): float(total) for name, total in cells.groupby("outcome")["count"].sum().items()}
    kernel = _kernel(outcomes, options)
    shares = _outcome_shares(kernel, options)
    weight = np.stack([shares.get(name, np.zeros(len(kernel.outcomes))) for name in cells["outcome"]])
    counted = count[:, None] * weight
    cell_key, cell = np.unique(first * len(items) + second, return_inverse=True)
    cluster, unlabelled = _clusters(
        cells, options, cell=cell, cell_key=cell_key, n_items=len(items), has_pair_column=has_pair_column
    )
    used = counted.sum(axis=1) > 0
    labels, cluster_code = np.unique(cluster[used], return_inverse=True)
    row_key, row = np.unique(cell[used] * max(len(labels), 1) + cluster_code, return_inverse=True)
    return ChoiceData(
        items=items,
        first=cell_key // len(items),
        second=cell_key % len(items),
        counts=_sum(cell, counted, len(cell_key)),
        uncounted=np.bincount(cell, count * (weight.sum(axis=1) == 0), len(cell_key)).astype(float),
        row_cell=row_key // max(len(labels), 1),
        row_cluster=row_key % max(len(labels), 1),
        row_counts=_sum(row, counted[used], len(row_key)),
        n_clusters=len(labels),
        kernel=kernel,
        outcomes=outcomes,
        unlabelled=unlabelled,
    )


def _kernel(outcomes: Mapping[str, float], options: ChoiceOptions) -> PairKernel:
    """Return the likelihood that has the parameters which the outcomes that occurred can speak of."""
    ties = options.ties if outcomes.get(Outcome.INDIFFERENT, 0.0) > 0 else "none"
    exits = ((options.opted_out, Outcome.OPTED_OUT), (options.refusals, Outcome.REFUSED))
    neither = any(setting == "neither" and outcomes.get(outcome, 0.0) > 0 for setting, outcome in exits)
    return PairKernel(slot=options.slot, ties="none" if ties == "half" else ties, neither=neither)


def _outcome_shares(kernel: PairKernel, options: ChoiceOptions) -> dict[str, Floats]:
    """Return which outcome of the likelihood each word counts as (A,); words not named count as none."""
    position = {name: np.eye(len(kernel.outcomes))[at] for at, name in enumerate(kernel.outcomes)}
    shares = {str(Outcome.CHOSE_FIRST): position["first"], str(Outcome.CHOSE_SECOND): position["second"]}
    if options.ties == "half":
        shares[str(Outcome.INDIFFERENT)] = (position["first"] + position["second"]) / 2
    elif "tie" in position:
        shares[str(Outcome.INDIFFERENT)] = position["tie"]
    if options.opted_out == "neither" and "neither" in position:
        shares[str(Outcome.OPTED_OUT)] = position["neither"]
    if options.refusals == "neither" and "neither" in position:
        shares[str(Outcome.REFUSED)] = position["neither"]
    return shares


def _clusters(
    cells: pd.DataFrame,
    options: ChoiceOptions,
    *,
    cell: Integers,
    cell_key: Integers,
    n_items: int,
    has_pair_column: bool,
) -> tuple[npt.NDArray[Any], float]:
    """Return a cluster code for each counted combination; trials without one are told apart by cell."""
    column = options.clusters[0] if options.clusters else None
    if column is None:
        return cell, 0.0
    if column == "pair" and not has_pair_column:
        low = np.minimum(cell_key // n_items, cell_key % n_items)
        high = np.maximum(cell_key // n_items, cell_key % n_items)
        return (low * n_items + high)[cell], 0.0
    codes, labels = pd.factorize(cells[column])
    missing = codes < 0
    codes = np.where(missing, len(labels) + cell, codes)
    return codes, float(cells.loc[missing, "count"].sum())


def _sum(group: Integers, rows: Floats, size: int) -> Floats:
    return np.stack([np.bincount(group, column, size) for column in rows.T], axis=1)
