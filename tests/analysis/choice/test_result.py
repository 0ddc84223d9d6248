from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.model import ChoiceFit, choice_model
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.share_classes import ShareSettings
from bartleby.analysis.choice.share_estimates import shares_below
from bartleby.errors import SettingError
from tests.analysis.choice_tables import simulated


def with_a_loser(seed: int, item: str) -> pd.DataFrame:
    """Return choices in which one item always loses, a few of them refused, with an impact by item."""
    rows, _ = simulated(seed, n_items=5)
    to_other = np.where(rows["second"] == item, "chose_first", rows["outcome"])
    outcome = np.where(rows["first"] == item, "chose_second", to_other)
    outcome[:3] = "refused"
    impact = {f"item {at:02d}": ("harmful", "positive")[at % 2] for at in range(5)}
    sides = {f"impact_{side}": rows[side].map(impact) for side in ("first", "second")}
    return rows.assign(outcome=outcome, **sides)


@pytest.fixture(scope="module")
def fit() -> ChoiceFit:
    return choice_model(with_a_loser(5, "item 02"), baseline="item 00")


def test_separated_items_are_named_for_each_model_and_for_all(fit: ChoiceFit) -> None:
    assert fit.separated() == {"item 02"}
    both = [with_a_loser(5, "item 02").assign(model="m1"), with_a_loser(5, "item 03").assign(model="m2")]
    two = choice_model(pd.concat(both))
    assert two.separated("m1") == {"item 02"}
    assert two.separated("m2") == {"item 03"}
    assert two.separated() == {"item 02", "item 03"}
    assert two.separated("m3") == set()


def test_the_figure_marks_separated_items(fit: ChoiceFit) -> None:
    told = [text.get_text() for text in fit.plot().axes[0].get_yticklabels()]
    assert [each for each in told if each.endswith(" *")] == ["item 02 *"]


def test_several_models_share_one_figure_and_can_be_chosen() -> None:
    rows = with_a_loser(5, "item 02")
    two = choice_model(pd.concat([rows.assign(model="m1"), rows.assign(model="m2")]), baseline="item 00")
    figure = two.plot(labels={"m1": "First model"})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["First model", "m2"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(names) == len(set(names))
    alone = two.plot(models=["m2"])
    assert not alone.legends
    assert "Model: m2." in alone.notes
    with pytest.raises(SettingError, match=r"models: 'm3'; models in the table: 'm1', 'm2'"):
        two.plot(models=["m3"])


def test_shares_without_bounds_are_the_same_shares(fit: ChoiceFit) -> None:
    settings = ShareSettings.of(fit.options, draws=50)
    bounded, plain = (shares_below(fit, ("impact",), settings, bounds=each) for each in (True, False))
    ends = ["bound_low", "bound_high"]
    pd.testing.assert_frame_equal(bounded.frame.drop(columns=ends), plain.frame)
    assert not set(ends) & set(plain.frame)
    assert "share_below (impact=harmful)" in bounded.accounting.bounds
    assert "share_below (impact=harmful)" not in plain.accounting.bounds


def test_settings_are_replaced_only_where_others_are_given() -> None:
    asked = ChoiceOptions(seed=3, level=0.8)
    assert asked.but() == asked
    assert asked.but(seed=0) == ChoiceOptions(seed=0, level=0.8)
