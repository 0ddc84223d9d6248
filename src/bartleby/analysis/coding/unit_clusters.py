"""Which coded units belong together: a turn to its conversation, a conversation to its scenario.

Units of one conversation are not independent, and a table seldom says so in a setting: the column is looked
for by its name, as in `rate`. A column of such a name that does not hold whole units together (a prompt that
is another one at every turn) is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd

from bartleby.analysis.rates.rates import few_clusters_warnings
from bartleby.analysis.tables.counts import Frame, column_names
from bartleby.analysis.tables.grouping import TURN_CLUSTERS, Cluster, choose_cluster

__all__ = ["cluster_candidates", "few_clusters", "find_clusters"]


def cluster_candidates(
    frame: Frame, cluster: str | bool | None, *, taken: Collection[str]
) -> tuple[str, ...]:
    """Return the columns that clusters may be taken from: the one named, or those with a telling name.

    Parameters
    ----------
    frame
        From `as_frame`.
    cluster
        As in `rate`.
    taken
        Columns with another role, such as the unit itself or what splits the table.
    """
    if isinstance(cluster, str):
        return (cluster,)
    names = column_names(frame)
    return (
        ()
        if cluster is False
        else tuple(name for name in TURN_CLUSTERS if name in names and name not in taken)
    )


def find_clusters(
    frame: Frame, cluster: str | bool | None, rows: pd.DataFrame, unit: pd.Series[Any], *, noun: str
) -> tuple[Cluster, pd.Series[Any], tuple[str, ...]]:
    """Return the clusters, the cluster of each row, and what a reader must know.

    Parameters
    ----------
    frame
        From `as_frame`.
    cluster
        As in `rate`: a column, None to look for one, False for independent units.
    rows
        The table, with the columns of `cluster_candidates`.
    unit
        The unit of each row.
    noun
        What a unit is, for the warning.

    Notes
    -----
    The widest of the columns that hold several units together is taken. Units whose row names no cluster are
    clusters of their own where the column was found; where it was named, the caller refuses them.
    """
    if cluster is None:
        held = [name for name in TURN_CLUSTERS if name in rows and _holds(rows[name], unit)]
        size = unit.nunique()
        ordered = sorted(held, key=lambda name: rows[name].nunique() >= size)
        names = column_names(frame)
        absent = [name for name in TURN_CLUSTERS if name not in names]
        found = choose_cluster(frame, None, ordered or absent, unit=noun)
    else:
        found = choose_cluster(frame, cluster, TURN_CLUSTERS, unit=noun)
    if found.column is None:
        loose = [f"column {name!r} has several values within one {noun}" for name in rows if cluster is None]
        warnings = (found.warning, *loose) if found.warning else ()
        return found, unit, ("; ".join(warnings),) if warnings else ()
    values = rows[found.column]
    if cluster is not None or not values.isna().any():
        return found, values, ()
    values = values.groupby(unit.to_numpy()).transform("first")
    lone = unit[values.isna()]
    filled = values.astype("object").where(values.notna(), "alone: " + unit.astype(str))
    if lone.empty:
        return found, filled, ()
    warning = (
        f"column {found.column!r}: empty for {lone.nunique()} {noun}s, each of which is taken as a cluster "
        "of its own"
    )
    return found, filled, (warning,)


def _holds(values: pd.Series[Any], unit: pd.Series[Any]) -> bool:
    """Return whether a column names something and has one value for each unit."""
    named = values.notna().to_numpy()
    return bool(named.any()) and int(values[named].groupby(unit[named].to_numpy()).nunique().max()) == 1


def few_clusters(rows: Iterable[Mapping[str, Any]], key: Mapping[str, Any]) -> list[str]:
    """Return the warning of `rate` where shares rest on few clusters and are rare.

    Parameters
    ----------
    rows
        Rows of estimates that are shares; several of one quantity are named once.
    key
        The values that name the group.
    """
    shares = [{**row, "term": row.get("quantity", row["term"])} for row in rows if row["n_clusters"] > 1]
    return few_clusters_warnings(shares, key)
