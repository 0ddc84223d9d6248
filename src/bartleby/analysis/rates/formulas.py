"""Formulas such as `opted_out ~ harm + difficulty`: read, checked, and turned into a design of counted cells.

`formulaic` (which statsmodels brings) reads the right-hand side, and only arithmetic is let through to be
evaluated (`bartleby.analysis.rates.formula_rules`). The table is counted first and the design made of the
cells, so transformations that need every row, such as `center(x)`, are refused rather than computed on the
wrong rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec
from formulaic.errors import FormulaicError

from bartleby.analysis.rates.formula_rules import FUNCTIONS, expansion_problem, formula_problems
from bartleby.analysis.tables.counts import Frame, declared_categories
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError, SettingError

__all__ = ["Design", "Terms", "as_predictors", "make_design", "read_formula"]

_NEED_ROWS = re.compile(r"\b(center|scale|standardize|poly|bs|cs|cr|cc|lag|hashed)\s*\(")


@dataclass(frozen=True)
class Terms:
    """A formula, read.

    Parameters
    ----------
    outcome
        The left side: an outcome word or a column of 0 and 1.
    predictors
        The columns that the right side needs, in order of appearance.
    right
        The right side.
    categories
        Predictors written `C(x)`: categories even if they are numbers.
    """

    outcome: str
    predictors: tuple[str, ...]
    right: Formula = field(repr=False)
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Design:
    """The design matrix of counted cells, and how to make another of changed cells.

    Parameters
    ----------
    matrix
        One row a cell (m, p).
    columns
        Names of its columns.
    data
        The predictors of each cell.
    spec
        What `formulaic` remembers of categories.
    left_out
        Columns with the same value in all cells, which are not in the matrix.
    """

    matrix: np.ndarray[Any, np.dtype[np.float64]]
    columns: tuple[str, ...]
    data: pd.DataFrame = field(repr=False)
    spec: ModelSpec = field(repr=False)
    left_out: tuple[str, ...] = ()

    def of(self, data: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the matrix of other predictors, which have the columns and categories of `data`."""
        matrix = np.asarray(self.spec.get_model_matrix(data), dtype=float)
        return matrix[:, [name not in self.left_out for name in _column_names(self.spec)]]


def read_formula(formula: str, names: Sequence[str]) -> Terms:
    """Read a formula and check it against the columns of a table.

    Parameters
    ----------
    formula
        `outcome ~ predictors`, as in R: `harm + difficulty`, `harm * model`, `C(topic)`, `np.log(length)`.
    names
        The columns of the table.

    Raises
    ------
    SettingError
        It cannot be read, needs a transformation over all rows, or holds what is not arithmetic.
    DataError
        Columns it needs are not there; all of them are named.
    """
    left, tilde, right = str(formula).partition("~")
    outcome = left.strip().strip("`")
    if not tilde or not outcome or not right.strip():
        raise SettingError(f"formula={formula!r}: must be 'outcome ~ predictors', such as 'opted_out ~ harm'")
    found = _NEED_ROWS.search(right)
    if found:
        raise SettingError(
            f"formula={formula!r}: {found.group(1)}() needs every row of the table, and the model is fitted "
            "to counts; make such a column in the table first"
        )
    too_many = expansion_problem(right)
    if too_many is not None:
        raise SettingError(f"formula={formula!r}: not allowed: {too_many}")
    try:
        parsed = Formula(right.strip())
        problems = formula_problems(parsed)
        if problems:
            raise SettingError(
                f"formula={formula!r}: not allowed: {'; '.join(problems)}. Allowed are columns, numbers, "
                f"+ - * / ** and {', '.join(FUNCTIONS)}; make any other column in the table first"
            )
        needed = {str(variable) for variable in parsed.required_variables}
    except (FormulaicError, SyntaxError, AttributeError) as error:
        raise SettingError(f"formula={formula!r}: cannot be read: {str(error).splitlines()[0]}") from error
    missing = sorted(needed - set(names))
    if missing:
        there = ", ".join(names)
        raise DataError([f"formula: no column {name!r}; columns here: {there}" for name in missing])
    ordered = tuple(sorted(needed, key=lambda name: (right.find(name), name)))
    marked = frozenset(name for name in needed if re.search(rf"\bC\(\s*`?{re.escape(name)}\b", right))
    return Terms(outcome, ordered, parsed, marked)


