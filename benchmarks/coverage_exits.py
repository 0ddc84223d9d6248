"""How often nominal 95% intervals of exits hold the truth, on conversations that share scenarios.

    python -m benchmarks.coverage_exits --save exits.jsonl
    python -m benchmarks.coverage_exits --only staying --replications 200

Scenarios are drawn anew in each replication and differ in the logit of leaving at a turn; conversations are
cut off at the cap of turns, and some abandoned before. `naive` is the usual practice beside it: every
conversation (or turn) an observation of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.optimize import root
from scipy.special import expit, logit
from scipy.stats import rankdata

from bartleby.analysis.exits.hazard import hazard
from bartleby.analysis.exits.survival import Stays, kaplan_meier
from bartleby.analysis.inference.association import dependence, phi
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.self_reports.reliability import (
    alpha,
    alpha_interval,
    correlation_interval,
    icc,
    icc_interval,
)

LEVEL = 0.95
CAP, ABANDONED = 12, 0.02
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


MANY = 1_000_000
"""Scenarios by which the truth is worked out where there is no formula."""


def population(rng: np.random.Generator, scenarios: int, kind: str, centre: float, spread: float) -> Floats:
    """Return logits of scenarios that differ as real ones may, not only as a normal distribution has it."""
    if kind == "normal":
        return rng.normal(centre, spread, scenarios)
    if kind == "heavy tails":
        return np.asarray(centre + spread * rng.standard_t(3, scenarios) / np.sqrt(3))
    often = rng.random(scenarios) < 0.2
    return np.where(often, rng.normal(centre + 2, 0.5, scenarios), -7.0)


def sizes(rng: np.random.Generator, scenarios: int, repeats: int, *, uneven: bool) -> Integers:
    """Return conversations by scenario: so many each, or between a few and a multiple of that."""
    if not uneven:
        return np.full(scenarios, repeats)
    number: Integers = np.rint(repeats * np.exp(rng.normal(0, 0.8, scenarios))).astype(np.int64)
    return np.maximum(2, number)


def conversations(
    rng: np.random.Generator, chance: Floats, repeats: int | Integers, abandoned: float = ABANDONED
) -> Stays:
    """Return conversations of scenarios with these chances of leaving at a turn."""
    scenario = np.repeat(np.arange(len(chance)), repeats)
    left = rng.geometric(chance[scenario])
    ended = np.minimum(rng.geometric(abandoned, len(scenario)), CAP)
    return Stays(np.minimum(left, ended), left <= ended, np.ones(len(scenario)), scenario)


def staying(scenarios: int, repeats: int, centre: float, spread: float) -> Scenario:
    """Return staying beyond turns 1, 5 and 10, and mean turns of 12, for new scenarios."""
    truth = {turn: float(_WEIGHTS @ (1 - expit(centre + spread * _NODES)) ** turn) for turn in range(CAP)}
    mean = sum(truth.values())

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        stays = conversations(rng, expit(rng.normal(centre, spread, scenarios)), repeats)
        for name, data in (("", stays), (", naive", Stays(stays.time, stays.exited, stays.weight))):
            curve = kaplan_meier(data, LEVEL)
            for turn in (1, 5, 10):
                at = min(turn, len(curve.turn)) - 1
                yield f"staying, turn {turn}{name}", curve.low[at], curve.high[at], truth[turn]
            if curve.known_to >= CAP:
                fit = curve.restricted_mean(CAP, LEVEL)
                yield f"mean turns{name}", fit.low, fit.high, mean

    return one_by_one(replicate)


def staying_hard(
    scenarios: int, repeats: int, kind: str, centre: float, spread: float, *, uneven: bool = False
) -> Scenario:
    """Return as `staying`, of populations that are not normal, and with unequal numbers of conversations."""
    chance = expit(population(np.random.default_rng(0), MANY, kind, centre, spread))
    truth = {turn: float(np.mean((1 - chance) ** turn)) for turn in (*range(CAP), CAP)}
    mean = sum(truth[turn] for turn in range(CAP))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        own = expit(population(rng, scenarios, kind, centre, spread))
        stays = conversations(rng, own, sizes(rng, scenarios, repeats, uneven=uneven), 0.05)
        curve = kaplan_meier(stays, LEVEL)
        for turn in (1, 5, CAP):
            at = min(turn, len(curve.turn)) - 1
            yield f"staying, turn {turn}", curve.low[at], curve.high[at], truth[turn]
        if curve.known_to >= CAP:
            fit = curve.restricted_mean(CAP, LEVEL)
            yield "mean turns", fit.low, fit.high, mean

    return one_by_one(replicate)


def staying_of_these(repeats: int, spread: float) -> Scenario:
    """Return staying beyond turn 5 of the same 40 scenarios asked again and again."""
    chance = expit(np.linspace(-2.2, 2.2, 40) * spread - 2.5)
    truth = float(np.mean((1 - chance) ** 5))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        stays = conversations(rng, chance, repeats)
        curve = kaplan_meier(stays, LEVEL, these_items=True)
        yield "staying of these, turn 5", curve.low[4], curve.high[4], truth
        plain = kaplan_meier(Stays(stays.time, stays.exited, stays.weight), LEVEL)
        yield "staying of these, turn 5, naive", plain.low[4], plain.high[4], truth

    return one_by_one(replicate)


def wrong_exits_bound(scenarios: int, repeats: int, centre: float, spread: float) -> Scenario:
    """Return the one-sided upper bound of a rare rate: what it is below with confidence 95%."""
    truth = float(_WEIGHTS @ expit(centre + spread * _NODES))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        chance = expit(rng.normal(centre, spread, scenarios))
        events = rng.binomial(repeats, chance).astype(float)
        cells = pd.DataFrame(
            {
                "item": np.tile(np.arange(scenarios), 2),
                "left": np.repeat([1, 0], scenarios),
                "count": np.concatenate([events, repeats - events]),
            }
        )
        for name, cluster in (("", "item"), (", naive", False)):
            row = rate(cells, "left", cluster=cluster, level=LEVEL, one_sided="upper").frame.iloc[0]
            yield f"upper bound{name}", 0.0, row["upper"], truth

    return one_by_one(replicate)


def slope(scenarios: int, repeats: int, spread: float) -> Scenario:
    """Return the effect of a rating of each scenario on the hazard, turns counted from 1 to 6."""
    effect, centre, turns = 0.5, -2.5, 6
    truth = population_slope(centre, effect, spread, turns)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        rating = rng.normal(0, 1, scenarios)
        chance = expit(rng.normal(centre + effect * rating, spread))
        at_risk = np.full(scenarios, repeats)
        rows = []
        for turn in range(1, turns + 1):
            left = rng.binomial(at_risk, chance)
            shared = pd.DataFrame({"item": range(scenarios), "x": rating, "turn": turn})
            rows += [shared.assign(exited=1, count=left), shared.assign(exited=0, count=at_risk - left)]
            at_risk = at_risk - left
        table = pd.concat(rows)
        for name, cluster in (("", "item"), (", naive", False)):
            found = hazard(table, "x", baseline="each_turn", cluster=cluster).frame
            row = found[(found["quantity"] == "coefficient") & (found["term"] == "x")].iloc[0]
            yield f"hazard{name}", row["low"], row["high"], truth

    return one_by_one(replicate)


def population_slope(centre: float, effect: float, spread: float, turns: int) -> float:
    """Return the slope that the regression finds in an endless sample of such scenarios.

    Scenarios that are left soon are soon no more at risk, so the slope among those at risk is flatter.
    """
    rating, frailty = np.meshgrid(_NODES, _NODES)
    weight = np.outer(_WEIGHTS, _WEIGHTS)
    chance = expit(centre + effect * rating + spread * frailty)
    at_risk = [weight * (1 - chance) ** turn for turn in range(turns)]

    def scores(beta: Floats) -> Floats:
        found = np.zeros(turns + 1)
        for turn, those in enumerate(at_risk):
            residual = those * (chance - expit(beta[turn] + beta[-1] * rating))
            found[turn], found[-1] = residual.sum(), found[-1] + (residual * rating).sum()
        return found

    return float(root(scores, np.append(np.full(turns, centre), effect)).x[-1])


def two_events(scenarios: int, repeats: int, spread: float, shift: float = 0.0) -> Scenario:
    """Return dependence and phi of declining and leaving, whose logits go together over scenarios."""
    together = 0.6

    def chances(one: Floats, other: Floats) -> tuple[Floats, Floats]:
        return expit(shift - 1 + spread * one), expit(
            shift - 0.5 + spread * (together * one + np.sqrt(1 - together**2) * other)
        )

    one, other = np.meshgrid(_NODES, _NODES)
    left, declined = chances(one, other)
    weight = np.outer(_WEIGHTS, _WEIGHTS)
    both, first, second = ((weight * each).sum() for each in (left * declined, left, declined))
    gap = float(both - first * second)
    link = float(gap / np.sqrt(first * (1 - first) * second * (1 - second)))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        p, q = chances(rng.normal(0, 1, scenarios), rng.normal(0, 1, scenarios))
        shares = np.stack([p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)], axis=1)
        cells = rng.multinomial(repeats, shares).astype(float)
        for name, clustered in (("", True), (", naive", False)):
            fit = dependence(cells, LEVEL, clustered=clustered)
            yield f"dependence{name}", fit.low, fit.high, gap
            fit = phi(cells, LEVEL, clustered=clustered)
            yield f"phi{name}", fit.low, fit.high, link

    return one_by_one(replicate)


def two_hard(
    scenarios: int, repeats: int, kind: str, centre: float, spread: float, *, uneven: bool = False
) -> Scenario:
    """Return as `two_events`, where conversations that are left are also those in which it declines."""
    link = 0.2

    def joint(rng: np.random.Generator, number: int) -> Floats:
        one = population(rng, number, kind, centre, spread)
        own = population(rng, number, kind, centre, spread)
        other = np.where(rng.random(number) < 0.7, one, own) if kind == "80% never" else 0.6 * one + 0.4 * own
        p, q = expit(one), expit(other)
        both = p * q + link * np.minimum(p * (1 - q), q * (1 - p))
        return np.stack([both, p - both, q - both, 1 - p - q + both], axis=1)

    whole = joint(np.random.default_rng(0), MANY).mean(axis=0)
    left, declined = whole[0] + whole[1], whole[0] + whole[2]
    gap = float(whole[0] - left * declined)
    association = gap / float(np.sqrt(left * (1 - left) * declined * (1 - declined)))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        number = sizes(rng, scenarios, repeats, uneven=uneven)
        cells = rng.multinomial(number, joint(rng, scenarios)).astype(float)
        for name, interval, truth in (("dependence", dependence, gap), ("phi", phi, association)):
            fit = interval(cells, LEVEL, clustered=True)
            yield name, fit.low, fit.high, truth
            if cells[:, 0].sum() == 0:
                yield f"{name}, where nobody did both", fit.low, fit.high, truth

    return one_by_one(replicate)


EFFECTS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "exponential": lambda rng, size: rng.exponential(1, size) - 1,
    "lognormal": lambda rng, size: (rng.lognormal(0, 0.8, size) - np.exp(0.32)) / 1.305,
    "gamma of shape 0.5": lambda rng, size: rng.gamma(0.5, np.sqrt(2), size) - np.sqrt(0.5),
    "heavy tails": lambda rng, size: rng.standard_t(3, size) / np.sqrt(3),
    "80% alike": lambda rng, size: np.where(rng.random(size) < 0.2, 2.0, -0.5),
    "two groups": lambda rng, size: np.where(rng.random(size) < 0.5, 1.0, -1.0),
}
"""What scenarios add to an answer: mean 0 and standard deviation 1."""


def reports_of(
    scenarios: int, repeats: int, kind: str, *, centre: float = 0.0, uneven: bool = False
) -> Scenario:
    """Return alpha and ICC of three wordings, and their agreement with behaviour, of skewed scenarios.

    Answers are any number, or from 1 to 7 about a `centre` that is not 0.
    """

    def answers_of(rng: np.random.Generator, number: Integers) -> tuple[Floats, Floats]:
        value = np.repeat(EFFECTS[kind](rng, len(number)), number) + rng.normal(0, 0.5, number.sum())
        answers = value[:, None] + rng.normal(0, 1, (len(value), 3)) + np.array([-0.3, 0, 0.3])
        rounded: Floats = np.clip(np.rint(centre + answers), 1, 7) if centre else answers
        return rounded, value + rng.normal(0, 1, len(value))

    whole, did = answers_of(np.random.default_rng(0), np.ones(MANY // 4, dtype=np.int64))
    covariance = np.cov(whole.T)
    truths = (
        ("alpha", alpha_interval, float(alpha(covariance))),
        ("icc", icc_interval, float(icc(np.array(float(len(whole))), whole.mean(axis=0), covariance))),
    )
    both = whole.mean(axis=1), did
    links = (
        ("Pearson", False, float(np.corrcoef(*both)[0, 1])),
        ("Spearman", True, float(np.corrcoef(rankdata(both[0]), rankdata(both[1]))[0, 1])),
    )

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        number = sizes(rng, scenarios, repeats, uneven=uneven)
        (answers, did), item = answers_of(rng, number), np.repeat(np.arange(scenarios), number)
        once = np.ones(len(item))
        for name, interval, truth in truths:
            fit = interval(answers, item, once, level=LEVEL)
            yield name, fit.low, fit.high, truth
        pairs = np.column_stack([answers.mean(axis=1), did])
        for name, ranks, truth in links:
            fit = correlation_interval(pairs, item, once, ranks=ranks, level=LEVEL)
            yield name, fit.low, fit.high, truth

    return one_by_one(replicate)


def reports(scenarios: int, repeats: int) -> Scenario:
    """Return alpha, ICC and the agreement with behaviour of three wordings."""
    between, within, shift = 1.0, 0.5, 0.3
    trait = between**2 + within**2

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        item = np.repeat(np.arange(scenarios), repeats)
        value = rng.normal(0, between, scenarios)[item] + rng.normal(0, within, len(item))
        answers = value[:, None] + rng.normal(0, 1, (len(item), 3)) + np.array([-shift, 0, shift])
        did = value + rng.normal(0, 1, len(item))
        score = answers.mean(axis=1)
        for name, cluster in (("", item), (", naive", np.arange(len(item)))):
            for what, interval, truth in (
                ("alpha", alpha_interval, 3 * trait / (3 * trait + 1)),
                ("icc", icc_interval, trait / (trait + 1 + shift**2)),
            ):
                fit = interval(answers, cluster, np.ones(len(item)), level=LEVEL)
                yield f"{what}{name}", fit.low, fit.high, truth
            fit = correlation_interval(
                np.column_stack([score, did]),
                cluster,
                np.ones(len(item)),
                ranks=False,
                level=LEVEL,
            )
            yield f"agreement{name}", fit.low, fit.high, trait / np.sqrt((trait + 1 / 3) * (trait + 1))

    return one_by_one(replicate)


SCENARIOS = {
    "staying: 40 scenarios x 20, sd 1": staying(40, 20, -2.5, 1),
    "staying: 20 x 20, sd 1": staying(20, 20, -2.5, 1),
    "staying: 10 x 40, sd 1": staying(10, 40, -2.5, 1),
    "staying: 40 x 20, sd 2": staying(40, 20, -3, 2),
    "staying, rare: 40 x 10, sd 1": staying(40, 10, -5, 1),
    "staying, rare: 10 x 40, sd 1": staying(10, 40, -5, 1),
    "staying of these: 40 x 20, mixed": staying_of_these(20, 1),
    "staying of these: 40 x 20, decided": staying_of_these(20, 3),
    "staying of these: 40 x 3, mixed": staying_of_these(3, 1),
    "wrong exits: 6 x 20, 2%, sd 1": wrong_exits_bound(6, 20, float(logit(0.013)), 1),
    "wrong exits: 20 x 10, 2%, sd 1": wrong_exits_bound(20, 10, float(logit(0.013)), 1),
    "hazard: 40 x 20, sd 1": slope(40, 20, 1),
    "hazard: 12 x 40, sd 1": slope(12, 40, 1),
    "refusal by exit: 40 x 20, sd 1": two_events(40, 20, 1),
    "refusal by exit: 12 x 40, sd 2": two_events(12, 40, 2),
    "refusal by exit, rare: 40 x 20, sd 1": two_events(40, 20, 1, -2.5),
    "refusal by exit, rare: 20 x 20, sd 2": two_events(20, 20, 2, -2.5),
    "self-report: 40 x 5": reports(40, 5),
    "self-report: 15 x 10": reports(15, 10),
    "self-report: 8 x 20": reports(8, 20),
}
NEVER, HEAVY = "80% never", "heavy tails"
HARD: dict[str, Callable[[], Scenario]] = {
    "hard staying: 8 x 20, 80% never": lambda: staying_hard(8, 20, NEVER, -3, 1),
    "hard staying: 12 x 12, uneven, heavy tails, rare": lambda: staying_hard(
        12, 12, HEAVY, -4, 1.5, uneven=True
    ),
    "hard staying: 20 x 10, 80% never": lambda: staying_hard(20, 10, NEVER, -3, 1),
    "hard refusal by exit: 8 x 20, 80% never": lambda: two_hard(8, 20, NEVER, -1, 1),
    "hard refusal by exit: 12 x 12, uneven, heavy tails, rare": lambda: two_hard(
        12, 12, HEAVY, -3, 1.5, uneven=True
    ),
    "hard refusal by exit: 12 x 20, rare": lambda: two_hard(12, 20, "normal", -3.5, 1),
    "hard refusal by exit: 20 x 10, 80% never": lambda: two_hard(20, 10, NEVER, -1, 1),
    **{
        f"hard self-report: {scenarios} x {repeats}{', uneven' if uneven else ''}, {kind}"
        f"{', from 1 to 7' if centre else ''}": partial(
            reports_of, scenarios, repeats, kind, centre=centre, uneven=uneven
        )
        for scenarios, repeats, kind, centre, uneven in (
            (12, 20, "exponential", 0.0, False),
            (14, 20, "exponential", 2.5, False),
            (20, 10, "exponential", 0.0, True),
            (40, 10, "exponential", 0.0, False),
            (15, 10, "lognormal", 2.5, True),
            (12, 15, "gamma of shape 0.5", 0.0, False),
            (20, 10, "gamma of shape 0.5", 2.5, True),
            (12, 12, "heavy tails", 4.0, True),
            (20, 8, "heavy tails", 0.0, False),
            (14, 20, "80% alike", 0.0, False),
            (20, 10, "80% alike", 3.0, True),
            (15, 8, "two groups", 0.0, False),
            (12, 20, "normal", 0.0, False),
            (20, 10, "normal", 4.0, False),
            (40, 5, "normal", 0.0, False),
        )
    },
}
"""Few scenarios, rare events, heavy tails, and scenarios that never do it; made where they are run."""


def made_late(make: Callable[[], Scenario]) -> Scenario:
    """Return a scenario whose truth is worked out when it is first run."""
    made: list[Scenario] = []

    def scenario(rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        if not made:
            made.append(make())
        return made[0](rng, replications)

    return scenario


SCENARIOS |= {name: made_late(make) for name, make in HARD.items()}


if __name__ == "__main__":
    main(SCENARIOS, str(__doc__))
