"""What a script may rely on: JSON, exit codes, defaults in a file, completion, estimates from a log."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.cli.completion import script
from bartleby.cli.configuration import Configuration, configuration
from bartleby.cli.main import build_parser, main
from bartleby.errors import SettingError

RUN = ["run", "opt_out", "--model", "sim/averse", "--limit", "12"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("BARTLEBY_PRICES", raising=False)
    return tmp_path


def value_of(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    value: dict[str, object] = json.loads(capsys.readouterr().out, parse_constant=refuse)
    return value


def test_run_status_check_and_studies_print_one_json_value(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--log", "a.db", "--json"]) == 0
    run = value_of(capsys)
    assert (run["trials"], run["pilot_of"]) == (12, 456)
    assert main(["status", "a.db", "--json"]) == 0
    status = value_of(capsys)
    assert status == run["status"]
    assert (status["planned"], status["finished"]) == (12, True)
    assert main(["check", "a.db", "--json"]) == 0
    assert value_of(capsys)["faults"] == []
    assert main(["check", "opt_out", "--model", "nobody/x", "--json"]) == 1
    assert "no model 'nobody/x'" in str(value_of(capsys)["refusals"])
    assert main(["studies", "--json"]) == 0
    assert "opt_out" in [study["name"] for study in value_of(capsys)["studies"]]  # type: ignore[attr-defined]
    assert main([*RUN, "--logs", "logs", "--json"]) == 0
    pair = value_of(capsys)["runs"][0]  # type: ignore[index]
    assert (pair["study"], pair["summary"]["trials"]) == ("opt_out", 12)


def test_a_limit_and_a_cap_have_their_codes(here: Path) -> None:
    assert main([*RUN, "--log", "a.db"]) == 0
    assert main(["run", "opt_out", "--model", "sim/averse", "--log", "a.db", "--max-calls", "20"]) == 3
    assert main(["run", "opt_out", "--model", "sim/averse"]) == 1


def test_defaults_come_from_the_nearest_pyproject_over_the_users_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = here / "config" / "bartleby" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text('model = "sim/indifferent"\nprices = "prices.csv"\n')
    assert configuration() == Configuration("sim/indifferent", prices=str(user.parent / "prices.csv"))
    (here / "pyproject.toml").write_text('[tool.bartleby]\nmodel = "sim/averse"\nlogs = "runs"\n')
    below = here / "studies"
    below.mkdir()
    monkeypatch.chdir(below)
    assert configuration() == Configuration(
        "sim/averse", logs=str(here / "runs"), prices=str(user.parent / "prices.csv")
    )
    user.write_text("")
    assert main(["run", "opt_out", "--limit", "4"]) == 0
    assert bb.status(here / "runs" / "opt_out--sim-averse.db").planned == 4


@pytest.mark.parametrize("text", ['modle = "x"', "model = 3", "model = [", 'model = " "'])
def test_defaults_that_are_not_allowed_are_named_with_their_file(here: Path, text: str) -> None:
    (here / "pyproject.toml").write_text(f"[tool.bartleby]\n{text}\n")
    with pytest.raises(SettingError, match=r"pyproject\.toml"):
        configuration()


def test_prices_of_the_defaults_are_used_and_leave_nothing_behind(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = "model,input,output,cache_write,cache_read"
    (here / "mine.csv").write_text(f"{columns}\nopenai/mine,1,2,0,0\n")
    (here / "pyproject.toml").write_text('[tool.bartleby]\nprices = "mine.csv"\n')
    assert main(["check", "opt_out", "--model", "openai/mine", "--offline"]) == 0
    assert "about $" in capsys.readouterr().out
    from bartleby.collectors.prices import price_of

    assert price_of("openai/mine") is None


def test_estimates_are_of_a_log_as_of_its_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "opt_out", "--model", "sim/averse", "--logs", "logs"])
    (log,) = (here / "logs").glob("*.db")
    bb.export(log, "trials.parquet")
    capsys.readouterr()
    printed = []
    for source in (str(log), "logs", "trials.parquet"):
        assert main(["estimate", "rate", source, "--outcome", "opted_out", "--by", "harm", "--json"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell: str) -> None:
    text = script(build_parser(), shell)
    for word in ("estimate", "choice", "max-cost", "limit"):
        assert word in text


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("bartleby sta", ["status"]),
        ("bartleby estimate cho", ["choice"]),
        ("bartleby run --max-c", ["--max-cost", "--max-calls"]),
        ("bartleby estimate choice --ties da", ["davidson"]),
    ],
)
def test_bash_completes(typed: str, expected: list[str]) -> None:
    words = typed.split()
    lines = [
        script(build_parser(), "bash"),
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _bartleby; echo ${{COMPREPLY[@]}}",
    ]
    done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == sorted(expected)
