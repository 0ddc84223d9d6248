from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.choice.replicate import fit_replicates
from bartleby.analysis.choice.resampling import resampling
from bartleby.errors import SettingError
from tests.analysis.choice_tables import CEMS, choices, from_wins, simulated

WORDS = ("first", "second")


def test_the_bootstrap_by_pair_agrees_with_the_sandwich() -> None:
    rows, _ = simulated(1, n_items=12, repeats=4)
    fit = choice_model(rows, baseline="item 00")
    robust: Any = fit.to_frame().set_index("term")["std_error"].drop("item 00")
    found: Any = fit.bootstrap("pair", replicates=600).to_frame().set_index("term")
    ratio = (found["std_error"].drop("item 00") / robust).to_numpy()
    assert np.all((ratio > 0.75) & (ratio < 1.3))
    assert found.loc["item 00", "method"] == "baseline"


def test_replicates_that_do_not_vary_have_no_interval() -> None:
    rows = [(one, other, f"chose_{side}", 1) for one, other in ("ab", "ba", "bc", "cb") for side in WORDS]
    found = choice_model(choices(rows)).bootstrap("pair", replicates=40)
    assert found.frame[["std_error", "low", "high"]].isna().all().all()
    assert any("replicates do not vary" in text for text in found.warnings)


def test_the_same_seed_gives_the_same_intervals() -> None:
    rows, _ = simulated(2, n_items=5)
    fit = choice_model(rows)
    one, same, other = (fit.bootstrap(replicates=50, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.to_frame(), same.to_frame())
    assert not one.to_frame()["low"].equals(other.to_frame()["low"])
    assert one.settings["seed"] == 1


@pytest.mark.parametrize("cluster", ["item", ("pair", "item"), ("wording", "item"), "wording"])
def test_items_and_two_columns_can_be_resampled(cluster: str | tuple[str, str]) -> None:
    rows, _ = simulated(3, n_items=5)
    rows["wording"] = np.arange(len(rows)) % 4
    column = "wording" if "wording" in cluster else "pair"
    found: Any = choice_model(rows, cluster=column).bootstrap(cluster, replicates=60).to_frame()
    assert (found["low"] < found["high"]).all()
    assert found["n_clusters"].unique().tolist() == [4 if column == "wording" else 5]


def test_replicates_in_which_an_item_never_wins_stay_finite() -> None:
    rows = choices(
        [
            (a, b, o, n)
            for a in "abcd"
            for b in "abcd"
            if a < b
            for o, n in (("chose_first", 1), ("chose_second", 1))
        ]
        + [(b, a, "chose_first", 1) for a in "abcd" for b in "abcd" if a < b]
    )
    fit = choice_model(rows, baseline="a", bias_reduced=False)
    group = fit.groups[0]
    batches = fit_replicates(
        group.layout.design,
        group.data,
        resampling(group.data, ["pair"]),
        group.maximum,
        replicates=200,
        rng=np.random.default_rng(0),
        penalised=False,
    )
    for found, converged in batches:
        assert converged.all()
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 30


def test_a_separated_fit_and_ties_can_be_bootstrapped() -> None:
    found: Any = choice_model(from_wins(CEMS), ties="davidson", bias_reduced=True).bootstrap(replicates=40)
    assert found.to_frame()["std_error"].gt(0).all()


def test_one_cluster_has_no_interval() -> None:
    rows, _ = simulated(4, n_items=4)
    found: Any = choice_model(rows.assign(run="only"), cluster="run").bootstrap("run", replicates=30)
    assert found.to_frame()["low"].isna().all()
    assert any("says nothing" in each for each in found.warnings)


def test_settings_that_are_not_allowed_are_all_named() -> None:
    rows, _ = simulated(5, n_items=4)
    with pytest.raises(SettingError) as error:
        choice_model(rows).bootstrap("wording", replicates=3)
    assert len(str(error.value).splitlines()) == 2


def test_expanded_percentiles_lie_further_out_than_those_of_others_by_about_what_t_does() -> None:
    rows, _ = simulated(1, n_items=6)
    fit = choice_model(rows, baseline="item 00")
    one, other = (
        fit.bootstrap(replicates=400, kind=kind).frame.iloc[1:] for kind in ("expanded", "percentile")
    )
    wider = ((one["high"] - one["low"]) / (other["high"] - other["low"])).to_numpy(dtype=float)
    assert (wider > 1).all()
    assert np.median(wider) > 1.02
    assert one["std_error"].tolist() == other["std_error"].tolist()
    assert one["method"].str.endswith("expanded percentile").all()
    with pytest.raises(SettingError, match="kind='bca': must be one of expanded, percentile"):
        fit.bootstrap(kind="bca")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cluster": 50}, "cluster=50: must be a name or a list of names"),
        ({"cluster": ["pair", 3]}, "not 3"),
        ({"replicates": 50.5}, "replicates=50.5: must be a whole number, 20 or more"),
        ({"replicates": 5}, "replicates=5: must be a whole number"),
    ],
    ids=str,
)
def test_what_is_no_cluster_or_no_number_of_replicates_is_refused(
    settings: dict[str, object], message: str
) -> None:
    rows = choices([("a", "b", "chose_first", 3), ("b", "a", "chose_first", 3)])
    fit = choice_model(rows, cluster=False)
    with pytest.raises(SettingError, match=message):
        fit.bootstrap(**settings)  # type: ignore[arg-type]
