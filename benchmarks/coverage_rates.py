"""How often nominal 95% intervals of rates, differences and effects hold the truth, on this field's data.

Usage: python benchmarks/coverage_rates.py [--replications 2000] [--seed 1]

Prints a Markdown table. Items are drawn anew in each replication (`new_items`) unless the row says otherwise.
`naive` is the usual practice beside it: repeats taken as independent (Wilson, Newcombe, logistic
regression with model standard errors); for differences of rare rates it is square-and-add over clusters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq, root
from scipy.special import expit, logit

from bartleby.analysis.inference.few_clusters import rare_with_room
from bartleby.analysis.inference.intervals import clustered_rate, critical_value, independent_rate
from bartleby.analysis.inference.logistic import Cells, fit_logistic
from bartleby.analysis.inference.stratified import stratified_rate
from bartleby.analysis.rates.contrasts import clustered_contrast, independent_contrast, pairs_contrast
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.formulas import Design
from bartleby.analysis.rates.regression import regress

LEVEL = 0.95
Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]
Replication = tuple[float, Interval, Interval]
"""The truth, the default interval, the naive interval."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Scenario:
    """A kind of data, and a generator of replications of it."""

    quantity: str
    name: str
    replicate: Callable[[np.random.Generator], Replication]


def mean_rate(logits: float, spread: float) -> float:
    """Return the mean probability of items whose logits are normal."""
    return float(_WEIGHTS @ expit(logits + spread * _NODES))


def centre_for(rate: float, spread: float) -> float:
    """Return the mean logit that gives a mean probability."""
    return float(brentq(lambda centre: mean_rate(centre, spread) - rate, -30, 30))


def rate_scenario(name: str, items: int, repeats: int, spread: float, rate: float) -> Scenario:
    """Return items with normal logits, a few repeats each."""
    centre = centre_for(rate, spread)

    def replicate(rng: np.random.Generator) -> Replication:
        events = rng.binomial(repeats, expit(rng.normal(centre, spread, items))).astype(float)
        return rate, *rate_intervals(events, repeats)

    return Scenario("rate", f"{name}: {items} items x {repeats}, sd {spread:g}, rate {rate:.0%}", replicate)


def heavy_rate_scenario(items: int, repeats: int, rate: float) -> Scenario:
    """Return items whose chances are log-normal with a standard deviation of 1.5, cut at 1: few have most."""
    drawn = np.random.default_rng(0).lognormal(0, 1.5, 1_000_000)
    factor = float(brentq(lambda at: float(np.minimum(at * drawn, 1).mean()) - rate, 0, 1))

    def replicate(rng: np.random.Generator) -> Replication:
        chance = np.minimum(factor * rng.lognormal(0, 1.5, items), 1)
        return rate, *rate_intervals(rng.binomial(repeats, chance).astype(float), repeats)

    return Scenario("rate, heavy tails", f"{items} items x {repeats}, rate {rate:.0%}", replicate)


def kinds_scenario(items: int, repeats: int) -> Scenario:
    """Return items of which a fifth nearly always does what the others never do."""

    def replicate(rng: np.random.Generator) -> Replication:
        chance = np.where(rng.random(items) < 0.2, 0.9, 0.0)
        return 0.18, *rate_intervals(rng.binomial(repeats, chance).astype(float), repeats)

    return Scenario(
        "rate, two kinds", f"{items} items x {repeats}, a fifth at 90%, the others never", replicate
    )


def rate_intervals(events: Floats, repeats: int) -> tuple[Interval, Interval]:
    """Return the default and the naive interval of a rate."""
    fit = clustered_rate(events, np.full(len(events), float(repeats)), LEVEL)
    fit = rare_with_room(fit, len(events), LEVEL)
    naive = independent_rate(float(events.sum()), float(repeats * len(events)), LEVEL)
    return (fit.low, fit.high), (naive.low, naive.high)


def harmful_rate_scenario() -> Scenario:
    """Return items of which one in eight is harmful and mostly left."""
    high, low, spread = 1.0, -4.0, 1.0
    truth = mean_rate(high, spread) / 8 + mean_rate(low, spread) * 7 / 8

    def replicate(rng: np.random.Generator) -> Replication:
        centre = np.where(rng.random(40) < 1 / 8, high, low)
        events = rng.binomial(20, expit(rng.normal(centre, spread))).astype(float)
        return truth, *rate_intervals(events, 20)

    return Scenario("rate", "about 5 of 40 items harmful and mostly left, x 20", replicate)


