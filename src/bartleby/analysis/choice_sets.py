"""Choices among more than two: conditional logit and Plackett-Luce on tables in long form.

One row an alternative offered, with the set it was offered in and whether it was chosen, or its rank. An
outside option ("none of these") can be part of every set, with a utility of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from bartleby.analysis.accounting import Accounting
from bartleby.analysis.bradley_terry import Maximum, maximise
from bartleby.analysis.choice_fit import t_quantile
from bartleby.analysis.choice_layout import NEITHER
from bartleby.analysis.choice_options import as_names
from bartleby.analysis.counts import as_frame, column_names
from bartleby.analysis.estimates import Estimates, estimate_frame
from bartleby.analysis.profile import profile_bounds
from bartleby.analysis.sandwich import cluster_covariance
from bartleby.analysis.separation import components, polyhedral_separation
from bartleby.analysis.set_likelihood import SetDesign
from bartleby.errors import DataError, SettingError

__all__ = ["choice_sets"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def choice_sets(
    alternatives: object,
    *,
    baseline: str | None = None,
    cluster: str | None = "menu",
    by: str | Sequence[str] | None = None,
    neither: bool = False,
    slot: bool = True,
    bias_reduced: bool | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimates:
    """Estimate utilities from choices or rankings among several items.

    Parameters
    ----------
    alternatives
        Any table that narwhals reads, one row an alternative, with `set`, `item`, and `chosen` (0 or 1) or
        `rank` (1 the best; empty for what was not ranked). `position` (1, 2, ... as shown) gives a slot
        effect, `count` weights sets, `model` gives each model a fit of its own.
    baseline
        Item whose utility is zero (`neither` too); without one utilities sum to zero.
    cluster
        `menu` (sets that offer the same items), any column, or None for independent sets.
    by
        Further columns whose levels get a fit of their own.
    neither
        Every set also offered to take none; a set without a choice took it. Otherwise such sets are left
        out.
    slot
        Estimate the effect of being shown first, where there is a column `position`.
    bias_reduced
        Firth's estimates with profile intervals; None uses them where the data are separated.
    level
        Confidence level.
    seed
        Kept in the settings; nothing here is random.

    Returns
    -------
    Estimates
        One row an item, then `neither` and `slot`, in logits.

    Raises
    ------
    DataError, SettingError
        Everything that is wrong, at once.
    """
    if not 0 < level < 1:
        raise SettingError(f"level={level!r}: must be between 0 and 1, such as 0.95")
    table, groups = _read(alternatives, cluster, as_names(by))
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    counts = {"chosen": 0.0, "none chosen": 0.0}
    parts = table.groupby(list(groups), sort=True) if groups else [((), table)]
    for key, part in parts:
        named = dict(zip(groups, key, strict=True)) if groups else {}
        sets = _Sets.of(part, cluster, neither=neither, slot=slot)
        counts["chosen"] += sets.n_chosen
        counts["none chosen"] += sets.n_none
        found, told = _fit(sets, baseline, level, bias_reduced, cluster)
        rows += [{**named, **row} for row in found]
        notes += [f"{''.join(f'{k}={v}: ' for k, v in named.items())}{note}" for note in told]
    taken = "a choice of neither item" if neither else "left out"
    used = counts["chosen"] + (counts["none chosen"] if neither else 0.0)
    accounting = Accounting(counts, {"chosen": "a choice from the set", "none chosen": taken}, used)
    settings: dict[str, Any] = {
        "baseline": baseline,
        "cluster": cluster,
        "by": list(as_names(by)),
        "neither": neither,
    }
    settings |= {"slot": slot, "bias_reduced": bias_reduced, "level": level, "seed": seed}
    return Estimates(estimate_frame(rows, groups), accounting, tuple(notes), settings)


@dataclass(frozen=True, eq=False)
class _Sets:
    """Alternatives of identical choices merged: one stage a menu (or what is left of it) and cluster.

    `items` are all items; `item`, `first`, `stage` and `count` are by alternative, the last being how often
    it was chosen; `cluster` is by stage.
    """

    items: tuple[str, ...]
    item: Integers
    first: Floats
    stage: Integers
    count: Floats
    cluster: Integers
    n_chosen: float
    n_none: float
    has_slot: bool

    @classmethod
    def of(cls, part: pd.DataFrame, cluster: str | None, *, neither: bool, slot: bool) -> _Sets:
        """Return the choices of one group."""
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
        chose = np.bincount(set_code[rank == 1], minlength=n_sets) > 0
        given = pd.factorize(rows[cluster])[0] if cluster not in (None, "menu") else set_code
        cluster_of_set = np.zeros(n_sets, dtype=np.int64)
        cluster_of_set[set_code] = given
        if neither:
            set_code = np.append(set_code, np.arange(n_sets))
            item = np.append(item, np.full(n_sets, len(names)))
            first = np.append(first, np.zeros(n_sets))
            rank = np.append(rank, np.where(chose, np.nan, 1.0))
            names = [*names, NEITHER]
        if cluster == "menu":
            cluster_of_set = np.unique(_signature(set_code, item, n_sets), return_inverse=True)[1]
        offered = pd.DataFrame({"set": set_code, "item": item, "first": first, "rank": rank})
        offered["cluster"], offered["weight"] = cluster_of_set[set_code], of_set[set_code]
        stages = _stages(offered)
        return cls(tuple(names), *stages, float(of_set[chose].sum()), float(of_set[~chose].sum()), has_slot)


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


def _fit(
    sets: _Sets, baseline: str | None, level: float, bias_reduced: bool | None, cluster: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Fit one group and return its rows and warnings."""
    if baseline is not None and baseline not in sets.items:
        raise SettingError(f"baseline={baseline!r} is none of its items: {', '.join(sets.items[:20])}")
    notes = []
    if _parts(sets) > 1:
        raise DataError("the items form groups that are never offered together: fit each of them by itself")
    reference = sets.items.index(baseline) if baseline is not None else 0
    size = len(sets.items)
    X = np.zeros((len(sets.item), size + sets.has_slot))
    X[np.arange(len(X)), sets.item] = 1.0
    if sets.has_slot:
        X[:, -1] = sets.first
    X = np.delete(X, reference, axis=1)
    contrasts = np.delete(np.eye(size + sets.has_slot), reference, axis=1)
    if baseline is None:
        contrasts[:size] -= contrasts[:size].mean(axis=0)
    design = SetDesign(X, sets.stage)
    moved = polyhedral_separation(_differences(sets, X))
    penalised = bool(moved.any()) if bias_reduced is None else bias_reduced
    if moved.any():
        apart = [sets.items[at] for at in range(size) if np.abs(contrasts[at]) @ moved > 0]
        notes.append(f"separated data ({', '.join(apart)}): no finite maximum-likelihood estimate")
    top = maximise(design, sets.count[None], penalised=penalised)
    names = (*sets.items, *(["slot"] if sets.has_slot else []))
    estimates = contrasts @ top.estimated[0]
    if not top.converged[0] or (moved.any() and not penalised):
        notes.append("the fit did not converge: no estimate is reported")
        estimates = np.full(len(names), np.nan)
        error = low = high = df = estimates
        method, n_clusters = "did not converge", math.nan
    else:
        error, low, high, df, method, n_clusters = _intervals(
            sets, design, top, contrasts, level=level, cluster=cluster, penalised=penalised
        )
        if n_clusters < 2 and cluster is not None:
            notes.append(f"one cluster ({cluster}): no interval; cluster=None takes sets as independent")
    offered = np.bincount(sets.item, np.bincount(sets.stage, sets.count)[sets.stage], size)
    rows = []
    for at, term in enumerate(names):
        row = {"term": term, "estimate": estimates[at], "std_error": error[at], "low": low[at]}
        row |= {"high": high[at], "level": level, "n": offered[at] if at < size else sets.count.sum()}
        row |= {"n_clusters": n_clusters, "method": method, "df": df[at]}
        if term == baseline:
            row |= dict.fromkeys(("std_error", "low", "high", "df"), math.nan)
            row |= {"estimate": 0.0, "method": "baseline"}
        rows.append(row)
    return rows, notes


