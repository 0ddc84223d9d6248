"""How a choice model counted every outcome, and what the trials it left out could have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.bradley_terry import maximise
from bartleby.analysis.choice.contrast_intervals import t_quantile
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.tables.accounting import Accounting, WorstCase
from bartleby.analysis.tables.labels import group_prefix
from bartleby.outcome import CHOICES, Outcome

__all__ = ["WorstCases", "choice_accounting", "left_out_warnings", "worst_cases"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

_MOST_REFITTED = 1_000_000
"""Items times cells up to which every item is fitted again for its bounds."""
_MOST_ROUNDS, _ITERATIONS = 6, 30
"""Times that uncounted trials are assigned anew, and steps of each fit."""
_FOLLOWED = 20_000
"""Items times cells from which on uncounted trials are assigned by the derivative, and once anew: one trial
then moves an estimate so little that nothing else was found to reach further."""
_STILL = 1e-3
"""Logits: what moves further than this in a last step has no maximum."""
_BATCH = 10_000_000
"""Numbers in one batch of refits."""
_LARGE_SHARE = 0.05
"""From this share on, trials left out are worth a warning."""


def choice_accounting(
    groups: Sequence[GroupFit],
    data: Sequence[ChoiceData],
    options: ChoiceOptions,
    *,
    unusable: Sequence[ChoiceData] = (),
    worst: Sequence[WorstCases] = (),
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
    worst
        What the uncounted trials of each fit could make of it.
    """
    counts: dict[str, float] = {}
    for each in (*data, *unusable):
        for name, count in each.outcomes.items():
            counts[name] = counts.get(name, 0.0) + count
    named = options.counted_as
    ordered = {str(o): counts[o] for o in Outcome if o in counts}
    bounds: dict[str, tuple[float, float]] = {}
    for group, cases in zip(groups, worst, strict=False):
        place = "" if len(groups) == 1 else f" ({group_prefix(group.key).rstrip(': ')})"
        bounds |= {f"{term}{place}": pair for term, pair in cases.bounds.items()}
    return Accounting(
        counts=ordered,
        counted_as={name: named.get(name, "left out") for name in ordered},
        used=sum(group.data.used for group in groups),
        bounds=bounds,
    )


@dataclass(frozen=True)
class WorstCases:
    """What the uncounted trials of one group could make of its estimates.

    Parameters
    ----------
    bounds
        By term, with the sampling error of both extremes; infinite where an item would then have lost, or
        won, all.
    cases
        The same without that error, beside the reported intervals.
    warnings
        Why there are none, if there should be.
    """

    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    cases: Sequence[WorstCase] = ()
    warnings: Sequence[str] = ()


def worst_cases(group: GroupFit, rows: Sequence[Mapping[str, Any]]) -> WorstCases:
    """Return how low and how high each estimate could be, whatever each uncounted trial had ended in.

    Parameters
    ----------
    group
        The fit.
    rows
        Its reported rows, one a term.

    Notes
    -----
    All uncounted trials can go any way the model has, those between other items included: each goes where it
    moves the term furthest, which is told from the derivative of the estimate by its outcome, anew after
    each fit until none changes. Each end is as far beyond the extreme as that of the reported interval is
    beyond the estimate, times how much the standard error of the model differs between the two.
    """
    data, layout = group.data, group.layout
    open_cells = _open_cells(group)
    terms = [
        at
        for at, row in enumerate(rows)
        if not np.isnan(row["estimate"]) and layout.contrasts[at].any() and not _is_tie(str(row["term"]))
    ]
    if not group.converged or not len(open_cells) or not terms:
        return WorstCases()
    if len(terms) * len(data.counts) > _MOST_REFITTED:
        return WorstCases(
            warnings=[
                f"no worst-case bounds of {len(terms)} utilities in {len(data.counts)} pairs and orders: "
                "they would take too long"
            ]
        )
    contrasts = layout.contrasts[terms]
    reached, errors = _extremes(group, contrasts, open_cells)
    now = contrasts @ group.maximum.estimated[0]
    plain = np.sqrt(np.sum((contrasts @ group.plain_covariance) * contrasts, axis=1))
    missing = float(data.uncounted.sum())
    bounds, cases = {}, []
    for at, term in enumerate(terms):
        row = rows[term]
        ends = row["estimate"] + reached[:, at] - now[at]
        wider = errors[:, at] / plain[at]
        # Where there is no interval, that of the model alone is the least that there could be.
        least = float(t_quantile(row["level"], np.inf)) * plain[at]
        sides = (row["estimate"] - row["low"], row["high"] - row["estimate"])
        below, above = (least if np.isnan(side) else side for side in sides)
        low, high = ends[0] - wider[0] * below, ends[1] + wider[1] * above
        name = str(row["term"])
        # An infinite extreme has no error to speak of.
        bounds[name] = tuple(np.where(np.isfinite(ends), (low, high), ends).tolist())
        total = missing + data.used
        cases.append(WorstCase(name, row["low"], row["high"], (ends[0], ends[1]), missing, total))
    return WorstCases(bounds, cases)


