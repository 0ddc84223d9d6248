"""Fitting choice models from counts: Newton's method for many data sets at once.

A batch of B count arrays is fitted together: replicates of a bootstrap, points of a profile, or one data
set. `PairDesign` gives the likelihood of choices between two, `SetDesign` that of choices among several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.positive import solved

__all__ = ["Evaluation", "Likelihood", "Maximum", "maximise"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

MAX_ITERATIONS = 200
TOLERANCE = 1e-9
_LONGEST_STEP = 5.0
"""Logits: no single Newton step moves any parameter further than this."""


class Likelihood(Protocol):
    """What `maximise` needs of a model."""

    @property
    def n_estimated(self) -> int:
        """Number of estimated parameters q."""

    @property
    def numbers(self) -> int:
        """Numbers that one data set of a batch takes while it is evaluated."""

    def start(self) -> Floats:
        """Return where to start (q,)."""

    def evaluate(self, counts: Floats, estimated: Floats, *, penalised: bool) -> Evaluation:
        """Return the likelihood with its derivatives at parameters (B, q)."""


@dataclass(frozen=True)
class Evaluation:
    """The objective at some parameters and what a step from there needs.

    Parameters
    ----------
    objective
        (B,).
    score
        Its gradient (B, q).
    information
        Expected information without the penalty (B, q, q).
    curvature
        What a Newton step divides by (B, q, q): the information, or with a penalty that of the data with
        the pseudo-observations to which the penalty amounts.
    """

    objective: Floats
    score: Floats
    information: Floats
    curvature: Floats

    def of(self, keep: Booleans) -> Evaluation:
        """Return those of some data sets."""
        if keep.all():
            return self
        return Evaluation(
            self.objective[keep], self.score[keep], self.information[keep], self.curvature[keep]
        )


@dataclass(frozen=True)
class Maximum:
    """The maximum of a (penalised) likelihood for each data set of a batch.

    Parameters
    ----------
    estimated
        Where it is (B, q).
    objective
        Its height (B,): the log likelihood, with the penalty if there is one.
    information
        Expected information without the penalty (B, q, q).
    converged
        Whether it was reached (B,).
    """

    estimated: Floats
    objective: Floats
    information: Floats
    converged: Booleans


def maximise(
    design: Likelihood,
    counts: Floats,
    *,
    penalised: bool = False,
    start: Floats | None = None,
    fixed: tuple[Floats, Floats] | None = None,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> Maximum:
    """Maximise the likelihood of each data set of a batch.

    Parameters
    ----------
    design
        What was shown, and the likelihood of what came of it.
    counts
        What was chosen: outcomes by cell (B or 1, M, A) of a `PairDesign`.
    penalised
        Bias-reduced by Jeffreys' prior (Firth 1993; Kosmidis & Firth 2021): finite under separation.
    start
        Where to start (B, q); the design's own start without.
    fixed
        Contrasts (B, q) and the values (B,) they are held at: a profile.
    tolerance
        Converged when no parameter moves further than this.
    max_iterations
        The most iterations; what has not converged by then says so.
    """
    size = len(counts) if start is None else len(start)
    now = np.tile(design.start(), (size, 1)) if start is None else np.array(start, dtype=float)
    state = design.evaluate(counts, now, penalised=penalised)
    if fixed is not None and not _is_on(now, *fixed):
        now = _onto(now, state.information, *fixed)
        state = design.evaluate(counts, now, penalised=penalised)
    converged = np.zeros(size, dtype=bool)
    objective, information = state.objective, state.information
    active = np.arange(size)
    for _ in range(max_iterations):
        part = counts if len(counts) == 1 else counts[active]
        contrast = None if fixed is None else fixed[0][active]
        step = _newton_step(state, contrast)
        length = np.abs(step).max(axis=1, initial=0.0)
        if np.all(length < tolerance) and np.all(np.isfinite(state.objective)):
            # So short a step changes neither the likelihood nor its derivatives.
            now[active] += step
            converged[active] = True
            break
        before = state.objective
        # Matrices that others take the place of must not stand beside these.
        del state
        if len(active) == size:
            information = np.empty(0)
        moved, state, lost = _climb(design, part, now[active], step, before, penalised=penalised)
        length = np.abs(moved - now[active]).max(axis=1, initial=0.0)
        now[active] = moved
        if len(active) == size:
            # What stands for all data sets takes the place of what stood for them.
            objective, information = state.objective, state.information
        else:
            objective[active], information[active] = state.objective, state.information
        done = (length < tolerance) & ~lost & np.isfinite(state.objective)
        converged[active[done]] = True
        keep = ~done & ~lost
        active = active[keep]
        state = state.of(keep)
        if len(active) == 0:
            break
    return Maximum(now, objective, information, converged)


def _climb(
    design: Likelihood, counts: Floats, now: Floats, step: Floats, objective: Floats, *, penalised: bool
) -> tuple[Floats, Evaluation, Booleans]:
    """Take a step, halved for those data sets whose objective it would lower; tell which are stuck."""
    moved = now + step
    after = design.evaluate(counts, moved, penalised=penalised)
    slack = 1e-10 * (1 + np.abs(objective))
    for _ in range(30):
        worse = ~(after.objective >= objective - slack)
        if not worse.any():
            break
        step = np.where(worse[:, None], step / 2, step)
        moved = now + step
        after = design.evaluate(counts, moved, penalised=penalised)
    # Without a determinant before and after the step some parameters cannot be told from these data.
    lost = ~(after.objective >= objective - slack) | ~(np.isfinite(objective) | np.isfinite(after.objective))
    return np.where(lost[:, None], now, moved), after, lost


def _newton_step(state: Evaluation, contrast: Floats | None) -> Floats:
    """Return the Newton step, of bounded length; with a contrast, the step that leaves it as it is."""
    step = _solve(state.curvature, state.score)
    if contrast is not None:
        along = _solve(state.curvature, contrast)
        gain = np.sum(contrast * step, axis=1) / np.sum(contrast * along, axis=1)
        step = step - gain[:, None] * along
    longest = np.abs(step).max(axis=1, initial=0.0)
    bounded: Floats = step * np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, 1e-300))[:, None]
    return bounded


def _is_on(now: Floats, contrast: Floats, value: Floats) -> bool:
    """Tell whether contrasts have their values already, to rounding."""
    reached = np.sum(contrast * now, axis=1)
    return bool(np.all(np.abs(reached - value) <= 1e-12 * (1 + np.abs(value))))


def _onto(now: Floats, information: Floats, contrast: Floats, value: Floats) -> Floats:
    """Return the nearest parameters, in the metric of the information, at which a contrast has a value."""
    along = _solve(information, contrast)
    lacking = (value - np.sum(contrast * now, axis=1)) / np.sum(contrast * along, axis=1)
    moved: Floats = now + lacking[:, None] * along
    return moved


def _solve(information: Floats, right: Floats) -> Floats:
    """Solve a batch of systems; a singular one gets a little ridge rather than stopping the others."""
    try:
        return solved(information, right)
    except np.linalg.LinAlgError:
        ridge = 1e-10 * (1.0 + np.trace(information, axis1=1, axis2=2))
        eye = np.eye(information.shape[-1])
        return solved(information + ridge[:, None, None] * eye, right)
