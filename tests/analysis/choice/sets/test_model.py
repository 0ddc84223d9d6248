from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.choice.sets.model import choice_sets
from bartleby.errors import DataError, SettingError
from tests.analysis.choice_tables import simulated


def ranked(seed: int = 0, sets: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    utility = np.array([0.0, 0.5, 1.0, -1.0])
    offered = np.argsort(rng.random((sets, 4)), axis=1)[:, :3]
    value = utility[offered] + rng.gumbel(size=offered.shape)
    rank = np.argsort(np.argsort(-value, axis=1), axis=1) + 1
    return pd.DataFrame(
        {
            "set": np.repeat(np.arange(sets), 3),
            "item": [f"i{at}" for at in offered.ravel()],
            "rank": rank.ravel(),
        }
    )


def test_sets_of_two_are_the_paired_model() -> None:
    rows, _ = simulated(1, n_items=5)
    sides = [
        pd.DataFrame({"set": rows.index, "item": rows[side], "chosen": rows["outcome"] == f"chose_{side}"})
        for side in ("first", "second")
    ]
    long = pd.concat([part.assign(position=at) for at, part in enumerate(sides, 1)])
    found: Any = choice_sets(long.assign(chosen=long["chosen"].astype(int)), baseline="item 00").to_frame()
    paired = choice_model(rows, baseline="item 00").to_frame()
    numbers = ["estimate", "std_error", "low", "high", "df"]
    pd.testing.assert_frame_equal(found[numbers], paired[numbers], rtol=1e-7, atol=1e-9)


def test_rankings_recover_the_utilities_they_were_made_by() -> None:
    found: Any = (
        choice_sets(ranked(sets=3000), baseline="i0", cluster=False, level=0.999).to_frame().set_index("term")
    )
    for term, truth in (("i1", 0.5), ("i2", 1.0), ("i3", -1.0)):
        assert found.loc[term, "low"] < truth < found.loc[term, "high"]


def test_with_one_menu_utilities_are_log_odds_against_neither() -> None:
    chosen = ["a"] * 8 + ["b"] * 4 + [None] * 2
    table = pd.DataFrame(
        [(at, item, int(item == winner)) for at, winner in enumerate(chosen) for item in "ab"],
        columns=["set", "item", "chosen"],
    )
    fit = choice_sets(table, neither=True, baseline="neither", cluster=False)
    found: Any = fit.to_frame().set_index("term")["estimate"]
    assert found["a"] == pytest.approx(math.log(4), abs=1e-9)
    assert found["b"] == pytest.approx(math.log(2), abs=1e-9)
    assert fit.accounting.counts["none chosen"] == 2
    assert choice_sets(table, baseline="a", cluster=False).accounting.left_out == 2


def test_an_item_never_chosen_gets_a_finite_interval_and_is_named() -> None:
    table = ranked(sets=40)
    table["chosen"] = (table["rank"] == 1).astype(int)
    table.loc[table["item"] == "i3", "chosen"] = 0
    fit = choice_sets(table.drop(columns="rank"), baseline="i0", cluster=False)
    row: Any = fit.to_frame().set_index("term").loc["i3"]
    assert "i3" in fit.warnings[0]
    assert "Firth" in str(row["method"])
    assert np.isfinite(np.array([row["low"], row["high"]], dtype=float)).all()


def test_row_order_and_counts_do_not_matter() -> None:
    table = ranked(sets=60)
    mixed = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        choice_sets(table).to_frame(), choice_sets(mixed).to_frame(), rtol=1e-8, atol=1e-10
    )
    twice = pd.concat([table, table.assign(set=table["set"] + 1000)])
    pd.testing.assert_frame_equal(
        choice_sets(twice).to_frame(), choice_sets(table.assign(count=2)).to_frame(), rtol=1e-8, atol=1e-10
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    table = pd.DataFrame(
        {"set": [1, 1, 1], "item": ["a", "a", "b"], "chosen": [1, 1, 2], "count": [1, -1, 1]}
    )
    with pytest.raises(DataError) as error:
        choice_sets(table)
    assert len(error.value.problems) == 5
    with pytest.raises(DataError, match="'chosen'"):
        choice_sets(pd.DataFrame({"set": [1], "item": ["a"]}))
    with pytest.raises(SettingError, match="none of its items"):
        choice_sets(ranked(sets=20), baseline="zzz")


def endings(*words: str) -> pd.DataFrame:
    """Return eight choices of a, four of b, and a set without a choice for each word."""
    winners = [*["a"] * 8, *["b"] * 4, *[""] * len(words)]
    outcome = [*["completed_set"] * 12, *words]
    return pd.DataFrame(
        [
            (at, item, int(item == winner), ended)
            for at, (winner, ended) in enumerate(zip(winners, outcome, strict=True))
            for item in "ab"
        ],
        columns=["set", "item", "chosen", "outcome"],
    )


def test_what_is_missing_is_never_a_choice_of_none() -> None:
    table = endings("opted_out", "opted_out", "refused", "error", "unparsed", "abandoned")
    fit = choice_sets(table, neither=True, baseline="neither", cluster=False)
    found: Any = fit.to_frame().set_index("term")["estimate"]
    assert found["a"] == pytest.approx(math.log(8 / 2), abs=1e-9)
    assert fit.accounting.counts == {
        "chosen": 12,
        "opted_out": 2,
        "refused": 1,
        "error": 1,
        "unparsed": 1,
        "abandoned": 1,
    }
    assert fit.accounting.left_out == 4
    refused = choice_sets(table, neither=True, refusals="neither", baseline="neither", cluster=False)
    assert refused.to_frame().set_index("term")["estimate"]["a"] == pytest.approx(math.log(8 / 3), abs=1e-9)
    assert refused.accounting.left_out == 3
    assert choice_sets(table, baseline="a", cluster=False).accounting.left_out == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rank": [2, 4, None, 1, 2, 3]}, "a rank before it is missing"),
        ({"rank": [1, 1.5, None, 1, 2, 3]}, "must be 1, 2, ... or empty"),
        ({"count": [1, 1, 2, 1, 1, 1]}, "'count': differs within a set"),
        ({"position": [0, 1, 2, 0, 1, 2]}, "'position': must be 1, 2"),
        ({"position": [None] * 6}, "'position': must be 1, 2"),
        ({"position": list("abcabc")}, "'position': must be 1, 2"),
        ({"item": ["slot", "b", "c", "a", "b", "c"]}, "called as a term of the model"),
        (
            {"rank": [None] * 3 + [1, 2, 3], "outcome": ["gone"] * 6},
            "of a set without a choice, must be one of",
        ),
        ({"outcome": ["error"] * 6}, "says that nothing was chosen, and something was"),
        ({"rank": [None] * 6, "outcome": ["error"] * 5 + ["refused"]}, "'outcome': differs within a set"),
    ],
)
def test_sets_that_cannot_be_what_they_say_are_refused(change: dict[str, list[Any]], message: str) -> None:
    table = pd.DataFrame({"set": [1] * 3 + [2] * 3, "item": list("abcabc"), "rank": [1, 2, 3] * 2})
    with pytest.raises(DataError, match=message):
        choice_sets(table.assign(**change))


