"""What makes a model opt out: logistic regression on attributes of items, conditions or models.

Coefficients in logits, odds ratios, and average marginal effects on the probability, all from one fit and
one covariance: CR2 with Satterthwaite degrees of freedom over clusters. Where the data are separated (one
kind of item is always refused, which is to be expected here) the fit is Firth's, and it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.counts import as_frame, column_names
from bartleby.analysis.estimates import Estimates, estimate_frame
from bartleby.analysis.formulas import Terms, as_predictors, make_design, read_formula
from bartleby.analysis.grouping import Estimand, check_settings, choose_cluster, group_names
from bartleby.analysis.labels import group_label
from bartleby.analysis.outcomes import EventTable, Refusals, missing_warnings, read_events
from bartleby.analysis.rates import split_cells
from bartleby.analysis.regression import Counted, regress

__all__ = ["effects"]

Method = Literal["auto", "logistic", "firth", "mixed"]


def effects(
    trials: object,
    formula: str,
    *,
    cluster: str | bool | None = None,
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
        separated; `mixed`: a normal intercept for each cluster (needs the package `mixedlm`).

    Returns
    -------
    Estimates
        The column `quantity` tells `coefficient` (logits), `odds_ratio` and `marginal_effect` (average
        change of the probability; not for `mixed`) apart; further columns `p_value` and `df`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Standard errors and degrees of freedom: `bartleby.analysis.sandwich`. Marginal effects by the delta
    method with the same covariance; their degrees of freedom are those of their own gradient.
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
    clusters = choose_cluster(frame, cluster)
    keys = [*groups, *terms.predictors, *([clusters.column] if clusters.column else [])]
    keys = list(dict.fromkeys(keys))
    may_be_empty = [*groups, *(name for name in terms.predictors if name != clusters.column)]
    table = read_events(frame, terms.outcome, keys=keys, may_be_empty=may_be_empty, refusals=refusals)
    warnings = missing_warnings(table, groups) + ([clusters.warning] if clusters.warning else [])
    table = _without_empty(table, terms, warnings)
    data = as_predictors(table.cells, terms, frame)
    rows: list[dict[str, Any]] = []
    for key, part in split_cells(table.cells, groups):
        used = part[part["_event"].notna()]
        if used.empty:
            warnings.append(f"{group_label(terms.outcome, key)}: no usable trial, so nothing is estimated")
            continue
        counted = _counted(used, data.loc[used.index], terms, clusters.column)
        fit = regress(counted, method, repeats_independent=estimand == "these_items")
        warnings += [f"{group_label(terms.outcome, key)}: {text}" for text in fit.warnings]
        rows += [{**key, **row} for row in fit.rows(level)]
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
        estimate_frame(rows, [*groups, "quantity"]), table.accounting(), tuple(warnings), settings
    )


def _counted(used: pd.DataFrame, data: pd.DataFrame, terms: Terms, cluster: str | None) -> Counted:
    """Return cells with the same predictors and cluster as one, and their design."""
    codes = (
        np.zeros(len(used), dtype=np.int64) if cluster is None else pd.factorize(used[cluster].astype(str))[0]
    )
    table = data.assign(_cluster=codes, _y=used["_event"] * used["count"], _n=used["count"])
    keys = [*data.columns, "_cluster"]
    merged = table.groupby(keys, sort=True, observed=True)[["_y", "_n"]].sum().reset_index()
    predictors = merged[list(data.columns)].copy()
    for name in predictors:
        if isinstance(predictors[name].dtype, pd.CategoricalDtype):
            predictors[name] = predictors[name].cat.remove_unused_categories()
    design = make_design(terms, predictors)
    kept = None if cluster is None else merged["_cluster"].to_numpy(dtype=np.int64)
    return Counted(design, merged["_y"].to_numpy(dtype=float), merged["_n"].to_numpy(dtype=float), kept)


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
