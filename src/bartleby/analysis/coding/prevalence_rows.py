"""The rows of a prevalence: each estimate of one group of units with its interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bartleby.analysis.coding.by_stratum import Strata, Worth, called_interval, stratified_interval
from bartleby.analysis.coding.corrected_rows import Correction, corrected_row, rate_row
from bartleby.analysis.coding.judge_error import Linear, Proportion, effective, prediction_powered
from bartleby.analysis.coding.judged import JudgedUnits
from bartleby.analysis.inference.intervals import (
    RateFit,
    clustered_rate,
    critical_value,
    wilson,
)

__all__ = ["prevalence_rows"]

TERMS = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")
BY_STRATUM = "strata of labels, Jeffreys, square-and-add"
MANY = 100
"""From so many labelled clusters on, their variance is known well enough without a model of rates."""
CARRIED = "carried over from labels alone"
BY_VERDICT = "labels by verdict, Jeffreys, square-and-add"


def prevalence_rows(
    part: JudgedUnits, level: float, correction: Correction = "inverted"
) -> list[dict[str, Any]]:
    """Return the estimates of `prevalence` for one group, as rows of its table."""
    fit = prediction_powered(part.score, part.label, part.labelled, part.stratum, part.cluster)
    nothing = np.zeros(len(part.score))
    alone = prediction_powered(nothing, part.label, part.labelled, part.stratum, part.cluster)
    every, df = effective(part.verdict, np.ones(len(part.score)), part.cluster, clustered=part.clustered)
    rates = {term: _validity(part, term) for term in TERMS}
    labels, size = float(part.labelled.sum()), float(len(part.score))
    # Were every unit labelled, the judge would add nothing.
    least = alone.variance * labels / size
    first = _linear_row("prevalence", fit, alone, part, level)
    rows = [
        {
            **first,
            "method": f"PPI++, lambda {fit.weight:.3g}, {first['method']}",
            "labels_to_halve": _labels_to_halve(fit.variance, least, labels, size),
        },
        {**_corrected(part, rates, alone, level, correction), "n": size},
        {
            **rate_row("judge_alone", every, df, level),
            "n": size,
            "method": "not corrected for the judge's errors",
        },
        {
            **_linear_row("labels_alone", alone, alone, part, level),
            "labels_to_halve": _labels_to_halve(alone.variance, 0.0, labels, math.inf),
        },
        *(
            {**rate_row(term, found, df, level), "n": float(_called(part, term).sum())}
            for term, (found, df) in rates.items()
        ),
    ]
    known = _known_by_verdict(part, alone, first, level)
    clusters = float(len(np.unique(part.cluster)))
    return [{"n_clusters": clusters, **row, **known.get(row["term"], {})} for row in rows]


def _known_by_verdict(
    part: JudgedUnits, alone: Linear, first: dict[str, Any], level: float
) -> dict[str, dict[str, Any]]:
    """Return the intervals of what hangs together because labels were drawn by the judge's verdict, by term.

    Labels then say how often each verdict is right. Sensitivity, specificity, and the count that they correct
    follow from that, and from how many units have each verdict.
    """
    verdicts = np.unique(np.column_stack([part.stratum, part.verdict]), axis=0)
    strata = Strata.of(part.label, part.labelled, part.stratum)
    if len(strata.units) < 2 or len(verdicts) > len(strata.units):
        return {}
    yes, worth = verdicts[:, 1] == 1, _worth(strata, alone, alone, part)
    found = {"rogan_gladen": (first["low"], first["high"], f"Rogan-Gladen, {first['method']}")}
    for term, those, called in (
        ("sensitivity", strata, yes),
        ("specificity", strata.negatives(), ~yes),
    ):
        own = Worth(_worth_of(part, term), worth.df)
        found[term] = (*called_interval(those, called, own, level), f"ratio of {BY_STRATUM}")
    seen = part.label[part.labelled]
    if np.ptp(seen) == 0 or np.ptp(part.verdict) == 0:
        # One of the two is undefined, and so is the corrected count.
        del found["rogan_gladen"]
    return {
        term: {"low": low, "high": high, "method": method, "df": worth.df}
        for term, (low, high, method) in found.items()
    }


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


def _worth_of(part: JudgedUnits, term: str) -> float:
    """Return how many independent labels a label is worth for a sensitivity or specificity: 1 or less."""
    if not part.clustered:
        return 1.0
    together, _ = _validity(part, term)
    apart, _ = _validity(dataclasses.replace(part, cluster=np.arange(len(part.cluster))), term)
    return min(1.0, together.n / apart.n) if apart.n > 0 else 1.0


def _linear_row(term: str, fit: Linear, alone: Linear, part: JudgedUnits, level: float) -> dict[str, Any]:
    estimate = min(1.0, max(0.0, fit.estimate))
    strata = Strata.of(part.label, part.labelled, part.stratum)
    verdicts = _by_verdict(part) if fit.weight else None
    if len(strata.units) > 1:
        worth = _worth(strata, fit, alone, part)
        low, high = stratified_interval(strata, estimate, worth, level)
        df, method = worth.df, BY_STRATUM
    elif _few(part) or (part.clustered and fit is alone):
        by_cluster = _labels_by_cluster(part, level)
        low, high = _carried(by_cluster, estimate, fit.variance, alone.variance)
        df, method = by_cluster.df, f"{CARRIED}: {by_cluster.method}"
        method = by_cluster.method if fit is alone else method
    elif verdicts is not None:
        worth = _worth(verdicts, fit, fit, part)
        low, high = stratified_interval(verdicts, estimate, worth, level)
        df, method = worth.df, BY_VERDICT
    else:
        low, high = _wilson_bounds(estimate, fit, part, level)
        df, method = fit.df, "effective n Wilson t"
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


def _clusters(part: JudgedUnits) -> int:
    """Return how many clusters have labels."""
    return len(np.unique(part.cluster[part.labelled]))


def _few(part: JudgedUnits) -> bool:
    """Return whether labels are of few clusters, each unit as likely to be labelled as any other."""
    return part.clustered and _clusters(part) < MANY and int(part.stratum.max()) == 0


def _corrected(
    part: JudgedUnits,
    rates: Mapping[str, tuple[Proportion, float]],
    alone: Linear,
    level: float,
    correction: Correction,
) -> dict[str, Any]:
    """Return the judge's corrected count; of few clusters, with the bounds of labels alone carried over."""
    row = corrected_row(part, rates["sensitivity"][0], rates["specificity"][0], level, correction)
    if correction != "inverted" or not _few(part) or not row["std_error"] > 0:
        return row
    labels = _labels_by_cluster(part, level)
    low, high = _carried(labels, row["estimate"], row["std_error"] ** 2, alone.variance)
    method = f"Rogan-Gladen, {CARRIED}: {labels.method}"
    return {**row, "low": low, "high": high, "df": labels.df, "method": method}


