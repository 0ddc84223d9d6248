"""Coverage of intervals of framing flips, of stated against revealed choices, and of transitivity.

python -m benchmarks.coverage_consistency [--only flips] [--save consistency.jsonl]

Pairs are asked in both orders; the logit of taking an item is its lead over the other, with a slot effect of
0.5. A second framing (or the choice that is carried out) shifts the lead of each pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_choice import SLOT, all_pairs
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.special import expit

from bartleby.analysis.choice.sets.data import CHOSEN, NONE_CHOSEN, Sets
from bartleby.analysis.choice.sets.model import fit_sets
from bartleby.analysis.consistency.excess import cross_agreement, excess_disagreement, excess_of
from bartleby.analysis.consistency.kappa import kappa_of
from bartleby.analysis.consistency.transitivity import transitivity
from bartleby.analysis.consistency.triads import (
    Tournament,
    cyclic_share_interval,
    cyclic_share_variance,
    largest_cyclic_share,
    number_of_triads,
)
from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit, independent_rate
from bartleby.analysis.inference.unit_means import Units, mean_of, share_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEVEL = 0.95
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Answers:
    """Pairs asked in both orders under two framings.

    Parameters
    ----------
    pairs
        How many; all pairs of so many items where `items` is not 0.
    repeats
        Answers to each pair in each order under each framing.
    lead, shift
        Standard deviations over pairs of the lead under the first framing, and of what the second adds.
    turned
        Whether the second framing turns every lead round (labels that are read the other way).
    again
        Share of cells that are asked `repeats` times; the others are asked once.
    items
        Items that pairs share, drawn anew each time; 0 for pairs of their own.
    """

    pairs: int
    repeats: int
    lead: float = 1.4
    shift: float = 0.7
    turned: bool = False
    again: float = 1.0
    items: int = 0

    def chances(self, lead: Floats, shift: Floats) -> tuple[Floats, Floats]:
        """Return the chances of the low item under both framings, by pair and order (..., 2)."""
        order = SLOT * np.array([1.0, -1.0])
        other = (-lead if self.turned else lead) + shift
        return expit(lead[..., None] + order), expit(other[..., None] + order)

    def truths(self) -> dict[str, float]:
        """Return what is true of the population of pairs."""
        lead, shift = np.meshgrid(self.lead * _NODES, self.shift * _NODES, indexing="ij")
        if self.lead > 3:  # Too steep for the nodes: an even grid instead.
            grid = np.linspace(-8, 8, 40_001) if self.shift == 0 else np.linspace(-8, 8, 8001)
            lead, shift = np.meshgrid(self.lead * grid, self.shift * _NODES, indexing="ij")
            weight = np.exp(-(grid**2) / 2)[:, None] * _WEIGHTS
        else:
            weight = _WEIGHTS[:, None] * _WEIGHTS
        p, q = self.chances(lead, shift)

        def mean(value: Floats) -> float:
            return float(np.average(value.mean(axis=-1), weights=weight))

        agree = mean(p * q + (1 - p) * (1 - q))
        excess = mean((p - q) ** 2)
        turn = np.array([False, True])
        a, b = (mean(np.where(turn, 1 - each, each)) for each in (p, q))
        chance = a * b + (1 - a) * (1 - b)
        return {
            "flip_rate": 1 - agree,
            "repetition": 1 - agree - excess,
            "excess": excess,
            "kappa": (agree - chance) / (1 - chance),
        }

    def draw(self, rng: np.random.Generator) -> tuple[pd.DataFrame, Units, Floats]:
        """Return cells as `matched` does, their places as units, and how alike answers of one number are."""
        if self.items:
            low, high = np.triu_indices(self.items, 1)
            utility = rng.normal(size=(2, self.items)) * [[self.lead], [self.shift]] / math.sqrt(2)
            lead, shift = utility[:, low] - utility[:, high]
        else:
            low, high = np.arange(2 * self.pairs).reshape(self.pairs, 2).T
            lead, shift = rng.normal(size=(2, self.pairs)) * [[self.lead], [self.shift]]
        pairs = len(low)
        n = np.where(rng.random((pairs, 2)) < self.again, self.repeats, 1)
        asked = np.arange(self.repeats) < n[..., None]
        first, second = (
            (rng.random((pairs, 2, self.repeats)) < each[..., None]) & asked
            for each in self.chances(lead, shift)
        )
        alike = (first == second)[asked].astype(float)
        numbers = {"low_x": first.sum(axis=2), "n_x": n, "low_y": second.sum(axis=2), "n_y": n}
        cells = pd.DataFrame({name: each.ravel() for name, each in numbers.items()})
        cells["forward"] = np.tile([True, False], pairs)
        items = np.repeat(np.stack([low, high], axis=1), 2, axis=0)
        units = Units(np.zeros(2 * pairs), n.ravel().astype(float), np.repeat(np.arange(pairs), 2), items)
        return cells, units, alike


def compared(answers: Answers) -> Scenario:
    """Return what `flips` and `stated_and_revealed` say of two framings, by pair or by item."""
    truth = answers.truths()
    shared = answers.items > 0

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        cells, units, alike = answers.draw(rng)
        agree = cross_agreement(cells["low_x"], cells["n_x"], cells["low_y"], cells["n_y"])
        excess = excess_disagreement(cells)
        known = np.isfinite(excess)
        every, again = replace(units, value=agree), only(replace(units, value=excess), known)
        alone = replace(again, value=(1 - agree - excess)[known])
        shares = {"flip_rate": replace(every, value=1 - agree), "repetition": alone}
        found = {
            **{name: _share(each, by_item=shared) for name, each in shares.items()},
            "excess": excess_of(cells[known], again, LEVEL, by_item=shared),
            "kappa": kappa_of(every, *first_shares(cells), LEVEL, by_item=shared),
        }
        for term, fit in found.items():
            yield term, fit.low, fit.high, truth[term]
        cell = np.arange(len(agree))
        row = independent_rate(float(np.sum(1 - alike)), len(alike), LEVEL)
        yield "flip_rate, naive: trials independent", row.low, row.high, truth["flip_rate"]
        plain = mean_of(replace(again, cluster=cell[: len(again.value)]), LEVEL)
        yield "excess, naive: t, cells independent", plain.low, plain.high, truth["excess"]
        yield (
            "kappa, naive: trials independent",
            *_plain_kappa(alike, found["kappa"].estimate),
            truth["kappa"],
        )

    return one_by_one(replicate)


def _share(units: Units, *, by_item: bool = False) -> RateFit:
    """Return a share as rows of `flips` and `agreement` have it."""
    fit = share_of(units, LEVEL, by_item=by_item)
    return fit if by_item else with_room(fit, units.n_clusters(by_item=False), LEVEL)


def torn(pairs: int, repeats: int, share: float, *, steady: float = 0.97) -> Scenario:
    """Return pairs most of which never flip: a share of them turns round under the second framing."""
    alike, differs = 2 * steady * (1 - steady), steady**2 + (1 - steady) ** 2
    flip_rate = (1 - share) * alike + share * differs
    truth = {"flip_rate": flip_rate, "excess": share * (2 * steady - 1) ** 2, "kappa": 1 - 2 * flip_rate}
    item = np.arange(2 * pairs)
    units = Units(
        np.zeros(2 * pairs),
        np.full(2 * pairs, float(repeats)),
        np.repeat(np.arange(pairs), 2),
        np.stack([item, item + 2 * pairs], axis=1),
    )

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        p = np.where(rng.random(pairs) < 0.5, steady, 1 - steady)
        q = np.where(rng.random(pairs) < share, 1 - p, p)
        low, low_y = (rng.binomial(repeats, np.repeat(each, 2)) for each in (p, q))
        cells = pd.DataFrame({"low_x": low, "n_x": repeats, "low_y": low_y, "n_y": repeats})
        cells["forward"] = np.tile([True, False], pairs)
        agree = cross_agreement(low, cells["n_x"], low_y, cells["n_y"])
        found = {
            "flip_rate": _share(replace(units, value=1 - agree)),
            "excess": excess_of(cells, replace(units, value=excess_disagreement(cells)), LEVEL),
            "kappa": kappa_of(replace(units, value=agree), *first_shares(cells), LEVEL),
        }
        for term, fit in found.items():
            yield term, fit.low, fit.high, truth[term]

    return one_by_one(replicate)


def only(units: Units, which: npt.NDArray[np.bool_]) -> Units:
    """Return some of the units."""
    codes = np.unique(units.cluster[which], return_inverse=True)[1]
    return Units(units.value[which], units.comparisons[which], codes, units.items[which])


def first_shares(cells: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the shares of choices of the item shown first, under both framings."""
    forward = cells["forward"].to_numpy(dtype=bool)
    p, q = (np.asarray(cells[f"low_{at}"] / cells[f"n_{at}"], dtype=float) for at in "xy")
    return np.where(forward, p, 1 - p), np.where(forward, q, 1 - q)


