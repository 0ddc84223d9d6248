"""What every estimator returns: one tidy table, how outcomes were counted, warnings, settings."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.printed import to_html, to_latex, to_markdown, to_text
from bartleby.analysis.tables.verdicts import verdict_of
from bartleby.analysis.tables.warned import merged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bartleby.analysis.figures.style import Picture, Width

__all__ = ["COLUMNS", "Estimates", "estimate_frame", "joined", "records"]

COLUMNS = ("term", "estimate", "std_error", "low", "high", "level", "n", "n_clusters", "method")
"""The columns that every table of estimates has, in this order and after those that identify the row."""


def estimate_frame(rows: Iterable[Mapping[str, object]], identify: Iterable[str] = ()) -> pd.DataFrame:
    """Return rows of estimates as a frame with the fixed columns, NaN where a row has none.

    Parameters
    ----------
    rows
        One mapping a row.
    identify
        Names of further columns that say which row it is (`model`, `impact`, ...); they come first.
    """
    every = list(rows)
    lead = [name for name in identify if name not in COLUMNS]
    names = dict.fromkeys([*lead, *COLUMNS, *(name for row in every for name in row)])
    return pd.DataFrame({name: [row.get(name, math.nan) for row in every] for name in names})


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as mappings."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


@dataclass(frozen=True, repr=False)
class Estimates:
    """Estimates with intervals. Full precision inside; rounding only in print.

    Parameters
    ----------
    frame
        The table; see `COLUMNS`.
    accounting
        How each outcome was counted.
    warnings
        What a reader must know before quoting a number.
    settings
        What was asked for: estimand, level, cluster, seed, ...
    """

    frame: pd.DataFrame = field(repr=False)
    accounting: Accounting
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of estimates."""
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; what is undefined or unbounded is None."""
        return {
            "estimates": [
                {name: _json_value(value) for name, value in row.items()}
                for row in self.frame.to_dict(orient="records")
            ],
            "accounting": self.accounting.to_dict(),
            "warnings": list(self.warnings),
            "verdict": self.verdict,
            "settings": {name: _json_value(value) for name, value in self.settings.items()},
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @property
    def verdict(self) -> str:
        """One sentence to paste: the estimate, its interval, what it speaks of, and what was excluded."""
        return verdict_of(self.frame, self.accounting, self.settings)

    def summary(self) -> str:
        """Return the table, rounded, the accounting, the warnings and the verdict as text to read."""
        warned = (f"Warning: {warning}" for warning in merged(self.warnings))
        return "\n\n".join([to_text(self.frame), self.accounting.summary(), *warned, self.verdict])

    def plot(
        self,
        *,
        ax: Axes | None = None,
        width: Width | None = None,
        models: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Picture:
        """Return a figure of the rows with their intervals.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into, in place of a new figure.
        width
            Of a new figure: `one` or `two` journal columns, or inches.
        models
            Which models, in which order; several share one figure.
        labels
            What is written in place of names of models, classes, items and terms.
        """
        from bartleby.analysis.figures.estimates import plot_estimates

        return plot_estimates(self.frame, ax=ax, width=width, models=models, labels=labels)

    def to_latex(self, *, caption: str = "", label: str = "") -> str:
        """Return the table for LaTeX with `booktabs`, rounded to the digits that its uncertainty allows.

        Parameters
        ----------
        caption, label
            Of the table; without a caption only the `tabular` is written.
        """
        return to_latex(self.frame, caption=caption, label=label)

    def to_markdown(self) -> str:
        """Return the table as Markdown, rounded as in `to_latex`."""
        return to_markdown(self.frame)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """Show the table in a notebook, with how outcomes were counted and what a reader must know."""
        warned = "".join(f"<p><b>Warning:</b> {html.escape(each)}</p>" for each in merged(self.warnings))
        counted = f"<pre>{html.escape(self.accounting.summary())}</pre>"
        return f"{to_html(self.frame)}{counted}{warned}<p>{html.escape(self.verdict)}</p>"


def joined(first: Estimates, *others: Estimates) -> Estimates:
    """Return several tables of estimates from the same trials as one; the accounting is the first's."""
    if not others:
        return first
    every = (first, *others)
    names = dict.fromkeys(name for each in every for name in _identifying(each.frame))
    rows = [row for each in every for row in records(each.frame)]
    return Estimates(
        frame=estimate_frame(rows, names),
        accounting=first.accounting,
        warnings=tuple(dict.fromkeys(warning for each in every for warning in each.warnings)),
        settings=first.settings,
    )


def _identifying(frame: pd.DataFrame) -> list[str]:
    """Return the columns that say which row it is: those before the fixed ones."""
    names = list(frame.columns)
    return names[: names.index(COLUMNS[0])] if COLUMNS[0] in names else []


def _json_value(value: object) -> object:
    """Return a JSON value: numpy scalars unwrapped, NaN and infinities as None, dates and such as text."""
    if isinstance(value, Mapping):
        return {str(key): _json_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(each) for each in value]
    item = getattr(value, "item", None)
    plain = item() if callable(item) else value
    if plain is pd.NA or plain is pd.NaT or (isinstance(plain, float) and not math.isfinite(plain)):
        return None
    return plain if plain is None or isinstance(plain, (str, int, float)) else str(plain)
