"""Samples that parameters belong to: the sampler's posterior against sums over a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from bartleby.analysis.choice.posteriors.normals import draw_normals
from bartleby.analysis.choice.posteriors.priors import FAR, Choose, Prior, Sample, SamplePriors
from bartleby.analysis.choice.posteriors.utilities import run_chains
from bartleby.analysis.inference.effective_size import effective_size

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass
class Measured:
    """Steps where each parameter was measured once, with a known error, so that a grid will do."""

    seen: Floats
    error: float

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters."""
        precision = np.broadcast_to(np.eye(len(self.seen)) / self.error**2, (len(now), *[len(self.seen)] * 2))
        return draw_normals(precision, self.seen / self.error**2, prior, rng)

    def log_likelihood(self, now: Floats) -> Floats:
        """Return the log likelihood."""
        found: Floats = -0.5 * np.sum((now - self.seen) ** 2, axis=1) / self.error**2
        return found

    def one_by_one(self, now: Floats, columns: Integers, choose: Choose) -> Floats:
        """Return parameters of which some are drawn given all others."""
        precision = np.full((len(now), len(columns)), 1 / self.error**2)
        moved = now.copy()
        moved[:, columns] = choose(np.arange(len(columns)), precision, self.seen[columns] * precision)
        return moved

    @property
    def settled(self) -> int:
        """Steps that are not kept."""
        return 120

    def settle(self, now: Floats, step: int) -> None:
        """Learn nothing."""


def class_priors(groups: Sequence[Integers], size: int, typical: Floats) -> SamplePriors:
    """Return classes of parameters, each a sample about its mean."""
    eye = np.eye(size)
    return SamplePriors([Sample(eye[group], np.ones((len(group), 1))) for group in groups], typical)


def grid(
    seen: Floats, x: Floats, known: Floats, typical: float, far: float, less: float = 0.0
) -> dict[str, Floats]:
    """Return quantiles of b and log v by summing: y ~ N(x b, v + known), b ~ N(0, far), by exp(-less v)."""
    b, log_v = np.meshgrid(np.linspace(-8, 8, 801), np.linspace(-14, 6, 801), indexing="ij")
    v = np.exp(log_v)
    height = log_v - np.log(v + typical) - 0.5 * b**2 / far - less * v
    for y, each, noise in zip(seen, x, known, strict=True):
        height = height - 0.5 * np.log(v + noise) - 0.5 * (y - each * b) ** 2 / (v + noise)
    weight = np.exp(height - height.max())
    found = {}
    for name, axis, margin in (
        ("coefficient", b[:, 0], weight.sum(axis=1)),
        ("log_v", log_v[0], weight.sum(axis=0)),
    ):
        found[name] = np.interp(LEVELS, np.cumsum(margin) / margin.sum(), axis)
    return found


LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])


@pytest.mark.parametrize("error", [0.2, 0.7, 2.0])
def test_mean_and_spread_of_a_class_have_the_posterior_that_a_grid_has(error: float) -> None:
    seen, typical = np.array([0.3, 1.4, -0.2, 0.9, 2.0, 0.6]), error**2
    priors = class_priors([np.arange(6)], 6, np.array([[typical]]))
    start = np.tile(seen, (200, 1))
    _, means, spreads = run_chains(Measured(seen, error), priors, start, 150, np.random.default_rng(1))
    wanted = grid(seen, np.ones(6), np.full(6, error**2), typical, FAR)
    np.testing.assert_allclose(np.quantile(means, LEVELS), wanted["coefficient"], atol=0.05)
    # Below a small variance the likelihood is flat; only the wide range of its log matters.
    np.testing.assert_allclose(np.quantile(np.log(spreads), LEVELS[1:]), wanted["log_v"][1:], atol=0.12)


def test_a_further_factor_of_the_density_has_its_part_in_every_step() -> None:
    seen, typical = np.array([0.3, 1.4, -0.2, 0.9, 2.0, 0.6]), 0.49
    priors = class_priors([np.arange(6)], 6, np.array([[typical]]))
    start = np.tile(seen, (200, 1))
    rng = np.random.default_rng(5)
    _, means, spreads = run_chains(
        Measured(seen, 0.7), priors, start, 150, rng, favour=lambda _, spread: -2.0 * spread[:, 0]
    )
    wanted = grid(seen, np.ones(6), np.full(6, 0.49), typical, FAR, less=2.0)
    np.testing.assert_allclose(np.quantile(means, LEVELS), wanted["coefficient"], atol=0.05)
    np.testing.assert_allclose(np.quantile(np.log(spreads), LEVELS[1:]), wanted["log_v"][1:], atol=0.12)


def test_an_item_that_is_held_at_zero_counts_for_its_regression() -> None:
    seen, error, x = np.array([1.1, 2.2, 2.4]), 0.5, np.array([2.0, 1.0, 2.0, 3.0])
    sample = Sample(np.vstack([np.zeros(3), np.eye(3)]), x[:, None])
    priors = SamplePriors([sample], np.array([[0.25]]))
    start = np.tile(seen, (200, 1))
    _, slopes, spreads = run_chains(Measured(seen, error), priors, start, 150, np.random.default_rng(2))
    # The item that is held has utility 0, known without error; FAR is per item along the slope.
    far = FAR * 4 / float(x @ x)
    wanted = grid(np.append(0.0, seen), x, np.append(0.0, np.full(3, 0.25)), 0.25, far)
    np.testing.assert_allclose(np.quantile(slopes, LEVELS), wanted["coefficient"], atol=0.05)
    np.testing.assert_allclose(np.quantile(np.log(spreads), LEVELS), wanted["log_v"], atol=0.12)


def test_draws_of_a_class_whose_items_are_alike_are_worth_many() -> None:
    seen = np.full(40, 0.5)
    priors = class_priors([np.arange(40)], 40, np.array([[1.0]]))
    start = np.tile(seen, (16, 1))
    _, means, spreads = run_chains(Measured(seen, 1.0), priors, start, 125, np.random.default_rng(3))
    assert effective_size(means[:, :, 0]) > 500
    assert effective_size(np.log(spreads[:, :, 0])) > 100


def test_the_prior_is_what_is_left_of_the_classes_when_their_means_are_integrated_out() -> None:
    priors = class_priors([np.array([0, 1, 2]), np.array([4, 5])], 6, np.array([[1.0, 1.0]]))
    prior = priors.normal((np.empty((1, 2)), np.array([[0.5, 2.0]])), 6)
    covariance = np.linalg.inv(prior.added_to(np.zeros((1, 6, 6)))[0])
    wanted = np.diag([0.5, 0.5, 0.5, 16.0, 2.0, 2.0])
    wanted[:3, :3] += FAR
    wanted[4:, 4:] += FAR
    np.testing.assert_allclose(covariance, wanted, rtol=1e-9)


def test_no_class_leaves_every_parameter_to_itself() -> None:
    priors = class_priors([], 2, np.empty((1, 0)))
    _, means, spreads = run_chains(
        Measured(np.array([1.0, -1.0]), 1.0), priors, np.zeros((4, 2)), 5, np.random.default_rng(4)
    )
    assert means.shape == (4, 5, 0)
    assert spreads.shape == (4, 5, 0)
