"""Means of numbers: ratings, judged scores, tokens, dollars; with intervals that respect repeats.

The questions are those of `rate`: `new_items` (the default) is about items like these and takes the repeats
of one as a cluster, `these_items` about exactly these items asked again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.inference.means import (
    MeanSpread,
    clustered_spread,
    independent_spread,
    mean_fit,
    stratified_spread,
)
from bartleby.analysis.rates.rates import filled, rate
from bartleby.analysis.rates.two_way import choose_clusters, two_way_covariance
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand, check_settings, group_names, split_groups
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import EventTable, missing_warnings, read_events
from bartleby.docstrings import parameters_of
from bartleby.errors import DataError, SettingError

__all__ = ["Scale", "mean", "mean_spread", "moments_by", "scale_of", "scale_text"]

Method = Literal["auto", "t"]
Scale = tuple[float, float]


@dataclass(frozen=True)
class _Options:
    """How a mean is to be estimated: cluster columns, settings, and the range of the outcome."""

    clusters: tuple[str, ...]
    level: float
    estimand: Estimand
    method: Method
    scale: Scale
    limits: Scale


@parameters_of(rate)
def mean(
    trials: object,
    outcome: str,
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Method = "auto",
    scale: Scale | None = None,
) -> Estimates:
    """Estimate the mean of a numeric outcome.

    Parameters
    ----------
    outcome
        A column of numbers, such as a rating from 1 to 7, a judged score, tokens or dollars. A trial is
        missing where the number is empty, where a column `outcome` says so, or a column of 0 and 1 named
        `abandoned`, `error`, `truncated` or `unparsed`.
    estimand
        `new_items`: the mean over items like these; `these_items`: over exactly these, asked again.
    method
        `t`: plus and minus t standard errors (CR2, Satterthwaite); `auto`: extended to what Hall's (1992)
        transformation for skewness reaches, with room for clusters unlike those seen.
    scale
        The lowest and the highest value that the outcome can have, such as `(1, 7)`. Worst-case bounds need
        them; by default they are those observed anywhere in the table. Intervals end where a stated scale
        does, and need one with fewer than 14 clusters.

    Returns
    -------
    Estimates
        Beside the fixed columns: `std_dev` (of single values), `missing`, `bound_low` and `bound_high`
        (worst-case bounds with their sampling error: the missing all at the lowest and all at the highest
        value of the scale), `df`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    `bartleby.analysis.inference.means`, and for the room `few_clusters` beside it. Undefined, with the reason
    as its method: one cluster, one value; and without a stated scale no variation, or fewer than 14
    clusters (or rows, where these are independent), which do not show how far others would differ.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> trials = pd.DataFrame({"item": list("abcdefghijkl") * 2, "rating": [1, 2, 2, 3, 5, 6] * 4})
    >>> bb.mean(trials, "rating", scale=(1, 7)).to_frame()[["estimate", "low", "high"]].round(
    ...     2
    ... ).values.tolist()
    [[3.17, 1.99, 4.53]]
    """
    check_settings(level, estimand, method=(method, ("auto", "t")))
    frame = as_frame(trials)
    groups = group_names(column_names(frame), by)
    both = choose_clusters(frame, cluster)
    keys = list(dict.fromkeys([*groups, *both.columns]))
    table = read_events(frame, outcome, keys=keys, may_be_empty=groups, numbers=True)
    limits = (-math.inf, math.inf) if scale is None else scale_of(table, scale)
    options = _Options(tuple(both.columns), level, estimand, method, scale_of(table, scale), limits)
    rows, bounds, cases = [], {}, []
    warnings = [*missing_warnings(table, groups), *([both.first.warning] if both.first.warning else [])]
    for key, part in split_groups(table.cells, groups):
        label = group_label(table.event, key)
        row, case = _mean_row(part, label, options, warnings)
        bounds[label] = (row["bound_low"], row["bound_high"])
        cases.append(case)
        rows.append({**key, "term": table.event, **row})
    warnings += bound_warnings(cases)
    settings = {
        "estimand": estimand,
        "level": level,
        "cluster": both.first.described,
        "by": list(groups),
        "method": method,
        "scale": scale_text(table, scale),
    }
    return Estimates(estimate_frame(rows, groups), table.accounting(bounds), tuple(warnings), settings)


def scale_of(table: EventTable, scale: Scale | None) -> Scale:
    """Return the lowest and the highest possible value: those stated, or those observed."""
    values = table.cells["_event"].dropna()
    if scale is None:
        return (float(values.min()), float(values.max())) if len(values) else (math.nan, math.nan)
    try:
        low, high = (float(end) for end in scale)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SettingError(
            f"scale={scale!r}: must be two numbers, the lowest and the highest, such as (1, 7)"
        )
    outside = values[(values < low) | (values > high)].unique()
    if len(outside):
        raise DataError(
            f"column {table.event!r}: {', '.join(f'{value:g}' for value in sorted(outside)[:5])}: must lie "
            f"within scale=({low:g}, {high:g})"
        )
    return low, high


def scale_text(table: EventTable, scale: Scale | None) -> str:
    """Return the range that bounds rest on, in words."""
    low, high = scale_of(table, scale)
    return f"{low:g} to {high:g} ({'observed' if scale is None else 'stated'})"


def _mean_row(
    part: pd.DataFrame, label: str, options: _Options, warnings: list[str]
) -> tuple[dict[str, Any], WorstCase]:
    """Return a row and its worst case."""
    used = part[part["_event"].notna()]
    spread = mean_spread(used, options.clusters, options.estimand)
    skewness = options.method == "auto" and options.estimand == "new_items"
    fit = mean_fit(spread, options.level, skewness=skewness, limits=options.limits)
    total = float(part["count"].sum())
    missing = total - float(used["count"].sum())
    worst = [spread, spread]
    if missing:
        worst = [mean_spread(filled(part, end), options.clusters, options.estimand) for end in options.scale]
    fits = [mean_fit(side, options.level, skewness=skewness, limits=options.limits) for side in worst]
    if math.isnan(fit.low):
        warnings.append(f"{label}: no interval: {fit.method.removeprefix('undefined, ')}")
    elif spread.doubtful and options.estimand == "new_items":
        warnings.append(
            f"{label}: the values of the {spread.units:g} clusters or rows are very skewed, so the interval "
            "is likely to be too short"
        )
    row = {
        "estimate": fit.estimate,
        "std_error": fit.std_error,
        "low": fit.low,
        "high": fit.high,
        "level": options.level,
        "n": total - missing,
        "n_clusters": spread.units,
        "method": fit.method,
        "std_dev": _deviation(used),
        "missing": missing,
        "bound_low": float(np.fmin(fit.low, fits[0].low)),
        "bound_high": float(np.fmax(fit.high, fits[1].high)),
        "df": fit.df,
    }
    extremes = (worst[0].estimate, worst[1].estimate)
    return row, WorstCase(label, fit.low, fit.high, extremes, missing, total)


def _deviation(used: pd.DataFrame) -> float:
    """Return the standard deviation of single values."""
    counts = used["count"].to_numpy(dtype=float)
    if not counts.sum() > 1:
        return math.nan
    gaps = used["_event"].to_numpy(dtype=float) - np.average(used["_event"], weights=counts)
    return math.sqrt(float(counts @ gaps**2) / (float(counts.sum()) - 1))


def mean_spread(used: pd.DataFrame, clusters: Sequence[str], estimand: Estimand) -> MeanSpread:
    """Return the mean of counted trials with a number as `_event`, over clusters by up to two columns."""
    if not clusters or used.empty:
        return independent_spread(used["_event"].to_numpy(dtype=float), used["count"].to_numpy(dtype=float))
    sums = moments_by(used, list(clusters))
    totals, n = sums["events"].to_numpy(dtype=float), sums["n"].to_numpy(dtype=float)
    if estimand == "these_items":
        return stratified_spread(totals, n, sums["squares"].to_numpy(dtype=float))
    if len(clusters) == 1:
        return clustered_spread(totals, n)
    return _crossed_spread(sums, totals, n)


def _crossed_spread(
    sums: pd.DataFrame, totals: npt.NDArray[np.float64], n: npt.NDArray[np.float64]
) -> MeanSpread:
    """Return the mean over two crossed ways of clustering, skewness being that of the more skewed."""
    codes = [pd.factorize(sums.index.get_level_values(way))[0] for way in (0, 1)]
    ways = [
        clustered_spread(*(np.bincount(way, sums).astype(float) for sums in (totals, n))) for way in codes
    ]
    estimate, fewer = ways[0].estimate, min(ways, key=lambda way: way.units)
    if math.isnan(fewer.std_error):
        return fewer
    joint = two_way_covariance((totals - n * estimate)[:, None], np.sqrt(n)[:, None], np.stack(codes, axis=1))
    error, df = float(joint.standard_errors([[1.0]])[0]), float(joint.degrees_of_freedom([[1.0]])[0])
    skew = max((way.skew for way in ways), key=abs)
    far = max(way.far[0] for way in ways), max(way.far[1] for way in ways)
    return MeanSpread(estimate, error, df, skew, "CR2, two-way", fewer.units, far)


def moments_by(used: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return `events` (sums), `n` and `squares` (about their own mean) of each value of some columns."""
    counted = used.assign(events=used["_event"] * used["count"], n=used["count"])
    sums = counted.groupby(columns, sort=False)[["events", "n"]].sum()
    own = (sums["events"] / sums["n"]).rename("own")
    gaps = used.join(own, on=columns)
    squares = gaps.assign(squares=gaps["count"] * (gaps["_event"] - gaps["own"]) ** 2)
    return sums.assign(squares=squares.groupby(columns, sort=False)["squares"].sum())
