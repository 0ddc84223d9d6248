from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.model import ChoiceFit, choice_model
from bartleby.errors import SettingError
from tests.analysis.choice_tables import simulated


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
@pytest.mark.parametrize("population", ["normal", "any"])
def test_the_share_lies_in_an_interval_that_has_a_width(estimand: str, population: str) -> None:
    found = two_classes(1).share_below(by="impact", estimand=estimand, population=population, draws=500)  # type: ignore[arg-type]
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
    new = fit.share_below(by="impact", population="any", draws=500).to_frame()
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
        assert any("more than 300 draws can tell" in text for text in few.warnings)
        assert not any("draws can tell" in text for text in found(by="impact", draws=300).warnings)


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


def test_draws_that_are_worth_little_are_said_to_be() -> None:
    fit = two_classes(21)
    few = fit.share_below(by="impact", draws=2000)
    assert not any("posterior draws" in text for text in few.warnings)
    from bartleby.analysis.choice.share_estimates import _notes
    from bartleby.analysis.choice.shares import ClassDraws

    poor = ClassDraws(("x",), ("a", "b"), np.ones((2000, 2), dtype=bool), np.ones(2000), effective=12.0)
    assert any("worth 12 independent ones" in text for text in _notes({}, poor, "these_items"))


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
