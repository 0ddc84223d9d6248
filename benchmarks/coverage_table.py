"""Runs simulations of coverage block by block, keeps what was found, and prints it as a Markdown table.

A block is some replications with a seed of its own, so that a run that was cut short goes on where it
stopped, and the same seed gives the same table however it was cut.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

__all__ = ["Covered", "Scenario", "main", "one_by_one"]

Covered = tuple[str, float, float, float] | tuple[str, float, float, float, float]
"""What was estimated and how, low, high, truth, and the estimate where its bias is of interest."""
Scenario = Callable[[np.random.Generator, int], Iterator[Covered]]
"""Simulates so many replications and yields their intervals."""

BLOCK = 50
NOMINAL = (0.935, 0.965)


def one_by_one(replicate: Callable[[np.random.Generator], Iterator[Covered]]) -> Scenario:
    """Return a scenario of replications that are simulated one after another."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        for _ in range(replications):
            yield from replicate(rng)

    return scenario


def run_block(scenarios: Mapping[str, Scenario], name: str, seed: int, block: int) -> list[dict[str, object]]:
    """Run one block and return a record of each thing estimated."""
    rng = np.random.default_rng([seed, block, *name.encode()])
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for what, low, high, truth, *estimate in scenarios[name](rng, BLOCK):
        found.setdefault(what, []).append((low, high, truth, estimate[0] if estimate else math.nan))
    records: list[dict[str, object]] = []
    for what, triples in found.items():
        low, high, truth, estimate = np.array(triples).T
        told = ~(np.isnan(low) | np.isnan(high))
        low, high, truth, estimate = low[told], high[told], truth[told], estimate[told]
        width = float(np.median(high - low)) if told.any() else math.nan
        record = {"scenario": name, "what": what, "block": block, "seed": seed, "replications": BLOCK}
        record |= {"intervals": len(triples), "told": int(told.sum()), "width": width}
        record["bias"] = float(np.mean(estimate - truth)) if told.any() else math.nan
        record |= {"above": int((low > truth).sum()), "below": int((high < truth).sum())}
        records.append(record)
    return records


def table_of(records: list[dict[str, object]]) -> Iterator[str]:
    """Yield the rows of the table."""
    columns = ("data", "what", "replications", "coverage", "truth below", "truth above", "median width")
    yield f"| {' | '.join((*columns, 'no interval', 'bias'))} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    keys = list(dict.fromkeys((str(each["scenario"]), str(each["what"])) for each in records))
    for scenario, what in keys:
        mine = [each for each in records if (each["scenario"], each["what"]) == (scenario, what)]

        def total(name: str, mine: list[dict[str, object]] = mine) -> float:
            return float(sum(float(str(each[name])) for each in mine))

        replications, told = total("replications"), total("told")
        if not told:
            yield f"| {scenario} | {what} | {replications:g} | undefined | | | | 1.000 | |"
            continue
        above, below = total("above") / told, total("below") / told
        share = 1 - above - below
        # Several intervals of one replication are not independent: the margin is that of the replications.
        replications = min(replications, told)
        margin = 1.96 * math.sqrt(max(share * (1 - share), 1e-9) / replications)
        mark = "" if NOMINAL[0] <= share <= NOMINAL[1] else " *"
        width = float(np.nanmedian([float(str(each["width"])) for each in mine]))
        away = float(np.mean([float(str(each.get("bias", math.nan))) for each in mine]))
        bias = "" if math.isnan(away) else f"{away:+.3f}"
        yield (
            f"| {scenario} | {what} | {replications:g} | {share:.3f} ± {margin:.3f}{mark} | {above:.3f} | "
            f"{below:.3f} | {width:.3g} | {1 - told / total('intervals'):.3f} | {bias} |"
        )


def main(scenarios: Mapping[str, Scenario], about: str) -> None:
    """Run scenarios as the command line asks, and print the table."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--replications", type=int, default=2000, help=f"rounded up to blocks of {BLOCK}")
    parser.add_argument("--only", action="append", help="a scenario, or how its name begins; can be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, help="keep blocks in this file, and run only what it lacks")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [s for s in scenarios if not given.only or any(s.startswith(each) for each in given.only)]
    if not chosen:
        parser.error(f"--only: no such scenario; there are {', '.join(scenarios)}")
    records: list[dict[str, object]] = []
    if given.save is not None and given.save.exists():
        records = [json.loads(line) for line in given.save.read_text(encoding="utf-8").splitlines()]
    done = {(each["scenario"], each["block"], each["seed"]) for each in records}
    started = time.process_time()
    for block in range(-(-given.replications // BLOCK)):
        for name in chosen:
            if (name, block, given.seed) in done:
                continue
            found = run_block(scenarios, name, given.seed, block)
            records += found
            if given.save is not None:
                with given.save.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(each) + "\n" for each in found)
    order = {name: at for at, name in enumerate(chosen)}
    shown = [each for each in records if each["scenario"] in order]
    for line in table_of(sorted(shown, key=lambda each: order[str(each["scenario"])])):
        print(line)
    print(f"\nSeed {given.seed}; {time.process_time() - started:.0f} s of CPU; * outside {NOMINAL}.")
