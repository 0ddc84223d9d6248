"""How time, memory and room grow with trials, turns, rows and replies: `python -m benchmarks.growth`.

Each step runs in a process of its own at several sizes, and prints its CPU seconds (imports included), its
peak memory, the size of the file, and the exponent of its time between the two largest sizes: 1 is linear.

- `log`: trials in a log on the simulated model: run, start again when all is asked, status, read, export;
- `talks`: conversations of 30 turns: run, the turn table, and what was said;
- `table`: rows of a table from the command line: Parquet, a folder of Parquet, CSV, JSONL;
- `records`: replies of 2.7 kB, all different, on the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.collector_clients import peak_mb

ROOT = Path(__file__).parents[1]
ITEMS = 50
TURNS = 30
REPLY_BYTES = 2_700
PIECE = 100_000
"""Rows that are made at once, so that making a file takes less memory than reading it."""


@dataclass(frozen=True)
class Step:
    """Something that is measured.

    Parameters
    ----------
    about
        What it is, in a row of the table.
    run
        Does it, given the size and a folder of files that steps before it left there.
    file
        The file whose size is told, given the size; empty for none.
    """

    about: str
    run: Callable[[int, Path], object]
    file: str = ""


def choices(size: int) -> Any:  # noqa: ANN401 - a study, imported late
    """Return a study of about so many trials."""
    import bartleby as bb

    items = [bb.Task(f"t{at}", f"Write a short text about the number {at}.") for at in range(ITEMS)]
    samples = max(1, round(size / (ITEMS * (ITEMS - 1))))
    return bb.Study("growth", items, bb.TaskChoice(), {"channel": ["text"]}, samples=samples)


def talks(size: int) -> Any:  # noqa: ANN401 - a study, imported late
    """Return a study of so many conversations, none of which is left."""
    import bartleby as bb

    lines = tuple(f"Go on with part {turn}, please, as before." for turn in range(2, TURNS + 1))
    items = [
        bb.Scenario(f"s{at}", f"Write part 1 of a report on the number {at}.", lines, scenario_class="help")
        for at in range(50)
    ]
    paradigm = bb.EndConversation(max_turns=TURNS)
    return bb.Study("talks", items, paradigm, {"exit_channel": ["tool"]}, samples=max(1, size // 50))


def log_of(size: int, folder: Path) -> Path:
    """Return the log of trials."""
    return folder / f"trials_{size}.db"


def talks_of(size: int, folder: Path) -> Path:
    """Return the log of conversations."""
    return folder / f"talks_{size}.db"


def run(size: int, folder: Path) -> None:
    """Run the study, or start it again."""
    import bartleby as bb

    bb.run(choices(size), "sim/averse", log=log_of(size, folder), progress=False)


def run_talks(size: int, folder: Path) -> None:
    """Hold the conversations."""
    import bartleby as bb

    model = "sim/averse?leave=0&leave_neutral=0&decline=0&decline_neutral=0"
    bb.run(talks(size), model, log=talks_of(size, folder), progress=False)


def say(log: Path) -> None:
    """Go through all that was said, in chunks."""
    from bartleby.collectors.turn_texts import stream_turns

    for _ in stream_turns(log):
        pass


def with_bartleby(call: Callable[[Any, int, Path], object]) -> Callable[[int, Path], object]:
    """Return a step that calls a function of the package."""

    def step(size: int, folder: Path) -> object:
        import bartleby as bb

        return call(bb, size, folder)

    return step


def rows(size: int) -> Iterator[Any]:
    """Yield a table of choices in pieces: 30 items, 20 prompts, an id and a reply a row."""
    import numpy as np
    import pandas as pd

    worth = np.random.default_rng(1).normal(0, 1, 30)
    for start in range(0, size, PIECE):
        rng = np.random.default_rng([2, start])
        number = np.arange(start, min(start + PIECE, size))
        first = rng.integers(0, 30, len(number))
        second = (first + rng.integers(1, 30, len(number))) % 30
        won = rng.random(len(number)) < 1 / (1 + np.exp(worth[second] - worth[first] - 0.2))
        left = rng.random(len(number)) < 0.02
        yield pd.DataFrame({
            "trial": [f"{at:016x}" for at in number],
            "model": "some/model",
            "first": np.array([f"item_{at:03d}" for at in range(30)])[first],
            "second": np.array([f"item_{at:03d}" for at in range(30)])[second],
            "outcome": np.where(won, "chose_first", "chose_second"),
            "prompt": np.array([f"p{at}" for at in range(20)])[rng.integers(0, 20, len(number))],
            "left": left.astype(int),
            "effort": rng.integers(0, 4, len(number)),
            "seconds": rng.gamma(2.0, 1.0, len(number)).round(3),
            "reply": [f"I would choose this one, because of reason {at % 9973}." for at in number],
        })  # fmt: skip


def table_of(size: int, folder: Path, kind: str) -> Path:
    """Return the file of a table, or the folder of its pieces; make it if it is not there."""
    path = folder / (f"table_{size}.{kind}" if kind != "folder" else f"table_{size}")
    if not path.exists():
        command = [sys.executable, "-m", "benchmarks.growth", "--make", kind, "--size", str(size)]
        subprocess.run([*command, "--folder", str(folder)], check=True, cwd=ROOT)
    return path


def make_table(size: int, folder: Path, kind: str) -> None:
    """Write a table of so many rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bartleby.analysis.tables.written import write_tables

    if kind == "parquet":
        pieces = (pa.Table.from_pandas(piece, preserve_index=False) for piece in rows(size))
        first = next(pieces)
        with pq.ParquetWriter(folder / f"table_{size}.parquet", first.schema) as writer:
            for piece in (first, *pieces):
                writer.write_table(piece, row_group_size=1_000_000)
    elif kind == "folder":
        (folder / f"table_{size}").mkdir()
        for at, piece in enumerate(rows(size)):
            piece.to_parquet(folder / f"table_{size}" / f"part_{at:04d}.parquet", index=False)
    else:
        write_tables(rows(size), folder / f"table_{size}.{kind}")


