"""The data of a regression: identical rows counted as one cell, with their design and clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.inference.logistic import Cells
from bartleby.analysis.rates.formulas import Design, Terms, make_design
from bartleby.errors import DataError

__all__ = ["Counted", "as_rows", "counted_cells"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """The data of a regression: design, events, trials, clusters (None: independent rows), a second way.

    `missing` are trials of each cell whose outcome is missing, beyond `n`; None if there are none. They may
    have had any value of `scale`. Of a numeric outcome `events` are sums of values. Cells of one `profile`
    have the same predictors, in any cluster; None if it is not known which have.
    """

    design: Design
    events: Floats
    n: Floats
    cluster: Codes | None
    second: Codes | None = None
    missing: Floats | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    profile: Codes | None = None

    def filled(self, share: Floats | float) -> Counted:
        """Return the data had the missing trials been so far up the scale (share 1: at its upper end)."""
        missing = np.zeros_like(self.n) if self.missing is None else self.missing
        value = self.scale[0] + share * (self.scale[1] - self.scale[0])
        return replace(self, events=self.events + missing * value, n=self.n + missing, missing=None)

    def cells(self) -> Cells:
        """Return what the fits take."""
        return Cells(self.design.matrix, self.events, self.n)

    def merged(self) -> Cells:
        """Return cells of the same predictors as one, for what does not depend on clusters."""
        if self.profile is None:
            return self.cells()
        _, first = np.unique(self.profile, return_index=True)
        events, n = (np.bincount(self.profile, values).astype(float) for values in (self.events, self.n))
        return Cells(self.design.matrix[first], events, n)

    def n_clusters(self) -> float:
        """Return the number of clusters (of the way with fewer), or of rows where these are independent."""
        if self.cluster is None:
            return float(self.n.sum())
        return min(int(np.count_nonzero(np.bincount(way))) for way in self.ways())

    def ways(self) -> list[Codes]:
        """Return the codes of clusters by each way of clustering."""
        return [way for way in (self.cluster, self.second) if way is not None]


def counted_cells(
    used: pd.DataFrame,
    data: pd.DataFrame,
    terms: Terms,
    columns: Sequence[str],
    *,
    leave_out_constant: bool = False,
) -> Counted:
    """Return cells with the same predictors and clusters as one, and their design.

    Parameters
    ----------
    used, data
        Cells with `_event` (NaN where missing) and `count`, and their predictors.
    terms
        The formula.
    columns
        Cluster columns, at most two.
    leave_out_constant
        As in `make_design`.
    """
    names = ["_cluster", "_second"][: len(columns)]
    codes = {
        name: pd.factorize(used[column].astype(str))[0] for name, column in zip(names, columns, strict=True)
    }
    seen = used["_event"].notna()
    table = data.assign(
        **codes,
        _y=used["_event"].fillna(0.0) * used["count"],
        _n=used["count"].where(seen, 0.0),
        _missing=used["count"].where(~seen, 0.0),
    )
    merged = _merged_cells(table, [*data.columns, *names], ["_y", "_n", "_missing"])
    predictors = _used_categories(merged, data)
    profile, of_each = _profiles(predictors)
    distinct = make_design(terms, predictors.iloc[of_each], leave_out_constant=leave_out_constant)
    design = replace(distinct, matrix=distinct.matrix[profile], data=predictors)
    events, n, missing = (merged[name].to_numpy(dtype=float) for name in ("_y", "_n", "_missing"))
    lost = missing if missing.any() else None
    first, second = [*(merged[name].to_numpy(dtype=np.int64) for name in names), None, None][:2]
    return Counted(design, events, n, first, second, lost, profile=profile)


def as_rows(cells: pd.DataFrame, data: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return counted cells and their predictors as single rows, numbered in a column `_row`.

    Raises
    ------
    DataError
        Counts are not whole numbers, so that there are no single rows.
    """
    counts = cells["count"].to_numpy(dtype=float)
    if np.any(counts != np.round(counts)):
        raise DataError(
            "column 'count': must hold whole numbers where rows of a numeric outcome are independent"
        )
    order = np.repeat(np.arange(len(cells)), counts.astype(np.int64))
    rows = cells.iloc[order].assign(count=1.0, _row=np.arange(len(order))).reset_index(drop=True)
    return rows, data.loc[cells.index].iloc[order].reset_index(drop=True)


def _merged_cells(table: pd.DataFrame, keys: list[str], sums: list[str]) -> pd.DataFrame:
    """Return sums over rows that agree in all keys; of the whole table where there are none."""
    if not keys:
        return table[sums].sum().to_frame().T
    return table.groupby(keys, sort=True, observed=True)[sums].sum().reset_index()


def _profiles(predictors: pd.DataFrame) -> tuple[Codes, Codes]:
    """Return which rows, sorted by all columns, have the same values, and the first row of each kind."""
    begins = np.zeros(len(predictors), dtype=bool)
    begins[:1] = True
    for name in predictors:
        column = predictors[name]
        values = column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column
        begins[1:] |= values.to_numpy()[1:] != values.to_numpy()[:-1]
    return np.cumsum(begins) - 1, np.flatnonzero(begins)


def _used_categories(merged: pd.DataFrame, data: pd.DataFrame) -> pd.DataFrame:
    """Return the predictors of merged cells, without categories that none of them has."""
    predictors = merged[list(data.columns)].copy()
    for name in predictors:
        if isinstance(predictors[name].dtype, pd.CategoricalDtype):
            predictors[name] = predictors[name].cat.remove_unused_categories()
    return predictors
