"""Exits against what would be right: benign controls, where leaving is expected, and where it is wrong.

A model that leaves everything has a high rate of exits and no aversion. So the rate in a class is held
against that in its matched benign control, and exits are distinguished by whether leaving was to be expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.exits.exit_times import exit_outcome
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.rates.differences import compared
from bartleby.analysis.sample.answer import adjusted, estimator
from bartleby.analysis.sample.columns import Column, chosen_rows, column_values
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import read_sample
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import Frame, as_frame, column_names, count_rows
from bartleby.analysis.tables.estimates import Estimates, estimate_frame, records
from bartleby.analysis.tables.grouping import Estimand, as_names, missing_columns
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError, SettingError

__all__ = ["corrected_rate"]

_ARM = "_bartleby_arm"
Controls = Mapping[str, str | Sequence[str]] | str | Sequence[str] | None


@estimator(exits)
def corrected_rate(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    controls: Controls = None,
    classes: str = "scenario_class",
    match: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    adjust: Adjustment | None = "holm",
    refusals: Refusals = "counted",
) -> Estimates:
    """Estimate how much oftener a model leaves a class of scenarios than its benign control.

    Parameters
    ----------
    controls
        The control of each class, `{"privacy": "ordinary legal"}`; or one or several classes that are the
        control of all others; None takes the column `control_for`, which names in the rows of a control
        the class it is for.
    classes
        The column of classes.
    match
        The column that a scenario shares with its matched control, by which they are then paired. None
        takes `match` if every class has values of it in common with its control; False pairs nothing, and
        then such a column is the cluster if none is named.
    adjust
        `holm`, `bh` or None, over all rows of this call.

    Returns
    -------
    Estimates
        One row a class: the rate less the false-exit rate of its control, with `rate`, `control_rate`,
        `p_value` and `p_adjusted`.

    Raises
    ------
    DataError
        A column is missing, or no class has a control.
    SettingError
        `controls` names a class that is not there.

    Notes
    -----
    Intervals: `bartleby.difference`. The control says how often the model leaves what no one would call
    aversive; the difference is what the class adds.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> trials = bb.read("leave.db")
    >>> print(bb.leaving.corrected_rate(trials, cluster="match").verdict)
    sim/averse: 5 estimates from 0.08 (95% interval -0.37 to 0.48) for mild_harm, ordinary_help to
    0.83 (-0.25 to 1.00) for sexual_pressure, ordinary_help; intervals above 0: 2, below it: 0 (all
    120 trials used; 6 clusters by match; items as a random sample).
    """
    frame = as_frame(trials)
    names = column_names(frame)
    missing_columns(names, classes=classes)
    pairs = _controls(frame, controls, classes)
    event = exit_outcome(frame, outcome)
    pairing = _matching(frame, pairs, classes, match)
    # Unpaired scenarios still share what they share with their control, and so does their difference.
    shared = _matching(frame, pairs, classes, None) if cluster is None and pairing is None else None
    shared = shared if shared and not _has_empty(frame, shared) else None
    cluster = shared or (pairing if cluster is None else cluster)
    samples = {
        name: read_sample(
            _arms(frame, classes, name, those),
            event,
            Column("between", _ARM),
            Column("paired", pairing),
            by=by,
            not_by=[classes, _ARM],
            cluster=cluster,
            level=level,
            estimand=estimand,
            refusals=refusals,
        )
        for name, those in pairs.items()
    }
    differences = {
        name: compared(sample, f"control of {name}", adjust=None) for name, sample in samples.items()
    }
    rows = [
        _class_row(row, classes, name, pairs[name])
        for name, difference in differences.items()
        for row in records(difference.frame)
    ]
    adjusted(rows, adjust)
    warnings = [text.replace(_ARM, classes) for one in differences.values() for text in one.warnings]
    groups = next(iter(samples.values())).groups
    return Estimates(
        estimate_frame(rows, [*groups, classes, "control"]),
        _accounting(frame, event, classes, pairs, refusals),
        tuple(dict.fromkeys(warnings)),
        {
            **next(iter(differences.values())).settings,
            "between": classes,
            "reference": "the control of each class",
            "controls": {name: list(those) for name, those in pairs.items()},
            "family": f"all {len(rows)} comparisons of this call",
            **({"cluster": f"{shared} (found in the table)"} if shared else {}),
        },
    )


def _accounting(
    frame: Frame,
    event: str | tuple[str, ...],
    classes: str,
    pairs: Mapping[str, Sequence[str]],
    refusals: Refusals,
) -> Accounting:
    """Return how the trials of all classes that are compared, or are controls, were counted."""
    there = [*pairs, *(name for those in pairs.values() for name in those)]
    return read_sample(
        chosen_rows(frame, {classes: there}), event, cluster=False, refusals=refusals
    ).accounting()


def _class_row(row: Mapping[str, Any], classes: str, name: str, those: Sequence[str]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if key not in {_ARM, "reference"}}
    kept["control_rate"] = kept.pop("reference_rate")
    return {**kept, classes: name, "control": " or ".join(those), "term": f"{name} - control"}


def _controls(frame: Frame, controls: Controls, classes: str) -> dict[str, tuple[str, ...]]:
    """Return the control classes of each class that has any."""
    there = [str(value) for value in column_values(frame, classes)]
    if controls is None:
        return _controls_of_column(frame, classes)
    if isinstance(controls, Mapping):
        found = {str(name): as_names(those) for name, those in controls.items()}
    else:
        those = as_names(controls)
        found = {name: those for name in there if name not in those}
    unknown = [name for pair in found.items() for name in (pair[0], *pair[1]) if name not in there]
    if unknown:
        listed = ", ".join(map(repr, dict.fromkeys(unknown)))
        raise SettingError(f"controls: {listed}: not in column {classes!r}, which has {', '.join(there)}")
    if not found:
        raise SettingError(f"controls={controls!r}: leaves no class of {classes!r} to compare")
    return found


def _controls_of_column(frame: Frame, classes: str) -> dict[str, tuple[str, ...]]:
    names = column_names(frame)
    if "control_for" not in names:
        raise DataError(
            "controls: no column 'control_for' says which classes are controls; name them with controls="
        )
    pairs = count_rows(frame, [classes, "control_for"]).dropna()
    there = {str(value) for value in column_values(frame, classes)}
    found: dict[str, tuple[str, ...]] = {}
    for row in records(pairs):
        name = str(row["control_for"])
        if name in there:
            found[name] = tuple(natural_order({*found.get(name, ()), str(row[classes])}))
    if not found:
        raise DataError(f"control_for: names no class of column {classes!r}, so there is nothing to compare")
    return {name: found[name] for name in natural_order(found)}


def _has_empty(frame: Frame, column: str) -> bool:
    return bool(count_rows(frame, [column])[column].isna().any())


def _arms(frame: Frame, classes: str, name: str, those: Sequence[str]) -> Frame:
    """Return the trials of a class and of its controls, with the column that tells them apart."""
    kept = chosen_rows(frame, {classes: [name, *those]})
    mine = [value for value in column_values(kept, classes) if str(value) == name]
    if "control_for" in column_names(frame):
        # A class may be the control of several; its rows then say of which.
        others = [value for value in column_values(kept, "control_for") if str(value) != name]
        own = kept.filter(nw.col(classes).is_in(mine) | ~nw.col("control_for").is_in(others))
        kept = own if len(column_values(own, classes)) > 1 else kept
    arm = nw.when(nw.col(classes).is_in(mine)).then(nw.lit(name)).otherwise(nw.lit(f"control of {name}"))
    return kept.with_columns(arm.alias(_ARM))


def _matching(
    frame: Frame, found: Mapping[str, Sequence[str]], classes: str, match: str | bool | None
) -> str | None:
    """Return the column that pairs scenarios with their controls, None if there is none."""
    names = column_names(frame)
    column = match if isinstance(match, str) else "match"
    if match is False or (match is None and column not in names):
        return None
    if column not in names:
        raise DataError(f"match: no column {column!r}; columns here: {', '.join(names)}")
    pairs = count_rows(frame, [classes, column]).dropna()
    sides: dict[str, set[str]] = {}
    for row in records(pairs):
        sides.setdefault(str(row[classes]), set()).add(str(row[column]))
    empty: set[str] = set()
    lonely = [
        name
        for name, those in found.items()
        if not sides.get(name, empty) & {each for other in those for each in sides.get(other, empty)}
    ]
    if lonely and match is not None:
        raise DataError(
            f"match: column {column!r} has no value in common between {', '.join(map(repr, lonely))} and "
            "the control; match=False compares them unpaired"
        )
    return None if lonely else column
