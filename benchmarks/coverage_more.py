"""Coverage of intervals by clusters in two ways, of agreement, and of held-out prediction.

python -m benchmarks.coverage_more [--only two-way] [--save more.jsonl]
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_choice import SLOT, all_pairs
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.special import expit

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.consistency.agreement import agreement
from bartleby.analysis.consistency.predictive_fit import predictive_fit
from bartleby.analysis.inference.intervals import clustered_rate, critical_value
from bartleby.analysis.rates.contrasts import clustered_contrast
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.formulas import Design
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.rates.two_way import crossed_rates

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEVEL = 0.95
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def mean_rate(centre: float, spread: float) -> float:
    """Return the mean probability where logits are normal."""
    return float(_WEIGHTS @ expit(centre + spread * _NODES))


def crossed(items: int, wordings: int, centre: float, spreads: tuple[float, float]) -> Scenario:
    """Return items asked once in each wording, both differing; an effect on one half of the wordings' trials.

    The rate of all trials, the difference between two conditions that every item and wording has, and the
    effect of a rating of the items.
    """
    item, wording = (part.ravel() for part in np.meshgrid(np.arange(items), np.arange(wordings)))
    codes = np.stack([item, wording], axis=1)
    spread = math.hypot(*spreads)
    ones = np.ones(len(item))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        logit = (
            centre
            + spreads[0] * rng.normal(size=items)[item]
            + spreads[1] * rng.normal(size=wordings)[wording]
        )
        events = rng.binomial(1, expit(logit)).astype(float)
        truth = mean_rate(centre, spread)
        both = crossed_rates(events, ones, codes)(LEVEL)
        alone = clustered_rate(np.bincount(item, events), np.bincount(item), LEVEL)
        yield "rate, two-way", both.low, both.high, truth
        yield "rate, naive: by item alone", alone.low, alone.high, truth
        yield from _difference(rng, logit, events, truth)
        yield from _effect(rng, events)

    def _difference(
        rng: np.random.Generator, logit: Floats, events: Floats, truth: float
    ) -> Iterator[Covered]:
        other = rng.binomial(1, expit(logit + 0.7)).astype(float)
        frames = [
            pd.DataFrame({"cluster": item, "second": wording, "events": each, "n": 1.0, "trials": 1.0})
            for each in (other, events)
        ]
        aim = mean_rate(centre + 0.7, spread) - truth
        for name, arms in (
            ("two-way", frames),
            ("naive: by item alone", [frame.drop(columns="second") for frame in frames]),
        ):
            fit = clustered_contrast(arms[0], arms[1], stratified=False, paired=False)
            yield f"difference, {name}", *fit.interval_of("auto")[0](LEVEL), aim

    def _effect(rng: np.random.Generator, events: Floats) -> Iterator[Covered]:
        # A rating of the wordings that has nothing to do with the answers: its slope is zero.
        rating = rng.normal(size=wordings)[wording]
        design = Design(
            np.column_stack([ones, rating]), ("Intercept", "rating"), pd.DataFrame({"rating": rating}), None
        )
        for name, counted in (
            ("two-way", Counted(design, events, ones, item, wording)),
            ("naive: by item alone", Counted(design, events, ones, item)),
        ):
            fit = regress(counted, "auto", repeats_independent=False)
            if fit.profile is not None:
                low, high, _ = fit.profile(1, LEVEL)
            else:
                error, df = (float(each[0]) for each in fit.errors(np.array([[0.0, 1.0]])))
                half = critical_value(LEVEL, df) * error if df > 0 else math.nan
                low, high = float(fit.beta[1]) - half, float(fit.beta[1]) + half
            yield f"effect of a rating of wordings, {name}", low, high, 0.0

    return one_by_one(replicate)


def repeated(n_items: int, n_pairs: int, *, by_item: bool) -> Scenario:
    """Return pairs asked twice in each order; pairs are a sample, or items are."""
    first, second = np.triu_indices(n_items, 1)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        gap = np.subtract(*(rng.normal(size=n_items) if by_item else fixed)[np.stack([first, second])])
        aims = population if by_item else _agreements(gap)
        chosen = rng.choice(len(gap), n_pairs, replace=False)
        rows = [
            pd.DataFrame(
                {
                    "first": names[one[chosen]],
                    "second": names[other[chosen]],
                    "outcome": word,
                    "count": count,
                }
            )
            for one, other, sign in ((first, second, 1.0), (second, first, -1.0))
            for won in [rng.binomial(2, expit(sign * gap[chosen] + SLOT))]
            for word, count in (("chose_first", won), ("chose_second", 2 - won))
        ]
        table = pd.concat(rows)
        table = table[table["count"] > 0]
        ways: list[tuple[str | Literal[False], str]] = [(False, "naive: cells independent")]
        ways.append(("item", "by item") if by_item else ("pair", "by pair"))
        for cluster, told in ways:
            found = agreement(table, cluster=cluster, level=LEVEL).frame.set_index("term")
            for term, aim in aims.items():
                yield f"{term}, {told}", float(found["low"][term]), float(found["high"][term]), aim

    names = np.array([f"i{at:02d}" for at in range(n_items)])
    fixed = np.random.default_rng(n_items).normal(size=n_items)
    population = _agreements(math.sqrt(2) * _NODES, _WEIGHTS)
    return one_by_one(replicate)


def _agreements(gap: Floats, weights: Floats | None = None) -> dict[str, float]:
    """Return what two answers to a pair agree in, over gaps of utility."""
    p, q = expit(gap + SLOT), expit(gap - SLOT)
    values = {
        "same_order": (p**2 + (1 - p) ** 2 + q**2 + (1 - q) ** 2) / 2,
        "opposite_order": p * q + (1 - p) * (1 - q),
        "order_cost": (p - q) ** 2,
    }
    return {name: float(np.average(value, weights=weights)) for name, value in values.items()}


def incomplete(n_items: int, repeats: int, lost: float) -> Scenario:
    """Return choices and rates of which answers of one kind are lost, and their worst-case bounds.

    The first item's wins, and the events of the rate, are lost with this probability: as bad as it gets.
    """
    first, second = np.triu_indices(n_items, 1)
    one, other = (
        np.tile(np.concatenate([first, second]), repeats),
        np.tile(np.concatenate([second, first]), repeats),
    )
    names = np.array([f"i{at:02d}" for at in range(n_items)])

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        utility = rng.normal(size=n_items)
        utility[-1] = 0.0
        won = rng.random(len(one)) < expit(utility[one] - utility[other] + SLOT)
        table = pd.DataFrame({"first": names[one], "second": names[other]})
        table["outcome"] = np.where(won, "chose_first", "chose_second")
        gone = (np.where(won, one, other) == 0) & (rng.random(len(one)) < lost)
        gone[np.flatnonzero(np.where(won, one, other) == 0)[:1]] = True
        whole = choice_model(table, baseline=names[-1]).frame.set_index("term")["estimate"]
        table.loc[gone, "outcome"] = "unparsed"
        fit = choice_model(table, baseline=names[-1])
        rows = fit.frame.set_index("term")
        for at, name in enumerate(names[:-1]):
            row, which = rows.loc[name], "the item with losses" if at == 0 else "others"
            ends = (  # where no trial was lost there are no worst cases
                float(row.get("bound_low", row["low"])),
                float(row.get("bound_high", row["high"])),
            )
            yield f"utility of {which}, bounds", *ends, float(utility[at])
            yield f"utility of {which} in the full data, bounds", *ends, float(whole[name])
            yield f"utility of {which}, interval", float(row["low"]), float(row["high"]), float(utility[at])
        yield from _incomplete_rate(rng, n_items, lost)

    return one_by_one(replicate)


def _incomplete_rate(rng: np.random.Generator, n_items: int, lost: float) -> Iterator[Covered]:
    item = np.repeat(np.arange(3 * n_items), 10)
    left = rng.random(len(item)) < expit(-2 + rng.normal(size=3 * n_items))[item]
    table = pd.DataFrame(
        {"item": np.char.mod("i%d", item), "outcome": np.where(left, "opted_out", "completed")}
    )
    table.loc[left & (rng.random(len(item)) < lost), "outcome"] = "unparsed"
    found = rate(table, "opted_out")
    row, truth = found.frame.iloc[0], mean_rate(-2, 1)
    yield "rate, bounds", *found.accounting.bounds["opted_out"], truth
    yield "rate, interval", float(row["low"]), float(row["high"]), truth


TERMS = ("log_loss", "gain_over_slot", "gain_over_coin")


def held_out(n_items: int, n_pairs: int) -> Scenario:
    """Return pairs of fixed items, a sample of all, predicted by ten-fold cross-validation.

    The truth is the mean of the estimate over many samples: what fits to nine tenths of such data lose.
    """
    utility = np.random.default_rng(n_items).normal(size=n_items)
    first, second = all_pairs(n_items, 1)
    kept = first < second
    first, second = first[kept], second[kept]
    names = np.array([f"i{at:02d}" for at in range(n_items)])

    def once(rng: np.random.Generator) -> pd.DataFrame:
        chosen = rng.choice(len(first), n_pairs)
        turned = rng.random(n_pairs) < 0.5
        one, other = (
            np.where(turned, second[chosen], first[chosen]),
            np.where(turned, first[chosen], second[chosen]),
        )
        won = rng.random(n_pairs) < expit(utility[one] - utility[other] + SLOT)
        table = pd.DataFrame({"first": names[one], "second": names[other]})
        table["outcome"] = np.where(won, "chose_first", "chose_second")
        return predictive_fit(table, draws=0, seed=int(rng.integers(2**31))).frame.set_index("term")

    @cache
    def truth() -> dict[str, float]:
        rng = np.random.default_rng([n_items, n_pairs])
        found = [once(rng)["estimate"] for _ in range(200)]
        return {term: float(np.mean([each[term] for each in found])) for term in TERMS}

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        aims, found = truth(), once(rng)
        for term in TERMS:
            yield term, float(found["low"][term]), float(found["high"][term]), aims[term]

    return one_by_one(replicate)


SCENARIOS: dict[str, Scenario] = {
    "two-way-20x5": crossed(20, 5, -0.5, (1.0, 0.7)),
    "two-way-40x10": crossed(40, 10, -0.5, (1.0, 0.7)),
    "two-way-40x10-rare": crossed(40, 10, -3.0, (1.0, 0.7)),
    "two-way-40x10-one-way": crossed(40, 10, -0.5, (1.0, 0.0)),
    "agreement-pairs-80": repeated(30, 80, by_item=False),
    "agreement-items-20": repeated(20, 190, by_item=True),
    "bounds-12-2-lost-20%": incomplete(12, 2, 0.2),
    "bounds-8-4-lost-5%": incomplete(8, 4, 0.05),
    "held-out-15-200": held_out(15, 200),
    "held-out-15-600": held_out(15, 600),
}

if __name__ == "__main__":
    main(SCENARIOS, str(__doc__))
