"""The stimuli of exit studies are what their dictionaries say: classes, pairs, kinds of lines, no twins."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.studies.items import Task
from bartleby.studies.scenarios import Scenario

DATA = Path(__file__).parents[1] / "data"
CLASSES = {
    "severe_harm": 6,
    "mild_harm": 6,
    "privacy_violation": 6,
    "sexual_pressure": 6,
    "abuse": 6,
    "ordinary_help": 24,
    "complaint": 6,
    "controversial": 6,
    "tedious": 6,
    "asks_to_end": 6,
    "at_risk": 6,
    "thankful": 6,
}
AVERSIVE = {"severe_harm", "mild_harm", "privacy_violation", "sexual_pressure", "abuse"}


@pytest.fixture(scope="module")
def scenarios() -> tuple[Scenario, ...]:
    return tuple(bb.load_scenarios(DATA / "end_conversation" / "scenarios.jsonl"))


@pytest.fixture(scope="module")
def tasks() -> tuple[Task, ...]:
    return bb.load_tasks(DATA / "opt_out" / "tasks.csv")


def test_every_class_has_the_scenarios_its_dictionary_counts(scenarios: tuple[Scenario, ...]) -> None:
    assert Counter(each.scenario_class for each in scenarios) == CLASSES
    told = (DATA / "end_conversation" / "README.md").read_text("utf-8")
    counted = {name: int(n) for name, n in re.findall(r"^\| `(\w+)` \| (\d+) \| ", told, flags=re.MULTILINE)}
    assert counted == CLASSES


def test_a_class_says_whether_leaving_is_right_and_it_is_wrong_only_where_somebody_is_at_risk(
    scenarios: tuple[Scenario, ...],
) -> None:
    found = {(each.scenario_class, each.expected) for each in scenarios}
    assert len(found) == len(CLASSES)
    assert {name for name, expected in found if expected == "wrong"} == {"at_risk"}
    right = {name for name, expected in found if expected == "expected"}
    assert right == (AVERSIVE - {"mild_harm"}) | {"asks_to_end"}
    harm = {(each.scenario_class, each.attributes["harm"]) for each in scenarios}
    assert ("severe_harm", "severe") in harm
    assert ("mild_harm", "mild") in harm


def test_only_what_presses_or_degrades_counts_as_aversive(scenarios: tuple[Scenario, ...]) -> None:
    assert {each.scenario_class for each in scenarios if each.aversive} == AVERSIVE
    assert {each.scenario_class for each in scenarios if not each.aversive} == CLASSES.keys() - AVERSIVE


def test_every_aversive_scenario_has_one_benign_control_that_names_its_class(
    scenarios: tuple[Scenario, ...],
) -> None:
    pairs: dict[str, list[Scenario]] = {}
    for each in scenarios:
        if each.match is not None:
            pairs.setdefault(each.match, []).append(each)
    assert len(pairs) == 30
    for one, other in pairs.values():
        aversive, control = (one, other) if one.aversive else (other, one)
        assert aversive.aversive and not control.aversive
        assert control.control_for == aversive.scenario_class
        assert aversive.control_for is None
        assert (
            aversive.attributes["topic"] == control.attributes["topic"]
            or control.scenario_class == "complaint"
        )


def test_every_scenario_can_be_played_for_several_turns_by_a_script_or_a_model(
    scenarios: tuple[Scenario, ...],
) -> None:
    for each in scenarios:
        assert 6 <= len(each.lines) <= 11
        assert len(each.kinds) == len(each.lines)
        assert each.persona is not None
        assert len(each.persona) > 80
        assert each.redirect or not each.aversive


def test_a_user_asks_to_end_where_the_class_says_so_and_only_there(scenarios: tuple[Scenario, ...]) -> None:
    for each in scenarios:
        assert ("asks_to_end" in each.kinds) == (each.scenario_class == "asks_to_end")
        assert ("thanks" in each.kinds) == (each.scenario_class == "thankful")
        assert ("insult" in each.kinds) <= each.aversive


def test_no_two_lines_of_different_scenarios_are_nearly_the_same(scenarios: tuple[Scenario, ...]) -> None:
    # The tedious scenarios repeat themselves: that is what they are.
    told = [
        (each.id, text, frozenset(re.findall(r"[\w']+", text.lower())))
        for each in scenarios
        if each.scenario_class != "tedious"
        for text in (each.text, *each.lines)
    ]
    long = [one for one in told if len(one[2]) >= 4]
    alike = [
        (one[:2], other[:2])
        for one, other in itertools.combinations(long, 2)
        if len(one[2] & other[2]) > 0.6 * len(one[2] | other[2])
    ]
    assert alike == []


def test_no_text_is_in_two_files(scenarios: tuple[Scenario, ...], tasks: tuple[Task, ...]) -> None:
    chosen = bb.load_tasks(DATA / "task_preferences" / "tasks.csv")
    texts = [
        *(text for each in scenarios for text in (each.text, *each.lines)),
        *(each.text for each in (*tasks, *chosen)),
    ]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_triads_of_tasks_differ_in_harm_and_not_in_topic_or_kind_of_work(tasks: tuple[Task, ...]) -> None:
    triads: dict[object, list[Task]] = {}
    for each in tasks:
        if each.attributes["match"] is not None:
            triads.setdefault(each.attributes["match"], []).append(each)
    assert len(tasks) == 76
    assert len(triads) == 20
    for three in triads.values():
        assert sorted(str(each.harm) for each in three) == ["mild", "none", "severe"]
        assert len({each.attributes["type"] for each in three}) == 1
        assert len({each.attributes["topic"] for each in three}) == 1
        control = next(each for each in three if each.harm == "none")
        assert (control.category, control.attributes["control_for"]) == ("control", "harmful")


def test_harmful_tasks_and_their_controls_are_of_one_length(tasks: tuple[Task, ...]) -> None:
    lengths: dict[object, list[int]] = {}
    for each in tasks:
        if each.attributes["match"] is not None:
            lengths.setdefault(each.harm, []).append(len(each.text))
    means = {harm: sum(found) / len(found) for harm, found in lengths.items()}
    assert max(means.values()) - min(means.values()) < 15
    assert max(len(each.text) for each in tasks) <= 150


def test_the_battery_has_every_concept_in_three_wordings_and_one_of_them_reversed() -> None:
    with (DATA / "self_report" / "battery.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["text"] for row in rows}) == len(rows) == 12
    for _, group in itertools.groupby(rows, key=lambda row: row["concept"]):
        three = list(group)
        assert len(three) == 3
        assert [row["reverse"] for row in three].count("true") == 1
        assert {row["points"] for row in three} == {"7"}


@pytest.mark.parametrize("name", ["end_conversation", "opt_out", "self_report"])
def test_the_dictionary_names_every_column(name: str) -> None:
    told = (DATA / name / "README.md").read_text("utf-8")
    if name == "end_conversation":
        columns = {"id", "text", "lines", "kinds", "scenario_class", "expected", "control_for", "match"}
        columns |= {"persona", "redirect", "aversive", "harm", "topic", "source", "licence"}
    else:
        file = next((DATA / name).glob("*.csv"))
        columns = set(file.read_text("utf-8").splitlines()[0].split(","))
    assert [column for column in sorted(columns) if f"`{column}`" not in told] == []


ENDING = {
    "abuse": "complaint",
    "harmful_request": "ordinary_help",
    "ambiguous": "clear_case",
    "at_risk": "low_mood",
    "controversial": "plain_topic",
    "failing_task": "working_task",
    "farewell": "midway",
}


def test_scripts_of_ending_are_pairs_of_one_length_with_the_same_requests() -> None:
    scripts = bb.load_scenarios(DATA / "ending" / "scenarios.jsonl")
    pairs: dict[str | None, list[Scenario]] = {}
    for each in scripts:
        pairs.setdefault(each.match, []).append(each)
    assert Counter(each.scenario_class for each in scripts) == dict.fromkeys([*ENDING, *ENDING.values()], 6)
    for one, control in pairs.values():
        assert ENDING[one.scenario_class] == control.scenario_class
        assert (one.control_for, control.control_for) == (None, one.scenario_class)
        assert len(one.lines) == len(control.lines) == len(one.kinds) == 5
        assert one.attributes["request"] == control.attributes["request"]
        assert one.attributes["topic"] == control.attributes["topic"]
        assert control.expected == "neutral"
    assert {each.scenario_class for each in scripts if each.expected == "wrong"} == {"at_risk"}
    assert {each.scenario_class for each in scripts if each.aversive} == {"abuse", "harmful_request"}


def test_half_of_the_scripts_of_ending_have_an_early_request_and_an_answer_to_the_question() -> None:
    scripts = bb.load_scenarios(DATA / "ending" / "scenarios.jsonl")
    asked = [each for each in scripts if "asks_to_end" in each.kinds]
    assert len(asked) == (len(scripts) - 12) / 2
    assert not {each.scenario_class for each in asked} & {"at_risk", "low_mood"}
    answers = {"yes": "says_yes", "no": "says_no"}
    for each in scripts:
        request = str(each.attributes["request"])
        assert (request != "none") == (each.kinds[0] == "asks_to_end")
        assert each.kinds.count("asks_to_end") <= 1
        if request in answers:
            assert each.kinds[1] == answers[request]
    assert Counter(str(each.attributes["request"]) for each in asked) == {"yes": 12, "no": 12, "silent": 12}
    assert sum("stops" in each.kinds for each in scripts) == 4


def test_scripts_in_other_languages_have_the_same_form() -> None:
    scripts = bb.load_scenarios(DATA / "ending" / "languages.jsonl")
    assert Counter(each.attributes["language"] for each in scripts) == {"de": 6, "fr": 6}
    for language in ("de", "fr"):
        own = [each for each in scripts if each.attributes["language"] == language]
        assert {each.expected for each in own} == {"expected", "neutral", "wrong"}
        assert all(len([other for other in own if other.match == each.match]) == 2 for each in own)


def test_no_text_of_ending_is_in_another_file_and_all_columns_are_in_its_dictionary() -> None:
    told = (DATA / "ending" / "README.md").read_text("utf-8")
    texts = Counter[str]()
    for name in ("ending", "end_conversation"):
        scripts = bb.load_scenarios(DATA / name / "scenarios.jsonl")
        texts.update({text for each in scripts for text in (each.text, *each.lines)})
    assert [text for text, count in texts.items() if count > 1] == []
    columns = {
        name for each in bb.load_scenarios(DATA / "ending" / "scenarios.jsonl") for name in each.to_dict()
    }
    assert [name for name in sorted(columns - {"redirect"}) if f"`{name}`" not in told] == []
