"""Rows of a judge's count corrected for its errors: by labels, or by the counts of another study."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.analysis.coding.by_stratum import jeffreys
from bartleby.analysis.coding.corrected_count import (
    NOBODY,
    Corrected,
    corrected_variance,
    lang_reiczigel,
    rogan_gladen,
)
from bartleby.analysis.coding.judge_error import Proportion, effective
from bartleby.analysis.coding.judged import JudgedUnits
from bartleby.analysis.inference.intervals import critical_value, wilson

__all__ = ["CORRECTIONS", "Correction", "Validity", "corrected_row", "elsewhere_rows", "rate_row"]

Floats = npt.NDArray[np.float64]
Correction: TypeAlias = Literal["inverted", "lang_reiczigel"]
CORRECTIONS: tuple[Correction, ...] = ("inverted", "lang_reiczigel")
Validity: TypeAlias = tuple[Proportion, Proportion]
"""Sensitivity and specificity, from another study."""


def elsewhere_rows(
    part: JudgedUnits, validity: Validity, level: float, correction: Correction = "inverted"
) -> list[dict[str, Any]]:
    """Return the estimates of a group without labels, whose judge another study has validated."""
    every, df = effective(part.verdict, np.ones(len(part.score)), part.cluster, clustered=part.clustered)
    critical = critical_value(level)
    # What only a few clusters say of the apparent prevalence is worth less by (z / t)^2.
    worth = every.n * (critical / critical_value(level, df)) ** 2 if df >= 1 else 0.0
    parts = Corrected(Proportion(every.value, worth), *validity)
    if correction == "lang_reiczigel":
        low, high = lang_reiczigel(parts.apparent, *validity, critical) if worth else (math.nan, math.nan)
    else:
        low, high = parts.interval(level) if worth else (math.nan, math.nan)
    estimate = rogan_gladen(every.value, *(one.value for one in validity))
    _, slopes = parts.balance(estimate)
    proportions = (every, *validity)
    spread = [
        slope**2 * one.value * (1 - one.value) / one.n
        for slope, one in zip(slopes[1:], proportions, strict=True)
    ]
    size, clusters = float(len(part.score)), float(len(np.unique(part.cluster)))
    row = {
        "term": "rogan_gladen",
        "estimate": estimate,
        "std_error": math.sqrt(sum(spread)) / parts.youden if parts.youden > 0 else math.nan,
        "low": low,
        "high": high,
        "level": level,
        "n": size,
        "n_clusters": clusters,
        "method": f"{_words(correction)}, errors from another study",
        "df": df,
    }
    alone = {
        **rate_row("judge_alone", every, df, level),
        "n": size,
        "n_clusters": clusters,
        "method": "not corrected for the judge's errors",
    }
    return [
        row,
        alone,
        *(_counted(*one, level) for one in zip(("sensitivity", "specificity"), validity, strict=True)),
    ]


def _counted(term: str, counts: Proportion, level: float) -> dict[str, Any]:
    low, high = (float(bound[0]) for bound in jeffreys(np.array([counts.value]), np.array([counts.n]), level))
    return {
        "term": term,
        "estimate": counts.value,
        "std_error": math.sqrt(counts.value * (1 - counts.value) / counts.n) or math.nan,
        "low": low,
        "high": high,
        "level": level,
        "n": counts.n,
        "n_clusters": math.nan,
        "method": "Jeffreys, counts of another study",
        "df": math.inf,
    }


def _words(correction: Correction) -> str:
    words = {"inverted": "test inversion, square-and-add", "lang_reiczigel": "Lang-Reiczigel interval"}
    return f"Rogan-Gladen, {words[correction]}"


def corrected_row(
    part: JudgedUnits,
    sensitivity: Proportion,
    specificity: Proportion,
    level: float,
    correction: Correction,
) -> dict[str, Any]:
    """Return the judge's count corrected by the labels of some of its units."""
    apparent = float(part.verdict.mean())
    estimate = rogan_gladen(apparent, sensitivity.value, specificity.value)
    row: dict[str, Any] = {
        "term": "rogan_gladen",
        "estimate": estimate,
        "std_error": math.nan,
        "low": math.nan,
        "high": math.nan,
        "level": level,
        "method": _words(correction),
        "df": math.nan,
    }
    if math.isnan(estimate):
        return row
    variance, df = corrected_variance(part.verdict, part.label, part.weight, part.cluster, estimate)
    row |= {"std_error": math.sqrt(variance) or math.nan, "df": df if part.clustered else math.inf}
    if correction == "lang_reiczigel":
        every, _ = effective(part.verdict, np.ones(len(part.score)), part.cluster, clustered=part.clustered)
        row["low"], row["high"] = lang_reiczigel(every, sensitivity, specificity, critical_value(level))
    elif not part.clustered or len(np.unique(part.cluster)) > 1:
        parts = _corrected(part, _worth_of_correction(part, estimate, variance), level, row["df"])
        row["low"], row["high"] = parts.interval(level)
    return row


def _worth_of_correction(part: JudgedUnits, estimate: float, variance: float) -> float:
    """Return how many independent units a unit is worth, for a corrected count: less by clusters."""
    if not part.clustered:
        return 1.0
    alone = np.arange(len(part.cluster))
    apart, _ = corrected_variance(part.verdict, part.label, part.weight, alone, estimate)
    if not (apart > 0 and variance > 0):
        return math.sqrt(len(np.unique(part.cluster)) / len(part.cluster))
    return min(1.0, apart / variance)


def _corrected(part: JudgedUnits, worth: float, level: float, df: float) -> Corrected:
    """Return what a corrected count is made of, each proportion with the trials it is worth."""
    worth *= (critical_value(level) / critical_value(level, df)) ** 2

    def share(values: Floats, chosen: npt.NDArray[np.bool_]) -> Proportion:
        weights = part.weight[chosen] if chosen is not rest else np.ones(int(chosen.sum()))
        if not chosen.any():
            return NOBODY
        own = weights / weights.sum()
        return Proportion(min(1.0, float(own @ values[chosen])), worth / float(own @ own))

    positive, negative = part.labelled & (part.label == 1), part.labelled & (part.label == 0)
    # Where labels weigh differently, what is labelled is no plain part of what the judge has counted.
    alike = np.ptp(part.weight[part.labelled]) < 1e-9
    rest = ~part.labelled if alike else np.ones(len(part.label), dtype=bool)
    return Corrected(
        share(part.verdict, rest),
        share(part.verdict, positive),
        share(1 - part.verdict, negative),
        share((part.label == 1).astype(float), part.labelled),
        float(part.labelled.mean()) if alike else 0.0,
    )


def rate_row(term: str, found: Proportion, df: float, level: float) -> dict[str, Any]:
    """Return a proportion with the score interval of the trials that it is worth."""
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
