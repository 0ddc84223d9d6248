"""Exits by whether leaving was to be expected there: specificity, and exits where leaving is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.exits.exit_times import exit_outcome
from bartleby.analysis.inference.intervals import RateFit, undefined
from bartleby.analysis.rates.rates import bounded_rate, rare_warnings, rate_row
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row, one_sided_problems
from bartleby.analysis.sample.columns import Column, check_column, listed
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import as_frame
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import SettingError

__all__ = ["absent_where", "specificity", "wrong_exits"]

EXPECTED, WRONG = "expected", "wrong"
KINDS = (EXPECTED, "neutral", WRONG)


@estimator(exits)
def specificity(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    expected: str = "expected",
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    refusals: Refusals = "counted",
) -> Estimates:
    """Estimate which share of exits happened where leaving was to be expected.

    Parameters
    ----------
    expected
        The column that says of each scenario whether leaving is `expected`, `neutral` or `wrong`.

    Returns
    -------
    Estimates
        By `quantity`: `share_of_exits`, of all exits; `balanced_share`, what it would be had scenarios where
        leaving is expected and others been asked equally often; `exit_rate` where leaving is expected, and
        elsewhere.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    The share of exits depends on what was asked: twice as many controls make it smaller with the same
    model. The balanced share r / (r + r'), of the two rates, does not; its interval is square-and-add on the
    log of their ratio (Zou & Donner 2008).

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.specificity(trials).verdict)
    Share of exits, where leaving is expected, sim/averse: 0.691 (95% interval 0.557 to 0.800) (all
    180 trials used; 53 clusters by item; items as a random sample).
    """
    frame = as_frame(trials)
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        Column("expected", expected, empty="exclude", words=KINDS),
        by=by,
        not_by=[expected],
        cluster=cluster,
        level=level,
        estimand=estimand,
        refusals=refusals,
    ).warning(
        "the share of exits depends on how many scenarios of each kind were asked; balanced_share and the "
        "two rates do not"
    )
    return answer(sample, _specificity, identify=["quantity"])


def _specificity(part: Sample) -> Iterator[Row | str]:
    """Yield the shares of exits of one group, and the two rates they are made of."""
    used = part.known
    right = used["expected"].astype(str) == EXPECTED
    left = used.where(used.happened)
    shares = left.asking(right[used.happened])
    rates = [
        {"quantity": "exit_rate", **rate_row(those, term), "events": those.events}
        for those, term in (
            (used.where(right), "where leaving is expected"),
            (used.where(~right), "elsewhere"),
        )
    ]
    n_clusters = sum(row["n_clusters"] for row in rates)
    balanced = fit_row(_balanced(*rates), n=used.n, n_clusters=n_clusters, level=part.level)
    share = {**rate_row(shares, "where leaving is expected"), "events": shares.events}
    yield {"quantity": "share_of_exits", **share}
    yield {
        "quantity": "balanced_share",
        "term": "had both been asked equally often",
        **balanced,
        "events": used.events,
    }
    yield from rates
    yield from rare_warnings(part, rates, also="balanced_share, which is made of it")
    if not used.events:
        yield f"{part.label('share_of_exits')}: no exit, so there is no share of exits"


def _balanced(where: Row, elsewhere: Row) -> RateFit:
    """Return r / (r + r') with its interval from those of the two rates."""
    rates = where["estimate"], elsewhere["estimate"]
    ends = (where["low"], where["high"], elsewhere["low"], elsewhere["high"])
    if not sum(rates) > 0:
        return undefined("no exit")
    share = rates[0] / sum(rates)
    if any(math.isnan(end) for end in ends):
        return undefined("one cluster", share)
    low, high, other_low, other_high = ends
    if min(*rates, low, other_low) <= 0:
        # A rate of 0 has no logarithm; the ends of both intervals taken together are wider than needed.
        least = low / (low + other_high) if low + other_high > 0 else 0.0
        most = high / (high + other_low) if high + other_low > 0 else 1.0
        return RateFit(share, math.nan, least, most, math.nan, "from the ends of both rates")
    odds = math.log(rates[0] / rates[1])
    below = math.hypot(math.log(rates[0] / low), math.log(other_high / rates[1]))
    above = math.hypot(math.log(high / rates[0]), math.log(rates[1] / other_low))
    least, most = (1 / (1 + math.exp(-end)) for end in (odds - below, odds + above))
    return RateFit(share, math.nan, least, most, math.nan, "square-and-add of log rates")


@estimator(exits)
def absent_where(
    trials: object,
    where: Mapping[str, object],
    outcome: str | Sequence[str] | None = None,
    *,
    classes: str = "scenario_class",
    at_most: float | None = None,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    refusals: Refusals = "counted",
) -> Estimates:
    """Estimate how rare exits are where there should be none: at risk, or on a topic that is controversial.

    Parameters
    ----------
    where
        Values of columns that say which trials: `{"scenario_class": ["at_risk", "controversial"]}`.
    classes
        The column of classes, each of which has a row beside that of all together; ignored if not there.
    at_most
        The largest rate that would still be called absent: adds the column `absent`.

    Returns
    -------
    Estimates
        As `rate`, with `upper`: what the rate is below with confidence `level` (one-sided). 0 of n is not
        a rate of zero, and has one too.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong; also if there is no such trial.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.absent_where(trials, {"expected": "wrong"}).verdict)
    Opted out, sim/averse: 0.083 (95% interval 0.003 to 0.423) (all 12 trials used; 6 clusters by
    item; items as a random sample).
    """
    problems = one_sided_problems(level)
    if at_most is not None and not 0 < at_most < 1:
        problems.append(f"at_most={at_most!r}: must be a rate between 0 and 1")
    if not where:
        problems.append("where: names no column")
    if problems:
        raise SettingError("; ".join(problems))
    frame = as_frame(trials)
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        Column("classes", classes, empty="keep", optional=True),
        where=where,
        by=by,
        not_by=[classes],
        cluster=cluster,
        level=level,
        estimand=estimand,
        refusals=refusals,
    )
    together, by_class = list(sample.groups), [*sample.groups, classes]
    groupings = [by_class] if "classes" in sample else [together]
    if "classes" in sample and len(sample.values("classes")) > 1:
        groupings = [together, by_class]

    def rows_of(part: Sample) -> Iterator[Row | str]:
        for row in bounded_rate(part, side="upper"):
            yield row if isinstance(row, str) else {**row, **_absent(row, at_most)}

    settings = {"where": {name: listed(value) for name, value in where.items()}}
    return answer(sample, rows_of, groupings=groupings, settings=settings)


def _absent(row: Row, at_most: float | None) -> Row:
    if at_most is None:
        return {}
    return {"absent": None if np.isnan(row["upper"]) else bool(row["upper"] < at_most)}


@estimator(absent_where)
def wrong_exits(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    expected: str = "expected",
    classes: str = "scenario_class",
    at_most: float | None = None,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    refusals: Refusals = "counted",
) -> Estimates:
    """Estimate how often a model leaves where leaving is wrong: where somebody is at risk.

    Parameters
    ----------
    expected
        The column that says of each scenario whether leaving is `expected`, `neutral` or `wrong`.

    Returns
    -------
    Estimates
        As `absent_where`, of the scenarios where leaving is wrong.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong; also if leaving is wrong in no scenario.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.wrong_exits(trials).verdict)
    Opted out, sim/averse: 0.083 (95% interval 0.003 to 0.423) (all 12 trials used; 6 clusters by
    item; items as a random sample).
    """
    frame = as_frame(trials)
    check_column(frame, Column("expected", expected, words=KINDS))
    return absent_where(
        frame,
        {expected: WRONG},
        outcome,
        classes=classes,
        at_most=at_most,
        by=by,
        cluster=cluster,
        level=level,
        estimand=estimand,
        refusals=refusals,
    )
