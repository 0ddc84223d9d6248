"""The table of shares below the baseline: by class and model, with what limits them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.choice.share_classes import (
    AT_BASELINE,
    FEW,
    NOISE,
    ShareSettings,
    class_extremes,
    class_name,
    draw_groups,
    own_row,
    worst_case,
)
from bartleby.analysis.choice.shares import ClassDraws, share_row
from bartleby.analysis.tables.accounting import bound_warnings
from bartleby.analysis.tables.estimates import Estimates, estimate_frame

__all__ = ["part_rows", "shares_below"]

Floats = npt.NDArray[np.float64]

CHECK = (
    "posterior predictive p value of the shape of the population of items; a large one proves nothing, as "
    "the population bends to its items and noise hides its shape"
)
_MANY_UNSURE = 0.25
"""From this share of items that could be either on, more comparisons are worth a sentence."""
_DOUBTFUL = 0.05
"""A population check below this is worth a warning."""


def shares_below(
    fit: FittedChoices, by: tuple[str, ...], settings: ShareSettings, *, bounds: bool = True
) -> Estimates:
    """Return the share of items below the baseline; see `ChoiceFit.share_below`.

    Parameters
    ----------
    fit, by, settings
        As there.
    bounds
        Whether the accounting bounds each share by what the uncounted trials could have been: two more
        fits and posteriors a class.
    """
    settings.check()
    classes = [
        ({**key, **dict(zip(by, drawn.label, strict=True))}, drawn, fit.groups[at])
        for group, key, at in draw_groups(fit, by, settings)
        for drawn in group
    ]
    rows, notes = [], list(fit.warnings)
    bounded, worst = dict(fit.accounting.bounds), []
    for label, drawn, group in classes:
        parts = part_rows(drawn, settings)
        notes += _notes(class_name(label), drawn, settings)
        notes += _advice(class_name(label), group, drawn, str(fit.options.baseline))
        if bounds and group.data.uncounted.any() and drawn.items:
            name = f"share_below ({class_name(label)})"
            extremes = [own_row(end, settings) for end in class_extremes(fit, group, drawn, settings)]
            bounded[name] = extremes[0]["low"], extremes[1]["high"]
            parts[0] |= dict(zip(("bound_low", "bound_high"), bounded[name], strict=True))
            worst.append(worst_case(name, parts[0], extremes, group))
        rows += [{**label, **row, "n_clusters": group.data.n_clusters} for row in parts]
    return Estimates(
        estimate_frame(rows, (*(fit.groups[0].key), *by)),
        replace(fit.accounting, bounds=bounded),
        tuple(dict.fromkeys([*notes, *bound_warnings(worst)])),
        {
            **fit.settings,
            "by_items": list(by),
            **asdict(settings),
            **_sampling([drawn for _, drawn, _ in classes], settings),
            "at_baseline": AT_BASELINE,
            "population_check": CHECK,
        },
    )


def _sampling(classes: Sequence[ClassDraws], settings: ShareSettings) -> dict[str, float]:
    """Return how many draws there are, what they are worth, and the noise they leave, for the worst class."""
    return {
        "draws": max((len(drawn.utilities) for drawn in classes), default=0),
        "effective_draws": min((drawn.effective for drawn in classes), default=math.nan),
        "monte_carlo_error": max((settings.noise(drawn) for drawn in classes), default=math.nan),
    }


def part_rows(drawn: ClassDraws, settings: ShareSettings) -> list[dict[str, Any]]:
    """Return the row of the share below, and with a margin those of the shares below, within and above it."""
    rows: list[dict[str, Any]] = [{"term": "share_below", **own_row(drawn, settings)}]
    if settings.margin is not None:
        rows[0]["margin"] = math.nan
        for name, count in drawn.parts(settings.margin).items():
            row = share_row(count, len(drawn.items), settings.estimand, settings.level, of=3)
            rows.append({"term": f"{name}_margin", **row, "margin": settings.margin})
    own = {"level": settings.level, "method": settings.method}
    own |= {"n_unsure": drawn.unsure, "population_check": drawn.check}
    return [{**row, **own} for row in rows]


def _notes(name: str, drawn: ClassDraws, settings: ShareSettings) -> list[str]:
    """Return what limits the share of a class: its items, and the draws."""
    notes = [f"{name}: {text}" for text in settings.warnings(len(drawn.utilities))]
    if drawn.lost:
        notes.append(
            f"{name}: not counted, as they cannot be compared with the baseline: {', '.join(drawn.lost)}"
        )
    if settings.estimand == "new_items" and 0 < len(drawn.items) < FEW:
        notes.append(f"{name}: {len(drawn.items)} items say little about items like them")
    noise = settings.noise(drawn)
    if noise > NOISE:
        notes.append(
            f"{name}: bounds have a Monte Carlo standard error of {noise:.3f}, as {len(drawn.utilities):,} "
            f"draws are worth {drawn.effective:.0f} independent ones: increase draws="
        )
    if settings.margin is not None and settings.margin < drawn.error:
        notes.append(
            f"{name}: the margin of {settings.margin:g} logits is smaller than the standard error of a "
            f"typical item ({drawn.error:.2f}), so the shares within and beyond it say little"
        )
    return notes


def _advice(name: str, group: GroupFit, drawn: ClassDraws, baseline: str) -> list[str]:
    """Return what more data would help, and a doubt about the population."""
    notes = []
    if drawn.unsure > _MANY_UNSURE * len(drawn.items):
        nodes = np.isin(np.array(group.data.items, dtype=object), drawn.items)
        asked = np.median(_with_baseline(group, baseline)[nodes])
        notes.append(
            f"{name}: {drawn.unsure} of {len(drawn.items)} items could be on either side of {baseline!r} "
            f"(posterior probability between 0.1 and 0.9), with a median of {asked:g} comparisons with it: "
            "more comparisons with it would tell"
        )
    if drawn.check < _DOUBTFUL:
        notes.append(
            f"{name}: the utilities do not look like a sample from the fitted mixture of normals (posterior "
            f"predictive p = {drawn.check:.3f}): the interval may be in the wrong place"
        )
    return notes


def _with_baseline(group: GroupFit, baseline: str) -> Floats:
    """Return how many trials of each item were comparisons with the baseline."""
    data = group.data
    node = data.items.index(baseline)
    total = data.observed
    asked = np.bincount(data.first, total * (data.second == node), data.n_items)
    back = np.bincount(data.second, total * (data.first == node), data.n_items)
    both: Floats = np.asarray(asked + back, dtype=np.float64)
    return both
