"""Transitivity: whether a model that takes A over B and B over C takes A over C.

A circle (C over A) can come from having no preferences at all, or from noise between items that are nearly
level. So the share of circles is held against both: against coins, and against the fitted choice model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.plain_fit import PlainFit, choices_of, draw_choices, fit_plain
from bartleby.analysis.consistency.repeats import Repeats, read_repeats
from bartleby.analysis.consistency.triads import (
    Tournament,
    cyclic_share_interval,
    cyclic_share_variance,
    largest_cyclic_count,
    largest_cyclic_share,
    number_of_triads,
)
from bartleby.analysis.sample.answer import Row, answer, estimator
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import SettingError
from bartleby.outcome import Outcome

__all__ = ["transitivity"]

Floats = npt.NDArray[np.float64]
_PRIOR = 3.0
"""Answers of the fitted model that are added to each cell before it is asked again in `these_items`."""


@dataclass(frozen=True)
class _Options:
    level: float
    estimand: Estimand
    draws: int


@dataclass(frozen=True, eq=False)
class _Group:
    """One group's triads: what was seen, and what coins and the model would give."""

    tournament: Tournament
    fit: PlainFit
    first: Floats
    triads: float
    cyclic: float
    level_pairs: int

    @property
    def modelled(self) -> Floats:
        """Chance of the first item by the fitted model, of each cell that was asked."""
        chance: Floats = self.fit.probability[self.fit.data.counts.sum(axis=1) > 0]
        return chance


@estimator()
def transitivity(
    trials: object,
    *,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    draws: int = 1000,
    seed: int = 0,
) -> Estimates:
    """Estimate the share of triads of items whose majority choices run in a circle.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second`, `outcome`, and `count` if rows are counted.
    by
        Columns that split the table; `model` does so by itself.
    level
        Of the intervals.
    estimand
        `new_items`: the share among triads of items like these; the interval takes items as sampled.
        `these_items`: the share if exactly these pairs were asked as often again.
    draws
        Simulated data sets.
    seed
        Of the simulations.

    Returns
    -------
    Estimates
        `cyclic_share` (`n` triads, `n_clusters` items); `consistency`, 1 minus that over the 1/4 that coins
        give, so 1 is transitive and 0 chance; `zeta` of Kendall & Babington Smith, 1 minus the
        count over the largest possible, where all pairs were asked; `by_chance` and `by_model`, the share
        that coins and the fitted Bradley-Terry model give with as many answers, with the range in which
        that much of the simulated data sets lie and a `p_value`: of so few circles by chance, and of so
        many under the model.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    A triad counts if all its three pairs were asked. A majority is by the mean of the shares in the two
    orders, so that a slot effect does not decide; indifference is half a choice of each; a pair that is
    level is as if decided by a coin. The interval is a t interval with the variance over triads that share
    items (`triads.cyclic_share_variance`), on the logit scale of what part it is of the largest share that
    a tournament of so many items can have (`triads.cyclic_share_interval`): in simulations it covered 94
    to 97% of the time where items differ, and nearly always under coins.
    For `these_items` the variance is that of asking again, simulated with each cell's share drawn
    towards the fitted model by three answers.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("task_preferences", "sim/averse", log="choose.db")
    >>> trials = bb.read("choose.db")
    >>> print(bb.choices.transitivity(trials).verdict)
    Consistency, sim/averse: 0.414 (95% interval 0.268 to 0.571) (all 614 trials used; 80 clusters by
    item; items as a random sample).
    """
    if draws < 100:
        raise SettingError(f"draws={draws!r}: must be 100 or more")
    repeats = read_repeats(trials, by=by, cluster=False, within=())
    options, rng = _Options(level, estimand, draws), np.random.default_rng(seed)

    def rows_of(part: Repeats) -> Iterator[Row | str]:
        group = _group(part.cells)
        yield from _rows(group, options, rng)
        yield from (f"{part.label('').strip()} {note}".strip() for note in _notes(group))

    clusters = "item" if estimand == "new_items" else "none: these pairs asked again"
    estimates = answer(replace(repeats, warnings=(), estimand=estimand, described=clusters), rows_of)
    return replace(estimates, accounting=_with_ties(estimates.accounting))


def _with_ties(accounting: Accounting) -> Accounting:
    """Return the accounting with indifference, which is half a choice of each item."""
    tie = str(Outcome.INDIFFERENT)
    counted_as = {**accounting.counted_as, tie: "half a choice of each item"}
    return Accounting(accounting.counts, counted_as, accounting.used + accounting.counts.get(tie, 0.0))


def _group(part: pd.DataFrame) -> _Group | None:
    """Return the triads of one group; None if it has no choice at all."""
    data = choices_of(part, ties=True)
    total = data.counts.sum(axis=1)
    if not total.any():
        return None
    fit = fit_plain(data)
    used = total > 0
    tournament = Tournament.from_cells(data.first[used], data.second[used], total[used], data.n_items)
    first = data.counts[used, 0]
    share = tournament.shares(first[None])[0]
    return _Group(
        tournament,
        fit,
        first,
        round(number_of_triads(tournament.asked)),
        float(tournament.cyclic(first[None])[0]),
        int(np.sum(np.abs(share - 0.5) < 1e-9)),
    )


