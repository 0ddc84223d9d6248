"""Tables of estimates as forests of intervals: rates, shares, differences, agreement, prevalence.

Each figure is a declaration: which rows of the table, what each is called and how it looks, on which scale.
All take `width` (`one` or `two` journal columns, or inches) or `ax` (matplotlib axes to draw into), `models`
(which models, in which order; several share the lines of one figure) and `labels` (a mapping from names to
what is written in their place).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.forest import (
    Row,
    Scale,
    axis_limits,
    draw_rows,
    require_columns,
    row_label,
    share_limits,
)
from bartleby.analysis.figures.labels import Labels, named, percent_ticks
from bartleby.analysis.figures.style import (
    INK,
    MUTED,
    ONE_COLUMN,
    Look,
    Picture,
    Width,
    looks,
    redrawable,
    width_of,
)
from bartleby.analysis.figures.table_rows import (
    PLAIN,
    Record,
    but_model,
    choose_models,
    forest_of,
    identifying,
    is_empty,
    is_wide,
    label_length,
    row_of,
    rows_by_model,
    several,
)
from bartleby.analysis.tables.labels import natural_order

__all__ = [
    "draw_position",
    "draw_shares",
    "plot_agreement",
    "plot_estimates",
    "plot_order_effects",
    "plot_position_effect",
    "plot_prevalence",
    "plot_rate_differences",
    "plot_shares",
    "position_rows",
    "share_rows",
]

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
PREVALENCES = {
    "judge_alone": Look("#D55E00", "v", "the judge's count, not corrected"),
    "rogan_gladen": Look("#56789A", "s", "corrected for its errors (Rogan-Gladen)"),
    "prevalence": Look("#0072B2", "o", "labels with the judge's help (PPI++)"),
    "labels_alone": Look("#6b6b6b", "D", "people's labels alone"),
}
"""The terms of `prevalence` that answer one question, in the order in which they are drawn."""
AGREEMENTS = {
    "alpha": Look("#0072B2", "o", "Krippendorff's alpha"),
    "fleiss_kappa": Look("#009E73", "s", "Fleiss' kappa"),
    "cohen_kappa": Look("#D55E00", "v", "Cohen's kappa"),
    "observed_agreement": Look("#6b6b6b", "D", "agreement, chance included"),
    "sensitivity": Look("#CC79A7", "^", "sensitivity"),
    "specificity": Look("#8A6D00", "P", "specificity"),
}


@redrawable
def plot_estimates(
    frame: pd.DataFrame,
    *,
    axis_label: str = "Estimate",
    form: Literal["number", "percent"] = "number",
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw the rows of any table of estimates with their intervals, from top to bottom.

    Parameters
    ----------
    frame
        A table of estimates: `term`, `estimate`, `low`, `high`, and columns that tell its rows apart.
    axis_label
        What is estimated, with its unit.
    form
        Whether the axis is one of numbers or of percent.

    Raises
    ------
    DataError
        If columns are missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    width = width or (None if ax is not None else "one")
    require_columns(frame, "table of estimates")
    frame = choose_models(frame, models)
    names = _telling(frame)
    rows, legend = rows_by_model(
        frame,
        lambda row: ", ".join(named(row[name], labels) for name in names),
        label_length(width, ax),
        labels,
    )
    values = [value for row in rows for value in (row.estimate, row.low) if math.isfinite(value)]
    shares = form == "percent" and min(values, default=0.0) >= 0
    limits = share_limits(rows) if shares else axis_limits(rows, _zero_if_near(rows))
    scale = Scale(axis_label, limits, form, zero="faint")
    return forest_of(frame, rows, scale, axis_label, legend=legend, labels=labels).picture(width, ax)


@redrawable
def plot_shares(
    shares: pd.DataFrame,
    *,
    by: str | None = None,
    axis_label: str = "Share below the baseline",
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw shares with their intervals, from 0 to 100%.

    Parameters
    ----------
    shares
        A table of estimates of proportions: `estimate`, `low` and `high` in [0, 1].
    by
        The column that decides colour and marker; by default the first that identifies the rows and is
        not constant.
    axis_label
        What is shared.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    width = width or (None if ax is not None else "one")
    shares = choose_models(shares, models)
    rows, legend = share_rows(shares, by, label_length(width, ax), labels)
    scale = Scale(axis_label, (0.0, 1.0), "percent", QUARTERS)
    return forest_of(shares, rows, scale, axis_label, legend=legend, labels=labels).picture(width, ax)


def share_rows(
    shares: pd.DataFrame, by: str | None = None, length: int = 24, labels: Labels = None
) -> tuple[list[Row], list[Look]]:
    """Return the rows of a table of shares, classes with a fixed order in that order, and their legend."""
    require_columns(shares, "table of shares", ("estimate", "low", "high"))
    names = identifying(shares)
    colour = by if by is not None else next((name for name in names if name != "model"), "term")
    colour = colour if colour in shares else (names[0] if names else "term")
    values = shares[colour].astype(str) if colour in shares else pd.Series("", index=shares.index)
    look_of = looks(values)
    place = {name: position for position, name in enumerate(look_of)}
    ordered = shares.assign(_place=values.map(place)).sort_values("_place", kind="stable")
    ordered = ordered.drop(columns="_place")

    def name_of(row: Record) -> str:
        own = (labels or {}).get(str(row.get(colour))) or look_of.get(str(row.get(colour)), PLAIN).label
        parts = [named(own) if name == colour else named(row[name], labels) for name in but_model(names, row)]
        return ", ".join(parts) or named(row.get("term", ""), labels)

    rows, legend = rows_by_model(
        ordered, name_of, length, labels, look_of=lambda row: look_of.get(str(row.get(colour)), PLAIN)
    )
    return rows, legend


def draw_shares(axes: Axes, rows: Sequence[Row], axis_label: str, font: float = 6.5) -> None:
    """Draw rows of shares as a small panel, on axes from 0 to 100%."""
    for tick in QUARTERS[1:4]:
        axes.axvline(tick, color="#dddddd", linewidth=0.5, zorder=0)
    draw_rows(axes, rows, limits=(0.0, 1.0), size=4, font=font)
    axes.set_xticks(QUARTERS if width_of(None, axes) > ONE_COLUMN else (0.0, 0.5, 1.0))
    percent_ticks(axes.xaxis)
    axes.set_xlabel(axis_label)


@redrawable
def plot_position_effect(
    estimates: pd.DataFrame,
    *,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw position effects in logits, above 0 where the item in the first position is favoured.

    Parameters
    ----------
    estimates
        A table of estimates; the rows whose `term` is `slot` or begins with `slot` are drawn.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    width = width or (None if ax is not None else "one")
    estimates = choose_models(estimates, models)
    rows = position_rows(estimates, label_length(width, ax), labels)
    scale = Scale(POSITION_AXIS, _around_zero(rows), zero="solid")
    subject = "Position effect in logits, above 0 where the first is favoured"
    said = _position_in_words(rows)
    remarks = [f"{said}."] if said else []
    return forest_of(estimates, rows, scale, subject, labels=labels, remarks=remarks).picture(width, ax)


POSITION_AXIS = "\N{LEFTWARDS ARROW} second favoured (logits) first favoured \N{RIGHTWARDS ARROW}"


def position_rows(estimates: pd.DataFrame, length: int = 24, labels: Labels = None) -> list[Row]:
    """Return one row a position effect in a table of estimates."""
    require_columns(estimates, "table of estimates")
    effects = estimates[estimates["term"].astype(str).str.match(r"slot($|[\W_])")]
    names = [name for name in identifying(effects) if name != "term"] if len(effects) > 1 else []
    rows = []
    for record in effects.to_dict(orient="records"):
        only = "Shown first" if len(effects) == 1 else named(record["term"], labels)
        text = ", ".join(named(record[name], labels) for name in names) or only
        rows.append(row_of(record, row_label(text, length)))
    return rows


def draw_position(axes: Axes, rows: Sequence[Row], font: float = 6.5) -> None:
    """Draw position effects as a small panel, with what they mean for two items that are liked equally."""
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    draw_rows(axes, rows, limits=_around_zero(rows), size=4, font=font)
    axes.set_xlabel("\N{LEFTWARDS ARROW} second (logits) first \N{RIGHTWARDS ARROW}")
    axes.locator_params(axis="x", nbins=5)
    said = _position_in_words(rows)
    if said:
        axes.set_title(said, fontsize=6, weight="normal")


def _around_zero(rows: Sequence[Row]) -> tuple[float, float]:
    reach = max(0.25, *(1.04 * abs(end) for end in axis_limits(rows)))
    return -reach, reach


def _position_in_words(rows: Sequence[Row]) -> str:
    if len(rows) != 1 or not math.isfinite(rows[0].estimate):
        return ""
    return f"First taken {1 / (1 + math.exp(-rows[0].estimate)):.0%} of the time if liked equally"


@redrawable
def plot_rate_differences(
    differences: pd.DataFrame,
    *,
    less: str = "less often",
    more: str = "more often",
    subject: str = "Difference in exit rate",
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw differences between rates, in percentage points.

    Parameters
    ----------
    differences
        A table of estimates between -1 and 1: `estimate`, `low`, `high`; columns before `term` tell the
        rows apart.
    less, more
        What it means to lie left and right of zero.
    subject
        What differs, for the text alternative, and for the axis where a figure is narrow.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    require_columns(differences, "table of differences", ("estimate", "low", "high"))
    differences = choose_models(differences, models)
    names = identifying(differences)
    rows, legend = rows_by_model(
        differences,
        lambda row: ", ".join(named(row[name], labels) for name in but_model(names, row)) or "All trials",
        label_length(width, ax),
        labels,
    )
    ends = [abs(v) for row in rows for v in (row.estimate, row.low, row.high) if math.isfinite(v)]
    reach = min(1.0, 1.08 * max([0.1, *ends]))
    label = f"{subject}\n(percentage points)"
    if is_wide(width, ax):
        label = f"\N{LEFTWARDS ARROW} {less}  |  {more} \N{RIGHTWARDS ARROW}\n(percentage points)"
    scale = Scale(label, (-reach, reach), "points", zero="solid")
    return forest_of(
        differences, rows, scale, f"{subject}, in percentage points", legend=legend, labels=labels
    ).picture(width, ax)  # fmt: skip


def plot_order_effects(effects: pd.DataFrame, **options: Any) -> Picture:  # noqa: ANN401 - those of `plot_rate_differences`
    """Draw the exit rate where leaving is named first less that where staying is, one row a model.

    The direction differs between models, so nothing is drawn for all of them together.

    Parameters
    ----------
    effects
        A table of estimates, one row a model; never pooled.
    options
        `width`, `ax`, `models` and `labels`, as of `plot_rate_differences`.

    Raises
    ------
    DataError, SettingError
        As `plot_rate_differences`.
    """
    return plot_rate_differences(
        effects,
        less="leaves more when staying is named first",
        more="leaves more when leaving is named first",
        subject="Exit rate with leaving named first less that with staying first",
        **options,
    )


@redrawable
def plot_prevalence(
    estimates: pd.DataFrame,
    *,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw what the judge alone says beside what is left once its errors are allowed for.

    Parameters
    ----------
    estimates
        The frame of `prevalence`; columns before `term` tell groups apart.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    require_columns(estimates, "table of prevalence")
    estimates = choose_models(estimates, models)
    rows = _prevalence_rows(estimates, label_length(width, ax), labels)
    scale = Scale("Share of units", share_limits(rows), "percent")
    return forest_of(estimates, rows, scale, "Prevalence", labels=labels).picture(width, ax)


def _prevalence_rows(estimates: pd.DataFrame, length: int, labels: Labels) -> list[Row]:
    """Return the rows of every group under a header with its name."""
    columns = [str(name) for name in estimates.columns]
    lead = columns[: columns.index("term")]
    known = estimates[estimates["term"].isin(list(PREVALENCES))]
    telling = [name for name in lead if name != "model" or several(known, name)]
    keys = pd.Series("", index=known.index)
    if telling and len(known):
        keys = known[telling].astype(str).agg(", ".join, axis=1)
    rows: list[Row] = []
    for key in natural_order(keys.unique()):
        if key:
            rows.append(Row(row_label(named(key, labels), length), kind="header"))
        part = known[keys == key].drop_duplicates("term").set_index("term")
        for term, look in PREVALENCES.items():
            if term in part.index:
                text = (labels or {}).get(term, look.label)
                rows.append(row_of(part.loc[term].to_dict(), row_label(text, length), look))
    return rows


@redrawable
def plot_agreement(
    estimates: pd.DataFrame,
    *,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw measures of agreement with their intervals, chance marked.

    Parameters
    ----------
    estimates
        The frame of `coder_agreement`; columns before `term` say which rows they are.

    Raises
    ------
    DataError
        If a column is missing.
    SettingError
        If `width` is not allowed, or a model is not in the table.
    """
    require_columns(estimates, "table of agreement")
    estimates = choose_models(estimates, models)
    columns = [str(name) for name in estimates.columns]
    lead = columns[: columns.index("term")]
    lead = [name for name in lead if name in ("coder", "other") or several(estimates, name)]
    rows = [
        row_of(
            record,
            row_label(_measure(record, lead, labels), label_length(width, ax)),
            _agreement_look(record),
        )
        for record in estimates.to_dict(orient="records")
    ]
    lows = [value for row in rows for value in (row.low, row.estimate) if math.isfinite(value)]
    lowest = min(lows, default=0.0)
    limits = (0.0 if lowest >= 0 else max(-1.0, lowest - 0.05), 1.0)
    scale = Scale("Alpha and kappa: 0 is chance, 1 is full agreement", limits, zero="dashed")
    return forest_of(estimates, rows, scale, "Agreement of coders", labels=labels).picture(width, ax)


