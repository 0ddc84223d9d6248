"""Estimates as tables to read: text, Markdown, LaTeX, HTML; and with full precision as CSV.

Numbers are rounded to two significant digits of their uncertainty. Columns that say the same in every row
are stated once, below the table.
"""

from __future__ import annotations

import html
import math
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.tables.rounding import decimals_for, number_text, p_text, plain_text
from bartleby.analysis.tables.written import without_formulas
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
UNPRINTED = ("df", "bound_low", "bound_high")
"""Columns that are in `to_frame()` and the CSV alone; bounds are printed as one column."""
P_VALUES = ("p_value", "p_adjusted", "q_value")
MOST_ROWS = 100
"""Rows of a table that plain text shows; of more, the first and the last."""
NAMED = 4
"""Rows that a note names."""
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


def print_table(frame: pd.DataFrame) -> Printed:
    """Return a table of estimates rounded for print.

    Parameters
    ----------
    frame
        Of estimates. What is empty is not shown, what all rows have in common is said below
        the table, and so are methods. Degrees of freedom are in `to_frame()`.

    Raises
    ------
    DataError
        If there is no column `estimate`.
    """
    if "estimate" not in frame.columns:
        there = ", ".join(map(str, frame.columns)) or "none"
        raise DataError(f"table of estimates: column 'estimate' is missing; columns here: {there}")
    same = {name: value for name, value in _constant(frame).items() if name not in UNPRINTED}
    level = same.get("level")
    columns, notes = [], [_note(name, value) for name, value in same.items() if name != "level"]
    for name in frame.columns:
        if name == "estimate":
            columns += _numbers(frame, level)
        elif name == "method" and name not in same:
            column, more = _methods(frame)
            columns += column
            notes += more
        elif name not in (*NUMBERS, *UNPRINTED, *same) and not _says_nothing(str(name), frame[name]):
            columns.append(_plain_column(str(name), frame[name]))
    columns += _worst_case(frame)
    if level is None and "level" in frame and not frame["level"].isna().all():
        columns.append(_plain_column("level", frame["level"]))
    return Printed(
        tuple(each.heading for each in columns),
        tuple(zip(*(each.cells for each in columns), strict=True)),
        tuple(each.numeric for each in columns),
        tuple(note for note in notes if note),
    )


def to_text(frame: pd.DataFrame) -> str:
    """Return a table of estimates as aligned plain text; of more than 100 rows, the first and the last."""
    table = print_table(frame)
    rows = [_in_plain_letters(row, table.numeric) for row in table.rows]
    heads = [plain_text(name) for name in table.columns]
    half = MOST_ROWS // 2
    hidden = len(rows) - 2 * half if len(rows) > MOST_ROWS else 0
    kept = [*rows[:half], *rows[-half:]] if hidden else rows
    widths = [max(len(line[index]) for line in [heads, *kept]) for index in range(len(heads))]
    lines = ["  ".join(_justify(line, widths, table.numeric)).rstrip() for line in [heads, *kept]]
    if hidden:
        lines.insert(half + 1, f"... {hidden:,} more rows in to_frame() ...")
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:], *table.notes])


def to_markdown(frame: pd.DataFrame) -> str:
    """Return a table of estimates as a Markdown table, its notes below."""
    table = print_table(frame)
    rule = ["---:" if numeric else "---" for numeric in table.numeric]
    body = [table.columns, *table.rows]
    lines = ["| " + " | ".join(_escape_markdown(cell) for cell in line) + " |" for line in body]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    notes = [f"\n{_escape_markdown(note)}" for note in table.notes]
    return "\n".join([*lines, *notes])


