"""How often something happens: opting out, refusing, leaving; with intervals that respect repeats.

Ten answers to one item are not ten items. By default the interval is for items *like* these
(`estimand="new_items"`), and then repeats of an item count as one cluster; `these_items` asks instead what
exactly these items would give if asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.inference.intervals import RateFit, clustered_rate, independent_rate
from bartleby.analysis.inference.stratified import stratified_rate
from bartleby.analysis.rates.two_way import choose_clusters, crossed_rates
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand, check_settings, group_names, split_groups
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import Refusals, missing_warnings, read_events

__all__ = ["RateOptions", "few_clusters_warnings", "filled", "fit_rate", "rate", "sums_by"]

Method = Literal["auto", "logit_t", "wilson", "beta_binomial"]

FEW = 20
RARE = 0.1
"""Fewer clusters and rarer than this, and the interval rests on a model of what was not seen."""


@dataclass(frozen=True)
class RateOptions:
    """How a rate is to be estimated: cluster column (None: independent rows), settings, a second column."""

    cluster: str | None
    level: float
    estimand: Estimand
    method: Method = "auto"
    second: str | None = None


def rate(
    trials: object,
    outcome: str | Sequence[str] = "opted_out",
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Method = "auto",
    refusals: Refusals = "counted",
    seed: int = 0,
) -> Estimates:
    """Estimate how often an outcome happens.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, one row a trial (or `count` trials).
    outcome
        One or several of Bartleby's outcome words (`"opted_out"`, `["opted_out", "refused"]`), or the
        name of a column of 0 and 1.
    by
        Columns that split the table: one rate for each combination. `model` splits by itself.
    cluster
        The column whose repeats belong together. None takes the first of `item`, `scenario`, `prompt`
        or `pair` that is there (or the pair of `first` and `second`) and says so in the settings; False
        takes every row as independent. Two columns, `["item", "wording"]`, are two ways of belonging
        together at once.
    level
        Of the interval.
    estimand
        `new_items`: the rate among items like these; `these_items`: among exactly these, asked again.
    method
        `logit_t`: cluster t on the logit scale; `wilson`: score interval with effective n and t;
        `beta_binomial`: a model of how clusters differ; `auto`: the model with up to 10 clusters, `logit_t`
        with 40 and more, something between the two otherwise. Independent rows always have Wilson's.
    refusals
        Trials that ended in a refusal in words: `counted` as trials without the outcome, `left_out`,
        or counted `as_event`.
    seed
        Recorded; nothing here is random.

    Returns
    -------
    Estimates
        Beside the fixed columns: `events`, `missing` (trials excluded as missing), `bound_low` and
        `bound_high` (worst-case bounds with their sampling error: the low end of the interval had all of
        those been without the outcome, the high end had all had it), `df`. A warning names each rate whose
        worst cases leave its interval.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Intervals: `bartleby.analysis.inference.intervals`; their coverage: `benchmarks/coverage_rates.py`.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> trials = pd.DataFrame(
    ...     {"item": list("abcdefghij") * 4, "outcome": ["completed"] * 30 + ["opted_out"] * 10}
    ... )
    >>> bb.rate(trials).to_frame()[["estimate", "low", "high"]].round(2).values.tolist()
    [[0.25, 0.13, 0.43]]
    """
    check_settings(
        level,
        estimand,
        method=(method, ("auto", "logit_t", "wilson", "beta_binomial")),
        refusals=(refusals, ("counted", "left_out", "as_event")),
    )
    frame = as_frame(trials)
    groups = group_names(column_names(frame), by)
    both = choose_clusters(frame, cluster)
    clusters = both.first
    keys = list(dict.fromkeys([*groups, *both.columns]))
    table = read_events(frame, outcome, keys=keys, may_be_empty=groups, refusals=refusals)
    options = RateOptions(clusters.column, level, estimand, method, both.second)
    rows, bounds, warnings, cases = [], {}, missing_warnings(table, groups), []
    warnings += [clusters.warning] if clusters.warning else []
    for key, part in split_groups(table.cells, groups):
        row = _rate_row(part, table.event, options)
        warnings += _row_warnings(row, key, options)
        label = group_label(table.event, key)
        bounds[label] = (row["bound_low"], row["bound_high"])
        total = row["n"] + row["missing"]
        extremes = (row["events"] / total, (row["events"] + row["missing"]) / total)
        cases.append(WorstCase(label, row["low"], row["high"], extremes, row["missing"], total))
        rows.append({**key, **row})
    warnings += bound_warnings(cases)
    settings = {
        "estimand": estimand,
        "level": level,
        "cluster": clusters.described,
        "by": list(groups),
        "method": method,
        "refusals": refusals,
        "seed": seed,
    }
    return Estimates(estimate_frame(rows, groups), table.accounting(bounds), tuple(warnings), settings)


def _rate_row(part: pd.DataFrame, event: str, options: RateOptions) -> dict[str, Any]:
    used = part[part["_event"].notna()]
    fit, n_clusters = fit_rate(used, options)
    events = float((used["_event"] * used["count"]).sum())
    missing = float(part.loc[part["_event"].isna(), "count"].sum())
    worst = [fit_rate(filled(part, value), options)[0] for value in (0.0, 1.0)] if missing else [fit, fit]
    return {
        "term": event,
        "estimate": fit.estimate,
        "std_error": fit.std_error,
        "low": fit.low,
        "high": fit.high,
        "level": options.level,
        "n": float(used["count"].sum()),
        "n_clusters": n_clusters,
        "method": fit.method,
        "events": events,
        "missing": missing,
        "bound_low": float(np.fmin(fit.low, worst[0].low)),
        "bound_high": float(np.fmax(fit.high, worst[1].high)),
        "df": fit.df,
    }


def _row_warnings(row: Mapping[str, Any], key: Mapping[str, Any], options: RateOptions) -> list[str]:
    if row["n"] == 0:
        return [f"{row['term']}{group_label('', key)}: no usable trial, so the rate is undefined"]
    return few_clusters_warnings([row], key, options)


def few_clusters_warnings(
    rows: Sequence[Mapping[str, Any]], key: Mapping[str, Any], options: RateOptions, *, also: str = ""
) -> list[str]:
    """Return what must be known of shares that rest on few clusters: one warning of either kind.

    Parameters
    ----------
    rows
        Rows of shares of one group, with `term`, `estimate`, `low` and `n_clusters`.
    key
        The values that name the group.
    options
        How they were estimated.
    also
        What else rests on them, in words.
    """
    if options.cluster is None or options.estimand != "new_items":
        return []
    where, made = group_label("", key), f"; so does the interval of {also}" if also else ""
    single = [row for row in rows if row["n_clusters"] == 1 and np.isnan(row["low"])]
    if single:
        return [
            f"{_terms(single)}{where}: one cluster says nothing about how others differ, so there is no "
            "interval for new items; estimand='these_items' asks about this one alone"
        ]
    few = [row for row in rows if 1 < row["n_clusters"] < FEW]
    few = [row for row in few if min(row["estimate"], 1 - row["estimate"]) < RARE]
    if few:
        return [
            f"{_terms(few)}{where}: {min(row['n_clusters'] for row in few):g} clusters seldom include the "
            "rare ones that differ; the interval takes their rates for draws from one Beta distribution, and "
            f"does not allow for a kind of item that happens not to be among them{made}"
        ]
    return []


def _terms(rows: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(str(row["term"]) for row in rows))


def fit_rate(used: pd.DataFrame, options: RateOptions) -> tuple[RateFit, float]:
    """Return the rate of counted trials with `_event` 0 or 1, and the number of clusters."""
    if options.cluster is None:
        total = float(used["count"].sum())
        return independent_rate(float((used["_event"] * used["count"]).sum()), total, options.level), total
    columns = [options.cluster, *([options.second] if options.second else [])]
    sums = sums_by(used, columns)
    events, n = sums["events"].to_numpy(dtype=float), sums["n"].to_numpy(dtype=float)
    if options.estimand == "these_items":
        return stratified_rate(events, n, options.level), len(sums)
    if options.second is not None and len(sums):
        codes = np.stack([pd.factorize(sums.index.get_level_values(at))[0] for at in (0, 1)], axis=1)
        fit = crossed_rates(events, n, codes.astype(np.int64), method=options.method)(options.level)
        return fit, float(codes.max(axis=0).min() + 1)
    return clustered_rate(events, n, options.level, method=options.method), len(sums)


def filled(part: pd.DataFrame, value: float) -> pd.DataFrame:
    """Return trials with the missing ones as if they all had the event (1) or all had not (0)."""
    return part.assign(_event=part["_event"].fillna(value))


def sums_by(used: pd.DataFrame, column: str | list[str]) -> pd.DataFrame:
    """Return `events` and `n` of each value of a column, in the order of its values."""
    counted = used.assign(events=used["_event"] * used["count"], n=used["count"])
    return counted.groupby(column, sort=False)[["events", "n"]].sum()
