"""Which parameters a model of choices among several has, and against what they are reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.separation import components
from bartleby.analysis.choice.sets.data import Sets

__all__ = ["SetLayout", "set_layout"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SetLayout:
    """Parameters of a fit, and the contrasts of them that are reported.

    Parameters
    ----------
    X
        Features of each alternative in the estimated parameters (R, q).
    terms
        Names of the reported rows: items (`neither` last), then `slot` if there is one.
    contrasts
        Each term as a contrast of the estimated parameters (T, q); zeros for the baseline.
    component
        Group of items that are offered together, directly or by way of others, of each item, the largest
        being 0; -1 for an item of which no choice says anything.
    reasons
        Why a term has no estimate, by term.
    """

    X: Floats
    terms: tuple[str, ...]
    contrasts: Floats
    component: Integers
    reasons: dict[str, str]

    @property
    def n_components(self) -> int:
        """Groups of items that are offered together."""
        return int(self.component.max(initial=-1)) + 1

    def warnings(self) -> list[str]:
        """Return what a reader must know of groups and of items that are in none."""
        n_items = len(self.component)
        notes = []
        empty = [self.terms[at] for at in range(n_items) if self.component[at] < 0]
        if empty:
            notes.append(f"in no set from which another or they themselves were taken: {', '.join(empty)}")
        if self.n_components > 1:
            parts = [
                ", ".join(self.terms[at] for at in np.flatnonzero(self.component == each))
                for each in range(self.n_components)
            ]
            listed = "; ".join(f"{number}: {part}" for number, part in enumerate(parts, 1))
            notes.append(
                f"items form {self.n_components} groups that are never offered together, and utilities of "
                f"different groups are not on one scale ({listed})"
            )
        return notes


def set_layout(sets: Sets, baseline: str | None) -> SetLayout:
    """Return the parameters of a fit: one item of each group of items is held at zero.

    Parameters
    ----------
    sets
        The choices.
    baseline
        The item whose utility is zero, and the groups without it not reported; without one, utilities
        sum to zero within a group.
    """
    size = len(sets.items)
    component = _components(sets)
    references = _references(sets, component, baseline)
    dropped = np.concatenate([np.flatnonzero(component < 0), references]).astype(np.int64)
    X = np.zeros((len(sets.item), size + sets.has_slot))
    X[np.arange(len(X)), sets.item] = 1.0
    if sets.has_slot:
        X[:, -1] = sets.first
    contrasts = np.eye(size + sets.has_slot)
    reasons = {sets.items[at]: "no choice says anything of it" for at in np.flatnonzero(component < 0)}
    home = component[sets.items.index(baseline)] if baseline is not None else None
    for each in range(len(references)):
        members = np.flatnonzero(component == each)
        if home is None:
            contrasts[np.ix_(members, members)] -= 1 / len(members)
        elif each != home:
            reasons |= {sets.items[at]: f"not connected to the baseline {baseline!r}" for at in members}
    return SetLayout(
        np.delete(X, dropped, axis=1),
        (*sets.items, *(["slot"] if sets.has_slot else [])),
        np.delete(contrasts, dropped, axis=1),
        component,
        reasons,
    )


def _components(sets: Sets) -> Integers:
    """Return the group of each item, -1 for one that is in no stage."""
    present = np.unique(sets.item)
    starts = np.flatnonzero(np.diff(sets.stage, prepend=-1))
    place = np.searchsorted(present, sets.item)
    found: Integers = np.full(len(sets.items), -1, dtype=np.int64)
    found[present] = components(place[starts][sets.stage], place, len(present))
    return found


def _references(sets: Sets, component: Integers, baseline: str | None) -> list[int]:
    """Return the item of each group that is held at zero: the baseline, or the first."""
    chosen = []
    for each in range(int(component.max(initial=-1)) + 1):
        members = np.flatnonzero(component == each)
        named = [int(at) for at in members if sets.items[at] == baseline]
        chosen.append(named[0] if named else int(members[0]))
    return chosen
