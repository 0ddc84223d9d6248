from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.consistency.flips import flips, permutation_p
from bartleby.errors import DataError, SettingError
from tests.analysis.repeat_tables import ladder, repeated, tournament


def by_pair(trials: pd.DataFrame, **settings: Any) -> dict[tuple[str, str, str], dict[str, Any]]:  # noqa: ANN401
    rows = flips(trials, draws=400, **settings).to_frame().to_dict(orient="records")
    between = settings.get("between", "wording")
    return {
        (str(row["reference"]), str(row[between]), str(row["term"])): {str(k): v for k, v in row.items()}
        for row in rows
    }


def two_wordings(seed: int, *, other_seed: int | None = None) -> pd.DataFrame:
    one = repeated(seed, answers=8, wording="w1")
    return pd.concat([one, repeated(seed if other_seed is None else other_seed, answers=8, wording="w2")])


def test_wordings_that_turn_every_choice_flip_all_of_them() -> None:
    triad = (("a", "b"), ("b", "c"), ("a", "c"))
    one = tournament(dict.fromkeys(triad, 1), 3).assign(wording="w1")
    table = pd.concat([one, tournament(dict.fromkeys(triad, 0), 3).assign(wording="w2")])
    found = by_pair(table)
    assert found["w1", "w2", "flip_rate"]["estimate"] == 1
    assert found["w1", "w2", "repetition"]["estimate"] == 0
    assert found["w1", "w2", "excess"]["estimate"] == 1
    assert found["w1", "w2", "excess"]["p_value"] < 0.01


def test_the_same_answers_under_two_wordings_differ_no_more_than_repeats() -> None:
    found = by_pair(two_wordings(1))["w1", "w2", "excess"]
    assert found["estimate"] <= 0.02
    assert found["p_value"] > 0.2


def test_other_preferences_under_another_wording_are_found() -> None:
    found = by_pair(two_wordings(1, other_seed=2))["w1", "w2", "excess"]
    assert found["low"] > 0
    assert found["p_value"] < 0.01


def test_flip_rate_is_repetition_plus_excess() -> None:
    found = by_pair(two_wordings(3, other_seed=4))
    total = found["w1", "w2", "repetition"]["estimate"] + found["w1", "w2", "excess"]["estimate"]
    assert found["w1", "w2", "flip_rate"]["estimate"] == pytest.approx(total)


def test_p_values_are_adjusted_over_the_whole_call() -> None:
    table = pd.concat([two_wordings(1), repeated(5, answers=4, wording="w3")])
    found = by_pair(table, adjust="holm")
    p = sorted(row["p_value"] for row in found.values() if not np.isnan(row["p_value"]))
    assert len(p) == 3
    smallest = min(row["p_adjusted"] for row in found.values() if not np.isnan(row["p_value"]))
    assert smallest == pytest.approx(min(1.0, 3 * p[0]))


def test_without_repeats_the_flip_rate_stands_and_its_excess_is_undefined() -> None:
    table = pd.concat([ladder(4).assign(wording="w1"), ladder(4).assign(wording="w2")])
    found = flips(table, draws=100)
    rows = {row["term"]: row for row in found.to_frame().to_dict(orient="records")}
    assert rows["flip_rate"]["estimate"] == 0
    assert np.isnan(rows["excess"]["estimate"])
    assert any("samples=2" in note for note in found.warnings)


def test_pairs_shown_under_one_wording_only_are_not_compared() -> None:
    one = tournament({("a", "b"): 1}, 2).assign(wording="w1")
    table = pd.concat([one, tournament({("c", "d"): 1}, 2).assign(wording="w2")])
    found = flips(table, draws=100)
    assert found.to_frame()["estimate"].isna().all()
    assert any("nothing is compared" in note for note in found.warnings)


def test_other_conditions_must_be_alike() -> None:
    first = pd.concat([ladder(4, 2).assign(labels="A/B"), ladder(4, 2).assign(labels="1/2")])
    table = pd.concat([first.assign(wording="w1"), ladder(4, 2).assign(labels="A/B", wording="w2")])
    assert by_pair(table)["w1", "w2", "flip_rate"]["cells"] == 12
    assert flips(table, draws=100).settings["within"] == ["labels"]


def test_models_can_be_compared() -> None:
    table = pd.concat([repeated(1).assign(model="m1"), repeated(2).assign(model="m2")])
    found = by_pair(table, between="model")
    assert found["m1", "m2", "excess"]["estimate"] > 0


def test_the_permutation_is_exact_for_one_pair() -> None:
    cells = pd.DataFrame({"low_x": [2.0], "n_x": [2.0], "low_y": [0.0], "n_y": [2.0]})
    # Of the six ways to deal out two and two, two part the answers so.
    assert permutation_p(cells, 20_000, np.random.default_rng(1)) == pytest.approx(1 / 3, abs=0.02)


def test_counts_that_are_weights_have_no_permutation() -> None:
    cells = pd.DataFrame({"low_x": [2.5], "n_x": [3.5], "low_y": [0.0], "n_y": [2.0]})
    assert np.isnan(permutation_p(cells, 100, np.random.default_rng(1)))


def test_one_value_or_no_column_is_refused() -> None:
    with pytest.raises(DataError, match="needs two to compare"):
        flips(ladder(3).assign(wording="w"))
    with pytest.raises(DataError, match="no column 'wording'"):
        flips(ladder(3))
    with pytest.raises(SettingError, match="draws"):
        flips(ladder(3), draws=0)


@pytest.mark.slow
def test_wordings_that_change_nothing_are_found_in_one_of_twenty() -> None:
    found = [by_pair(two_wordings(seed))["w1", "w2", "excess"] for seed in range(200)]
    shuffled = np.mean([row["p_value"] <= 0.05 for row in found])
    assert shuffled <= 0.1
