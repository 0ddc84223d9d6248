"""Differences between conditions of a rate or of a mean: by channel, wording, model or any other column.

Arms may be independent, share clusters (the same items under both conditions), or be matched by a column.
Every difference comes with an interval within -1 and 1, a p value of the same construction, adjusted over
the whole call, and, if a margin is given, a test of equivalence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from bartleby.analysis.inference.equivalence import check_margin, tost_interval
from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.inference.few_clusters import UNSHOWN
from bartleby.analysis.inference.intervals import p_from_interval
from bartleby.analysis.rates.arms import Comparison, contrast_of
from bartleby.analysis.rates.means import Scale, mean, scale_of, scale_text
from bartleby.analysis.rates.rates import filled, rate
from bartleby.analysis.rates.two_way import choose_clusters
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.checks import refuse_confounded
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand, check_settings, group_names, split_groups
from bartleby.analysis.tables.labels import group_label, natural_order
from bartleby.analysis.tables.outcomes import Refusals, missing_warnings, read_events
from bartleby.docstrings import parameters_of
from bartleby.errors import DataError, SettingError

__all__ = ["difference"]

Method = Literal["auto", "newcombe", "t"]


@parameters_of(rate, mean)
def difference(
    trials: object,
    outcome: str | Sequence[str] = "opted_out",
    *,
    between: str,
    reference: object = None,
    cluster: str | bool | Sequence[str] | None = None,
    paired: str | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Method = "auto",
    margin: float | tuple[float, float] | None = None,
    adjust: Adjustment | None = "holm",
    refusals: Refusals = "counted",
    scale: Scale | None = None,
    seed: int = 0,
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
        left out, every matched value weighs the same, and it is the cluster unless a coarser one is named.
        With clusters in two ways there is no pairing: what the conditions share is in the clusters.
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
    The p value is 1 - the level at which the interval just touches 0, so it agrees with the interval.

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
    check_settings(
        level,
        estimand,
        method=(method, ("auto", "newcombe", "t")),
        adjust=(adjust, ("holm", "bh", None)),
        refusals=(refusals, ("counted", "left_out", "as_event")),
    )
    margins = None if margin is None else check_margin(margin)
    frame = as_frame(trials)
    names = column_names(frame)
    absent = [
        f"{what}: no column {name!r}; columns here: {', '.join(names)}"
        for what, name in (("between", between), ("paired", paired))
        if name and name not in names
    ]
    if absent:
        raise DataError(absent)
    refuse_confounded(frame, between)
    groups = group_names(names, by, not_by=[between])
    group_names(names, between, not_by=["model"])  # refuses a name that the table of estimates has
    groups = tuple(name for name in groups if name != between)
    both = choose_clusters(frame, paired if paired and cluster is None else cluster)
    if paired and both.second:
        raise SettingError(
            f"paired={paired!r} with clusters in two ways, {' and '.join(both.columns)}: leave paired out; "
            "what conditions have in common is allowed for by the clusters"
        )
    clusters = both.first
    columns = [name for name in (between, paired, *both.columns) if name]
    table = read_events(
        frame,
        outcome,
        keys=[*groups, *columns],
        may_be_empty=[*groups, between],
        refusals=refusals,
        numbers=True,
    )
    numeric = table.numeric or scale is not None
    if numeric and method == "newcombe":
        raise SettingError(
            f"method='newcombe' is for rates, and {table.event!r} is a number: use 't' or 'auto'"
        )
    cells = table.cells[table.cells[between].notna()]
    reference = _reference(cells, between, reference)
    options = Comparison(
        between,
        reference,
        clusters.column,
        paired,
        level,
        estimand,
        method,
        margins,
        both.second,
        numeric,
        scale_of(table, scale) if numeric else (0.0, 1.0),
        scale_of(table, scale) if numeric and scale is not None else (-math.inf, math.inf),
    )
    warnings = missing_warnings(table, [*groups, between])
    warnings += [clusters.warning] if clusters.warning else []
    if len(cells) < len(table.cells):
        warnings.append(f"{between}: empty in some trials, which are left out of every comparison")
    rows: list[dict[str, Any]] = []
    cases: list[WorstCase] = []
    for key, part in split_groups(cells, groups):
        rows += _compare(part, key, options, warnings, cases)
    warnings += bound_warnings(cases)
    for row, p in zip(rows, adjust_p([row["p_value"] for row in rows], adjust), strict=True):
        row["p_adjusted"] = p
    bounds = {
        group_label(row["term"], {name: row[name] for name in groups}): (row["bound_low"], row["bound_high"])
        for row in rows
    }
    settings = {
        "estimand": estimand,
        "level": level,
        "between": between,
        "reference": reference,
        "cluster": clusters.described,
        "paired": paired,
        "by": list(groups),
        "method": method,
        "margin": list(margins) if margins else None,
        **({"scale": scale_text(table, scale)} if numeric else {}),
        "adjust": adjust,
        "family": f"all {len(rows)} comparisons of this call",
        "refusals": refusals,
        "seed": seed,
    }
    frame_out = estimate_frame(rows, [*groups, between, "reference"])
    return Estimates(frame_out, table.accounting(bounds), tuple(warnings), settings)


def _reference(cells: pd.DataFrame, between: str, reference: object) -> object:
    """Return the value compared with, as it is in the table."""
    values = natural_order(cells[between].unique())
    if len(values) < 2:
        raise DataError(
            f"between: column {between!r} has one value, {values[0]!r}, and nothing to compare it with"
        )
    if reference is None:
        return values[0]
    found = [value for value in values if value == reference or str(value) == str(reference)]
    if not found:
        shown = ", ".join(map(repr, values))
        raise SettingError(f"reference={reference!r}: must be a value of {between!r}: {shown}")
    return found[0]


def _compare(
    part: pd.DataFrame,
    key: Mapping[str, Any],
    options: Comparison,
    warnings: list[str],
    cases: list[WorstCase],
) -> list[dict[str, Any]]:
    """Return the rows of one group: every other value against the reference."""
    there = natural_order(part[options.between].unique())
    if options.reference not in there:
        warnings.append(
            f"{group_label('', key).strip()}: no trial of {options.reference!r}, so nothing is compared"
        )
        return []
    rows = []
    for value in there:
        if value == options.reference:
            continue
        row, extremes = _difference_row(part, value, options)
        term = group_label(row["term"], key)
        total = row["n"] + row["missing"]
        cases.append(WorstCase(term, row["low"], row["high"], extremes, row["missing"], total))
        if np.isnan(row["low"]):
            why = ", or nothing varies" if options.numeric else ""
            reason = f"because an arm has no usable trial or only one cluster{why}"
            unshown = UNSHOWN in row["method"]
            warnings.append(f"{term}: no interval{': ' + UNSHOWN if unshown else ', ' + reason}")
        rows.append({**key, **row})
    return rows


def _difference_row(
    part: pd.DataFrame, value: object, options: Comparison
) -> tuple[dict[str, Any], tuple[float, float]]:
    """Return a row, and the differences had the missing all gone against and for it."""
    arms = [part[part[options.between] == name] for name in (value, options.reference)]
    contrast, n = contrast_of([arm[arm["_event"].notna()] for arm in arms], options)
    interval, df, name = contrast.interval_of(options.method)
    low, high = interval(options.level)
    missing = sum(float(arm.loc[arm["_event"].isna(), "count"].sum()) for arm in arms)
    least, most = (
        _worst(arms, options) if missing else ((contrast.estimate(), low), (contrast.estimate(), high))
    )
    row = {
        options.between: value,
        "reference": options.reference,
        "term": f"{value} - {options.reference}",
        "estimate": contrast.estimate(),
        "std_error": contrast.std_error,
        "low": low,
        "high": high,
        "level": options.level,
        "n": n,
        "n_clusters": contrast.n_clusters,
        "method": name,
        ("mean" if options.numeric else "rate"): contrast.estimates[0],
        ("reference_mean" if options.numeric else "reference_rate"): contrast.estimates[1],
        "p_value": p_from_interval(interval),
        "missing": missing,
        "bound_low": float(np.fmin(low, least[1])),
        "bound_high": float(np.fmax(high, most[1])),
        "df": df,
    }
    extremes = (least[0], most[0])
    if options.margin is None:
        return row, extremes
    test = tost_interval(interval, options.margin)
    shown = None if np.isnan(test.p_value) else bool(test.p_value < 1 - options.level)
    tested = {"margin_low": test.low, "margin_high": test.high, "p_equivalence": test.p_value}
    return {**row, **tested, "equivalent": shown}, extremes


def _worst(arms: list[pd.DataFrame], options: Comparison) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the least and the greatest difference, each with the outer end of its interval."""
    ends = []
    for side in (0, 1):
        least, most = options.scale[side], options.scale[1 - side]
        contrast, _ = contrast_of([filled(arms[0], least), filled(arms[1], most)], options)
        interval, _, _ = contrast.interval_of(options.method)
        ends.append((contrast.estimate(), interval(options.level)[side]))
    return ends[0], ends[1]