def these_items_scenario(name: str, spread: float, repeats: int) -> Scenario:
    """Return the same 40 items asked again and again."""
    items = np.linspace(-2.2, 2.2, 40) * spread - 1

    def replicate(rng: np.random.Generator) -> Replication:
        events = rng.binomial(repeats, expit(items)).astype(float)
        n = np.full(40, float(repeats))
        fit = stratified_rate(events, n, LEVEL)
        naive = independent_rate(float(events.sum()), float(n.sum()), LEVEL)
        return float(expit(items).mean()), (fit.low, fit.high), (naive.low, naive.high)

    return Scenario(
        "rate, these items", f"{name}: 40 items x {repeats}, sd about {1.3 * spread:g}", replicate
    )


def difference_scenario(name: str, items: int, repeats: int, spread: float, *, crossed: bool) -> Scenario:
    """Return two conditions, on the same or on different items, the effect varying between items."""
    truth = mean_rate(0.0, float(np.hypot(spread, 0.5))) - mean_rate(-1.0, spread)

    def replicate(rng: np.random.Generator) -> Replication:
        base = rng.normal(0, spread, items)
        other = base if crossed else rng.normal(0, spread, items)
        one = rng.binomial(repeats, expit(base + rng.normal(0, 0.5, items))).astype(float)
        two = rng.binomial(repeats, expit(other - 1)).astype(float)
        names = np.arange(items)
        arms = [
            pd.DataFrame({"cluster": label, "events": events, "n": float(repeats), "trials": float(repeats)})
            for label, events in ((names, one), (names if crossed else names + items, two))
        ]
        fit = clustered_contrast(arms[0], arms[1], stratified=False, paired=False)
        total = float(items * repeats)
        naive = independent_contrast(float(one.sum()), total, float(two.sum()), total, "")
        return truth, fit.interval_of("auto")[0](LEVEL), naive.interval(LEVEL)

    return Scenario("difference", f"{name}: {items} items x {repeats}, sd {spread:g}", replicate)


def never_scenario(sizes: tuple[int, int], repeats: int, gap: float, arms: str) -> Scenario:
    """Return items of which four in five never do it, whatever the condition."""

    def draw(rng: np.random.Generator, items: int) -> tuple[Floats, Floats]:
        often, base = rng.random(items) < 0.2, rng.normal(0, 0.5, items)
        return np.where(often, expit(base + gap), 0.0), np.where(often, expit(base), 0.0)

    truth = 0.2 * (mean_rate(gap, 0.5) - mean_rate(0.0, 0.5))
    name = f"4 in 5 items never, {sizes[0]} and {sizes[1]} items x {repeats}, {arms}"
    return Scenario("difference", f"{name}, true {truth:.2f}", two_arms(draw, sizes, repeats, truth, arms))


def rare_scenario(sizes: tuple[int, int], repeats: int, centre: float, gap: float, arms: str) -> Scenario:
    """Return items whose logits differ by 1.5 and seldom do it."""

    def draw(rng: np.random.Generator, items: int) -> tuple[Floats, Floats]:
        base = rng.normal(centre, 1.5, items)
        return expit(base + gap), expit(base)

    rate = mean_rate(centre, 1.5)
    truth = mean_rate(centre + gap, 1.5) - rate
    name = f"rate {rate:.1%}, {sizes[0]} and {sizes[1]} items x {repeats}, {arms}"
    return Scenario("difference", f"{name}, true {truth:.2f}", two_arms(draw, sizes, repeats, truth, arms))


def two_arms(
    draw: Callable[[np.random.Generator, int], tuple[Floats, Floats]],
    sizes: tuple[int, int],
    repeats: int,
    truth: float,
    arms: str,
) -> Callable[[np.random.Generator], Replication]:
    """Return replications of two arms with the same items (`paired`, unequal repeats) or with other items.

    Beside the default interval is square-and-add, which was the default until 30 November 2026.
    """

    def replicate(rng: np.random.Generator) -> Replication:
        one, two = draw(rng, sizes[0])
        if arms == "own items":
            two = draw(rng, sizes[1])[1]
        frames = []
        for offset, chance in ((0, one), (0 if arms == "paired" else sizes[0], two)):
            n = np.maximum(1, np.round(repeats * rng.lognormal(0, 0.6, len(chance))))
            events = rng.binomial(n.astype(int), chance) / (n if arms == "paired" else 1)
            weights = np.ones_like(n) if arms == "paired" else n
            labels = np.arange(len(chance)) + offset
            frames.append(pd.DataFrame({"cluster": labels, "events": events, "n": weights, "trials": n}))
        fit = clustered_contrast(frames[0], frames[1], stratified=False, paired=arms == "paired")
        return truth, fit.interval_of("auto")[0](LEVEL), fit.interval(LEVEL)

    return replicate


