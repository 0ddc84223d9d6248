"""How uncertain a Kaplan-Meier curve is: Greenwood, by clusters, or within clusters taken as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Influence", "clustered", "independent", "stratified"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Influence:
    """The uncertainty of log S(1), ..., log S(T) and of sums of steps of it.

    Parameters
    ----------
    greenwood
        Variance of each step of log S if conversations are independent (T,); 0 where nobody left, and
        where all did.
    kind, method
        `z` or `t`, and how the variance is got, in words.
    steps
        Influence of each cluster on each step (G, T), corrected for what it absorbed; None without
        clusters.
    share
        Share of each cluster in those at risk (G, T), for the degrees of freedom; None without clusters.
    within
        The variance of weighted sums of steps (weights (T, k)) within clusters, where these are given.
    lonely
        Turns at which the hazard is known from one cluster alone (T,); None if there are none.
    design_effect
        Of conversations that are all alike within a cluster.
    """

    greenwood: Floats
    kind: str
    method: str
    steps: Floats | None = field(default=None, repr=False)
    share: Floats | None = field(default=None, repr=False)
    within: Callable[[Floats], Floats] | None = field(default=None, repr=False)
    lonely: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    design_effect: float = math.inf

    def of(self, weight: Floats) -> tuple[float, float]:
        """Return variance and degrees of freedom of a weighted sum of steps of log S.

        Parameters
        ----------
        weight
            Of the first steps (k,), k at most T.
        """
        upto = len(weight)
        matrix = np.zeros((len(self.greenwood), 1))
        matrix[:upto, 0] = weight
        variance, df = self._of_sums(matrix)
        return float(variance[0]), float(df[0])

    def of_log_curve(self) -> tuple[Floats, Floats]:
        """Return variances and degrees of freedom of log S(1), ..., log S(T)."""
        return self._of_sums(np.triu(np.ones((len(self.greenwood), len(self.greenwood)))))

    def _of_sums(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return variances and degrees of freedom of weighted sums of steps, weights (T, k)."""
        simple = self.greenwood @ weights**2
        infinite = np.full(weights.shape[1], math.inf)
        if self.within is not None:
            return self.within(weights), infinite
        if self.steps is None or self.share is None:
            return simple, infinite
        if len(self.steps) < 2:
            nothing = np.full(weights.shape[1], math.nan)
            return nothing, nothing
        parts = self.steps @ weights
        variance = np.sum(np.square(parts), axis=0)
        df = np.minimum(self._working(weights), _peaked(parts, variance))
        # No cluster differs from another, and so nothing is known of how they do.
        flat = variance <= 1e-12 * simple
        size = math.sqrt(self.design_effect)
        variance = np.where(flat, simple * size, variance)
        df = np.where(flat, len(self.steps) - 1.0, np.maximum(df, 1.0))
        if self.lonely is not None:
            unknown = (np.abs(weights[self.lonely]) > 0).any(axis=0)
            variance, df = np.where(unknown, math.nan, variance), np.where(unknown, math.nan, df)
        return variance, df

    def _working(self, weights: Floats) -> Floats:
        """Return Satterthwaite's degrees of freedom if conversations were independent.

        As `RobustCovariance.degrees_of_freedom`, for the saturated model of one hazard a turn: its
        information is diagonal, so leverages are the clusters' shares of those at risk.
        """
        share = self.share if self.share is not None else np.ones((1, len(self.greenwood)))
        squares = self.greenwood[:, None] * weights**2
        left = np.where(share < 1, 1 - share, np.inf)
        own, absorbed = (share / left) @ squares, (share**2 / left) @ squares
        factors = share / np.sqrt(left)
        both = (factors.T @ factors) ** 2
        trace_square = np.sum(own**2 - 2 * own * absorbed, axis=0)
        trace_square += np.einsum("uk,uv,vk->k", squares, both, squares)
        trace = np.sum(squares, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            df: Floats = np.where(trace_square > 0, trace**2 / trace_square, len(share) - 1.0)
        return df


def independent(exits: Floats, at_risk: Floats) -> Influence:
    """Return Greenwood's variance of independent conversations (1, T)."""
    return Influence(_greenwood(exits.sum(axis=0), at_risk.sum(axis=0)), "z", "Greenwood, independent rows")


def clustered(exits: Floats, at_risk: Floats) -> Influence:
    """Return the uncertainty if clusters are a sample: exits and numbers at risk are (G, T)."""
    total, everyone = exits.sum(axis=0), at_risk.sum(axis=0)
    hazard = total / everyone
    share = at_risk / everyone
    left = np.where(share < 1, 1 - share, np.inf)
    # Where all leave, log S has no variance of its own; the step is left out.
    scale = np.where(hazard < 1, everyone * (1 - hazard), np.inf)
    steps = -(exits - at_risk * hazard) / (scale * np.sqrt(left))
    lonely = (share >= 1).any(axis=0) & (total > 0) & (hazard < 1)
    sizes = at_risk[:, 0]
    effect = float(np.sum(sizes**2) / np.sum(sizes))
    return Influence(
        _greenwood(total, everyone),
        "t",
        "CR2",
        steps=steps,
        share=share,
        lonely=lonely if lonely.any() else None,
        design_effect=effect,
    )


def stratified(time: Integers, exited: npt.NDArray[np.bool_], weight: Floats, cluster: Integers) -> Influence:
    """Return the uncertainty if exactly these clusters were asked again, conversations being independent.

    Notes
    -----
    The squared influence of conversations about their cluster's mean. A cluster whose conversations all end
    alike would claim to be certain; so each is given one further conversation that varies as all do.
    """
    last = int(time.max())
    ended = np.bincount(time - 1, weight, last).astype(float)
    exits: Floats = np.bincount(time - 1, weight * exited, last).astype(float)
    at_risk: Floats = np.cumsum(ended[::-1])[::-1]
    hazard = exits / at_risk
    scale = np.where(hazard < 1, at_risk * (1 - hazard), np.inf)
    turns = np.arange(1, last + 1)
    left = (time[:, None] == turns) & exited[:, None]
    steps = -(left - (time[:, None] >= turns) * hazard) / scale
    size = np.bincount(cluster, weight)
    greenwood = _greenwood(exits, at_risk)

    def within(weights: Floats) -> Floats:
        parts = steps @ weights
        sums = np.stack([np.bincount(cluster, weight * part, len(size)) for part in parts.T])
        present = size > 0
        squares = weight @ parts**2 - np.sum(sums[:, present] ** 2 / size[present], axis=1)
        added = greenwood @ weights**2 * np.sum(present) / size.sum()
        result: Floats = np.maximum(squares, 0.0) + added
        return result

    return Influence(greenwood, "z", "within clusters", within=within)


def _greenwood(exits: Floats, at_risk: Floats) -> Floats:
    stayed = at_risk - exits
    result: Floats = np.where(stayed > 0, exits / (at_risk * np.where(stayed > 0, stayed, 1.0)), 0.0)
    return result


def _peaked(parts: Floats, variance: Floats) -> Floats:
    """Return degrees of freedom with the fourth moment of the clusters' parts; see `clustered_variance`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        peaked = np.sum(np.square(np.square(parts)), axis=0) / variance**2 - 1 / len(parts)
        df: Floats = np.where(peaked > 0, 2 / peaked, math.inf)
    return df
