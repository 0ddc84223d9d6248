"""What makes a model opt out, or rate higher: regression on attributes of items, conditions or models.

Coefficients in logits, odds ratios, and average marginal effects on the probability, all from one fit and
one covariance: CR2 with Satterthwaite degrees of freedom over clusters. Numbers such as ratings have a least-
squares fit with the same covariance. Where the data are separated (one
kind of item is always refused, which is to be expected here) the fit is Firth's, and it says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

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
from bartleby.analysis.sample.answer import CASE, Row, answer, estimator
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.accounting import WorstCase
from bartleby.analysis.tables.checks import refuse_confounded
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand, choose_clusters
from bartleby.errors import SettingError

__all__ = ["effects"]

Method = Literal["auto", "logistic", "firth", "mixed", "linear"]

_UNKNOWN = EffectBounds(*(math.nan,) * 4)


@dataclass(frozen=True)
class _Options:
    """How effects are to be estimated: the formula, the method, and the range of the outcome."""

    terms: Terms
    method: Method
    scale: Scale
    bounded: bool


@estimator(rate, mean)
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
    Two-way clustering: `bartleby.analysis.rates.two_way`; bounds: `bartleby.analysis.rates.effect_bounds`.

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
    frame = as_frame(trials)
    terms = read_formula(formula, column_names(frame))
    for name in terms.predictors:
        refuse_confounded(frame, name)
    clusters = choose_clusters(frame, cluster)
    needed = clusters.columns
    sample = read_sample(
        frame,
        terms.outcome,
        *(Column(name, name, empty="refuse" if name in needed else "exclude") for name in terms.predictors),
        by=by,
        not_by=["model"] if "model" in terms.predictors else (),
        cluster=clusters,
        level=level,
        estimand=estimand,
        refusals=refusals,
        numbers=True,
    )
    linear = sample.numeric or scale is not None or method == "linear"
    if linear and method not in {"auto", "linear"}:
        raise SettingError(
            f"method={method!r} is for events, and {terms.outcome!r} is a number: use 'linear' or 'auto'"
        )
    data = as_predictors(sample.cells, terms, frame)
    options = _Options(
        terms,
        "linear" if linear else method,
        scale_of(sample, scale) if linear else (0.0, 1.0),
        scale is not None or not sample.numeric,
    )
    references = {
        name: str(values.cat.categories[0])
        for name, values in data.items()
        if isinstance(values.dtype, pd.CategoricalDtype)
    }
    return answer(
        sample,
        lambda part: _effects(part, data.loc[part.cells.index], options),
        identify=["quantity"],
        settings={
            "reference": references,
            **({"scale": scale_text(sample, scale)} if linear else {}),
        },
    )


def _effects(part: Sample, data: pd.DataFrame, options: _Options) -> Iterator[Row | str]:
    """Yield the effects of one group, with the worst that its missing trials can do to them."""
    outcome = options.terms.outcome
    if not part.n:
        yield f"{part.label(outcome)}: no usable trial, so nothing is estimated"
        return
    fit, rows = _fitted(part, data, options)
    yield from (f"{part.label(outcome)}: {text}" for text in fit.warnings)
    names = [row["term"] for row in rows if TOO_FEW in row["method"] and row["quantity"] == "coefficient"]
    if names:
        advice = "state the lowest and the highest value with scale="
        yield f"{part.label(', '.join(names))}: no interval: {TOO_FEW}; {advice}"
    yield from rows


def _fitted(part: Sample, data: pd.DataFrame, options: _Options) -> tuple[Regression, list[Row]]:
    """Return the fit of one group, and its rows with the worst that the missing trials can do."""
    cells, columns = part.cells, part.clusters.columns
    independent = not columns or part.stratified
    if independent and options.method == "linear":
        cells, data = as_rows(cells, data)
        columns = ["_row"]
    used = cells[cells["_event"].notna()]

    def fit_to(counted: Counted, method: str) -> Regression:
        if method == "linear":
            return regress_linear(counted, independent=independent, bounded=options.bounded)
        return regress(counted, method, repeats_independent=part.stratified)

    fit = fit_to(counted_cells(used, data.loc[used.index], options.terms, columns), options.method)
    complete = _complete(cells, data, options.terms, columns)
    bounds: dict[tuple[str, str], EffectBounds] = {}
    if fit.bounded and complete is not None and complete.design.columns == fit.data.design.columns:
        method = "linear" if fit.link == "identity" else "firth" if fit.profile else "auto"
        complete = replace(complete, scale=options.scale)
        bounds = effect_bounds(complete, lambda full: fit_to(full, method), part.level, link=fit.link)
    return fit, list(_with_bounds(fit.rows(part.level), bounds, complete))


def _with_bounds(
    rows: list[Row], bounds: dict[tuple[str, str], EffectBounds], complete: Counted | None
) -> Iterator[Row]:
    """Yield rows with the worst that the missing trials can do to each effect."""
    lost = 0.0 if complete is None or complete.missing is None else float(complete.missing.sum())
    for row in rows:
        # Nothing missing: the interval is its own bound. Missing, and no bound known: undefined.
        alone = EffectBounds(row["estimate"], row["estimate"], row["low"], row["high"])
        worst = bounds.get((row["quantity"], row["term"]), alone if complete is None else _UNKNOWN)
        low, high = np.minimum(worst.low, row["low"]), np.maximum(worst.high, row["high"])
        # The odds ratio says again what the coefficient says, so only one of them warns.
        missing = 0.0 if row["quantity"] == "odds_ratio" else lost
        case = WorstCase(
            f"{row['quantity']} {row['term']}",
            row["low"],
            row["high"],
            (worst.least, worst.most),
            missing,
            row["n"] + missing,
        )
        yield {**row, "bound_low": float(low), "bound_high": float(high), CASE: case}


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
