"""Framing: whether another wording, label set, channel or exit changes which item is taken.

Two answers differ now and then even if nothing was changed. So a flip rate means little by itself: what
counts is how much oftener answers differ between two framings than within one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.consistency.agreement import agreement, excess_row, unit_row
from bartleby.analysis.consistency.excess import cross_agreement, excess_disagreement, repeat_agreement
from bartleby.analysis.consistency.repeats import Repeats, item_choices, matched, read_repeats, units_of
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.sample.answer import Row, answer, estimator
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError, SettingError

__all__ = ["flips", "permutation_p"]

_BATCH = 4_000_000
"""Numbers drawn at a time."""


@dataclass(frozen=True)
class _Options:
    between: str
    level: float
    draws: int


@estimator(agreement)
def flips(
    trials: object,
    between: str = "wording",
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | Literal[False] | None = None,
    within: str | Sequence[str] | None = None,
    level: float = 0.95,
    adjust: Adjustment | None = "holm",
    draws: int = 2000,
    seed: int = 0,
) -> Estimates:
    """Estimate how often the item taken differs between the values of a condition.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second`, `outcome`, and `count` if rows are counted.
    between
        The condition: `wording`, `labels`, `channel`, `exits`, `model` or any column.
    within
        Columns in which trials that are compared must be alike, beside the pair and its order; `between` is
        never one of them. None takes wording, labels, channel, exits and commitment, where they are there.
    adjust
        `holm`, `bh` or None, over all comparisons of this call.
    draws
        Permutations for the p values.
    seed
        Of the permutations.

    Returns
    -------
    Estimates
        For each two values: `flip_rate`, the chance that two answers differ; `repetition`, the chance
        that two answers under the same value differ; `excess`, the first minus the second where both are
        known, with `p_value` and `p_adjusted`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Every answer under one value is compared with every one under the other: samples are independent draws,
    so pairing them by number would have the same expectation and a larger variance. `excess` is unbiased
    for the mean of (p - q)^2, p and q the chances of an item under the two values. Its p value is from
    permuting the values among the answers to the same pair in the same order (one-sided: an excess cannot
    truly be negative), which is exact however few answers there are, and takes these items as given. Its
    interval, over new pairs, is made for means of squares: `bartleby.analysis.consistency.excess`.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (
    ...         f"{a}",
    ...         f"{b}",
    ...         wording,
    ...         "chose_first" if (a < b) != (wording == "rather" and a + b == 3) else "chose_second",
    ...     )
    ...     for a in range(6)
    ...     for b in range(a)
    ...     for wording in ("prefer", "rather")
    ... ]
    >>> trials = pd.DataFrame(rows, columns=["first", "second", "wording", "outcome"])
    >>> print(bb.choices.flips(trials).verdict)
    flip_rate 0.133 (95% interval 0.019 to 0.405), 2 are undefined (all 30 trials used; 15 clusters by
    pair; items as a random sample).
    """
    if draws < 1:
        raise SettingError(f"draws={draws!r}: must be 1 or more")
    repeats = read_repeats(trials, by=by, cluster=cluster, within=within, extra=(between,), not_by=(between,))
    values = natural_order(repeats.cells[between].dropna().unique())
    if len(values) < 2:
        raise DataError(
            f"between: column {between!r} has {len(values)} values and needs two to compare: "
            f"{', '.join(map(repr, values)) or 'none'}"
        )
    options, rng = _Options(between, level, draws), np.random.default_rng(seed)

    def rows_of(part: Repeats) -> Iterator[Row | str]:
        for pair in combinations(natural_order(part.cells[between].dropna().unique()), 2):
            rows = _compare(part, pair, options, rng)
            yield from rows
            yield from _notes(rows, part)

    estimates = answer(repeats, rows_of, compared=between, adjust=adjust)
    known = int(estimates.frame["p_value"].notna().sum())
    return replace(
        estimates, settings={**estimates.settings, "family": f"the {known} comparisons of this call"}
    )


def permutation_p(cells: pd.DataFrame, draws: int, rng: np.random.Generator) -> float:
    """Return the one-sided p value of the mean excess of disagreement between two conditions.

    Parameters
    ----------
    cells
        From `matched`, each with two answers or more under both conditions.
    draws
        Permutations.
    rng
        Where they come from.

    Returns
    -------
    float
        NaN without cells, and where counts are no whole numbers.
    """
    counts = cells[["low_x", "n_x", "low_y", "n_y"]].to_numpy(dtype=float)
    whole = np.rint(counts).astype(np.int64)
    if len(cells) == 0 or np.abs(counts - whole).max() > 1e-9:
        return math.nan
    low, n, low_y, n_y = whole.T
    observed = _mean_square(low, n, low_y, n_y)
    reached = 0
    step = max(1, _BATCH // len(cells))
    for begin in range(0, draws, step):
        size = (min(step, draws - begin), len(cells))
        moved = rng.hypergeometric(low + low_y, n + n_y - low - low_y, n, size=size)
        reached += int(np.sum(_mean_square(moved, n, low + low_y - moved, n_y) >= observed - 1e-12))
    return (reached + 1) / (draws + 1)


def _mean_square(
    low: npt.NDArray[np.int64],
    n: npt.NDArray[np.int64],
    low_y: npt.NDArray[np.int64],
    n_y: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the mean over cells (the last axis) of disagreement between minus that within."""
    within = repeat_agreement(low, n) + repeat_agreement(low_y, n_y)
    result: npt.NDArray[np.float64] = np.mean(within / 2 - cross_agreement(low, n, low_y, n_y), axis=-1)
    return result


def _compare(
    repeats: Repeats,
    values: tuple[object, object],
    options: _Options,
    rng: np.random.Generator,
) -> list[Row]:
    """Return the three rows of two values of the condition."""
    cells = repeats.cells
    one, other = (item_choices(cells[cells[options.between] == value], repeats.keys) for value in values)
    cells = matched(one, other, ["forward", *repeats.keys])
    fewest = np.minimum(cells["n_x"], cells["n_y"])
    flipped = 1 - cross_agreement(cells["low_x"], cells["n_x"], cells["low_y"], cells["n_y"])
    excess = excess_disagreement(cells)
    known = np.isfinite(excess)
    again, trials = cells[known], cells[["n_x", "n_y"]].sum(axis=1)
    n, n_again = float(trials.sum()), float(trials[known].sum())
    alone = flipped - excess

    def units(value: npt.NDArray[np.float64], which: npt.NDArray[np.bool_]) -> Any:  # noqa: ANN401
        return units_of(cells[which], value[which], fewest[which], repeats.cluster)

    every = np.ones(len(cells), dtype=bool)
    rows = [
        unit_row("flip_rate", units(flipped, every), repeats, options.level, n=n),
        unit_row("repetition", units(alone, known), repeats, options.level, n=n_again),
        excess_row("excess", cells, fewest, repeats, options.level),
    ]
    p = (math.nan, math.nan, permutation_p(again, options.draws, rng))
    lead = {options.between: values[1], "reference": values[0]}
    return [{**lead, **row, "p_value": each} for row, each in zip(rows, p, strict=True)]


def _notes(rows: Sequence[Row], part: Repeats) -> list[str]:
    """Return why rows of one comparison are undefined."""
    first, _, excess = rows
    between = next(iter(first))
    term = part.label(f"{first[between]} against {first['reference']}")
    if first["cells"] == 0:
        return [f"{term}: no pair was shown in the same order under both, so nothing is compared"]
    if excess["cells"] == 0:
        return [
            f"{term}: no pair was asked twice under each, so nothing tells a change of framing from chance: "
            "ask for samples=2 or more"
        ]
    return [
        f"{term}: {row['term']}: no interval: {row['method'].removeprefix('undefined, ')}"
        for row in rows
        if np.isnan(row["low"])
    ]
