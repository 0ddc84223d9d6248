"""Episodes: runs of turns with a code, how they begin, last and end, and whether turns with it cluster.

An episode that is still going on when the conversation ends has an unknown length, so how long they
last is given by the chance of going on, given that the model is still there, and not by a mean of lengths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.inference.curves import curve_jackknife, difference_fit, difference_p
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import clustered_rate
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.coded_turns import (
    CodedTurns,
    cluster_warnings,
    previous,
    read_coded_turns,
)
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import as_names
from bartleby.docstrings import parameters_of
from bartleby.errors import DataError, SettingError

__all__ = ["episode_kinds", "episode_table", "episodes"]

Floats = npt.NDArray[np.float64]


@parameters_of(course)
def episode_table(
    turns: object,
    *,
    coded: str = "coded",
    gap: int = 0,
    conversation: str = "conversation",
    turn: str = "turn",
    exited: str | None = None,
    also: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the episodes, one row each.

    Parameters
    ----------
    gap
        Turns without the code that do not end an episode.
    also
        Further columns of 1 and 0, such as other codes: for each, whether it is at any turn of the episode.

    Returns
    -------
    DataFrame
        The conversation's columns, `start` and `end` (turns), `length`, `coded_turns`, `ended`: `left` (the
        model left at its last turn), `conversation_ended` (it goes on as far as is known), `ebbed`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

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
    >>> bb.patterns.episode_table(turns).head(1).T
                                   0
    conversation                  c0
    start                          3
    end                            4
    coded_turns                    2
    length                         2
    ended         conversation_ended
    """
    if gap < 0:
        raise SettingError(f"gap={gap!r}: must be a number of turns, 0 or more")
    further = list(as_names(also))
    table = read_coded_turns(
        turns, coded=coded, conversation=conversation, turn=turn, exited=exited, cluster=False,
        others=[conversation], flags=further,
    )  # fmt: skip
    rows, listed = table.rows, table.rows[table.rows["_coded"] == 1]
    since = listed["_turn"] - listed.groupby("_conversation")["_turn"].shift(1)
    number = (since.isna() | (since > gap + 1)).cumsum()
    last = rows.groupby("_conversation")["_turn"].max()
    left = rows.groupby("_conversation")["_exited"].max()
    found = listed.groupby(number).agg(
        **{name: (name, "first") for name in dict.fromkeys([*table.groups, conversation])},
        _conversation=("_conversation", "first"),
        start=("_turn", "min"),
        end=("_turn", "max"),
        coded_turns=("_turn", "size"),
        **{name: (name, "max") for name in further},
    )
    found["length"] = found["end"] - found["start"] + 1
    at_end = found["end"].to_numpy() == last.reindex(found["_conversation"]).to_numpy()
    gone = left.reindex(found["_conversation"]).to_numpy(dtype=bool)
    found["ended"] = np.where(~at_end, "ebbed", np.where(gone, "left", "conversation_ended"))
    return found.drop(columns="_conversation").reset_index(drop=True)


