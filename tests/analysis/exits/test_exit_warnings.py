"""What published studies of exits got wrong is said of any table that has it."""

from __future__ import annotations

import pandas as pd
import pytest

from bartleby.analysis.exits.exit_rates import exits
from tests.analysis.exit_tables import conversations


@pytest.mark.parametrize(
    ("classes", "thanks", "told"),
    [
        (("insult", "thanks_after_task"), None, True),
        (("insult", "finished and thankful"), None, True),
        (("insult", "done"), ["done"], True),
        (("insult", "coding"), None, False),
        (("insult", "thanks"), [], False),
    ],
)
def test_exits_after_thanks_are_told(classes: tuple[str, str], thanks: list[str] | None, told: bool) -> None:
    table = conversations({"a": [("opted_out", 1)], "b": [("opted_out", 1), ("completed", 2)]})
    table["scenario_class"] = [classes[0], classes[1], classes[1]]
    found = [text for text in exits(table, thanks=thanks).warnings if "not aversion" in text]
    assert bool(found) is told
    if told:
        assert "1 of 2 exits" in found[0]
        assert "all: 1 of 2 such trials" in found[0]


def test_exits_whose_reason_was_completion_are_told() -> None:
    table = conversations({"a": [("opted_out", 1)] * 3, "b": [("completed", 2)]})
    table["exit_reason"] = ["completion", "aversion", None, None]
    assert any("1 of 2 exits with a reason gave completion" in text for text in exits(table).warnings)


def test_repeats_taken_as_independent_are_told() -> None:
    table = conversations({"a": [("opted_out", 1)] * 3, "b": [("completed", 2)]})
    assert any("4 trials of 2 values of 'item'" in text for text in exits(table, cluster=False).warnings)
    assert not any("taken as independent:" in text for text in exits(table).warnings)
    once = conversations({"a": [("opted_out", 1)], "b": [("completed", 2)]})
    assert not any("values of 'item'" in text for text in exits(once, cluster=False).warnings)


def test_one_text_under_several_wordings_is_told() -> None:
    table = conversations({"a": [("opted_out", 1)] * 2, "b": [("completed", 2)] * 2})
    table["wording"], table["template"] = ["plain", "warm"] * 2, ["h1", "h1", "h2", "h3"]
    found = [text for text in exits(table).warnings if "identical text" in text]
    assert found == [
        "wording: plain, warm were sent one identical text (one template): they are not different "
        "conditions, and differences between them are chance"
    ]


def test_one_template_in_several_channels_with_one_wording_each_is_told_by_channel_alone() -> None:
    table = conversations({"a": [("opted_out", 1)] * 2})
    table["exit_channel"], table["wording"], table["template"] = ["tool", "string"], "plain", "h1"
    found = [text for text in exits(table, estimand="these_items").warnings if "identical text" in text]
    assert len(found) == 1
    assert found[0].startswith("exit_channel: string, tool")


def test_templates_that_are_not_known_say_nothing() -> None:
    table = conversations({"a": [("opted_out", 1)] * 2, "b": [("completed", 1)]})
    table["wording"] = ["plain", "warm", "warm"]
    table["template"] = pd.Series([None] * 3, dtype="string")
    assert not any("identical" in text for text in exits(table).warnings)
