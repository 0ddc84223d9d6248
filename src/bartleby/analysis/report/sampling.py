"""Which trials go into a page when there are more than a page can hold: a sample that misses no kind.

Trials are drawn at random in proportion to how they ended (and to other columns); what is rare is kept whole.
Everything here is decided by the seed and the ids, so the same log gives the same page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["FEW", "Keeper", "Sample", "sample_trials"]

FEW = 50
"""A stratum with no more trials than this is kept whole, unless there are too many such strata."""


@dataclass(frozen=True)
class Sample:
    """Trials that were chosen.

    Parameters
    ----------
    ids
        All of them.
    whole
        Those whose stratum is kept whole.
    few
        Trials up to which a stratum is; 0 where none is.
    drawn
        Whether any were left out.
    """

    ids: frozenset[str]
    whole: frozenset[str]
    few: int
    drawn: bool = True


def sample_trials(trials: pd.DataFrame, maximum: int, seed: int, strata: Sequence[str] = ()) -> Sample:
    """Return at most `maximum` trials, in proportion to outcomes and strata; rare ones are kept whole.

    Parameters
    ----------
    trials
        A trial table with a column `trial`.
    maximum
        Most trials.
    seed
        Of the draw.
    strata
        Columns beyond `outcome`; those that are not there are of no account.
    """
    names = trials["trial"].astype(str)
    if len(names) <= maximum:
        return Sample(frozenset(names), frozenset(), 0, drawn=False)
    rng = np.random.default_rng(seed)
    columns = [name for name in ("outcome", *strata) if name in trials]
    keys = pd.Series("", index=trials.index)
    for name in columns:
        keys = keys + "\x1f" + trials[name].astype("string").fillna("missing")
    groups = [found.to_numpy() for _, found in names.groupby(keys, sort=True)]
    few = min(FEW, maximum // (2 * len(groups)))  # rare strata never take more than half of the page
    whole = [name for found in groups if len(found) <= few for name in found]
    common = [found for found in groups if len(found) > few]
    kept, total = list(whole), sum(len(found) for found in common)
    for found in common:
        share = (maximum - len(kept)) * len(found) // total
        total -= len(found)
        kept += list(rng.choice(found, size=share, replace=False))
    return Sample(frozenset(kept), frozenset(whole), few)


@dataclass
class Keeper:
    """Holds rows up to a number of characters; when there are too many, it keeps a random half of them.

    Each row has a random number of its own, and those above a threshold go: so what is kept is a random
    sample of all that came by, whatever the order in which they came.

    Parameters
    ----------
    budget
        Most characters.
    seed
        Of the random numbers.
    """

    budget: int
    seed: int
    threshold: float = 1.0
    characters: int = 0
    _rows: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.seed, 1])

    def add(self, row: Mapping[str, Any], characters: int, *, always: bool) -> None:
        """Add a row; `always` for one that goes last of all."""
        number = float(self._rng.random()) / (1e6 if always else 1.0)
        if number > self.threshold:
            return
        self._rows.append((number, characters, dict(row)))
        self.characters += characters
        while self.characters > self.budget and len(self._rows) > 1:
            self.threshold /= 2
            self._rows = [each for each in self._rows if each[0] <= self.threshold]
            self.characters = sum(each[1] for each in self._rows)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What is kept, in the order in which it came."""
        return [row for _, _, row in self._rows]
