"""Choices among more than two: conditional logit and Plackett-Luce on tables in long form.

One row an alternative offered, with the set it was offered in and whether it was chosen, or its rank. An
outside option ("none of these") can be part of every set, with a utility of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.bradley_terry import Maximum, maximise
from bartleby.analysis.choice.contrast_intervals import ContrastIntervals, contrast_intervals, no_intervals
from bartleby.analysis.choice.options import Exits, unknown_words
from bartleby.analysis.choice.separation import polyhedral_separation
from bartleby.analysis.choice.sets.data import CHOSEN, NONE_CHOSEN, Sets, read_sets
from bartleby.analysis.choice.sets.layout import SetLayout, set_layout
from bartleby.analysis.choice.sets.likelihood import SetDesign
from bartleby.analysis.inference.sandwich import RobustCovariance, cluster_covariance
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import as_names, level_problems
from bartleby.analysis.tables.labels import group_prefix
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome

__all__ = ["choice_sets", "fit_sets"]

Floats = npt.NDArray[np.float64]


def choice_sets(
    alternatives: object,
    *,
    baseline: str | None = None,
    cluster: str | Literal[False] | None = None,
    by: str | Sequence[str] | None = None,
    neither: bool = False,
    refusals: Exits = "left_out",
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
        effect, `count` weights sets, `model` gives each model a fit of its own. `outcome` says how sets
        ended in which nothing was chosen, in the words of `Outcome`.
    baseline
        Item whose utility is zero (`neither` too); without one utilities sum to zero. Items that are never
        offered with it, directly or by way of others, have no utility on its scale and no estimate; without
        a baseline each such group of items has a scale of its own, and a column `component` says which.
    cluster
        `menu` (sets that offer the same items) or any column; None takes the menu, False takes sets as
        independent.
    by
        Further columns whose levels get a fit of their own.
    neither
        Every set also offered to take none. A set without a choice took it, or, if there is an `outcome`, one
        that is `opted_out`; what is missing never did. Otherwise such sets are left out.
    refusals
        `neither` makes `refused` a choice of none, too.
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

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (menu, item, int(item == "abc"[menu % 3 if menu % 4 else 0]))
    ...     for menu in range(60)
    ...     for item in "abc"
    ... ]
    >>> alternatives = pd.DataFrame(rows, columns=["set", "item", "chosen"])
    >>> utilities = bb.choices.choice_sets(alternatives, baseline="c").to_frame()
    >>> utilities[["term", "estimate"]].round(2).values.tolist()
    [['a', 0.69], ['b', 0.0], ['c', 0.0]]
    """
    problems = [*level_problems(level), *unknown_words(refusals=refusals)]
    if problems:
        raise SettingError("\n".join(problems))
    described = (
        "menu (sets that offer the same items)" if cluster is None else cluster or "none: sets independent"
    )
    cluster = "menu" if cluster is None else cluster or None
    none = _taken_for_none(refusals) if neither else ()
    table, groups = read_sets(alternatives, cluster, as_names(by))
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    counts: dict[str, float] = {}
    parts = table.groupby(list(groups), sort=True) if groups else [((), table)]
    for key, part in parts:
        named = dict(zip(groups, key, strict=True)) if groups else {}
        sets = Sets.of(part, cluster, none=none, slot=slot)
        for ended, count in sets.ended.items():
            counts[ended] = counts.get(ended, 0.0) + count
        found, told = fit_sets(sets, baseline, level, bias_reduced, cluster)
        rows += [{**named, **row} for row in found]
        notes += [f"{group_prefix(named)}{note}" for note in told]
    taken = {CHOSEN: "a choice from the set", **dict.fromkeys(none, "a choice of neither item")}
    accounting = Accounting(
        counts,
        {ended: taken.get(ended, "left out") for ended in counts},
        sum(count for ended, count in counts.items() if ended in taken),
    )
    settings: dict[str, Any] = {
        "baseline": baseline,
        "cluster": described,
        "by": list(as_names(by)),
        "neither": neither,
        "refusals": refusals,
    }
    settings |= {"slot": slot, "bias_reduced": bias_reduced, "level": level, "seed": seed}
    return Estimates(estimate_frame(rows, groups), accounting, tuple(notes), settings)


def _taken_for_none(refusals: Exits) -> tuple[str, ...]:
    """Return how sets end that are taken for a choice of none of what they offered."""
    refused = (str(Outcome.REFUSED),) if refusals == "neither" else ()
    return (NONE_CHOSEN, str(Outcome.OPTED_OUT), *refused)


