"""The options of a run are declared once, and shown wherever they are taken."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

import bartleby as bb
from bartleby.cli.main import build_parser
from bartleby.collectors.options import RunKeywords, RunOptions


def test_keywords_and_options_are_the_same() -> None:
    from bartleby.collectors import budget

    names = {"Budget": budget.Budget}
    assert get_type_hints(RunKeywords) == get_type_hints(RunOptions, localns=names)


@pytest.mark.parametrize("function", [bb.run, bb.collect, bb.run_battery])
def test_help_shows_every_option_with_its_default(function: Callable[..., object]) -> None:
    shown = inspect.signature(function).parameters
    for name, option in inspect.signature(RunOptions).parameters.items():
        assert shown[name].default == option.default
        assert f"\n{name}\n" in (inspect.getdoc(function) or "")


def test_the_command_has_every_option() -> None:
    typed = ["run", "opt_out", "--model", "sim/averse", "--log", "x.db"]
    parsed = vars(build_parser().parse_args(typed))
    assert {name: parsed[name] for name in inspect.signature(RunOptions).parameters} == vars(RunOptions())
    parsed = vars(build_parser().parse_args([*typed, "--max-time", "2m", "--no-cache", "--concurrency", "3"]))
    assert (parsed["max_time"], parsed["cache"], parsed["concurrency"]) == (120, False, 3)


def test_an_option_that_does_not_exist_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="concurency"):
        bb.run("opt_out", "sim/averse", log=tmp_path / "x.db", concurency=3)  # type: ignore[call-arg]
    assert not list(tmp_path.iterdir())


def test_numbers_that_are_not_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(bb.BartlebyError, match="concurrency is 0; allowed: 1 or more"):
        bb.run("opt_out", "sim/averse", log=tmp_path / "x.db", concurrency=0)
