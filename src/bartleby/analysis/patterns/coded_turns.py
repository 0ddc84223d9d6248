"""Turns with a code: codings joined to the turn table, and the table checked for what looks at patterns.

A pattern is where a code stands among the turns of a conversation, so one row is one turn of the model: which
conversation, which turn, coded or not (missing where the coder said nothing), whether the model left at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from bartleby.analysis.coding.unit_clusters import cluster_candidates, few_clusters, find_clusters
from bartleby.analysis.sample.answer import Grouped
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.grouping import group_names, missing_columns
from bartleby.errors import DataError

__all__ = [
    "NOT_CORRECTED",
    "CodedTurns",
    "cluster_warnings",
    "coded_turns",
    "previous",
    "read_coded_turns",
]

NOT_CORRECTED = (
    "codes are taken as the coder gave them and are not corrected for its errors: hand-label a subsample and "
    "see `prevalence` and `coder_agreement` for how far they can be off"
)


MOST_LEVELS = 20
"""The most levels of a graded code, each of which has a curve of its own."""
SHARES = frozenset(
    {
        *("first_coded", "left_first", "still_there", "had_all_stayed"),
        *("at_offset", "before", "after", "any_episode", "beginning", "going_on", "left"),
        *("preceded", "expected", "left_afterwards"),
    }
)
"""Quantities that are shares of turns, conversations or exits."""


@dataclass(frozen=True, eq=False)
class CodedTurns(Grouped):
    """Coded turns, checked, in order of conversation and turn.

    Rows have `_conversation` and `_cluster` (whole numbers from 0), `_turn`, `_coded` (1, 0, NaN), `_exited`
    (bool), beside the columns asked for under their own names.

    Parameters
    ----------
    lowest
        The level of a graded code above which it is there.
    """

    lowest: float = 0.0

    def split(self, groups: Sequence[str] | None = None) -> Iterator[Self]:
        """Yield the turns of each group, with clusters numbered from 0 in it."""
        for part in super().split(groups):
            yield replace(part, rows=_renumbered(part.rows))

    def accounting(self, bounds: dict[str, tuple[float, float]] | None = None) -> Accounting:
        """Return how many turns were coded as what."""
        known = float(self.rows["_coded"].notna().sum())
        present = float((self.rows["_coded"] > self.lowest).sum())
        return Accounting(
            {"present": present, "absent": known - present, "not coded": float(len(self.rows)) - known},
            {
                "present": "a turn with the code",
                "absent": "a turn without it",
                "not coded": "left out: the coder gave no value",
            },
            known,
            bounds or {},
        )


def coded_turns(
    turns: pd.DataFrame,
    codings: pd.DataFrame,
    *,
    coder: str,
    codes: str | Iterable[str] | None = None,
    conversation: str = "conversation",
    turn: str = "turn",
    present: int | None = 1,
) -> pd.DataFrame:
    """Return a turn table with a column for each code, as the functions that look at patterns take it.

    Parameters
    ----------
    turns
        One row a turn of the model; of a table with `speaker`, the assistant's rows are taken.
    codings
        Codings of turns, one row a turn, code and coder (`bartleby.code`, `judge_codings`).
    coder
        Whose codings.
    codes
        Which codes; None takes all.
    conversation, turn
        Columns of `turns` that say which turn it is.
    present
        The level from which a code counts as there; None keeps the levels as they are, for a graded code.

    Returns
    -------
    DataFrame
        `turns` with a column named like each code: 1, 0 (or its level), or missing where the coder gave no
        value.

    Raises
    ------
    DataError
        Naming a coder or code that is not there, and codings of turns that are not in the table.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> turns = bb.annotation.read_turns("leave.db")
    >>> coded = bb.patterns.coded_turns(turns, bb.annotation.code("leave.db"), coder="lexicon")
    >>> len(turns), len(coded)
    (2187, 1053)
    """
    missing_columns(list(turns.columns), conversation=conversation, turn=turn)
    missing_columns(list(codings.columns), codings="conversation", turn="turn", code="code", value="value")
    own = codings[codings["coder"].astype(str) == coder]
    if own.empty:
        there = ", ".join(sorted(set(codings["coder"].astype(str))))
        raise DataError(f"coder={coder!r}: coded nothing; coders here: {there or 'none'}")
    known = own["code"].astype(str).unique().tolist()
    wanted = known if codes is None else [codes] if isinstance(codes, str) else list(codes)
    taken = [name for name in wanted if name in turns.columns]
    problems = [
        f"code {name!r}: not coded by {coder!r}; codes: {', '.join(known)}"
        for name in wanted
        if name not in known
    ]
    problems += [f"code {name!r}: the table of turns has a column of that name" for name in taken]
    if own["turn"].isna().any():
        problems.append(
            f"coder {coder!r}: codings without a turn (of whole transcripts) have no course over turns"
        )
    if problems:
        raise DataError(problems)
    kept = turns[turns["speaker"] == "assistant"] if "speaker" in turns else turns
    place = pd.MultiIndex.from_arrays([kept[conversation].astype(str), kept[turn].astype("Int64")])
    own = own[own["code"].isin(wanted)]
    level = pd.to_numeric(own["value"]).astype("Float64")
    value = level if present is None else (level >= present).astype("Float64")
    own = own.assign(
        _value=value.where(own["value"].notna()),
        conversation=own["conversation"].astype(str),
        turn=own["turn"].astype("Int64"),
    )
    at = pd.MultiIndex.from_frame(own[["conversation", "turn"]])
    if not at.isin(place).all():
        stranger = own[~at.isin(place)].iloc[0]
        raise DataError(
            f"{int((~at.isin(place)).sum())} codings are of turns that are not in the table, such as "
            f"conversation {stranger['conversation']!r}, turn {stranger['turn']}"
        )
    wide = own.pivot_table(index=["conversation", "turn"], columns="code", values="_value", aggfunc="first")
    found = wide.reindex(index=place, columns=wanted)
    columns = {
        name: (found[name].astype("Float64") if present is None else found[name].astype("Int8")).array
        for name in wanted
    }
    return kept.assign(**columns).reset_index(drop=True)


def read_coded_turns(
    turns: object,
    *,
    coded: str | None,
    conversation: str,
    turn: str,
    exited: str | None = None,
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    others: Iterable[str] = (),
    flags: Iterable[str] = (),
    graded: bool = False,
) -> CodedTurns:
    """Check a table of coded turns.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model.
    coded
        Column of 1 and 0, missing where not coded; None if there is none.
    conversation, turn
        Columns that say which turn it is.
    exited
        Column that says whether the model left at the turn; None: it never did.
    cluster
        A column, None to look for one, such as the scenario, that holds whole conversations together; without
        any, and with False, conversations are clusters.
    by
        Columns that split the table; `model` does so by itself.
    others
        Further columns kept as they are.
    flags
        Further columns of 1, 0 or missing, kept as numbers.
    graded
        Whether `coded` holds levels and not 1 and 0.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong: columns that are not there, values that are not 0 or 1, a turn that
        is no whole number or is there twice, turns after the one at which the model left, a conversation in
        several clusters.
    """
    frame = as_frame(turns)
    names = column_names(frame)
    flags, others = list(flags), list(others)
    missing_columns(names, coded=coded, conversation=conversation, turn=turn, exited=exited)
    missing_columns(names, **{f"column {name}": name for name in (*flags, *others)})
    roles = [name for name in (coded, conversation, turn, exited) if name]
    groups = group_names(names, by, not_by=roles)
    possible = cluster_candidates(frame, cluster, taken=[*groups, *roles])
    if isinstance(cluster, str) and cluster not in names:
        raise DataError(f"cluster: no column {cluster!r}; columns here: {', '.join(names)}")
    kept = frame.select(list(dict.fromkeys([*groups, *roles, *possible, *flags, *others])))
    every = (kept.collect() if hasattr(kept, "collect") else kept).to_pandas().reset_index(drop=True)
    if every.empty:
        raise DataError("the table has no rows; it takes one row a turn of the model")
    problems: list[str] = []
    table = every[list(dict.fromkeys([*groups, *others]))].copy()
    table["_turn"] = _whole(every[turn], turn, problems)
    levels = _levels if graded else _flag
    table["_coded"] = levels(every[coded], coded, problems) if coded else np.nan
    table["_exited"] = _flag(every[exited], exited, problems).fillna(0) == 1 if exited else False
    for name in flags:
        table[name] = _flag(every[name], name, problems)
    if every[conversation].isna().any():
        problems.append(f"column {conversation!r}: empty in {int(every[conversation].isna().sum())} rows")
    if problems:
        raise DataError(problems)
    keys = list(dict.fromkeys([*groups, conversation]))
    table["_conversation"] = every.groupby(keys, sort=True, dropna=False).ngroup()
    found, values, warnings = find_clusters(
        frame, cluster, every[list(possible)], table["_conversation"], noun="conversation"
    )
    if values.isna().any():
        raise DataError(
            f"column {found.column!r}: empty in {int(values.isna().sum())} rows; it names the clusters"
        )
    table["_cluster"] = pd.factorize(values.astype(str), sort=True)[0]
    table = table.sort_values(["_conversation", "_turn"], kind="stable").reset_index(drop=True)
    _check_order(table, every[conversation], cluster=[found.column] if found.column else [])
    words = found.described if found.column else f"{conversation} (no other cluster)"
    return CodedTurns(table, groups, words, (*warnings, NOT_CORRECTED))


def cluster_warnings(part: CodedTurns, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what one cluster, or a few where the code is rare, cannot say about others.

    Parameters
    ----------
    part
        The turns of a group.
    rows
        Its rows; those of shares are looked at.
    """
    cluster = part.rows["_cluster"]
    if (cluster == cluster.iloc[0]).all():
        return [f"{part.prefix}one cluster only: there is no interval for new ones"]
    return few_clusters((row for row in rows if row["quantity"] in SHARES), part.key)


