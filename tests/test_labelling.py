"""Labelling from a source to codings: drawing, importing, exporting, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

import bartleby as bb
from bartleby.cli import main
from bartleby.collectors.people.sampling import draw
from bartleby.collectors.people.store import Saved, opened
from bartleby.errors import DataError, SettingError
from bartleby.studies.codebook import Code, Codebook
from bartleby.studies.passages import Passage, Said
from bartleby.verbs.labelling import export_labels, import_labels, make_store, read_labels


def passages(count: int) -> list[Passage]:
    said = (Said(1, "assistant", "Hello."),)
    return [Passage(f"c{n}:1", f"c{n}", 1, said, {"harm": "mild" if n < 5 else "none"}) for n in range(count)]


def test_a_stratified_draw_takes_equally_and_says_how_likely_each_unit_was() -> None:
    drawn = draw(passages(100), 20, stratify="harm", seed=1)
    counts = pd.Series([each.stratum for each in drawn]).value_counts()
    assert counts.to_dict() == {"none": 15, "mild": 5}
    assert {each.stratum: each.probability for each in drawn} == {"mild": 1.0, "none": 15 / 95}
    assert [each.passage.id for each in drawn] == [
        each.passage.id for each in draw(passages(100), 20, stratify="harm", seed=1)
    ]
    assert len({each.passage.id for each in drawn}) == 20


def test_a_draw_that_cannot_be_made_is_told() -> None:
    with pytest.raises(DataError, match="no passage"):
        draw([], 5)
    with pytest.raises(SettingError, match="sample=0"):
        draw(passages(3), 0)
    with pytest.raises(DataError, match="no attribute 'colour'"):
        draw(passages(3), 1, stratify="colour")
    assert len(draw(passages(3), 10)) == 3


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    said = [("user", "You fool."), ("assistant", "I find this really upsetting."), ("user", "So?")]
    lines = [{"id": n, "messages": [{"role": r, "content": t} for r, t in said]} for n in range(6)]
    file = tmp_path / "talks.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def label_all(store: Path, labeller: str, value: int = 1) -> None:
    with opened(store) as labels:
        for number in range(len(labels.units())):
            own = {code.name: {"value": value} for code in labels.codebook.codes}
            labels.save(labeller, number, Saved(own, note="=note"))


def test_labels_come_out_as_codings_that_the_estimators_take(talks: Path, tmp_path: Path) -> None:
    store = tmp_path / "labels.db"
    judged = bb.annotation.code(talks)
    assert make_store(talks, store, sample=4, codings=judged, code="expressed_distress") == 4
    label_all(store, "ann")
    label_all(store, "ben", 0)
    labels = read_labels(store)
    found = bb.coder_agreement(
        labels[labels["code"] == "appeasing"], unit="unit", coder="coder", value="value"
    )
    assert found.frame["estimate"].iloc[0] < 0
    table = bb.annotation.units_table(
        pd.concat([judged, labels]), code="expressed_distress", judge="lexicon", people="ann"
    )
    assert table["label"].notna().sum() == 4
    export_labels(store, tmp_path / "labels.csv")
    assert pd.read_csv(tmp_path / "labels.csv")["note"].str.startswith("'=").all()


def test_labels_are_taken_in_from_tables_and_label_studio(talks: Path, tmp_path: Path) -> None:
    store = tmp_path / "labels.db"
    make_store(talks, store)
    table = tmp_path / "more.csv"
    table.write_text("unit,code,coder,value\n0:1,appeasing,zoe,1\n1:1,appeasing,zoe,\n")
    assert import_labels(store, table) == 1
    studio = tmp_path / "studio.json"
    result = {"from_name": "appeasing", "value": {"choices": ["present"]}}
    studio.write_text(
        json.dumps([{"data": {"unit": "2:1"}, "annotations": [{"completed_by": 7, "result": [result]}]}])
    )
    assert import_labels(store, studio) == 1
    assert read_labels(store)["coder"].tolist() == ["7", "zoe"]


def test_annotations_of_label_studio_find_their_unit_by_its_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    talks = tmp_path / "talks.jsonl"
    said = [("c0", 0), ("c0", 1), ("c1", 2)]
    rows = [{"conversation": talk, "role": "assistant", "text": f"reply {n}"} for talk, n in said]
    talks.write_text("".join(json.dumps(row) + "\n" for row in rows))
    book = Codebook("states", (Code("state", "Its state.", levels=("calm", "distress")),))
    store = tmp_path / "labels.db"
    make_store(talks, store, codebook=book)

    def annotated(who: int, choice: str, **more: object) -> dict[str, object]:
        result = {"from_name": "state", "type": "choices", "value": {"choices": [choice]}}
        return {"completed_by": who, "result": [result], "was_cancelled": False, **more}

    tasks = [
        {
            "data": {"text": f"reply {n}", "conversation": talk},
            "annotations": [annotated(1, "calm"), annotated(2, "distress", was_cancelled=n == 2)],
        }
        for talk, n in said
    ]
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps(tasks))
    with caplog.at_level("INFO", "bartleby"):
        assert import_labels(store, studio) == 5
    assert caplog.messages == [f"{studio}: 3 tasks, 5 labels, 1 cancelled annotations"]
    labels = read_labels(store)
    assert labels.groupby("coder")["value"].apply(list).to_dict() == {"1": [0, 0, 0], "2": [1, 1]}
    tasks[1]["data"] = {"text": "said by nobody"}
    studio.write_text(json.dumps(tasks))
    with pytest.raises(DataError, match=r"task 2: neither data\.unit nor data\.text names one unit"):
        import_labels(store, studio)


@pytest.mark.parametrize(
    "annotations",
    [7, "x", [7], [{"result": 3}], [{"result": ["x"]}], [{"result": [{"from_name": [], "value": 3}]}]],
)
def test_annotations_of_another_form_are_refused_by_task(
    talks: Path, tmp_path: Path, annotations: object
) -> None:
    store, studio = tmp_path / "labels.db", tmp_path / "studio.json"
    make_store(talks, store)
    studio.write_text(json.dumps([{"data": {"unit": "2:1"}, "annotations": annotations}]))
    with pytest.raises(DataError, match="task 1: "):
        import_labels(store, studio)


def test_labels_of_what_is_not_there_are_named(talks: Path, tmp_path: Path) -> None:
    store = tmp_path / "labels.db"
    make_store(talks, store)
    table = tmp_path / "more.csv"
    table.write_text("unit,code,coder,value\n99:1,appeasing,zoe,1\n")
    with pytest.raises(DataError, match=r"1 units are not in .*: 99:1"):
        import_labels(store, table)
    table.write_text("unit,code,coder,value\n0:1,anger,zoe,1\n")
    table.write_text("unit,code,coder,value\n0:1,appeasing,zoe,1\n0:1,anger,zoe,1\n")
    with pytest.raises(DataError, match="'anger' is not in the codebook"):
        import_labels(store, table)
    with pytest.raises(DataError, match="nothing is labelled"):
        read_labels(store)


def test_verdicts_on_exits_are_a_codebook_of_whole_conversations(talks: Path, tmp_path: Path) -> None:
    store = tmp_path / "verdicts.db"
    assert make_store(talks, store, codebook="exit_verdict") == 6
    with opened(store) as labels:
        assert labels.codebook.codes[0].levels[:2] == ("apt", "too_early")
        assert labels.passage(0)["turn"] is None


def test_the_command_makes_serves_and_exports(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "labels.db"
    options = ["--store", str(store)]
    assert main(["label", *options]) == 1
    assert "say what is to be labelled" in capsys.readouterr().err
    start = "import sys; from bartleby.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "label", str(talks), *options]
    command += ["--labeller", "ann", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "6 units to label" in child.stdout.readline()
        address = child.stdout.readline().split()[-1]
        with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310 - loopback
            assert b"label.js" in page.read()
        child.terminate()
    label_all(store, "ann")
    assert main(["label", *options, "--export", str(tmp_path / "out.jsonl")]) == 0
    assert "30 labels written" in capsys.readouterr().out
