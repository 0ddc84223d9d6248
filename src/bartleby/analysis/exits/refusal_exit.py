"""Declining in words and leaving, measured on the same trials.

A published study had the two from different trials, and multiplied one rate by one minus the other to get
"exits without a refusal", which assumes what was to be tested: that they have nothing to do with each other.
Here both are read of each trial, and the assumption is an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.exits.exit_times import exit_outcome
from bartleby.analysis.inference.association import dependence, phi
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import RateFit, undefined
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.differences import contrast_of, contrast_row
from bartleby.analysis.rates.formulas import make_design, read_formula
from bartleby.analysis.rates.rates import rare_warnings, rate_row
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.sample.answer import Row, adjusted, answer, estimator, fit_row
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import as_frame
from bartleby.analysis.tables.estimates import Estimates, estimate_frame, records
from bartleby.analysis.tables.grouping import Estimand, as_names
from bartleby.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bartleby.analysis.figures.style import Picture, Width

__all__ = ["RefusalFit", "refusal_by_exit"]

CELLS = {
    "both": "declined and left",
    "exit_only": "left without declining",
    "refusal_only": "declined and stayed",
    "neither": "neither",
}
"""The cells of the 2 x 2, in words."""
NOT_READ = (
    "says of each trial whether the model declined in words; rates of other trials cannot stand in for it, "
    "for multiplying them assumes independence (exit_margins has the bounds)"
)


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

    def plot(
        self,
        *,
        ax: Axes | None = None,
        width: Width | None = None,
        models: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Picture:
        """Return the 2 x 2 as mosaics, one a group.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into, in place of a new figure.
        width
            Of a new figure: `one` or `two` journal columns, or inches.
        models
            Which models, in which order; several share one figure.
        labels
            What is written in place of names of models, classes, items and terms.
        """
        from bartleby.analysis.figures.mosaic import plot_refusal_by_exit

        return plot_refusal_by_exit(
            self.cells, by=self.groups, ax=ax, width=width, models=models, labels=labels
        )


@estimator(exits)
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
) -> RefusalFit:
    """Estimate how declining in words and leaving go together.

    Parameters
    ----------
    refused
        The column of 0 and 1 (or false and true) that says whether the model declined in words, read
        independently of the exit. Trials in which it is empty are excluded.
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
    frame = as_frame(trials)
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        Column("refused", refused, kind="flag", empty="exclude", hint=NOT_READ),
        Column("between", between, empty="keep"),
        by=[*as_names(by, "by"), *as_names(between)],
        cluster=cluster,
        level=level,
        estimand=estimand,
    )
    if not sample.n:
        raise DataError("trials: none in which both the exit and the refusal were read")
    estimates = answer(sample, lambda part: _association(part.known), identify=["quantity"])
    rows = records(estimates.frame)
    if between is not None:
        used = sample.known
        base = used.reference("between", reference)
        values = [value for value in used.values("between") if value != base]
        others = [name for name in sample.groups if name != between]
        moved = [row for part in used.split(others) for row in _moved(part, values, base)]
        adjusted(moved, adjust)
        rows += moved
    lead = [*sample.groups, *(["reference"] if between else []), "quantity"]
    parts = {item.name: getattr(estimates, item.name) for item in fields(estimates)}
    parts["frame"] = estimate_frame(rows, lead)
    return RefusalFit(**parts, cells=_counts(sample.known), groups=sample.groups)


def _association(part: Sample) -> Iterator[Row | str]:
    """Yield the rows of one group: joint rates, rates, rates within each other, and what links the two."""
    if part.cells.empty:
        return
    rates = _rates(part)
    yield from rates
    yield from _links(part, rates)
    yield _odds_ratio(part)
    yield from _dependence_warnings(part)
    shares = [row for row in rates if row["quantity"] in {"both", "exit_rate", "refusal_rate"}]
    yield from rare_warnings(part, shares, also="dependence and phi, which are made of it")


def _rates(part: Sample) -> list[Row]:
    left, declined = part.happened, part["refused"] == 1
    asked = [(name, CELLS[name], part.asking(rows)) for name, rows in _cell_rows(part).items()]
    asked += [
        ("exit_rate", "left", part),
        ("refusal_rate", "declined", part.asking(declined)),
        ("exit_if_refused", "left, of those that declined", part.where(declined)),
        ("exit_if_not_refused", "left, of those that did not decline", part.where(~declined)),
        ("no_refusal_share", "did not decline, of those that left", part.asking(~declined).where(left)),
    ]
    return [{"quantity": name, **rate_row(those, term)} for name, term, those in asked]


def _cell_rows(part: Sample) -> dict[str, pd.Series[bool]]:
    """Return which counted trials are in each cell of the 2 x 2."""
    left, declined = part.happened, part["refused"] == 1
    return dict(
        zip(CELLS, (left & declined, left & ~declined, ~left & declined, ~left & ~declined), strict=True)
    )


