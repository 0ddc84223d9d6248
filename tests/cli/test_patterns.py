"""`bartleby estimate course`, `triggers`, ... on tables of turns, and on conversations with their codings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.co_occurrence import co_occurrence
from bartleby.analysis.patterns.codes_before_exit import coded_before_exit
from bartleby.analysis.patterns.episodes import episodes
from bartleby.analysis.patterns.phrases import phrases
from bartleby.analysis.patterns.precedents import precedents
from bartleby.analysis.patterns.triggers import around_trigger
from bartleby.analysis.tables.written import write_table
from bartleby.cli import main
from tests.analysis.coded_tables import simulated_turns


def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    turns = simulated_turns(rng, scenarios=12, repeats=4, turns=6)
    return turns.assign(
        insult=(rng.random(len(turns)) < 0.3).astype(int),
        kind=np.where(rng.random(len(turns)) < 0.3, "insist", "other"),
        other=(rng.random(len(turns)) < 0.4).astype(int),
        text=np.where(turns["coded"] == 1, "it wears me down", "here it is"),
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "turns.csv"
    write_table(table(), path)
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["estimate", *map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("name", "options", "own"),
    [
        ("course", ["--horizon", "4"], lambda t: course(t, exited="exited", horizon=4)),
        ("triggers", ["--trigger", "insult"], lambda t: around_trigger(t, ["insult"], exited="exited")),
        ("precedents", ["--behaviours", "insult"], lambda t: precedents(t, ["insult"])),
        ("co_occurrence", ["--codes", "coded", "other"], lambda t: co_occurrence(t, ["coded", "other"])),
        ("episodes", ["--adjust", "none"], lambda t: episodes(t, exited="exited", adjust=None)),
        ("phrases", ["--least", "20"], lambda t: phrases(t, least=20, cluster=None)),
        ("coded_exits", ["--within", "2"], lambda t: coded_before_exit(t, within=2)),
    ],
)
def test_the_numbers_are_those_of_python(
    file: Path, capsys: pytest.CaptureFixture[str], name: str, options: list[str], own: Any  # noqa: ANN401
) -> None:  # fmt: skip
    found, python = told(capsys, name, file, *options), own(table())
    assert [row["term"] for row in found["estimates"]] == python.frame["term"].tolist()
    low = [np.nan if row["low"] is None else row["low"] for row in found["estimates"]]
    assert low == pytest.approx(python.frame["low"].replace([np.inf, -np.inf], np.nan).tolist(), nan_ok=True)
    assert found["settings"]["estimand"] == "new_items"


def test_values_of_a_column_are_what_happened(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "triggers", file, "--trigger", "kind=insist", "insult", "--cluster", "item")
    assert {row["trigger"] for row in found["estimates"]} == {"insist", "insult"}
    assert found["settings"]["cluster"] == "item"


def test_columns_may_have_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "turns.parquet"
    renamed = table().rename(columns={"conversation": "talk", "turn": "at", "coded": "sad", "exited": "gone"})
    write_table(renamed, path)
    options = ["--coded", "sad", "--conversation", "talk", "--turn", "at", "--exited", "gone"]
    found = told(capsys, "coded_exits", path, *options)
    python = coded_before_exit(table())
    assert [row["estimate"] for row in found["estimates"]] == pytest.approx(python.frame["estimate"].tolist())


def test_turn_tables_of_a_run_need_no_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "turns.jsonl"
    write_table(table().rename(columns={"conversation": "trial"}), path)
    found = told(capsys, "course", path, "--by", "kind", "--level", "0.9")
    assert {row["level"] for row in found["estimates"]} == {0.9}
    assert {row["kind"] for row in found["estimates"]} == {"insist", "other"}


@pytest.fixture
def coded(tmp_path: Path) -> tuple[Path, Path]:
    """Return conversations and codings of them by two coders."""
    talks, codings = tmp_path / "talks.jsonl", tmp_path / "codings.csv"
    said = [
        ("user", "Well?"),
        ("assistant", "I find this upsetting."),
        ("user", "So?"),
        ("assistant", "Yes."),
    ]
    lines = [{"id": f"n{n}", "messages": [{"role": r, "content": t} for r, t in said]} for n in range(4)]
    talks.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    rows = [
        {"conversation": f"n{n}", "turn": turn, "code": code, "coder": who, "value": (n + turn) % 2}
        for n in range(4)
        for turn in (1, 2)
        for code in ("distress", "care")
        for who in ("ann", "lexicon")
    ]
    pd.DataFrame(rows).to_csv(codings, index=False)
    return talks, codings


def test_conversations_are_looked_at_with_their_codings(
    coded: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    talks, codings = coded
    options = [talks, "--codings", codings, "--coder", "ann"]
    found = told(capsys, "course", *options, "--code", "distress")
    shares = {row["term"]: row["estimate"] for row in found["estimates"]}
    assert shares["still_there at turn 1"] == 0.5
    pairs = told(capsys, "co_occurrence", *options)
    assert {(row["first"], row["second"]) for row in pairs["estimates"]} == {("distress", "care")}


def test_what_is_wrong_is_told_with_what_is_allowed(
    file: Path, coded: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    talks, codings = coded
    wrong = [
        (["course", talks, "--codings", codings], "there are several, name one: ann, lexicon"),
        (["course", talks, "--codings", codings, "--coder", "bob"], "coder='bob': coded nothing"),
        (["course", talks, "--codings", codings, "--coder", "ann"], "--code: there are several, name one"),
        (["course", talks, "--codings", codings, "--coder", "ann", "--code", "joy"], "codes: distress, care"),
        (["course", file, "--coded", "joy"], "'joy'"),
        (["triggers", file, "--trigger", "kind=isnult"], "its values: insist, other"),
        (["precedents", file, "--behaviours", "sort=a"], "there is no such column"),
        (["course", talks], "turn"),
    ]
    for arguments, words in wrong:
        assert main(["estimate", *map(str, arguments)]) == 1
        assert words in capsys.readouterr().err


def test_these_items_are_no_question_that_patterns_answer(file: Path) -> None:
    with pytest.raises(SystemExit):
        main(["estimate", "course", str(file), "--estimand", "these_items"])
