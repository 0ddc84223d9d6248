"""Warnings of many estimates as few lines: what is said of many groups is said once, with their names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bartleby.analysis.figures.labels import visible

__all__ = ["merged"]

NAMED = 3
"""Groups that are named where more are meant."""
_GROUP = re.compile(r"^(?P<term>[^\[\]:]*?)\s*\[(?P<group>[^\[\]]*)\]: (?P<told>.*)$", re.DOTALL)
_PREFIX = re.compile(r"^(?P<term>)(?P<group>\w+=[^:]*?): (?P<told>.*)$", re.DOTALL)
_NUMBER = re.compile(r"\d[\d.,]*%?")


def merged(warnings: Iterable[str]) -> list[str]:
    """Return warnings, each once; those that differ only in the group and in numbers are put together.

    Parameters
    ----------
    warnings
        As estimators give them: `opted_out [model=a, class=b]: 5 clusters seldom ...`, or
        `model=a, class=b: 8% of 60 trials ...`.

    Returns
    -------
    The first of each kind as it came, followed by the names of the other groups it is said of.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for warning in dict.fromkeys(map(visible, warnings)):
        found = _GROUP.match(warning) or _PREFIX.match(warning)
        kind = f"{found['term']}|{_NUMBER.sub('#', found['told'])}" if found else warning
        kinds.setdefault(kind, []).append((warning, found["group"] if found else ""))
    return [_said(each) for each in kinds.values()]


def _said(alike: list[tuple[str, str]]) -> str:
    first, group = alike[0]
    same = set(group.split(", "))
    others = dict.fromkeys(
        ", ".join(part for part in each.split(", ") if part not in same) or each for _, each in alike[1:]
    )
    if not others:
        return first
    more = f", and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return f"{first}. Likewise: {'; '.join(list(others)[:NAMED])}{more}"
