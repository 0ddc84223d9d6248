"""Clusters in two ways: against R, as an identity, where there is no covariance, and in the estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bartleby.analysis.inference.intervals import clustered_rate
from bartleby.analysis.inference.logistic import Cells, fit_logistic, information_root
from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.effects import effects
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.rates.two_way import crossed_rates, two_way_covariance
from bartleby.analysis.tables.counts import as_frame
from bartleby.analysis.tables.grouping import choose_clusters
from bartleby.errors import DataError, SettingError


def grid() -> pd.DataFrame:
    """Return eight items in five wordings, twice."""
    rows = [(i, w, k) for k in range(2) for w in range(5) for i in range(8)]
    data = pd.DataFrame(rows, columns=["item", "wording", "k"])
    product = data["item"] * data["wording"]
    data["y"] = ((data["item"] * 7 + data["wording"] * 3 + data["k"] * 2 + product) % 5 < 2).astype(int)
    data["x"] = (product + data["k"]) % 3
    return data


def crossed(seed: int, items: int = 20, wordings: int = 6) -> pd.DataFrame:
    """Return answers of items in wordings, both differing."""
    rng = np.random.default_rng(seed)
    item, wording = (each.ravel() for each in np.meshgrid(np.arange(items), np.arange(wordings)))
    logit = rng.normal(size=items)[item] + rng.normal(size=wordings)[wording]
    frames = [
        pd.DataFrame(
            {"item": item, "wording": wording, "channel": channel}
            | {"y": rng.binomial(1, expit(logit + shift)), "length": (item % 4).astype(float)}
        )
        for channel, shift in (("text", 0.0), ("tool", 0.8))
    ]
    return pd.concat(frames, ignore_index=True)


def test_the_covariance_without_corrections_is_that_of_r() -> None:
    # vcovCL(glm(y ~ x, binomial), cluster = ~ item + wording, type = "HC0", cadjust = FALSE,
    # multi0 = FALSE), R package sandwich.
    data = grid()
    X = np.column_stack([np.ones(len(data)), data["x"]]).astype(float)
    y = data["y"].to_numpy(dtype=float)
    cells = Cells(X, y, np.ones(len(y)))
    fit = fit_logistic(cells)
    np.testing.assert_allclose(fit.beta, [-0.39368708445534, 0.11540542651415], rtol=1e-10)
    scores = X * (y - expit(X @ fit.beta))[:, None]
    codes = data[["item", "wording"]].to_numpy()
    found = two_way_covariance(scores, information_root(cells, fit.beta), codes, kind="CR0")
    expected = [[0.034384995013510, -0.071001379980577], [-0.071001379980577, 0.121436165225781]]
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-8)


def test_no_standard_error_is_less_than_by_one_way_alone() -> None:
    data = grid()
    X = np.column_stack([np.ones(len(data)), data["x"]]).astype(float)
    residual = data["y"].to_numpy() - data["y"].mean()
    found = two_way_covariance(X * residual[:, None], X, data[["item", "wording"]].to_numpy())
    contrasts = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for way in found.ways:
        assert (found.standard_errors(contrasts) >= way.standard_errors(contrasts)).all()
    assert (found.degrees_of_freedom(contrasts) <= 4).all()


def test_clusters_inside_others_are_those_others() -> None:
    rng = np.random.default_rng(1)
    fine = np.repeat(np.arange(24), 5)
    residual = rng.normal(size=len(fine)) + rng.normal(size=6)[fine // 4]
    residual -= residual.mean()
    ones = np.ones((len(fine), 1))
    found = two_way_covariance(residual[:, None], ones, np.stack([fine, fine // 4], axis=1))
    np.testing.assert_allclose(found.covariance, found.ways[1].covariance)


def test_a_covariance_that_is_none_is_known_and_said() -> None:
    # Every item and every wording has the same rate; only their combinations differ.
    item, wording = (each.ravel() for each in np.meshgrid(np.arange(6), np.arange(6)))
    y = ((item + wording) % 2).astype(float)
    found = two_way_covariance((y - 0.5)[:, None], np.ones((36, 1)), np.stack([item, wording], axis=1))
    assert not found.definite
    x = (item % 2 == wording % 2).astype(float) * (item % 3)
    table = pd.DataFrame({"item": item, "wording": wording, "y": y, "x": x + item % 2})
    told = effects(table, "y ~ x", cluster=["item", "wording"])
    assert (told.frame.query("quantity == 'coefficient'")["std_error"] > 0).all()


def test_rates_in_two_ways_are_wider_than_by_either() -> None:
    trials = crossed(2)
    both = rate(trials, "y", cluster=["item", "wording"])
    assert both.settings["cluster"] == "item and wording"
    row = both.frame.iloc[0]
    assert row["n_clusters"] == 6
    # Those of a sum of two variances: at least as many as the way with fewer, at most both together.
    assert 5 <= row["df"] <= 24
    assert "two-way" in row["method"]
    for column in ("item", "wording"):
        one = rate(trials, "y", cluster=column).frame.iloc[0]
        assert row["low"] <= one["low"]
        assert row["high"] >= one["high"]
    turned = rate(trials, "y", cluster=["wording", "item"]).frame.iloc[0]
    assert [turned["low"], turned["high"]] == pytest.approx([row["low"], row["high"]])


def test_one_column_in_a_list_is_that_column() -> None:
    trials = crossed(3)
    one, other = (rate(trials, "y", cluster=each).frame for each in (["item"], "item"))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("events", [0.0, 1.0])
def test_all_alike_in_two_ways_keeps_an_interval_within_zero_and_one(events: float) -> None:
    codes = np.stack([part.ravel() for part in np.meshgrid(np.arange(8), np.arange(4))], axis=1)
    fit = crossed_rates(np.full(32, events), np.ones(32), codes)(0.95)
    assert 0 <= fit.low < fit.high <= 1
    assert fit.low <= events <= fit.high
    by_wording = clustered_rate(np.full(4, 8 * events), np.full(4, 8.0), 0.95)
    assert fit.high - fit.low >= by_wording.high - by_wording.low


def test_one_cluster_in_one_of_the_ways_has_no_interval() -> None:
    trials = crossed(4).assign(wording="only")
    found = rate(trials, "y", cluster=["item", "wording"])
    assert np.isnan(found.frame["low"].iloc[0])
    assert any("one cluster" in text for text in found.warnings)


def test_differences_use_what_items_and_wordings_share() -> None:
    trials = crossed(5)
    both = difference(trials, "y", between="channel", cluster=["item", "wording"]).frame.iloc[0]
    assert "two-way" in both["method"]
    assert both["n_clusters"] == 6
    apart = trials.assign(
        item=trials["item"].astype(str) + trials["channel"],
        wording=trials["wording"].astype(str) + trials["channel"],
    )
    other = difference(apart, "y", between="channel", cluster=["item", "wording"]).frame.iloc[0]
    assert both["estimate"] == pytest.approx(other["estimate"])
    assert both["high"] - both["low"] < other["high"] - other["low"]
    with pytest.raises(SettingError, match="leave paired out"):
        difference(trials, "y", between="channel", cluster=["item", "wording"], paired="item")


def test_differences_in_two_ways_do_not_vanish_where_covariances_cancel() -> None:
    # With five wordings the difference of covariances is often none, and has two rates vary in step.
    def width(trials: pd.DataFrame, cluster: object) -> float:
        row = difference(trials, "y", between="channel", cluster=cluster).frame.iloc[0]  # type: ignore[arg-type]
        return float(row["high"] - row["low"])

    for seed in range(12):
        trials = crossed(seed, wordings=5)
        assert width(trials, ["item", "wording"]) > 0.8 * width(trials, "item")


def test_effects_in_two_ways_have_the_same_coefficients_and_no_narrower_intervals() -> None:
    trials = crossed(6)
    both, one = (
        effects(trials, "y ~ channel + length", cluster=each).frame for each in (["item", "wording"], "item")
    )
    np.testing.assert_allclose(both["estimate"], one["estimate"])
    assert (both["std_error"] >= one["std_error"] * (1 - 1e-9)).all()
    assert both["method"].str.contains("two-way").all()


def test_separated_effects_in_two_ways_allow_for_both() -> None:
    trials = crossed(7)
    trials.loc[trials["length"] == 3, "y"] = 1
    trials["long"] = (trials["length"] == 3).astype(float)
    both, one = (
        effects(trials, "y ~ long", cluster=each).frame.query("quantity == 'coefficient'").iloc[1]
        for each in (["item", "wording"], "item")
    )
    assert both["method"].startswith("firth")
    assert both["low"] < one["low"]


def test_wrong_clusters_are_refused() -> None:
    frame = as_frame(crossed(8))
    with pytest.raises(SettingError, match="two different ones"):
        choose_clusters(frame, ["item", "item"])
    with pytest.raises(SettingError, match="two different ones"):
        choose_clusters(frame, ["item", "wording", "channel"])
    with pytest.raises(DataError, match="no column 'nope'"):
        choose_clusters(frame, ["item", "nope"])
    with pytest.raises(SettingError, match="two different ones"):
        choose_clusters(frame, [])


def test_the_mixed_fit_takes_one_way_only() -> None:
    found = effects(crossed(9), "y ~ channel", cluster=["item", "wording"], method="mixed")
    assert found.frame["estimate"].isna().all()
    assert any("one way only" in text for text in found.warnings)