def fit_sets(
    sets: Sets, baseline: str | None, level: float, bias_reduced: bool | None, cluster: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Fit one group and return its rows and warnings.

    Parameters
    ----------
    sets
        The choices.
    baseline, level, bias_reduced, cluster
        As in `choice_sets`.
    """
    if baseline is not None and baseline not in sets.items:
        raise SettingError(f"baseline={baseline!r} is none of its items: {', '.join(sets.items[:20])}")
    layout = set_layout(sets, baseline)
    notes = layout.warnings()
    if baseline in layout.reasons:
        raise DataError(
            f"baseline={baseline!r}: no choice says anything of it, so nothing can be told from it"
        )
    design = SetDesign(layout.X, sets.stage)
    moved = polyhedral_separation(_differences(sets, layout.X))
    penalised = bool(moved.any()) if bias_reduced is None else bias_reduced
    if moved.any():
        apart = [
            term for term, row in zip(layout.terms, layout.contrasts, strict=True) if np.abs(row) @ moved > 0
        ]
        notes.append(f"separated data ({', '.join(apart)}): no finite maximum-likelihood estimate")
    top = maximise(design, sets.count[None], penalised=penalised)
    reasons = dict(layout.reasons)
    found, n_clusters = no_intervals(len(layout.terms), "did not converge"), math.nan
    if not top.converged[0] or (moved.any() and not penalised):
        notes.append("the fit did not converge: no estimate is reported")
        reasons = dict.fromkeys(layout.terms, "did not converge")
    else:
        found, n_clusters = _intervals(
            sets, design, top, layout.contrasts, level=level, cluster=cluster, penalised=penalised
        )
        if n_clusters < 2 and cluster is not None:
            notes.append(f"one cluster ({cluster}): no interval; cluster=False takes sets as independent")
    rows = _rows(sets, layout, layout.contrasts @ top.estimated[0], found, reasons=reasons, baseline=baseline)
    return [{**row, "level": level, "n_clusters": n_clusters} for row in rows], notes


def _rows(
    sets: Sets,
    layout: SetLayout,
    estimates: Floats,
    found: ContrastIntervals,
    *,
    reasons: Mapping[str, str],
    baseline: str | None,
) -> list[dict[str, Any]]:
    """Return a row for each term."""
    size = len(sets.items)
    offered = np.bincount(sets.item, np.bincount(sets.stage, sets.count)[sets.stage], size)
    numbers = ("estimate", "std_error", "low", "high", "df")
    values = (estimates, found.std_error, found.low, found.high, found.df)
    rows = []
    for at, term in enumerate(layout.terms):
        row: dict[str, Any] = {name: float(value[at]) for name, value in zip(numbers, values, strict=True)}
        row |= {"term": term, "n": offered[at] if at < size else sets.count.sum(), "method": found.method[at]}
        if term in reasons:
            row |= {**dict.fromkeys(numbers, math.nan), "method": reasons[term]}
        elif term == baseline:
            row |= {**dict.fromkeys(numbers, math.nan), "estimate": 0.0, "method": "baseline"}
        if layout.n_components > 1:
            known = at < size and layout.component[at] >= 0
            row["component"] = layout.component[at] + 1 if known else math.nan
        rows.append(row)
    return rows


def _intervals(
    sets: Sets,
    design: SetDesign,
    top: Maximum,
    contrasts: Floats,
    *,
    level: float,
    cluster: str | None,
    penalised: bool,
) -> tuple[ContrastIntervals, float]:
    """Return intervals of the terms, and the number of clusters."""
    covariance = np.linalg.inv(top.information[0])
    named = (
        "conditional logit, bias-reduced (Firth)" if penalised else "conditional logit, maximum likelihood"
    )
    scale, n_clusters, robust = 1.0, math.nan, None
    if cluster is not None:
        robust = _robust(sets, design, top)
        n_clusters = robust.n_clusters
        if n_clusters < 2:
            return no_intervals(len(contrasts), f"{named}; one cluster, no interval"), n_clusters
        scale = max(1.0, float(np.sum(robust.covariance * top.information[0])) / len(covariance))
    found = contrast_intervals(
        design,
        sets.count[None],
        top,
        contrasts,
        level=level,
        covariance=covariance,
        robust=robust,
        scale=scale,
        penalised=penalised,
        unit="sets",
        cluster=cluster,
    )
    return found.named(f"{named}; "), n_clusters


def _robust(sets: Sets, design: SetDesign, top: Maximum) -> RobustCovariance:
    log_probability, centred = design.probabilities(top.estimated[0])
    total = np.bincount(sets.stage, sets.count)[sets.stage]
    roots = np.sqrt(total * np.exp(log_probability))[:, None] * centred
    owner = sets.cluster[sets.stage]
    return cluster_covariance(sets.count[:, None] * centred, owner, roots, owner)


def _differences(sets: Sets, X: Floats) -> sparse.csr_array:
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
