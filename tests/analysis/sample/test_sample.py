"""A table read once: what is declared is checked, and what is excluded is counted once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.exits.expectedness import specificity
from bartleby.analysis.exits.rules import follows_request
from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.errors import DataError, SettingError


@pytest.fixture
def trials() -> pd.DataFrame:
    rows = [
        ("a", "opted_out", "tool", 1.0),
        ("a", "completed", "tool", 0.0),
        ("b", "opted_out", None, 1.0),
        ("b", "abandoned", None, 0.0),
        ("c", "completed", "text", None),
        ("c", "abandoned", "text", 1.0),
        ("d", "opted_out", "text", 0.0),
    ]
    return pd.DataFrame(rows, columns=["item", "outcome", "channel", "declined"])


def read(trials: pd.DataFrame, *columns: Column) -> Sample:
    return read_sample(trials, "opted_out", *columns)


def test_an_empty_row_is_counted_once_under_the_first_reason_it_was_not_used(trials: pd.DataFrame) -> None:
    sample = read(
        trials,
        Column("between", "channel", empty="exclude"),
        Column("declined", "declined", kind="flag", empty="exclude"),
    )
    accounting = sample.accounting()
    assert accounting.counts == {
        "opted_out": 2, "completed": 1, "abandoned": 2, "channel empty": 1, "declined empty": 1,
    }  # fmt: skip
    assert (accounting.used, accounting.total) == (3, 7)
    assert "channel: empty in 2 trials, which are excluded" in sample.warnings


def test_all_that_is_wrong_with_declared_columns_is_said_at_once(trials: pd.DataFrame) -> None:
    with pytest.raises(DataError) as absent:
        read(trials, Column("between", "none"), Column("paired", "neither"))
    assert [line.partition(":")[0] for line in absent.value.problems] == ["between", "paired"]
    with pytest.raises(DataError) as odd:
        read(
            trials.assign(turn=-1.5, declined=2),
            Column("declined", "declined", kind="flag"),
            Column("turn", "turn", kind="whole"),
            Column("channel", "channel", empty="keep", words=("tool", "none")),
        )
    assert len(odd.value.problems) == 3
    assert "'text': must be 'tool' or 'none'" in odd.value.problems[2]


def test_columns_that_are_optional_need_not_be_there(trials: pd.DataFrame) -> None:
    sample = read(trials, Column("turns", "turns", optional=True), Column("paired", None))
    assert "turns" not in sample
    assert "paired" not in sample


def test_whatever_is_worked_out_for_each_row_stays_with_its_row_in_every_group(trials: pd.DataFrame) -> None:
    sample = read_sample(trials, "opted_out", by="item")
    numbered = sample.having(number=np.arange(len(sample.cells)))
    parts = [part["number"].tolist() for part in numbered.split()]
    assert sorted(value for part in parts for value in part) == list(range(len(sample.cells)))
    assert all(len(part.where(part["number"] >= 0).cells) == len(part.cells) for part in numbered.split())


def test_a_reference_is_a_value_of_the_column_however_it_is_written(trials: pd.DataFrame) -> None:
    sample = read(trials.assign(dose=[1, 2, 1, 2, 1, 2, 1]), Column("between", "dose"))
    assert sample.reference("between", "2") == 2
    with pytest.raises(SettingError, match="reference=9: must be a value of 'dose': 1, 2"):
        sample.reference("between", 9)
    with pytest.raises(DataError, match="one value"):
        read(trials.assign(dose=1), Column("between", "dose")).reference("between", None)


def test_what_is_said_to_be_used_is_what_was_used(trials: pd.DataFrame) -> None:
    many = pd.concat([trials] * 5, ignore_index=True)
    for estimates in (
        difference(many, between="channel", cluster=False),
        rate(many, where={"channel": ["tool", "text"]}, cluster=False),
        specificity(many.assign(expected=many["channel"].map({"tool": "expected", "text": "wrong"}))),
    ):
        assert estimates.accounting.used == 20
    request = follows_request(
        many.assign(turn=2.0, turns=2, user_asked_to_end=np.where(many["item"] == "a", 3, 1))
    )
    assert request.accounting.used == 25
    assert request.accounting.counts["ended before the request"] == 10


def test_where_chooses_trials_and_names_what_there_is(trials: pd.DataFrame) -> None:
    chosen = rate(trials, where={"channel": "text"}, cluster=False)
    alone = rate(trials[trials["channel"] == "text"], cluster=False)
    pd.testing.assert_frame_equal(chosen.frame, alone.frame)
    assert chosen.settings["where"] == {"channel": "text"}
    with pytest.raises(DataError, match="no trial in which 'channel' is 'voice'; it is text, tool"):
        rate(trials, where={"channel": "voice"})
    with pytest.raises(DataError, match="where: no column 'colour'"):
        difference(trials, between="item", where={"colour": 1})
    with pytest.raises(SettingError, match="where: names no column"):
        rate(trials, where={})


def test_a_one_sided_limit_is_the_end_of_the_interval_that_leaves_as_much_on_that_side() -> None:
    trials = pd.DataFrame({"item": list("abcdefghijkl") * 4, "left": ([1] * 9 + [0] * 3) * 2 + [0] * 24})
    trials["channel"] = ["tool"] * 24 + ["text"] * 24
    estimators: list[Callable[..., Any]] = [rate, partial(difference, between="channel")]
    for estimate in estimators:
        narrow = estimate(trials, "left", level=0.9).frame.iloc[0]
        upper, lower = (estimate(trials, "left", one_sided=side).frame.iloc[0] for side in ("upper", "lower"))
        assert [lower["lower"], upper["upper"]] == pytest.approx([narrow["low"], narrow["high"]])
    # The whole p value is shared between the two claims, that there is less and that there is more.
    two_sided, less, more = (
        difference(trials, "left", between="channel", one_sided=side).frame["p_value"].iloc[0]
        for side in (None, "upper", "lower")
    )
    assert more == pytest.approx(two_sided / 2)
    assert less + more == pytest.approx(1)
    with pytest.raises(SettingError, match="one-sided bound needs a level"):
        rate(trials, "left", level=0.5, one_sided="upper")


def test_settings_say_what_was_asked_and_what_was_used(trials: pd.DataFrame) -> None:
    settings = difference(trials, between="channel", margin=0.1).settings
    assert settings["margin"] == [-0.1, 0.1]
    assert settings["reference"] == "text"
    assert settings["cluster"] == "item (found in the table)"
    assert settings["family"] == "all 1 comparisons of this call"
    assert "where" not in settings
    with pytest.raises(SettingError, match=r"level=2.*method='no': must be one of 'auto', 'newcombe', 't'"):
        difference(trials, between="channel", level=2, method="no")  # type: ignore[arg-type]
