"""Coverage of the intervals of the choice model on data of known truth, as a Markdown table.

    python benchmarks/coverage_choice.py                    # all scenarios, 500 replications each
    python benchmarks/coverage_choice.py --only dense --replications 2000

Every row of the table says how often nominal 95% intervals contained the truth, with the Monte Carlo
margin of that share, and the mean width of the intervals. Naive practice stands beside it.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from bartleby.analysis.choice_data import choice_data
from bartleby.analysis.choice_fit import fit_group
from bartleby.analysis.choice_model import choice_model
from bartleby.analysis.choice_options import ChoiceOptions
from bartleby.analysis.grouping import Estimand
from bartleby.analysis.shares import Population, class_draws, share_row
from bartleby.analysis.table import read_choices

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Covered = tuple[str, float, float, float]
"""What was estimated, low, high, truth."""

SLOT = 0.5


def choose(rng: np.random.Generator, first: Integers, second: Integers, logit: Floats) -> pd.DataFrame:
    """Draw one choice a row and return them as a table."""
    wins = rng.random(len(first)) < special.expit(logit)
    names = np.array([f"i{at:03d}" for at in range(int(max(first.max(), second.max())) + 1)])
    outcome = np.where(wins, "chose_first", "chose_second")
    return pd.DataFrame({"first": names[first], "second": names[second], "outcome": outcome})


def all_pairs(n_items: int, repeats: int) -> tuple[Integers, Integers]:
    """Return all ordered pairs, each so many times."""
    first, second = (part.ravel() for part in np.meshgrid(np.arange(n_items), np.arange(n_items)))
    keep = np.repeat(np.flatnonzero(first != second), repeats)
    return first[keep], second[keep]


def sparse_pairs(rng: np.random.Generator, n_items: int, degree: int) -> tuple[Integers, Integers]:
    """Return a ring and random chords, every pair in both orders."""
    ring = [(at, (at + 1) % n_items) for at in range(n_items)]
    chords = [
        (at, int(other))
        for at in range(n_items)
        for other in rng.choice(n_items, max(degree - 2, 0) // 2, replace=False)
        if other != at
    ]
    pairs = np.array(ring + chords)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return both[:, 0], both[:, 1]


def dense(rng: np.random.Generator) -> Iterator[Covered]:
    """Draw ten items, all pairs in both orders, 4 times, trials independent given the pair."""
    utility = np.append(rng.normal(size=9), 0.0)
    first, second = all_pairs(10, 4)
    table = choose(rng, first, second, utility[first] - utility[second] + SLOT)
    yield from _rows(table, utility, "CR2 by pair (default)", {})
    yield from _rows(table, utility, "independent trials, z", {"cluster": None})


def clustered(rng: np.random.Generator) -> Iterator[Covered]:
    """Draw the same 10 times each, with pairs that differ by sd 0.7 beyond utilities: repeats are alike."""
    utility = np.append(rng.normal(size=9), 0.0)
    first, second = all_pairs(10, 10)
    noise = 0.7 * rng.normal(size=(10, 10))
    noise = np.triu(noise) - np.triu(noise).T
    logit = utility[first] - utility[second] + SLOT + noise[first, second]
    table = choose(rng, first, second, logit)
    # Mixing over pairs flattens logits; what is covered is the population value under that mixing.
    flat = 1 / math.sqrt(1 + 0.346 * 0.49)
    yield from _rows(table, utility * flat, "CR2 by pair (default)", {}, slot=SLOT * flat)
    yield from _rows(table, utility * flat, "independent trials, z", {"cluster": None}, slot=SLOT * flat)


def sparse(rng: np.random.Generator) -> Iterator[Covered]:
    """Draw fifty items, degree 6, both orders once; one item far below all others."""
    utility = np.append(rng.normal(size=49), 0.0)
    utility[0] = -4.0
    first, second = sparse_pairs(rng, 50, 6)
    table = choose(rng, first, second, utility[first] - utility[second] + SLOT)
    items = {f"i{at:03d}": float(value) for at, value in enumerate(utility)}
    frame = choice_model(table, baseline="i049").to_frame().set_index("term")
    for term in ("i000", "i001", "i002", "i003", "slot"):
        what = {"i000": "lowest item", "slot": "slot"}.get(term, "other items")
        low, high = (float(frame.loc[term, side]) for side in ("low", "high"))  # type: ignore[arg-type]
        yield f"{what} | default (profile if separated)", low, high, items.get(term, SLOT)
    yield from naive_sandwich(table, items)


def naive_sandwich(table: pd.DataFrame, items: dict[str, float]) -> Iterator[Covered]:
    """Maximum likelihood with a plain sandwich, stopped after 25 iterations as common software does."""
    names = sorted(items)
    code = pd.Index(names)
    X = np.zeros((len(table), len(names) + 1))
    rows = np.arange(len(table))
    X[rows, code.get_indexer(pd.Index(table["first"]))] += 1
    X[rows, code.get_indexer(pd.Index(table["second"]))] -= 1
    X[:, -1] = 1
    X = np.delete(X, len(names) - 1, axis=1)
    y = (table["outcome"] == "chose_first").to_numpy(dtype=float)
    beta = np.zeros(X.shape[1])
    for _ in range(25):
        p = special.expit(X @ beta)
        beta = beta + np.linalg.pinv(X.T @ (X * (p * (1 - p))[:, None])) @ (X.T @ (y - p))
    p = special.expit(X @ beta)
    bread = np.linalg.pinv(X.T @ (X * (p * (1 - p))[:, None]))
    error = np.sqrt(np.diag(bread @ (X.T @ (X * ((y - p) ** 2)[:, None])) @ bread))
    for at, what in ((0, "lowest item"), (1, "other items"), (2, "other items"), (-1, "slot")):
        truth = SLOT if at == -1 else items[names[at]]
        yield (
            f"{what} | naive: ML and sandwich",
            beta[at] - 1.96 * error[at],
            beta[at] + 1.96 * error[at],
            truth,
        )


def share(
    n_items: int, truth: float, sd: float, *, rich: bool
) -> Callable[[np.random.Generator], Iterator[Covered]]:
    """Return a scenario: a class with a true share below the baseline, beside ten other items."""

    def scenario(rng: np.random.Generator) -> Iterator[Covered]:
        size = n_items + 11
        utility = np.concatenate(
            [sd * (rng.normal(size=n_items) - special.ndtri(truth)), 0.5 + sd * rng.normal(size=10), [0.0]]
        )
        first, second = _share_design(rng, size, rich=rich)
        table = choose(rng, first, second, utility[first] - utility[second] + SLOT)
        kind = np.array(["below"] * n_items + ["other"] * 10 + [None], dtype=object)
        table["kind_first"], table["kind_second"] = kind[first], kind[second]
        label = f"share {truth} of {n_items}, sd {sd:g}, {'rich' if rich else 'sparse'}"
        # The parts of choice_model(...).share_below(...), without intervals of utilities that nobody reads.
        options = ChoiceOptions(baseline=f"i{size - 1:03d}")
        read = read_choices(table)
        fit = fit_group({}, choice_data(read.cells, options, has_pair_column=False), options)
        drawn = class_draws(fit, read.attributes, f"i{size - 1:03d}", 500, rng)[0]
        wanted: list[tuple[Estimand, Population]] = [
            ("new_items", "normal"),
            ("new_items", "any"),
            ("these_items", "normal"),
        ]
        for estimand, population in wanted:
            row = share_row(drawn, estimand, population, 0.95, rng)
            aim = truth if estimand == "new_items" else float(np.mean(utility[:n_items] < 0))
            shown = f"{estimand}, {population} population" if estimand == "new_items" else estimand
            yield f"{label} | {shown}", row["low"], row["high"], aim
        estimates = fit.layout.contrasts @ fit.maximum.estimated[0]
        plug = float((estimates[:n_items] < 0).mean())
        half = 1.96 * math.sqrt(plug * (1 - plug) / n_items)
        yield f"{label} | naive: counted estimates, Wald", plug - half, plug + half, truth

    return scenario


def _share_design(rng: np.random.Generator, size: int, *, rich: bool) -> tuple[Integers, Integers]:
    against_baseline, degree, repeats = (10, 6, 4) if rich else (1, 3, 1)
    pairs = [(at, size - 1) for at in range(size - 1) for _ in range(against_baseline)]
    pairs += [
        (at, int(other))
        for at in range(size - 1)
        for other in rng.choice(np.delete(np.arange(size - 1), at), degree, replace=False)
        for _ in range(repeats)
    ]
    both = np.array(pairs + [(second, first) for first, second in pairs])
    return both[:, 0], both[:, 1]


def _rows(
    table: pd.DataFrame, utility: Floats, name: str, how: dict[str, None], *, slot: float = SLOT
) -> Iterator[Covered]:
    baseline = f"i{len(utility) - 1:03d}"
    frame = choice_model(table, baseline=baseline, **how).to_frame().set_index("term")  # type: ignore[arg-type]
    for at, value in enumerate(utility[:-1]):
        row: Any = frame.loc[f"i{at:03d}"]
        yield f"utilities | {name}", float(row["low"]), float(row["high"]), float(value)
    row = frame.loc["slot"]
    yield f"slot | {name}", float(row["low"]), float(row["high"]), slot


SCENARIOS: dict[str, Callable[[np.random.Generator], Iterator[Covered]]] = {
    "dense": dense,
    "clustered": clustered,
    "sparse": sparse,
    **{
        f"share-{n}-{truth}-{sd:g}-{'rich' if rich else 'sparse'}": share(n, truth, sd, rich=rich)
        for n in (5, 10, 20, 40)
        for truth in (0.5, 0.9, 0.99)
        for sd in (1.0, 2.0)
        for rich in (False, True)
    },
}


def run(name: str, replications: int, seed: int) -> list[str]:
    """Run one scenario and return the rows of its table."""
    rng = np.random.default_rng([seed, *name.encode()])
    found: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(replications):
        for what, low, high, truth in SCENARIOS[name](rng):
            found.setdefault(what, []).append((low, high, truth))
    lines = []
    for what, triples in found.items():
        low, high, truth = np.array(triples).T
        told = ~(np.isnan(low) | np.isnan(high))
        covered = ((low <= truth) & (truth <= high))[told]
        share_covered = covered.mean() if told.any() else math.nan
        margin = 1.96 * math.sqrt(max(share_covered * (1 - share_covered), 1e-9) / replications)
        width = float(np.median((high - low)[told])) if told.any() else math.nan
        lines.append(
            f"| {name} | {what} | {share_covered:.3f} ± {margin:.3f} | {width:.2f} | {1 - told.mean():.3f} |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--only", action="append", help="a scenario, or how its name begins; can be repeated")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [s for s in SCENARIOS if not given.only or any(s.startswith(each) for each in given.only)]
    if not chosen:
        parser.error(f"--only: no such scenario; there are {', '.join(SCENARIOS)}")
    print("| scenario | what | interval | coverage | median width | no interval |")
    print("|---|---|---|---|---|---|")
    started = time.perf_counter()
    for name in chosen:
        for line in run(name, given.replications, given.seed):
            print(line, flush=True)
    print(f"\n{given.replications} replications each, seed {given.seed}.")
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
