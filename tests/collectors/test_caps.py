"""Caps of a whole study: once one is reached nothing more is asked, and what it cut off is abandoned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bartleby.collectors.caps import CapCount, CapReached, Totals
from bartleby.collectors.collector import collect
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record
from bartleby.collectors.trial_table import read
from bartleby.exchange import Message, Reply, Request, Usage
from bartleby.studies.caps import Caps
from tests.collectors.fakes import FakeModel, query, small_study
from tests.collectors.talks import LEAVE, talks


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def model(concurrency: int = 4) -> FakeModel:
    return FakeModel(lambda request, number: Reply("Well.", usage=Usage(10, 5)), concurrency=concurrency)


async def test_no_more_turns_than_the_cap_are_asked_and_what_is_cut_off_is_abandoned(log: Path) -> None:
    study = talks(6, user="scripted", caps=Caps(turns=7))
    subject = model()
    summary = await collect(study, subject, log)
    assert len(subject.asked) == 7
    ended = dict(summary.status.ended)
    assert sum(ended.values()) == 4
    assert set(ended) <= {"completed", "abandoned"}
    assert ended["abandoned"] >= 2
    why = "the study's cap of 7 turns is reached"
    assert summary.stopped == why
    assert str(summary).endswith(f"stopped: {why}")
    assert query(log, "SELECT DISTINCT message FROM outcomes WHERE outcome = 'abandoned'") == [(why,)]
    assert f"stopped: {why}" in str(status(log))
    assert [session["ending"] for session in study_record(log)["sessions"]] == ["capped"]


async def test_what_was_asked_in_earlier_sessions_counts(log: Path) -> None:
    study = talks(6, user="scripted", caps=Caps(turns=7))
    await collect(study, model(), log)
    again = model()
    summary = await collect(study, again, log)
    assert (again.asked, summary.trials, summary.stopped) == ([], 0, "the study's cap of 7 turns is reached")


async def test_a_raised_cap_lets_the_same_log_go_on(log: Path) -> None:
    study = talks(6, user="scripted", caps=Caps(turns=7))
    first = await collect(study, model(), log)
    raised = replace(study, caps=Caps(turns=100))
    summary = await collect(raised, model(), log)
    cut = first.status.ended["abandoned"]
    assert summary.status.ended == {"completed": 6 - cut, "abandoned": cut}
    assert summary.stopped is None
    assert summary.status.finished
    whole = await collect(raised, model(), log, retry_errors=True)
    assert whole.status.ended == {"completed": 6}
    assert query(log, "SELECT count(*) FROM replies") == [(18,)]


async def test_tokens_of_subject_and_user_count_together(log: Path) -> None:
    study = talks(3, caps=Caps(tokens=60))
    summary = await collect(study, model(1), log, user=model(1), concurrency=1)
    assert summary.stopped == "the study's cap of 60 tokens is reached"
    assert (summary.replies, summary.status.ended) == (4, {"abandoned": 1})


async def test_only_aversive_asks_count_to_the_cap_of_aversive_turns(log: Path, tmp_path: Path) -> None:
    caps = Caps(aversive_turns=4)
    harmless = await collect(talks(4, user="scripted", caps=caps), model(), tmp_path / "other.db")
    assert harmless.stopped is None
    study = talks(4, user="scripted", caps=caps, harm="mild")
    summary = await collect(study, model(1), log, concurrency=1)
    assert (summary.replies, summary.stopped) == (4, "the study's cap of 4 aversive turns is reached")
    assert summary.status.ended == {"completed": 1, "abandoned": 1}
    assert (await collect(study, model(), log)).replies == 0


async def test_a_cap_that_is_just_enough_stops_nothing(log: Path) -> None:
    summary = await collect(talks(2, user="scripted", caps=Caps(turns=6)), model(), log)
    assert (summary.stopped, summary.status.finished) == (None, True)


async def test_an_exit_that_was_taken_stands_when_the_question_why_is_cut_off(log: Path) -> None:
    leaving = FakeModel(lambda request, number: Reply(LEAVE, usage=Usage(1, 1)), concurrency=1)
    summary = await collect(talks(2, user="scripted", caps=Caps(turns=1)), leaving, log)
    assert summary.status.ended == {"opted_out": 1}
    assert read(log)["turn"].tolist() == [1]
    assert read(log, talks(2, user="scripted"))["outcome"].tolist() == ["opted_out"]


async def test_a_trial_that_had_no_reply_yet_was_not_begun(log: Path) -> None:
    summary = await collect(replace(small_study(), caps=Caps(turns=5)), FakeModel(), log)
    assert (summary.status.ended, summary.stopped is not None) == ({"chose_first": 5}, True)
    assert "run it again" not in str(summary.status)


def test_an_ask_that_got_no_reply_is_given_back() -> None:
    count = CapCount(Caps(turns=2), Totals(turns=1))
    request = Request((Message("user", "?"),))
    count.take(request)
    count.give_back(request.aversive)
    count.take(request)
    with pytest.raises(CapReached, match="cap of 2 turns"):
        count.take(request)
