"""The rows of `refusal_by_exit`: joint rates, what links declining and leaving, what a channel moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.inference.association import dependence, phi
from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.inference.intervals import RateFit, p_from_interval, undefined
from bartleby.analysis.rates.arms import Comparison, contrast_of
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.formulas import make_design, read_formula
from bartleby.analysis.rates.rates import RateOptions, fit_rate
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.tables.grouping import split_groups
from bartleby.analysis.tables.labels import natural_order
from bartleby.analysis.tables.rows import fit_row
from bartleby.errors import DataError, SettingError

__all__ = ["CELLS", "association_rows", "cell_flags", "moved_rows"]

CELLS = ("both", "exit_only", "refusal_only", "neither")
"""The cells of the 2 x 2."""
_TERMS = {
    "both": "declined and left",
    "exit_only": "left without declining",
    "refusal_only": "declined and stayed",
    "neither": "neither",
}


def cell_flags(part: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Return which counted trials (with `_event` and `_refused`) are in each cell."""
    left, declined = part["_event"] == 1, part["_refused"] == 1
    return {
        "both": left & declined,
        "exit_only": left & ~declined,
        "refusal_only": ~left & declined,
        "neither": ~left & ~declined,
    }


def _as_event(part: pd.DataFrame, mask: pd.Series[Any]) -> pd.DataFrame:
    return part.assign(_event=mask.astype(float))


def association_rows(part: pd.DataFrame, options: RateOptions) -> list[dict[str, Any]]:
    """Return the rows of one group of counted trials with `_event` and `_refused`."""
    flags = cell_flags(part)
    left, declined = part["_event"] == 1, part["_refused"] == 1
    asked = [(name, _TERMS[name], part, flags[name]) for name in CELLS]
    asked += [
        ("exit_rate", "left", part, left),
        ("refusal_rate", "declined", part, declined),
        ("exit_if_refused", "left, of those that declined", part[declined], left[declined]),
        ("exit_if_not_refused", "left, of those that did not decline", part[~declined], left[~declined]),
        ("no_refusal_share", "did not decline, of those that left", part[left], ~declined[left]),
    ]
    rows = [
        {
            "quantity": name,
            "term": term,
            **_row(*fit_rate(_as_event(these, mask), options), these, options),
        }
        for name, term, these, mask in asked
    ]
    cells, clustered = _cluster_cells(part, flags, options)
    units = float(len(cells)) if clustered else float(part["count"].sum())
    for name, term, fit in (
        ("exit_only_if_independent", "rates multiplied", _product(rows)),
        (
            "dependence",
            "P(both) - P(left) P(declined)",
            dependence(cells, options.level, clustered=clustered),
        ),
        ("phi", "correlation of declining and leaving", phi(cells, options.level, clustered=clustered)),
    ):
        rows.append({"quantity": name, "term": term, **_row(fit, units, part, options)})
    return [*rows, _odds_ratio(part, options)]


def _product(rows: Sequence[Mapping[str, Any]]) -> RateFit:
    """Return what multiplying marginal rates gives, without an interval: it is no estimate of anything."""
    rates = {str(row["quantity"]): float(row["estimate"]) for row in rows}
    value = rates["exit_rate"] * (1 - rates["refusal_rate"])
    return undefined("for comparison only: it assumes independence", value)


def _cluster_cells(
    part: pd.DataFrame, flags: Mapping[str, pd.Series[Any]], options: RateOptions
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], bool]:
    """Return trials by cluster and cell (G, 4), and whether clusters count."""
    weights = pd.DataFrame({name: flags[name] * part["count"] for name in CELLS})
    if options.cluster is None or options.estimand == "these_items":
        return weights.to_numpy(dtype=float).sum(axis=0, keepdims=True), False
    return weights.groupby(part[options.cluster], sort=False).sum().to_numpy(dtype=float), True


