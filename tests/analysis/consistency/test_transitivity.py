from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.consistency.transitivity import transitivity
from bartleby.errors import SettingError
from tests.analysis.repeat_tables import by_term, cycle, ladder, repeated, same, tournament


def rows(trials: pd.DataFrame, **settings: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    return by_term(transitivity(trials, draws=100, **settings))


def test_a_ladder_is_transitive_and_its_interval_has_a_width() -> None:
    found = rows(ladder(8))
    assert found["cyclic_share"]["estimate"] == 0
    assert found["zeta"]["estimate"] == found["consistency"]["estimate"] == 1
    assert found["cyclic_share"]["high"] > 0.01
    assert found["by_chance"]["p_value"] < 0.05


def test_the_most_circular_tournament_has_zeta_zero() -> None:
    found = rows(cycle(9))
    assert found["zeta"]["estimate"] == pytest.approx(0)
    assert found["cyclic_share"]["estimate"] == pytest.approx(30 / 84)
    # As the ladder's, no choice model foretells it: items are level and every answer is the same.
    assert found["by_model"]["p_value"] <= 0.2


def test_coins_have_a_quarter_of_circles() -> None:
    found = rows(repeated(1, n_items=12, answers=1, spread=0.0))
    assert found["by_chance"]["estimate"] == pytest.approx(0.25, abs=0.01)
    assert found["cyclic_share"]["low"] < 0.25 < found["cyclic_share"]["high"]


def test_circles_among_strong_preferences_are_more_than_the_model_gives() -> None:
    table = pd.concat([ladder(9, 20).replace("item", "step", regex=True), cycle(7)])

    found = rows(table)
    assert found["by_model"]["p_value"] < 0.05


def test_exactly_these_items_are_known_better_than_items_like_these() -> None:
    table = repeated(2, n_items=12, answers=20)
    new, these = rows(table), rows(table, estimand="these_items")
    width = [each["cyclic_share"]["high"] - each["cyclic_share"]["low"] for each in (new, these)]
    assert width[1] < width[0]


def test_intervals_nest_with_the_level() -> None:
    table = repeated(3, n_items=10)
    wide, narrow = rows(table, level=0.99), rows(table, level=0.5)
    assert wide["zeta"]["low"] < narrow["zeta"]["low"]
    assert narrow["zeta"]["high"] < wide["zeta"]["high"]


def test_an_incomplete_design_has_no_zeta_and_says_so() -> None:
    table = repeated(4, n_items=9)
    gone = (table["first"] == "item 0") & (table["second"] == "item 1")
    gone |= (table["first"] == "item 1") & (table["second"] == "item 0")
    found = transitivity(table[~gone], draws=100)
    frame = by_term(found)
    assert np.isnan(frame["zeta"]["estimate"])
    assert all(np.isfinite(frame["consistency"][name]) for name in ("estimate", "low", "high"))
    assert any("35 of 36" in note for note in found.warnings)


def test_no_triad_is_undefined_and_said() -> None:
    found = transitivity(tournament({("a", "b"): 1, ("b", "c"): 1}), draws=100)
    assert found.to_frame()["estimate"].isna().all()
    assert any("no three items" in note for note in found.warnings)


def test_one_triad_has_a_share_and_no_interval() -> None:
    found = rows(cycle(3))
    assert found["cyclic_share"]["estimate"] == 1
    assert np.isnan(found["cyclic_share"]["low"])


def test_no_choice_at_all_is_undefined() -> None:
    table = pd.DataFrame({"first": ["a"], "second": ["b"], "outcome": ["error"]})
    found = transitivity(table, draws=100)
    assert found.to_frame()["estimate"].isna().all()
    assert found.accounting.used == 0
    assert found.warnings


def test_level_pairs_and_indifference_are_told() -> None:
    table = pd.DataFrame(
        [("a", "b", "indifferent"), ("b", "c", "chose_first"), ("c", "a", "chose_first")],
        columns=["first", "second", "outcome"],
    )
    found = transitivity(table, draws=100)
    assert by_term(found)["cyclic_share"]["estimate"] == pytest.approx(0.5)
    assert any("1 of 3 pairs are level" in note for note in found.warnings)
    assert found.accounting.counted_as["indifferent"] == "half a choice of each item"


def test_the_same_seed_gives_the_same_answer_and_row_order_does_not_matter() -> None:
    table = repeated(5)
    mixed = table.sample(frac=1, random_state=0)
    assert same(rows(table), rows(mixed))


def test_models_are_estimated_apart() -> None:
    table = pd.concat([ladder(8).assign(model="ä"), cycle(9).assign(model="b")])
    found = transitivity(table, draws=100).to_frame()
    zeta = found[found["term"] == "zeta"].set_index("model")["estimate"].to_dict()
    assert zeta == pytest.approx({"ä": 1, "b": 0})


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="draws"):
        transitivity(ladder(4), draws=1)
    with pytest.raises(SettingError, match="level"):
        transitivity(ladder(4), level=1.0)


@pytest.mark.slow
def test_the_interval_covers_the_share_among_items_like_these() -> None:
    truth = np.mean(
        [rows(repeated(seed, n_items=20, answers=2))["cyclic_share"]["estimate"] for seed in range(400)]
    )
    found = [rows(repeated(1000 + seed, n_items=20, answers=2))["cyclic_share"] for seed in range(300)]
    covered = np.mean([row["low"] <= truth <= row["high"] for row in found])
    assert 0.91 <= covered <= 0.98
