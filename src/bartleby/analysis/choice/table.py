"""A table of paired choices, checked and counted: what every estimator of the choice model starts from.

Anybody's table will do that has the columns `first`, `second` and `outcome`. `count` weights rows, `model`
and the columns in `by` split the table, clusters and item attributes (`X_first`, `X_second`) are used where
they are there. All that is wrong is reported at once, naming the row and the column.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.expected import COLUMNS as PROBABILITIES
from bartleby.analysis.choice.expected import Probabilities, expected_cells
from bartleby.analysis.tables.checks import (
    confounded_models,
    other_models,
    partly_confounded,
    refuse_repeats,
    unused_outcomes,
)
from bartleby.analysis.tables.counts import (
    Frame,
    as_frame,
    column_names,
    count_rows,
    distinct_rows,
    first_row,
)
from bartleby.analysis.tables.grouping import Cluster, as_names, taken_names
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome

__all__ = ["ADAPTIVE", "PAIRING", "ChoiceTable", "pair_cluster", "read_choices"]

REQUIRED = ("first", "second", "outcome")
LABEL_MASS = "label_mass"
"""Column with how probable it was that one of the labels is answered."""
_HALF = 0.5
TERMS = ("slot", "neither", "log_nu", "log_theta")
"""What the model itself has estimates of, which no item may be called."""

WIDER_CLUSTERS = (
    *("scenario", "scenario_id", "scenario_family", "family", "item_family", "prompt", "prompt_id"),
    *("conversation", "conversation_id", "dialogue", "dialogue_id", "session", "session_id"),
)
"""Columns taken as clusters if none is named and pairs lie within their values."""
PAIRING, ADAPTIVE = "pairing", "adaptive"
"""The column that says how a pair was chosen, and its value where earlier answers chose it."""

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChoiceTable:
    """Paired choices, counted.

    Parameters
    ----------
    cells
        One row a combination of `groups`, `first`, `second`, `outcome` and `clusters`, with its `count`.
        Items and outcomes are categories in alphabetical order, `first` and `second` the same ones.
    groups
        Columns that split the table into fits of their own.
    clusters
        Cluster columns. `pair`, where there is no such column, stands for the unordered pair, and `item`
        for the two items of it.
    attributes
        Attributes of items, one row an item (the index), one column an attribute.
    varying
        Columns that look like item attributes and are not, because an item has several values: by name,
        what was found.
    label_mass
        One row a group: its labels' share of the first token (`mean`, and `low`, the share of trials in
        which it is under a half); empty where the table has no such column.
    notes
        What a reader must know of exact probabilities, of outcomes that were not used, and of models that
        were not asked alike.
    pairings
        Trials by group and by how their pair was chosen; empty where there is no column `pairing`.
    confounded
        Which models were not asked alike, so that they cannot be compared.
    """

    cells: pd.DataFrame = field(repr=False)
    groups: tuple[str, ...]
    clusters: tuple[str, ...]
    attributes: pd.DataFrame = field(repr=False)
    varying: Mapping[str, str] = field(default_factory=dict)
    label_mass: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    notes: tuple[str, ...] = ()
    pairings: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    confounded: tuple[str, ...] = ()

    def adaptive_share(self, key: Mapping[str, Any]) -> float:
        """Return the share of a group's trials whose pair earlier answers chose; 0 where nothing says so."""
        if self.pairings.empty:
            return 0.0
        mine = np.ones(len(self.pairings), dtype=bool)
        for name, value in key.items():
            column = self.pairings[name]
            mine &= (column.isna() if pd.isna(value) else column == value).to_numpy(dtype=bool)
        count = self.pairings["count"].to_numpy(dtype=float) * mine
        adaptive = (self.pairings[PAIRING].astype(object) == ADAPTIVE).to_numpy(dtype=bool)
        return float(count[adaptive].sum() / max(count.sum(), 1e-12))

    def split(self) -> list[tuple[dict[str, Any], pd.DataFrame]]:
        """Return the cells of each group with the values that name it, in order of those values."""
        if not self.groups:
            return [({}, self.cells)]
        found = self.cells.groupby(list(self.groups), sort=True, dropna=False)
        return [
            (dict(zip(self.groups, key, strict=True)), part.reset_index(drop=True)) for key, part in found
        ]


