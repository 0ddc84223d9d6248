"""Differences of shares below the baseline: between classes, or between models."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.choice.share_classes import (
    AT_BASELINE,
    NOISE,
    ShareSettings,
    class_extremes,
    class_name,
    draw_groups,
    own_row,
    tails,
    worst_case,
)
from bartleby.analysis.choice.shares import ClassDraws, quantile_noise
from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.tables.accounting import bound_warnings
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import DataError, SettingError

__all__ = ["paired_shares", "share_difference", "share_differences"]

Floats = npt.NDArray[np.float64]


def share_differences(
    fit: FittedChoices,
    by: tuple[str, ...],
    settings: ShareSettings,
    *,
    between: str | None,
    reference: object,
    adjust: Adjustment | None,
) -> Estimates:
    """Return differences of shares; see `ChoiceFit.compare_shares`."""
    settings.check()
    adjust_p([], adjust)
    names = (*fit.groups[0].key, *by)
    between = _between(fit, between, by, names)
    cells = [
        _Cell(dict(zip(by, drawn.label, strict=True)) | key, drawn, fit.groups[at])
        for classes, key, at in draw_groups(fit, by, settings)
        for drawn in classes
        if drawn.items
    ]
    values = list(dict.fromkeys(cell.label[between] for cell in cells))
    if not values:
        raise SettingError("no class has an item that can be compared with the baseline: nothing to compare")
    reference = values[0] if reference is None else reference
    if reference not in values:
        raise SettingError(f"reference={reference!r}: must be one of {', '.join(map(repr, values))}")
    rng = np.random.default_rng([settings.seed, 2])
    extremes = [class_extremes(fit, cell.group, cell.drawn, settings) for cell in cells]
    rows, notes = [], list(fit.warnings)
    bounded, worst = dict(fit.accounting.bounds), []
    for one, ends in zip(cells, extremes, strict=True):
        rest = {name: value for name, value in one.label.items() if name != between}
        for other, other_ends in zip(cells, extremes, strict=True):
            if one.label[between] == reference or other.label != {**rest, between: reference}:
                continue
            row = share_difference(one.drawn, other.drawn, settings, rng)
            term = f"{one.label[between]} - {reference}"
            name = f"{term} ({class_name(rest)})" if rest else term
            if ends[0] is not one.drawn or other_ends[0] is not other.drawn:
                pairs = ((ends[0], other_ends[1]), (ends[1], other_ends[0]))
                most = [share_difference(*pair, settings, rng) for pair in pairs]
                bounded[name] = most[0]["low"], most[1]["high"]
                row |= dict(zip(("bound_low", "bound_high"), bounded[name], strict=True))
                worst.append(worst_case(name, row, most, *{one.group, other.group}))
            notes += _difference_notes(name, one.drawn, other.drawn, settings, row)
            lead = {**rest, between: one.label[between], "reference": reference, "term": term}
            rows.append({**lead, **row, "n_clusters": one.group.data.n_clusters})
    for row, p in zip(rows, adjust_p([row["p_value"] for row in rows], adjust), strict=True):
        row["p_adjusted"] = p
    written = {
        **fit.settings,
        "between": between,
        "reference": reference,
        **asdict(settings),
        "adjust": adjust,
    }
    written |= {"p_resolution": min((row.pop("p_resolution") for row in rows), default=math.nan)}
    written |= {"at_baseline": AT_BASELINE}
    return Estimates(
        estimate_frame(rows, (*[name for name in names if name != between], between, "reference")),
        replace(fit.accounting, bounds=bounded),
        tuple(dict.fromkeys([*notes, *bound_warnings(worst)])),
        written,
    )


@dataclass(frozen=True, eq=False)
class _Cell:
    """A class of one model: what names it, its draws, and the fit that these are of."""

    label: dict[str, Any]
    drawn: ClassDraws
    group: GroupFit


def _between(fit: FittedChoices, between: str | None, by: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Return what shares are compared between."""
    between = between or next(iter((*by, *names)), None)
    if between not in names:
        listed = ", ".join(names) or "none: fit several models, or name classes of items with by="
        raise SettingError(f"between={between!r}: must be one of {listed}")
    if between == "model" and fit.confounded:
        raise DataError(list(fit.confounded))
    return between


def share_difference(
    one: ClassDraws, other: ClassDraws, settings: ShareSettings, rng: np.random.Generator
) -> dict[str, Any]:
    """Return estimate, interval and p value of the difference of two shares.

    Notes
    -----
    The p value is twice the posterior probability of the less likely sign, never below 2 / (draws + 1).
    """
    shares = paired_shares(one, other, settings.estimand, rng)
    difference = shares[0] - shares[1]
    low, high = np.quantile(difference, [(1 - settings.level) / 2, (1 + settings.level) / 2])
    own = [own_row(drawn, settings)["estimate"] for drawn in (one, other)]
    estimate = own[0] - own[1]
    less = min(int((difference <= 0).sum()), int((difference >= 0).sum()))
    shared = len(set(one.items) & set(other.items))
    paired = f", {shared} items paired" if shared else ""
    return {
        "estimate": estimate,
        "std_error": float(difference.std()),
        "low": min(float(low), estimate),
        "high": max(float(high), estimate),
        "level": settings.level,
        "n": len(set(one.items) | set(other.items)),
        "method": f"{settings.method}{paired}",
        "share": own[0],
        "reference_share": own[1],
        "p_value": min(1.0, 2 * (less + 1) / (len(difference) + 1)),
        "p_resolution": 2 / (len(difference) + 1),
        "noise": max(quantile_noise(difference, tail, one.chains) for tail in tails(settings.level)),
    }


def paired_shares(
    one: ClassDraws, other: ClassDraws, estimand: Estimand, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return draws of two shares below the baseline together.

    Notes
    -----
    Each margin is the posterior of `share_row`. For `new_items` an item has one weight in both classes
    (draws of a Bayesian bootstrap, Rubin 1981), so that items asked about in both are compared with
    themselves; half an item below and half an item above are added to each class on its own.
    """
    draws = min(len(one.utilities), len(other.utilities))
    names = {item: at for at, item in enumerate(dict.fromkeys((*one.items, *other.items)))}
    weights = rng.standard_exponential((draws, len(names))) if estimand == "new_items" else None
    shares = []
    for drawn in (one, other):
        below, size = drawn.below[:draws], len(drawn.items)
        if weights is None:
            smeared = below.sum(axis=1) + rng.uniform(-0.5, 0.5, draws)
            shares.append(np.clip(smeared, 0, size) / size)
            continue
        own = weights[:, [names[item] for item in drawn.items]]
        extra = rng.standard_gamma(0.5, (2, draws))
        shares.append((np.sum(own * below, axis=1) + extra[0]) / (own.sum(axis=1) + extra.sum(axis=0)))
    return shares[0], shares[1]


def _difference_notes(
    name: str, one: ClassDraws, other: ClassDraws, settings: ShareSettings, row: dict[str, Any]
) -> list[str]:
    draws = min(len(one.utilities), len(other.utilities))
    notes = [f"{name}: {text}" for text in settings.warnings(draws)]
    noise = row.pop("noise")
    if noise > 2 * NOISE:
        notes.append(
            f"{name}: bounds have a Monte Carlo standard error of {noise:.3f} with {draws:,} draws: "
            "increase draws="
        )
    return notes
