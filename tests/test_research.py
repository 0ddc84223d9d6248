"""A new study of each kind runs at once, with its analysis and its notebook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.cli.main import main
from bartleby.verbs.research import PARADIGMS


@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_a_new_study_passes_its_check_runs_and_is_analysed(paradigm: str, tmp_path: Path) -> None:
    study_file, *_, analysis, notebook = bb.new("mine", paradigm, folder=tmp_path)
    plan = bb.check(study_file, "sim/averse")
    assert plan.refusals == ()
    assert plan.trials < 200
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, analysis.relative_to(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    saved = {path.suffix for path in (tmp_path / "runs" / "mine-simulated").iterdir()}
    assert {".csv", ".tex", ".pdf"} <= saved
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "notebooks", env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--- prompt:" in done.stdout


def test_nothing_is_overwritten_and_names_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bb.new("mine", folder=tmp_path)
    with pytest.raises(bb.BartlebyError, match=r"mine.py.*there already"):
        bb.new("mine", "exit", folder=tmp_path)
    with pytest.raises(bb.BartlebyError, match="allowed: choice, opt-out, exit, self-report"):
        bb.new("other", "exits", folder=tmp_path)
    assert main(["new", "../other", "--folder", str(tmp_path)]) == 1
    assert "name is '../other'" in capsys.readouterr().err


def test_the_lock_names_exact_versions_of_all_that_is_needed(tmp_path: Path) -> None:
    bb.init(tmp_path / "research")
    lines = (tmp_path / "research" / "requirements.lock").read_text().splitlines()
    names = {line.split("==")[0].lower() for line in lines}
    assert {"bartleby", "numpy", "pandas", "scipy", "python-dateutil"} <= names
    assert all("==" in line for line in lines)
