"""Exact probabilities in place of draws: the same utilities, less noise."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.expected import expected_choices
from bartleby.analysis.choice.model import choice_model
from bartleby.errors import DataError

UTILITY = {"a": 0.0, "b": 0.7, "c": -1.1, "d": 0.2}
SLOT = 1.5


def table(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for first, second in permutations(UTILITY, 2):
        chance = 1 / (1 + np.exp(-(UTILITY[first] - UTILITY[second] + SLOT)))
        outcome = "chose_first" if rng.random() < chance else "chose_second"
        rows.append((first, second, outcome, chance, 1 - chance))
    rows.append(("a", "b", "unparsed", np.nan, np.nan))
    return pd.DataFrame(
        rows, columns=["first", "second", "outcome", "probability_first", "probability_second"]
    )


def test_probabilities_that_follow_the_model_give_its_utilities_exactly() -> None:
    fit = choice_model(expected_choices(table()), baseline="a").to_frame().set_index("term")["estimate"]
    assert fit["slot"] == pytest.approx(SLOT, abs=1e-6)
    assert {name: fit[name] for name in UTILITY} == pytest.approx(UTILITY, abs=1e-6)


def test_weights_are_kept_and_so_are_trials_without_a_choice() -> None:
    expected = expected_choices(table().assign(count=3))
    assert expected["count"].sum() == pytest.approx(3 * 13)
    assert expected.loc[expected["outcome"] == "unparsed", "count"].tolist() == [3]
    assert len(expected) == 2 * 12 + 1


def test_a_table_without_probabilities_is_refused() -> None:
    with pytest.raises(DataError, match="probability_first"):
        expected_choices(table().drop(columns="probability_first"))
    with pytest.raises(DataError, match="row 1:"):
        expected_choices(table().assign(probability_first=1.5))
