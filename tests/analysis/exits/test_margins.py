"""Published margins: the correlation that comes out, and what they do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from bartleby.analysis.exits.margins import exit_margins, joint_bounds
from bartleby.analysis.inference.intervals import critical_value, wilson
from bartleby.errors import DataError, SettingError

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "published" / "bailstudy"
needs_published = pytest.mark.skipif(not PUBLISHED.exists(), reason="other people's data are not here")

# Retyped from a published chart: rate of leaving by a tool and of refusing, in percent.
RETYPED = pd.DataFrame(
    {
        "model": ["claude-3-haiku", "made up", "nothing", "all", "half"],
        "bail": [2.2392638, 30.0, 0.0, 95.0, 50.0],
        "refusal": [97.5280506, 80.0, 10.0, 20.0, 50.0],
    }
)


def test_the_correlation_is_pearsons_with_its_p_value() -> None:
    row = exit_margins(RETYPED, "bail", "refusal", percent=True).frame.iloc[0]
    known = pearsonr(RETYPED["bail"], RETYPED["refusal"])
    assert (row["estimate"], row["p_value"]) == pytest.approx((known.statistic, known.pvalue))
    low, high = known.confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_margins_bound_the_joint_rate_and_do_not_give_it() -> None:
    found = exit_margins(RETYPED, "bail", "refusal", percent=True)
    rows: Any = found.frame[found.frame["quantity"] == "exit_only_bounds"].set_index("model")
    assert rows["estimate"].isna().all()
    assert rows.loc["half", ["low", "high"]].tolist() == [0, 0.5]
    assert rows.loc["all", ["low", "high"]].tolist() == pytest.approx([0.75, 0.8])
    inside = rows["if_independent"].between(rows["low"] - 1e-12, rows["high"] + 1e-12)
    assert inside.all()
    assert any("assumes that the two are independent" in text for text in found.warnings)


def test_bounds_hold_for_every_joint_table() -> None:
    cells = np.random.default_rng(3).dirichlet(np.ones(4), 500)
    low, high = joint_bounds(cells[:, 0] + cells[:, 1], cells[:, 0] + cells[:, 2])
    assert np.all(low <= cells[:, 1] + 1e-12)
    assert np.all(cells[:, 1] <= high + 1e-12)


def test_what_is_no_rate_is_refused() -> None:
    with pytest.raises(DataError, match="percent=True reads percentages"):
        exit_margins(RETYPED, "bail", "refusal")
    with pytest.raises(DataError, match="no column 'exit'"):
        exit_margins(RETYPED, "exit", "refusal")
    with pytest.raises(SettingError, match="level=1"):
        exit_margins(RETYPED, "bail", "refusal", level=1)


def test_too_few_models_have_no_correlation() -> None:
    row = exit_margins(RETYPED.head(3), "bail", "refusal", percent=True).frame.iloc[0]
    assert np.isnan(row["estimate"])
    assert "too few" in row["method"]


@needs_published
def test_the_published_correlation_comes_out() -> None:
    points = pd.read_csv(PUBLISHED / "published_scatter_points.csv")
    tool = points[points["chart"] == "bailRates/scatterbail_tool"]
    found = exit_margins(tool, "first_value", "second_value", percent=True)
    row = found.frame.iloc[0]
    assert row["n"] == 32
    assert row["estimate"] == pytest.approx(-0.0500, abs=5e-5)
    assert row["p_value"] == pytest.approx(0.786, abs=5e-4)
    assert row["low"] < -0.3
    assert row["high"] > 0.3


@needs_published
def test_published_half_widths_take_repeats_as_independent() -> None:
    rates = pd.read_csv(PUBLISHED / "published_bail_rates.csv")
    rates = rates[rates["n_used_in_published_interval"] == 16300]
    share = rates["bail_pct"].to_numpy() / 100
    critical = critical_value(0.95)
    half = np.array([np.subtract(*wilson(each, 16300, critical)[::-1]) / 2 for each in share])
    np.testing.assert_allclose(half * 100, rates["published_halfwidth_pct"], rtol=1e-3)
