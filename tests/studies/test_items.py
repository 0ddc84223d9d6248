"""Items are checked when they are made."""

from __future__ import annotations

import pytest

from bartleby.errors import DataError
from bartleby.studies.items import Task, check_items


def test_a_task_keeps_its_attributes_in_one_flat_mapping() -> None:
    task = Task("a", "Do.", harm=2, attributes={"agency": True})
    assert task.to_dict()["agency"] is True
    assert task.to_dict()["harm"] == 2


def test_every_wrong_attribute_is_named() -> None:
    with pytest.raises(DataError) as caught:
        Task("a", "", kind="job", impact="evil", harm=float("nan"), attributes={"text": "x"})
    assert len(caught.value.problems) == 5


def test_ids_and_texts_must_be_distinct_and_there_must_be_one() -> None:
    with pytest.raises(DataError, match="no items"):
        check_items([])
    with pytest.raises(DataError, match="same text"):
        check_items([Task("a", "Do."), Task("b", "Do.")])
