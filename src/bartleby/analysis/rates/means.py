"""Means of numbers: ratings, judged scores, tokens, dollars; with intervals that respect repeats.

The questions are those of `rate`: `new_items` (the default) is about items like these and takes the repeats
of one as a cluster, `these_items` about exactly these items asked again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

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
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.rates.two_way import two_way_covariance
from bartleby.analysis.sample.answer import CASE, Row, answer, estimator, fit_row, worst_case
from bartleby.analysis.sample.columns import Where
from bartleby.analysis.sample.events import EventTable
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import DataError, SettingError

__all__ = ["UNLIMITED", "Scale", "mean", "mean_spread", "moments_by", "scale_of", "scale_text"]

Method = Literal["auto", "t"]
Scale = tuple[float, float]


UNLIMITED: Scale = (-math.inf, math.inf)


@estimator(rate)
def mean(
    trials: object,
    outcome: str,
    *,
    where: Where = None,
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
    sample = read_sample(
        trials,
        outcome,
        where=where,
        by=by,
        cluster=cluster,
        ways=2,
        level=level,
        estimand=estimand,
        numbers=True,
    )
    limits = UNLIMITED if scale is None else scale_of(sample, scale)
    return answer(
        sample,
        lambda part: _bounded_mean(part, method, scale_of(sample, scale), limits),
        settings={"scale": scale_text(sample, scale)},
    )


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


def _bounded_mean(part: Sample, method: Method, scale: Scale, limits: Scale) -> Iterator[Row | str]:
    """Yield the mean of a group, with bounds for its missing trials, and what must be known of it."""
    skewness = method == "auto" and not part.stratified
    spread = mean_spread(part)
    worst = [mean_spread(part.filled(end)) for end in scale] if part.missing else [spread, spread]
    fit, *ends = (mean_fit(one, part.level, skewness=skewness, limits=limits) for one in (spread, *worst))
    row = fit_row(fit, n=part.n, n_clusters=spread.units, level=part.level)
    df = row.pop("df")
    row = {
        "term": part.event,
        **row,
        "std_dev": _deviation(part.known.cells),
        "missing": part.missing,
        "bound_low": float(np.fmin(fit.low, ends[0].low)),
        "bound_high": float(np.fmax(fit.high, ends[1].high)),
        "df": df,
    }
    yield {**row, CASE: worst_case(row, (worst[0].estimate, worst[1].estimate))}
    if math.isnan(fit.low):
        yield f"{part.label(part.event)}: no interval: {fit.method.removeprefix('undefined, ')}"
    elif spread.doubtful and not part.stratified:
        yield (
            f"{part.label(part.event)}: the values of the {spread.units:g} clusters or rows are very skewed, "
            "so the interval is likely to be too short"
        )


def _deviation(used: pd.DataFrame) -> float:
    """Return the standard deviation of single values."""
    counts = used["count"].to_numpy(dtype=float)
    if not counts.sum() > 1:
        return math.nan
    gaps = used["_event"].to_numpy(dtype=float) - np.average(used["_event"], weights=counts)
    return math.sqrt(float(counts @ gaps**2) / (float(counts.sum()) - 1))


def mean_spread(part: Sample) -> MeanSpread:
    """Return the mean of the trials with a number, over clusters by up to two columns."""
    used, clusters = part.known.cells, part.clusters.columns
    if not clusters or used.empty:
        return independent_spread(used["_event"].to_numpy(dtype=float), used["count"].to_numpy(dtype=float))
    sums = moments_by(used, clusters)
    totals, n = sums["events"].to_numpy(dtype=float), sums["n"].to_numpy(dtype=float)
    if part.stratified:
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
