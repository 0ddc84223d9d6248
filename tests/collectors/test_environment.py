from __future__ import annotations

import pytest

from bartleby.collectors.environment import redact, versions


@pytest.mark.parametrize(
    "text",
    [
        "key sk-ant-REDACTED here",
        "Authorization: Bearer abc.def-ghi_jkl",
        "{'x-api-key': 'abcdefghijkl'}",
        'api_key="abcdefghijkl"',
        "token hf_abcdefghijkl",
        "AIzaSyA1234567890abcdefghijk",
    ],
)
def test_what_looks_like_a_key_is_taken_out(text: str) -> None:
    told = redact(text)
    assert "[secret]" in told
    assert "abc" not in told


def test_values_of_secret_variables_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SERVICE_TOKEN", "correct horse")
    monkeypatch.setenv("SHORT_KEY", "a")
    assert redact("a correct horse battery") == "a [secret] battery"


@pytest.mark.parametrize(
    "text", ["", "prompt is too long: 9 > 8", "the key was refused (401)", "task: sketch a basket-weave"]
)
def test_ordinary_messages_are_left_as_they_are(text: str) -> None:
    assert redact(text) == text


def test_versions_name_what_a_run_depends_on() -> None:
    found = versions()
    assert {"bartleby", "python", "platform", "sqlite", "numpy"} <= set(found)
    assert all(found.values())
