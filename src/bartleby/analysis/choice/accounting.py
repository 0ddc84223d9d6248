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

_LARGE_SHARE = 0.05
"""From this share on, trials left out are worth a warning."""


def choice_accounting(
    groups: Sequence[GroupFit],
    data: Sequence[ChoiceData],
    options: ChoiceOptions,
    *,
    unusable: Sequence[ChoiceData] = (),
) -> Accounting:
    """Return how outcomes were counted, with bounds of each slot effect.

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
    bounds = {}
    if options.slot:
        for group, each in zip(groups, data, strict=True):
            pair = _slot_bounds(group, each, options)
            if pair is not None:
                bounds["slot" if len(groups) == 1 else f"slot ({group_prefix(group.key).rstrip(': ')})"] = (
                    pair
                )
    return Accounting(
        counts=ordered,
        counted_as={name: named.get(name, "left out") for name in ordered},
        used=sum(group.data.used for group in groups),
        bounds=bounds,
    )


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
