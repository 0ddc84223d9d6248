"""The same conversation with an edited message, against the original."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy.stats import binomtest

from bartleby.analysis.exits.branch_contrast import branch_contrast, mcnemar
from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.rates.differences import difference
from bartleby.errors import DataError


@pytest.fixture
def branches() -> pd.DataFrame:
    left = {
        # origin: original, no insult, no repetition
        "t1": (1, 0, 1),
        "t2": (1, 0, 1),
        "t3": (1, 0, 0),
        "t4": (0, 0, 0),
        "t5": (1, 1, 1),
        "t6": (1, 0, 1),
        "t7": (0, 1, 0),
        "t8": (1, 0, 1),
    }
    names = ("original", "no insult", "no repetition")
    return pd.DataFrame(
        [
            {"origin": origin, "branch": name, "outcome": "opted_out" if each else "completed"}
            for origin, exits in left.items()
            for name, each in zip(names, exits, strict=True)
        ]
    )


def test_edits_are_paired_with_their_originals(branches: pd.DataFrame) -> None:
    found: Any = branch_contrast(branches).frame.set_index("branch")
    row = found.loc["no insult"]
    assert row["estimate"] == pytest.approx(2 / 8 - 6 / 8)
    assert (row["only_edit"], row["only_original"]) == (1, 5)
    assert row["p_mcnemar"] == pytest.approx(binomtest(1, 6).pvalue)
    assert found.loc["no repetition", ["only_edit", "only_original"]].tolist() == [0, 1]
    direct = difference(branches, between="branch", reference="original", paired="origin").frame
    assert found["low"].tolist() == direct["low"].tolist()


def test_originals_that_do_not_name_themselves_are_found_by_trial(branches: pd.DataFrame) -> None:
    own = branches["branch"] == "original"
    table = branches.assign(trial=branches["origin"].where(own, "edit of " + branches["origin"]))
    table["origin"] = table["origin"].where(~own)
    pd.testing.assert_frame_equal(branch_contrast(table).frame, branch_contrast(branches).frame)


def test_scenarios_are_the_clusters_where_they_are_there(branches: pd.DataFrame) -> None:
    table = branches.assign(item=branches["origin"].map(lambda name: f"scenario {int(name[1]) % 4}"))
    found = branch_contrast(table)
    assert found.frame["n_clusters"].tolist() == [4, 4]
    assert found.frame["p_mcnemar"].isna().all()


def test_an_item_that_is_one_branch_alone_is_no_cluster(branches: pd.DataFrame) -> None:
    table = branches.assign(item=branches["origin"] + "@3:" + branches["branch"])
    alone = branch_contrast(table)
    assert alone.frame["n_clusters"].tolist() == [8, 8]
    assert any("no column names a scenario" in text for text in alone.warnings)
    scenario = table["origin"].map(lambda name: f"s{int(name[1]) % 4}")
    found = branch_contrast(table.assign(scenario=scenario))
    assert found.settings["cluster"] == "scenario (found in the table)"
    assert found.frame["n_clusters"].tolist() == [4, 4]
    assert not any("no column names" in text for text in found.warnings)
    assert exits(table.assign(scenario=scenario)).settings["cluster"] == "scenario (found in the table)"
    assert exits(table).settings["cluster"] == "origin (found in the table)"


def test_repeated_continuations_are_compared_by_their_rates(branches: pd.DataFrame) -> None:
    found = branch_contrast(pd.concat([branches, branches.assign(outcome="completed")])).frame
    assert found["p_mcnemar"].isna().all()
    assert found.set_index("branch").loc["no insult", "estimate"] == pytest.approx(-0.25)


@pytest.mark.parametrize(("one", "other"), [(0, 5), (3, 3), (10, 2), (1, 0)])
def test_mcnemar_is_the_exact_binomial_test(one: int, other: int) -> None:
    assert mcnemar(one, other) == pytest.approx(binomtest(one, one + other).pvalue)


def test_no_discordant_pair_says_nothing() -> None:
    assert math.isnan(mcnemar(0, 0))


def test_what_is_missing_is_named(branches: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no column 'origin'"):
        branch_contrast(branches.drop(columns="origin"))
    with pytest.raises(DataError, match="needs 'original'"):
        branch_contrast(branches[branches["branch"] != "original"])
