"""What the lexical coder costs on many conversations: processor time a turn, and memory at its highest.

    python -m benchmarks.coding_stream
    python -m benchmarks.coding_stream --turns 1000 10000 --write

Conversations of ten turns are written to a temporary JSONL file and go through `lexicon_codings` from there.
Each size is done in a process of its own, so that one's memory does not hide the other's.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bartleby.analysis.tables.written import write_tables
from bartleby.verbs.coding import lexicon_codings

TURNS = 10
"""Turns of a conversation; each is a message of the user and one of the assistant."""
MADE = 500
"""Conversations that are made up; a file repeats them under other names."""

WORDS = re.findall(
    r"\w+",
    "the a and to of in that it is was for on with as be this have from or by not you we they at are but "
    "which can will your if all more about so what there when out up into time has do some could them other "
    "than then its also use make like just over think because these first how well only even new work way "
    "may say help need want feel thing know find people question answer example code explain note consider",
)
SHOWN = (
    "I find this really distressing.",
    "I'm not upset at all.",
    "I won't continue if you insult me.",
    'You wrote "I am upset", and I see why.',
)


def message(rng: np.random.Generator, words: int) -> str:
    """Return a message of so many words."""
    return " ".join(rng.choice(WORDS, words)).capitalize() + "."


def conversation(rng: np.random.Generator) -> list[dict[str, str]]:
    """Return the messages of a conversation; one turn in twenty has a phrase that may count."""
    messages = []
    for _ in range(TURNS):
        said = message(rng, int(rng.integers(30, 150)))
        if rng.random() < 0.05:
            said = f"{said} {SHOWN[rng.integers(len(SHOWN))]}"
        messages.append({"role": "user", "content": message(rng, int(rng.integers(5, 40)))})
        messages.append({"role": "assistant", "content": said})
    return messages


def write(file: Path, turns: int) -> None:
    """Write conversations with so many turns in all."""
    rng = np.random.default_rng(1)
    made = [json.dumps(conversation(rng)) for _ in range(MADE)]
    with file.open("w", encoding="utf-8") as opened:
        for number in range(turns // TURNS):
            opened.write(f'{{"id": "c{number}", "messages": {made[number % MADE]}}}\n')


def measure(turns: int, *, writes: bool) -> tuple[float, float, int, float]:
    """Return microseconds a turn, megabytes at most, codings, and megabytes of the file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "conversations.jsonl"
        write(file, turns)
        size = file.stat().st_size / 1e6
        codings = 0

        def counted() -> Iterator[object]:
            nonlocal codings
            for table in lexicon_codings(file):
                codings += len(table)
                yield table

        started = time.process_time()
        if writes:
            write_tables(counted(), Path(folder) / "codings.csv")  # type: ignore[arg-type]
        else:
            for _ in counted():
                pass
        spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return 1e6 * spent / turns, peak, codings, size


def _measured(turns: int, writes: bool) -> None:
    micro, memory, codings, size = measure(turns, writes=writes)
    print(f"| {turns:,} | {size:,.0f} MB | {codings:,} | {micro:.0f} | {memory:.0f} MB |", flush=True)


def main() -> None:
    """Measure as the command line asks, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--write", action="store_true", help="write the codings to a CSV file as well")
    given = parser.parse_args()
    print("| turns of the assistant | file | codings | microseconds a turn | memory at most |")
    print("|---|---|---|---|---|")
    for turns in given.turns:
        process = multiprocessing.get_context("spawn").Process(target=_measured, args=(turns, given.write))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
