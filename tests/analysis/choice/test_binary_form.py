"""The likelihood of choices between two as a logistic regression, against its formulas written out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bartleby.analysis.choice.bradley_terry import maximise
from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.choice.pair_likelihood import PairKernel

Floats = npt.NDArray[np.float64]
N_ITEMS = 6


def design(*, slot: bool, attributes: bool) -> PairDesign:
    pairs = [(i, j) for i in range(N_ITEMS) for j in range(N_ITEMS) if i != j]
    index = np.array([(i, j, N_ITEMS)[: 2 + slot] for i, j in pairs])
    size = N_ITEMS + slot
    basis = np.random.default_rng(0).normal(size=(size, 3)) if attributes else np.eye(size)[:, 1:]
    return PairDesign(PairKernel(slot=slot), index, size, basis)


def rows_of(given: PairDesign) -> Floats:
    """Return the design matrix of the logits of the first outcome."""
    signs = np.zeros((len(given.index), given.n_parameters))
    for at, places in enumerate(given.index):
        signs[at, places] = [1.0, -1.0, 1.0][: len(places)]
    rows: Floats = signs @ given.basis
    return rows


def firth(rows: Floats, counts: Floats, at: Floats) -> tuple[float, Floats, Floats]:
    """Return the penalised log likelihood, its score (Firth 1993) and the information, by the textbook."""
    chance = 1 / (1 + np.exp(-rows @ at))
    total = counts.sum(axis=1)
    weight = total * chance * (1 - chance)
    information = rows.T @ (rows * weight[:, None])
    leverage = weight * np.einsum("mp,pq,mq->m", rows, np.linalg.inv(information), rows)
    score = rows.T @ (counts[:, 0] - total * chance + leverage * (0.5 - chance))
    likelihood = counts[:, 0] @ np.log(chance) + counts[:, 1] @ np.log(1 - chance)
    return likelihood + 0.5 * np.linalg.slogdet(information)[1], score, information


@pytest.mark.parametrize("slot", [True, False])
@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("number", [1, 3, 9])
@pytest.mark.parametrize("shared", [True, False])
def test_many_data_sets_at_once_give_what_the_textbook_gives_for_each(
    slot: bool, attributes: bool, number: int, shared: bool
) -> None:
    given = design(slot=slot, attributes=attributes)
    rng = np.random.default_rng(number)
    counts = rng.poisson(2.0, size=(1 if shared else number, len(given.index), 2)).astype(float)
    at = rng.normal(size=(number, given.n_estimated))
    found = given.evaluate(counts, at, penalised=True)
    for each in range(number):
        objective, score, information = firth(rows_of(given), counts[0 if shared else each], at[each])
        np.testing.assert_allclose(found.objective[each], objective, rtol=1e-12)
        np.testing.assert_allclose(found.score[each], score, atol=1e-12)
        np.testing.assert_allclose(found.information[each], information, atol=1e-12)


def test_without_a_penalty_the_score_is_the_slope_of_the_likelihood() -> None:
    given = design(slot=True, attributes=False)
    rng = np.random.default_rng(4)
    counts = rng.poisson(3.0, size=(1, len(given.index), 2)).astype(float)
    at = rng.normal(size=(1, given.n_estimated))
    slope = [
        np.subtract(
            *(given.evaluate(counts, at + sign * step, penalised=False).objective for sign in (1, -1))
        )[0]
        / 2e-6
        for step in 1e-6 * np.eye(given.n_estimated)
    ]
    np.testing.assert_allclose(given.evaluate(counts, at, penalised=False).score[0], slope, rtol=1e-6)


def test_cells_without_trials_bear_on_nothing() -> None:
    given = design(slot=True, attributes=False)
    counts = np.random.default_rng(5).poisson(3.0, size=(1, len(given.index), 2)).astype(float)
    counts[0, ::4] = 0.0
    used = counts[0].sum(axis=1) > 0
    for penalised in (False, True):
        every = maximise(given, counts, penalised=penalised)
        some = maximise(given.cells(used), counts[:, used], penalised=penalised)
        np.testing.assert_allclose(every.estimated, some.estimated, atol=1e-9)


def test_logits_far_out_stay_numbers() -> None:
    given = design(slot=False, attributes=False)
    counts = np.ones((1, len(given.index), 2))
    found = given.evaluate(counts, np.full((1, given.n_estimated), -2000.0), penalised=False)
    assert np.isfinite(found.objective).all()
    assert np.isfinite(found.score).all()
