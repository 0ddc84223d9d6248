"""What surrounds every estimator: settings, groups, warnings, worst cases, families of p values.

Read `answer` from top to bottom: it is the table of contents of an estimate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, wraps
from typing import (
    Any,
    Literal,
    ParamSpec,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import pandas as pd

from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.tables.accounting import Accounting, WorstCase, bound_warnings
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import level_problems, split_groups
from bartleby.analysis.tables.labels import group_label, group_prefix
from bartleby.docstrings import parameters_of
from bartleby.errors import SettingError

__all__ = [
    "CASE",
    "Grouped",
    "Part",
    "Row",
    "adjusted",
    "answer",
    "estimator",
    "fit_row",
    "one_sided_problems",
    "worst_case",
]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result", bound=Estimates)
Row: TypeAlias = dict[str, Any]
"""One row of a table of estimates."""
CASE = "_case"
"""In a row with bounds: what the estimate would be had the missing trials all gone one way or the other."""


class Part(Protocol):
    """A table that was read, or a group of it."""

    @property
    def key(self) -> Mapping[str, Any]:
        """The values that name the group."""

    @property
    def groups(self) -> Sequence[str]:
        """Columns that split the table."""

    def split(self, groups: Sequence[str] | None = None) -> Iterable[Self]:
        """Yield each group, in the order of its values."""

    def notes(self, groups: Sequence[str], *, bounded: bool) -> Iterable[str]:
        """Return what must be known of how it was read, by group where estimates are bounded."""

    def accounting(self, bounds: dict[str, tuple[float, float]]) -> Accounting:
        """Return how everything in it was counted."""

    def settings(self) -> dict[str, Any]:
        """Return what was used: estimand, clusters, groups."""


@dataclass(frozen=True, eq=False)
class Grouped:
    """A table with a row a coding, a unit or a turn, in groups: what such tables have in common.

    Parameters
    ----------
    rows
        What was read.
    groups
        Columns that split the table.
    cluster
        What belongs together, in words.
    warnings
        What a reader must know.
    key
        The values that name the group, of a part.
    """

    rows: pd.DataFrame = field(repr=False)
    groups: tuple[str, ...]
    cluster: str
    warnings: tuple[str, ...]
    key: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What a message about the group begins with."""
        return group_prefix(self.key)

    def split(self, groups: Sequence[str] | None = None) -> Iterable[Self]:
        """Yield each group, in the order of its values."""
        for key, part in split_groups(self.rows, self.groups if groups is None else groups):
            yield replace(self, rows=part, key=key)

    def notes(self, groups: Sequence[str], *, bounded: bool) -> Sequence[str]:
        """Return what must be known of how it was read."""
        return self.warnings

    def settings(self) -> dict[str, Any]:
        """Return what was used."""
        return {"estimand": "new_items", "cluster": self.cluster, "by": list(self.groups)}


Read = TypeVar("Read", bound=Part)


def answer(
    table: Read,
    rows_of: Callable[[Read], Iterable[Row | str]],
    *,
    groupings: Sequence[Sequence[str]] | None = None,
    identify: Sequence[str] = (),
    compared: str | None = None,
    tested: Callable[[Row], bool] = lambda row: "reference" in row and "p_value" in row,
    family: str = "all {} comparisons of this call",
    adjust: Adjustment | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Estimates:
    """Return the estimates of every group of a table.

    Parameters
    ----------
    table
        What was read.
    rows_of
        What an estimator is: it yields the rows of one group, and warnings.
    groupings
        Several ways to split the table, whose rows follow each other; None takes its own.
    identify
        Columns that say which row it is, beside those of groups.
    compared
        A column whose values are compared: rows name one of them, and its `reference`.
    tested, family
        Which rows' p values are one family, and what this is called.
    adjust
        How they are adjusted.
    settings
        What was used, beside what was asked for.
    """
    splits = [list(groups) for groups in ([table.groups] if groupings is None else groupings)]
    groups = list(dict.fromkeys(name for split in splits for name in split))
    rows: list[Row] = []
    notes: list[str] = []
    bounds: dict[str, tuple[float, float]] = {}
    cases: list[WorstCase] = []
    for part in (part for split in splits for part in table.split(split)):
        for found in rows_of(part):
            if isinstance(found, str):
                notes.append(found)
                continue
            cases += _worst_case(found, part.key, bounds)
            rows.append({**dict.fromkeys(groups, "all"), **part.key, **found})
    family_rows = adjusted([row for row in rows if tested(row)], adjust)
    further = [compared] if compared else []
    read = [text for split in splits for text in table.notes([*split, *further], bounded=bool(bounds))]
    lead = [*groups, *([compared, "reference"] if compared else []), *identify]
    return Estimates(
        estimate_frame(rows, dict.fromkeys(lead)),
        table.accounting(bounds),
        tuple(dict.fromkeys([*read, *notes, *bound_warnings(cases)])),
        {
            **table.settings(),
            **({"by": groups} if groupings else {}),
            **({"family": family.format(len(family_rows))} if family_rows else {}),
            **(settings or {}),
        },
    )


def _worst_case(row: Row, key: Mapping[str, Any], bounds: dict[str, tuple[float, float]]) -> list[WorstCase]:
    """Note the bounds of a row by its term and group, and return its worst case; none where it has none."""
    case = row.pop(CASE, None)
    if case is None:
        return []
    label = group_label(case.term, key)
    bounds[label] = (row["bound_low"], row["bound_high"])
    return [replace(case, term=label)]


def worst_case(row: Row, extremes: tuple[float, float]) -> WorstCase:
    """Return the worst case of a row, of which two estimates are the extremes."""
    total = row["n"] + row["missing"]
    return WorstCase(row["term"], row["low"], row["high"], extremes, row["missing"], total)


def adjusted(rows: list[Row], adjust: Adjustment | None) -> list[Row]:
    """Write `p_adjusted` into rows that are one family, and return them."""
    for row, p in zip(rows, adjust_p([row["p_value"] for row in rows], adjust), strict=True):
        row["p_adjusted"] = p
    return rows


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
            return replace(estimates, settings={**_plain(asked, function), **estimates.settings})

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


def _plain(asked: Mapping[str, object], function: Callable[..., Any]) -> dict[str, object]:
    """Return the settings that can be written down: no table, and nothing that is off unless asked for.

    The outcome is not among them: the terms of a table name it.
    """
    defaults = _signature(function).parameters
    off = {name for name, value in asked.items() if value is None and defaults[name].default is None}
    return {
        name: _written(value)
        for name, value in asked.items()
        if name not in {*off, "outcome"} and _can_be_written(value)
    }


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
