"""Coverage of the share of items below the baseline, and of differences of shares, as a Markdown table.

    python -m benchmarks.coverage_shares --save shares.jsonl                     # everything
    python -m benchmarks.coverage_shares --only far-20-80-40-4 --replications 200

Items of populations of many shapes are compared with each other and with a baseline, by the exact
likelihood with a position effect that varies over pairs. The truth is the share of the population below the
baseline (`new_items`) or that of the items themselves (`these_items`). Beside the default stands the method
it replaced, one normal distribution a class. Data sets of one graph of pairs are sampled together, one chain
each, which stands for the sixteen that `share_below` runs for one; names that begin with `public-` go
through `choice_model` and the draws of `share_below` and `compare_shares`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy import special, stats

from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.posteriors.checks import population_check
from bartleby.analysis.choice.posteriors.mixtures import ClassMixtures, Mixture
from bartleby.analysis.choice.posteriors.priors import Sample, SamplePriors
from bartleby.analysis.choice.posteriors.steps import Step
from bartleby.analysis.choice.posteriors.utilities import Chains
from bartleby.analysis.choice.posteriors.wins import win_steps
from bartleby.analysis.choice.share_classes import ShareSettings, draw_groups
from bartleby.analysis.choice.share_differences import share_difference
from bartleby.analysis.choice.shares import ClassDraws, share_row
from bartleby.analysis.choice.table import read_choices
from bartleby.analysis.tables.grouping import Estimand

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

SLOT, SLOT_SPREAD, LEVEL = 0.7, 0.5, 0.95
BURN_IN, DRAWS, SINGLE_DRAWS, PUBLIC_DRAWS = 120, 400, 200, 800
OTHERS = 4
"""Other items that each item asks for, in both orders: eight comparisons of its own."""
ESTIMANDS: tuple[Estimand, ...] = ("new_items", "these_items")


@dataclass(frozen=True)
class Population:
    """Where utilities come from: what draws so many, and the share below zero in the long run."""

    draw: Callable[[np.random.Generator, int], Floats]
    share: float


def normal(share: float, sd: float = 1.0) -> Population:
    """Return a normal population of which so much is below zero."""
    centre = -sd * float(special.ndtri(share))
    return Population(lambda rng, size: centre + sd * rng.normal(size=size), share)


def clusters(part: float, low: float, high: float, sd: tuple[float, float] = (0.0, 0.0)) -> Population:
    """Return a population in two clusters, a part of it about `low`."""

    def draw(rng: np.random.Generator, size: int) -> Floats:
        lower = rng.random(size) < part
        noise = rng.normal(size=size)
        found: Floats = np.where(lower, low + sd[0] * noise, high + sd[1] * noise)
        return found

    below = [special.ndtr(-at / max(spread, 1e-9)) for at, spread in zip((low, high), sd, strict=True)]
    return Population(draw, float(part * below[0] + (1 - part) * below[1]))


POPULATIONS = {
    "normal-0.5": normal(0.5),
    "normal-0.9": normal(0.9),
    "normal-0.02": normal(0.02),
    "all-below": Population(lambda rng, size: -4 + 0.5 * rng.normal(size=size), 1.0),
    "far-20-80": clusters(0.2, -3, 1),
    "far-20-80-noisy": clusters(0.2, -3, 1, (0.5, 0.5)),
    "far-50-50": clusters(0.5, -2.5, 1.5),
    "far-90-10": clusters(0.9, -0.8, 4),
    "skewed": Population(
        lambda rng, size: 1.5 - np.exp(0.8 * rng.normal(size=size)), float(special.ndtr(-np.log(1.5) / 0.8))
    ),
    "t3": Population(lambda rng, size: rng.standard_t(3, size=size) - stats.t.ppf(0.9, 3), 0.9),
    "two-at-1.5": clusters(0.5, -1.5, 1.5, (0.6, 0.6)),
    "mild-severe": clusters(0.5, -3, -0.7, (0.6, 0.4)),
}


def graph(rng: np.random.Generator, size: int, with_baseline: int, design: str) -> Integers:
    """Return ordered pairs (m, 2): every item with others, and so often with the baseline (the last)."""
    pairs = [(at, size) for at in range(size) for _ in range(with_baseline // 2)]
    if design == "all":
        pairs += [(at, other) for at in range(size) for other in range(at)]
    elif design == "hub":
        pairs += [(at, (at + 1) % size) for at in range(size)]
    else:
        pairs += [
            (at, int(other))
            for at in range(size)
            for other in rng.choice(np.delete(np.arange(size), at), min(OTHERS, size - 1), replace=False)
        ]
    return np.array(pairs + [(second, first) for first, second in pairs])


def table_of(pairs: Integers, outcome: npt.NDArray[np.str_]) -> pd.DataFrame:
    """Return choices as a table."""
    names = np.array([f"i{at:03d}" for at in range(int(pairs.max()) + 1)])
    return pd.DataFrame({"first": names[pairs[:, 0]], "second": names[pairs[:, 1]], "outcome": outcome})


def slots(pairs: Integers, rng: np.random.Generator) -> Floats:
    """Return the position effect of each pair, the same in both orders."""
    key = pairs.min(axis=1) * (pairs.max() + 1) + pairs.max(axis=1)
    _, pair = np.unique(key, return_inverse=True)
    found: Floats = SLOT + SLOT_SPREAD * rng.normal(size=int(pair.max()) + 1)[pair]
    return found


def fitted(data: ChoiceData, trials: Floats, utility: Floats, rng: np.random.Generator) -> GroupFit:
    """Draw choices in the cells of a graph and fit them."""
    pairs = np.stack([data.first, data.second], axis=1)
    logit = utility[data.first] - utility[data.second] + slots(pairs, rng)
    wins = rng.binomial(trials.astype(np.int64), special.expit(logit)).astype(float)
    counts = np.stack([wins, trials - wins], axis=1)
    drawn = replace(data, counts=counts, row_counts=counts[data.row_cell])
    return fit_group({}, drawn, ChoiceOptions(baseline=data.items[-1]))


def mixtures(
    fits: list[GroupFit], groups: list[Integers], rng: np.random.Generator
) -> list[list[ClassDraws]]:
    """Draw the utilities of classes of items of several fits of one graph, by the default."""
    columns, typical, steps, start = _start(fits, groups)
    sampler = Chains(steps, ClassMixtures(columns, typical), start, rng)
    sampler.run(BURN_IN)
    kept, _, *mixture = (part.swapaxes(0, 1) for part in sampler.run(DRAWS))
    every = []
    for at, values in enumerate(kept):
        population = Mixture(*(part[at] for part in mixture))
        classes = []
        for number, (group, own) in enumerate(zip(groups, columns, strict=True)):
            names = tuple(fits[0].data.items[code] for code in group)
            part = population.of_class(number)
            check = population_check(fits[at], group.astype(np.int64), values, part, rng)
            classes.append(ClassDraws((), names, values[:, own], part, check=check))
        every.append(classes)
    return every


def single(fits: list[GroupFit], size: int, rng: np.random.Generator) -> list[tuple[Floats, Integers]]:
    """Draw the share of one normal population, and the items below zero: the method until now."""
    (group,), typical, steps, start = _start(fits, [np.arange(size)])
    sample = Sample(np.eye(start.shape[1])[group], np.ones((size, 1)))
    sampler = Chains(steps, SamplePriors([sample], typical), start, rng)
    sampler.run(BURN_IN)
    kept, means, spreads = (part.swapaxes(0, 1) for part in sampler.run(SINGLE_DRAWS))
    share = special.ndtr(-means[..., 0] / np.sqrt(spreads[..., 0]))
    return list(zip(share, (kept[:, :, group] < 0).sum(axis=2), strict=True))


def _start(
    fits: list[GroupFit], groups: list[Integers]
) -> tuple[tuple[npt.NDArray[np.int64], ...], Floats, Step, Floats]:
    basis = fits[0].layout.design.basis
    columns = tuple(np.flatnonzero(basis[group].any(axis=0)).astype(np.int64) for group in groups)
    sampling = np.array([np.diag(fit.model_covariance) for fit in fits])
    typical = np.stack([np.median(sampling[:, own], axis=1) for own in columns], axis=1)
    steps = win_steps(fits[0].layout.design, np.array([fit.data.counts / fit.scale for fit in fits]))
    return columns, typical, steps, np.array([fit.maximum.estimated[0] for fit in fits])


def simulated(utilities: list[Floats], pairs: Integers, rng: np.random.Generator) -> list[GroupFit]:
    """Return a fit to choices by the utilities of each replication, all of one graph."""
    outcome = np.where(np.arange(len(pairs)) % 2, "chose_first", "chose_second")
    cells = read_choices(table_of(pairs, outcome)).cells
    baseline = f"i{len(utilities[0]) - 1:03d}"
    data = choice_data(cells, ChoiceOptions(baseline=baseline), has_pair_column=False)
    trials = data.counts.sum(axis=1)
    return [fitted(data, trials, utility, rng) for utility in utilities]


def items(population: Population, size: int, rng: np.random.Generator) -> Floats:
    """Return utilities of items and of the baseline."""
    return np.append(population.draw(rng, size), 0.0)


def margins(population: Population, size: int, with_baseline: int, margin: float) -> Scenario:
    """Return the shares of one class below, within and above a margin about the baseline."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        many = population.draw(np.random.default_rng(0), 1_000_000)
        truths = [float(np.mean(many < -margin)), float(np.mean(np.abs(many) <= margin))]
        truths.append(1 - sum(truths))
        pairs = graph(rng, size, with_baseline, "random")
        utilities = [items(population, size, rng) for _ in range(replications)]
        for (own,) in mixtures(simulated(utilities, pairs, rng), [np.arange(size)], rng):
            for (name, count), truth in zip(own.parts(margin).items(), truths, strict=True):
                row = share_row(count, size, "new_items", LEVEL, of=3)
                yield name, row["low"], row["high"], truth, row["estimate"]

    return scenario


