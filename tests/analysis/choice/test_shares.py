from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.model import ChoiceFit, choice_model
from bartleby.analysis.choice.posteriors.checks import population_check
from bartleby.analysis.choice.posteriors.mixtures import Mixture
from bartleby.analysis.choice.share_differences import paired_shares
from bartleby.analysis.choice.shares import ClassDraws, share_row, spread_count
from bartleby.analysis.inference.families import adjust_p
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import DataError, SettingError
from tests.analysis.choice_tables import choices, simulated


def two_classes(seed: int, *, gap: float = 3.0) -> ChoiceFit:
    """Fit items of two classes around a baseline."""
    rows, utility = simulated(seed, n_items=13, repeats=2)
    names = list(utility)
    shift = {name: (-gap if at < 6 else gap if at < 12 else 0.0) for at, name in enumerate(names)}
    rng = np.random.default_rng(seed)
    total = {name: utility[name] * (name != names[-1]) + shift[name] for name in names}
    logits = rows["first"].map(total) - rows["second"].map(total) + 0.3
    rows["outcome"] = np.where(
        rng.random(len(rows)) < 1 / (1 + np.exp(-logits)), "chose_first", "chose_second"
    )
    kind = {name: "harmful" if at < 6 else "kind" if at < 12 else None for at, name in enumerate(names)}
    rows["impact_first"], rows["impact_second"] = rows["first"].map(kind), rows["second"].map(kind)
    return choice_model(rows, baseline=names[-1])


@pytest.mark.parametrize("estimand", ["new_items", "these_items"])
def test_the_share_lies_in_an_interval_that_has_a_width(estimand: str) -> None:
    found = two_classes(1).share_below(by="impact", estimand=estimand, draws=500)  # type: ignore[arg-type]
    frame = found.to_frame()
    assert list(frame.columns[:2]) == ["impact", "term"]
    assert frame["term"].eq("share_below").all()
    assert frame["n"].tolist() == [6, 6]
    assert (frame["low"] < frame["high"]).all()
    assert frame["low"].ge(0).all()
    assert frame["high"].le(1).all()
    assert frame["estimate"].between(frame["low"], frame["high"]).all()
    harmful, kind = frame["estimate"]
    assert harmful > 0.8
    assert kind < 0.2


def test_few_items_far_away_say_little_of_new_ones() -> None:
    frame = two_classes(2, gap=6.0).share_below(by="impact", draws=500).to_frame()
    # Six items surely below: Jeffreys' lower bound for 6 of 6 is 0.67.
    assert frame["low"].iloc[0] < 0.68


def test_new_items_have_a_wider_interval_than_these() -> None:
    fit = two_classes(3, gap=1.0)
    new = fit.share_below(by="impact", draws=500).to_frame()
    these = fit.share_below(by="impact", estimand="these_items", draws=500).to_frame()
    assert (new["high"] - new["low"] > these["high"] - these["low"]).all()


