"""What a reader must know of a choice model's data and clusters before quoting a number, or waiting for it.

How long something takes was measured with 300 to 3,600 items (docs/evidence/speed.md).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.separation import Separation
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = [
    "adaptive_warning",
    "announce",
    "cluster_warnings",
    "data_warnings",
    "slow_bootstrap",
    "slow_fits",
    "slow_shares",
]

SHOWN = 8
_SLOW = 30.0
"""Seconds from which on a fit is announced: on a machine busy with other work they become minutes."""
_OF_ITEMS, _OF_CLUSTERS, _OF_PROFILES = 1.2e-9, 4e-8, 2e-8
"""Seconds for each item cubed, for each item and cluster, and for each item to the fourth power."""
_OF_CELLS, _OF_TIES, _OF_SYSTEM = 7e-7, 2e-5, 3e-10
"""Seconds of one draw for each ordered pair, for each with three outcomes, and for each item cubed."""
_OF_REPLICATE, _OF_REFIT = 3e-7, 3e-9
"""Seconds of one replicate for each ordered pair, and for each item cubed where it is a fit of its own."""
_FIRST_DRAWS, _BURN_IN, _BOUND_STEPS = 1000, 60, 860
"""Draws that shares take at least, steps before these, and steps for a worst-case bound."""


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


def announce(text: str | None) -> None:
    """Warn before something that may take minutes, at the line outside this package that asked for it."""
    if text is None:
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("bartleby."):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def slow_fits(data: Iterable[ChoiceData], options: ChoiceOptions) -> str | None:
    """Return that a fit may take minutes, and what to choose instead; None if it will not."""
    if options.intervals == "none":
        return None
    groups = list(data)
    if sum(_seconds_of_fit(each, options) for each in groups) <= _SLOW:
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


def slow_shares(
    data: Iterable[ChoiceData], options: ChoiceOptions, draws: int | None, n_classes: int
) -> str | None:
    """Return that shares below the baseline may take minutes; None if they will not.

    Where trials were not counted each class has two more fits, and draws from each, for worst-case bounds.
    """
    seconds, largest = 0.0, 0
    for each in data:
        steps = (draws or _FIRST_DRAWS) + _BURN_IN
        seconds += steps * _seconds_of_draw(each)
        if each.uncounted.any():
            bound = min(steps, _BOUND_STEPS) * _seconds_of_draw(each)
            seconds += 2 * n_classes * (bound + _seconds_of_fit(each, options))
        largest = max(largest, each.n_items)
    if seconds <= _SLOW:
        return None
    return (
        f"shares of {largest:,} items may take minutes; fewer draws (draws=) take less in proportion, with a "
        "larger Monte Carlo error, which is reported"
    )


def slow_bootstrap(data: Iterable[tuple[ChoiceData, bool]], replicates: int) -> str | None:
    """Return that a bootstrap of groups, bias-reduced or not, may take minutes; None if it will not."""
    seconds, largest = 0.0, 0
    for each, penalised in data:
        two = len(each.kernel.outcomes) == 2
        seconds += replicates * len(each.first) * (_OF_REPLICATE if two else _OF_TIES)
        if penalised or not two:
            seconds += replicates * _OF_REFIT * each.n_items**3
        largest = max(largest, each.n_items)
    if seconds <= _SLOW:
        return None
    return (
        f"{replicates:,} bootstrap replicates of {largest:,} items may take minutes; fewer replicates "
        "(replicates=) take less in proportion, and the intervals of the fit itself need none"
    )


def _seconds_of_fit(data: ChoiceData, options: ChoiceOptions) -> float:
    """Return about how long a fit takes.

    Matrices of items by items take the third power of items, degrees of freedom items times clusters.
    Profiles of all items, for each of which all others are refitted, take the fourth power (160 items: 14
    seconds).
    """
    seconds = _OF_ITEMS * data.n_items**3
    if options.clusters:
        seconds += _OF_CLUSTERS * data.n_items * data.n_clusters
    if options.intervals == "profile":
        seconds += _OF_PROFILES * data.n_items**4
    return seconds


def _seconds_of_draw(data: ChoiceData) -> float:
    """Return about how long a draw of all utilities takes; ties or `neither` make it solve a dense system."""
    if len(data.kernel.outcomes) == 2:
        return _OF_CELLS * len(data.first)
    return _OF_TIES * len(data.first) + _OF_SYSTEM * data.n_items**3


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


def _listed(terms: Sequence[str]) -> str:
    """Return a few of many terms, and how many there are: a warning is to be read."""
    more = f" and {len(terms) - SHOWN} more" if len(terms) > SHOWN else ""
    return f"{', '.join(terms[:SHOWN])}{more}"


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
        f"so that nothing says how clusters differ: {_listed(lost)}"
    ]
