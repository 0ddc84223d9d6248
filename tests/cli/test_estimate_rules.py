"""`bartleby estimate rules`: a log, or tables of trials and turns, held to the rules of leaving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.analysis.tables.written import write_table
from bartleby.cli import main


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "leave.db"
    bb.run("end_conversation", "sim/averse", log=path, progress=False)
    return path


@pytest.mark.filterwarnings("ignore")
def test_a_log_and_its_tables_give_the_same_scorecard(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials, turns = tmp_path / "trials.csv", tmp_path / "turns.csv"
    write_table(bb.read(log), trials)
    write_table(bb.read(log, unit="turn"), turns)
    capsys.readouterr()
    assert main(["estimate", "rules", str(log), "--rules", "chat-2026", "--json"]) == 0
    of_log = json.loads(capsys.readouterr().out)
    assert (
        main(["estimate", "rules", str(trials), "--turns", str(turns), "--rules", "chat-2026", "--json"]) == 0
    )
    of_tables = json.loads(capsys.readouterr().out)
    assert of_log["estimates"] == of_tables["estimates"]
    rules = {row["rule"] for row in of_log["estimates"]}
    assert rules == {f"R{number}" for number in range(1, 11)}
    own = bb.leaving.rule_scorecard(bb.read(log), bb.read(log, unit="turn"), rules="chat-2026").to_frame()
    assert [row["kept"] for row in of_log["estimates"] if row["kept"] is not None] == own[
        "kept"
    ].dropna().tolist()


def test_a_table_of_trials_needs_its_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("trial,outcome\nt1,completed\n", encoding="utf-8")
    assert main(["estimate", "rules", str(path)]) == 1
    assert "--turns:" in capsys.readouterr().err
