"""Flags of `bartleby estimate rate|difference|effects` that say how answers are counted and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bartleby.cli import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    outcomes = ["opted_out", "completed", "refused", "completed", "opted_out"]
    rows = [
        {"item": f"i{item}", "channel": channel, "size": size, "outcome": outcomes[(7 * item + 3 * size) % 5]}
        for item in range(15)
        for channel in "ab"
        for size in (1, 2)
    ]
    path = tmp_path / "trials.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401 - JSON
    assert main(["estimate", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_margin_asks_whether_conditions_are_as_good_as_equal(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["difference", str(table), "--outcome", "opted_out", "--between", "channel"]
    row = told(capsys, *asked, "--margin", "0.3", "--adjust", "none")["estimates"][0]
    assert (row["margin_low"], row["margin_high"]) == (-0.3, 0.3)
    assert row["equivalent"] is True
    assert row["p_adjusted"] == row["p_value"]


def test_a_reference_that_is_a_number_is_found(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["difference", str(table), "--outcome", "opted_out", "--between", "size", "--reference", "2"]
    assert told(capsys, *asked)["estimates"][0]["reference"] == 2


@pytest.mark.parametrize(("refusals", "left_out"), [("counted", 0), ("left_out", 12), ("as_event", 0)])
def test_refusals_are_counted_as_asked(
    table: Path, capsys: pytest.CaptureFixture[str], refusals: str, left_out: int
) -> None:
    asked = ["rate", str(table), "--outcome", "opted_out", "--refusals", refusals]
    assert told(capsys, *asked)["accounting"]["left_out"] == left_out


def test_bias_reduction_has_one_name_everywhere(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = told(capsys, "effects", str(table), "opted_out ~ size", "--bias-reduced")["estimates"][0]
    assert row["method"].startswith("firth")


def test_numbers_have_means_differences_and_slopes(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = pd.read_csv(table)
    trials["rating"] = 1 + (trials.index * 5) % 7
    trials.to_csv(table, index=False)
    mean = told(capsys, "mean", str(table), "--outcome", "rating", "--scale", "1", "7")
    assert mean["estimates"][0]["estimate"] == pytest.approx(trials["rating"].mean())
    assert mean["settings"]["scale"] == "1 to 7 (stated)"
    asked = ["difference", str(table), "--outcome", "rating", "--between", "channel", "--margin", "2"]
    assert told(capsys, *asked)["estimates"][0]["margin_high"] == 2
    slope = told(capsys, "effects", str(table), "rating ~ size")["estimates"][1]
    assert slope["method"] == "least squares, CR2"


def test_a_table_with_other_names_is_estimated_by_what_is_stated(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = pd.read_csv(table).rename(columns={"outcome": "ended", "item": "task"})
    other = tmp_path / "other.csv"
    renamed.assign(ended=renamed["ended"].replace({"opted_out": "left=yes"})).to_csv(other, index=False)
    stated = ["--columns", "item=task", "outcome=ended", "--outcomes", "left=yes=opted_out"]
    asked = ["--outcome", "opted_out"]
    assert told(capsys, "rate", str(other), *asked, *stated) == told(capsys, "rate", str(table), *asked)
