"""The key reaches nothing that is written: log, tables, pages, errors, output. Searched for, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bartleby.cli import main
from bartleby.collectors import retry
from bartleby.verbs.logs import export, read, status
from bartleby.verbs.reporting import report
from bartleby.verbs.running import run, run_battery
from tests.collectors.fakes import small_study
from tests.servers.messages_server import KEY, MessagesServer, serve

MODEL = "anthropic/claude-test-1"


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    """A Messages API that is reached with the key, after some faults."""
    pytest.importorskip("anthropic")
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    faults = ["ok", "server", "drop_after", "not_json", "bad_request", "rate_limit", "truncated"]
    with serve(MessagesServer(script=faults, retry_after="0")) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield server


def told(folder: Path, *said: object) -> bytes:
    """Return all that was written into a folder, and said."""
    files = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return files + "\n".join(map(str, said)).encode()


def test_the_key_is_in_nothing_that_a_run_writes(
    tmp_path: Path, messages: MessagesServer, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run.db"
    summary = run(small_study(5), MODEL, log=log, progress=True)
    assert {"error", "chose_first"} <= set(summary.status.ended)
    assert summary.failures >= 5
    export(log, tmp_path / "trials.csv")
    report(log, tmp_path / "report")
    run_battery([small_study(name="other")], [MODEL], logs=tmp_path / "runs", told=print)
    said = capsys.readouterr()
    written = told(tmp_path, summary, status(log), read(log).to_json(), said.out, said.err)
    assert messages.address.encode() in written  # what is known of the server is there
    assert KEY.encode() not in written
    assert KEY.removeprefix("sk-ant-").encode() not in written


def test_a_key_that_is_refused_is_not_told(
    tmp_path: Path,
    messages: MessagesServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = "a-key-without-any-usual-form"
    monkeypatch.setenv("ANTHROPIC_API_KEY", wrong)
    study = tmp_path / "study.py"
    study.write_text("from tests.collectors.fakes import small_study\nstudy = small_study()\n")
    code = main(["run", str(study), "--model", MODEL, "--logs", str(tmp_path / "runs")])
    assert code == 1
    code = main(["run", str(study), "--model", MODEL, "--log", str(tmp_path / "run.db")])
    said = capsys.readouterr()
    assert (code, "the key was refused" in said.err, "the key was refused" in said.out) == (1, True, True)
    assert wrong.encode() not in told(tmp_path, said.out, said.err)
