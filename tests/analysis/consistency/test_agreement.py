from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.consistency.agreement import agreement
from bartleby.errors import DataError, SettingError
from tests.analysis.repeat_tables import by_term, ladder, repeated, same, tournament


def rows(trials: pd.DataFrame, **settings: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    return by_term(agreement(trials, **settings))


def test_a_model_that_always_takes_the_first_agrees_in_one_order_and_never_across_orders() -> None:
    table = ladder(5, 3).assign(outcome="chose_first")
    found = rows(table)
    assert found["same_order"]["estimate"] == 1
    assert found["opposite_order"]["estimate"] == 0
    assert found["order_cost"]["estimate"] == 1
    assert found["same_order"]["low"] < 1 and found["opposite_order"]["high"] > 0


def test_a_steady_model_has_no_interval_of_zero_width() -> None:
    found = agreement(ladder(5, 3))
    frame = by_term(found)
    assert frame["same_order"]["estimate"] == frame["opposite_order"]["estimate"] == 1
    assert frame["same_order"]["low"] < 1 and frame["opposite_order"]["low"] < 1
    assert frame["order_cost"]["estimate"] == 0
    assert frame["order_cost"]["low"] < 0 < frame["order_cost"]["high"] < 1


def test_without_repeats_or_both_orders_it_is_undefined_and_said() -> None:
    table = pd.DataFrame({"first": ["a", "a"], "second": ["b", "c"], "outcome": "chose_first"})
    found = agreement(table)
    assert found.to_frame()["estimate"].isna().all()
    assert len(found.warnings) == 3


def test_one_cluster_has_an_estimate_and_no_interval() -> None:
    found = agreement(tournament({("a", "b"): 1}, 5))
    frame = by_term(found)
    assert frame["same_order"]["estimate"] == 1
    assert np.isnan(frame["same_order"]["low"])
    assert any("one cluster" in note for note in found.warnings)


def test_repeats_share_their_conditions() -> None:
    one = tournament({("a", "b"): 1, ("a", "c"): 1}, 2).assign(wording="w1")
    other = tournament({("a", "b"): 0, ("a", "c"): 0}, 2).assign(wording="w2")
    both = pd.concat([one, other])
    assert rows(both)["same_order"]["estimate"] == 1
    assert rows(both, within=())["same_order"]["estimate"] == pytest.approx(1 / 3)


def test_counts_and_rows_give_the_same_answer() -> None:
    counted = repeated(1)
    single = counted.loc[counted.index.repeat(counted["count"])].drop(columns="count")
    assert same(rows(counted), rows(single))


def test_swapping_names_of_items_changes_nothing() -> None:
    table = repeated(2)
    renamed = table.assign(
        first=table["first"].str.replace("item 1", "zz"), second=table["second"].str.replace("item 1", "zz")
    )
    for cluster in ("pair", "item"):
        one, other = rows(table, cluster=cluster), rows(renamed, cluster=cluster)
        assert same(one, other)


def test_clusters_by_item_are_wider_where_items_differ_in_how_steady_they_are() -> None:
    table = repeated(3, n_items=20, answers=6, spread=2.0)
    by_pair, by_item = rows(table), rows(table, cluster="item")
    assert by_item["same_order"]["std_error"] > by_pair["same_order"]["std_error"]
    assert by_item["same_order"]["n_clusters"] == 20


def test_repeats_lie_within_a_named_cluster() -> None:
    table = pd.concat([ladder(4, 2).assign(day="1"), ladder(4, 2).assign(outcome="chose_first", day="2")])
    found = rows(table, cluster="day")
    assert found["same_order"]["n_clusters"] == 2
    assert found["same_order"]["estimate"] == 1


def test_trials_without_a_cluster_are_told() -> None:
    table = ladder(4, 2).assign(day=None)
    assert any("no day" in note for note in agreement(table, cluster="day").warnings)


def test_everything_wrong_is_named() -> None:
    with pytest.raises(DataError, match="within: no column 'nowhere'"):
        agreement(ladder(3), within="nowhere")
    with pytest.raises(DataError, match="'outcome' is missing"):
        agreement(pd.DataFrame({"first": ["a"], "second": ["b"]}))
    with pytest.raises(SettingError, match="level"):
        agreement(ladder(3), level=95)
    with pytest.raises(SettingError, match="cluster"):
        agreement(ladder(3), cluster=3)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["pair", "item"])
def test_intervals_cover_what_they_say(cluster: str) -> None:
    spread, own = (1.0, 0.0) if cluster == "item" else (0.0, 1.5)
    found = [
        rows(repeated(seed, n_items=15, answers=2, spread=spread, pair_spread=own), cluster=cluster)
        for seed in range(300)
    ]
    truth = np.mean([each["same_order"]["estimate"] for each in found])
    covered = np.mean([each["same_order"]["low"] <= truth <= each["same_order"]["high"] for each in found])
    assert 0.91 <= covered <= 0.985


def test_clusters_are_found_and_false_takes_every_cell_alone() -> None:
    table = repeated(3, n_items=6, answers=3)
    pair = [" ".join(sorted(each)) for each in zip(table["first"], table["second"], strict=True)]
    wider = table.assign(scenario=[f"s{code // 3}" for code in pd.factorize(pd.Series(pair))[0]])
    found, pairs, alone = (agreement(wider, cluster=cluster) for cluster in (None, "pair", False))
    assert found.settings["cluster"].startswith("scenario (found")
    assert found.frame["n_clusters"].iloc[0] == 5
    assert pairs.frame["n_clusters"].iloc[0] == 15
    assert alone.frame["n_clusters"].iloc[0] == 30
