"""CPU seconds, memory and size of reports: a log of a study, and coded conversations of growing number.

    python benchmarks/report_speed.py --conversations 450 3000 5000
    python benchmarks/report_speed.py --conversations --log runs/task_preferences.db runs/end_conversation.db
    python benchmarks/report_speed.py --conversations --figures 12

The logs are made by

    bartleby run task_preferences --model local/smollm2 --log runs/task_preferences.db
    bartleby run end_conversation --model "sim/averse?order=-0.5&spread=0.5" --log runs/end_conversation.db

Each report is made in a process of its own. CPU seconds are of the whole process, imports included, with one
thread; the peak of memory is that of the process. Conversations are drawn with replacement from the 450 in
`data/apparent_distress`, each under an id of its own, and coded by the recorded judge, the lexicon and people
(400 turns): about 65 codings a conversation. The exponent is that of seconds in the number of conversations,
from one size to the next. `--figures` saves figures of 40 estimates as PDF, SVG and PNG, as a report does
and as matplotlib does by itself (`layout="constrained"`, three times `savefig`).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[1] / "data" / "apparent_distress"
KINDS = ("coded", "log", "figures", "matplotlib")


def coded_conversations(count: int, seed: int = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the turns and the codings of conversations that are drawn from the recorded ones."""
    import bartleby as bb
    from bartleby.verbs.coded import read_codings

    turns = pd.read_parquet(DATA / "simulated_turns.parquet")
    machines = pd.concat(
        [read_codings(DATA / "simulated_judge.parquet"), bb.annotation.code(turns)], ignore_index=True
    )
    names = turns["conversation"].unique()
    drawn = np.random.default_rng(seed).integers(0, len(names), count)
    ids = pd.DataFrame({"conversation": names[drawn], "id": [f"c{number:06d}" for number in range(count)]})
    more = ids.merge(turns, on="conversation", sort=False).drop(columns="conversation")
    codings = ids.merge(machines, on="conversation", sort=False).drop(columns=["conversation", "unit"])
    labels = read_codings(DATA / "simulated_labels.csv").merge(ids.drop_duplicates("conversation"))
    people = labels.drop(columns=["conversation", "unit"])
    both = pd.concat([codings, people], ignore_index=True)
    return more.rename(columns={"id": "conversation"}), both.rename(columns={"id": "conversation"})


def report_of_coded(count: int, folder: Path) -> Path:
    """Write the page of so many coded conversations, from the files that its data are in."""
    import bartleby as bb

    return bb.report(folder / "turns.parquet", folder / "page", codings=folder / "codings.parquet")


def save_figures(count: int, folder: Path, *, plain: bool) -> Path:
    """Save so many figures of 40 estimates in three formats, by our function or by matplotlib alone."""
    from matplotlib.figure import Figure

    from bartleby.analysis.figures.style import save, style

    rng = np.random.default_rng(1)
    for number in range(count):
        with style():
            figure = Figure(figsize=(7.2, 5), layout="constrained")
            axes = figure.subplots()
            values = rng.normal(size=40)
            axes.errorbar(values, range(40), xerr=0.3, fmt="o")
            axes.set_yticks(range(40), [f"item {item} of {number}" for item in range(40)])
            axes.set_xlabel("Utility (logits)")
        if plain:
            with style():
                for ending in ("pdf", "svg", "png"):
                    figure.savefig(folder / f"{number}.{ending}")
        else:
            save(figure, folder / str(number))
    return folder


def measure(kind: str, count: int, folder: Path, log: Path | None) -> None:
    """Make one report here, and print what it took as JSON."""
    if kind == "coded":
        page = report_of_coded(count, folder)
    elif kind == "log":
        import bartleby as bb

        page = bb.report(str(log), folder / "page")
    else:
        page = save_figures(count, folder, plain=kind == "matplotlib")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = page.stat().st_size if page.is_file() else 0
    print(json.dumps({"cpu": time.process_time(), "peak": peak, "size": size}))


def apart(kind: str, count: int, log: Path | None = None) -> dict[str, float]:
    """Return what a report took in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "coded":
            turns, codings = coded_conversations(count)
            turns.to_parquet(Path(folder) / "turns.parquet")
            codings.to_parquet(Path(folder) / "codings.parquet")
        command = [sys.executable, __file__, "--here", kind, "--count", str(count), "--folder", folder]
        command += ["--log", str(log)] if log else []
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)
    if done.returncode:
        sys.exit(f"{kind}, {count}: failed ({done.returncode}): {done.stderr.strip()[-500:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Speed and memory of reports")
    parser.add_argument("--conversations", type=int, nargs="*", default=[450, 3_000, 5_000])
    parser.add_argument("--log", type=Path, nargs="+", help="also the reports of these logs")
    parser.add_argument(
        "--figures", type=int, default=0, help="also so many figures, beside matplotlib alone"
    )
    parser.add_argument("--here", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.here, options.count, options.folder, options.log[0] if options.log else None)
        return
    print("| report | CPU s | exponent | peak MB | page MB |\n|---|---|---|---|---|")
    before: tuple[int, float] | None = None
    for count in options.conversations:
        result = apart("coded", count)
        power = "–" if before is None else f"{_exponent(before, (count, result['cpu'])):.2f}"
        before = (count, result["cpu"])
        print(_row(f"{count:,} coded conversations", result, power), flush=True)
    for log in options.log or ():
        print(_row(log.name, apart("log", 0, log), "–"), flush=True)
    if options.figures:
        for kind in ("figures", "matplotlib"):
            print(_row(f"{options.figures} figures: {kind}", apart(kind, options.figures), "–"), flush=True)


def _exponent(before: tuple[int, float], after: tuple[int, float]) -> float:
    return math.log(after[1] / before[1]) / math.log(after[0] / before[0])


def _row(name: str, result: dict[str, float], power: str) -> str:
    size = f"{result['size'] / 1e6:.1f}" if result["size"] else "–"
    return f"| {name} | {result['cpu']:.1f} | {power} | {result['peak']:.0f} | {size} |"


if __name__ == "__main__":
    main()
