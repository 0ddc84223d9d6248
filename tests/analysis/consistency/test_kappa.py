from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bartleby.analysis.consistency.kappa import kappa_of, kappa_values
from bartleby.analysis.inference.unit_means import Units, mean_of

Floats = npt.NDArray[np.float64]


def test_kappa_is_cohens() -> None:
    stated = np.array([1.0] * 25 + [0.0] * 25)
    revealed = np.array([1.0] * 20 + [0.0] * 5 + [1.0] * 10 + [0.0] * 15)
    agree = (stated == revealed).astype(float)
    # Observed 35 of 50; by chance 0.5 x 0.6 + 0.5 x 0.4.
    assert kappa_values(agree, stated, revealed).mean() == pytest.approx((0.7 - 0.5) / 0.5)


def test_kappa_varies_as_its_linearisation_does() -> None:
    rng = np.random.default_rng(0)
    stated, other = rng.random((2, 4000)) < np.array([[0.6], [0.7]])
    revealed = np.where(rng.random(4000) < 0.5, stated, other)

    def kappa(rows: npt.NDArray[np.int64] | slice) -> float:
        one, two = stated[rows].astype(float), revealed[rows].astype(float)
        return float(kappa_values((one == two).astype(float), one, two).mean())

    resampled = [kappa(rng.integers(0, 4000, 4000)) for _ in range(300)]
    values = kappa_values((stated == revealed).astype(float), stated.astype(float), revealed.astype(float))
    assert values.std() / np.sqrt(4000) == pytest.approx(np.std(resampled), rel=0.15)


def units(agree: Floats, cluster: npt.NDArray[np.int64] | None = None) -> Units:
    size = len(agree)
    items = np.arange(2 * size).reshape(size, 2)
    return Units(agree, np.ones(size), np.arange(size) if cluster is None else cluster, items)


def choices(size: int, turned: int) -> tuple[Floats, Floats]:
    stated = (np.arange(size) % 2).astype(float)
    revealed = stated.copy()
    revealed[:turned] = 1 - revealed[:turned]
    return stated, revealed


def test_near_one_the_interval_is_longer_below_and_stays_within_one() -> None:
    stated, revealed = choices(40, 2)
    found = kappa_of(units((stated == revealed).astype(float)), stated, revealed, 0.95)
    assert found.estimate == pytest.approx(0.9)
    assert found.estimate - found.low > 2 * (found.high - found.estimate) > 0
    assert found.high < 1


def test_in_the_middle_it_is_about_a_t_interval_of_the_linearisation() -> None:
    rng = np.random.default_rng(1)
    stated = (rng.random(4000) < 0.5).astype(float)
    revealed = np.where(rng.random(4000) < 0.5, stated, rng.random(4000) < 0.5).astype(float)
    agree = (stated == revealed).astype(float)
    plain = mean_of(units(kappa_values(agree, stated, revealed)), 0.95)
    found = kappa_of(units(agree), stated, revealed, 0.95)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=5e-4)


@pytest.mark.parametrize("turned", [0, 30])
def test_full_agreement_and_full_disagreement_have_an_interval_with_a_width(turned: int) -> None:
    stated, revealed = choices(30, turned)
    found = kappa_of(units((stated == revealed).astype(float)), stated, revealed, 0.95)
    assert found.estimate == pytest.approx(-1.0 if turned else 1.0)
    assert 0.1 < found.high - found.low < 1
    assert -1 <= found.low <= found.estimate <= found.high <= 1


def test_one_cluster_has_an_estimate_and_no_interval() -> None:
    stated, revealed = choices(10, 2)
    found = kappa_of(
        units((stated == revealed).astype(float), np.zeros(10, np.int64)), stated, revealed, 0.95
    )
    assert found.estimate == pytest.approx(0.6)
    assert np.isnan(found.low) and np.isnan(found.high)


def test_answers_all_in_one_place_and_no_answers_are_undefined() -> None:
    for size in (0, 8):
        found = kappa_of(units(np.ones(size)), np.ones(size), np.ones(size), 0.95)
        assert np.isnan([found.estimate, found.low, found.high]).all()


def test_intervals_nest_with_the_level() -> None:
    stated, revealed = choices(40, 3)
    narrow, wide = (
        kappa_of(units((stated == revealed).astype(float)), stated, revealed, level) for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high