def previous(values: pd.Series[Any], table: pd.DataFrame, lag: int) -> pd.Series[Any]:
    """Return values of `lag` turns before in the same conversation, NaN where that turn is not there."""
    earlier = values.groupby(table["_conversation"]).shift(lag)
    then = table["_turn"].groupby(table["_conversation"]).shift(lag)
    return earlier.where(table["_turn"] - then == lag)


def _renumbered(part: pd.DataFrame) -> pd.DataFrame:
    part = part.reset_index(drop=True)
    codes = {name: pd.factorize(part[name])[0].astype(np.int64) for name in ("_cluster", "_conversation")}
    return part.assign(**codes)


def _whole(values: pd.Series[Any], name: str, problems: list[str]) -> pd.Series[Any]:
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    bad = ~((numbers >= 1) & (numbers % 1 == 0))
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        problems.append(
            f"row {row + 1}, column {name!r}: {_shown(values.iloc[row])}; turns are numbered from 1"
        )
        return numbers
    return numbers.astype(np.int64)


def _flag(values: pd.Series[Any], name: str, problems: list[str]) -> pd.Series[Any]:
    numbers = pd.to_numeric(values.astype("object").where(values.notna(), None), errors="coerce").astype(
        float
    )
    bad = values.notna() & ~numbers.isin([0, 1])
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        problems.append(f"row {row + 1}, column {name!r}: {_shown(values.iloc[row])}; allowed: 0, 1 or empty")
    return numbers


