"""Alpha, intraclass correlation and correlations over clusters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chi2, pearsonr, spearmanr
from scipy.stats import f as f_distribution

from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.self_reports.reliability import (
    alpha,
    alpha_interval,
    correlation_interval,
    icc,
    icc_interval,
)

# Shrout & Fleiss (1979): four judges of six targets. ICC(2, 1) = .29; alpha = ICC(3, 4) = .91.
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)


Interval = Callable[..., RateFit]


def interval(answers: np.ndarray, of: Interval, cluster: np.ndarray | None = None) -> RateFit:
    codes = np.arange(len(answers)) if cluster is None else cluster
    rng = np.random.default_rng(0)
    return of(answers, codes, np.ones(len(answers)), level=0.95, replicates=1000, rng=rng)


def test_published_ratings_give_published_reliabilities() -> None:
    covariance = np.cov(RATINGS, rowvar=False)
    mean = RATINGS.mean(axis=0)
    assert float(alpha(covariance)) == pytest.approx(0.90931554237707, rel=1e-12)
    assert float(icc(np.array(6.0), mean, covariance)) == pytest.approx(0.28976377952756, rel=1e-12)


@pytest.mark.parametrize(
    ("statistic", "value"), [(alpha_interval, 0.90931554237707), (icc_interval, 0.28976377952756)]
)
def test_sums_by_cluster_give_the_same(statistic: Interval, value: float) -> None:
    for cluster in (None, np.array([0, 0, 1, 1, 2, 2])):
        fit = interval(RATINGS, statistic, cluster)
        assert fit.estimate == pytest.approx(value, rel=1e-10)
        assert fit.low < value < fit.high


def test_counts_stand_for_rows() -> None:
    codes, rng = np.arange(6), [np.random.default_rng(1) for _ in range(2)]
    whole = alpha_interval(
        np.repeat(RATINGS, 3, axis=0), np.repeat(codes, 3), np.ones(18), level=0.9, replicates=200, rng=rng[0]
    )
    counted = alpha_interval(RATINGS, codes, np.full(6, 3.0), level=0.9, replicates=200, rng=rng[1])
    assert (whole.low, whole.high) == pytest.approx((counted.low, counted.high))


def test_alpha_of_wordings_that_never_vary_is_undefined() -> None:
    fit = interval(np.full((10, 3), 4.0), alpha_interval)
    assert np.isnan(fit.estimate)


def test_wordings_that_agree_exactly_have_no_interval_of_no_width() -> None:
    fit = interval(np.repeat(np.arange(1.0, 7.0)[:, None], 3, axis=1), alpha_interval)
    assert fit.estimate == pytest.approx(1.0)
    assert np.isnan(fit.low)


def test_without_replicates_clusters_are_left_out_and_nothing_is_drawn() -> None:
    rng = np.random.default_rng(2)
    answers = rng.normal(0, 1, (60, 1)) + rng.normal(0, 1, (60, 3))
    pairs, codes, ones = answers[:, :2], np.arange(60) // 4, np.ones(60)
    for fit, method in (
        (alpha_interval(answers, codes, ones, level=0.95), "chi-squared"),
        (icc_interval(answers, codes, ones, level=0.95), "chi-squared"),
        (correlation_interval(pairs, codes, ones, ranks=False, level=0.95), "jackknife"),
        (correlation_interval(pairs, codes, ones, ranks=True, level=0.95), "jackknife"),
    ):
        assert method in fit.method
        assert -1 < fit.low < fit.estimate < fit.high < 1


def test_alpha_of_many_trials_that_are_independent_is_near_feldts_interval() -> None:
    rng = np.random.default_rng(7)
    answers = rng.normal(0, 1, (500, 1)) + rng.normal(0, 1, (500, 3))
    fit = alpha_interval(answers, np.arange(500), np.ones(500), level=0.95)
    # Feldt (1965): (1 - alpha) / (1 - estimate) is an F with (n - 1) and (n - 1)(k - 1) degrees of freedom.
    ends = 1 - (1 - fit.estimate) * np.array(f_distribution.ppf([0.975, 0.025], 499, 998))
    assert (fit.low, fit.high) == pytest.approx(tuple(ends), abs=0.006)


def test_reliabilities_of_a_handful_of_clusters_have_no_interval() -> None:
    rng = np.random.default_rng(8)
    answers = rng.normal(0, 1, (90, 1)) + rng.normal(0, 1, (90, 3))
    for of in (alpha_interval, icc_interval):
        few = of(answers, np.arange(90) // 10, np.ones(90), level=0.95)
        assert np.isnan(few.low)
        assert "fewer than 12 clusters" in few.method
        assert of(answers, np.arange(90) // 7, np.ones(90), level=0.95).low < few.estimate


def test_a_jackknife_of_independent_pairs_is_near_fishers_interval() -> None:
    rng = np.random.default_rng(5)
    one = rng.normal(size=400)
    pairs = np.column_stack([one, one + rng.normal(size=400)])
    fit = correlation_interval(pairs, np.arange(400), np.ones(400), ranks=False, level=0.95)
    at, half = np.arctanh(fit.estimate), 1.96 / np.sqrt(397)
    assert (fit.low, fit.high) == pytest.approx((np.tanh(at - half), np.tanh(at + half)), abs=0.012)


def test_wordings_against_each_other_have_an_alpha_below_minus_one_with_an_interval() -> None:
    rng = np.random.default_rng(3)
    trait = rng.normal(0, 2, (40, 1))
    fit = alpha_interval(trait * [1, -1] + rng.normal(0, 1, (40, 2)), np.arange(40), np.ones(40), level=0.95)
    assert fit.estimate < -1
    assert fit.low < fit.estimate < fit.high < 0


@pytest.mark.parametrize("of", [alpha_interval, icc_interval])
def test_a_jackknife_has_no_interval_of_no_width(of: Interval) -> None:
    same = np.repeat(np.arange(1.0, 7.0)[:, None], 3, axis=1)
    for answers, cluster in ((same, np.arange(6)), (np.full((10, 3), 4.0), np.arange(10))):
        assert np.isnan(of(answers, cluster, np.ones(len(cluster)), level=0.95).low)
    assert np.isnan(of(RATINGS, np.array([0, 0, 0, 1, 1, 1]), np.ones(6), level=0.95).low)


def test_two_clusters_are_too_few() -> None:
    fit = interval(RATINGS, alpha_interval, np.array([0, 0, 0, 1, 1, 1]))
    assert np.isnan(fit.low)


@pytest.mark.parametrize("ranks", [False, True])
def test_correlations_are_those_of_scipy(ranks: bool) -> None:
    rng = np.random.default_rng(4)
    score = rng.integers(1, 8, 80).astype(float)
    left = (rng.random(80) < score / 9).astype(float)
    fit = correlation_interval(
        np.column_stack([score, left]),
        np.arange(80),
        np.ones(80),
        ranks=ranks,
        level=0.95,
        replicates=2000,
        rng=np.random.default_rng(1),
    )
    known = float(spearmanr(score, left).statistic if ranks else pearsonr(score, left).statistic)
    assert fit.estimate == pytest.approx(known)
    half = np.tanh(np.arctanh(known) + 1.96 / np.sqrt(77)) - known
    assert fit.high - fit.estimate == pytest.approx(half, rel=0.25)


@pytest.mark.parametrize("ranks", [False, True])
def test_a_correlation_is_no_better_known_than_the_spread_between_clusters(ranks: bool) -> None:
    rng = np.random.default_rng(5)
    item = np.repeat(np.arange(12), 12)
    shared = rng.normal(0, 1, 12)[item]
    pairs = shared[:, None] + rng.normal(0, 0.1, (144, 2))
    fit = correlation_interval(pairs, item, np.ones(144), ranks=ranks, level=0.95)
    # Nearly all variance is between 12 clusters: it may be a fifth of what it is, and r falls as it does.
    least = 11 / chi2.ppf(0.975, 11)
    assert fit.low <= least * fit.estimate / (1 + (least - 1) * fit.estimate)
    turned = correlation_interval(pairs * [1, -1], item, np.ones(144), ranks=ranks, level=0.95)
    assert [-turned.high, -turned.low] == pytest.approx([fit.low, fit.high])
    counted = correlation_interval(pairs, item, np.full(144, 2.0), ranks=ranks, level=0.95)
    assert counted.low == pytest.approx(fit.low, abs=0.02)
    few = correlation_interval(pairs, item // 2, np.ones(144), ranks=ranks, level=0.95)
    assert np.isnan(few.low)


def test_a_behaviour_that_never_varies_has_no_correlation() -> None:
    pairs = np.column_stack([np.arange(10.0), np.ones(10)])
    fit = correlation_interval(
        pairs,
        np.arange(10),
        np.ones(10),
        ranks=False,
        level=0.95,
        replicates=200,
        rng=np.random.default_rng(0),
    )
    assert np.isnan(fit.estimate)


@pytest.mark.slow
def test_alpha_over_clusters_covers_where_trials_taken_as_independent_do_not() -> None:
    rng = np.random.default_rng(6)
    truth = 3 * 1.25 / (3 * 1.25 + 1)
    inside = naive = 0
    for _ in range(400):
        item = np.repeat(np.arange(15), 10)
        trait = rng.normal(0, 1, 15)[item] + rng.normal(0, 0.5, 150)
        answers = trait[:, None] + rng.normal(0, 1, (150, 3))
        for cluster in (item, None):
            codes = np.arange(150) if cluster is None else cluster
            fit = alpha_interval(answers, codes, np.ones(150), level=0.95)
            covered = fit.low <= truth <= fit.high
            inside, naive = (inside + covered, naive) if cluster is not None else (inside, naive + covered)
    # Room for skewed traits makes it longer than these normal ones need (docs/evidence/coverage_exits.md).
    assert inside / 400 >= 0.93
    assert naive / 400 < 0.8


def test_a_value_that_never_varies_has_no_correlation_however_the_other_rounds() -> None:
    scores = np.array([14, 16, 16, 17, 11, 13] * 16) / 3
    pairs = np.stack([scores, np.zeros(len(scores))], axis=1)
    fit = correlation_interval(pairs, np.arange(len(scores)), np.ones(len(scores)), ranks=False, level=0.95)
    assert np.isnan([fit.estimate, fit.low, fit.high]).all()
