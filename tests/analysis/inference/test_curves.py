"""Differences of shares over clusters, from leaving each cluster out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bartleby.analysis.inference.curves import curve_jackknife, difference_fit
from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.inference.means import skewed_bounds

GAPS = np.array([0.0, 0.05, 0.1, 0.0, 0.05, 0.1, 0.05, 0.0, 0.1, 0.9])


def fit(gaps: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    sums = np.column_stack([gaps, np.ones(len(gaps))])
    found = curve_jackknife(sums, lambda table: table[..., :1] / table[..., 1:]).at(0)
    made = difference_fit(found, 10.0, float(len(gaps)), level)
    return made.low, made.high


def test_a_difference_that_one_cluster_makes_reaches_as_far_as_halls_transformation() -> None:
    n = len(GAPS)
    error, centred = GAPS.std(ddof=1) / n**0.5, GAPS - GAPS.mean()
    df = min(n - 1, 2 / (np.sum(centred**4) / np.sum(centred**2) ** 2 - 1 / n))
    critical = critical_value(0.95, max(df, 1.0))
    skew = np.sum(centred**3) / np.sum(centred**2) ** 1.5 * (n * (n - 1)) ** 0.5 / (n - 2)
    reached = skewed_bounds(GAPS.mean(), error, critical, skew)
    low, high = fit(GAPS)
    assert high == pytest.approx(min(float(reached[1]), 1.0))
    assert low == pytest.approx(max(GAPS.mean() - critical * error, -1.0))


def test_the_interval_of_the_opposite_difference_is_the_opposite_interval() -> None:
    low, high = fit(-GAPS)
    assert (-high, -low) == pytest.approx(fit(GAPS))


def test_where_clusters_lean_to_no_side_the_interval_is_that_of_t() -> None:
    gaps = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    half = critical_value(0.95, 4.0) * gaps.std(ddof=1) / 5**0.5
    assert fit(gaps) == pytest.approx((-half, half))


def test_intervals_nest_with_the_level() -> None:
    bounds = [fit(GAPS, level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)]
    assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(bounds))
