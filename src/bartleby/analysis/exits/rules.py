"""The rules of a deployed exit as questions: whether leaving is a last resort and follows a request."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.exits.exit_times import exit_outcome, read_exits
from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.inference.unit_means import Clusters, mean_within
from bartleby.analysis.rates.rates import rare_warnings, rate_row
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import as_frame
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand

__all__ = ["follows_request", "last_resort"]

MOST = 10
"""Redirections beyond which the distribution has no row of its own."""


@estimator(exits)
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
    frame = as_frame(trials)
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        Column("redirections", redirections, kind="whole", empty="keep"),
        Column("turns", turns, empty="keep", optional=True),
        by=by,
        cluster=cluster,
        level=level,
        estimand=estimand,
    )
    most = _most_turns(sample)
    sample = sample.excluding(sample.cells["_event"] == 0, "not an exit")
    sample = sample.excluding(
        sample.happened & sample["redirections"].isna(),
        f"{redirections} empty",
        f"{redirections}: empty in {{}} exits, which are excluded",
    )
    counted = sample.known["redirections"]
    if counted.empty:
        sample = sample.warning("no exit whose redirections are known, so nothing is estimated")
        counted = pd.Series([0.0])
    least = range(1, max(1, min(int(counted.max()), MOST)) + 1)
    # As many as were counted, and twice as many as need not be the most that there can be.
    top = max(most, counted.max()) if most > 0 else max(2 * counted.max(), 1.0)
    return answer(
        sample,
        lambda part: _redirections(part.known, redirections, least, top),
        identify=["quantity", redirections],
    )


def _most_turns(sample: Sample) -> float:
    """Return the most turns of any conversation: more redirections there cannot be; NaN if not known."""
    return float(pd.to_numeric(sample["turns"], errors="coerce").max()) if "turns" in sample else math.nan


def _redirections(part: Sample, name: str, least: range, top: float) -> Iterator[Row | str]:
    """Yield the shares of exits of one group with so many redirections or more, and their mean."""
    if part.cells.empty:
        return
    number = part["redirections"]
    shares = [
        {
            "quantity": "at_least",
            name: count,
            **rate_row(part.asking(number >= count), f"{count} or more before leaving"),
        }
        for count in least
    ]
    fit, n_clusters = _mean(part, top)
    yield from shares
    yield {
        "quantity": "mean",
        name: None,
        "term": "mean before leaving",
        **fit_row(fit, n=part.n, n_clusters=n_clusters, level=part.level),
    }
    yield from rare_warnings(part, shares[:1], also="the mean")


def _mean(part: Sample, top: float) -> tuple[RateFit, float]:
    """Return the mean of redirections over exits, which lies between 0 and `top`; see `mean_within`."""
    weight, value = part.cells["count"].to_numpy(dtype=float), part["redirections"].to_numpy(dtype=float)
    variance = float(np.average((value - np.average(value, weights=weight)) ** 2, weights=weight))
    cluster = part.clusters.first.column
    if cluster is None:
        total, n = [float(weight @ value)], [part.n]
        fit = mean_within(total, n, variance=variance, top=top, level=part.level, clusters="rows")
        return fit, part.n
    sums = part.cells.assign(_sum=weight * value).groupby(cluster, sort=True)[["_sum", "count"]].sum()
    kind: Clusters = "these" if part.stratified else "new"
    fit = mean_within(
        sums["_sum"].to_numpy(dtype=float),
        sums["count"].to_numpy(dtype=float),
        variance=variance,
        top=top,
        level=part.level,
        clusters=kind,
    )
    if kind == "new":
        fit = with_room(fit, len(sums), part.level, limits=(0.0, top))
    return fit, float(len(sums))


@estimator(exits)
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
        `left_after`, at that turn or later, where what we ended in between is excluded; and of those without
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
    sample = read_exits(
        trials,
        outcome,
        Column("asked", asked, kind="whole", empty="keep"),
        Column("turn", turn, empty="keep"),
        Column("turns", turns, empty="keep"),
        times=(turn, turns),
        by=by,
        cluster=cluster,
        level=level,
        estimand=estimand,
    )
    early = sample["asked"].notna() & ~(sample["_time"] >= sample["asked"])
    sample = sample.excluding(
        early,
        "ended before the request",
        "{} trials ended before the user's request and are excluded",
    )
    estimates = answer(sample, _followed, identify=["quantity"])
    # What we ended after the request is in `left_at_once` alone.
    ended = sample.where(sample["asked"].notna()).missing
    accounting = replace(estimates.accounting, used=estimates.accounting.used + ended)
    return replace(estimates, accounting=accounting)


def _followed(part: Sample) -> Iterator[Row | str]:
    """Yield the rates of leaving of one group where the user had asked for it, and where it never did."""
    put = part["asked"].notna()
    requested = part.where(put)
    # A request was followed at once or not in every conversation in which the turn was had, however it ended.
    at_once = requested.asking(requested.happened & (requested["_time"] == requested["asked"]))
    quantities = {
        "left_at_once": at_once,
        "left_after": requested.known,
        "left_without_request": part.where(~put).known,
    }
    rows = [
        {"quantity": quantity, **rate_row(those, quantity.replace("_", " "))}
        for quantity, those in quantities.items()
    ]
    yield from rows
    yield from rare_warnings(part, rows)
    if math.isnan(rows[0]["estimate"]):
        yield f"{part.label('left_at_once')}: no conversation in which the user asked"