def to_html(frame: pd.DataFrame, caption: str = "") -> str:
    """Return a table of estimates as an HTML `<table>`, everything in it escaped."""
    table = print_table(frame)
    kinds = [' class="number"' if numeric else "" for numeric in table.numeric]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>'
        for kind, name in zip(kinds, table.columns, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td{k}>{html.escape(c)}</td>" for k, c in zip(kinds, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption_text = " ".join([caption, *(f"{note}." for note in table.notes)]).strip()
    title = f"<caption>{html.escape(visible(caption_text))}</caption>\n" if caption_text else ""
    return f"<table>\n{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def to_latex(
    frame: pd.DataFrame,
    *,
    caption: str = "",
    label: str = "",
    environment: Literal["auto", "tabular", "longtable"] = "auto",
) -> str:
    """Return a table of estimates for LaTeX with `booktabs` (and `longtable` where it is long).

    Parameters
    ----------
    frame
        Of estimates.
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
    table = print_table(frame)
    long = environment == "longtable" or (environment == "auto" and len(table.rows) > LONG)
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    head = " & ".join(escape_latex(name) for name in table.columns) + r" \\"
    rows = [" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in table.rows]
    note = escape_latex("; ".join(table.notes))
    caption_text = f"\\caption{{{escape_latex(caption)}}}" if caption else ""
    named = f"\\label{{{re.sub(r'[^A-Za-z0-9:_.-]', '-', label)}}}" if label else ""
    if long:
        return _longtable(columns, head, rows, f"{caption_text}{named}", note)
    body = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule"]
    body.append(r"\end{tabular}")
    if caption_text:
        body = [r"\begin{table}", r"\centering", caption_text + named, *body]
        body += [rf"\par\smallskip\footnotesize {note}"] if note else []
        body.append(r"\end{table}")
    return "\n".join([*([f"% {line}" for line in table.notes] if not caption_text else []), *body]) + "\n"


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a table of estimates as CSV in UTF-8, with all columns and full precision."""
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


def _plain_column(name: str, values: pd.Series) -> _Column:
    if name in P_VALUES:
        numbers = pd.to_numeric(values).astype(float)
        return _Column(_heading(name), [p_text(value) for value in numbers], numeric=True)
    numeric = pd.api.types.is_numeric_dtype(values)
    return _Column(_heading(name), [_cell(value) for value in values], numeric)


def _says_nothing(name: str, values: pd.Series) -> bool:
    """Return whether a column is empty, or says that nothing is missing, which goes without saying."""
    return bool(values.isna().all() or (name == "missing" and (values.fillna(0) == 0).all()))


def _note(name: str, value: object) -> str:
    """Return what all rows have in common; that nothing is missing goes without saying."""
    if name == "missing" and value == 0:
        return ""
    return f"{_heading(name)}: {p_text(float(str(value))) if name in P_VALUES else _cell(value)}"


def _methods(frame: pd.DataFrame) -> tuple[list[_Column], list[str]]:
    """Return methods that differ: as a note where one made all intervals, else by letters with notes."""
    methods = [_cell(value) for value in frame["method"]]
    nothing = pd.Series(math.nan, index=frame.index)
    without = (frame.get("low", nothing).isna() & frame.get("high", nothing).isna()).tolist()
    made = list(dict.fromkeys(text for text, bare in zip(methods, without, strict=True) if not bare))
    if len(made) == 1 and "term" in frame:
        reasons: dict[str, list[str]] = {}
        for term, text, bare in zip(frame["term"], methods, without, strict=True):
            if bare and text not in made:
                reasons.setdefault(text, []).append(_cell(term))
        return [], [f"method: {made[0]}", *(_reason(text, terms) for text, terms in reasons.items())]
    kinds = list(dict.fromkeys(methods))
    if len(kinds) > len(string.ascii_lowercase):
        return [_Column("method", methods, numeric=False)], []
    letter = dict(zip(kinds, string.ascii_lowercase, strict=False))
    cells = [letter[text] for text in methods]
    return [_Column("method", cells, numeric=False)], [f"method {letter[text]}: {text}" for text in kinds]


def _reason(method: str, terms: Sequence[str]) -> str:
    more = f" and {len(terms) - NAMED} more" if len(terms) > NAMED else ""
    return f"{', '.join(terms[:NAMED])}{more}: {method}"


def _worst_case(frame: pd.DataFrame) -> list[_Column]:
    """Return the worst-case bounds as one column, where excluded trials make them wider than the interval."""
    if not {"bound_low", "bound_high", "low", "high"} <= set(frame.columns):
        return []
    ends = frame[["low", "high", "bound_low", "bound_high"]].apply(pd.to_numeric).astype(float)
    wider = (ends["bound_low"] < ends["low"]) | (ends["bound_high"] > ends["high"])
    if not wider.any():
        return []
    rows = zip(frame["estimate"].astype(float), *(ends[name] for name in ends), strict=True)
    cells = []
    for estimate, low, high, *bounds in rows:
        places = decimals_for(estimate, low, high)
        ends = [number_text(bound, places) for bound in bounds]
        cells.append("–" if ends == ["–", "–"] else " to ".join(ends))
    return [_Column("worst case", cells, numeric=True)]


def _in_plain_letters(row: Sequence[str], numeric: Sequence[bool]) -> list[str]:
    """Return cells of which the numbers are in letters that every terminal has."""
    pairs = zip(row, numeric, strict=True)
    return [plain_text(cell) if number or cell == "–" else cell for cell, number in pairs]


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