def _links(part: Sample, rates: Sequence[Row]) -> Iterator[Row]:
    """Yield what links declining and leaving; the product of the two rates, as it is no estimate, alone."""
    rate = {row["quantity"]: float(row["estimate"]) for row in rates}
    product = rate["exit_rate"] * (1 - rate["refusal_rate"])
    cells, clustered = _cluster_cells(part)
    units = float(len(cells)) if clustered else part.n
    for name, term, fit in (
        (
            "exit_only_if_independent",
            "rates multiplied",
            undefined("for comparison only: it assumes independence", product),
        ),
        (
            "dependence",
            "P(both) - P(left) P(declined)",
            dependence(cells, part.level, clustered=clustered),
        ),
        ("phi", "correlation of declining and leaving", phi(cells, part.level, clustered=clustered)),
    ):
        yield {"quantity": name, "term": term, **_fitted(fit, units, part)}


def _cluster_cells(part: Sample) -> tuple[npt.NDArray[np.float64], bool]:
    """Return trials by cluster and cell (G, 4), and whether clusters count."""
    count, cluster = part.cells["count"], part.clusters.first.column
    weights = pd.DataFrame({name: rows * count for name, rows in _cell_rows(part).items()})
    if cluster is None or part.stratified:
        return weights.to_numpy(dtype=float).sum(axis=0, keepdims=True), False
    return weights.groupby(part.cells[cluster], sort=False).sum().to_numpy(dtype=float), True


def _odds_ratio(part: Sample) -> Row:
    """Return the odds ratio of leaving, having declined or not."""
    row = {"quantity": "odds_ratio", "term": "odds of leaving, declined against not"}
    cluster, refused = part.clusters.first.column, part.names["refused"]
    if _one_sided(part):
        n_clusters = part.n if cluster is None else part.cells[cluster].nunique()
        return {**row, **_fitted(undefined("an event always or never happens"), n_clusters, part)}
    cells = part.cells.assign(_y=part.cells["_event"] * part.cells["count"])
    keys = [refused, *([cluster] if cluster else [])]
    sums = cells.groupby(keys, sort=True)[["_y", "count"]].sum().reset_index()
    terms = read_formula("exited ~ refused", ["exited", "refused"])
    design = make_design(terms, pd.DataFrame({"refused": sums[refused].astype(float)}))
    codes = pd.factorize(sums[cluster])[0].astype(np.int64) if cluster else None
    counted = Counted(design, sums["_y"].to_numpy(dtype=float), sums["count"].to_numpy(dtype=float), codes)
    fitted = regress(counted, "auto", repeats_independent=part.stratified).rows(part.level)
    ratio = next(fit for fit in fitted if fit["quantity"] == "odds_ratio")
    method = ratio["method"]
    if method.startswith("firth"):
        method = f"Haldane (1/2 added: a cell is empty), {method}"
    return {**ratio, **row, "method": method}


def _one_sided(part: Sample) -> str:
    """Return which of leaving and declining always or never happened, nothing if neither."""
    for rows, what in ((part.happened, "leaving"), (part["refused"] == 1, "declining")):
        if part.count_of(rows) in (0, part.n):
            return what
    return ""


def _fitted(fit: RateFit, n_clusters: float, part: Sample) -> Row:
    return fit_row(fit, n=part.n, n_clusters=n_clusters, level=part.level)


def _dependence_warnings(part: Sample) -> Iterator[str]:
    term = part.label("refusal by exit")
    if what := _one_sided(part):
        yield f"{term}: {what} always or never happened, so there is no association to estimate"
        return
    left, declined = (part.count_of(rows) / part.n for rows in (part.happened, part["refused"] == 1))
    product, joint = left * (1 - declined), part.count_of(_cell_rows(part)["exit_only"]) / part.n
    if abs(product - joint) >= 0.02:
        yield (
            f"{term}: multiplying the two rates would give {product:.1%} of exits without a refusal, and "
            f"there were {joint:.1%}: they are not independent"
        )


def _moved(part: Sample, values: Sequence[object], base: object) -> Iterator[Row]:
    """Yield differences of the joint rates between the values of a column: which moves which cell."""
    between = part.names["between"]
    for value in values:
        for name, rows in _cell_rows(part).items():
            arms = part.asking(rows).arms("between", value, base)
            contrast, n = contrast_of(arms)
            yield {
                **part.key,
                between: value,
                "reference": base,
                "quantity": name,
                "term": f"{CELLS[name]}: {value} - {base}",
                **contrast_row(contrast, "auto", part.level, n),
            }


def _counts(sample: Sample) -> pd.DataFrame:
    flat = sample.cells.assign(refused=sample["refused"] == 1, exited=sample.happened)
    names = [*sample.groups, "refused", "exited"]
    return flat.groupby(names, dropna=False, sort=True)["count"].sum().reset_index()
