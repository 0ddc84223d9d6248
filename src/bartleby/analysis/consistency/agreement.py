"""Agreement under repetition: whether a model takes the same item when it is asked the same thing again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.consistency.excess import (
    cross_agreement,
    excess_disagreement,
    excess_of,
    repeat_agreement,
)
from bartleby.analysis.consistency.repeats import Repeats, item_choices, matched, read_repeats, units_of
from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.inference.unit_means import Units, share_of
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.estimates import Estimates

__all__ = ["agreement", "excess_row", "unit_row"]


@estimator()
def agreement(
    trials: object,
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | Literal[False] | None = None,
    within: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> Estimates:
    """Estimate how often two answers to the same pair take the same item.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second`, `outcome`, and `count` if rows are counted.
    by
        Columns that split the table; `model` does so by itself.
    cluster
        `pair`: pairs are independent; `item`: pairs that share an item hang together; or a column, in one
        value of which repeats must lie. None finds the pair, or a column such as `scenario` within whose
        values pairs lie; False takes every cell alone. By `item` intervals cover a little
        less than they say where items are few: 92% with ten (docs/evidence/coverage.md).
    within
        Columns that repeats must share; None takes wording, labels, channel, exits and commitment, as far
        as they are there.
    level
        Of the intervals.

    Returns
    -------
    Estimates
        `same_order`: two repeats of a pair in the same order; `opposite_order`: in opposite orders;
        `order_cost`: the first minus the second, over pairs asked twice in each order, which is what
        showing them the other way round costs: the mean of (p - q)^2, p and q the chances of one item in
        the two orders. `n` counts choices compared; 1/2 is what coins agree.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    For a cell of n answers, a of which took one item, the U-statistic (C(a, 2) + C(n - a, 2)) / C(n, 2) is
    an unbiased estimate of p^2 + (1 - p)^2, whatever n; for opposite orders p q + (1 - p)(1 - q) is, with
    the two observed shares. Each cell (pair, order, condition) weighs the same. The interval of the cost
    of order is made for means of squares: `bartleby.analysis.consistency.excess`.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("task_preferences", "sim/averse", log="choose.db")
    >>> trials = bb.read("choose.db")
    >>> print(bb.choices.agreement(trials).verdict)
    sim/averse: opposite_order 0.619 (95% interval 0.563 to 0.672), 2 are undefined (all 614 trials
    used; 307 clusters by pair; items as a random sample).
    """
    repeats = read_repeats(trials, by=by, cluster=cluster, within=within)
    return answer(repeats, lambda part: _agreement(part, level))


def _agreement(repeats: Repeats, level: float) -> Iterator[Row | str]:
    """Yield the rows of one group, and why they are undefined."""
    cells = item_choices(repeats.cells, repeats.keys)
    again = cells[cells["n"] >= 2]
    same = repeat_agreement(again["low"], again["n"])
    units = units_of(again, same, again["n"] // 2, repeats.cluster)
    first = unit_row("same_order", units, repeats, level, n=float(again["n"].sum()))
    turned = matched(cells[cells["forward"]], cells[~cells["forward"]], repeats.keys)
    opposite = cross_agreement(turned["low_x"], turned["n_x"], turned["low_y"], turned["n_y"])
    fewest = np.minimum(turned["n_x"], turned["n_y"])
    units = units_of(turned, opposite, fewest, repeats.cluster)
    second = unit_row("opposite_order", units, repeats, level, n=float(turned[["n_x", "n_y"]].sum().sum()))
    third = excess_row("order_cost", turned, fewest, repeats, level)
    why = (
        "no pair was asked twice in the same order under the same conditions, so it is undefined",
        "no pair was asked in both orders under the same conditions, so it is undefined",
        "no pair was asked twice in each order under the same conditions, so it is undefined",
    )
    for row, missing in zip((first, second, third), why, strict=True):
        yield row
        if note := _note(row, missing):
            yield f"{repeats.label(row['term'])}: {note}"


def unit_row(
    term: str, units: Units, repeats: Repeats, level: float, *, n: float, fit: RateFit | None = None
) -> Row:
    """Return a row of estimates: the mean of a value over cells.

    Parameters
    ----------
    term, units, repeats, level
        What it is, its values, how they are clustered, the level.
    n
        Choices that it rests on.
    fit
        The mean with its interval; None for that of a share.
    """
    if fit is None:
        fit = share_of(units, level, by_item=repeats.by_item)
        if not repeats.by_item:
            fit = with_room(fit, units.n_clusters(by_item=False), level)
    row = fit_row(fit, n=n, n_clusters=units.n_clusters(by_item=repeats.by_item), level=level)
    return {"term": term, **row, "cells": len(units.value)}


def excess_row(term: str, cells: pd.DataFrame, fewest: npt.ArrayLike, repeats: Repeats, level: float) -> Row:
    """Return a row of estimates: how much oftener answers differ between two cells than within them.

    Parameters
    ----------
    term, repeats, level
        As in `unit_row`.
    cells
        From `matched` (m rows); those without two answers under both conditions are excluded.
    fewest
        Answers under the condition that has fewer (m,).
    """
    excess = excess_disagreement(cells)
    known = np.isfinite(excess)
    again = cells[known]
    units = units_of(again, excess[known], np.asarray(fewest)[known], repeats.cluster)
    fit = excess_of(again, units, level, by_item=repeats.by_item)
    return unit_row(term, units, repeats, level, n=float(again[["n_x", "n_y"]].sum().sum()), fit=fit)


def _note(row: Mapping[str, Any], missing: str) -> str:
    if row["cells"] == 0:
        return missing
    if np.isnan(row["low"]):
        return f"no interval: {row['method'].removeprefix('undefined, ')}"
    return ""
