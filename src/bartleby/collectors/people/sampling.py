"""Which passages people label: all, or a random sample, of strata where wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bartleby.errors import DataError, SettingError
from bartleby.studies.passages import Passage

__all__ = ["Drawn", "draw"]


@dataclass(frozen=True)
class Drawn:
    """A passage that was drawn, from which stratum, and how likely that was."""

    passage: Passage
    stratum: str
    probability: float


def draw(
    passages: Sequence[Passage],
    size: int | None = None,
    *,
    strata: Mapping[str, str] | None = None,
    stratify: str | None = None,
    seed: int = 0,
) -> list[Drawn]:
    """Draw passages at random, equally many of each stratum as far as there are so many.

    Parameters
    ----------
    passages
        What could be labelled.
    size
        How many; None for all.
    strata
        Stratum by unit, such as a judge's verdict; units that are not in it are a stratum of their own.
    stratify
        An attribute of the passages, instead.
    seed
        Of the draw.

    Returns
    -------
    list of Drawn
        In random order. The probability is that of a unit of its stratum; `prevalence(stratum=...)` weights
        by it.

    Raises
    ------
    DataError, SettingError
        If there is nothing to draw from, an attribute is not there, or the size is below 1.
    """
    if not passages:
        raise DataError("there is no passage to label")
    if size is not None and size < 1:
        raise SettingError(f"sample={size}: must be 1 or more")
    if stratify is not None and not any(stratify in each.attributes for each in passages):
        known = ", ".join(sorted({name for each in passages for name in each.attributes})) or "none"
        raise DataError(f"stratify: no attribute {stratify!r}; attributes here: {known}")
    groups: dict[str, list[int]] = {}
    for number, each in enumerate(passages):
        value = each.attributes.get(stratify) if stratify else (strata or {}).get(each.id, "rest")
        groups.setdefault(str(value) if stratify or strata else "all", []).append(number)
    rng = np.random.default_rng(seed)
    wanted = _shares({name: len(numbers) for name, numbers in groups.items()}, size or len(passages))
    drawn = [
        Drawn(passages[number], name, wanted[name] / len(numbers))
        for name, numbers in sorted(groups.items())
        for number in rng.permutation(numbers)[: wanted[name]]
    ]
    return [drawn[place] for place in rng.permutation(len(drawn))]


def _shares(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """Share out a number equally; what a stratum has too few for goes to the others."""
    given, left = dict.fromkeys(sizes, 0), min(size, sum(sizes.values()))
    while left:
        free = sorted(name for name in sizes if given[name] < sizes[name])
        for place, name in enumerate(free):
            part = min(left // len(free) + (place < left % len(free)), sizes[name] - given[name])
            given[name] += part
        left = min(size, sum(sizes.values())) - sum(given.values())
    return given
