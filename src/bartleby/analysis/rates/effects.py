"""What makes a model opt out: logistic regression on attributes of items, conditions or models.

Coefficients in logits, odds ratios, and average marginal effects on the probability, all from one fit and
one covariance: CR2 with Satterthwaite degrees of freedom over clusters. Where the data are separated (one
kind of item is always refused, which is to be expected here) the fit is Firth's, and it says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.rates.counted import counted_cells, merged_cells, used_categories
from bartleby.analysis.rates.effect_bounds import Filled, effect_bounds
from bartleby.analysis.rates.formulas import Terms, as_predictors, make_design, read_formula
from bartleby.analysis.rates.regression import Regression, regress
from bartleby.analysis.rates.two_way import choose_clusters
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand, check_settings, group_names, split_groups
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import EventTable, Refusals, missing_warnings, read_events

__all__ = ["effects"]

Method = Literal["auto", "logistic", "firth", "mixed"]


def effects(
    trials: object,
    formula: str,
    *,
    cluster: str | bool | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Method = "auto",
    refusals: Refusals = "counted",
    seed: int = 0,
) -> Estimates:
    """Estimate what attributes and conditions do to the chance of an outcome.

    Parameters
    ----------
    trials, cluster, level, refusals, seed
        As in `rate`. `seed` is recorded; nothing here is random.
    formula
        `"opted_out ~ harm + difficulty"`: on the left an outcome word or a column of 0 and 1, on the right
        what `formulaic` reads. The first category is the reference; grades of harm begin with none.
    by
        Columns that split the table; `model` splits by itself unless the formula has it.
    estimand
        `new_items`: clusters are a sample of those there could be. `these_items`: the repeats of a cluster
        are taken as independent.
    method
        `logistic`: maximum likelihood, undefined where the data are separated; `firth`: bias-reduced,
        with profile penalised-likelihood intervals; `auto`: `logistic`, or `firth` where the data are
        separated; `mixed`: a normal intercept for each cluster, in one way only (needs the package
        `mixedlm`).

    Returns
    -------
    Estimates
        The column `quantity` tells `coefficient` (logits), `odds_ratio` and `marginal_effect` (average
        change of the probability, for `mixed` averaged over clusters) apart; further columns `p_value`,
        `df`, `bound_low` and `bound_high` (had the missing trials all gone against and for the effect; not
        for `mixed`).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Standard errors and degrees of freedom: `bartleby.analysis.inference.sandwich`. Marginal effects by
    the delta method with the same covariance; their degrees of freedom are those of their own gradient.
    Clusters in two ways: `bartleby.analysis.rates.two_way`; bounds: `bartleby.analysis.rates.effect_bounds`.
    """
    check_settings(
        level,
        estimand,
        method=(method, ("auto", "logistic", "firth", "mixed")),
        refusals=(refusals, ("counted", "left_out", "as_event")),
    )
    frame = as_frame(trials)
    names = column_names(frame)
    terms = read_formula(formula, names)
    groups = group_names(names, by, not_by=terms.predictors)
    both = choose_clusters(frame, cluster)
    clusters = both.first
    keys = list(dict.fromkeys([*groups, *terms.predictors, *both.columns]))
    may_be_empty = [*groups, *(name for name in terms.predictors if name not in both.columns)]
    table = read_events(frame, terms.outcome, keys=keys, may_be_empty=may_be_empty, refusals=refusals)
    warnings = missing_warnings(table, groups) + ([clusters.warning] if clusters.warning else [])
    table = _without_empty(table, terms, warnings)
    data = as_predictors(table.cells, terms, frame)
    rows: list[dict[str, Any]] = []
    bounds: dict[str, tuple[float, float]] = {}
    for key, part in split_groups(table.cells, groups):
        used = part[part["_event"].notna()]
        if used.empty:
            warnings.append(f"{group_label(terms.outcome, key)}: no usable trial, so nothing is estimated")
            continue
        counted = counted_cells(used, data.loc[used.index], terms, both.columns)
        fit = regress(counted, method, repeats_independent=estimand == "these_items")
        warnings += [f"{group_label(terms.outcome, key)}: {text}" for text in fit.warnings]
        found = _with_bounds(fit, fit.rows(level), part, data, terms)
        label = group_label("", key)
        bounds |= {
            f"{row['quantity']} {row['term']}{label}": (row["bound_low"], row["bound_high"]) for row in found
        }
        rows += [{**key, **row} for row in found]
    settings = {
        "formula": formula,
        "estimand": estimand,
        "level": level,
        "cluster": clusters.described,
        "by": list(groups),
        "method": method,
        "reference": {
            name: str(data[name].cat.categories[0])
            for name in data
            if isinstance(data[name].dtype, pd.CategoricalDtype)
        },
        "refusals": refusals,
        "seed": seed,
    }
    return Estimates(
        estimate_frame(rows, [*groups, "quantity"]), table.accounting(bounds), tuple(warnings), settings
    )


def _with_bounds(
    fit: Regression, rows: list[dict[str, Any]], part: pd.DataFrame, data: pd.DataFrame, terms: Terms
) -> list[dict[str, Any]]:
    """Return rows with what they would be had the missing trials gone against and for each effect."""
    bounds: dict[tuple[str, str], tuple[float, float]] = {}
    filled = _filled(part, data, terms)
    if fit.bounded and filled is not None and filled.design.columns == fit.data.design.columns:
        bounds = effect_bounds(filled, bias_reduced=fit.method.startswith("firth"))
        odds = {("odds_ratio", term): pair for (quantity, term), pair in bounds.items() if quantity[0] == "c"}
        bounds |= {key: (math.exp(low), math.exp(high)) for key, (low, high) in odds.items()}
    told = []
    for row in rows:
        # Nothing missing: the estimate is its own bound. Missing, and no bound known: undefined.
        alone = (row["estimate"],) * 2 if filled is None else (math.nan, math.nan)
        low, high = bounds.get((row["quantity"], row["term"]), alone)
        told.append(
            {**row, "bound_low": min(row["estimate"], low), "bound_high": max(row["estimate"], high)}
            if low <= high
            else {**row, "bound_low": math.nan, "bound_high": math.nan}
        )
    return told


def _filled(part: pd.DataFrame, data: pd.DataFrame, terms: Terms) -> Filled | None:
    """Return the cells with missing trials, None if there are none; trials without a predictor have no cell.

    Levels of a category of which no trial is usable have no effect to bound, and are left out.
    """
    used = part["_event"].notna()
    known = used | data.loc[part.index].notna().all(axis=1)
    for name in data:
        if isinstance(data[name].dtype, pd.CategoricalDtype):
            known &= data[name].loc[part.index].isin(data[name].loc[part.index[used]].unique())
    if not (known & ~used).any():
        return None
    cells = part[known]
    event = cells["_event"]
    table = data.loc[cells.index].assign(
        _y=event.fillna(0) * cells["count"],
        _n=cells["count"].where(event.notna(), 0.0),
        _missing=cells["count"].where(event.isna(), 0.0),
    )
    merged = merged_cells(table, list(data.columns), ["_y", "_n", "_missing"])
    design = make_design(terms, used_categories(merged, data))
    return Filled(design, *(merged[name].to_numpy(dtype=float) for name in ("_y", "_n", "_missing")))


def _without_empty(table: EventTable, terms: Terms, warnings: list[str]) -> EventTable:
    """Leave out trials that lack a predictor, and tell."""
    if not terms.predictors:
        return table
    empty = table.cells[list(terms.predictors)].isna()
    for name in terms.predictors:
        if empty[name].any():
            lost = table.cells.loc[empty[name], "count"].sum()
            warnings.append(f"{name}: empty in {lost:g} trials, which are left out")
    lacking = empty.any(axis=1)
    if not lacking.any():
        return table
    cells = table.cells.copy()
    cells.loc[lacking, "_event"] = np.nan
    cells.loc[lacking, "_status"] = "no predictor"
    return EventTable(
        cells, table.event, {**table.counted_as, "no predictor": "left out: a predictor is empty"}
    )
