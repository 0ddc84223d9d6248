"""Coverage of means, of differences of means and of rates, of slopes, and the power effects were sized for.

python -m benchmarks.coverage_means [--replications 2000] [--only mean]

All replications of a row are computed at once, with the functions behind `mean`, `difference` and
`minimum_detectable_effect`. Items are drawn anew in each replication and asked unequally often where the
row says so. `t` is plus and minus t standard errors (CR2, Satterthwaite).
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import betaincinv, expit, stdtrit

from bartleby.analysis.inference.few_clusters import FewClusters, Unseen, farthest, of_arms, widened
from bartleby.analysis.inference.means import (
    clustered_spread,
    mean_fit,
    skewed_bounds,
    skewed_intervals,
    tails,
)
from bartleby.analysis.rates.contrasts import clustered_contrast
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.formulas import Design
from bartleby.analysis.rates.linear import regress_linear
from bartleby.analysis.rates.power import minimum_detectable_effect

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
Arm = tuple[float, float, int]
"""Rate, likeness and number of items."""


def _mixed(share: float, far: float) -> Draw:
    """Return items at 1, a share of them far, each 0.2 about that."""
    return lambda rng, size: np.where(rng.random(size) < share, far, 1.0) + rng.normal(0, 0.2, size)


POPULATIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, size: rng.normal(0, 1, size), 0.0),
    "exponential": (lambda rng, size: rng.exponential(1, size), 1.0),
    "lognormal, sd 1 of logs": (lambda rng, size: rng.lognormal(0, 1, size), math.exp(0.5)),
    "t with 3 df": (lambda rng, size: rng.standard_t(3, size), 0.0),
    "gamma of shape 0.5": (lambda rng, size: rng.gamma(0.5, 1, size), 0.5),
    "two tails of lognormal, 3 to 1": (
        lambda rng, size: np.where(rng.random(size) < 0.75, 1, -1) * rng.lognormal(0, 0.9, size),
        0.5 * math.exp(0.405),
    ),
    "1 for 80%, 5 for 20%": (
        _mixed(0.2, 5.0),
        1.8,
    ),
    "1 for 90%, 5 for 10%": (_mixed(0.1, 5.0), 1.4),
    "1 for 95%, 5 for 5%": (_mixed(0.05, 5.0), 1.2),
    "1 for 80%, 9 for 20%": (_mixed(0.2, 9.0), 2.6),
    "Poisson of 0.5 for 80%, of 6 for 20%": (
        lambda rng, size: rng.poisson(np.where(rng.random(size) < 0.2, 6, 0.5)).astype(float),
        1.6,
    ),
    "0 for 70%, lognormal for 30%": (
        lambda rng, size: np.where(rng.random(size) < 0.3, rng.lognormal(0, 1, size), 0.0),
        0.3 * math.exp(0.5),
    ),
    "0 for half, exponential of 2 for half": (
        lambda rng, size: np.where(rng.random(size) < 0.5, rng.exponential(2, size), 0.0),
        1.0,
    ),
}
"""Means of items, and the mean of the population."""


def parts_of(totals: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Return means (R,), CR2 contributions (R, K) and degrees of freedom (R,), as in `clustered_spread`."""
    total = n.sum(axis=1, keepdims=True)
    mean, share = totals.sum(axis=1, keepdims=True) / total, n / total
    own, square = share / (1 - share), share**2 / (1 - share)
    df = 1 / (np.sum(own**2 - 2 * own * square, axis=1) + np.sum(square, axis=1) ** 2)
    return mean[:, 0], (totals - n * mean) / (total * np.sqrt(1 - share)), df


def answers(
    rng: np.random.Generator, items: Floats, *, unequal: bool, huge: bool = False
) -> tuple[Floats, Floats]:
    """Return sums of values and their numbers by item, 5 an item or 1 to about 20.

    One `huge` item has half of all.
    """
    n = (
        np.maximum(1, np.round(5 * rng.lognormal(0, 0.6, items.shape)))
        if unequal
        else np.full_like(items, 5.0)
    )
    if huge:
        n[:, 0] = np.round(n[:, 1:].sum(axis=1))
    return n * items + np.sqrt(n) * rng.normal(0, 1, items.shape), n


def row(name: str, truth: float, intervals: dict[str, tuple[Floats, Floats]]) -> str:
    """Return a row of the table: coverage and median width of every interval."""
    cells = [
        f"{np.mean((low <= truth) & (truth <= high)):.3f} | {np.median(high - low):.3g}"
        for low, high in intervals.values()
    ]
    return f"| {name} | {' | '.join(cells)} |"


