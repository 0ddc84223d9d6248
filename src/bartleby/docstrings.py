"""Parameters that several functions share: declared and explained once, shown in all."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["options_of", "parameter_texts", "parameters_of"]

Function = TypeVar("Function", bound=Callable[..., Any])
Entry = tuple[tuple[str, ...], str]
"""Parameters that are explained together, and the explanation, indented as it is."""

_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=\n\n\S[^\n]*\n-{3,}|\Z)", re.DOTALL | re.MULTILINE)
_NEXT = re.compile(r"^\S[^\n]*\n-{3,}$", re.MULTILINE)


def parameters_of(*sources: Callable[..., Any]) -> Callable[[Function], Function]:
    """Explain the parameters that a docstring leaves out as other functions explain them.

    Parameters
    ----------
    sources
        The functions, the first of which to explain a parameter is taken.

    Returns
    -------
    callable
        A decorator: the docstring of its function then has an entry for every parameter that it or a source
        explains, in the order of the signature.

    Examples
    --------
    >>> def rate(level=0.95):
    ...     '''Estimate a rate.
    ...
    ...     Parameters
    ...     ----------
    ...     level
    ...         Of the interval.
    ...     '''
    >>> @parameters_of(rate)
    ... def difference(level=0.95):
    ...     '''Estimate a difference.'''
    >>> difference.__doc__.splitlines()[-2:]
    ['level', '    Of the interval.']
    """

    def explained(function: Function) -> Function:
        text = inspect.getdoc(function) or ""
        order = list(inspect.signature(function).parameters)
        entries = _entries(text)
        for source in sources:
            have = {name for names, _ in entries for name in names}
            for names, explanation in _entries(inspect.getdoc(source) or ""):
                needed = tuple(name for name in names if name in order and name not in have)
                if needed:
                    entries.append((needed, explanation))
        entries.sort(key=lambda entry: order.index(entry[0][0]) if entry[0][0] in order else len(order))
        function.__doc__ = _with_entries(text, entries)
        return function

    return explained


def options_of(options: type) -> Callable[[Function], Function]:
    """Show the fields of a dataclass where a function takes `**options`: in its signature and docstring.

    Parameters
    ----------
    options
        The dataclass; its docstring explains its fields.

    Returns
    -------
    callable
        A decorator. What is called stays as it is: it takes the keywords and makes the dataclass of them.
    """

    def expanded(function: Function) -> Function:
        signature = inspect.signature(function)
        named = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        fields = inspect.signature(options).parameters.values()
        function.__signature__ = signature.replace(parameters=[*named, *fields])  # type: ignore[attr-defined]
        return parameters_of(options)(function)

    return expanded


def parameter_texts(function: Callable[..., Any]) -> dict[str, str]:
    """Return what a docstring says of each parameter, as one paragraph."""
    entries = _entries(inspect.getdoc(function) or "")
    return {name: " ".join(explanation.split()) for names, explanation in entries for name in names}


def _entries(text: str) -> list[Entry]:
    section = _SECTION.search(text)
    found: list[Entry] = []
    for line in section[1].split("\n") if section else ():
        if line and not line[0].isspace():
            found.append((tuple(re.split(r",\s*", line)), ""))
        elif found:
            names, explanation = found[-1]
            found[-1] = names, f"{explanation}\n{line}"
    return [(names, explanation.rstrip()) for names, explanation in found]


def _with_entries(text: str, entries: list[Entry]) -> str:
    body = "\n".join(f"{', '.join(names)}{explanation}" for names, explanation in entries)
    section = f"Parameters\n----------\n{body}"
    if _SECTION.search(text):
        return _SECTION.sub(lambda _: section, text, count=1)
    following = _NEXT.search(text)
    at = following.start() if following else len(text)
    return f"{text[:at].rstrip()}\n\n{section}\n\n{text[at:]}".rstrip()
