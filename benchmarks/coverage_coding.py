"""How often nominal 95% intervals of coded transcripts hold the truth.

    python -m benchmarks.coverage_coding --save coding.jsonl
    python -m benchmarks.coverage_coding --only prevalence --replications 200

Prevalence: a judge of known errors sees every unit, people label some. Agreement: coders of known accuracy.
Patterns: conversations of scenarios that differ, with a model that leaves more often once it shows the code.
`usual` is the usual practice beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.special import expit

from bartleby.analysis.coding.alpha import Alpha, cohen_kappa, unit_counts
from bartleby.analysis.coding.corrected_count import rogan_gladen
from bartleby.analysis.coding.judge_error import Proportion, effective, prediction_powered
from bartleby.analysis.coding.judged import JudgedUnits
from bartleby.analysis.coding.prevalence_rows import prevalence_rows
from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.inference.jackknife import bootstrap_interval, cluster_sums, jackknife, scaled_interval
from bartleby.analysis.patterns.coded_conversations import Conversations, aalen_johansen
from bartleby.analysis.patterns.course import incidence_rows, share_rows

LEVEL = 0.95
SENSITIVITY, SPECIFICITY = 0.8, 0.95
Floats = npt.NDArray[np.float64]


def judged_units(
    units: int,
    labels: int,
    share: float | tuple[float, float],
    *,
    clusters: int = 0,
    likeness: float = 0.2,
    by_verdict: bool = False,
) -> Scenario:
    """Return intervals of a prevalence, from a judge of all units and labels of some.

    Parameters
    ----------
    units, labels
        How many.
    share
        The prevalence, or the two between which it lies: with a handful of events in the labels, coverage at
        one prevalence jumps by several points as it passes from one count to the next.
    clusters
        Clusters of units, whole clusters being labelled unless labels go by verdict; 0: independent units.
    likeness
        Correlation within a cluster.
    by_verdict
        Whether half the labels go to each verdict of the judge.
    """

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        aim = rng.uniform(*share) if isinstance(share, tuple) else share
        cluster = np.repeat(np.arange(clusters), units // clusters) if clusters else np.arange(units)
        chance = np.full(units, aim)
        if clusters:
            size = 1 / likeness - 1
            chance = rng.beta(aim * size, (1 - aim) * size, clusters)[cluster]
        truth = (rng.random(units) < chance).astype(float)
        right = rng.random(units) < np.where(truth == 1, SENSITIVITY, SPECIFICITY)
        judge = np.where(right, truth, 1 - truth)
        stratum = judge.astype(np.int64) if by_verdict else np.zeros(units, dtype=np.int64)
        labelled = np.zeros(units, dtype=bool)
        if by_verdict:
            for value in (0, 1):
                labelled[rng.permutation(np.flatnonzero(stratum == value))[: labels // 2]] = True
        elif clusters:
            chosen = rng.permutation(clusters)[: max(2, round(labels * clusters / units))]
            labelled[np.isin(cluster, chosen)] = True
        else:
            labelled[rng.permutation(units)[:labels]] = True
        label = np.where(labelled, truth, np.nan)
        yield from _prevalences(
            JudgedUnits(judge, judge, label, labelled, stratum, cluster, clusters > 0), float(aim)
        )

    return one_by_one(replicate)


def _prevalences(part: JudgedUnits, share: float) -> Iterator[Covered]:
    shown = share * SENSITIVITY + (1 - share) * (1 - SPECIFICITY)
    truth = {
        "prevalence": share,
        "rogan_gladen": share,
        "sensitivity": SENSITIVITY,
        "specificity": SPECIFICITY,
        "positive_predictive_value": share * SENSITIVITY / shown,
        "negative_predictive_value": (1 - share) * SPECIFICITY / (1 - shown),
    }
    for row in prevalence_rows(part, LEVEL):
        if row["term"] in truth:
            yield row["term"], row["low"], row["high"], truth[row["term"]]
    fit = prediction_powered(part.score, part.label, part.labelled, part.stratum, part.cluster)
    half = critical_value(LEVEL) * math.sqrt(fit.variance)
    yield "usual: PPI++, z", fit.estimate - half, fit.estimate + half, share
    yield ("usual: Rogan-Gladen, errors as known", *_as_known(part), share)
    found = float(part.verdict.mean())
    half = critical_value(LEVEL) * math.sqrt(found * (1 - found) / len(part.verdict))
    yield "usual: judge alone", found - half, found + half, share


def _as_known(part: JudgedUnits) -> tuple[float, float]:
    """Return the corrected prevalence with the error of the apparent one alone."""
    every, _ = effective(part.verdict, np.ones(len(part.verdict)), part.cluster, clustered=part.clustered)
    rates: list[Proportion] = []
    for value in (1.0, 0.0):
        seen = part.labelled & (part.label == value)
        right = (part.verdict[seen] == value).astype(float)
        found, _ = effective(right, part.weight[seen], part.cluster[seen], clustered=part.clustered)
        rates.append(found)
    youden = rates[0].value + rates[1].value - 1
    if not youden > 0:
        return math.nan, math.nan
    centre = rogan_gladen(every.value, rates[0].value, rates[1].value)
    half = critical_value(LEVEL) * math.sqrt(every.value * (1 - every.value) / every.n) / youden
    return centre - half, centre + half


def coders(
    clusters: int, share: float, right: float, raters: int, *, size: int = 1, likeness: float = 0.0
) -> Scenario:
    """Return intervals of alpha, and of kappa of the first two coders, of units in clusters.

    Parameters
    ----------
    clusters, size
        Clusters and the units in each.
    share, likeness
        Of units with the code, and how alike those of a cluster are.
    right, raters
        How often a coder is right, and how many there are.
    """
    alpha = Alpha(np.array([0.0, 1.0]), "nominal")

    def codings(rng: np.random.Generator, groups: int) -> npt.NDArray[np.int64]:
        chance = np.full(groups, share)
        if likeness:
            chance = rng.beta(share * (1 / likeness - 1), (1 - share) * (1 / likeness - 1), groups)
        truth = rng.random((groups, size)) < chance[:, None]
        said = np.where(rng.random((groups, size, raters)) < right, truth[:, :, None], ~truth[:, :, None])
        return said.reshape(-1, raters).astype(np.int64)

    many = codings(np.random.default_rng(0), 400_000 // size)
    truth = float(alpha(alpha.features(_counts(many, 2)).sum(axis=0)))
    agree = float(_kappa(_joint(many).sum(axis=0)))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        said, cluster = codings(rng, clusters), np.repeat(np.arange(clusters), size)
        features = alpha.features(_counts(said, 2))
        sums = cluster_sums(features, cluster, clusters)
        yield ("alpha, jackknife t, Fisher", *scaled_interval(jackknife(sums, alpha), LEVEL, "fisher"), truth)
        low, high, _ = bootstrap_interval(sums, alpha, LEVEL, 1, 400)
        yield "alpha, BCa bootstrap of clusters", low, high, truth
        joint = cluster_sums(_joint(said), cluster, clusters)
        yield (
            "kappa, jackknife t, Fisher",
            *scaled_interval(jackknife(joint, _kappa), LEVEL, "fisher"),
            agree,
        )
        plain = cluster_sums(features, np.arange(len(features)), len(features))
        low, high = _percentile(plain, alpha, rng)
        yield "usual: alpha, percentile bootstrap of units", low, high, truth

    return one_by_one(replicate)


def graded(clusters: int, size: int, likeness: float, off: float) -> Scenario:
    """Return intervals of ordinal alpha of two coders on a scale of five, who are off by a step so often."""
    alpha = Alpha(np.arange(5.0), "ordinal")
    cuts = np.array([0.5, 1.0, 1.6, 2.2])

    def counts(rng: np.random.Generator, groups: int) -> Floats:
        own = math.sqrt(likeness) * rng.normal(size=(groups, 1))
        value = np.searchsorted(cuts, own + math.sqrt(1 - likeness) * rng.normal(size=(groups, size)))
        step = rng.choice([-1, 0, 1], size=(groups, size, 2), p=[off / 2, 1 - off, off / 2])
        return _counts(np.clip(value[:, :, None] + step, 0, 4).reshape(-1, 2), 5)

    truth = float(alpha(alpha.features(counts(np.random.default_rng(0), 400_000 // size)).sum(axis=0)))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        features = alpha.features(counts(rng, clusters))
        for name, each in (("", size), ("usual: units as independent, ", 1)):
            groups = clusters * size // each
            sums = cluster_sums(features, np.repeat(np.arange(groups), each), groups)
            found = scaled_interval(jackknife(sums, alpha), LEVEL, "fisher")
            yield (f"{name}ordinal alpha, jackknife t, Fisher", *found, truth)

    return one_by_one(replicate)


def _counts(said: npt.NDArray[np.int64], values: int) -> Floats:
    unit = np.repeat(np.arange(len(said)), said.shape[1])
    return unit_counts(unit, said.ravel(), len(said), values)


def _joint(said: npt.NDArray[np.int64]) -> Floats:
    joint: Floats = np.eye(4)[2 * said[:, 0] + said[:, 1]]
    return joint


def _kappa(sums: Floats) -> Floats:
    return cohen_kappa(sums, 2)


def _percentile(sums: Floats, alpha: Alpha, rng: np.random.Generator) -> tuple[float, float]:
    kinds, times = np.unique(sums, axis=0, return_counts=True)
    drawn = alpha(rng.multinomial(len(sums), times / len(sums), size=400) @ kinds)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 200:
        return math.nan, math.nan
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


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
    rng = np.random.default_rng(0)
    seen, stayed = (conversations(rng, 40_000, 1, turns, leaving=each) for each in (True, False))
    incidence = float(aalen_johansen(seen.firsts().sum(axis=0))[turns - 1])
    shown = float(np.mean(stayed.code[:, -1]))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        data = conversations(rng, scenarios, repeats, turns)
        size = float(len(data.last))
        first = incidence_rows(data, turns, LEVEL)[turns - 1]
        yield "first coded", first["low"], first["high"], incidence
        half = critical_value(LEVEL) * math.sqrt(first["estimate"] * (1 - first["estimate"]) / size)
        low, high = first["estimate"] - half, first["estimate"] + half
        yield "usual: first coded, conversations independent", low, high, incidence
        weighted = share_rows(data, turns, LEVEL)[2 * turns - 1]
        yield "had all stayed, weighted", weighted["low"], weighted["high"], shown
        there = data.code[data.last == turns, -1]
        mean = float(there.mean())
        half = critical_value(LEVEL) * math.sqrt(mean * (1 - mean) / len(there))
        yield "usual: share among survivors", mean - half, mean + half, shown

    return one_by_one(replicate)


SCENARIOS: dict[str, Scenario] = {
    "prevalence 10%, 2,000 units, 200 labels": judged_units(2000, 200, 0.1),
    "prevalence 2%, 2,000 units, 200 labels": judged_units(2000, 200, 0.02),
    "prevalence 30%, 2,000 units, 100 labels": judged_units(2000, 100, 0.3),
    "prevalence 10%, 200 conversations of 10, 200 labels": judged_units(2000, 200, 0.1, clusters=200),
    "prevalence 10%, 50 conversations of 20, 300 labels": judged_units(1000, 300, 0.1, clusters=50),
    "by verdict, 30%, 2,000 units, 100 labels": judged_units(2000, 100, 0.3, by_verdict=True),
    "by verdict, 10%, 2,000 units, 200 labels": judged_units(2000, 200, 0.1, by_verdict=True),
    "by verdict, 2%, 2,000 units, 200 labels": judged_units(2000, 200, 0.02, by_verdict=True),
    "by verdict, 1 to 3%, 2,000 units, 200 labels": judged_units(2000, 200, (0.01, 0.03), by_verdict=True),
    "by verdict, 1 to 3%, 5,000 units, 400 labels": judged_units(5000, 400, (0.01, 0.03), by_verdict=True),
    "by verdict, 0.25 to 1%, 20,000 units, 300 labels": judged_units(
        20_000, 300, (0.0025, 0.01), by_verdict=True
    ),
    "by verdict, 10%, 200 conversations of 10, 200 labels": judged_units(
        2000, 200, 0.1, clusters=200, by_verdict=True
    ),
    "by verdict, 10%, 50 conversations of 20, 300 labels": judged_units(
        1000, 300, 0.1, clusters=50, by_verdict=True
    ),
    "by verdict, 2%, 200 conversations of 10, 200 labels": judged_units(
        2000, 200, 0.02, clusters=200, by_verdict=True
    ),
    "agreement, 100 units, 3%, two coders": coders(100, 0.03, 0.98, 2),
    "agreement, 300 units, 5%, three coders": coders(300, 0.05, 0.97, 3),
    "agreement, 30 conversations of 10, 20%, two coders": coders(30, 0.2, 0.9, 2, size=10, likeness=0.3),
    "agreement, 10 conversations of 20, 30%, two coders": coders(10, 0.3, 0.9, 2, size=20, likeness=0.3),
    "ordinal, 200 units": graded(200, 1, 0.0, 0.3),
    "ordinal, 20 conversations of 10": graded(20, 10, 0.4, 0.3),
    "course, 40 scenarios of 10": over_turns(40, 10),
    "course, 12 scenarios of 20": over_turns(12, 20),
}

if __name__ == "__main__":
    main(SCENARIOS, __doc__ or "")