def read_choices(
    trials: object,
    *,
    by: Sequence[str] = (),
    clusters: Sequence[str] = ("pair",),
    probabilities: Probabilities = "ignore",
    others: Collection[str] = (),
) -> ChoiceTable:
    """Check and count a table of paired choices.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second` and `outcome`.
    by
        Further columns that split the table; `model` does so by itself where it is there.
    clusters
        Cluster columns. `pair`, unless there is such a column, is the unordered pair; `item` stands for
        the two items of a pair and is not a column.
    probabilities, others
        Whether cells have expected counts where exact probabilities are known; see `expected_cells`.

    Raises
    ------
    DataError
        Naming every problem: a missing column, an unknown outcome, an empty item, an item compared with
        itself, a count that is negative or not a number, a table without rows.
    """
    frame = as_frame(trials)
    names = column_names(frame)
    groups = tuple(dict.fromkeys([*(["model"] if "model" in names else []), *by]))
    wanted = [name for name in clusters if name != "item" and (name != "pair" or "pair" in names)]
    refuse_repeats(frame)
    problems = [*_missing_columns(names, groups, wanted), *_required_names(groups), *taken_names(groups)]
    weight = "count" if "count" in names else None
    if weight:
        problems += _count_problems(frame)
    if problems:
        raise DataError(problems)
    exact = probabilities != "ignore" and set(PROBABILITIES) <= set(names)
    if probabilities == "use" and not exact:
        raise SettingError(
            f"probabilities='use': the table lacks {' or '.join(PROBABILITIES)}; columns here: "
            f"{', '.join(names)}"
        )
    keys = list(dict.fromkeys([*groups, *REQUIRED, *wanted, *(PROBABILITIES if exact else ())]))
    cells = count_rows(frame, keys, weight, coded=REQUIRED)
    text = _in_text(cells)
    problems = _row_problems(frame, cells, text)
    if problems:
        raise DataError(problems)
    attributes, varying = _item_attributes(frame, names)
    weighed = cells["count"].to_numpy() > 0
    if not weighed.all():
        cells = cells[weighed].reset_index(drop=True)
        text = _in_text(cells)
    if cells.empty:
        raise DataError("count: every row has weight 0, so there is nothing to estimate")
    for name, values in text.items():
        cells[name] = values
    notes: tuple[str, ...] = ()
    if exact:
        cells, notes = expected_cells(cells, groups, wanted, mode=probabilities, others=others)
        cells = cells.drop(columns=list(PROBABILITIES))
    confounded = tuple(confounded_models(frame))
    partly = partly_confounded(frame) if "model" in groups else []
    unused = unused_outcomes(frame, [*keys, *groups])
    if Outcome.OTHER_MODEL in text["outcome"].categories:
        unused += other_models(frame)
    notes = (*notes, *unused, *confounded, *partly)
    mass = _label_mass(frame, names, groups, weight)
    pairings = count_rows(frame, [*groups, PAIRING], weight) if PAIRING in names else pd.DataFrame()
    return ChoiceTable(cells, groups, tuple(clusters), attributes, varying, mass, notes, pairings, confounded)


def _label_mass(frame: Frame, names: list[str], groups: Sequence[str], weight: str | None) -> pd.DataFrame:
    """Return how probable it was, in each group, that one of the labels is answered at all."""
    if LABEL_MASS not in names or not frame.collect_schema()[LABEL_MASS].is_numeric():
        return pd.DataFrame()
    found = count_rows(frame, [*groups, LABEL_MASS], weight)
    mass = pd.to_numeric(found[LABEL_MASS]).to_numpy(dtype=float, na_value=np.nan)
    count = found["count"].to_numpy(dtype=float)
    usable = np.isfinite(mass) & (count > 0)
    sums = pd.DataFrame({"n": count, "mean": count * mass, "low": count * (mass < _HALF)})[usable]
    keys = [found.loc[usable, name] for name in groups] or [pd.Series(0, index=sums.index)]
    total = sums.groupby(keys, dropna=False, sort=True).sum()
    total[["mean", "low"]] = total[["mean", "low"]].div(total["n"], axis=0)
    mean_mass: pd.DataFrame = total.reset_index() if groups else total.reset_index(drop=True)
    return mean_mass


