"""Codes that go together."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.patterns.co_occurrence import co_occurrence
from bartleby.errors import DataError, SettingError


def table(*cells: int, clusters: int = 8) -> pd.DataFrame:
    """Return turns with so many of both codes, the first alone, the second alone, neither."""
    rng = np.random.default_rng(1)
    kinds = rng.permutation(np.repeat(np.arange(4), cells))
    return pd.DataFrame(
        {
            "conversation": [f"c{at % clusters}" for at in range(len(kinds))],
            "turn": [at // clusters + 1 for at in range(len(kinds))],
            "a": (kinds < 2).astype(int),
            "b": (kinds % 2 == 0).astype(int),
        }
    )


def quantity(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[frame["quantity"] == name].iloc[0]


def test_the_numbers_are_those_of_the_table_of_counts() -> None:
    found = co_occurrence(table(30, 10, 20, 40), ["a", "b"], cluster=False).frame
    assert quantity(found, "odds_ratio")["estimate"] == pytest.approx(30 * 40 / (10 * 20))
    assert quantity(found, "phi")["estimate"] == pytest.approx(1000 / math.sqrt(40 * 60 * 50 * 50))
    assert quantity(found, "kappa")["estimate"] == pytest.approx((0.7 - 0.5) / 0.5)
    assert found["both"].tolist() == [30] * 3
    for _, row in found.iterrows():
        assert row["low"] < row["estimate"] < row["high"]


def test_independent_codes_have_no_association() -> None:
    found = co_occurrence(table(40, 60, 80, 120, clusters=20), ["a", "b"], cluster=False).frame
    assert quantity(found, "odds_ratio")["p_value"] > 0.05


def test_every_pair_is_adjusted_for_all_pairs() -> None:
    turns = table(30, 10, 20, 40).assign(c=lambda data: data["a"], d=lambda data: 1 - data["b"])
    found = co_occurrence(turns, ["a", "b", "c", "d"], cluster=False).frame
    tested = found[found["quantity"] == "odds_ratio"]
    assert len(tested) == 6
    assert (tested["p_adjusted"] >= tested["p_value"]).all()


def test_a_code_that_always_goes_with_another_has_firths_fit() -> None:
    found = co_occurrence(table(30, 0, 20, 50), ["a", "b"], cluster=False)
    row = quantity(found.frame, "odds_ratio")
    assert "firth" in row["method"]
    assert row["low"] > 1


def test_codes_that_never_occur_are_undefined_and_said() -> None:
    found = co_occurrence(table(0, 0, 20, 50), ["a", "b"], cluster=False)
    assert found.frame["estimate"].isna().all()
    assert any("always or never there" in each for each in found.warnings)


def test_one_cluster_has_no_interval() -> None:
    found = co_occurrence(table(30, 10, 20, 40, clusters=1), ["a", "b"], cluster=False)
    assert found.frame["low"].isna().all()
    assert any("one cluster only" in each for each in found.warnings)


def test_turns_with_one_code_unknown_are_left_out_and_counted() -> None:
    turns = table(30, 10, 20, 40).astype({"a": "Int8"})
    turns.loc[:9, "a"] = pd.NA
    found = co_occurrence(turns, ["a", "b"], cluster=False)
    assert found.frame["n"].tolist() == [90] * 3
    assert found.accounting.left_out == 10


def test_one_code_or_a_missing_column_is_refused() -> None:
    with pytest.raises(SettingError, match="two columns or more"):
        co_occurrence(table(1, 1, 1, 1), ["a"])
    with pytest.raises(DataError, match="no column 'z'"):
        co_occurrence(table(1, 1, 1, 1), ["a", "z"])
