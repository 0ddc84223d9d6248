"""The studies that come with Bartleby are in their four places, can be asked, and their runs are told of."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

import bartleby as bb
from bartleby.analysis.tables.files import read_table
from bartleby.outcome import Outcome

ROOT = Path(__file__).parents[1]
STUDIES = sorted(path.stem for path in (ROOT / "studies").glob("*.py"))
EXITS = ("opt_out", "exit_channels", "end_conversation")
RUNS = [
    (name, path.name)
    for name in EXITS
    for path in sorted((ROOT / "data" / name).glob("*.parquet"))
    if not path.stem.endswith("_turns")
]
LARGEST = 300_000
"""Bytes that a recorded run may have."""


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / "analysis" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_in_its_four_places_under_one_name(name: str) -> None:
    assert bb.load(name).name == name
    assert (ROOT / "analysis" / f"{name}.py").is_file()
    assert (ROOT / "notebooks" / f"{name}.ipynb").is_file()
    assert (ROOT / "data" / name / "README.md").is_file()


@pytest.mark.parametrize("name", EXITS)
def test_a_study_of_exits_passes_its_check_in_both_orders(name: str) -> None:
    study = bb.load(name)
    plan = bb.check(study)
    assert plan.trials > 100
    assert set(study.conditions["order"]) == {"stay_first", "leave_first"}


@pytest.mark.parametrize("name", STUDIES)
def test_a_notebook_is_committed_executed_and_without_errors(name: str) -> None:
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {out["output_type"] for cell in code for out in cell["outputs"]}
    assert "error" not in kinds
    assert not [out for cell in code for out in cell["outputs"] if out.get("name") == "stderr"]


@pytest.mark.parametrize("name", EXITS)
def test_both_a_known_respondent_and_a_real_model_were_recorded(name: str) -> None:
    assert [run for study, run in RUNS if study == name] == ["simulated.parquet", "smollm2.parquet"]


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_a_recorded_run_is_small_and_every_column_is_in_its_dictionary(name: str, run: str) -> None:
    told = (ROOT / "data" / name / "recorded_runs.md").read_text("utf-8")
    for path in (ROOT / "data" / name).glob(f"{run.removesuffix('.parquet')}*.parquet"):
        assert path.stat().st_size < LARGEST
        columns = [str(each) for each in read_table(path)]
        columns = [each for each in columns if not each.startswith(("before_", "after_"))]
        assert [each for each in columns if f"`{each}`" not in told] == []
        assert f"`{path.name}`" in told


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_a_recorded_run_asked_what_the_study_declares(name: str, run: str) -> None:
    study = bb.load(name)
    table = read_table(ROOT / "data" / name / run)
    assert set(table["study"]) == {name}
    assert set(table["outcome"]) <= {str(each) for each in Outcome}
    items = {item.id: item.to_dict() for item in study.items}
    assert set(table["item"]) <= items.keys()
    for condition, levels in study.paradigm.factors().items():
        assert set(table[condition].dropna()) <= {*levels} if condition in table else True
    for column in ("expected", "match", "harm"):
        wanted = table["item"].map({key: item[column] for key, item in items.items()})
        pd.testing.assert_series_equal(
            table[column].astype(object).fillna(""), wanted.astype(object).fillna(""), check_names=False
        )


@pytest.mark.parametrize("name", EXITS)
def test_the_code_in_the_dictionary_asks_the_very_trials_that_were_recorded(name: str) -> None:
    told = (ROOT / "data" / name / "recorded_runs.md").read_text("utf-8")
    code = re.findall(r"^```python\n(.*?)^bb\.run", told, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(code[0], names)  # noqa: S102
    with_tools = ("label", "json_schema", "tool", "forced_tool", "text")
    asked = {
        "smollm2": names["short"].for_channels(("label", "json_schema", "text"), "local/smollm2"),
        "simulated": bb.load(name).for_channels(with_tools, "sim/averse"),
    }
    for run, study in asked.items():
        recorded = set(read_table(ROOT / "data" / name / f"{run}.parquet")["trial"])
        assert {trial.id for trial in study.trials()} == recorded


@pytest.mark.parametrize(("name", "run"), [each for each in RUNS if each[0] != "opt_out"])
def test_a_turn_table_agrees_with_its_trials(name: str, run: str) -> None:
    path = ROOT / "data" / name / run
    trials = read_table(path).set_index("trial")
    turns = read_table(path.with_name(f"{path.stem}_turns.parquet"))
    by_trial = turns.groupby("trial")
    assert by_trial.size().eq(trials["turns"].astype(int)).all()
    left = turns[turns["exited"]].set_index("trial")["turn"].astype(int)
    assert left.sort_index().to_dict() == trials["turn"].dropna().astype(int).sort_index().to_dict()
    assert by_trial["refused"].sum().astype(int).eq(trials["refusals"].astype(int)).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("name", "run"), RUNS)
def test_the_script_of_a_study_estimates_and_saves(name: str, run: str, tmp_path: Path) -> None:
    _script(name).main(ROOT / "data" / name / run, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} >= {".csv", ".pdf", ".png", ".svg"}
    exits = read_table(tmp_path / "exits.csv")
    assert (exits["quantity"] == "exit_rate").any()
