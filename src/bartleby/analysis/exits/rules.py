"""The rules of a deployed exit as questions: whether leaving is a last resort and follows a request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.exits.rates import exits
from bartleby.analysis.exits.table import exclude, exit_outcome, read_exits
from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.inference.unit_means import Clusters, mean_within
from bartleby.analysis.rates.rates import RateOptions, few_clusters_warnings, fit_rate
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import (
    Estimand,
    check_settings,
    choose_cluster,
    group_names,
    split_groups,
)
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import read_events
from bartleby.analysis.tables.rows import fit_row, missing_columns, settings_of
from bartleby.docstrings import parameters_of
from bartleby.errors import DataError

__all__ = ["follows_request", "last_resort"]

NOT_AN_EXIT = "not an exit"
"""The status of trials that a question about exits alone is not about."""
MOST = 10
"""Redirections beyond which the distribution is not told turn by turn."""


@parameters_of(exits)
def last_resort(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    redirections: str = "redirections",
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    turns: str = "turns",
    seed: int = 0,
) -> Estimates:
    """Estimate how many redirections came before an exit.

    Parameters
    ----------
    redirections
        The column that counts the turns in which the model declined or redirected before it left.
    turns
        The column of turns offered or had, if there is one: the most in any conversation bounds the mean.

    Returns
    -------
    Estimates
        Of trials that ended in an exit, by `quantity`: `at_least`, the share with `redirections` or more
        before it (so 1 minus the first row left without any); `mean`, their mean.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    The mean is one within limits, 0 and the most turns of any conversation (twice the most redirections
    counted where there is no such column), with room for scenarios unlike those seen
    (`few_clusters.with_room`).

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.last_resort(trials).verdict)
    At least, sim/averse: redirections 1 0.481 (95% interval 0.368 to 0.597), redirections 2 0.185
    (0.115 to 0.284), redirections 3 0.111 (0.060 to 0.197), redirections 4 0.025 (0.005 to 0.118) (81
    of 180 trials used, 99 excluded: 99 not an exit; 53 clusters by item; items as a random sample).
    """
    check_settings(level, estimand)
    frame = as_frame(trials)
    names = column_names(frame)
    missing_columns(names, redirections=redirections)
    groups, clusters = group_names(names, by), choose_cluster(frame, cluster)
    offered = [turns] if turns in names else []
    keys = list(
        dict.fromkeys([*groups, redirections, *offered, *([clusters.column] if clusters.column else [])])
    )
    may_be_empty = [*groups, redirections, *offered]
    table = read_events(frame, exit_outcome(frame, outcome), keys=keys, may_be_empty=may_be_empty)
    table = exclude(table, table.cells["_event"] == 0, NOT_AN_EXIT)
    cells = table.cells[table.cells["_event"] == 1].copy()
    number = pd.to_numeric(cells[redirections], errors="coerce").astype(float)
    odd = cells[redirections].notna() & ~((number >= 0) & (number == np.floor(number)))
    if odd.any():
        shown = ", ".join(map(repr, cells.loc[odd, redirections].unique()[:3]))
        raise DataError(f"column {redirections!r}: {shown}: must be a number of turns, 0 or more, or empty")
    cells["_number"] = number
    warnings = [*table.warnings, *([clusters.warning] if clusters.warning else [])]
    unknown = float(cells.loc[number.isna(), "count"].sum())
    if unknown:
        warnings.append(f"{redirections}: empty in {unknown:g} exits, which are excluded")
        table = exclude(table, table.cells[redirections].isna(), f"{redirections} empty")
    options = RateOptions(clusters.column, level, estimand)
    most = min(int(number.max()), MOST) if number.notna().any() else 0
    rows: list[dict[str, Any]] = []
    known = cells[cells["_number"].notna()]
    top = _most_possible(number, table.cells[turns] if offered else None)
    for key, part in split_groups(known, groups) if len(known) else []:
        found = _resort_rows(part, redirections, (most, top), options)
        rows += [{**key, **row} for row in found]
        warnings += few_clusters_warnings(found[:1], key, options, also="the mean")
    if not rows:
        warnings.append("no exit whose redirections are known, so nothing is estimated")
    frame_out = estimate_frame(rows, [*groups, "quantity", redirections])
    settings = settings_of(groups, clusters, level, estimand, seed)
    return Estimates(frame_out, table.accounting(), tuple(warnings), settings)


def _most_possible(number: pd.Series[float], turns: pd.Series[Any] | None) -> float:
    """Return the most redirections that a conversation can have: the most turns, where these are known."""
    counted = float(number.max()) if number.notna().any() else 0.0
    offered = math.nan if turns is None else float(pd.to_numeric(turns, errors="coerce").max())
    if offered > 0:
        return max(offered, counted)
    # As many as were counted, and twice as many as need not be the most that there can be.
    return max(2 * counted, 1.0)


def _resort_rows(
    part: pd.DataFrame, redirections: str, limits: tuple[int, float], options: RateOptions
) -> list[dict[str, Any]]:
    rows, (most, top) = [], limits
    for least in range(1, max(most, 1) + 1):
        used = part.assign(_event=(part["_number"] >= least).astype(float))
        fit, n_clusters = fit_rate(used, options)
        lead = {"quantity": "at_least", redirections: least, "term": f"{least} or more before leaving"}
        rows.append({**lead, **_row(fit, used, n_clusters, options.level)})
    fit, n_clusters = _mean(part, top, options)
    lead = {"quantity": "mean", redirections: None, "term": "mean before leaving"}
    return [*rows, {**lead, **_row(fit, part, n_clusters, options.level)}]


def _mean(part: pd.DataFrame, top: float, options: RateOptions) -> tuple[RateFit, float]:
    """Return the mean of `_number` over trials, which lies between 0 and `top`; see `mean_within`."""
    weight, value = part["count"].to_numpy(dtype=float), part["_number"].to_numpy(dtype=float)
    variance = float(np.average((value - np.average(value, weights=weight)) ** 2, weights=weight))
    units = [options.cluster] if options.cluster is not None else ["_number"]
    sums = part.assign(_sum=weight * value).groupby(units, sort=True)[["_sum", "count"]].sum()
    total, n = sums["_sum"].to_numpy(dtype=float), sums["count"].to_numpy(dtype=float)
    if options.cluster is None:
        fit = mean_within(
            [total.sum()], [n.sum()], variance=variance, top=top, level=options.level, clusters="rows"
        )
        return fit, float(n.sum())
    kind: Clusters = "these" if options.estimand == "these_items" else "new"
    fit = mean_within(total, n, variance=variance, top=top, level=options.level, clusters=kind)
    if kind == "new":
        fit = with_room(fit, len(sums), options.level, limits=(0.0, top))
    return fit, float(len(sums))


@parameters_of(exits)
def follows_request(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    asked: str = "user_asked_to_end",
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    turn: str = "turn",
    turns: str = "turns",
    seed: int = 0,
) -> Estimates:
    """Estimate whether a model leaves after the user has openly asked it to end the conversation.

    Parameters
    ----------
    asked
        The column of the turn at which the user asked; empty where it never did.

    Returns
    -------
    Estimates
        By `quantity`, of conversations in which the request was put: `left_at_once`, at that very turn;
        `left_after`, at that turn or later, where what we ended in between is left out; and of those without
        a request, `left_without_request`, to hold it against.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.follows_request(trials).verdict)
    Left at once, sim/averse: 0.75 (95% interval 0.03 to 0.99) (all 180 trials used; 2 clusters by
    item; items as a random sample).
    """
    check_settings(level, estimand)
    frame = as_frame(trials)
    names = column_names(frame)
    missing_columns(names, asked=asked, turn=turn, turns=turns)
    groups, clusters = group_names(names, by), choose_cluster(frame, cluster)
    keys = [*groups, asked, *([clusters.column] if clusters.column else [])]
    table = read_exits(frame, outcome, keys=keys, may_be_empty=[*groups, asked], times=(turn, turns))
    cells = table.events.cells
    request = pd.to_numeric(cells[asked], errors="coerce").astype(float)
    put = cells["_time"] >= request
    left = cells["_event"] == 1
    warnings = [*table.warnings, *([clusters.warning] if clusters.warning else [])]
    early = float(cells.loc[request.notna() & ~put, "count"].sum())
    unused = request.notna() & ~put
    if early:
        warnings.append(f"{early:g} trials ended before the user's request and are excluded")
    # A request was followed at once or not in every conversation in which the turn was had, however it ended.
    at_once = cells.assign(_event=(left & (cells["_time"] == request)).astype(float))[put]
    after = cells[put & cells["_event"].notna()]
    events = exclude(table.events, unused, "ended before the request")
    without = cells[request.isna() & cells["_event"].notna()]
    options = RateOptions(clusters.column, level, estimand)
    quantities = {"left_at_once": at_once, "left_after": after, "left_without_request": without}
    rows: list[dict[str, Any]] = []
    for key, part in split_groups(cells, groups):
        for quantity, those in quantities.items():
            used = those.loc[those.index.intersection(part.index)]
            fit, n_clusters = fit_rate(used, options)
            term = quantity.replace("_", " ")
            rows.append({**key, "quantity": quantity, "term": term, **_row(fit, used, n_clusters, level)})
        warnings += few_clusters_warnings(rows[-3:], key, options)
        if math.isnan(rows[-3]["estimate"]):
            warnings.append(f"{group_label('left_at_once', key)}: no conversation in which the user asked")
    found = estimate_frame(rows, [*groups, "quantity"])
    settings = settings_of(groups, clusters, level, estimand, seed)
    accounting = events.accounting()
    # What we ended after the request is in `left_at_once` alone.
    ended = float(cells.loc[put & cells["_event"].isna(), "count"].sum())
    accounting = replace(accounting, used=accounting.used + ended)
    return Estimates(found, accounting, tuple(warnings), settings)


def _row(fit: RateFit, used: pd.DataFrame, n_clusters: float, level: float) -> dict[str, Any]:
    return fit_row(fit, n=float(used["count"].sum()), n_clusters=n_clusters, level=level)
