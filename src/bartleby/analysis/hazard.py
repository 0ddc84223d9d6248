"""What makes a model leave at the next turn: discrete-time hazard regression on the turn table.

One row an assistant turn that was had, so a conversation that was abandoned counts for as long as it was
seen. The chance of leaving at a turn, given that the model is still there, is regressed on the turn, the
class of the scenario, how often the model had declined before, or anything else the turns carry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.accounting import Accounting
from bartleby.analysis.cloglog import cloglog_covariance, fit_cloglog
from bartleby.analysis.counts import as_frame, column_names
from bartleby.analysis.estimates import Estimates, estimate_frame
from bartleby.analysis.exit_rows import regression_rows
from bartleby.analysis.formulas import Terms, as_predictors, make_design, read_formula
from bartleby.analysis.grouping import (
    Estimand,
    as_names,
    check_settings,
    choose_cluster,
    group_names,
)
from bartleby.analysis.intervals import critical_value
from bartleby.analysis.labels import group_label
from bartleby.analysis.logistic import separated_columns
from bartleby.analysis.outcomes import read_events
from bartleby.analysis.rates import split_cells
from bartleby.analysis.regression import Counted, regress
from bartleby.errors import DataError, SettingError

__all__ = ["hazard"]

Baseline: TypeAlias = Literal["each_turn", "linear", "log", "none"]
Link: TypeAlias = Literal["logit", "cloglog"]
Floats = npt.NDArray[np.float64]

_TURN = {"each_turn": "C({0})", "linear": "{0}", "log": "np.log({0})"}


def hazard(
    turns: object,
    predictors: str | Sequence[str] = (),
    *,
    baseline: Baseline = "each_turn",
    link: Link = "logit",
    exited: str = "exited",
    turn: str = "turn",
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Literal["auto", "logistic", "firth"] = "auto",
    seed: int = 0,
) -> Estimates:
    """Estimate what raises or lowers the chance of leaving at a turn.

    Parameters
    ----------
    turns
        The turn table (`bartleby.read(log, unit="turn")`) or any frame with one row a turn that was had:
        `exited`, `turn` and the predictors; `count` weights rows.
    predictors
        Columns, or the right side of a formula: `["scenario_class", "refusals_before"]`,
        `"scenario_class * refusals_before"`.
    baseline
        How the chance depends on the turn: an effect of `each_turn`, `linear` or `log` in it, or `none`.
        With `each_turn`, turns at which nobody left are left out: their effect has no finite estimate, and
        they say nothing of the others.
    link
        `logit`: odds ratios; `cloglog`: hazard ratios of the continuous time that turns divide.
    exited, turn
        The column of 0 and 1 that says whether the model left at this turn, and that of the turn.
    by, cluster, level, estimand, seed
        As in `exits`.
    method
        As in `effects`, for `link="logit"`; where the data are separated, `cloglog` has no estimate.

    Returns
    -------
    Estimates
        By `quantity`: `coefficient`, and `odds_ratio` or `hazard_ratio`; for logits also
        `marginal_effect`, the average change of the chance of leaving at a turn. `n` is turns, `exits` those
        at which the model left.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Singer & Willett (1993). CR2 over clusters with Satterthwaite's t: turns of one conversation and
    conversations of one scenario belong together.
    """
    check_settings(
        level,
        estimand,
        baseline=(baseline, (*_TURN, "none")),
        link=(link, ("logit", "cloglog")),
        method=(method, ("auto", "logistic", "firth")),
    )
    frame = as_frame(turns)
    names = column_names(frame)
    missing = [
        f"{setting}: no column {name!r}; columns here: {', '.join(names)}; it takes the turn table, one row "
        "a turn"
        for setting, name in (("exited", exited), ("turn", turn))
        if name not in names
    ]
    if missing:
        raise DataError(missing)
    formula = _formula(predictors, baseline, exited, turn)
    terms = read_formula(formula, names)
    groups = group_names(names, by, not_by=terms.predictors)
    clusters = choose_cluster(frame, cluster)
    keys = list(
        dict.fromkeys([*groups, turn, *terms.predictors, *([clusters.column] if clusters.column else [])])
    )
    # Turns that were had count, however their conversation ended: its outcome is not the turn's.
    kept = frame.select(list(dict.fromkeys([*keys, exited, *(["count"] if "count" in names else [])])))
    table = read_events(kept, exited, keys=keys, may_be_empty=[*groups, *terms.predictors])
    warnings = [*table.warnings, *([clusters.warning] if clusters.warning else [])]
    cells = _without_empty(table.cells, (*terms.predictors, turn), warnings)
    data = as_predictors(cells, terms, frame)
    rows: list[dict[str, Any]] = []
    used = 0.0
    for key, part in split_cells(cells, groups):
        these = part[part["_event"].notna()]
        if baseline == "each_turn":
            these = _turns_with_exits(these, turn, key, warnings)
        if these.empty or not (these["_event"] == 1).any():
            warnings.append(f"{group_label('hazard', key)}: nobody left, so nothing is estimated")
            continue
        used += float(these["count"].sum())
        counted = _counted(these, data.loc[these.index], terms, clusters.column)
        found, told = _rows(counted, link, method, level, these_items=estimand == "these_items")
        warnings += [f"{group_label('hazard', key)}: {text}" for text in told]
        left = float(counted.events.sum())
        rows += [{**key, **row, "exits": left} for row in found]
    settings = {
        "formula": formula,
        "baseline": baseline,
        "link": link,
        "estimand": estimand,
        "level": level,
        "cluster": clusters.described,
        "by": list(groups),
        "method": method,
        "seed": seed,
    }
    whole = table.accounting()
    accounting = Accounting(whole.counts, whole.counted_as, used)
    return Estimates(estimate_frame(rows, [*groups, "quantity"]), accounting, tuple(warnings), settings)


def _formula(predictors: str | Sequence[str], baseline: Baseline, exited: str, turn: str) -> str:
    """Return the whole formula; names that are no identifiers are quoted."""
    if isinstance(predictors, str) and "~" in predictors:
        raise SettingError(
            f"predictors={predictors!r}: give the right side alone; the left is {exited!r}, and the turn is "
            "said by baseline="
        )
    right = [predictors] if isinstance(predictors, str) and predictors.strip() else []
    if not isinstance(predictors, str):
        right = [name if name.isidentifier() else f"`{name}`" for name in as_names(predictors)]
    time = [_TURN[baseline].format(turn)] if baseline != "none" else []
    return f"{exited} ~ {' + '.join([*right, *time]) or '1'}"


def _without_empty(cells: pd.DataFrame, names: Sequence[str], warnings: list[str]) -> pd.DataFrame:
    lacking = cells[list(dict.fromkeys(names))].isna().any(axis=1)
    if not lacking.any():
        return cells
    lost = float(cells.loc[lacking, "count"].sum())
    warnings.append(f"{lost:g} turns in which the turn or a predictor is empty are left out")
    return cells[~lacking].reset_index(drop=True)


def _turns_with_exits(
    part: pd.DataFrame, turn: str, key: Mapping[str, Any], warnings: list[str]
) -> pd.DataFrame:
    """Leave out turns at which nobody left, or everybody: their effect is infinite and tells nothing else."""
    sums = part.assign(_y=part["_event"] * part["count"]).groupby(turn)[["_y", "count"]].sum()
    informative = sums.index[(sums["_y"] > 0) & (sums["_y"] < sums["count"])]
    none = sums.index.difference(informative)
    if len(none) and len(informative):
        shown = ", ".join(f"{value:g}" for value in list(none)[:8])
        warnings.append(
            f"{group_label('hazard', key)}: at turns {shown} nobody left, or everybody did; their effects "
            "have no finite estimate, and they are left out"
        )
        return part[part[turn].isin(informative)]
    return part


def _counted(used: pd.DataFrame, data: pd.DataFrame, terms: Terms, cluster: str | None) -> Counted:
    """Return cells with the same predictors and cluster as one, and their design."""
    codes = np.zeros(len(used), dtype=np.int64)
    if cluster is not None:
        codes = pd.factorize(used[cluster].astype(str))[0].astype(np.int64)
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


def _rows(
    counted: Counted, link: Link, method: str, level: float, *, these_items: bool
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    if link == "logit":
        fit = regress(counted, method, repeats_independent=these_items)
        return regression_rows(fit, level), fit.warnings
    return _cloglog_rows(counted, level, these_items=these_items)


def _cloglog_rows(
    counted: Counted, level: float, *, these_items: bool
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    cells = counted.cells()
    fit = fit_cloglog(cells)
    separated = separated_columns(cells, fit)
    columns = counted.design.columns
    size = len(columns)
    errors, df = np.full(size, math.nan), np.full(size, math.nan)
    beta, method = fit.beta, "cloglog, CR2"
    told: tuple[str, ...] = ()
    if separated or not fit.converged:
        beta, method = np.full(size, math.nan), "undefined"
        terms = ", ".join(repr(columns[column]) for column in separated)
        why = f"the data are separated along {terms}" if separated else "the fit did not converge"
        told = (f"{why}, so nothing is estimated; link='logit' has Firth's bias-reduced fit",)
    elif counted.cluster is None or these_items:
        errors, df = np.sqrt(np.diag(fit.covariance)), np.full(size, math.inf)
        method = "cloglog, independent rows"
    else:
        robust = cloglog_covariance(cells, beta, counted.cluster)
        errors, df = robust.standard_errors(np.eye(size)), robust.degrees_of_freedom(np.eye(size))
        unknown = [repr(name) for name, error in zip(columns, errors, strict=True) if math.isnan(error)]
        if unknown:
            told = (f"{', '.join(unknown)}: known from one cluster alone, so there is no interval",)
    rows = []
    for at, term in enumerate(columns):
        row = _row(term, (float(beta[at]), float(errors[at]), float(df[at])), level, counted, method)
        rows.append(row)
    ratios = [
        {
            **row,
            "quantity": "hazard_ratio",
            "estimate": math.exp(row["estimate"]),
            "std_error": math.exp(row["estimate"]) * row["std_error"],
            "low": math.exp(min(row["low"], 700.0)),
            "high": math.exp(min(row["high"], 700.0)),
        }
        for row in rows
        if row["term"] != "Intercept"
    ]
    return [*rows, *ratios], told


def _row(
    term: str, numbers: tuple[float, float, float], level: float, counted: Counted, method: str
) -> dict[str, Any]:
    from scipy.special import ndtr, stdtr

    estimate, error, df = numbers
    known = error > 0 and df > 0
    half = critical_value(level, df) * error if known else math.nan
    statistic = abs(estimate) / error if known else math.nan
    p = 2 * float(ndtr(-statistic) if math.isinf(df) else stdtr(df, -statistic)) if known else math.nan
    return {
        "quantity": "coefficient",
        "term": term,
        "estimate": estimate,
        "std_error": error,
        "low": estimate - half,
        "high": estimate + half,
        "level": level,
        "n": float(counted.n.sum()),
        "n_clusters": counted.n_clusters(),
        "method": method,
        "p_value": p,
        "df": df,
    }
