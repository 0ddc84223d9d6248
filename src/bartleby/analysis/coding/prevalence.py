"""How often something is so, when a judge has looked at everything and people at some of it.

A judge's own count is off by its errors, and no interval about it says so. From the subsample that people
have labelled, the count is corrected and the interval carries what the labels leave unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bartleby.analysis.coding.corrected_rows import Correction, Validity, elsewhere_rows
from bartleby.analysis.coding.judge_error import Proportion
from bartleby.analysis.coding.judged import JudgedTable, JudgedUnits, read_judged
from bartleby.analysis.coding.prevalence_rows import prevalence_rows
from bartleby.analysis.coding.unit_clusters import few_clusters
from bartleby.analysis.sample.answer import Row, answer, estimator
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.labels import group_prefix
from bartleby.errors import SettingError

__all__ = ["prevalence"]

ELSEWHERE = (
    "sensitivity and specificity are those of another study: they hold here only if the texts, the codebook "
    "and the judge's prompt are alike, which nothing in this table can show; label a random subsample to "
    "check it"
)


@estimator()
def prevalence(
    units: object,
    *,
    judge: str,
    label: str | None = None,
    sensitivity: tuple[float, float] | None = None,
    specificity: tuple[float, float] | None = None,
    cluster: str | bool | None = None,
    stratum: str | None = None,
    by: str | Sequence[str] | None = None,
    threshold: float = 0.5,
    level: float = 0.95,
    correction: Correction = "inverted",
) -> Estimates:
    """Estimate a prevalence from a judge's word on all units, and labels of some or its known errors.

    Parameters
    ----------
    units
        Any frame that narwhals reads, one row a unit: a turn, a transcript.
    judge
        Column of what the judge says: 0 and 1, or a score between them; missing where it said nothing.
    label
        Column of what people say: 0 and 1; missing where no one labelled. Within each stratum, who was
        labelled must not depend on what there was to see. None where the judge was validated elsewhere.
    sensitivity, specificity
        Of a judge validated in another study, instead of labels: how many of how many units with the code it
        found, and of how many units without it, it passed: `sensitivity=(45, 50), specificity=(190, 200)`.
    cluster
        Column whose units belong together, such as the conversation of a turn. None takes the first of
        `scenario`, `item`, `conversation` and their like that holds several units together, and says so in
        the settings; False takes units as independent.
    stratum
        Column of the strata that units were drawn from for labelling, if not all alike; labels are then
        weighted by units over labels in their stratum.
    by
        Columns that split the table; `model` does so by itself.
    threshold
        A score of this and above is a positive verdict.
    level
        Of the intervals.
    correction
        Interval of `rogan_gladen`: `inverted` (test inversion), or `lang_reiczigel` as published, which is up
        to twice as wide as needed where the labelled units are among those that the judge counts.

    Returns
    -------
    Estimates
        `prevalence`: from the labels, with the judge's help (PPI++), which needs nothing of the judge.
        `rogan_gladen`: the judge's count corrected for its sensitivity and specificity. `judge_alone`: the
        uncorrected count, to show what it would have said. `labels_alone`: without the judge. Then
        `sensitivity`, `specificity`, `positive_predictive_value`, `negative_predictive_value`. The column
        `labels_to_halve` says how many more labels would halve the interval (infinite: no number would).
        Without labels: `rogan_gladen`, `judge_alone`, and the `sensitivity` and `specificity` of elsewhere.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong: a missing column, values that are neither 0 nor 1, nobody
        labelled, a stratum without labels, counts that are none, labels and counts at once.

    Notes
    -----
    Interval of `prevalence`: a judge that says yes or no sorts the labels by its verdict, each of which has
    Jeffreys' bounds, added up (`by_stratum.stratified_interval`), as do strata. Of `labels_alone`, and with
    scores: Wilson's with the estimate's effective n and a t critical value (degrees of freedom from the
    clusters' contributions). Of `rogan_gladen`: the prevalences that the verdicts do not contradict
    (`corrected_count.Corrected`); where labels were drawn by verdict, sensitivity and specificity are not
    independent, the corrected count is the stratified one, and has that one's interval. Lang & Reiczigel
    (2014), Preventive Veterinary Medicine 113: 13-22. Coverage: `benchmarks/coverage_coding.py`.

    Sensitivity and specificity from elsewhere are taken to hold here. They depend on the texts, the
    codebook and the judge's prompt: a judge that meets subtler cases than those it was validated on is less
    sensitive, and no interval shows it.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> units = pd.DataFrame({"judge": [1, 0, 0, 0, 0] * 40})
    >>> units["label"] = units["judge"].where(units.index < 60)
    >>> units.loc[[3, 5], "label"] = [1, 0]
    >>> bb.prevalence(units, judge="judge", label="label", cluster=False).to_frame()[
    ...     ["term", "estimate"]
    ... ].round(2).values.tolist()
    [['prevalence', 0.2], ['rogan_gladen', 0.2], ['judge_alone', 0.2], ['labels_alone', 0.2],
    ['sensitivity', 0.92], ['specificity', 0.98], ['positive_predictive_value', 0.92],
    ['negative_predictive_value', 0.98]]
    """
    validity = _validity(label, stratum, sensitivity, specificity)
    table = read_judged(
        units, judge=judge, label=label, cluster=cluster, stratum=stratum, by=by, threshold=threshold
    )

    def rows_of(part: JudgedTable) -> Iterator[Row | str]:
        own = part.units()
        rows = (
            prevalence_rows(own, level, correction)
            if validity is None
            else elsewhere_rows(own, validity, level, correction)
        )
        yield from rows
        yield from _warnings({row["term"]: row for row in rows}, own, part.key)

    elsewhere = () if validity is None else (ELSEWHERE,)
    return answer(replace(table, warnings=(*elsewhere, *table.warnings)), rows_of)


def _validity(
    label: str | None,
    stratum: str | None,
    sensitivity: tuple[float, float] | None,
    specificity: tuple[float, float] | None,
) -> Validity | None:
    """Return the judge's errors as another study has counted them; None where labels say what they are."""
    counts = {"sensitivity": sensitivity, "specificity": specificity}
    if all(value is None for value in counts.values()):
        if label is not None:
            return None
        raise SettingError(
            "label: name the column of people's labels, or give both sensitivity=(k, n) and "
            "specificity=(k, n) as another study has counted them"
        )
    problems = [
        f"{name}={value!r}: must be counts of another study, (right, of how many), such as (45, 50)"
        for name, value in counts.items()
        if not _is_count(value)
    ]
    used = [pair for pair in (("label", label), ("stratum", stratum)) if pair[1] is not None]
    problems += [
        f"{name}={value!r}: labels of these units and counts of another study answer different questions; "
        "give one of them"
        for name, value in used
    ]
    if problems:
        raise SettingError("; ".join(problems))
    right = [Proportion(value[0] / value[1], float(value[1])) for value in counts.values() if value]
    return right[0], right[1]


def _is_count(value: object) -> bool:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return False
    right, total = value
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in value)
    return numbers and 0 <= right <= total and total >= 1 and right % 1 == 0 and total % 1 == 0


