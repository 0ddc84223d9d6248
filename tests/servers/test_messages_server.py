from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.servers.ledger import Ledger
from tests.servers.messages_server import KEY, MessagesServer
from tests.servers.prompt_cache import PromptCache, Used

BODY = {
    "model": "claude-test-1",
    "max_tokens": 8,
    "messages": [{"role": "user", "content": "Answer with A or B only."}],
}


def post(address: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310
        f"{address}/v1/messages", json.dumps(body).encode(), {"authorization": f"Bearer {KEY}"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        told: dict[str, object] = json.load(response)
    return told


def test_it_runs_as_a_process_and_its_ledger_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-m", "tests.servers.messages_server", "--ledger", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            first, second = post(address, BODY), post(address, BODY)
        finally:
            process.kill()
    ledger = Ledger.read(path)
    assert first["content"] == second["content"]
    assert (ledger.count("asked"), ledger.count("billed"), ledger.count("delivered")) == (2, 2, 2)
    assert list(ledger.bodies("delivered").values()) == [2]
    assert ledger.lost() == []


def test_a_torn_last_line_of_a_ledger_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).write("billed", "abc", 1)
    with path.open("a") as file:
        file.write('{"event": "deliv')
    assert [entry.event for entry in Ledger.read(path).lost()] == ["billed"]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault"):
        MessagesServer(faults={"gremlins": 0.5})


def test_a_mark_on_the_whole_body_is_one_on_its_last_piece() -> None:
    words = {"role": "user", "content": "All work and no play. " * 300}
    cache, body = PromptCache(), {"messages": [words], "cache_control": {"type": "ephemeral"}}
    first = cache.use(body, 0.0)
    assert (first.found, first.written) == (0, first.shown)
    assert cache.use(body, 1.0).found == 0  # not before the answer to the first has begun
    cache.keep(first, 1.0)
    assert cache.use(body, 2.0).found == first.shown
    assert cache.use(body, 302.0).found == 0
    assert cache.use({"messages": [words]}, 2.0) == Used(first.shown)