def estimate(kind: str, *options: str) -> Callable[[int, Path], object]:
    """Return a step that runs an estimator of the command line on a table."""

    def step(size: int, folder: Path) -> object:
        from bartleby.cli import main

        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = main(["estimate", options[0], str(folder / path_name(size, kind)), *options[1:], "--json"])
        if code:
            raise SystemExit(f"estimate {options[0]} on {kind}: exit code {code}")
        return printed

    return step


def path_name(size: int, kind: str) -> str:
    """Return the name of a table's file."""
    return f"table_{size}" if kind == "folder" else f"table_{size}.{kind}"


def words() -> list[str]:
    """Return the words of prose that is at hand: the documents of this repository, in their order."""
    texts = [
        path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("**/*.md")) if ".venv" not in path.parts
    ]
    return re.findall(r"[\w'’-]+[.,;:!?]?", "\n".join(texts))


def prose(rng: random.Random, following: dict[str, list[str]], start: list[str]) -> str:
    """Return a text of about `REPLY_BYTES`: each word is one that follows the one before in prose."""
    word, told, length = rng.choice(start), [], 0
    while length < REPLY_BYTES:
        told.append(word)
        length += len(word) + 1
        # Some words come from anywhere, as a text of somebody else has words that these documents lack.
        word = rng.choice(following[word]) if word in following and rng.random() < 0.8 else rng.choice(start)
    return " ".join(told)


