"""What makes a model leave at the next turn: discrete-time hazard regression on the turn table.

One row an assistant turn that was had, so a conversation that was abandoned counts for as long as it was
seen. The chance of leaving at a turn, given that the model is still there, is regressed on the turn, the
class of the scenario, how often the model had declined before, or anything else the turns carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.exits.cloglog import regress_cloglog
from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.rates.counted import counted_cells
from bartleby.analysis.rates.formulas import Design, as_predictors, read_formula
from bartleby.analysis.rates.regression import regress
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import (
    Estimand,
    as_names,
    check_settings,
    choose_cluster,
    group_names,
    split_groups,
)
from bartleby.analysis.tables.labels import group_label
from bartleby.analysis.tables.outcomes import read_events
from bartleby.docstrings import parameters_of
from bartleby.errors import DataError, SettingError

__all__ = ["hazard"]

Baseline: TypeAlias = Literal["each_turn", "linear", "log", "none"]
Link: TypeAlias = Literal["logit", "cloglog"]
Floats = npt.NDArray[np.float64]

_TURN = {"each_turn": "C({0})", "linear": "{0}", "log": "np.log({0})"}


@parameters_of(exits)
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
        With `each_turn`, turns at which nobody left are left out: their effect has no finite estimate, and
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
    check_settings(
        level,
        estimand,
        baseline=(baseline, (*_TURN, "none")),
        link=(link, ("logit", "cloglog")),
        method=(method, ("auto", "logistic", "firth")),
    )
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
    groups = group_names(names, by, not_by=terms.predictors)
    clusters = choose_cluster(frame, cluster)
    keys = list(
        dict.fromkeys([*groups, turn, *terms.predictors, *([clusters.column] if clusters.column else [])])
    )
    # Turns that were had count, however their conversation ended: its outcome is not the turn's.
    kept = frame.select(list(dict.fromkeys([*keys, exited, *(["count"] if "count" in names else [])])))
    table = read_events(kept, exited, keys=keys, may_be_empty=[*groups, *terms.predictors])
    warnings = [*table.warnings, *([clusters.warning] if clusters.warning else [])]
    cells = _without_empty(table.cells, (*terms.predictors, turn), warnings)
    data = as_predictors(cells, terms, frame)
    rows: list[dict[str, Any]] = []
    used = 0.0
    for key, part in split_groups(cells, groups):
        these = part[part["_event"].notna()]
        if baseline == "each_turn":
            these = _turns_with_exits(these, turn, key, warnings)
        if these.empty or not (these["_event"] == 1).any():
            warnings.append(f"{group_label('hazard', key)}: nobody left, so nothing is estimated")
            continue
        used += float(these["count"].sum())
        by_cluster = (clusters.column,) if clusters.column else ()
        counted = counted_cells(these, data.loc[these.index], terms, by_cluster, leave_out_constant=True)
        warnings += _without_effect(counted.design, turn, key)
        independent = estimand == "these_items"
        fit = (
            regress(counted, method, repeats_independent=independent)
            if link == "logit"
            else regress_cloglog(counted, repeats_independent=independent)
        )
        warnings += [f"{group_label('hazard', key)}: {text}" for text in fit.warnings]
        left = float(counted.events.sum())
        rows += [{**key, **row, "exits": left} for row in fit.rows(level)]
    settings = {
        "formula": formula,
        "baseline": baseline,
        "link": link,
        "estimand": estimand,
        "level": level,
        "cluster": clusters.described,
        "by": list(groups),
        "method": method,
    }
    whole = table.accounting()
    accounting = Accounting(whole.counts, whole.counted_as, used)
    return Estimates(estimate_frame(rows, [*groups, "quantity"]), accounting, tuple(warnings), settings)


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


def _without_empty(cells: pd.DataFrame, names: Sequence[str], warnings: list[str]) -> pd.DataFrame:
    lacking = cells[list(dict.fromkeys(names))].isna().any(axis=1)
    if not lacking.any():
        return cells
    lost = float(cells.loc[lacking, "count"].sum())
    warnings.append(f"{lost:g} turns in which the turn or a predictor is empty are left out")
    return cells[~lacking].reset_index(drop=True)


def _without_effect(design: Design, turn: str, key: Mapping[str, Any]) -> list[str]:
    """Return a warning for each predictor whose effect is not in the model, because it does not vary."""
    single = [
        name
        for name, values in design.data.items()
        if isinstance(values.dtype, pd.CategoricalDtype) and len(values.cat.categories) == 1 and name != turn
    ]
    return [
        f"{group_label('hazard', key)}: {name} is the same at all turns that are used, so it has no effect "
        "to estimate and is left out"
        for name in (*design.left_out, *map(str, single))
    ]


def _turns_with_exits(
    part: pd.DataFrame, turn: str, key: Mapping[str, Any], warnings: list[str]
) -> pd.DataFrame:
    """Leave out turns at which nobody left, or everybody: their effect is infinite and tells nothing else."""
    sums = part.assign(_y=part["_event"] * part["count"]).groupby(turn)[["_y", "count"]].sum()
    informative = sums.index[(sums["_y"] > 0) & (sums["_y"] < sums["count"])]
    none = sums.index.difference(informative)
    if len(none) and len(informative):
        shown = ", ".join(f"{value:g}" for value in list(none)[:8])
        warnings.append(
            f"{group_label('hazard', key)}: at turns {shown} nobody left, or everybody did; their effects "
            "have no finite estimate, and they are left out"
        )
        return part[part[turn].isin(informative)]
    return part
