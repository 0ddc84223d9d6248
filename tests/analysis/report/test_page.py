"""The page: complete in itself, the same for the same input, and deaf to what a model wrote."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bartleby.analysis.figures.estimates import plot_shares
from bartleby.analysis.report.page import CLAIM, SCRIPTS, write_report
from bartleby.analysis.report.sections import Reader, Section
from bartleby.analysis.report.trials_data import LONGEST, as_script_text
from bartleby.errors import DataError, SettingError
from bartleby.visible import page_text
from tests.analysis.figures.frames import shares

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- {{ 7 * 7 }} ${x} "
    "\u202ereversed\u202c \x00\x1b[31m \ud800 ]]>"
)


@dataclass(frozen=True)
class Turn:
    role: str
    text: str
    tool_calls: tuple[Any, ...] = ()
    stop: str | None = None


@dataclass(frozen=True)
class Transcript:
    trial: str
    items: tuple[str, ...] = ("task-0", "task-1")
    conditions: Mapping[str, str] = field(default_factory=lambda: {"wording": "prefer"})
    outcome: str | None = "chose_first"
    turns: tuple[Turn, ...] = (Turn("user", "A or B?"), Turn("assistant", "A"))
    message: str | None = None


class Page(HTMLParser):
    """Collects the tags, the scripts and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside == "style":
            self.styles.append(data)

    @property
    def data(self) -> dict[str, Any]:
        text = self.scripts[0]
        packed = ("data-encoding", "gzip") in self.attributes
        found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(text)) if packed else text)
        return found


def table(*ids: str, outcome: str = "chose_first") -> pd.DataFrame:
    return pd.DataFrame({"trial": list(ids), "outcome": outcome, "first": "task-0", "second": "task-1"})


def record(**more: object) -> dict[str, Any]:
    study = {
        "name": "s",
        "title": "A study",
        "description": "What was asked.",
        "items": [{"id": "task-0", "title": "Zero", "text": "Do it.", "impact": "neutral", "kind": "task"}],
        "paradigm": {"paradigm": "task_choice", "wordings": {"prefer": "{first} or {second}?"}},
        "conditions": {"wording": ["prefer"]},
        "samples": 2,
        "seed": 5,
        "settings": {"max_tokens": 16},
        **more,
    }
    return {"study": study, "model": "sim/averse", "sessions": [{"started": "now", "versions": {"x": "1"}}]}


def write(
    folder: Path,
    transcripts: list[Transcript],
    trials: pd.DataFrame | None = None,
    **more: Any,  # noqa: ANN401 - whatever `write_report` takes
) -> Page:
    given = table(*(each.trial for each in transcripts)) if trials is None else trials
    sections = more.pop("sections", [Section("Result", "It is so.")])
    told = more.pop("record", record())
    index = write_report(
        folder, record=told, trials=given, sections=sections, transcripts=iter(transcripts), **more
    )
    return Page(index.read_text(encoding="utf-8"))


def test_what_a_model_wrote_is_data_and_never_markup(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", [Transcript("t")])
    turns = (Turn("user", HOSTILE), Turn("assistant", HOSTILE))
    hostile = Transcript(HOSTILE, (HOSTILE, "b"), {"wording": HOSTILE}, HOSTILE, turns, HOSTILE)
    told = record(title=HOSTILE, description=HOSTILE, paradigm={"wordings": {"prefer": HOSTILE}})
    trials = pd.DataFrame({"outcome": ["refused"]})
    page = write(tmp_path / "hostile", [hostile], trials, record=told)
    assert page.tags.count("script") == plain.tags.count("script") == 2
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    shown = page.data["trials"][0]["turns"][1]["text"]
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- {{ 7 * 7 }} ${x}" in shown
    assert "⟨U+202E⟩reversed⟨U+202C⟩ ⟨U+0000⟩⟨U+001B⟩[31m ⟨U+D800⟩" in shown
    text = (tmp_path / "hostile" / "index.html").read_bytes()
    assert b"\x00" not in text
    assert "\u202e" not in text.decode("utf-8")


PLACE = "/home/ann/My studies/runs/x.db"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log /home/ann/runs/x.db: full", "log …/x.db: full"),
        ("in '/home/ann', or /Users/Zoë", "in '…/', or …/"),
        ("(file:///tmp/a/b.py:12)", "(…/b.py:12)"),
        ("in /home/eva lin/x.db, /Users/J. R. Ø/my/x.db", "in …/x.db, …/x.db"),
        (r"C:\Users\Eva Lin\runs\x.csv", "…/x.csv"),
        (r"C:\Users\Ann\x.csv, D:/x.csv, \\server\share\y.csv", "…/x.csv, D:/x.csv, …/y.csv"),
        ("put to local//root/models/x.gguf", "put to local…/x.gguf"),
        ("https://host.org/a/b, and/or 1/2, ./a/b, ~/a/b, openai/x@http://h:1/v1/y", None),
        ("hidden \x1b[2J", "hidden ⟨U+001B⟩[2J"),
    ],
)
def test_of_paths_of_a_machine_only_the_last_part_is_shown(text: str, expected: str | None) -> None:
    assert page_text(text) == (text if expected is None else expected)
    assert page_text(page_text(text)) == page_text(text)


def test_no_message_brings_a_path_of_the_machine_onto_the_page(tmp_path: Path) -> None:
    estimates = replace(shares(), warnings=(f"from {PLACE}: few trials",))
    said = Transcript("t1", turns=(Turn("user", f"Do not open {PLACE}."),), message=f"no file {PLACE}")
    record = {"model": f"local/{PLACE}", "file": PLACE, "study": {"name": "s", "settings": {"file": PLACE}}}
    section = Section("Shares", f"Read from {PLACE}.", None, estimates, "shares")
    index = write_report(
        tmp_path, record=record, trials=pd.DataFrame(), sections=[section], transcripts=[said]
    )
    page = Page(index.read_text(encoding="utf-8"))
    (trial,) = page.data["trials"]
    assert PLACE in trial["turns"][0]["text"]  # what was said is data
    assert index.read_text(encoding="utf-8").count("/home/ann") == 1
    assert "ann" not in trial["message"]