def t_interval(estimate: Floats, parts: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Return plus and minus t standard errors."""
    half = stdtrit(df, 0.975) * np.sqrt(np.sum(parts**2, axis=1))
    return estimate - half, estimate + half


def means(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield rows of means over items."""
    for name, (draw, truth) in POPULATIONS.items():
        for size, huge in ((14, False), (20, False), (40, False), (100, False), (20, True)):
            totals, n = answers(rng, draw(rng, (replications, size)), unequal=True, huge=huge)
            estimate, parts, df = parts_of(totals, n)
            plain = t_interval(estimate, parts, df)
            # As `mean_fit`: Hall's transformation with the working model's degrees of freedom, and room.
            _, skew = tails(parts, np.full(size, float(size)), df)
            error = np.sqrt(np.sum(parts**2, axis=1))
            low, high = skewed_bounds(estimate, error, np.asarray(stdtrit(df, 0.975), dtype=np.float64), skew)
            bounds = np.minimum(low, plain[0]), np.maximum(high, plain[1])
            default = widened(
                bounds, estimate, (error, df), one_sample(apart((totals, n), estimate), n), 0.95
            )
            whom = f"{size} items" + (", one with half of the answers" if huge else "")
            yield row(f"mean, {name}, {whom}", truth, {"default": default, "t": plain})


def centre_of_scale(name: str) -> bool:
    """Return whether ratings of such items lie about the middle of the scale, and not below it."""
    return not any(word in name for word in ("lognormal", "%", "half"))


def ratings(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield rows of means of answers from 1 to 7, with the scale stated."""
    for name, (draw, _) in POPULATIONS.items():
        centre = 3.5 if centre_of_scale(name) else 2.0

        def rounded(rng: np.random.Generator, items: Floats, shift: float = centre) -> tuple[Floats, Floats]:
            values = shift + items[..., None] + rng.normal(0, 1, (*items.shape, 5))
            total: Floats = np.clip(np.rint(values), 1, 7).sum(axis=-1)
            return total, np.full_like(items, 5.0)

        truth = float(rounded(rng, draw(rng, (1, 400_000)))[0].mean()) / 5
        for size in (6, 8, 12, 20, 40):
            totals, n = rounded(rng, draw(rng, (replications, size)))
            fits = [
                [mean_fit(spread, 0.95, limits=(1.0, 7.0)), mean_fit(spread, 0.95, skewness=False)]
                for spread in (clustered_spread(*both) for both in zip(totals, n, strict=True))
            ]
            ends = np.array([[(fit.low, fit.high) for fit in pair] for pair in fits])
            found = {"default": (ends[:, 0, 0], ends[:, 0, 1]), "t": (ends[:, 1, 0], ends[:, 1, 1])}
            yield row(f"rating from 1 to 7, {name}, {size} items", truth, found)


def two_arms(
    one: tuple[Floats, Floats], two: tuple[Floats, Floats], *, shared: bool, numeric: bool = False
) -> dict[str, tuple[Floats, Floats]]:
    """Return intervals of the difference of two arms' rates (or means) from sums and numbers by item."""
    (mean, parts, df), (other, other_parts, other_df) = parts_of(*one), parts_of(*two)
    sizes = [parts.shape[1], other_parts.shape[1]]
    if shared:
        joined, few, freedom = parts - other_parts, np.full(sizes[0], float(sizes[0])), df
    else:
        joined = np.concatenate([parts, -other_parts], axis=1)
        few = np.repeat(sizes, sizes).astype(float)
        # Satterthwaite's of a model with one variance of rows.
        scale = 1 / np.stack([one[1].sum(axis=1), two[1].sum(axis=1)])
        freedom = scale.sum(axis=0) ** 2 / (scale[0] ** 2 / df + scale[1] ** 2 / other_df)
    gap = mean - other
    default = skewed_intervals(gap, joined, few, df=freedom, level=0.95)
    if numeric:
        error = np.sqrt(np.sum(joined**2, axis=1))
        unshown = one_sample(apart(one, mean) - apart(two, other), one[1]) if shared else pooled(one, two)
        default = widened(default, gap, (error, freedom), unshown, 0.95)
    return {"default": default, "t": t_interval(gap, joined, freedom)}


def apart(arm: tuple[Floats, Floats], mean: Floats) -> Floats:
    """Return sums of residuals by item (R, K)."""
    result: Floats = arm[0] - arm[1] * mean[:, None]
    return result


def one_sample(residual: Floats, n: Floats) -> FewClusters:
    """Return what few clusters do not show of a mean, or of a difference over the same items."""
    return FewClusters(0.0, (Unseen(residual.shape[1], farthest(residual, n)),))


def pooled(one: tuple[Floats, Floats], two: tuple[Floats, Floats]) -> FewClusters:
    """Return the pooled variance of a difference between other items, and the room of either arm."""
    squares, weights, n, clusters, arms = 0.0, 0.0, 0.0, 0, []
    for totals, sizes in (one, two):
        whole = sizes.sum(axis=1, keepdims=True)
        mean = totals.sum(axis=1, keepdims=True) / whole
        residual = totals / sizes - mean
        arms.append((sizes.shape[1], farthest(sizes * residual, sizes), mean[:, 0]))
        squares = squares + np.sum(sizes * residual**2, axis=1)
        weights = weights + np.sum((sizes / whole) ** 2, axis=1)
        n, clusters = n + whole[:, 0], clusters + sizes.shape[1]
    variance = squares / n * clusters / (clusters - 2) * weights
    return FewClusters(variance, of_arms(arms, (-math.inf, math.inf)))


def differences(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield rows of differences of means; with the same items the effect itself has the population."""
    for name, (draw, centre) in POPULATIONS.items():
        for sizes, alone in (
            ((14, 14), False),
            ((20, 20), False),
            ((14, 42), False),
            ((14, 14), True),
            ((20, 20), True),
            ((42, 14), True),
            ((14, 42), True),
        ):
            items = [draw(rng, (replications, size)) for size in sizes]
            if alone:
                items[1] = 1 + rng.normal(0, 0.2, items[1].shape)
            arms = [answers(rng, each, unequal=True) for each in items]
            yield row(
                f"difference, {name}, {sizes[0]} {'against' if alone else 'and'} {sizes[1]} "
                f"{'normal ones' if alone else 'other items'}",
                centre - 1 if alone else 0.0,
                two_arms(*arms, shared=False, numeric=True),
            )
        for size in (14, 20):
            base = rng.normal(0, 1, (replications, size))
            effect = draw(rng, (replications, size))
            arms = [answers(rng, items, unequal=False) for items in (base + effect, base)]
            yield row(
                f"difference, {name}, the same {size} items",
                centre,
                two_arms(*arms, shared=True, numeric=True),
            )


def rates(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield rows of differences of rates, where these are rare or where four in five items never do it."""
    for kind, centre, spread, often in (
        ("4 in 5 items never", 0.0, 0.5, 0.2),
        ("about 1.7%", -5.0, 1.5, 1.0),
        ("about 8%", -3.0, 1.0, 1.0),
        ("about 40%", -0.5, 1.0, 1.0),
    ):
        for sizes, shared in (
            ((10, 10), True),
            ((10, 10), False),
            ((20, 20), True),
            ((20, 20), False),
            ((8, 40), False),
        ):
            for gap in (0.0, 1.0):
                chances = []
                base = rng.normal(centre, spread, (replications, sizes[0]))
                does = rng.random(base.shape) < often
                chances.append(np.where(does, expit(base + gap), 0.0))
                if not shared:
                    base = rng.normal(centre, spread, (replications, sizes[1]))
                    does = rng.random(base.shape) < often
                chances.append(np.where(does, expit(base), 0.0))
                n = [np.full(chance.shape, 10.0) for chance in chances]
                arms = [
                    (rng.binomial(10, chance).astype(float), size)
                    for chance, size in zip(chances, n, strict=True)
                ]
                truth = often * float(
                    _WEIGHTS @ (expit(centre + gap + spread * _NODES) - expit(centre + spread * _NODES))
                )
                whom = f"the same {sizes[0]} items" if shared else f"{sizes[0]} and {sizes[1]} other items"
                found = two_arms(arms[0], arms[1], shared=shared)
                low, high = found["default"]
                plain = low == high
                if sizes[0] < sizes[1]:
                    plain |= np.ptp(arms[0][0], axis=1) == 0
                for index in np.flatnonzero(plain):
                    events = [sums[index].tobytes() for sums, _ in arms]
                    low[index], high[index] = without_variation(events[0], events[1], shared)
                yield row(f"rate, {kind}, {whom} x 10, true difference {truth:.3f}", truth, found)


@cache
def without_variation(one: bytes, two: bytes, shared: bool) -> tuple[float, float]:
    """Return what `difference` gives where clusters, or those of the smaller arm, do not differ."""
    arms, start = [], 0
    for packed in (one, two):
        events = np.frombuffer(packed)
        names = np.arange(len(events)) + start
        arms.append(pd.DataFrame({"cluster": names, "events": events, "n": 10.0, "trials": 10.0}))
        start = 0 if shared else len(events)
    contrast = clustered_contrast(arms[0], arms[1], stratified=False, paired=False)
    return contrast.interval_of("auto")[0](0.95)


def powers(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield rows of the power of an effect that was sized for 80%, for the default and for a normal test."""
    for rate, likeness, sizes, paired in (
        (0.01, 0.1, (100, 100), False),
        (0.05, 0.2, (20, 20), False),
        (0.1, 0.2, (8, 40), False),
        (0.3, 0.2, (8, 8), False),
        (0.3, 0.3, (40, 40), False),
        (0.5, 0.3, (20, 20), False),
        (0.05, 0.2, (40, 40), True),
        (0.1, 0.3, (20, 20), True),
        (0.3, 0.3, (10, 10), True),
        (0.5, 0.3, (40, 40), True),
    ):
        cells = []
        for test in ("auto", "normal"):
            effect = minimum_detectable_effect(
                sizes, rate=rate, repeats=10, likeness=likeness, arms=1 if paired else 2, paired=paired,
                test=test, draws=4000, seed=99,
            )  # fmt: skip
            arms = (rate + effect, likeness, sizes[0]), (rate, likeness, sizes[1])
            low, high = power_data(rng, replications, arms, paired=paired)
            cells.append(f"{effect:.3f} | {np.mean((low > 0) | (high < 0)):.3f}")
        whom = f"the same {sizes[0]} items" if paired else f"{sizes[0]} and {sizes[1]} other items"
        yield f"| {rate:.0%}, likeness {likeness}, {whom} x 10 | {' | '.join(cells)} |"


def power_data(
    rng: np.random.Generator, replications: int, arms: tuple[Arm, Arm], *, paired: bool
) -> tuple[Floats, Floats]:
    """Return intervals of data with Beta distributed items; a pair has the same quantile in both arms."""
    samples = []
    shared = rng.random((replications, arms[0][2]))
    for mean, likeness, size in arms:
        precision = 1 / likeness - 1
        quantile = shared if paired else rng.random((replications, size))
        chance = betaincinv(mean * precision, (1 - mean) * precision, quantile)
        samples.append((rng.binomial(10, chance).astype(float), np.full(chance.shape, 10.0)))
    return two_arms(*samples, shared=paired)["default"]


def effects(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield rows of slopes of a rating, or of harm that one item in eight has: none, in truth."""
    for name in ("normal", "exponential", "lognormal, sd 1 of logs", "1 for 80%, 5 for 20%"):
        for items, harmful in ((16, False), (40, False), (40, True)):
            found = np.array([slope(rng, POPULATIONS[name][0], items, harmful) for _ in range(replications)])
            what = "harm of 5" if harmful else "a rating of all"
            yield row(
                f"effect of {what}, {name}, {items} items",
                0.0,
                {"default": (found[:, 0], found[:, 1]), "t": (found[:, 2], found[:, 3])},
            )


def slope(rng: np.random.Generator, draw: Draw, items: int, harmful: bool) -> tuple[float, ...]:
    """Return the interval of one slope, from the regression behind `effects`."""
    totals, n = answers(rng, draw(rng, (1, items)), unequal=True)
    rating = (np.arange(items) < 5).astype(float) if harmful else rng.normal(0, 1, items)
    matrix = np.column_stack([np.ones(items), rating])
    design = Design(matrix, ("Intercept", "x"), pd.DataFrame({"x": rating}), None)
    fit = regress_linear(Counted(design, totals[0], n[0], np.arange(items)), independent=False)
    slope = replace(fit, marginal=False).rows(0.95)[1]
    error, df = (float(part[0]) for part in fit.errors(np.array([[0.0, 1.0]])))
    half = float(stdtrit(df, 0.975)) * error
    return slope["low"], slope["high"], float(fit.beta[1]) - half, float(fit.beta[1]) + half


KINDS = {
    "rate": rates,
    "mean": means,
    "difference": differences,
    "power": powers,
    "effect": effects,
    "rating": ratings,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=tuple(KINDS), action="append")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for number, (name, rows) in enumerate(KINDS.items()):
        if options.only and name not in options.only:
            continue
        rng = np.random.default_rng([options.seed, number])
        heads = (
            "effect, default | power | effect, normal | power"
            if name == "power"
            else "default | width | t | width"
        )
        rule = "|---" * (heads.count("|") + 2)
        print(f"\n{options.replications} replications, seed {options.seed}\n\n| data | {heads} |\n{rule}|")
        with np.errstate(all="ignore"):
            for line in rows(rng, options.replications):
                print(line, flush=True)


if __name__ == "__main__":
    main()
