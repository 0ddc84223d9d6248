"""Replicates of a bootstrap: the quick way against Newton's method, and how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from bartleby.analysis.choice.binary_newton import newton
from bartleby.analysis.choice.binary_replicates import Pull, approach, binary_cells, pulled_inverse
from bartleby.analysis.choice.bradley_terry import maximise
from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.choice.replicate import PULL_SD, fit_replicates
from bartleby.analysis.choice.resampling import Resampling, resampling
from tests.analysis.choice_tables import CEMS, from_wins, simulated


def fitted(seed: int, *, slot: bool = True, n_items: int = 12, repeats: int = 6) -> GroupFit:
    rows, _ = simulated(seed, n_items=n_items, repeats=repeats)
    return choice_model(rows, slot=slot, bias_reduced=False).groups[0]


def replicates(group: GroupFit, clusters: tuple[str, ...] = ("pair",), number: int = 40) -> np.ndarray:
    batches = fit_replicates(
        group.layout.design,
        group.data,
        resampling(group.data, clusters),
        group.maximum,
        replicates=number,
        rng=np.random.default_rng(7),
        penalised=group.penalised,
    )
    found, converged = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert converged.all()
    return found


def one_by_one(group: GroupFit, clusters: tuple[str, ...] = ("pair",), number: int = 40) -> np.ndarray:
    """Return the same replicates, each maximised by itself from counts that were added up row by row."""
    drawn, rng = resampling(group.data, clusters), np.random.default_rng(7)
    pull = Pull(group.maximum.estimated[0], 1 / PULL_SD**2)
    found = []
    for _ in range(number):
        weight = drawn.draw(1, rng)[drawn.unit, 0]
        counts = np.zeros_like(group.data.counts)
        np.add.at(counts, group.data.row_cell, weight[:, None] * group.data.row_counts)
        form = group.layout.design.binary
        won = form.gathering @ counts[:, :1]
        each, converged = newton(form, won, counts.sum(axis=1)[:, None], pull)
        assert converged.all()
        found.append(each[:, 0])
    return np.array(found)


@pytest.mark.parametrize("slot", [True, False])
@pytest.mark.parametrize("clusters", [("pair",), ("item",), ("pair", "item")])
def test_replicates_are_the_maxima_that_newtons_method_finds(slot: bool, clusters: tuple[str, ...]) -> None:
    group = fitted(1, slot=slot)
    np.testing.assert_allclose(replicates(group, clusters), one_by_one(group, clusters), atol=1e-7)


def test_sparse_replicates_are_maxima_too() -> None:
    group = fitted(3, n_items=9, repeats=1)
    np.testing.assert_allclose(replicates(group), one_by_one(group), atol=1e-7)


def test_newtons_method_is_that_of_the_fit_where_the_pull_is_nothing() -> None:
    group = fitted(2)
    counts = group.data.counts
    pull = Pull(np.zeros(group.layout.design.n_estimated), 0.0)
    form = group.layout.design.binary
    found, _ = newton(form, form.gathering @ counts[:, :1], counts.sum(axis=1)[:, None], pull)
    np.testing.assert_allclose(
        found[:, 0], maximise(group.layout.design, counts[None]).estimated[0], atol=1e-9
    )


def test_both_orders_are_one_cell_only_where_the_order_has_no_effect() -> None:
    (ordered, _, turned), (merged, _, swapped) = (
        binary_cells(fitted(1, slot=slot).layout.design) for slot in (True, False)
    )
    assert ordered.n_cells == 2 * merged.n_cells
    assert not turned.any()
    assert swapped.sum() == merged.n_cells


@pytest.mark.parametrize("poor", [0.2, 1.0, 30.0])
def test_what_is_said_to_have_converged_is_the_maximum_however_poor_the_start(poor: float) -> None:
    group = fitted(1)
    cells, _, _ = binary_cells(group.layout.design)
    rng = np.random.default_rng(5)
    total = rng.poisson(3.0, size=(cells.n_cells, 30)).astype(float)
    won = cells.form.gathering @ rng.binomial(total.astype(int), 0.3).astype(float)
    pull = Pull(group.maximum.estimated[0], 1 / PULL_SD**2)
    found, converged = approach(cells, won, total, pull, poor * np.linalg.inv(group.maximum.information[0]))
    expected, _ = newton(cells.form, won, total, pull)
    assert np.isfinite(found).all()
    assert converged.all() == (poor == 1.0)
    np.testing.assert_allclose(found[:, converged], expected[:, converged], atol=1e-6)


def test_a_replicate_does_not_depend_on_how_many_are_drawn_at_a_time() -> None:
    for clusters in (("pair",), ("item",), ("pair", "item")):
        drawn = resampling(fitted(1).data, clusters)
        one = np.random.default_rng(3)
        apart = np.concatenate([drawn.draw(number, one) for number in (1, 4, 2)], axis=1)
        np.testing.assert_array_equal(apart, drawn.draw(7, np.random.default_rng(3)))


def test_clusters_are_drawn_as_often_as_there_are_clusters() -> None:
    drawn = Resampling(np.arange(50), 50, (), 50).draw(400, np.random.default_rng(1))
    assert (drawn.sum(axis=0) == 50).all()
    assert abs(drawn.var() - 0.98) < 0.03
    products = resampling(fitted(1).data, ("item",)).draw(2000, np.random.default_rng(1))
    assert abs(products.mean() - 1) < 0.05


def test_ties_and_bias_reduced_fits_keep_jeffreys_penalty() -> None:
    group = choice_model(from_wins(CEMS), ties="davidson").groups[0]
    found = replicates(group, number=5)
    drawn = resampling(group.data, ("pair",))
    weight = drawn.draw(5, np.random.default_rng(7))[drawn.unit]
    counts = np.zeros((5, *group.data.counts.shape))
    for at in range(5):
        np.add.at(counts[at], group.data.row_cell, weight[:, at, None] * group.data.row_counts)
    expected = maximise(group.layout.design, counts, penalised=True)
    np.testing.assert_allclose(found, expected.estimated, atol=1e-6)


def test_the_inverse_is_that_of_information_and_pull() -> None:
    information = fitted(1).maximum.information[0]
    before, pull = information.copy(), Pull(np.zeros(len(information)), 0.3)
    found = pulled_inverse(information, pull)
    np.testing.assert_allclose(found, np.linalg.inv(before + 0.3 * np.eye(len(before))), atol=1e-12)
    np.testing.assert_array_equal(information, before)
