"""The page about a study of task choice: which tasks this model would rather not do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bartleby.analysis.choice.choosing import choosing_sentences
from bartleby.analysis.choice.model import ChoiceFit, choice_model
from bartleby.analysis.figures.estimates import plot_shares
from bartleby.analysis.figures.labels import visible
from bartleby.analysis.figures.outcomes import plot_outcomes
from bartleby.analysis.figures.utilities import plot_utilities
from bartleby.analysis.report.page import write_report
from bartleby.analysis.report.sections import Section, TranscriptLike
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.rounding import percent_text
from bartleby.outcome import CHOICES

if TYPE_CHECKING:
    from bartleby.analysis.report.coded import CodedPart

__all__ = ["headline", "sections_of", "write"]

BY = "impact"
MARGIN = 0.75
"""Logits from the baseline within which a task is near it: taken 32 to 68% of the time against it."""

MUTED = (
    "What follows describes choices that depend on the items little or not at all: it is not to be quoted as "
    "a preference without this."
)
"""What is said before utilities and shares of choices that do not depend on the items."""


def write(
    folder: Path | str,
    *,
    record: Mapping[str, Any],
    trials: pd.DataFrame,
    transcripts: Iterable[TranscriptLike] = (),
    baseline: str | None = None,
    level: float = 0.95,
    coded: CodedPart | None = None,
) -> Path:
    """Fit the choice model and write the page.

    Parameters
    ----------
    folder
        Folder to write.
    record
        What is known of the study and the run; see `write_report`.
    trials
        The trial table.
    transcripts
        The conversations.
    baseline
        Item that is the zero of the scale; without one, there are no shares below it.
    level
        Confidence level of the intervals.
    coded
        What coders found in what was said.

    Returns
    -------
    The page.

    Raises
    ------
    DataError, SettingError
        If the table cannot be used, or the folder cannot be written.
    """
    items = {item["id"]: item for item in (record.get("study") or {}).get("items") or ()}
    taken = {str(each) for each in CHOICES}
    if "outcome" not in trials or taken.isdisjoint(trials["outcome"].dropna().astype(str)):
        sections = [_nothing(trials)]
    else:
        sections = _fitted(trials, items, baseline, level)
    told: dict[str, Any] = {"trials": trials}
    if coded is not None:
        sections += coded.sections()
        told = {"trials": coded.trials(trials), "reader": coded.reader(), "prepare": coded.prepare()}
    return write_report(folder, record=record, sections=sections, transcripts=transcripts, **told)


def _fitted(
    trials: pd.DataFrame, items: Mapping[str, Mapping[str, Any]], baseline: str | None, level: float
) -> list[Section]:
    fit = choice_model(trials, baseline=baseline, level=level)
    shares = (
        fit.share_below(by=BY, margin=MARGIN)
        if baseline is not None and BY in fit.attributes_of_items
        else None
    )
    return _with_check(fit, sections_of(fit, shares, items, baseline))


def _with_check(fit: ChoiceFit, sections: list[Section]) -> list[Section]:
    """Return the sections with whether the model chooses at all: before all others where it does not."""
    checks = fit.chooses()
    found = set(checks.settings["status"].values())
    text = " ".join(f"{sentence}." for sentence in choosing_sentences(fit))
    if found == {"chooses"}:
        section = Section("Does it choose by what the items are?", text, None, checks, "chooses")
        return [*sections[:1], section, *sections[1:]]
    section = Section("Does it choose at all?", f"{text} {MUTED}", None, checks, "chooses")
    return [section, *sections]


def sections_of(
    fit: ChoiceFit | Estimates,
    shares: Estimates | None,
    items: Mapping[str, Mapping[str, Any]],
    baseline: str | None,
) -> list[Section]:
    """Return the sections of the page: the headline, then the utilities of each model.

    Parameters
    ----------
    fit
        Utilities against the baseline, of one model or several.
    shares
        Shares below the baseline by class.
    items
        Attributes of the items by id.
    baseline
        The item that is the zero.
    """
    sections = []
    if shares is not None:
        title = _title(baseline, items)
        near = shares.frame[shares.frame["term"] != "share_below"]
        shares = _with_frame(shares, _rows(shares.frame[shares.frame["term"] == "share_below"]))
        figure = plot_shares(shares.frame, axis_label=f"Share below “{title}”")
        text = headline(shares, title)
        sections.append(Section("Which tasks it would rather not do", text, figure, shares, "shares"))
        if len(near):
            sections.append(_near(_with_frame(shares, _rows(near)), title))
    frame = fit.to_frame()
    models = list(dict.fromkeys(frame["model"])) if "model" in frame else [None]
    for number, model in enumerate(models, 1):
        part = frame if model is None else frame[frame["model"] == model]
        own = None if shares is None or model is None else shares.frame[shares.frame["model"] == model]
        figure = plot_utilities(
            part.reset_index(drop=True),
            items=items or None,
            shares=own if own is not None else (None if shares is None else shares.frame),
            accounting=fit.accounting if len(models) == 1 else None,
            baseline=baseline,
            separated=fit.separated(model) if isinstance(fit, ChoiceFit) else (),
        )
        title = "Utilities by task" if len(models) == 1 else f"Utilities by task: {visible(model)}"
        name = "utilities" if len(models) == 1 else f"utilities_{number}"
        estimates = _with_frame(fit, part)
        sections.append(Section(title, _explained(baseline, items), figure, estimates, name))
    return sections


def headline(shares: Estimates, baseline: str) -> str:
    """Return the shares below the baseline as sentences, each with its interval.

    Parameters
    ----------
    shares
        Rows with `estimate`, `low`, `high`, `level` and what identifies them before `term`.
    baseline
        What the baseline is called.
    """
    frame = shares.frame
    lead = [str(name) for name in frame.columns[: list(frame.columns).index("term")]]
    several = "model" in lead and frame["model"].nunique() > 1  # noqa: PD101 - a few rows
    new = shares.settings.get("estimand") == "new_items"
    sentences = []
    for _, row in frame.iterrows():
        classes = [visible(row[name]).replace("_", " ") for name in lead if name != "model"]
        who = f"For {visible(row['model'])}, " if several else ""
        share = percent_text(float(row["estimate"]))
        interval = _interval(row)
        sentences.append(f"{who}{share} ({interval}) of {' '.join(classes)} tasks")
    if not sentences:
        return "No share could be estimated."
    scope = "tasks like these" if new else "these tasks"
    return (
        f"Ranked below “{visible(baseline)}”: {'; '.join(sentences)}. "
        f"The question answered is about {scope}; the intervals carry the noise of the baseline as well. "
        "Tasks exactly at the baseline count half as below it."
    )


def _near(shares: Estimates, baseline: str) -> Section:
    """Return the section of the shares of tasks below, within and above a margin about the baseline."""
    frame = shares.frame.copy()
    margin = float(frame["margin"].iloc[0])
    names = {"share_below_margin": "below", "share_within_margin": "within", "share_above_margin": "above"}
    frame.insert(list(frame.columns).index("term"), "side", frame["term"].map(names))
    before = frame.columns[: list(frame.columns).index("side")]
    lead = [name for name in before if len(set(frame[name])) > 1]
    sentences = []
    for key, part in frame.groupby(lead, sort=False) if lead else [((), frame)]:
        who = ", ".join(visible(value).replace("_", " ") for value in key) or "all tasks"
        said = (
            f"{percent_text(float(row['estimate']))} {row['side']} ({_interval(row)})"
            for row in part.to_dict("records")
        )
        sentences.append(f"{who}: {', '.join(said)}")
    chance = 1 / (1 + math.exp(margin))
    text = (
        f"Within {margin:g} logits of “{visible(baseline)}” a task is near it: put against it, it is taken "
        f"{percent_text(chance)} to {percent_text(1 - chance)} of the time. {'; '.join(sentences)}. "
        "The three shares add up to 100%."
    )
    warned = tuple(each for each in shares.warnings if "the margin of" in each)
    own = replace(_with_frame(shares, frame), warnings=warned)
    figure = plot_shares(frame, axis_label=f"Share below, within and above {margin:g} logits")
    return Section("How far from the baseline", text, figure, own, "shares_margin")


def _rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows without the columns that say nothing of them."""
    return frame.dropna(axis=1, how="all").reset_index(drop=True)


