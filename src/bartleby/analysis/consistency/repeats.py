"""Repeated paired choices: how often each item of a pair was taken, by order, condition and cluster.

Consistency is about the same question asked again. What "the same" means is decided here, once: the same two
items, under the same conditions, in one cluster; in the same order or in the opposite one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.table import ChoiceTable, pair_cluster, read_choices
from bartleby.analysis.inference.unit_means import Units
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.grouping import Estimand, as_names
from bartleby.analysis.tables.labels import group_label
from bartleby.errors import DataError, SettingError
from bartleby.outcome import CHOICES, Outcome

__all__ = ["CONDITIONS", "Repeats", "item_choices", "matched", "read_repeats", "units_of"]

CONDITIONS = ("wording", "labels", "channel", "exits", "commitment")
"""Condition columns that repeats must share unless other ones are named."""
PAIR = ["low_item", "high_item"]
"""Columns for the two items of a pair, in alphabetical order."""
CLUSTER = "_bartleby_cluster"


@dataclass(frozen=True)
class Repeats:
    """A table of paired choices in which repeats can be found.

    Parameters
    ----------
    table
        The counted choices.
    within
        Columns whose values repeats share.
    cluster
        `pair`, `item`, a column, or None for independent cells.
    warnings
        What was noticed while reading.
    described
        The clusters in words, for the settings of a result.
    key
        The values that name the group, of a part.
    estimand
        What is asked of it.
    """

    table: ChoiceTable
    within: tuple[str, ...]
    cluster: str | None
    warnings: tuple[str, ...] = ()
    _columns: tuple[str, ...] = field(default=(), repr=False)
    described: str = ""
    key: Mapping[str, Any] = field(default_factory=dict)
    estimand: Estimand = "new_items"

    @property
    def cells(self) -> pd.DataFrame:
        """The counted choices, or those of the group."""
        return self.table.cells

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns that split the table."""
        return self.table.groups

    def label(self, term: str) -> str:
        """Return a term with the values that name the group."""
        return group_label(term, self.key)

    def split(self, groups: Sequence[str] | None = None) -> Iterator[Repeats]:
        """Yield the choices of each group, in the order of its values."""
        table = self.table if groups is None else replace(self.table, groups=tuple(groups))
        for key, part in table.split():
            yield replace(self, table=replace(table, cells=part), key=key)

    def notes(self, groups: Sequence[str], *, bounded: bool) -> Sequence[str]:
        """Return what must be known of how it was read."""
        return self.warnings

    def settings(self) -> dict[str, Any]:
        """Return what was used; `model` splits every table."""
        by = [name for name in self.groups if name != "model"]
        return {
            "estimand": self.estimand,
            "cluster": self.described,
            "within": list(self.within),
            "by": by,
        }

    @property
    def by_item(self) -> bool:
        """Whether pairs that share an item hang together."""
        return self.cluster == "item"

    @property
    def keys(self) -> list[str]:
        """Columns that keep repeats apart, besides items and order."""
        return [*self.within, *self._columns]

    def accounting(self, bounds: dict[str, tuple[float, float]] | None = None) -> Accounting:
        """Return how each outcome was counted: choices of an item are, and nothing else is."""
        counts = self.cells.groupby("outcome")["count"].sum()
        ordered = {str(name): float(counts[name]) for name in Outcome if name in counts.index}
        choices = {str(name): "a choice of that item" for name in CHOICES}
        used = sum(ordered.get(name, 0.0) for name in choices)
        counted_as = {name: choices.get(name, "left out") for name in ordered}
        return Accounting(ordered, counted_as, used, bounds or {})


def read_repeats(
    trials: object,
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | Literal[False] | None = None,
    within: str | Sequence[str] | None = None,
    extra: Sequence[str] = (),
    not_by: Sequence[str] = (),
) -> Repeats:
    """Check and count a table of paired choices, keeping what tells repeats apart.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second` and `outcome`.
    by
        Columns that split the table; `model` does so by itself.
    cluster
        `pair` (the unordered pair, unless there is such a column), `item`, or a column; None finds
        (`pair_cluster`), False takes every cell alone.
    within
        Columns that repeats must share; None takes those of `CONDITIONS` that are there.
    extra
        Further columns that are needed.
    not_by
        Columns that do not split the table even if it would be by default.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.
    """
    if cluster is not None and cluster is not False and not isinstance(cluster, str):
        raise SettingError(
            f"cluster={cluster!r}: must be 'pair', 'item', a column, None to look for one, or False for none"
        )
    names = column_names(as_frame(trials))
    groups = as_names(by)
    taken = {*extra, *groups}
    found = [name for name in CONDITIONS if name in names] if within is None else as_names(within)
    shared = tuple(name for name in found if name not in taken)
    missing = [
        f"{what}: no column {name!r}; columns here: {', '.join(names)}"
        for what, columns in (("within", shared), ("the comparison", extra))
        for name in columns
        if name not in names
    ]
    if missing:
        raise DataError(missing)
    found_cluster = pair_cluster(trials, cluster)
    column = found_cluster.column
    clusters = () if column is None else (column,)
    table = read_choices(trials, by=groups, clusters=tuple(dict.fromkeys((*clusters, *shared, *extra))))
    table = replace(table, groups=tuple(name for name in table.groups if name not in not_by))
    described = found_cluster.described
    if column is None or column not in table.cells.columns:
        return Repeats(table, shared, column, described=described)
    cells, lost = _with_cluster(table.cells, column)
    notes = [f"{lost:g} trials have no {column}: their pair was made their cluster"] if lost else []
    return Repeats(replace(table, cells=cells), shared, column, tuple(notes), (CLUSTER,), described)


