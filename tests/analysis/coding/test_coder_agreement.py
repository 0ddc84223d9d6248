"""Agreement of coders: known values, what does not matter, and what cannot be said."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.coding.alpha import Alpha, Metric, unit_counts
from bartleby.analysis.coding.coder_agreement import coder_agreement
from bartleby.analysis.inference.jackknife import Jackknife, scaled_interval
from bartleby.errors import DataError, SettingError

KRIPPENDORFF = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
"""Four coders, twelve units: Krippendorff (2011), example C."""

FLEISS = (
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
)
"""Ten units, fourteen raters, five categories: the usual worked example, kappa 0.210."""


def long(columns: tuple[tuple[object, ...], ...]) -> pd.DataFrame:
    rows = [
        {"unit": f"u{place}", "coder": f"c{number}", "value": value}
        for number, column in enumerate(columns)
        for place, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def estimate(table: pd.DataFrame, term: str = "alpha", **settings: object) -> dict[Any, Any]:
    found = coder_agreement(table, unit="unit", coder="coder", value="value", **settings)  # type: ignore[arg-type]
    return next(row for row in found.frame.to_dict(orient="records") if row["term"] == term)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("nominal", 0.7434211), ("ordinal", 0.8153875), ("interval", 0.8491071), ("ratio", 0.7974028)],
)
def test_alpha_is_the_published_one(metric: Metric, expected: float) -> None:
    assert estimate(long(KRIPPENDORFF), metric=metric)["estimate"] == pytest.approx(expected, abs=5e-8)


def test_fleiss_kappa_is_that_of_the_worked_example() -> None:
    rows = [
        {"unit": unit, "coder": coder, "value": value}
        for unit, counts in enumerate(FLEISS)
        for coder, value in enumerate(v for v, n in enumerate(counts) for _ in range(n))
    ]
    assert estimate(pd.DataFrame(rows), "fleiss_kappa")["estimate"] == pytest.approx(0.2099, abs=5e-5)


def test_cohen_kappa_is_that_of_a_table_done_by_hand() -> None:
    cells = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    pairs = [pair for pair, n in cells.items() for _ in range(n)]
    table = long((tuple(a for a, _ in pairs), tuple(b for _, b in pairs)))
    row = estimate(table, "cohen_kappa")
    assert row["estimate"] == pytest.approx(0.4)
    assert row["low"] < 0.4 < row["high"]
    assert (row["coder"], row["other"], row["n"]) == ("c0", "c1", 50)


def test_units_coded_once_and_missing_codes_are_counted_and_do_not_matter() -> None:
    found = coder_agreement(long(KRIPPENDORFF), unit="unit", coder="coder", value="value")
    assert found.accounting.counts == {"coded with others": 40, "coded by one": 1, "not coded": 7}
    without = long(KRIPPENDORFF)
    without = without[without["unit"] != "u11"]
    assert estimate(without)["estimate"] == estimate(long(KRIPPENDORFF))["estimate"]


@given(st.permutations(range(12)), st.permutations(range(4)), st.permutations([1, 2, 3, 4, 5]))
@settings(max_examples=15)
def test_names_and_order_do_not_matter_to_nominal_alpha(
    units: list[int], coders: list[int], values: list[int]
) -> None:
    table = long(KRIPPENDORFF)
    moved = table.assign(
        unit=table["unit"].map({f"u{i}": f"x{units[i]}" for i in range(12)}),
        coder=table["coder"].map({f"c{i}": f"y{coders[i]}" for i in range(4)}),
        value=table["value"].map(dict(zip([1, 2, 3, 4, 5], values, strict=True))),
    ).sample(frac=1, random_state=units[0])
    one, other = estimate(table), estimate(moved)
    for column in ("estimate", "low", "high"):
        assert other[column] == pytest.approx(one[column])


@pytest.mark.parametrize("method", ["jackknife", "bootstrap"])
def test_intervals_nest_and_hold_the_estimate(method: str) -> None:
    rows = [estimate(long(KRIPPENDORFF), level=level, method=method) for level in (0.5, 0.9, 0.99)]
    lows, highs = [row["low"] for row in rows], [row["high"] for row in rows]
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)
    assert -1 <= lows[-1] < rows[0]["estimate"] < highs[-1] <= 1


def test_the_bootstrap_gives_the_same_for_the_same_seed() -> None:
    one, same, other = (
        estimate(long(KRIPPENDORFF), method="bootstrap", seed=seed)["low"] for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_units_of_one_cluster_count_as_one() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(0, 2, 40), 10)
    table = pd.DataFrame(
        {
            "unit": np.tile(np.arange(400), 2),
            "coder": np.repeat(["a", "b"], 400),
            "value": np.concatenate([truth, np.where(np.repeat(rng.random(40) < 0.2, 10), 1 - truth, truth)]),
            "conversation": np.tile(np.repeat(np.arange(40), 10), 2),
        }
    )
    apart, together = estimate(table, cluster=False), estimate(table)
    assert together["estimate"] == apart["estimate"]
    assert together["n_clusters"] == 40
    assert together["std_error"] > 2 * apart["std_error"]


def test_judge_is_held_against_people() -> None:
    people = [1] * 20 + [0] * 80
    judge = [1] * 15 + [0] * 5 + [1] * 8 + [0] * 72
    table = pd.concat(
        [
            pd.DataFrame({"unit": range(100), "coder": name, "value": values})
            for name, values in (("people", people), ("judge", judge))
        ]
    )
    found = coder_agreement(table, unit="unit", coder="coder", value="value", reference="people").frame
    rows = {row["term"]: row for row in found.to_dict(orient="records")}
    assert rows["sensitivity"]["estimate"] == 0.75
    assert rows["specificity"]["estimate"] == 0.9
    assert (rows["sensitivity"]["n"], rows["sensitivity"]["coder"]) == (20, "judge")
    assert rows["sensitivity"]["low"] == pytest.approx(0.5313, abs=1e-4)


def test_perfect_agreement_still_has_a_lower_bound_below_one() -> None:
    table = long(((1, 0, 1, 0, 1, 0, 1, 0),) * 2)
    row = estimate(table)
    assert (row["estimate"], row["high"]) == (1, 1)
    assert 0 <= row["low"] < 1
    assert np.isnan(row["std_error"])


def test_one_value_only_is_undefined_and_said_so() -> None:
    found = coder_agreement(long(((0,) * 9,) * 2), unit="unit", coder="coder", value="value")
    assert np.isnan(found.frame["estimate"].iloc[0])
    assert any("only one value" in text for text in found.warnings)


def test_agreement_that_is_mostly_negatives_is_warned_of() -> None:
    one = [0] * 97 + [1, 1, 0]
    other = [0] * 97 + [1, 0, 1]
    found = coder_agreement(long((tuple(one), tuple(other))), unit="unit", coder="coder", value="value")
    assert any("98.0% of codings are 0" in text for text in found.warnings)


def test_one_unit_has_no_interval() -> None:
    found = coder_agreement(long(((0,), (1,))), unit="unit", coder="coder", value="value")
    assert found.frame["low"].isna().all()
    assert any("no interval" in warning for warning in found.warnings)


def test_what_is_wrong_is_said_all_at_once() -> None:
    with pytest.raises(DataError, match=r"unit: no column 'turn'.*\ncoder: no column 'who'"):
        coder_agreement(long(KRIPPENDORFF), unit="turn", coder="who", value="value")
    with pytest.raises(DataError, match="one coder only"):
        coder_agreement(long(KRIPPENDORFF[:1]), unit="unit", coder="coder", value="value")
    with pytest.raises(DataError, match="nothing was coded"):
        coder_agreement(long(((None, None), (None, None))), unit="unit", coder="coder", value="value")
    with pytest.raises(DataError, match="no unit was coded by two"):
        coder_agreement(long(((1, None), (None, 1))), unit="unit", coder="coder", value="value")
    twice = pd.concat([long(KRIPPENDORFF), long(KRIPPENDORFF).head(1)])
    with pytest.raises(DataError, match="'u0' was coded 2 times by 'c0'"):
        coder_agreement(twice, unit="unit", coder="coder", value="value")
    with pytest.raises(DataError, match="'often' is no number"):
        coder_agreement(
            long((("often", 1), (1, 1))), unit="unit", coder="coder", value="value", metric="ordinal"
        )
    with pytest.raises(DataError, match="no coder of that name"):
        coder_agreement(long(KRIPPENDORFF), unit="unit", coder="coder", value="value", reference="judge")
    with pytest.raises(SettingError, match="metric='cardinal'"):
        estimate(long(KRIPPENDORFF), metric="cardinal")
    with pytest.raises(DataError, match="lies in 3 clusters"):
        coder_agreement(
            long(KRIPPENDORFF).assign(talk=range(48)),
            unit="unit",
            coder="coder",
            value="value",
            cluster="talk",
        )


def test_ratio_and_ordinal_scales_are_checked() -> None:
    with pytest.raises(SettingError, match="0 or more"):
        Alpha(np.array([-1.0, 1.0]), "ratio")
    with pytest.raises(SettingError, match="60 or fewer"):
        Alpha(np.arange(61.0), "ordinal")


def test_words_of_any_script_are_values() -> None:
    table = long((("はい", "нет", "はい", "はい"), ("はい", "нет", "нет", "はい")))
    assert estimate(table)["estimate"] == pytest.approx(1 - 7 * 2 / (2 * 5 * 3))


def test_alpha_does_not_depend_on_how_many_values_are_never_used() -> None:
    counts = unit_counts(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 1, 1]), 3, 2)
    wide = np.column_stack([counts, np.zeros(3)])
    for metric in ("nominal", "ordinal", "interval", "ratio"):
        two, three = Alpha(np.arange(2.0), metric), Alpha(np.arange(3.0), metric)
        assert two(two.features(counts).sum(0)) == pytest.approx(three(three.features(wide).sum(0)))


def test_no_interval_without_variation() -> None:
    for scale, error in itertools.product(("fisher", "logit"), (0.0, np.nan)):
        assert np.isnan(scaled_interval(Jackknife(0.5, error, 3), 0.95, scale)).all()  # type: ignore[arg-type]


SHROUT_FLEISS = ((9, 6, 8, 7, 10, 6), (2, 1, 4, 1, 5, 2), (5, 3, 6, 2, 6, 4), (8, 2, 8, 6, 9, 7))
"""Four judges, six targets: Shrout & Fleiss (1979), table 2."""


@pytest.mark.parametrize(("term", "expected"), [("icc_2_1", 0.2898), ("icc_3_1", 0.7148)])
def test_intraclass_correlations_are_the_published_ones(term: str, expected: float) -> None:
    row = estimate(long(SHROUT_FLEISS), term, metric="interval")
    assert row["estimate"] == pytest.approx(expected, abs=5e-5)
    assert row["low"] < row["estimate"] < row["high"]
    assert row["n"] == 6


def test_weighted_kappa_is_that_of_cohen_by_hand() -> None:
    # Of 10 units: 4 at (0, 0), 3 at (1, 1), 2 at (2, 2), 1 at (0, 2); margins (5, 3, 2) and (4, 3, 3).
    pairs = [(0, 0)] * 4 + [(1, 1)] * 3 + [(2, 2)] * 2 + [(0, 2)]
    table = long((tuple(a for a, _ in pairs), tuple(b for _, b in pairs)))
    expected = {1: (5 * 3 + 5 * 3 * 2 + 3 * 4 + 3 * 3 + 2 * 4 * 2 + 2 * 3) / 100}
    expected[2] = (5 * 3 + 5 * 3 * 4 + 3 * 4 + 3 * 3 + 2 * 4 * 4 + 2 * 3) / 100
    for power, term in ((1, "weighted_kappa_linear"), (2, "weighted_kappa_quadratic")):
        row = estimate(table, term, metric="ordinal")
        assert row["estimate"] == pytest.approx(1 - 0.2 * power / expected[power])
        assert (row["coder"], row["other"]) == ("c0", "c1")


def test_quadratic_kappa_is_the_intraclass_correlation_of_two_coders() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 4000)
    said = [np.clip(truth + rng.integers(-1, 2, 4000), 0, 4) for _ in range(2)]
    table = long(tuple(tuple(int(each) for each in column) for column in said))
    kappa = estimate(table, "weighted_kappa_quadratic", metric="interval", cluster=False)
    correlation = estimate(table, "icc_2_1", metric="interval", cluster=False)
    for column in ("estimate", "low", "high"):
        assert kappa[column] == pytest.approx(correlation[column], abs=1e-3)


def test_two_values_make_weighted_kappas_cohens() -> None:
    cells = {(1, 1): 20, (1, 0): 5, (0, 1): 10, (0, 0): 15}
    pairs = [pair for pair, n in cells.items() for _ in range(n)]
    table = long((tuple(a for a, _ in pairs), tuple(b for _, b in pairs)))
    for term in ("weighted_kappa_linear", "weighted_kappa_quadratic"):
        assert estimate(table, term, metric="ordinal")["estimate"] == pytest.approx(0.4)


def test_disagreements_weigh_by_the_distance_of_the_values_and_not_by_their_places() -> None:
    wide = long(((0, 1, 4, 0, 0), (0, 1, 4, 4, 1)))
    near = wide.assign(value=wide["value"].replace({4: 2}))
    kappa = estimate(wide, "weighted_kappa_linear", metric="ordinal")["estimate"]
    assert kappa == pytest.approx(1 - 1 / 1.88)
    assert estimate(near, "weighted_kappa_linear", metric="ordinal")["estimate"] == pytest.approx(0.4)
    doubled = wide.assign(value=wide["value"] * 10)
    for term in ("weighted_kappa_linear", "weighted_kappa_quadratic", "icc_2_1"):
        assert estimate(doubled, term, metric="ordinal")["estimate"] == pytest.approx(
            estimate(wide, term, metric="ordinal")["estimate"]
        )


def test_intraclass_correlation_is_of_the_units_that_every_coder_coded() -> None:
    found = coder_agreement(
        long(KRIPPENDORFF), unit="unit", coder="coder", value="value", metric="ordinal"
    ).frame.set_index("term")
    assert found.loc["icc_2_1", "n"] == 8
    assert len(found.loc[["weighted_kappa_linear"]]) == 6


def test_a_rare_code_that_was_agreed_on_twice_says_little_of_agreement() -> None:
    rare = estimate(long(((1, 1) + (0,) * 98,) * 2))
    common = estimate(long(((1,) * 50 + (0,) * 50,) * 2))
    assert rare["estimate"] == common["estimate"] == 1
    assert rare["low"] < 0.2
    assert common["low"] > 0.9


def test_conversations_are_found_by_name_and_named_in_the_settings() -> None:
    table = long(KRIPPENDORFF).assign(
        conversation=lambda each: each["unit"].map(lambda name: int(name[1:]) // 3)
    )
    found = coder_agreement(table, unit="unit", coder="coder", value="value")
    assert found.settings["cluster"] == "conversation (found in the table)"
    assert found.frame["n_clusters"].iloc[0] == 4
    assert (
        coder_agreement(table, unit="unit", coder="coder", value="value", cluster=False)
        .frame["n_clusters"]
        .iloc[0]
        == 11
    )
    # The clusters of units are known even where one coder's table does not say them.
    partly = table.assign(conversation=table["conversation"].where(table["coder"] != "c1"))
    again = coder_agreement(partly, unit="unit", coder="coder", value="value")
    assert again.frame["low"].tolist() == pytest.approx(found.frame["low"].tolist(), nan_ok=True)


def test_the_unit_is_no_cluster_of_its_own_and_a_prompt_that_varies_within_it_is_none() -> None:
    table = long(KRIPPENDORFF).rename(columns={"unit": "item"}).assign(prompt=[f"p{at}" for at in range(48)])
    found = coder_agreement(table, unit="item", coder="coder", value="value")
    assert "units taken as independent" in found.settings["cluster"]
    assert any("every unit is taken as independent" in text for text in found.warnings)
    assert any("'prompt' has several values within one unit" in text for text in found.warnings)


def test_turns_numbered_within_conversations_are_units_of_two_columns() -> None:
    table = long(KRIPPENDORFF).assign(
        conversation=lambda each: each["unit"].map(lambda name: f"c{int(name[1:]) % 4}"),
        turn=lambda each: each["unit"].map(lambda name: int(name[1:]) // 4),
    )
    found = coder_agreement(table, unit=["conversation", "turn"], coder="coder", value="value")
    assert found.frame["estimate"].iloc[0] == pytest.approx(estimate(long(KRIPPENDORFF))["estimate"])
    assert found.settings["cluster"] == "conversation (found in the table)"
    with pytest.raises(DataError, match=r"two columns: unit=\['conversation', 'turn'\]"):
        coder_agreement(table, unit="turn", coder="coder", value="value")


def test_ids_are_text_and_007_is_not_7() -> None:
    table = pd.DataFrame(
        {
            "unit": ["007", "007", "7", "7", "1e3", "1e3", "1000", "1000"],
            "coder": [1, 2] * 4,
            "value": [1, 1, 0, 1, 0, 0, 1, 1],
        }
    )
    found = coder_agreement(table, unit="unit", coder="coder", value="value", reference="2")
    assert found.frame["n"].iloc[0] == 4
    assert set(found.frame["other"].dropna()) == {"2"}
    # A table of numbers below one of text, and numbers that missing values have made decimal.
    mixed = table.assign(unit=[1.0, "1", 2, "2", 3.0, "3", 4, "4"], value=[1, "1", 0, "1", 0.0, "0", 1, "1"])
    again = coder_agreement(mixed, unit="unit", coder="coder", value="value")
    assert again.frame["estimate"].iloc[0] == found.frame["estimate"].iloc[0]


def test_one_conversation_with_most_of_a_code_stretches_the_interval_to_one_side() -> None:
    without = np.array([0.5] * 9 + [0.2])
    gaps = without - without.mean()
    error = float(np.sqrt(0.9 * gaps @ gaps))
    plain, skewed = (
        scaled_interval(Jackknife(0.5, error, 4, parts), 0.95, "fisher") for parts in (None, without)
    )
    # Without that conversation agreement is lower: with more like it, it could be much higher.
    assert skewed[0] <= plain[0]
    assert skewed[1] > plain[1]
    even = scaled_interval(Jackknife(0.5, error, 4, np.tanh([0.4, 0.5, 0.6])), 0.95, "fisher")
    assert even == pytest.approx(plain)
