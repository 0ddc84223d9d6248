"""What a formula may hold: columns, numbers, arithmetic, and smooth functions of one row at a time.

`formulaic` evaluates a right-hand side as Python, so that a formula out of somebody's notes could read and
write files. Nothing is evaluated before it is known to be arithmetic. Two more things are no part of it.
Functions over a whole column (`np.mean(x)`, `x.max()`) would be computed over counted cells, not over rows.
Steps (`x > 3`, `np.floor(x)`) have no derivative, and so no marginal effect: a column of 0 and 1 has.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from formulaic import Formula
from formulaic.formula import SimpleFormula
from formulaic.parser.types import Factor
from formulaic.utils.code import sanitize_variable_names

__all__ = ["FUNCTIONS", "expansion_problem", "formula_problems"]

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
HIGHEST_POWER = 20
MOST_TERMS = 1_000_000
_POWERS = re.compile(r"(?:\*\*|\^)[\s(+]*(\d{1,9})")
LARGEST = 1e15
"""No number in a formula, nor what numbers in it come to, is larger."""
_OPERATIONS: dict[type[ast.operator], Callable[[float, float], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def expansion_problem(text: str) -> str | None:
    """Return why a formula would expand to more terms than can be computed; None if it would not.

    Parameters
    ----------
    text
        The right-hand side, as it was written: reading it expands its powers already.
    """
    sums = 1 + text.count("+")
    for power in map(int, _POWERS.findall(text)):
        if power > HIGHEST_POWER:
            return f"a power above {HIGHEST_POWER}"
        if sums**power > MOST_TERMS:
            return f"a power of {power} of so long a sum: it may have more than {MOST_TERMS:,} terms"
    return None


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
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield "what cannot be read"
        return
    problem = next(_number_problems(tree.body), None)
    if problem is not None:
        yield problem
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
        checked = isinstance(node, (ast.expr, ast.operator, ast.unaryop)) and node not in names
        if checked and not isinstance(node, _ARITHMETIC):
            yield type(node).__name__


def _number_problems(node: ast.AST) -> Iterator[str]:
    """Tell what would take for ever, or all memory, to compute: Python's whole numbers have no end."""
    try:
        value = _value(node)
    except RecursionError:
        yield "what cannot be read"
        return
    if value is not None and not abs(value) <= LARGEST:
        yield f"a number that is not between -{LARGEST:g} and {LARGEST:g}"
        return
    if isinstance(node, ast.BinOp) and any(map(_is_no_number, (node.left, node.right))):
        yield "arithmetic with what is no number"
        return
    for child in ast.iter_child_nodes(node):
        yield from _number_problems(child)


def _is_no_number(node: ast.AST) -> bool:
    text = isinstance(node, ast.Constant) and not isinstance(node.value, (int, float))
    return text or isinstance(node, (ast.List, ast.Tuple))


def _value(node: ast.AST) -> float | None:
    """Return what an expression of numbers comes to, in floating point; None where it holds anything else."""
    if isinstance(node, ast.Constant):
        return _as_float(node.value) if isinstance(node.value, (int, float)) else None
    if isinstance(node, ast.UnaryOp):
        return _value(node.operand)
    if not isinstance(node, ast.BinOp):
        return None
    left, right = _value(node.left), _value(node.right)
    if left is None or right is None:
        return None
    compute = _OPERATIONS.get(type(node.op))
    try:
        found = math.nan if compute is None else compute(left, right)
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return found if isinstance(found, float) else math.nan


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