def pair_cluster(trials: object, cluster: str | Sequence[str] | Literal[False] | None) -> Cluster:
    """Return the clusters of paired choices: those named, or found.

    Parameters
    ----------
    trials
        Any frame that narwhals reads.
    cluster
        None finds: the first of `WIDER_CLUSTERS` with two values or more, fewer than there are pairs, such
        that all trials of a pair have the same one; otherwise the pair. False is none; a name stands.
    """
    if cluster is False:
        return Cluster(None, "none: trials independent")
    if cluster is not None:
        names = as_names(cluster)
        return Cluster(names[0] if names else None, ", ".join(names))
    frame = as_frame(trials)
    there = column_names(frame)
    if {"first", "second"} <= set(there):
        for name in (name for name in WIDER_CLUSTERS if name in there):
            if _holds_pairs(distinct_rows(frame, ["first", "second", name]), name):
                return Cluster(name, f"{name} (found in the table; every pair lies within one)")
    return Cluster("pair", "pair (found in the table)")


def _holds_pairs(rows: pd.DataFrame, name: str) -> bool:
    """Tell whether all trials of a pair have the same value, and values are several but fewer than pairs."""
    first, second = (rows[side].astype(str).to_numpy(dtype=object) for side in ("first", "second"))
    pairs = pd.DataFrame({"low": np.minimum(first, second), "high": np.maximum(first, second)})
    values = rows[name].astype(object)
    both = pairs.assign(value=values.to_numpy()).drop_duplicates()
    n_pairs = len(pairs.drop_duplicates())
    return bool(values.notna().all() and len(both) == n_pairs and 2 <= values.nunique() < n_pairs)


def _missing_columns(names: list[str], groups: Sequence[str], clusters: Sequence[str]) -> list[str]:
    there = ", ".join(names) or "none"
    problems = [
        f"column {name!r} is missing: a table of choices has first, second and outcome; columns here: {there}"
        "; which columns are these is stated with --columns and --outcomes (columns= and outcomes= of "
        "bb.tables.read_table)"
        for name in REQUIRED
        if name not in names
    ]
    problems += [f"by: no column {name!r}; columns here: {there}" for name in groups if name not in names]
    problems += [
        f"cluster: no column {name!r}; columns here: {there}" for name in clusters if name not in names
    ]
    return problems


def _required_names(groups: Sequence[str]) -> list[str]:
    """Report groups by columns that have a meaning of their own in a table of choices."""
    return [
        f"by: {name!r}: tables of choices have a column of that name; rename the column"
        for name in groups
        if name in {*REQUIRED, "count"}
    ]


def _count_problems(frame: Frame) -> list[str]:
    """Report counts that are not numbers, missing, negative or infinite."""
    dtype = frame.collect_schema()["count"]
    if not dtype.is_numeric():
        return [f"column 'count': must be numbers of trials, 0 or more, and holds {dtype}"]
    column = nw.col("count")
    bad = column.is_null() | (column < 0) | (~column.is_null() & (column - column != 0))
    found = distinct_rows(frame.select("count").filter(bad), ["count"])
    if found.empty:
        return []
    shown = ", ".join("empty" if pd.isna(value) else f"{value:g}" for value in found["count"].head(3))
    return [f"{_place(frame, bad)}column 'count': {shown} is not a number of trials, 0 or more"]


