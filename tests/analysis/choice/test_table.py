"""Reading a table of choices: what is refused, and how labels of any kind become the same text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bartleby.analysis.choice.table import read_choices
from bartleby.errors import DataError


def table(first: Any, second: Any, outcome: Any = "chose_first", **more: Any) -> pd.DataFrame:  # noqa: ANN401
    return pd.DataFrame({"first": first, "second": second, "outcome": outcome, **more})


def test_labels_are_categories_in_alphabetical_order_and_shared_by_both_sides() -> None:
    cells = read_choices(table(["é", "b", "a"], ["10", "9", "b"])).cells
    assert list(cells["first"].cat.categories) == ["10", "9", "a", "b", "é"]
    assert cells["first"].dtype == cells["second"].dtype
    assert list(cells["outcome"].cat.categories) == ["chose_first"]


@pytest.mark.parametrize("kind", ["int", "object", "category", "string", "polars"])
def test_labels_of_any_type_are_counted_as_their_text(kind: str) -> None:
    rows = table([1, 2, 1, 3], [2, 1, 3, 1], ["chose_first", "chose_second", "indifferent", "refused"])
    plain = read_choices(rows.astype({"first": str, "second": str})).cells
    frames: dict[str, object] = {
        "int": rows,
        "object": rows.astype(object),
        "category": rows.astype("category"),
        "string": rows.astype({"first": str}),
        "polars": pl.from_pandas(rows),
    }
    found = read_choices(frames[kind]).cells
    columns = ["first", "second", "outcome"]
    assert found[columns].astype(str).sort_values(columns).to_numpy().tolist() == (
        plain[columns].astype(str).sort_values(columns).to_numpy().tolist()
    )


def test_two_labels_with_one_text_are_one_item() -> None:
    cells = read_choices(table(pd.Series([1, "1", "a"], dtype=object), ["a", "a", "1"])).cells
    assert list(cells["first"].cat.categories) == ["1", "a"]
    with pytest.raises(DataError, match="compared with itself"):
        read_choices(table(pd.Series([1, 2], dtype=object), pd.Series(["1", "b"], dtype=object)))


def test_everything_that_is_wrong_with_labels_is_told_at_once() -> None:
    rows = table(
        ["a", " ", "c", None, "e"],
        ["b", "b", "c", "b", "b"],
        ["chose_first", "chose_first", "chose_first", "", "won"],
    )
    with pytest.raises(DataError) as caught:
        read_choices(rows)
    text = str(caught.value)
    assert "column 'first': empty in 2 rows" in text
    assert "column 'outcome': empty in 1 row" in text
    assert "row 5, column 'outcome': 'won' (in 1 row) is no outcome" in text
    assert "row 3, columns 'first' and 'second': item 'c' is compared with itself" in text


@pytest.mark.parametrize("as_category", [False, True])
def test_items_of_weight_zero_and_categories_without_a_row_are_no_items(as_category: bool) -> None:
    rows = table(["a", "b", "z"], ["b", "a", "a"], count=[2, 1, 0])
    if as_category:
        rows["first"] = pd.Categorical(rows["first"], categories=["z", "", "b", "a", "nobody"])
    cells = read_choices(rows).cells
    assert list(cells["first"].cat.categories) == ["a", "b"]
    assert cells["count"].sum() == 3


def test_a_table_of_weight_zero_or_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="weight 0"):
        read_choices(table(["a"], ["b"], count=[0]))
    with pytest.raises(DataError, match="no rows"):
        read_choices(table([], [], np.array([], dtype=object)))


def test_groups_have_their_own_cells() -> None:
    rows = table(["a", "b", "c"], ["b", "a", "a"], model=["m", "m", "n"])
    parts = read_choices(rows).split()
    assert [key for key, _ in parts] == [{"model": "m"}, {"model": "n"}]
    assert [part["count"].sum() for _, part in parts] == [2, 1]