def _with_frame(estimates: Estimates, frame: pd.DataFrame) -> Estimates:
    """Return estimates with other rows, if there are others: the same accounting, warnings and settings."""
    if frame.equals(estimates.frame):
        return estimates
    return Estimates(frame, estimates.accounting, estimates.warnings, estimates.settings)


def _interval(row: Mapping[Any, Any] | pd.Series) -> str:
    low, high, level = (float(row[name]) for name in ("low", "high", "level"))
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"{100 * level:.4g}% interval {percent_text(low)} to {percent_text(high)}"


def _title(item: str | None, items: Mapping[str, Mapping[str, Any]]) -> str:
    return str(items.get(item or "", {}).get("title") or item or "")


def _explained(baseline: str | None, items: Mapping[str, Mapping[str, Any]]) -> str:
    if baseline is None:
        return (
            "Utilities are in logits against the mean of all items: the difference between two is the log "
            "odds of one being taken over the other. No item was made the zero, so none is above or below it."
        )
    return (
        f"Utilities are in logits against “{visible(_title(baseline, items))}”, which is 0: put against it, "
        "an item below 0 is expected to be taken less than half the time. Every interval is of the "
        "difference to the baseline, so it carries the baseline's own noise. Where there are other opt-out "
        "items, the band is an interval for their mean. The slot effect is above 0 when the item shown "
        "first is favoured."
    )


def _nothing(trials: pd.DataFrame) -> Section:
    if "outcome" not in trials or trials["outcome"].isna().all():
        return Section("Nothing to estimate yet", "No trial has ended, so there is nothing to estimate.")
    return Section(
        "Nothing to estimate",
        "No trial ended with one of the two tasks being taken, so no preference can be estimated.",
        plot_outcomes(trials),
        name="ended",
    )