def _rows(group: _Group | None, options: _Options, rng: np.random.Generator) -> list[Row]:
    if group is None or group.triads == 0:
        names = ("cyclic_share", "consistency", "zeta", "by_chance", "by_model")
        nothing: Row = {"n": 0.0, "n_clusters": 0.0 if group is None else float(group.tournament.n_items)}
        return [
            {"term": name, "level": options.level, **nothing, "method": "undefined, no triad"}
            for name in names
        ]
    tournament, triads = group.tournament, group.triads
    items = np.unique(np.concatenate([tournament.low, tournament.high]))
    base = {"level": options.level, "n": triads, "n_clusters": float(len(items))}
    share = group.cyclic / triads
    row = _share_row(group, share, len(items), options, rng)
    bounds = (row["low"], row["high"])
    chance = _simulated(group, np.full(len(group.first), 0.5), options.draws, rng)
    model = _simulated(group, group.modelled, options.draws, rng)
    rows = [
        {**base, **row},
        {**base, **_turned("consistency", share, bounds, 0.25, row)},
        {**base, **_zeta(group, share, bounds, row)},
        {**base, **_range_row("by_chance", chance, options.level, "coins, simulated")},
        {**base, **_range_row("by_model", model, options.level, "fitted Bradley-Terry model, simulated")},
    ]
    rows[3]["p_value"] = (np.sum(chance <= share + 1e-12) + 1) / (options.draws + 1)
    rows[4]["p_value"] = (np.sum(model >= share - 1e-12) + 1) / (options.draws + 1)
    if not group.fit.converged:
        rows[4] |= dict.fromkeys(("estimate", "low", "high", "p_value"), math.nan)
    return rows


def _share_row(group: _Group, share: float, n_items: int, options: _Options, rng: np.random.Generator) -> Row:
    """Return the share of cyclic triads with its interval."""
    fallback = math.sqrt(group.triads * max(n_items / 3, 1.0))
    if options.estimand == "new_items":
        variance, df = cyclic_share_variance(group.tournament.matrix(group.first), group.tournament.asked)
        method = "triads that share items"
    else:
        again = _simulated(group, _asked_again(group), options.draws, rng)
        variance, df, method = float(np.var(again)), math.inf, "pairs asked again"
    if math.isnan(variance):
        nothing = dict.fromkeys(("std_error", "low", "high"), math.nan)
        return {"term": "cyclic_share", "estimate": share, **nothing, "method": "undefined, too few items"}
    bounded = options.estimand == "new_items" or group.tournament.complete
    most = largest_cyclic_share(n_items) if bounded else 1.0
    fit = cyclic_share_interval(
        share, variance, df, level=options.level, fallback=fallback, most=most, method=method
    )
    return {
        "term": "cyclic_share",
        "estimate": share,
        "std_error": fit.std_error,
        "low": fit.low,
        "high": fit.high,
        "method": fit.method,
        "df": fit.df,
    }


def _turned(
    term: str, share: float, bounds: tuple[float, float], largest: float, row: Mapping[str, Any]
) -> Row:
    """Return 1 - share / largest with the interval of the share turned round."""
    return {
        "term": term,
        "estimate": 1 - share / largest,
        "std_error": row["std_error"] / largest,
        "low": 1 - bounds[1] / largest,
        "high": 1 - bounds[0] / largest,
        "method": row["method"],
        "df": row.get("df", math.nan),
    }


def _zeta(group: _Group, share: float, bounds: tuple[float, float], row: Mapping[str, Any]) -> Row:
    if not group.tournament.complete:
        return {"term": "zeta", "method": "undefined, not all pairs were asked: see consistency"}
    return _turned("zeta", share, bounds, largest_cyclic_count(group.tournament.n_items) / group.triads, row)


def _range_row(term: str, simulated: Floats, level: float, method: str) -> Row:
    low, high = np.quantile(simulated, [(1 - level) / 2, (1 + level) / 2])
    return {
        "term": term,
        "estimate": float(simulated.mean()),
        "std_error": math.nan,
        "low": float(low),
        "high": float(high),
        "method": f"{method}; range of data sets",
    }


def _simulated(group: _Group, chance: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Return the share of cyclic triads of data sets drawn by chance (draws,)."""
    drawn = draw_choices(group.tournament.total, chance, draws, rng)
    return group.tournament.cyclic(drawn) / group.triads


def _asked_again(group: _Group) -> Floats:
    """Return the chance of the first item in each cell if it is asked again: its share, drawn to the fit."""
    chance: Floats = (group.first + _PRIOR * group.modelled) / (group.tournament.total + _PRIOR)
    return chance


def _notes(group: _Group | None) -> list[str]:
    if group is None:
        return ["no trial ended in a choice, so transitivity is undefined"]
    if group.triads == 0:
        return ["no three items were all compared with each other, so transitivity is undefined"]
    notes = []
    pairs, items = len(group.tournament.low), group.tournament.n_items
    if group.triads == 1:
        notes.append("there is one triad, so there is no interval")
    if not group.tournament.complete:
        notes.append(
            f"not all pairs were asked ({pairs} of {items * (items - 1) // 2}): zeta is undefined; "
            "consistency says the same against chance"
        )
    if group.level_pairs:
        notes.append(
            f"{group.level_pairs} of {pairs} pairs are level (as many choices of one item as of the other): "
            "each is as if decided by a coin, which adds circles"
        )
    if group.tournament.one_order:
        notes.append(
            f"{group.tournament.one_order} of {pairs} pairs were asked in one order only, so that a slot "
            "effect may have decided them"
        )
    if not group.fit.converged:
        notes.append("the choice model did not converge, so by_model is undefined")
    return notes
