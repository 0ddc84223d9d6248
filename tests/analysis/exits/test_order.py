"""The effect of the order, model by model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.exits.order import order_effect
from bartleby.analysis.rates.differences import difference
from bartleby.errors import DataError, SettingError


def table(rates: dict[tuple[str, str], list[int]], n: int = 10) -> pd.DataFrame:
    """Return trials with exits of each item by model and order."""
    return pd.DataFrame(
        [
            {
                "model": model,
                "order": order,
                "item": f"item {at}",
                "outcome": "opted_out" if number < count else "completed",
            }
            for (model, order), counts in rates.items()
            for at, count in enumerate(counts)
            for number in range(n)
        ]
    )


@pytest.fixture
def opposite() -> pd.DataFrame:
    return table(
        {
            ("claude", "leave_first"): [3, 4, 2, 3, 3, 4],
            ("claude", "stay_first"): [8, 9, 8, 7, 9, 8],
            ("qwen", "leave_first"): [4, 5, 5, 4, 3, 4],
            ("qwen", "stay_first"): [0, 1, 0, 1, 0, 0],
        }
    )


def test_each_model_has_its_effect_and_the_two_are_compared(opposite: pd.DataFrame) -> None:
    found = order_effect(opposite)
    effects = found.frame[found.frame["quantity"] == "order_effect"].set_index("model")
    assert effects.loc["claude", "estimate"] == pytest.approx(19 / 60 - 49 / 60)
    assert effects.loc["qwen", "estimate"] == pytest.approx(25 / 60 - 2 / 60)
    assert (effects["reference"] == "stay_first").all()
    between = found.frame[found.frame["quantity"] == "order_interaction"].iloc[0]
    assert between["estimate"] == pytest.approx(23 / 60 + 30 / 60)
    assert between["p_value"] < 0.001
    assert any("one way for qwen and the other way for claude" in text for text in found.warnings)


def test_pooling_over_models_is_refused(opposite: pd.DataFrame) -> None:
    with pytest.raises(SettingError, match=r"pools 2 models.*direction"):
        order_effect(opposite, by=None)
    with pytest.raises(SettingError, match="must include 'model'"):
        order_effect(opposite, by="item")
    one = opposite[opposite["model"] == "qwen"]
    assert len(order_effect(one, by=None).frame) == 1


def test_effects_are_those_of_difference(opposite: pd.DataFrame) -> None:
    found = order_effect(opposite).frame.iloc[0]
    direct = difference(opposite, between="order", reference="stay_first").frame.iloc[0]
    for name in ("estimate", "low", "high", "p_value", "p_adjusted"):
        assert found[name] == direct[name]


def test_shared_items_make_interactions_sharper(opposite: pd.DataFrame) -> None:
    apart = opposite.assign(item=opposite["model"] + opposite["item"])
    both = [order_effect(each).frame.iloc[-1] for each in (opposite, apart)]
    assert both[0]["n_clusters"] == 6
    assert both[1]["n_clusters"] == 12
    assert both[0]["std_error"] != both[1]["std_error"]


def test_independent_rows_give_the_textbook_interaction(opposite: pd.DataFrame) -> None:
    frame: Any = order_effect(opposite, cluster=False).frame
    row, effects = frame.iloc[-1], frame.iloc[:-1].set_index("model")
    rates = np.array([19, 49, 25, 2]) / 60
    assert row["std_error"] == pytest.approx(np.sqrt(np.sum(rates * (1 - rates) / 60)))
    # Square-and-add of the two effects' own intervals.
    one, other = (effects.loc[name] for name in ("qwen", "claude"))
    below = np.hypot(one["estimate"] - one["low"], other["high"] - other["estimate"])
    above = np.hypot(one["high"] - one["estimate"], other["estimate"] - other["low"])
    assert row["low"] == pytest.approx(row["estimate"] - below)
    assert row["high"] == pytest.approx(min(row["estimate"] + above, 2.0))


def test_a_table_without_models_or_order_is_said() -> None:
    trials = table({("m", "leave_first"): [1, 2, 3], ("m", "stay_first"): [2, 2, 2]}).drop(columns="model")
    assert len(order_effect(trials).frame) == 1
    with pytest.raises(DataError, match="no column 'order'"):
        order_effect(trials.drop(columns="order"))
    with pytest.raises(DataError, match="one value"):
        order_effect(trials[trials["order"] == "stay_first"])


def test_a_model_in_which_nothing_happens_has_an_interaction_that_could_be_either_way() -> None:
    trials = table(
        {
            ("a", "leave_first"): [0, 0, 0],
            ("a", "stay_first"): [0, 0, 0],
            ("b", "leave_first"): [0, 0, 0],
            ("b", "stay_first"): [0, 0, 0],
        }
    )
    row = order_effect(trials).frame.iloc[-1]
    assert row["quantity"] == "order_interaction"
    assert row["low"] < 0 < row["high"]
