"""A table of codings, checked: which unit, who coded it, as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.unit_clusters import cluster_candidates, find_clusters
from bartleby.analysis.sample.answer import Grouped
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import as_frame, column_names, count_rows
from bartleby.analysis.tables.grouping import as_names, group_names
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError, SettingError

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
class CodingTable(Grouped):
    """Codings by group: rows with `unit`, `coder`, `value`, `cluster` and the groups.

    Parameters
    ----------
    missing
        Codings without a value.
    """

    missing: float = 0.0

    def settings(self) -> dict[str, Any]:
        """Return what was used."""
        return {"cluster": self.cluster, "by": list(self.groups)}

    def accounting(self, bounds: dict[str, tuple[float, float]] | None = None) -> Accounting:
        """Return how codings were counted: those of units that several coders have coded can be compared."""
        coders = self.rows.groupby([*self.groups, "unit"], dropna=False)["coder"].transform("size")
        several = float((coders >= 2).sum())
        return Accounting(
            {
                "coded with others": several,
                "coded by one": float(len(self.rows)) - several,
                "not coded": self.missing,
            },
            {
                "coded with others": "codings of units that two coders or more have coded",
                "coded by one": "left out: nothing to compare",
                "not coded": "left out: no value",
            },
            several,
            bounds or {},
        )

    def coded(self) -> Codings:
        """Return the codings of one group as codes."""
        part = self.rows
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
            len(np.unique(cluster)) < len(names),
        )


def read_codings(
    codings: object,
    *,
    unit: str | Sequence[str],
    coder: str,
    value: str,
    cluster: str | bool | None,
    by: str | Sequence[str] | None,
    numbers: bool,
) -> CodingTable:
    """Check a table of codings.

    Parameters
    ----------
    codings
        Any frame that narwhals reads.
    unit, coder, value, cluster, by
        As for `coder_agreement`.
    numbers
        Whether values must be numbers.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.
    """
    frame = as_frame(codings)
    names = column_names(frame)
    units = as_names(unit)
    if not units:
        raise SettingError("unit: name the column, or the columns, that say what was coded")
    named = {"cluster": cluster} if isinstance(cluster, str) else {}
    wanted = [*(("unit", name) for name in units), ("coder", coder), ("value", value), *named.items()]
    missing = [
        f"{role}: no column {name!r}; columns here: {', '.join(names)}"
        for role, name in wanted
        if name not in names
    ]
    if missing:
        raise DataError(missing)
    groups = group_names(names, by, not_by=[name for _, name in wanted])
    # One of several columns that make up a unit may be what units belong to: the conversation of a turn.
    taken = [*groups, coder, value, *(units if len(units) == 1 else ())]
    possible = cluster_candidates(frame, cluster, taken=taken)
    rows = count_rows(
        frame, list(dict.fromkeys([*groups, *(name for _, name in wanted), *possible])), name="_times"
    )
    if rows.empty:
        raise DataError("the table has no rows; allowed: one row a coding")
    key = _as_text(rows, units)
    found, clusters, warnings = find_clusters(
        frame, cluster, rows[list(possible)], _within(rows, groups, key), noun="unit"
    )
    keep = {"unit": key, "coder": _as_text(rows, (coder,)), "value": _alike(rows[value]), "cluster": clusters}
    table = pd.DataFrame({**{name: rows[name] for name in groups}, **keep, "_times": rows["_times"]})
    empty = table["value"].isna() | (table["value"].astype(str).str.strip() == "")
    coded = table[~empty]
    problems = _problems(
        coded, groups, {"unit": ", ".join(units), "coder": coder, "value": value} | named, numbers=numbers
    )
    if problems:
        raise DataError(problems)
    return CodingTable(
        coded.reset_index(drop=True),
        groups,
        found.described if found.column else found.described.replace("rows", "units"),
        warnings,
        missing=float(table.loc[empty, "_times"].sum()),
    )


def _as_text(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any]:
    """Return ids as text, those of several columns joined; missing where any of them is."""
    parts = [
        rows[name].fillna("") if isinstance(rows[name].dtype, pd.StringDtype) else rows[name].map(_id)
        for name in names
    ]
    joined = parts[0] if len(parts) == 1 else pd.Series(map(", ".join, zip(*parts, strict=True)), rows.index)
    return joined.astype("object").where(rows[list(names)].notna().all(axis=1), None)


def _id(value: object) -> str:
    """Return an id as text; a whole number has no decimal point, even beside missing values."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _alike(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values of one kind: numbers beside text, as of two files put together, are text too."""
    words = values.map(lambda value: isinstance(value, str))
    if not words.any() or words[values.notna()].all():
        return values
    return values.map(lambda value: value.strip() if isinstance(value, str) else _id(value)).where(
        values.notna()
    )


def _within(rows: pd.DataFrame, groups: Sequence[str], key: pd.Series[Any]) -> pd.Series[Any]:
    """Return units numbered anew in each group: two groups may share a name of a unit."""
    numbers: pd.Series[Any] = (
        rows[list(groups)].assign(_unit=key).groupby([*groups, "_unit"], dropna=False, sort=False).ngroup()
    )
    return numbers


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
            "judge are coders of their own: name them apart. Units that are numbered within something, such "
            "as the turns of a conversation, have two columns: unit=['conversation', 'turn']"
        )
    if "cluster" in wanted:
        spread = given.groupby([*groups, "unit"], dropna=False, sort=False)["cluster"].nunique()
        problems += [
            f"unit {each!r} lies in {number} clusters; allowed: one"
            for each, number in spread[spread > 1].reset_index()[["unit", "cluster"]].values[:3]
        ]
    return problems