def _agreement_look(record: Record) -> Look:
    return AGREEMENTS.get(str(record["term"]), Look(MUTED, "o", named(record["term"])))


def _measure(record: Record, lead: Sequence[str], labels: Labels) -> str:
    """Return the name of a measure and whose agreement it is."""
    own = {name: record[name] for name in lead if not is_empty(record[name])}
    coders = " and ".join(named(own.pop(name), labels) for name in ("coder", "other") if name in own)
    where = ", ".join([*([coders] if coders else []), *(_value(value, labels) for value in own.values())])
    measure = (labels or {}).get(str(record["term"]), _agreement_look(record).label)
    return f"{measure}{f': {where}' if where else ''}"


def _value(value: object, labels: Labels) -> str:
    return named(f"{value:g}" if isinstance(value, float) else value, labels)


def _telling(frame: pd.DataFrame) -> list[str]:
    """Return the columns that are written in the label of a row."""
    names = [*identifying(frame), *(["term"] if len(set(frame["term"])) > 1 else [])]
    return list(dict.fromkeys(names))


def _zero_if_near(rows: Sequence[Row]) -> tuple[float, ...]:
    """Return 0 where it is no farther than twice the range of what is drawn, to have it on the axis."""
    ends = [v for row in rows for v in (row.estimate, row.low, row.high) if math.isfinite(v)]
    if (
        not ends
        or min(abs(min(ends)), abs(max(ends))) <= 2 * (max(ends) - min(ends))
        or min(ends) <= 0 <= max(ends)
    ):
        return (0.0,)
    return ()
