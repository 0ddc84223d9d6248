"""What makes a model opt out, or rate higher: regression on attributes of items, conditions or models.

Coefficients in logits, odds ratios, and average marginal effects on the probability, all from one fit and
one covariance: CR2 with Satterthwaite degrees of freedom over clusters. Numbers such as ratings have a least-
squares fit with the same covariance. Where the data are separated (one
kind of item is always refused, which is to be expected here) the fit is Firth's, and it says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.inference.few_clusters import TOO_FEW
from bartleby.analysis.rates.counted import Counted, as_rows, counted_cells
from bartleby.analysis.rates.effect_bounds import EffectBounds, effect_bounds
from bartleby.analysis.rates.formulas import Terms, as_predictors, read_formula
from bartleby.analysis.rates.linear import regress_linear
from bartleby.analysis.rates.means import Scale, mean, scale_of, scale_text
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.rates.regression import Regression, regress
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.checks import refuse_confounded
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import (
    Estimand,
    check_settings,
    choose_clusters,
    group_names,
    split_groups,
)
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import EventTable, Refusals, missing_warnings, read_events
from bartleby.docstrings import parameters_of
from bartleby.errors import SettingError

__all__ = ["effects"]

Method = Literal["auto", "logistic", "firth", "mixed", "linear"]

_UNKNOWN = EffectBounds(*(math.nan,) * 4)


@dataclass(frozen=True)
class _Options:
    """How effects are to be estimated: cluster columns, settings, and the range of the outcome."""

    clusters: tuple[str, ...]
    level: float
    estimand: Estimand
    method: Method
    scale: Scale
    bounded: bool


@parameters_of(rate, mean)
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
    scale: Scale | None = None,
) -> Estimates:
    """Estimate what attributes and conditions do to the chance of an outcome, or to a number.

    Parameters
    ----------
    formula
        `"opted_out ~ harm + difficulty"`: on the left an outcome word, a column of 0 and 1, or one of
        numbers (`"rating ~ harm"`), on the right what `formulaic` reads. The first category is the
        reference; grades of harm begin with none.
    by
        Columns that split the table; `model` splits by itself unless the formula has it.
    estimand
        `new_items`: clusters are a sample of those there could be. `these_items`: the repeats of a cluster
        are taken as independent.
    method
        `logistic`: maximum likelihood, undefined where the data are separated; `firth`: bias-reduced,
        with profile penalised-likelihood intervals; `auto`: `logistic`, or `firth` where the data are
        separated; `mixed`: a normal intercept for each cluster, in one way only (needs the package
        `mixedlm`); `linear`: least squares, which is `auto` for numbers other than 0 and 1.
    scale
        The lowest and the highest value of a numeric outcome, for its worst-case bounds.

    Returns
    -------
    Estimates
        The column `quantity` tells `coefficient` (logits; in units of the number for `linear`), `odds_ratio`
        and `marginal_effect` (average change of the probability, for `mixed` averaged over clusters, or of
        the number) apart; further columns `p_value`, `df`, `bound_low` and `bound_high` (worst-case bounds
        with their sampling error: the missing trials all gone against and for the effect; not for `mixed`).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Standard errors and degrees of freedom: `bartleby.analysis.inference.sandwich`. Marginal effects by
    the delta method with the same covariance; their degrees of freedom are those of their own gradient.
    Clusters in two ways: `bartleby.analysis.rates.two_way`; bounds: `bartleby.analysis.rates.effect_bounds`.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("opt_out", "sim/averse", log="opt_out.db")
    >>> trials = bb.read("opt_out.db")
    >>> bb.effects(trials, "opted_out ~ harm").to_frame().query("quantity == 'marginal_effect'")[
    ...     ["estimate", "low", "high"]
    ... ].round(2).values.tolist()
    [[0.03, 0.0, 0.06], [0.29, 0.21, 0.37]]
    """
    check_settings(
        level,
        estimand,
        method=(method, ("auto", "logistic", "firth", "mixed", "linear")),
        refusals=(refusals, ("counted", "left_out", "as_event")),
    )
    frame = as_frame(trials)
    names = column_names(frame)
    terms = read_formula(formula, names)
    for name in terms.predictors:
        refuse_confounded(frame, name)
    groups = group_names(names, by, not_by=terms.predictors)
    both = choose_clusters(frame, cluster)
    clusters = both.first
    keys = list(dict.fromkeys([*groups, *terms.predictors, *both.columns]))
    may_be_empty = [*groups, *(name for name in terms.predictors if name not in both.columns)]
    table = read_events(
        frame, terms.outcome, keys=keys, may_be_empty=may_be_empty, refusals=refusals, numbers=True
    )
    linear = table.numeric or scale is not None or method == "linear"
    if linear and method not in {"auto", "linear"}:
        raise SettingError(
            f"method={method!r} is for events, and {terms.outcome!r} is a number: use 'linear' or 'auto'"
        )
    warnings = missing_warnings(table, groups) + ([clusters.warning] if clusters.warning else [])
    table = _without_empty(table, terms, warnings)
    data = as_predictors(table.cells, terms, frame)
    ends = scale_of(table, scale) if linear else (0.0, 1.0)
    bounded = scale is not None or not table.numeric
    options = _Options(tuple(both.columns), level, estimand, "linear" if linear else method, ends, bounded)
    rows: list[dict[str, Any]] = []
    bounds: dict[str, tuple[float, float]] = {}
    cases: list[WorstCase] = []
    for key, part in split_groups(table.cells, groups):
        if part["_event"].isna().all():
            warnings.append(f"{group_label(terms.outcome, key)}: no usable trial, so nothing is estimated")
            continue
        fit, completed, worst = _fitted(part, data, terms, options)
        warnings += [f"{group_label(terms.outcome, key)}: {text}" for text in fit.warnings]
        warnings += _too_few(completed, key)
        for row, case in zip(completed, worst, strict=True):
            label = group_label(case.term, key)
            bounds[label] = (row["bound_low"], row["bound_high"])
            rows.append({**key, **row})
            # The odds ratio says again what the coefficient says.
            cases += [] if row["quantity"] == "odds_ratio" else [replace(case, term=label)]
    warnings += bound_warnings(cases)
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
        **({"scale": scale_text(table, scale)} if linear else {}),
    }
    return Estimates(
        estimate_frame(rows, [*groups, "quantity"]), table.accounting(bounds), tuple(warnings), settings
    )


def _too_few(rows: list[dict[str, Any]], key: Mapping[str, Any]) -> list[str]:
    """Return a warning that names the coefficients without an interval for want of clusters."""
    names = [row["term"] for row in rows if TOO_FEW in row["method"] and row["quantity"] == "coefficient"]
    if not names:
        return []
    advice = "state the lowest and the highest value with scale="
    return [f"{group_label(', '.join(names), key)}: no interval: {TOO_FEW}; {advice}"]


def _fitted(
    part: pd.DataFrame, data: pd.DataFrame, terms: Terms, options: _Options
) -> tuple[Regression, list[dict[str, Any]], list[WorstCase]]:
    """Return the fit of one group, its rows with the worst that the missing can do, and those worst cases."""
    data = data.loc[part.index]
    columns: Sequence[str] = options.clusters
    independent = not columns or options.estimand == "these_items"
    if independent and options.method == "linear":
        part, data = as_rows(part, data)
        columns = ["_row"]
    used = part[part["_event"].notna()]

    def fit_to(counted: Counted, method: str) -> Regression:
        if method == "linear":
            return regress_linear(counted, independent=independent, bounded=options.bounded)
        return regress(counted, method, repeats_independent=options.estimand == "these_items")

    fit = fit_to(counted_cells(used, data.loc[used.index], terms, columns), options.method)
    complete = _complete(part, data, terms, columns)
    bounds: dict[tuple[str, str], EffectBounds] = {}
    if fit.bounded and complete is not None and complete.design.columns == fit.data.design.columns:
        method = "linear" if fit.link == "identity" else "firth" if fit.profile else "auto"
        complete = replace(complete, scale=options.scale)
        bounds = effect_bounds(complete, lambda full: fit_to(full, method), options.level, link=fit.link)
    return fit, *_with_bounds(fit.rows(options.level), bounds, complete)


def _with_bounds(
    rows: list[dict[str, Any]], bounds: dict[tuple[str, str], EffectBounds], complete: Counted | None
) -> tuple[list[dict[str, Any]], list[WorstCase]]:
    """Return rows with the worst that the missing trials can do to each effect, and those worst cases."""
    lost = 0.0 if complete is None or complete.missing is None else float(complete.missing.sum())
    completed, cases = [], []
    for row in rows:
        # Nothing missing: the interval is its own bound. Missing, and no bound known: undefined.
        alone = EffectBounds(row["estimate"], row["estimate"], row["low"], row["high"])
        worst = bounds.get((row["quantity"], row["term"]), alone if complete is None else _UNKNOWN)
        low, high = np.minimum(worst.low, row["low"]), np.maximum(worst.high, row["high"])
        completed.append({**row, "bound_low": float(low), "bound_high": float(high)})
        label, extremes = f"{row['quantity']} {row['term']}", (worst.least, worst.most)
        cases.append(WorstCase(label, row["low"], row["high"], extremes, lost, row["n"] + lost))
    return completed, cases


def _complete(part: pd.DataFrame, data: pd.DataFrame, terms: Terms, columns: Sequence[str]) -> Counted | None:
    """Return the data with missing trials, None if there are none; trials without a predictor are excluded.

    So are levels of a category of which no trial is usable: they have no effect to bound.
    """
    used = part["_event"].notna()
    possible = used | data.loc[part.index].notna().all(axis=1)
    for name in data:
        if isinstance(data[name].dtype, pd.CategoricalDtype):
            possible &= data[name].loc[part.index].isin(data[name].loc[part.index[used]].unique())
    if not (possible & ~used).any():
        return None
    cells = part[possible]
    return counted_cells(cells, data.loc[cells.index], terms, columns)


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
