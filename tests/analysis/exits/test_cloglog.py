"""The complementary log-log link against R, and its CR2 against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from bartleby.analysis.exits.cloglog import cloglog_covariance, fit_cloglog
from bartleby.analysis.inference.logistic import Cells

# 12 cells of R 4.2: glm(cbind(y, n - y) ~ x + factor(turn), binomial("cloglog"))
TURN = np.repeat([1, 2, 3], 4)
X = np.array([-1.0, 0.0, 0.5, 2.0] * 3)
EXITS = np.array([2, 5, 3, 9, 1, 4, 6, 5, 3, 2, 4, 1], dtype=float)
N = np.array([20, 20, 20, 20, 18, 15, 17, 11, 17, 11, 11, 6], dtype=float)
R_CLOGLOG = [-1.551773667594501, 0.448782353451521, 0.203631894758375, 0.061937447385867]
R_CLOGLOG_ERRORS = [0.257277546231, 0.139000343511, 0.342050787508, 0.399685213446]


def cells() -> Cells:
    design = np.column_stack([np.ones(12), X, TURN == 2, TURN == 3]).astype(float)
    return Cells(design, EXITS, N)


def test_cloglog_coefficients_equal_those_of_r() -> None:
    fit = fit_cloglog(cells())
    assert fit.converged
    np.testing.assert_allclose(fit.beta, R_CLOGLOG, rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), R_CLOGLOG_ERRORS, rtol=1e-6)


def test_cloglog_cr2_equals_its_definition_with_whole_matrices() -> None:
    data, cluster = cells(), np.array([0, 1, 2, 3] * 3)
    beta = fit_cloglog(data).beta
    rate = np.exp(data.design @ beta)
    mean = 1 - np.exp(-rate)
    slope = rate * (1 - mean)
    weight = data.n * slope**2 / (mean * (1 - mean))
    white = data.design * np.sqrt(weight)[:, None]
    residual = (data.events - data.n * mean) * slope / (mean * (1 - mean)) / np.sqrt(weight)
    bread = np.linalg.inv(white.T @ white)
    meat = np.zeros((4, 4))
    for code in range(4):
        rows = cluster == code
        hat = white[rows] @ bread @ white[rows].T
        score = white[rows].T @ fractional_matrix_power(np.eye(rows.sum()) - hat, -0.5).real @ residual[rows]
        meat += np.outer(score, score)
    found = cloglog_covariance(data, beta, cluster)
    np.testing.assert_allclose(
        found.covariance[1:, 1:], (bread @ meat @ bread)[1:, 1:], rtol=1e-6, atol=1e-10
    )


def test_data_without_an_event_have_no_estimate_and_do_not_crash() -> None:
    fit = fit_cloglog(Cells(np.ones((3, 1)), np.zeros(3), np.full(3, 5.0)))
    assert not fit.converged


def test_one_rate_has_the_closed_form() -> None:
    fit = fit_cloglog(Cells(np.ones((2, 1)), np.array([3.0, 4.0]), np.array([10.0, 10.0])))
    assert fit.beta[0] == pytest.approx(np.log(-np.log(1 - 0.35)), rel=1e-12)


def test_separated_data_neither_converge_nor_overflow() -> None:
    design = np.column_stack([np.ones(6), [-3.0, -2, -1, 1, 2, 3]])
    fit = fit_cloglog(Cells(design, np.array([0.0, 0, 0, 9, 9, 9]), np.full(6, 9.0)))
    assert not fit.converged
    assert np.all(np.isfinite(fit.beta))
