"""What splits a table and what belongs together: groups, clusters, and the settings every estimator has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import pandas as pd

from bartleby.analysis.tables.counts import Frame, column_names, count_rows
from bartleby.analysis.tables.estimates import COLUMNS
from bartleby.analysis.tables.labels import order_of
from bartleby.errors import DataError, SettingError

__all__ = [
    "BRANCH_CLUSTERS",
    "CLUSTER_COLUMNS",
    "ITEM_PAIR",
    "TURN_CLUSTERS",
    "Cluster",
    "Clusters",
    "Estimand",
    "as_names",
    "check_settings",
    "choose_cluster",
    "choose_clusters",
    "group_names",
    "level_problems",
    "missing_columns",
    "split_groups",
    "taken_names",
]

Estimand: TypeAlias = Literal["new_items", "these_items"]

CLUSTER_COLUMNS = (
    *("item", "item_id", "scenario", "scenario_id", "prompt", "prompt_id", "pair"),
    *("family", "item_family", "scenario_family"),
)
"""Columns of a table of trials taken as clusters if none is named: repeats of one are not independent."""
BRANCH_CLUSTERS = ("scenario", "scenario_id", "origin")
"""The same for trials that continue a conversation (`origin`) by one of its branches (`branch`), before all
others: there an item is one branch of one conversation, and those of a conversation belong together."""
TURN_CLUSTERS = (
    *("scenario", "scenario_id", "item", "item_id", "prompt", "prompt_id"),
    *("conversation", "conversation_id", "dialogue", "dialogue_id", "transcript", "transcript_id", "trial"),
)
"""The same for tables with a row a turn, a coding or a coded unit: the widest first, as turns lie within
conversations and these within scenarios."""
FURTHER_COLUMNS = (
    *("quantity", "events", "missing", "rate", "reference", "reference_rate", "p_value", "p_adjusted", "df"),
    *("bound_low", "bound_high", "margin_low", "margin_high", "p_equivalence", "equivalent", "component"),
    *("mean", "reference_mean", "std_dev", "lower", "upper"),
)
"""Columns that some tables of estimates have besides the fixed ones, and that groups cannot be named by."""
ITEM_PAIR = "_bartleby_pair"
"""The column made here for the unordered pair of `first` and `second`."""


@dataclass(frozen=True)
class Cluster:
    """Which trials belong together.

    Parameters
    ----------
    column
        The column, `ITEM_PAIR` for pairs made of `first` and `second`, None for independent rows.
    described
        The same in words, for the settings of a result.
    warning
        The warning if nothing was named and nothing found.
    """

    column: str | None
    described: str
    warning: str | None = None


@dataclass(frozen=True)
class Clusters:
    """Which trials belong together, by one column or by two.

    Parameters
    ----------
    first
        The clusters, or those of the first of two ways; its description names both.
    second
        The column of the second way.
    """

    first: Cluster = Cluster(None, "none: rows taken as independent, as requested")
    second: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns, without those there are not."""
        return [name for name in (self.first.column, self.second) if name]

    @property
    def described(self) -> str:
        """The clusters in words, for the settings of a result."""
        return self.first.described

    @property
    def warning(self) -> str | None:
        """What must be known of them."""
        return self.first.warning


def as_names(columns: str | Sequence[str] | Literal[False] | None, what: str = "columns") -> tuple[str, ...]:
    """Return names as a tuple without repetitions; None and False are no names.

    Parameters
    ----------
    columns
        A name, several, or none.
    what
        What the user calls them, for an error.

    Raises
    ------
    SettingError
        Something is no name, such as a number.
    """
    if columns is None or columns is False:
        return ()
    names = (columns,) if isinstance(columns, str) or not isinstance(columns, Iterable) else tuple(columns)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise SettingError(f"{what}={columns!r}: must be a name or a list of names, not {wrong[0]!r}")
    return tuple(dict.fromkeys(names))


def check_settings(level: float, estimand: str, **allowed: tuple[object, Sequence[object]]) -> None:
    """Refuse settings that are out of range, all at once.

    Parameters
    ----------
    level, estimand
        As every estimator has them.
    allowed
        Further settings by name: the value, and the values it may have.
    """
    problems = level_problems(level)
    every = {"estimand": (estimand, ("new_items", "these_items")), **allowed}
    for name, (value, values) in every.items():
        if value not in values:
            problems.append(f"{name}={value!r}: must be one of {', '.join(map(repr, values))}")
    if problems:
        raise SettingError("; ".join(problems))


def level_problems(level: object) -> list[str]:
    """Return what is wrong with a confidence level, in one line or none."""
    if isinstance(level, (int, float)) and 0 < level < 1:
        return []
    return [f"level={level!r}: must be a number between 0 and 1, such as 0.95"]


