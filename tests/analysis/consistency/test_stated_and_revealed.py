from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.consistency.stated_and_revealed import stated_and_revealed
from bartleby.errors import DataError
from tests.analysis.repeat_tables import by_term, ladder, repeated


def both(says: pd.DataFrame, does: pd.DataFrame) -> pd.DataFrame:
    done = does.assign(commitment="does", said=does["outcome"])
    return pd.concat([says.assign(commitment="says", said=None), done], ignore_index=True)


def rows(trials: pd.DataFrame, **settings: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    return by_term(stated_and_revealed(trials, **settings))


def test_doing_what_was_said_is_agreement_of_one() -> None:
    found = rows(both(ladder(5, 2), ladder(5, 2)))
    assert found["agreement"]["estimate"] == found["kappa"]["estimate"] == 1
    assert found["agreement"]["low"] < 1
    assert found["kappa"]["low"] < 1 and found["kappa"]["high"] == 1
    assert found["work_refused"]["estimate"] == 0
    assert found["work_refused"]["high"] > 0


def test_a_slot_habit_alone_has_no_kappa() -> None:
    habit = ladder(5, 2).assign(outcome="chose_first")
    found = stated_and_revealed(both(habit, habit))
    assert by_term(found)["agreement"]["estimate"] == 1
    assert np.isnan(by_term(found)["kappa"]["estimate"])
    assert any(note.startswith("kappa") for note in found.warnings)


def test_refused_work_is_told_apart_from_another_choice() -> None:
    table = both(ladder(6, 4), ladder(6, 4))
    refused = (table["commitment"] == "does") & (table["first"] == "item 0")
    table.loc[refused, "outcome"] = "refused"
    found = stated_and_revealed(table)
    frame = by_term(found)
    assert frame["agreement"]["estimate"] == 1
    assert frame["agreement_before_work"]["cells"] == 30
    assert frame["work_refused"]["estimate"] == pytest.approx(5 / 30)
    assert found.accounting.counted_as["refused"] == "left out"


def test_abandoned_work_is_no_refusal() -> None:
    table = both(ladder(5, 2), ladder(5, 2))
    table.loc[(table["commitment"] == "does") & (table["first"] == "item 0"), "outcome"] = "abandoned"
    assert rows(table)["work_refused"]["estimate"] == 0
    assert rows(table)["work_refused"]["n"] == 32


def test_other_preferences_when_it_must_do_them_are_a_shortfall() -> None:
    found = rows(both(repeated(1, answers=6), repeated(2, answers=6)))
    assert found["shortfall"]["low"] > 0
    alike = rows(both(repeated(1, answers=6), repeated(1, answers=6)))
    assert alike["shortfall"]["estimate"] <= 0


def test_without_the_column_said_the_work_is_not_spoken_of() -> None:
    table = both(ladder(4, 2), ladder(4, 2)).drop(columns="said")
    assert set(rows(table)) == {"agreement", "kappa", "repetition", "shortfall"}


def test_nothing_in_common_is_undefined_and_said() -> None:
    other = ladder(4, 2).replace("item", "thing", regex=True)
    found = stated_and_revealed(both(ladder(4, 2), other))
    frame = by_term(found)
    assert all(np.isnan(frame[name]["estimate"]) for name in ("agreement", "kappa", "shortfall"))
    assert len(found.warnings) >= 4


def test_a_missing_kind_of_commitment_is_named() -> None:
    with pytest.raises(DataError, match="has no 'does'; values there: says"):
        stated_and_revealed(ladder(3).assign(commitment="says"))
