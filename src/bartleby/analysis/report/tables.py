"""Estimates as tables to read: text, Markdown, LaTeX, HTML; and with full precision as CSV.

Numbers are rounded to two significant digits of their uncertainty. Columns that say the same in every row
are told once, below the table.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.report.rounding import decimals_for, number_text
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.files import without_formulas
from bartleby.errors import DataError, SettingError

__all__ = [
    "Printed",
    "escape_latex",
    "print_table",
    "to_csv",
    "to_html",
    "to_latex",
    "to_markdown",
    "to_text",
]

NUMBERS = ("estimate", "std_error", "low", "high", "level")
NAMES = {
    "std_error": "s.e.",
    "n_clusters": "clusters",
    "share_below": "share below",
    "share_below_margin": "share below the margin",
    "share_within_margin": "share within the margin",
    "share_above_margin": "share above the margin",
    "n_unsure": "could be either",
    "population_check": "p of the population",
}
LONG = 45
"""Rows from which a LaTeX table breaks over pages."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
}


@dataclass(frozen=True)
class Printed:
    """A table as it will be read.

    Parameters
    ----------
    columns
        Headings.
    rows
        Cells, as text.
    numeric
        Which columns hold numbers, and are set flush right.
    notes
        What is the same in every row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    notes: tuple[str, ...] = ()


def print_table(estimates: Estimates | pd.DataFrame) -> Printed:
    """Return a table of estimates rounded for print.

    Parameters
    ----------
    estimates
        Estimates, or their frame. Every column is shown but those that are empty or the same in all rows.

    Raises
    ------
    DataError
        If there is no column `estimate`.
    """
    frame = estimates.frame if isinstance(estimates, Estimates) else estimates
    if "estimate" not in frame.columns:
        there = ", ".join(map(str, frame.columns)) or "none"
        raise DataError(f"table of estimates: column 'estimate' is missing; columns here: {there}")
    same = _constant(frame)
    level = same.get("level")
    columns = []
    for name in frame.columns:
        if name == "estimate":
            columns += _numbers(frame, level)
        elif name not in NUMBERS and name not in same and not frame[name].isna().all():
            numeric = pd.api.types.is_numeric_dtype(frame[name])
            columns.append(_Column(_heading(name), [_cell(value) for value in frame[name]], numeric))
    if level is None and "level" in frame and not frame["level"].isna().all():
        columns.append(_Column("level", [_cell(value) for value in frame["level"]], numeric=True))
    notes = [f"{_heading(name)}: {_cell(value)}" for name, value in same.items() if name != "level"]
    return Printed(
        tuple(each.heading for each in columns),
        tuple(zip(*(each.cells for each in columns), strict=True)),
        tuple(each.numeric for each in columns),
        tuple(notes),
    )


def to_text(estimates: Estimates | pd.DataFrame) -> str:
    """Return a table of estimates as aligned plain text."""
    table = print_table(estimates)
    lines = [table.columns, *table.rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(table.columns))]
    told = ["  ".join(_justify(line, widths, table.numeric)).rstrip() for line in lines]
    return "\n".join([told[0], "  ".join("-" * width for width in widths), *told[1:], *table.notes])


def to_markdown(estimates: Estimates | pd.DataFrame) -> str:
    """Return a table of estimates as a Markdown table, its notes below."""
    table = print_table(estimates)
    rule = ["---:" if numeric else "---" for numeric in table.numeric]
    body = [table.columns, *table.rows]
    lines = ["| " + " | ".join(_escape_markdown(cell) for cell in line) + " |" for line in body]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    notes = [f"\n{_escape_markdown(note)}" for note in table.notes]
    return "\n".join([*lines, *notes])


def to_html(estimates: Estimates | pd.DataFrame, caption: str = "") -> str:
    """Return a table of estimates as an HTML `<table>`, everything in it escaped."""
    table = print_table(estimates)
    kinds = [' class="number"' if numeric else "" for numeric in table.numeric]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>'
        for kind, name in zip(kinds, table.columns, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td{k}>{html.escape(c)}</td>" for k, c in zip(kinds, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    told = " ".join([caption, *(f"{note}." for note in table.notes)]).strip()
    title = f"<caption>{html.escape(visible(told))}</caption>\n" if told else ""
    return f"<table>\n{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def to_latex(
    estimates: Estimates | pd.DataFrame,
    *,
    caption: str = "",
    label: str = "",
    environment: Literal["auto", "tabular", "longtable"] = "auto",
) -> str:
    """Return a table of estimates for LaTeX with `booktabs` (and `longtable` where it is long).

    Parameters
    ----------
    estimates
        Estimates, or their frame.
    caption, label
        Of the table; without a caption only the `tabular` is written.
    environment
        `auto` takes `longtable` for more than 45 rows.

    Raises
    ------
    SettingError
        If the environment is not one of these.
    """
    if environment not in ("auto", "tabular", "longtable"):
        raise SettingError(f"environment is {environment!r}; allowed: 'auto', 'tabular', 'longtable'")
    table = print_table(estimates)
    long = environment == "longtable" or (environment == "auto" and len(table.rows) > LONG)
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    head = " & ".join(escape_latex(name) for name in table.columns) + r" \\"
    rows = [" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in table.rows]
    note = escape_latex("; ".join(table.notes))
    told = f"\\caption{{{escape_latex(caption)}}}" if caption else ""
    named = f"\\label{{{re.sub(r'[^A-Za-z0-9:_.-]', '-', label)}}}" if label else ""
    if long:
        return _longtable(columns, head, rows, f"{told}{named}", note)
    body = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule"]
    body.append(r"\end{tabular}")
    if told:
        body = [r"\begin{table}", r"\centering", told + named, *body]
        body += [rf"\par\smallskip\footnotesize {note}"] if note else []
        body.append(r"\end{table}")
    return "\n".join([*([f"% {line}" for line in table.notes] if not told else []), *body]) + "\n"


def to_csv(estimates: Estimates | pd.DataFrame) -> bytes:
    """Return a table of estimates as CSV in UTF-8, with all columns and full precision."""
    frame = estimates.frame if isinstance(estimates, Estimates) else estimates
    text = frame.apply(without_formulas).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "backslashreplace")


def escape_latex(text: str) -> str:
    """Return text in which nothing is a command of LaTeX."""
    plain = "".join(_LATEX.get(letter, letter) for letter in " ".join(visible(text).split()))
    return plain.replace("\N{MINUS SIGN}", "$-$").replace("∞", r"$\infty$").replace("–", "--")


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: list[str]
    numeric: bool


def _constant(frame: pd.DataFrame) -> dict[str, object]:
    """Return the columns that say the same in every row; of one row, only how it was made."""
    found = {}
    for name in frame.columns:
        values = frame[name].dropna()
        alone = len(frame) == 1 and name not in ("level", "method")
        named = name == "term" and not any(len(set(frame[each])) > 1 for each in _before_term(frame))
        if name in ("estimate", "std_error", "low", "high") or named or alone or values.empty:
            continue
        first = values.iloc[0]
        if (len(values) == len(frame) or name == "level") and all(value == first for value in values):
            found[str(name)] = first
    return found


def _before_term(frame: pd.DataFrame) -> list[str]:
    names = [str(name) for name in frame.columns]
    return names[: names.index("term")] if "term" in names else []


def _numbers(frame: pd.DataFrame, level: object) -> list[_Column]:
    """Return estimate, interval and standard error, each row rounded by its own uncertainty."""
    nothing = pd.Series(math.nan, index=frame.index)
    estimate, error, low, high = (
        pd.to_numeric(frame.get(name, nothing)).astype(float)
        for name in ("estimate", "std_error", "low", "high")
    )
    places = [decimals_for(*row) for row in zip(estimate, low, high, error, strict=True)]
    columns = [_Column("estimate", _rounded(estimate, places), numeric=True)]
    if not (low.isna() & high.isna()).all():
        ends = zip(_rounded(low, places), _rounded(high, places), strict=True)
        cells = ["–" if end == ("–", "–") else f"{end[0]} to {end[1]}" for end in ends]
        heading = f"{100 * level:.4g}% interval" if isinstance(level, float) else "interval"
        columns.append(_Column(heading, cells, numeric=True))
    if not error.isna().all():
        columns.append(_Column(_heading("std_error"), _rounded(error, places), numeric=True))
    return columns


def _rounded(values: pd.Series, places: Sequence[int]) -> list[str]:
    return [number_text(value, decimals) for value, decimals in zip(values, places, strict=True)]


def _heading(name: object) -> str:
    return NAMES.get(str(name), visible(name).replace("_", " "))


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
    text = " ".join(visible(value).split())
    return NAMES.get(text, text)


def _justify(line: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    columns = zip(line, widths, numeric, strict=True)
    return [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in columns]


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]#~$])", r"\\\1", text)


def _longtable(columns: str, head: str, rows: Sequence[str], told: str, note: str) -> str:
    lines = [rf"\begin{{longtable}}{{{columns}}}"]
    lines += [told + r" \\"] if told else []
    lines += [r"\toprule", head, r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead"]
    lines += [r"\bottomrule", r"\endfoot", *rows, r"\end{longtable}"]
    lines += [rf"{{\footnotesize {note}}}"] if note else []
    return "\n".join(lines) + "\n"
