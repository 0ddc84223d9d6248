"""Utilities from pairs that earlier answers chose, as in a Swiss tournament.

Items that were lucky at first meet others that were, so that nothing in the data finds their luck out: fitted
like any other pairs they lie up to 70% too far from each other. Taken as a sample from one normal population
they do not, but a population in two parts that hardly ever meet is then drawn together. No fit of such data
is right for both, so the interval spans what the two say, and the estimate lies halfway between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.bradley_terry import Evaluation, Likelihood, maximise
from bartleby.analysis.choice.contrast_intervals import ContrastIntervals
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.choice.posteriors.priors import WIDE

__all__ = ["PopulationFit", "population_fit", "spanning"]

Floats = npt.NDArray[np.float64]

_SPREADS = np.geomspace(8.0, 0.1, 13)
"""Standard deviations of the population (logits) that are averaged over."""
_TYPICAL = 2.5
"""Scale of the half-Cauchy prior of that standard deviation (Gelman 2006), in logits."""
_HALVINGS = 45


@dataclass(frozen=True, eq=False)
class PopulationFit:
    """Contrasts if items are a sample of a normal population: a mixture of normals, one a spread.

    Parameters
    ----------
    weight
        Posterior weight of each spread (G,).
    centre, variance
        Posterior mean and variance of each contrast given the spread (G, T).
    """

    weight: Floats
    centre: Floats
    variance: Floats

    @property
    def estimate(self) -> Floats:
        """Posterior means (T,)."""
        mean: Floats = self.weight @ self.centre
        return mean

    @property
    def std_error(self) -> Floats:
        """Posterior standard deviations (T,)."""
        square = self.weight @ (self.variance + (self.centre - self.estimate) ** 2)
        return np.asarray(np.sqrt(square), dtype=np.float64)

    def quantile(self, share: float) -> Floats:
        """Return the quantile of each contrast (T,), by bisection."""
        error = np.sqrt(self.variance)
        low, high = (self.centre - 9 * error).min(axis=0), (self.centre + 9 * error).max(axis=0)
        safe = np.maximum(error, 1e-12)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = self.weight @ special.ndtr((middle - self.centre) / safe) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        middle = (low + high) / 2
        return np.asarray(middle, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Shrunken:
    """A likelihood with a normal prior about zero, of given precision (q, q)."""

    design: Likelihood
    precision: Floats

    @property
    def n_estimated(self) -> int:
        return self.design.n_estimated

    @property
    def numbers(self) -> int:
        return self.design.numbers

    def start(self) -> Floats:
        return self.design.start()

    def evaluate(self, counts: Floats, estimated: Floats, *, penalised: bool) -> Evaluation:
        found = self.design.evaluate(counts, estimated, penalised=penalised)
        pull = estimated @ self.precision
        return Evaluation(
            found.objective - np.sum(pull * estimated, axis=1) / 2,
            found.score - pull,
            found.information + self.precision,
            found.curvature + self.precision,
        )


def population_fit(data: ChoiceData, layout: Layout, scale: float) -> PopulationFit | None:
    """Fit utilities as a sample of one normal population, of unknown mean and standard deviation.

    Parameters
    ----------
    data, layout
        The choices, and the parameters and contrasts of their fit.
    scale
        Overdispersion: each trial counts 1 / scale.

    Returns
    -------
    PopulationFit
        None where a fit does not converge.

    Notes
    -----
    Given the standard deviation the posterior is normal about its mode, and its weight is by Laplace's
    approximation times a half-Cauchy prior. The population's mean is flat, in each connected group of items;
    the baseline belongs to the population; what is no item has a normal prior with a standard deviation
    of 4 logits.
    """
    basis, contrasts = layout.design.basis, layout.contrasts
    about, rank = _about_their_mean(data, layout)
    precision = basis.T @ about @ basis
    others = np.eye(len(basis))
    others[: data.n_items, : data.n_items] = 0.0
    others = basis.T @ others @ basis / WIDE
    counts = data.counts[None] / scale
    start: Floats | None = None
    logs, centres, variances = [], [], []
    for spread in _SPREADS:
        prior = precision / spread**2 + others
        top = maximise(_Shrunken(layout.design, prior), counts, start=start, tolerance=1e-6)
        if not top.converged[0]:
            return None
        start = top.estimated
        factor = np.linalg.cholesky(top.information[0])
        half = np.linalg.solve(factor, contrasts.T)
        logs.append(
            float(top.objective[0])
            - float(np.log(np.diag(factor)).sum())
            - (rank - 1) * np.log(spread)
            - np.log1p((spread / _TYPICAL) ** 2)
        )
        centres.append(contrasts @ top.estimated[0])
        variances.append(np.sum(half**2, axis=0))
    weight = np.exp(np.array(logs) - max(logs))
    return PopulationFit(weight / weight.sum(), np.array(centres), np.array(variances))


def _about_their_mean(data: ChoiceData, layout: Layout) -> tuple[Floats, int]:
    """Return what makes squares about the mean of each group of items of the parameters, and its rank."""
    size = len(layout.design.basis)
    matrix, rank = np.zeros((size, size)), 0
    component = layout.component[: data.n_items]
    for group in range(layout.n_components):
        members = np.flatnonzero(component == group)
        if len(members):
            matrix[np.ix_(members, members)] = np.eye(len(members)) - 1 / len(members)
            rank += len(members) - 1
    return matrix, rank


def spanning(
    estimates: Floats, found: ContrastIntervals, population: PopulationFit, level: float
) -> tuple[Floats, ContrastIntervals]:
    """Return estimates halfway between two fits, and intervals that span those of both.

    Parameters
    ----------
    estimates, found
        Of the contrasts as for pairs that were chosen beforehand (T,).
    population
        Of the same contrasts.
    level
        Confidence level.
    """
    low, high = (population.quantile((1 + side * level) / 2) for side in (-1, 1))
    apart = (estimates - population.estimate) / 2
    square = (found.std_error**2 + population.std_error**2) / 2 + apart**2
    return (estimates + population.estimate) / 2, replace(
        found,
        std_error=np.sqrt(square),
        low=np.minimum(found.low, low),
        high=np.maximum(found.high, high),
        df=np.full(len(estimates), np.nan),
    ).named(after="; adaptive pairs: halfway to, and spanning, a normal population")
