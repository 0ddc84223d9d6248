"""How often something is so, when a judge has looked at everything and people at some of it.

A judge's own count is off by its errors, and no interval about it says so. From the subsample that people
have labelled, the count is corrected and the interval carries what the labels leave unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.judged import JudgedTable, JudgedUnits, read_judged
from bartleby.analysis.coding.prevalence_rows import prevalence_rows
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import check_settings
from bartleby.analysis.tables.labels import group_prefix

__all__ = ["label_next", "prevalence"]

Floats = npt.NDArray[np.float64]


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
    specificity for independent. Where labels were drawn by verdict they are not, and the corrected count is
    the stratified one: it then has that one's interval. Coverage: `benchmarks/coverage_coding.py`.
    """
    check_settings(level, "new_items")
    table = read_judged(
        units, judge=judge, label=label, cluster=cluster, stratum=stratum, by=by, threshold=threshold
    )
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    for key, part in table.split():
        found = prevalence_rows(part, level)
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
