from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bartleby.collectors.collector import collect
from bartleby.collectors.schema import VERSION
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record, transcripts
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError
from bartleby.exchange import Reply, Request
from tests.collectors.fakes import FakeModel, query, small_study

ROOT = Path(__file__).parents[2]


def one_line(error: LogError) -> str:
    assert "\n" not in str(error)
    return str(error)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can get at, which the test's own folders are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def in_a_child(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with the fakes at hand."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


async def test_missing_directories_are_made(tmp_path: Path) -> None:
    summary = await collect(small_study(), FakeModel(), tmp_path / "a" / "b" / "run.db")
    assert summary.status.finished


async def test_an_empty_file_becomes_a_log_but_has_nothing_to_read(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    log.touch()
    with pytest.raises(LogError, match="the file is empty; nothing was ever recorded in it"):
        read(log)
    assert (await collect(small_study(), FakeModel(), log)).status.finished


async def test_a_directory_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="this is a directory; name a file in it"):
        await collect(small_study(), FakeModel(), tmp_path)
    with pytest.raises(LogError, match="this is a directory"):
        status(tmp_path)


async def test_a_log_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LogError, match="cannot be written") as caught:
        await collect(small_study(), FakeModel(), tmp_path / "file" / "run.db")
    one_line(caught.value)


def test_a_directory_that_may_not_be_written_is_refused_in_one_line(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    script = """
        import asyncio, os, sys
        from bartleby.collectors.collector import collect
        from bartleby.errors import LogError
        from tests.collectors.fakes import FakeModel, small_study
        if os.geteuid() == 0:
            os.setuid(65534)
        for name in ("run.db", "deeper/run.db"):
            try:
                asyncio.run(collect(small_study(), FakeModel(), f"{sys.argv[1]}/{name}"))
            except LogError as error:
                print(error)
    """
    done = in_a_child(script, str(open_folder))
    open_folder.chmod(0o755)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    assert all(line.endswith("cannot be written: Permission denied") for line in lines)


def test_a_log_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    for reader in (read, status, study_record, lambda log: list(transcripts(log))):
        with pytest.raises(LogError, match=r"nowhere\.db: there is no such file"):
            reader(tmp_path / "nowhere.db")


@pytest.mark.parametrize("content", [b"first,second,outcome\nx,y,chose_first\n" * 50, b"\x00\xff" * 4000])
async def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "run.db"
    log.write_bytes(content)
    for _ in range(2):
        with pytest.raises(LogError, match="is corrupted or is no log of Bartleby"):
            await collect(small_study(), FakeModel(), log)
    with pytest.raises(LogError, match="is corrupted or is no log of Bartleby"):
        read(log)
    assert log.read_bytes() == content


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    with sqlite3.connect(log) as connection:
        connection.execute("CREATE TABLE places (url TEXT)")
    connection.close()
    with pytest.raises(LogError, match="was not written by Bartleby; name another file"):
        await collect(small_study(), FakeModel(), log)
    with pytest.raises(LogError, match="was not written by Bartleby"):
        status(log)


async def test_a_log_of_a_newer_layout_is_refused_naming_the_version(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(), log)
    with sqlite3.connect(log) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 6}")
    connection.close()
    with pytest.raises(
        LogError, match=rf"layout has version {VERSION + 6} and this Bartleby reads {VERSION}"
    ):
        await collect(small_study(), FakeModel(), log)
    with pytest.raises(LogError, match=f"version {VERSION + 6}"):
        read(log)


async def test_a_corrupted_log_is_told_in_one_line_and_not_written(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(12), FakeModel(), log)
    content = bytearray(log.read_bytes())
    content[16384:] = b"\x5a" * (len(content) - 16384)
    log.write_bytes(content)
    with pytest.raises(LogError, match="corrupted") as caught:
        await collect(small_study(12), FakeModel(), log)
    one_line(caught.value)
    with pytest.raises(LogError, match="corrupted") as caught:
        read(log)
    one_line(caught.value)
    log.write_bytes(log.read_bytes()[:20_000])
    with pytest.raises(LogError):
        status(log)


