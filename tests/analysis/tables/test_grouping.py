"""Clusters: found by name where none is named, and said either way."""

from __future__ import annotations

import pandas as pd
import pytest

from bartleby.analysis.tables.counts import as_frame
from bartleby.analysis.tables.grouping import CLUSTER_COLUMNS, ITEM_PAIR, TURN_CLUSTERS, choose_cluster
from bartleby.errors import DataError, SettingError

TURNS = pd.DataFrame({"conversation": ["c1", "c1", "c2"], "turn": [1, 2, 1], "coded": [0, 1, 0]})


def test_candidates_depend_on_the_kind_of_table() -> None:
    frame = as_frame(TURNS)
    assert choose_cluster(frame, None, TURN_CLUSTERS).column == "conversation"
    assert choose_cluster(frame, None, TURN_CLUSTERS).warning is None
    assert choose_cluster(frame, None, CLUSTER_COLUMNS).column is None


def test_the_widest_candidate_with_values_is_taken() -> None:
    nested = TURNS.assign(scenario=["s", "s", "s"], item=None)
    assert choose_cluster(as_frame(nested), None, TURN_CLUSTERS).column == "scenario"
    assert (
        choose_cluster(as_frame(nested.assign(scenario=None)), None, TURN_CLUSTERS).column == "conversation"
    )


def test_pairs_are_made_where_they_are_a_candidate() -> None:
    pairs = as_frame(pd.DataFrame({"first": ["a"], "second": ["b"]}))
    assert choose_cluster(pairs, None).column == ITEM_PAIR
    assert choose_cluster(pairs, None, TURN_CLUSTERS).column is None


def test_rows_without_a_candidate_are_independent_with_a_warning() -> None:
    found = choose_cluster(as_frame(TURNS), None, ("item", "scenario"), unit="turn")
    assert found.described == "none found: turns taken as independent"
    assert found.warning is not None
    assert found.warning.startswith("no column names an item or scenario, so every turn is taken")
    assert choose_cluster(as_frame(TURNS), False).warning is None


def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(DataError, match="no column 'talk'; columns here: conversation, turn, coded"):
        choose_cluster(as_frame(TURNS), "talk")
    with pytest.raises(SettingError, match="cluster=True"):
        choose_cluster(as_frame(TURNS), True)
