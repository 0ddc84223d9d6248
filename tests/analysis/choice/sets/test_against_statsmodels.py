"""Choices and rankings of several items, beside the conditional logit of statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.choice.sets.model import choice_sets
from tests.analysis.choice.sets.test_model import ranked

ITEMS = ("i1", "i2", "i3")


def conditional_logit(stages: pd.DataFrame) -> pd.DataFrame:
    """Fit rows (stage, item, chosen), utilities against `i0`."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    design = np.stack([(stages["item"] == item).to_numpy(dtype=float) for item in ITEMS], axis=1)
    fit = ConditionalLogit(stages["chosen"], design, groups=stages["stage"]).fit(
        method="newton", disp=False, tol=1e-12
    )
    return pd.DataFrame({"estimate": fit.params.to_numpy(), "std_error": fit.bse.to_numpy()}, index=ITEMS)


def first_stage(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(stage=table["set"].astype(str), chosen=(table["rank"] == 1).astype(int))


def second_stage(table: pd.DataFrame) -> pd.DataFrame:
    """Return what was left when the best was taken, and the best of that."""
    left = table[table["rank"] > 1]
    return left.assign(stage=left["set"].astype(str) + "b", chosen=(left["rank"] == 2).astype(int))


def test_first_choices_from_three_are_a_conditional_logit() -> None:
    table = first_stage(ranked(3))
    expected = conditional_logit(table)
    rows = table[["set", "item", "chosen"]]
    found = choice_sets(rows, baseline="i0", cluster=False, slot=False).to_frame().set_index("term")
    for column in ("estimate", "std_error"):
        assert found.loc[list(ITEMS), column].to_numpy() == pytest.approx(
            expected[column].to_numpy(), rel=1e-6
        )


def test_a_ranking_is_one_choice_after_another() -> None:
    table = ranked(4)
    expected = conditional_logit(pd.concat([first_stage(table), second_stage(table)]))
    found = choice_sets(table, baseline="i0", cluster=False, slot=False).to_frame().set_index("term")
    for column in ("estimate", "std_error"):
        assert found.loc[list(ITEMS), column].to_numpy() == pytest.approx(
            expected[column].to_numpy(), rel=1e-6
        )
