"""Counted choices as arrays of integer codes: what a fit of the choice model works on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.pair_likelihood import PairKernel
from bartleby.outcome import Outcome

__all__ = ["ChoiceData", "choice_data", "numbered"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.integer[Any]]

_SPARE = 16
"""Numbers for each key up to which a table of them is quicker than sorting."""

_PIECE = 65_536
"""Counts that are added up at once, so that what is made of them on the way stays small."""


@dataclass(frozen=True, eq=False)
class ChoiceData:
    """The choices of one fit. A cell is a first and a second item; a row is a cell within a cluster.

    Parameters
    ----------
    items
        Item ids in alphabetical order; codes are positions in it.
    shown
        Items that each cell shows first and second (2, M).
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
    trials
        Observed trials of each cell that are in the model (M,), where `counts` are expected from exact
        probabilities; None where they were counted.
    log_odds
        Mean log odds of the first item over the trials of each row whose probabilities are known (N,),
        infinite or NaN where they have no mean; None where choices were counted.
    """

    items: tuple[str, ...]
    shown: Codes
    counts: Floats
    uncounted: Floats
    row_cell: Codes
    row_cluster: Codes
    row_counts: Floats
    n_clusters: int
    kernel: PairKernel
    outcomes: Mapping[str, float]
    unlabelled: float = 0.0
    trials: Floats | None = None
    log_odds: Floats | None = None

    @property
    def exact(self) -> bool:
        """Whether counts are expected from exact probabilities, so that no draw made them vary."""
        return self.trials is not None

    @property
    def observed(self) -> Floats:
        """Observed trials of each cell that are in the model (M,)."""
        total: Floats = self.counts.sum(axis=1) if self.trials is None else self.trials
        return total

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def first(self) -> Codes:
        """Item that each cell shows first (M,)."""
        first: Codes = self.shown[0]
        return first

    @property
    def second(self) -> Codes:
        """Item that each cell shows second (M,)."""
        second: Codes = self.shown[1]
        return second

    @property
    def used(self) -> float:
        """Trials in the model."""
        return float(self.observed.sum())

    @property
    def trials_of_items(self) -> Floats:
        """Trials in the model by item (K,)."""
        total = self.observed
        size = self.n_items
        found = np.bincount(self.first, total, size) + np.bincount(self.second, total, size)
        return found.astype(np.float64)

    @property
    def pairs(self) -> Codes:
        """A number for the unordered pair of each cell (M,)."""
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        return low * self.n_items + high


def choice_data(cells: pd.DataFrame, options: ChoiceOptions, *, has_pair_column: bool) -> ChoiceData:
    """Return the arrays of one group of a `ChoiceTable`.

    Parameters
    ----------
    cells
        Columns `first`, `second`, `outcome`, `count` and the cluster column, if there is one; and `trials`,
        where counts are expected from exact probabilities, and their `log_odds`.
    options
        How outcomes are counted and what the clusters are.
    has_pair_column
        Whether `pair` is a column of the table rather than the unordered pair.
    """
    items, first, second = _items(cells)
    count = cells["count"].to_numpy(dtype=float)
    word, words = _coded(cells, "outcome")
    observed = _observed(cells)
    outcomes = _totals(word, words, count if observed is None else observed)
    kernel = _kernel(outcomes, options)
    shares = _outcome_shares(kernel, options)
    share = np.stack([shares.get(name, np.zeros(len(kernel.outcomes))) for name in words], axis=1)
    in_model = (share.sum(axis=0) > 0)[word]
    cell_key, cell = numbered(first * len(items) + second)
    del first, second
    cluster, unlabelled = _clusters(
        cells, options, cell=cell, cell_key=cell_key, n_items=len(items), has_pair_column=has_pair_column
    )
    used = in_model & (count > 0)
    # A slice takes all of them without a copy.
    keep = slice(None) if used.all() else used
    row_cell, row_cluster, row, n_clusters = _rows(cell[keep], cluster[keep])
    del cluster
    shown = np.empty((2, len(cell_key)), dtype=cell_key.dtype)
    np.divmod(cell_key, len(items), out=(shown[0], shown[1]))
    counts = _sum(cell, count, word, share, len(cell_key))
    own_row = np.array_equal(row_cell, np.arange(len(cell_key)))
    return ChoiceData(
        items=items,
        shown=shown,
        counts=counts,
        uncounted=_uncounted(cell, count if observed is None else observed, in_model, len(cell_key)),
        row_cell=row_cell,
        row_cluster=row_cluster,
        row_counts=counts if own_row else _sum(row, count[keep], word[keep], share, len(row_cell)),
        n_clusters=n_clusters,
        kernel=kernel,
        outcomes=outcomes,
        unlabelled=unlabelled,
        trials=None if observed is None else _sums(cell, observed * in_model, len(cell_key)),
        log_odds=None if observed is None else _log_odds(cells, keep, row, len(row_cell)),
    )


def _observed(cells: pd.DataFrame) -> Floats | None:
    """Return observed trials of each row; None where `count` is just that."""
    if "trials" not in cells.columns or cells["trials"].isna().all():
        return None
    observed: Floats = cells["trials"].fillna(cells["count"]).to_numpy(dtype=float)
    return observed


def _coded(cells: pd.DataFrame, column: str) -> tuple[Codes, list[str]]:
    """Return the codes of a column of categories, and its labels."""
    values: pd.Categorical = cells[column].array
    return values.codes, values.categories.tolist()


def _items(cells: pd.DataFrame) -> tuple[tuple[str, ...], Codes, Codes]:
    """Return items in alphabetical order and the codes of the first and the second item of each row."""
    (first, labels), (second, _) = _coded(cells, "first"), _coded(cells, "second")
    there = np.zeros(len(labels), dtype=bool)
    there[first] = there[second] = True
    # Wide enough for numbers of pairs.
    number = np.cumsum(there, dtype=_wide_enough(len(labels) ** 2))
    number -= 1
    return (
        tuple(label for label, seen in zip(labels, there, strict=True) if seen),
        number[first],
        number[second],
    )


def _totals(word: Codes, words: Sequence[str], count: Floats) -> dict[str, float]:
    """Return the trials of each outcome that occurs."""
    totals = np.bincount(word, count, len(words))
    return {name: float(total) for name, total in zip(words, totals, strict=True) if total > 0}


def numbered(keys: Codes) -> tuple[Codes, Codes]:
    """Return the distinct keys, which are 0 or more, in order, and which of them each key is.

    Both are 32-bit numbers where the keys would fit into those.
    """
    most = int(keys.max(initial=-1)) + 1
    kind = _wide_enough(most)
    if most > _SPARE * len(keys):
        distinct, which = np.unique(keys, return_inverse=True)
        return distinct.astype(kind), which.astype(kind)
    there = np.zeros(most, dtype=bool)
    there[keys] = True
    number = np.cumsum(there, dtype=kind)
    number -= 1
    return np.flatnonzero(there).astype(kind), number[keys]


def _wide_enough(most: int) -> type[np.signedinteger[Any]]:
    """Return the integers for numbers up to so many; narrower ones would save little and overflow."""
    return np.int32 if most <= np.iinfo(np.int32).max else np.int64


def _rows(cell: Codes, label: Codes) -> tuple[Codes, Codes, Codes, int]:
    """Return cell and cluster of each distinct combination, which of them each is, and how many clusters."""
    labels, cluster = numbered(label)
    cells, number = numbered(cell)
    cluster_of = np.zeros(len(cells), dtype=cluster.dtype)
    cluster_of[number] = cluster
    if np.array_equal(cluster_of[number], cluster):
        # Where each cell is a cluster, one array serves as both.
        return cells, cells if np.array_equal(cells, cluster_of) else cluster_of, number, len(labels)
    size = int(cluster.max(initial=0)) + 1
    key, row = numbered(cell.astype(np.int64) * size + cluster)
    return key // size, key % size, row, len(labels)


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
    cell: Codes,
    cell_key: Codes,
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


def _log_odds(cells: pd.DataFrame, keep: Booleans | slice, row: Codes, size: int) -> Floats:
    """Return the mean log odds of each row (size,), NaN where none of its trials has any."""
    count = cells["count"].to_numpy(dtype=float)[keep]
    log_odds = cells["log_odds"].to_numpy(dtype=float)[keep]
    known = ~np.isnan(log_odds)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.bincount(row[known], (count * log_odds)[known], size) / np.bincount(
            row[known], count[known], size
        )
    return mean


def _sums(cell: Codes, amount: Floats, size: int) -> Floats:
    return np.bincount(cell, amount, size).astype(float, copy=False)


def _uncounted(cell: Codes, count: Floats, in_model: Booleans, size: int) -> Floats:
    if in_model.all():
        return np.zeros(size)
    return _sums(cell, count * ~in_model, size)


def _sum(group: Codes, count: Floats, word: Codes, share: Floats, size: int) -> Floats:
    """Return sums by group (size, A) of counts (N,) of words (N,), given what each counts as (A, words)."""
    found = np.zeros((len(share), size))
    for start in range(0, len(group), _PIECE):
        piece = slice(start, start + _PIECE)
        place, amount, kind = group[piece].astype(np.intp), count[piece], word[piece]
        for column, counted_as in zip(found, share, strict=True):
            np.add.at(column, place, amount * counted_as[kind])
    # Columns are what is read later, so each lies together.
    return found.T
