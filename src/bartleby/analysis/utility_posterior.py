"""What is known of the utilities of the items of a class together: a hierarchical posterior.

Counting how many noisy estimates fall below zero is biased towards one half, and drawing around the
estimates adds the noise a second time. So the items of a class are taken as a sample from a normal
distribution whose mean and spread are unknown too, and the utilities are drawn given the choices and that
distribution: estimates from few trials are drawn towards their class, well-known ones stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from bartleby.analysis.choice_fit import GroupFit

__all__ = ["UtilityDraws", "draw_utilities"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BURN_IN = 200
_WIDE = 16.0
"""Prior variance of an effect that belongs to no class of two items or more (logits squared)."""
_GAMMAS = 3
"""Gammas of the infinite sum that is a Polya-Gamma variable that are drawn one by one."""
_STEPS = 2 * np.pi**2 * (np.arange(1, _GAMMAS + 1) - 0.5) ** 2


@dataclass(frozen=True, eq=False)
class _Wins:
    """Wins in cells as a logistic regression on the estimated parameters."""

    first: Integers
    second: Integers
    trials: Floats
    excess: Floats
    basis: Floats
    n_nodes: int
    slot: bool

    def draw(self, estimated: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw the Gaussian likelihood that Polya-Gamma augmentation gives: precision and shift.

        Polson, Scott & Windle (2013): given omega ~ PG(n, eta) for each cell, the likelihood of wins is
        that of a normal regression with precision omega.
        """
        full = self.basis @ estimated
        eta = full[self.first] - full[self.second] + (full[self.n_nodes] if self.slot else 0.0)
        return self._precision(_polya_gamma(self.trials, eta, rng)), self._shift

    @cached_property
    def _shift(self) -> Floats:
        total = np.zeros(len(self.basis))
        total[: self.n_nodes] = np.bincount(self.first, self.excess, self.n_nodes) - np.bincount(
            self.second, self.excess, self.n_nodes
        )
        if self.slot:
            total[self.n_nodes] = self.excess.sum()
        shift: Floats = total @ self.basis
        return shift

    def _precision(self, weight: Floats) -> Floats:
        size, nodes = len(self.basis), self.n_nodes
        full = np.zeros((size, size))
        flat = np.bincount(self.first * nodes + self.second, weight, nodes * nodes).reshape(nodes, nodes)
        by_first, by_second = flat.sum(axis=1), flat.sum(axis=0)
        full[:nodes, :nodes] = np.diag(by_first + by_second) - flat - flat.T
        if self.slot:
            full[nodes, :nodes] = full[:nodes, nodes] = by_first - by_second
            full[nodes, nodes] = weight.sum()
        precision: Floats = self.basis.T @ full @ self.basis
        return precision