def _intervals(
    sets: _Sets,
    design: SetDesign,
    top: Maximum,
    contrasts: Floats,
    *,
    level: float,
    cluster: str | None,
    penalised: bool,
) -> tuple[Floats, Floats, Floats, Floats, str, float]:
    """Return standard errors, bounds, degrees of freedom, method and clusters."""
    estimates = contrasts @ top.estimated[0]
    covariance = np.linalg.inv(top.information[0])
    named = (
        "conditional logit, bias-reduced (Firth)" if penalised else "conditional logit, maximum likelihood"
    )
    nothing = np.full(len(estimates), np.nan)
    scale, n_clusters, robust = 1.0, math.nan, None
    if cluster is not None:
        log_probability, centred = design.probabilities(top.estimated[0])
        total = np.bincount(sets.stage, sets.count)[sets.stage]
        roots = np.sqrt(total * np.exp(log_probability))[:, None] * centred
        owner = sets.cluster[sets.stage]
        robust = cluster_covariance(sets.count[:, None] * centred, owner, roots, owner)
        n_clusters = robust.n_clusters
        if n_clusters < 2:
            return nothing, nothing, nothing, nothing, f"{named}; one cluster, no interval", n_clusters
        scale = max(1.0, float(np.sum(robust.covariance * top.information[0])) / len(covariance))
    if penalised:
        told = np.abs(contrasts).max(axis=1) > 1e-12
        found = profile_bounds(design, sets.count[None], top, contrasts[told], level=level, scale=scale)
        low, high = nothing.copy(), nothing.copy()
        low[told], high[told] = found.low, found.high
        error = np.sqrt(scale * np.einsum("kp,pq,kq->k", contrasts, covariance, contrasts))
        return error, low, high, nothing, f"{named}; profile penalised likelihood", n_clusters
    if robust is None:
        error = np.sqrt(np.einsum("kp,pq,kq->k", contrasts, covariance, contrasts))
        df, kind = np.full(len(estimates), np.inf), "sets independent, z"
    else:
        error, df = robust.standard_errors(contrasts), robust.degrees_of_freedom(contrasts)
        kind = f"CR2 by {cluster}, Satterthwaite t"
    half = t_quantile(level, df) * error
    return error, estimates - half, estimates + half, df, f"{named}; {kind}", n_clusters


