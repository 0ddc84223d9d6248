"""What makes a model leave at the next turn: discrete-time hazard regression on the turn table.

One row an assistant turn that was had, so a conversation that was abandoned counts for as long as it was
seen. The chance of leaving at a turn, given that the model is still there, is regressed on the turn, the
class of the scenario, how often the model had declined before, or anything else the turns carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.exits.cloglog import regress_cloglog
from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.rates.counted import counted_cells
from bartleby.analysis.rates.formulas import Design, as_predictors, read_formula
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.sample.answer import Row, answer, estimator
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Clusters, Estimand, as_names, choose_cluster, group_names
from bartleby.errors import DataError, SettingError

__all__ = ["hazard"]

Baseline: TypeAlias = Literal["each_turn", "linear", "log", "none"]
Link: TypeAlias = Literal["logit", "cloglog"]
Floats = npt.NDArray[np.float64]

_TURN = {"each_turn": "C({0})", "linear": "{0}", "log": "np.log({0})"}


@estimator(exits)
def hazard(
    turns: object,
    predictors: str | Sequence[str] = (),
    *,
    baseline: Baseline = "each_turn",
    link: Link = "logit",
    exited: str = "exited",
    turn: str = "turn",
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    method: Literal["auto", "logistic", "firth"] = "auto",
) -> Estimates:
    """Estimate what raises or lowers the chance of leaving at a turn.

    A predictor that does not vary (in a group) has no effect to estimate: it is excluded, with a warning.

    Parameters
    ----------
    turns
        The turn table (`bartleby.read(log, unit="turn")`) or any frame with one row a turn that was had:
        `exited`, `turn` and the predictors; `count` weights rows.
    predictors
        Columns, or the right side of a formula: `["scenario_class", "refusals_before"]`,
        `"scenario_class * refusals_before"`.
    baseline
        How the chance depends on the turn: an effect of `each_turn`, `linear` or `log` in it, or `none`.
        With `each_turn`, turns at which no one left are excluded: their effect has no finite estimate, and
        they say nothing of the others.
    link
        `logit`: odds ratios; `cloglog`: hazard ratios of the continuous time that turns divide.
    exited, turn
        The column of 0 and 1 that says whether the model left at this turn, and that of the turn.
    method
        For `link="logit"`, as for `effects`: `auto`, `logistic`, `firth` or `mixed`; where the data are
        separated, `cloglog` has no estimate.

    Returns
    -------
    Estimates
        By `quantity`: `coefficient`, and `odds_ratio` or `hazard_ratio`; for logits also
        `marginal_effect`, the average change of the chance of leaving at a turn. `n` is turns, `exits` those
        at which the model left.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Singer & Willett (1993). CR2 over clusters with Satterthwaite's t: turns of one conversation and
    conversations of one scenario belong together.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> turns = bb.read("leave.db", unit="turn")
    >>> print(bb.leaving.hazard(turns, ["refusals_before"]).verdict)
    Odds ratio, sim/averse: 8 estimates from 0.029 (95% interval 0.002 to 0.478) for C(turn)[8] to
    2.46 (1.70 to 3.55) for refusals_before; intervals above 1: 1, below it: 5 (all 1,053 observations
    used; 90 clusters by item; items as a random sample).
    """
    frame = as_frame(turns)
    names = column_names(frame)
    missing = [
        f"{setting}: no column {name!r}; columns here: {', '.join(names)}; it takes the turn table, one row "
        "a turn"
        for setting, name in (("exited", exited), ("turn", turn))
        if name not in names
    ]
    if missing:
        raise DataError(missing)
    formula = _formula(predictors, baseline, exited, turn)
    terms = read_formula(formula, names)
    clusters = Clusters(choose_cluster(frame, cluster))
    columns = list(dict.fromkeys([turn, *terms.predictors]))
    keys = [*group_names(names, by, not_by=terms.predictors), *columns, *clusters.columns, exited]
    # Turns that were had count, however their conversation ended: its outcome is not the turn's.
    kept = frame.select(list(dict.fromkeys([*keys, *(["count"] if "count" in names else [])])))
    sample = read_sample(
        kept,
        exited,
        *(Column(name, name, empty="keep") for name in columns),
        by=by,
        not_by=["model"] if "model" in terms.predictors else (),
        cluster=clusters,
        level=level,
        estimand=estimand,
    )
    sample = sample.excluding(
        sample.cells[columns].isna().any(axis=1),
        "turn or predictor empty",
        "{} turns in which the turn or a predictor is empty are excluded",
    )
    data = as_predictors(sample.cells, terms, frame)
    used: list[float] = []

    def rows_of(part: Sample) -> Iterator[Row | str]:
        these = part.known
        if baseline == "each_turn":
            these, notes = _turns_with_exits(these, turn)
            yield from notes
        if not these.events:
            yield f"{part.label('hazard')}: nobody left, so nothing is estimated"
            return
        used.append(these.n)
        own = data.loc[these.cells.index]
        counted = counted_cells(these.cells, own, terms, clusters.columns, leave_out_constant=True)
        yield from _without_effect(counted.design, turn, part)
        fit = (
            regress(counted, method, repeats_independent=part.stratified)
            if link == "logit"
            else regress_cloglog(counted, repeats_independent=part.stratified)
        )
        yield from (f"{part.label('hazard')}: {text}" for text in fit.warnings)
        yield from ({**row, "exits": float(counted.events.sum())} for row in fit.rows(level))

    estimates = answer(sample, rows_of, identify=["quantity"], settings={"formula": formula})
    return replace(estimates, accounting=replace(estimates.accounting, used=sum(used)))


def _formula(predictors: str | Sequence[str], baseline: Baseline, exited: str, turn: str) -> str:
    """Return the whole formula; names that are no identifiers are quoted."""
    if isinstance(predictors, str) and "~" in predictors:
        raise SettingError(
            f"predictors={predictors!r}: give the right side alone; the left is {exited!r}, and the turn is "
            "said by baseline="
        )
    right = [predictors] if isinstance(predictors, str) and predictors.strip() else []
    if not isinstance(predictors, str):
        right = [name if name.isidentifier() else f"`{name}`" for name in as_names(predictors)]
    time = [_TURN[baseline].format(turn)] if baseline != "none" else []
    return f"{exited} ~ {' + '.join([*right, *time]) or '1'}"


def _without_effect(design: Design, turn: str, part: Sample) -> list[str]:
    """Return a warning for each predictor whose effect is not in the model, because it does not vary."""
    single = [
        name
        for name, values in design.data.items()
        if isinstance(values.dtype, pd.CategoricalDtype) and len(values.cat.categories) == 1 and name != turn
    ]
    return [
        f"{part.label('hazard')}: {name} is the same at all turns that are used, so it has no effect "
        "to estimate and is excluded"
        for name in (*design.left_out, *map(str, single))
    ]


def _turns_with_exits(part: Sample, turn: str) -> tuple[Sample, list[str]]:
    """Return the turns at which some left and some stayed: others' effects are infinite and say nothing."""
    cells = part.cells.assign(_y=part.cells["_event"] * part.cells["count"])
    sums = cells.groupby(turn)[["_y", "count"]].sum()
    informative = sums.index[(sums["_y"] > 0) & (sums["_y"] < sums["count"])]
    others = sums.index.difference(informative)
    if not (len(others) and len(informative)):
        return part, []
    listed = ", ".join(f"{value:g}" for value in list(others)[:8])
    warning = (
        f"{part.label('hazard')}: at turns {listed} nobody left, or everybody did; their effects have no "
        "finite estimate, and they are excluded"
    )
    return part.where(part.cells[turn].isin(informative)), [warning]
