"""Minimum detectable effects."""

from __future__ import annotations

import pytest

from bartleby.analysis.inference.power import minimum_detectable_effect
from bartleby.errors import SettingError


def test_a_published_minimum_detectable_effect_comes_out() -> None:
    # almostrealism/model-welfare: (1.96 + 0.8416) * 0.365 / sqrt(65)
    assert minimum_detectable_effect(65, std_dev=0.365) == pytest.approx(0.127, abs=5e-4)
    assert minimum_detectable_effect(65, std_dev=0.365) == pytest.approx(
        (1.959964 + 0.841621) * 0.365 / 65**0.5, rel=1e-6
    )


def test_repeats_add_nothing_where_answers_of_an_item_are_the_same() -> None:
    once = minimum_detectable_effect(40, rate=0.3)
    assert minimum_detectable_effect(40, rate=0.3, repeats=20, likeness=1) == pytest.approx(once)
    assert minimum_detectable_effect(40, rate=0.3, repeats=20) == pytest.approx(once / 20**0.5)


def test_two_arms_need_twice_the_items() -> None:
    assert minimum_detectable_effect(80, rate=0.3, arms=2) == pytest.approx(
        minimum_detectable_effect(40, rate=0.3)
    )


def test_all_settings_that_are_wrong_are_named_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        minimum_detectable_effect(0, std_dev=1, rate=2, power=1, arms=3)
    for word in ("n=0", "either std_dev or rate", "rate=2", "power=1", "arms=3"):
        assert word in str(caught.value)
