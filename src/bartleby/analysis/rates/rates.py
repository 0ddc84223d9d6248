"""How often something happens: opting out, refusing, leaving; with intervals that respect repeats.

Ten answers to one item are not ten items. By default the interval is for items *like* these
(`estimand="new_items"`), and then repeats of an item count as one cluster; `these_items` asks instead what
exactly these items would give if asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.inference.few_clusters import RARE, ROOM, rare_with_room
from bartleby.analysis.inference.intervals import RateFit, clustered_rate, independent_rate
from bartleby.analysis.inference.stratified import stratified_rate
from bartleby.analysis.rates.two_way import crossed_rates
from bartleby.analysis.sample.answer import CASE, Row, answer, estimator, fit_row, worst_case
from bartleby.analysis.sample.columns import Where
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand
from bartleby.analysis.tables.labels import group_label

__all__ = [
    "Method",
    "Side",
    "bounded_rate",
    "few_clusters_warnings",
    "fit_rate",
    "rare_warnings",
    "rate",
    "rate_row",
    "sums_by",
]

Method = Literal["auto", "logit_t", "wilson", "beta_binomial"]
Side = Literal["upper", "lower"]

FEW = 20
"""Fewer clusters and rarer than this, and the interval rests on a model of what was not seen."""


@estimator()
def rate(
    trials: object,
    outcome: str | Sequence[str] = "opted_out",
    *,
    where: Where = None,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Method = "auto",
    refusals: Refusals = "counted",
    one_sided: Side | None = None,
) -> Estimates:
    """Estimate how often an outcome happens.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, one row a trial (or `count` trials).
    outcome
        One or several of Bartleby's outcome words (`"opted_out"`, `["opted_out", "refused"]`), or the
        name of a column of 0 and 1.
    where
        Values of columns that say which trials: `{"scenario_class": ["at_risk", "controversial"]}`.
        None takes all.
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
    one_sided
        `upper` or `lower`: adds a column of that name, what the rate is below, or above, with confidence
        `level`. 0 of n is not a rate of zero, and has an upper limit too.

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
    sample = read_sample(
        trials,
        outcome,
        where=where,
        by=by,
        cluster=cluster,
        ways=2,
        level=level,
        estimand=estimand,
        refusals=refusals,
    )
    return answer(sample, lambda part: bounded_rate(part, method, one_sided))


def bounded_rate(part: Sample, method: Method = "auto", side: Side | None = None) -> Iterator[Row | str]:
    """Yield the rate of a group, with bounds for its missing trials, and what must be known of it."""
    row = rate_row(part, part.event, method)
    worst = [fit_rate(part.filled(value), method)[0] for value in (0.0, 1.0)] if part.missing else []
    row |= {
        "events": part.events,
        "missing": part.missing,
        "bound_low": float(np.fmin(row["low"], worst[0].low)) if worst else row["low"],
        "bound_high": float(np.fmax(row["high"], worst[1].high)) if worst else row["high"],
        "df": row.pop("df"),
    }
    row[CASE] = worst_case(row, (part.events / part.total, (part.events + part.missing) / part.total))
    if side is not None:
        row[side] = _one_sided(part, method, side)
    yield row
    if part.n == 0:
        yield f"{part.label(part.event)}: no usable trial, so the rate is undefined"
    else:
        yield from rare_warnings(part, [row])


def _one_sided(part: Sample, method: Method, side: Side) -> float:
    """Return what the rate is below (or above) with the confidence of the level."""
    fit, n_clusters = fit_rate(part.at_level(2 * part.level - 1), method)
    if ROOM in fit.method:  # as much as a bound that is passed on one side only at this level needs
        fit = rare_with_room(fit, int(n_clusters), part.level)
    return fit.high if side == "upper" else fit.low


def rate_row(part: Sample, term: str, method: Method = "auto") -> Row:
    """Return the rate of a group as a row, of the trials in which the event was read."""
    fit, n_clusters = fit_rate(part, method)
    return {"term": term, **fit_row(fit, n=part.n, n_clusters=n_clusters, level=part.level)}


def rare_warnings(part: Sample, rows: Sequence[Row], also: str = "") -> list[str]:
    """Return what must be known of shares of new items that rest on few clusters."""
    if not part.clusters.columns or part.stratified:
        return []
    return few_clusters_warnings(rows, part.key, also=also)


def few_clusters_warnings(
    rows: Sequence[Mapping[str, Any]], key: Mapping[str, Any], *, also: str = ""
) -> list[str]:
    """Return what must be known of shares that rest on few clusters: one warning of either kind.

    Parameters
    ----------
    rows
        Rows of shares of one group, with `term`, `estimate`, `low` and `n_clusters`.
    key
        The values that name the group.
    also
        What else rests on them, in words.
    """
    group = group_label("", key)
    single = [row for row in rows if row["n_clusters"] == 1 and np.isnan(row["low"])]
    if single:
        return [
            f"{_terms(single)}{group}: one cluster says nothing about how others differ, so there is no "
            "interval for new items; estimand='these_items' asks about this one alone"
        ]
    few = [row for row in rows if 1 < row["n_clusters"] < FEW]
    few = [row for row in few if min(row["estimate"], 1 - row["estimate"]) < RARE]
    if not few:
        return []
    seldom = f"{min(row['n_clusters'] for row in few):g} clusters seldom include the rare ones that differ"
    if all(ROOM in str(row["method"]) for row in few):
        made = f", and that of {also} does not" if also else ""
        how = f"the interval leaves room for a kind of item that happens not to be among them{made}"
    else:
        made = f"; so does the interval of {also}" if also else ""
        how = (
            "the interval takes their rates for draws from one Beta distribution, and does not allow for a "
            f"kind of item that happens not to be among them{made}"
        )
    return [f"{_terms(few)}{group}: {seldom}; {how}"]


def _terms(rows: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(str(row["term"]) for row in rows))


def fit_rate(part: Sample, method: Method = "auto") -> tuple[RateFit, float]:
    """Return the rate of the trials in which the event was read, and the number of clusters."""
    used = part.known
    if not used.clusters.columns:
        return independent_rate(used.events, used.n, used.level), used.n
    sums = sums_by(used.cells, used.clusters.columns)
    events, n = sums["events"].to_numpy(dtype=float), sums["n"].to_numpy(dtype=float)
    if used.stratified:
        return stratified_rate(events, n, used.level), len(sums)
    if used.clusters.second is not None and len(sums):
        codes = np.stack([pd.factorize(sums.index.get_level_values(way))[0] for way in (0, 1)], axis=1)
        fit = crossed_rates(events, n, codes.astype(np.int64), method=method)(used.level)
        return fit, float(codes.max(axis=0).min() + 1)
    fit = clustered_rate(events, n, used.level, method=method)
    return rare_with_room(fit, len(sums), used.level) if method == "auto" else fit, len(sums)


def sums_by(used: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return `events` and `n` of each value of one or two columns, in the order of their values."""
    counted = used.assign(events=used["_event"] * used["count"], n=used["count"])
    return counted.groupby(columns, sort=False)[["events", "n"]].sum()
