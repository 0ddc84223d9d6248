"""A study of conversations made again from what a log has frozen asks the very same trials."""

from __future__ import annotations

import json

import pytest

import bartleby as bb
from bartleby.errors import StudyError
from bartleby.studies.declared import conversations_declared


@pytest.mark.parametrize("name", ["end_conversation", "exit_channels", "ending"])
def test_a_frozen_declaration_asks_the_same_trials(name: str) -> None:
    study = bb.load(name)
    again = conversations_declared(json.loads(json.dumps(study.to_dict())))
    assert again.fingerprint() == study.fingerprint()
    assert [trial.id for trial in again.trials()] == [trial.id for trial in study.trials()]


def test_what_has_no_conversations_or_cannot_be_read_is_refused() -> None:
    with pytest.raises(StudyError, match="'opt_out' has no conversations to continue"):
        conversations_declared(bb.load("opt_out").to_dict())
    told = bb.load("ending").to_dict()
    del told["items"]
    with pytest.raises(StudyError, match=r"cannot be read \(KeyError"):
        conversations_declared(told)
