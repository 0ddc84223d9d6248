"""A table of codings, checked: which unit, who coded it, as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.tables.counts import as_frame, column_names, count_rows
from bartleby.analysis.tables.grouping import group_names, split_groups
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError

__all__ = ["CodingTable", "Codings", "read_codings"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Codings:
    """The codings of one group, as codes.

    Parameters
    ----------
    unit, coder, value
        Codes of each coding (n,).
    cluster
        Code of each unit's cluster (U,).
    coders, values
        The labels behind the codes, in order.
    clustered
        Whether units share clusters; each is its own otherwise.
    """

    unit: Integers
    coder: Integers
    value: Integers
    cluster: Integers
    coders: tuple[Any, ...]
    values: tuple[Any, ...]
    clustered: bool

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.cluster)

    def numbers(self) -> Floats:
        """Return the values as numbers, or their places where they are words (K,)."""
        try:
            return np.asarray(self.values, dtype=float)
        except (TypeError, ValueError):
            return np.arange(len(self.values), dtype=float)

    def by_unit(self, coder: int) -> Integers:
        """Return what a coder said of each unit, -1 where nothing (U,)."""
        found = np.full(self.n_units, -1, dtype=np.int64)
        own = self.coder == coder
        found[self.unit[own]] = self.value[own]
        return found

    def joint(self, one: int, other: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return each unit's cell of the table of two coders, one-hot (U, K * K), and who has both (U,)."""
        a, b = self.by_unit(one), self.by_unit(other)
        both = (a >= 0) & (b >= 0)
        size = len(self.values)
        cells = np.zeros((self.n_units, size * size))
        rows = np.flatnonzero(both)
        cells[rows, a[rows] * size + b[rows]] = 1
        return cells, both

    def both(self, one: int, other: int) -> tuple[Integers, Integers, Integers]:
        """Return what two coders said of the units that both coded, and those units' clusters."""
        a, b = self.by_unit(one), self.by_unit(other)
        rows = (a >= 0) & (b >= 0)
        return a[rows], b[rows], self.cluster[rows]


@dataclass(frozen=True, eq=False)
class CodingTable:
    """Codings, by group.

    Parameters
    ----------
    rows
        Columns `unit`, `coder`, `value`, `cluster` and those of `groups`; nothing missing in the first three.
    groups
        Columns that split the table.
    missing
        Codings without a value.
    clustered
        Whether a cluster column was given.
    """

    rows: pd.DataFrame
    groups: tuple[str, ...]
    missing: float
    clustered: bool

    def split(self) -> list[tuple[dict[str, Any], Codings]]:
        """Return the codings of each group with the values that name it, in their order."""
        return [(key, self._coded(part)) for key, part in split_groups(self.rows, self.groups)]

    def pairable(self) -> tuple[float, float]:
        """Return codings of units that several coders have coded, and of those that one has."""
        coders = self.rows.groupby([*self.groups, "unit"], dropna=False)["coder"].transform("size")
        several = float((coders >= 2).sum())
        return several, float(len(self.rows)) - several

    def _coded(self, part: pd.DataFrame) -> Codings:
        values, coders = natural_order(part["value"].unique()), natural_order(part["coder"].unique())
        unit, names = pd.factorize(part["unit"])
        cluster = np.zeros(len(names), dtype=np.int64)
        cluster[unit] = pd.factorize(part["cluster"])[0]
        return Codings(
            unit.astype(np.int64),
            pd.Index(coders).get_indexer(pd.Index(part["coder"])).astype(np.int64),
            pd.Index(values).get_indexer(pd.Index(part["value"])).astype(np.int64),
            cluster,
            tuple(coders),
            tuple(values),
            self.clustered,
        )


def read_codings(
    codings: object,
    *,
    unit: str,
    coder: str,
    value: str,
    cluster: str | None,
    by: str | Sequence[str] | None,
    numbers: bool,
) -> CodingTable:
    """Check a table of codings.

    Parameters
    ----------
    codings
        Any frame that narwhals reads.
    unit, coder, value, cluster
        Its columns.
    by
        Columns that split the table.
    numbers
        Whether values must be numbers.

    Raises
    ------
    DataError
        Naming everything that is wrong.
    """
    frame = as_frame(codings)
    names = column_names(frame)
    wanted = {"unit": unit, "coder": coder, "value": value, **({"cluster": cluster} if cluster else {})}
    missing = [
        f"{role}: no column {name!r}; columns here: {', '.join(names)}"
        for role, name in wanted.items()
        if name not in names
    ]
    if missing:
        raise DataError(missing)
    groups = group_names(names, by, not_by=wanted.values())
    rows = count_rows(frame, list(dict.fromkeys([*groups, *wanted.values()])), name="_times")
    if rows.empty:
        raise DataError("the table has no rows; allowed: one row a coding")
    keep = {role: rows[name] for role, name in wanted.items()}
    keep.setdefault("cluster", rows[unit])
    table = pd.DataFrame({**{name: rows[name] for name in groups}, **keep, "_times": rows["_times"]})
    empty = table["value"].isna() | (table["value"].astype(str).str.strip() == "")
    given = table[~empty]
    problems = _problems(given, groups, wanted, numbers=numbers)
    if problems:
        raise DataError(problems)
    return CodingTable(
        given.reset_index(drop=True), groups, float(table.loc[empty, "_times"].sum()), bool(cluster)
    )


def _problems(
    given: pd.DataFrame, groups: Sequence[str], wanted: dict[str, str], *, numbers: bool
) -> list[str]:
    if given.empty:
        return [f"column {wanted['value']!r}: empty in every row, so nothing was coded"]
    problems = [
        f"column {wanted[role]!r}: empty in {int(given[role].isna().sum())} rows that have a value"
        for role in ("unit", "coder", "cluster")
        if role in wanted and given[role].isna().any()
    ]
    if numbers:
        text = given["value"][pd.to_numeric(given["value"], errors="coerce").isna()]
        problems += [
            f"column {wanted['value']!r}: {each!r} is no number; metric='nominal' takes words"
            for each in list(dict.fromkeys(text))[:3]
        ]
    twice = given.groupby([*groups, "unit", "coder"], dropna=False, sort=False)["_times"].sum()
    for key in twice[twice > 1].index[:3]:
        each, who = key[-2:]
        problems.append(
            f"unit {each!r} was coded {twice[key]:g} times by {who!r}; allowed: once. Several samples of one "
            "judge are coders of their own: name them apart"
        )
    if "cluster" in wanted:
        spread = given.groupby([*groups, "unit"], dropna=False, sort=False)["cluster"].nunique()
        problems += [
            f"unit {each!r} lies in {number} clusters; allowed: one"
            for each, number in spread[spread > 1].reset_index()[["unit", "cluster"]].values[:3]
        ]
    return problems
