"""One page about a study, complete in itself: the result, what it rests on, and the trials to read.

The page needs no network and no server, and asks for none: its content-security policy allows its own
script and style, by their hashes, and nothing else. Beside it lie the figures (PDF, SVG, PNG) and the tables
(CSV with full precision, LaTeX).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from bartleby.analysis.figures.labels import visible
from bartleby.analysis.figures.outcomes import count_outcomes
from bartleby.analysis.figures.style import ONE_COLUMN, Picture, save, svg_text
from bartleby.analysis.report.record import design_of, provenance_of
from bartleby.analysis.report.sections import Prepare, Reader, Section, TranscriptLike
from bartleby.analysis.report.svg import inline_svg
from bartleby.analysis.report.trials_data import Embedded, as_script_text, compressed, embed
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.printed import to_csv, to_html, to_latex
from bartleby.analysis.tables.rounding import number_text
from bartleby.analysis.tables.warned import merged
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome
from bartleby.progress import steps
from bartleby.storage import replacing
from bartleby.visible import page_text

__all__ = ["CLAIM", "write_report"]

CLAIM = (
    "These are expressed preferences: choices made between texts, and exits taken or not. "
    "Nothing here shows that a model feels anything, and nothing here shows that it does not."
)
"""What every page says of what it claims."""

SCRIPTS = ("folding.js", "conversation.js", "copying.js", "reader.js")
"""The page's script, in the order in which its parts need each other."""

FIRST_WARNINGS = 6
"""Warnings that are shown before the rest is folded away."""

FEW_BOUNDS = 6
"""Bounds that are told of one table; of more, the widest."""

FOLDED = 25
"""Rows from which a table is folded away, to be opened."""

OPEN = 4
"""Parts that are open; those after them are folded, with their sentence in sight."""

COMPRESSED = 500_000
"""Characters of trials from which they are compressed in the page."""


def write_report(
    folder: Path | str,
    *,
    record: Mapping[str, Any],
    trials: pd.DataFrame,
    sections: Sequence[Section],
    transcripts: Iterable[TranscriptLike] = (),
    reader: Reader | None = None,
    prepare: Prepare | None = None,
    claim: str = CLAIM,
    max_trials: int = 5_000,
    seed: int = 0,
) -> Path:
    """Write a self-contained page, its figures and its tables. The same input gives the same bytes.

    Parameters
    ----------
    folder
        Made if it is not there; files of the same names are replaced.
    record
        What is known of the study and the run: `study` (the frozen declaration), `model`, and anything else
        to be told under "Provenance".
    trials
        The trial table.
    sections
        The parts of the page; the first one is the headline.
    transcripts
        The conversations. What they hold is taken for text and never for markup.
    reader
        What trials can be filtered by, beyond outcome and conditions, and what is told of each.
    prepare
        What is done to each conversation that is in the page.
    claim
        What the page says of what it claims.
    max_trials
        Most conversations inside the page; of more, a random sample stratified by outcome and by
        `reader.strata`, and the page says so.
    seed
        Seed of that sample.

    Returns
    -------
    The page, `index.html`.

    Raises
    ------
    SettingError
        If two sections have one name, or a setting is not allowed.
    DataError
        If the folder cannot be written.
    """
    _check(sections, max_trials)
    target = Path(folder)
    study_items = list((record.get("study") or {}).get("items") or ())
    embedded = embed(
        transcripts, trials, study_items, maximum=max_trials, seed=seed, reader=reader, prepare=prepare
    )
    try:
        going = enumerate(steps(sections, "saving figures", unit="part"))
        shown = [_written(section, target, number) for number, section in going]
        page = _render(record, trials, sections, shown, (embedded, claim))
        target.mkdir(parents=True, exist_ok=True)
        index = target / "index.html"
        with replacing(index) as beside:
            beside.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        place = error.filename or target
        raise DataError(f"{place}: the report cannot be written: {error.strerror}") from None
    return index


def _render(
    record: Mapping[str, Any],
    trials: pd.DataFrame,
    sections: Sequence[Section],
    shown: Sequence[Mapping[str, Any]],
    rest: tuple[Embedded, str],
) -> str:
    embedded, claim = rest
    css, script = _read("page.css"), "\n".join(_read(name) for name in SCRIPTS)
    counts, columns = _outcomes(trials, sections)
    data = as_script_text(embedded.data)
    data = compressed(data) if len(data) > COMPRESSED else data
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            policy=_policy(css, script),
            css=Markup(css),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            data=Markup(data),  # noqa: S704 - holds no '<'
            encoding="gzip" if data[:1] != "{" else "",
            claim=claim,
            design=design_of(record, trials),
            model=page_text(record.get("model") or ""),
            sections=shown,
            warnings=_warnings(sections),
            first_warnings=FIRST_WARNINGS,
            outcomes=counts,
            outcome_columns=columns,
            bounds=_bounds(sections),
            provenance=provenance_of(record),
            note=embedded.note,
            item_label=visible(embedded.item).capitalize(),
        )
    )