def pairs_scenario(items: int, spread: float) -> Scenario:
    """Return single answers to the same items under two conditions."""
    truth = mean_rate(0.0, spread) - mean_rate(-1.0, spread)

    def replicate(rng: np.random.Generator) -> Replication:
        base = rng.normal(0, spread, items)
        one, two = rng.random(items) < expit(base), rng.random(items) < expit(base - 1)
        table = [float(np.sum(a & b)) for a, b in ((one, two), (one, ~two), (~one, two), (~one, ~two))]
        fit = pairs_contrast(*table)
        naive = independent_contrast(float(one.sum()), float(items), float(two.sum()), float(items), "")
        return truth, fit.interval(LEVEL), naive.interval(LEVEL)

    return Scenario("difference, paired", f"{items} items asked once each way, sd {spread:g}", replicate)


def slope_scenario(name: str, items: int, repeats: int, spread: float, rate: float) -> Scenario:
    """Return a rating of each item that raises the logit by 0.5 a unit."""
    centre = brentq(lambda at: mean_rate(at, float(np.hypot(spread, 0.5))) - rate, -30, 30)
    truth = population_slope(float(centre), 0.5, spread)

    def replicate(rng: np.random.Generator) -> Replication:
        rating = rng.normal(0, 1, items)
        events = rng.binomial(repeats, expit(rng.normal(centre + 0.5 * rating, spread))).astype(float)
        return truth, *slope_intervals(rating, events, repeats)

    return Scenario(
        "effect of a rating", f"{name}: {items} items x {repeats}, sd {spread:g}, rate {rate:.0%}", replicate
    )


def harmful_slope_scenario(high: float, low: float, spread: float, name: str) -> Scenario:
    """Return 5 of 40 items that are harmful: the log odds ratio between the two kinds."""
    truth = float(logit(mean_rate(high, spread)) - logit(mean_rate(low, spread)))
    harmful = (np.arange(40) < 5).astype(float)

    def replicate(rng: np.random.Generator) -> Replication:
        events = rng.binomial(20, expit(rng.normal(np.where(harmful > 0, high, low), spread))).astype(float)
        return truth, *slope_intervals(harmful, events, 20)

    return Scenario("effect of harm", f"{name}, x 20, sd {spread:g}", replicate)


def population_slope(centre: float, slope: float, spread: float) -> float:
    """Return the slope that logistic regression finds in an endless sample of such items.

    The mean over items with a normal intercept is not quite logistic in the rating, and flatter.
    """
    mean = np.array([mean_rate(centre + slope * rating, spread) for rating in _NODES])
    design = np.column_stack([np.ones_like(_NODES), _NODES])

    def scores(beta: Floats) -> Floats:
        result: Floats = design.T @ (_WEIGHTS * (mean - expit(design @ beta)))
        return result

    return float(root(scores, np.array([centre, slope])).x[1])


def slope_intervals(rating: Floats, events: Floats, repeats: int) -> tuple[Interval, Interval]:
    """Return the default (CR2, or Firth where separated) and the naive interval of a slope."""
    matrix, n = np.column_stack([np.ones_like(rating), rating]), np.full(len(rating), float(repeats))
    design = Design(matrix, ("Intercept", "rating"), pd.DataFrame({"rating": rating}), None)
    fit = regress(Counted(design, events, n, np.arange(len(rating))), "auto", repeats_independent=False)
    if fit.profile is not None:
        default = fit.profile(1, LEVEL)[:2]
    else:
        error, df = (float(each[0]) for each in fit.errors(np.array([[0.0, 1.0]])))
        half = critical_value(LEVEL, df) * error
        default = (float(fit.beta[1]) - half, float(fit.beta[1]) + half)
    plain = fit_logistic(Cells(matrix, events, n))
    half = critical_value(LEVEL) * float(np.sqrt(plain.covariance[1, 1]))
    return default, (float(plain.beta[1]) - half, float(plain.beta[1]) + half)


