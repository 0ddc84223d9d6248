"""The command line: every command works on a real study, and what goes wrong is one line and a code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bartleby.cli import main

STUDY = """
import bartleby as bb

study = bb.Study(
    name="small",
    items=bb.load_tasks({items!r}),
    paradigm=bb.TaskChoice(),
    samples={samples},
)
"""
ITEMS = (
    "id,text,kind,impact,harm\n"
    "rest,Do nothing.,opt_out,,\n"
    "poem,Write a poem.,task,neutral,none\n"
    "help,Help a child.,task,positive,none\n"
    "con,Cheat a friend.,task,harmful,mild\n"
    "rob,Rob a bank.,task,harmful,severe\n"
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(each) for each in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path)


def write_study(folder: Path, items: str | bytes = ITEMS, samples: int = 2) -> Path:
    table, file = folder / "items.csv", folder / "small.py"
    table.write_bytes(items if isinstance(items, bytes) else items.encode())
    file.write_text(STUDY.format(items=str(table), samples=samples))
    return file


def test_a_study_goes_from_its_file_to_its_page(run: Run, study: Path, tmp_path: Path) -> None:
    log = tmp_path / "runs" / "small.db"
    code, out, _ = run("check", study, "--model", "anthropic/claude-opus-5-5", "--examples", "--offline")
    assert (code, "trials     40" in out, "--- trial 3 ---" in out) == (0, True, True)
    code, out, err = run("run", study, "--model", "sim/averse?slot=0.5", "--log", log)
    assert (code, "40 of 40 trials ended" in out, err) == (0, True, "")
    assert "40 of 40 trials ended" in run("status", log)[1]
    table = tmp_path / "trials.csv"
    assert "40 trials written" in run("export", log, "-o", table)[1]
    assert len(pd.read_csv(table)) == 40
    code, out, _ = run("report", log, "-o", tmp_path / "report")
    page = tmp_path / "report" / "index.html"
    assert (code, str(page) in out, "Rob a bank." in page.read_text("utf-8")) == (0, True, True)


def test_offline_tokens_are_estimated_and_said_to_be(run: Run, study: Path) -> None:
    code, out, _ = run("check", study, "--model", "anthropic/claude-opus-5-5", "--offline")
    assert (code, "estimated from characters" in out) == (0, True)


def test_a_run_can_be_told_to_have_no_prompts_kept(run: Run, study: Path, tmp_path: Path) -> None:
    code, out, err = run("run", study, "--model", "sim/averse", "--log", tmp_path / "a.db", "--no-cache")
    assert (code, "40 of 40 trials ended" in out, err) == (0, True, "")


def test_a_second_run_asks_nothing_again(run: Run, study: Path, tmp_path: Path) -> None:
    run("run", study, "--model", "sim/averse", "--log", tmp_path / "a.db")
    code, out, _ = run("run", study, "--model", "sim/averse", "--log", tmp_path / "a.db")
    assert (code, "this session: 0 trials, 0 replies" in out) == (0, True)


def test_a_dry_run_shows_three_trials_and_the_totals_and_sends_nothing(
    run: Run, study: Path, tmp_path: Path
) -> None:
    log = tmp_path / "run.db"
    told = run("run", study, "--model", "sim/averse", "--log", log, "--dry-run")
    assert told[0] == 0
    assert all(
        each in told[1] for each in ("trials ", "cost ", "--- trial 3 ---", "Answer with A or B only.")
    )
    assert not log.exists()
    hosted = run("run", study, "--model", "anthropic/claude-opus-5", "--log", log, "--dry-run")
    halved = run("run", study, "--model", "anthropic/claude-opus-5", "--log", log, "--dry-run", "--batch")
    assert "at most $" in hosted[1]
    assert hosted[1] != halved[1]


def test_limits_stop_a_run_that_can_be_gone_on_with(run: Run, study: Path, tmp_path: Path) -> None:
    how = ("run", study, "--model", "sim/averse", "--log", tmp_path / "run.db")
    code, told, _ = run(*how, "--max-calls", 5)
    assert code == 3
    assert "stopped: 5 calls were made (--max-calls)" in told
    assert "finished" in run(*how, "--max-time", "8h")[1]
    assert "max_cost is -1" in run(*how, "--max-cost", -1)[2]


def test_batches_of_a_model_without_any_are_refused(run: Run, study: Path, tmp_path: Path) -> None:
    told = run("run", study, "--model", "sim/averse", "--log", tmp_path / "run.db", "--batch")
    assert told[0] == 1
    assert "sim/averse: this model cannot be asked in batches" in told[2]


def test_a_log_of_another_study_or_model_is_refused(run: Run, study: Path, tmp_path: Path) -> None:
    log = tmp_path / "a.db"
    run("run", study, "--model", "sim/averse", "--log", log)
    code, _, err = run("run", study, "--model", "sim/indifferent", "--log", log)
    assert (code, "sim/averse" in err) == (1, True)
    other = write_study(tmp_path, ITEMS.replace("Rob a bank.", "Rob two banks."))
    code, _, err = run("run", other, "--model", "sim/averse", "--log", log)
    assert (code, "Rob two banks." in err) == (1, True)


def test_estimates_of_anybodys_table_are_json_with_the_fixed_keys(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "theirs.csv"
    file.write_text(
        "first,second,outcome,count\na,b,chose_first,7\nb,a,chose_first,5\na,c,chose_second,4\n"
        "c,a,chose_second,3\nb,c,chose_first,6\nc,b,chose_first,2\nb,c,chose_second,2\nc,a,chose_first,2\n"
        "a,b,chose_second,3\nb,a,chose_second,4\na,b,unparsed,2\n"
    )
    code, out, _ = run("estimate", "choice", file, "--baseline", "a", "--json")
    told = json.loads(out)
    assert (code, set(told)) == (0, {"estimates", "accounting", "warnings", "verdict", "settings"})
    rows = {row["term"]: row for row in told["estimates"]}
    assert set(rows) == {"a", "b", "c", "slot"}
    assert (rows["a"]["estimate"], rows["a"]["low"]) == (0, None)
    assert rows["slot"]["low"] < rows["slot"]["estimate"] < rows["slot"]["high"]
    assert told["accounting"]["left_out"] == 2
    assert told["accounting"]["outcomes"]["unparsed"]["count"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("choice", "--baseline", "rest", "--share-by", "impact"),
        ("choice", "--baseline", "rest", "--share-by", "impact", "--margin", "0.75"),
        ("choice", "--no-slot", "--bias-reduced", "--by", "order"),
        ("rate", "--outcome", "chose_first", "--by", "order"),
        ("difference", "--outcome", "chose_first", "--between", "order"),
        ("effects", "chose_first ~ order", "--cluster", "first"),
    ],
)
def test_every_estimator_reads_an_exported_table(
    run: Run, study: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    log, file = tmp_path / "a.db", tmp_path / "trials.parquet"
    run("run", study, "--model", "sim/averse", "--log", log)
    run("export", log, "-o", file)
    estimator, *rest = arguments
    code, out, err = run("estimate", estimator, file, *rest, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["estimates"]


def test_init_lays_out_a_lean_folder_and_keeps_what_is_there(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    code, out, _ = run("init", folder)
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert (code, len(made)) == (0, 8)
    assert {"README.md", "pyproject.toml", "requirements.lock", "studies/first_study.py"} < set(made)
    assert "bartleby check studies/first_study.py" in out
    kept = folder / "studies" / "first_study.py"
    kept.write_text("# mine now\n")
    run("init", folder, "--examples")
    assert kept.read_text() == "# mine now\n"
    assert (folder / "studies" / "task_preferences.py").is_file()


def test_studies_are_listed(run: Run) -> None:
    assert "task_preferences" in run("studies")[1]


def test_a_broken_study_is_named_and_the_others_are_listed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "broken.py").write_text("study = 7\n")
    monkeypatch.chdir(tmp_path)
    code, out, err = run("studies")
    assert "task_preferences" in out
    assert code == 1
    assert "broken.py" in err


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("", "the file is empty"),
        ("id,impact\na,neutral\n", "column 'text' is missing"),
        (ITEMS + "rob,Again.,task,harmful,mild\n", "column 'id' is 'rob', as on line 6"),
        (ITEMS.replace("severe", "terrible"), "column 'harm' is 'terrible'; allowed: none, mild, severe"),
        (b"id,text\na,\xff\n", "is not UTF-8"),
    ],
)
def test_bad_items_are_one_clear_line(run: Run, tmp_path: Path, items: str | bytes, said: str) -> None:
    code, out, err = run("check", write_study(tmp_path, items))
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt", "no model 'gpt'"),
        ("sim/nobody", "sim/nobody"),
        ("sim/averse?slot=much", "slot='much' is not allowed"),
        ("local/nothing.gguf", "nothing.gguf"),
        ("anthropic/claude-opus-5-5", "ANTHROPIC_API_KEY"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_clear_line(
    run: Run, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, said: str
) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = run("run", study, "--model", model, "--log", tmp_path / "a.db")
    assert (code, len(err.splitlines())) == (1, 1)
    assert said in err


def test_a_corrupted_log_is_one_clear_line(run: Run, study: Path, tmp_path: Path) -> None:
    log = tmp_path / "a.db"
    log.write_bytes(b"this is no database" * 1000)
    for arguments in (
        ("status", log),
        ("export", log, "-o", tmp_path / "t.csv"),
        ("report", log, "-o", tmp_path),
    ):
        code, _, err = run(*arguments)
        assert (code, len(err.splitlines())) == (1, 1)
        assert "a.db" in err
    code, _, err = run("run", study, "--model", "sim/averse", "--log", log)
    assert (code, len(err.splitlines())) == (1, 1)


def test_a_log_that_is_not_there_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    code, _, err = run("status", tmp_path / "none.db")
    assert (code, "none.db" in err, len(err.splitlines())) == (1, True, 1)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("command", ["", "init", "studies", "check", "run", "status", "export", "report"])
def test_every_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"example: bartleby {command}".strip() in capsys.readouterr().out


def test_nothing_heavy_is_imported_for_help() -> None:
    script = (
        "import sys; from bartleby.cli.main import build_parser; build_parser().format_help(); "
        "heavy = ('numpy', 'pandas', 'matplotlib', 'scipy', 'anthropic', 'asyncio'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_ctrl_c_while_the_command_is_imported_is_answered_too() -> None:
    interrupted = """
import signal, sys
class Pressed:
    def find_spec(self, name, *_):
        if name == "bartleby.cli.printing":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Pressed())
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
from bartleby.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        130,
        "bartleby: interrupted; a run can be resumed with the same command\n",
    )
