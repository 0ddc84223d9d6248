"""Fitting one choice model: estimates, their covariance, and the rows that are reported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.adaptive import PopulationFit, population_fit, spanning
from bartleby.analysis.choice.bradley_terry import Maximum, maximise
from bartleby.analysis.choice.contrast_intervals import (
    ContrastIntervals,
    Profiles,
    contrast_intervals,
    no_intervals,
)
from bartleby.analysis.choice.corrected import Corrected, bias_corrected, corrected_by_log_odds
from bartleby.analysis.choice.covariance import inverse_information, overdispersion, robust_covariance
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import (
    Layout,
    SlotBasis,
    choice_layout,
    find_separation,
    near_maximum,
    order_confounded,
)
from bartleby.analysis.choice.log_odds import skewed_positions, unknown_log_odds
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.own_profiles import own_profiles
from bartleby.analysis.choice.pair_design import without_order
from bartleby.analysis.choice.separation import Separation
from bartleby.analysis.choice.warnings import adaptive_warning, cluster_warnings, data_warnings
from bartleby.analysis.inference.positive import least_pivot
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = ["GroupFit", "fit_group"]

Floats = npt.NDArray[np.float64]

_NEXT_TO_NEVER = 1e-3
"""Share of its trials below which an item is named where choices are as good as separated."""
_LOST = 1000.0
"""Times the rounding error: pivots of the information below this are not known to any digit."""


@dataclass(frozen=True, eq=False)
class GroupFit:
    """The fit of one group (one model, one level of `by`).

    Parameters
    ----------
    key
        What names the group.
    data
        The choices.
    layout
        Parameters and reported contrasts.
    maximum
        The estimate.
    robust
        What the robust covariance came from, if it is that.
    scale
        Overdispersion: how much more variable clusters are than the model has it, 1 or more.
    penalised
        Whether the estimate is bias-reduced.
    separation
        What has no finite maximum-likelihood estimate.
    reasons
        Why a term has no estimate, by term.
    warnings
        What a reader must know.
    population
        The fit as a sample of a normal population, where earlier answers chose the pairs.
    corrected
        What is reported in place of `maximum` where that is biased; `robust` is then its covariance.
    """

    key: Mapping[str, Any]
    data: ChoiceData
    layout: Layout
    maximum: Maximum
    robust: RobustCovariance | None
    scale: float
    penalised: bool
    separation: Separation
    reasons: Mapping[str, str]
    warnings: tuple[str, ...]
    population: PopulationFit | None = None
    corrected: Corrected | None = None

    @property
    def converged(self) -> bool:
        """Whether the fit reached its maximum."""
        return bool(self.maximum.converged[0])

    @property
    def infinite(self) -> str:
        """Why maximum likelihood has no finite estimate of any term, in words; nothing where it has."""
        if self.penalised or (self.converged and not set(self.reasons) >= set(self.layout.terms)):
            return ""
        if self.separation.separated:
            return f"the data are separated ({self.separation.describe(self.data.items)})"
        won = np.bincount(self.data.first, self.data.counts[:, 0], self.data.n_items)
        won += np.bincount(self.data.second, self.data.counts[:, 1], self.data.n_items)
        with np.errstate(invalid="ignore"):
            share = won / self.data.trials_of_items
        extreme = np.flatnonzero(np.minimum(share, 1 - share) < _NEXT_TO_NEVER)
        names = ", ".join(self.data.items[code] for code in extreme)
        listed = f" (next to never or always chosen: {names})" if names else ""
        return f"the data are as good as separated{listed}"

    @property
    def reported(self) -> Maximum:
        """The estimate that is reported."""
        return self.maximum if self.corrected is None else self.corrected.maximum

    @property
    def estimated(self) -> Floats:
        """The reported parameters (q,)."""
        estimated: Floats = self.reported.estimated[0]
        return estimated

    @property
    def plain_covariance(self) -> Floats:
        """The inverse information (q, q)."""
        return inverse_information(self.maximum.information[0])

    @property
    def model_covariance(self) -> Floats:
        """The inverse information times the overdispersion (q, q)."""
        return self.plain_covariance * self.scale

    def rows(self, options: ChoiceOptions, *, intervals: bool = True) -> list[dict[str, Any]]:
        """Return the reported rows, with intervals; or the estimates as if no pair were adaptive, without."""
        estimates = self.layout.contrasts @ self.estimated
        found = _intervals(self, options) if intervals else no_intervals(len(estimates), "")
        if self.population is not None and intervals:
            estimates, found = spanning(estimates, found, self.population, options.level)
        n_items, n_components = self.data.n_items, self.layout.n_components
        trials = np.append(self.data.trials_of_items, np.full(len(estimates) - n_items, self.data.used))
        n_clusters = self.data.n_clusters if self.robust is not None or options.clusters else math.nan
        names = (*self.layout.nodes, *[None] * len(estimates))
        numbers = np.stack([estimates, found.std_error, found.low, found.high, trials, found.df], axis=1)
        rows = []
        for at, (term, values) in enumerate(zip(self.layout.terms, numbers.tolist(), strict=True)):
            estimate, std_error, low, high, n, df = values
            row = {
                **self.key,
                "term": term,
                "estimate": estimate,
                "std_error": std_error,
                "low": low,
                "high": high,
                "level": options.level,
                "n": n,
                "n_clusters": n_clusters,
                "method": found.method[at],
                "df": df,
            }
            if names[at] is not None and names[at] == options.baseline:
                row |= {"estimate": 0.0, "std_error": math.nan, "low": math.nan, "high": math.nan}
                row |= {"method": "baseline", "df": math.nan}
            elif term in self.reasons:
                row |= dict.fromkeys(("estimate", "std_error", "low", "high", "df"), math.nan)
                row["method"] = self.reasons[term]
            if n_components > 1:
                row["component"] = self.layout.component[at] + 1 if at < len(self.layout.nodes) else math.nan
            rows.append(row)
        return rows


def fit_group(
    key: Mapping[str, Any],
    data: ChoiceData,
    options: ChoiceOptions,
    *,
    slot_basis: SlotBasis | None = None,
    adaptive: bool = False,
) -> GroupFit:
    """Fit one group.

    Parameters
    ----------
    key
        What names it.
    data
        Its choices, with at least one in the model.
    options
        Settings.
    slot_basis
        Several slot effects instead of one; see `choice_layout`.
    adaptive
        Whether earlier answers chose the pairs.
    """
    notes: list[str] = []
    if data.kernel.slot and order_confounded(data):
        data = replace(data, kernel=replace(data.kernel, slot=False))
        notes.append(
            "the order in which items were shown cannot be told apart from the items: no slot effect is "
            "estimated (show each pair in both orders)"
        )
    layout = choice_layout(data, options.baseline, slot_basis=slot_basis)
    separation = find_separation(data, layout)
    penalised = separation.separated if options.bias_reduced is None else options.bias_reduced
    reasons: dict[str, str] = {}
    left = separation
    while left.separated and not penalised and len(reasons) < len(layout.terms):
        data, layout, gone = _without(data, layout, left, options, slot_basis)
        reasons |= gone
        left = find_separation(data, layout)
    reasons = {**_unplaced(layout, options), **reasons}
    design, counts = without_order(layout.design, data.counts)
    maximum = maximise(design, counts[None], penalised=penalised, start=near_maximum(data, layout))
    lost = not penalised and _undetermined(maximum)
    by_log_odds = data.exact and data.log_odds is not None and not unknown_log_odds(data)
    if lost and (by_log_odds or options.bias_reduced is None):
        maximum, penalised = maximise(design, counts[None], penalised=True), True
    elif lost and not by_log_odds:
        maximum = replace(maximum, converged=np.zeros(1, dtype=bool))
    notes += data_warnings(data, layout, separation, options, penalised=penalised)
    if not maximum.converged[0]:
        notes.append("the fit did not converge: no estimate is reported")
        reasons = dict.fromkeys(layout.terms, "did not converge")
    # Exact probabilities have no variance of draws, so that what varies is how prompts depart from the model.
    varies = (bool(options.clusters) or data.exact) and options.intervals != "none"
    corrected = None
    if lost or not penalised:
        corrected = _corrected(data, layout, maximum, options, penalised=penalised, clustered=varies)
    robust = robust_covariance(data, layout, maximum) if varies and maximum.converged[0] else None
    notes += [why] if (why := unknown_log_odds(data)) else []
    scale = 1.0
    if robust is not None:
        scale = overdispersion(robust, maximum, data)
        if corrected is not None and corrected.robust is not None:
            robust = corrected.robust
        notes += cluster_warnings(robust, layout, options, reasons, penalised=penalised)
    population = population_fit(data, layout, scale) if adaptive and maximum.converged[0] else None
    if adaptive:
        notes.append(adaptive_warning(allowed_for=population is not None))
    return GroupFit(
        key,
        data,
        layout,
        maximum,
        robust,
        scale,
        penalised,
        separation,
        reasons,
        tuple(notes),
        population,
        corrected,
    )


def _intervals(fit: GroupFit, options: ChoiceOptions) -> ContrastIntervals:
    """Return standard errors, bounds, degrees of freedom and the method of all terms."""
    size = len(fit.layout.terms)
    if not fit.converged:
        return no_intervals(size, "did not converge")
    if options.intervals == "none":
        return no_intervals(size, "no interval requested")
    named = "Bradley-Terry, " + _estimator(fit) + (" of exact probabilities" if fit.data.exact else "")
    reference = "" if options.baseline else ", sum-to-zero"
    if fit.robust is not None and fit.robust.n_clusters < 2:
        return no_intervals(size, f"{named}{reference}; one cluster, no interval")
    own = None
    if fit.penalised and fit.separation.separated:
        # Where the position effect is separated, so is everything that is compared across positions.
        items = () if fit.separation.slot else fit.separation.items
        own = own_profiles(fit.layout, fit.data.counts, fit.maximum.estimated[0], items, scale=fit.scale)
    found = contrast_intervals(
        fit.layout.design,
        fit.data.counts[None],
        fit.reported,
        fit.layout.contrasts,
        level=options.level,
        robust=fit.robust,
        scale=fit.scale,
        penalised=fit.penalised,
        unit="trials",
        cluster=options.cluster_name,
        profiles=_profiles(fit, options),
        own=own,
    )
    if fit.corrected is not None and fit.corrected.robust is not None and fit.data.exact:
        found = skewed_positions(found, fit.corrected.robust, fit.layout, fit.estimated, options.level)
    return found.named(f"{named}{reference}; ")


def _undetermined(maximum: Maximum) -> bool:
    """Return whether choices say so little of some parameters that it is lost in rounding.

    So it is with several items that are next to never taken: they are as good as separated.
    """
    if not maximum.converged[0]:
        return True
    least = least_pivot(maximum.information[0])
    return bool(least < _LOST * maximum.information.shape[-1] * np.finfo(float).eps)


def _corrected(
    data: ChoiceData,
    layout: Layout,
    maximum: Maximum,
    options: ChoiceOptions,
    *,
    penalised: bool,
    clustered: bool,
) -> Corrected | None:
    """Return what is reported in place of the maximum of the likelihood, if anything is."""
    if not maximum.converged[0]:
        return None
    if data.exact:
        return corrected_by_log_odds(data, layout, maximum)
    if options.bias_reduced is None and not penalised:
        return bias_corrected(data, layout, maximum, clustered=clustered)
    return None


def _estimator(fit: GroupFit) -> str:
    if fit.corrected is not None:
        return fit.corrected.name
    return "bias-reduced (Firth)" if fit.penalised else "maximum likelihood"


def _profiles(fit: GroupFit, options: ChoiceOptions) -> Profiles:
    """Return which terms get a profile."""
    if options.intervals == "profile":
        return "all"
    return "separated" if options.intervals is None and fit.separation.separated else "none"


def _unplaced(layout: Layout, options: ChoiceOptions) -> dict[str, str]:
    reasons = {}
    for at, node in enumerate(layout.nodes):
        if layout.component[at] < 0:
            reasons[node] = "no trial in the model"
        elif not layout.placed[at]:
            reasons[node] = f"not connected to the baseline {options.baseline!r}"
    return reasons


def _without(
    data: ChoiceData,
    layout: Layout,
    separation: Separation,
    options: ChoiceOptions,
    slot_basis: SlotBasis | None,
) -> tuple[ChoiceData, Layout, dict[str, str]]:
    """Leave separated items out of a maximum-likelihood fit, in which they have no finite utility."""
    gone = separation.items
    names = {data.items[code] for code in gone}
    if separation.slot or options.baseline in names or not gone:
        return data, layout, dict.fromkeys(layout.terms, "infinite: separated data")
    keep = ~(np.isin(data.first, gone) | np.isin(data.second, gone))
    rows = keep[data.row_cell]
    _, cluster = np.unique(data.row_cluster[rows], return_inverse=True)
    smaller = replace(
        data,
        counts=data.counts * keep[:, None],
        trials=None if data.trials is None else data.trials * keep,
        row_cell=data.row_cell[rows],
        row_cluster=cluster,
        row_counts=data.row_counts[rows],
        log_odds=None if data.log_odds is None else data.log_odds[rows],
        n_clusters=int(cluster.max(initial=-1)) + 1,
    )
    return (
        smaller,
        choice_layout(smaller, options.baseline, slot_basis=slot_basis),
        dict.fromkeys(names, "infinite: separated data"),
    )
