"""Whether a respondent chooses at all: by what the items are, by position, or not."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bartleby.analysis.choice.model import choice_model


def answers(logit: object, *, items: int = 8, samples: int = 4, seed: int = 0) -> pd.DataFrame:
    """Return choices of all pairs in both orders; `logit(i, j, label)` is that of the item shown first."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, j in permutations(range(items), 2):
        for sample in range(samples):
            first = rng.random() < expit(logit(i, j, "AB"[sample % 2]))  # type: ignore[operator]
            rows.append((f"item-{i}", f"item-{j}", "chose_first" if first else "chose_second"))
    return pd.DataFrame(rows, columns=["first", "second", "outcome"])


def status(trials: pd.DataFrame) -> str:
    return str(choice_model(trials).chooses().settings["status"]["all"])


@pytest.mark.parametrize(
    ("kind", "logit", "settings"),
    [
        ("no preference", lambda _i, _j, _label: 0.0, {}),
        ("no preference", lambda _i, _j, label: 50.0 if label == "A" else -50.0, {}),
        ("position alone", lambda _i, _j, _label: 50.0, {}),
        ("position alone", lambda _i, _j, _label: 1.5, {}),
        ("chooses", lambda i, j, _label: 1.0 * (i - j) + 0.5, {}),
        ("chooses", lambda i, j, _label: 50.0 * (i - j), {}),
        ("chooses", lambda i, j, _label: 0.08 * (i - j), {"samples": 60}),
        ("mostly position", lambda i, j, _label: 0.08 * (i - j) + 2.0, {"samples": 60}),
        ("chooses", lambda i, j, _label: 1.0 * (i - j), {"items": 2, "samples": 30}),
        ("no preference", lambda _i, _j, _label: 0.0, {"items": 2, "samples": 30}),
        ("position alone", lambda _i, _j, _label: 50.0, {"items": 2}),
    ],
)
def test_respondents_are_told_apart(kind: str, logit: object, settings: dict[str, int]) -> None:
    assert status(answers(logit, **settings)) == kind


def test_coins_are_seldom_taken_for_preferences() -> None:
    found = [status(answers(lambda _i, _j, _label: 0.0, items=5, samples=2, seed=s)) for s in range(40)]
    assert found.count("chooses") + found.count("mostly position") <= 4


def test_the_share_of_two_items_is_that_of_their_four_counts() -> None:
    rows = [("a", "b", "chose_first", 30), ("a", "b", "chose_second", 10)]
    rows += [("b", "a", "chose_first", 10), ("b", "a", "chose_second", 30)]
    trials = pd.DataFrame(rows, columns=["first", "second", "outcome", "count"])
    items = choice_model(trials, cluster=False).chooses().frame.set_index("quantity").loc["items"]
    # The phi coefficient of item and choice is 1/2, so that chi-square is 80/4 = 20, of which 1 is by chance.
    assert items["estimate"] == pytest.approx(19 / 80)
    assert 0 < items["low"] < items["estimate"] < items["high"] < 1


def test_pairs_in_one_order_only_cannot_tell() -> None:
    trials = answers(lambda i, j, _label: float(i - j), items=2)
    assert status(trials[trials["first"] == "item-0"]) == "cannot tell"


def test_the_same_item_in_both_orders_is_counted_by_pair() -> None:
    always = choice_model(answers(lambda _i, _j, _label: 50.0)).chooses().frame.set_index("quantity")
    assert always["estimate"]["both_orders"] == 0
    assert np.isnan(always["low"]["both_orders"])
    surely = choice_model(answers(lambda i, j, _label: 50.0 * (i - j))).chooses().frame
    assert surely.set_index("quantity")["estimate"]["both_orders"] == 1


def test_labels_that_are_seldom_answered_are_a_warning() -> None:
    trials = answers(lambda i, j, _label: float(i - j)).assign(label_mass=0.3)
    checks = choice_model(trials).chooses()
    assert checks.frame.set_index("quantity")["estimate"]["label_mass"] == pytest.approx(0.3)
    assert any("30% of the probability" in warning for warning in checks.warnings)


def test_a_position_effect_whose_interval_excludes_zero_is_a_sentence() -> None:
    fit = choice_model(answers(lambda i, j, _label: 0.5 * (i - j) + 1.5, samples=10))
    told = [warning for warning in fit.warnings if warning.startswith("position effect")]
    assert len(told) == 1
    assert "the one shown first is taken 8" in told[0]
    assert "times the spread of utilities (standard deviation 1." in told[0]
    assert not any(
        "position effect" in warning for warning in choice_model(answers(lambda i, j, _: i - j)).warnings
    )


def test_the_sentence_of_a_fit_leads_with_what_it_chooses_by() -> None:
    always = choice_model(answers(lambda _i, _j, _label: 50.0)).verdict
    assert always.startswith("Position alone: where an item is shown explains 100% of the variance")
    assert "no expressed preference" in always
    trials = answers(lambda i, j, _label: 1.0 * (i - j)).assign(model="m")
    fit = choice_model(pd.concat([trials, trials.assign(model="n")]), baseline="item-3")
    assert fit.verdict.startswith("m chooses by what the items are: they explain ")
    assert "of 7 items " in fit.verdict
    assert (
        "below it, with 95% intervals that exclude it (all 448 trials used; 28 clusters by pair"
        in fit.verdict
    )
    assert fit.summary().endswith(fit.verdict)


def test_a_sentence_does_not_count_items_without_an_interval_as_near_the_zero() -> None:
    trials = answers(lambda i, j, _label: 1.0 * (i - j))
    none = choice_model(trials, baseline="item-3", intervals="none")
    assert "there is no interval of any item (all 224 trials" in none.verdict
    assert "exclude it" not in none.verdict
    rows = [
        ("007", "7", "chose_first", 6),
        ("007", "7", "chose_second", 4),
        ("7", "007", "chose_first", 3),
        ("7", "007", "chose_second", 7),
        ("1e3", "1000", "chose_first", 5),
        ("1e3", "1000", "chose_second", 5),
        ("1000", "007", "chose_first", 6),
        ("1000", "007", "chose_second", 4),
        ("1e3", "7", "chose_second", 6),
        ("1e3", "7", "chose_first", 4),
    ]
    fit = choice_model(pd.DataFrame(rows, columns=["first", "second", "outcome", "count"]))
    lacking = int(fit.frame["low"].isna()[fit.frame["term"] != "slot"].sum())
    assert 0 < lacking < 4
    assert f"of 4 items ({lacking} without an interval) 0 are above" in fit.verdict
