"""Does naming leaving first change how often a model leaves? Model by model, because the direction differs.

One published model left 31% of the time when leaving was named first and 82% when staying was; another 8.5%
and 2.9%. A correction pooled over models would be wrong for both, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.exits.exit_times import exit_outcome
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import p_from_interval
from bartleby.analysis.inference.sandwich import cluster_covariance
from bartleby.analysis.inference.square_and_add import mover_difference
from bartleby.analysis.rates.contrasts import correlation_of
from bartleby.analysis.rates.differences import compared, contrast_of
from bartleby.analysis.rates.rates import sums_by
from bartleby.analysis.sample.answer import Row, adjusted, estimator
from bartleby.analysis.sample.columns import Column, column_values
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import Frame, as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame, records
from bartleby.analysis.tables.grouping import Estimand, as_names, missing_columns
from bartleby.errors import SettingError

__all__ = ["order_effect"]


@estimator(exits)
def order_effect(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    by: str | Sequence[str] | None = "model",
    order: str = "order",
    reference: object = "stay_first",
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    adjust: Adjustment | None = "holm",
    refusals: Refusals = "counted",
) -> Estimates:
    """Estimate, for each model, how much oftener it leaves when leaving is named first.

    Parameters
    ----------
    by
        Columns that split the table; `model` must be one of them if the table has several models.
    order
        The column of the order.
    reference
        The order that others are compared with; the first in order if it is not there.
    adjust
        `holm`, `bh` or None, over the effects and, apart from them, over the interactions.

    Returns
    -------
    Estimates
        By `quantity`: `order_effect`, with `rate` and `reference_rate`; `order_interaction`, how much
        the effects of two groups differ, with its `p_value`.

    Raises
    ------
    SettingError
        Several models would be pooled.
    DataError
        Naming everything else that is wrong.

    Notes
    -----
    Effects: `bartleby.difference`. Interactions: square-and-add of the two effects' intervals, with the
    correlation of the effects by CR2 over clusters in a saturated model of four rates, so that items shared
    by models count. Under `these_items` the repeats of a cluster are taken as independent.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.order_effect(trials).verdict)
    Order effect, difference, leave first - stay first, sim/averse: -0.056 (95% interval -0.167 to
    0.055) (all 180 trials used; 90 clusters by item; items as a random sample).
    """
    frame = as_frame(trials)
    names = column_names(frame)
    missing_columns(names, order=order)
    _refuse_pooling(frame, names, by)
    groups = tuple(name for name in as_names(by) if name in names or name != "model")
    base = reference if str(reference) in map(str, column_values(frame, order)) else None
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        Column("between", order, empty="exclude"),
        by=groups,
        not_by=[order],
        cluster=cluster,
        level=level,
        estimand=estimand,
        refusals=refusals,
    )
    effects = compared(sample, base, adjust=adjust)
    rows = [{**row, "quantity": "order_effect"} for row in records(effects.frame)]
    if sample.groups:
        more = list(_interactions(sample.known, effects.settings["reference"]))
        adjusted(more, adjust)
        rows += more
    table = estimate_frame(rows, [*sample.groups, "quantity", order, "reference"])
    return replace(effects, frame=table, warnings=(*effects.warnings, *_directions(rows, sample.groups)))


def _refuse_pooling(frame: Frame, names: Sequence[str], by: str | Sequence[str] | None) -> None:
    if "model" not in names or "model" in as_names(by):
        return
    models = column_values(frame, "model")
    if len(models) > 1:
        listed = ", ".join(map(str, models[:5]))
        raise SettingError(
            f"by={by!r}: pools {len(models)} models ({listed}), and the order effect "
            "differs in direction between models (31% with leaving named first against 82% for one, 8.5% "
            "against 2.9% for another), so a pooled correction is wrong for all; must include 'model'"
        )


def _directions(rows: Sequence[Mapping[str, Any]], lead: Sequence[str]) -> tuple[str, ...]:
    """Name groups whose effects are of opposite direction beyond their intervals."""
    found: dict[int, list[str]] = {1: [], -1: []}
    for row in rows:
        if row["quantity"] == "order_effect" and (row["low"] > 0 or row["high"] < 0):
            found[1 if row["low"] > 0 else -1].append(", ".join(str(row[name]) for name in lead) or "all")
    if not (found[1] and found[-1]):
        return ()
    return (
        f"the order effect goes one way for {', '.join(found[1][:3])} and the other way for "
        f"{', '.join(found[-1][:3])}: a correction pooled over them would be wrong for both",
    )


def _interactions(sample: Sample, reference: object) -> Iterator[Row]:
    """Yield how much the order effects of every two groups differ."""
    groups = list(sample.split())
    for value in sample.values("between"):
        if value == reference:
            continue
        for one, other in combinations(groups, 2):
            named = [", ".join(map(str, group.key.values())) for group in (other, one)]
            yield {
                **other.key,
                "quantity": "order_interaction",
                sample.names["between"]: value,
                "reference": reference,
                "term": f"{named[0]} - {named[1]}: {value} - {reference}",
                "level": sample.level,
                **_interaction(
                    [arm for group in (other, one) for arm in group.arms("between", value, reference)]
                ),
            }


def _interaction(arms: Sequence[Sample]) -> Row:
    """Return the difference of two differences of rates: arms are (one, reference, other, its reference)."""
    n = sum(arm.n for arm in arms)
    nothing = dict.fromkeys(("estimate", "std_error", "low", "high", "p_value", "df"), np.nan)
    if any(arm.cells.empty for arm in arms):
        return {**nothing, "n": n, "n_clusters": np.nan, "method": "undefined, an arm has no usable trial"}
    one, other = (contrast_of(list(pair))[0] for pair in (arms[:2], arms[2:]))
    named = [contrast.interval_of("auto") for contrast in (one, other)]
    error, df, correlation, n_clusters = math.hypot(one.std_error, other.std_error), math.inf, 0.0, n
    if arms[0].clusters.columns and not arms[0].stratified:
        error, df, correlation, n_clusters = _clustered([arm.cells for arm in arms], arms[0].clusters.columns)

    def interval(level: float) -> tuple[float, float]:
        ends = [interval_of(level) for interval_of, _, _ in named]
        return mover_difference(one.estimate(), ends[0], other.estimate(), ends[1], correlation, limit=2.0)

    low, high = interval(arms[0].level)
    return {
        "estimate": one.estimate() - other.estimate(),
        "std_error": error,
        "low": low,
        "high": high,
        "n": n,
        "n_clusters": n_clusters,
        "method": f"square-and-add of differences, {named[0][2]}",
        "p_value": p_from_interval(interval),
        "df": df,
    }


def _clustered(arms: Sequence[pd.DataFrame], cluster: list[str]) -> tuple[float, float, float, float]:
    """Return standard error and df of the contrast, the correlation of the effects, and clusters."""
    sums = [sums_by(arm, cluster) for arm in arms]
    codes = pd.factorize(np.concatenate([part.index.get_level_values(0).astype(str) for part in sums]))[0]
    scores, roots = np.zeros((len(codes), len(arms))), np.zeros((len(codes), len(arms)))
    start = 0
    for column, part in enumerate(sums):
        events, size = part["events"].to_numpy(dtype=float), part["n"].to_numpy(dtype=float)
        rows = slice(start, start + len(part))
        scores[rows, column] = events - size * events.sum() / size.sum()
        roots[rows, column] = np.sqrt(size)
        start += len(part)
    joint = cluster_covariance(scores, codes, roots, codes)
    contrasts = np.array([[1.0, -1.0, -1.0, 1.0], [1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    errors = joint.standard_errors(contrasts)
    correlation = correlation_of(errors[1:], float(errors[0]))
    return (
        float(errors[0]),
        float(joint.degrees_of_freedom(contrasts)[0]),
        correlation,
        float(joint.n_clusters),
    )
