"""Intervals from the profile of a (penalised) likelihood: finite and of the right shape under separation.

An item that never wins has a likelihood that rises towards minus infinity, so a standard error says nothing
of it. The profile asks instead which values of its utility the data would still bear, all other parameters
being refitted at each (Heinze & Schemper 2002). All bounds are searched for at once, as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.bradley_terry import Likelihood, Maximum, maximise

__all__ = ["ProfileBounds", "profile_bounds"]

Floats = npt.NDArray[np.float64]

_ROUNDS = 40
_FAR = 60.0
"""Logits: a bound further out than this is reported as none."""
_NEAR = 1e-6
"""A bound is found when the signed root of the deviance is this close to its quantile, relatively."""
_STEP = 1e-5
"""Logits: steps at which a refit stops. A profile is flat there, so its error is of the square of it."""
_BATCH_NUMBERS = 4_000_000


@dataclass(frozen=True)
class ProfileBounds:
    """Lower and upper bounds of some contrasts (k,), infinite where the likelihood never falls enough."""

    low: Floats
    high: Floats


def profile_bounds(
    design: Likelihood,
    counts: Floats,
    top: Maximum,
    contrasts: Floats,
    *,
    level: float,
    scale: float = 1.0,
    penalised: bool = True,
) -> ProfileBounds:
    """Return profile-likelihood intervals of contrasts of the parameters.

    Parameters
    ----------
    design, counts
        The data, one data set: counts (1, ...).
    top
        Its maximum.
    contrasts
        One a row (k, q).
    level
        Confidence level.
    scale
        Overdispersion by which the deviance is divided, 1 or more.
    penalised
        Whether `top` is the maximum of the penalised likelihood.
    """
    quantile = float(np.sqrt(2) * special.erfinv(level)) * np.sqrt(scale)
    step = max(1, _BATCH_NUMBERS // (2 * design.numbers + 1))
    parts = [
        _search(design, counts, top, contrasts[at : at + step], quantile, penalised=penalised)
        for at in range(0, len(contrasts), step)
    ]
    return ProfileBounds(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _search(
    design: Likelihood, counts: Floats, top: Maximum, contrasts: Floats, quantile: float, *, penalised: bool
) -> tuple[Floats, Floats]:
    """Find both bounds of every contrast by a guarded secant on the signed root of the deviance.

    The signed root is nearly a straight line in the parameter, so few rounds are needed.
    """
    both = np.concatenate([contrasts, contrasts])
    sign = np.repeat([-1.0, 1.0], len(contrasts))
    centre = both @ top.estimated[0]
    inverse = np.linalg.inv(top.information[0])
    width = np.sqrt(np.einsum("kp,pq,kq->k", both, inverse, both))
    inner, outer = np.zeros(len(both)), np.full(len(both), np.inf)
    inner_root, outer_root = np.zeros(len(both)), np.full(len(both), np.nan)
    offset = quantile * width
    # How all parameters move with the contrast: at first as in a quadratic likelihood, later as found.
    slope = sign[:, None] * (both @ inverse) / (width**2)[:, None]
    found = np.zeros(len(both), dtype=bool)
    active = np.arange(len(both))
    for _ in range(_ROUNDS):
        value = centre[active] + sign[active] * offset[active]
        fit = maximise(
            design,
            counts,
            penalised=penalised,
            start=top.estimated + offset[active, None] * slope[active],
            fixed=(both[active], value),
            tolerance=_STEP,
        )
        moved = (fit.estimated - top.estimated) / offset[active, None]
        slope[active] = np.where(fit.converged[:, None], moved, slope[active])
        root = np.sqrt(np.maximum(2 * (top.objective[0] - fit.objective), 0.0))
        root = np.where(fit.converged, root, np.nan)
        near = np.abs(root - quantile) < _NEAR * quantile
        found[active[near]] = True
        below = root < quantile
        inner[active[below]], inner_root[active[below]] = offset[active[below]], root[below]
        above = ~below
        outer[active[above]], outer_root[active[above]] = offset[active[above]], root[above]
        tried = _next((inner, inner_root), (outer, outer_root), quantile, width)
        offset = np.where(found, offset, tried)
        active = np.flatnonzero(~found & (inner <= _FAR))
        if len(active) == 0:
            break
    bound = np.where(found, centre + sign * offset, sign * np.inf)
    half = len(contrasts)
    return bound[:half], bound[half:]


def _next(
    below: tuple[Floats, Floats], above: tuple[Floats, Floats], quantile: float, width: Floats
) -> Floats:
    """Return the next offsets to try: between the brackets where there are two, further out otherwise.

    `below` and `above` are offsets and the roots found there.
    """
    (inner, inner_root), (outer, outer_root) = below, above
    open_end = ~np.isfinite(outer)
    slope = np.where(inner > 0, inner_root / np.where(inner > 0, inner, 1.0), 1.0 / width)
    further = inner * np.clip(quantile / np.maximum(slope * inner, 1e-12), 1.05, 2.0)
    further = np.where(inner > 0, further, quantile * width)
    far = np.where(open_end, inner + 1.0, outer)
    with np.errstate(invalid="ignore"):
        share = (quantile - inner_root) / (outer_root - inner_root)
    share = np.clip(np.where(np.isfinite(share), share, 0.5), 0.01, 0.99)
    return np.where(open_end, further, inner + share * (far - inner))
