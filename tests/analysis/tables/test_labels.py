"""The order of labels and groups."""

from __future__ import annotations

import math

import pandas as pd

from bartleby.analysis.rates.differences import difference
from bartleby.analysis.tables.grouping import split_groups
from bartleby.analysis.tables.labels import natural_order


def test_grades_come_by_degree_numbers_by_size_and_words_by_the_alphabet() -> None:
    assert natural_order(["severe", "none", "mild"]) == ["none", "mild", "severe"]
    assert natural_order([10, 9.5, "b", "a"]) == [9.5, 10, "a", "b"]


def test_grades_among_other_words_are_words() -> None:
    assert natural_order(["severe", "none", "abuse"]) == ["abuse", "none", "severe"]


def test_what_is_missing_comes_last_and_takes_nothing_from_the_order_of_the_rest() -> None:
    assert natural_order([None, "severe", "none"]) == ["none", "severe", None]
    assert math.isnan(natural_order([math.nan, 2, 1])[-1])


def test_groups_come_in_the_order_of_each_of_their_columns() -> None:
    frame = pd.DataFrame({"harm": ["severe", "none", "mild", "none"], "turn": [1, 10, 9, 2]})
    keys = [tuple(key.values()) for key, _ in split_groups(frame, ["harm", "turn"])]
    assert keys == [("none", 2), ("none", 10), ("mild", 9), ("severe", 1)]


def test_the_reference_of_a_difference_is_the_lowest_grade() -> None:
    trials = pd.DataFrame(
        {
            "harm": ["mild", "none", "severe"] * 8,
            "item": range(24),
            "outcome": ["opted_out", "completed"] * 12,
        }
    )
    assert set(difference(trials, between="harm").frame["reference"]) == {"none"}
