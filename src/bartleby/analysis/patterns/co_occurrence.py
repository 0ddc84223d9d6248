"""Which codes go together: odds ratios, phi and kappa of each pair, over clusters, adjusted for their number.

Turns of one conversation and conversations of one scenario share what makes both codes likely, so intervals
are over clusters. Ten codes are forty-five pairs: p values are adjusted over all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.alpha import cohen_kappa
from bartleby.analysis.inference.association import phi
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import RateFit, undefined
from bartleby.analysis.inference.jackknife import jackknife, scaled_interval
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.coded_turns import (
    CodedTurns,
    cluster_warnings,
    read_coded_turns,
)
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.formulas import make_design, read_formula
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import as_names
from bartleby.errors import SettingError

__all__ = ["co_occurrence"]

Floats = npt.NDArray[np.float64]

CELLS = ("both", "only_first", "only_second", "neither")


@estimator(course)
def co_occurrence(
    turns: object,
    codes: Sequence[str],
    *,
    conversation: str = "conversation",
    turn: str = "turn",
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    adjust: Adjustment | None = "holm",
) -> Estimates:
    """Estimate how codes hang together.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns`).
    codes
        Two columns or more of 1 and 0, missing where not coded.
    adjust
        `holm`, `bh` or None, over all pairs and groups of this call.

    Returns
    -------
    Estimates
        For each pair (columns `first` and `second`) by `quantity`: `odds_ratio` (with `p_value` and
        `p_adjusted`), `phi`, and `kappa` (the agreement beyond chance if both codes are taken for one);
        the counts `both`, `only_first`, `only_second`, `neither`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Odds ratios: logistic regression of the second code on the first with CR2 over clusters; where one code
    never or always goes with the other, Firth's fit with profile intervals, as in `effects`. Phi:
    square-and-add of joint rates; kappa: clusters left out one at a time, on Fisher's scale. A code that is
    always or never there has none of them.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> turns = pd.DataFrame(
    ...     {"conversation": [f"c{k // 4}" for k in range(80)], "turn": [1, 2, 3, 4] * 20}
    ... )
    >>> turns = turns.assign(
    ...     sad=(turns.index % 3 == 0).astype(int), stops=(turns.index % 6 < 2).astype(int)
    ... )
    >>> print(bb.patterns.co_occurrence(turns, ["sad", "stops"]).verdict)
    Odds ratio: 3.00 (95% interval 1.99 to 4.52) (all 80 observations used; 20 clusters by
    conversation (no other cluster); items as a random sample).
    """
    names = as_names(codes)
    if len(names) < 2:
        raise SettingError(f"codes={list(names)!r}: must be two columns or more")
    table = read_coded_turns(
        turns, coded=None, conversation=conversation, turn=turn, cluster=cluster, by=by, flags=names
    )

    def rows_of(part: CodedTurns) -> Iterator[Row | str]:
        yield from cluster_warnings(part, ())
        for pair in combinations(names, 2):
            rows, notes = _pair_rows(_cells(part.rows, *pair), pair, level)
            yield from ({"first": pair[0], "second": pair[1], **row} for row in rows)
            yield from (f"{part.prefix}{' and '.join(pair)}: {text}" for text in notes)

    estimates = answer(
        table,
        rows_of,
        identify=["first", "second", "quantity"],
        tested=lambda row: row["quantity"] == "odds_ratio",
        family="all {} pairs of this call",
        adjust=adjust,
    )
    used = table.rows[list(names)].notna().sum(axis=1) >= 2
    counts = {"two codes or more": float(used.sum()), "fewer": float((~used).sum())}
    words = {"two codes or more": "turns in which at least one pair was coded", "fewer": "left out: no pair"}
    return replace(estimates, accounting=Accounting(counts, words, counts["two codes or more"]))


def _cells(part: pd.DataFrame, one: str, other: str) -> Floats:
    """Return turns by cluster (G, 4): both codes, the first alone, the second alone, neither."""
    known = part[part[one].notna() & part[other].notna()]
    kind = 3 - 2 * known[one].to_numpy(dtype=np.int64) - known[other].to_numpy(dtype=np.int64)
    codes = pd.factorize(known["_cluster"])[0]
    size = int(codes.max()) + 1 if len(codes) else 0
    cells: Floats = np.bincount(4 * codes + kind, minlength=4 * size).astype(float).reshape(size, 4)
    return cells


def _pair_rows(cells: Floats, names: tuple[str, str], level: float) -> tuple[list[Row], list[str]]:
    total = cells.sum(axis=0)
    counts = dict(zip(CELLS, total.tolist(), strict=True))
    n, clusters = float(total.sum()), float(len(cells))
    common = {"term": f"{names[0]} and {names[1]}", "n": n, "n_clusters": clusters}
    margins = (total[0] + total[1], total[2] + total[3], total[0] + total[2], total[1] + total[3])
    if min(margins, default=0) <= 0:
        notes = ["one of them is always or never there, so nothing says how they go together"]
        nothing = {"level": level, "method": "undefined", "p_value": math.nan, **common, **counts}
        return [{"quantity": name, **nothing} for name in ("odds_ratio", "phi", "kappa")], notes
    ratio, warnings = _odds_ratio(cells, level)
    rows = [{"quantity": "odds_ratio", **ratio, **common, **counts}]
    for quantity, fit in (("phi", phi(cells, level, clustered=True)), ("kappa", _kappa(cells, level))):
        row = fit_row(fit, n=n, n_clusters=clusters, level=level)
        rows.append({"quantity": quantity, **row, **common, **counts})
    return rows, warnings


def _odds_ratio(cells: Floats, level: float) -> tuple[Row, list[str]]:
    """Return the odds ratio of the second code given the first, from counts by cluster and first code."""
    data = pd.DataFrame({"given": np.tile([1.0, 0.0], len(cells))})
    events, n = cells[:, [0, 2]].ravel(), (cells[:, [0, 2]] + cells[:, [1, 3]]).ravel()
    had = n > 0
    design = make_design(read_formula("code ~ given", ["code", "given"]), data[had].reset_index(drop=True))
    cluster = np.repeat(np.arange(len(cells)), 2)[had]
    fit = regress(Counted(design, events[had], n[had], cluster), "auto", repeats_independent=False)
    row = next(each for each in fit.rows(level) if each["quantity"] == "odds_ratio")
    return row, list(fit.warnings)


def _kappa(cells: Floats, level: float) -> RateFit:
    # As two coders of two values: neither, second alone; first alone, both.
    joint = cells[:, [3, 2, 1, 0]]
    found = jackknife(joint, lambda sums: cohen_kappa(sums, 2))
    low, high = scaled_interval(found, level, "fisher")
    if math.isnan(low):
        why = "one follows from the other" if abs(found.estimate) >= 1 else "nothing varies between clusters"
        return undefined(why, found.estimate)
    return RateFit(found.estimate, found.std_error, low, high, found.df, "Fisher z, t, jackknife of clusters")