def _levels(values: pd.Series[Any], name: str, problems: list[str]) -> pd.Series[Any]:
    """Return levels as numbers, NaN where empty."""
    numbers = pd.to_numeric(values.astype("object").where(values.notna(), None), errors="coerce").astype(
        float
    )
    bad = values.notna() & ~np.isfinite(numbers)
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        problems.append(
            f"row {row + 1}, column {name!r}: {_shown(values.iloc[row])}; levels of a graded code are numbers"
        )
    several = numbers.nunique()
    if several > MOST_LEVELS:
        problems.append(
            f"column {name!r}: {several} levels; allowed for a graded code: {MOST_LEVELS} or fewer"
        )
    return numbers


def _shown(value: object) -> str:
    item = getattr(value, "item", None)
    return repr(item() if callable(item) else value)


def _check_order(table: pd.DataFrame, conversation: pd.Series[Any], *, cluster: list[str]) -> None:
    problems = []
    twice = table.duplicated(["_conversation", "_turn"])
    names = conversation.drop_duplicates().tolist()

    def example(which: pd.Series[Any]) -> str:
        row = table[which].iloc[0]
        return f"turn {row['_turn']:g} of conversation number {row['_conversation'] + 1:g}"

    if twice.any():
        problems.append(
            f"{int(twice.sum())} turns are there twice, such as {example(twice)} (of {len(names)}); "
            "code one thing at a time"
        )
    left = table.groupby("_conversation")["_exited"].cumsum() - table["_exited"]
    if (left > 0).any():
        problems.append(f"there are turns after the one at which the model left, such as {example(left > 0)}")
    if cluster:
        several = table.groupby("_conversation")["_cluster"].transform("nunique") > 1
        if several.any():
            problems.append(f"a conversation has several values of {cluster[0]!r}: {example(several)}")
    if problems:
        raise DataError(problems)
