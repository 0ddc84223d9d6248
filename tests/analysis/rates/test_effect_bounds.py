"""Effects had the missing trials gone either way: by hand, against `difference`, with nothing missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.effects import effects


def table(missing: tuple[int, int] = (3, 5)) -> pd.DataFrame:
    """Return two conditions on eight items, with some trials abandoned."""
    rng = np.random.default_rng(0)
    rows = [
        {"item": f"task {item}", "channel": channel, "outcome": outcome}
        for channel, share, lost in (("text", 0.3, missing[0]), ("tool", 0.6, missing[1]))
        for item in range(8)
        for outcome in [
            *np.where(rng.random(10) < share, "opted_out", "completed"),
            *["abandoned"] * (lost if item == 0 else 0),
        ]
    ]
    return pd.DataFrame(rows)


def row(found: pd.DataFrame, quantity: str) -> pd.Series:
    return found[(found["quantity"] == quantity) & found["term"].str.startswith("channel")].iloc[0]


def test_the_marginal_effect_of_a_condition_has_the_bounds_of_the_difference() -> None:
    trials = table()
    found = row(effects(trials, "opted_out ~ channel").frame, "marginal_effect")
    other = difference(trials, "opted_out", between="channel", method="t").frame.iloc[0]
    assert found["estimate"] == pytest.approx(other["estimate"])
    # Degrees of freedom are those of two working models, logistic and linear.
    assert found["bound_low"] == pytest.approx(other["bound_low"], abs=5e-4)
    assert found["bound_high"] == pytest.approx(other["bound_high"], abs=5e-4)


def test_the_bounds_of_a_coefficient_are_log_odds_ratios_of_filled_tables() -> None:
    trials = table()
    found = effects(trials, "opted_out ~ channel", cluster=False)
    events = trials[trials["outcome"] == "opted_out"].groupby("channel").size()
    n = trials.groupby("channel").size()

    def side(tool: int, text: int) -> float:
        # A log odds ratio of independent trials, and its standard error, by hand.
        counts = [events["tool"] + tool, events["text"] + text]
        counts += [n["tool"] - counts[0], n["text"] - counts[1]]
        error = np.sqrt(sum(1 / count for count in counts))
        log_odds = np.log(counts[0] * counts[3] / (counts[1] * counts[2]))
        return float(log_odds + (1 if tool else -1) * norm.ppf(0.975) * error)

    low, high = side(0, 3), side(5, 0)
    coefficient, odds = (row(found.frame, each) for each in ("coefficient", "odds_ratio"))
    assert [coefficient["bound_low"], coefficient["bound_high"]] == pytest.approx([low, high])
    assert [odds["bound_low"], odds["bound_high"]] == pytest.approx([np.exp(low), np.exp(high)])
    told = found.accounting.bounds["coefficient channel[tool]"]
    assert told == pytest.approx((low, high))


def test_without_missing_trials_the_interval_is_its_own_bound() -> None:
    found = effects(table((0, 0)), "opted_out ~ channel").frame
    np.testing.assert_allclose(found["bound_low"], found["low"])
    np.testing.assert_allclose(found["bound_high"], found["high"])


def test_effects_that_few_missing_trials_could_undo_are_a_warning() -> None:
    rng = np.random.default_rng(3)
    trials = pd.DataFrame(
        {"item": np.arange(4000) % 200, "channel": np.where(np.arange(4000) < 2000, "a", "b")}
    )
    trials["outcome"] = np.where(rng.random(4000) < 0.01, "opted_out", "completed")
    assert not effects(trials, "opted_out ~ channel").warnings
    trials.loc[trials.index[-80:], "outcome"] = "unparsed"
    found = effects(trials, "opted_out ~ channel")
    assert any(text.startswith("coefficient channel[b]: 80 of 4000 trials (2.0%)") for text in found.warnings)
    assert any(text.startswith("marginal_effect channel[b - a]: 80") for text in found.warnings)


def test_more_missing_means_wider_bounds() -> None:
    few, many = (
        row(effects(table(each), "opted_out ~ channel").frame, "coefficient") for each in ((1, 1), (6, 6))
    )
    assert many["bound_low"] < few["bound_low"] < few["bound_high"] < many["bound_high"]


def test_a_slope_is_bounded_by_what_pulls_it_up_and_down() -> None:
    rng = np.random.default_rng(1)
    trials = pd.DataFrame({"item": np.repeat(np.arange(30), 4), "harm": np.repeat(rng.normal(size=30), 4)})
    trials["outcome"] = np.where(
        rng.random(120) < 1 / (1 + np.exp(-trials["harm"])), "opted_out", "completed"
    )
    trials.loc[rng.choice(120, 15, replace=False), "outcome"] = "error"
    found = effects(trials, "opted_out ~ harm").frame
    slope = found[(found["quantity"] == "coefficient") & (found["term"] == "harm")].iloc[0]
    worst = []
    for sign in (1, -1):
        gone = trials.copy()
        lost = gone["outcome"] == "error"
        toward = sign * (gone["harm"] - gone["harm"].mean()) > 0
        gone.loc[lost, "outcome"] = np.where(toward[lost], "opted_out", "completed")
        again = effects(gone, "opted_out ~ harm").frame
        worst.append(
            again[(again["quantity"] == "coefficient") & (again["term"] == "harm")]["estimate"].iloc[0]
        )
    assert slope["bound_high"] >= worst[0] - 0.02
    assert slope["bound_low"] <= worst[1] + 0.02


def test_bounds_of_separated_data_are_finite() -> None:
    trials = table()
    trials.loc[(trials["channel"] == "tool") & (trials["outcome"] == "completed"), "outcome"] = "opted_out"
    found = effects(trials, "opted_out ~ channel").frame
    assert np.isfinite(found[["bound_low", "bound_high"]].to_numpy(dtype=float)).all()
    assert (found["bound_low"] <= found["estimate"]).all()


def test_a_category_of_which_no_trial_is_usable_is_left_out_of_the_bounds() -> None:
    trials = pd.concat([table(), pd.DataFrame({"item": "x", "channel": "voice", "outcome": ["error"] * 3})])
    with_voice, without = (effects(each, "opted_out ~ channel").frame for each in (trials, table()))
    np.testing.assert_allclose(with_voice["bound_low"], without["bound_low"])


def test_trials_without_a_predictor_cannot_be_bounded_and_are_left_out() -> None:
    trials = table((0, 0))
    trials["harm"] = np.arange(len(trials)) % 3.0
    trials.loc[5, "harm"] = np.nan
    found = effects(trials, "opted_out ~ harm").frame
    np.testing.assert_allclose(found["bound_low"], found["low"])


def test_mixed_fits_say_that_they_have_no_bounds() -> None:
    pytest.importorskip("mixedlm")
    found = effects(table(), "opted_out ~ channel", method="mixed").frame
    assert found["bound_low"].isna().all()
