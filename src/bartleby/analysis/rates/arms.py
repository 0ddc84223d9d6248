"""From counted trials to two arms: which units are compared, and which belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from bartleby.analysis.rates.contrasts import (
    Contrast,
    clustered_contrast,
    independent_contrast,
    independent_mean_contrast,
    mean_contrast,
    pairs_contrast,
)
from bartleby.analysis.rates.means import moments_by
from bartleby.analysis.rates.rates import sums_by
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import DataError

__all__ = ["Comparison", "contrast_of"]


@dataclass(frozen=True)
class Comparison:
    """What is compared with what, and how.

    Parameters
    ----------
    between, reference
        The column, and the value of it that the others are compared with.
    cluster, paired
        Columns, or None.
    level, estimand, method, margin
        As in `difference`.
    second
        A second column of clusters, crossed with the first.
    numeric
        Whether the outcome is a number, so that means are compared, and not rates.
    scale
        The lowest and the highest value of the outcome, which missing trials may have had.
    stated
        The scale of the outcome if one is stated, otherwise infinite.
    """

    between: str
    reference: object
    cluster: str | None
    paired: str | None
    level: float
    estimand: Estimand
    method: Literal["auto", "newcombe", "t"]
    margin: tuple[float, float] | None
    second: str | None = None
    numeric: bool = False
    scale: tuple[float, float] = (0.0, 1.0)
    stated: tuple[float, float] = (-math.inf, math.inf)


def contrast_of(used: list[pd.DataFrame], options: Comparison) -> tuple[Contrast, float]:
    """Return the contrast of two arms' usable trials, and how many trials there are."""
    if options.paired is not None:
        return _paired_contrast(used, options)
    n = sum(float(arm["count"].sum()) for arm in used)
    if options.numeric:
        return _mean_contrast(used, options), n
    if options.cluster is None or any(arm.empty for arm in used):
        sums = [(float((arm["_event"] * arm["count"]).sum()), float(arm["count"].sum())) for arm in used]
        return independent_contrast(*sums[0], *sums[1], "independent rows"), n
    columns = [options.cluster, *([options.second] if options.second else [])]
    units = [_units(sums_by(arm, columns)) for arm in used]
    stratified = options.estimand == "these_items"
    return clustered_contrast(units[0], units[1], stratified=stratified, paired=False), n


def _mean_contrast(used: list[pd.DataFrame], options: Comparison) -> Contrast:
    """Return the contrast of two arms' means."""
    if options.cluster is None or any(arm.empty for arm in used):
        numbers = [[arm[name].to_numpy(dtype=float) for name in ("_event", "count")] for arm in used]
        pairs = [(values, counts) for values, counts in numbers]
        return independent_mean_contrast(pairs, options.stated)
    columns = [options.cluster, *([options.second] if options.second else [])]
    units = [_units(moments_by(arm, columns)) for arm in used]
    stratified = options.estimand == "these_items"
    return mean_contrast(units[0], units[1], stratified=stratified, scale=options.stated)


def _units(sums: pd.DataFrame) -> pd.DataFrame:
    """Return sums by one or two columns of clusters as units."""
    labels = sums.index.to_frame(index=False).astype(str)
    labels.columns = pd.Index(["cluster", "second"][: labels.shape[1]])
    further = {"squares": sums["squares"].array} if "squares" in sums else {}
    return labels.assign(events=sums["events"].array, n=sums["n"].array, trials=sums["n"].array, **further)


def _paired_contrast(used: list[pd.DataFrame], options: Comparison) -> tuple[Contrast, float]:
    """Return the contrast of matched units: single answers as pairs, repeats by their rates or means."""
    summed = moments_by if options.numeric else sums_by
    pairs = [summed(arm, [str(options.paired)]) for arm in used]
    shared = pairs[0].index.intersection(pairs[1].index)
    if shared.empty:
        raise DataError(f"paired: no value of {options.paired!r} occurs on both sides of a comparison")
    pairs = [each.loc[shared] for each in pairs]
    n = sum(float(each["n"].sum()) for each in pairs)
    alone = options.cluster in {None, options.paired}
    if alone and not options.numeric and all((each["n"] == 1).all() for each in pairs):
        one, other = (each["events"].to_numpy(dtype=float) for each in pairs)
        table = (one @ other, one @ (1 - other), (1 - one) @ other, (1 - one) @ (1 - other))
        return pairs_contrast(*(float(count) for count in table)), n
    clusters = (
        pd.Series(shared.astype(str), index=shared) if alone else _cluster_of(used, options).loc[shared]
    )
    units = [
        pd.DataFrame(
            {
                "cluster": clusters.to_numpy(),
                "events": (each["events"] / each["n"]).to_numpy(),
                "n": 1.0,
                "trials": each["n"].to_numpy(),
                **({"squares": each["squares"].to_numpy()} if options.numeric else {}),
            }
        )
        for each in pairs
    ]
    stratified = options.estimand == "these_items"
    if options.numeric:
        return mean_contrast(units[0], units[1], stratified=stratified, scale=options.stated), n
    return clustered_contrast(units[0], units[1], stratified=stratified, paired=True), n


def _cluster_of(used: list[pd.DataFrame], options: Comparison) -> pd.Series[Any]:
    """Return the cluster of each matched value, which must be one."""
    both = pd.concat(used)[[str(options.paired), str(options.cluster)]].drop_duplicates()
    twice = both.loc[both[str(options.paired)].duplicated(), str(options.paired)]
    if len(twice):
        raise DataError(
            f"paired: {twice.iloc[0]!r} of {options.paired!r} lies in more than one {options.cluster!r}; a "
            "cluster must hold whole pairs"
        )
    return both.set_index(str(options.paired))[str(options.cluster)].astype(str)
