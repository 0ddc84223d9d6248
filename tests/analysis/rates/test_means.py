"""Means of numbers, their differences and slopes: against scipy, statsmodels and hand-derived CR2."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.effects import effects
from bartleby.analysis.rates.means import mean
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError, SettingError

Floats = npt.NDArray[np.float64]


def ratings(items: int = 12, repeats: int = 5, seed: int = 0) -> pd.DataFrame:
    """Return ratings from 1 to 7 of items under two wordings, clusters of unequal size."""
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(items), rng.integers(1, repeats + 1, items) * 2)
    wording = np.arange(len(item)) % 2
    level = rng.normal(4, 1.2, items)[item] + 0.8 * wording
    return pd.DataFrame(
        {
            "item": [f"task {number}" for number in item],
            "wording": np.where(wording == 1, "warm", "plain"),
            "harm": item % 4,
            "rating": np.clip(np.round(level + rng.normal(0, 1, len(item))), 1, 7),
        }
    )


def cr2(matrix: Floats, y: Floats, cluster: Any, contrast: Floats) -> tuple[float, float, float]:  # noqa: ANN401
    """Return estimate, CR2 standard error and Satterthwaite df of a contrast, by the definition (n x n)."""
    bread = np.linalg.inv(matrix.T @ matrix)
    hat = matrix @ bread @ matrix.T
    residual = y - hat @ y
    rest = np.eye(len(y)) - hat
    rows = []
    for name in np.unique(cluster):
        own = np.flatnonzero(np.asarray(cluster) == name)
        values, vectors = np.linalg.eigh(np.eye(len(own)) - hat[np.ix_(own, own)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        rows.append(rest[:, own] @ root @ matrix[own] @ bread @ contrast)
    stacked = np.array(rows)
    gram = stacked @ stacked.T
    variance = float(np.sum((stacked @ residual) ** 2))
    beta = bread @ matrix.T @ y
    return float(contrast @ beta), variance**0.5, float(np.trace(gram) ** 2 / np.sum(gram**2))


def test_the_mean_of_independent_rows_is_that_of_the_t_test() -> None:
    trials = ratings()
    row = mean(trials, "rating", cluster=False, method="t").frame.iloc[0]
    expected = stats.ttest_1samp(trials["rating"], 0).confidence_interval(0.95)
    assert [row["low"], row["high"]] == pytest.approx(list(expected))
    assert row["std_dev"] == pytest.approx(trials["rating"].std())


def test_a_clustered_mean_is_cr2_with_satterthwaite_as_defined() -> None:
    trials = ratings()
    row = mean(trials, "rating", method="t").frame.iloc[0]
    matrix = np.ones((len(trials), 1))
    estimate, error, df = cr2(matrix, trials["rating"].to_numpy(), trials["item"], np.ones(1))
    assert [row["estimate"], row["std_error"], row["df"]] == pytest.approx([estimate, error, df], rel=1e-9)
    half = stats.t.ppf(0.975, df) * error
    assert [row["low"], row["high"]] == pytest.approx([estimate - half, estimate + half])
    assert row["method"] == "t, CR2"
    assert row["n_clusters"] == 12


@pytest.mark.parametrize("paired", [None, "item"])
def test_a_difference_of_means_is_cr2_with_satterthwaite_as_defined(paired: str | None) -> None:
    trials = ratings()
    row = difference(trials, "rating", between="wording", method="t", paired=paired).frame.iloc[0]
    if paired:
        trials = trials.groupby(["item", "wording"])["rating"].mean().reset_index()
    arm = (trials["wording"] == "warm").to_numpy(dtype=float)
    matrix = np.column_stack([1 - arm, arm])
    expected = cr2(matrix, trials["rating"].to_numpy(), trials["item"], np.array([-1.0, 1.0]))
    assert [row["estimate"], row["std_error"], row["df"]] == pytest.approx(expected, rel=1e-9)
    assert row["mean"] - row["reference_mean"] == pytest.approx(row["estimate"])
    assert row["method"] == "t, CR2"


def test_a_paired_difference_of_single_ratings_is_the_paired_t_test() -> None:
    trials = ratings().groupby(["item", "wording"], as_index=False)["rating"].first()
    row = difference(trials, "rating", between="wording", paired="item", method="t").frame.iloc[0]
    wide = trials.pivot_table(index="item", columns="wording", values="rating")
    test = stats.ttest_rel(wide["warm"], wide["plain"])
    assert row["p_value"] == pytest.approx(test.pvalue)
    assert [row["low"], row["high"]] == pytest.approx(list(test.confidence_interval(0.95)))


def test_independent_rows_have_the_standard_error_of_hc2() -> None:
    trials = ratings()
    row = difference(trials, "rating", between="wording", cluster=False, method="t").frame.iloc[0]
    fit = smf.ols("rating ~ C(wording)", trials).fit(cov_type="HC2")
    assert row["std_error"] == pytest.approx(fit.bse.iloc[1])
    slope = effects(trials, "rating ~ wording", cluster=False).frame.set_index(["quantity", "term"])
    assert slope.loc[("coefficient", "wording[warm]"), "std_error"] == pytest.approx(fit.bse.iloc[1])
    assert slope.loc[("coefficient", "wording[warm]"), "df"] == pytest.approx(row["df"])


def test_slopes_are_least_squares_with_cr2_as_defined() -> None:
    trials = ratings(items=16)
    found = effects(trials, "rating ~ harm + wording")
    rows = found.frame[found.frame["quantity"] == "coefficient"].set_index("term")
    matrix = np.column_stack([np.ones(len(trials)), trials["harm"], trials["wording"] == "warm"]).astype(
        float
    )
    for index, term in enumerate(("Intercept", "harm", "wording[warm]")):
        expected = cr2(matrix, trials["rating"].to_numpy(), trials["item"], np.eye(3)[index])
        numbers = rows.loc[term, ["estimate", "std_error", "df"]].to_numpy(dtype=float)
        assert numbers == pytest.approx(np.array(expected), rel=1e-8)
    assert set(found.frame["quantity"]) == {"coefficient", "marginal_effect"}
    assert set(found.frame["method"]) == {"least squares, CR2"}


def test_a_marginal_effect_averages_over_an_interaction() -> None:
    trials = ratings()
    found = effects(trials, "rating ~ harm * wording").frame.set_index(["quantity", "term"])
    fit = smf.ols("rating ~ harm * C(wording)", trials).fit()
    expected = fit.params["harm"] + fit.params.iloc[3] * (trials["wording"] == "warm").mean()
    assert found.loc[("marginal_effect", "harm"), "estimate"] == pytest.approx(expected)


def test_an_outcome_of_0_and_1_can_have_a_linear_model() -> None:
    trials = ratings().assign(high=lambda table: (table["rating"] > 4).astype(int))
    linear = effects(trials, "high ~ wording", method="linear").frame.set_index(["quantity", "term"])
    logistic = effects(trials, "high ~ wording").frame.set_index(["quantity", "term"])
    one, other = (
        found.loc[("marginal_effect", "wording[warm - plain]"), "estimate"] for found in (linear, logistic)
    )
    assert one == pytest.approx(other)


def test_these_items_have_the_variance_of_a_stratified_mean() -> None:
    trials = pd.DataFrame({"item": list("aaabbb"), "score": [1.0, 2, 3, 5, 5, 8]})
    row = mean(trials, "score", estimand="these_items").frame.iloc[0]
    # By hand: means 2 and 6, variances 1 and 3, each a half: 1/4 (1/3 + 3/3).
    assert row["std_error"] ** 2 == pytest.approx((1 / 3 + 1) / 4)
    assert row["df"] == pytest.approx((1 / 3 + 1) ** 2 / ((1 / 3) ** 2 / 2 + 1 / 2))
    both = pd.concat([trials.assign(arm="a"), trials.assign(arm="b", score=trials["score"] + 1)])
    gap = difference(both, "score", between="arm", estimand="these_items").frame.iloc[0]
    assert gap["estimate"] == pytest.approx(1)
    assert gap["std_error"] == pytest.approx(2**0.5 * row["std_error"])


def test_an_affine_change_of_units_changes_nothing_else() -> None:
    trials = ratings(items=16).assign(other=lambda table: 1e4 + 250 * table["rating"])
    one, other = (mean(trials, name).frame.iloc[0] for name in ("rating", "other"))
    for column in ("estimate", "low", "high"):
        assert other[column] == pytest.approx(1e4 + 250 * one[column])
    gaps = [difference(trials, name, between="wording").frame.iloc[0] for name in ("rating", "other")]
    assert gaps[1]["low"] == pytest.approx(250 * gaps[0]["low"])
    assert gaps[1]["p_value"] == pytest.approx(gaps[0]["p_value"])
    slopes = [effects(trials, f"{name} ~ harm").frame.iloc[1] for name in ("rating", "other")]
    assert slopes[1]["high"] == pytest.approx(250 * slopes[0]["high"])


def test_the_interval_that_allows_for_skewness_holds_that_of_t_and_reaches_into_the_long_tail() -> None:
    trials = pd.DataFrame({"item": np.arange(14), "tokens": np.exp(np.linspace(0, 4, 14))})
    plain, skewed = (mean(trials, "tokens", method=method).frame.iloc[0] for method in ("t", "auto"))
    assert skewed["low"] <= plain["low"]
    assert skewed["high"] > plain["high"] + (plain["high"] - plain["estimate"]) / 2


def test_a_mean_leaves_room_for_clusters_beyond_the_farthest_seen() -> None:
    symmetric = pd.DataFrame({"item": np.arange(20), "tokens": np.linspace(-1, 1, 20)})
    row = mean(symmetric, "tokens").frame.iloc[0]
    # By hand: the rule of three of 20, each 3.6 times as far as the farthest, which is 1 away.
    room = 2.9957 / 22.9957 * 3.6 / np.sqrt(19 / 20)
    assert [row["low"], row["high"]] == pytest.approx([-room, room], rel=1e-4)
    within = mean(symmetric, "tokens", scale=(-1, 30)).frame.iloc[0]
    assert [within["low"], within["high"]] == pytest.approx(
        [-plain_half(symmetric), 2.9957 / 22.9957 * 30], rel=1e-4
    )


def test_a_difference_leaves_the_room_of_the_arm_that_has_more() -> None:
    arms = pd.DataFrame(
        {
            "item": np.arange(60),
            "arm": np.repeat(["a", "b"], [40, 20]),
            "tokens": np.concatenate([np.linspace(-1, 1, 40), np.linspace(-2, 2, 20)]),
        }
    )
    gap = difference(arms, "tokens", between="arm", reference="a").frame.iloc[0]
    alone = mean(arms[arms["arm"] == "b"], "tokens").frame.iloc[0]
    assert gap["high"] == pytest.approx(alone["high"])
    assert gap["low"] == pytest.approx(alone["low"])
    scaled = difference(arms, "tokens", between="arm", reference="a", scale=(-2, 30)).frame.iloc[0]
    # By hand: the arm of 20 may hold none of those at 30, that of 40 none of those at 30 or at -2.
    assert scaled["high"] == pytest.approx(2.9957 / 22.9957 * 30, rel=1e-4)
    assert scaled["low"] == pytest.approx(-2.9957 / 42.9957 * 30, rel=1e-4)


def test_small_clusters_are_not_far_by_the_noise_of_their_few_values_nor_hidden_by_a_huge_one() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([[0.0] * 19, [3.0]])
    sizes = np.array([190, *[10] * 19])
    huge = pd.DataFrame({"item": np.repeat(np.arange(20), sizes), "tokens": np.repeat(values, sizes)})
    huge["tokens"] += 0.01 * rng.normal(size=len(huge))
    even = huge.groupby("item").head(10)
    rooms = [
        (row["high"] - row["estimate"]) for row in (mean(t, "tokens").frame.iloc[0] for t in (huge, even))
    ]
    # Its weight in the mean is half as large, and its room more than that.
    assert rooms[0] > 0.6 * rooms[1]


def plain_half(table: pd.DataFrame) -> float:
    row = mean(table, "tokens", method="t").frame.iloc[0]
    return float(row["high"] - row["estimate"])


@pytest.mark.parametrize("paired", [False, True])
def test_fewer_than_14_clusters_have_a_mean_and_a_paired_difference_only_on_a_scale(paired: bool) -> None:
    trials = ratings(items=13)

    def estimate(**options: Any) -> Estimates:  # noqa: ANN401 - settings of two estimators
        if paired:
            return difference(trials, "rating", between="wording", paired="item", **options)
        return mean(trials, "rating", **options)

    free = estimate()
    assert np.isnan(free.frame["low"].item())
    assert "fewer than 14 clusters" in free.frame["method"].item()
    assert any("scale=" in text for text in free.warnings)
    assert np.isfinite(estimate(scale=(1, 7)).frame["low"].item())
    assert np.isfinite(estimate(method="t").frame["low"].item())


def test_clusters_that_are_all_alike_have_room_up_to_the_ends_of_the_scale() -> None:
    trials = pd.DataFrame({"item": np.arange(20) // 2, "rating": 1})
    row = mean(trials, "rating", scale=(1, 7)).frame.iloc[0]
    assert [row["low"], row["high"]] == pytest.approx([1, 1 + 6 * 2.9957 / 12.9957], rel=1e-4)


def test_a_small_arm_that_hardly_varies_does_not_make_a_difference_certain() -> None:
    few, many = [1.0, 1.1, 0.9, 1.0, 1.0], [0.0, 5.0] * 10
    values = [*few, *many]
    trials = pd.DataFrame({"item": np.arange(25), "score": values, "harm": np.repeat(["yes", "no"], [5, 20])})
    # By hand: two thirds of its own variance and a third of that with one standard deviation for all.
    own = np.var(few, ddof=1) / 5 + np.var(many, ddof=1) / 20
    pooled = (np.var(few) * 5 + np.var(many) * 20) / 23 * (1 / 5 + 1 / 20)
    row = effects(trials, "score ~ harm").frame.iloc[1]
    assert row["std_error"] ** 2 == pytest.approx(own)
    half = stats.t.ppf(0.975, 1.5 * row["df"]) * np.sqrt(2 / 3 * own + pooled / 3)
    assert row["high"] - row["estimate"] == pytest.approx(half)
    at_zero = effects(trials, "score ~ harm", level=1 - row["p_value"]).frame.iloc[1]
    assert min(abs(at_zero["low"]), abs(at_zero["high"])) == pytest.approx(0, abs=1e-6)
    # A difference takes nothing for granted of an arm of five.
    for cluster in (None, False):
        free = difference(trials, "score", between="harm", cluster=cluster)
        assert "fewer than 14 clusters" in free.frame["method"].item()
        gap = difference(trials, "score", between="harm", cluster=cluster, scale=(0, 5)).frame.iloc[0]
        assert gap["high"] == pytest.approx(gap["estimate"] + max(half, 4 * 2.9957 / 7.9957), rel=1e-4)


def test_few_clusters_have_a_slope_within_them_only_on_a_scale_and_say_so() -> None:
    trials = ratings(items=13)
    free = effects(trials, "rating ~ wording")
    rows = free.frame[free.frame["term"].str.startswith("wording")]
    assert rows["low"].isna().all()
    assert rows["method"].str.contains("fewer than 14 clusters").all()
    assert [text for text in free.warnings if "wording[warm]: no interval" in text and "scale=" in text]
    assert effects(trials, "rating ~ wording", scale=(1, 7)).frame["low"].notna().all()
    high = trials.assign(high=(trials["rating"] > 4).astype(int))
    assert effects(high, "high ~ wording", method="linear").frame["low"].notna().all()


def test_missing_numbers_are_bounded_by_a_scale_that_is_stated_or_observed() -> None:
    trials = ratings(items=16)
    trials.loc[:3, "rating"] = np.nan
    stated = mean(trials, "rating", scale=(0, 10))
    row = stated.frame.iloc[0]
    for end, value in (("low", 0), ("high", 10)):
        extreme = mean(trials.fillna({"rating": value}), "rating", scale=(0, 10)).frame.iloc[0]
        assert row[f"bound_{end}"] == pytest.approx(extreme[end])
    assert row["missing"] == 4
    assert not any("counted as not rating" in text for text in stated.warnings)
    assert stated.settings["scale"] == "0 to 10 (stated)"
    observed = mean(trials, "rating")
    assert observed.settings["scale"] == "1 to 7 (observed)"
    highest = [
        mean(trials, "rating", method="t", scale=scale).frame["bound_high"].item()
        for scale in (None, (0, 10))
    ]
    assert highest[0] < highest[1]
    gap = difference(trials, "rating", between="wording", scale=(0, 10)).frame.iloc[0]
    worst = trials.copy()
    lost = worst["rating"].isna()
    worst.loc[lost, "rating"] = np.where(worst["wording"] == "warm", 0, 10)[lost]
    assert gap["bound_low"] == pytest.approx(
        difference(worst, "rating", between="wording").frame["low"].iloc[0]
    )
    slope = effects(trials, "rating ~ wording", scale=(0, 10)).frame.iloc[1]
    assert slope["bound_low"] == pytest.approx(effects(worst, "rating ~ wording").frame["low"].iloc[1])


def test_few_missing_numbers_that_matter_are_a_warning_and_outcome_words_make_numbers_missing() -> None:
    trials = pd.DataFrame(
        {"item": np.arange(400), "rating": np.tile([1, 1, 1, 2], 100), "outcome": "completed"}
    )
    assert not mean(trials, "rating", scale=(1, 7)).warnings
    trials.loc[:7, "outcome"] = "truncated"
    found = mean(trials, "rating", scale=(1, 7))
    assert found.frame["missing"].iloc[0] == 8
    assert any("8 of 400 trials (2.0%)" in text for text in found.warnings)


def test_counts_stand_for_rows_in_every_estimator() -> None:
    trials = ratings()
    counted = trials.value_counts(["item", "wording", "harm", "rating"]).reset_index()
    for cluster in (None, False):
        for one, other in (
            (mean(trials, "rating", cluster=cluster), mean(counted, "rating", cluster=cluster)),
            (
                difference(trials, "rating", between="wording", cluster=cluster),
                difference(counted, "rating", between="wording", cluster=cluster),
            ),
            (
                effects(trials, "rating ~ harm", cluster=cluster),
                effects(pl.DataFrame(counted), "rating ~ harm", cluster=cluster),
            ),
        ):
            left, right = (found.frame.select_dtypes("number") for found in (one, other))
            np.testing.assert_allclose(left, right, rtol=1e-9)


def test_two_way_clusters_are_never_better_known_than_one_way() -> None:
    trials = ratings(items=15)
    rng = np.random.default_rng(1)
    trials["wave"] = rng.integers(0, 6, len(trials)).astype(str)
    estimators: list[Any] = [
        lambda cluster: mean(trials, "rating", cluster=cluster, method="t"),
        lambda cluster: difference(trials, "rating", between="wording", cluster=cluster, method="t"),
        lambda cluster: effects(trials, "rating ~ wording", cluster=cluster),
    ]
    for estimate in estimators:
        both = estimate(["item", "wave"]).frame.iloc[-1]
        alone = [estimate(name).frame.iloc[-1]["std_error"] for name in ("item", "wave")]
        assert both["std_error"] >= max(alone) - 1e-12
        assert both["n_clusters"] == 6
        assert "two-way" in both["method"]


def test_equivalence_is_tested_in_units_of_the_outcome() -> None:
    trials = ratings(items=40)
    gap = difference(trials, "rating", between="wording", level=0.9).frame.iloc[0]
    edge = max(abs(gap["low"]), abs(gap["high"]))
    found = difference(trials, "rating", between="wording", margin=float(edge)).frame.iloc[0]
    assert found["p_equivalence"] == pytest.approx(0.05, abs=1e-4)
    assert bool(difference(trials, "rating", between="wording", margin=6.0).frame["equivalent"].iloc[0])


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (pd.DataFrame({"item": list("aabb"), "rating": [3, 3, 3, 3]}), "no variation"),
        (pd.DataFrame({"item": list("aa"), "rating": [3, 5]}), "one cluster"),
        (pd.DataFrame({"item": list("a"), "rating": [3]}), "one cluster"),
        (pd.DataFrame({"item": list("ab"), "rating": [np.nan, np.nan]}), "no values"),
    ],
)
def test_what_is_undefined_is_nan_with_its_reason(trials: pd.DataFrame, reason: str) -> None:
    found = mean(trials, "rating")
    row = found.frame.iloc[0]
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])
    assert reason in row["method"]
    assert any(reason in text for text in found.warnings)
    assert json.loads(found.to_json())["estimates"][0]["low"] is None


def test_one_value_without_clusters_and_items_asked_once_are_undefined() -> None:
    one = mean(pd.DataFrame({"rating": [4]}), "rating", cluster=False).frame.iloc[0]
    assert one["method"] == "undefined, one value"
    once = mean(pd.DataFrame({"item": list("ab"), "rating": [4, 5]}), "rating", estimand="these_items")
    assert once.frame["method"].iloc[0] == "undefined, no item was asked twice"


def test_a_constant_outcome_has_no_difference_and_no_slope_with_an_interval() -> None:
    trials = ratings().assign(rating=5)
    gap = difference(trials, "rating", between="wording").frame.iloc[0]
    assert gap["estimate"] == 0
    assert np.isnan([gap["low"], gap["high"], gap["p_value"]]).all()
    found = effects(trials, "rating ~ harm")
    assert found.frame[["low", "high"]].isna().all().all()
    assert found.warnings


def test_numbers_that_cannot_be_are_named() -> None:
    trials = ratings()
    with pytest.raises(DataError, match=r"column 'rating': 7: must lie within scale=\(1, 6\)"):
        mean(trials, "rating", scale=(1, 6))
    with pytest.raises(SettingError, match=r"scale=\(7, 1\)"):
        mean(trials, "rating", scale=(7, 1))
    with pytest.raises(DataError, match="'high': must be a finite number"):
        mean(trials.assign(rating="high"), "rating")
    with pytest.raises(DataError, match="inf"):
        mean(trials.assign(rating=np.inf), "rating")
    with pytest.raises(SettingError, match="newcombe"):
        difference(trials, "rating", between="wording", method="newcombe")
    with pytest.raises(SettingError, match="firth"):
        effects(trials, "rating ~ harm", method="firth")
    with pytest.raises(DataError, match="must be 0, 1 or empty"):
        rate(trials, "rating")


def test_groups_items_and_names_may_be_any_text() -> None:
    trials = ratings().assign(**{"wording": lambda table: table["wording"].replace({"warm": "wärmer 🙂"})})
    found = difference(trials, "rating", between="wording", by="harm")
    assert set(found.frame["wording"]) == {"wärmer 🙂"}
    assert len(found.frame) == 4


def test_the_order_of_rows_changes_no_printed_digit() -> None:
    trials = ratings()
    mixed = trials.sample(frac=1, random_state=4)
    estimators: list[Any] = [
        lambda table: mean(table, "rating"),
        lambda table: difference(table, "rating", between="wording"),
        lambda table: effects(table, "rating ~ harm + wording"),
    ]
    for estimate in estimators:
        one, other = (estimate(table).frame.select_dtypes("number") for table in (trials, mixed))
        np.testing.assert_allclose(one, other, rtol=1e-7)


def test_an_interval_ends_where_the_stated_scale_does_and_nowhere_without_one() -> None:
    table = pd.DataFrame({"item": list("aabbcc"), "rating": [7.0, 7.0, 7.0, 6.0, 2.0, 3.0]})
    free, within = (mean(table, "rating", method="t", scale=scale).frame for scale in (None, (1, 7)))
    assert free["high"].item() > 7
    assert within["high"].item() == within["bound_high"].item() == 7
    assert within["low"].item() == max(free["low"].item(), 1)
    assert within["estimate"].item() == free["estimate"].item()
    arms = pd.concat(
        [table.assign(arm="a", rating=[7.0] * 5 + [4]), table.assign(arm="b", rating=[1.0] * 5 + [4])]
    )
    gaps = [
        difference(arms, "rating", between="arm", reference="b", cluster=False, method=method, scale=(1, 7))
        for method in ("t", "auto")
    ]
    for gap in gaps:
        assert gap.frame["high"].item() == 6
    plain = difference(arms, "rating", between="arm", reference="b", cluster=False, method="t")
    assert plain.frame["high"].item() > 6
