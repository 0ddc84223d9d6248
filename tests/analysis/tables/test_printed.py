"""Tables of estimates: rounded in print only, and safe in every format."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.analysis.tables.printed import (
    escape_latex,
    print_table,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
    to_text,
)
from bartleby.analysis.tables.rounding import decimals_for, number_text, percent_text
from bartleby.errors import DataError, SettingError
from tests.analysis.figures.frames import row, shares, utilities


def one(term: str = "a", *numbers: float) -> pd.DataFrame:
    return pd.DataFrame([row(term, *(numbers or (1.0, 0.5, 1.5))), row("other", 2.0, 1.5, 2.5)])


def test_two_significant_digits_of_the_uncertainty_are_printed() -> None:
    frame = pd.DataFrame([row("a", 1.23456, 1.2, 1.3), row("b", 123.456, 23.4, 223.4)])
    assert [cells[1] for cells in print_table(frame).rows] == ["1.235", "123"]
    assert decimals_for(0.5, 0.4, 0.6, 0.0123) == 3
    assert decimals_for(5.4321, math.nan, math.nan) == 2
    assert decimals_for(math.nan, math.nan, math.nan) == 2
    assert decimals_for(0.0, 0.0, 0.0) == 2


def test_nothing_is_rounded_in_the_csv() -> None:
    frame = one("a", 1 / 3, math.nan, math.inf)
    back = pd.read_csv(io.BytesIO(to_csv(frame)))
    pd.testing.assert_frame_equal(back, frame, check_dtype=False, check_exact=True)


def test_undefined_is_a_dash_and_unbounded_a_word_or_an_infinity() -> None:
    assert "– to" not in to_text(one("a", 1, math.nan, math.nan))
    assert "unbounded to 1.00" in to_text(one("a", 0.5, -math.inf, 1.0))
    assert "−∞ to 1.00" in to_markdown(one("a", 0.5, -math.inf, 1.0))
    assert r"$-$$\infty$" in to_latex(one("a", 0.5, -math.inf, 1.0))


@pytest.mark.parametrize(
    ("value", "text"), [(-0.001, "0.00"), (-1.5, "\N{MINUS SIGN}1.50"), (math.nan, "–"), (math.inf, "∞")]
)
def test_numbers_have_a_true_minus_sign_and_no_negative_zero(value: float, text: str) -> None:
    assert number_text(value, 2) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "50%"),
        (0.0, "0%"),
        (1.0, "100%"),
        (0.9999, ">99.9%"),
        (0.0001, "<0.1%"),
        (0.004, "0.4%"),
        (0.9992, "99.9%"),
    ],
)
def test_only_all_and_none_are_printed_as_all_and_none(value: float, text: str) -> None:
    assert percent_text(value) == text


def test_what_every_row_says_is_told_once() -> None:
    table = print_table(shares().frame)
    assert "impact" in table.columns
    assert "term" not in table.columns
    assert "method: CR2" in table.notes
    assert "95% interval" in table.columns


def test_latex_commands_in_ids_are_text() -> None:
    nasty = r"50% & $x_1$ #2 {a} ~ ^ \input{secret}"
    told = to_latex(one(nasty), caption=nasty, label="tab:a b")
    assert (
        r"50\% \& \$x\_1\$ \#2 \{a\} \textasciitilde{} \textasciicircum{} \textbackslash{}input\{secret\}"
        in told
    )
    assert r"\label{tab:a-b}" in told


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_latex_holds_no_bare_special_character(text: str) -> None:
    bare = escape_latex(text)
    for command in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textasciigrave{}",
                    r"\textless{}", r"\textgreater{}",
                    r"\textbar{}", r"$\infty$", "$-$"):  # fmt: skip
        bare = bare.replace(command, "")
    for letter in "{}$&%#_":
        bare = bare.replace(f"\\{letter}", "")
    assert not set(bare) & set("\\{}$&%#_~^")


def test_long_tables_break_over_pages() -> None:
    assert r"\begin{longtable}" in to_latex(utilities(60), caption="Long")
    assert r"\begin{longtable}" not in to_latex(utilities(10))
    with pytest.raises(SettingError, match="environment is 'array'"):
        to_latex(utilities(1), environment="array")  # type: ignore[arg-type]


def test_html_and_markdown_hold_no_markup_of_ids() -> None:
    nasty = "<script>alert(1)</script>|*b*"
    assert "<script" not in to_html(one(nasty), caption=nasty)
    assert r"\<script\>alert(1)\</script\>\|\*b\*" in to_markdown(one(nasty))


def test_an_empty_table_is_a_head_without_rows() -> None:
    empty = utilities(1).iloc[:0]
    assert print_table(empty).rows == ()
    for write in (to_text, to_markdown, to_html, to_latex):
        assert write(empty)
    with pytest.raises(DataError, match="'estimate' is missing"):
        print_table(pd.DataFrame({"a": [1]}))