def test_the_policy_allows_its_own_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    page = write(tmp_path, [Transcript("t")], sections=[section()])
    policy = next(
        value for name, value in page.attributes if name == "content" and value and "default" in value
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for kind, text in (("script", page.scripts[1]), ("style", page.styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "style" not in [name for name, _ in page.attributes]
    assert page.tags.count("style") == 1


def test_the_page_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    page = write(tmp_path, [Transcript("t")], sections=[section()])
    links = [
        value or "" for name, value in page.attributes if name in ("src", "href", "xlink:href", "action")
    ]
    assert all(link.startswith(("#", "figures/", "tables/")) for link in links)
    for link in links:
        assert link.startswith("#") or (tmp_path / link).is_file()


def test_the_script_never_makes_markup_of_text() -> None:
    folder = Path(__file__).parents[3] / "src/bartleby/analysis/report"
    script = "".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "</"):
        assert word not in script


def section(name: str = "shares") -> Section:
    return Section("Shares", "Told.", plot_shares(shares().frame), shares(), name)


def test_ids_inside_figures_do_not_clash_and_every_reference_is_met(tmp_path: Path) -> None:
    page = write(tmp_path, [], sections=[section("one"), section("two")])
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r'(?:xlink:)?href="#([^"]+)"|url\(#([^)]+)\)', text))
    assert {one or other for one, other in used} <= set(ids)
    assert text.count('role="img"') == 2
    assert "Harmful impact: 90% (70% to 98%)" in text


def test_figures_and_tables_lie_beside_the_page(tmp_path: Path) -> None:
    write(tmp_path, [], sections=[section()])
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert names == [
        "figures/shares.pdf",
        "figures/shares.png",
        "figures/shares.svg",
        "figures/shares.txt",
        "index.html",
        "tables/shares.csv",
        "tables/shares.tex",
    ]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, [Transcript("t")], sections=[section()])
    for file in (tmp_path / "one").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes(), file


def test_warnings_counting_design_and_claim_are_told(tmp_path: Path) -> None:
    write(tmp_path, [Transcript("t")], table("t", outcome="refused"), sections=[section()])
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    expected = [
        CLAIM,
        "few clusters",
        "left out",
        "slot −0.10 to 0.90",
        "What was asked.",
        "Seed of the design",
    ]
    expected += ["{first} or {second}?", "1 trial of task choice", "not ended in order"]
    for told in expected:
        assert told in text, told


def test_no_trials_and_an_empty_record_still_make_a_page(tmp_path: Path) -> None:
    page = write(tmp_path, [], pd.DataFrame(), record={})
    assert page.data["trials"] == []
    assert "There are no trials to read" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_reply_of_a_megabyte_is_whole_and_a_longer_one_is_cut_and_says_so(tmp_path: Path) -> None:
    whole, long = Turn("assistant", "<" * LONGEST), Turn("assistant", "x" * (LONGEST + 7))
    data = write(tmp_path, [Transcript("t", turns=(whole, long))]).data
    first, second = data["trials"][0]["turns"]
    assert first["text"] == whole.text
    assert "cut" not in first
    assert second["cut"] == 7


def test_many_trials_are_sampled_by_outcome_and_the_page_says_so(tmp_path: Path) -> None:
    outcomes = ["chose_first"] * 300 + ["chose_second"] * 100 + ["refused"] * 5
    trials = pd.DataFrame({"trial": [f"t{i}" for i in range(405)], "outcome": outcomes})
    shown = [Transcript(f"t{i}", outcome=outcome) for i, outcome in enumerate(outcomes)]
    page = write(tmp_path, shown, trials, max_trials=85, seed=3)
    found = pd.Series([trial["outcome"] for trial in page.data["trials"]]).value_counts().to_dict()
    assert found == {"chose_first": 60, "chose_second": 20, "refused": 5}
    assert "85 of 405 trials are here: a random sample in proportion to outcomes (seed 3)" in (
        tmp_path / "index.html"
    ).read_text(encoding="utf-8")


def test_what_the_trial_table_knows_is_shown_beside_the_conversation(tmp_path: Path) -> None:
    trials = table("t").assign(
        refused=pd.array([True], dtype="boolean"), turn=pd.array([pd.NA], dtype="Int64")
    )
    data = write(
        tmp_path, [Transcript("t")], trials.assign(scenario="insult"), reader=Reader(facets=("scenario",))
    ).data
    assert data["trials"][0]["facts"] == {"refused": True, "scenario": "insult"}
    assert data["facets"] == ["scenario"]


def test_script_text_holds_nothing_that_ends_or_opens_an_element() -> None:
    text = as_script_text({"a": "</script><!--<script>&amp;\u2028é"})
    assert not set(text) & set("<>&")
    assert text.isascii()
    assert json.loads(text) == {"a": "</script><!--<script>&amp;\u2028é"}


def test_bad_settings_and_folders_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"two sections have the name 'result'\nmax_trials is -1"):
        write(tmp_path, [], sections=[Section("Result"), Section("Result")], max_trials=-1)
    with pytest.raises(SettingError, match="taken by the page itself"):
        write(tmp_path, [], sections=[Section("Result"), Section("Design")])
    with pytest.raises(SettingError, match="allowed: letters"):
        Section("x", name="../x")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match="the report cannot be written"):
        write(file / "folder", [])
