"""Mixed logistic regression against glmmTMB: estimates, standard errors, population-averaged effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.rates.effects import effects
from bartleby.analysis.rates.mixed import laplace_log_likelihood
from tests.analysis.rates.test_effects import cbpp, part

pytest.importorskip("mixedlm")


def test_standard_errors_are_those_of_glmmtmb_with_the_doubt_about_the_spread() -> None:
    # glmmTMB 1.1: glmmTMB(cbind(incidence, size - incidence) ~ period + (1 | herd), binomial), data cbpp.
    found = part(effects(cbpp(), "sick ~ period", cluster="herd", method="mixed"), "coefficient")
    expected = [0.232472050657, 0.306642494971, 0.326637808481, 0.427436596684]
    np.testing.assert_allclose(found["std_error"], expected, rtol=2e-6)


def test_marginal_effects_are_averages_over_the_clusters() -> None:
    # By hand in R from the fit of glmmTMB: plogis(X b + s z) averaged over z by 60-point quadrature and over
    # animals, differences between periods, errors by the delta method with the full covariance of glmmTMB.
    found = part(effects(cbpp(), "sick ~ period", cluster="herd", method="mixed"), "marginal_effect")
    np.testing.assert_allclose(
        found["estimate"], [-0.119050273312, -0.129974552421, -0.158792550001], atol=5e-7
    )
    np.testing.assert_allclose(
        found["std_error"], [0.0356828875722, 0.0358859091492, 0.0370054018816], rtol=1e-5
    )


def test_the_marginal_effect_of_a_number_is_a_mean_slope() -> None:
    # The same with x = period - 1 + herd / 10: slope -0.551596777019, mean slope of the probability below.
    data = cbpp()
    data["x"] = data["period"].astype(float) - 1 + data["herd"].astype(float) / 10
    found = effects(data, "sick ~ x", cluster="herd", method="mixed")
    slope, mean = (part(found, each).iloc[-1] for each in ("coefficient", "marginal_effect"))
    assert slope["estimate"] == pytest.approx(-0.551596777019, abs=2e-6)
    assert slope["std_error"] == pytest.approx(0.119688128711, rel=1e-5)
    assert mean["estimate"] == pytest.approx(-0.0561821608185, abs=5e-7)
    assert mean["std_error"] == pytest.approx(0.0132692527896, rel=2e-5)


def test_without_a_spread_the_likelihood_is_that_of_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    X, cluster = rng.normal(size=(30, 2)), np.repeat(np.arange(6), 5)
    n, beta = np.full(30, 4.0), np.array([0.3, -0.7])
    events = rng.binomial(4, 0.4, 30).astype(float)
    eta = X @ beta
    expected = events @ eta - n @ np.logaddexp(0, eta)
    found = laplace_log_likelihood(X, events, n, cluster, np.append(beta, 0.0))
    assert found == pytest.approx(expected, abs=1e-10)


def test_clusters_that_do_not_differ_are_said_to() -> None:
    rows = [
        {"item": item, "arm": arm, "y": y, "count": count}
        for item in range(6)
        for arm in ("a", "b")
        for y, count in ((1, 5 if arm == "a" else 3), (0, 5 if arm == "a" else 7))
    ]
    found = effects(pd.DataFrame(rows), "y ~ arm", method="mixed")
    assert any("no more than by chance" in text for text in found.warnings)
    mean = part(found, "marginal_effect").iloc[0]
    assert mean["estimate"] == pytest.approx(-0.2, abs=1e-4)
    assert mean["std_error"] > 0