def _warnings(rows: Mapping[str, Mapping[str, Any]], part: JudgedUnits, key: Mapping[str, Any]) -> list[str]:
    labelled = bool(part.labelled.any())
    warnings = _label_warnings(rows, part) if labelled else _elsewhere_warnings(rows)
    if np.ptp(part.verdict) == 0:
        word = "positive" if part.verdict[0] == 1 else "negative"
        warnings.append(f"the judge calls every unit {word}, so its word says nothing")
    held = part.cluster[part.labelled] if labelled else part.cluster
    if part.clustered and len(np.unique(held)) < 2:
        of = "labels of one cluster" if labelled else "one cluster"
        warnings.append(f"{of} only: nothing says how others differ, so there is no interval")
    shares = [row for term, row in rows.items() if term in {"prevalence", "rogan_gladen", "labels_alone"}]
    few = few_clusters(shares, key) if part.clustered else []
    return [f"{group_prefix(key)}{text}" for text in warnings] + few


def _label_warnings(rows: Mapping[str, Mapping[str, Any]], part: JudgedUnits) -> list[str]:
    sensitivity, specificity = (rows[name]["estimate"] for name in ("sensitivity", "specificity"))
    warnings = []
    if not np.any(part.label[part.labelled] == 1):
        warnings.append(
            "nobody labelled a unit positive, so sensitivity and what follows from it are undefined"
        )
    elif not np.any(part.label[part.labelled] == 0):
        warnings.append("nobody labelled a unit negative, so specificity is undefined")
    elif np.isnan(rows["rogan_gladen"]["estimate"]):
        warnings.append(
            f"sensitivity {sensitivity:.2f} + specificity {specificity:.2f} is 1 or less: the judge "
            "says nothing of what people see, so its count is not corrected; `prevalence` rests on labels"
        )
    value = rows["positive_predictive_value"]["estimate"]
    if value < 0.5 and np.ptp(part.verdict) > 0:
        warnings.append(
            f"of the units that the judge calls positive, people agree with {value:.0%}: at this base "
            "rate its positives are mostly false alarms"
        )
    return warnings


def _elsewhere_warnings(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    corrected, apparent = rows["rogan_gladen"], rows["judge_alone"]["estimate"]
    sensitivity, specificity = (rows[name]["estimate"] for name in ("sensitivity", "specificity"))
    if np.isnan(corrected["estimate"]):
        return [
            f"sensitivity {sensitivity:.2f} + specificity {specificity:.2f} is 1 or less: such a judge says "
            "nothing, so its count cannot be corrected"
        ]
    if apparent < 1 - specificity or apparent > sensitivity:
        amount = "fewer" if apparent < 1 - specificity else "more"
        return [
            f"the judge calls {apparent:.1%} of these units positive, {amount} than any prevalence would "
            f"make it, sensitivity being {sensitivity:.2f} and specificity {specificity:.2f}: chance, or "
            "these errors are not those that it makes here"
        ]
    return []