def test_the_same_seed_gives_the_same_share() -> None:
    fit = two_classes(4, gap=1.0)
    one, same, other = (fit.share_below(by="impact", draws=200, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.to_frame(), same.to_frame())
    assert not one.to_frame()["low"].equals(other.to_frame()["low"])
    assert one.settings["seed"] == 1


def test_a_level_beyond_what_draws_can_tell_is_warned_of() -> None:
    fit = two_classes(10)
    for found in (fit.share_below, fit.compare_shares):
        few = found(by="impact", draws=300, level=0.999)
        assert any("300 draws are too few" in text for text in few.warnings)
        assert not any("are too few" in text for text in found(by="impact", draws=300).warnings)


def test_intervals_nest_with_level() -> None:
    fit = two_classes(5, gap=1.0)
    narrow, wide = (fit.share_below(by="impact", level=level, draws=500).to_frame() for level in (0.8, 0.95))
    assert (wide["low"] <= narrow["low"]).all()
    assert (wide["high"] >= narrow["high"]).all()


def test_all_items_are_one_class_without_by() -> None:
    frame = two_classes(6).share_below(draws=200).to_frame()
    assert frame["n"].tolist() == [12]


def test_a_share_needs_a_baseline_and_known_classes() -> None:
    rows, _ = simulated(7, n_items=4)
    with pytest.raises(SettingError, match="share below what"):
        choice_model(rows).share_below()
    with pytest.raises(SettingError, match="impact_first and impact_second"):
        choice_model(rows, baseline="item 00").share_below(by="impact")


def test_an_attribute_that_varies_within_an_item_makes_no_classes() -> None:
    rows, _ = simulated(8, n_items=4)
    rows["p_first"], rows["p_second"] = np.arange(len(rows)), np.arange(len(rows))
    with pytest.raises(SettingError, match="more than one p"):
        choice_model(rows, baseline="item 00").share_below(by="p")


def test_uncounted_trials_bound_the_share() -> None:
    rows, _ = simulated(9, n_items=9, repeats=2)
    rows["kind_first"], rows["kind_second"] = (
        rows[side].map(lambda item: None if item == "item 08" else "all") for side in ("first", "second")
    )
    touched = (rows["first"] == "item 08") | (rows["second"] == "item 08")
    refused = rows[touched].assign(outcome="refused")
    found = choice_model(pd.concat([rows, refused]), baseline="item 08").share_below(by="kind", draws=300)
    low, high = found.accounting.bounds["share_below (kind=all)"]
    assert 0 <= low < found.to_frame()["estimate"].iloc[0] < high <= 1


def test_uncounted_trials_bound_the_difference_of_shares() -> None:
    rows, _ = simulated(9, n_items=9, repeats=2)
    refused = rows[rows["first"] == "item 01"].assign(outcome="refused")
    both = pd.concat([rows.assign(model="a"), rows.assign(model="b"), refused.assign(model="b")])
    both["kind_first"], both["kind_second"] = "all", "all"
    fit = choice_model(both, baseline="item 08")
    found = fit.compare_shares(by="kind", between="model", draws=300)
    low, high = found.accounting.bounds["b - a (kind=all)"]
    assert low < high
    assert low - 0.1 < found.to_frame()["estimate"].iloc[0] < high + 0.1


def test_shares_of_classes_and_of_models_can_be_compared() -> None:
    fit = two_classes(10)
    found = fit.compare_shares(by="impact", reference="kind", draws=300).to_frame()
    assert found["term"].tolist() == ["harmful - kind"]
    assert found["low"].iloc[0] > 0.3
    rows, _ = simulated(11, n_items=9)
    both = pd.concat([rows.assign(model="a"), rows.assign(model="b")])
    both["kind_first"], both["kind_second"] = "all", "all"
    same = choice_model(both, baseline="item 08").compare_shares(by="kind", between="model", draws=300)
    row: Any = same.to_frame().iloc[0]
    assert row["low"] < 0 < row["high"]
    assert "8 items paired" in row["method"]
    with pytest.raises(SettingError, match="between='x'"):
        fit.compare_shares(by="impact", between="x")


@pytest.mark.parametrize(("ties", "opted_out"), [("rao-kupper", "left_out"), ("none", "neither")])
def test_shares_of_models_without_augmentation_have_a_posterior_too(ties: str, opted_out: str) -> None:
    rows, _ = simulated(20, n_items=9, repeats=2)
    rng = np.random.default_rng(20)
    rows.loc[rng.random(len(rows)) < 0.15, "outcome"] = "indifferent" if ties != "none" else "opted_out"
    rows["kind_first"], rows["kind_second"] = (
        rows[side].map(lambda item: None if item == "item 08" else "all") for side in ("first", "second")
    )
    fit = choice_model(rows, baseline="item 08", ties=ties, opted_out=opted_out)  # type: ignore[arg-type]
    found = fit.share_below(by="kind", draws=1600).to_frame().iloc[0]
    plain = choice_model(rows, baseline="item 08").share_below(by="kind", draws=1600).to_frame().iloc[0]
    assert 0 <= found["low"] < found["estimate"] < found["high"] <= 1
    # Outcomes that say nothing of which item is better move the share little.
    for column in ("estimate", "low", "high"):
        assert found[column] == pytest.approx(plain[column], abs=0.12)


def test_monte_carlo_error_is_small_or_said() -> None:
    fit = two_classes(21, gap=1.0)
    enough = fit.share_below(by="impact")
    assert enough.settings["monte_carlo_error"] <= 0.005
    assert 0 < enough.settings["effective_draws"] <= enough.settings["draws"]
    assert not any("Monte Carlo" in text for text in enough.warnings)
    few = fit.share_below(by="impact", draws=100)
    assert few.settings["monte_carlo_error"] > 0.005
    assert any("100 draws are worth" in text and "increase draws=" in text for text in few.warnings)


def test_classes_of_one_item_each_have_a_share_too() -> None:
    rows, utility = simulated(22, n_items=5, repeats=2)
    kind = {name: (name if at < 4 else None) for at, name in enumerate(utility)}
    rows["kind_first"], rows["kind_second"] = rows["first"].map(kind), rows["second"].map(kind)
    frame = choice_model(rows, baseline="item 04").share_below(by="kind", draws=200).to_frame()
    assert frame["n"].tolist() == [1, 1, 1, 1]
    assert (frame["low"] < frame["high"]).all()


@pytest.mark.parametrize("estimand", ["new_items", "these_items"])
@pytest.mark.parametrize("draws", [1, 7, 200])
def test_classes_of_one_item_each_have_shares_too(estimand: str, draws: int) -> None:
    rows, utility = simulated(1, n_items=4, repeats=5)
    names = list(utility)
    for side in ("first", "second"):
        rows[f"kind_{side}"] = rows[side].map({name: f"only {name}" for name in names})
    rows.loc[rows.index[::7], "outcome"] = "refused"
    fit = choice_model(rows, baseline=names[0])
    found = fit.share_below("kind", estimand=estimand, draws=draws)  # type: ignore[arg-type]
    assert found.frame["n"].tolist() == [1, 1, 1]
    assert (found.frame["low"] < found.frame["high"]).all() or draws == 1
    assert sum(term.startswith("share_below") for term in found.accounting.bounds) == 3
    assert len(fit.compare_shares("kind", draws=draws).frame) == 2


def far_apart(seed: int, low: int = 8, high: int = 32, repeats: int = 4) -> pd.DataFrame:
    """Return choices among items at -3 and items at +1, and between each of them and a baseline at 0."""
    rng = np.random.default_rng(seed)
    size = low + high
    utility = np.concatenate([np.full(low, -3.0), np.full(high, 1.0), [0.0]])
    pairs = [(at, size) for at in range(size) for _ in range(repeats)]
    pairs += [(at, (at + step) % size) for at in range(size) for step in (3, 7, 11, 16) if size > 17]
    both = np.array(pairs + [(second, first) for first, second in pairs])
    chance = 1 / (1 + np.exp(utility[both[:, 1]] - utility[both[:, 0]] - 0.5))
    names = np.array([*(f"item {at:02d}" for at in range(size)), "rest"])
    taken = np.where(rng.random(len(both)) < chance, "chose_first", "chose_second")
    return pd.DataFrame({"first": names[both[:, 0]], "second": names[both[:, 1]], "outcome": taken})


@pytest.mark.parametrize("estimand", ["new_items", "these_items"])
def test_a_few_unwanted_and_many_wanted_items_are_told_apart(estimand: Estimand) -> None:
    fit = choice_model(far_apart(1), baseline="rest", estimand=estimand)
    row: Any = fit.share_below().frame.iloc[0]
    assert row["low"] <= 0.2 <= row["high"]
    assert row["high"] < 0.46
    assert row["estimate"] == pytest.approx(0.2, abs=0.05)
    assert "count half" in row["method"]


def test_shares_below_within_and_above_a_margin_add_up_to_one() -> None:
    fit = two_classes(30, gap=1.0)
    plain = fit.share_below(by="impact", draws=400).frame
    found = fit.share_below(by="impact", margin=0.75, draws=400)
    frame = found.frame
    parts = frame[frame["margin"].notna()]
    assert parts.groupby("impact")["estimate"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert parts["term"].tolist() == [f"share_{name}_margin" for name in ("below", "within", "above")] * 2
    assert (parts["low"] < parts["high"]).all()
    assert parts["margin"].eq(0.75).all()
    # The same draws: the share below the baseline is the same with a margin and without.
    shares = frame[frame["term"] == "share_below"]
    for column in ("estimate", "low", "high"):
        np.testing.assert_allclose(shares[column], plain[column])
    assert found.settings["margin"] == 0.75


def test_a_margin_finer_than_the_noise_of_an_item_is_warned_of() -> None:
    fit = two_classes(31)
    fine = fit.share_below(margin=0.02, draws=400)
    assert any("margin of 0.02 logits is smaller than the standard error" in text for text in fine.warnings)
    assert not any("margin" in text for text in fit.share_below(margin=3.0, draws=400).warnings)
    with pytest.raises(SettingError, match="margin=-1"):
        fit.share_below(margin=-1)


def test_a_difference_of_shares_is_the_difference_of_the_table_of_shares() -> None:
    fit = two_classes(32, gap=0.5)
    shares = fit.share_below(by="impact").frame.set_index("impact")
    row: Any = fit.compare_shares(by="impact", reference="kind").frame.iloc[0]
    assert row["share"] == shares.loc["harmful", "estimate"]
    assert row["reference_share"] == shares.loc["kind", "estimate"]
    assert row["estimate"] == row["share"] - row["reference_share"]
    assert row["low"] < row["estimate"] < row["high"]
    assert row["p_adjusted"] == row["p_value"]


def test_tables_of_one_fit_have_their_draws_in_common() -> None:
    fit = two_classes(33)
    before = fit.share_below(by="impact", draws=200).frame
    (drawn,) = fit.class_draws.values()
    fit.compare_shares(by="impact", draws=200)
    assert list(fit.class_draws.values()) == [drawn]
    fit.share_below(draws=200)
    pd.testing.assert_frame_equal(fit.share_below(by="impact", draws=200).frame, before)
    pd.testing.assert_frame_equal(two_classes(33).share_below(by="impact", draws=200).frame, before)


@pytest.mark.parametrize("estimand", ["new_items", "these_items"])
def test_draws_of_two_shares_together_have_the_margins_of_the_table(estimand: Estimand) -> None:
    rng = np.random.default_rng(5)
    utilities = rng.normal(size=(8000, 6)) + np.array([-2, -1, -0.2, 0.1, 1.0, 2.0])
    population = Mixture(*np.ones((3, 8000, 1)))
    one = ClassDraws(("x",), tuple("abcdef"), utilities, population)
    other = ClassDraws(("y",), tuple("cdefgh"), utilities[:, ::-1] - 0.5, population)
    for own, drawn in zip((one, other), paired_shares(one, other, estimand, rng), strict=True):
        row = share_row(own.below.sum(axis=1), 6, estimand, 0.9)
        np.testing.assert_allclose(np.quantile(drawn, [0.05, 0.95]), [row["low"], row["high"]], atol=0.012)
        assert drawn.std() == pytest.approx(row["std_error"], abs=0.01)


def test_quantiles_of_a_share_are_those_of_its_draws() -> None:
    rng = np.random.default_rng(6)
    count = rng.binomial(12, 0.3, size=50_000)
    spread = spread_count(count, 12, "new_items")
    drawn = rng.beta(count + 0.5, 12 - count + 0.5)
    for level in (0.025, 0.5, 0.975):
        assert spread.quantile(level) == pytest.approx(np.quantile(drawn, level), abs=0.005)
    these = spread_count(np.array([12] * 30 + [11] * 10), 12, "these_items")
    assert these.quantile(0.975) == 1.0
    assert these.quantile(0.5) == pytest.approx((11.5 + (0.5 - 0.25) / 0.75) / 12)


def test_models_that_saw_no_template_in_common_have_shares_and_no_difference_of_shares() -> None:
    below, above = far_apart(1, low=12, high=0), far_apart(2, low=0, high=12)
    apart = [below.assign(model="averse", template="t1"), above.assign(model="willing", template="t2")]
    fit = choice_model(pd.concat(apart), baseline="rest")
    with pytest.raises(DataError, match="no template in common"):
        fit.compare_shares(between="model", draws=100)
    assert fit.share_below(draws=100).frame["model"].tolist() == ["averse", "willing"]


def test_all_items_are_compared_between_models_without_naming_classes() -> None:
    below, above = far_apart(1, low=12, high=0), far_apart(2, low=0, high=12)
    both = pd.concat([below.assign(model="averse"), above.assign(model="willing")])
    third = far_apart(3, low=6, high=6).assign(model="between")
    fit = choice_model(pd.concat([both, third]), baseline="rest")
    found = fit.compare_shares(between="model", draws=800)
    assert found.frame["term"].tolist() == ["between - averse", "willing - averse"]
    p, adjusted = found.frame["p_value"], found.frame["p_adjusted"]
    assert p.iloc[1] == pytest.approx(found.settings["p_resolution"]) == 2 / 801
    np.testing.assert_allclose(adjusted.to_numpy(), adjust_p(p.to_numpy(), "holm"))
    assert found.settings["adjust"] == "holm"
    assert fit.compare_shares(draws=800).frame["term"].tolist() == found.frame["term"].tolist()
    with pytest.raises(SettingError, match="adjust='none'"):
        fit.compare_shares(adjust="none")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="fit several models, or name classes"):
        choice_model(below, baseline="rest").compare_shares()


def test_models_asked_about_disjoint_items_can_be_compared() -> None:
    one = far_apart(1, low=6, high=6)
    other = one.replace({f"item {at:02d}": f"other {at:02d}" for at in range(12)})
    fit = choice_model(pd.concat([one.assign(model="a"), other.assign(model="b")]), baseline="rest")
    row: Any = fit.compare_shares(draws=400).frame.iloc[0]
    assert row["low"] < 0 < row["high"]
    assert row["n"] == 24
    assert "paired" not in row["method"]


def test_classes_of_which_no_item_can_be_compared_with_the_baseline_have_no_share() -> None:
    rows = choices(
        [("a", "b", "chose_first", 4), ("b", "a", "chose_second", 2), ("c", "rest", "chose_first", 4)]
    )
    rows["kind_first"] = rows["kind_second"] = "x"
    rows.loc[2, ["kind_first", "kind_second"]] = None
    fit = choice_model(rows, baseline="rest", slot=False)
    found = fit.share_below("kind", draws=50)
    assert found.frame[["estimate", "low", "high"]].isna().all(axis=None)
    assert any("cannot be compared with the baseline: a, b" in text for text in found.warnings)
    with pytest.raises(SettingError, match="nothing to compare"):
        fit.compare_shares("kind", draws=50)


def test_items_that_could_be_either_are_counted_and_more_comparisons_advised() -> None:
    rows = far_apart(7)
    rng = np.random.default_rng(7)
    rows["outcome"] = np.where(rng.random(len(rows)) < 0.5, "chose_first", "chose_second")
    found = choice_model(rows, baseline="rest").share_below(draws=400)
    unsure = int(found.frame["n_unsure"].iloc[0])
    assert unsure > 10
    assert any(
        f"{unsure} of 40 items could be on either side of 'rest'" in text
        and "a median of 8 comparisons with it" in text
        for text in found.warnings
    )
    clear = choice_model(far_apart(1, repeats=12), baseline="rest").share_below(draws=400)
    assert clear.frame["n_unsure"].iloc[0] < 10
    assert not any("either side" in text for text in clear.warnings)


@pytest.mark.parametrize(("low", "high"), [(12, 0), (0, 12)])
def test_all_below_and_none_below_have_one_bound_at_the_end(low: int, high: int) -> None:
    row: Any = (
        choice_model(far_apart(1, low=low, high=high, repeats=10), baseline="rest")
        .share_below()
        .frame.iloc[0]
    )
    # Jeffreys' bound for 12 of 12 at 95% is 0.814; items at +1 are nearer to the baseline than those at -3.
    assert (row["high"] if low else 1 - row["low"]) == 1.0
    assert 0.65 < (row["low"] if low else 1 - row["high"]) < 0.82
    assert row["estimate"] == pytest.approx(1.0 if low else 0.0, abs=0.04)


def test_one_item_and_a_class_of_identical_items_have_shares() -> None:
    pairs = [
        ("a", "rest", "chose_second", 9),
        ("rest", "a", "chose_first", 9),
        ("a", "rest", "chose_first", 1),
    ]
    alone: Any = choice_model(choices(pairs), baseline="rest").share_below(draws=400).frame.iloc[0]
    assert alone["n"] == 1
    # Jeffreys' bound for 1 of 1 at 95% is 0.147.
    assert 0.1 < alone["low"] < 0.16
    assert alone["estimate"] > 0.95
    assert alone["high"] == 1.0
    alike = [
        (first, second, outcome, 2)
        for item in "abcdefghij"
        for first, second in ((item, "rest"), ("rest", item))
        for outcome in ("chose_first", "chose_second")
    ]
    row: Any = choice_model(choices(alike), baseline="rest").share_below(draws=400).frame.iloc[0]
    # Items at the baseline cannot be told from items near it: nearly any share is possible.
    assert row["estimate"] == pytest.approx(0.5, abs=0.1)
    assert row["high"] - row["low"] > 0.8
    assert row["n_unsure"] == 10


def test_nearly_all_items_separated_have_a_share() -> None:
    rows = far_apart(4, low=39, high=1, repeats=2)
    rest = (rows["first"] == "rest") | (rows["second"] == "rest")
    never = rest & ~rows["first"].isin(["item 39"]) & ~rows["second"].isin(["item 39"])
    rows.loc[never, "outcome"] = np.where(rows.loc[never, "first"] == "rest", "chose_first", "chose_second")
    row: Any = choice_model(rows[rest], baseline="rest").share_below().frame.iloc[0]
    assert row["low"] < 39 / 40 < row["high"]
    assert row["low"] > 0.8


def test_shares_do_not_depend_on_the_order_of_rows() -> None:
    rows = far_apart(5, low=5, high=5)
    shuffled = rows.sample(frac=1, random_state=1)
    one, other = (choice_model(table, baseline="rest").share_below(draws=300) for table in (rows, shuffled))
    pd.testing.assert_frame_equal(one.frame, other.frame)


def test_the_check_of_the_population_is_in_every_result_and_says_what_its_silence_means() -> None:
    fit = choice_model(far_apart(6), baseline="rest")
    found = fit.share_below(draws=400)
    assert 0.05 < found.frame["population_check"].iloc[0] <= 1
    assert "proves nothing" in found.settings["population_check"]


def test_the_check_speaks_where_items_are_no_sample_from_their_population() -> None:
    fit = choice_model(far_apart(6, repeats=8), baseline="rest").groups[0]
    nodes = np.array([at for at, item in enumerate(fit.layout.nodes) if item != "rest"])
    parameters = np.tile(fit.maximum.estimated[0], (200, 1))
    rng = np.random.default_rng(0)
    narrow, wide = (Mixture(*(np.full((200, 1), v) for v in (1.0, 0.0, spread))) for spread in (0.05, 3.0))
    for normal in (narrow, wide):
        assert population_check(fit, nodes, parameters, normal, rng) < 0.05
