"""Agreement of coders: people, judges, or both, on any table of codings.

One row a coding: which unit, who coded it, as what. Kappa and alpha say how much better than chance the
coders agree; how often they agree says little where nearly everything is coded alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from bartleby.analysis.coding.alpha import (
    Alpha,
    Metric,
    cohen_kappa,
    fleiss_kappa,
    icc,
    icc_features,
    observed_agreement,
    unit_counts,
    weighted_kappa,
)
from bartleby.analysis.coding.codings import Codings, CodingTable, read_codings
from bartleby.analysis.inference.intervals import (
    RateFit,
    clustered_rate,
    critical_value,
    independent_rate,
    wilson,
)
from bartleby.analysis.inference.jackknife import (
    Scale,
    bootstrap_interval,
    cluster_sums,
    jackknife,
    scaled_interval,
)
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError, SettingError

__all__ = ["WEIGHTED", "Options", "agreement_rows", "coder_agreement"]

Floats = npt.NDArray[np.float64]
Method = Literal["jackknife", "bootstrap"]

WEIGHTED = ("weighted_kappa_linear", "weighted_kappa_quadratic")
MOSTLY_ONE = 0.9
"""Above this share of one value, a warning says how much agreement is due to it."""


@estimator()
def coder_agreement(
    codings: object,
    *,
    unit: str | Sequence[str],
    coder: str,
    value: str,
    metric: Metric = "nominal",
    cluster: str | bool | None = None,
    reference: str | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    method: Method = "jackknife",
    replicates: int = 2000,
    seed: int = 0,
) -> Estimates:
    """Estimate how well coders agree.

    Parameters
    ----------
    codings
        Any frame that narwhals reads, one row a coding; a missing value is a unit not coded.
    unit, coder, value
        Columns that say what was coded, by whom, and as what; several columns for a unit that is numbered
        within another, such as `["conversation", "turn"]`. Units and coders are text: 7 is "7".
    metric
        Of alpha: `nominal`, `ordinal`, `interval` or `ratio`. Values must be numbers but for `nominal`.
    cluster
        Column whose units belong together, such as the conversation of a turn. None takes the first of
        `scenario`, `item`, `conversation` and their like that holds several units together, and says so in
        the settings; False takes units as independent.
    reference
        A coder taken as the truth, such as the people's verdict: adds the sensitivity and specificity of
        each other coder (for more than two values, of each value against the others).
    by
        Columns that split the table; `model` does so by itself.
    level
        Of the intervals.
    method
        `jackknife`: t over clusters with skewness on Fisher's scale (observed agreement: logit), see
        `benchmarks/coverage_coding.py`; `bootstrap`: bias-corrected and accelerated, over clusters.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    Estimates
        `alpha`; for `nominal` also `observed_agreement`, `fleiss_kappa` where all units have equally many
        codings, and `cohen_kappa` of each pair of coders (columns `coder` and `other`); for the other metrics
        `weighted_kappa_linear` and `weighted_kappa_quadratic` of each pair, and `icc_2_1` and `icc_3_1` of
        the units that every coder has coded (single codings; in the first, differences between the coders'
        means are disagreement); `sensitivity` and `specificity` (column `coder`, and `value` for more than
        two values).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong: a missing column, one coder only, one unit coded twice by one
        coder, values that are no numbers.

    Notes
    -----
    Alpha and kappa are undefined (NaN) where only one value occurs. Where all codings agree there is no
    variation to estimate from: the lower bound then takes the upper score bound of 0 units in disagreement,
    over how often two codings would differ by chance. Weights of kappa are distances of the values as
    numbers (Cohen 1968), squared for the quadratic one (Fleiss & Cohen 1973); intraclass correlations are
    those of Shrout & Fleiss (1979). Intervals are over units or clusters; coders are taken as these ones,
    also in ICC(2,1).

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> codes = {"ann": [1, 0, 0, 1, 0, 0, 1, 0], "bob": [1, 0, 0, 1, 0, 1, 1, 0]}
    >>> codings = pd.DataFrame(
    ...     [
    ...         (f"u{at}", name, code)
    ...         for name, column in codes.items()
    ...         for at, code in enumerate(column)
    ...     ],
    ...     columns=["unit", "coder", "value"],
    ... )
    >>> print(bb.coder_agreement(codings, unit="unit", coder="coder", value="value").verdict)
    Krippendorff's alpha: 0.76 (95% interval -1.00 to 0.99) (all 16 observations used; trials taken as
    independent).
    """
    if replicates < 100:
        raise SettingError(f"replicates={replicates}: must be 100 or more")
    table = read_codings(
        codings, unit=unit, coder=coder, value=value, cluster=cluster, by=by, numbers=metric != "nominal"
    )
    options = Options(metric, level, method, replicates, seed, reference)
    return answer(
        table,
        lambda part: _agreement(part, options),
        identify=["coder", "other", "value"],
        settings={"replicates": replicates if method == "bootstrap" else None},
    )


@dataclass(frozen=True)
class Options:
    """The settings of `coder_agreement` that its rows depend on."""

    metric: Metric
    level: float
    method: Method
    replicates: int
    seed: int
    reference: str | None


def _agreement(table: CodingTable, options: Options) -> Iterator[Row | str]:
    """Yield the rows of one group, and what must be known of them."""
    part = table.coded()
    if len(part.coders) < 2:
        raise DataError(f"{table.prefix}one coder only ({part.coders[0]!r}): agreement needs two or more")
    counts = unit_counts(part.unit, part.value, part.n_units, len(part.values))
    together = counts.sum(axis=1) >= 2
    if not together.any():
        raise DataError(f"{table.prefix}no unit was coded by two coders, so there is nothing to compare")
    rows = agreement_rows(part, options)
    if options.reference is not None:
        rows += _reference_rows(part, options, table.prefix)
    yield from rows
    yield from (f"{table.prefix}{text}" for text in _warnings(counts[together], part, rows))


def agreement_rows(part: Codings, options: Options) -> list[Row]:
    """Return alpha, and the kappas and intraclass correlations that go with its metric, of one group."""
    counts = unit_counts(part.unit, part.value, part.n_units, len(part.values))
    together = counts.sum(axis=1) >= 2
    alpha = Alpha(part.numbers(), options.metric)
    rows = [_row(_Statistic("alpha", alpha.features(counts), alpha, together), part, options)]
    if options.metric == "nominal":
        return rows + _nominal_rows(counts, part, options, together)
    return rows + _graded_rows(part, options)


@dataclass(frozen=True, eq=False)
class _Statistic:
    """A measure of agreement, the features it is made of (U, D), and the units that have them (U,)."""

    term: str
    features: Floats
    of: Callable[[Floats], Floats]
    used: npt.NDArray[np.bool_]
    scale: Scale = "fisher"


def _nominal_rows(
    counts: Floats, part: Codings, options: Options, together: npt.NDArray[np.bool_]
) -> list[Row]:
    size = len(part.values)
    features = Alpha(part.numbers(), "nominal").features(counts)
    agree = _Statistic(
        "observed_agreement", features, lambda s: observed_agreement(s, size), together, "logit"
    )
    rows = [_row(agree, part, options)]
    coded = counts[together].sum(axis=1)
    if np.all(coded == coded[0]):
        fleiss = _Statistic("fleiss_kappa", features, lambda s: fleiss_kappa(s, size), together)
        rows.append(_row(fleiss, part, options))
    for one, other in combinations(range(len(part.coders)), 2):
        joint, both = part.joint(one, other)
        if both.any():
            cohen = _Statistic("cohen_kappa", joint, lambda s: cohen_kappa(s, size), both)
            rows.append(
                {"coder": part.coders[one], "other": part.coders[other], **_row(cohen, part, options)}
            )
    return rows


def _graded_rows(part: Codings, options: Options) -> list[Row]:
    values = part.numbers()
    rows = []
    for one, other in combinations(range(len(part.coders)), 2):
        joint, both = part.joint(one, other)
        for power, term in enumerate(WEIGHTED, start=1) if both.any() else ():
            kappa = _Statistic(term, joint, partial(weighted_kappa, values=values, power=power), both)
            rows.append(
                {"coder": part.coders[one], "other": part.coders[other], **_row(kappa, part, options)}
            )
    codes = np.column_stack([part.by_unit(number) for number in range(len(part.coders))])
    every = np.all(codes >= 0, axis=1)
    if every.any():
        features = np.zeros((part.n_units, len(part.coders) + 3))
        features[every] = icc_features(values[codes[every]])
        for term, coders_differ in (("icc_2_1", True), ("icc_3_1", False)):
            correlation = _Statistic(term, features, partial(icc, coders_differ=coders_differ), every)
            rows.append(_row(correlation, part, options))
    return rows


def _row(statistic: _Statistic, part: Codings, options: Options) -> Row:
    """Return one estimate with its interval over the clusters of the units that are used."""
    _, cluster = np.unique(part.cluster[statistic.used], return_inverse=True)
    n_clusters = int(cluster.max()) + 1
    sums = cluster_sums(statistic.features[statistic.used], cluster, n_clusters)
    found = jackknife(sums, statistic.of)
    drawn = math.nan
    if options.method == "bootstrap":
        low, high, drawn = bootstrap_interval(
            sums, statistic.of, options.level, options.seed, options.replicates
        )
        method = "bootstrap, BCa over clusters"
    else:
        low, high = scaled_interval(found, options.level, statistic.scale)
        method = f"jackknife t with skewness, {statistic.scale} scale"
    if found.estimate > 1 - 1e-12 and n_clusters > 1:
        low, high, method = *_all_agree(statistic, part, n_clusters, options.level), "all agree: score bound"
    return {
        "term": statistic.term,
        "estimate": found.estimate,
        "std_error": found.std_error or math.nan,
        "low": low,
        "high": high,
        "level": options.level,
        "n": float(statistic.used.sum()),
        "n_clusters": float(n_clusters),
        "method": method,
        "df": found.df if options.method == "jackknife" else math.nan,
        "replicates": drawn,
    }


def _all_agree(statistic: _Statistic, part: Codings, n_clusters: int, level: float) -> tuple[float, float]:
    """Return bounds where no unit is in disagreement: 0 of all has an upper score bound.

    A unit in disagreement costs agreement beyond chance its share of the units, over how often two codings
    would differ by chance: a rare code that was twice agreed on says little. Clusters make units worth less,
    as in `intervals.clustered_rate`.
    """
    worth = math.sqrt(float(statistic.used.sum()) * n_clusters)
    worst = wilson(0.0, worth, critical_value(level, n_clusters - 1))[1]
    if statistic.scale == "logit":
        return 1 - worst, 1.0
    share = np.bincount(part.value[statistic.used[part.unit]], minlength=len(part.values)).astype(float)
    differ = 1 - float(np.sum((share / share.sum()) ** 2))
    return max(1 - worst / differ, 0.0) if differ > 0 else 0.0, 1.0


def _reference_rows(part: Codings, options: Options, where: str) -> list[Row]:
    names = [str(name) for name in part.coders]
    if str(options.reference) not in names:
        raise DataError(
            f"{where}reference={options.reference!r}: no coder of that name; coders here: {', '.join(names)}"
        )
    truth = names.index(str(options.reference))
    binary = len(part.values) == 2
    values = [1] if binary else range(len(part.values))
    rows = []
    for judge in (number for number in range(len(names)) if number != truth):
        said, true, cluster = part.both(judge, truth)
        for value in values:
            for term, target in (("sensitivity", True), ("specificity", False)):
                chosen = (true == value) == target
                right = ((said == value) == target)[chosen]
                row = _rate_row(term, right, cluster[chosen], options, clustered=part.clustered)
                rows.append(
                    {"coder": part.coders[judge], "other": part.coders[truth], **row}
                    | {"value": part.values[value]}
                )
    return rows


def _rate_row(
    term: str,
    right: npt.NDArray[np.bool_],
    cluster: npt.NDArray[np.int64],
    options: Options,
    *,
    clustered: bool,
) -> Row:
    _, code = np.unique(cluster, return_inverse=True)
    n = np.bincount(code).astype(float)
    fit: RateFit = (
        clustered_rate(np.bincount(code, right.astype(float)), n, options.level)
        if clustered
        else independent_rate(float(right.sum()), float(len(right)), options.level)
    )
    return {"term": term, **fit_row(fit, n=float(len(right)), n_clusters=float(len(n)), level=options.level)}


def _warnings(counts: Floats, part: Codings, rows: list[Row]) -> list[str]:
    share = counts.sum(axis=0) / counts.sum()
    largest = int(np.argmax(share))
    notes = []
    if share[largest] == 1:
        notes.append(
            f"only one value was given ({part.values[largest]!r}), so alpha and kappa are undefined: "
            "coders who always say the same agree without having looked"
        )
    elif share[largest] > MOSTLY_ONE:
        notes.append(
            f"{share[largest]:.1%} of codings are {part.values[largest]!r}: coders who gave it as "
            f"often at random would agree {float(np.sum(share**2)):.1%} of the time, so agreement is high "
            "because nearly everything is coded alike; read alpha and kappa instead"
        )
    if any(row["n_clusters"] < 2 for row in rows if row["term"] == "alpha"):
        notes.append("one unit or cluster only: there is no interval")
    return notes
