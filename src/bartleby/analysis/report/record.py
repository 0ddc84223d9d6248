"""The record of a study as tables to read: its design, and where the answers came from."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from bartleby.analysis.figures.labels import visible
from bartleby.visible import page_text

__all__ = ["Design", "design_of", "flat", "provenance_of"]

ITEM_COLUMNS = (
    *("id", "title", "kind", "scenario_class", "expected", "control_for", "match"),
    *("impact", "harm", "difficulty", "category", "text"),
)
ANALYSIS = ("bartleby", "numpy", "pandas", "scipy", "matplotlib")


@dataclass(frozen=True)
class Design:
    """What was asked, as a page shows it.

    Parameters
    ----------
    title, description
        Of the study.
    asked
        A sentence that counts what was asked.
    facts
        Names and values.
    wordings
        The wordings in full, by name.
    columns, items
        The table of items.
    """

    title: str
    description: str
    asked: str
    facts: tuple[tuple[str, str], ...]
    wordings: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    items: tuple[tuple[str, ...], ...]


def design_of(record: Mapping[str, Any], trials: pd.DataFrame) -> Design:
    """Return the design that a record tells of; what it does not say is left out.

    Parameters
    ----------
    record
        With `study`, the frozen declaration, and `model`.
    trials
        The trial table.
    """
    study = record.get("study") or {}
    paradigm = dict(study.get("paradigm") or {})
    wordings = paradigm.pop("wordings", None) or {}
    conditions = study.get("conditions") or {}
    used = conditions.get("wording") or list(wordings)
    items = list(study.get("items") or ())
    columns = tuple(name for name in ITEM_COLUMNS if any(item.get(name) for item in items))
    facts = [
        ("Paradigm", str(paradigm.pop("paradigm", "")).replace("_", " ")),
        ("Items", f"{len(items):,}" if items else ""),
        ("Pairs", _pairs(trials)),
        ("Trials", f"{_weight(trials):,.0f}"),
        *(
            (f"Condition {name}", ", ".join(map(str, levels)))
            for name, levels in (study.get("conditions") or {}).items()
        ),
        ("Samples of each trial", str(study.get("samples", ""))),
        ("Seed of the design", str(study.get("seed", ""))),
        *flat(paradigm),
        *flat({"settings": study.get("settings") or {}}),
    ]
    title = str(study.get("title") or study.get("name") or "A study")
    return Design(
        title=visible(title),
        description=visible(str(study.get("description") or "").removeprefix(title)),
        asked=_asked(record, items, trials),
        facts=tuple((visible(name), page_text(value)) for name, value in facts if value),
        wordings=tuple((visible(name), _wording(wordings[name])) for name in used if name in wordings),
        columns=columns,
        items=tuple(tuple(visible(item.get(name) or "") for name in columns) for item in items),
    )


def provenance_of(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where the answers came from and with what they were analysed, as names and values."""
    told = {name: value for name, value in record.items() if name not in ("study", "sessions")}
    sessions = list(record.get("sessions") or ())
    rows = list(flat(told))
    for number, session in enumerate(sessions, 1):
        ended = session.get("ended") or "not ended in order"
        how = session.get("ending") or "killed, or still going on"
        rows.append((f"Session {number} of {len(sessions)}", f"{session.get('started')} to {ended} ({how})"))
    if sessions:
        versions = sessions[-1].get("versions") or {}
        # The model is described above already.
        rows += flat({"collected with": {name: each for name, each in versions.items() if name != "model"}})
    rows.append(("analysed with", ", ".join(_versions())))
    return [(visible(name), page_text(value)) for name, value in rows]


def flat(values: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, str]]:
    """Yield the entries of nested mappings as names joined by commas and values as text."""
    for name, value in values.items():
        named = f"{lead}, {name}" if lead else str(name)
        if isinstance(value, Mapping):
            yield from flat(value, named)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            mappings = any(isinstance(each, Mapping) for each in value)
            yield named, _listed(value) if mappings else ", ".join(map(str, value))
        elif value not in (None, ""):
            yield named, str(value)


def _listed(values: Sequence[object]) -> str:
    """Return entries as text: of a mapping its `id` and `text`, where it has them."""
    entries = []
    for value in values:
        if isinstance(value, Mapping) and "text" in value:
            entries.append(": ".join(str(value[name]) for name in ("id", "text") if value.get(name)))
        elif isinstance(value, Mapping):
            entries.append(", ".join(f"{name} {each}" for name, each in value.items()))
        else:
            entries.append(str(value))
    return "; ".join(entries)


def _asked(record: Mapping[str, Any], items: Sequence[object], trials: pd.DataFrame) -> str:
    kind = str((record.get("study") or {}).get("paradigm", {}).get("paradigm", "")).replace("_", " ")
    count = _weight(trials)
    parts = [f"{count:,.0f} trial{'' if count == 1 else 's'}"]
    if kind:
        parts.append(f"of {kind}")
    if items:
        parts.append(f"with {len(items):,} items")
    if record.get("model"):
        parts.append(f"put to {record['model']}")
    return page_text(" ".join(parts) + ".")


def _wording(given: object) -> str:
    """Return a wording as one text; one in parts has a line for each."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        return "\n".join(visible(part) for part in given if part)
    return visible(given)


def _pairs(trials: pd.DataFrame) -> str:
    if "first" not in trials or "second" not in trials:
        return ""
    shown = trials[["first", "second"]].astype(str).drop_duplicates()
    pairs = {frozenset(pair) for pair in zip(shown["first"], shown["second"], strict=True)}
    return f"{len(pairs):,}, shown in {len(shown):,} orders"


def _weight(trials: pd.DataFrame) -> float:
    return float(trials["count"].sum()) if "count" in trials else float(len(trials))


def _versions() -> Iterator[str]:
    for name in ANALYSIS:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} (not installed as a package)"
    yield f"Python {platform.python_version()}"