def records(size: int, folder: Path) -> None:
    """Write so many full records: a trial with a text of its own, an attempt, a reply, an outcome."""
    import bartleby as bb
    from bartleby.collectors.models.base import Capabilities
    from bartleby.exchange import Reply, Request, Usage

    known = words()
    following: dict[str, list[str]] = {}
    for one, other in pairwise(known):
        following.setdefault(one, []).append(other)

    class Prose:
        name = "prose"

        async def __aenter__(self) -> Prose:
            return self

        async def __aexit__(self, *_: object) -> None:
            return None

        async def capabilities(self) -> Capabilities:
            return Capabilities(("text",), concurrency=64)

        async def answer(self, request: Request) -> Reply:
            await asyncio.sleep(0)
            text = prose(random.Random(f"{request.identity()}{request.seed}"), following, known)  # noqa: S311
            return Reply(
                text, usage=Usage(120, 600), model="prose", request_id="req_011CTx8r5fyTqj3Qk4vXW2pZ"
            )

    items = [bb.Task(f"t{at}", f"Write a short text about the number {at}.") for at in range(100)]
    paradigm = bb.OptOut()
    study = bb.Study("records", items, paradigm, samples=max(1, size // 100))
    bb.run(study, Prose(), log=folder / f"records_{size}.db", progress=False)


STEPS: dict[str, dict[str, Step]] = {
    "log": {
        "run": Step("run on `sim/averse`", run, "trials_{size}.db"),
        "again": Step("start again, nothing left to ask", run),
        "status": Step("`status`", with_bartleby(lambda bb, size, at: bb.status(log_of(size, at)))),
        "read": Step("`read`", with_bartleby(lambda bb, size, at: bb.read(log_of(size, at)))),
        "export": Step(
            "`export` to Parquet",
            with_bartleby(lambda bb, size, at: bb.export(log_of(size, at), at / f"trials_{size}.parquet")),
            "trials_{size}.parquet",
        ),
        "csv": Step(
            "`export` to CSV",
            with_bartleby(lambda bb, size, at: bb.export(log_of(size, at), at / f"trials_{size}.csv")),
            "trials_{size}.csv",
        ),
    },
    "talks": {
        "talks": Step("run on `sim/averse`", run_talks, "talks_{size}.db"),
        "turns": Step(
            "`read`, a row a turn",
            with_bartleby(lambda bb, size, at: bb.read(talks_of(size, at), unit="turn")),
        ),
        "said": Step("all that was said", lambda size, at: say(talks_of(size, at))),
    },
    "table": {
        f"{estimator} {kind}": Step(f"`estimate {' '.join(options)}`, {name}", estimate(kind, *options), kind)
        for kind, name in (
            ("parquet", "Parquet"), ("folder", "a folder of Parquet"), ("csv", "CSV"), ("jsonl", "JSONL"),
        )
        for estimator, options in (
            ("choice", ("choice",)),
            ("rate", ("rate", "--outcome", "left", "--cluster", "prompt")),
            ("effects", ("effects", "left ~ effort", "--cluster", "prompt")),
        )
        if kind in ("parquet",) or estimator == "choice"
    },
    "records": {"records": Step("write replies of 2.7 kB", records, "records_{size}.db")},
}  # fmt: skip
SIZES = {
    "log": (10_000, 100_000, 1_000_000),
    "talks": (50, 500, 5_000),
    "table": (100_000, 1_000_000, 10_000_000),
    "records": (1_000, 10_000, 100_000),
}
MOST_TEXT = 1_000_000
"""The most rows of a CSV or JSONL file that are measured."""


def measure(name: str, size: int, folder: Path) -> None:
    """Do a step here and print what it took, as JSON."""
    step = next(steps[name] for steps in STEPS.values() if name in steps)
    started = time.process_time()
    step.run(size, folder)
    print(json.dumps({"cpu": time.process_time() - started, "peak": peak_mb()}))


def in_a_process(name: str, size: int, folder: Path) -> dict[str, float] | None:
    """Do a step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--step", name, "--size", str(size)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode:
        print(f"{name}, {size:,}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}", flush=True)
        return None
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def disk(path: Path) -> int:
    """Return the bytes of a file, or of those in a folder."""
    return sum(each.stat().st_size for each in path.iterdir()) if path.is_dir() else path.stat().st_size


def grow(part: str, most: int | None, folder: Path, only: str | None) -> None:
    """Measure a part at its sizes and print its table."""
    sizes = [size for size in SIZES[part] if most is None or size <= most]
    print(f"\n**{part}**\n\n| | size | CPU s | exponent | peak MB | file MB |\n|---|---|---|---|---|---|")
    for name, step in STEPS[part].items():
        before: tuple[int, float] | None = None
        for size in sizes:
            kind = step.file if part == "table" else ""
            if (only and not name.startswith(only)) or (kind in ("csv", "jsonl") and size > MOST_TEXT):
                continue
            path = table_of(size, folder, kind) if kind else folder / step.file.format(size=size)
            measured = in_a_process(name, size, folder)
            if measured is None:
                break
            cpu = measured["cpu"]
            grown = "" if before is None else f"{math.log(cpu / before[1]) / math.log(size / before[0]):.2f}"
            room = f"{disk(path) / 1e6:.1f}" if step.file else ""
            print(
                f"| {step.about} | {size:,} | {cpu:.2f} | {grown} | {measured['peak']:.0f} | {room} |",
                flush=True,
            )
            before = (size, cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(STEPS)} (default: all)")
    parser.add_argument("--most", type=int, help="no size above this one")
    parser.add_argument("--only", help="only steps whose name begins like this")
    parser.add_argument("--folder", type=Path, help="keep the files here (default: a folder that is deleted)")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_table(options.size, options.folder, options.make)
    elif options.step:
        measure(options.step, options.size, options.folder)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            for part in options.parts or STEPS:
                grow(part, options.most, folder, options.only)


if __name__ == "__main__":
    main()