def _plain_kappa(alike: Floats, kappa: float) -> tuple[float, float]:
    """Return the usual interval of kappa, sqrt(p (1 - p) / n) / (1 - chance) to both sides."""
    agree = float(alike.mean())
    if agree == 1 or math.isnan(kappa):
        return math.nan, math.nan
    chance_disagrees = (1 - agree) / (1 - kappa)
    half = 1.96 * math.sqrt(agree * (1 - agree) / len(alike)) / chance_disagrees
    return kappa - half, kappa + half


def majority_chances(gap: Floats, repeats: int) -> Floats:
    """Return the chance that the majority takes an item that leads by `gap`, a level pair counting half."""
    counts = np.arange(repeats + 1)
    ways = np.array([math.comb(repeats, each) for each in counts], dtype=float)
    forward, back = (
        ways * expit(side)[..., None] ** counts * expit(-side)[..., None] ** (repeats - counts)
        for side in (gap + SLOT, gap - SLOT)
    )
    both = forward[..., :, None] * back[..., None, :]
    summed = counts[:, None] + counts
    weight = np.where(summed == repeats, 0.5, np.where(summed > repeats, 1.0, 0.0))
    result: Floats = np.sum(both * weight, axis=(-2, -1))
    return result


@cache
def circles(spread: float, repeats: int) -> float:
    """Return the chance that three items of a normal population run in a circle."""
    rng = np.random.default_rng(0)
    total = 0.0
    for _ in range(20):
        a, b, c = spread * rng.normal(size=(3, 50_000))
        one, two, three = (majority_chances(gap, repeats) for gap in (a - b, b - c, c - a))
        total += float(np.mean(one * two * three + (1 - one) * (1 - two) * (1 - three)))
    return total / 20