def share(population: Population, size: int, with_baseline: int, design: str = "random") -> Scenario:
    """Return one class of items beside nothing but the baseline."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        pairs = graph(rng, size, with_baseline, design)
        utilities = [items(population, size, rng) for _ in range(replications)]
        fits = simulated(utilities, pairs, rng)
        drawn, before = mixtures(fits, [np.arange(size)], rng), single(fits, size, rng)
        for (own,), (shares, count), utility in zip(drawn, before, utilities, strict=True):
            truths = {"new_items": population.share, "these_items": float(np.mean(utility[:-1] < 0))}
            for estimand in ESTIMANDS:
                row = share_row(own.below.sum(axis=1), size, estimand, LEVEL)
                yield estimand, row["low"], row["high"], truths[estimand], row["estimate"]
            yield "check of the population", own.check, 1.0, 0.05
            row = share_row(count, size, "these_items", LEVEL)
            low, middle, high = np.quantile(shares, [0.025, 0.5, 0.975])
            sharpest = float(special.betaincinv(size + 0.5, 0.5, 0.025))
            bounds = min(float(low), sharpest), max(float(high), 1 - sharpest)
            yield "one normal, new_items", *bounds, truths["new_items"], float(middle)
            yield "one normal, these_items", row["low"], row["high"], truths["these_items"], row["estimate"]

    return scenario


def chosen(
    pairs: Integers, utility: Floats, rng: np.random.Generator, other: str = "", much: float = 0.0
) -> npt.NDArray[np.str_]:
    """Return outcomes of trials; with another outcome that occurs more often where utilities are alike."""
    away = utility[pairs[:, 0]] - utility[pairs[:, 1]] + slots(pairs, rng)
    heights = np.stack([away / 2, -away / 2, np.full(len(away), np.log(much) if much else -np.inf)], axis=1)
    chance = special.softmax(heights, axis=1).cumsum(axis=1)
    at = (rng.random(len(pairs))[:, None] > chance[:, :2]).sum(axis=1)
    words: npt.NDArray[np.str_] = np.array(["chose_first", "chose_second", other])[at]
    return words


def swiss(size: int, rounds: int, utility: Floats, rng: np.random.Generator) -> Integers:
    """Return ordered pairs of neighbours in the standings, in both orders, by rounds."""
    won, pairs = np.zeros(size), []
    for _ in range(rounds):
        order = np.lexsort([rng.random(size), -won])
        both = np.stack([order[: size // 2 * 2 : 2], order[1::2]], axis=1)
        away = utility[both[:, 0]] - utility[both[:, 1]]
        wins = rng.random(len(both)) < special.expit(away)
        won[np.where(wins, both[:, 0], both[:, 1])] += 1
        pairs += [both, both[:, ::-1]]
    return np.concatenate(pairs)


def public(population: Population, size: int, kind: str) -> Scenario:
    """Return one class of items through the model itself, for one kind of data."""

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        utility = items(population, size, rng)
        design = swiss(size, OTHERS, utility, rng) if kind == "swiss" else graph(rng, size, 0, "random")
        hub = graph(rng, size, 4, "hub")
        pairs = np.concatenate([design, hub[(hub == size).any(axis=1)]])
        word = "opted_out" if kind == "neither" else "indifferent"
        much = 0.5 if kind in ("davidson", "rao-kupper", "neither") else 0.0
        table = table_of(pairs, chosen(pairs, utility, rng, word, much))
        options: dict[str, str] = {"ties": kind} if kind in ("davidson", "rao-kupper") else {}
        options |= {"opted_out": "neither"} if kind == "neither" else {}
        fit = choice_model(table, baseline=f"i{size:03d}", **options)  # type: ignore[arg-type]
        truths = {"new_items": population.share, "these_items": float(np.mean(utility[:-1] < 0))}
        drawn = draw_groups(fit, (), ShareSettings.of(fit.options, draws=PUBLIC_DRAWS))[0][0][0]
        for estimand in ESTIMANDS:
            row = share_row(drawn.below.sum(axis=1), size, estimand, LEVEL)
            yield estimand, row["low"], row["high"], truths[estimand], row["estimate"]

    return one_by_one(replicate)


def classes(one: Population, other: Population, size: int) -> Scenario:
    """Return two classes of one model, and their difference."""

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        pairs = graph(rng, 2 * size, 4, "random")
        parts = [np.concatenate([one.draw(rng, size), items(other, size, rng)]) for _ in range(replications)]
        groups: list[Integers] = [np.arange(size), np.arange(size, 2 * size)]
        drawn = mixtures(simulated(parts, pairs, rng), groups, rng)
        for both, utility in zip(drawn, parts, strict=True):
            realised = [float(np.mean(utility[group] < 0)) for group in groups]
            yield from _compared(both, (one.share, other.share), realised, rng)
            for name, own, truth in zip(("one", "other"), both, (one.share, other.share), strict=True):
                row = share_row(own.below.sum(axis=1), size, "new_items", LEVEL)
                yield f"share of the {name}", row["low"], row["high"], truth, row["estimate"]

    return scenario


def models(one: Population, other: Population, size: int, likeness: float) -> Scenario:
    """Return two models asked about the same items, and their difference.

    Items keep their rank in both populations so far: `likeness` is the correlation of normal scores.
    """

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        pairs = graph(rng, size, 4, "random")
        sorted_ = [np.sort(population.draw(rng, 100_000)) for population in (one, other)]
        common, own = rng.normal(size=(replications, size)), rng.normal(size=(2, replications, size))
        scores = np.sqrt(likeness) * common + np.sqrt(1 - likeness) * own
        utilities = [
            [np.append(many[(special.ndtr(score) * (len(many) - 1)).astype(int)], 0.0) for score in part]
            for many, part in zip(sorted_, scores, strict=True)
        ]
        drawn = [mixtures(simulated(part, pairs, rng), [np.arange(size)], rng) for part in utilities]
        for at in range(replications):
            both = [drawn[model][at][0] for model in (0, 1)]
            realised = [float(np.mean(utilities[model][at][:-1] < 0)) for model in (0, 1)]
            yield from _compared(both, (one.share, other.share), realised, rng)

    return scenario


def _compared(
    both: list[ClassDraws], shares: tuple[float, float], realised: list[float], rng: np.random.Generator
) -> Iterator[Covered]:
    for estimand, truth in zip(ESTIMANDS, (shares, realised), strict=True):
        row = share_difference(both[1], both[0], ShareSettings(estimand, LEVEL, PUBLIC_DRAWS, 0), rng)
        yield f"difference, {estimand}", row["low"], row["high"], truth[1] - truth[0], row["estimate"]


SCENARIOS: dict[str, Scenario] = {
    **{f"{name}-40-4": share(population, 40, 4) for name, population in POPULATIONS.items()},
    **{f"{name}-20-4": share(population, 20, 4) for name, population in POPULATIONS.items()},
    **{f"{name}-40-20": share(population, 40, 20) for name, population in POPULATIONS.items()},
    **{f"{name}-10-4": share(population, 10, 4) for name, population in POPULATIONS.items()},
    **{f"{name}-80-4": share(population, 80, 4) for name, population in POPULATIONS.items()},
    **{
        f"{design}-{name}-20-4": share(POPULATIONS[name], 20, 4, design)
        for design in ("all", "hub")
        for name in ("normal-0.9", "far-20-80-noisy")
    },
    **{
        f"public-{kind}-{name}-20": public(POPULATIONS[name], 20, kind)
        for kind in ("swiss", "davidson", "rao-kupper", "neither")
        for name in ("normal-0.9", "far-20-80-noisy")
    },
    **{
        f"margin-{name}-40-4": margins(population, 40, 4, 0.75)
        for name, population in {
            "normal-0.9": POPULATIONS["normal-0.9"],
            "far-20-80-noisy": POPULATIONS["far-20-80-noisy"],
            "half-at-baseline": clusters(0.5, 0, 0, (0.0, 1.5)),
        }.items()
    },
    "classes-far-20": classes(normal(0.9), clusters(0.2, -3, 1, (0.5, 0.5)), 20),
    "classes-normal-20": classes(normal(0.9), normal(0.5), 20),
    "models-normal-20": models(normal(0.9), normal(0.7), 20, 0.7),
    "models-far-20": models(clusters(0.5, -3, 1, (0.5, 0.5)), normal(0.7), 20, 0.7),
    **{
        f"{name}-200-4": share(POPULATIONS[name], 200, 4)
        for name in ("normal-0.5", "normal-0.9", "far-20-80", "far-90-10", "t3")
    },
}

if __name__ == "__main__":
    main(SCENARIOS, str(__doc__))