def _is_tie(term: str) -> bool:
    return term in ("log_nu", "log_theta")


def _open_cells(group: GroupFit) -> Integers:
    """Return the cells with uncounted trials between items that the fit can compare."""
    data, component = group.data, group.layout.component
    one, other = component[data.first], component[data.second]
    return np.flatnonzero((data.uncounted > 0) & (one >= 0) & (one == other))


def _extremes(group: GroupFit, contrasts: Floats, cells: Integers) -> tuple[Floats, Floats]:
    """Return the least and the greatest of each contrast (2, T), and the model's standard errors there."""
    step = max(1, _BATCH // (2 * group.data.counts.size + 2 * len(group.maximum.estimated[0]) ** 2))
    parts = [
        _extremes_at_once(group, contrasts[at : at + step], cells) for at in range(0, len(contrasts), step)
    ]
    return (
        np.concatenate([part[0] for part in parts], axis=1),
        np.concatenate([part[1] for part in parts], axis=1),
    )


def _extremes_at_once(group: GroupFit, contrasts: Floats, cells: Integers) -> tuple[Floats, Floats]:
    """Climb from three assignments of the uncounted trials, as a single one can end at a lesser height."""
    design, data, once = group.layout.design, group.data, np.concatenate([-contrasts, contrasts])
    many = len(group.layout.contrasts) * len(data.counts) > _FOLLOWED
    n_starts, rounds = (3 if design.kernel.slot and not many else 1), (2 if many else _MOST_ROUNDS)
    towards = np.tile(once, (n_starts, 1))
    start = np.repeat(group.maximum.estimated, len(towards), axis=0)
    information = np.repeat(group.maximum.information, len(towards), axis=0)
    gone = _furthest(design, cells, start, information, towards)
    for outcome in range(n_starts - 1):
        # All to the item shown first, or second: no derivative at the estimate foresees so large an effect.
        gone[len(once) * (outcome + 1) : len(once) * (outcome + 2)] = np.eye(gone.shape[2])[outcome]
    best, error = np.full(len(towards), -np.inf), np.full(len(towards), np.nan)
    for left in reversed(range(rounds)):
        counts = np.repeat(data.counts[None], len(towards), axis=0)
        counts[:, cells] += gone * data.uncounted[cells, None]
        found = maximise(design, counts, penalised=group.penalised, start=start, max_iterations=_ITERATIONS)
        start = found.estimated
        along = _solved(found.information, towards)
        value = np.sum(towards * start, axis=1)
        lost = ~found.converged & _runs_off(design, counts, start, towards, penalised=group.penalised)
        value[lost] = np.inf
        better = value > best
        best[better] = value[better]
        error[better] = np.sqrt(np.maximum(np.sum(along * towards, axis=1), 0.0))[better]
        again = _furthest(design, cells, start, found.information, towards)
        if np.array_equal(again, gone):
            break
        # Half-way at first, as trials that all change at once may only change back again.
        gone = again if left <= 1 or left == rounds - 1 else (gone + again) / 2
    highest = best.reshape(n_starts, 2, -1).argmax(axis=0)
    best, error = (
        np.take_along_axis(part.reshape(n_starts, 2, -1), highest[None], axis=0)[0] for part in (best, error)
    )
    return best * np.array([[-1.0], [1.0]]), error


def _furthest(
    design: PairDesign, cells: Integers, estimated: Floats, information: Floats, towards: Floats
) -> Floats:
    """Return 1 for the outcome of each open cell that moves estimates furthest along a contrast (B, m, A)."""
    along = _solved(information, towards) @ design.basis.T
    index = design.index[cells]
    local = (estimated @ design.basis.T)[:, index]
    gradient = design.kernel.terms(local).gradient
    moves = np.argmax(np.einsum("bmal,bml->bma", gradient, along[:, index]), axis=-1)
    return np.asarray(np.eye(gradient.shape[2])[moves], dtype=np.float64)


def _solved(information: Floats, right: Floats) -> Floats:
    """Solve a batch of systems; a little ridge keeps those apart from it that run off."""
    size = information.shape[-1]
    ridge = 1e-10 * (1.0 + np.trace(information, axis1=1, axis2=2) / size)
    solved = np.linalg.solve(information + ridge[:, None, None] * np.eye(size), right[..., None])
    return np.asarray(solved[..., 0], dtype=np.float64)


def _runs_off(
    design: PairDesign, counts: Floats, estimated: Floats, towards: Floats, *, penalised: bool
) -> npt.NDArray[np.bool_]:
    """Tell which contrasts still move: others are known although something else has no maximum."""
    state = design.evaluate(counts, estimated, penalised=penalised)
    moved = np.abs(np.sum(_solved(state.curvature, state.score) * towards, axis=1))
    return np.asarray(~(moved < _STILL), dtype=np.bool_)


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