def triads(n_items: int, spread: float, repeats: int, asked: float = 1.0) -> Scenario:
    """Return a share of cyclic triads among items like these; a share `asked` of all pairs is asked."""
    low, high = np.triu_indices(n_items, 1)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        truth = circles(spread, repeats)
        kept = rng.random(len(low)) < asked
        first = np.concatenate([low[kept], high[kept]])
        second = np.concatenate([high[kept], low[kept]])
        utility = spread * rng.normal(size=n_items)
        total = np.full(len(first), float(repeats))
        won = rng.binomial(repeats, expit(utility[first] - utility[second] + SLOT)).astype(float)
        tournament = Tournament.from_cells(first, second, total, n_items)
        size = number_of_triads(tournament.asked)
        share = float(tournament.cyclic(won[None])[0]) / size
        variance, df = cyclic_share_variance(tournament.matrix(won), tournament.asked)
        fit = cyclic_share_interval(
            share,
            variance,
            df,
            level=LEVEL,
            fallback=math.sqrt(size * max(n_items / 3, 1.0)),
            most=largest_cyclic_share(n_items),
            method="",
        )
        yield "cyclic_share, new_items", fit.low, fit.high, truth
        naive = independent_rate(share * size, size, LEVEL)
        yield "cyclic_share, naive: triads independent", naive.low, naive.high, truth

    return one_by_one(replicate)


def triads_again(n_items: int, spread: float, repeats: int) -> Scenario:
    """Return a share of cyclic triads if exactly these pairs were asked as often again."""
    first, second = all_pairs(n_items, 1)
    names = np.array([f"i{at:02d}" for at in range(n_items)])
    total = np.full(len(first), float(repeats))
    tournament = Tournament.from_cells(first, second, total, n_items)
    size = number_of_triads(tournament.asked)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        utility = spread * rng.normal(size=n_items)
        chance = expit(utility[first] - utility[second] + SLOT)
        again = rng.binomial(repeats, chance, (1000, len(first)))
        truth = float(tournament.cyclic(again.astype(float)).mean()) / size
        won = rng.binomial(repeats, chance)
        table = pd.concat(
            pd.DataFrame({"first": names[first], "second": names[second], "outcome": word, "count": count})
            for word, count in (("chose_first", won), ("chose_second", repeats - won))
        )
        seed = int(rng.integers(2**31))
        found = transitivity(
            table[table["count"] > 0], estimand="these_items", draws=400, seed=seed, level=LEVEL
        ).frame.set_index("term")
        low, high = (float(found[side]["cyclic_share"]) for side in ("low", "high"))
        yield "cyclic_share, these_items", low, high, truth
        naive = independent_rate(float(found["estimate"]["cyclic_share"]) * size, size, LEVEL)
        yield "cyclic_share, naive: triads independent", naive.low, naive.high, truth

    return one_by_one(replicate)


