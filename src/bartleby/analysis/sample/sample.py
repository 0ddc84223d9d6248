"""A table read once: rows counted by the columns that an estimator declares, with groups, clusters, event.

An estimator declares columns by role; `read_sample` checks all of them, and a `Sample` is what is left. Rows
leave a sample in one way only, `excluding`, so that the accounting is always that of what was used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.sample.columns import Column, Where, chosen_rows, declared, typed_columns
from bartleby.analysis.sample.events import EventTable, Refusals, missing_warnings, read_events
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import Frame, as_frame, column_names
from bartleby.analysis.tables.grouping import (
    Clusters,
    Estimand,
    choose_cluster,
    choose_clusters,
    group_names,
    split_groups,
)
from bartleby.analysis.tables.labels import group_label, natural_order
from bartleby.errors import DataError, SettingError

__all__ = ["Sample", "read_sample"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample(EventTable):
    """Trials, counted, with the event read; or a part of them.

    Parameters
    ----------
    groups
        Columns that split it.
    clusters
        Which trials belong together, by one column or two.
    level, estimand
        What is asked of it.
    names
        The column of each role that was declared.
    key
        The values that name the group, of a part.
    excluded
        Rows excluded since it was read, by status.
    """

    groups: tuple[str, ...] = ()
    clusters: Clusters = field(default_factory=Clusters)
    level: float = 0.95
    estimand: Estimand = "new_items"
    names: Mapping[str, str] = field(default_factory=dict)
    key: Mapping[str, Any] = field(default_factory=dict)
    excluded: Mapping[str, float] = field(default_factory=dict)

    def __contains__(self, role: str) -> bool:
        """Tell whether the table has the column of a role."""
        return role in self.names

    def __getitem__(self, role: str) -> pd.Series[Any]:
        """Return the column of a role: flags and numbers as floats."""
        return self.cells[self.names[role]]

    @property
    def _counts(self) -> Floats:
        return self.cells["count"].to_numpy(dtype=float)

    @property
    def _events(self) -> Floats:
        return self.cells["_event"].to_numpy(dtype=float)

    @property
    def happened(self) -> pd.Series[bool]:
        """In which rows the event happened."""
        return self.cells["_event"] == 1

    @property
    def known(self) -> Sample:
        """The rows in which the event was read."""
        missing = np.isnan(self._events)
        return self.where(self.cells["_event"].notna()) if missing.any() else self

    @property
    def total(self) -> float:
        """Trials, the missing ones too."""
        return float(self._counts.sum())

    @property
    def n(self) -> float:
        """Trials in which the event was read."""
        return float(self._counts[~np.isnan(self._events)].sum())

    @property
    def missing(self) -> float:
        """Trials in which it was not."""
        return float(self._counts[np.isnan(self._events)].sum())

    @property
    def events(self) -> float:
        """How often the event happened."""
        return float(np.nansum(self._events * self._counts))

    @property
    def stratified(self) -> bool:
        """Whether the question is about exactly these items."""
        return self.estimand == "these_items"

    def at_level(self, level: float) -> Sample:
        """Return the sample to be estimated with another confidence."""
        return replace(self, level=level)

    def count_of(self, rows: pd.Series[bool]) -> float:
        """Return the trials of some rows."""
        return float(self._counts[rows.to_numpy(dtype=bool)].sum())

    def label(self, term: str) -> str:
        """Return a term with the values that name the group."""
        return group_label(term, self.key)

    def where(self, rows: pd.Series[bool]) -> Sample:
        """Return some of the rows."""
        return replace(self, cells=self.cells[rows])

    def asking(self, happened: pd.Series[bool]) -> Sample:
        """Return the same rows with another event."""
        return self.having(_event=happened.astype(float))

    def having(self, **columns: Any) -> Sample:  # noqa: ANN401
        """Return the same rows with further columns, which are roles by their names."""
        return replace(
            self, cells=self.cells.assign(**columns), names={**self.names, **{n: n for n in columns}}
        )

    def filled(self, value: float) -> Sample:
        """Return the sample as if the event of the missing trials were this."""
        return self.having(_event=self.cells["_event"].fillna(value))

    def warning(self, *texts: str) -> Sample:
        """Return the sample with further warnings."""
        return replace(self, warnings=(*self.warnings, *texts))

    def excluding(self, rows: pd.Series[bool], status: str, warning: str = "") -> Sample:
        """Return the sample without some rows, which are counted under a status of their own.

        Parameters
        ----------
        rows
            Which. Those of which the event was missing before keep their status.
        status
            What the others are called in the accounting.
        warning
            Said of them, `{}` being their number; nothing is said of none.
        """
        if not rows.any():
            return self
        lost = self.cells[rows]
        named = lost["_status"].where(lost["_event"].isna(), status)
        excluded = dict(self.excluded)
        for name, count in lost.groupby(named)["count"].sum().items():
            excluded[str(name)] = excluded.get(str(name), 0.0) + float(count)
        said = [warning.format(f"{lost['count'].sum():g}")] if warning else []
        if warning:
            left = [part.key for part in self.where(~rows).split()]
            gone = [part for part in self.split() if part.key not in left]
            said += [f"{part.label('').strip()}: every trial is excluded" for part in gone]
        counted_as = {**self.counted_as, status: "excluded"}
        return replace(
            self,
            cells=self.cells[~rows],
            excluded=excluded,
            warnings=(*self.warnings, *said),
            counted_as=counted_as,
        )

    def split(self, groups: Sequence[str] | None = None) -> Iterator[Sample]:
        """Yield each group, in the order of its values."""
        for key, part in split_groups(self.cells, self.groups if groups is None else groups):
            yield replace(self, cells=part, key=key)

    def values(self, role: str) -> list[Any]:
        """Return the values of a column that are not empty, in order."""
        return natural_order(self[role].dropna().unique())

    def reference(self, role: str, asked: object) -> object:
        """Return the value of a column that others are compared with, as it is in the table.

        Raises
        ------
        DataError
            There are no two values.
        SettingError
            No value is the one that was asked for.
        """
        values, name = self.values(role), self.names[role]
        if len(values) < 2:
            only = f"one value, {values[0]!r}, and nothing to compare it with" if values else "no value"
            raise DataError(f"{role}: column {name!r} has {only}")
        if asked is None:
            return values[0]
        same = [value for value in values if str(value) == str(asked)]
        if not same:
            allowed = ", ".join(map(repr, values))
            raise SettingError(f"reference={asked!r}: must be a value of {name!r}: {allowed}")
        return same[0]

    def arms(self, role: str, *values: object) -> list[Sample]:
        """Return the rows that have each of some values in a column."""
        return [self.where(self[role] == value) for value in values]

    def notes(self, groups: Sequence[str], *, bounded: bool) -> Sequence[str]:
        """Return what must be known of how it was read, by group where estimates are bounded."""
        return missing_warnings(self, groups) if bounded else self.warnings

    def settings(self) -> dict[str, Any]:
        """Return what was used."""
        return {
            "estimand": self.estimand,
            "level": self.level,
            "cluster": self.clusters.described,
            "by": list(self.groups),
        }

    def accounting(self, bounds: dict[str, tuple[float, float]] | None = None) -> Accounting:
        """Return how all trials were counted, the excluded ones too."""
        counts = self.cells.groupby("_status")["count"].sum()
        total = {
            name: float(counts.get(name, 0.0)) + self.excluded.get(name, 0.0) for name in self.counted_as
        }
        there = {
            name: count for name, count in total.items() if name in counts.index or name in self.excluded
        }
        return Accounting(there, self.counted_as, self.n, bounds or {})


def read_sample(
    trials: object,
    outcome: str | Sequence[str],
    *columns: Column,
    by: str | Sequence[str] | None = None,
    not_by: Sequence[str] = (),
    cluster: str | bool | Sequence[str] | Clusters | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    refusals: Refusals = "counted",
    numbers: bool = False,
    where: Where = None,
    ways: Literal[1, 2] = 1,
) -> Sample:
    """Read a table of trials: check what an estimator declares, count, and exclude what it cannot use.

    Parameters
    ----------
    trials
        Any frame that narwhals reads.
    outcome, refusals, numbers
        The event, as `read_events` reads it.
    columns
        What the estimator needs beside it.
    by, not_by
        Columns that split the table, and those that never do.
    cluster
        What belongs together: what the user asked for, or clusters that were chosen already.
    level, estimand
        What is asked.
    where
        The values of columns that say which trials; None takes all.
    ways
        In how many ways trials may belong together.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.
    """
    frame = as_frame(trials)
    wanted = declared(frame, columns)
    frame = chosen_rows(frame, where)
    groups = tuple(name for name in group_names(column_names(frame), by, not_by=not_by) if name not in not_by)
    clusters = _clusters(frame, cluster, ways)
    keys = [*groups, *(str(column.name) for column in wanted), *clusters.columns]
    optional = [str(column.name) for column in wanted if column.empty != "refuse"]
    table = read_events(
        frame,
        outcome,
        keys=list(dict.fromkeys(keys)),
        may_be_empty=[*groups, *optional],
        refusals=refusals,
        numbers=numbers,
    )
    cells, names = typed_columns(table.cells, wanted)
    warnings = (*table.warnings, *([clusters.warning] if clusters.warning else []))
    sample = Sample(
        cells,
        table.event,
        table.counted_as,
        warnings,
        table.numeric,
        groups,
        clusters,
        level,
        estimand,
        names,
    )
    for column in wanted:
        if column.empty == "exclude":
            sample = sample.excluding(
                sample[column.role].isna(),
                f"{column.name} empty",
                f"{column.name}: empty in {{}} trials, which are excluded",
            )
    return sample


def _clusters(frame: Frame, cluster: str | bool | Sequence[str] | Clusters | None, ways: int) -> Clusters:
    if isinstance(cluster, Clusters):
        return cluster
    return choose_clusters(frame, cluster) if ways == 2 else Clusters(choose_cluster(frame, cluster))
