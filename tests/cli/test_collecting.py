"""The command line of runs: many studies and models, a user who is played, turns, folders of logs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bartleby.cli import main
from bartleby.collectors import models
from bartleby.collectors.collector import collect
from bartleby.errors import RequestError
from bartleby.exchange import Reply, Request
from tests.cli.test_commands import write_study
from tests.collectors.fakes import FakeModel
from tests.collectors.talks import talks

Run = Callable[..., tuple[int, str, str]]

PLAYED = """
from tests.collectors.talks import talks

study = talks(2)
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(each) for each in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_many_studies_on_many_models_have_a_line_each_and_a_code(run: Run, tmp_path: Path) -> None:
    good = write_study(tmp_path)
    two = ("--model", "sim/averse", "--model", "sim/indifferent", "--logs", tmp_path / "runs")
    code, out, err = run("run", good, *two)
    assert (code, err, len(out.splitlines())) == (0, "", 3)
    assert out.splitlines()[-1] == "2 of 2 runs came to their end"
    bad = tmp_path / "bad.py"
    bad.write_text("study = 3\n")
    code, out, err = run("run", bad, good, *two)
    assert (code, err, len(out.splitlines())) == (1, "", 5)
    assert sum(line.startswith("FAILED") for line in out.splitlines()) == 2
    assert out.splitlines()[-1] == "2 of 4 runs came to their end"
    code, out, _ = run("status", tmp_path / "runs")
    assert (code, len(out.splitlines()), out.count("40 of 40 trials ended")) == (0, 2, 2)
    table = tmp_path / "all.csv"
    assert "80 trials written" in run("export", tmp_path / "runs", "-o", table)[1]
    assert set(pd.read_csv(table)["model"]) == {"sim/averse", "sim/indifferent"}


@pytest.mark.parametrize("more", [("--model", "sim/indifferent"), ()])
def test_one_log_is_for_one_study_on_one_model(run: Run, tmp_path: Path, more: tuple[str, ...]) -> None:
    study = write_study(tmp_path)
    studies = [study] if more else [study, study]
    code, _, err = run("run", *studies, "--model", "sim/averse", *more, "--log", tmp_path / "a.db")
    assert (code, err.count("\n"), "--logs DIR" in err) == (1, 1, True)


def test_a_study_whose_user_nobody_plays_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    study = tmp_path / "played.py"
    study.write_text(PLAYED)
    code, _, err = run("run", study, "--model", "sim/averse", "--log", tmp_path / "a.db")
    assert (code, err.count("\n"), "--user" in err, (tmp_path / "a.db").exists()) == (1, 1, True, False)
    code, out, _ = run(
        "run", study, "--model", "sim/averse", "--user", "sim/indifferent", "--log", tmp_path / "a.db"
    )
    assert (code, "by sim/indifferent as the user" in out) == (0, True)


def test_turns_are_exported(run: Run, tmp_path: Path) -> None:
    log, table = tmp_path / "a.db", tmp_path / "turns.csv"
    asyncio.run(collect(talks(2, user="scripted"), FakeModel(), log))
    code, out, _ = run("export", log, "-o", table, "--unit", "turn")
    assert (code, "6 turns written" in out) == (0, True)
    assert pd.read_csv(table)["turn"].tolist() == [1, 2, 3] * 2


def test_what_became_of_a_run_is_its_exit_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path)
    one = ("run", study, "--model", "sim/averse")
    assert run(*one, "--log", tmp_path / "a.db", "--max-calls", "3")[0] == 3
    assert run(*one, "--logs", tmp_path / "runs", "--max-calls", "3")[0] == 3
    assert run(*one, "--log", tmp_path / "a.db")[0] == 0
    assert run(*one, "--logs", tmp_path / "runs")[0] == 0

    def too_long(request: Request, number: int) -> Reply:
        raise RequestError("too long")

    tiny = tmp_path / "tiny.py"
    tiny.write_text("from tests.collectors.fakes import small_study\nstudy = small_study(3)\n")
    monkeypatch.setattr(models, "open_model", lambda name: FakeModel(too_long, name=name))
    code, out, _ = run("run", tiny, "--model", "fake/one", "--log", tmp_path / "b.db")
    assert (code, "error 6" in out) == (4, True)
    assert run("run", tiny, "--model", "fake/one", "--logs", tmp_path / "more")[0] == 4