def _row_problems(frame: Frame, cells: pd.DataFrame, text: Mapping[str, pd.Categorical]) -> list[str]:
    """Report what is wrong in the rows, one line for each kind of it, with the first row it is in."""
    if cells.empty:
        return ["the table has no rows"]
    problems = []
    for name in REQUIRED:
        empty = _marked(text[name], lambda label: not label.strip(), missing=True)
        if empty.any():
            what = _rows_text(cells.loc[empty, "count"].sum())
            problems.append(f"{_place(frame, nw.col(name).is_null())}column {name!r}: empty in {what}")
    known = {str(outcome) for outcome in Outcome}
    odd = _marked(text["outcome"], lambda label: bool(label.strip()) and label not in known)
    for value in cells.loc[odd, "outcome"].unique() if odd.any() else ():
        rows = _rows_text(cells.loc[cells["outcome"] == value, "count"].sum())
        place = _place(frame, nw.col("outcome") == value)
        allowed = ", ".join(sorted(known))
        problems.append(f"{place}column 'outcome': {value!r} (in {rows}) is no outcome; allowed: {allowed}")
    named = text["first"].categories.tolist()
    for term in (term for term in TERMS if term in named):
        problems.append(
            f"columns 'first' and 'second': an item is called {term!r}, as a term of the model is; rename it"
        )
    first, second = text["first"].codes, text["second"].codes
    same = (first == second) & (first >= 0)
    for value in cells.loc[same, "first"].unique() if same.any() else ():
        place = _place(frame, (nw.col("first") == value) & (nw.col("second") == value))
        problems.append(f"{place}columns 'first' and 'second': item {value!r} is compared with itself")
    return problems


def _marked(values: pd.Categorical, test: Callable[[str], bool], *, missing: bool = False) -> Booleans:
    """Return which rows have a label that a test marks; each distinct label is tested once."""
    codes = values.codes
    marks = np.array([*map(test, values.categories.tolist()), missing and codes.min() < 0], dtype=bool)
    marked: Booleans = marks[codes] if marks.any() else np.zeros(len(codes), dtype=bool)
    return marked


def _in_text(cells: pd.DataFrame) -> dict[str, pd.Categorical]:
    """Return the labels of items, in common categories, and of outcomes as text."""
    first, second, outcome = (cells[name].array for name in REQUIRED)
    return dict(zip(REQUIRED, (*_as_text(first, second), *_as_text(outcome)), strict=True))


def _as_text(*columns: pd.Categorical) -> list[pd.Categorical]:
    """Return columns of labels as text, in common categories: those that occur, in alphabetical order."""
    labels = [column.categories.tolist() for column in columns]
    text = [[*map(str, each)] for each in labels]
    codes = [column.codes for column in columns]
    there = {
        names[at]
        for names, numbers in zip(text, codes, strict=True)
        for at in np.flatnonzero(np.bincount(numbers + 1, minlength=len(names) + 1)[1:])
    }
    place = {name: at for at, name in enumerate(sorted(there))}
    if all(each == list(place) for each in labels):
        return list(columns)
    kind = pd.CategoricalDtype(list(place))
    return [
        # A missing label has code -1, which takes the last number.
        pd.Categorical.from_codes(
            np.array([*(place.get(name, -1) for name in names), -1])[numbers], dtype=kind, validate=False
        )
        for names, numbers in zip(text, codes, strict=True)
    ]


def _place(frame: Frame, condition: nw.Expr) -> str:
    row = first_row(frame, condition)
    return "" if row is None else f"row {row}, "


def _rows_text(count: float) -> str:
    return "1 row" if count == 1 else f"{count:g} rows"


def _item_attributes(frame: Frame, names: list[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return one row an item with its attributes, and the columns that vary within an item."""
    attributes = [
        name.removesuffix("_first")
        for name in names
        if name.endswith("_first") and f"{name.removesuffix('_first')}_second" in names
    ]
    columns, varying = {}, {}
    for attribute in attributes:
        sides = [
            distinct_rows(frame, [side, f"{attribute}_{side}"]).set_axis(["item", "value"], axis=1)
            for side in ("first", "second")
        ]
        pairs = pd.concat(sides).dropna().astype({"item": str}).drop_duplicates()
        twice = pairs["item"].duplicated()
        if twice.any():
            item = pairs.loc[twice, "item"].iloc[0]
            values = ", ".join(repr(value) for value in pairs.loc[pairs["item"] == item, "value"].head(3))
            varying[attribute] = f"item {item!r} has more than one {attribute}: {values}"
        else:
            columns[attribute] = pairs.set_index("item")["value"]
    return pd.DataFrame(columns), varying
