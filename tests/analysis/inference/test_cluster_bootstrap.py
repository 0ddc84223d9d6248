"""The bootstrap of clusters: a mean has the interval that it should have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from bartleby.analysis.inference.cluster_bootstrap import Scale, bootstrap_interval
from bartleby.analysis.inference.intervals import RateFit

AS_IT_IS = Scale(lambda value: value, lambda value: value)


def mean(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[:, 1] / sums[:, 0])


def interval(values: np.ndarray, replicates: int = 4000, seed: int = 0) -> RateFit:
    sums = np.column_stack([np.ones(len(values)), values])
    rng = np.random.default_rng(seed)
    return bootstrap_interval(sums, mean, AS_IT_IS, level=0.95, replicates=replicates, rng=rng)


@pytest.mark.parametrize(("clusters", "method"), [(60, "bootstrap t"), (500, "bootstrap, t")])
def test_a_mean_of_normal_clusters_has_nearly_students_interval(clusters: int, method: str) -> None:
    values = np.random.default_rng(2).normal(3, 1, clusters)
    fit = interval(values)
    half = t.ppf(0.975, clusters - 1) * values.std(ddof=1) / np.sqrt(clusters)
    assert fit.method == method
    assert fit.estimate == pytest.approx(values.mean())
    assert (fit.high - fit.low) / 2 == pytest.approx(half, rel=0.1)


def test_the_seed_decides() -> None:
    values = np.arange(20.0)
    assert interval(values, 200, 1) == interval(values, 200, 1)
    assert interval(values, 200, 1).low != interval(values, 200, 2).low


def test_what_does_not_vary_has_no_interval_of_no_width() -> None:
    fit = interval(np.full(10, 2.0))
    assert fit.estimate == 2
    assert np.isnan(fit.low)


def test_two_clusters_are_too_few() -> None:
    assert np.isnan(interval(np.array([1.0, 2.0])).low)
