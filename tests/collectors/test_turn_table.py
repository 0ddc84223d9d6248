"""The turn table: one row a turn, under what is known of its trial."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bartleby.collectors.collector import collect
from bartleby.collectors.trial_table import read
from bartleby.errors import SettingError
from bartleby.exchange import Reply, Request, Usage
from bartleby.studies.caps import Caps
from tests.collectors.fakes import FakeModel, query, small_study
from tests.collectors.talks import LEAVE, talks


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def leaves_at_second(request: Request, number: int) -> Reply:
    leaving = "of 1" in request.messages[0].text and len(request.messages) == 3
    return Reply(LEAVE if leaving else "Well.", usage=Usage(10, 5))


async def test_each_turn_has_a_row_with_the_columns_of_its_trial_and_its_outcome(log: Path) -> None:
    await collect(talks(3, user="scripted"), FakeModel(leaves_at_second), log)
    table = read(log, unit="turn")
    assert list(table.columns) == [
        *("study", "model", "served", "paradigm", "trial", "sample", "item", "user", "template"),
        *("kind", "item_length", "turn", "exited", "length", "outcome"),
    ]
    by_item = dict(iter(table.groupby("item", observed=True)))
    assert by_item["t1"]["exited"].tolist() == [False, True]
    assert by_item["t1"]["outcome"].tolist() == ["opted_out"] * 2
    assert by_item["t0"]["turn"].tolist() == [1, 2, 3]
    assert by_item["t2"]["item_length"].tolist() == [2, 2, 2]
    assert table["length"].tolist()[0] == len("Well.")
    trials = read(log)
    assert table["trial"].drop_duplicates().tolist() == trials["trial"].tolist()
    assert str(table["outcome"].dtype) == "category"


async def test_turns_read_anew_are_those_that_were_read_when_the_trials_ended(log: Path) -> None:
    study = talks(3, user="scripted", caps=Caps(turns=5))
    await collect(study, FakeModel(leaves_at_second), log)
    assert "abandoned" in set(read(log)["outcome"])
    pd.testing.assert_frame_equal(read(log, study, unit="turn"), read(log, unit="turn"))
    query(log, "UPDATE outcomes SET turn_rows = NULL")
    with pytest.raises(SettingError, match=r"nothing is known of turns in its \d trials \(talk\).*study="):
        read(log, unit="turn")
    assert len(read(log, study, unit="turn")) == 5


async def test_trials_of_a_paradigm_without_turns_are_told_to_have_none(log: Path) -> None:
    await collect(small_study(), FakeModel(), log)
    with pytest.raises(SettingError, match="nothing is known of turns in its 12 trials"):
        read(log, unit="turn")
    with pytest.raises(SettingError, match="unit is 'word'; allowed: trial, turn"):
        read(log, unit="word")  # type: ignore[arg-type]


async def test_a_log_in_which_nothing_ended_has_an_empty_turn_table(log: Path) -> None:
    await collect(talks(1, user="scripted", caps=Caps(turns=1)), FakeModel(), log)
    query(log, "DELETE FROM outcomes")
    table = read(log, unit="turn")
    assert len(table) == 0
    assert {"study", "item", "outcome"} <= set(table.columns)
