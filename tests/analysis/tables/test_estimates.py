"""Tables of estimates as values, text, JSON, LaTeX and HTML."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import COLUMNS, Estimates, estimate_frame, joined
from bartleby.analysis.tables.printed import to_csv


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
    assert b"'=HYPERLINK" in to_csv(estimates(term='=HYPERLINK("x")').frame)


def test_joined_tables_say_each_warning_once() -> None:
    both = joined(estimates("harm"), estimates("difficulty"))
    assert both.frame["term"].tolist() == ["harm", "difficulty"]
    assert both.warnings == ("few clusters",)


def rates(*numbers: tuple[str, float, float, float], left: float = 0.0, **settings: object) -> Estimates:
    rows = [
        {"model": "m", "harm": harm, "term": "opted_out", "estimate": e, "low": low, "high": high,
         "level": 0.95, "n": 40, "n_clusters": 20, "method": "logit t"}
        for harm, e, low, high in numbers
    ]  # fmt: skip
    counts = {"opted_out": 3.0, "completed": 7.0, "unparsed": left}
    counted = Accounting(counts, {"opted_out": "event", "completed": "no event"}, 10.0)
    return Estimates(estimate_frame(rows, ["model", "harm"]), counted, (), {"cluster": "item", **settings})


def test_a_verdict_is_one_sentence_with_interval_scope_and_what_was_excluded() -> None:
    one = rates(("none", 0.25, 0.17, 0.36), left=2.0, estimand="new_items")
    assert one.verdict == (
        "Opted out, m: 0.250 (95% interval 0.170 to 0.360) (10 of 12 trials used, 2 excluded: 2 unparsed; "
        "20 clusters by item; items as a random sample)."
    )
    assert one.summary().endswith(one.verdict)
    assert one.to_dict()["verdict"] == one.verdict
    assert one.verdict in one._repr_html_()


def test_a_verdict_of_few_rows_names_them_and_of_many_their_ends() -> None:
    two = rates(("none", 0.1, 0.05, 0.2), ("severe", 0.4, 0.2, 0.8)).verdict
    assert "none 0.100 (95% interval 0.050 to 0.200), severe 0.40 (0.20 to 0.80)" in two
    many = rates(*((f"h{k}", k / 10, k / 10 - 0.05, k / 10 + 0.05) for k in range(1, 9)))
    assert (
        "8 estimates from 0.100 (95% interval 0.050 to 0.150) for h1 to 0.800 (0.750 to 0.850) for h8"
        in many.verdict
    )


def test_a_verdict_without_an_estimate_gives_the_reason() -> None:
    row = {"term": "phi", "estimate": math.nan, "method": "undefined, no trials"}
    nothing = Estimates(estimate_frame([row]), Accounting({}, {}, 0.0))
    assert nothing.verdict.startswith("Nothing could be estimated: no trials")
    assert Estimates(estimate_frame([]), Accounting({}, {}, 0.0)).verdict.startswith(
        "Nothing could be estimated"
    )


def test_what_prints_is_narrow_and_rounded() -> None:
    both = rates(("none", 0.123456, 0.1, 0.15), ("severe", 0.5, 0.4, 0.6))
    lines = repr(both).splitlines()
    assert lines[0].split() == ["harm", "estimate", "95%", "interval"]
    assert "0.123  0.100 to 0.150" in repr(both)
    assert "clusters: 20" in lines
    assert "method: logit t" in lines
