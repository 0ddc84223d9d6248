"""Tables of estimates as values, text, JSON, LaTeX and HTML."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from bartleby.analysis.report.tables import to_csv
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import COLUMNS, Estimates, estimate_frame, joined


def estimates(term: str = "harm", high: float = math.inf, warning: str = "few clusters") -> Estimates:
    row = {"term": term, "estimate": 0.123456, "std_error": 0.05, "low": math.nan, "high": high, "df": 3.0}
    counted = Accounting({"opted_out": 3.0}, {"opted_out": "event"}, 3.0)
    return Estimates(estimate_frame([{**row, "model": "m"}], ["model"]), counted, (warning,), {"seed": 1})


def test_the_fixed_columns_come_after_what_identifies_a_row_and_before_the_rest() -> None:
    assert list(estimates().to_frame().columns) == ["model", *COLUMNS, "df"]


def test_a_table_that_is_changed_leaves_the_estimates_as_they_were() -> None:
    mine = estimates()
    changed = mine.to_frame()
    changed["estimate"] = 9.0
    assert mine.frame["estimate"].tolist() == [0.123456]


def test_what_is_undefined_or_unbounded_is_null_in_json() -> None:
    row = json.loads(estimates().to_json())["estimates"][0]
    assert row["low"] is None
    assert row["high"] is None
    assert row["estimate"] == 0.123456


def test_labels_that_are_dates_are_text_in_json() -> None:
    rows = [{"day": day, "term": "rate", "estimate": 0.5} for day in (pd.Timestamp("2026-03-01"), pd.NaT)]
    found = Estimates(estimate_frame(rows, ["day"]), Accounting({}, {}, 0.0), (), {})
    days = [row["day"] for row in json.loads(found.to_json())["estimates"]]
    assert days == ["2026-03-01 00:00:00", None]


def test_a_summary_tells_the_accounting_and_the_warnings() -> None:
    told = estimates().summary()
    assert "opted_out" in told
    assert "Warning: few clusters" in told
    assert str(estimates()) == told


def test_a_table_for_a_paper_has_its_caption_and_rounded_numbers() -> None:
    latex = estimates(high=0.3).to_latex(caption="Effects", label="tab:effects")
    assert r"\caption{Effects}\label{tab:effects}" in latex
    assert r"\toprule" in latex
    assert "0.123456" not in latex
    assert estimates(high=0.3).to_markdown().startswith("| ")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"])
def test_labels_and_warnings_are_text_in_a_notebook(text: str) -> None:
    shown = estimates(term=text, warning=text)._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown


def test_labels_that_a_spreadsheet_would_run_are_disarmed() -> None:
    assert b"'=HYPERLINK" in to_csv(estimates(term='=HYPERLINK("x")'))


def test_joined_tables_say_each_warning_once() -> None:
    both = joined(estimates("harm"), estimates("difficulty"))
    assert both.frame["term"].tolist() == ["harm", "difficulty"]
    assert both.warnings == ("few clusters",)
