"""Counted choices as arrays of integer codes: what a fit of the choice model works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.pair_likelihood import PairKernel
from bartleby.outcome import Outcome

__all__ = ["ChoiceData", "choice_data"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SPARE = 16
"""Numbers for each key up to which a table of them is quicker than sorting."""


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
    items, first, second = _items(cells)
    count = cells["count"].to_numpy(dtype=float)
    word, words = pd.factorize(cells["outcome"])
    totals = np.bincount(word, count, len(words))
    outcomes = {str(words[at]): float(totals[at]) for at in np.argsort(words.astype(str))}
    kernel = _kernel(outcomes, options)
    shares = _outcome_shares(kernel, options)
    share = np.stack([shares.get(str(name), np.zeros(len(kernel.outcomes))) for name in words])
    counted, in_model = count[:, None] * share[word], (share.sum(axis=1) > 0)[word]
    cell_key, cell = _numbered(first * len(items) + second)
    cluster, unlabelled = _clusters(
        cells, options, cell=cell, cell_key=cell_key, n_items=len(items), has_pair_column=has_pair_column
    )
    used = in_model & (count > 0)
    labels, cluster_code = _numbered(cluster[used])
    row_cell, row_cluster, row = _rows(cell[used], cluster_code)
    return ChoiceData(
        items=items,
        first=cell_key // len(items),
        second=cell_key % len(items),
        counts=_sum(cell, counted, len(cell_key)),
        uncounted=np.bincount(cell, count * ~in_model, len(cell_key)).astype(float),
        row_cell=row_cell,
        row_cluster=row_cluster,
        row_counts=_sum(row, counted[used], len(row_cell)),
        n_clusters=len(labels),
        kernel=kernel,
        outcomes=outcomes,
        unlabelled=unlabelled,
    )


def _items(cells: pd.DataFrame) -> tuple[tuple[str, ...], Integers, Integers]:
    """Return items in alphabetical order and the codes of the first and the second item of each row."""
    sides = [pd.factorize(cells[side]) for side in ("first", "second")]
    items = tuple(sorted({str(label) for _, labels in sides for label in labels}))
    place = {item: at for at, item in enumerate(items)}
    first, second = (
        np.array([place[str(label)] for label in labels], dtype=np.int64)[codes] for codes, labels in sides
    )
    return items, first, second


def _numbered(keys: Integers) -> tuple[Integers, Integers]:
    """Return the distinct keys, which are 0 or more, in order, and which of them each key is."""
    most = int(keys.max(initial=-1)) + 1
    if most > _SPARE * len(keys):
        distinct, which = np.unique(keys, return_inverse=True)
        return distinct, which.astype(np.int64)
    there = np.zeros(most, dtype=bool)
    there[keys] = True
    number = np.cumsum(there) - 1
    return np.flatnonzero(there), number[keys]


def _rows(cell: Integers, cluster: Integers) -> tuple[Integers, Integers, Integers]:
    """Return cell and cluster of each distinct combination, and which of them each row is."""
    cells, number = _numbered(cell)
    cluster_of = np.zeros(len(cells), dtype=np.int64)
    cluster_of[number] = cluster
    if np.array_equal(cluster_of[number], cluster):
        return cells, cluster_of, number
    size = int(cluster.max(initial=0)) + 1
    key, row = _numbered(cell * size + cluster)
    return key // size, key % size, row


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
