from __future__ import annotations

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.tables.counts import as_frame, count_rows, distinct_rows, first_row
from tests.analysis.choice_tables import simulated


def table(seed: int = 0, rows: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": np.array(["x", "y", "ü", None], dtype=object)[rng.integers(0, 4, rows)],
            "b": rng.integers(0, 4, rows),
            "count": rng.integers(1, 4, rows).astype(float),
        }
    )


def sorted_counts(frame: object, weight: str | None) -> list[tuple[object, ...]]:
    counted = count_rows(as_frame(frame), ["a", "b"], weight)
    rows = counted.astype(object).where(counted.notna(), None).itertuples(index=False, name=None)
    return sorted(((str(a), int(b), float(n)) for a, b, n in rows))


@pytest.mark.parametrize("weight", [None, "count"])
@pytest.mark.parametrize("kind", ["categorical", "polars", "lazy", "arrow"])
def test_every_engine_gives_the_same_counts(kind: str, weight: str | None) -> None:
    data = table()
    frames: dict[str, object] = {
        "categorical": data.assign(a=data["a"].astype("category")),
        "polars": pl.from_pandas(data),
        "lazy": pl.from_pandas(data).lazy(),
        "arrow": pl.from_pandas(data).to_arrow(),
    }
    assert sorted_counts(frames[kind], weight) == sorted_counts(data, weight)


def test_counts_add_up_to_the_rows_and_keep_missing_labels_apart() -> None:
    counted = count_rows(as_frame(table()), ["a"])
    assert counted["count"].sum() == 500
    assert counted["a"].isna().sum() == 1


def test_many_combinations_are_counted_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    few = sorted_counts(table(), "count")
    monkeypatch.setattr("bartleby.analysis.tables.counts._TABLE_CELLS", 3)
    assert sorted_counts(table(), "count") == few


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-3, 5, 0], dtype=np.int8),
        np.array([250, 3, 255], dtype=np.uint8),
        np.array([2**64 - 1, 0, 7], dtype=np.uint64),
        np.array([10**15, -(10**15), 4]),
        np.array([70_000, 1, 2]),
        np.array([True, False, True]),
        np.array([0.5, -2.0, 1e300]),
    ],
    ids=lambda labels: f"{labels.dtype} {labels[0]}",
)
@pytest.mark.parametrize("piece", [2, 7, 1 << 18], ids="rows a piece: {}".format)
def test_whole_numbers_and_others_are_counted_as_words_are(
    labels: npt.NDArray[np.generic], piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.analysis.tables.counts._PIECE", piece)
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"a": labels[rng.integers(0, 3, 200)], "count": rng.integers(1, 4, 200)})
    for weight in (None, "count"):
        numbers, words = (
            count_rows(as_frame(frame), ["a"], weight) for frame in (data, data.astype({"a": str}))
        )
        found = {str(label): count for label, count in zip(numbers["a"], numbers["count"], strict=True)}
        assert found == dict(zip(words["a"], words["count"], strict=True))


@pytest.mark.parametrize("kind", ["pandas", "categorical", "polars"])
@pytest.mark.parametrize("cells", [3, 4_000_000])
def test_labels_left_as_categories_are_the_labels(
    kind: str, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.analysis.tables.counts._TABLE_CELLS", cells)
    data = table()
    frames = {
        "pandas": data,
        "categorical": data.assign(a=pd.Categorical(data["a"], categories=["none of them", "ü", "y", "x"])),
        "polars": pl.from_pandas(data),
    }
    plain = count_rows(as_frame(data), ["a", "b"])
    coded = count_rows(as_frame(frames[kind]), ["a", "b"], coded=["a", "b"])
    assert isinstance(coded["a"].dtype, pd.CategoricalDtype)
    assert isinstance(coded["b"].dtype, pd.CategoricalDtype)
    found, expected = (
        each.astype(object).fillna("missing").sort_values(["a", "b"]).reset_index(drop=True)
        for each in (coded, plain)
    )
    assert found.astype(str).equals(expected.astype(str))


def test_whole_numbers_with_gaps_take_no_more_room_than_there_are_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bartleby.analysis.tables.counts._TABLE_CELLS", 30)
    monkeypatch.setattr("bartleby.analysis.tables.counts._count_grouped", None)
    data = pd.DataFrame({"a": [0, 40, 0, 7] * 20, "b": [3, 60, 60, 9] * 20})
    assert sorted_counts(data, None) == [("0", 3, 20), ("0", 60, 20), ("40", 60, 20), ("7", 9, 20)]


def test_a_column_called_count_can_itself_be_told_apart() -> None:
    found = distinct_rows(as_frame(table()), ["count"])
    assert sorted(found["count"]) == [1, 2, 3]


def test_the_first_row_is_numbered_from_one_and_unknown_if_lazy() -> None:
    data = pd.DataFrame({"a": [1, 2, 3]})
    assert first_row(as_frame(data), nw.col("a") == 2) == 2
    assert first_row(as_frame(data), nw.col("a") == 9) is None
    assert first_row(as_frame(pl.from_pandas(data).lazy()), nw.col("a") == 2) is None


def test_pandas_and_polars_give_the_same_fit() -> None:
    rows, _ = simulated(1, n_items=4)
    pd.testing.assert_frame_equal(
        choice_model(rows).to_frame(), choice_model(pl.from_pandas(rows).lazy()).to_frame()
    )


def test_columns_of_true_and_false_are_counted_beside_columns_of_many_labels() -> None:
    rows = 3000
    table = pd.DataFrame({"trial": [f"t{n}" for n in range(rows)], "turn": range(rows)})
    table = table.assign(left=table["turn"] % 3 == 0, stayed=True)
    counted = count_rows(as_frame(table), ["trial", "turn", "left", "stayed"]).sort_values("turn")
    assert counted["left"].tolist() == table["left"].tolist()
    assert counted["stayed"].all()
    assert counted["count"].eq(1).all()
