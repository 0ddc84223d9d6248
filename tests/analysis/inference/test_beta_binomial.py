"""The beta-binomial posterior of a mean rate: against brute force, at its ends, and by its properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, gammaln, logit

from bartleby.analysis.inference.beta_binomial import _log_likelihood, mean_posterior
from bartleby.analysis.inference.intervals import clustered_rate, critical_value, independent_rate


def by_force(events: list[float], n: list[float], level: float) -> tuple[float, float]:
    """Return the bounds from scipy's likelihood on a plain grid of rates and likenesses."""
    from scipy.stats import betabinom

    rates = (np.arange(2000) + 0.5) / 2000
    total = np.zeros(len(rates))
    for likeness in (np.arange(400) + 0.5) / 400:
        a, b = rates * (1 - likeness) / likeness, (1 - rates) * (1 - likeness) / likeness
        total += np.exp(sum(betabinom.logpmf(y, size, a, b) for y, size in zip(events, n, strict=True)))
    found = []
    for end, prior in ((0, rates**-1 * (1 - rates) ** -0.5), (1, rates**-0.5 * (1 - rates) ** -1)):
        mass = np.cumsum(total * prior)
        tail = (1 - level) / 2 if end == 0 else (1 + level) / 2
        found.append(float(np.interp(tail * mass[-1], mass, rates + 0.5 / 2000)))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("events", "n"),
    [([3, 5, 9, 12], [20, 20, 20, 20]), ([1, 0, 2, 7, 1], [10, 8, 12, 9, 30]), ([5, 5, 4], [9, 9, 9])],
)
def test_the_bounds_are_those_of_a_plain_grid(events: list[float], n: list[float]) -> None:
    found = mean_posterior(np.array(events, dtype=float), np.array(n, dtype=float)).bounds(0.9)
    assert list(found) == pytest.approx(by_force(events, n, 0.9), abs=2e-3)


def test_as_many_clusters_as_trials_are_nearly_independent_trials() -> None:
    events = np.repeat([1.0, 0.0], [12, 28])
    low, high = mean_posterior(events, np.ones(40)).bounds(0.95)
    plain = independent_rate(12, 40, 0.95)
    assert [low, high] == pytest.approx([plain.low, plain.high], abs=0.015)


@pytest.mark.parametrize("size", [1.0, 20.0, 1e6])
def test_all_alike_touches_the_end_and_more_clusters_say_more(size: float) -> None:
    few, many = (mean_posterior(np.zeros(k), np.full(k, size)).bounds(0.95) for k in (5, 30))
    assert few[0] == many[0] == 0.0
    assert 0 < many[1] < few[1] < 0.6
    every = mean_posterior(np.full(5, size), np.full(5, size)).bounds(0.95)
    assert every == pytest.approx((1 - few[1], 1.0), abs=1e-12)


def test_equal_rates_of_huge_clusters_are_known_well_and_not_perfectly() -> None:
    low, high = mean_posterior(np.full(39, 5e5), np.full(39, 1e6)).bounds(0.95)
    assert low < 0.5 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 39e6), rel=0.5)


clusters = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: sum(pair) > 0), min_size=2, max_size=9
)


@settings(max_examples=40)
@given(clusters, st.floats(0.3, 0.98))
def test_bounds_nest_mirror_and_do_not_mind_the_order(pairs: list[tuple[int, int]], level: float) -> None:
    events, n = np.array([float(a) for a, _ in pairs]), np.array([float(a + b) for a, b in pairs])
    posterior = mean_posterior(events, n)
    inner, outer = posterior.bounds(level), posterior.bounds(level + 0.01)
    assert 0 <= outer[0] <= inner[0] < inner[1] <= outer[1] <= 1
    assert mean_posterior(n - events, n).bounds(level) == pytest.approx(
        (1 - inner[1], 1 - inner[0]), abs=1e-6
    )
    turned = mean_posterior(events[::-1], n[::-1]).bounds(level)
    assert turned == pytest.approx(inner, abs=1e-12)


def test_the_default_passes_from_the_model_to_the_variance_as_clusters_grow_in_number() -> None:
    rng = np.random.default_rng(0)
    for clusters, words in (
        (8, "beta-binomial, few"),
        (25, "beta-binomial and logit t"),
        (40, "logit t, CR2"),
    ):
        events = rng.binomial(20, rng.beta(1, 3, clusters)).astype(float)
        n = np.full(clusters, 20.0)
        auto = clustered_rate(events, n, 0.95)
        assert auto.method.startswith(words)
        ways = [clustered_rate(events, n, 0.95, method=each) for each in ("beta_binomial", "logit_t")]
        assert min(way.low for way in ways) <= auto.low <= max(way.low for way in ways)
        assert min(way.high for way in ways) <= auto.high <= max(way.high for way in ways)


