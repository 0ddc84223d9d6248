"""The same trials in any engine give the same counts and the same estimates."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pytest

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.tables.counts import as_frame, count_rows
from bartleby.errors import DataError

ENGINES = ("polars", "polars-lazy", "pyarrow", "duckdb", "pyspark")


def trials(seed: int = 1) -> pd.DataFrame:
    """Return choices with all that an engine may treat in its own way: gaps, unicode, counts, attributes."""
    rng = np.random.default_rng(seed)
    rows = 600
    items = np.array(["poem", "Übersetzung", "選択", "do nothing", "insult"])
    first = rng.integers(0, 5, rows)
    second = (first + rng.integers(1, 5, rows)) % 5
    outcomes = ["chose_first", "chose_second", "opted_out", "unparsed"]
    prompt = pd.Series(rng.integers(0, 12, rows)).map(lambda value: f"prompt {value}" if value else None)
    return pd.DataFrame(
        {
            "model": np.where(rng.random(rows) < 0.5, "m1", "m2"),
            "first": items[first],
            "second": items[second],
            "outcome": rng.choice(outcomes, rows, p=[0.45, 0.4, 0.1, 0.05]),
            "prompt": prompt,
            "harm_first": first,
            "harm_second": second,
            "count": rng.integers(1, 4, rows),
        }
    )


@contextmanager
def spark_session() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed: 450 MB, and it needs Java")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("PySpark needs Java, and there is none")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "2").config("spark.driver.host", "127.0.0.1")
    session = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with spark_session() as session:
        yield session


def in_polars(data: pd.DataFrame) -> object:
    return polars.from_pandas(data)


def in_polars_lazy(data: pd.DataFrame) -> object:
    return polars.from_pandas(data).lazy()


def in_pyarrow(data: pd.DataFrame) -> object:
    import pyarrow

    return pyarrow.Table.from_pandas(data, preserve_index=False)


def in_duckdb(data: pd.DataFrame) -> object:
    table = in_pyarrow(data)
    return duckdb.connect().from_arrow(table)


MAKERS: dict[str, Callable[[pd.DataFrame], object]] = {
    "polars": in_polars,
    "polars-lazy": in_polars_lazy,
    "pyarrow": in_pyarrow,
    "duckdb": in_duckdb,
}


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Callable[[pd.DataFrame], object]:
    """Return what turns a pandas frame into one of the engine asked for."""
    engine = str(request.param)
    if engine != "pyspark":
        return MAKERS[engine]
    session = request.getfixturevalue("spark")

    def in_spark(data: pd.DataFrame) -> object:
        rows = data.astype(object).where(data.notna(), None).to_numpy().tolist()
        return session.createDataFrame(rows, schema=list(data.columns))

    return in_spark


every_engine = pytest.mark.parametrize("make", ENGINES, indirect=True)


@every_engine
@pytest.mark.filterwarnings("default")  # an engine may warn of its own internals
def test_counts_are_those_of_pandas(make: Callable[[pd.DataFrame], object]) -> None:
    data = trials()
    keys = ["model", "first", "second", "outcome", "prompt"]

    def counted(table: object) -> pd.DataFrame:
        found = count_rows(as_frame(table), keys, "count").astype(dict.fromkeys(keys, object))
        return found.fillna({"prompt": "none"}).sort_values(keys, ignore_index=True)[[*keys, "count"]]

    one, other = counted(data), counted(make(data))
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


@every_engine
@pytest.mark.filterwarnings("default")
def test_the_choice_model_is_that_of_pandas(make: Callable[[pd.DataFrame], object]) -> None:
    data = trials()
    one, other = (
        choice_model(table, baseline="do nothing", cluster="prompt", opted_out="neither")
        for table in (data, make(data))
    )
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), rtol=1e-9, check_dtype=False)
    assert one.accounting.counts == other.accounting.counts
    assert one.warnings == other.warnings
    shares = [
        choice_model(table, baseline="do nothing").share_below(by="harm").to_frame()
        for table in (data, make(data))
    ]
    pd.testing.assert_frame_equal(shares[0], shares[1], rtol=1e-9, check_dtype=False)


@every_engine
@pytest.mark.filterwarnings("default")
def test_rates_are_those_of_pandas(make: Callable[[pd.DataFrame], object]) -> None:
    data = trials()
    one, other = (rate(table, "opted_out", cluster="pair") for table in (data, make(data)))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), rtol=1e-9, check_dtype=False)
    assert one.accounting.counts == other.accounting.counts


@every_engine
@pytest.mark.filterwarnings("default")
def test_bad_tables_are_refused_in_every_engine(make: Callable[[pd.DataFrame], object]) -> None:
    data = trials()
    with pytest.raises(DataError, match="no outcome; allowed"):
        choice_model(make(data.replace("chose_first", "choose_first")))
    with pytest.raises(DataError, match="'outcome' is missing"):
        choice_model(make(data.drop(columns="outcome")))
    with pytest.raises(DataError, match="not a number of trials"):
        choice_model(make(data.assign(count=-1)))
