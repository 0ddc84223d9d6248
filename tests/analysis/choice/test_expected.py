"""Exact probabilities in place of draws: the same utilities, less noise, and observed trials as observed."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit, logit

from bartleby.analysis.choice.model import choice_model
from bartleby.errors import DataError, SettingError

UTILITY = {"a": 0.0, "b": 0.7, "c": -1.1, "d": 0.2}
SLOT = 1.5


def table(seed: int = 0, noise: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for first, second in permutations(UTILITY, 2):
        logit = UTILITY[first] - UTILITY[second] + SLOT + rng.normal(0, noise)
        chance = 1 / (1 + np.exp(-logit))
        outcome = "chose_first" if rng.random() < chance else "chose_second"
        rows.append((first, second, outcome, chance, 1 - chance))
    rows.append(("a", "b", "unparsed", np.nan, np.nan))
    return pd.DataFrame(
        rows, columns=["first", "second", "outcome", "probability_first", "probability_second"]
    )


def numbers(trials: pd.DataFrame, **settings: object) -> np.ndarray:
    fit = choice_model(trials, baseline="a", **settings)  # type: ignore[arg-type]
    return fit.frame[["estimate", "std_error", "low", "high"]].to_numpy()


def test_probabilities_that_follow_the_model_give_its_utilities_exactly() -> None:
    fit = choice_model(table(), baseline="a")
    found = fit.to_frame().set_index("term")
    assert found["estimate"]["slot"] == pytest.approx(SLOT, abs=1e-6)
    assert {name: found["estimate"][name] for name in UTILITY} == pytest.approx(UTILITY, abs=1e-6)
    assert fit.settings["probabilities"] == "use"
    assert "of exact probabilities" in found["method"]["b"]


def test_outcomes_and_trials_are_those_observed() -> None:
    trials = table()
    fit, drawn = choice_model(trials, baseline="a"), choice_model(trials, probabilities="ignore")
    assert fit.accounting.counts == drawn.accounting.counts == trials["outcome"].value_counts().to_dict()
    assert fit.accounting.used == 12
    assert fit.frame["n"].tolist() == drawn.frame["n"].tolist()


def test_the_setting_to_ignore_them_is_the_fit_without_the_columns() -> None:
    trials = table()
    plain = trials.drop(columns=["probability_first", "probability_second"])
    np.testing.assert_array_equal(numbers(trials, probabilities="ignore"), numbers(plain))
    assert choice_model(plain).settings["probabilities"] == "ignore"


@pytest.mark.parametrize("cluster", [None, False, "trial", "sample"])
def test_samples_of_one_prompt_are_one_observation(cluster: str | bool | None) -> None:
    once = table(noise=0.3).assign(trial=lambda t: "t" + t.index.astype(str), sample="0")
    again = [once.assign(trial=once["trial"] + f"-{k}", sample=str(k)) for k in range(1, 5)]
    few = numbers(once, cluster=None if cluster == "sample" else cluster)
    if cluster == "sample":
        assert np.isnan(numbers(pd.concat([once, *again]), cluster=cluster)[:, 2:]).all()
    else:
        np.testing.assert_allclose(numbers(pd.concat([once, *again]), cluster=cluster), few, atol=1e-9)


def test_an_answer_that_was_never_drawn_is_expected_all_the_same() -> None:
    trials = table().iloc[:12].assign(outcome="chose_first")
    fit = choice_model(trials, baseline="a")
    assert fit.accounting.counts == {"chose_first": 12.0}
    assert fit.frame.set_index("term")["estimate"]["slot"] == pytest.approx(SLOT, abs=1e-6)


def test_weights_are_trials() -> None:
    fit = choice_model(table().assign(count=3), baseline="a")
    assert (fit.accounting.used, fit.accounting.total) == (36, 39)


def test_models_with_and_without_probabilities_are_told_apart() -> None:
    seen, hidden = table().assign(model="seen"), table(1).assign(model="hidden")
    hidden[["probability_first", "probability_second"]] = np.nan
    both = choice_model(pd.concat([seen, hidden]), baseline="a")
    assert both.settings["probabilities"] == "use in model=seen"
    by_model = both.frame.query("term == 'slot'").set_index("model")
    assert by_model["estimate"]["seen"] == pytest.approx(SLOT, abs=1e-6)
    assert "exact" not in by_model["method"]["hidden"]
    alone = choice_model(hidden.drop(columns="model"), baseline="a").frame.query("term == 'slot'")
    assert by_model["estimate"]["hidden"] == pytest.approx(alone["estimate"].item())
    with pytest.raises(SettingError, match="model=hidden: no choice has its probabilities"):
        choice_model(pd.concat([seen, hidden]), probabilities="use")


def test_few_known_probabilities_are_reported_and_not_used_unless_wanted() -> None:
    trials = table()
    trials.loc[:5, ["probability_first", "probability_second"]] = np.nan
    fit = choice_model(trials)
    assert fit.settings["probabilities"] == "ignore"
    assert any("known for 6 of 12 choices: not used" in warning for warning in fit.warnings)
    assert choice_model(trials, probabilities="use").settings["probabilities"] == "use"


def test_other_answers_in_the_model_are_fitted_to_the_draws() -> None:
    trials = table()
    tie = pd.DataFrame([["a", "c", "indifferent", 0.4, 0.3]], columns=trials.columns)
    trials = pd.concat([trials, tie])
    assert choice_model(trials).settings["probabilities"] == "use"
    tied = choice_model(trials, ties="davidson")
    assert tied.settings["probabilities"] == "ignore"
    assert any("of the two items only" in warning for warning in tied.warnings)
    with pytest.raises(SettingError, match="of the two items only"):
        choice_model(trials, ties="davidson", probabilities="use")


def test_the_order_effect_of_a_pair_is_known_and_has_no_interval() -> None:
    flips = choice_model(table()).flips().frame
    assert flips["estimate"].to_numpy() == pytest.approx(SLOT, abs=1e-9)
    assert flips[["low", "high", "p_value"]].isna().all(axis=None)
    assert flips.set_index(["item_1", "item_2"])["flips"].to_dict()["a", "b"]


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match=r"1\.5 is not between 0 and 1"):
        choice_model(table().assign(probability_first=1.5))
    with pytest.raises(DataError, match="is the sum of probabilities and above 1"):
        choice_model(table().assign(probability_first=1.0))
    with pytest.raises(DataError, match="must be numbers"):
        choice_model(table().assign(probability_first="likely"))
    with pytest.raises(SettingError, match="the table lacks probability_first"):
        choice_model(table().drop(columns="probability_first"), probabilities="use")
    with pytest.raises(SettingError, match="probabilities='yes'"):
        choice_model(table(), probabilities="yes")  # type: ignore[arg-type]


def test_items_that_are_always_taken_have_bounds_on_one_side() -> None:
    trials = table()
    with_b = trials["first"].eq("b") | trials["second"].eq("b")
    trials.loc[with_b, "probability_first"] = trials.loc[with_b, "first"].eq("b").astype(float)
    trials.loc[with_b, "probability_second"] = 1 - trials.loc[with_b, "probability_first"]
    trials.loc[with_b, "outcome"] = np.where(
        trials.loc[with_b, "first"].eq("b"), "chose_first", "chose_second"
    )
    fit = choice_model(trials.iloc[:12], baseline="a")
    assert fit.separated() == {"b"}
    assert fit.frame.set_index("term")["estimate"]["b"] > 1


def uneven(seed: int = 3) -> pd.DataFrame:
    """All pairs in both orders, each with a leaning and a position effect of its own."""
    rng = np.random.default_rng(seed)
    rows = []
    for one, other in combinations(UTILITY, 2):
        leaning, position = rng.normal(0, 0.5), SLOT + rng.normal(0, 1.0)
        for first, second, side in ((one, other, 1), (other, one, -1)):
            logit = UTILITY[first] - UTILITY[second] + side * leaning + position
            rows.append((first, second, "chose_first", expit(logit), expit(-logit), position))
    names = ["first", "second", "outcome", "probability_first", "probability_second", "position"]
    return pd.DataFrame(rows, columns=names)


def log_odds(trials: pd.DataFrame) -> np.ndarray:
    return np.asarray(np.log(trials["probability_first"] / trials["probability_second"]))


def test_the_position_effect_is_the_mean_over_pairs_with_its_t_interval() -> None:
    trials = uneven()
    row = choice_model(trials, baseline="a").frame.query("term == 'slot'").iloc[0]
    effects = trials["position"].iloc[::2].astype(float)
    assert row["estimate"] == pytest.approx(effects.mean(), abs=1e-9)
    assert row["std_error"] == pytest.approx(effects.sem(), abs=1e-9)
    half = float(stats.t.ppf(0.975, len(effects) - 1)) * float(effects.std()) / len(effects) ** 0.5
    assert float(row["high"] - effects.mean()) == pytest.approx(half, abs=1e-6)


def test_a_position_effect_that_a_few_pairs_have_reaches_as_far_as_halls_transformation() -> None:
    # Both orders of 45 pairs of ten items that are alike; a fifth of pairs has most of the effect.
    pairs = list(combinations("abcdefghij", 2))
    effects = np.where(np.arange(len(pairs)) % 5 == 0, 1.6, -0.4)
    rows = [
        (*names, "chose_first", expit(effect), expit(-effect))
        for pair, effect in zip(pairs, effects, strict=True)
        for names in (pair, pair[::-1])
    ]
    names = ["first", "second", "outcome", "probability_first", "probability_second"]
    row = choice_model(pd.DataFrame(rows, columns=names), baseline="a").frame.query("term == 'slot'").iloc[0]
    n = len(effects)
    skew, t = float(stats.skew(effects, bias=False)) / n**0.5, float(stats.t.ppf(0.975, n - 1))
    # g(t) = t + s t^2 / 3 + s^2 t^3 / 27 + s / 6; the upper bound has t of the lower tail.
    below = float(brentq(lambda at: at + skew * at**2 / 3 + skew**2 * at**3 / 27 + skew / 6 + t, -50, 0))
    assert row["high"] == pytest.approx(effects.mean() - below * stats.sem(effects), abs=1e-9)
    assert row["low"] == pytest.approx(effects.mean() - t * stats.sem(effects), abs=1e-9)
    assert row["method"].endswith("t with skewness")


def test_utilities_are_least_squares_of_the_log_odds_of_pairs() -> None:
    trials = uneven()
    found = choice_model(trials, baseline="a").frame.set_index("term")["estimate"]
    odds = log_odds(trials)
    columns = {name: trials["first"].eq(name).astype(float) - trials["second"].eq(name) for name in "bcd"}
    X = np.column_stack([*columns.values(), np.ones(len(trials))])
    expected = np.linalg.lstsq(X, odds, rcond=None)[0]
    assert found[["b", "c", "d", "slot"]].to_numpy() == pytest.approx(expected, abs=1e-9)


def test_a_pair_counts_once_however_often_it_was_asked() -> None:
    trials = uneven().assign(count=1)
    more = trials.assign(count=np.where(trials.index < 3, 50, 1))
    np.testing.assert_allclose(numbers(more), numbers(trials), atol=1e-9)


def test_a_pair_in_one_order_only_counts_by_what_utilities_leave_of_it() -> None:
    trials = uneven().iloc[1:]
    found = choice_model(trials, baseline="a").frame.set_index("term")
    odds = log_odds(trials)
    columns = {name: trials["first"].eq(name).astype(float) - trials["second"].eq(name) for name in "bcd"}
    X = np.column_stack([*columns.values(), np.ones(len(trials))])
    assert found["estimate"]["slot"] == pytest.approx(np.linalg.lstsq(X, odds, rcond=None)[0][-1], abs=1e-9)


def test_prompts_of_a_pair_are_averaged_in_logits() -> None:
    trials = uneven()
    wordings = []
    for name, shift in (("plain", 2.0), ("long", -2.0)):
        odds = logit(trials["probability_first"]) + shift
        wordings.append(
            trials.assign(probability_first=expit(odds), probability_second=expit(-odds), wording=name)
        )
    np.testing.assert_allclose(numbers(pd.concat(wordings)), numbers(trials), atol=1e-9)


@pytest.mark.parametrize("sure", [(1.0, 0.0), (np.nan, np.nan)])
def test_log_odds_that_are_not_known_are_not_made_up(sure: tuple[float, float]) -> None:
    trials = pd.concat([uneven(), uneven(4).assign(model="other")]).fillna({"model": "one"})
    trials.iloc[0, [3, 4]] = sure
    fit = choice_model(trials, baseline="a", by="model", probabilities="use")
    methods = fit.frame.query("term == 'slot'").set_index("model")["method"]
    assert "maximum likelihood of exact probabilities" in methods["one"]
    assert "log odds of exact probabilities" in methods["other"]
    assert any("1 of 12 ordered pairs have a probability of exactly 0 or 1" in note for note in fit.warnings)
    assert np.isfinite(fit.frame.query("term != 'a'")[["estimate", "low", "high"]].to_numpy()).all()


def test_tiny_probabilities_keep_their_log_odds() -> None:
    trials = uneven()
    trials.loc[0, ["probability_first", "probability_second"]] = (1.0, 1e-20)
    found = choice_model(trials, baseline="a").frame.set_index("term")
    others = log_odds(trials)[1:]
    assert found["estimate"]["slot"] == pytest.approx((20 * np.log(10) + others.sum()) / 12, abs=1e-9)


@pytest.mark.parametrize("baseline", ["a", "far"])
@pytest.mark.parametrize("bias_reduced", [None, False])
@pytest.mark.parametrize("away", [8.0, 34.0, 200.0])
def test_several_items_that_are_next_to_never_taken_keep_their_utilities(
    away: float, bias_reduced: bool | None, baseline: str
) -> None:
    """Likelihood knows the far ones among themselves, and nothing of how far they are from the others."""
    utility = {**UTILITY, "far": -away, "farther": -away - 0.5, "farthest": -away - 0.7}
    draws = np.random.default_rng(5)
    pairs = list(permutations(utility, 2))
    odds = np.array([utility[first] - utility[second] + SLOT for first, second in pairs])
    odds += draws.normal(0, 0.1, len(odds))
    trials = pd.DataFrame(pairs, columns=["first", "second"]).assign(
        outcome=np.where(odds > 0, "chose_first", "chose_second"),
        probability_first=expit(odds),
        probability_second=expit(-odds),
    )
    fit = choice_model(trials, baseline=baseline, bias_reduced=bias_reduced)
    found = fit.to_frame().set_index("term")
    drawn = fit.bootstrap(replicates=40).to_frame().set_index("term").drop(index=baseline, errors="ignore")
    assert (drawn["low"] < drawn["estimate"]).all()
    assert (drawn["estimate"] < drawn["high"]).all()
    for name, value in utility.items():
        assert found["estimate"][name] == pytest.approx(value - utility[baseline], abs=0.3)
        assert name == baseline or found["low"][name] < found["estimate"][name] < found["high"][name]