def _with_cluster(cells: pd.DataFrame, column: str) -> tuple[pd.DataFrame, float]:
    """Return cells with a cluster label each; those without one get their pair's."""
    empty = cells[column].isna()
    low = np.minimum(cells["first"].to_numpy(dtype=object), cells["second"].to_numpy(dtype=object))
    high = np.maximum(cells["first"].to_numpy(dtype=object), cells["second"].to_numpy(dtype=object))
    labels = [
        ("pair", a, b) if gone else ("cluster", value, "")
        for gone, value, a, b in zip(empty, cells[column], low, high, strict=True)
    ]
    return cells.assign(**{CLUSTER: pd.factorize(pd.Index(labels, tupleize_cols=False))[0]}), float(
        cells.loc[empty, "count"].sum()
    )


def item_choices(part: pd.DataFrame, keys: Sequence[str], outcome: str = "outcome") -> pd.DataFrame:
    """Return how often the item that comes first in the alphabet was taken.

    Parameters
    ----------
    part
        Cells with `first`, `second`, `outcome` and `count`.
    keys
        Further columns to keep apart.
    outcome
        The column that says which item was taken; rows with anything else are excluded.

    Returns
    -------
    DataFrame
        `low_item`, `high_item`, `forward` (the low item was shown first), the keys, `low` (choices of the
        low item) and `n`.
    """
    chosen = part[part[outcome].isin([str(each) for each in CHOICES]).to_numpy(dtype=bool)]
    first = chosen["first"].to_numpy(dtype=object)
    second = chosen["second"].to_numpy(dtype=object)
    forward = (first < second).astype(bool)
    took_low = (chosen[outcome] == str(Outcome.CHOSE_FIRST)).to_numpy(dtype=bool) == forward
    count = chosen["count"].to_numpy(dtype=float)
    cells = pd.DataFrame({key: chosen[key].to_numpy() for key in keys})
    cells["low_item"] = np.where(forward, first, second)
    cells["high_item"] = np.where(forward, second, first)
    cells["forward"] = forward
    cells["low"] = count * took_low
    cells["n"] = count
    columns = [*PAIR, "forward", *keys]
    return cells.groupby(columns, sort=True, dropna=False)[["low", "n"]].sum().reset_index()


def matched(left: pd.DataFrame, right: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return cells that are alike in items and keys, side by side (`low_x`, `n_x`, `low_y`, `n_y`)."""
    return left.merge(right, on=[*PAIR, *keys], how="inner", suffixes=("_x", "_y"))


def units_of(
    cells: pd.DataFrame, value: npt.ArrayLike, comparisons: npt.ArrayLike, cluster: str | None
) -> Units:
    """Return one value a cell, ready to be averaged over clusters.

    Parameters
    ----------
    cells
        With `low_item`, `high_item` and, if a column is the cluster, its code.
    value, comparisons
        The value of each cell and how many independent comparisons it rests on (n,).
    cluster
        As in `read_repeats`.
    """
    n = len(cells)
    codes = pd.factorize(np.concatenate([cells["low_item"], cells["high_item"]]))[0]
    items = np.stack([codes[:n], codes[n:]], axis=1).astype(np.int64)
    label: npt.NDArray[Any]
    if CLUSTER in cells.columns:
        label = cells[CLUSTER].to_numpy()
    elif cluster is None:
        label = np.arange(n)
    else:
        label = items.min(axis=1) * (codes.max(initial=0) + 1) + items.max(axis=1)
    owner = pd.factorize(label)[0].astype(np.int64)
    return Units(np.asarray(value, dtype=float), np.asarray(comparisons, dtype=float), owner, items)
