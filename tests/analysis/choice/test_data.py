"""Counted choices as arrays, against the same counted by pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.table import read_choices

OUTCOMES = ("chose_first", "chose_second", "indifferent", "refused")


def trials(seed: int = 0, rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 5, rows)
    second = (first + rng.integers(1, 5, rows)) % 5
    names = np.array(["é", "b", "a", "10", "9"], dtype=object)
    return pd.DataFrame(
        {
            "first": names[first],
            "second": names[second],
            "outcome": np.array(OUTCOMES, dtype=object)[rng.integers(0, 4, rows)],
            "run": rng.integers(0, 7, rows),
            "family": first,
        }
    )


def data_of(table: pd.DataFrame, cluster: str | None, **settings: str) -> ChoiceData:
    clusters = () if cluster is None else (cluster,)
    options = ChoiceOptions(clusters=clusters, **settings)  # type: ignore[arg-type]
    cells = read_choices(table, clusters=clusters).cells
    return choice_data(cells, options, has_pair_column="pair" in cells.columns)


@pytest.mark.parametrize("spare", [0, 16, 10**9])
@pytest.mark.parametrize("cluster", [None, "pair", "run", "family"])
def test_cells_and_rows_hold_what_a_group_by_counts(
    cluster: str | None, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.analysis.choice.data._SPARE", spare)
    table = trials()
    data = data_of(table, cluster, ties="half")
    assert data.items == ("10", "9", "a", "b", "é")
    table["pair"] = ["|".join(sorted(each)) for each in zip(table["first"], table["second"], strict=True)]
    table["cell"] = table["first"] + "|" + table["second"]
    half = 0.5 * (table["outcome"] == "indifferent")
    wins = pd.DataFrame({name: (table["outcome"] == name) + half for name in OUTCOMES[:2]}).astype(float)
    by_cell = wins.groupby(table["cell"]).sum()
    names = [f"{data.items[i]}|{data.items[j]}" for i, j in zip(data.first, data.second, strict=True)]
    np.testing.assert_allclose(by_cell.loc[names].to_numpy(), data.counts)
    refused = table["outcome"].eq("refused").groupby(table["cell"]).sum()
    np.testing.assert_allclose(refused.loc[names].to_numpy(), data.uncounted)
    group = table["cell"] if cluster is None else table[cluster]
    used = table["outcome"] != "refused"
    by_row = wins[used].groupby([table["cell"][used], group[used]]).sum()
    assert len(by_row) == len(data.row_cell) == len(data.row_cluster)
    assert data.n_clusters == group[used].nunique() == data.row_cluster.max() + 1
    np.testing.assert_allclose(np.sort(by_row.to_numpy(), axis=0), np.sort(data.row_counts, axis=0))
    summed = np.stack([np.bincount(data.row_cell, column, len(names)) for column in data.row_counts.T])
    np.testing.assert_allclose(summed.T, data.counts)


def test_rows_without_a_cluster_are_told_apart_by_cell() -> None:
    table = trials()
    table["run"] = table["run"].astype(object).where(table["run"] > 1, None)
    data = data_of(table, "run")
    lost = table["run"].isna()
    assert data.unlabelled == lost.sum()
    chosen = lost & table["outcome"].isin(OUTCOMES[:2])
    cells = table[chosen].drop_duplicates(["first", "second"])
    assert data.n_clusters == 5 + len(cells)


def test_totals_are_named_by_outcome_in_order() -> None:
    table = trials()
    totals = data_of(table, "pair").outcomes
    assert list(totals) == sorted(OUTCOMES)
    assert totals == table["outcome"].value_counts().to_dict()


def test_no_trial_in_the_model_leaves_no_rows() -> None:
    data = data_of(trials().assign(outcome="refused"), "pair")
    assert data.used == 0
    assert len(data.row_cell) == data.n_clusters == 0
