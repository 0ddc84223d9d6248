"""Coverage of the intervals of the choice model on data of known truth, as a Markdown table.

    python -m benchmarks.coverage_choice                                # everything, 2,000 replications
    python -m benchmarks.coverage_choice --only sparse --save sparse.jsonl

Every row says how often nominal 95% intervals held the truth, with the Monte Carlo margin of that share, on
which side they missed, and their median width. Naive practice stands beside it. The share of items below
the baseline has a table of its own, `coverage_shares`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias
from unittest import mock

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy import special

from bartleby.analysis.choice import contrast_intervals
from bartleby.analysis.choice.attributes import regress_items
from bartleby.analysis.choice.bootstrap import expanded_tail, reported_replicates
from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.model import MOST_ADAPTIVE
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.posteriors.priors import Sample, SamplePriors
from bartleby.analysis.choice.posteriors.unbiased import drawn_again, prior_weights, unbiased_prior
from bartleby.analysis.choice.posteriors.utilities import run_chains
from bartleby.analysis.choice.posteriors.wins import win_steps
from bartleby.analysis.choice.resampling import resampling
from bartleby.analysis.choice.table import read_choices
from bartleby.studies.design.graphs import Pair, SwissRounds

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
PairEffects: TypeAlias = Callable[[np.random.Generator, int], tuple[Floats, Floats]]

WAYS = {"profile": math.inf, "square-and-add": 0.0}
"""How intervals of separated items are made, with the work up to which all other items are refitted."""
SLOT, LEVEL, REPLICATES, DRAWS = 0.5, 0.95, 400, 400


def template(first: Integers, second: Integers) -> tuple[ChoiceData, Floats]:
    """Return the data of ordered pairs with outcomes to be filled in, and the trials of each cell."""
    size = int(max(first.max(), second.max())) + 1
    names = np.array([f"i{at:03d}" for at in range(size)])
    outcome = np.where(np.arange(len(first)) % 2, "chose_first", "chose_second")
    table = pd.DataFrame({"first": names[first], "second": names[second], "outcome": outcome})
    data = choice_data(read_choices(table).cells, ChoiceOptions(baseline=names[-1]), has_pair_column=False)
    return data, data.counts.sum(axis=1)


def drawn(data: ChoiceData, trials: Floats, logit: Floats, rng: np.random.Generator) -> ChoiceData:
    """Return the data with choices drawn in each cell."""
    wins = rng.binomial(trials.astype(np.int64), special.expit(logit)).astype(float)
    counts = np.stack([wins, trials - wins], axis=1)
    return replace(data, counts=counts, row_counts=counts[data.row_cell])


def fitted(data: ChoiceData, clusters: tuple[str, ...] = ("pair",)) -> GroupFit:
    """Return the fit as `choice_model` makes it, against the last item."""
    return fit_group({}, data, ChoiceOptions(baseline=data.items[-1], clusters=clusters))


def intervals(fit: GroupFit, terms: list[int], cluster: str | None = "pair") -> tuple[Floats, Floats]:
    """Return the bounds of some terms as `choice_model` reports them; -1 is the slot effect."""
    clusters = () if cluster is None else (cluster,)
    rows = fit.rows(ChoiceOptions(baseline=fit.data.items[-1], clusters=clusters))
    low, high = (np.array([rows[term][side] for term in terms]) for side in ("low", "high"))
    return low, high


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


def percentile(
    fit: GroupFit, cluster: str, rng: np.random.Generator, *, expanded: bool = False
) -> tuple[Floats, Floats]:
    """Return percentile intervals of all terms by a bootstrap, or expanded ones as `fit.bootstrap` has."""
    drawn = resampling(fit.data, (cluster,))
    found = np.concatenate(list(reported_replicates(fit, drawn, REPLICATES, rng)))
    tail = (1 - LEVEL) / 2
    tail = expanded_tail(tail, fit, (cluster,), drawn.n_clusters) if expanded else tail
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    return low, high


def _some(bounds: tuple[Floats, Floats], terms: list[int]) -> tuple[Floats, Floats]:
    return bounds[0][terms], bounds[1][terms]


def pairs_alike(spread: float, repeats: int) -> Scenario:
    """Return ten items, all pairs in both orders, pairs going their own way by `spread` logits."""
    # Mixing over pairs flattens logits; what is covered is the population value under that mixing.
    flat = 1 / math.sqrt(1 + 0.346 * spread**2)

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        data, trials = template(*all_pairs(10, repeats))
        for _ in range(replications):
            utility = np.append(rng.normal(size=9), 0.0)
            own = spread * np.triu(rng.normal(size=(10, 10)), 1)
            logit = utility[data.first] - utility[data.second] + SLOT
            once = drawn(data, trials, logit + (own - own.T)[data.first, data.second], rng)
            truth = flat * np.append(utility[:9], SLOT)
            terms = [*range(9), 10]
            fit, plain = fitted(once), fitted(once, ())
            ways = {
                "CR2 by pair (default)": intervals(fit, terms),
                "cluster bootstrap by pair, percentile": _some(percentile(fit, "pair", rng), terms),
                "cluster bootstrap by pair, expanded": _some(
                    percentile(fit, "pair", rng, expanded=True), terms
                ),
                "naive: trials independent": intervals(plain, terms, None),
            }
            for name, (low, high) in ways.items():
                for at, value in enumerate(truth):
                    yield f"{'slot' if at == 9 else 'utilities'}, {name}", low[at], high[at], value

    return scenario


def sparse(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
    """Yield fifty items, degree 6, both orders once; one item far below all others."""
    data, trials = template(*sparse_pairs(rng, 50, 6))
    terms = [0, 1, 2, 50]
    names = ["lowest item", "other items", "other items", "slot"]
    for at in range(replications):
        utility = np.append(rng.normal(size=49), 0.0)
        utility[0] = -4.0
        once = drawn(data, trials, utility[data.first] - utility[data.second] + SLOT, rng)
        fit = fitted(once)
        ways = {
            "default (profile if separated)": intervals(fit, terms),
            "naive: ML, sandwich": _sandwich(once, terms),
        }
        if at % 25 == 0:  # Dear, and far from 95%: some of the replications are enough.
            maximum = replace(fit, penalised=False)
            ways["naive: percentile bootstrap of ML"] = _some(percentile(maximum, "pair", rng), terms)
        for name, (low, high) in ways.items():
            for index, term in enumerate(terms):
                truth = SLOT if term == 50 else float(utility[term])
                yield f"{names[index]}, {name}", low[index], high[index], truth


def separated(population: str, n_items: int, degree: int) -> Scenario:
    """Return sparse pairs in which some items may never or always win, by how their intervals are made.

    `profile` refits all items; `square-and-add` is what takes its place with many items. All data sets count,
    those without a separated item too, and the baseline (the last item) is not asked whether it is separated:
    of items and baselines picked by their luck no interval holds 95%.
    """

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        data, trials = template(*sparse_pairs(rng, n_items, degree))
        for _ in range(replications):
            utility = POPULATIONS[population](rng, n_items)
            utility -= utility[-1]
            fit = fitted(drawn(data, trials, utility[data.first] - utility[data.second] + SLOT, rng))
            apart = set(fit.separation.items)
            terms = list(range(n_items - 1))
            lowest = int(utility.argmin())
            for name, most in WAYS.items():
                with mock.patch.object(contrast_intervals, "_MOST_REFITTED", most):
                    low, high = intervals(fit, terms)
                for term in terms:
                    kinds = ["all items"]
                    kinds += ["separated"] if term in apart else []
                    kinds += ["lowest"] if term == lowest else []
                    for kind in kinds:
                        yield f"{kind}, {name}", low[term], high[term], float(utility[term])

    return scenario


def exact(kind: str, n_items: int, degree: int | None) -> Scenario:
    """Return answers with exact probabilities, in all pairs or in sparse ones, both orders once.

    Pairs have leanings and position effects of their own. The truth is the utility, and the mean position
    effect over pairs, in logits.
    """
    population, pair_effects = EXACT[kind]

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        shown = all_pairs(n_items, 1) if degree is None else sparse_pairs(rng, n_items, degree)
        data, _ = template(*shown)
        pairs, pair = np.unique(data.pairs, return_inverse=True)
        side = np.where(data.first < data.second, 1.0, -1.0)
        for _ in range(replications):
            utility = POPULATIONS[population](rng, n_items)
            utility -= utility[-1]
            leaning, position = pair_effects(rng, len(pairs))
            logit = utility[data.first] - utility[data.second] + side * leaning[pair] + SLOT + position[pair]
            chance = special.expit(logit)
            counts = np.stack([chance, 1 - chance], axis=1)
            once = replace(
                data,
                counts=counts,
                row_counts=counts[data.row_cell],
                trials=np.ones(len(logit)),
                log_odds=logit[data.row_cell],
            )
            ways = {"default": once, "average answers": replace(once, log_odds=None)}
            for name, mine in ways.items():
                fit = fitted(mine)
                rows = fit.rows(ChoiceOptions(baseline=data.items[-1], clusters=("pair",)))
                for at, row in enumerate(rows):
                    truth = SLOT if at == n_items else float(utility[at])
                    what = "position" if at == n_items else "utilities"
                    if at != n_items - 1:
                        yield f"{what}, {name}", row["low"], row["high"], truth, row["estimate"]

    return scenario


def _pair_effects(spread: float) -> PairEffects:
    """Return normal leanings of 0.3 logits (sd) and position effects of `spread`."""
    return lambda rng, size: (0.3 * rng.normal(size=size), spread * rng.normal(size=size))


def _heavy(rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
    return 0.5 * rng.standard_t(3, size=size), 0.5 * rng.standard_t(3, size=size)


def _skewed(rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
    """Return position effects of 2 logits more in a fifth of pairs, and leanings that go with them."""
    many = rng.random(size) < 0.2
    return np.where(many, 1.0, 0.2) * rng.normal(size=size), np.where(many, 1.6, -0.4)


def _sandwich(data: ChoiceData, terms: list[int]) -> tuple[Floats, Floats]:
    """Maximum likelihood with a plain sandwich, stopped after 25 iterations as common software does."""
    size = data.n_items
    X = np.zeros((len(data.first), size + 1))
    rows = np.arange(len(X))
    X[rows, data.first] += 1
    X[rows, data.second] -= 1
    X[:, -1] = 1
    X = np.delete(X, size - 1, axis=1)
    wins, n = data.counts[:, 0], data.counts.sum(axis=1)
    beta = np.zeros(X.shape[1])
    for _ in range(25):
        p = special.expit(X @ beta)
        beta = beta + np.linalg.pinv(X.T @ (X * (n * p * (1 - p))[:, None]), hermitian=True) @ (
            X.T @ (wins - n * p)
        )
    p = special.expit(X @ beta)
    bread = np.linalg.pinv(X.T @ (X * (n * p * (1 - p))[:, None]), hermitian=True)
    meat = wins * (1 - p) ** 2 + (n - wins) * p**2
    error = np.sqrt(np.diag(bread @ (X.T @ (X * meat[:, None])) @ bread))
    at = [term - (term >= size) for term in terms]
    return beta[at] - 1.96 * error[at], beta[at] + 1.96 * error[at]


def attributes(n_items: int, spread: float) -> Scenario:
    """Return items whose utility falls with harm and rises with difficulty, two ratings that go together.

    The data sets of a block have the same ratings, and are sampled together, one chain of 400 draws
    each, where `ChoiceFit.attributes` has 4,000 of sixteen chains.
    """
    slopes = np.array([-0.8, 0.3])
    data, trials = template(*sparse_pairs(np.random.default_rng(n_items), n_items + 1, 6))

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        harm = rng.permutation(np.arange(n_items) % 4).astype(float)
        X = np.column_stack([np.ones(n_items), harm, 0.7 * harm + rng.normal(size=n_items)])
        utilities = X[:, 1:] @ slopes + spread * rng.normal(size=(replications, n_items))
        fits = [
            fitted(drawn(data, trials, each[data.first] - each[data.second] + SLOT, rng))
            for each in np.column_stack([utilities, np.zeros(replications)])
        ]
        for fit, utility, coefficients in zip(fits, utilities, _slopes(fits, X, rng), strict=True):
            estimates = fit.layout.contrasts[:n_items] @ fit.maximum.estimated[0]
            these = regress_items(fit, np.arange(n_items), X)
            here = np.linalg.lstsq(X, utility, rcond=None)[0]
            alone = _one_at_a_time(estimates, X[:, 1:])
            for at, name in ((1, "harm"), (2, "difficulty")):
                low, high = np.quantile(coefficients[:, at], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                yield f"{name}, new_items (default)", float(low), float(high), slopes[at - 1]
                row = these.row(np.eye(3)[at], LEVEL)
                yield f"{name}, these_items", row["low"], row["high"], here[at]
                yield f"{name}, naive: one attribute at a time", *alone[at - 1], slopes[at - 1]

    return scenario


def _slopes(fits: list[GroupFit], X: Floats, rng: np.random.Generator) -> Floats:
    """Return draws of the coefficients for each of several fits of one graph (fits, draws, p)."""
    layout, items = fits[0].layout, np.arange(len(X))
    sample = Sample(layout.design.basis[items], X)
    typical = np.array([np.median(np.diag(fit.model_covariance)[items]) for fit in fits])
    steps = win_steps(layout.design, np.array([fit.data.counts / fit.scale for fit in fits]))
    start = np.array([fit.maximum.estimated[0] for fit in fits])
    kept, found, spreads = run_chains(steps, SamplePriors([sample], typical[:, None]), start, DRAWS, rng)
    for at, fit in enumerate(fits):
        weight = prior_weights(unbiased_prior(fit, items, X), typical[at], kept[at], spreads[at, :, 0])
        found[at] = found[at][drawn_again(weight, rng)]
    return found


def _one_at_a_time(estimates: Floats, ratings: Floats) -> list[tuple[float, float]]:
    found = []
    for rating in ratings.T:
        away = rating - rating.mean()
        slope = float(away @ estimates / (away @ away))
        left = estimates - estimates.mean() - slope * away
        half = 1.96 * math.sqrt(float(left @ left) / (len(left) - 2) / float(away @ away))
        found.append((slope - half, slope + half))
    return found


def rounds(
    population: str, n_items: int, n_rounds: int, *, random_rounds: int | None, varying: float = 0.0
) -> Scenario:
    """Return rounds of a tournament, each pair in both orders; position effects vary over pairs.

    The truth of the position effect is the logit of taking the first of two items that are liked the same,
    averaged over pairs. Everything is against the last item.
    """
    graph = SwissRounds(n_rounds, random_rounds)
    names = [f"i{at:03d}" for at in range(n_items)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    chance = float(weights @ special.expit(SLOT + varying * nodes) / weights.sum())

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        utility = POPULATIONS[population](rng, n_items)
        table = _tournament(graph, dict(zip(names, utility, strict=True)), varying, rng)
        read = read_choices(table)
        options = ChoiceOptions(baseline=names[-1])
        data = choice_data(read.cells, options, has_pair_column=False)
        adaptive = read.adaptive_share({}) > MOST_ADAPTIVE
        fit = fit_group({}, data, options, adaptive=adaptive)
        truth = np.append(utility - utility[-1], special.logit(chance))
        lowest = int(utility[:-1].argmin())
        for name, one in {"default": fit, "as if not adaptive": replace(fit, population=None)}.items():
            if name == "as if not adaptive" and not adaptive:
                continue
            rows = one.rows(options)
            for at, row in enumerate(rows):
                what = "position" if at == n_items else "utilities"
                if at != n_items - 1:
                    yield f"{what}, {name}", row["low"], row["high"], float(truth[at])
                if at == lowest:
                    yield f"lowest, {name}", row["low"], row["high"], float(truth[at])
            if utility.std() > 0:
                # No interval: its width is how far apart estimates are over how far apart utilities are.
                slope = float(np.polyfit(truth[:n_items], [row["estimate"] for row in rows[:n_items]], 1)[0])
                yield f"WIDTH is the slope on true utilities, {name}", 0.0, slope, slope / 2

    return one_by_one(replicate)


def _tournament(
    graph: SwissRounds, utility: dict[str, float], varying: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return choices of all rounds, with how pairs were chosen."""
    won, shown = dict.fromkeys(utility, 0.5), dict.fromkeys(utility, 1.0)
    rows: list[tuple[object, ...]] = []
    previous: list[Pair] = []
    for number in range(graph.rounds):
        scores = {name: won[name] / shown[name] for name in utility} if number else {}
        pairs = graph.pairs(list(utility), rng, number, previous, scores)
        previous += pairs
        for one, other in pairs:
            slot = SLOT + varying * rng.normal()
            for first, second in ((one, other), (other, one)):
                took = rng.random() < special.expit(utility[first] - utility[second] + slot)
                won[first if took else second] += 1
                shown[first] += 1
                shown[second] += 1
                rows.append((first, second, took, graph.adapts(number)))
    table = pd.DataFrame(rows, columns=["first", "second", "took", "adapts"])
    return table.assign(
        outcome=np.where(table["took"], "chose_first", "chose_second"),
        pairing=np.where(table["adapts"], "adaptive", "random"),
    )


