"""Rows of tables of estimates: what estimators that are made of rates fill in alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.tables.grouping import Cluster, Estimand
from bartleby.errors import DataError

__all__ = ["fit_row", "missing_columns", "records", "settings_of"]


def fit_row(fit: RateFit, *, n: float, n_clusters: float, level: float) -> dict[str, Any]:
    """Return the columns that a fit fills."""
    return {
        "estimate": fit.estimate,
        "std_error": fit.std_error,
        "low": fit.low,
        "high": fit.high,
        "level": level,
        "n": n,
        "n_clusters": n_clusters,
        "method": fit.method,
        "df": fit.df,
    }


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as mappings."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def settings_of(
    groups: Sequence[str], clusters: Cluster, level: float, estimand: Estimand, seed: int
) -> Mapping[str, Any]:
    """Return the settings that every estimator of exits tells."""
    return {
        "estimand": estimand,
        "level": level,
        "cluster": clusters.described,
        "by": list(groups),
        "seed": seed,
    }


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
