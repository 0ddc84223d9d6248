from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.attributes import regress_utilities
from bartleby.analysis.choice_model import ChoiceFit, choice_model
from bartleby.errors import SettingError

from .choice_tables import simulated

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


def test_without_noise_new_items_are_ordinary_least_squares() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(12), rng.normal(size=12)])
    y = X @ [1.0, 2.0] + rng.normal(size=12)
    found: Any = regress_utilities(y, 1e-12 * np.eye(12), X, "new_items")
    expected, rest, *_ = np.linalg.lstsq(X, y, rcond=None)
    assert found.coefficients == pytest.approx(expected, abs=1e-6)
    assert found.between**2 == pytest.approx(rest[0] / 10, rel=1e-4)
    assert found.covariance == pytest.approx(rest[0] / 10 * np.linalg.inv(X.T @ X), rel=1e-4)
    assert found.df == 10


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