def as_predictors(cells: pd.DataFrame, terms: Terms, frame: Frame) -> pd.DataFrame:
    """Return the predictors of cells as numbers or as categories in their order.

    Truth values become 0 and 1. Categories keep the order that the table gives them; else grades of harm go
    from none to severe, numbers by size, and anything else by the alphabet. The first is the reference.

    Raises
    ------
    DataError
        Predictors are times, which are neither numbers nor categories.
    """
    columns = {}
    problems = []
    for name in terms.predictors:
        order, plain = declared_categories(frame, name), cells[name].infer_objects()
        if plain.dtype.kind in "mM":
            problems.append(
                f"formula: {name!r} holds times ({plain.dtype}): make a column of numbers or of categories"
            )
            continue
        number = pd.api.types.is_numeric_dtype(plain) or pd.api.types.is_bool_dtype(plain)
        as_number = number and order is None and name not in terms.categories
        columns[name] = plain.astype(float) if as_number else _category(plain, order)
    if problems:
        raise DataError(problems)
    return pd.DataFrame(columns, index=cells.index)


def _category(values: pd.Series[Any], order: list[Any] | None) -> pd.Series[Any]:
    present = set(values.dropna().unique())
    if order is None:
        order = natural_order(present)
    kept = [each for each in order if each in present]
    return pd.Series(pd.Categorical(values, categories=kept), index=values.index)


def make_design(terms: Terms, data: pd.DataFrame, *, leave_out_constant: bool = False) -> Design:
    """Return the design of counted cells.

    Parameters
    ----------
    terms
        From `read_formula`.
    data
        The predictors of each cell, from `as_predictors`.
    leave_out_constant
        Leave columns out that have the same value in all cells and so follow from the intercept; an error
        otherwise.

    Raises
    ------
    DataError
        Columns of the design follow from others before them.
    SettingError
        The formula cannot be computed on this data.
    """
    try:
        made = terms.right.get_model_matrix(data, na_action="raise")
        matrix = np.asarray(made, dtype=float)
    except (FormulaicError, ValueError, TypeError, NameError) as error:
        raise SettingError(f"formula: cannot be computed: {str(error).splitlines()[0]}") from error
    columns = _column_names(made.model_spec)
    if not np.all(np.isfinite(matrix)):
        bad = [
            name for name, column in zip(columns, matrix.T, strict=True) if not np.all(np.isfinite(column))
        ]
        raise DataError([f"formula: {name!r} is not finite in some rows" for name in bad])
    constant = [
        name
        for name, column in zip(columns, matrix.T, strict=True)
        if len(column) and np.ptp(column) == 0 and name != "Intercept"
    ]
    aliased = _aliased(matrix, columns)
    left_out = tuple(name for name in aliased if leave_out_constant and name in constant)
    problems = [
        f"formula: {name!r} cannot be told from the terms before it in this data"
        + (": it has the same value throughout" if name in constant else "")
        for name in aliased
        if name not in left_out
    ]
    if problems:
        raise DataError(problems)
    kept = [index for index, name in enumerate(columns) if name not in left_out]
    return Design(matrix[:, kept], tuple(columns[index] for index in kept), data, made.model_spec, left_out)


def _column_names(spec: ModelSpec) -> tuple[str, ...]:
    return tuple(str(name).replace("[T.", "[") for name in spec.column_names)


def _aliased(matrix: np.ndarray[Any, np.dtype[np.float64]], columns: Sequence[str]) -> list[str]:
    """Return the columns that follow from those before them."""
    scale = np.sqrt((matrix**2).sum(axis=0))
    basis, rank, aliased = np.zeros((len(matrix), matrix.shape[1]), order="F"), 0, []
    for name, column, length in zip(columns, matrix.T, scale, strict=True):
        rest = column / length if length > 0 else column
        for _ in range(2):
            rest = rest - basis[:, :rank] @ (basis[:, :rank].T @ rest)
        size = float(np.linalg.norm(rest))
        if size < 1e-8:
            aliased.append(name)
        else:
            basis[:, rank], rank = rest / size, rank + 1
    return aliased
