"""Does it choose at all? Whether choices depend on what the items are, and not on their position alone.

A respondent that always takes the first item, or tosses coins, gets utilities as well. The check compares
choices with those of one that knows positions only, by a score test of all utilities at once (Rao 1948): it
needs no fit, and is finite where items are separated. The statistic over the number of choices is the share
of their variance that the items explain beyond position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.inference.intervals import clustered_variance, critical_value
from bartleby.analysis.inference.positive import quadratic
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.labels import group_prefix
from bartleby.analysis.tables.rounding import percent_text, plain_text, rounded_text

__all__ = [
    "Choosing",
    "Status",
    "choice_verdict",
    "chooses_rows",
    "choosing_of",
    "choosing_sentences",
    "position_note",
    "utility_spread",
]

Floats = npt.NDArray[np.float64]
Status: TypeAlias = Literal["chooses", "mostly position", "position alone", "no preference", "cannot tell"]

_MOST_ITEMS = 2_000
"""Items up to which every printed fit says whether it chooses; `chooses()` has no limit."""
_ROUNDING = 1e-20
_LOW_MASS = 0.5
"""Mean label mass under which probabilities of labels are of few of the answers."""


@dataclass(frozen=True)
class Choosing:
    """What the choices of one fit depend on: shares of their variance.

    Parameters
    ----------
    items, low, high
        Share that the items explain beyond position, with its interval.
    position
        Share that position explains; NaN where the order was not recorded.
    status
        `chooses`: the interval of `items` lies above 0, and items explain at least as much as position;
        `mostly position`: it lies above 0, and position explains more; `position alone`: it reaches 0, and
        the interval of the position effect excludes 0; `no preference`: neither is shown; `cannot tell`: the
        order cannot be told apart from the items.
    """

    items: float
    low: float
    high: float
    position: float
    status: Status


def choosing_of(group: GroupFit, level: float, *, order_recorded: bool) -> Choosing:
    """Return whether the choices of one fit depend on the items.

    Parameters
    ----------
    group
        The fit.
    level
        Of the interval.
    order_recorded
        Whether a position effect was to be estimated.
    """
    counts = group.data.counts[:, :2]
    total = float(counts.sum())
    has_slot = group.layout.design.kernel.slot
    first = float(counts[:, 0].sum()) / total if order_recorded else 0.5
    position = 4 * (first - 0.5) ** 2 if order_recorded else math.nan
    if not 0 < first < 1:
        # Whatever the items are, the same position is taken.
        return Choosing(0.0, math.nan, math.nan, 1.0, "position alone")
    score, rank = _score(group, counts, first, order_recorded=order_recorded)
    if rank == 0 or (order_recorded and not has_slot):
        return Choosing(math.nan, math.nan, math.nan, position, "cannot tell")
    beyond = 4 * first * (1 - first) / total
    scale = group.scale
    spare = group.data.n_clusters - rank - 1 if scale != 1 else math.inf
    low, _ = _noncentral(score / scale, rank, max(spare, 1.0), level)
    # A statistic below its mean under the null would give an upper end that is none.
    _, high = _noncentral(max(score / scale, rank), rank, max(spare, 1.0), level)
    shares = [min(1.0, beyond * scale * max(0.0, value)) for value in (score / scale - rank, low, high)]
    status = _status(group, shares, position, level)
    return Choosing(shares[0], shares[1], shares[2], position, status)


def chooses_rows(fit: FittedChoices, level: float) -> Estimates:
    """Return what choices depend on, by group; see `ChoiceFit.chooses`."""
    rows: list[dict[str, Any]] = []
    warnings, status = [], {}
    for group in fit.groups:
        found = choosing_of(group, level, order_recorded=fit.options.slot)
        base = {**group.key, "level": level, "n": group.data.used, "n_clusters": group.data.n_clusters}
        rows.append({**base, **_items_row(found)})
        rows.append({**base, **_position_row(found)})
        rows.append({**base, **_both_orders(group, level)})
        mass = _mass_of(fit, group)
        if mass is not None:
            rows.append({**base, "quantity": "label_mass", "term": "label mass", **mass})
            if mass["estimate"] < _LOW_MASS:
                warnings.append(
                    f"{group_prefix(group.key)}the labels have {percent_text(mass['estimate'])} of the "
                    "probability on average: what else would have been answered is not in these choices"
                )
        status[group_prefix(group.key).rstrip(": ") or "all"] = found.status
    settings = {**fit.settings, "level": level, "estimand": "these_items", "status": status}
    frame = estimate_frame(rows, (*fit.groups[0].key, "quantity"))
    return Estimates(frame, fit.accounting, tuple(warnings), settings)


def position_note(group: GroupFit, row: dict[str, Any]) -> str:
    """Return a sentence on the position effect where its interval excludes 0; nothing where it does not.

    Parameters
    ----------
    group
        The fit.
    row
        The row of its slot.
    """
    estimate, low, high = (float(row[name]) for name in ("estimate", "low", "high"))
    if math.isnan(estimate) or not (low > 0 or high < 0):
        return ""
    taken, at_least, at_most = _percents(*(float(special.expit(x)) for x in (estimate, low, high)))
    spread = utility_spread(group)
    if math.isnan(spread):
        beside = ""
    elif spread > 0 and abs(estimate) / spread < 1000:
        times = f"{abs(estimate) / spread:.2g} times"
        beside = f", {times} the spread of utilities (standard deviation {spread:.2g} without sampling error)"
    else:
        beside = "; the spread of utilities is within their sampling error"
    size = rounded_text(estimate, low, high, float(row["std_error"]))
    return (
        f"position effect: of two items with the same utility, the one shown first is taken {taken} of the "
        f"time ({100 * float(row['level']):.4g}% interval {at_least} to {at_most}): {size} logits{beside}"
    )


def utility_spread(group: GroupFit) -> float:
    """Return the standard deviation of utilities, less what sampling error adds; NaN where it is unknown."""
    items = group.layout.contrasts[: group.data.n_items]
    if not group.converged or group.layout.n_components != 1 or len(items) < 2 or group.reasons:
        return math.nan
    mean = items.mean(axis=0)
    if group.penalised or group.robust is None:
        covariance = group.model_covariance
        of_items, of_mean = quadratic(items, covariance), quadratic(mean[None], covariance)
    else:
        of_items, of_mean = group.robust.variances(items), group.robust.variances(mean)
    utilities = items @ group.estimated
    utilities -= utilities.mean()
    error = of_items.sum() - len(items) * of_mean[0]
    return math.sqrt(max(0.0, float(utilities @ utilities - error) / (len(items) - 1)))


def _percents(*values: float) -> tuple[str, ...]:
    """Return percentages with as few decimals as tell the ends of an interval apart."""
    texts = tuple(percent_text(value) for value in values)
    if len(set(texts[1:])) > 1 or any(math.isnan(value) for value in values):
        return texts
    finer = [tuple(f"{100 * value:.{decimals}f}%" for value in values) for decimals in (1, 2, 3)]
    return next((each for each in finer if each[1] != each[2]), texts)


def _score(group: GroupFit, counts: Floats, first: float, *, order_recorded: bool) -> tuple[float, int]:
    """Return the score statistic of all utilities, position being known, and its degrees of freedom."""
    data, size = group.data, group.data.n_items
    n = counts.sum(axis=1)
    residual = counts[:, 0] - n * first
    variance = first * (1 - first)
    shown = [np.bincount(side, n, size) for side in (data.first, data.second)]
    won = np.bincount(data.first, residual, size) - np.bincount(data.second, residual, size)
    information = np.diag(shown[0] + shown[1])
    np.add.at(information, (data.first, data.second), -n)
    np.add.at(information, (data.second, data.first), -n)
    if order_recorded:
        along = shown[0] - shown[1]
        information = information - np.outer(along, along) / n.sum()
    information = information * variance
    values, vectors = np.linalg.eigh(information)
    keep = values > 1e-9 * max(float(values.max(initial=0.0)), 1e-300)
    projected = vectors[:, keep].T @ won
    return float(np.sum(projected**2 / values[keep])), int(keep.sum())


def _noncentral(score: float, df: int, spare: float, level: float) -> tuple[float, float]:
    """Return the interval of the noncentrality of a chi-square, or F with `spare` degrees of freedom."""

    def below(noncentral: float) -> float:
        if math.isinf(spare):
            return float(special.chndtr(score, df, noncentral))
        return float(special.ncfdtr(df, spare, noncentral, score / df))

    ends = []
    for chance in ((1 + level) / 2, (1 - level) / 2):
        most = max(10.0, score)
        if below(0.0) <= chance:
            ends.append(0.0)
            continue
        while below(most) > chance and most < 1e9:
            most *= 2
        ends.append(float(optimize.brentq(lambda x, c=chance: below(x) - c, 0.0, most, xtol=1e-6)))
    return ends[0], ends[1]


def _status(group: GroupFit, shares: list[float], position: float, level: float) -> Status:
    items, low, _ = shares
    if low > 0:
        return "mostly position" if position > items else "chooses"
    total = float(group.data.counts[:, :2].sum())
    critical = float(special.ndtri((1 + level) / 2))
    # Of the share of first positions, as wide as coins would make it.
    shown = not math.isnan(position) and math.sqrt(position * total) > critical
    return "position alone" if shown else "no preference"


def _items_row(found: Choosing) -> dict[str, Any]:
    undefined = "undefined, items and order cannot be told apart"
    if found.status == "cannot tell":
        method = undefined
    elif math.isnan(found.low):
        method = "no interval: one position is taken always"
    else:
        method = "score test of all utilities, share of variance"
    return {
        "quantity": "items",
        "term": "share explained by the items",
        "estimate": found.items,
        "low": found.low,
        "high": found.high,
        "method": method,
    }


def _position_row(found: Choosing) -> dict[str, Any]:
    return {
        "quantity": "position",
        "term": "share explained by position",
        "estimate": found.position,
        "method": "described" if not math.isnan(found.position) else "undefined, order not recorded",
    }


def _both_orders(group: GroupFit, level: float) -> dict[str, Any]:
    """Return how often the same item is taken in both orders of a pair; a coin takes it half of the time."""
    row: dict[str, Any] = {"quantity": "both_orders", "term": "same item in both orders"}
    data = group.data
    _, pair = np.unique(data.pairs, return_inverse=True)
    shares = np.full((int(pair.max(initial=-1)) + 1, 2), np.nan)
    weight = np.zeros_like(shares)
    total = data.counts[:, :2].sum(axis=1)
    order = (data.first > data.second).astype(np.int64)
    for at in np.flatnonzero(total > 0):
        shares[pair[at], order[at]] = data.counts[at, 0] / total[at]
        weight[pair[at], order[at]] = total[at]
    both = (weight > 0).all(axis=1)
    if not both.any():
        return {**row, "n": 0.0, "method": "undefined, no pair was shown in both orders"}
    one, other = shares[both].T
    n = weight[both].sum(axis=1)
    # The same item is taken if the first is in one order and the second in the other.
    same = one * (1 - other) + (1 - one) * other
    mean, variance, df = clustered_variance(same * n, n) if len(n) > 1 else (math.nan, 0.0, 0.0)
    known = variance > _ROUNDING and df > 0
    half = critical_value(level, df) * math.sqrt(variance) if known else math.nan
    return {
        **row,
        "estimate": float(np.sum(same * n) / n.sum()),
        "std_error": math.sqrt(variance) if known else math.nan,
        "low": max(0.0, mean - half) if known else math.nan,
        "high": min(1.0, mean + half) if known else math.nan,
        "n": float(n.sum()),
        "n_clusters": float(both.sum()),
        "method": "t by pair" if known else "no interval: nothing varies between pairs",
    }


def _mass_of(fit: FittedChoices, group: GroupFit) -> dict[str, Any] | None:
    """Return the mean label mass of a group, where the table has it."""
    if fit.label_mass.empty:
        return None
    part = fit.label_mass
    for name, value in group.key.items():
        part = part[part[name].astype(str) == str(value)]
    if part.empty:
        return None
    seldom = plain_text(percent_text(float(part["low"].iloc[0])))
    return {
        "estimate": float(part["mean"].iloc[0]),
        "n": float(part["n"].iloc[0]),
        "method": f"described; under a half in {seldom} of trials",
    }


_LEADS = {
    "chooses": "{who} chooses by what the items are: they explain {items} of the variance of its choices"
    "{order}",
    "mostly position": "Mostly position: where an item is shown explains {position} of the variance of the "
    "choices of {who}, which items they are {items}",
    "position alone": "Position alone: where an item is shown explains {position} of the variance of the "
    "choices of {who}, and no expressed preference between items is shown beyond it ({items})",
    "no preference": "No expressed preference is shown: the items explain {items} of the variance of the "
    "choices of {who}{order}",
    "cannot tell": "Items and positions cannot be told apart in the choices of {who}: show each pair in both "
    "orders",
}
"""What is said of each status."""


def choosing_sentences(fit: FittedChoices) -> list[str]:
    """Return in words, for each fit, what its choices depend on."""
    level, recorded = fit.options.level, fit.options.slot
    return [
        _sentence(group, choosing_of(group, level, order_recorded=recorded), level) for group in fit.groups
    ]


def _sentence(group: GroupFit, found: Choosing, level: float) -> str:
    """Return in words what the choices of one fit depend on, without a full stop."""
    who = ", ".join(str(value) for value in group.key.values()) or "the respondent"
    interval = ""
    if not math.isnan(found.low):
        _, low, high = _percents(found.items, found.low, found.high)
        interval = f" ({100 * level:.4g}% interval {low} to {high})"
    items = plain_text(_percents(found.items, found.low, found.high)[0] + interval)
    if found.status == "position alone":
        items = items.replace(" (", ", ").rstrip(")")
    position = plain_text(percent_text(found.position))
    order = "" if math.isnan(found.position) else f", position {position}"
    text = _LEADS[found.status].format(who=who, items=items, position=position, order=order)
    return f"{text[:1].upper()}{text[1:]}" if not group.key else text


def choice_verdict(fit: FittedChoices) -> str:
    """Return the sentence of a choice model: whether it chooses, how many items are apart from the zero."""
    from bartleby.analysis.tables.verdicts import basis_of

    level = fit.options.level
    parts = []
    for group in fit.groups:
        lead = ""
        if group.data.n_items <= _MOST_ITEMS:
            lead = _sentence(group, choosing_of(group, level, order_recorded=fit.options.slot), level)
        parts.append("; ".join(part for part in (lead, _apart(fit, group)) if part))
    rows = [{"n_clusters": group.data.n_clusters} for group in fit.groups]
    probabilities = fit.settings.get("probabilities", "ignore")
    exact = "" if probabilities == "ignore" else "fitted to exact probabilities; "
    return f"{'; '.join(parts)} ({exact}{basis_of(rows, fit.accounting, fit.settings)})."


def _apart(fit: FittedChoices, group: GroupFit) -> str:
    """Return how many items are above and below the zero with intervals that exclude it.

    An item without an interval is neither: how many there are is said, as not to be taken for near the zero.
    """
    frame = fit.frame
    for name, value in group.key.items():
        frame = frame[frame[name].astype(str) == str(value)]
    zero = fit.options.baseline
    own = frame[frame["term"].isin(group.layout.nodes) & (frame["term"] != zero)]
    without = int((own["low"].isna() & own["high"].isna()).sum())
    if without == len(own):
        return "there is no interval of any item"
    above, below = int((own["low"] > 0).sum()), int((own["high"] < 0).sum())
    named = "the mean of all items" if zero is None else f"{zero!r}"
    intervals = f"{100 * fit.options.level:.4g}% intervals that exclude it"
    lacking = f" ({without} without an interval)" if without else ""
    return f"of {len(own)} items{lacking} {above} are above {named} and {below} below it, with {intervals}"
