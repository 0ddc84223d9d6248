"""`bartleby estimate exits`: any table of conversations, without Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.tables.written import write_table
from bartleby.cli import main
from tests.analysis.exit_tables import simulated


@pytest.fixture
def file(tmp_path: Path) -> Path:
    table = simulated(np.random.default_rng(2)).assign(exit_channel=["tool", "string"] * 60)
    path = tmp_path / "trials.csv"
    write_table(table.rename(columns={"item": "scene"}), path)
    return path


def test_rows_tell_what_they_are(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "exits", str(file), "--by", "exit_channel", "--cluster", "scene", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = told["estimates"]
    assert {row["quantity"] for row in rows} == {"exit_rate", "staying", "restricted_mean_turns"}
    assert {row["exit_channel"] for row in rows} == {"tool", "string"}
    turns = [row["turn"] for row in rows if row["quantity"] == "staying" and row["exit_channel"] == "tool"]
    assert turns == list(range(1, 9))
    assert told["settings"]["cluster"] == "scene"
    assert "abandoned" in told["accounting"]["outcomes"]


def test_the_numbers_are_those_of_python(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["estimate", "exits", str(file), "--cluster", "scene", "--horizon", "5", "--level", "0.9", "--json"])
    rows = json.loads(capsys.readouterr().out)["estimates"]
    table = simulated(np.random.default_rng(2)).rename(columns={"item": "scene"})
    own = exits(table, cluster="scene", horizon=5, level=0.9).frame
    assert [row["low"] for row in rows] == pytest.approx(own["low"].tolist())


def test_columns_may_have_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("who,stopped,at,said\na,1,2,2\nb,0,,4\nc,0,,4\n", encoding="utf-8")
    assert main(["estimate", "exits", str(path), "--turn", "at", "--turns", "said"]) == 0
    assert "staying beyond turn 4" in capsys.readouterr().out


def test_what_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("outcome,turn,turns\nopted_out,,2\n", encoding="utf-8")
    assert main(["estimate", "exits", str(path)]) == 1
    assert "'turn': empty in 1 trials" in capsys.readouterr().err