def group_names(
    names: Sequence[str], by: str | Sequence[str] | None, *, not_by: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the columns that split the table; `model` does so by itself where it is there."""
    taken = set(not_by)
    groups = [*(["model"] if "model" in names and "model" not in taken else []), *as_names(by)]
    unknown = [name for name in groups if name not in names]
    if unknown:
        raise DataError([f"by: no column {name!r}; columns here: {', '.join(names)}" for name in unknown])
    problems = taken_names(groups)
    if problems:
        raise SettingError("; ".join(problems))
    return tuple(dict.fromkeys(groups))


def missing_columns(names: Sequence[str], **columns: str | None) -> None:
    """Raise `DataError` naming every setting whose column is not there."""
    there = ", ".join(names)
    missing = [
        f"{setting}: no column {name!r}; columns here: {there}"
        for setting, name in columns.items()
        if name is not None and name not in names
    ]
    if missing:
        raise DataError(missing)


def taken_names(groups: Iterable[str]) -> list[str]:
    """Return what is wrong with the names of groups, in one line or none."""
    taken = [name for name in groups if name in (*COLUMNS, *FURTHER_COLUMNS)]
    if not taken:
        return []
    return [
        f"by: {', '.join(map(repr, taken))}: tables of estimates have a column of that name; rename the "
        "column in the table"
    ]


def split_groups(frame: pd.DataFrame, groups: Sequence[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return each group's rows with the values that name it, in the order of those values."""
    if not groups:
        return [({}, frame)]
    parts = [
        (dict(zip(groups, key, strict=True)), part)
        for key, part in frame.groupby(list(groups), sort=False, dropna=False)
    ]
    order = {name: order_of(key[name] for key, _ in parts) for name in groups}
    return sorted(parts, key=lambda pair: [order[name](value) for name, value in pair[0].items()])


def choose_cluster(
    frame: Frame,
    cluster: str | bool | Sequence[str] | None,
    candidates: Sequence[str] = CLUSTER_COLUMNS,
    *,
    unit: str = "row",
) -> Cluster:
    """Return the clusters: the column named, or the first of some candidates that is there, or none.

    Parameters
    ----------
    frame
        From `as_frame`.
    cluster
        A column; `pair` makes the unordered pair of `first` and `second` if there is no such column.
        None takes the first of the candidates. False takes rows as independent.
    candidates
        Column names by kind of table: `CLUSTER_COLUMNS` for trials, `TURN_CLUSTERS` for turns and codings. A
        column without any value is not taken; where the table has `origin` and `branch`, `BRANCH_CLUSTERS`
        come first. Where `pair` is a candidate and there is no such column, it is
        the unordered pair of `first` and `second`, last of all.
    unit
        What a row is, for the warning: row, turn, unit, conversation.

    Raises
    ------
    DataError
        The column is not there.
    SettingError
        `cluster` is neither a name nor None nor False.
    """
    names = column_names(frame)
    if cluster is False:
        return Cluster(None, "none: rows taken as independent, as requested")
    if isinstance(cluster, str):
        if cluster in names:
            return Cluster(cluster, cluster)
        if cluster == "pair" and {"first", "second"} <= set(names):
            return Cluster(ITEM_PAIR, "pair (of first and second)")
        raise DataError(f"cluster: no column {cluster!r}; columns here: {', '.join(names)}")
    if cluster is not None:
        raise SettingError(
            f"cluster={cluster!r}: must be one column, None to look for one, or False for none"
        )
    branched = {"origin", "branch"} <= set(names)
    for name in (*(BRANCH_CLUSTERS if branched else ()), *candidates):
        if name in names and not _all_empty(frame, name):
            return Cluster(name, f"{name} (found in the table)")
    if "pair" in candidates and {"first", "second"} <= set(names):
        return Cluster(ITEM_PAIR, "pair (of first and second, found in the table)")
    return Cluster(
        None,
        f"none found: {unit}s taken as independent",
        f"no column names {_alternatives(candidates)}, so every {unit} is taken as independent; if some are "
        "repeats of one the intervals are too narrow: name its column with cluster=",
    )


def choose_clusters(frame: Frame, cluster: str | bool | Sequence[str] | None) -> Clusters:
    """Return the clusters: as `choose_cluster` does, or two columns of them.

    Raises
    ------
    DataError
        A column is not there.
    SettingError
        There are more than two columns, or twice the same.
    """
    if cluster is None or isinstance(cluster, (str, bool)):
        return Clusters(choose_cluster(frame, cluster))
    names = list(cluster)
    if len(names) == 1:
        return Clusters(choose_cluster(frame, names[0]))
    if len(names) != 2 or names[0] == names[1]:
        raise SettingError(f"cluster={names!r}: must be one column, or two different ones")
    one, other = (choose_cluster(frame, name) for name in names)
    return Clusters(replace(one, described=f"{one.described} and {other.described}"), other.column)


def _alternatives(candidates: Sequence[str]) -> str:
    """Return candidates in words, without their variants: `an item, scenario or pair`."""
    nouns = [name for name in candidates if "_" not in name]
    article = "an" if nouns[0][0] in "aeiou" else "a"
    return f"{article} {', '.join(nouns[:-1])} or {nouns[-1]}" if nouns[1:] else f"{article} {nouns[0]}"


def _all_empty(frame: Frame, name: str) -> bool:
    return bool(count_rows(frame, [name])[name].isna().all())