def test_a_full_disk_stops_the_run_and_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    script = """
        import asyncio, resource, sys
        from bartleby.collectors.collector import collect
        from bartleby.errors import LogError
        from bartleby.exchange import Reply
        from tests.collectors.fakes import FakeModel, small_study
        delivered = 0
        def answer(request, number):
            return Reply("A" + " " * 3000)
        limit = int(sys.argv[2])
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        model = FakeModel(answer, concurrency=8)
        try:
            summary = asyncio.run(collect(small_study(20), model, sys.argv[1]))
            print(len(model.asked), summary.status.finished)
        except LogError as error:
            print(len(model.asked), error)
            sys.exit(3)
    """
    log = tmp_path / "run.db"
    first = in_a_child(script, str(log), "600000")
    assert (first.returncode, first.stderr) == (3, "")
    asked, _, message = first.stdout.strip().partition(" ")
    assert "nothing that was answered before is lost; free space and run again" in message
    assert "\n" not in message
    kept = sqlite3.connect(f"file:{log}?mode=ro", uri=True)
    count = kept.execute("SELECT count(*) FROM replies").fetchone()[0]
    kept.close()
    assert int(asked) - 16 <= count <= int(asked)
    second = in_a_child(script, str(log), "0")
    assert second.returncode == 0, second.stderr
    assert second.stdout.split() == [str(380 - count), "True"]


