"""Does naming leaving first change how often a model leaves? Model by model, because the direction differs.

One published model left 31% of the time when leaving was named first and 82% when staying was; another 8.5%
and 2.9%. A correction pooled over models would be wrong for both, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.exits.rates import exits
from bartleby.analysis.exits.table import column_values, exit_outcome
from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.inference.intervals import p_from_interval
from bartleby.analysis.inference.sandwich import cluster_covariance
from bartleby.analysis.inference.square_and_add import mover_difference
from bartleby.analysis.rates.arms import Comparison, contrast_of
from bartleby.analysis.rates.contrasts import correlation_of
from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.rates import sums_by
from bartleby.analysis.tables.counts import Frame, as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand, as_names, choose_cluster
from bartleby.analysis.tables.outcomes import Refusals, read_events
from bartleby.analysis.tables.rows import missing_columns, records
from bartleby.docstrings import parameters_of
from bartleby.errors import SettingError

__all__ = ["order_effect"]


@parameters_of(exits)
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
    seed: int = 0,
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
    values = column_values(frame, order)
    base = reference if str(reference) in map(str, values) else None
    asked = exit_outcome(frame, outcome)
    effects = difference(
        frame,
        asked,
        between=order,
        reference=base,
        cluster=cluster,
        by=groups,
        level=level,
        estimand=estimand,
        adjust=adjust,
        refusals=refusals,
    )
    rows = [{**row, "quantity": "order_effect"} for row in records(effects.frame)]
    clusters = choose_cluster(frame, cluster)
    lead = tuple(effects.settings["by"])
    if lead:
        keys = list(dict.fromkeys([*lead, order, *([clusters.column] if clusters.column else [])]))
        table = read_events(frame, asked, keys=keys, may_be_empty=[*lead, order], refusals=refusals)
        used = table.cells[table.cells["_event"].notna() & table.cells[order].notna()]
        compared = Comparison(
            order, effects.settings["reference"], clusters.column, None, level, estimand, "auto", None
        )
        more = _interactions(used, lead, compared)
        for row, p in zip(more, adjust_p([row["p_value"] for row in more], adjust), strict=True):
            row["p_adjusted"] = p
        rows += more
    settings = {**effects.settings, "seed": seed}
    found = estimate_frame(rows, [*lead, "quantity", order, "reference"])
    return Estimates(found, effects.accounting, (*effects.warnings, *_directions(rows, lead)), settings)


def _refuse_pooling(frame: Frame, names: Sequence[str], by: str | Sequence[str] | None) -> None:
    if "model" not in names or "model" in as_names(by):
        return
    models = column_values(frame, "model")
    if len(models) > 1:
        shown = ", ".join(map(str, models[:5]))
        raise SettingError(
            f"by={by!r}: pools {len(models)} models ({shown}), and the order effect "
            "differs in direction between models (31% with leaving named first against 82% for one, 8.5% "
            "against 2.9% for another), so a pooled correction is wrong for all; must include 'model'"
        )


def _directions(rows: Sequence[Mapping[str, Any]], lead: Sequence[str]) -> tuple[str, ...]:
    """Tell of groups whose effects are of opposite direction beyond their intervals."""
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


def _interactions(used: pd.DataFrame, lead: Sequence[str], options: Comparison) -> list[dict[str, Any]]:
    """Return how much the order effects of every two groups differ."""
    order, reference = options.between, options.reference
    groups = list(dict.fromkeys(used[list(lead)].itertuples(index=False, name=None)))
    rows = []
    for value in dict.fromkeys(used[order]):
        if value == reference:
            continue
        for one, other in combinations(groups, 2):
            arms = [
                _arm(used, dict(zip(lead, group, strict=True)), order, each)
                for group in (other, one)
                for each in (value, reference)
            ]
            row = _interaction(arms, options)
            named = [", ".join(map(str, group)) for group in (other, one)]
            rows.append(
                {
                    **dict(zip(lead, other, strict=True)),
                    "quantity": "order_interaction",
                    order: value,
                    "reference": reference,
                    "term": f"{named[0]} - {named[1]}: {value} - {reference}",
                    "level": options.level,
                    **row,
                }
            )
    return rows


def _arm(used: pd.DataFrame, group: Mapping[str, Any], order: str, value: object) -> pd.DataFrame:
    mask = used[order] == value
    for name, each in group.items():
        mask &= (used[name] == each) | (used[name].isna() & pd.isna(each))
    return used[mask]


def _interaction(arms: Sequence[pd.DataFrame], options: Comparison) -> dict[str, Any]:
    """Return the difference of two differences of rates: arms are (one, reference, other, its reference)."""
    n = sum(float(arm["count"].sum()) for arm in arms)
    nothing = dict.fromkeys(("estimate", "std_error", "low", "high", "p_value", "df"), np.nan)
    if any(arm.empty for arm in arms):
        return {**nothing, "n": n, "n_clusters": np.nan, "method": "undefined, an arm has no usable trial"}
    one, other = (contrast_of(list(pair), options)[0] for pair in (arms[:2], arms[2:]))
    named = [contrast.interval_of(options.method) for contrast in (one, other)]
    error, df, correlation, n_clusters = math.hypot(one.std_error, other.std_error), math.inf, 0.0, n
    if options.cluster is not None and options.estimand == "new_items":
        error, df, correlation, n_clusters = _clustered(arms, options.cluster)

    def interval(level: float) -> tuple[float, float]:
        ends = [interval_of(level) for interval_of, _, _ in named]
        return mover_difference(one.estimate(), ends[0], other.estimate(), ends[1], correlation, limit=2.0)

    low, high = interval(options.level)
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


def _clustered(arms: Sequence[pd.DataFrame], cluster: str) -> tuple[float, float, float, float]:
    """Return standard error and df of the contrast, the correlation of the effects, and clusters."""
    sums = [sums_by(arm, cluster) for arm in arms]
    codes = pd.factorize(np.concatenate([part.index.astype(str) for part in sums]))[0]
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
