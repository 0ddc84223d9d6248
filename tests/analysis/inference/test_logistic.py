"""Logistic regression on cells: known answers, separation, Firth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.inference.logistic import (
    Cells,
    firth_interval,
    fit_firth,
    fit_logistic,
    separated_columns,
)

# Endometrial cancer, Heinze & Schemper (2002), Statistics in Medicine 21, 2409: neovasculation, pulsatility
# index of the arteria uterina, endometrium height; histology grade 0 (49 patients) or 1 (30).
NV = [
    int(digit) for digit in "0000000000000000000001111100000000000000000000011110000000000000000000100011010"
]
PI = [
    *(13, 16, 8, 34, 20, 5, 17, 10, 26, 17, 8, 7, 20, 10, 18, 16, 18, 8, 29, 12, 20, 38, 22, 7, 25, 15, 7),
    *(28, 11, 19, 10, 10, 18, 14, 21, 11, 17, 25, 16, 19, 15, 33, 24, 48, 12, 19, 2, 22, 40, 5, 0, 21, 15),
    *(29, 15, 12, 3, 20, 23, 12, 22, 42, 15, 13, 14, 19, 12, 13, 10, 12, 49, 6, 5, 17, 11, 21, 5, 19, 33),
]
EH = [
    *(1.64, 2.26, 3.14, 2.68, 1.28, 2.31, 1.8, 1.68, 1.56, 2.31, 2.01, 1.89, 3.15, 1.23, 1.27, 1.76, 2.0),
    *(2.64, 0.88, 1.27, 1.37, 0.97, 1.14, 0.88, 0.91, 0.58, 0.97, 1.5, 1.33, 2.37, 1.82, 3.13, 1.31, 1.92),
    *(1.64, 2.01, 1.88, 1.93, 2.11, 1.29, 1.72, 0.75, 1.92, 1.84, 1.11, 1.61, 1.18, 1.44, 1.18, 0.93, 1.17),
    *(1.19, 1.06, 2.02, 2.29, 2.33, 2.9, 1.7, 1.41, 2.25, 1.54, 1.97, 1.75, 2.16, 2.57, 1.37, 3.61, 2.04),
    *(2.17, 1.69, 0.27, 1.84, 1.3, 0.96, 1.01, 0.98, 0.35, 1.02, 0.85),
]
HG = [
    int(digit) for digit in "0000000000000000011111111110000000000000000111111111100000000000000001111111111"
]

# Contagious bovine pleuropneumonia, Lesnoff et al. (2004): cases and animals by period, all herds together.
CBPP = [(61, 278), (17, 212), (14, 197), (7, 155)]


def endometrial() -> Cells:
    return Cells(np.column_stack([np.ones(79), NV, PI, EH]), np.array(HG, dtype=float), np.ones(79))


def two_kinds(events: tuple[float, float], n: float = 5.0) -> Cells:
    return Cells(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array(events), np.full(2, n))


def test_firth_has_the_coefficients_of_brglm2_on_the_endometrial_data() -> None:
    fit = fit_firth(endometrial())
    # R's brglm2, mean bias reduction, run until the scores vanish.
    expected = [3.7745597136471, 2.9292733531971, -0.0347517598704, -2.6041639252937]
    np.testing.assert_allclose(fit.beta, expected, rtol=1e-8)
    errors = [1.4886916634357, 1.5507637294530, 0.0395781473478, 0.7760176425016]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), errors, rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(-24.0372678, abs=1e-7)


def test_firth_has_the_profile_intervals_of_firthmodels_on_the_endometrial_data() -> None:
    cells = endometrial()
    fit = fit_firth(cells)
    expected = [
        (1.08253711, 7.2092805),
        (0.60972444, 7.85463171),
        (-0.12445872, 0.04045547),
        (-4.36518325, -1.23272106),
    ]
    for column, bounds in enumerate(expected):
        found = firth_interval(cells, fit, column, critical_value(0.95))
        np.testing.assert_allclose(found, bounds, atol=2e-8)


def test_the_endometrial_data_are_separated_along_one_column() -> None:
    cells = endometrial()
    assert separated_columns(cells, fit_logistic(cells)) == [1]
    without = Cells(cells.design[:, [0, 2, 3]], cells.events, cells.n)
    fit = fit_logistic(without)
    assert fit.converged
    assert separated_columns(without, fit) == []


def test_a_saturated_fit_has_the_coefficients_of_r() -> None:
    events, n = (np.array(column, dtype=float) for column in zip(*CBPP, strict=True))
    design = np.column_stack([np.ones(4), *(np.arange(4) == kind for kind in (1, 2, 3))]).astype(float)
    fit = fit_logistic(Cells(design, events, n))
    expected = [-1.2690234893671, -1.1707627251404, -1.3014053338590, -1.7822786353417]
    np.testing.assert_allclose(fit.beta, expected, rtol=1e-10)


def test_the_fit_equals_statsmodels_and_counts_equal_rows() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    design = np.column_stack([np.ones(60), rng.normal(size=60), rng.integers(0, 2, 60)]).astype(float)
    n = rng.integers(1, 9, 60).astype(float)
    events = rng.binomial(n.astype(int), 0.4).astype(float)
    fit = fit_logistic(Cells(design, events, n))
    theirs = sm.GLM(np.column_stack([events, n - events]), design, family=sm.families.Binomial()).fit(
        tol=1e-14
    )
    np.testing.assert_allclose(fit.beta, theirs.params, rtol=1e-8)
    np.testing.assert_allclose(fit.covariance, theirs.cov_params(), rtol=1e-6)
    rows = np.repeat(np.arange(60), n.astype(int))
    outcome = np.concatenate([np.arange(int(size)) < count for size, count in zip(n, events, strict=True)])
    again = fit_logistic(Cells(design[rows], outcome.astype(float), np.ones(len(rows))))
    np.testing.assert_allclose(again.beta, fit.beta, rtol=1e-9)
    penalised = fit_firth(Cells(design[rows], outcome.astype(float), np.ones(len(rows))))
    np.testing.assert_allclose(penalised.beta, fit_firth(Cells(design, events, n)).beta, rtol=1e-8)


@pytest.mark.parametrize("events", [(0.0, 5.0), (0.0, 2.0), (0.0, 0.0), (5.0, 5.0)])
def test_separation_is_seen_and_firth_is_finite(events: tuple[float, float]) -> None:
    cells = two_kinds(events)
    fit = fit_logistic(cells)
    assert separated_columns(cells, fit)
    firth = fit_firth(cells)
    assert firth.converged
    assert np.all(np.abs(firth.beta) < 10)
    low, high = firth_interval(cells, firth, 1, critical_value(0.95))
    assert low < firth.beta[1] < high


def test_firth_of_a_two_by_two_table_adds_a_half_to_each_cell() -> None:
    firth = fit_firth(two_kinds((0.0, 5.0)))
    np.testing.assert_allclose(firth.beta, [np.log(0.5 / 5.5), 2 * np.log(5.5 / 0.5)], rtol=1e-9)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=3, max_size=6))
def test_swapping_event_and_no_event_turns_the_signs(drawn: list[tuple[int, int]]) -> None:
    n = np.array([float(more + min(less, 3) + 1) for less, more in drawn])
    events = np.array([float(min(less, size)) for (less, _), size in zip(drawn, n, strict=True)])
    design = np.column_stack([np.ones(len(n)), np.arange(len(n))]).astype(float)
    one, other = fit_firth(Cells(design, events, n)), fit_firth(Cells(design, n - events, n))
    np.testing.assert_allclose(one.beta, -other.beta, atol=1e-7)