def _two_groups(rng: np.random.Generator, size: int) -> Floats:
    low = rng.permutation(size) < 0.2 * size
    return np.where(low, -3.0, 1.0) + 0.3 * rng.normal(size=size)


def _one_far(rng: np.random.Generator, size: int, *, last: float = 0.0) -> Floats:
    utility = 0.7 * rng.normal(size=size)
    utility[0], utility[-1] = -4.0, last
    return utility


POPULATIONS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal-0.5": lambda rng, size: 0.5 * rng.normal(size=size),
    "normal-1": lambda rng, size: rng.normal(size=size),
    "normal-2": lambda rng, size: 2.0 * rng.normal(size=size),
    "t-3": lambda rng, size: rng.standard_t(3, size=size),
    "two-groups": _two_groups,
    "equal": lambda _, size: np.zeros(size),
    "one-far": _one_far,
    "far-baseline": lambda rng, size: _one_far(rng, size, last=3.0),
}


EXACT: dict[str, tuple[str, PairEffects]] = {
    "0.3": ("normal-1", _pair_effects(0.3)),
    "1": ("normal-1", _pair_effects(1.0)),
    "heavy": ("t-3", _heavy),
    "skewed": ("normal-1", _skewed),
    "two-groups": ("two-groups", _pair_effects(0.5)),
}


SCENARIOS: dict[str, Scenario] = {
    "dense": pairs_alike(0.0, 4),
    "clustered": pairs_alike(0.7, 10),
    "sparse": sparse,
    **{
        f"exact-{kind}-{items}": exact(kind, items, degree)
        for kind in EXACT
        for items, degree in ((10, None), (30, 6))
    },
    **{
        f"separated-{population}-{items}-{degree}": separated(population, items, degree)
        for population in POPULATIONS
        for items, degree in ((20, 4), (40, 6), (80, 6))
    },
    **{
        f"{'varying-' if varying else ''}{design}-{population}-{items}-{number}": rounds(
            population, items, number, random_rounds=random, varying=varying
        )
        for design, random in (("swiss", None), ("adaptive", 0))
        for population in POPULATIONS
        for items, number in ((20, 8), (40, 5), (40, 10), (40, 20), (100, 10), (200, 50))
        for varying in (0.0, 1.0)
    },
    **{f"attributes-{n}-{spread:g}": attributes(n, spread) for n in (20, 40) for spread in (0.5, 1.0)},
}

if __name__ == "__main__":
    main(SCENARIOS, str(__doc__))
