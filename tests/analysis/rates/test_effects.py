"""Effects: formulas, CR2 against R, marginal effects against statsmodels, separation, the mixed option."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bartleby.analysis.rates import marginal
from bartleby.analysis.rates.counted import counted_cells
from bartleby.analysis.rates.effects import effects
from bartleby.analysis.rates.formulas import read_formula
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError, SettingError

# cbpp of lme4 (Lesnoff et al. 2004), one row a herd and period.
HERD = [
    *(1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 9, 9, 9, 9),
    *(10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15),
]
CASES = [
    *(2, 3, 4, 0, 3, 1, 1, 8, 2, 0, 2, 2, 0, 2, 0, 5, 0, 0, 1, 3, 0, 0, 1, 8, 1, 3, 0, 12, 2, 0, 0, 0),
    *(1, 1, 0, 2, 0, 5, 3, 1, 2, 1, 0, 0, 1, 2, 0, 0, 11, 0, 0, 0, 1, 1, 1, 0),
]
ANIMALS = [
    *(14, 12, 9, 5, 22, 18, 21, 22, 16, 16, 20, 10, 10, 9, 6, 18, 25, 24, 4, 17, 17, 18, 20, 16, 10, 9),
    *(5, 34, 9, 6, 8, 6, 22, 22, 18, 22, 25, 27, 22, 22, 10, 8, 6, 5, 21, 24, 19, 23, 19, 2, 3, 2, 19),
    *(15, 15, 15),
]
PERIOD = list("1234123" + "1234" * 5 + "1" + "1234" * 7)


def cbpp() -> pd.DataFrame:
    table = pd.DataFrame({"herd": HERD, "period": PERIOD, "cases": CASES, "animals": ANIMALS})
    sick = table.assign(sick=1, count=table["cases"])
    well = table.assign(sick=0, count=table["animals"] - table["cases"])
    return pd.concat([sick, well], ignore_index=True)[["herd", "period", "sick", "count"]]


def study(items: int = 40, repeats: int = 5, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    harm = rng.choice(["none", "mild", "severe"], items)
    difficulty = rng.integers(1, 6, items)
    logits = (
        -1 + 0.8 * (harm == "mild") + 1.6 * (harm == "severe") + 0.2 * difficulty + rng.normal(0, 1, items)
    )
    rows = [
        {
            "item": f"i{item:02}",
            "harm": harm[item],
            "difficulty": int(difficulty[item]),
            "outcome": "opted_out" if leaves else "completed",
        }
        for item in range(items)
        for leaves in rng.random(repeats) < 1 / (1 + np.exp(-logits[item]))
    ]
    return pd.DataFrame(rows)


def part(found: Estimates, quantity: str) -> Any:  # noqa: ANN401 - pandas stubs make every cell a union
    return found.frame[found.frame["quantity"] == quantity].set_index("term")


def test_cbpp_has_the_cr2_errors_and_degrees_of_freedom_of_clubsandwich() -> None:
    # clubSandwich on the whitened working model of R's glm(cbind(cases, animals - cases) ~ period).
    rows = part(effects(cbpp(), "sick ~ period", cluster="herd"), "coefficient")
    assert rows.index.tolist() == ["Intercept", "period[2]", "period[3]", "period[4]"]
    beta = [-1.2690234893671, -1.1707627251404, -1.3014053338590, -1.7822786353417]
    errors = [0.28671360762637, 0.46197150932549, 0.51515894018484, 0.40898832290940]
    df = [12.4698505775436, 11.5101194684304, 11.5703232097795, 8.7593135684499]
    np.testing.assert_allclose(rows["estimate"], beta, rtol=1e-9)
    np.testing.assert_allclose(rows["std_error"], errors, rtol=1e-8)
    np.testing.assert_allclose(rows["df"], df, rtol=1e-8)
    assert rows["n_clusters"].iloc[0] == 15
    assert rows["n"].iloc[0] == 842


def test_odds_ratios_carry_over_the_bounds_of_coefficients() -> None:
    found = effects(cbpp(), "sick ~ period", cluster="herd")
    coefficients, odds = part(found, "coefficient"), part(found, "odds_ratio")
    assert "Intercept" not in odds.index
    np.testing.assert_allclose(odds["low"], np.exp(coefficients.loc[odds.index, "low"]))
    np.testing.assert_allclose(odds["p_value"], coefficients.loc[odds.index, "p_value"])


def test_marginal_effects_equal_those_of_statsmodels() -> None:
    import statsmodels.api as sm

    trials = study().assign(long=lambda data: (data["difficulty"] > 3).astype(int))
    found = part(effects(trials, "opted_out ~ difficulty + long", cluster=False), "marginal_effect")
    design = sm.add_constant(trials[["difficulty", "long"]].astype(float))
    fit = sm.Logit((trials["outcome"] == "opted_out").astype(float), design).fit(disp=0)
    theirs = fit.get_margeff(at="overall", dummy=True)
    np.testing.assert_allclose(found["estimate"], theirs.margeff, rtol=1e-6)
    np.testing.assert_allclose(found["std_error"], theirs.margeff_se, rtol=1e-5)


def test_the_marginal_effect_of_a_lone_category_is_the_difference_of_rates() -> None:
    trials = study()
    found = part(effects(trials, "opted_out ~ harm"), "marginal_effect")
    rates = (trials["outcome"] == "opted_out").groupby(trials["harm"]).mean()
    assert found.index.tolist() == ["harm[mild - none]", "harm[severe - none]"]
    assert found["estimate"].iloc[1] == pytest.approx(rates["severe"] - rates["none"])
    assert np.isfinite(found["df"]).all()


def test_marginal_effects_go_through_interactions_and_functions() -> None:
    trials = study()
    found = part(effects(trials, "opted_out ~ harm * np.log(difficulty)"), "marginal_effect")
    assert found.index.tolist() == ["harm[mild - none]", "harm[severe - none]", "difficulty"]
    assert np.isfinite(found[["low", "high"]].to_numpy(dtype=float)).all()


def test_marginal_effects_are_the_same_however_many_designs_are_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials, formula = study(), "opted_out ~ harm * difficulty"
    together = part(effects(trials, formula), "marginal_effect")
    monkeypatch.setattr(marginal, "_ROWS_AT_ONCE", 1)
    apart = part(effects(trials, formula), "marginal_effect")
    np.testing.assert_allclose(together["estimate"], apart["estimate"], rtol=1e-12)
    np.testing.assert_allclose(together["std_error"], apart["std_error"], rtol=1e-12)


def test_harm_begins_with_none_and_categories_keep_the_order_they_are_given() -> None:
    assert effects(study(), "opted_out ~ harm").settings["reference"] == {"harm": "none"}
    ordered = study()
    ordered["harm"] = pd.Categorical(ordered["harm"], categories=["severe", "none", "mild"])
    assert effects(ordered, "opted_out ~ harm").settings["reference"] == {"harm": "severe"}
    numbers = effects(study(), "opted_out ~ C(difficulty)")
    assert numbers.settings["reference"] == {"difficulty": "1"}


def test_a_separated_class_of_items_gets_firths_fit_and_is_told() -> None:
    trials = study()
    trials.loc[trials["harm"] == "severe", "outcome"] = "opted_out"
    found = effects(trials, "opted_out ~ harm")
    rows = part(found, "coefficient")
    assert any("separated along 'harm[severe]'" in text for text in found.warnings)
    assert rows["method"].str.startswith("firth, profile").all()
    assert 0 < rows.loc["harm[severe]", "low"] < rows.loc["harm[severe]", "estimate"]
    assert np.isfinite(rows["high"].to_numpy(dtype=float)).all()
    asked = effects(trials, "opted_out ~ harm", method="logistic")
    assert asked.frame["low"].isna().all()
    assert any("separated" in text for text in asked.warnings)


def test_firth_with_clusters_is_wider_than_with_independent_rows() -> None:
    trials = study(repeats=20)
    clustered = part(effects(trials, "opted_out ~ difficulty", method="firth"), "coefficient")
    rows = part(effects(trials, "opted_out ~ difficulty", method="firth", cluster=False), "coefficient")
    widths = [
        float(each.loc["difficulty", "high"] - each.loc["difficulty", "low"]) for each in (clustered, rows)
    ]
    assert widths[0] > 1.5 * widths[1]


def test_these_items_take_repeats_as_independent() -> None:
    new = part(effects(study(), "opted_out ~ difficulty"), "coefficient")
    these = part(effects(study(), "opted_out ~ difficulty", estimand="these_items"), "coefficient")
    assert these["method"].iloc[0] == "logistic, repeats independent"
    np.testing.assert_allclose(new["estimate"], these["estimate"])
    assert these["std_error"].iloc[1] < new["std_error"].iloc[1]


def test_what_only_one_cluster_tells_has_no_interval() -> None:
    trials = study(8, 10).assign(special=lambda data: (data["item"] == "i00").astype(int))
    trials.loc[0, "outcome"], trials.loc[1, "outcome"] = "opted_out", "completed"
    found = effects(trials, "opted_out ~ special")
    assert np.isnan(part(found, "coefficient").loc["special", "low"])
    assert any("one cluster alone" in text for text in found.warnings)


def test_what_is_the_same_in_all_clusters_has_no_interval_and_is_told() -> None:
    trials = pd.DataFrame(
        [
            (f"i{item}", arm, "opted_out" if answer < 1 + (arm == "b") else "completed")
            for item in range(30)
            for arm in "ab"
            for answer in range(3)
        ],
        columns=["item", "arm", "outcome"],
    )
    found = effects(trials, "opted_out ~ arm")
    assert found.frame[["std_error", "low", "high"]].isna().all(axis=None)
    assert any("the same in all of them" in text for text in found.warnings)


def test_one_cluster_has_estimates_without_intervals() -> None:
    found = effects(study(1, 30).assign(turn=lambda data: data.index % 5), "opted_out ~ turn")
    rows = part(found, "coefficient")
    assert np.isfinite(rows["estimate"]).all()
    assert rows["low"].isna().all()
    assert found.warnings


def test_models_are_fitted_apart_unless_they_are_in_the_formula() -> None:
    trials = pd.concat([study(seed=1).assign(model="a"), study(seed=2).assign(model="b")])
    apart = effects(trials, "opted_out ~ difficulty")
    assert apart.frame["model"].unique().tolist() == ["a", "b"]
    alone = effects(trials[trials["model"] == "a"].drop(columns="model"), "opted_out ~ difficulty")
    np.testing.assert_allclose(
        apart.frame.loc[apart.frame["model"] == "a", "estimate"], alone.frame["estimate"], rtol=1e-9
    )
    joint = effects(trials, "opted_out ~ difficulty + model")
    assert "model[b]" in part(joint, "coefficient").index


def test_trials_without_an_outcome_or_a_predictor_are_excluded_with_a_warning() -> None:
    trials = study()
    trials["difficulty"] = trials["difficulty"].astype(float)
    trials.loc[:9, "difficulty"] = np.nan
    trials.loc[10:39, "outcome"] = "abandoned"
    found = effects(trials, "opted_out ~ difficulty")
    assert found.frame["n"].iloc[0] == 160
    assert found.accounting.counts["difficulty empty"] == 10
    assert found.accounting.counts["abandoned"] == 30
    assert any("difficulty: empty in 10 trials" in text for text in found.warnings)
    assert any("30 abandoned" in text for text in found.warnings)


def test_row_order_engine_and_counts_do_not_matter() -> None:
    trials = study()
    one = effects(trials, "opted_out ~ harm + difficulty").frame
    keys = ["item", "harm", "difficulty", "outcome"]
    counted = trials.value_counts(keys).reset_index()
    for other in (trials.sample(frac=1, random_state=3), counted, pl.from_pandas(trials)):
        again = effects(other, "opted_out ~ harm + difficulty").frame
        pd.testing.assert_frame_equal(one, again, rtol=1e-8)


def test_intervals_nest_with_the_level_and_swapping_the_outcome_turns_the_signs() -> None:
    trials = study().assign(left=lambda data: (data["outcome"] == "opted_out").astype(int))
    trials = trials.assign(stayed=1 - trials["left"]).drop(columns="outcome")
    found = [effects(trials, "left ~ difficulty", level=level).frame for level in (0.8, 0.95)]
    assert (found[1]["low"] <= found[0]["low"]).all()
    assert (found[0]["high"] <= found[1]["high"]).all()
    stayed = part(effects(trials, "stayed ~ difficulty"), "coefficient")
    left = part(effects(trials, "left ~ difficulty"), "coefficient")
    np.testing.assert_allclose(left["estimate"], -stayed["estimate"], atol=1e-9)
    np.testing.assert_allclose(left["std_error"], stayed["std_error"], rtol=1e-7)


def test_cells_with_the_same_predictors_are_fitted_as_one_whatever_their_cluster() -> None:
    rng = np.random.default_rng(2)
    harm = rng.integers(0, 3, 400).astype(float)
    table = pd.DataFrame(
        {"x": harm, "item": rng.integers(0, 40, 400).astype(str), "_event": rng.random(400) < 0.3}
    )
    table = table.assign(_event=table["_event"].astype(float), count=1.0)
    terms = read_formula("y ~ x", ["x"])
    counted = counted_cells(table, table[["x"]], terms, ["item"])
    merged = counted.merged()
    assert len(merged.n) == 3
    assert merged.n.sum() == counted.n.sum() == 400
    assert np.array_equal(counted.design.matrix[:, 1], counted.design.data["x"])
    apart = replace(counted, profile=None)
    one, other = (regress(data, "auto", repeats_independent=False).rows(0.95) for data in (counted, apart))
    for row, same in zip(one, other, strict=True):
        assert [row[name] for name in ("estimate", "low", "high", "df")] == pytest.approx(
            [same[name] for name in ("estimate", "low", "high", "df")], rel=1e-9
        )


def test_an_intercept_alone_has_the_log_odds_of_the_rate() -> None:
    trials = study()
    share = (trials["outcome"] == "opted_out").mean()
    rows = part(effects(trials, "opted_out ~ 1"), "coefficient")
    assert rows["estimate"].tolist() == [pytest.approx(np.log(share / (1 - share)))]


def test_json_has_no_numbers_that_are_none() -> None:
    trials = study().assign(item="only")
    text = json.loads(effects(trials, "opted_out ~ difficulty").to_json())
    assert text["estimates"][0]["low"] is None
    assert text["settings"]["formula"] == "opted_out ~ difficulty"


@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("opted_out", SettingError, "outcome ~ predictors"),
        ("~ harm", SettingError, "outcome ~ predictors"),
        ("opted_out ~ harm +", SettingError, "cannot be read"),
        ("opted_out ~ center(difficulty)", SettingError, "needs every row"),
        ("left ~ harm", SettingError, "outcome='left'"),
        ("opted_out ~ nope + nor", DataError, "no column 'nope'"),
        ("opted_out ~ harm + twice", DataError, "cannot be told from"),
        ("opted_out ~ np.log(zero)", DataError, "not finite"),
        ("opted_out ~ day + difficulty", DataError, "'day' holds times"),
        ("opted_out ~ harm | difficulty", SettingError, "several parts"),
        ("opted_out ~ harm ~ difficulty", SettingError, "several parts"),
        ("opted_out ~ I(9**9**9)", SettingError, "not allowed: a number that is not between"),
        (
            "opted_out ~ I(difficulty * (2 ** 9999))",
            SettingError,
            "a number that is not between|a power above 20",
        ),
        ("opted_out ~ I(difficulty + 10 ** 9 * 10 ** 9)", SettingError, "a number that is not between"),
        ("opted_out ~ I('a' * 999999999)", SettingError, "arithmetic with what is no number"),
        ("opted_out ~ I([0] * 999999999)", SettingError, "arithmetic with what is no number"),
        ("opted_out ~ (harm + difficulty)**99", SettingError, "a power above 20"),
        ("opted_out ~ (a + b + c + d + e + f + g + h)**9", SettingError, "a power of 9 of so long a sum"),
        ("opted_out ~ harm:difficulty^99999999", SettingError, "a power above 20"),
        ("opted_out ~ np.mean(difficulty)", SettingError, r"not allowed: np.mean\(\)"),
        ("opted_out ~ {difficulty > 3}", SettingError, "not allowed: Compare"),
    ],
)
def test_formulas_that_cannot_be_used_are_refused(formula: str, error: type[Exception], message: str) -> None:
    trials = study().assign(twice=lambda data: data["harm"].map({"none": 0, "mild": 1, "severe": 0}), zero=0)
    trials["day"] = pd.Timestamp("2026-01-01")
    with np.errstate(divide="ignore"), pytest.raises(error, match=message):
        effects(trials, formula)


@pytest.mark.parametrize(
    "right",
    [
        "np.savetxt('written', difficulty)",
        "difficulty.to_csv('written')",
        "{difficulty.to_csv('written')}",
        "np.load('written', allow_pickle=True)",
        "(np.load('written', allow_pickle=True))()",
        "I(difficulty.mean())",
        "C(harm, levels=[np.savetxt('written', difficulty)])",
        "C(harm, '`') + np.savetxt('written', difficulty) + C(harm, '`')",
        "I(difficulty[0])",
        "I(difficulty.__class__)",
        "np.log(difficulty, difficulty)",
        "{'%s' % difficulty}",
        "{lambda: difficulty}",
    ],
)
def test_a_formula_runs_no_code(right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match="not allowed"):
        effects(study(), f"opted_out ~ {right}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "right",
    [
        "I(difficulty**2)",
        "log(difficulty) + np.sqrt(difficulty)",
        "{difficulty / 2 - 1}",
        "C(harm, contr.treatment('severe')) * difficulty",
        "C(harm, levels=['severe', 'none', 'mild'])",
        "harm:difficulty",
        "2:difficulty",
        "`how long` + np.log(`how long`)",
    ],
)
def test_a_formula_may_hold_arithmetic_and_codings(right: str) -> None:
    trials = study().assign(**{"how long": lambda data: data["difficulty"] + 1})
    assert np.isfinite(effects(trials, f"opted_out ~ {right}").frame["estimate"]).all()


def test_the_mixed_option_without_its_package_says_what_to_do() -> None:
    try:
        import mixedlm  # noqa: F401
    except ImportError:
        with pytest.raises(SettingError, match="pip install mixedlm"):
            effects(cbpp(), "sick ~ period", cluster="herd", method="mixed")
    else:
        # Fixed effects of glmmTMB 1.1 (Laplace), and its standard deviation between herds.
        found = effects(cbpp(), "sick ~ period", cluster="herd", method="mixed")
        expected = [-1.39853246641, -0.99233229286, -1.12867129751, -1.58031368709]
        np.testing.assert_allclose(part(found, "coefficient")["estimate"], expected, atol=2e-6)
        assert any("0.6423 logits" in text for text in found.warnings)
