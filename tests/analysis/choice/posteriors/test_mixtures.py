"""Classes as mixtures of normals: the sampler's posterior against sums over a grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats

from bartleby.analysis.choice.posteriors.mixtures import (
    COMPONENTS,
    MEANS,
    SPARSITY,
    ClassMixtures,
    GroupedPrior,
    Mixture,
)
from bartleby.analysis.choice.posteriors.utilities import Chains
from tests.analysis.choice.posteriors.test_priors import Measured

Floats = npt.NDArray[np.float64]

VARIANCES = np.geomspace(0.002, 16.0, 48)
AXIS = np.linspace(-9, 9, 180)


def spread_weights(typical: float) -> Floats:
    """Return the prior probabilities of the variances of a component."""
    weight = VARIANCES / (VARIANCES + typical) ** 2
    return np.asarray(weight / weight.sum(), dtype=np.float64)


def sampled(
    seen: Floats, error: float, groups: tuple[npt.NDArray[np.integer], ...]
) -> tuple[Floats, Mixture]:
    """Return draws of utilities that were measured once each, and of the mixtures of their classes."""
    priors = ClassMixtures(
        tuple(np.asarray(group, dtype=np.int64) for group in groups), np.full((1, len(groups)), error**2)
    )
    chains = Chains(Measured(seen, error), priors, np.tile(seen, (150, 1)), np.random.default_rng(1))
    chains.settle()
    kept, _, *mixture = chains.run(200)
    flat = Mixture(*(part.reshape(-1, *part.shape[2:]) for part in mixture))
    return kept.reshape(-1, kept.shape[2]), flat


@pytest.mark.parametrize(("seen", "error"), [(0.4, 1.0), (-2.0, 0.5)])
def test_a_class_of_one_item_has_the_posterior_that_a_grid_has(seen: float, error: float) -> None:
    drawn, mixture = sampled(np.array([seen]), error, (np.array([0]),))
    density = spread_weights(error**2) @ stats.norm.pdf(AXIS, 0, np.sqrt(MEANS + VARIANCES[:, None]))
    weight = density * stats.norm.pdf(AXIS, seen, error)
    weight /= weight.sum()
    assert drawn.mean() == pytest.approx(weight @ AXIS, abs=0.03)
    assert drawn.std() == pytest.approx(np.sqrt(weight @ AXIS**2 - (weight @ AXIS) ** 2), abs=0.03)
    assert mixture.weights.shape == (len(drawn), 1, COMPONENTS)


@pytest.mark.parametrize("seen", [(-1.5, 1.0), (0.2, 0.5)])
def test_a_class_of_two_items_has_the_posterior_that_a_grid_has(seen: tuple[float, float]) -> None:
    error = 0.7
    drawn, _ = sampled(np.array(seen), error, (np.array([0, 1]),))
    chance = spread_weights(error**2)
    one, other = (axis[..., None] for axis in np.meshgrid(AXIS, AXIS, indexing="ij"))
    alone = (chance * stats.norm.pdf(AXIS[:, None], 0, np.sqrt(MEANS + VARIANCES))).sum(axis=1)
    # Two items of one component: their sum and difference are independent.
    along = stats.norm.pdf((one + other) / np.sqrt(2), 0, np.sqrt(VARIANCES + 2 * MEANS))
    across = stats.norm.pdf((one - other) / np.sqrt(2), 0, np.sqrt(VARIANCES))
    together = (chance * along * across).sum(axis=-1)
    same = (SPARSITY + 1) / (COMPONENTS * SPARSITY + 1)
    prior = same * together + (1 - same) * np.outer(alone, alone)
    weight = (
        prior * stats.norm.pdf(one[..., 0], seen[0], error) * stats.norm.pdf(other[..., 0], seen[1], error)
    )
    weight /= weight.sum()
    for below in ((True, True), (True, False), (False, True)):
        wanted = weight[np.outer((AXIS < 0) == below[0], (AXIS < 0) == below[1])].sum()
        assert np.mean(((drawn < 0) == below).all(axis=1)) == pytest.approx(wanted, abs=0.015)


def test_two_far_clusters_are_found_apart_beside_a_normal_population() -> None:
    rng = np.random.default_rng(3)
    far = np.concatenate([np.full(8, -3.0), np.full(32, 1.0)]) + 0.4 * rng.normal(size=40)
    even = rng.normal(size=40) + 0.4 * rng.normal(size=40)
    drawn, mixture = sampled(np.concatenate([far, even]), 0.4, (np.arange(40), np.arange(40, 80)))
    share = mixture.below(0.0)
    assert np.median(share[:, 0]) == pytest.approx(0.2, abs=0.03)
    assert np.median(share[:, 1]) == pytest.approx(0.5, abs=0.12)
    assert ((drawn[:, :40] < 0).sum(axis=1) == 8).mean() > 0.8


def test_the_prior_is_what_is_left_of_the_components_when_their_means_are_integrated_out() -> None:
    priors = ClassMixtures((np.array([0, 1, 3]), np.array([4])), np.ones((1, 2)))
    labels = np.array([[0, 0, 2, 1]], dtype=np.int8)
    variances = np.tile(np.arange(1.0, 1.0 + COMPONENTS), (1, 2, 1))
    prior = priors.normal((labels, variances, variances, variances), 5)
    assert isinstance(prior, GroupedPrior)
    covariance = np.linalg.inv(prior.added_to(np.zeros((1, 5, 5)))[0])
    wanted = np.diag([1.0, 1.0, 16.0, 3.0 + MEANS, 2.0 + MEANS])
    wanted[:2, :2] += MEANS
    np.testing.assert_allclose(covariance, wanted, rtol=1e-9)


def test_the_share_of_a_mixture_is_that_of_a_sample_from_it() -> None:
    mixture = Mixture(np.array([[0.3, 0.7]]), np.array([[-1.0, 2.0]]), np.array([[1.0, 4.0]]))
    wanted = 0.3 * special.ndtr(1.0) + 0.7 * special.ndtr(-1.0)
    assert mixture.below(0.0)[0] == pytest.approx(wanted)
    drawn = mixture.sample(40_000, np.random.default_rng(0))
    assert (drawn < 0).mean() == pytest.approx(wanted, abs=0.01)
