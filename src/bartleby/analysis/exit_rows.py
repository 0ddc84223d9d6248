"""Rows of estimates from fits: what the estimators of exits share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.grouping import Cluster, Estimand
from bartleby.analysis.intervals import RateFit
from bartleby.analysis.regression import Regression
from bartleby.errors import DataError

__all__ = ["fit_row", "missing_columns", "records", "regression_rows", "settings_of", "undefined"]


def undefined(why: str, estimate: float = math.nan) -> RateFit:
    """Return a fit without an interval, with the reason as its method."""
    return RateFit(estimate, math.nan, math.nan, math.nan, math.nan, f"undefined, {why}")


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


def regression_rows(fit: Regression, level: float) -> list[dict[str, Any]]:
    """Return the rows of a regression; a profile that cannot be followed has no bounds.

    Where a bias-reduced fit rests on very little, its likelihood runs out of information far from the
    estimate, before it has fallen enough for a bound.
    """
    profile = fit.profile
    if profile is None:
        return fit.rows(level)

    def followed(at: int, asked: float) -> tuple[float, float, float]:
        try:
            return profile(at, asked)
        except np.linalg.LinAlgError:
            return math.nan, math.nan, math.nan

    return replace(fit, profile=followed).rows(level)


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
