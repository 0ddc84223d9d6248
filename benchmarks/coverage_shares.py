"""Coverage of the share of items below the baseline, and of differences of shares, as a Markdown table.

    python -m benchmarks.coverage_shares --save shares.jsonl            # everything, 2,000 replications
    python -m benchmarks.coverage_shares --only share-10-0.9-1-rich --replications 200

A class of 5 to 40 items has a true share below the baseline in a normal population (`new_items`), and a
realised one (`these_items`). The data sets of a block share one graph of pairs and are sampled together,
one chain each, which is the same as what `share_below` does for one data set with sixteen chains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_table import Covered, Scenario, main
from scipy import special

from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.posteriors.priors import class_priors
from bartleby.analysis.choice.posteriors.steps import win_steps
from bartleby.analysis.choice.posteriors.utilities import run_chains
from bartleby.analysis.choice.share_estimates import ShareSettings, pair_of_shares, share_difference
from bartleby.analysis.choice.shares import ClassDraws, Population, share_row
from bartleby.analysis.choice.table import read_choices
from bartleby.analysis.tables.grouping import Estimand

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SLOT, LEVEL, DRAWS = 0.5, 0.95, 240


def graph(rng: np.random.Generator, size: int, *, rich: bool) -> tuple[Integers, Integers]:
    """Return ordered pairs: every item against the baseline (the last) and some others, in both orders."""
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


def template(first: Integers, second: Integers, size: int) -> tuple[ChoiceData, Floats]:
    """Return the data of a graph with its outcomes to be filled in, and the trials of each cell."""
    names = np.array([f"i{at:03d}" for at in range(size)])
    outcome = np.where(np.arange(len(first)) % 2, "chose_first", "chose_second")
    table = pd.DataFrame({"first": names[first], "second": names[second], "outcome": outcome})
    data = choice_data(read_choices(table).cells, ChoiceOptions(baseline=names[-1]), has_pair_column=False)
    return data, data.counts.sum(axis=1)


def fitted(data: ChoiceData, trials: Floats, utility: Floats, rng: np.random.Generator) -> GroupFit:
    """Draw choices in the cells of a graph and fit them."""
    logit = utility[data.first] - utility[data.second] + SLOT
    wins = rng.binomial(trials.astype(np.int64), special.expit(logit)).astype(float)
    counts = np.stack([wins, trials - wins], axis=1)
    drawn = replace(data, counts=counts, row_counts=counts[data.row_cell])
    return fit_group({}, drawn, ChoiceOptions(baseline=data.items[-1]))


def classes_of(
    fits: list[GroupFit], members: list[Integers], rng: np.random.Generator
) -> list[list[ClassDraws]]:
    """Draw which items of each class are below the baseline, for each of several fits of one graph."""
    layout = fits[0].layout
    groups = [np.flatnonzero(layout.design.basis[group].any(axis=0)) for group in members]
    sampling = np.array([np.diag(fit.model_covariance) for fit in fits])
    typical = np.stack([np.median(sampling[:, group], axis=1) for group in groups], axis=1)
    steps = win_steps(layout.design, np.array([fit.data.counts / fit.scale for fit in fits]))
    start = np.array([fit.maximum.estimated[0] for fit in fits])
    kept, means, spreads = run_chains(steps, class_priors(groups, start.shape[1], typical), start, DRAWS, rng)
    population = special.ndtr(-means / np.sqrt(spreads))
    return [
        [
            ClassDraws((), tuple(fit.data.items[code] for code in group), values, population[at, :, which])
            for which, group in enumerate(members)
            for values in [kept[at] @ layout.design.basis[group].T < 0]
        ]
        for at, fit in enumerate(fits)
    ]


def counted(fit: GroupFit, group: Integers) -> tuple[float, float]:
    """Return the share of estimates below zero, and its variance as if it were binomial: naive practice."""
    estimates = fit.layout.contrasts @ fit.maximum.estimated[0]
    share = float((estimates[group] < 0).mean())
    return share, share * (1 - share) / len(group)


def population(rng: np.random.Generator, size: int, share: float, sd: float) -> Floats:
    """Draw utilities of items of which so many are below zero in the long run."""
    utility: Floats = sd * (rng.normal(size=size) - special.ndtri(share))
    return utility


ASKED: list[tuple[str, Estimand, Population]] = [
    ("new_items, normal population (default)", "new_items", "normal"),
    ("new_items, any population", "new_items", "any"),
    ("these_items", "these_items", "normal"),
]


def share(n_items: int, truth: float, sd: float, *, rich: bool) -> Scenario:
    """Return a class with a true share below the baseline, beside ten other items."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        size = n_items + 11
        data, trials = template(*graph(rng, size, rich=rich), size)
        members = [np.arange(n_items), np.arange(n_items, size - 1)]
        utilities = [
            np.concatenate([population(rng, n_items, truth, sd), 0.5 + sd * rng.normal(size=10), [0.0]])
            for _ in range(replications)
        ]
        fits = [fitted(data, trials, utility, rng) for utility in utilities]
        drawn = classes_of(fits, members, rng)
        for fit, (mine, _), utility in zip(fits, drawn, utilities, strict=True):
            for name, estimand, kind in ASKED:
                row = share_row(mine, estimand, kind, LEVEL, rng)
                aim = truth if estimand == "new_items" else float(np.mean(utility[:n_items] < 0))
                yield name, row["low"], row["high"], aim
            plug, variance = counted(fit, members[0])
            half = 1.96 * math.sqrt(variance)
            yield "naive: estimates counted, Wald", plug - half, plug + half, truth

    return scenario