def _parts(sets: _Sets) -> int:
    starts = np.flatnonzero(np.diff(sets.stage, prepend=-1))
    return int(components(sets.item[starts][sets.stage], sets.item, len(sets.items)).max()) + 1


def _differences(sets: _Sets, X: Floats) -> sparse.csr_array:
    """Return features of each chosen alternative less those of each other one of its stage."""
    sizes = np.bincount(sets.stage)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    chosen = np.flatnonzero(sets.count > 0)
    length = sizes[sets.stage[chosen]]
    mine = np.repeat(chosen, length)
    offset = np.arange(len(mine)) - np.repeat(np.cumsum(length) - length, length)
    other = np.repeat(starts[sets.stage[chosen]], length) + offset
    keep = mine != other
    return sparse.csr_array(X[mine[keep]] - X[other[keep]])


def _read(
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
    if problems:
        raise DataError(problems)
    extra = [name for name in ("chosen", "rank", "position", "count") if name in names]
    eager = frame.select(list(dict.fromkeys([*wanted, *extra])))
    table = (eager.collect() if hasattr(eager, "collect") else eager).to_pandas().reset_index(drop=True)
    if table.empty:
        raise DataError("the table has no rows")
    if "rank" not in names:
        table["rank"] = np.where(pd.to_numeric(table["chosen"], errors="coerce") == 1, 1.0, np.nan)
    problems = _row_problems(table)
    if problems:
        raise DataError(problems)
    table["item"] = table["item"].astype(str)
    # A set is a set of one group: the same name in two models is two sets.
    table["set"] = table.groupby([*groups, "set"], sort=False).ngroup()
    return table, groups


def _row_problems(table: pd.DataFrame) -> list[str]:
    checks = [
        (table["set"].isna(), "column 'set': empty"),
        (table["item"].isna(), "column 'item': empty"),
        (
            table.duplicated(["set", "item", *(["model"] if "model" in table else [])]),
            "offered twice in its set",
        ),
    ]
    rank = pd.to_numeric(table["rank"], errors="coerce")
    checks.append((table["rank"].notna() & ~(rank >= 1), "column 'rank': must be 1, 2, ... or empty"))
    keys = ["set", *(["model"] if "model" in table else [])]
    tied = table["rank"].notna() & table.duplicated([*keys, "rank"])
    what = "two ranks are the same" if "chosen" not in table else "a second choice"
    checks.append((tied, f"{what} in one set"))
    if "chosen" in table:
        number = pd.to_numeric(table["chosen"], errors="coerce")
        checks.append((~number.isin([0, 1]), "column 'chosen': must be 0 or 1"))
    if "count" in table:
        weight = pd.to_numeric(table["count"], errors="coerce")
        checks.append((~(weight >= 0) | ~np.isfinite(weight), "column 'count': must be 0 or more"))
    return [
        f"row {int(np.argmax(bad.to_numpy())) + 1}: {text} ({int(bad.sum())} rows)"
        for bad, text in checks
        if bad.any()
    ]
