"""How a choice model counted every outcome, and what the trials it left out could have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bartleby.analysis.choice.bradley_terry import maximise
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.layout import choice_layout
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.labels import group_prefix
from bartleby.outcome import CHOICES, Outcome

__all__ = ["choice_accounting", "left_out_warnings"]

_MOST_REFITTED = 1_000_000
"""Items times cells up to which every item is fitted again for its bounds."""
_LARGE_SHARE = 0.05
"""From this share on, trials left out are worth a warning."""


def choice_accounting(
    groups: Sequence[GroupFit],
    data: Sequence[ChoiceData],
    options: ChoiceOptions,
    *,
    unusable: Sequence[ChoiceData] = (),
) -> Accounting:
    """Return how outcomes were counted, with bounds of each utility and slot effect.

    Parameters
    ----------
    groups
        The fits.
    data
        The choices of each; a fit may have left some of them out.
    options
        Settings.
    unusable
        Groups in which there was no choice, and which have no fit.
    """
    counts: dict[str, float] = {}
    for each in (*data, *unusable):
        for name, count in each.outcomes.items():
            counts[name] = counts.get(name, 0.0) + count
    named = options.counted_as
    ordered = {str(o): counts[o] for o in Outcome if o in counts}
    bounds: dict[str, tuple[float, float]] = {}
    for group, each in zip(groups, data, strict=True):
        found = _utility_bounds(group)
        pair = _slot_bounds(group, each, options) if options.slot else None
        if pair is not None:
            found["slot"] = pair
        place = "" if len(groups) == 1 else f" ({group_prefix(group.key).rstrip(': ')})"
        bounds |= {f"{term}{place}": pair for term, pair in found.items()}
    return Accounting(
        counts=ordered,
        counted_as={name: named.get(name, "left out") for name in ordered},
        used=sum(group.data.used for group in groups),
        bounds=bounds,
    )


def _utility_bounds(group: GroupFit) -> dict[str, tuple[float, float]]:
    """Return each item's utility had all its uncounted trials gone against it, or all to it, by item.

    Only items that have such trials are bounded, and only while refits are few enough to be waited for. A
    bound is infinite where the item would then have lost, or won, all.
    """
    data, layout = group.data, group.layout
    sides = np.stack([data.first, data.second])
    open_items = np.unique(sides[:, data.uncounted > 0])
    items = [
        int(at) for at in open_items if layout.component[at] >= 0 and layout.terms[at] not in group.reasons
    ]
    if not group.converged or len(items) * len(data.counts) > _MOST_REFITTED:
        return {}
    bounds: dict[str, tuple[float, float]] = {}
    contrasts = layout.contrasts
    for at in items:
        if not contrasts[at].any():
            continue
        filled = np.stack([data.counts, data.counts])
        for side in (0, 1):
            shown = (sides[side] == at) * data.uncounted
            filled[0, :, 1 - side] += shown
            filled[1, :, side] += shown
        start = np.repeat(group.maximum.estimated, 2, axis=0)
        found = maximise(layout.design, filled, penalised=group.penalised, start=start, max_iterations=30)
        ends = found.estimated @ contrasts[at]
        low, high = np.where(found.converged, ends, [-np.inf, np.inf])
        bounds[layout.terms[at]] = (float(low), float(high))
    return bounds


def _slot_bounds(group: GroupFit, data: ChoiceData, options: ChoiceOptions) -> tuple[float, float] | None:
    """Return the slot effect had all uncounted trials gone to the second, or all to the first item."""
    if not group.converged or not group.layout.design.kernel.slot:
        return None
    found = []
    for outcome in (1, 0):
        counts = data.counts.copy()
        counts[:, outcome] += data.uncounted
        filled = replace(data, counts=counts)
        layout = choice_layout(filled, options.baseline)
        fit = maximise(layout.design, counts[None], penalised=group.penalised)
        at = layout.terms.index("slot")
        found.append(float(layout.contrasts[at] @ fit.estimated[0]) if fit.converged[0] else np.nan)
    return (found[0], found[1]) if np.all(np.isfinite(found)) else None


def left_out_warnings(accounting: Accounting) -> list[str]:
    """Return a warning where many trials that might have been in the model are left out."""
    if not accounting.total or accounting.left_out / accounting.total <= _LARGE_SHARE:
        return []
    left = {
        name: count
        for name, count in accounting.counts.items()
        if accounting.counted_as[name].startswith("left out") and name not in CHOICES
    }
    if not left:
        return []
    listed = ", ".join(f"{name} {count:g}" for name, count in left.items())
    return [
        f"{accounting.left_out:g} of {accounting.total:g} trials are left out ({listed}): see the "
        "bounds; ties, opted_out and refusals put such answers into the model"
    ]
