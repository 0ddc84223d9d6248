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
@settings(max_examples=15, deadline=None)
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
    apart, together = estimate(table), estimate(table, cluster="conversation")
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
    assert "only one value" in found.warnings[0]


def test_agreement_that_is_mostly_negatives_is_warned_of() -> None:
    one = [0] * 97 + [1, 1, 0]
    other = [0] * 97 + [1, 0, 1]
    found = coder_agreement(long((tuple(one), tuple(other))), unit="unit", coder="coder", value="value")
    assert "98.0% of codings are 0" in found.warnings[0]


def test_one_unit_has_no_interval() -> None:
    found = coder_agreement(long(((0,), (1,))), unit="unit", coder="coder", value="value")
    assert found.frame["low"].isna().all()
    assert "no interval" in found.warnings[-1]


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
