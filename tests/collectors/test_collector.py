"""The collector: every trial is asked once, a stopped run goes on, and what does not fit is refused."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bartleby.collectors import retry, session
from bartleby.collectors.budget import Budget
from bartleby.collectors.collector import collect
from bartleby.collectors.models.base import Capabilities, KeyRefusedError
from bartleby.collectors.models.http_errors import from_status
from bartleby.collectors.schema import open_to_read
from bartleby.collectors.status import status
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError, ModelError, RequestError, SettingError, StudyError
from bartleby.exchange import Exchange, Reply, Request, Settings, Usage
from bartleby.outcome import Outcome
from bartleby.studies.design.graphs import SwissRounds
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial
from tests.collectors.fakes import FakeModel, HangingModel, after, always_first, query, small_study


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


async def test_every_trial_is_asked_once_and_its_outcome_kept(log: Path) -> None:
    model = FakeModel()
    summary = await collect(small_study(), model, log, price=lambda usage: (usage.output_tokens or 0) / 1000)
    assert (summary.trials, summary.replies, summary.failures) == (12, 12, 0)
    assert summary.cost == pytest.approx(0.024)
    assert summary.status.ended == {"chose_first": 12}
    assert summary.status.finished
    assert (model.opened, model.closed) == (1, 1)
    assert "12 of 12 trials ended (chose_first 12)" in str(summary)


async def test_a_finished_run_started_again_asks_nothing(log: Path) -> None:
    await collect(small_study(), FakeModel(), log)
    again = FakeModel()
    summary = await collect(small_study(), again, log)
    assert again.asked == []
    assert (summary.trials, summary.status.planned) == (0, 12)


async def test_no_more_than_the_bound_are_under_way(log: Path) -> None:
    model = FakeModel(concurrency=50)
    await collect(small_study(6), model, log, concurrency=3)
    assert model.most_under_way == 3
    with pytest.raises(SettingError, match="concurrency is 0; allowed: 1 or more"):
        await collect(small_study(6), FakeModel(), log, concurrency=0)


async def test_a_reply_is_on_the_disk_before_the_paradigm_reads_it(log: Path) -> None:
    stored: list[bool] = []

    @dataclass(frozen=True)
    class Looks(TaskChoice):
        def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
            found = query(log, "SELECT t.id FROM replies r JOIN trials t ON t.number = r.trial")
            stored.append((trial.id,) in found)
            return super().read(trial, exchanges)

    await collect(small_study(paradigm=Looks()), FakeModel(), log)
    assert stored == [True] * 12


async def test_cancelling_keeps_what_was_answered_and_says_how_to_go_on(log: Path) -> None:
    task = asyncio.create_task(collect(small_study(), model := HangingModel(5, waiting=4), log))
    await model.stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError, match="stopped: 5 of 12 trials have ended") as caught:
        await task
    assert str(log) in str(caught.value)
    assert model.closed == 1
    stands = status(log)
    assert (stands.lost_attempts, stands.failed_attempts, stands.finished) == (4, 0, False)
    second = FakeModel()
    summary = await collect(small_study(), second, log)
    assert len(second.asked) == 7
    assert summary.status.finished
    answered = query(log, "SELECT trial FROM replies")
    assert len(set(answered)) == len(answered) == 12


async def test_a_trial_of_two_asks_goes_on_between_them(log: Path) -> None:
    study = small_study(conditions={"commitment": ["does"]})

    def works_later(request: Request, number: int) -> Reply:
        if not request.options:
            raise ModelError("the key was refused")
        return always_first(request, number)

    first = FakeModel(works_later)
    with pytest.raises(ModelError, match="the key was refused"):
        await collect(study, first, log)
    answered = query(log, "SELECT count(*) FROM replies WHERE ask = 0")[0][0]
    assert answered
    assert query(log, "SELECT count(*) FROM replies WHERE ask = 1")[0][0] == 0
    second = FakeModel()
    summary = await collect(study, second, log)
    assert len(second.asked) == 24 - int(str(answered))
    assert summary.status.ended == {"chose_first": 12}
    assert query(log, "SELECT count(*) FROM replies") == [(24,)]
    assert query(log, "SELECT min(asks), min(input_tokens), max(output_tokens) FROM outcomes") == [(2, 20, 4)]


async def test_seeds_depend_on_study_trial_and_ask_alone(log: Path, tmp_path: Path) -> None:
    study = small_study(conditions={"commitment": ["does"]}, samples=2)
    one, other = FakeModel(concurrency=1), FakeModel(concurrency=7)
    await collect(study, one, log)
    await collect(study, other, tmp_path / "other.db")
    seeds = {request.seed for request in one.asked}
    assert seeds == {request.seed for request in other.asked}
    assert len(seeds) == 48
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)


async def test_settings_that_a_model_does_not_accept_are_refused_before_anything_is_sent(log: Path) -> None:
    model = FakeModel()
    study = replace(small_study(), settings=Settings(temperature=0.5, top_p=0.9, effort="low"))
    with pytest.raises(StudyError, match=r"sets effort='low', top_p=0.9, which fake/one does not accept"):
        await collect(study, model, log)
    assert model.asked == []
    assert model.closed == 1
    with pytest.raises(LogError, match="there is no such file"):
        status(log)


async def test_the_channel_is_resolved_and_frozen(log: Path) -> None:
    await collect(small_study(), FakeModel(), log)
    assert query(log, "SELECT DISTINCT json_extract(conditions, '$.channel') FROM cells") == [("text",)]
    fixed = small_study(conditions={"channel": ["text"]})
    assert (await collect(fixed, FakeModel(), log)).trials == 0
    with pytest.raises(StudyError, match="fixes the answer channel 'tool'"):
        await collect(small_study(conditions={"channel": ["tool"]}), FakeModel(), log)


async def test_another_study_or_model_is_refused_naming_what_differs(log: Path) -> None:
    await collect(small_study(samples=2), FakeModel(), log)
    longer = replace(small_study(5, samples=3), settings=Settings(max_tokens=64))
    with pytest.raises(LogError, match="--log") as caught:
        await collect(longer, FakeModel(), log)
    default = Settings().ceiling
    differing = f"items.t4 added; samples 2 -> 3; settings.max_tokens {default} -> 64"
    assert differing in str(caught.value)
    with pytest.raises(LogError, match="model fake/one -> fake/two"):
        await collect(small_study(samples=2), FakeModel(name="fake/two"), log)
    assert (await collect(small_study(samples=2), FakeModel(), log)).trials == 0


async def test_a_log_in_which_nothing_was_asked_belongs_to_nobody(log: Path) -> None:
    def no_key(request: Request, number: int) -> Reply:
        raise AssertionError

    hanging = HangingModel(0)
    task = asyncio.create_task(collect(small_study(samples=2), hanging, log))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(StudyError):
        await collect(_broken(small_study(5)), FakeModel(no_key), log)
    summary = await collect(small_study(3), FakeModel(), log)
    assert (summary.status.planned, summary.status.ended) == (6, {"chose_first": 6})


def _broken(study: Study) -> Study:
    @dataclass(frozen=True)
    class Fails(TaskChoice):
        async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
            raise ValueError("nothing to show")

    return replace(study, paradigm=Fails())


async def test_a_paradigm_that_fails_on_one_trial_leaves_the_others_alone(log: Path) -> None:
    @dataclass(frozen=True)
    class Stumbles(TaskChoice):
        def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
            if [item.id for item in trial.items] == ["t0", "t1"]:
                raise IndexError("list index out of range")
            reading = super().read(trial, exchanges)
            odd = trial.items[0].id == "t2"
            return replace(reading, columns={"odd": object()}) if odd else reading  # type: ignore[dict-item]

    summary = await collect(small_study(paradigm=Stumbles()), FakeModel(), log)
    assert summary.status.ended == {"chose_first": 8, "error": 4}
    said = [str(row[0]) for row in query(log, "SELECT message FROM outcomes WHERE outcome = 'error'")]
    assert sum("IndexError: list index out of range" in text for text in said) == 1
    assert sum("cannot be stored" in text for text in said) == 3
    fixed = FakeModel()
    summary = await collect(small_study(), fixed, log, retry_errors=True)
    assert (summary.status.ended, fixed.asked) == ({"chose_first": 12}, [])


@pytest.mark.parametrize("status", [301, 307, 403, 404, 405, 501])
async def test_what_a_server_denies_in_one_trial_is_its_error(log: Path, status: int) -> None:
    error = from_status("fake/one", status, "no", headers={}, request_id=None, key="KEY")

    def denies(request: Request, number: int) -> Reply:
        if number == 5:
            raise error
        return always_first(request, number)

    summary = await collect(small_study(), FakeModel(denies, concurrency=1), log)
    assert summary.status.ended == {"chose_first": 11, "error": 1}
    with pytest.raises(ModelError, match=f"status {status}"):
        await collect(small_study(), FakeModel(after(0, lambda: error)), log.with_name("b.db"))


@pytest.mark.parametrize("status", [401, 402])
async def test_a_refused_key_ends_a_run_whatever_was_answered(log: Path, status: int) -> None:
    error = from_status("fake/one", status, "no", headers={}, request_id=None, key="KEY")
    with pytest.raises(KeyRefusedError, match=f"status {status}"):
        await collect(small_study(), FakeModel(after(5, lambda: error), concurrency=1), log)
    summary = await collect(small_study(), FakeModel(), log)
    assert summary.status.ended == {"chose_first": 12}


async def test_other_weights_under_the_name_of_a_model_are_refused(log: Path) -> None:
    class Weights(FakeModel):
        def __init__(self, number: str) -> None:
            super().__init__()
            self.number = number

        async def capabilities(self) -> Capabilities:
            told = await super().capabilities()
            return replace(told, description={"file": "m.gguf", "sha256": self.number * 64})

    await collect(small_study(), Weights("a"), log, budget=Budget(calls=2))
    with pytest.raises(LogError, match=r"another run \(weights of m\.gguf aaaaaaaaaaaa -> bbbbbbbbbbbb\)"):
        await collect(small_study(), Weights("b"), log)
    summary = await collect(small_study(), Weights("a"), log)
    assert summary.status.ended == {"chose_first": 12}


async def test_a_model_that_cannot_be_opened_is_one_line(log: Path) -> None:
    class Odd(FakeModel):
        async def capabilities(self) -> Capabilities:
            raise AttributeError("'NoneType' object has no attribute 'supported'")

    with pytest.raises(ModelError, match=r"fake/one: cannot be opened: AttributeError"):
        await collect(small_study(), Odd(), log)


async def test_a_mistake_in_a_paradigm_stops_the_run_naming_the_trial(log: Path, tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"'task_choice' failed on trial \w+ \(t. / t.\): ValueError: nothing"
    ):
        await collect(_broken(small_study()), FakeModel(), log)

    @dataclass(frozen=True)
    class Misreads(TaskChoice):
        def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
            raise IndexError("list index out of range")

    study = small_study(paradigm=Misreads())
    with pytest.raises(StudyError, match="IndexError: list index out of range"):
        await collect(study, FakeModel(), tmp_path / "other.db")
    fixed = FakeModel()
    summary = await collect(small_study(), fixed, tmp_path / "other.db")
    assert summary.status.ended == {"chose_first": 12}
    assert len(fixed.asked) < 12


async def test_a_reply_to_another_text_is_not_played_back(log: Path) -> None:
    study = small_study(conditions={"commitment": ["does"]})

    def works_later(request: Request, number: int) -> Reply:
        if not request.options:
            raise ModelError("the key was refused")
        return always_first(request, number)

    with pytest.raises(ModelError):
        await collect(study, FakeModel(works_later, concurrency=1), log)
    with sqlite3.connect(log) as connection:
        connection.execute("UPDATE attempts SET hash = 'other' WHERE ok = 1")
    connection.close()
    with pytest.raises(LogError, match=r"trial \w+: ask 1 would now show another text"):
        await collect(study, FakeModel(), log)


async def test_a_study_whose_trials_changed_unseen_is_refused(log: Path) -> None:
    with pytest.raises(ModelError):
        await collect(small_study(), FakeModel(after(3, lambda: ModelError("gone"))), log)
    with sqlite3.connect(log) as connection:
        connection.execute("UPDATE trials SET id = 'x' || id WHERE number = 7")
    connection.close()
    with pytest.raises(LogError, match="shows other texts than the 12 trials it planned"):
        await collect(small_study(), FakeModel(), log)


async def test_rounds_follow_from_outcomes_and_a_stopped_run_takes_the_same_way(
    log: Path, tmp_path: Path
) -> None:
    study = small_study(7, paradigm=TaskChoice(SwissRounds(3)))
    whole = await collect(study, FakeModel(), tmp_path / "whole.db")
    assert query(tmp_path / "whole.db", "SELECT DISTINCT round FROM trials") == [(0,), (1,), (2,)]
    for answers in (2, 3, 4, 2):
        with pytest.raises(KeyRefusedError):
            await collect(study, FakeModel(after(answers, lambda: KeyRefusedError("gone"))), log)
    summary = await collect(study, FakeModel(), log)
    assert summary.status.ended == whole.status.ended
    trials = "SELECT id, round, items FROM trials ORDER BY number"
    assert query(log, trials) == query(tmp_path / "whole.db", trials)


async def test_two_runs_on_one_log_are_refused(log: Path) -> None:
    task = asyncio.create_task(collect(small_study(), model := HangingModel(2), log))
    await model.stuck.wait()
    with pytest.raises(LogError, match="another run is writing it"):
        await collect(small_study(), FakeModel(), log)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "text",
    [
        "\ud800 lone \udfff",
        "NUL \x00 and \x1b[31m",
        "日本語 \U0001f9ea",
        '{"choice": "A"}\n\\',
        "",
        "x" * 3_000_000,
    ],
)
async def test_whatever_a_model_returns_is_kept_as_it_came(log: Path, text: str) -> None:
    study = small_study(2, conditions={"commitment": ["does"]})

    def answer(request: Request, number: int) -> Reply:
        label = request.options[0].label if request.options else text
        return Reply(label, usage=Usage(1, 1), blocks=({"type": "text", "text": label},))

    await collect(study, FakeModel(answer), log)
    with open_to_read(log) as connection:  # which unpacks what was packed
        rows = connection.execute("SELECT reply FROM replies WHERE ask = 1").fetchall()
    assert [Reply.from_json(str(row[0])).text for row in rows] == [text, text]
    failing = small_study(2, name="other")

    def fail(request: Request, number: int) -> Reply:
        raise RequestError(f"bad: {text[:50]}")

    summary = await collect(failing, FakeModel(fail), log.with_name("other.db"))
    assert summary.status.ended == {"error": 2}


async def test_replies_under_way_to_the_disk_when_a_run_stops_are_kept(log: Path) -> None:
    with pytest.raises(ModelError):
        await collect(small_study(), FakeModel(after(2, lambda: ModelError("gone"))), log)
    stands = status(log)
    assert query(log, "SELECT count(*) FROM replies") == [(2,)]
    assert stands.attempts == 2 + stands.failed_attempts + stands.lost_attempts
    rest = FakeModel()
    await collect(small_study(), rest, log)
    assert len(rest.asked) == 10


async def test_an_outcome_is_what_the_paradigm_reads(log: Path) -> None:
    texts = ["A", "B", "I would rather not do either, I'm sorry, I can't help with that.", "a pie"]
    model = FakeModel(lambda request, number: Reply(texts[number % 4]), concurrency=1)
    summary = await collect(small_study(), model, log)
    assert sum(summary.status.ended.values()) == 12
    assert {Outcome.CHOSE_FIRST, Outcome.CHOSE_SECOND, Outcome.UNPARSED} <= set(summary.status.ended)
    assert summary.status.cost is None
    assert summary.cost is None


class Remembering(FakeModel):
    """A model that is quicker where a prompt begins like the one before."""

    async def capabilities(self) -> Capabilities:
        return replace(await super().capabilities(), quick_after_alike=True)


async def test_a_model_that_keeps_beginnings_is_asked_alike_trials_together_block_by_block(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BLOCK", 10)
    study = small_study(5, samples=2)
    plain, quick = FakeModel(concurrency=1), Remembering(concurrency=1)
    await collect(study, plain, log)
    await collect(study, quick, log.with_name("quick.db"))
    drawn, asked = ([each.shown_json() for each in model.asked] for model in (plain, quick))
    assert asked != drawn
    blocks = [drawn[at : at + 10] for at in range(0, 40, 10)]
    assert asked == [text for block in blocks for text in sorted(block)]
    assert list(read(log)["trial"]) == list(read(log.with_name("quick.db"))["trial"])
