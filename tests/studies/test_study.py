"""A study: the same trials for the same seed, and designs that would mislead are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bartleby.errors import DesignError, StudyError
from bartleby.exchange import Settings
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

TASKS = tuple(Task(f"i{k}", f"Do thing {k}.", title=f"Thing {k}") for k in range(5))


def study(**changes: Any) -> Study:  # noqa: ANN401
    return replace(Study("s", TASKS, TaskChoice(), samples=2, seed=3), **changes)


def test_the_same_seed_gives_the_same_trials_in_the_same_order() -> None:
    assert list(study().trials()) == list(study().trials())
    assert [t.id for t in study().trials()] != [t.id for t in study(seed=4).trials()]
    assert {t.id for t in study().trials()} == {t.id for t in study(seed=4).trials()}


def test_every_trial_has_an_id_of_its_own_and_the_count_is_right() -> None:
    ids = [trial.id for trial in study(conditions={"wording": ["prefer", "avoid"]}).trials()]
    assert len(set(ids)) == len(ids) == 5 * 4 * 2 * 2
    assert study(conditions={"wording": ["prefer", "avoid"]}).count() == len(ids)


def test_an_id_is_of_what_is_shown_so_settings_change_it_and_names_do_not() -> None:
    ids = {trial.id for trial in study().trials()}
    assert ids == {trial.id for trial in study(name="other").trials()}
    assert ids.isdisjoint(trial.id for trial in study(settings=Settings(system="Be brief.")).trials())


def test_two_wordings_that_are_one_text_are_refused_naming_both() -> None:
    same = "{first} or {second}?"
    twins = study(
        paradigm=TaskChoice(wordings={"warm": same, "cold": same}), conditions={"wording": ["warm", "cold"]}
    )
    with pytest.raises(
        DesignError, match="wording='warm' and wording='cold' show one identical text"
    ) as told:
        list(twins.trials())
    assert "i0" in str(told.value) or "i1" in str(told.value)


def test_channels_that_resolve_to_one_are_refused_too() -> None:
    both = study(conditions={"channel": ["auto", "json_schema"]})
    with pytest.raises(StudyError, match="names a level twice: json_schema"):
        both.for_channels(["json_schema"], "m")


def test_auto_takes_the_first_channel_of_the_model_and_a_fixed_one_must_be_supported() -> None:
    assert study().for_channels(["label", "text"], "m").conditions["channel"] == ("label",)
    fixed = study(conditions={"channel": ["forced_tool"]})
    with pytest.raises(StudyError, match="fixes the answer channel 'forced_tool', which m does not support"):
        fixed.for_channels(["text"], "m")


def test_all_problems_of_a_declaration_are_told_at_once() -> None:
    with pytest.raises(StudyError) as caught:
        Study(
            "a study",
            TASKS,
            TaskChoice(),
            conditions={"wording": ["prefer", "rude"], "colour": ["red"], "labels": "A/B", "exits": []},
            samples=0,
            seed=-1,
            settings=Settings(max_tokens=0),
        )
    assert len(str(caught.value).splitlines()) == 8
    assert "condition 'wording' has the level 'rude'; allowed: prefer" in str(caught.value)


def test_the_declaration_is_json_and_its_fingerprint_is_of_what_decides_what_is_asked() -> None:
    assert json.loads(json.dumps(study().to_dict()))["samples"] == 2
    assert study(title="Another title").fingerprint() == study().fingerprint()
    assert study(samples=3).fingerprint() != study().fingerprint()