@dataclass(frozen=True, eq=False)
class _Normal:
    """The likelihood as a normal one about the estimate, for models that have no augmentation."""

    precision: Floats
    shift: Floats

    def draw(self, estimated: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return the same precision and shift each time."""
        return self.precision, self.shift


@dataclass(frozen=True, eq=False)
class UtilityDraws:
    """Draws from the joint posterior of the utilities against the baseline.

    Parameters
    ----------
    utilities
        Of all nodes (draws, nodes); NaN for nodes that cannot be placed against the baseline.
    means, deviations
        Mean and standard deviation of the distribution of each class (draws, classes); NaN for a class
        of fewer than two items.
    """

    utilities: Floats
    means: Floats
    deviations: Floats


def draw_utilities(
    fit: GroupFit, classes: Sequence[Integers], draws: int, rng: np.random.Generator
) -> UtilityDraws:
    """Draw utilities of nodes against the baseline from their joint posterior.

    Parameters
    ----------
    fit
        A fitted model with a baseline, whose utility is zero.
    classes
        Nodes of each class; a node is in one at most. Each class has a mean and a spread of its own.
    draws
        Number of draws.
    rng
        Random numbers.

    Notes
    -----
    Gibbs sampling. Utilities of a class are normal with mean m (flat) and variance v, where
    p(v) is proportional to 1 / (v + s) and s is the typical sampling variance of an estimate of the class:
    the prior that gives intervals for a normal population their nominal coverage where s is small, and
    that is proper at 0 where it is not. The baseline's own noise is in the joint likelihood. Trials count
    1 / overdispersion each, so that clusters are allowed for.
    """
    likelihood = _likelihood(fit)
    basis = fit.layout.design.basis
    n_nodes = len(fit.layout.nodes)
    columns = [_columns(basis, members) for members in classes]
    enough = [at for at, group in enumerate(columns) if len(group) > 1]
    groups = [columns[at] for at in enough]
    sampling = np.diag(fit.model_covariance)
    typical = [float(np.median(sampling[group])) for group in groups]
    now = fit.maximum.estimated[0].copy()
    means = [float(now[group].mean()) for group in groups]
    spreads = [max(float(now[group].var()), 0.2) for group in groups]
    kept = np.empty((draws, len(now)))
    hyper = np.full((2, draws, len(classes)), np.nan)
    for step in range(-_BURN_IN, draws):
        precision, shift = likelihood.draw(now, rng)
        prior, centre = _class_prior(len(now), groups, means, spreads)
        total = precision.copy()
        total.flat[:: len(total) + 1] += prior
        now = _draw_normal(total, shift + prior * centre, rng)
        for at, group in enumerate(groups):
            means[at], spreads[at] = _draw_class(now[group], spreads[at], typical[at], rng)
        if step >= 0:
            kept[step] = now
            hyper[0, step, enough], hyper[1, step, enough] = means, np.sqrt(spreads)
    utilities = kept @ basis[:n_nodes].T
    utilities[:, ~fit.layout.placed[:n_nodes]] = np.nan
    return UtilityDraws(utilities, hyper[0], hyper[1])


def _likelihood(fit: GroupFit) -> _Wins | _Normal:
    kernel, data, layout = fit.layout.design.kernel, fit.data, fit.layout
    if kernel.ties == "rao-kupper" or kernel.neither:
        precision = fit.maximum.information[0] / fit.scale
        return _Normal(precision, precision @ fit.maximum.estimated[0])
    # Given that one of two items was taken, which one is a logistic choice, with or without Davidson's ties.
    wins = data.counts[:, :2] / fit.scale
    trials = wins.sum(axis=1)
    used = trials > 0
    size = len(layout.nodes) + kernel.slot
    columns = layout.design.basis[:size].any(axis=0)
    basis = np.where(columns, layout.design.basis, 0.0)[:size]
    return _Wins(
        data.first[used],
        data.second[used],
        trials[used],
        (wins[:, 0] - trials / 2)[used],
        basis,
        len(layout.nodes),
        kernel.slot,
    )


def _columns(basis: Floats, members: Integers) -> Integers:
    """Return the estimated parameters that are the utilities of some nodes."""
    return np.flatnonzero(basis[members].any(axis=0)).astype(np.int64)


def _class_prior(
    size: int, groups: Sequence[Integers], means: Sequence[float], spreads: Sequence[float]
) -> tuple[Floats, Floats]:
    """Return prior precision and mean of each parameter, given the distribution of each class."""
    prior, centre = np.full(size, 1 / _WIDE), np.zeros(size)
    for group, mean, spread in zip(groups, means, spreads, strict=True):
        prior[group] = 1 / spread
        centre[group] = mean
    return prior, centre


def _draw_normal(precision: Floats, shift: Floats, rng: np.random.Generator) -> Floats:
    """Draw from the normal distribution with a precision and mean = precision^-1 shift."""
    # The routines of LAPACK themselves: checks of arguments would cost more than the few items' algebra.
    root, failed = lapack.dpotrf(precision, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the posterior precision of the utilities is not positive definite")
    half, _ = lapack.dtrtrs(root, shift, lower=1)
    drawn, _ = lapack.dtrtrs(root, half + rng.standard_normal(len(shift)), lower=1, trans=1)
    return np.asarray(drawn, dtype=np.float64)


def _draw_class(
    utilities: Floats, spread: float, typical: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Draw mean and variance of a class given its utilities."""
    size = len(utilities)
    centre = float(utilities.mean())
    squares = float(np.sum((utilities - centre) ** 2))
    proposed = squares / 2 / rng.gamma((size - 1) / 2)
    # The proposal has prior 1 / v; the wanted one is 1 / (v + s): a Metropolis step on the ratio.
    if rng.random() * (spread / (spread + typical)) <= proposed / (proposed + typical):
        spread = max(proposed, 1e-6)
    return centre + float(np.sqrt(spread / size)) * rng.standard_normal(), spread


def _polya_gamma(trials: Floats, eta: Floats, rng: np.random.Generator) -> Floats:
    """Draw from PG(trials, eta): the first gammas of its sum, then one like the rest together."""
    size = np.clip(np.abs(eta), 1e-2, 300.0)
    tangent = np.tanh(size / 2)
    mean = trials * tangent / (2 * size)
    # sinh(x) / cosh(x/2)^2 = 2 tanh(x/2), and 1 / cosh^2 = 1 - tanh^2.
    variance = trials * (2 * tangent - size * (1 - tangent**2)) / (4 * size**3)
    scale = 1 / (_STEPS + (size**2 / 2)[:, None])
    rest_mean = mean - trials * scale.sum(axis=1)
    rest_variance = np.maximum(variance - trials * (scale * scale).sum(axis=1), 1e-3 * rest_mean**2)
    shape = np.empty((len(size), _GAMMAS + 1))
    shape[:, :_GAMMAS] = trials[:, None]
    shape[:, _GAMMAS] = rest_mean**2 / rest_variance
    drawn = rng.standard_gamma(shape)
    total: Floats = (drawn[:, :_GAMMAS] * scale).sum(axis=1) + drawn[:, _GAMMAS] * (rest_variance / rest_mean)
    return total
