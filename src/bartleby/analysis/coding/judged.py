"""A table of what a judge says of each unit and people say of some, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.unit_clusters import cluster_candidates, find_clusters
from bartleby.analysis.sample.answer import Grouped
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.checks import READ_BY, refuse_confounded
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.grouping import group_names
from bartleby.errors import DataError, SettingError

__all__ = ["JudgedTable", "JudgedUnits", "read_judged"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class JudgedUnits:
    """The units of one group.

    Parameters
    ----------
    score, verdict
        What the judge says (N,): as given, and as 0 or 1.
    label, labelled
        What people say (N,), NaN where no one did, and who was labelled.
    stratum, cluster
        Codes (N,).
    clustered
        Whether units share clusters.
    """

    score: Floats
    verdict: Floats
    label: Floats
    labelled: npt.NDArray[np.bool_]
    stratum: Integers
    cluster: Integers
    clustered: bool

    @property
    def weight(self) -> Floats:
        """Units of its stratum for each labelled unit (N,)."""
        every = np.bincount(self.stratum).astype(float)
        drawn = np.bincount(self.stratum[self.labelled], minlength=len(every)).astype(float)
        weight: Floats = (every / np.maximum(drawn, 1))[self.stratum]
        return weight


@dataclass(frozen=True, eq=False)
class JudgedTable(Grouped):
    """Units by group: rows with `judge`, `verdict`, `label`, `stratum`, `cluster` and the groups.

    Parameters
    ----------
    not_judged
        Units of which the judge said nothing.
    """

    not_judged: float = 0.0

    def accounting(self, bounds: dict[str, tuple[float, float]] | None = None) -> Accounting:
        """Return how units were counted."""
        labelled = float(self.rows["label"].notna().sum())
        judged = float(len(self.rows)) - labelled
        return Accounting(
            {"judged and labelled": labelled, "judged only": judged, "not judged": self.not_judged},
            {
                "judged and labelled": "labels, and what the judge is held against",
                "judged only": "the judge's word, corrected",
                "not judged": "left out: the judge said nothing",
            },
            labelled + judged,
            bounds or {},
        )

    def units(self) -> JudgedUnits:
        """Return the units of one group as arrays."""
        part = self.rows
        label = part["label"].to_numpy(dtype=float)
        return JudgedUnits(
            part["judge"].to_numpy(dtype=float),
            part["verdict"].to_numpy(dtype=float),
            label,
            ~np.isnan(label),
            pd.factorize(part["stratum"])[0].astype(np.int64),
            pd.factorize(part["cluster"])[0].astype(np.int64),
            bool(part["cluster"].duplicated().any()),
        )


def read_judged(
    units: object,
    *,
    judge: str,
    label: str | None,
    cluster: str | bool | None,
    stratum: str | None,
    by: str | Sequence[str] | None,
    threshold: float,
    unlabelled: bool = False,
    of_verdicts: bool = False,
) -> JudgedTable:
    """Check a table of judged units.

    Parameters
    ----------
    units, judge, label, cluster, stratum, by, threshold
        As for `prevalence`; `label` is None where no one labels.
    unlabelled
        Whether a group or stratum may have no labels.
    of_verdicts
        Whether the judge's verdicts are the strata.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.
    """
    if not 0 < threshold <= 1:
        raise SettingError(f"threshold={threshold!r}: must lie above 0 and not above 1")
    frame = as_frame(units)
    names = column_names(frame)
    roles = {
        "judge": judge,
        "label": label,
        "cluster": cluster if isinstance(cluster, str) else None,
        "stratum": stratum,
    }
    wanted = {role: name for role, name in roles.items() if name}
    missing = [
        f"{role}: no column {name!r}; columns here: {', '.join(names)}"
        for role, name in wanted.items()
        if name not in names
    ]
    if missing:
        raise DataError(missing)
    groups = group_names(names, by, not_by=wanted.values())
    if "model" in groups:
        refuse_confounded(frame, "model", [name for name in READ_BY if name not in wanted.values()])
    possible = cluster_candidates(frame, cluster, taken=[*groups, *wanted.values()])
    data = frame.select(list(dict.fromkeys([*groups, *wanted.values(), *possible])))
    every = (data.collect() if hasattr(data, "collect") else data).to_pandas().reset_index(drop=True)
    if every.empty:
        raise DataError("the table has no rows; allowed: one row a unit")
    table = pd.DataFrame({name: every[name] for name in groups})
    problems: list[str] = []
    table["judge"] = _shares(every[judge], judge, problems, scores=True)
    table["label"] = _shares(every[label], label, problems, scores=False) if label else np.nan
    table["verdict"] = (table["judge"] >= threshold).astype(float)
    unit = pd.Series(np.arange(len(every)))
    found, table["cluster"], warnings = find_clusters(frame, cluster, every, unit, noun="unit")
    table["stratum"] = every[stratum] if stratum else table["verdict"] if of_verdicts else 0
    problems += [
        f"column {wanted[role]!r}: empty in {int(table[role].isna().sum())} rows"
        for role in ("cluster", "stratum")
        if role in wanted and table[role].isna().any()
    ]
    judged = table[table["judge"].notna()].reset_index(drop=True)
    if not problems:
        problems = _label_problems(judged, groups, wanted, unlabelled=unlabelled or label is None)
    if problems:
        raise DataError(problems)
    return JudgedTable(judged, groups, found.described, warnings, not_judged=float(len(table) - len(judged)))


def _shares(values: pd.Series[Any], name: str, problems: list[str], *, scores: bool) -> pd.Series[Any]:
    """Return 0 and 1 (or scores between them) as numbers, NaN where empty."""
    text = values.astype("object").map(lambda value: value.strip() if isinstance(value, str) else value)
    empty = text.isna() | (text == "")
    numbers = pd.to_numeric(text.where(~empty, None), errors="coerce").astype(float)
    bad = ~empty & ~numbers.between(0, 1) if scores else ~empty & ~numbers.isin([0, 1])
    if bad.any():
        listed = ", ".join(repr(value) for value in list(dict.fromkeys(text[bad]))[:3])
        allowed = "0, 1, a score between them, or empty" if scores else "0, 1, or empty where nobody labelled"
        row = int(np.flatnonzero(bad.to_numpy())[0]) + 1
        problems.append(f"row {row}, column {name!r}: {listed}; allowed: {allowed}")
    return numbers


def _label_problems(
    judged: pd.DataFrame, groups: Sequence[str], wanted: dict[str, str], *, unlabelled: bool
) -> list[str]:
    if judged.empty:
        return [f"column {wanted['judge']!r}: empty in every row, so nothing was judged"]
    if unlabelled:
        return []
    if judged["label"].notna().sum() == 0:
        return [
            f"column {wanted['label']!r}: empty in every row, so the judge cannot be held against anybody; "
            "have a random subsample labelled"
        ]
    keys = [*groups, "stratum"]
    counts = judged.groupby(keys, dropna=False, sort=True)["label"].count().reset_index()
    return [
        ", ".join(f"{name}={row[name]}" for name in (keys if "stratum" in wanted else groups))
        + ": nobody labelled a unit here, so it cannot be corrected"
        for _, row in counts[counts["label"] == 0].iterrows()
    ]
