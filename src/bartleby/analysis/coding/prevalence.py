"""How often something is so, when a judge has looked at everything and people at some of it.

A judge's own count is off by its errors, and no interval about it says so. From the subsample that people
have labelled, the count is corrected and the interval carries what the labels leave unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.by_stratum import Strata, stratified_interval
from bartleby.analysis.coding.judge_error import (
    Linear,
    Proportion,
    effective,
    lang_reiczigel,
    prediction_powered,
    rogan_gladen,
)
from bartleby.analysis.coding.judged import JudgedTable, JudgedUnits, read_judged
from bartleby.analysis.inference.intervals import critical_value, wilson
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import check_settings
from bartleby.analysis.tables.labels import group_prefix

__all__ = ["label_next", "prevalence"]

Floats = npt.NDArray[np.float64]

TERMS = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")


def prevalence(
    units: object,
    *,
    judge: str,
    label: str,
    cluster: str | None = None,
    stratum: str | None = None,
    by: str | Sequence[str] | None = None,
    threshold: float = 0.5,
    level: float = 0.95,
    seed: int = 0,
) -> Estimates:
    """Estimate a prevalence from a judge's word on all units and people's labels of some.

    Parameters
    ----------
    units
        Any frame that narwhals reads, one row a unit: a turn, a transcript.
    judge
        Column of what the judge says: 0 and 1, or a score between them; missing where it said nothing.
    label
        Column of what people say: 0 and 1; missing where nobody labelled. Within each stratum, who was
        labelled must not depend on what there was to see.
    cluster
        Column whose units belong together, such as the conversation of a turn.
    stratum
        Column of the strata that units were drawn from for labelling, if not all alike; labels are then
        weighted by units over labels in their stratum.
    by
        Columns that split the table; `model` does so by itself.
    threshold
        A score of this and above is a positive verdict.
    level
        Of the intervals.
    seed
        Recorded; nothing here is random.

    Returns
    -------
    Estimates
        `prevalence`: from the labels, with the judge's help (PPI++), which needs nothing of the judge.
        `rogan_gladen`: the judge's count corrected for its sensitivity and specificity. `judge_alone`: the
        uncorrected count, to show what it would have said. `labels_alone`: without the judge. Then
        `sensitivity`, `specificity`, `positive_predictive_value`, `negative_predictive_value`. The column
        `labels_to_halve` says how many more labels would halve the interval (infinite: no number would).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong: a missing column, values that are neither 0 nor 1, nobody
        labelled, a stratum without labels.

    Notes
    -----
    Intervals of `prevalence` and `labels_alone`: Wilson's with the estimate's effective n and a t critical
    value (degrees of freedom from the clusters' contributions); with strata, Jeffreys' in each, added up
    (`by_stratum.stratified_interval`). Of `rogan_gladen`: Lang and Reiczigel's, which takes sensitivity and
    specificity for independent. Where the judge's verdict is the stratum they are not, and the corrected count
    is the stratified one: it then has that one's interval. Coverage: `benchmarks/coverage_coding.py`.
    """
    check_settings(level, "new_items")
    table = read_judged(
        units, judge=judge, label=label, cluster=cluster, stratum=stratum, by=by, threshold=threshold
    )
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    for key, part in table.split():
        found = _rows(part, level)
        rows += [{**key, **row} for row in found]
        warnings += _warnings({row["term"]: row for row in found}, part, group_prefix(key))
    settings = {
        "estimand": "new_items",
        "level": level,
        "cluster": cluster or "none: units taken as independent",
        "stratum": stratum,
        "threshold": threshold,
        "seed": seed,
    }
    return Estimates(estimate_frame(rows, table.groups), _accounting(table), tuple(warnings), settings)


def label_next(
    units: object,
    n: int,
    *,
    judge: str,
    label: str,
    stratum: str | None = None,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Return how many units of each stratum to label next.

    Parameters
    ----------
    units, judge, label, threshold
        As for `prevalence`; nobody need be labelled yet.
    n
        Labels that can be had.
    stratum
        Column of strata; None takes the judge's verdicts.

    Returns
    -------
    DataFrame
        `stratum`, `units`, `labelled`, `label_next`: Neyman's allocation (1934), in proportion to a
        stratum's size and the standard deviation of its labels, of which half a label of each kind is
        assumed beforehand.

    Notes
    -----
    Units are to be drawn at random within a stratum, and `prevalence` told of the strata.
    """
    table = read_judged(
        units,
        judge=judge,
        label=label,
        cluster=None,
        stratum=stratum,
        by=(),
        threshold=threshold,
        unlabelled=True,
        of_verdicts=stratum is None,
    )
    rows = table.rows
    counted = rows.groupby("stratum", sort=True).agg(
        units=("judge", "size"), labelled=("label", "count"), positive=("label", "sum")
    )
    share = (counted["positive"] + 0.5) / (counted["labelled"] + 1)
    left = counted["units"] - counted["labelled"]
    want = counted["units"] * np.sqrt(share * (1 - share))
    counted["label_next"] = _allocate(want.to_numpy(dtype=float), left.to_numpy(dtype=float), n)
    return counted.drop(columns="positive").reset_index()


def _allocate(want: Floats, left: Floats, n: int) -> npt.NDArray[np.int64]:
    """Return whole numbers in proportion to `want`, none above `left`, n in all where there are as many."""
    given = np.zeros(len(want))
    free = left > 0
    while free.any() and given.sum() < min(n, left.sum()) - 1e-9:
        rest = n - given[~free].sum()
        given[free] = rest * want[free] / want[free].sum()
        full = free & (given >= left)
        if not full.any():
            break
        given[full] = left[full]
        free &= ~full
    whole = np.floor(given)
    spare = round(float(min(n, left.sum()) - whole.sum()))
    whole[np.argsort(whole - given, kind="stable")[: max(spare, 0)]] += 1
    return whole.astype(np.int64)


def _rows(part: JudgedUnits, level: float) -> list[dict[str, Any]]:
    fit = prediction_powered(part.score, part.label, part.labelled, part.stratum, part.cluster)
    nothing = np.zeros(len(part.score))
    alone = prediction_powered(nothing, part.label, part.labelled, part.stratum, part.cluster)
    every, df = effective(part.verdict, np.ones(len(part.score)), part.cluster, clustered=part.clustered)
    rates = {term: _validity(part, term) for term in TERMS}
    labels, size = float(part.labelled.sum()), float(len(part.score))
    # Were every unit labelled, the judge would add nothing.
    least = alone.variance * labels / size
    first = _linear_row("prevalence", fit, alone, part, level)
    bounds = (first["low"], first["high"]) if _by_verdict(part) else None
    rows = [
        {
            **first,
            "method": f"PPI++, lambda {fit.weight:.3g}, {first['method']}",
            "labels_to_halve": _labels_to_halve(fit.variance, least, labels, size),
        },
        {**_corrected_row(every, rates["sensitivity"][0], rates["specificity"][0], level, bounds), "n": size},
        {
            **_rate_row("judge_alone", every, df, level),
            "n": size,
            "method": "not corrected for the judge's errors",
        },
        {
            **_linear_row("labels_alone", alone, alone, part, level),
            "labels_to_halve": _labels_to_halve(alone.variance, 0.0, labels, math.inf),
        },
        *(
            {**_rate_row(term, found, df, level), "n": float(_called(part, term).sum())}
            for term, (found, df) in rates.items()
        ),
    ]
    return [{"n_clusters": float(len(np.unique(part.cluster))), **row} for row in rows]


def _called(part: JudgedUnits, term: str) -> npt.NDArray[np.bool_]:
    """Return the labelled units that people (or, for predictive values, the judge) call so (N,)."""
    given = part.label if term in {"sensitivity", "specificity"} else part.verdict
    called: npt.NDArray[np.bool_] = part.labelled & (given == float(_positive(term)))
    return called


def _positive(term: str) -> bool:
    return term in {"sensitivity", "positive_predictive_value"}


def _validity(part: JudgedUnits, term: str) -> tuple[Proportion, float]:
    """Return how often judge and people agree among the units that one of them calls so."""
    chosen = _called(part, term)
    other = part.verdict if term in {"sensitivity", "specificity"} else part.label
    right = (other[chosen] == float(_positive(term))).astype(float)
    return effective(right, part.weight[chosen], part.cluster[chosen], clustered=part.clustered)


def _linear_row(term: str, fit: Linear, alone: Linear, part: JudgedUnits, level: float) -> dict[str, Any]:
    estimate = min(1.0, max(0.0, fit.estimate))
    strata = Strata.of(part.label, part.labelled, part.stratum)
    if len(strata.units) > 1:
        df = len(np.unique(part.cluster[part.labelled])) - 1.0 if part.clustered else math.inf
        low, high = stratified_interval(strata, estimate, _worth(strata, fit, alone, part), df, level)
        method = "strata of labels, Jeffreys, square-and-add"
    else:
        df, method = fit.df, "effective n Wilson t"
        low, high = _wilson_bounds(estimate, fit, part, level)
    return {
        "term": term,
        "estimate": estimate,
        "std_error": math.sqrt(fit.variance) or math.nan,
        "low": low,
        "high": high,
        "level": level,
        "n": float(part.labelled.sum()),
        "method": method,
        "df": df,
    }


def _wilson_bounds(estimate: float, fit: Linear, part: JudgedUnits, level: float) -> tuple[float, float]:
    if not np.isfinite(fit.variance):
        return math.nan, math.nan
    spread, worth = estimate * (1 - estimate), float(part.labelled.sum())
    if spread > 0 and fit.variance > 0:
        worth = spread / fit.variance
    elif part.clustered:
        worth = math.sqrt(worth * len(np.unique(part.cluster[part.labelled])))
    return wilson(estimate, min(worth, len(part.label)), critical_value(level, fit.df))


def _worth(strata: Strata, fit: Linear, alone: Linear, part: JudgedUnits) -> float:
    """Return how many independent labels a label is worth: less by clusters, more by a judge that helps."""
    labels = float(strata.labels.sum())
    clusters = len(np.unique(part.cluster[part.labelled]))
    worth = 1.0
    if part.clustered and strata.alike:
        worth = math.sqrt(clusters / labels)
    elif part.clustered:
        # A dozen labels can seem to spread more evenly over clusters than chance has it; they do not.
        worth = min(1.0, strata.variance / alone.variance)
    most = float(strata.units.sum()) / labels
    return min(most, worth * alone.variance / fit.variance) if fit.variance > 0 else most


def _by_verdict(part: JudgedUnits) -> bool:
    """Return whether labels were drawn in strata, in each of which the judge says the same of every unit."""
    verdicts = np.unique(np.column_stack([part.stratum, part.verdict]), axis=0)
    return len(verdicts) == len(np.unique(part.stratum)) > 1


def _labels_to_halve(variance: float, least: float, labels: float, size: float) -> float:
    """Return how many more labels would bring a variance to a quarter; infinite if none would.

    The variance is `least` + (1 / labels - 1 / size) * constant: with every unit labelled, `least` is left.
    """
    if not variance > 0:
        return 3 * labels
    free = variance / 4 - least
    if free <= 0 or variance <= least:
        return math.inf
    wanted = 1 / size + (1 / labels - 1 / size) * free / (variance - least)
    return float(math.ceil(1 / wanted - labels))


def _corrected_row(
    every: Proportion,
    sensitivity: Proportion,
    specificity: Proportion,
    level: float,
    of_strata: tuple[float, float] | None,
) -> dict[str, Any]:
    estimate = rogan_gladen(every.value, sensitivity.value, specificity.value)
    low, high = lang_reiczigel(every, sensitivity, specificity, critical_value(level))
    method = "Lang-Reiczigel interval"
    if of_strata is not None:
        low, high = (math.nan, math.nan) if math.isnan(estimate) else of_strata
        method = "strata of labels, Jeffreys, square-and-add"
    return {
        "term": "rogan_gladen",
        "estimate": estimate,
        "low": low,
        "high": high,
        "level": level,
        "method": f"Rogan-Gladen, {method}",
    }


def _rate_row(term: str, found: Proportion, df: float, level: float) -> dict[str, Any]:
    low, high = math.nan, math.nan
    if found.n > 0 and df >= 1:
        low, high = wilson(found.value, found.n, critical_value(level, df))
    spread = found.value * (1 - found.value)
    return {
        "term": term,
        "estimate": found.value,
        "std_error": math.sqrt(spread / found.n) if spread > 1e-12 else math.nan,
        "low": low,
        "high": high,
        "level": level,
        "n": found.n,
        "method": "effective n Wilson t",
        "df": df,
    }


def _accounting(table: JudgedTable) -> Accounting:
    labelled = float(table.rows["label"].notna().sum())
    judged = float(len(table.rows)) - labelled
    return Accounting(
        {"judged and labelled": labelled, "judged only": judged, "not judged": table.not_judged},
        {
            "judged and labelled": "labels, and what the judge is held against",
            "judged only": "the judge's word, corrected",
            "not judged": "left out: the judge said nothing",
        },
        labelled + judged,
    )


def _warnings(rows: Mapping[str, Mapping[str, Any]], part: JudgedUnits, where: str) -> list[str]:
    told = []
    sensitivity, specificity = (rows[name]["estimate"] for name in ("sensitivity", "specificity"))
    value = rows["positive_predictive_value"]["estimate"]
    if not np.any(part.label[part.labelled] == 1):
        told.append(
            f"{where}nobody labelled a unit positive, so sensitivity and what follows from it are undefined"
        )
    elif not np.any(part.label[part.labelled] == 0):
        told.append(f"{where}nobody labelled a unit negative, so specificity is undefined")
    elif np.isnan(rows["rogan_gladen"]["estimate"]):
        told.append(
            f"{where}sensitivity {sensitivity:.2f} + specificity {specificity:.2f} is 1 or less: the judge "
            "says nothing of what people see, so its count is not corrected; `prevalence` rests on labels"
        )
    if np.ptp(part.verdict) == 0:
        word = "positive" if part.verdict[0] == 1 else "negative"
        told.append(f"{where}the judge calls every unit {word}, so its word says nothing")
    elif value < 0.5:
        told.append(
            f"{where}of the units that the judge calls positive, people agree with {value:.0%}: at this base "
            "rate its positives are mostly false alarms"
        )
    if part.clustered and len(np.unique(part.cluster[part.labelled])) < 2:
        told.append(f"{where}labels of one cluster only: they say nothing about how others differ")
    return told
