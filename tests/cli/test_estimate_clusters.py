"""`--cluster` once and twice, for the estimators that take clusters in two ways and for those that do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.rates.rates import rate
from bartleby.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    item, wording = (part.ravel() for part in np.meshgrid(np.arange(9), np.arange(5)))
    data = pd.DataFrame({"item": item, "wording": wording, "channel": np.where(wording % 2, "tool", "text")})
    data["outcome"] = np.where(rng.random(len(data)) < 0.4, "opted_out", "completed")
    path = tmp_path / "trials.csv"
    data.to_csv(path, index=False)
    return path


def test_two_clusters_on_the_command_line_are_a_list_in_python(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ["--cluster", "item", "--cluster", "wording"]
    assert main(["estimate", "rate", str(file), "--outcome", "opted_out", *two, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    here = rate(pd.read_csv(file), "opted_out", cluster=["item", "wording"]).frame.iloc[0]
    assert told["settings"]["cluster"] == "item and wording"
    assert told["estimates"][0]["low"] == pytest.approx(here["low"])


def test_none_takes_trials_as_independent(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--outcome", "opted_out", "--cluster", "none", "--json"]
    assert main(["estimate", "rate", str(file), *words]) == 0
    told = json.loads(capsys.readouterr().out)
    here = rate(pd.read_csv(file), "opted_out", cluster=False).frame.iloc[0]
    assert told["settings"]["cluster"].startswith("none")
    assert told["estimates"][0]["low"] == pytest.approx(here["low"])


@pytest.mark.parametrize(
    "words",
    [
        ["difference", "--outcome", "opted_out", "--between", "channel"],
        ["effects", "opted_out ~ channel"],
    ],
)
def test_differences_and_effects_take_two_clusters_too(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    two = ["--cluster", "item", "--cluster", "wording"]
    assert main(["estimate", words[0], str(file), *words[1:], *two, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "two-way" in told["estimates"][0]["method"]


def test_one_cluster_is_as_before(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["estimate", "rate", str(file), "--outcome", "opted_out", "--cluster", "wording", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["cluster"] == "wording"
