"""Does the order matter, and where? Slot effects by class of item, and pairs whose answer flips.

The slot effect differs in size and even in sign between models, classes and pairs, so one number, or an
average over both orders, can hide it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.inference.families import adjust_p
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import as_names
from bartleby.analysis.tables.labels import group_prefix
from bartleby.errors import SettingError

__all__ = ["flipping_pairs", "slot_by_class"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

_NO_CLASS = "(none)"
_EXACT = "half difference of log odds, exact probabilities"


def slot_by_class(fit: FittedChoices, by: str) -> Estimates:
    """Return a slot effect for each class of items; see `ChoiceFit.slot_by`."""
    if not fit.options.slot:
        raise SettingError("slot effects by class: the fit has slot=False, the order as not recorded")
    classes = fit.item_classes(as_names(by))[by]
    rows, notes = [], []
    for group in fit.groups:
        label = [classes.get(item) for item in group.data.items]
        names = sorted({_NO_CLASS if pd.isna(each) else str(each) for each in label})
        code = np.array([names.index(_NO_CLASS if pd.isna(each) else str(each)) for each in label])
        again = fit_group(
            group.key,
            group.data,
            fit.options,
            slot_basis=_class_slots(group, code, len(names)),
            adaptive=group.population is not None,
        )
        # Items come first, then the slots, if there are any, then ties.
        told = again.rows(fit.options)[len(again.layout.nodes) :]
        slots = [row for row in told if str(row["term"]).startswith("slot")]
        rows += [{**row, by: name, "term": "slot"} for row, name in zip(slots, names, strict=False)]
        notes += [f"{group_prefix(group.key)}{note}" for note in again.warnings]
    frame = estimate_frame(rows, (*fit.groups[0].key, by))
    return Estimates(frame, fit.accounting, tuple(notes), {**fit.settings, "by_items": [by]})


def flipping_pairs(fit: FittedChoices, *, level: float, fdr: float) -> Estimates:
    """Return the order effect of each pair with its false discovery rate; see `ChoiceFit.flips`."""
    if not 0 < fdr < 1:
        raise SettingError(f"fdr={fdr!r}: must lie between 0 and 1, such as 0.05")
    rows: list[dict[str, Any]] = []
    for group in fit.groups:
        found = _pair_rows(group, level)
        q_values = adjust_p([row["p_value"] for row in found], "bh")
        for row, q_value in zip(found, q_values, strict=True):
            row["q_value"] = float(q_value)
            row["flips"] = bool(row["majority_differs"] and (group.data.exact or q_value <= fdr))
        rows += found
    lead = (*fit.groups[0].key, "item_1", "item_2")
    notes = [] if rows else ["no pair was shown in both orders"]
    if any(group.data.exact for group in fit.groups):
        notes.append("from exact probabilities, which have no sampling error: no intervals or p values")
    unknown = sum(math.isnan(row["p_value"]) and row["method"] != _EXACT for row in rows)
    if unknown:
        notes.append(
            f"{unknown} of {len(rows)} pairs have no p value, and so are not told to flip: Fisher's test is "
            "for whole numbers of choices"
        )
    settings = {**fit.settings, "level": level, "fdr": fdr}
    return Estimates(estimate_frame(rows, lead), fit.accounting, tuple(notes), settings)


def _class_slots(group: GroupFit, code: Integers, n_classes: int) -> tuple[Integers, Floats]:
    """Return the slot parameter of each cell and how these follow from one slot effect a class.

    The slot effect of a trial is the mean of those of the two classes it shows.
    """
    one, other = code[group.data.first], code[group.data.second]
    low, high = np.minimum(one, other), np.maximum(one, other)
    pairs, slot_of_cell = np.unique(low * n_classes + high, return_inverse=True)
    slot_map = np.zeros((len(pairs), n_classes))
    rows = np.arange(len(pairs))
    np.add.at(slot_map, (rows, pairs // n_classes), 0.5)
    np.add.at(slot_map, (rows, pairs % n_classes), 0.5)
    return slot_of_cell, slot_map


def _pair_rows(group: GroupFit, level: float) -> list[dict[str, Any]]:
    data = group.data
    low, high = np.minimum(data.first, data.second), np.maximum(data.first, data.second)
    _, pair = np.unique(data.pairs, return_inverse=True)
    size = int(pair.max(initial=-1)) + 1
    table = np.zeros((size, 2, 2))
    # table[pair, order, winner]: order 0 shows the item of lower code first, winner 0 is that item.
    order = (data.first > data.second).astype(np.int64)
    for outcome in (0, 1):
        np.add.at(table, (pair, order, order ^ outcome), data.counts[:, outcome])
    items = np.zeros((size, 2), dtype=np.int64)
    items[pair, 0], items[pair, 1] = low, high
    both = (table.sum(axis=2) > 0).all(axis=1)
    return [
        {
            **group.key,
            "item_1": data.items[items[at, 0]],
            "item_2": data.items[items[at, 1]],
            **(_exact_order_effect if data.exact else _order_effect)(table[at], level),
        }
        for at in np.flatnonzero(both)
    ]


def _order_effect(table: Floats, level: float) -> dict[str, Any]:
    """Return the slot effect of one pair: half the log odds ratio, 1/2 added to each count."""
    cells = table + 0.5
    ratio = math.log(cells[0, 0] * cells[1, 1] / (cells[0, 1] * cells[1, 0]))
    error = math.sqrt(float((1 / cells).sum())) / 2
    half = float(special.ndtri((1 + level) / 2)) * error
    shares = table[:, 0] / table.sum(axis=1)
    return {
        "term": "slot",
        "estimate": ratio / 2,
        "std_error": error,
        "low": ratio / 2 - half,
        "high": ratio / 2 + half,
        "level": level,
        "n": float(table.sum()),
        "n_clusters": math.nan,
        "method": "half log odds ratio (+1/2); Fisher's exact p",
        "share_when_first": float(shares[0]),
        "share_when_second": float(shares[1]),
        "p_value": _fisher(table),
        "majority_differs": bool((shares[0] - 0.5) * (shares[1] - 0.5) < 0),
    }


def _exact_order_effect(table: Floats, level: float) -> dict[str, Any]:
    """Return the slot effect of one pair whose probabilities are known: half the difference of log odds."""
    shares = table[:, 0] / table.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = special.logit(shares)
        effect = float(odds[0] - odds[1]) / 2
    nothing = dict.fromkeys(("std_error", "low", "high", "n_clusters", "p_value"), math.nan)
    return {
        "term": "slot",
        "estimate": effect,
        **nothing,
        "level": level,
        "n": float(table.sum()),
        "method": _EXACT,
        "share_when_first": float(shares[0]),
        "share_when_second": float(shares[1]),
        "majority_differs": bool((shares[0] - 0.5) * (shares[1] - 0.5) < 0),
    }


def _fisher(table: Floats) -> float:
    """Return Fisher's exact two-sided p; NaN where counts are no whole numbers."""
    from scipy import stats

    whole = np.rint(table)
    return float(stats.fisher_exact(whole).pvalue) if np.allclose(whole, table) else math.nan
