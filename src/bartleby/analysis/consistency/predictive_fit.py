"""Model fit: whether the choice model foretells choices it has not seen, and pairs behave as it says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.plain_fit import fit_plain
from bartleby.analysis.choice.table import pair_cluster, read_choices
from bartleby.analysis.consistency.goodness import goodness_of_fit
from bartleby.analysis.consistency.held_out import HeldOut, cross_validate
from bartleby.analysis.consistency.repeats import Repeats
from bartleby.analysis.inference.intervals import clustered_variance, critical_value
from bartleby.analysis.inference.unit_means import item_degrees, shared_item_variance
from bartleby.analysis.sample.answer import Row, answer, estimator
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import as_names
from bartleby.errors import SettingError

__all__ = ["predictive_fit"]

Floats = npt.NDArray[np.float64]
LOSSES = ("log_loss", "log_loss_slot", "log_loss_coin", "gain_over_slot", "gain_over_coin")
TESTS = ("deviance", "pair_dispersion")


@dataclass(frozen=True)
class _Options:
    cluster: str
    level: float
    folds: int
    draws: int
    has_pair_column: bool


@estimator()
def predictive_fit(
    trials: object,
    *,
    by: str | Sequence[str] | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    folds: int = 10,
    draws: int = 500,
    seed: int = 0,
) -> Estimates:
    """Estimate how well the choice model predicts, and test whether it fits.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second`, `outcome`, and `count` if rows are counted.
    by
        Columns that split the table; `model` does so by itself.
    cluster
        What is held out together and hangs together in the intervals: `pair`, a column, or `item`, which
        holds out pairs and lets pairs that share an item hang together. None finds the pair, or a column
        such as `scenario` within whose values pairs lie.
    level
        Of the intervals.
    folds
        Parts of the cross-validation.
    draws
        Simulated data sets of the goodness-of-fit tests; 0 leaves these out.
    seed
        Of the folds and simulations.

    Returns
    -------
    Estimates
        In nats a choice: `log_loss` of choices in pairs that the fit has not seen, `log_loss_slot` (the
        share of first choices is all that is known), `log_loss_coin` (log 2), `gain_over_slot` and
        `gain_over_coin` (above 0: the model foretells more). Goodness of fit: `deviance` and
        `pair_dispersion`, over what the fitted model gives (1: it fits), with `p_value`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    The model is Bradley-Terry with a slot effect, bias-reduced (Firth 1993), choices only. Intervals of
    losses are t intervals over clusters (CR2) given the fitted folds: that the fits share data is not in
    them (Bates, Hastie & Tibshirani 2024). The goodness-of-fit tests take answers to one pair in one
    order as independent, so that they reject for pairs that go their own way and for anything else that
    makes answers to a pair alike; statistics and simulations: `bartleby.analysis.consistency.goodness`.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("task_preferences", "sim/averse", log="choose.db")
    >>> trials = bb.read("choose.db")
    >>> print(bb.choices.predictive_fit(trials).verdict)
    Gain in log loss over position alone, nats a choice, sim/averse: 0.072 (95% interval 0.015 to
    0.129) (all 614 trials used; 307 clusters by pair; items as a random sample).
    """
    _check(cluster, folds, draws)
    clusters = pair_cluster(trials, cluster)
    held = clusters.column or "pair"
    table = read_choices(trials, by=as_names(by), clusters=(held,))
    options = _Options(held, level, folds, draws, "pair" in table.cells.columns)
    rng = np.random.default_rng(seed)

    def rows_of(part: Repeats) -> Iterator[Row | str]:
        rows, notes = _group_rows(part.cells, options, rng)
        yield from rows
        yield from (f"{part.label('').strip()} {note}".strip() for note in notes)

    return answer(Repeats(table, (), None, described=clusters.described), rows_of)


def _check(cluster: object, folds: int, draws: int) -> None:
    problems = []
    if cluster is not None and not isinstance(cluster, str):
        problems.append(
            f"cluster={cluster!r}: must be 'pair', 'item', a column, or None to look for one: it is held out"
        )
    if folds < 2:
        problems.append(f"folds={folds!r}: must be 2 or more")
    if draws < 0 or 0 < draws < 100:
        problems.append(f"draws={draws!r}: must be 0, or 100 or more")
    if problems:
        raise SettingError("\n".join(problems))


def _group_rows(
    part: pd.DataFrame, options: _Options, rng: np.random.Generator
) -> tuple[list[Row], list[str]]:
    held = "pair" if options.cluster == "item" else options.cluster
    clustered = ChoiceOptions(clusters=(held,))
    own_pairs = options.has_pair_column and options.cluster != "item"
    data = choice_data(part, clustered, has_pair_column=own_pairs)
    names = (*LOSSES, *(TESTS if options.draws else ()))
    base = {"level": options.level, "n": data.used, "n_clusters": _n_clusters(data, options)}
    if data.used == 0:
        rows = [{**base, "term": name, "method": "undefined, no choice"} for name in names]
        return rows, ["no trial ended in a choice, so there is nothing to predict"]
    if data.n_clusters < 2:
        rows = [{**base, "term": name, "method": "undefined, one cluster"} for name in LOSSES]
        notes = [f"one cluster ({held}), so nothing can be held out and predicted from the rest"]
    else:
        result = cross_validate(data, options.folds, rng)
        rows = [{**base, **row} for row in _loss_rows(result, data, options)]
        notes = _loss_notes(result)
    if options.draws:
        tests, more = _test_rows(data, options, rng)
        rows += [{**base, **row} for row in tests]
        notes += more
    return rows, notes


def _n_clusters(data: ChoiceData, options: _Options) -> float:
    if options.cluster == "item":
        return float(np.sum(data.trials_of_items > 0))
    return float(data.n_clusters)


def _loss_rows(result: HeldOut, data: ChoiceData, options: _Options) -> list[Row]:
    coin = result.n * math.log(2)
    sums = (result.model, result.slot, coin, result.slot - result.model, coin - result.model)
    method = f"{result.folds}-fold cross-validation"
    rows = []
    for term, values in zip(LOSSES, sums, strict=True):
        mean = float(values.sum() / result.n.sum())
        known = term == "log_loss_coin"
        error, df = (math.nan, math.nan) if known else _error(values, result.n, data, options)
        half = critical_value(options.level, df) * error if error > 0 else math.nan
        rows.append(
            {
                "term": term,
                "estimate": mean,
                "std_error": error,
                "low": mean - half,
                "high": mean + half,
                "method": "known: log 2" if known else f"{method}; t by {options.cluster}",
                "df": df,
            }
        )
    return rows


def _error(values: Floats, n: Floats, data: ChoiceData, options: _Options) -> tuple[float, float]:
    """Return the standard error of a mean a choice, and its degrees of freedom; NaN if nothing varies."""
    if options.cluster == "item":
        items = np.stack([data.first[data.row_cell], data.second[data.row_cell]], axis=1)
        size = len(np.unique(items))
        residual = values - n * values.sum() / n.sum()
        variance, df = shared_item_variance(residual, items, n) / float(n.sum()) ** 2, item_degrees(size)
    else:
        size = data.n_clusters
        summed, weight = (np.bincount(data.row_cluster, each, size).astype(float) for each in (values, n))
        _, variance, df = clustered_variance(summed, weight)
    return (math.sqrt(variance), df) if variance > 1e-20 else (math.nan, math.nan)


def _loss_notes(result: HeldOut) -> list[str]:
    notes = []
    if result.unlinked:
        notes.append(
            f"{result.unlinked:g} of {result.n.sum():g} held-out choices are between items that the rest of "
            "the data does not connect: they were predicted by the slot alone (more folds connect more)"
        )
    if not result.converged:
        notes.append("a fit of the cross-validation did not converge")
    return notes


def _test_rows(data: ChoiceData, options: _Options, rng: np.random.Generator) -> tuple[list[Row], list[str]]:
    fit = fit_plain(data)
    found = goodness_of_fit(fit, options.draws, options.level, rng)
    rows: list[Row] = []
    notes: list[str] = []
    for term, each in zip(TESTS, found, strict=True):
        row: Mapping[str, Any] = {
            "term": term,
            "estimate": each.ratio,
            "std_error": each.std_error,
            "low": each.low,
            "high": each.high,
            "method": f"parametric bootstrap, {each.n_draws} data sets",
            "df": each.df,
            "p_value": each.p_value,
        }
        rows.append(dict(row))
        if math.isnan(each.ratio):
            notes.append(
                f"{term}: undefined: the model did not converge, or leaves nothing that could misfit"
            )
    return rows, notes
