"""Adjusted p values."""

from __future__ import annotations

import numpy as np
import pytest

from bartleby.analysis.inference.families import adjust_p
from bartleby.errors import DataError, SettingError

P = [0.01, 0.04, 0.03, 0.005]


def test_holm_and_benjamini_hochberg_have_the_values_of_r() -> None:
    # What p.adjust gives for these four.
    np.testing.assert_allclose(adjust_p(P, "holm"), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjust_p(P, "bh"), [0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_nan_does_not_count_and_stays_nan(method: str) -> None:
    with_nan = adjust_p([np.nan, *P, np.nan], method)  # type: ignore[arg-type]
    assert np.isnan(with_nan[[0, -1]]).all()
    np.testing.assert_allclose(with_nan[1:-1], adjust_p(P, method))  # type: ignore[arg-type]


def test_none_leaves_them_as_they_are_and_nothing_may_be_empty() -> None:
    np.testing.assert_array_equal(adjust_p(P, None), P)
    assert adjust_p([], "holm").size == 0
    assert np.isnan(adjust_p([np.nan], "holm")).all()


def test_what_is_no_p_value_or_no_method_is_refused() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        adjust_p([0.2, 1.2])
    with pytest.raises(SettingError, match="bonferroni"):
        adjust_p(P, "bonferroni")  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "name"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_adjusted_p_values_are_those_of_statsmodels(method: str, name: str) -> None:
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(3).uniform(size=50) ** 3
    p[7] = p[11]
    np.testing.assert_allclose(adjust_p(p, method), multipletests(p, method=name)[1])  # type: ignore[arg-type]
