"""Declining and leaving on the same trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chi2_contingency
from statsmodels.stats.contingency_tables import Table2x2

from bartleby.analysis.exits.refusal_exit import refusal_by_exit
from bartleby.errors import DataError, SettingError


def two_by_two(both: int, exit_only: int, refusal_only: int, neither: int, **columns: str) -> pd.DataFrame:
    cells = [("opted_out", True, both), ("opted_out", False, exit_only)]
    cells += [("refused", True, refusal_only), ("completed", False, neither)]
    rows = [(outcome, refused) for outcome, refused, count in cells for _ in range(count)]
    return pd.DataFrame(rows, columns=["outcome", "refused"]).assign(**columns)


def estimates(found: pd.DataFrame) -> dict[str, float]:
    return dict(zip(found["quantity"], found["estimate"], strict=True))


def test_joint_and_conditional_rates_come_from_the_same_trials() -> None:
    found = estimates(refusal_by_exit(two_by_two(12, 3, 20, 65), cluster=False).frame)
    assert [found[name] for name in ("both", "exit_only", "refusal_only", "neither")] == [
        0.12,
        0.03,
        0.2,
        0.65,
    ]
    assert (found["exit_rate"], found["refusal_rate"]) == (0.15, 0.32)
    assert found["exit_if_refused"] == pytest.approx(12 / 32)
    assert found["exit_if_not_refused"] == pytest.approx(3 / 68)
    assert found["no_refusal_share"] == pytest.approx(3 / 15)
    assert found["exit_only_if_independent"] == pytest.approx(0.15 * 0.68)
    assert found["dependence"] == pytest.approx(0.12 - 0.15 * 0.32)


def test_odds_ratio_and_phi_are_those_of_the_textbook() -> None:
    found: Any = refusal_by_exit(two_by_two(12, 3, 20, 65), cluster=False).frame.set_index("quantity")
    known = Table2x2([[12, 20], [3, 65]])
    row = found.loc["odds_ratio"]
    assert row["estimate"] == pytest.approx(known.oddsratio)
    np.testing.assert_allclose([row["low"], row["high"]], known.oddsratio_confint(), rtol=1e-8)
    chi2 = chi2_contingency([[12, 3], [20, 65]], correction=False).statistic
    assert found.loc["phi", "estimate"] == pytest.approx(np.sqrt(chi2 / 100))
    assert found.loc["phi", "low"] > 0


def test_an_empty_cell_gives_haldanes_odds_ratio_and_says_so() -> None:
    row = (
        refusal_by_exit(two_by_two(0, 4, 10, 30), cluster=False).frame.set_index("quantity").loc["odds_ratio"]
    )
    assert row["estimate"] == pytest.approx((0.5 * 30.5) / (4.5 * 10.5))
    assert row["method"].startswith("Haldane")
    assert row["low"] < row["estimate"] < row["high"]


@pytest.mark.parametrize("cells", [(0, 0, 5, 5), (5, 5, 0, 0), (5, 0, 5, 0), (0, 5, 0, 5)])
def test_an_event_that_always_or_never_happens_has_no_association(cells: tuple[int, int, int, int]) -> None:
    found = refusal_by_exit(two_by_two(*cells), cluster=False)
    rows: Any = found.frame.set_index("quantity")
    assert np.isnan(rows.loc["odds_ratio", "estimate"])
    assert np.isnan(rows.loc["phi", "estimate"])
    assert np.isnan(rows.loc["dependence", "low"])
    assert any("always or never" in text for text in found.warnings)


def test_multiplying_the_margins_is_told_where_it_is_wrong() -> None:
    wrong = refusal_by_exit(two_by_two(30, 2, 20, 48), cluster=False).warnings
    assert any("multiplying the two rates would give 16.0%" in text and "were 2.0%" in text for text in wrong)
    right = refusal_by_exit(two_by_two(16, 16, 34, 34), cluster=False).warnings
    assert not any("multiplying" in text for text in right)


def test_clusters_widen_what_repeats_would_narrow() -> None:
    rng = np.random.default_rng(2)
    tables = [
        two_by_two(*rng.multinomial(10, rng.dirichlet([0.3, 0.2, 0.4, 0.8])).tolist(), item=f"item {number}")
        for number in range(15)
    ]
    table = pd.concat(tables)
    robust: Any = refusal_by_exit(table).frame.set_index("quantity")
    plain: Any = refusal_by_exit(table, cluster=False).frame.set_index("quantity")
    for name in ("both", "dependence", "phi"):
        width = robust.loc[name, "high"] - robust.loc[name, "low"]
        assert width > plain.loc[name, "high"] - plain.loc[name, "low"]
    assert robust.loc["odds_ratio", "n_clusters"] == 15
    assert "clustered" in robust.loc["phi", "method"]


@pytest.mark.parametrize("together", [3, 0])
def test_a_link_that_rests_on_few_clusters_is_told(together: int) -> None:
    first = two_by_two(together, 2, 2, 13, item="a")
    apart = [two_by_two(0, 1, 1, 18, item=f"i{at}") for at in range(12)]
    table = pd.concat([first, *apart], ignore_index=True)
    found = refusal_by_exit(table)
    told = [text for text in found.warnings if "dependence and phi" in text]
    assert len(told) == 1
    assert "13 clusters seldom include the rare ones" in told[0]
    row: Any = found.frame.set_index("quantity").loc["phi"]
    assert row["low"] < row["estimate"] < row["high"]
    assert row["high"] > 0
    same = refusal_by_exit(table, estimand="these_items").warnings
    assert not [text for text in same if "clusters seldom" in text]


def test_channels_are_compared_cell_by_cell() -> None:
    table = pd.concat(
        [
            two_by_two(2, 1, 40, 57, exit_channel="string"),
            two_by_two(20, 9, 22, 49, exit_channel="tool"),
        ]
    )
    found = refusal_by_exit(table, between="exit_channel", cluster=False).frame
    moved: Any = found[found["reference"].notna()].set_index("quantity")
    assert (moved["reference"] == "string").all()
    assert moved["estimate"].to_dict() == pytest.approx(
        {"both": 0.18, "exit_only": 0.08, "refusal_only": -0.18, "neither": -0.08}
    )
    assert (moved["p_adjusted"] >= moved["p_value"]).all()
    assert moved.loc["both", "p_value"] < 0.001
    other = refusal_by_exit(table, between="exit_channel", reference="tool", cluster=False).frame
    assert other[other["reference"].notna()]["exit_channel"].unique().tolist() == ["string"]


def test_counts_are_there_for_the_figure() -> None:
    found = refusal_by_exit(two_by_two(1, 2, 3, 4), cluster=False)
    counts = found.counts()
    assert counts.to_dict("list") == {
        "refused": [False, False, True, True],
        "exited": [False, True, False, True],
        "count": [4, 2, 3, 1],
    }
    assert found.plot().axes


def test_trials_without_a_reading_of_the_refusal_are_excluded_with_a_warning() -> None:
    table = two_by_two(5, 5, 5, 5).astype({"refused": "boolean"})
    table.loc[:3, "refused"] = pd.NA
    found = refusal_by_exit(table, cluster=False)
    assert found.frame["n"].iloc[0] == 16
    assert any("refused: empty in 4 trials" in text for text in found.warnings)
    assert found.accounting.counts["refused empty"] == 4


def test_engines_agree() -> None:
    table = two_by_two(6, 4, 9, 21)
    one, other = refusal_by_exit(table, cluster=False), refusal_by_exit(pl.from_pandas(table), cluster=False)
    pd.testing.assert_frame_equal(one.frame, other.frame, check_dtype=False)


def test_rates_of_other_trials_cannot_stand_in() -> None:
    with pytest.raises(DataError, match="assumes independence"):
        refusal_by_exit(two_by_two(1, 1, 1, 1).drop(columns="refused"))
    with pytest.raises(DataError, match="between: no column"):
        refusal_by_exit(two_by_two(1, 1, 1, 1), between="exit_channel")
    with pytest.raises(DataError, match="must be 0, 1"):
        refusal_by_exit(two_by_two(1, 1, 1, 1).assign(refused="yes"))
    with pytest.raises(SettingError, match="reference='x'"):
        refusal_by_exit(
            two_by_two(5, 5, 5, 5).assign(channel=["a", "b"] * 10), between="channel", reference="x"
        )
