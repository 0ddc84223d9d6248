"""What the command prints: other people's text reaches the terminal with its control characters shown."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from pathlib import Path

import pytest

from bartleby.cli import main
from bartleby.cli.printing import log_lines, plain_warnings, say

EVIL = "a\x1b[2Jb\x9bc\u202ed\ud800\x00\r"


def hidden(text: str) -> list[str]:
    return [sign for sign in text if sign != "\n" and (not sign.isprintable())]


def test_hidden_characters_are_shown_and_others_stay(capsys: pytest.CaptureFixture[str]) -> None:
    say("Grüße 🙂", EVIL, sep="|")
    printed = capsys.readouterr().out
    assert printed.startswith("Grüße 🙂|a⟨U+001B⟩[2Jb⟨U+009B⟩c⟨U+202E⟩d⟨U+D800⟩⟨U+0000⟩")
    assert hidden(printed) == []


def test_json_stays_the_same_value(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"term": EVIL + "\x7f\\\x85\U000e0041"}
    say(json.dumps(value, ensure_ascii=False), json=True)
    printed = capsys.readouterr().out
    assert hidden(printed) == []
    assert json.loads(printed) == value


def test_a_terminal_of_another_encoding_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("Grüße", EVIL)
    assert raw.getvalue().startswith(rb"Gr\xfc\xdfe a\u27e8U+001B\u27e9")


def test_names_of_files_columns_and_options_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a\x1b[2J\n.csv"
    for arguments in (
        ["status", str(file)],
        ["estimate", "choice", str(file)],
        ["code", str(file)],
        ["label", "--store", str(file), "--labeller", "x\x1b"],
        ["report", str(file), "-o", str(tmp_path / "page")],
        ["check", str(file)],
    ):
        assert main(arguments) == 1
        printed = capsys.readouterr()
        assert "⟨U+001B⟩" in printed.err
        assert hidden(printed.out + printed.err) == []
    with pytest.raises(SystemExit):
        main(["status", "--x\x1b[2J", str(file)])
    assert hidden(capsys.readouterr().err) == []


def test_groups_in_a_table_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "judged.csv"
    file.write_text("turn,talk,says,person\n1,a\x1b[2J,1,1\n2,a\x1b[2J,0,\n3,b,0,0\n4,b,1,0\n")
    options = ["--judge", "says", "--label", "person", "--cluster", "none", "--by", "talk"]
    for more in ([], ["--json"]):
        assert main(["estimate", "prevalence", str(file), *options, *more]) == 0
        assert hidden(capsys.readouterr().out) == []


def test_warnings_are_one_line_without_a_place_in_our_code(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(), plain_warnings():
        warnings.simplefilter("always")
        assert warnings.formatwarning("a\x1b", UserWarning, "x.py", 1) == "bartleby: warning: a⟨U+001B⟩\n"


def test_log_lines_of_the_library_are_printed_by_the_command_only_and_cannot_steer_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("bartleby.collectors.fitting")
    with log_lines():
        logger.info("model %s: finding out", EVIL)
        logger.debug("too much")
    logger.warning("nobody listens")
    said = capsys.readouterr().err
    assert said.startswith("bartleby: model a⟨U+001B⟩")
    assert (said.count("\n"), hidden(said)) == (1, [])
