from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.attributes import regress_utilities
from bartleby.analysis.choice.model import ChoiceFit, choice_model
from bartleby.errors import SettingError
from tests.analysis.choice_tables import simulated

LEVELS = ("none", "mild", "severe")


def rated(seed: int = 1) -> ChoiceFit:
    rows, utility = simulated(seed, n_items=19, repeats=2)
    rng = np.random.default_rng(seed)
    names = list(utility)
    harm = {name: LEVELS[at % 3] for at, name in enumerate(names[:-1])}
    hard = {name: float(at // 3) for at, name in enumerate(names[:-1])}
    logit = {n: -1.0 * LEVELS.index(harm[n]) + 0.3 * hard[n] for n in harm} | {names[-1]: 0.0}
    difference = rows["first"].map(logit) - rows["second"].map(logit)
    rows["outcome"] = np.where(
        rng.random(len(rows)) < 1 / (1 + np.exp(-difference)), "chose_first", "chose_second"
    )
    for side in ("first", "second"):
        rows[f"harm_{side}"], rows[f"hard_{side}"] = rows[side].map(harm), rows[side].map(hard)
    return choice_model(rows, baseline=names[-1])


def test_partial_effects_are_recovered() -> None:
    found: Any = rated().attributes(["harm", "hard"]).to_frame().set_index("term")
    assert list(found.index) == ["harm[mild]", "harm[severe]", "hard"]
    for term, truth in (("harm[mild]", -1.0), ("harm[severe]", -2.0), ("hard", 0.3)):
        assert found.loc[term, "low"] < truth < found.loc[term, "high"]


def test_harm_levels_come_in_their_own_order() -> None:
    found: Any = rated().dose_response("harm").to_frame()
    means = found[found["quantity"] == "mean"]
    assert means["term"].tolist() == ["harm[none]", "harm[mild]", "harm[severe]"]
    steps = found[found["quantity"] == "step"]["estimate"].to_numpy()
    assert steps == pytest.approx(np.diff(means["estimate"].to_numpy()), abs=1e-9)
    trend: Any = found[found["quantity"] == "trend"].iloc[0]
    assert trend["low"] < -1 < trend["high"]


def test_a_dose_needs_levels() -> None:
    rows, _ = simulated(2, n_items=5)
    rows["size_first"], rows["size_second"] = "same", "same"
    with pytest.raises(SettingError, match="1 levels"):
        choice_model(rows).dose_response("size")


def test_the_reference_item_does_not_matter_for_effects() -> None:
    fit = rated(2)
    rows = [group.layout.contrasts for group in fit.groups]
    assert rows
    free = fit.attributes(["harm"], estimand="these_items").to_frame()
    assert np.isfinite(free["estimate"]).all()


def test_these_items_are_least_squares_with_the_noise_of_their_utilities() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(12), rng.normal(size=12)])
    y = X @ [1.0, 2.0] + rng.normal(size=12)
    found: Any = regress_utilities(y, 0.3 * np.eye(12), X)
    assert found.coefficients == pytest.approx(np.linalg.lstsq(X, y, rcond=None)[0])
    assert found.covariance == pytest.approx(0.3 * np.linalg.inv(X.T @ X))
    assert found.row(np.array([0.0, 1.0]), 0.95)["df"] == np.inf


def test_these_items_have_the_precision_of_their_clusters() -> None:
    fit = rated(3)
    row: Any = fit.attributes("hard", estimand="these_items").to_frame().iloc[0]
    group = fit.groups[0]
    assert group.robust is not None
    hard = fit.item_classes(["hard"])["hard"].dropna().astype(float)
    X = np.column_stack([np.ones(len(hard)), hard])
    nodes = [group.layout.nodes.index(item) for item in hard.index]
    contrast = (np.linalg.pinv(X) @ group.layout.contrasts[nodes])[1:]
    assert row["estimate"] == pytest.approx(float((contrast @ group.maximum.estimated[0])[0]))
    assert row["std_error"] == pytest.approx(float(group.robust.standard_errors(contrast)[0]))
    assert row["df"] == pytest.approx(float(group.robust.degrees_of_freedom(contrast)[0]))
    assert row["method"].endswith("CR2, Satterthwaite t")


def test_one_cluster_or_none_has_the_precision_of_the_model() -> None:
    rows, utility = simulated(7, n_items=6, repeats=3)
    size = {name: float(at % 3) for at, name in enumerate(utility)}
    rows["size_first"], rows["size_second"] = rows["first"].map(size), rows["second"].map(size)
    rows["session"] = "one"
    for cluster in (False, "session"):
        fit = choice_model(rows, cluster=cluster)
        found: Any = fit.attributes("size", estimand="these_items").to_frame().iloc[0]
        assert found["method"] == "least squares, these items, z"
        assert np.isfinite(found["low"])


def test_a_level_that_never_wins_is_unbounded_on_that_side_only() -> None:
    rows, utility = simulated(8, n_items=15, repeats=1)
    harm = {name: LEVELS[at % 3] for at, name in enumerate(utility)}
    worst = [name for name in utility if harm[name] == "severe"]
    rows = rows[rows["first"].isin(worst) != rows["second"].isin(worst)]
    rows["outcome"] = np.where(rows["first"].isin(worst), "chose_second", "chose_first")
    for side in ("first", "second"):
        rows[f"harm_{side}"] = rows[side].map(harm)
    found = choice_model(rows, baseline="item 00").dose_response("harm")
    table: Any = found.to_frame().set_index("term")
    last = table.loc["harm[severe] - harm[mild]"]
    assert last["low"] == -np.inf
    assert last["estimate"] <= last["high"] < -1
    assert np.isnan(last["std_error"])
    # Mild and benign items were never compared, nor with an item in common that both could lose to.
    assert table.loc["harm[mild] - harm[none]", ["low", "high"]].tolist() == [-np.inf, np.inf]
    assert any("harm[severe] - harm[mild]" in text and "no lower bound" in text for text in found.warnings)


