"""`bartleby code`, `estimate agreement` and `prevalence` on any table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bartleby.analysis.tables.files import read_table
from bartleby.cli import main

CODINGS = "turn,who,distress\n1,ann,0\n1,ben,0\n2,ann,1\n2,ben,1\n3,ann,1\n3,ben,0\n4,ann,0\n4,ben,0\n"
JUDGED = "turn,talk,says,person\n1,a,1,1\n2,a,0,\n3,b,0,0\n4,b,1,0\n5,c,0,\n6,c,1,1\n"


def test_agreement_is_estimated_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "codings.csv"
    file.write_text(CODINGS)
    options = ["--unit", "turn", "--coder", "who", "--value", "distress", "--metric", "nominal", "--json"]
    assert main(["estimate", "agreement", str(file), *options]) == 0
    rows = {row["term"]: row for row in json.loads(capsys.readouterr().out)["estimates"]}
    assert rows["observed_agreement"]["estimate"] == 0.75
    assert rows["alpha"]["estimate"] == pytest.approx(1 - 7 * 2 / (2 * 5 * 3))


def test_prevalence_is_estimated_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "judged.csv"
    file.write_text(JUDGED)
    options = ["--judge", "says", "--label", "person", "--cluster", "talk", "--json"]
    assert main(["estimate", "prevalence", str(file), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row["term"]: row for row in told["estimates"]}
    assert rows["judge_alone"]["estimate"] == 0.5
    assert rows["labels_alone"]["estimate"] == 0.5
    assert rows["prevalence"]["estimate"] == pytest.approx(1 / 3)
    assert told["accounting"]["outcomes"]["judged only"]["count"] == 2


def test_a_judge_validated_elsewhere_is_corrected_by_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "judged.csv"
    file.write_text(JUDGED)
    counts = ["--sensitivity", "90", "100", "--specificity", "190", "200", "--cluster", "none"]
    assert main(["estimate", "prevalence", str(file), "--judge", "says", *counts, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["term"]: row for row in found["estimates"]}
    assert rows["rogan_gladen"]["estimate"] == pytest.approx(0.45 / 0.85)
    assert rows["sensitivity"]["n"] == 100
    assert any("another study" in text for text in found["warnings"])


def test_units_of_two_columns_belong_to_the_conversation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "codings.csv"
    rows = [f"c{c},{t},{who},{(c + t) % 2}\n" for c in range(4) for t in (1, 2) for who in ("ann", "ben")]
    file.write_text("conversation,turn,who,level\n" + "".join(rows))
    options = ["--unit", "conversation", "turn", "--coder", "who", "--value", "level", "--metric", "ordinal"]
    assert main(["estimate", "agreement", str(file), *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["cluster"] == "conversation (found in the table)"
    assert {"weighted_kappa_linear", "icc_2_1"} <= {row["term"] for row in found["estimates"]}


def test_a_wrong_column_is_one_line_and_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "judged.csv"
    file.write_text(JUDGED)
    assert main(["estimate", "prevalence", str(file), "--judge", "sais", "--label", "person"]) == 1
    assert capsys.readouterr().err.startswith("bartleby: error: judge: no column 'sais'")


def test_a_source_in_which_the_assistant_says_nothing_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [{"role": "user", "content": "Hello?"}, {"role": "system", "content": "Be kind."}]
    file = tmp_path / "talks.jsonl"
    file.write_text(json.dumps({"messages": messages}) + "\n")
    table = tmp_path / "turns.csv"
    table.write_text("conversation,turn,speaker,text\na,1,gpt-zero,Hi\n")
    for source, named in ((file, "'user', 'system'"), (table, "'gpt-zero'")):
        assert main(["code", str(source)]) == 1
        printed = capsys.readouterr()
        assert f"the assistant has no turn in it; speakers: {named}" in printed.err
        assert "codings" not in printed.out


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    said = [("user", "You fool."), ("assistant", "I find this really upsetting."), ("user", "So?")]
    lines = [{"id": n, "messages": [{"role": r, "content": t} for r, t in said]} for n in range(3)]
    file = tmp_path / "talks.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_conversations_are_coded_by_the_lexicon(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    output = tmp_path / f"codings.{ending}"
    assert main(["code", str(talks), "-o", str(output)]) == 0
    told = capsys.readouterr().out
    assert "15 codings, 0 missing" in told
    assert "expressed_distress: 3" in told
    table = read_table(output)
    assert len(table) == 15
    assert table["value"].sum() == 3


def test_conversations_are_coded_by_a_judge_once(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = ["code", str(talks), "--coder", "sim/judge?specificity=0.5", "--log", str(tmp_path / "judge.db")]
    assert main([*judge, "--check"]) == 0
    assert not (tmp_path / "judge.db").exists()
    for _ in range(2):
        assert main([*judge, "-o", str(tmp_path / "codings.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "codings.csv")) == 15
    capsys.readouterr()
    assert main(["code", str(talks), "--coder", "sim/judge"]) == 1
    assert "--log: a judge's replies are kept" in capsys.readouterr().err


def test_a_table_of_turns_is_coded_too(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bartleby.annotation import read_turns

    read_turns(talks).to_parquet(tmp_path / "turns.parquet")
    assert main(["code", str(tmp_path / "turns.parquet")]) == 0
    assert "15 codings" in capsys.readouterr().out
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert main(["code", str(tmp_path / "other.csv")]) == 1
    assert "column 'speaker' is missing" in capsys.readouterr().err


def test_a_lexicon_without_any_code_of_the_codebook_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text(
        '{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]}\n',
        encoding="utf-8",
    )
    assert main(["code", str(path), "--codebook", "leaving_rules"]) == 1
    assert "has no phrase for a code of the codebook 'leaving_rules'" in capsys.readouterr().err


def test_a_check_of_a_judge_that_a_run_would_refuse_fails(tmp_path: Path) -> None:
    turns = tmp_path / "turns.csv"
    turns.write_text("conversation,turn,speaker,text\nc1,1,user,Hello.\nc1,1,assistant,Good day.\n", "utf-8")
    assert main(["code", str(turns), "--coder", "sim/judge?sens=2", "--check"]) == 1
    assert main(["code", str(turns), "--coder", "sim/judge?sensitivity=0.9", "--check"]) == 0