def _check(sections: Sequence[Section], max_trials: int) -> None:
    problems = []
    names = [section.name for section in sections]
    reserved = {"headline", "careful", "outcomes", "design", "asked", "provenance", "trials"}
    problems += [
        f"two sections have the name {name!r}" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    problems += [
        f"section name {name!r} is taken by the page itself" for name in names[1:] if name in reserved
    ]
    if max_trials < 0:
        problems.append(f"max_trials is {max_trials}; allowed: 0 or more")
    if problems:
        raise SettingError("\n".join(problems))


def _written(section: Section, folder: Path, number: int) -> dict[str, Any]:
    """Save the files of a section, and return what the page shows of it."""
    shown: dict[str, Any] = {
        "title": visible(section.title),
        "name": section.name,
        "text": page_text(section.text),
        "svg": "",
        "alternative": "",
        "narrow": "",
        "captioned": bool(getattr(section.figure, "caption", "")),
        "wide": False,
        "closed": number >= OPEN,
        "table_html": "",
        "rows": 0,
        "folded": False,
        "plain": section.table,
        "verdict": "" if section.estimates is None else page_text(section.estimates.verdict),
    }
    if section.figure is not None:
        _, file, _ = save(section.figure, folder / "figures" / section.name)
        told = page_text(section.alternative or getattr(section.figure, "description", ""))
        svg = inline_svg(file.read_text(encoding="utf-8"), section.name, section.title, told)
        wide = section.figure.get_figwidth() > 1.3 * ONE_COLUMN
        shown |= {"svg": Markup(svg), "alternative": told, "wide": wide}  # noqa: S704 - from matplotlib
        narrow = section.figure.at_width("one") if wide and isinstance(section.figure, Picture) else None
        if narrow is not None and narrow is not section.figure:
            small = inline_svg(svg_text(narrow), f"{section.name}-narrow", section.title)
            shown["narrow"] = Markup(small)  # noqa: S704 - from matplotlib
    if section.estimates is not None:
        _write_tables(section.estimates, section, folder / "tables")
        rows = len(section.estimates.frame)
        table = Markup(to_html(section.estimates.frame))  # noqa: S704 - escaped there
        shown |= {"table_html": table, "rows": rows, "folded": rows >= FOLDED or not number}
    return shown


def _write_tables(estimates: Estimates, section: Section, folder: Path) -> None:
    latex = to_latex(estimates.frame, caption=section.title, label=f"tab:{section.name}")
    for ending, content in (("csv", to_csv(estimates.frame)), ("tex", latex.encode())):
        with replacing(folder / f"{section.name}.{ending}") as beside:
            beside.write_bytes(content)


def _warnings(sections: Sequence[Section]) -> list[str]:
    own = (each for section in sections if section.estimates for each in section.estimates.warnings)
    return list(map(page_text, merged(own)))


def _outcomes(
    trials: pd.DataFrame, sections: Sequence[Section]
) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Return counts by outcome, and how each estimate counted them (once, where all did the same)."""
    counts = count_outcomes(trials)[""] if "outcome" in trials else {}
    ways: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for section in sections:
        accounting = _accounting(section)
        if accounting is not None:
            way = tuple((name, accounting.counted_as.get(name, "excluded")) for name in counts)
            ways.setdefault(way, []).append(section.title)
    named = [f"counted as ({_some(titles)})" if len(ways) > 1 else "counted as" for titles in ways.values()]
    total = sum(counts.values())
    rows = [
        (
            visible(name).replace("_", " "),
            f"{count:,.6g}",
            f"{count / total:.1%}" if total else "–",
            *(visible(dict(way)[name]) for way in ways),
        )
        for name, count in counts.items()
    ]
    return rows, ("outcome", "trials", "share", *named)


def _accounting(section: Section) -> Accounting | None:
    """Return how a section's estimates counted outcomes; None where they are not of trials."""
    accounting = None if section.estimates is None else section.estimates.accounting
    outcomes = {outcome.value for outcome in Outcome}
    return None if accounting is None or outcomes.isdisjoint(accounting.counts) else accounting


def _some(titles: Sequence[str], most: int = 2) -> str:
    rest = len(titles) - most
    return ", ".join(titles[:most]) + (f" and {rest} more" if rest > 0 else "")


def _bounds(sections: Sequence[Section]) -> list[str]:
    told = []
    for section in sections:
        accounting = _accounting(section)
        if accounting is None:
            continue
        widest = sorted(accounting.bounds.items(), key=lambda each: each[1][0] - each[1][1])
        parts = [
            f"{visible(term)} {number_text(low, 2)} to {number_text(high, 2)}"
            for term, (low, high) in (widest[:FEW_BOUNDS] if len(widest) > FEW_BOUNDS else widest)
        ]
        if parts and accounting.left_out > 0:
            rest = len(widest) - len(parts)
            more = f"; those of {rest:,} others are narrower, and in the tables" if rest else ""
            told.append(
                f"Had the {accounting.left_out:,.6g} excluded trials all gone one way, or all the other, "
                f"with their sampling error: {'; '.join(parts)}{more}."
            )
    return list(dict.fromkeys(told))


def _policy(css: str, script: str) -> str:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["paragraphs"] = _paragraphs
    environment.globals["simple_table"] = _simple_table
    return environment


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def _simple_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup:
    """Return cells as an HTML table, all of them escaped."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(visible(name)) for name in columns)
    cells = [Markup("").join(Markup("<td>{}</td>").format(visible(cell)) for cell in row) for row in rows]
    body = Markup("\n").join(Markup("<tr>{}</tr>").format(row) for row in cells)
    return Markup("<table><thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table>").format(head, body)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
