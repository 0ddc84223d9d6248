from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bartleby.collectors.blocking import Interrupted, run_in_thread
from bartleby.collectors.status import status

ROOT = Path(__file__).parents[2]

RUN = """
import signal
import sys
# Whoever started the tests in the background may have had Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
from bartleby.collectors.blocking import Interrupted, run_in_thread
from bartleby.collectors.collector import collect
from tests.collectors.fakes import HangingModel, small_study
try:
    run_in_thread(collect(small_study(), HangingModel(5), sys.argv[1]))
except Interrupted as error:
    print(error)
    sys.exit(130)
"""
IN_A_LOOP = RUN.replace("try:\n    run_in", "import asyncio\nasync def cell():\n    run_in").replace(
    "except", "try:\n    asyncio.run(cell())\nexcept"
)


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def fail() -> None:
    raise ValueError("no")


def test_a_coroutine_runs_without_an_event_loop() -> None:
    assert run_in_thread(double(4)) == 8
    with pytest.raises(ValueError, match="no"):
        run_in_thread(fail())


async def test_a_coroutine_runs_beside_an_event_loop() -> None:
    assert run_in_thread(double(4)) == 8
    with pytest.raises(ValueError, match="no"):
        run_in_thread(fail())


async def test_what_was_cancelled_is_interrupted() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError("run it again")

    with pytest.raises(Interrupted, match="run it again"):
        run_in_thread(cancelled())


@pytest.mark.parametrize("script", [RUN, IN_A_LOOP])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_cleanly_and_says_how_to_go_on(tmp_path: Path, script: str, number: int) -> None:
    if script is IN_A_LOOP and number == signal.SIGTERM:
        pytest.skip("a notebook's kernel decides what SIGTERM does")
    log = tmp_path / "run.db"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(log)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        time.sleep(0.05)
        if log.exists() and log.stat().st_size and _ended(log) == 5:
            break
    os.kill(child.pid, number)
    try:
        told, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    assert (child.returncode, errors) == (130, "")
    assert "stopped: 5 of 12 trials have ended; nothing that was answered is lost. Run it again" in told
    stands = status(log)
    assert (stands.planned, stands.ended, stands.lost_attempts) == (12, {"chose_first": 5}, 4)


def _ended(log: Path) -> int:
    from bartleby.errors import LogError

    try:
        return sum(status(log).ended.values())
    except LogError:
        return 0


STUCK = """
import signal
import sys
import time
signal.signal(signal.SIGINT, signal.default_int_handler)
from bartleby.cli import main
from bartleby.collectors import models
from tests.collectors.fakes import HangingModel

class Stuck(HangingModel):
    async def __aexit__(self, *_):
        time.sleep(600)  # what hangs when it is cancelled

models.open_model = lambda name: Stuck(5)
sys.exit(main(["run", sys.argv[1], "--model", "fake/one", "--log", sys.argv[2]]))
"""
STUDY = "from tests.collectors.fakes import small_study\nstudy = small_study()\n"


@pytest.mark.parametrize("seed", range(4))
def test_two_ctrl_c_at_any_moment_end_a_run_at_once_and_say_how_to_resume(tmp_path: Path, seed: int) -> None:
    study, log = tmp_path / "study.py", tmp_path / "run.db"
    study.write_text(STUDY)
    child = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(study), str(log)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    draws = random.Random(seed)  # noqa: S311
    while not log.exists() and child.poll() is None:
        time.sleep(0.01)
    time.sleep(draws.uniform(0, 0.5))
    os.kill(child.pid, signal.SIGINT)
    time.sleep(draws.uniform(0.1, 0.5))
    second = time.perf_counter()
    os.kill(child.pid, signal.SIGINT)
    try:
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130
    assert "resume" in errors
    assert "Traceback" not in errors
    assert time.perf_counter() - second < 2 + 10 * (os.getloadavg()[0] > 2)
    assert sum(status(log).ended.values()) <= 12
