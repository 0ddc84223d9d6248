"""Caps are whole numbers from 1, and a study with other caps is the same study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartleby.errors import SettingError
from bartleby.studies.caps import Caps
from tests.studies.paradigms.talking import study


def test_caps_that_are_not_allowed_are_told_at_once() -> None:
    with pytest.raises(SettingError, match=r"cap turns is 0.*cap tokens is True.*cap aversive_turns is 2\.5"):
        Caps(0, True, 2.5)  # type: ignore[arg-type]
    assert Caps(turns=3).to_dict() == {"turns": 3, "tokens": None, "aversive_turns": None}


def test_a_cap_can_be_raised_and_the_study_goes_on() -> None:
    plain = study()
    capped = replace(plain, caps=Caps(turns=10))
    assert capped.fingerprint() == plain.fingerprint()
    assert [trial.id for trial in capped.trials()] == [trial.id for trial in plain.trials()]
    assert capped.to_dict()["caps"]["turns"] == 10
