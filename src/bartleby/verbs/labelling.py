"""Labelling by hand, joined: draw what is to be labelled, take labels in, give them out as codings."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bartleby.errors import DataError, SettingError
from bartleby.studies.codebook import Codebook, load_codebook

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.collectors.people.store import LabelStore
    from bartleby.verbs.coded import SourceCounts

_LOGGER = logging.getLogger(__name__)

__all__ = ["export_labels", "import_labels", "make_store", "read_labels"]


def make_store(
    source: str | Path | pd.DataFrame,
    store: str | Path,
    *,
    codebook: Codebook | str | Path = "apparent_distress",
    sample: int | None = None,
    stratify: str | None = None,
    codings: str | Path | pd.DataFrame | None = None,
    code: str | None = None,
    context: int | None = None,
    seed: int = 0,
    counts: SourceCounts | None = None,
) -> int:
    """Draw what is to be labelled and make the file that labels go to.

    Parameters
    ----------
    source
        Conversations as `read_turns` takes them, or a table of turns.
    store
        The file to make.
    codebook
        What is labelled.
    sample
        Units to draw at random; None for all.
    stratify
        Column of the conversations: equally many are drawn from each of its values.
    codings, code
        Codings of a judge (a table or a file) and one of its codes: equally many are drawn from each verdict.
    context
        Lines shown before a turn; None for all.
    seed
        Of the draw.
    counts
        To which what is read of the source is added.

    Returns
    -------
    int
        Units to label.

    Raises
    ------
    DataError, SettingError, LogError
        With what is wrong.
    """
    from bartleby.analysis.tables.files import read_table
    from bartleby.collectors.people.sampling import draw
    from bartleby.collectors.people.store import LabelStore
    from bartleby.verbs.coding import passages_of

    if stratify is not None and codings is not None:
        raise SettingError("--stratify and --codings: strata come from one of them; allowed: either")
    book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook)
    strata = None
    if codings is not None:
        table = read_table(codings) if isinstance(codings, (str, Path)) else codings
        strata = _verdicts(table, code)
    units = passages_of(source, book, context, counts)
    drawn = draw(units, sample, strata=strata, stratify=stratify, seed=seed)
    named = str(source) if isinstance(source, (str, Path)) else "a table"
    LabelStore.create(Path(store), drawn, book, named).close()
    return len(drawn)


def read_labels(store: str | Path, *, every_save: bool = False) -> pd.DataFrame:
    """Return all labels as codings, one row a unit, code and labeller.

    Beside the columns of codings: `note`, `label_stratum` and `label_probability` of the draw, `seconds` that
    the labeller had the unit on the page, and `saves`, how often its labels were saved.

    Parameters
    ----------
    store
        The file of labels.
    every_save
        Instead every save in the order made, also those that were replaced or taken back (a row without a
        code): `save`, `unit`, `coder`, `code`, `value`, `quote`, `note`, `seconds`, `saved_at` (seconds since
        1970), and `steps` (JSON: every choice on the page, as code, value and second).

    Raises
    ------
    LogError, DataError
        If there is no such file, or nothing is labelled in it.
    """
    import pandas as pd

    from bartleby.collectors.people.store import rows_of_labels, rows_of_saves

    rows = rows_of_saves(Path(store)) if every_save else rows_of_labels(Path(store))
    if not rows:
        raise DataError(f"{store}: nothing is labelled in it yet")
    whole = ("turn", "value", "start", "end", "saves")
    return pd.DataFrame(rows).astype({name: "Int64" for name in whole if name in rows[0]})


def export_labels(store: str | Path, file: str | Path) -> int:
    """Write all labels as CSV, JSONL or Parquet, and return how many there are."""
    from bartleby.analysis.tables.written import write_table

    table = read_labels(store)
    write_table(table, file)
    return len(table)


def import_labels(store: str | Path, file: str | Path) -> int:
    """Add labels from a table of codings (`unit`, `code`, `coder`, `value`) or a Label Studio export.

    Parameters
    ----------
    store
        The file of labels.
    file
        A `.csv`, `.jsonl` or `.parquet` table; or a `.json` export of Label Studio whose tasks have the unit
        in `data.unit`, or the text of one unit in `data.text` (and its conversation in `data.conversation`,
        where a text occurs more than once), and one choice a code (`from_name` is the code, the choice one of
        its levels). Annotations that were cancelled are excluded.

    Returns
    -------
    int
        Labels that were added: all of them, or none where one is refused.

    Raises
    ------
    DataError
        Naming every unit that is not there, every code and level that is not in the codebook.
    """
    from bartleby.analysis.tables.files import read_table
    from bartleby.collectors.people.store import Saved, opened

    path = Path(file)
    with opened(Path(store)) as labels:
        numbers = {unit: number for number, unit in enumerate(labels.units())}
        studio = path.suffix == ".json"
        rows = _label_studio(path, labels) if studio else _rows(read_table(path), path)
        strangers = sorted({row["unit"] for row in rows} - set(numbers))
        if strangers:
            shown = ", ".join(strangers[:5])
            raise DataError(f"{path}: {len(strangers)} units are not in {store}: {shown}")
        with labels.transaction():
            for row in rows:
                label = {name: row.get(name) for name in ("value", "quote", "start", "end")}
                saved = Saved({row["code"]: label}, note=row.get("note") or "")
                labels.save(row["coder"], numbers[row["unit"]], saved)
    return len(rows)


def _verdicts(table: pd.DataFrame, code: str | None) -> dict[str, str]:
    codes = sorted(table["code"].dropna().unique()) if "code" in table else []
    if code is None or code not in codes:
        raise SettingError(f"--code={code!r}: name one of the codes in the codings: {', '.join(codes)}")
    own = table[table["code"] == code].drop_duplicates("unit")
    values = own["value"].astype("Int64").astype(str)
    return dict(zip(own["unit"].astype(str), values, strict=True))


def _rows(table: pd.DataFrame, path: Path) -> list[dict[str, Any]]:
    missing = [name for name in ("unit", "code", "coder", "value") if name not in table]
    if missing:
        raise DataError([f"{path}: column {name!r} is missing; it is required" for name in missing])
    given = table[table["value"].notna()]
    plain = given.astype(object).where(given.notna(), None)
    rows = [{str(name): value for name, value in row.items()} for row in plain.to_dict(orient="records")]
    whole = ("value", "start", "end")
    return [
        {**row, "unit": str(row["unit"]), "coder": str(row["coder"])}
        | {name: int(row[name]) for name in whole if row.get(name) is not None}
        for row in rows
    ]


def _label_studio(path: Path, labels: LabelStore) -> list[dict[str, Any]]:
    """Return the rows of a Label Studio export (JSON: tasks with annotations of results of choices)."""
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON: {error}") from None
    levels = {code.name: code.levels for code in labels.codebook.codes}
    by_text = labels.units_by_text()
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    cancelled = 0
    for number, task in enumerate(tasks if isinstance(tasks, list) else [], start=1):
        place = f"{path}: task {number}"
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            problems.append(f"{place}: there is no data; allowed: the JSON export of Label Studio")
            continue
        unit = _studio_unit(task["data"], by_text)
        if unit is None:
            problems.append(f"{place}: neither data.unit nor data.text names one unit of {labels.path}")
            continue
        for annotation in _objects(task.get("annotations"), f"{place}: annotations", problems):
            if annotation.get("was_cancelled"):
                cancelled += 1
            else:
                rows += _studio_rows(annotation, unit, levels, place, problems)
    if problems or not rows:
        raise DataError(problems or [f"{path}: there is no annotation in it"])
    _LOGGER.info("%s: %d tasks, %d labels, %d cancelled annotations", path, len(tasks), len(rows), cancelled)
    return rows


def _objects(values: object, place: str, problems: list[str]) -> list[dict[str, Any]]:
    """Return the objects of a list; whatever else it holds is a problem."""
    listed = values if isinstance(values, list) else [] if values is None else [values]
    kept = [value for value in listed if isinstance(value, dict)]
    if len(kept) < len(listed):
        problems.append(f"{place}: {listed!r:.50}; allowed: a list of objects")
    return kept


def _studio_unit(data: dict[str, Any], by_text: dict[str, list[tuple[str, str]]]) -> str | None:
    """Return the unit of a task: the one it names, or the only one that says its text."""
    if data.get("unit") is not None:
        return str(data["unit"])
    units = by_text.get(str(data.get("text")), [])
    own = [
        unit for unit, conversation in units if conversation == str(data.get("conversation", conversation))
    ]
    return own[0] if len(own) == 1 else None


def _studio_rows(
    annotation: dict[str, Any],
    unit: str,
    levels: dict[str, tuple[str, ...]],
    place: str,
    problems: list[str],
) -> list[dict[str, Any]]:
    who = annotation.get("completed_by", "label studio")
    coder = str(who.get("email") or who.get("id")) if isinstance(who, dict) else str(who)
    rows = []
    for result in _objects(annotation.get("result"), f"{place}: result", problems):
        code, value = str(result.get("from_name")), result.get("value")
        choices: Any = value.get("choices") if isinstance(value, dict) else None
        one = isinstance(choices, list) and len(choices) == 1
        if code not in levels or not one or choices[0] not in levels[code]:
            problems.append(f"{place}: {code!r} is {choices}; not in the codebook")
            continue
        rows.append({"unit": unit, "coder": coder, "code": code, "value": levels[code].index(choices[0])})
    return rows