def test_settings_of_sets_are_those_of_pairs() -> None:
    table = ranked(sets=40)
    one, other = (choice_sets(table, cluster=cluster).to_frame() for cluster in ("menu", None))
    pd.testing.assert_frame_equal(one, other)
    assert choice_sets(table, cluster=False).settings["cluster"] == "none: sets independent"
    with pytest.raises(SettingError, match="level='x'"):
        choice_sets(table, level="x")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="refusals='as_event'"):
        choice_sets(table, refusals="as_event")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="by: 'term'"):
        choice_sets(table.assign(term=1), by="term")


def test_sets_without_a_choice_are_no_data() -> None:
    with pytest.raises(DataError, match="nothing to estimate"):
        choice_sets(pd.DataFrame({"set": [1, 1], "item": ["a", "b"], "chosen": [0, 0]}))


def two_groups() -> pd.DataFrame:
    """Return choices among a, b and c, and among x and y, which never meet; z is never chosen from."""
    rows: list[dict[str, object]] = []
    menus = [("abc", "a", 9), ("abc", "b", 6), ("abc", "c", 5), ("xy", "x", 7), ("xy", "y", 3), ("xz", "", 4)]
    for number, (menu, chosen, count) in enumerate(menus):
        rows += [
            {"set": number, "item": item, "chosen": int(item == chosen), "count": count} for item in menu
        ]
    return pd.DataFrame(rows)


def test_items_that_never_meet_are_reported_by_group() -> None:
    found = choice_sets(two_groups(), cluster=False)
    frame = found.frame.set_index("term")
    assert frame["component"].dropna().to_dict() == {"a": 1, "b": 1, "c": 1, "x": 2, "y": 2}
    assert frame.loc[["a", "b", "c"], "estimate"].sum() == pytest.approx(0, abs=1e-10)
    estimate = frame["estimate"].to_dict()
    assert estimate["x"] - estimate["y"] == pytest.approx(np.log(7 / 3))
    alone = choice_sets(two_groups().query("item in ['a', 'b', 'c']"), cluster=False).frame.set_index("term")
    np.testing.assert_allclose(frame.loc[["a", "b", "c"], "low"], alone["low"], atol=1e-8)
    assert any("2 groups that are never offered together" in text for text in found.warnings)
    assert np.isnan(estimate["z"])
    assert any("z" in text and "in no set" in text for text in found.warnings)


def test_only_what_is_connected_to_the_baseline_is_on_its_scale() -> None:
    frame = choice_sets(two_groups(), baseline="b", cluster=False).frame.set_index("term")
    assert frame.loc["b", "estimate"] == 0
    assert frame.loc["a", "estimate"] == pytest.approx(np.log(9 / 6))
    assert frame.loc["x", "method"] == "not connected to the baseline 'b'"
    assert frame.loc[["x", "y"], ["estimate", "low", "high"]].isna().all(axis=None)
    with pytest.raises(DataError, match="no choice says anything of it"):
        choice_sets(two_groups(), baseline="z")


def test_taking_none_connects_all_sets() -> None:
    frame = choice_sets(two_groups(), cluster=False, neither=True).frame
    assert "component" not in frame
    assert frame["estimate"].notna().all()