def _odds_ratio(part: pd.DataFrame, options: RateOptions) -> dict[str, Any]:
    """Return the odds ratio of leaving, having declined or not."""
    row = {"quantity": "odds_ratio", "term": "odds of leaving, declined against not"}
    flags = cell_flags(part)
    totals = {name: float(part.loc[flags[name], "count"].sum()) for name in CELLS}
    margins = (
        totals["both"] + totals["exit_only"],
        totals["refusal_only"] + totals["neither"],
        totals["both"] + totals["refusal_only"],
        totals["exit_only"] + totals["neither"],
    )
    n_clusters = float(part["count"].sum()) if options.cluster is None else part[options.cluster].nunique()
    if min(margins) <= 0:
        fit = undefined("an event always or never happens")
        return {**row, **_row(fit, n_clusters, part, options)}
    names = ["_refused", *([options.cluster] if options.cluster else [])]
    sums = part.assign(_y=part["_event"] * part["count"]).groupby(names, sort=True)[["_y", "count"]].sum()
    sums = sums.reset_index()
    terms = read_formula("exited ~ refused", ["exited", "refused"])
    design = make_design(terms, pd.DataFrame({"refused": sums["_refused"].astype(float)}))
    codes = pd.factorize(sums[options.cluster])[0].astype(np.int64) if options.cluster else None
    counted = Counted(design, sums["_y"].to_numpy(dtype=float), sums["count"].to_numpy(dtype=float), codes)
    fitted = regress(counted, "auto", repeats_independent=options.estimand == "these_items")
    found = next(each for each in fitted.rows(options.level) if each["quantity"] == "odds_ratio")
    method = found["method"]
    if method.startswith("firth"):
        method = f"Haldane (1/2 added: a cell is empty), {method}"
    return {**found, **row, "method": method}


def _row(fit: RateFit, n_clusters: float, part: pd.DataFrame, options: RateOptions) -> dict[str, Any]:
    return fit_row(fit, n=float(part["count"].sum()), n_clusters=n_clusters, level=options.level)


def moved_rows(
    used: pd.DataFrame,
    groups: Sequence[str],
    between: str,
    options: RateOptions,
    *,
    reference: object,
    adjust: Adjustment | None,
) -> list[dict[str, Any]]:
    """Return differences of the joint rates between the values of a column: which moves which cell."""
    values = natural_order(used[between].dropna().unique())
    base = _reference(values, between, reference)
    lead = [name for name in groups if name != between]
    rows: list[dict[str, Any]] = []
    for key, part in split_groups(used, lead):
        flags = cell_flags(part)
        for value in (each for each in values if each != base):
            compared = Comparison(
                between, base, options.cluster, None, options.level, options.estimand, "auto", None
            )
            for name in CELLS:
                cells = _as_event(part, flags[name])
                arms = [cells[cells[between] == each] for each in (value, base)]
                row = _difference_row(arms, compared)
                term = f"{_TERMS[name]}: {value} - {base}"
                rows.append({**key, between: value, "reference": base, "quantity": name, "term": term, **row})
    for row, p in zip(rows, adjust_p([row["p_value"] for row in rows], adjust), strict=True):
        row["p_adjusted"] = p
    return rows


def _difference_row(arms: list[pd.DataFrame], options: Comparison) -> dict[str, Any]:
    contrast, n = contrast_of(arms, options)
    interval, df, method = contrast.interval_of(options.method)
    low, high = interval(options.level)
    return {
        "estimate": contrast.estimate(),
        "std_error": contrast.std_error,
        "low": low,
        "high": high,
        "level": options.level,
        "n": n,
        "n_clusters": contrast.n_clusters,
        "method": method,
        "p_value": p_from_interval(interval),
        "df": df,
    }


def _reference(values: Sequence[object], between: str, reference: object) -> object:
    if len(values) < 2:
        raise DataError(f"between: column {between!r} has {len(values)} values and needs two to compare")
    if reference is None:
        return values[0]
    found = [value for value in values if str(value) == str(reference)]
    if not found:
        raise SettingError(
            f"reference={reference!r}: must be a value of {between!r}: {', '.join(map(repr, values))}"
        )
    return found[0]
