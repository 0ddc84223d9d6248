"""Tables of choices among several: checked, and identical choices merged into stages that are fitted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.layout import NEITHER
from bartleby.analysis.choice.table import TERMS
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.grouping import taken_names
from bartleby.errors import DataError
from bartleby.outcome import CHOICES, Outcome

__all__ = ["CHOSEN", "NONE_CHOSEN", "Sets", "read_sets"]

CHOSEN, NONE_CHOSEN = "chosen", "none chosen"
"""How a set ended from which something was chosen, and one of which it is only known that nothing was."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sets:
    """Alternatives of identical choices merged: one stage a menu (or what is left of it) and cluster.

    `items` are all items; `item`, `first`, `stage` and `count` are by alternative, the last being how often
    it was chosen; `cluster` is by stage. `ended` are sets by how they ended: chosen from, or else.
    """

    items: tuple[str, ...]
    item: Integers
    first: Floats
    stage: Integers
    count: Floats
    cluster: Integers
    ended: Mapping[str, float]
    has_slot: bool

    @classmethod
    def of(
        cls, part: pd.DataFrame, cluster: str | None, *, none: Collection[str] = (), slot: bool = True
    ) -> Sets:
        """Return the choices of one group, where sets that ended in `none` were a choice of none."""
        rows = part.reset_index(drop=True)
        set_code = pd.factorize(rows["set"])[0]
        names = sorted(set(rows["item"]))
        item = pd.Index(names).get_indexer(pd.Index(rows["item"])).astype(np.int64)
        weight = rows["count"].to_numpy(dtype=float) if "count" in rows else np.ones(len(rows))
        rank: Floats = rows["rank"].to_numpy(dtype=float)
        has_slot = slot and "position" in rows
        first: Floats = np.zeros(len(rows))
        if has_slot:
            first = np.asarray(rows["position"] == 1, dtype=np.float64)
        n_sets = int(set_code.max()) + 1
        of_set: Floats = np.zeros(n_sets)
        of_set[set_code] = weight
        ended = np.empty(n_sets, dtype=object)
        ended[set_code] = rows["ended"]
        chose = ended == CHOSEN
        took_none = np.isin(ended, list(none))
        given = pd.factorize(rows[cluster])[0] if cluster not in (None, "menu") else set_code
        cluster_of_set = np.zeros(n_sets, dtype=np.int64)
        cluster_of_set[set_code] = given
        if none:
            set_code = np.append(set_code, np.arange(n_sets))
            item = np.append(item, np.full(n_sets, len(names)))
            first = np.append(first, np.zeros(n_sets))
            rank = np.append(rank, np.where(took_none, 1.0, np.nan))
            names = [*names, NEITHER]
        if cluster == "menu":
            cluster_of_set = np.unique(_signature(set_code, item, n_sets), return_inverse=True)[1]
        offered = pd.DataFrame({"set": set_code, "item": item, "first": first, "rank": rank})
        offered["cluster"], offered["weight"] = cluster_of_set[set_code], of_set[set_code]
        stages = _stages(offered[(chose | took_none)[set_code]])
        totals = {str(each): float(of_set[ended == each].sum()) for each in pd.unique(ended)}
        return cls(tuple(names), *stages, totals, has_slot)


def _stages(offered: pd.DataFrame) -> tuple[Integers, Floats, Integers, Floats, Integers]:
    """Return choices one after another as merged stages: item, first, stage, count, cluster of stage."""
    frames = []
    last = offered["rank"].max()
    for place in range(1, 1 if pd.isna(last) else int(last) + 1):
        left = offered[~(offered["rank"] < place) & (offered["weight"] > 0)]
        chosen = left["rank"] == place
        sets = left.groupby("set")["set"].transform("size").gt(1) & chosen.groupby(left["set"]).transform(
            "any"
        )
        count = np.where(chosen, left["weight"], 0.0)
        frames.append(left.assign(place=place, count=count)[sets])
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if rows.empty:
        raise DataError("no set has a choice among two or more items, so there is nothing to estimate")
    one = pd.factorize(rows["set"] * (int(rows["place"].max()) + 1) + rows["place"])[0]
    code = (rows["item"] * 2 + rows["first"].astype(int)).to_numpy()
    rows["stage"] = _signature(one, code, int(one.max()) + 1)[one]
    merged = rows.groupby(["cluster", "stage", "item", "first"], sort=True)["count"].sum().reset_index()
    merged = merged.sort_values(["cluster", "stage", "item"], kind="stable").reset_index(drop=True)
    stage = pd.factorize(pd.MultiIndex.from_frame(merged[["cluster", "stage"]]))[0].astype(np.int64)
    cluster = np.zeros(int(stage.max()) + 1, dtype=np.int64)
    cluster[stage] = np.unique(merged["cluster"], return_inverse=True)[1]
    return (
        merged["item"].to_numpy(dtype=np.int64),
        merged["first"].to_numpy(dtype=float),
        stage,
        merged["count"].to_numpy(dtype=float),
        cluster,
    )


def _signature(group: Integers, code: Integers, n_groups: int) -> Integers:
    """Return a number for the collection of codes in each group: equal exactly where these are.

    Each code stands for random bits whose sums differ unless the collections are the same.
    """
    bits = np.random.default_rng(0).integers(
        0, 2**62, size=(2, int(code.max(initial=0)) + 1), dtype=np.uint64
    )
    sums = np.zeros((2, n_groups), dtype=np.uint64)
    for at in (0, 1):
        np.add.at(sums[at], group, bits[at][code])
    return np.unique(sums, axis=1, return_inverse=True)[1].ravel().astype(np.int64)