def _labels_by_cluster(part: JudgedUnits, level: float) -> RateFit:
    """Return the share of positive labels among new clusters: as `rate` has it, or as their variance has it.

    The wider of the two at either end: with 15 conversations a few of which have most of the code, the first
    alone held the truth .92 of the time.
    """
    _, code = np.unique(part.cluster[part.labelled], return_inverse=True)
    labels, events = np.bincount(code).astype(float), np.bincount(code, part.label[part.labelled])
    fit = clustered_rate(events, labels, level)
    if not 0 < fit.estimate < 1 or math.isnan(fit.low):
        return fit
    spread = clustered_rate(events, labels, level, method="logit_t")
    return replace(fit, low=min(fit.low, spread.low), high=max(fit.high, spread.high))


def _carried(labels: RateFit, estimate: float, variance: float, alone: float) -> tuple[float, float]:
    """Return the bounds of labels alone as bounds of an estimate that a judge helps with.

    Of few clusters a variance is hardly known, but by how much a judge narrows it is: bounds keep their
    distance on the logit scale, times the ratio of the standard errors there.
    """
    share = labels.estimate
    low, high = labels.low, labels.high
    if 0 < share < 1 and 0 < estimate < 1 and variance > 0 and alone > 0:
        stretch = math.sqrt(variance / alone) * share * (1 - share) / (estimate * (1 - estimate))
        low, high = (
            float(expit(logit(estimate) + stretch * (logit(bound) - logit(share)))) for bound in (low, high)
        )
    return min(low, estimate), max(high, estimate)


def _by_verdict(part: JudgedUnits) -> Strata | None:
    """Return labels drawn from all units by verdict, if the judge says yes or no and each has labels.

    The slope of label on verdict makes PPI++ the same as weighting each verdict's labels by its units
    (poststratification), whose intervals are right for labels that are nearly all alike.
    """
    said = np.unique(part.score)
    if len(said) != 2 or int(part.stratum.max()) > 0:
        return None
    strata = Strata.of(part.label, part.labelled, (part.score == said[1]).astype(np.int64))
    return strata if np.all(strata.labels > 0) else None


def _wilson_bounds(estimate: float, fit: Linear, part: JudgedUnits, level: float) -> tuple[float, float]:
    if not np.isfinite(fit.variance):
        return math.nan, math.nan
    spread, worth = estimate * (1 - estimate), float(part.labelled.sum())
    if spread > 0 and fit.variance > 0:
        worth = spread / fit.variance
    elif part.clustered:
        worth = math.sqrt(worth * len(np.unique(part.cluster[part.labelled])))
    return wilson(estimate, min(worth, len(part.label)), critical_value(level, fit.df))


def _worth(strata: Strata, fit: Linear, alone: Linear, part: JudgedUnits) -> Worth:
    """Return how many independent labels a label is worth: less by clusters, more by a judge that helps."""
    labels = float(strata.labels.sum())
    clusters = _clusters(part)
    worth = 1.0
    if part.clustered and strata.alike:
        worth = math.sqrt(clusters / labels)
    elif part.clustered:
        # A dozen labels can seem to spread more evenly over clusters than chance has it; they do not.
        worth = min(1.0, strata.variance / alone.variance)
    most = float(strata.units.sum()) / labels
    helped = worth * alone.variance / fit.variance if fit.variance > 0 else most
    return Worth(min(most, helped), clusters - 1.0 if part.clustered else math.inf)


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