def menus(
    n_items: int, n_menus: int, size: int, repeats: int, *, own: float = 0.0, lowest: float | None = None
) -> Scenario:
    """Return choices from menus of several items or of none, menus going their own way by `own` logits.

    The truth of utilities is what the fitted model says of the expected choices: with menus of their own way
    it is flatter than what one menu does.
    """
    rng = np.random.default_rng([n_items, n_menus])
    while True:
        menu = np.argsort(rng.random((n_menus, n_items)), axis=1)[:, :size]
        if np.bincount(menu.ravel(), minlength=n_items).min() >= 2:
            break
    item = rng.permuted(np.repeat(menu, repeats, axis=0), axis=1)
    table = pd.DataFrame(
        {
            "set": np.repeat(np.arange(len(item)), size),
            "item": np.array([f"i{at:02d}" for at in range(n_items)])[item.ravel()],
            "position": np.tile(np.arange(1, size + 1), len(item)),
            "rank": np.tile(np.where(np.arange(size) == 0, 1.0, np.nan), len(item)),
            "ended": CHOSEN,
        }
    )
    sets = Sets.of(table, "menu", none=(NONE_CHOSEN,))
    # `neither` was taken by nobody in this table, and is in every stage all the same.
    utility = np.append(np.linspace(-1.5, 1.5, n_items), 0.5)
    if lowest is not None:
        utility[0] = lowest
    place = np.unique(sets.cluster[sets.stage] * (n_items + 1) + sets.item, return_inverse=True)[1]
    starts = np.flatnonzero(np.diff(sets.stage, prepend=-1))
    total = np.add.reduceat(sets.count, starts)

    def chances(rng: np.random.Generator) -> Floats:
        score = utility[sets.item] + SLOT * sets.first + own * rng.normal(size=place.max() + 1)[place]
        weight = np.exp(score)
        result: Floats = weight / np.add.reduceat(weight, starts)[sets.stage]
        return result

    @cache
    def truths() -> dict[str, float]:
        rng = np.random.default_rng(0)
        chance = np.mean([chances(rng) for _ in range(4000 if own else 1)], axis=0)
        expected = replace(sets, count=chance * total[sets.stage])
        rows, _ = fit_sets(expected, None, LEVEL, False, None)
        return {str(row["term"]): float(row["estimate"]) for row in rows}

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        chance = chances(rng)
        ends = np.append(starts[1:], len(chance))
        count = np.concatenate(
            [
                rng.multinomial(int(n), chance[begin:end] / chance[begin:end].sum())
                for n, begin, end in zip(total, starts, ends, strict=True)
            ]
        ).astype(float)
        drawn = replace(sets, count=count)
        for cluster, told in (("menu", ""), (None, ", naive: sets independent")):
            for row in fit_sets(drawn, None, LEVEL, None, cluster)[0]:
                term = str(row["term"])
                what = term if term in ("neither", "slot") else "utilities"
                what = "lowest item" if lowest is not None and term == "i00" else what
                yield f"{what}{told}", float(row["low"]), float(row["high"]), truths()[term]

    return one_by_one(replicate)


SCENARIOS: dict[str, Scenario] = {
    **{
        f"torn-{pairs}x{repeats}-{share:.0%}": torn(pairs, repeats, share)
        for pairs, repeats in ((8, 5), (10, 10), (14, 4), (20, 10), (40, 5))
        for share in (0.2, 0.05)
    },
    "flips-80x2": compared(Answers(80, 2)),
    "flips-80x2-none": compared(Answers(80, 2, shift=0.0)),
    "flips-80-sparse": compared(Answers(80, 2, again=0.3)),
    "flips-10x10": compared(Answers(10, 10)),
    "flips-10x2": compared(Answers(10, 2)),
    "flips-40x5": compared(Answers(40, 5)),
    "flips-80x2-5%": compared(Answers(80, 2, lead=18.0, shift=1.0)),
    "flips-80x2-2%": compared(Answers(80, 2, lead=45.0, shift=1.0)),
    "flips-10x10-5%": compared(Answers(10, 10, lead=18.0, shift=1.0)),
    "flips-80x2-turned": compared(Answers(80, 2, lead=18.0, shift=1.0, turned=True)),
    "flips-10x10-none": compared(Answers(10, 10, shift=0.0)),
    "flips-20x20": compared(Answers(20, 20)),
    "flips-10x10-turned": compared(Answers(10, 10, lead=18.0, shift=1.0, turned=True)),
    "flips-items-20x2": compared(Answers(0, 2, items=20)),
    "flips-items-10x5": compared(Answers(0, 5, items=10)),
    "triads-20-coins": triads(20, 0.0, 1),
    "triads-20-1": triads(20, 1.0, 1),
    "triads-20-2": triads(20, 2.0, 2),
    "triads-10-1": triads(10, 1.0, 2),
    "triads-40-1": triads(40, 1.0, 1),
    "triads-40-1-half": triads(40, 1.0, 1, asked=0.5),
    "triads-20-8": triads(20, 8.0, 2),
    "again-12-1": triads_again(12, 1.0, 2),
    "again-12-3": triads_again(12, 3.0, 2),
    "again-20-1": triads_again(20, 1.0, 1),
    "menus-60x5": menus(12, 60, 4, 5),
    "menus-60x5-own": menus(12, 60, 4, 5, own=0.7),
    "menus-10x30-own": menus(6, 10, 3, 30, own=0.7),
    "menus-60x5-lowest": menus(12, 60, 4, 5, lowest=-5.0),
}

if __name__ == "__main__":
    main(SCENARIOS, str(__doc__))
