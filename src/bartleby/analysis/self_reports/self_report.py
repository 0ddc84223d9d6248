"""What a model says of itself: whether its answers are consistent, and agree with what it does.

A number given on a scale of seven is worth something if other wordings, and the question turned round, get
the same answer, and if it goes with what the model then chose. Both are estimated here; nothing more is
claimed of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.inference.intervals import RateFit, undefined
from bartleby.analysis.inference.unit_means import Units, mean_of
from bartleby.analysis.rates.rates import FEW
from bartleby.analysis.sample.answer import estimator, fit_row
from bartleby.analysis.self_reports.reliability import alpha_interval, correlation_interval, icc_interval
from bartleby.analysis.self_reports.self_report_data import (
    TIMES,
    Asked,
    BatteryLike,
    answer_cells,
    answer_columns,
    read_battery,
    scored_answers,
)
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import (
    Estimand,
    choose_cluster,
    group_names,
    split_groups,
)
from bartleby.analysis.tables.labels import group_label
from bartleby.errors import DataError, SettingError

__all__ = ["self_report"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Options:
    cluster: str | None
    level: float
    replicates: int | None
    rng: np.random.Generator


@estimator(exits)
def self_report(
    trials: object,
    battery: BatteryLike,
    *,
    behaviour: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Literal["jackknife", "bootstrap"] = "jackknife",
    replicates: int = 2000,
    seed: int = 0,
) -> Estimates:
    """Estimate what a model reports of itself, how consistently, and whether it goes with what it does.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, one row a trial, with columns `before_<id>` and `after_<id>` of raw
        numbers, empty where the answer could not be read.
    battery
        The statements: a `Battery`, a frame or mappings with `id` and, where they apply, `concept` (what
        several wordings share), `reverse` and `points` (7), or ids alone.
    behaviour
        What the model did: an outcome word or a column of 0 and 1 or of numbers. None takes the exit, if
        the table has one.
    estimand
        `new_items`: clusters are left out or resampled; `these_items`: trials are.
    method
        Of intervals of `alpha`, `icc` and correlations: `jackknife` draws nothing (see Notes), or
        `bootstrap`, studentised.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    Estimates
        For each `concept` and time (`when`), by `quantity`: `mean` of the scored answers (reversed ones
        turned round), `alpha` and `icc` over its wordings, `with_behaviour` (point-biserial or Pearson) and
        `rank_with_behaviour` (Spearman); and `change`, after less before in the same trial.

    Raises
    ------
    DataError
        Columns are missing, or answers are off the scale.
    SettingError
        The battery is empty or unreadable, or settings are out of range.

    Notes
    -----
    A trial's score is the mean of the wordings it answered; alpha (Cronbach 1951) and ICC(A, 1) (McGraw &
    Wong 1996) are of trials that answered all. Intervals of means are CR2 over clusters with t; of
    correlations t on Fisher's scale by leaving out one cluster at a time, about the estimate less its bias;
    of alpha and ICC chi-squared of the variance between trials' sums, as Feldt's (1965), with degrees of
    freedom from that variance's jackknife, and wider by what few clusters do not show; no correlation is
    taken for better known than that variance lets it be. With fewer than 12 clusters there are none of these.
    Coverage: `docs/evidence/coverage_exits.md`.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> ease = [
    ...     bb.self_reports.Statement("calm", "How calm are you?", concept="ease"),
    ...     bb.self_reports.Statement("tense", "How tense are you?", concept="ease", reverse=True),
    ... ]
    >>> trials = pd.DataFrame(
    ...     {
    ...         "item": list("abcdefghijkl") * 2,
    ...         "before_calm": [5, 6, 6, 4] * 6,
    ...         "before_tense": [2, 3, 1, 3] * 6,
    ...     }
    ... )
    >>> report = bb.self_reports.self_report(trials, bb.self_reports.Battery(tuple(ease))).to_frame()
    >>> report.query("quantity == 'mean'")["estimate"].round(2).tolist()
    [5.5]
    """
    if isinstance(replicates, bool) or replicates < 100:
        raise SettingError(f"replicates={replicates!r}: must be 100 or more")
    statements = read_battery(battery)
    frame = as_frame(trials)
    names = column_names(frame)
    columns = answer_columns(names, statements)
    groups, clusters = group_names(names, by), choose_cluster(frame, cluster)
    keys = list(dict.fromkeys([*groups, *columns, *([clusters.column] if clusters.column else [])]))
    cells, accounting, notes = answer_cells(frame, names, keys, behaviour)
    scored, problems = scored_answers(cells, columns)
    if problems:
        raise DataError(problems)
    cells = pd.concat([cells.drop(columns=list(scored)), scored], axis=1)
    rng = np.random.default_rng(seed)
    drawn = replicates if method == "bootstrap" else None
    options = _Options(clusters.column if estimand == "new_items" else None, level, drawn, rng)
    warnings = [*notes, *([clusters.warning] if clusters.warning else [])]
    rows: list[dict[str, Any]] = []
    for key, part in split_groups(cells, groups):
        for concept in dict.fromkeys(each.concept for each in statements):
            found = _concept_rows(part, concept, columns, options)
            rows += [{**key, "concept": concept, **row} for row in found]
            warnings += _notes(found, {**key, "concept": concept})
    settings = {
        "cluster": clusters.described,
        "by": list(groups),
        "reversed": [statement.id for statement in statements if statement.reverse],
        "replicates": drawn,
    }
    table = estimate_frame(rows, [*groups, "concept", "when", "quantity"])
    return Estimates(table, accounting, tuple(dict.fromkeys(warnings)), settings)


def _concept_rows(
    part: pd.DataFrame, concept: str, columns: Mapping[str, Asked], options: _Options
) -> list[dict[str, Any]]:
    rows = []
    scores = {}
    for when in TIMES:
        names = [
            name for name, each in columns.items() if each.concept == concept and name.startswith(f"{when}_")
        ]
        if names:
            scores[when] = part[names].mean(axis=1)
            rows += [{"when": when, **row} for row in _time_rows(part, names, scores[when], options)]
    if len(scores) == len(TIMES):
        change = scores["after"] - scores["before"]
        rows.append({"when": "change", **_row("change", "after - before", _mean(part, change, options))})
    return rows


def _time_rows(
    part: pd.DataFrame, names: list[str], score: pd.Series[Any], options: _Options
) -> list[dict[str, Any]]:
    rows = [_row("mean", "mean score", _mean(part, score, options))]
    if len(names) > 1:
        whole = part[names].notna().all(axis=1)
        n, weight, codes = _taken(part, whole, options)
        answers = part.loc[whole, names].to_numpy(dtype=float)
        for name, term, interval in (
            ("alpha", f"Cronbach's alpha of {len(names)} wordings", alpha_interval),
            ("icc", f"ICC(A, 1) of {len(names)} wordings", icc_interval),
        ):
            fit = undefined("no trial with all answers")
            if n > 1:
                fit = interval(
                    answers,
                    codes,
                    weight,
                    level=options.level,
                    replicates=options.replicates,
                    rng=options.rng,
                )
            rows.append(_row(name, term, (fit, n, float(codes.max(initial=-1) + 1), options.level)))
    if part["_did"].notna().any():
        rows += _behaviour_rows(part, score, options)
    return rows


def _behaviour_rows(part: pd.DataFrame, score: pd.Series[Any], options: _Options) -> list[dict[str, Any]]:
    known = score.notna() & part["_did"].notna()
    n, weight, codes = _taken(part, known, options)
    pairs = np.column_stack(
        [score[known].to_numpy(dtype=float), part.loc[known, "_did"].to_numpy(dtype=float)]
    )
    rows = []
    for name, term, ranks in (
        ("with_behaviour", "correlation with what it did", False),
        ("rank_with_behaviour", "rank correlation with what it did", True),
    ):
        fit = undefined("no trial with both")
        if n > 1:
            fit = correlation_interval(
                pairs,
                codes,
                weight,
                ranks=ranks,
                level=options.level,
                replicates=options.replicates,
                rng=options.rng,
            )
        rows.append(_row(name, term, (fit, n, float(codes.max(initial=-1) + 1), options.level)))
    return rows


def _taken(
    part: pd.DataFrame, which: pd.Series[Any], options: _Options
) -> tuple[float, Floats, npt.NDArray[np.int64]]:
    """Return the number of trials of some cells, their weights, and the codes of what is resampled.

    Counted rows stand for several trials; where trials are resampled, not clusters, the row goes as one.
    """
    those = part[which]
    weight = those["count"].to_numpy(dtype=float)
    if options.cluster is None:
        return float(weight.sum()), weight, np.arange(len(those), dtype=np.int64)
    return float(weight.sum()), weight, pd.factorize(those[options.cluster])[0].astype(np.int64)


def _mean(
    part: pd.DataFrame, score: pd.Series[Any], options: _Options
) -> tuple[RateFit, float, float, float]:
    known = score.notna()
    n, weight, codes = _taken(part, known, options)
    if n == 0:
        return undefined("no answer that could be read"), 0.0, 0.0, options.level
    repeats = np.repeat(np.arange(len(weight)), np.rint(weight).astype(np.int64))
    own = codes[repeats] if options.cluster is not None else np.arange(len(repeats), dtype=np.int64)
    value = score[known].to_numpy(dtype=float)[repeats]
    units = Units(value, np.ones(len(value)), own, np.zeros((len(value), 2), dtype=np.int64))
    return mean_of(units, options.level), n, float(units.n_clusters(by_item=False)), options.level


def _row(quantity: str, term: str, numbers: tuple[RateFit, float, float, float]) -> dict[str, Any]:
    fit, n, n_clusters, level = numbers
    return {
        "quantity": quantity,
        "term": term,
        **fit_row(fit, n=n, n_clusters=n_clusters, level=level),
    }


def _notes(rows: Sequence[Mapping[str, Any]], key: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know of one concept."""
    notes = []
    for row in rows:
        where = group_label(f"{row['quantity']} ({row['when']})", key)
        if math.isnan(row["low"]):
            notes.append(f"{where}: no interval: {str(row['method']).removeprefix('undefined, ')}")
        elif row["quantity"] == "alpha" and row["n_clusters"] < FEW:
            notes.append(
                f"{where} and icc: {row['n_clusters']:g} clusters seldom show how skewed such answers are "
                "over others; where they are, these intervals hold nine times in ten"
            )
        if row["quantity"] == "alpha" and row["high"] < 0.5:
            notes.append(
                f"{where}: the wordings do not agree (at most {row['high']:.2f}), so their mean says "
                "little; look at reversed statements first"
            )
    return notes