def test_a_disk_without_space_is_called_full(tmp_path: Path) -> None:
    """A file system of its own needs rights that not everybody has."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1200k", "none", place], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        script = """
            import asyncio, sys
            from bartleby.collectors.collector import collect
            from bartleby.errors import LogError
            from bartleby.exchange import Reply
            from tests.collectors.fakes import FakeModel, small_study
            model = FakeModel(lambda *a: Reply("A" + " " * 3000))
            try:
                asyncio.run(collect(small_study(20), model, sys.argv[1]))
            except LogError as error:
                print(error)
        """
        done = in_a_child(script, str(place / "run.db"))
        assert "the disk is full; nothing that was answered before is lost" in done.stdout, done.stderr
        assert status(place / "run.db").planned == 380
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_log_can_be_read_where_nothing_can_be_written(open_folder: Path) -> None:
    log = open_folder / "run.db"
    asyncio.run(collect(small_study(), FakeModel(), log))
    before = log.read_bytes()
    assert len(read(log)) == 12
    assert [path.name for path in open_folder.iterdir() if path.suffix != ".lock"] == ["run.db"]
    assert log.read_bytes() == before
    open_folder.chmod(0o555)
    log.chmod(0o444)
    script = """
        import os, sys
        from bartleby.collectors.trial_table import read
        if os.geteuid() == 0:
            os.setuid(65534)
        print(len(read(sys.argv[1])))
    """
    done = in_a_child(script, str(log))
    open_folder.chmod(0o755)
    assert done.stdout.strip() == "12", done.stderr


def test_limits_of_this_process_are_as_they_were() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def move(log: Path) -> None:
    log.rename(log.with_name("elsewhere.db"))


def replace_by_another(log: Path) -> None:
    other = log.with_name("other.db")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    other.replace(log)


def write_over(log: Path) -> None:
    with log.open("r+b") as file:
        file.write(b"\x00" * 100_000)


CHANGES = [Path.unlink, move, replace_by_another]


class Waiting(FakeModel):
    """Changes the file of the log once so many were asked; what is asked then is never answered."""

    def __init__(self, change: Callable[[], object], after: int) -> None:
        super().__init__(concurrency=1)
        self._change, self._after = change, after

    async def answer(self, request: Request) -> Reply:
        if len(self.asked) == self._after:
            self._change()
        if len(self.asked) >= self._after:
            self.asked.append(request)
            await asyncio.sleep(600)
        return await super().answer(request)


@pytest.mark.parametrize("change", [*CHANGES, write_over])
async def test_a_log_that_becomes_another_file_ends_the_run_at_once_although_it_only_waits(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    log = tmp_path / "run.db"
    model = Waiting(lambda: change(log), after=7)
    with pytest.raises(LogError, match="while it was being written") as caught:
        await asyncio.wait_for(collect(small_study(), model, log), 20)
    one_line(caught.value)
    assert len(model.asked) == 8


@pytest.mark.parametrize("change", CHANGES)
async def test_what_was_answered_before_a_log_became_another_file_is_kept_and_never_asked_again(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    log = tmp_path / "run.db"
    with pytest.raises(LogError, match=r"run\.kept1\.db; resume it with that"):
        await asyncio.wait_for(collect(small_study(), Waiting(lambda: change(log), after=7), log), 20)
    kept, model = tmp_path / "run.kept1.db", FakeModel()
    count = query(kept, "SELECT count(*) FROM replies")[0][0]
    assert (await collect(small_study(), model, kept)).status.finished
    assert (count, len(model.asked)) == (7, 12 - 7)


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("lock_is_deleted", [False, True])
async def test_a_second_run_is_refused_by_whatever_name_it_knows_the_log(
    tmp_path: Path, link: Callable[[Path, Path], None], lock_is_deleted: bool
) -> None:
    log, other = tmp_path / "run.db", tmp_path / "deeper" / "other.db"
    other.parent.mkdir()
    refused: list[str] = []

    def second() -> None:
        link(log, other)
        if lock_is_deleted:
            log.with_name("run.db.lock").unlink()
        script = """
            import asyncio, sys
            from bartleby.collectors.collector import collect
            from bartleby.errors import LogError
            from tests.collectors.fakes import FakeModel, small_study
            model = FakeModel()
            try:
                asyncio.run(collect(small_study(), model, sys.argv[1]))
            except LogError as error:
                print(len(model.asked), error)
        """
        refused.extend(in_a_child(script, str(name)).stdout for name in (other, log))
        if link is os.link:
            other.unlink()

    def answer(request: Request, number: int) -> Reply:
        if number == 5:
            second()
        return Reply("A")

    assert (await collect(small_study(), FakeModel(answer), log)).status.finished
    assert [text.split()[0] for text in refused] == ["0", "0"]
    assert all("another run is writing it" in text or "2 names (hard links)" in text for text in refused)


async def test_a_log_with_two_names_is_not_written(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(), log)
    os.link(log, tmp_path / "second.db")
    with pytest.raises(LogError, match="the file has 2 names"):
        await collect(small_study(), FakeModel(), log)
    assert len(read(log)) == 12


@pytest.mark.parametrize("name", ["run.csv", "run", "run.db.txt", ".db"])
async def test_the_name_of_a_log_ends_in_db(tmp_path: Path, name: str) -> None:
    with pytest.raises(LogError, match=r"the name of a log ends in \.db"):
        await collect(small_study(), FakeModel(), tmp_path / name)
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - it waits for nothing


async def test_a_file_without_records_names_the_one_beside_it_that_may_have_them(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    log.touch()
    with pytest.raises(LogError, match=r"is in run\.db-wal until the run ends"):
        status(log)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW {name} AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT * FROM n",
        "CREATE TABLE {name} (number INTEGER, ok AS (hex(zeroblob(900000000))))",
        "CREATE VIRTUAL TABLE {name} USING fts5(number)",
    ],
)
@pytest.mark.parametrize("name", ["meta", "sessions", "trials", "outcomes", "attempts"])
async def test_our_tables_are_tables_and_nothing_of_a_stranger_runs(
    tmp_path: Path, statement: str, name: str
) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(), log)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute(f"DROP TABLE {name}")
        connection.execute(statement.format(name=name))
        connection.commit()
    for read_it in (status, read, study_record, lambda path: list(transcripts(path))):
        with pytest.raises(LogError, match=r"other tables, views|tables of another layout"):
            read_it(log)
    with pytest.raises(LogError, match=r"other tables, views|tables of another layout"):
        await collect(small_study(), FakeModel(), log)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE attempts DROP COLUMN aversive", "there are tables of another layout: table 'attempts'"),
        ("DROP TABLE packs", "there are tables that it lacks: table 'packs'"),
        ("CREATE TABLE more (x)", "there are other tables, views or triggers in it: table 'more'"),
    ],
)
async def test_a_log_of_another_layout_says_what_is_other_in_it(
    tmp_path: Path, statement: str, said: str
) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(), log)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(LogError, match=rf"not the layout that .* writes; {said}\. Use"):
        status(log)


async def test_a_trigger_is_refused_and_does_not_run(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(), log)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM replies; END")
    with pytest.raises(LogError, match="trigger 't'"):
        await collect(small_study(), FakeModel(), log)
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute("SELECT count(*) FROM replies").fetchone() == (12,)
