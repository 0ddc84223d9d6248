"""Tables of codings, whoever made them: a judge's trial table as codings, and codings as units to correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from bartleby.errors import DataError

__all__ = ["CODING_COLUMNS", "judge_codings", "units_table"]

CODING_COLUMNS = (
    "unit",
    "conversation",
    "turn",
    "code",
    "coder",
    "value",
    "score",
    "quote",
    "quote_found",
    "start",
    "end",
)
Unsupported = Literal["keep", "missing"]


def judge_codings(trials: pd.DataFrame, *, unsupported: Unsupported = "keep") -> pd.DataFrame:
    """Return the trial table of a judging study as codings, one row a passage, code and sample.

    Parameters
    ----------
    trials
        From `bartleby.read` of a judge's log: `item` is the unit.
    unsupported
        What a coding is worth whose quotation does not stand in the passage, or is missing where the code is
        said to be there: kept (the column `quote_found` tells), or `missing`.

    Returns
    -------
    DataFrame
        `CODING_COLUMNS`; `value` is missing where the judge refused or could not be read. `coder` is
        `judge:MODEL`, with `#2`, `#3`, ... for further samples.

    Raises
    ------
    DataError
        If the table has no codings in it.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> study = bb.annotation.judging_study("leave.db")
    >>> _ = bb.run(study, "sim/judge", log="judge.db")
    >>> codings = bb.annotation.judge_codings(bb.read("judge.db"))
    >>> codings["coder"].unique().tolist()
    ['judge:sim/judge']
    """
    codes = [name.removeprefix("code_") for name in trials.columns if name.startswith("code_")]
    missing = [name for name in ("item", "model") if name not in trials]
    if not codes or missing:
        there = ", ".join(trials.columns)
        raise DataError(f"the table is not that of a judging study: it has the columns {there}")
    sample = trials["sample"] if "sample" in trials else pd.Series(0, index=trials.index)
    further = sample.map(lambda number: f"#{number + 1}" if number else "")
    coder = "judge:" + trials["model"].astype(str) + further.astype(str)
    parts = [_of_code(trials, code, coder, unsupported) for code in codes]
    return pd.concat(parts, ignore_index=True)


def _of_code(
    trials: pd.DataFrame, code: str, coder: pd.Series[Any], unsupported: Unsupported
) -> pd.DataFrame:
    def column(name: str) -> Any:  # noqa: ANN401 - a column of any type, or nothing
        return trials.get(name, pd.NA)

    unit = trials["item"].astype(str)
    part = pd.DataFrame({"unit": unit, "conversation": column("conversation"), "turn": pd.NA})
    part["conversation"] = part["conversation"].fillna(unit.str.rsplit(":", n=1).str[0])
    numbers = unit.str.rsplit(":", n=1).str[-1].where(unit != part["conversation"].astype(str))
    part["turn"] = pd.to_numeric(numbers, errors="coerce").astype("Int64")
    part["code"], part["coder"] = code, coder
    part["value"] = pd.to_numeric(trials[f"code_{code}"], errors="coerce").astype("Int64")
    part["score"] = column(f"score_{code}")
    for name in ("quote", "quote_found", "start", "end"):
        source = {"start": f"quote_start_{code}", "end": f"quote_end_{code}"}.get(name, f"{name}_{code}")
        part[name] = column(source)
    if unsupported == "missing" and f"quote_found_{code}" in trials:
        found = trials[f"quote_found_{code}"].fillna(True).astype(bool)
        part["value"] = part["value"].where(found)
    return part[list(CODING_COLUMNS)]


def units_table(
    codings: pd.DataFrame, *, code: str, judge: str, people: str | Sequence[str], present: int = 1
) -> pd.DataFrame:
    """Return what a judge says of each unit and people say of some, as `prevalence` takes it.

    Parameters
    ----------
    codings
        Codings of the judge and of people, one below the other.
    code
        The code.
    judge
        The judge's name in `coder`.
    people
        Names of the people; several decide by majority, and a tie is left unlabelled.
    present
        The level from which a code counts as there.

    Returns
    -------
    DataFrame
        `unit`, `conversation`, `judge` (a score where the judge gives one), `label`, and `stratum` where the
        people's codings have one (`label_stratum`).

    Raises
    ------
    DataError
        Naming coders that are not there, and labels for units that the judge has not seen.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> codings = pd.DataFrame(
    ...     {"unit": ["c1:1", "c1:1", "c2:1"], "coder": ["judge", "ann", "judge"], "value": [1, 1, 0]}
    ... )
    >>> codings = codings.assign(conversation=["c1", "c1", "c2"], code="distress", sample=0)
    >>> bb.annotation.units_table(codings, code="distress", judge="judge", people=["ann"])[
    ...     ["unit", "judge", "label"]
    ... ].values.tolist()
    [['c1:1', 1.0, 1.0], ['c2:1', 0.0, <NA>]]
    """
    names = (people,) if isinstance(people, str) else tuple(people)
    own = codings[codings["code"] == code]
    there = {str(name) for name in own["coder"].unique()}
    problems = [f"coder {name!r} coded nothing as {code!r}" for name in (judge, *names) if name not in there]
    if problems:
        raise DataError([*problems, f"coders of {code!r}: {', '.join(sorted(there)) or 'none'}"])
    by_judge = own[own["coder"] == judge].drop_duplicates("unit").set_index("unit")
    by_people = own[own["coder"].isin(names) & own["value"].notna()]
    strangers = sorted(set(by_people["unit"].unique()) - set(by_judge.index.tolist()))
    if strangers:
        listed = ", ".join(map(str, strangers[:5]))
        raise DataError(f"{len(strangers)} labelled units were never seen by {judge!r}: {listed}")
    verdict = (pd.to_numeric(by_judge["value"]) >= present).astype("Float64").where(by_judge["value"].notna())
    if "score" in by_judge and present == 1:
        verdict = pd.to_numeric(by_judge["score"]).astype("Float64").fillna(verdict)
    share = (pd.to_numeric(by_people["value"]) >= present).astype(float).groupby(by_people["unit"]).mean()
    label = share.map(lambda each: None if each == 0.5 else float(each > 0.5))
    table = pd.DataFrame({"conversation": by_judge["conversation"], "judge": verdict})
    table["label"] = label.reindex(table.index).astype("Float64")
    if "label_stratum" in own:
        table["stratum"] = own.drop_duplicates("unit").set_index("unit")["label_stratum"].reindex(table.index)
    return table.rename_axis("unit").reset_index()
