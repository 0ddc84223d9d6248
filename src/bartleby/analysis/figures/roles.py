"""What leaving would mean in a class of scenarios: expected, neutral, wrong; which classes are controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from bartleby.analysis.figures.style import Look

__all__ = ["ROLES", "UNKNOWN", "role_looks", "roles_of"]

UNKNOWN = "unknown"

ROLES: Mapping[str, Look] = {
    "expected": Look("#D55E00", "v", "Leaving expected"),
    "neutral": Look("#0072B2", "o", "Leaving neutral"),
    "control": Look("#56789A", "s", "Control"),
    "wrong": Look("#000000", "D", "Leaving wrong"),
    UNKNOWN: Look("#0072B2", "o", "Not said what leaving would be"),
}
"""The roles in the order in which figures show them; each differs in colour, in marker and in words."""


def roles_of(trials: pd.DataFrame, column: str = "scenario_class") -> dict[str, str]:
    """Return the role of each class, from the columns `expected` and `control_for` of a table.

    Parameters
    ----------
    trials
        A table with a column of classes. `expected` is `expected`, `neutral` or `wrong`; `control_for` is
        empty but in controls.
    column
        The column of classes.

    Returns
    -------
    A role for each class: what is expected of it, or `control` where it is one and leaving is not said to be
    wrong in it; `unknown` where the table does not say, or says different things.
    """
    if column not in trials:
        return {}
    known = pd.DataFrame({"class": trials[column].astype("string")})
    for name in ("expected", "control_for"):
        known[name] = trials[name].astype("string") if name in trials else pd.NA
    known["control_for"] = known["control_for"].replace("", pd.NA)
    known = known.drop_duplicates().dropna(subset=["class"])
    return {str(name): _role(part) for name, part in known.groupby("class", sort=True)}


def role_looks(found: Iterable[str]) -> dict[str, Look]:
    """Return the looks of the roles that are there, in the fixed order."""
    names = set(found)
    return {name: look for name, look in ROLES.items() if name in names}


def _role(part: pd.DataFrame) -> str:
    said = set(part["expected"].dropna())
    if "wrong" in said:
        return "wrong" if len(said) == 1 else UNKNOWN
    if part["control_for"].notna().any():
        return "control"
    return said.pop() if len(said) == 1 and said <= set(ROLES) else UNKNOWN
