"""A code before and after something happened: the first refusal, the first insult, a request said again.

Conversations are laid over one another at their first trigger, and each is compared with itself: the share of
turns with the code after it, less that before it. What differs between conversations drops out; what changes
with turns anyhow does not (`precedents` adjusts for the turn).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.inference.curves import curve_jackknife, difference_fit, difference_p, means
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import clustered_rate
from bartleby.analysis.inference.jackknife import Jackknife
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.coded_turns import (
    CodedTurns,
    cluster_warnings,
    read_coded_turns,
)
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import SettingError

__all__ = ["TriggerBy", "around_trigger"]

Floats = npt.NDArray[np.float64]
TriggerBy: TypeAlias = Literal["user", "model"]


@estimator(course)
def around_trigger(
    turns: object,
    trigger: str | Sequence[str],
    *,
    coded: str = "coded",
    by_whom: TriggerBy = "user",
    before: int = 3,
    after: int = 3,
    conversation: str = "conversation",
    turn: str = "turn",
    exited: str | None = None,
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    adjust: Adjustment | None = "holm",
) -> Estimates:
    """Estimate a code at turns before and after the first trigger of a conversation.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns`).
    trigger
        Columns of 1 and 0 that say at which turns something happened; each is a trigger of its own.
    coded
        Column of 1 and 0; missing where the coder gave no value.
    by_whom
        `user`: it is in the message that the turn answers, so the turn itself is after it. `model`: it
        is in the turn itself, such as a refusal, and the turn is on neither side.
    before, after
        Turns looked at on each side.
    adjust
        `holm`, `bh` or None, over all differences of this call.

    Returns
    -------
    Estimates
        By `quantity`: `at_offset`, the share with the code at each `offset` from the trigger (0: the turn
        with it); `before` and `after`, the mean share within a conversation on either side; `difference`,
        after less before, of conversations that have turns on both sides, with `p_value`, `p_adjusted`, and
        `bound_low` and `bound_high`: had those who left before any turn after it shown the code at none
        and at all of them, with sampling error.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    A conversation is one observation of its own difference, whatever its number of turns. Intervals leave out
    whole clusters; the p value is 1 - the level at which the interval just touches 0. Conversations without
    the trigger, or with it at their first turn, say nothing about the difference and are named in a warning.

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
    >>> turns["press"] = (turns["turn"] == 3).astype(int)
    >>> print(bb.patterns.around_trigger(turns, "press").verdict)
    At offset: offset -2 0.000 (95% interval 0.000 to 0.148), offset -1 0.000 (0.000 to 0.148), offset
    0 0.350 (0.208 to 0.534), offset 1 0.350 (0.208 to 0.534) (all 160 observations used; 10 clusters
    by scenario; items as a random sample).
    """
    if before < 1 or after < 1:
        raise SettingError(f"before={before!r}, after={after!r}: must be 1 turn or more on each side")
    triggers = [trigger] if isinstance(trigger, str) else list(trigger)
    table = read_coded_turns(
        turns, coded=coded, conversation=conversation, turn=turn, exited=exited, cluster=cluster, by=by,
        flags=triggers,
    )  # fmt: skip

    def rows_of(part: CodedTurns) -> Iterator[Row | str]:
        rows: list[Row] = []
        for name in triggers:
            aligned = _aligned(part.rows, name)
            if aligned.empty:
                yield f"{part.prefix}{name}: no conversation has it, so nothing is estimated"
                continue
            sides = _sides(aligned, (before, after), by_whom)
            yield from (f"{part.prefix}{name}: {text}" for text in _lost(sides))
            found = [*_offset_rows(aligned, range(-before, after + 1), level), *_paired_rows(sides, level)]
            rows += [{"trigger": name, **row} for row in found]
        yield from rows
        yield from cluster_warnings(part, [{**part.key, **row} for row in rows])

    return answer(
        table,
        rows_of,
        identify=["trigger", "quantity", "offset"],
        tested=lambda row: "p_value" in row,
        family="all {} differences of this call",
        adjust=adjust,
    )


def _aligned(part: pd.DataFrame, trigger: str) -> pd.DataFrame:
    """Return the turns of conversations that have the trigger, with their offset from the first of it."""
    first = part[part[trigger] == 1].groupby("_conversation")["_turn"].min()
    kept = part[part["_conversation"].isin(first.index)]
    return kept.assign(_offset=kept["_turn"] - kept["_conversation"].map(first))


def _offset_rows(aligned: pd.DataFrame, offsets: range, level: float) -> list[Row]:
    rows = []
    for offset in offsets:
        here = aligned[(aligned["_offset"] == offset) & aligned["_coded"].notna()]
        codes = pd.factorize(here["_cluster"])[0]
        if len(codes) == 0:
            continue
        listed, n = np.bincount(codes, here["_coded"].to_numpy(dtype=float)), np.bincount(codes).astype(float)
        fit = clustered_rate(listed, n, level)
        own = fit_row(fit, n=float(n.sum()), n_clusters=len(n), level=level)
        rows.append({"quantity": "at_offset", "offset": offset, "term": f"{offset:+d} turns", **own})
    return rows


def _lost(sides: pd.DataFrame) -> list[str]:
    """Return which conversations have no turns on one side."""
    both, lost = _both_sides(sides), sides[sides["before"].notna() & sides["after"].isna()]
    notes = []
    if len(both) < len(sides):
        notes.append(
            f"{len(sides) - len(both)} of {len(sides)} conversations with it have no coded turn on one side "
            f"({lost['left'].sum()} because the model left) and say nothing about the difference"
        )
    if both.empty:
        notes.append("no conversation has turns on both sides, so there is no difference")
    return notes


def _both_sides(sides: pd.DataFrame) -> pd.DataFrame:
    return sides.dropna(subset=["before", "after"])


def _paired_rows(sides: pd.DataFrame, level: float) -> list[Row]:
    """Return the means before and after and their difference, of conversations with turns on both sides."""
    both = _both_sides(sides)
    if both.empty:
        return []
    gone = sides[sides["before"].notna() & sides["after"].isna() & sides["left"]]
    codes = pd.factorize(both["_cluster"])[0]
    count = np.bincount(codes).astype(float)
    sums = {name: np.bincount(codes, both[name].to_numpy(dtype=float)) for name in ("before", "after")}
    n, clusters = float(len(both)), float(len(count))
    rows = []
    for name in ("before", "after"):
        # Shares of turns and no counts, so there is no likelihood of a binomial.
        fit = clustered_rate(sums[name], count, level, method="logit_t")
        rows.append({"quantity": name, "term": name, **fit_row(fit, n=n, n_clusters=clusters, level=level)})
    found = _difference(both)
    row = fit_row(difference_fit(found, n, clusters, level), n=n, n_clusters=clusters, level=level)
    row |= _bounds(both, gone, row, level)
    rows.append(
        {
            "quantity": "difference",
            "term": "after - before",
            **row,
            "p_value": difference_p(found, n, clusters),
        }
    )
    return rows


def _sides(aligned: pd.DataFrame, reach: tuple[int, int], by_whom: TriggerBy) -> pd.DataFrame:
    """Return, by conversation, the share with the code before and after, its cluster, and whether it left."""
    offset, known = aligned["_offset"], aligned[aligned["_coded"].notna()]
    start = 0 if by_whom == "user" else 1
    windows = {"before": (-reach[0], -1), "after": (start, start + reach[1] - 1)}
    sides = aligned.groupby("_conversation").agg(_cluster=("_cluster", "first"), left=("_exited", "max"))
    for name, (low, high) in windows.items():
        inside = known[offset.loc[known.index].between(low, high)]
        sides[name] = inside.groupby("_conversation")["_coded"].mean().reindex(sides.index)
    return sides


def _difference(sides: pd.DataFrame) -> Jackknife:
    """Return the mean difference, after less before, with its standard error over clusters."""
    codes = pd.factorize(sides["_cluster"])[0]
    gap = (sides["after"] - sides["before"]).to_numpy(dtype=float)
    sums = np.column_stack([np.bincount(codes, gap), np.bincount(codes)]).astype(float)
    return curve_jackknife(sums, means).at(0)


def _bounds(both: pd.DataFrame, gone: pd.DataFrame, row: Row, level: float) -> dict[str, float]:
    """Return bounds had those who left shown the code at no turn after the trigger, and at all of them.

    They reach as far as the intervals of both.
    """
    fits = []
    for value in (0.0, 1.0):
        filled = pd.concat([both, gone.assign(after=value)])
        n, clusters = float(len(filled)), float(filled["_cluster"].nunique())
        fits.append(difference_fit(_difference(filled), n, clusters, level))
    return {
        "bound_low": float(np.fmin(row["low"], fits[0].low)),
        "bound_high": float(np.fmax(row["high"], fits[1].high)),
    }
