"""What surrounds every estimator: settings, groups, warnings, worst cases, families of p values.

Read `answer` from top to bottom: it is the table of contents of an estimate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, wraps
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.sample.sample import Sample
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import level_problems
from bartleby.analysis.tables.outcomes import missing_warnings
from bartleby.docstrings import parameters_of
from bartleby.errors import SettingError

__all__ = ["EXTREMES", "Row", "RowsOf", "adjusted", "answer", "estimator", "fit_row", "one_sided_problems"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result", bound=Estimates)
Row: TypeAlias = dict[str, Any]
"""One row of a table of estimates."""
RowsOf: TypeAlias = Callable[[Sample], Iterable[Row | str]]
"""What an estimator is: it yields the rows of one group, and warnings."""
EXTREMES = "_extremes"
"""In a row with bounds: the two estimates had the missing trials all gone one way or all the other."""


def answer(
    sample: Sample,
    rows_of: RowsOf,
    *,
    groupings: Sequence[Sequence[str]] | None = None,
    identify: Sequence[str] = (),
    compared: str | None = None,
    adjust: Adjustment | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Estimates:
    """Return the estimates of every group of a sample.

    Parameters
    ----------
    sample
        What was read.
    rows_of
        The rows of one group, and warnings about it.
    groupings
        Several ways to split the sample, whose rows follow each other; None takes that of the sample.
    identify
        Columns that say which row it is, beside those of groups.
    compared
        A column whose values are compared: rows name one of them, and its `reference`.
    adjust
        For the p values of all comparisons, which are one family.
    settings
        What was used, beside what was asked for.
    """
    splits = [list(groups) for groups in ([sample.groups] if groupings is None else groupings)]
    groups = list(dict.fromkeys(name for split in splits for name in split))
    rows: list[Row] = []
    notes: list[str] = []
    bounds: dict[str, tuple[float, float]] = {}
    cases: list[WorstCase] = []
    for part in (part for split in splits for part in sample.split(split)):
        for found in rows_of(part):
            if isinstance(found, str):
                notes.append(found)
                continue
            cases += _worst_case(found, part, bounds)
            rows.append({**dict.fromkeys(groups, "all"), **part.key, **found})
    further = [compared] if compared else []
    lacking = [text for split in splits for text in missing_warnings(sample, [*split, *further])]
    family = [row for row in rows if "reference" in row and "p_value" in row]
    adjusted(family, adjust)
    lead = [*groups, *([compared, "reference"] if compared else []), *identify]
    return Estimates(
        estimate_frame(rows, dict.fromkeys(lead)),
        sample.accounting(bounds),
        tuple(dict.fromkeys([*(lacking if bounds else sample.warnings), *notes, *bound_warnings(cases)])),
        {
            "estimand": sample.estimand,
            "level": sample.level,
            "cluster": sample.clusters.described,
            "by": groups,
            **({"family": f"all {len(family)} comparisons of this call"} if adjust or family else {}),
            **(settings or {}),
        },
    )


def _worst_case(row: Row, part: Sample, bounds: dict[str, tuple[float, float]]) -> list[WorstCase]:
    """Note the bounds of a row, and return its worst case; none where it has no bounds."""
    if "bound_low" not in row:
        return []
    label, total = part.label(row["term"]), row["n"] + row["missing"]
    bounds[label] = (row["bound_low"], row["bound_high"])
    return [WorstCase(label, row["low"], row["high"], row.pop(EXTREMES), row["missing"], total)]


def adjusted(rows: Sequence[Row], adjust: Adjustment | None) -> None:
    """Write `p_adjusted` into rows that are one family."""
    for row, p in zip(rows, adjust_p([row["p_value"] for row in rows], adjust), strict=True):
        row["p_adjusted"] = p


def fit_row(fit: RateFit, *, n: float, n_clusters: float, level: float) -> Row:
    """Return the columns that a fit fills."""
    return {
        "estimate": fit.estimate,
        "std_error": fit.std_error,
        "low": fit.low,
        "high": fit.high,
        "level": level,
        "n": n,
        "n_clusters": n_clusters,
        "method": fit.method,
        "df": fit.df,
    }


def estimator(
    *explained_by: Callable[..., Any],
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a function of a table an estimator: settings checked and recorded, parameters explained.

    Parameters
    ----------
    explained_by
        Functions whose docstrings explain the parameters that its own leaves out.

    Returns
    -------
    callable
        A decorator. `level`, and every parameter annotated with a `Literal`, is checked before the function
        runs, all at once; what was asked for is written into the settings beside what the function writes,
        which counts where both do.
    """

    def decorated(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(function)
        def estimated(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            bound = _signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            table, *_ = bound.arguments
            asked = {name: value for name, value in bound.arguments.items() if name != table}
            _check(asked, function)
            estimates = function(*args, **kwargs)
            defaults = _signature(function).parameters
            made = {name: asked[name] for name in asked if not asked[name] is defaults[name].default is None}
            return replace(estimates, settings={**_plain(made), **estimates.settings})

        return parameters_of(*explained_by)(estimated)

    return decorated


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@cache
def _allowed(function: Callable[..., Any]) -> dict[str, tuple[object, ...]]:
    """Return the values that each parameter may have, of those that have only some."""
    hints = {name: hint for name, hint in get_type_hints(function).items() if name != "return"}
    choices = {name: _literals(hint) for name, hint in hints.items()}
    return {name: values for name, values in choices.items() if values}


def _literals(hint: object) -> tuple[object, ...]:
    """Return the values of a type that is made of literals and None alone; else none."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = [part for part in get_args(hint) if part is not type(None)]
    if (
        not parts
        or len(parts) == len(get_args(hint))
        or not all(get_origin(part) is Literal for part in parts)
    ):
        return ()
    return (*(value for part in parts for value in get_args(part)), None)


def _check(asked: Mapping[str, object], function: Callable[..., Any]) -> None:
    problems = level_problems(asked["level"]) if "level" in asked else []
    if asked.get("one_sided") is not None and not problems:
        problems += one_sided_problems(asked["level"])
    problems += [
        f"{name}={asked[name]!r}: must be one of {', '.join(map(repr, values))}"
        for name, values in _allowed(function).items()
        if not any(value is asked[name] or value == asked[name] for value in values)
    ]
    if problems:
        raise SettingError("; ".join(problems))


def one_sided_problems(level: Any) -> list[str]:  # noqa: ANN401
    """Return what is wrong with the confidence of a one-sided limit, in one line or none."""
    return [] if 0.5 < level < 1 else [f"level={level!r}: a one-sided bound needs a level between 0.5 and 1"]


def _plain(asked: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that can be written down; a table is none."""
    return {name: _written(value) for name, value in asked.items() if _can_be_written(value)}


def _can_be_written(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_can_be_written, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_can_be_written, value))
    return value is None or isinstance(value, (str, int, float))


def _written(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _written(one) for name, one in value.items()}
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else value
