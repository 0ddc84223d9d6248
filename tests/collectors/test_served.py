"""Who answered is in the table; another model than the one asked is an outcome of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.collectors.collector import collect
from bartleby.collectors.served import asked_names, is_other
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record
from bartleby.collectors.trial_table import read
from bartleby.errors import StudyError
from bartleby.exchange import Reply, Request, Usage
from bartleby.studies.study import Study
from tests.collectors.fakes import FakeModel, small_study


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("anthropic/claude-x", "claude-x-20250101"),
        ("anthropic/claude-x-20250101", "claude-x"),
        ("anthropic/claude-x-latest", "claude-x-20250101"),
        ("openai/gpt-x", "gpt-x-2025-01-01"),
        ("openai/gpt-4?timeout=9", "gpt-4-0613"),
        ("openai/gemini-x", "models/gemini-x-001"),
        ("openrouter/vendor/name", "vendor/name"),
        ("openai/vendor/Name@https://host/v1?key=A", "other-host/name:free"),
        ("openai/llama3@http://localhost:1/v1", "llama3:latest"),
        ("sim/averse?slot=0.5", "sim/averse?slot=0.5"),
        ("vertex/claude-x", "claude-x@20250101"),
    ],
)
def test_aliases_and_dated_snapshots_are_one_model(asked: str, served: str) -> None:
    assert not is_other(served, (*asked_names(asked, {}), asked))


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("anthropic/claude-x", "claude-y"),
        ("openai/gpt-x", "gpt-x-mini"),
        ("openai/gpt-x-mini", "gpt-x"),
        ("anthropic/claude-x-20250101", "claude-x-20250601"),
        ("openai/llama3:8b", "llama3:70b"),
        ("anthropic/claude-opus-4", "claude-opus-4-1"),
    ],
)
def test_other_models_are_others(asked: str, served: str) -> None:
    assert is_other(served, asked_names(asked, {}))


def test_the_name_under_which_a_server_answered_when_it_was_opened_is_its_own() -> None:
    names = asked_names("openai/default@http://localhost:1/v1", {"answered_by": "/models/tiny.gguf"})
    assert not is_other("/models/tiny.gguf", names)
    assert is_other("/models/large.gguf", names)


def falls_back(request: Request, number: int) -> Reply:
    """Answer as another model where a severe task is shown, as a provider does that blocks it."""
    severe = any(option.attributes.get("harm") == "severe" for option in request.options)
    return Reply("A", usage=Usage(1, 1), model="spare-1" if severe else "one-20250101")


async def run(study: Study, log: Path) -> None:
    await collect(study, FakeModel(falls_back), log)


async def test_another_model_is_an_outcome_of_its_own_with_warnings(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await run(small_study(), log)
    stands = status(log)
    assert stands.ended == {"chose_first": 6, "other_model": 6}
    assert stands.other_models == {"spare-1": 6}
    assert "WARNING: another model than one has answered in some trials (spare-1 in 6)" in str(stands)
    assert study_record(log)["other_models"] == {"spare-1": 6}
    with pytest.warns(UserWarning, match="another model than one has answered"):
        table = read(log)
    served = table["served"].astype(str)
    assert (served[table["outcome"] == "other_model"] == "spare-1").all()
    assert (served[table["outcome"] != "other_model"] == "one-20250101").all()
    assert list(table.columns[:5]) == ["study", "model", "served", "paradigm", "trial"]
    rate = bb.rate(table, "chose_first", cluster=False)
    assert any("another model than the one that was asked (spare-1)" in told for told in rate.warnings)
    assert rate.accounting is not None
    assert (rate.accounting.used, rate.accounting.left_out) == (6, 6)
    with pytest.warns(UserWarning, match="another model"):
        again = read(log, small_study())
    assert again["outcome"].tolist() == table["outcome"].tolist()


async def test_a_study_may_accept_what_other_models_answer(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await run(replace(small_study(), other_models="accepted"), log)
    assert status(log).ended == {"chose_first": 12}
    assert status(log).other_models == {"spare-1": 6}
    with pytest.warns(UserWarning, match="another model"):
        table = read(log, small_study())
    assert table["outcome"].value_counts()["other_model"] == 6
    with pytest.raises(StudyError, match="other_models is 'kept'; allowed: excluded, accepted"):
        replace(small_study(), other_models="kept")  # type: ignore[arg-type]


def test_the_choice_does_not_change_what_is_asked() -> None:
    assert replace(small_study(), other_models="accepted").fingerprint() == small_study().fingerprint()


async def test_models_that_name_nobody_are_not_known(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(2), FakeModel(lambda request, number: Reply("A")), log)
    assert read(log)["served"].isna().all()
    assert status(log).other_models == {}
