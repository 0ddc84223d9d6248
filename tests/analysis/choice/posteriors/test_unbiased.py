"""The prior that keeps few choices from making slopes too large, against determinants written out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.choice.posteriors.unbiased import drawn_again, unbiased_prior, weighted_size
from bartleby.analysis.inference.effective_size import effective_size
from tests.analysis.choice_tables import simulated

Floats = npt.NDArray[np.float64]

HARM = np.column_stack([np.ones(6), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]])


def fitted(baseline: str | None, *, slot: bool = True) -> GroupFit:
    rows, _ = simulated(4, n_items=6, repeats=1)
    return choice_model(rows, baseline=baseline, slot=slot).groups[0]


def parameters(fit: GroupFit, utilities: Floats, slot: float = 0.4) -> Floats:
    """Return the estimated parameters (D, q) that say the same as utilities (D, 6) and a slot effect."""
    held = ~fit.layout.design.basis[:6].any(axis=1)
    wanted = np.column_stack([utilities - utilities[:, held], np.full(len(utilities), slot)])
    wanted = wanted[:, : len(fit.layout.design.basis)]
    found: Floats = np.linalg.lstsq(fit.layout.design.basis, wanted.T, rcond=None)[0].T
    return found


def test_the_item_that_utilities_are_taken_from_does_not_matter() -> None:
    utilities = 1.5 * np.random.default_rng(0).normal(size=(5, 6))
    spreads = np.array([0.1, 0.5, 1.0, 2.0, 4.0])
    found = []
    for baseline in ("item 00", "item 03", None):
        fit = fitted(baseline)
        prior = unbiased_prior(fit, np.arange(6), HARM)
        found.append(prior.log_density(parameters(fit, utilities), spreads))
    np.testing.assert_allclose(found[1], found[0], atol=1e-9)
    np.testing.assert_allclose(found[2], found[0], atol=1e-9)


def test_items_that_do_not_differ_have_the_determinant_of_the_information() -> None:
    fit = fitted("item 05")
    X = HARM[:5]
    prior = unbiased_prior(fit, np.arange(5), X)
    slopes = np.array([[0.2, -0.8], [1.0, 0.5], [-3.0, 0.0]])
    utilities = np.column_stack([slopes @ X.T, np.zeros(3)])
    design = fit.layout.design
    expected = []
    for utility in utilities:
        information, typical = np.zeros((3, 3)), 0.0
        for first, second, *_ in design.index:
            chance = 1 / (1 + np.exp(utility[second] - utility[first] - 0.4))
            attributes = np.vstack([X, np.zeros(2)])
            row = np.append(attributes[first] - attributes[second], 1.0)
            information += chance * (1 - chance) * np.outer(row, row) / fit.scale
            typical += chance * (1 - chance) * (int(first < 5) + int(second < 5)) / fit.scale
        expected.append(np.log(np.linalg.det(information)) + np.log(typical / 5))
    found = prior.log_density(parameters(fit, utilities), np.full(3, 1e-12))
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-6)


def test_items_that_are_alike_have_the_prior_of_a_variance_and_no_more() -> None:
    fit = fitted("item 05", slot=False)
    prior = unbiased_prior(fit, np.arange(5), HARM[:5])
    spreads = np.array([0.01, 0.3, 1.0, 9.0])
    found = prior.log_density(np.zeros((4, 5)), spreads)
    # Each of five items has ten choices, which tell a quarter of their number.
    np.testing.assert_allclose(found, -np.log(spreads + fit.scale / 2.5), atol=1e-9)


def test_large_slopes_are_less_likely_the_fewer_the_choices_that_tell() -> None:
    fit = fitted("item 05", slot=False)
    prior = unbiased_prior(fit, np.arange(5), HARM[:5])
    steep = np.column_stack([np.outer([0.0, 1.0, 3.0, 6.0], HARM[:5, 1]), np.zeros(4)])
    found = prior.log_density(parameters(fit, steep), np.full(4, 0.5))
    assert (np.diff(found) < 0).all()
    rich = prior.log_density(parameters(fit, steep), np.full(4, 400.0))
    assert (np.diff(rich) > np.diff(found)).all()


def test_utilities_without_bound_have_no_density_and_no_error() -> None:
    fit = fitted("item 05", slot=False)
    prior = unbiased_prior(fit, np.arange(5), HARM[:5])
    far = prior.log_density(np.array([[0.0] * 5, [1e3, 1e4, 2e4, 3e4, 4e4]]), np.ones(2))
    assert np.isfinite(far[0])
    assert far[1] == -np.inf


def test_draws_are_taken_as_often_as_their_weights_say() -> None:
    weight = np.random.default_rng(0).gamma(1.0, size=1000)
    weight /= weight.mean()
    taken = np.bincount(drawn_again(weight, np.random.default_rng(1)), minlength=1000)
    assert taken.sum() == 1000
    assert (np.abs(taken - weight) < 1).all()


def test_draws_of_equal_weight_are_worth_what_they_were() -> None:
    draws = np.cumsum(np.random.default_rng(2).normal(size=(4, 200)), axis=1)
    assert weighted_size(draws, np.ones((4, 200))) == pytest.approx(effective_size(draws))


def test_draws_that_hardly_weigh_are_worth_little() -> None:
    rng = np.random.default_rng(3)
    weight = np.where(rng.random((4, 250)) < 0.1, 10.0, 0.0)
    assert 50 < weighted_size(rng.normal(size=(4, 250)), weight) < 200
