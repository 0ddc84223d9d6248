"""Last resort, and a user's request to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.exits.rules import follows_request, last_resort
from bartleby.errors import DataError


@pytest.fixture
def trials() -> pd.DataFrame:
    rows = [
        # item, outcome, turn, turns, redirections, user_asked_to_end
        ("a", "opted_out", 3, 3, 2, None),
        ("a", "opted_out", 1, 1, 0, None),
        ("a", "completed", None, 5, 4, None),
        ("b", "opted_out", 4, 4, 3, 4),
        ("b", "opted_out", 5, 5, 1, 4),
        ("b", "completed", None, 5, 0, 4),
        ("c", "opted_out", 2, 2, None, 4),
        ("c", "abandoned", None, 4, 1, 4),
        ("c", "abandoned", None, 2, 1, 4),
    ]
    names = ["item", "outcome", "turn", "turns", "redirections", "user_asked_to_end"]
    return pd.DataFrame(rows, columns=names)


def test_redirections_are_counted_before_exits_alone(trials: pd.DataFrame) -> None:
    found = last_resort(trials)
    rows = found.frame[found.frame["quantity"] == "at_least"]
    assert rows["redirections"].tolist() == [1, 2, 3]
    assert rows["estimate"].tolist() == pytest.approx([3 / 4, 2 / 4, 1 / 4])
    mean = found.frame[found.frame["quantity"] == "mean"].iloc[0]
    assert mean["estimate"] == pytest.approx(6 / 4)
    assert mean["low"] >= 0
    assert any("empty in 1 exits" in text for text in found.warnings)


def test_a_request_is_followed_at_once_or_later(trials: pd.DataFrame) -> None:
    found = follows_request(trials)
    rows: Any = found.frame.set_index("quantity")
    # Four conversations reached the request: one left at once, one later, one stayed, one was abandoned.
    assert rows.loc["left_at_once", ["estimate", "n"]].tolist() == [1 / 4, 4]
    assert rows.loc["left_after", ["estimate", "n"]].tolist() == pytest.approx([2 / 3, 3])
    assert rows.loc["left_without_request", ["estimate", "n"]].tolist() == pytest.approx([2 / 3, 3])
    assert any("2 trials ended before the user's request" in text for text in found.warnings)


def test_only_what_enters_an_estimate_is_counted_as_used(trials: pd.DataFrame) -> None:
    resort = last_resort(trials).accounting
    assert (resort.used, resort.total) == (4, 9)
    assert resort.counts["redirections empty"] == 1
    request = follows_request(trials).accounting
    # Three without a request, and four that reached it; of the others one left before, one was abandoned.
    assert (request.used, request.total) == (7, 9)
    assert request.counts["ended before the request"] == 1


def test_a_mean_of_zeros_and_ones_has_the_interval_of_a_rate(trials: pd.DataFrame) -> None:
    table = trials.assign(redirections=[0, 1, 0, 1, 0, 0, 1, 0, 0], outcome="opted_out")
    rows: Any = last_resort(table).frame.set_index("quantity")
    assert rows.loc["mean", "estimate"] == rows.loc["at_least", "estimate"]
    # It could be as many as the 5 turns offered, so it is not the interval of a share.
    assert rows.loc["mean", "low"] < rows.loc["mean", "estimate"] < rows.loc["mean", "high"] < 5
    counted: Any = last_resort(table.drop(columns="turns")).frame.set_index("quantity")
    assert counted.loc["mean", "high"] < 2


def test_leaving_without_any_redirection_is_not_known_to_be_the_rule(trials: pd.DataFrame) -> None:
    rows: Any = last_resort(trials.assign(redirections=0)).frame.set_index("quantity")
    assert rows.loc["mean", ["estimate", "low"]].tolist() == [0, 0]
    # Three scenarios may well hold none of 2.9957 / 5.9957 of all, each with up to 5 turns of redirections.
    assert rows.loc["mean", "high"] > 5 * 2.9957 / 5.9957


def test_nobody_leaving_or_asking_is_told(trials: pd.DataFrame) -> None:
    stayed = trials.assign(outcome="completed", turn=None)
    found = last_resort(stayed)
    assert found.frame.empty
    assert any("no exit" in text for text in found.warnings)
    unasked = follows_request(trials.assign(user_asked_to_end=None))
    rows: Any = unasked.frame.set_index("quantity")
    assert np.isnan(rows.loc["left_at_once", "estimate"])
    assert any("no conversation in which the user asked" in text for text in unasked.warnings)


def test_models_have_rows_of_their_own(trials: pd.DataFrame) -> None:
    found = last_resort(trials.assign(model=["x", "y", "y"] * 3), cluster=False)
    assert set(found.frame["model"]) == {"x", "y"}


def test_bad_numbers_and_missing_columns_are_named(trials: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="must be a number of turns"):
        last_resort(trials.assign(redirections=-1))
    with pytest.raises(DataError, match="no column 'redirections'"):
        last_resort(trials.drop(columns="redirections"))
    with pytest.raises(DataError, match="asked: no column"):
        follows_request(trials.drop(columns="user_asked_to_end"))
