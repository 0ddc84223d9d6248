"""A fit that may take minutes is announced before it begins, with what to choose instead."""

from __future__ import annotations

import warnings as python_warnings

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice import warnings as choice_warnings
from bartleby.analysis.choice.model import choice_model


def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 5, 200)
    second = (first + rng.integers(1, 5, 200)) % 5
    outcome = np.where(rng.random(200) < 0.5, "chose_first", "chose_second")
    return pd.DataFrame({"first": first.astype(str), "second": second.astype(str), "outcome": outcome})


def test_a_quick_fit_is_not_announced() -> None:
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        choice_model(table())


def test_a_slow_fit_is_announced_with_what_to_choose_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice_warnings, "_SLOW", 0.0)
    with pytest.warns(UserWarning, match="intervals of 5 items may take minutes; intervals='none'"):
        choice_model(table())
    with pytest.warns(UserWarning, match="intervals='wald' takes the usual intervals"):
        choice_model(table(), bias_reduced=True, intervals="profile")
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        choice_model(table(), intervals="none")


def test_a_fit_is_slow_from_some_thousand_items_or_some_hundred_with_profiles_of_all() -> None:
    items, clusters, profiles = (
        choice_warnings._OF_ITEMS, choice_warnings._OF_CLUSTERS, choice_warnings._OF_PROFILES
    )  # fmt: skip
    slow = choice_warnings._SLOW
    assert items * 3_600**3 > slow > items * 1_500**3 + clusters * 1_500 * 50_000
    assert profiles * 320**4 > slow > profiles * 160**4