def test_levels_that_are_told_apart_keep_their_bounds_beside_one_that_never_wins() -> None:
    rows, utility = simulated(8, n_items=15, repeats=1)
    harm = {name: LEVELS[at % 3] for at, name in enumerate(utility)}
    first, second = ((rows[side].map(harm) == "severe").to_numpy() for side in ("first", "second"))
    rows["outcome"] = np.select(
        [first & ~second, second & ~first], ["chose_second", "chose_first"], rows["outcome"]
    )
    for side in ("first", "second"):
        rows[f"harm_{side}"] = rows[side].map(harm)
    table: Any = choice_model(rows, baseline="item 00").dose_response("harm").to_frame().set_index("term")
    known = table.loc["harm[mild] - harm[none]"]
    assert np.isfinite([known["std_error"], known["low"], known["high"]]).all()
    last = table.loc["harm[severe] - harm[mild]"]
    assert last["low"] == -np.inf
    assert -6 < last["high"] < -2


def scored(seed: int, *, repeats: int, spread: float) -> tuple[ChoiceFit, pd.Series, pd.Series]:
    """Fit items whose utility falls by 1 a grade of harm and differs by `spread` beside."""
    rng = np.random.default_rng(seed)
    names = [f"item {at:02d}" for at in range(14)]
    harm = pd.Series(np.arange(14) % 3.0, index=names)
    utility = -harm + spread * pd.Series(rng.normal(size=14), index=names)
    pairs = [(one, other) for one in names for other in names if one != other]
    rows = pd.DataFrame(pairs, columns=["first", "second"])
    chance = 1 / (1 + np.exp(rows["second"].map(utility) - rows["first"].map(utility)))
    wins = rng.binomial(repeats, chance)
    both = [
        rows.assign(outcome="chose_first", count=wins),
        rows.assign(outcome="chose_second", count=repeats - wins),
    ]
    table = pd.concat(both).query("count > 0")
    for side in ("first", "second"):
        table[f"harm_{side}"] = table[side].map(harm)
    return choice_model(table, baseline=names[0]), harm, utility


def test_with_many_choices_new_items_are_ordinary_least_squares_of_the_utilities() -> None:
    fit, harm, utility = scored(3, repeats=2000, spread=0.7)
    found: Any = fit.attributes("harm").to_frame().iloc[0]
    X = np.column_stack([np.ones(13), harm.iloc[1:]])
    expected, rest, *_ = np.linalg.lstsq(X, utility.iloc[1:], rcond=None)
    error = np.sqrt(rest[0] / 11 * np.linalg.inv(X.T @ X)[1, 1])
    assert found["estimate"] == pytest.approx(expected[1], abs=0.03)
    # Quantiles of Student's t with 11 degrees of freedom.
    assert found["high"] - found["low"] == pytest.approx(2 * 2.201 * error, rel=0.08)
    assert found["sd_between_items"] == pytest.approx(np.sqrt(rest[0] / 11), rel=0.2)


def test_few_choices_do_not_draw_slopes_towards_zero() -> None:
    slopes = [
        float(scored(seed, repeats=1, spread=0.3)[0].attributes("harm").frame["estimate"].iloc[0])
        for seed in range(4)
    ]
    assert np.mean(slopes) == pytest.approx(-1.0, abs=0.25)


def test_the_same_seed_gives_the_same_slopes_and_levels_nest() -> None:
    fit, *_ = scored(5, repeats=2, spread=0.5)
    one, same, wide = (fit.attributes("harm", level=level).to_frame() for level in (0.8, 0.8, 0.95))
    pd.testing.assert_frame_equal(one, same)
    assert (wide["low"] < one["low"]).all()
    assert (one["high"] < wide["high"]).all()


def test_as_many_levels_as_items_say_nothing_of_new_ones() -> None:
    rows, utility = simulated(6, n_items=4, repeats=2)
    place = {name: float(at) for at, name in enumerate(utility)}
    rows["size_first"], rows["size_second"] = rows["first"].map(place), rows["second"].map(place)
    new, these = (
        choice_model(rows).dose_response("size", estimand=each).to_frame()
        for each in ("new_items", "these_items")
    )
    assert new["low"].isna().all()
    np.testing.assert_allclose(new["estimate"], these["estimate"])
    assert these["low"].notna().all()


def test_more_attributes_than_items_have_no_estimate_and_a_warning() -> None:
    rows, _ = simulated(4, n_items=4)
    code = {f"item {at:02d}": float(at) for at in range(4)}
    for name in "abc":
        value = {item: x ** (ord(name) - 96) for item, x in code.items()}
        rows[f"{name}_first"], rows[f"{name}_second"] = rows["first"].map(value), rows["second"].map(value)
    found: Any = choice_model(rows, baseline="item 00").attributes(["a", "b", "c"])
    assert len(found.to_frame()) == 0
    assert any("cannot tell these attributes apart" in each for each in found.warnings)
    assert isinstance(found.to_frame(), pd.DataFrame)