def two_classes(n_items: int, shares: tuple[float, float], sd: float, *, rich: bool) -> Scenario:
    """Return the difference between two classes of one model."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        size = 2 * n_items + 1
        data, trials = template(*graph(rng, size, rich=rich), size)
        members = [np.arange(n_items), np.arange(n_items, 2 * n_items)]
        utilities = [
            np.concatenate([*(population(rng, n_items, each, sd) for each in shares), [0.0]])
            for _ in range(replications)
        ]
        fits = [fitted(data, trials, utility, rng) for utility in utilities]
        for fit, drawn, utility in zip(fits, classes_of(fits, members, rng), utilities, strict=True):
            found = [counted(fit, group) for group in members]
            realised = [float(np.mean(utility[group] < 0)) for group in members]
            yield from _differences((drawn[0], drawn[1]), shares, realised, found, rng)

    return scenario


def two_models(n_items: int, shares: tuple[float, float], likeness: float, *, rich: bool) -> Scenario:
    """Return the difference between two models asked about the same items, which they see alike."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        size = n_items + 1
        data, trials = template(*graph(rng, size, rich=rich), size)
        members = [np.arange(n_items)]
        utilities: list[tuple[Floats, Floats]] = []
        for _ in range(replications):
            common, own = rng.normal(size=n_items), rng.normal(size=(2, n_items))
            mixed = math.sqrt(likeness) * common + math.sqrt(1 - likeness) * own
            one, other = (
                np.append(each - special.ndtri(share), 0.0) for each, share in zip(mixed, shares, strict=True)
            )
            utilities.append((one, other))
        fits = [[fitted(data, trials, pair[at], rng) for pair in utilities] for at in (0, 1)]
        drawn = [classes_of(each, members, rng) for each in fits]
        for at, pair in enumerate(utilities):
            found = [counted(fits[model][at], members[0]) for model in (0, 1)]
            realised = [float(np.mean(utility[:-1] < 0)) for utility in pair]
            both = drawn[0][at][0], drawn[1][at][0]
            yield from _differences(both, shares, realised, found, rng)

    return scenario


def _differences(
    both: tuple[ClassDraws, ClassDraws],
    shares: tuple[float, float],
    realised: list[float],
    found: list[tuple[float, float]],
    rng: np.random.Generator,
) -> Iterator[Covered]:
    """Yield the differences of two classes of one model, or of the same items in two models."""
    same_fit = both[0].items != both[1].items
    for name, estimand, kind in ASKED:
        if kind == "any" and not same_fit:
            continue  # Shared items are compared without a population either way.
        settings = ShareSettings(estimand, kind, LEVEL, DRAWS, 0)
        pair, _ = pair_of_shares(*both, settings, rng, same_fit=same_fit)
        row = share_difference(*pair, LEVEL)
        aim = shares if estimand == "new_items" else realised
        yield name, row["low"], row["high"], aim[0] - aim[1]
    half = 1.96 * math.sqrt(found[0][1] + found[1][1])
    gap = found[0][0] - found[1][0]
    yield "naive: estimates counted, Wald", gap - half, gap + half, shares[0] - shares[1]


SCENARIOS: dict[str, Scenario] = {
    **{
        f"share-{n}-{truth}-{sd:g}-{'rich' if rich else 'sparse'}": share(n, truth, sd, rich=rich)
        for n in (5, 20, 40)
        for truth in (0.5, 0.9, 0.99)
        for sd in (1.0, 2.0)
        for rich in (False, True)
    },
    **{
        f"classes-{n}-0.9-0.5-{'rich' if rich else 'sparse'}": two_classes(n, (0.9, 0.5), 1.0, rich=rich)
        for n in (5, 20)
        for rich in (False, True)
    },
    **{
        f"models-{n}-0.9-0.7-{'rich' if rich else 'sparse'}": two_models(n, (0.9, 0.7), 0.7, rich=rich)
        for n in (10, 20)
        for rich in (False, True)
    },
}

if __name__ == "__main__":
    main(SCENARIOS, str(__doc__))
