"""Differences between conditions of a rate or of a mean: by channel, wording, model or any other column.

Arms may be independent, share clusters (the same items under both conditions), or be matched by a column.
Every difference comes with an interval within -1 and 1, a p value of the same construction, adjusted over
the whole call, and, if a margin is given, a test of equivalence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.inference.equivalence import check_margin, tost_interval
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.few_clusters import UNSHOWN
from bartleby.analysis.inference.intervals import p_from_interval
from bartleby.analysis.rates.contrasts import (
    Contrast,
    clustered_contrast,
    independent_contrast,
    independent_mean_contrast,
    mean_contrast,
    pairs_contrast,
)
from bartleby.analysis.rates.means import UNLIMITED, Scale, mean, moments_by, scale_of, scale_text
from bartleby.analysis.rates.rates import Side, rate, sums_by
from bartleby.analysis.sample.answer import CASE, Row, answer, estimator, worst_case
from bartleby.analysis.sample.columns import Column, Where
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.checks import refuse_confounded
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand, taken_names
from bartleby.errors import DataError, SettingError

__all__ = ["compared", "contrast_of", "contrast_row", "difference"]

Method = Literal["auto", "newcombe", "t"]


@dataclass(frozen=True)
class Comparison:
    """What is compared with what, and how.

    Parameters
    ----------
    reference
        The value that the others are compared with.
    paired
        The column that matches trials, or None.
    method, margin, one_sided
        As in `difference`.
    scale
        The lowest and the highest value of the outcome, which missing trials may have had.
    limits
        The scale if one is stated, otherwise infinite.
    """

    reference: object
    paired: str | None = None
    method: Method = "auto"
    margin: tuple[float, float] | None = None
    one_sided: Side | None = None
    scale: Scale = (0.0, 1.0)
    limits: Scale = UNLIMITED


@estimator(rate, mean)
def difference(
    trials: object,
    outcome: str | Sequence[str] = "opted_out",
    *,
    between: str,
    reference: object = None,
    where: Where = None,
    cluster: str | bool | Sequence[str] | None = None,
    paired: str | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Method = "auto",
    margin: float | tuple[float, float] | None = None,
    one_sided: Side | None = None,
    adjust: Adjustment | None = "holm",
    refusals: Refusals = "counted",
    scale: Scale | None = None,
) -> Estimates:
    """Estimate differences of a rate or of a mean between the values of a column.

    Parameters
    ----------
    outcome
        One or several outcome words, or a column of 0 and 1, as for `rate`; or a column of numbers, of which
        means are compared: one with other values than 0 and 1, or any with a `scale`.
    between
        The column whose values are compared, such as `channel` or `model`.
    reference
        The value that the others are compared with; the first in order by default.
    paired
        A column that matches trials across `between`, such as `item`: what occurs on one side only is
        excluded, every matched value weighs the same, and it is the cluster unless a coarser one is named.
        With two-way clustering there is no pairing: what the conditions share is in the clusters.
    by
        Columns that split the table; `model` splits by itself.
    method
        `t`: plus and minus t standard errors (CR2, Satterthwaite); `newcombe`: square-and-add of the two
        rates' intervals with their correlation, for rates only; `auto`: the t interval extended to what
        Hall's (1992) transformation for skewness reaches, with fewer degrees of freedom where few clusters
        decide; square-and-add for rates of independent rows, of pairs of single answers, of `these_items`,
        with two-way clustering, and where clusters do not differ.
    margin
        The largest difference that would not matter, or (low, high), in units of the outcome: adds a test of
        equivalence (TOST).
    one_sided
        `upper` or `lower`: adds a column of that name, what the difference is below, or above, with
        confidence `level`, and the p value is that of a difference of 0 or more, or of 0 or less.
    scale
        The lowest and the highest value of a numeric outcome. A difference of means needs one, or
        `method="t"`, where an arm (or both, sharing them) has fewer than 14 clusters.
    adjust
        `holm`, `bh` or None, over all rows of this call.

    Returns
    -------
    Estimates
        Beside the fixed columns: the column `between`, `reference`, `rate` and `reference_rate` (of a
        numeric outcome `mean` and `reference_mean`), `p_value`,
        `p_adjusted`, `missing`, `bound_low` and `bound_high` (worst-case bounds with their sampling error:
        the missing all gone against and for the difference), `df`, and with a margin `margin_low`,
        `margin_high`, `p_equivalence`, `equivalent` (at 1 - level).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    The p value is 1 - the level at which the interval just touches 0 (one-sided: half of
    that, or 1 less half of it), so it agrees with the interval.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("opt_out", "sim/averse", log="opt_out.db")
    >>> trials = bb.read("opt_out.db")
    >>> bb.difference(trials, between="exit_channel", paired="item").to_frame()[
    ...     ["exit_channel", "estimate"]
    ... ].round(2).values.tolist()
    [['string', 0.04], ['tool', 0.03]]
    """
    frame = as_frame(trials)
    if between in column_names(frame):
        refuse_confounded(frame, between)
    sample = read_sample(
        frame,
        outcome,
        Column("between", between, empty="exclude"),
        Column("paired", paired),
        where=where,
        by=by,
        not_by=[between],
        cluster=paired if paired and cluster is None else cluster,
        ways=2,
        level=level,
        estimand=estimand,
        refusals=refusals,
        numbers=True,
    )
    return compared(
        sample, reference, method=method, margin=margin, one_sided=one_sided, adjust=adjust, scale=scale
    )


def compared(
    sample: Sample,
    reference: object = None,
    *,
    method: Method = "auto",
    margin: float | tuple[float, float] | None = None,
    one_sided: Side | None = None,
    adjust: Adjustment | None = "holm",
    scale: Scale | None = None,
) -> Estimates:
    """Return the differences between the values of the column `between` of a sample.

    Parameters
    ----------
    sample
        With the column `between`, and `paired` where trials are matched.
    reference, method, margin, one_sided, adjust, scale
        As in `difference`.
    """
    numeric = sample.numeric or scale is not None
    _refuse(sample, method, numeric=numeric)
    sample = replace(sample, numeric=numeric)
    options = Comparison(
        sample.reference("between", reference),
        sample.names.get("paired"),
        method,
        None if margin is None else check_margin(margin),
        one_sided,
        scale_of(sample, scale) if numeric else (0.0, 1.0),
        UNLIMITED if scale is None else scale_of(sample, scale),
    )
    return answer(
        sample,
        lambda part: _compared(part, options),
        compared=sample.names["between"],
        adjust=adjust,
        settings={
            "between": sample.names["between"],
            "reference": options.reference,
            "paired": options.paired,
            "margin": list(options.margin) if options.margin else None,
            **({"scale": scale_text(sample, scale)} if numeric else {}),
        },
    )


def _refuse(sample: Sample, method: Method, *, numeric: bool) -> None:
    """Raise where what was asked for cannot be had together."""
    problems = taken_names([sample.names["between"]])
    if "paired" in sample and sample.clusters.second:
        problems.append(
            f"paired={sample.names['paired']!r} with two-way clustering by "
            f"{' and '.join(sample.clusters.columns)}: leave paired out; what conditions have in common is "
            "allowed for by the clusters"
        )
    if numeric and method == "newcombe":
        problems.append(
            f"method='newcombe' is for rates, and {sample.event!r} is a number: use 't' or 'auto'"
        )
    if problems:
        raise SettingError("; ".join(problems))


def _compared(part: Sample, options: Comparison) -> Iterator[Row | str]:
    """Yield the rows of one group: every other value against the reference."""
    values = part.values("between")
    if options.reference not in values:
        yield f"{part.label('').strip()}: no trial of {options.reference!r}, so nothing is compared"
        return
    for value in values:
        if value != options.reference:
            yield from _difference(part, value, options)


def _difference(part: Sample, value: object, options: Comparison) -> Iterator[Row | str]:
    """Yield the difference of two values, with bounds for the missing trials of both, and why it has none."""
    arms = part.arms("between", value, options.reference)
    contrast, n = contrast_of([arm.known for arm in arms], options.paired, options.limits)
    interval, _, _ = contrast.interval_of(options.method)
    row = contrast_row(contrast, options.method, part.level, n)
    p_value, df = row.pop("p_value"), row.pop("df")
    missing = sum(arm.missing for arm in arms)
    least, most = (
        _worst(arms, options) if missing else [(row["estimate"], row[end]) for end in ("low", "high")]
    )
    own, other = ("mean", "reference_mean") if part.numeric else ("rate", "reference_rate")
    row = {
        part.names["between"]: value,
        "reference": options.reference,
        "term": f"{value} - {options.reference}",
        **row,
        own: contrast.estimates[0],
        other: contrast.estimates[1],
        "p_value": p_value,
        "missing": missing,
        "bound_low": float(np.fmin(row["low"], least[1])),
        "bound_high": float(np.fmax(row["high"], most[1])),
        "df": df,
    }
    row[CASE] = worst_case(row, (least[0], most[0]))
    if options.margin is not None:
        test = tost_interval(interval, options.margin)
        equivalent = None if np.isnan(test.p_value) else bool(test.p_value < 1 - part.level)
        row |= {"margin_low": test.low, "margin_high": test.high}
        row |= {"p_equivalence": test.p_value, "equivalent": equivalent}
    if options.one_sided is not None:
        row |= _one_sided(contrast, options, part.level, p_value)
    yield row
    if np.isnan(row["low"]):
        why = ", or nothing varies" if part.numeric else ""
        reason = f"because an arm has no usable trial or only one cluster{why}"
        unshown = UNSHOWN in row["method"]
        yield f"{part.label(row['term'])}: no interval{': ' + UNSHOWN if unshown else ', ' + reason}"


def _one_sided(contrast: Contrast, options: Comparison, level: float, p_value: float) -> Row:
    """Return the one-sided limit, and the p value of a difference that is not on its side of 0."""
    side, gap = options.one_sided, contrast.estimate()
    low, high = contrast.interval_of(options.method)[0](2 * level - 1)
    agrees = gap < 0 if side == "upper" else gap > 0
    return {
        str(side): high if side == "upper" else low,
        "p_value": p_value / 2 if agrees else 1 - p_value / 2,
    }


def contrast_row(contrast: Contrast, method: Method, level: float, n: float) -> Row:
    """Return the columns that a contrast fills."""
    interval, df, name = contrast.interval_of(method)
    low, high = interval(level)
    return {
        "estimate": contrast.estimate(),
        "std_error": contrast.std_error,
        "low": low,
        "high": high,
        "level": level,
        "n": n,
        "n_clusters": contrast.n_clusters,
        "method": name,
        "p_value": p_from_interval(interval),
        "df": df,
    }


def _worst(arms: list[Sample], options: Comparison) -> list[tuple[float, float]]:
    """Return the least and the greatest difference, each with the outer end of its interval."""
    ends = []
    for side in (0, 1):
        filled = [arms[0].filled(options.scale[side]), arms[1].filled(options.scale[1 - side])]
        contrast, _ = contrast_of(filled, options.paired, options.limits)
        interval, _, _ = contrast.interval_of(options.method)
        ends.append((contrast.estimate(), interval(arms[0].level)[side]))
    return ends


def contrast_of(
    arms: list[Sample], paired: str | None = None, limits: Scale = UNLIMITED
) -> tuple[Contrast, float]:
    """Return the contrast of two arms, of which all events are known, and how many trials there are.

    Parameters
    ----------
    arms
        The trials of a value and of the reference.
    paired
        The column that matches them: single answers are pairs, repeats are compared by their rates or means.
    limits
        The lowest and the highest possible value of a numeric outcome.
    """
    if paired is not None:
        return _paired_contrast(arms, paired, limits)
    n, numeric, columns = sum(arm.n for arm in arms), arms[0].numeric, arms[0].clusters.columns
    if not columns or any(arm.cells.empty for arm in arms):
        if not numeric:
            one, other = ((arm.events, arm.n) for arm in arms)
            return independent_contrast(*one, *other, "independent rows"), n
        cells = [arm.cells[["_event", "count"]].to_numpy(dtype=float).T for arm in arms]
        return independent_mean_contrast([(values, counts) for values, counts in cells], limits), n
    summed = moments_by if numeric else sums_by
    units = [_units(summed(arm.cells, columns)) for arm in arms]
    if numeric:
        return mean_contrast(*units, stratified=arms[0].stratified, scale=limits), n
    return clustered_contrast(*units, stratified=arms[0].stratified, paired=False), n


def _units(sums: pd.DataFrame) -> pd.DataFrame:
    """Return sums by one or two columns of clusters as units."""
    labels = sums.index.to_frame(index=False).astype(str)
    labels.columns = pd.Index(["cluster", "second"][: labels.shape[1]])
    further = {"squares": sums["squares"].array} if "squares" in sums else {}
    return labels.assign(events=sums["events"].array, n=sums["n"].array, trials=sums["n"].array, **further)


def _paired_contrast(arms: list[Sample], paired: str, limits: Scale) -> tuple[Contrast, float]:
    """Return the contrast of matched units: single answers as pairs, repeats by their rates or means."""
    numeric, cluster, stratified = arms[0].numeric, arms[0].clusters.first.column, arms[0].stratified
    pairs = [(moments_by if numeric else sums_by)(arm.cells, [paired]) for arm in arms]
    shared = pairs[0].index.intersection(pairs[1].index)
    if shared.empty:
        raise DataError(f"paired: no value of {paired!r} occurs on both sides of a comparison")
    pairs = [sums.loc[shared] for sums in pairs]
    n = sum(float(sums["n"].sum()) for sums in pairs)
    alone = cluster in {None, paired}
    if alone and not numeric and all((sums["n"] == 1).all() for sums in pairs):
        one, other = (sums["events"].to_numpy(dtype=float) for sums in pairs)
        table = (one @ other, one @ (1 - other), (1 - one) @ other, (1 - one) @ (1 - other))
        return pairs_contrast(*(float(count) for count in table)), n
    clusters = pd.Series(shared.astype(str), index=shared)
    clusters = clusters if alone else _cluster_of(arms, paired, str(cluster)).loc[shared]
    units = [
        pd.DataFrame(
            {
                "cluster": clusters.to_numpy(),
                "events": (sums["events"] / sums["n"]).to_numpy(),
                "n": 1.0,
                "trials": sums["n"].to_numpy(),
                **({"squares": sums["squares"].to_numpy()} if numeric else {}),
            }
        )
        for sums in pairs
    ]
    if numeric:
        return mean_contrast(*units, stratified=stratified, scale=limits), n
    return clustered_contrast(*units, stratified=stratified, paired=True), n


def _cluster_of(arms: list[Sample], paired: str, cluster: str) -> pd.Series[Any]:
    """Return the cluster of each matched value, which must be one."""
    both = pd.concat([arm.cells for arm in arms])[[paired, cluster]].drop_duplicates()
    twice = both.loc[both[paired].duplicated(), paired]
    if len(twice):
        raise DataError(
            f"paired: {twice.iloc[0]!r} of {paired!r} lies in more than one {cluster!r}; a "
            "cluster must hold whole pairs"
        )
    return both.set_index(paired)[cluster].astype(str)
