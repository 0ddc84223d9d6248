"""How often nominal 95% intervals of coded transcripts hold the truth.

    python -m benchmarks.coverage_coding --save coding.jsonl
    python -m benchmarks.coverage_coding --only prevalence --replications 200

Prevalence: a judge of known errors sees every unit, people label some. Agreement: coders of known accuracy.
Patterns: conversations of scenarios that differ, with a model that leaves more often once it shows the code.
`usual` is the usual practice beside it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.optimize import brentq
from scipy.special import expit

from bartleby.analysis.coding.alpha import Metric
from bartleby.analysis.coding.coder_agreement import WEIGHTED, Options, agreement_rows
from bartleby.analysis.coding.codings import Codings
from bartleby.analysis.coding.corrected_count import lang_reiczigel, rogan_gladen
from bartleby.analysis.coding.corrected_rows import CORRECTIONS, elsewhere_rows
from bartleby.analysis.coding.judge_error import Proportion, effective, prediction_powered
from bartleby.analysis.coding.judged import JudgedUnits
from bartleby.analysis.coding.prevalence_rows import prevalence_rows
from bartleby.analysis.inference.intervals import clustered_rate, critical_value
from bartleby.analysis.patterns.by_turn import share_rows
from bartleby.analysis.patterns.coded_conversations import (
    Conversations,
    aalen_johansen,
    incidence_counts,
)

LEVEL = 0.95
SENSITIVITY, SPECIFICITY = 0.8, 0.95
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Talks:
    """Conversations that differ in how often they have the code.

    Parameters
    ----------
    number, turns
        Conversations, and turns of each; of unequal ones, on average.
    differ
        `beta`: like draws of a Beta distribution with a correlation of `likeness` within conversations;
        `some`: eight in ten never have the code and two in ten often; `heavy`: log-normal with a standard
        deviation of 1.5, so that a few have most of it.
    likeness
        See above.
    unequal
        Whether a conversation has between a quarter and seven quarters of the turns.
    """

    number: int
    turns: int
    differ: str = "beta"
    likeness: float = 0.2
    unequal: bool = False

    def chances(self, rng: np.random.Generator, share: float, number: int) -> Floats:
        """Return the chance of the code in each of so many conversations."""
        if self.differ == "some":
            return np.where(rng.random(number) < 0.2, 5 * share, 0.0)
        if self.differ == "heavy":
            return np.minimum(_heavy(share) * rng.lognormal(0, 1.5, number), 1.0)
        size = 1 / self.likeness - 1
        chances: Floats = rng.beta(share * size, (1 - share) * size, number)
        return chances

    def units(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return the conversation of each unit."""
        spread = rng.integers(self.turns // 4, 7 * self.turns // 4 + 1, self.number)
        return np.repeat(np.arange(self.number), spread if self.unequal else self.turns)


@cache
def _heavy(share: float) -> float:
    """Return the factor of log-normal chances, cut at 1, whose mean is a share."""
    drawn = np.random.default_rng(0).lognormal(0, 1.5, 1_000_000)
    return float(brentq(lambda factor: float(np.minimum(factor * drawn, 1).mean()) - share, 0, 1))


def judged_units(
    units: int,
    labels: int,
    share: float | tuple[float, float],
    *,
    talks: Talks | None = None,
    whole: bool = False,
    by_verdict: bool = False,
    sensitivity: float = SENSITIVITY,
    specificity: float = SPECIFICITY,
) -> Scenario:
    """Return intervals of a prevalence, from a judge of all units and labels of some.

    Parameters
    ----------
    units, labels
        How many; units are those of `talks` where there are any.
    share
        The prevalence, or the two between which it lies: with a handful of events in the labels, coverage at
        one prevalence jumps by several points as it passes from one count to the next.
    talks
        Conversations of the units; None: independent units.
    whole
        Whether whole conversations are labelled.
    by_verdict
        Whether half the labels go to each verdict of the judge.
    sensitivity, specificity
        Of the judge.
    """

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        aim = rng.uniform(*share) if isinstance(share, tuple) else share
        cluster = np.arange(units) if talks is None else talks.units(rng)
        size = len(cluster)
        chance = np.full(size, aim) if talks is None else talks.chances(rng, aim, talks.number)[cluster]
        truth = (rng.random(size) < chance).astype(float)
        right = rng.random(size) < np.where(truth == 1, sensitivity, specificity)
        judge = np.where(right, truth, 1 - truth)
        stratum = judge.astype(np.int64) if by_verdict else np.zeros(size, dtype=np.int64)
        labelled = np.zeros(size, dtype=bool)
        if by_verdict:
            for value in (0, 1):
                labelled[rng.permutation(np.flatnonzero(stratum == value))[: labels // 2]] = True
        elif talks is not None and whole:
            chosen = rng.permutation(talks.number)[: max(2, round(labels * talks.number / size))]
            labelled[np.isin(cluster, chosen)] = True
        else:
            labelled[rng.permutation(size)[:labels]] = True
        label = np.where(labelled, truth, np.nan)
        part = JudgedUnits(judge, judge, label, labelled, stratum, cluster, talks is not None)
        yield from _prevalences(part, float(aim), sensitivity, specificity)

    return one_by_one(replicate)


def validated_elsewhere(
    units: int, share: float, counts: tuple[int, int], talks: Talks | None = None
) -> Scenario:
    """Return intervals of a prevalence whose judge was validated elsewhere, on so many units of each kind."""

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        cluster = np.arange(units) if talks is None else talks.units(rng)
        chance = np.full(units, share) if talks is None else talks.chances(rng, share, talks.number)[cluster]
        truth = rng.random(len(cluster)) < chance
        judge = (rng.random(len(cluster)) < np.where(truth, SENSITIVITY, 1 - SPECIFICITY)).astype(float)
        nobody, zero = np.full(len(judge), np.nan), np.zeros(len(judge), dtype=np.int64)
        part = JudgedUnits(judge, judge, nobody, zero == 1, zero, cluster, talks is not None)
        drawn = (rng.binomial(n, rate) for n, rate in zip(counts, (SENSITIVITY, SPECIFICITY), strict=True))
        validity = [Proportion(right / n, n) for right, n in zip(drawn, counts, strict=True)]
        for correction in CORRECTIONS:
            row = elsewhere_rows(part, (validity[0], validity[1]), LEVEL, correction)[0]
            yield f"rogan_gladen, {correction}", row["low"], row["high"], share

    return one_by_one(replicate)


def _prevalences(
    part: JudgedUnits, share: float, sensitivity: float, specificity: float
) -> Iterator[Covered]:
    shown = share * sensitivity + (1 - share) * (1 - specificity)
    truth = {
        "prevalence": share,
        "rogan_gladen": share,
        "labels_alone": share,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "positive_predictive_value": share * sensitivity / shown,
        "negative_predictive_value": (1 - share) * specificity / (1 - shown),
    }
    for row in prevalence_rows(part, LEVEL):
        if row["term"] in truth:
            yield row["term"], row["low"], row["high"], truth[row["term"]]
    published = lang_reiczigel(*(_known(part)), critical_value(LEVEL))
    yield ("usual: Rogan-Gladen, Lang-Reiczigel", *published, share)
    fit = prediction_powered(part.score, part.label, part.labelled, part.stratum, part.cluster)
    half = critical_value(LEVEL) * math.sqrt(fit.variance)
    yield "usual: PPI++, z", fit.estimate - half, fit.estimate + half, share
    yield ("usual: Rogan-Gladen, errors as known", *_as_known(part), share)
    found = float(part.verdict.mean())
    half = critical_value(LEVEL) * math.sqrt(found * (1 - found) / len(part.verdict))
    yield "usual: judge alone", found - half, found + half, share


def _known(part: JudgedUnits) -> tuple[Proportion, Proportion, Proportion]:
    """Return the apparent prevalence, sensitivity and specificity, with the trials that they are worth."""
    every, _ = effective(part.verdict, np.ones(len(part.verdict)), part.cluster, clustered=part.clustered)
    rates: list[Proportion] = []
    for value in (1.0, 0.0):
        seen = part.labelled & (part.label == value)
        right = (part.verdict[seen] == value).astype(float)
        found, _ = effective(right, part.weight[seen], part.cluster[seen], clustered=part.clustered)
        rates.append(found)
    return every, rates[0], rates[1]


def _as_known(part: JudgedUnits) -> tuple[float, float]:
    """Return the corrected prevalence with the error of the apparent one alone."""
    every, *rates = _known(part)
    youden = rates[0].value + rates[1].value - 1
    if not youden > 0:
        return math.nan, math.nan
    centre = rogan_gladen(every.value, rates[0].value, rates[1].value)
    half = critical_value(LEVEL) * math.sqrt(every.value * (1 - every.value) / every.n) / youden
    return centre - half, centre + half


def coders(talks: Talks, share: float, right: float, raters: int, *, steps: int = 1) -> Scenario:
    """Return intervals of agreement of coders of units in conversations, by the estimator's defaults.

    Parameters
    ----------
    talks
        Conversations; those of one turn are independent units.
    share
        Of units with the code; of a graded one, the mean of its levels over the highest.
    right, raters
        How often a coder is right (of a graded code: not off by a level), and how many there are.
    steps
        The highest level: 1 for codes that are there or not.
    """
    metric: Metric = "nominal" if steps == 1 else "ordinal"
    wanted = ("alpha", "cohen_kappa") if steps == 1 else ("alpha", *WEIGHTED, "icc_2_1", "icc_3_1")
    options = Options(metric, LEVEL, "jackknife", 100, 0, None)

    def codings(rng: np.random.Generator, cluster: npt.NDArray[np.int64], chances: Floats) -> Codings:
        size = len(cluster)
        truth = rng.binomial(steps, chances[cluster])[:, None]
        wrong = rng.random((size, raters)) >= right
        off = np.where(rng.random((size, raters)) < 0.5, 1, -1) if steps > 1 else 1 - 2 * truth
        said = np.clip(truth + wrong * off, 0, steps)
        values = np.unique(said)
        clustered = len(np.unique(cluster)) < size
        return Codings(
            np.repeat(np.arange(size), raters), np.tile(np.arange(raters), size),
            np.searchsorted(values, said).ravel(), cluster, tuple(range(raters)),
            tuple(values.tolist()), clustered,
        )  # fmt: skip

    @cache
    def truths() -> dict[str, float]:
        rng = np.random.default_rng(0)
        many = codings(rng, np.arange(100_000), talks.chances(rng, share, 100_000))
        return {row["term"]: row["estimate"] for row in reversed(agreement_rows(many, options))}

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        cluster = talks.units(rng)
        _, cluster = np.unique(cluster, return_inverse=True)
        part = codings(rng, cluster, talks.chances(rng, share, int(cluster.max()) + 1))
        apart = dataclasses.replace(part, cluster=np.arange(len(cluster)), clustered=False)
        for name, those in (("", part), ("usual: units as independent, ", apart)):
            if name and not part.clustered:
                continue
            seen = {row["term"]: row for row in reversed(agreement_rows(those, options))}
            for term in wanted:
                row = seen.get(term, {"low": math.nan, "high": math.nan})
                yield f"{name}{term}", row["low"], row["high"], truths()[term]

    return one_by_one(replicate)


def conversations(
    rng: np.random.Generator, scenarios: int, repeats: int, turns: int, *, leaving: bool = True
) -> Conversations:
    """Return conversations whose model leaves more often at a turn with the code, or all go on."""
    size = scenarios * repeats
    scenario = np.repeat(np.arange(scenarios), repeats)
    own = rng.normal(-2.5, 1.0, scenarios)[scenario]
    code, last = np.full((size, turns), np.nan), np.full(size, turns)
    here, before, left = np.ones(size, dtype=bool), np.zeros(size), np.zeros(size, dtype=bool)
    for at in range(turns):
        shows = (rng.random(size) < expit(own + 1.5 * before)).astype(float)
        code[here, at] = shows[here]
        goes = here & leaving & (rng.random(size) < expit(-2.5 + 2.0 * shows))
        last[goes], left[goes] = at + 1, True
        here, before = here & ~goes, shows
    return Conversations(code, last, left, scenario)


def over_turns(scenarios: int, repeats: int, turns: int = 8) -> Scenario:
    """Return incidence and prevalence at the last turn, for new scenarios."""

    @cache
    def truths() -> tuple[float, float]:
        rng = np.random.default_rng(0)
        seen, stayed = (conversations(rng, 40_000, 1, turns, leaving=each) for each in (True, False))
        incidence = float(aalen_johansen(seen.firsts().sum(axis=0))[turns - 1])
        return incidence, float(np.mean(stayed.code[:, -1]))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        incidence, shown = truths()
        data = conversations(rng, scenarios, repeats, turns)
        size = float(len(data.last))
        coded, _, every = incidence_counts(data.by_cluster(data.firsts()))
        first = clustered_rate(coded[:, -1], every[:, -1], LEVEL)
        yield "first coded", first.low, first.high, incidence
        half = critical_value(LEVEL) * math.sqrt(first.estimate * (1 - first.estimate) / size)
        low, high = first.estimate - half, first.estimate + half
        yield "usual: first coded, conversations independent", low, high, incidence
        weighted = share_rows(data, turns, LEVEL)[2 * turns - 1]
        yield "had all stayed, weighted", weighted["low"], weighted["high"], shown
        there = data.code[data.last == turns, -1]
        mean = float(there.mean())
        half = critical_value(LEVEL) * math.sqrt(mean * (1 - mean) / len(there))
        yield "usual: share among survivors", mean - half, mean + half, shown

    return one_by_one(replicate)


FEW = {
    "15 conversations of 20, 10%": (Talks(15, 20), 0.1),
    "15 conversations of 5 to 35, 10%": (Talks(15, 20, unequal=True), 0.1),
    "15 conversations of 20, 4%, two in ten often": (Talks(15, 20, "some"), 0.04),
    "15 conversations of 20, 4%, heavy-tailed": (Talks(15, 20, "heavy"), 0.04),
}
SCENARIOS: dict[str, Scenario] = {
    "prevalence 10%, 2,000 units, 200 labels": judged_units(2000, 200, 0.1),
    "prevalence 2%, 2,000 units, 200 labels": judged_units(2000, 200, 0.02),
    "prevalence 1 to 3%, 2,000 units, 200 labels": judged_units(2000, 200, (0.01, 0.03)),
    "prevalence 30%, 2,000 units, 100 labels": judged_units(2000, 100, 0.3),
    "prevalence 4%, 2,000 units, 400 labels, judge .75 and .97": judged_units(
        2000, 400, 0.04, sensitivity=0.75, specificity=0.97
    ),
    "prevalence 4%, 200 conversations of 10, 400 labels, judge .75 and .97": judged_units(
        2000, 400, 0.04, talks=Talks(200, 10), sensitivity=0.75, specificity=0.97
    ),
    "prevalence 10%, 200 conversations of 10, 200 labels": judged_units(
        2000, 200, 0.1, talks=Talks(200, 10), whole=True
    ),
    "prevalence 10%, 50 conversations of 20, 300 labels": judged_units(
        1000, 300, 0.1, talks=Talks(50, 20), whole=True
    ),
    **{
        f"prevalence, {name}": judged_units(300, 150, share, talks=talks)
        for name, (talks, share) in FEW.items()
    },
    **{
        f"prevalence {share:.0%}, {number} conversations of {turns}, {name}, {labels} labels"
        f"{', whole ones' if whole else ''}, judge .75 and .97": judged_units(
            number * turns,
            labels,
            share,
            talks=Talks(number, turns, kind),
            whole=whole,
            sensitivity=0.75,
            specificity=0.97,
        )
        for share, number, turns, kind, name, labels, whole in (
            (0.1, 12, 20, "heavy", "heavy-tailed", 240, True),
            (0.1, 12, 40, "heavy", "heavy-tailed", 240, False),
            (0.1, 15, 20, "heavy", "heavy-tailed", 150, False),
            (0.1, 20, 20, "heavy", "heavy-tailed", 200, False),
            (0.1, 30, 10, "heavy", "heavy-tailed", 150, False),
            (0.1, 50, 20, "heavy", "heavy-tailed", 300, True),
            (0.3, 15, 30, "heavy", "heavy-tailed", 200, False),
            (0.04, 45, 20, "heavy", "heavy-tailed", 400, False),
            (0.04, 50, 20, "heavy", "heavy-tailed", 300, True),
            (0.1, 12, 40, "some", "two in ten often", 240, False),
            (0.1, 45, 10, "some", "two in ten often", 200, False),
            (0.1, 50, 20, "some", "two in ten often", 300, True),
            (0.06, 25, 16, "some", "two in ten often", 200, False),
            (0.04, 12, 20, "some", "two in ten often", 240, True),
            (0.04, 100, 10, "some", "two in ten often", 450, True),
            (0.02, 20, 20, "some", "two in ten often", 200, False),
            (0.04, 12, 40, "beta", "alike", 240, False),
            (0.3, 8, 30, "beta", "alike", 160, False),
        )
    },
    "elsewhere, 5%, 2,000 units, 50 and 200": validated_elsewhere(2000, 0.05, (50, 200)),
    "elsewhere, 30%, 300 units, 20 and 80": validated_elsewhere(300, 0.3, (20, 80)),
    "elsewhere, 10%, 50 conversations of 20, 100 and 400": validated_elsewhere(
        1000, 0.1, (100, 400), Talks(50, 20)
    ),
    "elsewhere, 10%, 15 conversations of 20, 100 and 400": validated_elsewhere(
        300, 0.1, (100, 400), Talks(15, 20)
    ),
    "by verdict, 30%, 2,000 units, 100 labels": judged_units(2000, 100, 0.3, by_verdict=True),
    "by verdict, 10%, 2,000 units, 200 labels": judged_units(2000, 200, 0.1, by_verdict=True),
    "by verdict, 2%, 2,000 units, 200 labels": judged_units(2000, 200, 0.02, by_verdict=True),
    "by verdict, 1 to 3%, 2,000 units, 200 labels": judged_units(2000, 200, (0.01, 0.03), by_verdict=True),
    "by verdict, 1 to 3%, 5,000 units, 400 labels": judged_units(5000, 400, (0.01, 0.03), by_verdict=True),
    "by verdict, 0.25 to 1%, 20,000 units, 300 labels": judged_units(
        20_000, 300, (0.0025, 0.01), by_verdict=True
    ),
    "by verdict, 10%, 200 conversations of 10, 200 labels": judged_units(
        2000, 200, 0.1, talks=Talks(200, 10), by_verdict=True
    ),
    "by verdict, 10%, 50 conversations of 20, 300 labels": judged_units(
        1000, 300, 0.1, talks=Talks(50, 20), by_verdict=True
    ),
    "by verdict, 2%, 200 conversations of 10, 200 labels": judged_units(
        2000, 200, 0.02, talks=Talks(200, 10), by_verdict=True
    ),
    "by verdict, 10%, 15 conversations of 40, 200 labels": judged_units(
        600, 200, 0.1, talks=Talks(15, 40), by_verdict=True
    ),
    "agreement, 100 units, 3%, two coders": coders(Talks(100, 1), 0.03, 0.98, 2),
    "agreement, 300 units, 5%, three coders": coders(Talks(300, 1), 0.05, 0.97, 3),
    "agreement, 30 conversations of 10, 20%, two coders": coders(Talks(30, 10, likeness=0.3), 0.2, 0.9, 2),
    "agreement, 10 conversations of 20, 30%, two coders": coders(Talks(10, 20, likeness=0.3), 0.3, 0.9, 2),
    **{
        f"agreement, {name}, {number} coders": coders(talks, share, 0.95, number)
        for (name, (talks, share)), number in zip(FEW.items(), (2, 4, 2, 3), strict=True)
    },
    "graded, 200 units": coders(Talks(200, 1), 0.3, 0.7, 2, steps=4),
    "graded, 20 conversations of 10": coders(Talks(20, 10, likeness=0.4), 0.3, 0.7, 2, steps=4),
    "graded, 12 conversations of 5 to 35, three coders": coders(
        Talks(12, 20, likeness=0.3, unequal=True), 0.2, 0.7, 3, steps=4
    ),
    "graded, 15 conversations of 20, two in ten often": coders(Talks(15, 20, "some"), 0.08, 0.9, 2, steps=3),
    "course, 40 scenarios of 10": over_turns(40, 10),
    "course, 12 scenarios of 20": over_turns(12, 20),
}

if __name__ == "__main__":
    main(SCENARIOS, __doc__ or "")
