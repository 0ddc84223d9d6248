"""What may take minutes is announced before it begins, with what to choose instead."""

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


def test_slow_shares_and_bootstraps_are_announced_too_at_the_line_that_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = table()
    rows["kind_first"], rows["kind_second"] = (
        np.where(rows[side] < "3", "low", "high") for side in ("first", "second")
    )
    fit = choice_model(rows, baseline="0")
    monkeypatch.setattr(choice_warnings, "_SLOW", 0.0)
    with pytest.warns(
        UserWarning, match=r"shares of 5 items may take minutes; fewer draws \(draws=\)"
    ) as caught:
        fit.share_below(draws=50)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="shares of 5 items may take minutes"):
        fit.compare_shares("kind", draws=50)
    with pytest.warns(UserWarning, match=r"20 bootstrap replicates of 5 items may take minutes") as caught:
        fit.bootstrap(replicates=20)
    assert caught[0].filename == __file__
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        fit.share_below(draws=50)  # its draws are there already


def test_shares_and_bootstraps_of_some_hundred_items_are_quick_and_of_many_are_not() -> None:
    few, many = (choice_model(wide(items), intervals="none").groups[0].data for items in (40, 600))
    options = choice_model(table()).options
    assert choice_warnings.slow_shares([few], options, None, 1) is None
    assert choice_warnings.slow_shares([many], options, 64_000, 1) is not None
    assert choice_warnings.slow_bootstrap([(few, True), (few, False)], 1000) is None
    assert choice_warnings.slow_bootstrap([(many, False)], 1000) is None
    assert choice_warnings.slow_bootstrap([(many, True)], 1000) is not None


def wide(items: int) -> pd.DataFrame:
    """Return choices of neighbours on a circle, each won once from either side."""
    first = np.arange(items).astype(str)
    second = np.roll(first, 1)
    pairs = [(first, second, "chose_first"), (first, second, "chose_second")]
    pairs += [(second, first, "chose_first"), (second, first, "chose_second")]
    return pd.concat(
        [pd.DataFrame({"first": one, "second": other, "outcome": outcome}) for one, other, outcome in pairs]
    )
