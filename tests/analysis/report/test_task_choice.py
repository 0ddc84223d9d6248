"""The page about a study of task choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.report.task_choice import headline, write
from tests.analysis.figures.frames import items, shares
from tests.analysis.report.test_page import Page, record


def trials(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ids = [*(f"task-{i}" for i in range(9)), "nothing"]
    utility = dict(zip(ids, [*([1.5, 0.3, -1.0] * 3), 0.0], strict=True))
    known = items(9)
    rows = []
    for first in ids:
        for second in ids:
            if first != second:
                chance = 1 / (1 + np.exp(-(0.3 + utility[first] - utility[second])))
                for _ in range(4):
                    outcome = "chose_first" if rng.random() < chance else "chose_second"
                    rows.append({"first": first, "second": second, "outcome": outcome})
    frame = pd.DataFrame(rows)
    for side in ("first", "second"):
        for name in ("impact", "kind"):
            values = {item: attributes.get(name) for item, attributes in known.items()}
            frame[f"{name}_{side}"] = frame[side].map(values)
    return frame.assign(trial=[f"t{i}" for i in range(len(frame))], model="sim/averse")


def told() -> dict[str, object]:
    return record(items=[{"id": name, "text": name, **each} for name, each in items(9).items()])


def test_the_headline_gives_every_share_with_its_interval() -> None:
    text = headline(shares(), "Do nothing")
    assert "90% (95% interval 70% to 98%) of harmful tasks" in text
    assert "10% (95% interval 2% to 30%) of positive tasks" in text
    assert "tasks like these" in text


def test_the_page_has_shares_utilities_and_their_files(tmp_path: Path) -> None:
    index = write(tmp_path, record=told(), trials=trials(), baseline="nothing")
    text = index.read_text(encoding="utf-8")
    assert "Ranked below “Nothing”" in text
    assert (tmp_path / "figures" / "utilities.pdf").is_file()
    assert (tmp_path / "tables" / "shares.csv").is_file()
    assert "Tasks exactly at the baseline count half" in text
    assert Page(text).tags.count("svg") == 4  # the utilities for a phone, too


def test_the_page_shows_shares_below_within_and_above_a_margin(tmp_path: Path) -> None:
    text = write(tmp_path, record=told(), trials=trials(), baseline="nothing").read_text(encoding="utf-8")
    assert "taken 32% to 68% of the time" in text
    table = pd.read_csv(tmp_path / "tables" / "shares_margin.csv")
    assert table["side"].tolist() == ["below", "within", "above"] * 3
    assert table.groupby("impact")["estimate"].sum().tolist() == pytest.approx([1.0] * 3)
    assert set(pd.read_csv(tmp_path / "tables" / "shares.csv")["term"]) == {"share_below"}


def test_without_a_baseline_there_are_utilities_and_no_shares(tmp_path: Path) -> None:
    index = write(tmp_path, record=told(), trials=trials())
    assert "against the mean of all items" in index.read_text(encoding="utf-8")
    assert not (tmp_path / "tables" / "shares.csv").exists()


def test_trials_without_a_choice_make_a_page_that_says_so(tmp_path: Path) -> None:
    none = trials().assign(outcome="refused")
    text = write(tmp_path, record=told(), trials=none, baseline="nothing").read_text(encoding="utf-8")
    assert "no preference can be estimated" in text
    empty = write(tmp_path, record=told(), trials=none.iloc[:0], baseline="nothing").read_text(
        encoding="utf-8"
    )
    assert "No trial has ended" in empty