def scenarios() -> Iterator[Scenario]:
    """Yield every kind of data of the table."""
    yield rate_scenario("typical", 40, 20, 1, 0.3)
    yield rate_scenario("typical", 40, 20, 2, 0.3)
    yield rate_scenario("few clusters", 10, 80, 1, 0.3)
    yield rate_scenario("few clusters", 10, 80, 2, 0.3)
    for rate in (0.02, 0.05, 0.1):
        yield rate_scenario("rare", 40, 20, 1, rate)
        yield rate_scenario("rare", 40, 20, 2, rate)
    yield rate_scenario("rare, few clusters", 10, 80, 1, 0.05)
    yield rate_scenario("rare, few clusters", 10, 80, 2, 0.05)
    yield rate_scenario("nearly all", 40, 20, 2, 0.95)
    yield harmful_rate_scenario()
    yield these_items_scenario("mixed items", 1, 20)
    yield these_items_scenario("decided items", 4, 20)
    yield these_items_scenario("few repeats", 1.5, 3)
    yield difference_scenario("same items", 40, 20, 1, crossed=True)
    yield difference_scenario("same items", 40, 20, 2, crossed=True)
    yield difference_scenario("same items", 10, 80, 2, crossed=True)
    yield difference_scenario("other items", 40, 20, 1, crossed=False)
    yield difference_scenario("other items", 10, 80, 2, crossed=False)
    for arms in ("own items", "same items", "paired"):
        for items in (10, 20):
            for gap in (0.0, 1.5):
                yield never_scenario((items, items), 10, gap, arms)
                yield rare_scenario((items, items), 20, -5.0, gap, arms)
        yield rare_scenario((40, 40), 20, -5.0, 1.0, arms)
    yield rare_scenario((8, 40), 20, -4.0, 1.5, "own items")
    yield pairs_scenario(40, 1)
    yield pairs_scenario(100, 2)
    yield slope_scenario("typical", 40, 20, 1, 0.3)
    yield slope_scenario("typical", 40, 20, 2, 0.3)
    yield slope_scenario("few clusters", 10, 80, 1, 0.3)
    yield slope_scenario("rare", 40, 20, 1, 0.05)
    yield harmful_slope_scenario(0.0, -2.0, 1, "5 of 40 harmful")
    yield harmful_slope_scenario(0.0, -2.0, 2, "5 of 40 harmful")
    yield harmful_slope_scenario(4.5, -2.0, 1, "5 of 40 harmful, often separated")
    yield rate_scenario("few clusters", 20, 20, 1, 0.3)
    for items in (8, 12, 15, 25):
        yield heavy_rate_scenario(items, 20, 0.3)
    yield heavy_rate_scenario(15, 20, 0.1)
    yield heavy_rate_scenario(12, 20, 0.04)
    for items in (8, 10, 12, 15, 20):
        yield kinds_scenario(items, 20)


def row_of(scenario: Scenario, replications: int, rng: np.random.Generator) -> str:
    """Simulate a scenario and return its row of the table."""
    inside, naive_inside, below, above, undefined = 0, 0, 0, 0, 0
    widths: list[tuple[float, float]] = []
    for _ in range(replications):
        truth, (low, high), (naive_low, naive_high) = scenario.replicate(rng)
        undefined += bool(np.isnan(low))
        inside += low <= truth <= high
        below += high < truth
        above += low > truth
        naive_inside += naive_low <= truth <= naive_high
        widths.append((high - low, naive_high - naive_low))
    shares = [each / replications for each in (inside, below, above, undefined, naive_inside)]
    mark = "" if 0.935 <= shares[0] <= 0.965 else " *"
    numbers = " | ".join(f"{share:.3f}" for share in shares[1:])
    width, naive_width = np.nanmedian(widths, axis=0)
    lengths = f"{width:.3f} | {naive_width:.3f}"
    return f"| {scenario.quantity} | {scenario.name} | {shares[0]:.3f}{mark} | {numbers} | {lengths} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="rows whose quantity begins with this")
    options = parser.parse_args()
    print(f"{options.replications} replications, seed {options.seed}; * outside 0.935 to 0.965\n")
    print(
        "| quantity | data | covers | truth above | truth below | undefined | naive covers | width | naive |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for number, scenario in enumerate(scenarios()):
        if not scenario.quantity.startswith(options.only):
            continue
        rng = np.random.default_rng([options.seed, number])
        print(row_of(scenario, options.replications, rng), flush=True)


if __name__ == "__main__":
    main()
