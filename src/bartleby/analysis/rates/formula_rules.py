"""What a formula may hold: columns, numbers, arithmetic, and smooth functions of one row at a time.

`formulaic` evaluates a right-hand side as Python, so that a formula out of somebody's notes could read and
write files. Nothing is evaluated before it is known to be arithmetic. Two more things are no part of it.
Functions over a whole column (`np.mean(x)`, `x.max()`) would be computed over counted cells, not over rows.
Steps (`x > 3`, `np.floor(x)`) have no derivative, and so no marginal effect: a column of 0 and 1 has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from formulaic import Formula
from formulaic.formula import SimpleFormula
from formulaic.parser.types import Factor
from formulaic.utils.code import sanitize_variable_names

__all__ = ["FUNCTIONS", "formula_problems"]

_NUMPY = (
    *("log", "log2", "log10", "log1p", "exp", "exp2", "expm1"),
    *("sqrt", "square", "abs", "tanh", "arcsinh"),
)
_CODINGS = ("treatment", "sum", "helmert", "diff", "poly")
_OF_CATEGORIES = ("C", *(f"contr.{name}" for name in _CODINGS), *(name.title() for name in _CODINGS))
FUNCTIONS = (
    *("I", "log", "log2", "log10", "exp", "exp2", "exp10"),
    *(f"np.{name}" for name in _NUMPY),
    *_OF_CATEGORIES,
)
"""What may be called: functions that give each row a value of its own, and codings of categories."""

_ARITHMETIC = (
    *(ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Call, ast.BinOp, ast.UnaryOp),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub),
)


def formula_problems(parsed: Formula) -> list[str]:
    """Return what a formula holds that it must not, one line each; nothing of it is evaluated.

    Parameters
    ----------
    parsed
        The right-hand side, read by `formulaic` and not evaluated.
    """
    if not isinstance(parsed, SimpleFormula):
        return ["it has several parts, where one right-hand side without '|' or a second '~' is allowed"]
    factors: Iterable[Factor] = dict.fromkeys(factor for term in parsed for factor in term.factors)
    return [
        f"{problem} in {factor.expr!r}"
        for factor in factors
        if factor.eval_method is Factor.EvalMethod.PYTHON
        for problem in _problems(factor.expr)
    ]


def _problems(expression: str) -> Iterator[str]:
    """Tell what is not allowed in one expression, as `formulaic` would evaluate it."""
    try:
        # Columns in backticks become names, by the rules by which they do when it is evaluated.
        tree = ast.parse(sanitize_variable_names(expression, {}, {}), mode="eval")
    except SyntaxError:
        yield "what cannot be read"
        return
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {node for call in calls for node in ast.walk(call.func)}
    for call in calls:
        name = ast.unparse(call.func)
        if name not in FUNCTIONS:
            yield f"{name}()"
        elif name not in _OF_CATEGORIES and (call.keywords or len(call.args) != 1):
            yield f"{name}() of more or less than one value"
    for node in ast.walk(tree):
        # Whatever is evaluated is an expression; what else there is in a tree is part of one.
        told = isinstance(node, (ast.expr, ast.operator, ast.unaryop)) and node not in names
        if told and not isinstance(node, _ARITHMETIC):
            yield type(node).__name__
