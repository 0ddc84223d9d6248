"""What a reader must know of a choice model's data and clusters before quoting a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.separation import Separation
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = ["adaptive_warning", "cluster_warnings", "data_warnings", "slow_warning"]

_SLOW = 30.0
"""Seconds from which on a fit is announced: on a machine busy with other work they become minutes."""
_OF_ITEMS, _OF_CLUSTERS, _OF_PROFILES = 0.7e-9, 8e-8, 2e-8
"""Seconds for each item cubed, for each item and cluster, and for each item to the fourth power."""


def adaptive_warning(*, allowed_for: bool) -> str:
    """Return what a reader must know of pairs that earlier answers chose."""
    if not allowed_for:
        return (
            "earlier answers chose the pairs, which exaggerates how far apart utilities are, and no fit that "
            "allows for it converged: intervals are too narrow"
        )
    return (
        "earlier answers chose the pairs, which exaggerates how far apart utilities are: intervals span two "
        "fits (one as if pairs had been chosen beforehand, one as a sample of a normal population) and "
        "estimates lie halfway between them; random rounds at the end make this unnecessary"
    )


def slow_warning(data: Iterable[ChoiceData], options: ChoiceOptions) -> str | None:
    """Return that a fit may take minutes, and what to choose instead; None if it will not.

    Measured with 500 to 1,800 items (docs/speed.md): matrices of items by items take the third power of
    items, degrees of freedom items times clusters. Profiles of all items, for each of which all others are
    refitted, take the fourth power (160 items: 14 seconds).
    """
    if options.intervals == "none":
        return None
    groups = list(data)
    seconds = sum(_OF_ITEMS * each.n_items**3 for each in groups)
    if options.clusters:
        seconds += sum(_OF_CLUSTERS * each.n_items * each.n_clusters for each in groups)
    if options.intervals == "profile":
        seconds += sum(_OF_PROFILES * each.n_items**4 for each in groups)
    if seconds < _SLOW:
        return None
    largest = max(each.n_items for each in groups)
    less = (
        "intervals='wald' takes the usual intervals, which are much quicker, and intervals='none'"
        if options.intervals == "profile"
        else "intervals='none'"
    )
    return (
        f"intervals of {largest:,} items may take minutes; {less} gives the utilities alone, and choices of "
        "fewer items take less than in proportion"
    )


def data_warnings(
    data: ChoiceData, layout: Layout, separation: Separation, options: ChoiceOptions, *, penalised: bool
) -> list[str]:
    """Return warnings of separation, items without a trial, unconnected groups, ties and cluster labels."""
    notes = []
    if separation.separated:
        remedy = (
            "bias-reduced estimates are reported, with profile intervals of the separated items"
            if penalised
            else "these have no finite maximum-likelihood estimate; bias reduction gives one"
        )
        notes.append(f"separated data ({separation.describe(data.items)}): {remedy}")
    empty = [node for at, node in enumerate(layout.nodes) if layout.component[at] < 0]
    if empty:
        notes.append(f"no trial in the model, so no utility: {', '.join(empty)}")
    if layout.n_components > 1:
        parts = [
            ", ".join(layout.nodes[at] for at in np.flatnonzero(layout.component == each))
            for each in range(layout.n_components)
        ]
        listed = "; ".join(f"{number}: {part}" for number, part in enumerate(parts, 1))
        notes.append(
            f"items form {layout.n_components} groups that are never compared with each other, and utilities "
            f"of different groups are not on one scale ({listed})"
        )
    asked = options.ties in ("davidson", "rao-kupper")
    if asked and data.kernel.ties == "none":
        notes.append(f"ties={options.ties!r}: no trial ended indifferent, so there is no tie parameter")
    if data.unlabelled:
        notes.append(
            f"{data.unlabelled:g} trials have no {options.clusters[0]}: each cell was made a cluster"
        )
    return notes


def cluster_warnings(
    robust: RobustCovariance,
    layout: Layout,
    options: ChoiceOptions,
    reasons: Mapping[str, str],
    *,
    penalised: bool,
) -> list[str]:
    """Return warnings of a single cluster, and of terms of which nothing says how clusters differ."""
    name = options.cluster_name
    if robust.n_clusters < 2:
        return [
            f"one cluster ({name}): nothing says how answers vary between clusters, so there is no interval; "
            "cluster=False takes trials as independent"
        ]
    if penalised:
        return []
    known = ~np.isnan(robust.standard_errors(layout.contrasts))
    lost = [
        term
        for at, term in enumerate(layout.terms)
        if not known[at] and term not in reasons and term != options.baseline
    ]
    if not lost:
        return []
    return [
        f"no interval, because known from a single cluster ({name}) alone or fitted exactly in all of them, "
        f"so that nothing says how clusters differ: {', '.join(lost)}"
    ]
