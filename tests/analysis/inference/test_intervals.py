"""Intervals of rates against published tables, and their properties."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.analysis.inference.intervals import (
    clustered_rate,
    clustered_variance,
    critical_value,
    independent_rate,
    p_from_interval,
    wilson,
)
from bartleby.analysis.inference.sandwich import cluster_covariance
from bartleby.analysis.inference.stratified import stratified_rate
from bartleby.analysis.rates.contrasts import Contrast, independent_contrast, pairs_contrast

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "published"


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_has_the_values_of_newcombe_1998(events: int, n: int, low: float, high: float) -> None:
    fit = independent_rate(events, n, 0.95)
    assert [fit.low, fit.high] == pytest.approx([low, high], abs=5e-5)


def test_wilson_equals_scipy_to_the_last_digits() -> None:
    from scipy.stats import binomtest

    for events, n in [(0, 7), (3, 11), (11, 11), (499, 1000)]:
        ours = independent_rate(events, n, 0.9)
        theirs = binomtest(events, n).proportion_ci(0.9, method="wilson")
        np.testing.assert_allclose([ours.low, ours.high], [theirs.low, theirs.high], atol=1e-13)


UNPAIRED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize("example", UNPAIRED)
def test_unpaired_differences_have_the_values_of_newcombe_1998(
    example: tuple[int, int, int, int, float, float],
) -> None:
    *counts, low, high = example
    found = independent_contrast(counts[0], counts[1], counts[2], counts[3], "").interval(0.95)
    assert list(found) == pytest.approx([low, high], abs=5e-5)


def test_unpaired_differences_equal_those_of_statsmodels() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    for a, m, b, n, *_ in UNPAIRED:
        ours = independent_contrast(a, m, b, n, "").interval(0.95)
        np.testing.assert_allclose(ours, confint_proportions_2indep(a, m, b, n, method="newcomb"), atol=1e-12)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((36, 12, 2, 0), 0.056930, 0.340428),
        ((20, 12, 2, 16), 0.056156, 0.329207),
        ((2, 97, 1, 0), 0.872116, 0.985366),
        ((1, 97, 1, 1), 0.873672, 0.985026),
        ((0, 30, 0, 70), 0.210906, 0.395849),
        ((54, 0, 0, 0), -0.066414, 0.066414),
        ((1, 1, 7, 12), -0.506920, -0.025559),
    ],
)
def test_paired_differences_have_the_values_of_ratesci(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    # Tables of Newcombe (1998) and of Bentur et al. (2009); ratesci (R), Newcombe's correction.
    found = pairs_contrast(*map(float, table)).interval(0.95)
    assert list(found) == pytest.approx([low, high], abs=6e-7)


def test_equal_clusters_have_the_variance_of_a_mean_of_rates() -> None:
    events = np.array([0.0, 3, 8, 10, 2, 5])
    rate, variance, df = clustered_variance(events, np.full(6, 10.0))
    assert rate == pytest.approx(events.mean() / 10)
    assert variance == pytest.approx((events / 10).var(ddof=1) / 6)
    assert df <= 5 + 1e-9


def test_unequal_clusters_have_the_variance_and_df_of_the_general_sandwich() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 30, 25).astype(float)
    events = rng.binomial(n.astype(int), 0.5).astype(float)
    rate, variance, df = clustered_variance(events, n)
    rows = np.arange(25)
    robust = cluster_covariance((events - n * rate)[:, None], rows, np.sqrt(n)[:, None], rows)
    assert variance == pytest.approx(float(robust.covariance[0, 0]), rel=1e-12)
    assert df <= float(robust.degrees_of_freedom([[1.0]])[0]) * (1 + 1e-9)


def test_few_clusters_with_all_the_events_leave_few_degrees_of_freedom() -> None:
    n = np.full(40, 20.0)
    even, lumped = np.full(40, 1.0), np.zeros(40)
    even[::2], lumped[:2] = 2, 20
    assert clustered_variance(even, n)[2] == pytest.approx(39)
    assert clustered_variance(lumped, n)[2] < 6


def test_one_event_says_no_less_than_one_answer_a_cluster_would() -> None:
    events = np.zeros(28)
    events[3] = 1
    fit = clustered_rate(events, np.full(28, 3.0), 0.95)
    assert fit.high < wilson(1 / 84, 28, critical_value(0.95, 27))[1] + 1e-12
    assert fit.high > clustered_rate(np.zeros(28), np.full(28, 3.0), 0.95).high


@pytest.mark.parametrize("events", [np.zeros(8), np.full(8, 5.0), np.full(8, 2.0)])
def test_clusters_that_do_not_differ_never_have_an_interval_of_zero_width(events: np.ndarray) -> None:
    for fit in (
        clustered_rate(events, np.full(8, 5.0), 0.95),
        stratified_rate(events, np.full(8, 5.0), 0.95),
    ):
        assert 0 <= fit.low < fit.high <= 1
        assert fit.low <= fit.estimate <= fit.high


def test_items_that_always_answer_alike_keep_an_interval_for_these_items() -> None:
    fit = stratified_rate([20.0] * 10 + [0.0] * 10, [20.0] * 20, 0.95)
    assert fit.estimate == 0.5
    assert 0.005 < fit.high - fit.low < 0.05


def test_repeats_sharpen_these_items_and_not_new_items() -> None:
    events = np.array([0.0, 1, 2, 3, 4, 5, 6, 7])
    few, many = np.full(8, 8.0), np.full(8, 800.0)
    these = [stratified_rate(y, n, 0.95) for y, n in ((events, few), (100 * events, many))]
    assert these[1].high - these[1].low < 0.2 * (these[0].high - these[0].low)
    # How far "auto" reaches to the variance's interval depends on how much that of the model leaves open.
    for method, rel in (("logit_t", 1e-6), ("auto", 0.08)):
        new = [clustered_rate(y, n, 0.95, method=method) for y, n in ((events, few), (100 * events, many))]
        assert new[1].high - new[1].low == pytest.approx(new[0].high - new[0].low, rel=rel)


def test_one_cluster_and_no_trials_are_undefined() -> None:
    one = clustered_rate([3.0], [10.0], 0.95)
    assert one.estimate == pytest.approx(0.3)
    assert math.isnan(one.low)
    for fit in (clustered_rate([], [], 0.95), stratified_rate([], [], 0.95), independent_rate(0, 0, 0.95)):
        assert math.isnan(fit.estimate)
        assert math.isnan(fit.high)


counts = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: sum(pair) > 0),
    min_size=2,
    max_size=12,
)


@given(counts, st.floats(0.5, 0.98))
def test_intervals_nest_with_the_level(pairs: list[tuple[int, int]], level: float) -> None:
    events, n = np.array([float(a) for a, _ in pairs]), np.array([float(a + b) for a, b in pairs])
    for fit in (clustered_rate, stratified_rate):
        inner, outer = fit(events, n, level), fit(events, n, level + 0.01)
        assert 0 <= outer.low <= inner.low <= inner.estimate + 1e-12
        assert inner.estimate - 1e-12 <= inner.high <= outer.high <= 1


@given(counts)
def test_swapping_event_and_no_event_mirrors_the_interval(pairs: list[tuple[int, int]]) -> None:
    events, n = np.array([float(a) for a, _ in pairs]), np.array([float(a + b) for a, b in pairs])
    for fit in (clustered_rate, stratified_rate):
        one, other = fit(events, n, 0.95), fit(n - events, n, 0.95)
        np.testing.assert_allclose([one.low, one.high], [1 - other.high, 1 - other.low], atol=1e-9)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_p_values_agree_with_intervals(a: int, b: int, c: int, d: int) -> None:
    contrasts: list[Contrast] = []
    if a + b and c + d:
        contrasts.append(independent_contrast(a, a + b, c, c + d, ""))
    if a + b + c + d:
        contrasts.append(pairs_contrast(a, b, c, d))
    for contrast in contrasts:
        p = p_from_interval(contrast.interval)
        low, high = contrast.interval(0.95)
        assert (p < 0.05) == (not low <= 0 <= high) or abs(p - 0.05) < 1e-6


def test_the_p_value_of_no_difference_is_one() -> None:
    assert p_from_interval(independent_contrast(3, 10, 3, 10, "").interval) == pytest.approx(1.0)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="other people's published data are not here")
def test_published_half_widths_are_wilsons_with_repeats_as_independent() -> None:
    table = pd.read_csv(PUBLISHED / "bailstudy" / "published_bail_rates.csv")
    table = table.dropna(subset=["published_halfwidth_pct", "n_used_in_published_interval"])
    assert (table["n_used_in_published_interval"] == 16300).mean() > 0.9
    for rate, n, half in zip(
        table["bail_pct"],
        table["n_used_in_published_interval"],
        table["published_halfwidth_pct"],
        strict=True,
    ):
        low, high = wilson(rate / 100, n, 1.96)
        assert (high - low) * 50 == pytest.approx(half, abs=1e-9)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="other people's published data are not here")
def test_the_published_correlation_of_leaving_and_refusing_comes_out() -> None:
    from scipy.stats import pearsonr

    points = pd.read_csv(PUBLISHED / "bailstudy" / "published_scatter_points.csv")
    tool = points[points["chart"].str.endswith("scatterbail_tool")]
    found = pearsonr(tool["first_value"], tool["second_value"])
    assert len(tool) == 32
    assert found.statistic == pytest.approx(-0.0500, abs=5e-5)
    assert found.pvalue == pytest.approx(0.786, abs=5e-4)


def test_a_rate_of_a_dozen_clusters_is_no_better_known_than_their_variance_has_it() -> None:
    # Most events in a few clusters: the Beta distribution takes their spread for better known than it is.
    events, n = np.array([20.0, 20, 13, 6, 3, 2, 2, 1, 1, 1, 0, 0]), np.full(12, 20.0)
    auto, spread = (clustered_rate(events, n, 0.95, method=method) for method in ("auto", "logit_t"))
    assert auto.low <= spread.low
    assert auto.high >= spread.high
