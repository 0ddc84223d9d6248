"""Logs that disks, other programs or strangers have damaged: what is wrong is found, said and repaired."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bartleby.cli.main import main
from bartleby.collectors.checking import LogCheck, check_log
from bartleby.collectors.collector import collect
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record, transcripts
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError
from bartleby.exchange import Reply, Request, Usage
from tests.collectors.fakes import FakeModel, query, small_study


def answer(request: Request, number: int) -> Reply:
    """Answer with long replies, which are packed, and tokens that tell them apart."""
    return Reply(request.options[0].label, stop_detail="x" * 300, usage=Usage(10 + number, 2), model="one")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "run.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bartleby.collectors.packing.SIZE", 2000)
        asyncio.run(collect(small_study(), FakeModel(answer), path))
    assert query(path, "SELECT count(*) FROM packs")[0][0] == 2
    return path


@pytest.fixture
def log(written: Path, tmp_path: Path) -> Path:
    """A whole log of twelve trials, with two packs."""
    return Path(shutil.copy(written, tmp_path / "run.db"))


def damage(log: Path, *statements: str) -> None:
    with closing(sqlite3.connect(log)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


REPAIRABLE = {
    "a reply is gone": ("DELETE FROM replies WHERE attempt = 12", "answered and have no reply", 1),
    "a reply is no JSON": ("UPDATE replies SET reply = '{' WHERE attempt = 12", "cannot be read", 1),
    "a reply is a number": ("UPDATE replies SET reply = '7' WHERE attempt = 12", "cannot be read", 1),
    "a reply is deep": (
        "UPDATE replies SET reply = replace(hex(zeroblob(9000)), '00', '[') WHERE attempt = 12",
        "cannot be read",
        1,
    ),
    "a pack is gone": ("DELETE FROM packs WHERE number = 1", "cannot be read", 5),
    "a pack is another": ("UPDATE packs SET packed = x'00' WHERE number = 1", "cannot be read", 5),
    "a line is beyond its pack": (
        "UPDATE replies SET reply = '1:999' WHERE attempt = 12",
        "cannot be read",
        1,
    ),
    "an attempt is gone": ("DELETE FROM attempts WHERE number = 12", "belong to no attempt", 1),
    "a reply is at another question": (
        "UPDATE replies SET ask = 7 WHERE attempt = 12",
        "another question",
        1,
    ),
    "an attempt is not booked": ("UPDATE attempts SET ok = NULL WHERE number = 3", "does not say", 0),
    "tokens are negative": ("UPDATE attempts SET input_tokens = -5 WHERE number = 3", "impossible counts", 0),
    "tokens are text": (
        "UPDATE attempts SET output_tokens = 'many' WHERE number = 3",
        "impossible counts",
        0,
    ),
    "tokens are others": ("UPDATE attempts SET output_tokens = 900 WHERE number = 3", "other tokens", 0),
    "seconds are negative": ("UPDATE attempts SET seconds = -1e300 WHERE number = 3", "impossible counts", 0),
    "an outcome is no word of ours": (
        "UPDATE outcomes SET outcome = 'won' WHERE trial = 3",
        "outcomes that",
        0,
    ),
    "columns are no JSON": ("UPDATE outcomes SET columns = '[' WHERE trial = 3", "outcomes that cannot", 0),
    "a turn is text": ("UPDATE outcomes SET turn = 'x' WHERE trial = 3", "outcomes that cannot be read", 0),
    "an outcome is of no trial": (
        "INSERT INTO outcomes (trial, outcome, asks, ended) VALUES (99, 'completed', 0, 1)",
        "trials that are not planned",
        0,
    ),
}
"""Statement that does it, what is said, and how many replies have to be asked again."""
LASTING = {
    "a request is gone": ("DELETE FROM bodies WHERE number = 3", "whose request is not there"),
    "a request is no JSON": ("UPDATE bodies SET body = '' WHERE number = 3", "bodies that cannot be read"),
    "conditions are gone": ("DELETE FROM cells", "whose conditions are not there"),
    "the study is gone": ("DELETE FROM meta WHERE key = 'study'", "the study or the model missing"),
    "the study is another thing": (
        "UPDATE meta SET value = '[]' WHERE key = 'study'",
        "missing or unreadable",
    ),
    "items are no JSON": (
        "UPDATE items SET attributes = x'ff' WHERE number = 1",
        "items that cannot be read",
    ),
}


def test_nothing_is_wrong_with_what_a_run_wrote(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = log.read_bytes()
    found = check_log(log)
    assert (found.faults, dict(found.counts)) == (
        (),
        {"trials": 12, "attempts": 12, "replies": 12, "outcomes": 12},
    )
    assert main(["check", str(log)]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert main(["check", str(log.parent), "--repair"]) == 0
    assert log.read_bytes() == before


@pytest.mark.parametrize("name", REPAIRABLE)
async def test_a_fault_is_named_and_repaired_and_only_what_is_missing_is_asked_again(
    log: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement, said, again = REPAIRABLE[name]
    whole = read(log)
    damage(log, statement)
    assert any(said in str(fault) and fault.repair for fault in check_log(log).faults)
    assert main(["check", str(log)]) == 1
    assert f"bartleby check {log} --repair" in capsys.readouterr().out
    assert main(["check", str(log), "--repair"]) == 0
    assert "run.before-repair1.db" in capsys.readouterr().out
    assert check_log(log).faults == ()
    model = FakeModel(answer)
    assert (await collect(small_study(), model, log)).status.finished
    assert len(model.asked) == again
    columns = ["trial", "outcome", "first", "second"]
    assert read(log)[columns].equals(whole[columns])
    assert check_log(log).faults == ()


@pytest.mark.parametrize("name", LASTING)
def test_what_cannot_be_repaired_is_said_with_what_to_do_and_left_as_it_is(log: Path, name: str) -> None:
    statement, said = LASTING[name]
    damage(log, statement)
    found = check_log(log, repair=True)
    assert isinstance(found, LogCheck)
    assert any(said in str(fault) and "cannot be repaired: " in str(fault) for fault in found.faults)
    assert found.copy is None
    assert main(["check", str(log)]) == 1


@pytest.mark.parametrize("name", [*REPAIRABLE, *LASTING])
@pytest.mark.parametrize("reader", [read, status, study_record, lambda log: list(transcripts(log))])
def test_no_reader_fails_in_any_other_way_than_by_saying_that_the_log_is_damaged(
    log: Path, name: str, reader: Callable[[Path], object]
) -> None:
    damage(log, (REPAIRABLE.get(name) or LASTING[name])[0])
    try:
        reader(log)
    except LogError as error:
        assert str(log) in str(error)
        assert "\n" not in str(error)


def test_a_log_that_is_written_is_not_repaired_and_can_be_checked(log: Path) -> None:
    from bartleby.storage import Held

    damage(log, REPAIRABLE["a turn is text"][0])
    held = Held(log)
    try:
        assert len(check_log(log).faults) == 1
        with pytest.raises(LogError, match="another run is writing it"):
            check_log(log, repair=True)
    finally:
        held.release()


def test_damaged_pages_are_named_with_how_to_copy_what_is_left(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[5 * 16384 : 7 * 16384] = b"\x5a" * (2 * 16384)
    log.write_bytes(content)
    try:
        assert any("sqlite3 run.db .recover" in str(fault) for fault in check_log(log).faults)
    except LogError as error:
        assert "corrupted" in str(error)
    assert main(["check", str(log)]) == 1


def test_one_damaged_log_of_a_folder_does_not_hide_the_others(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(log, log.with_name("b.db"))
    log.with_name("a.db").write_bytes(b"nothing of ours")
    damage(log, REPAIRABLE["a turn is text"][0])
    assert main(["check", str(log.parent)]) == 1
    output = capsys.readouterr()
    assert ("a.db" in output.err, "b.db: 12 trials" in output.out, "1 outcomes that" in output.out) == (
        True,
    ) * 3


def test_studies_are_checked_as_before_and_options_of_the_one_are_refused_for_the_other(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "task_preferences"]) == 0
    assert main(["check", "task_preferences", "--repair"]) == 1
    assert "is no log" in capsys.readouterr().err
    assert main(["check", str(log), "--model", "sim/averse"]) == 1
    assert "is a log; only a study can be checked for a model" in capsys.readouterr().err
