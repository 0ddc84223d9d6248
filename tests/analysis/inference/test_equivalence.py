"""Two one-sided tests."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bartleby.analysis.inference.equivalence import tost, tost_interval
from bartleby.analysis.rates.contrasts import independent_contrast
from bartleby.errors import SettingError


def test_tost_has_the_values_of_statsmodels() -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    values = np.array([0.1, -0.2, 0.3, 0.05, -0.1, 0.15, 0.0, 0.2])
    theirs = DescrStatsW(values).ttost_mean(-0.3, 0.25)
    error = values.std(ddof=1) / math.sqrt(len(values))
    ours = tost(float(values.mean()), float(error), (-0.3, 0.25), df=7)
    assert ours.p_value == pytest.approx(theirs[0], rel=1e-9)
    assert [ours.p_below, ours.p_above] == pytest.approx([theirs[1][1], theirs[2][1]])


def test_equivalence_means_that_the_interval_of_twice_alpha_lies_within_the_margins() -> None:
    for events in range(40, 61):
        contrast = independent_contrast(events, 100, 50, 100, "")
        low, high = contrast.interval(0.9)
        inside = low > -0.15 and high < 0.15
        assert (tost_interval(contrast.interval, 0.15).p_value < 0.05) == inside


def test_an_estimate_beyond_a_margin_has_a_p_value_above_a_half() -> None:
    contrast = independent_contrast(90, 100, 50, 100, "")
    assert tost_interval(contrast.interval, 0.1).p_value > 0.5
    assert tost(0.4, 0.1, 0.1).p_value > 0.5


def test_no_standard_error_means_no_p_value() -> None:
    assert math.isnan(tost(0.0, 0.0, 0.1).p_value)
    assert math.isnan(tost(0.0, math.nan, 0.1).p_value)
    assert math.isnan(tost_interval(lambda _: (math.nan, math.nan), 0.1).p_value)


@pytest.mark.parametrize("margin", [0, -0.1, (0.1, 0.2), math.inf])
def test_margins_that_do_not_hold_zero_are_refused(margin: float) -> None:
    with pytest.raises(SettingError, match="margin"):
        tost(0.0, 1.0, margin)
