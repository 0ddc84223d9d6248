"""Declining in words and leaving, measured on the same trials.

A published study had the two from different trials, and multiplied one rate by one minus the other to get
"exits without a refusal", which assumes what was to be tested: that they have nothing to do with each other.
Here both are read of each trial, and the assumption is an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from bartleby.analysis.exits.rates import exits
from bartleby.analysis.exits.refusal_rows import association_rows, cell_flags, moved_rows
from bartleby.analysis.exits.table import exclude, exit_outcome
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.rates.rates import RateOptions, few_clusters_warnings
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import (
    Estimand,
    as_names,
    check_settings,
    choose_cluster,
    group_names,
    split_groups,
)
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import EventTable, read_events
from bartleby.analysis.tables.rows import missing_columns, settings_of
from bartleby.docstrings import parameters_of
from bartleby.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RefusalFit", "refusal_by_exit"]

Where: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class RefusalFit(Estimates):
    """Declining and leaving on the same trials.

    Parameters
    ----------
    cells
        Trials by group, `refused` and `exited`, with their `count`.
    groups
        The columns that tell groups apart.
    """

    cells: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    groups: tuple[str, ...] = ()

    def counts(self) -> pd.DataFrame:
        """Return the trials of each group by `refused` and `exited`."""
        return self.cells.copy()

    def plot(self) -> Figure:
        """Return the 2 x 2 as mosaics, one a group."""
        from bartleby.analysis.figures.mosaic import plot_refusal_by_exit

        return plot_refusal_by_exit(self.cells, by=self.groups)


@parameters_of(exits)
def refusal_by_exit(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    refused: str = "refused",
    by: str | Sequence[str] | None = None,
    between: str | None = None,
    reference: object = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    adjust: Adjustment | None = "holm",
    seed: int = 0,
) -> RefusalFit:
    """Estimate how declining in words and leaving go together.

    Parameters
    ----------
    refused
        The column of 0 and 1 (or false and true) that says whether the model declined in words, read
        independently of the exit. Trials in which it is empty are left out.
    between
        A column, such as `exit_channel`, by which the four cells are compared too: which channel moves which.
    reference
        The value of `between` that others are compared with; the first in order by default.
    adjust
        `holm`, `bh` or None, over the comparisons of this call.

    Returns
    -------
    RefusalFit
        By `quantity`: the joint rates `both`, `exit_only`, `refusal_only` and `neither`; `exit_rate` and
        `refusal_rate`; `exit_if_refused`, `exit_if_not_refused`; `no_refusal_share`, the share of exits
        without a refusal; `exit_only_if_independent`, what multiplying the two rates would have given;
        `dependence`, P(both) - P(exit) P(refusal), by which that is wrong; `odds_ratio`; `phi`. With
        `between`, rows whose `reference` is not empty are differences of the joint rates.

    Raises
    ------
    DataError
        A column is missing. Marginal rates of different trials cannot be joined: `exit_margins` has what
        can be said of them.
    SettingError
        Naming every setting that is not allowed.

    Notes
    -----
    Joint rates as in `rate`. The odds ratio is that of a logistic regression of leaving on declining, with
    CR2 over clusters; where a cell is empty it is Firth's, which in a 2 x 2 table is Haldane's (1/2 added to
    each cell), with its profile interval, and the method says so. Dependence and phi: square-and-add of the
    joint rates (`bartleby.analysis.inference.association`).

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.refusal_by_exit(trials).verdict)
    Odds ratio, sim/averse: 3.7 (95% interval 2.0 to 6.8) (all 180 trials used; 90 clusters by item;
    items as a random sample).
    """
    check_settings(level, estimand, adjust=(adjust, ("holm", "bh", None)))
    frame = as_frame(trials)
    names = column_names(frame)
    _check_columns(names, refused, between)
    groups = tuple(dict.fromkeys([*group_names(names, by), *as_names(between)]))
    clusters = choose_cluster(frame, cluster)
    keys = list(dict.fromkeys([*groups, refused, *([clusters.column] if clusters.column else [])]))
    table = read_events(frame, exit_outcome(frame, outcome), keys=keys, may_be_empty=[*groups, refused])
    table, told = _with_refusals(table, refused)
    warnings = [*table.warnings, *told, *([clusters.warning] if clusters.warning else [])]
    options = RateOptions(clusters.column, level, estimand)
    used = table.cells[table.cells["_event"].notna()]
    if used.empty:
        raise DataError("trials: none in which both the exit and the refusal were read")
    rows: list[dict[str, Any]] = []
    for key, part in split_groups(used, groups):
        found = association_rows(part, options)
        rows += [{**key, **row} for row in found]
        warnings += _group_warnings(part, key)
        shares = [row for row in found if row["quantity"] in {"both", "exit_rate", "refusal_rate"}]
        warnings += few_clusters_warnings(
            shares, key, options, also="dependence and phi, which are made of it"
        )
    if between is not None:
        rows += moved_rows(used, groups, between, options, reference=reference, adjust=adjust)
    settings = {**settings_of(groups, clusters, level, estimand, seed), "refused": refused}
    settings |= {"between": between, "adjust": adjust}
    counts = _counts(used, groups)
    frame_out = estimate_frame(rows, [*groups, *(["reference"] if between else []), "quantity"])
    return RefusalFit(frame_out, table.accounting(), tuple(dict.fromkeys(warnings)), settings, counts, groups)


def _check_columns(names: Sequence[str], refused: str, between: str | None) -> None:
    if refused not in names:
        raise DataError(
            f"refused: no column {refused!r} says of each trial whether the model declined in words; rates "
            "of other trials cannot stand in for it, for multiplying them assumes independence (exit_margins "
            f"has the bounds); columns here: {', '.join(names)}"
        )
    missing_columns(names, between=between)


def _with_refusals(table: EventTable, refused: str) -> tuple[EventTable, list[str]]:
    """Return the table with `_refused`, and without the trials in which it is not known."""
    cells = table.cells.copy()
    odd = [value for value in cells[refused].unique() if not pd.isna(value) and value not in (0, 1)]
    if odd:
        shown = ", ".join(map(repr, odd[:5]))
        raise DataError(f"column {refused!r}: {shown}: must be 0, 1 (or false, true) or empty")
    cells["_refused"] = pd.to_numeric(cells[refused].astype(object).map(_number)).astype(float)
    lost = cells["_refused"].isna() & cells["_event"].notna()
    told = []
    if lost.any():
        number = float(cells.loc[lost, "count"].sum())
        told.append(f"{refused}: empty in {number:g} trials, which are excluded")
    return exclude(replace(table, cells=cells), lost, "refusal not read"), told


def _number(value: object) -> float:
    return math.nan if pd.isna(value) else float(value)  # type: ignore[call-overload, arg-type]


def _group_warnings(part: pd.DataFrame, key: Where) -> list[str]:
    totals = {name: float(part.loc[mask, "count"].sum()) for name, mask in cell_flags(part).items()}
    n = sum(totals.values())
    where = group_label("refusal by exit", key)
    exits, refusals = totals["both"] + totals["exit_only"], totals["both"] + totals["refusal_only"]
    if 0 in (exits, refusals) or n in (exits, refusals):
        which = "leaving" if exits in (0, n) else "declining"
        return [f"{where}: {which} always or never happened, so there is no association to estimate"]
    product, joint = exits / n * (1 - refusals / n), totals["exit_only"] / n
    if abs(product - joint) >= 0.02:
        return [
            f"{where}: multiplying the two rates would give {product:.1%} of exits without a refusal, and "
            f"there were {joint:.1%}: they are not independent"
        ]
    return []


def _counts(used: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    flat = used.assign(refused=used["_refused"] == 1, exited=used["_event"] == 1)
    names = [*groups, "refused", "exited"]
    return flat.groupby(names, dropna=False, sort=True)["count"].sum().reset_index()
