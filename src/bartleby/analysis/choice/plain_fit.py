"""The plain choice model behind checks of fit: utilities and slot, always finite, and data simulated from it.

Bias-reduced throughout, because cross-validation and simulation meet separated data all the time, and a
check must treat the data and what is simulated from them alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.bradley_terry import maximise
from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.layout import Layout, choice_layout, order_confounded
from bartleby.analysis.choice.options import ChoiceOptions

__all__ = ["PlainFit", "choices_of", "draw_choices", "fit_plain", "probabilities", "refit"]

Floats = npt.NDArray[np.float64]
_BATCH = 20_000_000
"""Numbers in one batch of refits."""


@dataclass(frozen=True, eq=False)
class PlainFit:
    """A bias-reduced Bradley-Terry fit with a slot effect.

    Parameters
    ----------
    data
        The choices, ties counted as half a choice of each item.
    layout
        Its parameters.
    estimated
        Their estimate (q,).
    converged
        Whether it was reached.
    """

    data: ChoiceData
    layout: Layout
    estimated: Floats
    converged: bool

    @property
    def probability(self) -> Floats:
        """Chance of taking the item shown first, of each cell (M,)."""
        chance: Floats = probabilities(self.layout, self.estimated[None])[0]
        return chance


def choices_of(cells: pd.DataFrame, *, ties: bool = False) -> ChoiceData:
    """Return the choices of one group of a `ChoiceTable` as arrays, clusters left aside.

    Parameters
    ----------
    cells
        With `first`, `second`, `outcome` and `count`.
    ties
        Whether indifference is half a choice of each item; left out otherwise.
    """
    options = ChoiceOptions(clusters=(), ties="half" if ties else "none")
    return choice_data(cells, options, has_pair_column=False)


def fit_plain(data: ChoiceData) -> PlainFit:
    """Fit utilities and, where the orders allow it, a slot effect.

    Parameters
    ----------
    data
        From `choices_of`; cells without counts bear on nothing.
    """
    if data.kernel.slot and order_confounded(data):
        data = replace(data, kernel=replace(data.kernel, slot=False))
    layout = choice_layout(data, None)
    found = maximise(layout.design, data.counts[None], penalised=True)
    return PlainFit(data, layout, found.estimated[0], bool(found.converged[0]))


def probabilities(layout: Layout, estimated: Floats) -> Floats:
    """Return the chance of taking the first item, by data set and cell (B, M)."""
    terms = layout.design.kernel.terms(layout.design.local(estimated))
    chance: Floats = np.exp(terms.log_probability[..., 0])
    return chance


def draw_choices(total: Floats, chance: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Return choices of the first item drawn by chance, by data set and cell (draws, M).

    Parameters
    ----------
    total
        Choices in each cell (M,). Where they are weights and no whole numbers, the nearest whole number is
        drawn (1 at least) and scaled back.
    chance
        Of the first item in each cell (M,).
    draws
        Data sets.
    rng
        Where they come from.
    """
    whole = np.where(total > 0, np.maximum(np.rint(total), 1.0), 0.0)
    drawn = rng.binomial(whole.astype(np.int64), np.clip(chance, 0.0, 1.0), size=(draws, len(whole)))
    scaled: Floats = drawn * (total / np.maximum(whole, 1.0))
    return scaled


def refit(fit: PlainFit, first: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return fitted chances (B, M) of data sets like the one fitted, and whether each fit converged.

    Parameters
    ----------
    fit
        Where to start, and what was shown.
    first
        Choices of the first item (B, M).
    """
    total = fit.data.counts.sum(axis=1)
    size = len(fit.estimated)
    each = fit.layout.design.index.size * (fit.layout.design.index.shape[1] + 4) + 3 * size * size
    step = max(1, _BATCH // each)
    chances, converged = [np.empty((0, len(total)))], [np.empty(0, dtype=bool)]
    for begin in range(0, len(first), step):
        part = first[begin : begin + step]
        counts = np.stack([part, total - part], axis=-1)
        start = np.tile(fit.estimated, (len(part), 1))
        found = maximise(fit.layout.design, counts, penalised=True, start=start)
        chances.append(probabilities(fit.layout, found.estimated))
        converged.append(found.converged)
    return np.concatenate(chances), np.concatenate(converged)
