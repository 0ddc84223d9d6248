"""Many studies on many models: a log for each pair, and one that fails leaves the others as they are."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from bartleby.collectors.battery import BadStudy, Pair, PairSummary, collect_battery, log_name, pairs_of
from bartleby.collectors.collector import collect
from bartleby.collectors.summary import RunSummary
from bartleby.errors import LogError, SettingError, StudyError
from bartleby.studies.study import Study
from bartleby.verbs.logs import read, status
from bartleby.verbs.running import run_battery
from tests.collectors.fakes import FakeModel, query, small_study
from tests.collectors.talks import talks

MODELS = ("sim/averse", "sim/averse?slot=0.5")


def test_every_study_is_put_to_every_model_in_a_log_of_its_own(tmp_path: Path) -> None:
    studies = [small_study(name="one"), small_study(5, name="two")]
    lines: list[PairSummary] = []
    summary = run_battery(studies, MODELS, logs=tmp_path / "runs", told=lines.append)
    assert (len(summary.pairs), summary.failed, len(lines)) == (4, [], 4)
    logs = sorted((tmp_path / "runs").glob("*.db"))
    assert [each.name.split("--")[0] for each in logs] == ["one", "one", "two", "two"]
    assert {each.name for each in logs} >= {"one--sim-averse.db", "two--sim-averse.db"}
    assert all(str(each).count("\n") == 0 for each in lines)
    assert str(summary).splitlines()[-1] == "4 of 4 runs came to their end"
    again = run_battery(studies, MODELS, logs=tmp_path / "runs")
    assert [each.summary.replies for each in again.pairs if each.summary] == [0] * 4


def test_a_folder_of_logs_is_read_as_one_also_from_where_it_was_moved_to(tmp_path: Path) -> None:
    studies = [small_study(name="one"), small_study(5, name="two", conditions={"exits": ["neither"]})]
    run_battery(studies, MODELS, logs=tmp_path / "runs")
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere" / "runs")
    table = read(tmp_path / "elsewhere")
    counts = table.groupby(["study", "model"], observed=True).size()
    assert counts.to_dict() == {
        ("one", "sim/averse"): 12,
        ("one", "sim/averse?slot=0.5"): 12,
        ("two", "sim/averse"): 20,
        ("two", "sim/averse?slot=0.5"): 20,
    }
    assert {str(table[name].dtype) for name in ("study", "model", "first", "outcome")} == {"category"}
    assert str(table["output_tokens"].dtype) == "Int64"
    assert list(table.columns) == list(read(next((tmp_path / "elsewhere").rglob("two*.db"))).columns)
    assert read(tmp_path / "elsewhere", studies[0])["study"].unique().tolist() == ["one"]
    with pytest.raises(LogError, match="no log of the study 'three'"):
        read(tmp_path / "elsewhere", small_study(name="three"))
    (tmp_path / "none").mkdir()
    with pytest.raises(LogError, match="there is no log in this directory"):
        read(tmp_path / "none")


async def test_logs_with_other_columns_are_joined_and_lack_them(tmp_path: Path) -> None:
    await collect(small_study(), FakeModel(), tmp_path / "a.db")
    await collect(talks(3, user="scripted"), FakeModel(), tmp_path / "b.db")
    table = read(tmp_path)
    assert len(table) == 15
    assert table["first"].isna().sum() == 3
    assert table["item"].isna().sum() == 12
    assert table["turns"].dropna().tolist() == [3, 3, 3]


def test_one_that_fails_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    models = ["sim/averse", "sim/nobody"]
    summary = run_battery([small_study(name="one"), broken], models, logs=tmp_path / "runs")
    assert [each.summary is not None for each in summary.pairs] == [True, False, False, False]
    told = str(summary).splitlines()
    assert len(told) == 5
    assert "FAILED" in told[1]
    assert "no simulated model 'sim/nobody'" in told[1]
    assert "ZeroDivisionError" in told[2]
    assert told[-1] == "1 of 4 runs came to their end"
    assert status(tmp_path / "runs" / "one--sim-averse.db").finished


def test_a_log_that_is_corrupted_fails_its_pair_alone(tmp_path: Path) -> None:
    run_battery([small_study()], MODELS, logs=tmp_path)
    (tmp_path / "small--sim-averse.db").write_bytes(b"this is no database" * 1000)
    summary = run_battery([small_study()], MODELS, logs=tmp_path, max_calls=100)
    assert [each.summary is None for each in summary.pairs] == [True, False]
    assert "corrupted" in str(summary.failed[0])


def test_a_study_or_model_named_twice_is_refused_all_at_once(tmp_path: Path) -> None:
    studies: list[Study | BadStudy] = [small_study(name="one"), small_study(5, name="one")]
    with pytest.raises(SettingError, match=r"study 'one' is named twice.*; the model 'a/b' is named twice"):
        pairs_of(studies, ["a/b", "a/b"], tmp_path)
    with pytest.raises(SettingError, match="no study is named; no model is named"):
        pairs_of([], [], tmp_path)


def test_names_of_logs_are_readable_and_tell_pairs_apart() -> None:
    assert log_name("s", "anthropic/claude-opus-5-5") == "s--anthropic-claude-opus-5-5.db"
    names = {
        log_name("s", model, user)
        for model in ("a/b", "a/b?x=1", "a/b?x-1", "a/b:x=1", "a/b-x-1")
        for user in (None, "local/smollm2")
    }
    assert len(names) == 10
    assert all("/" not in name and "?" not in name for name in names)


def test_only_a_study_that_needs_a_user_has_one_in_its_pair(tmp_path: Path) -> None:
    pairs = pairs_of([talks(), small_study()], ["a/b"], tmp_path, "c/d")
    assert [(pair.user, pair.providers) for pair in pairs] == [("c/d", ["a", "c"]), (None, ["a"])]


async def test_pairs_of_one_provider_run_one_after_another_and_others_side_by_side(tmp_path: Path) -> None:
    studies = [small_study(name="one"), small_study(5, name="two")]
    under_way: list[str] = []
    most: list[set[str]] = []

    async def run(study: Study, pair: Pair) -> RunSummary:
        under_way.append(pair.model)
        most.append(set(under_way))
        assert under_way.count(pair.model) == 1
        summary = await collect(study, FakeModel(name=pair.model), pair.log)
        under_way.remove(pair.model)
        return summary

    pairs = pairs_of(studies, ["a/x", "b/y"], tmp_path)
    summary = await collect_battery(pairs, run)
    assert summary.failed == []
    assert {"a/x", "b/y"} in most


async def test_whatever_else_goes_wrong_in_a_pair_stays_there(tmp_path: Path) -> None:
    async def run(study: Study, pair: Pair) -> RunSummary:
        if pair.model == "a/x":
            raise ZeroDivisionError("oh\nno")
        return await collect(study, FakeModel(name=pair.model), pair.log)

    pairs = pairs_of([small_study(), BadStudy("x.py", StudyError("bad"))], ["a/x", "b/y"], tmp_path)
    summary = await collect_battery(pairs, run)
    told = [str(each) for each in summary.failed]
    assert told[0].endswith("small on a/x: ZeroDivisionError: oh no")
    assert told[1].endswith("x.py on a/x: bad")
    assert len(told) == 3


async def test_cancelling_a_battery_stops_all_pairs_and_keeps_their_logs(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def run(study: Study, pair: Pair) -> RunSummary:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(collect_battery(pairs_of([small_study()], ["a/x", "b/y"], tmp_path), run))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


def test_a_log_of_a_pair_is_an_ordinary_log(tmp_path: Path) -> None:
    run_battery([small_study()], ["sim/averse"], logs=tmp_path)
    assert query(tmp_path / "small--sim-averse.db", "SELECT count(*) FROM outcomes") == [(12,)]
