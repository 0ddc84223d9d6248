"""Does a code come before leaving? The hazard of leaving after it, and the share of exits that it preceded.

That most exits were preceded says little where nearly every turn has the code; so the share is set beside
the one among those who had the same turn and stayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.exits.hazard import Baseline, hazard
from bartleby.analysis.inference.curves import curve_jackknife, difference_fit, difference_p, share_fit
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import RateFit, clustered_rate
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.coded_turns import (
    CodedTurns,
    cluster_warnings,
    previous,
    read_coded_turns,
)
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.estimates import Estimates, records
from bartleby.errors import SettingError

__all__ = ["coded_before_exit"]

Floats = npt.NDArray[np.float64]


@estimator(course)
def coded_before_exit(
    turns: object,
    *,
    coded: str = "coded",
    exited: str = "exited",
    within: int | None = None,
    conversation: str = "conversation",
    turn: str = "turn",
    baseline: Baseline = "each_turn",
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    adjust: Adjustment | None = "holm",
) -> Estimates:
    """Estimate whether turns with a code precede leaving.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns`).
    coded, exited
        Columns of 1 and 0: whether the turn has the code, and whether the model left at it.
    within
        How many turns before the exit count; None counts all.
    baseline
        How the chance of leaving depends on the turn, as in `hazard`.
    adjust
        `holm`, `bh` or None, over the hazards and excesses of this call.

    Returns
    -------
    Estimates
        By `quantity`: `odds_ratio`, `coefficient` and `marginal_effect` of leaving at a turn whose
        predecessor had the code (`before_coded`). `preceded`: share of exits with the code at an
        earlier turn. `expected`: that share among those who had the same turn and stayed, weighted like the
        exits. `excess`: the first less the second. `left_afterwards`: share of conversations that showed
        the code before their last turn and then left.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Earlier turns only: what a model writes as it leaves may be about leaving. Discrete-time hazard: Singer &
    Willett (1993), CR2 over clusters; shares leave out whole clusters. Before is not because.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (f"c{c}", f"s{c % 10}", turn, int(c % 3 == 0 and turn > 2))
    ...     for c in range(40)
    ...     for turn in (1, 2, 3, 4)
    ... ]
    >>> turns = pd.DataFrame(rows, columns=["conversation", "scenario", "turn", "coded"])
    >>> turns["exited"] = ((turns["turn"] == 4) & (turns.index % 8 < 4)).astype(int)
    >>> print(bb.patterns.coded_before_exit(turns).verdict)
    Odds ratio: 1.00 (95% interval 0.42 to 2.37) (all 160 observations used; 10 clusters by scenario;
    items as a random sample).
    """
    if within is not None and within < 1:
        raise SettingError(f"within={within!r}: must be 1 turn or more, or None for all")
    table = read_coded_turns(
        turns, coded=coded, conversation=conversation, turn=turn, exited=exited, cluster=cluster, by=by
    )

    def rows_of(part: CodedTurns) -> Iterator[Row | str]:
        later = _later_turns(part.rows, within)
        if not later["_exited"].any():
            yield f"{part.prefix}nobody left after a first turn, so nothing is estimated"
            yield from cluster_warnings(part, ())
            return
        rows, notes = _hazard_rows(later, baseline, level)
        rows += _share_rows(later, level)
        yield from (f"{part.prefix}{text}" for text in notes)
        yield from cluster_warnings(part, rows)
        yield from rows
        first = int((part.rows["_exited"] & (part.rows["_turn"] == 1)).sum())
        if first:
            yield f"{part.prefix}{first} left at their first turn, before which there is none"

    estimates = answer(
        table,
        rows_of,
        identify=["quantity"],
        tested=lambda row: row["quantity"] in {"coefficient", "excess"},
        family="the {} hazards and excesses of this call",
        adjust=adjust,
    )
    return replace(estimates, frame=_with_odds_ratios(estimates.frame))


def _later_turns(part: pd.DataFrame, within: int | None) -> pd.DataFrame:
    """Return turns with one before them, and whether that and any of those before had the code."""
    listed = (part["_coded"] == 1).astype(float)
    by = part["_conversation"]
    before = listed.groupby(by).cumsum() - listed
    if within is not None:
        # Turns can be missing from the table, so the window is of turns and not of rows.
        recent = pd.concat([previous(listed, part, lag).fillna(0) for lag in range(1, within + 1)], axis=1)
        before = recent.sum(axis=1)
    made = part.assign(before_coded=previous(part["_coded"], part, 1), preceded=(before > 0).astype(float))
    made["last"] = made["_turn"] == made["_turn"].groupby(by).transform("max")
    return made[part["_turn"] > part["_turn"].groupby(by).transform("min")].reset_index(drop=True)


def _hazard_rows(later: pd.DataFrame, baseline: Baseline, level: float) -> tuple[list[Row], list[str]]:
    known = later[later["before_coded"].notna()]
    if len(set(known["before_coded"])) < 2:
        return [], ["the turn before had the code always or never, so its hazard cannot be told"]
    data = pd.DataFrame(
        {
            "exited": known["_exited"].astype(int),
            "turn": known["_turn"],
            "before_coded": known["before_coded"].astype(int),
            "cluster": known["_cluster"],
        }
    )
    fit = hazard(data, ["before_coded"], baseline=baseline, cluster="cluster", level=level)
    frame = fit.frame[fit.frame["term"] == "before_coded"]
    return records(frame), list(fit.warnings)


def _share_rows(later: pd.DataFrame, level: float) -> list[Row]:
    """Return how many exits were preceded, how many would be by the turn alone, and the excess."""
    sums = _sums(later)
    found = curve_jackknife(sums, _shares)
    exits = sums[:, sums.shape[1] // 4 : sums.shape[1] // 2].sum(axis=1)
    n, clusters = float(exits.sum()), float(np.count_nonzero(exits))
    rows = []
    for index, quantity in enumerate(("preceded", "expected")):
        fit = share_fit(found.at(index), n, clusters, level, n**2 / float(exits @ exits))
        rows.append({"quantity": quantity, "term": f"exits {quantity}", **_columns(fit, n, clusters, level)})
    one = found.at(2)
    row = _columns(difference_fit(one, n, clusters, level), n, clusters, level)
    rows.append(
        {
            "quantity": "excess",
            "term": "preceded - expected",
            **row,
            "p_value": difference_p(one, n, clusters),
        }
    )
    return [*rows, _afterwards(later, level)]


def _sums(later: pd.DataFrame) -> Floats:
    """Return by cluster and turn (G, 4T): exits preceded, exits, stays preceded, stays."""
    turn = later["_turn"].to_numpy(dtype=np.int64)
    size, last = int(later["_cluster"].max()) + 1, int(turn.max())
    position = later["_cluster"].to_numpy() * last + turn - 1
    left, preceded = later["_exited"].to_numpy(dtype=float), later["preceded"].to_numpy(dtype=float)
    parts = [
        np.bincount(position, each, size * last).reshape(size, last)
        for each in (left * preceded, left, (1 - left) * preceded, 1 - left)
    ]
    sums: Floats = np.hstack(parts).astype(float)
    had: Floats = sums[sums.sum(axis=1) > 0]
    return had


def _shares(sums: Floats) -> Floats:
    """Return preceded, expected and excess (..., 3); turns at which nobody stayed compare with nothing."""
    last = sums.shape[-1] // 4
    hit, exits, there, stayed = (sums[..., index * last : (index + 1) * last] for index in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hit.sum(axis=-1) / exits.sum(axis=-1)
        used = np.where(stayed > 0, exits, 0.0)
        weight = used / np.where(stayed > 0, stayed, 1.0)
        expected = (there * weight).sum(axis=-1) / used.sum(axis=-1)
        compared = np.where(stayed > 0, hit, 0.0).sum(axis=-1) / used.sum(axis=-1)
    return np.stack([share, expected, compared - expected], axis=-1)


def _afterwards(later: pd.DataFrame, level: float) -> Row:
    ends = later[later["last"] & (later["preceded"] == 1)]
    codes = pd.factorize(ends["_cluster"])[0]
    count = np.bincount(codes).astype(float)
    left = np.bincount(codes, ends["_exited"].to_numpy(dtype=float), len(count))
    own = _columns(clustered_rate(left, count, level), float(count.sum()), float(len(count)), level)
    return {"quantity": "left_afterwards", "term": "left, of those with the code before", **own}


def _columns(fit: RateFit, n: float, clusters: float, level: float) -> Row:
    return fit_row(fit, n=n, n_clusters=clusters, level=level)


def _with_odds_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the adjusted p value of a coefficient at its odds ratio, the row after it."""
    if "p_adjusted" not in frame:
        return frame
    before = frame["p_adjusted"].shift(1).where(frame["quantity"].shift(1) == "coefficient")
    return frame.assign(p_adjusted=frame["p_adjusted"].where(frame["quantity"] != "odds_ratio", before))