def episode_kinds(table: pd.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    """Return the kinds of episodes: which other codes they have and how they ended, with how often.

    Parameters
    ----------
    table
        From `episode_table` with `also=codes`.
    codes
        The columns that say which other codes an episode has.

    Returns
    -------
    DataFrame
        `codes` and `ended`, `episodes`, `conversations`, `share` (of all episodes), `median_length`; the most
        frequent first.

    Raises
    ------
    DataError
        A column is not there.

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
    >>> turns["asks"] = turns["turn"] % 2
    >>> table = bb.patterns.episode_table(turns, also=["asks"])
    >>> bb.patterns.episode_kinds(table, ["asks"])["episodes"].tolist()
    [14]
    """
    missing = [name for name in [*codes, "ended", "length"] if name not in table]
    if missing:
        there = ", ".join(map(str, table.columns))
        raise DataError(
            [f"no column {name!r} in the table of episodes; columns here: {there}" for name in missing]
        )
    keys = [*codes, "ended"]
    who = next((name for name in ("conversation", "trial") if name in table), table.columns[0])
    kinds = table.groupby(keys, dropna=False).agg(
        episodes=("length", "size"), conversations=(who, "nunique"), median_length=("length", "median")
    )
    kinds["share"] = kinds["episodes"] / max(len(table), 1)
    return kinds.sort_values("episodes", ascending=False, kind="stable").reset_index()


@estimator(course)
def episodes(
    turns: object,
    *,
    coded: str = "coded",
    conversation: str = "conversation",
    turn: str = "turn",
    exited: str | None = None,
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    adjust: Adjustment | None = "holm",
) -> Estimates:
    """Estimate how episodes begin and last, and whether turns with the code cluster.

    Parameters
    ----------
    adjust
        `holm`, `bh` or None, over the clustering of all groups of this call.

    Returns
    -------
    Estimates
        By `quantity`: `any_episode`, share of conversations with one; `beginning`, chance of the code at a
        turn after one without it; `going_on`, after one with it; `clustering`, the second less the first,
        with `p_value` (0: turns with the code are strewn at random); `mean_length`, of an episode were it
        not cut short, 1 / (1 - going on), as from a chance that does not change; `left`, share of episodes
        at whose last turn the model left.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Differences between conversations make turns cluster too: `clustering` does not say that one turn brings
    on the next. Intervals are over clusters.

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
    >>> print(bb.patterns.episodes(turns).verdict)
    Any episode: 0.350 (95% interval 0.208 to 0.534) (all 160 observations used; 10 clusters by
    scenario; items as a random sample).
    """
    table = read_coded_turns(
        turns, coded=coded, conversation=conversation, turn=turn, exited=exited, cluster=cluster, by=by
    )

    def rows_of(part: CodedTurns) -> Iterator[Row | str]:
        rows = _rows(part.rows, level, leaving=exited is not None)
        yield from rows
        yield from cluster_warnings(part, rows)

    return answer(
        table,
        rows_of,
        identify=["quantity"],
        tested=lambda row: "p_value" in row,
        family="clustering in all {} groups of this call",
        adjust=adjust,
    )


def _rows(part: pd.DataFrame, level: float, *, leaving: bool) -> list[Row]:
    before = previous(part["_coded"], part, 1)
    now = part["_coded"]
    shows = now == 1
    known = (
        part[now.notna()].groupby("_conversation").agg(any=("_coded", "max"), _cluster=("_cluster", "first"))
    )
    rows = [_rate("any_episode", known["any"], known["_cluster"], level)]
    follows = now.notna() & before.notna()
    for quantity, given in (("beginning", 0), ("going_on", 1)):
        chosen = follows & (before == given)
        rows.append(_rate(quantity, now[chosen], part.loc[chosen, "_cluster"], level))
    rows += [_clustering(now[follows], before[follows], part.loc[follows, "_cluster"], level)]
    rows.append(_mean_length(rows[2]))
    if leaving:
        following = now.groupby(part["_conversation"]).shift(-1)
        ends = shows & (following != 1)
        rows.append(_rate("left", part.loc[ends, "_exited"].astype(float), part.loc[ends, "_cluster"], level))
    return rows


def _rate(quantity: str, values: pd.Series[Any], cluster: pd.Series[Any], level: float) -> Row:
    codes = pd.factorize(cluster)[0]
    n = np.bincount(codes).astype(float)
    fit = clustered_rate(np.bincount(codes, values.to_numpy(dtype=float), len(n)), n, level)
    row = fit_row(fit, n=float(n.sum()), n_clusters=float(len(n)), level=level)
    return {"quantity": quantity, "term": quantity.replace("_", " "), **row}


def _clustering(now: pd.Series[Any], before: pd.Series[Any], cluster: pd.Series[Any], level: float) -> Row:
    """Return the chance of the code after a turn with it, less that after a turn without it."""
    codes = pd.factorize(cluster)[0]
    size = int(codes.max()) + 1 if len(codes) else 0
    value, given = now.to_numpy(dtype=float), before.to_numpy(dtype=float)
    parts = (value * given, value * (1 - given), given, 1 - given)
    sums = np.column_stack([np.bincount(codes, each, size) for each in parts]).astype(float)
    found = curve_jackknife(sums, _difference).at(0)
    fit = difference_fit(found, float(len(codes)), float(size), level)
    row = fit_row(fit, n=float(len(codes)), n_clusters=float(size), level=level)
    p = math.nan if math.isnan(fit.low) else difference_p(found, float(len(codes)), float(size))
    return {"quantity": "clustering", "term": "going on - beginning", **row, "p_value": p}


def _difference(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        gap: Floats = sums[..., 0] / sums[..., 2] - sums[..., 1] / sums[..., 3]
    return gap[..., None]


def _mean_length(going_on: Row) -> Row:
    """Return the mean length of an episode, 1 / (1 - chance of going on); infinite where none ever ebbs."""

    def length(chance: float) -> float:
        return math.inf if chance >= 1 else 1 / (1 - chance)

    chance = going_on["estimate"]
    error = going_on["std_error"] * length(chance) ** 2 if chance < 1 else math.nan
    ends = {name: length(going_on[name]) for name in ("estimate", "low", "high")}
    method = f"1 / (1 - going on), {going_on['method']}"
    return {
        **going_on,
        **ends,
        "quantity": "mean_length",
        "term": "mean length",
        "std_error": error,
        "method": method,
    }