def read_sets(
    alternatives: object, cluster: str | None, by: tuple[str, ...]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Check a table of alternatives; `chosen` becomes a rank of 1."""
    frame = as_frame(alternatives)
    names = column_names(frame)
    groups = tuple(dict.fromkeys([*(["model"] if "model" in names else []), *by]))
    wanted = ["set", "item", *groups, *([cluster] if cluster not in (None, "menu") else [])]
    problems = [
        f"column {name!r} is missing; columns here: {', '.join(names)}"
        for name in wanted
        if name not in names
    ]
    if "chosen" not in names and "rank" not in names:
        problems.append("column 'chosen' (0 or 1) or 'rank' (1 the best) is missing")
    problems += taken_names(groups)
    if problems:
        raise DataError(problems)
    extra = [name for name in ("chosen", "rank", "position", "count", "outcome") if name in names]
    eager = frame.select(list(dict.fromkeys([*wanted, *extra])))
    table = (eager.collect() if hasattr(eager, "collect") else eager).to_pandas().reset_index(drop=True)
    if table.empty:
        raise DataError("the table has no rows")
    if "rank" not in names:
        table["rank"] = np.where(pd.to_numeric(table["chosen"], errors="coerce") == 1, 1.0, np.nan)
    table["rank"] = pd.to_numeric(table["rank"], errors="coerce").where(table["rank"].notna())
    problems = _row_problems(table, groups)
    if problems:
        raise DataError(problems)
    table["item"] = table["item"].astype(str)
    # A set is a set of one group: the same name in two models is two sets.
    table["set"] = table.groupby([*groups, "set"], sort=False).ngroup()
    chose = table["rank"].eq(1).groupby(table["set"]).transform("any")
    otherwise = table["outcome"].astype(str) if "outcome" in table else NONE_CHOSEN
    table["ended"] = np.where(chose, CHOSEN, otherwise)
    return table, groups


def _row_problems(table: pd.DataFrame, groups: tuple[str, ...]) -> list[str]:
    """Report what is wrong, one line for each kind of it, with the first row it is in."""
    of_set = [*groups, "set"]
    item = table["item"].astype(str)
    checks = [
        (table["set"].isna(), "column 'set': empty"),
        (table["item"].isna(), "column 'item': empty"),
        (
            item.isin(TERMS),
            f"column 'item': called as a term of the model is ({', '.join(TERMS)}); rename it",
        ),
        (table.duplicated([*of_set, "item"]), "offered twice in its set"),
        *_rank_checks(table, of_set),
    ]
    if "chosen" in table:
        number = pd.to_numeric(table["chosen"], errors="coerce")
        checks.append((~number.isin([0, 1]), "column 'chosen': must be 0 or 1"))
    if "count" in table:
        weight = pd.to_numeric(table["count"], errors="coerce")
        checks.append((~(weight >= 0) | ~np.isfinite(weight), "column 'count': must be 0 or more"))
        checks.append((_varies(table, "count", of_set), "column 'count': differs within a set"))
    if "position" in table:
        place = pd.to_numeric(table["position"], errors="coerce")
        checks.append((~(place >= 1) | (place % 1 != 0), "column 'position': must be 1, 2, ... as shown"))
    if "outcome" in table:
        checks += _outcome_checks(table, of_set)
    return [
        f"row {int(np.argmax(bad.to_numpy())) + 1}: {text} ({int(bad.sum())} rows)"
        for bad, text in checks
        if bad.any()
    ]


def _rank_checks(table: pd.DataFrame, of_set: list[str]) -> list[tuple[pd.Series[bool], str]]:
    rank = table["rank"]
    known = rank.notna()
    tied = known & table.duplicated([*of_set, "rank"])
    keys = [table[name] for name in of_set]
    # As many ranks as the last one says; a set with ties is told of already.
    gaps = rank.groupby(keys, dropna=False).transform("max") > known.groupby(keys, dropna=False).transform(
        "sum"
    )
    again = tied.groupby(keys, dropna=False).transform("any")
    return [
        (known & (~(rank >= 1) | (rank % 1 != 0)), "column 'rank': must be 1, 2, ... or empty"),
        (
            tied,
            "two ranks are the same in one set" if "chosen" not in table else "a second choice in one set",
        ),
        (known & gaps & ~again, "column 'rank': a rank before it is missing in its set"),
    ]


def _outcome_checks(table: pd.DataFrame, of_set: list[str]) -> list[tuple[pd.Series[bool], str]]:
    outcome = table["outcome"].astype(str)
    keys = [table[name] for name in of_set]
    chose = table["rank"].eq(1).groupby(keys, dropna=False).transform("any")
    words = [str(word) for word in Outcome if word not in CHOICES]
    return [
        (_varies(table, "outcome", of_set), "column 'outcome': differs within a set"),
        (
            ~chose & ~outcome.isin(words),
            f"column 'outcome': of a set without a choice, must be one of {', '.join(words)}",
        ),
        (chose & outcome.isin(words), "column 'outcome': says that nothing was chosen, and something was"),
    ]


def _varies(table: pd.DataFrame, name: str, of_set: list[str]) -> pd.Series[bool]:
    """Return the rows whose value is not that of the first row of their set."""
    value = table[name].astype(str)
    return value != value.groupby([table[each] for each in of_set], dropna=False).transform("first")