@pytest.mark.parametrize(
    "events", [[13, 12, 5, 4, 3, 3, 2, 2], [20, 9, 7, 5, 2, 2, 2, 1], [20, 20, 19, 0, 0, 0, 0, 0]]
)
def test_up_to_ten_clusters_reach_half_way_to_the_interval_of_the_variance_towards_one_half(
    events: list[int],
) -> None:
    n = np.full(8, 20.0)
    ways = ("auto", "beta_binomial", "logit_t")
    auto, model, variance = (clustered_rate(events, n, 0.95, method=way) for way in ways)
    half_way = float(expit((logit(model.high) + logit(variance.high)) / 2))
    plain = auto.estimate + critical_value(0.95, 7) * auto.std_error
    assert (auto.low, auto.high) == pytest.approx((model.low, max(model.high, min(half_way, plain))))
    opposite = clustered_rate(n - np.array(events), n, 0.95)
    assert (1 - opposite.high, 1 - opposite.low) == pytest.approx((auto.low, auto.high))


def test_a_cluster_much_larger_than_the_others_leaves_the_estimate_inside_its_interval() -> None:
    fit = clustered_rate([160, 3, 0, 2, 2, 1, 0, 1, 1], [160, 6, 6, 6, 6, 6, 4, 6, 4], 0.95)
    assert fit.estimate == pytest.approx(170 / 204)
    # Eight of nine items seldom do it, and the one that does has most of the trials.
    assert fit.low < 0.3
    assert 0.95 < fit.high < 1


@settings(max_examples=40)
@given(clusters, st.floats(0.5, 0.98))
def test_the_rate_lies_inside_its_interval_however_unequal_the_clusters(
    pairs: list[tuple[int, int]], level: float
) -> None:
    events, n = np.array([float(a) for a, _ in pairs]), np.array([float(a + b) for a, b in pairs])
    fit, wider = (clustered_rate(events, n, each) for each in (level, level + 0.01))
    assert 0 <= wider.low <= fit.low <= fit.estimate <= fit.high <= wider.high <= 1
    if 0 < fit.estimate < 1 and level > 0.8:
        assert fit.low < fit.estimate < fit.high


def test_equal_clusters_have_the_bounds_of_the_posterior() -> None:
    events, n = np.array([0.0, 3, 7, 1, 0, 2]), np.full(6, 9.0)
    fit = clustered_rate(events, n, 0.9)
    assert (fit.low, fit.high) == pytest.approx(mean_posterior(events, n).bounds(0.9), abs=1e-12)


def test_weights_are_not_trials_and_have_no_beta_binomial_interval() -> None:
    fit = clustered_rate([0.3, 0.9, 0.5], [1.0, 1.0, 1.0], 0.95, rows=60.0)
    assert fit.method == "logit t, CR2"


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_ten_clusters_and_a_rare_outcome_cover_what_they_say(spread: float) -> None:
    from scipy.optimize import brentq
    from scipy.special import expit

    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    centre = float(brentq(lambda at: weights @ expit(at + spread * nodes) - 0.05, -20, 5))
    rng = np.random.default_rng(int(spread))
    inside = 0
    for _ in range(1000):
        events = rng.binomial(80, expit(rng.normal(centre, spread, 10))).astype(float)
        fit = clustered_rate(events, np.full(10, 80.0), 0.95)
        inside += fit.low <= 0.05 <= fit.high
    assert 0.93 <= inside / 1000 <= 0.985


@pytest.mark.parametrize("longest", [6, 4_000])
def test_the_likelihood_is_that_of_scipy_for_few_trials_and_for_many(longest: int) -> None:
    rng = np.random.default_rng(4)
    n = rng.integers(1, longest, 8).astype(float)
    events = np.floor(n * rng.uniform(0, 1, 8) ** 2)
    rates, likenesses = np.array([-3.0, 0.0, 1.5]), np.array([-4.0, 0.0])
    found = _log_likelihood(rates, likenesses, np.stack([events, n]), np.ones(8, dtype=np.int64))
    a = expit(rates)[:, None] * np.exp(-likenesses)
    b = expit(-rates)[:, None] * np.exp(-likenesses)
    each = np.asarray(stats.betabinom.logpmf(events[:, None, None], n[:, None, None], a, b))
    choose = gammaln(n + 1) - gammaln(events + 1) - gammaln(n - events + 1)
    np.testing.assert_allclose(found, each.sum(axis=0) - np.sum(choose), rtol=1e-9)


def test_the_order_of_clusters_and_what_was_asked_before_do_not_matter() -> None:
    events, n = np.array([0.0, 3, 1, 0]), np.array([5.0, 5, 4, 5])
    first = mean_posterior(events, n).bounds(0.95)
    mean_posterior(n, n)
    assert mean_posterior(events[::-1], n[::-1]).bounds(0.95) == first
    assert mean_posterior(0 * events, n).bounds(0.95)[0] == 0
    assert mean_posterior(n, n).bounds(0.95)[1] == 1
