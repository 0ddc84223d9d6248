"""What is known of the utilities of the items of a class together: a hierarchical posterior.

Counting how many noisy estimates fall below zero is biased towards one half, and drawing around the
estimates adds the noise a second time. So the items of a class are taken as a sample from a normal
distribution whose mean and spread are unknown too, and the utilities are drawn given the choices and that
distribution: estimates from few trials are drawn towards their class, well-known ones stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.priors import SamplePriors, class_priors
from bartleby.analysis.choice.posteriors.steps import Step, slices_of, win_steps
from bartleby.analysis.inference.effective_size import effective_size

__all__ = ["UtilityDraws", "draw_utilities", "likelihood_steps", "run_chains", "scattered"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CHAINS = 16
_BURN_IN = 120
_SETTLING = (10, 20, 40, 60, 80)
"""Steps of the burn-in after which the sampler learns from what it has seen."""
_STRETCH = 0.5
"""Standard deviation of the log of what the spread of a sample is multiplied by, to be tried."""


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
    effective
        How many independent draws those of the share below the baseline in a normal population are worth
        (classes,); NaN likewise.
    """

    utilities: Floats
    means: Floats
    deviations: Floats
    effective: Floats


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
    Gibbs sampling by several chains. Utilities of a class are normal with mean m (all but flat) and variance
    v, where p(v) is proportional to 1 / (v + s) and s is the typical sampling variance of an estimate of the
    class: the prior that gives intervals for a normal population their nominal coverage where s is small,
    and that is proper at 0 where it is not. The baseline's own noise is in the joint likelihood. Trials
    count 1 / overdispersion each, so that clusters are allowed for.
    """
    basis = fit.layout.design.basis
    n_nodes = len(fit.layout.nodes)
    columns = [_columns(basis, members) for members in classes]
    enough = [at for at, group in enumerate(columns) if len(group) > 1]
    sampling = np.diag(fit.model_covariance)
    groups = [columns[at] for at in enough]
    typical = np.array([[float(np.median(sampling[group])) for group in groups]])
    priors = class_priors(groups, len(sampling), typical)
    chains = min(CHAINS, draws)
    start = scattered(fit, chains, rng)
    kept, means, spreads = run_chains(likelihood_steps(fit), priors, start, -(-draws // chains), rng)
    hyper = np.full((2, draws, len(classes)), np.nan)
    # Draws of one time stand together, so that cutting the last few off takes some from every chain.
    hyper[0][:, enough], hyper[1][:, enough] = _stacked(means, draws), np.sqrt(_stacked(spreads, draws))
    effective = np.full(len(classes), np.nan)
    share = special.ndtr(-means / np.sqrt(spreads))
    effective[enough] = [effective_size(share[:, :, at]) for at in range(len(enough))]
    utilities = _stacked(kept, draws) @ basis[:n_nodes].T
    utilities[:, ~fit.layout.placed[:n_nodes]] = np.nan
    return UtilityDraws(utilities, hyper[0], hyper[1], effective)


def run_chains(
    steps: Step,
    priors: SamplePriors,
    start: Floats,
    draws: int,
    rng: np.random.Generator,
    *,
    favour: Callable[[Floats, Floats], Floats] | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Run chains side by side.

    Parameters
    ----------
    steps, priors
        How parameters are drawn given the classes, and classes given parameters.
    start
        Parameters of each chain (K, q).
    draws
        To keep of each chain, after steps that are not kept.
    rng
        Random numbers.
    favour
        The log of a further factor of the density (K,), of parameters (K, q) and variances (K, G).

    Returns
    -------
    parameters (K, draws, q), coefficients (K, draws, c), variances (K, draws, G)

    Notes
    -----
    Utilities are drawn with what their sample has in common integrated out, and the spread of a sample
    both given its utilities and, by a Metropolis step, together with them: the one is quick where utilities
    are well known, the other where they are not (Yu & Meng 2011). With a further factor, each step goes
    through these draws and back through them in the opposite order, which makes it reversible, and is
    accepted or not by the ratio of the factor (Metropolis-Hastings).
    """
    now = start.copy()
    means, spreads = priors.start(now)
    height = favour(now, spreads) if favour else np.zeros(len(now))
    kept = np.empty((len(now), draws, now.shape[1]))
    centres, variances = (np.empty((len(now), draws, each.shape[1])) for each in (means, spreads))
    for step in range(-_BURN_IN, draws):
        tried = steps.draw(now, priors.normal(spreads, now.shape[1]), rng)
        means, wider = priors.draw(tried, spreads, rng)
        tried, wider = _stretch(steps, priors, tried, (means, wider), rng)
        if favour:
            _, wider = priors.draw(tried, wider, rng)
            tried = steps.draw(tried, priors.normal(wider, now.shape[1]), rng)
            reached = favour(tried, wider)
            taken = np.log(rng.random(len(now))) <= reached - height
            now, spreads = np.where(taken[:, None], tried, now), np.where(taken[:, None], wider, spreads)
            height = np.where(taken, reached, height)
            means = priors.common(now, spreads, rng)
        else:
            now, spreads = tried, wider
        if step + _BURN_IN in _SETTLING:
            steps.settle(now)
        if step >= 0:
            kept[:, step] = now
            centres[:, step], variances[:, step] = means, spreads
    return kept, centres, variances


def _stretch(
    steps: Step, priors: SamplePriors, now: Floats, common: tuple[Floats, Floats], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Try to move the utilities of each sample away from their centre or towards it, and its spread along."""
    coefficients, spreads = common[0], common[1].copy()
    height = steps.log_likelihood(now)
    for at in range(spreads.shape[1]):
        factor = np.exp(_STRETCH * rng.standard_normal(len(now)))
        moved, gain = priors.stretched(at, now, coefficients, spreads[:, at], factor)
        reached = steps.log_likelihood(moved)
        taken = np.log(rng.random(len(now))) <= reached - height + gain
        now, height = np.where(taken[:, None], moved, now), np.where(taken, reached, height)
        spreads[taken, at] *= factor[taken] ** 2
    return now, spreads


def likelihood_steps(fit: GroupFit) -> Step:
    """Return how the parameters of a fit are drawn: by Polya-Gamma augmentation where that is possible."""
    design, counts = fit.layout.design, fit.data.counts / fit.scale
    if design.kernel.ties == "rao-kupper" or design.kernel.neither:
        return slices_of(design, counts, fit.maximum.estimated[0])
    return win_steps(design, counts[None, :, :2])


def scattered(fit: GroupFit, chains: int, rng: np.random.Generator) -> Floats:
    """Return estimates with their noise, as many as chains (K, q)."""
    values, vectors = np.linalg.eigh(fit.model_covariance)
    noise = rng.standard_normal((chains, len(values))) * np.sqrt(np.clip(values, 0.0, 4.0))
    start: Floats = fit.maximum.estimated[0] + noise @ vectors.T
    if fit.layout.design.kernel.ties == "rao-kupper":
        tie = _columns(fit.layout.design.basis, fit.layout.design.index[:1, -1])
        start[:, tie] = fit.maximum.estimated[0][tie]
    return start


def _columns(basis: Floats, members: npt.NDArray[np.integer]) -> Integers:
    """Return the estimated parameters that are the utilities of some nodes."""
    return np.flatnonzero(basis[members].any(axis=0)).astype(np.int64)


def _stacked(values: Floats, draws: int) -> Floats:
    """Return draws of all chains (K, n, q) one after another, those of one time together (draws, q)."""
    chains, size, width = values.shape
    return np.ascontiguousarray(values.swapaxes(0, 1).reshape(chains * size, width)[:draws])
