"""How often and when a model leaves: exit rates, the curve of staying, and mean turns stayed.

An abandoned conversation is never "stayed": it is excluded from the rate, with bounds that say how much that
could matter, and in the curve it counts for as long as it was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bartleby.analysis.exits.exit_times import exit_outcome, extremes, read_exits, stays
from bartleby.analysis.exits.exit_warnings import abandoned_warnings, exit_warnings
from bartleby.analysis.exits.survival import Curve, Stays, kaplan_meier
from bartleby.analysis.inference.intervals import undefined
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.sample.answer import Row, estimator, fit_row
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame, records
from bartleby.analysis.tables.grouping import Estimand, group_names
from bartleby.analysis.tables.labels import group_label
from bartleby.errors import SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bartleby.analysis.figures.style import Picture, Width

__all__ = ["ExitFit", "exits"]

OWN_COLUMNS = ("quantity", "turn")


@dataclass(frozen=True, repr=False)
class ExitFit(Estimates):
    """Exit rates, curves of staying and mean turns stayed.

    Parameters
    ----------
    groups
        The columns that name groups.
    curves
        The values that name each group, with its curve.
    """

    groups: tuple[str, ...] = ()
    curves: tuple[tuple[Mapping[str, Any], Curve], ...] = field(default=(), repr=False)

    def rates(self) -> pd.DataFrame:
        """Return the rows of exit rates alone."""
        return self._rows_of("exit_rate").drop(columns="turn")

    def survival(self) -> pd.DataFrame:
        """Return the rows of the curves of staying alone, one a turn and group."""
        return self._rows_of("staying")

    def restricted_means(self) -> pd.DataFrame:
        """Return the rows of mean turns stayed alone; `turn` is the horizon."""
        return self._rows_of("restricted_mean_turns")

    def at_risk(self) -> pd.DataFrame:
        """Return, for each group and turn, the conversations at risk, that left, and that were censored."""
        parts = [
            pd.DataFrame(
                {
                    **{name: [key[name]] * len(curve.turn) for name in self.groups},
                    "turn": curve.turn,
                    "at_risk": curve.at_risk,
                    "exits": curve.exits,
                    "censored": curve.censored,
                }
            )
            for key, curve in self.curves
        ]
        columns = [*self.groups, "turn", "at_risk", "exits", "censored"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def plot(
        self,
        *,
        ax: Axes | None = None,
        width: Width | None = None,
        models: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Picture:
        """Return the figure of exit rates with their intervals.

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
        from bartleby.analysis.figures.exit_rates import plot_exit_rates

        return plot_exit_rates(self.rates(), ax=ax, width=width, models=models, labels=labels)

    def plot_staying(
        self,
        *,
        ax: Axes | None = None,
        width: Width | None = None,
        models: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Picture:
        """Return the figure of the curves of staying, with the numbers at risk below.

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

        Raises
        ------
        DataError
            The table did not say how long trials went.
        """
        from bartleby.analysis.figures.survival import plot_staying

        return plot_staying(self.survival(), self.at_risk(), ax=ax, width=width, models=models, labels=labels)

    def _rows_of(self, quantity: str) -> pd.DataFrame:
        chosen = self.frame[self.frame["quantity"] == quantity]
        return chosen.drop(columns="quantity").reset_index(drop=True)


@estimator(rate)
def exits(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    horizon: int | None = None,
    refusals: Refusals = "counted",
    turn: str = "turn",
    turns: str = "turns",
    thanks: Sequence[str] | None = None,
) -> ExitFit:
    """Estimate how often a model leaves, and when.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, one row a trial (or `count` trials): `outcome`, and for time `turn`
        and `turns`.
    outcome
        What counts as an exit: an outcome word or a column of 0 and 1. None takes `opted_out`, or, in a
        table without `outcome`, a column `exited`, `stopped`, `left` or `bailed`.
    refusals
        Trials that ended in a refusal in words, for the rate alone: `counted` as trials without an exit (the
        model did not leave), `left_out`, or counted `as_event`.
    horizon
        Turns over which mean turns are taken; None takes the longest that is known of every group.
    turn, turns
        The columns of the turn at which the model left, and of the turns that were had. The time of a trial
        is the first where it left, and else the second, at which it is censored: at the cap, by being
        abandoned, or by an error.
    thanks
        Scenario classes in which the user is done and thankful. None takes those whose names say so.

    Returns
    -------
    ExitFit
        Rows by `quantity`: `exit_rate`, with `events`; `staying`, the chance of staying beyond `turn`, with
        `at_risk`, `exits` and `censored` at it; `restricted_mean_turns`, mean turns stayed of the first
        `turn`. All have `df`, `missing`, and `bound_low` and `bound_high`: worst-case bounds with their
        sampling error, had the missing trials all left at once or all stayed to the last turn.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Rates: `bartleby.analysis.rates.rates`. Curves: `bartleby.analysis.exits.survival`. Being abandoned is
    taken to say nothing of leaving, given the turn, which is an assumption. Where every trial was seen to the
    last turn or left, 1 less the last row of `staying` is the `exit_rate`, intervals included; where not, a
    warning has both numbers. Coverage: `benchmarks/coverage_exits.py`.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> rates = bb.exits(trials, by="expected").rates()
    >>> rates[["expected", "estimate", "low", "high"]].round(2).values.tolist()
    [['expected', 0.93, 0.82, 0.98], ['neutral', 0.22, 0.15, 0.31], ['wrong', 0.08, 0.0, 0.42]]
    """
    if horizon is not None and (isinstance(horizon, bool) or horizon != int(horizon) or horizon < 1):
        raise SettingError(f"horizon={horizon!r}: must be a whole number of turns, 1 or more")
    frame = as_frame(trials)
    _refuse_own_names(group_names(column_names(frame), by), (turn, turns))
    sample = read_exits(
        frame, outcome, times=(turn, turns), by=by, cluster=cluster, level=level, estimand=estimand
    )
    event = exit_outcome(frame, outcome)
    rates = rate(frame, event, by=by, cluster=cluster, level=level, estimand=estimand, refusals=refusals)
    worst = list(_curves(sample))
    curves = [(key, bounded.curve) for key, bounded in worst]
    warnings = [*rates.warnings, *abandoned_warnings(rates.frame, sample.groups), *sample.warnings]
    upto = _horizon(curves, horizon, warnings)
    rows: list[Row] = [{**row, "quantity": "exit_rate", "term": "leaving"} for row in records(rates.frame)]
    warnings += _differing(rates.frame, sample.groups, curves)
    bounds, cases = dict(rates.accounting.bounds), []
    for key, bounded in worst:
        own = [
            *bounded.rows(_curve_rows, level),
            *bounded.rows(lambda curve, asked: _mean_rows(curve, upto, asked), level),
        ]
        rows += [{**key, **row} for row, _ in own]
        bounds |= {group_label(row["term"], key): (row["bound_low"], row["bound_high"]) for row, _ in own}
        cases += [bounded.case(row, ends, key) for row, ends in own[-2:]]
        warnings += _curve_warnings(bounded.curve, key, sample.clusters.first.column)
    warnings += bound_warnings(cases)
    warnings += exit_warnings(frame, event, cluster=sample.clusters.first, asked=cluster, thanks=thanks)
    settings = {
        **{name: rates.settings[name] for name in ("estimand", "level", "cluster", "by")},
        "outcome": event,
        "horizon": upto,
        "time": f"{turn} where the model left, else {turns} (censored)" if curves else None,
    }
    frame_out = estimate_frame(rows, [*sample.groups, "quantity", "turn"])
    frame_out["turn"] = frame_out["turn"].astype("Int64")
    return ExitFit(
        frame_out,
        replace(rates.accounting, bounds=bounds),
        tuple(dict.fromkeys(warnings)),
        settings,
        sample.groups,
        tuple(curves),
    )


def _refuse_own_names(groups: Sequence[str], times: Sequence[str]) -> None:
    taken = [name for name in groups if name in {*OWN_COLUMNS, *times}]
    if taken:
        raise SettingError(
            f"by: {', '.join(map(repr, taken))}: the table of exits has a column of that name, or it is the "
            "time; rename the column in the table"
        )


@dataclass(frozen=True)
class _Bounded:
    """A curve, and what it would be had the missing trials all left at once, or all stayed to the end."""

    curve: Curve
    left: Curve
    stayed: Curve
    missing: float

    def rows(
        self, rows_of: Callable[[Curve, float], list[dict[str, Any]]], level: float
    ) -> list[tuple[dict[str, Any], tuple[float, float]]]:
        """Return rows with their worst-case bounds, and the two extreme estimates of each."""
        curves = (self.curve, self.left, self.stayed)
        return [
            (
                {
                    **row,
                    "missing": self.missing,
                    "bound_low": float(np.fmin(row["low"], least["low"])),
                    "bound_high": float(np.fmax(row["high"], most["high"])),
                },
                (least["estimate"], most["estimate"]),
            )
            for row, least, most in zip(*(rows_of(curve, level) for curve in curves), strict=True)
        ]

    def case(
        self, row: Mapping[str, Any], extremes: tuple[float, float], key: Mapping[str, Any]
    ) -> WorstCase:
        """Return the worst case of a row."""
        term = group_label(str(row["term"]), key)
        return WorstCase(term, row["low"], row["high"], extremes, self.missing, self.left.n)


def _curves(sample: Sample) -> Iterator[tuple[Mapping[str, Any], _Bounded]]:
    """Yield the curve of each group in which a turn was had, with those of its worst cases."""

    def fitted(these: Stays) -> Curve:
        return kaplan_meier(these, sample.level, these_items=sample.stratified)

    for part in sample.split():
        these = stays(part)
        if these is None:
            continue
        curve = fitted(these)
        left, stayed = map(fitted, extremes(part, int(curve.turn[-1]))) if part.missing else (curve, curve)
        yield part.key, _Bounded(curve, left, stayed, part.missing)


def _differing(
    rates: pd.DataFrame, groups: Sequence[str], curves: Sequence[tuple[Mapping[str, Any], Curve]]
) -> list[str]:
    """Return why the rate of exits and 1 less the end of the curve differ, with both numbers."""
    notes = []
    rows = records(rates)
    for key, curve in curves:
        row = next(row for row in rows if all(_same(row[name], key[name]) for name in groups))
        gone, last = 1 - float(curve.staying[-1]), int(curve.turn[-1])
        if math.isnan(row["estimate"]) or abs(gone - row["estimate"]) < 1e-9:
            continue
        early = float(curve.censored[:-1].sum())
        notes.append(
            f"{group_label('leaving', key)}: the exit rate is {row['estimate']:.1%} of {row['n']:g} trials "
            f"whose end is known, and 1 - staying beyond turn {last} is {gone:.1%} of {curve.n:g}: "
            f"{early:g} trials were not seen to that turn and count in the curve for as long as they were"
        )
    more = [f"{len(notes) - 5} further groups have such a difference"] if len(notes) > 5 else []
    return [*notes[:5], *more]


def _same(one: object, other: object) -> bool:
    return one == other or bool(pd.isna(one) and pd.isna(other))  # type: ignore[call-overload]


def _horizon(
    curves: Sequence[tuple[Mapping[str, Any], Curve]], asked: int | None, warnings: list[str]
) -> int | None:
    """Return the turns over which means are taken: what was asked, or what is known of all groups."""
    if not curves:
        return None
    longest = max(int(curve.turn[-1]) for _, curve in curves)
    # Of a group that was asked one turn the mean is 1 by definition; it must not shorten the others'.
    upto = asked or int(min([longest, *(curve.known_to for _, curve in curves if curve.known_to > 1)]))
    unknown_groups = [group_label("staying", key) for key, curve in curves if curve.known_to < upto]
    if unknown_groups:
        more = f" and {len(unknown_groups) - 5} more" if len(unknown_groups) > 5 else ""
        warnings.append(
            f"mean turns are of the first {upto}, and nothing is known so late of "
            f"{', '.join(unknown_groups[:5])}{more}"
        )
    if asked is None and upto < longest:
        warnings.append(
            f"mean turns are of the first {upto}, because some group was not seen longer; others go on to "
            f"{longest}: horizon= asks for more"
        )
    return upto


def _curve_rows(curve: Curve, level: float) -> list[dict[str, Any]]:
    return [
        {
            "quantity": "staying",
            "turn": int(curve.turn[index]),
            "term": f"staying beyond turn {curve.turn[index]}",
            "estimate": float(curve.staying[index]),
            "std_error": float(curve.std_error[index]),
            "low": float(curve.low[index]),
            "high": float(curve.high[index]),
            "level": level,
            "n": curve.n,
            "n_clusters": curve.n_clusters,
            "method": curve.methods[index],
            "df": float(curve.df[index]),
            "at_risk": float(curve.at_risk[index]),
            "exits": float(curve.exits[index]),
            "censored": float(curve.censored[index]),
        }
        for index in range(len(curve.turn))
    ]


def _mean_rows(curve: Curve, horizon: int | None, level: float) -> list[dict[str, Any]]:
    if horizon is None:
        return []
    if curve.known_to < horizon:
        mean = undefined(f"nothing is known beyond turn {curve.known_to:g}")
    else:
        mean = curve.restricted_mean(horizon, level)
    return [
        {
            "quantity": "restricted_mean_turns",
            "turn": horizon,
            "term": f"mean turns of {horizon}",
            **fit_row(mean, n=curve.n, n_clusters=curve.n_clusters, level=level),
        }
    ]


def _curve_warnings(curve: Curve, key: Mapping[str, Any], cluster: str | None) -> list[str]:
    where = group_label("staying", key)
    unknown = curve.turn[np.isnan(curve.low)]
    if len(unknown) == 0:
        return []
    if curve.n_clusters == 1:
        return [
            f"{where}: one cluster says nothing about how others differ, so there is no interval for new "
            "items; estimand='these_items' asks about this one alone"
        ]
    return [
        f"{where}: no interval from turn {unknown[0]} on, which was had in one {cluster} alone"
        if not math.isnan(float(curve.low[0]))
        else f"{where}: no interval at turn {unknown[0]}"
    ]
