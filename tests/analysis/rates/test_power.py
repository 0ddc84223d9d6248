"""Minimum detectable effects: a published value, exact power of t, and power by simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from bartleby.analysis.inference.means import skewed_intervals
from bartleby.analysis.rates.contrasts import clustered_contrast
from bartleby.analysis.rates.power import minimum_detectable_effect
from bartleby.errors import SettingError


def test_a_published_minimum_detectable_effect_comes_out_of_the_normal_test() -> None:
    # almostrealism/model-welfare: (1.96 + 0.8416) * 0.365 / sqrt(65)
    found = minimum_detectable_effect(65, std_dev=0.365, test="normal")
    assert found == pytest.approx((1.959964 + 0.841621) * 0.365 / 65**0.5, rel=1e-6)
    assert found == pytest.approx(0.127, abs=5e-4)


@pytest.mark.parametrize("units", [5, 12, 65])
def test_the_power_of_t_is_that_of_statsmodels(units: int) -> None:
    one = minimum_detectable_effect(units, std_dev=2.0, test="t")
    assert one / 2 == pytest.approx(TTestPower().solve_power(nobs=units, alpha=0.05, power=0.8), rel=1e-4)
    two = minimum_detectable_effect((units, 2 * units), std_dev=1.0, arms=2, test="t")
    # statsmodels pools variances: the same with equal arms alone, and never far.
    pooled = TTestIndPower().solve_power(nobs1=units, alpha=0.05, power=0.8, ratio=2)
    assert two == pytest.approx(pooled, rel=0.12)
    equal = minimum_detectable_effect(units, std_dev=1.0, arms=2, test="t")
    assert equal == pytest.approx(TTestIndPower().solve_power(nobs1=units, alpha=0.05, power=0.8), rel=1e-4)


def test_few_units_need_a_larger_effect_than_the_normal_test_promises() -> None:
    sizes = [
        minimum_detectable_effect(8, std_dev=1, test=test, draws=2000) for test in ("normal", "t", "auto")
    ]
    assert sizes == sorted(sizes)


def test_the_second_arm_has_the_variance_of_its_own_rate() -> None:
    effect = minimum_detectable_effect(200, rate=0.05, arms=2, test="normal")
    changed = 0.05 + effect
    error = ((0.05 * 0.95 + changed * (1 - changed)) / 200) ** 0.5
    assert effect == pytest.approx((1.959964 + 0.841621) * error, rel=1e-6)


def test_repeats_add_nothing_where_answers_of_an_item_are_the_same() -> None:
    once = minimum_detectable_effect(40, rate=0.3, test="t")
    assert minimum_detectable_effect(40, rate=0.3, repeats=20, likeness=1, test="t") == pytest.approx(once)
    assert minimum_detectable_effect(40, rate=0.3, repeats=20, test="t") < once / 3


def test_pairs_need_fewer_units_than_arms_of_their_own() -> None:
    plan = {"rate": 0.3, "repeats": 10, "likeness": 0.4, "test": "t"}
    assert minimum_detectable_effect(20, paired=True, **plan) < minimum_detectable_effect(20, arms=2, **plan)  # type: ignore[arg-type]


def test_an_effect_that_cannot_be_found_is_nan_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="no possible difference"):
        assert np.isnan(minimum_detectable_effect(5, rate=0.02, arms=2, direction="decrease", draws=500))


def test_the_power_of_the_default_test_is_what_was_wanted() -> None:
    """The data sets are drawn anew, and tested as `difference` tests them."""
    items, repeats, rate, likeness = 12, 5, 0.2, 0.2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        effect = minimum_detectable_effect(
            items, rate=rate, repeats=repeats, likeness=likeness, arms=2, draws=4000
        )
    rng, precision, replications = np.random.default_rng(11), 1 / likeness - 1, 300
    rejected = 0
    for _ in range(replications):
        arms = []
        for number, mean in enumerate((rate + effect, rate)):
            chance = rng.beta(mean * precision, (1 - mean) * precision, items)
            events = rng.binomial(repeats, chance).astype(float)
            names = np.arange(items) + number * items
            arms.append(
                pd.DataFrame(
                    {"cluster": names, "events": events, "n": float(repeats), "trials": float(repeats)}
                )
            )
        interval = clustered_contrast(arms[0], arms[1], stratified=False, paired=False).interval_of("auto")[0]
        low, high = interval(0.95)
        rejected += low > 0 or high < 0
    # Three standard errors of 300 replications.
    assert rejected / replications == pytest.approx(0.8, abs=0.07)


def test_many_intervals_at_once_are_those_of_a_contrast() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.binomial(10, 0.3, 9) / 10, rng.binomial(10, 0.1, 14) / 10
    frames = [
        pd.DataFrame({"cluster": names, "events": rates, "n": 1.0, "trials": 10.0})
        for names, rates in ((np.arange(9), one), (np.arange(14) + 9, two))
    ]
    contrast = clustered_contrast(frames[0], frames[1], stratified=False, paired=False)
    parts = [(rates - rates.mean()) / (len(rates) * (len(rates) - 1)) ** 0.5 for rates in (one, two)]
    low, high = skewed_intervals(
        np.array([one.mean() - two.mean()]),
        np.concatenate([parts[0], -parts[1]])[None, :],
        np.repeat([9.0, 14.0], [9, 14]),
        df=contrast.df,
        level=0.95,
    )
    assert contrast.skewed_interval(0.95) == pytest.approx((low[0], high[0]), abs=1e-5)


def test_all_settings_that_are_wrong_are_named_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        minimum_detectable_effect(0, std_dev=1, rate=2, power=1, arms=3, likeness=0.1, correlation=0.5)
    for word in ("n=0", "either std_dev or rate", "rate=2", "power=1", "arms=3", "correlation=0.5"):
        assert word in str(caught.value)
