"""Codings and the turns that they are of, joined, from whatever holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bartleby.errors import DataError, LogError, SettingError
from bartleby.progress import steps
from bartleby.visible import Printed

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.report.marks import MarkedTranscript, MarkedTurn

    Codings: TypeAlias = str | Path | pd.DataFrame | Sequence[str | Path | pd.DataFrame]

__all__ = [
    "Codings",
    "SourceCounts",
    "assistant_turns",
    "coded_table",
    "conversations_of",
    "read_codings",
    "turn_chunks",
]

TABLES = (".csv", ".parquet")


@dataclass(repr=False)
class SourceCounts(Printed):
    """What was read of a source, so that it can be seen that nothing vanished."""

    conversations: int = 0
    speakers: Counter[str] = field(default_factory=Counter)
    silent: int = 0

    def add(self, table: pd.DataFrame) -> None:
        """Count a table of turns of whole conversations."""
        self.conversations += table["conversation"].nunique()
        self.speakers.update(table["speaker"].astype(str).tolist())
        own = table.loc[table["speaker"] == "assistant", "text"]
        self.silent += int((own.isna() | (own.astype(str).str.strip() == "")).sum())

    def __str__(self) -> str:
        by = ", ".join(f"{count} {name}" for name, count in self.speakers.most_common())
        silent = f"; {self.silent} assistant turns without words" if self.silent else ""
        return f"{self.conversations} conversations, {self.speakers.total()} messages ({by}){silent}"


NEEDED = ("conversation", "turn", "speaker", "text")


def read_codings(codings: Codings) -> pd.DataFrame:
    """Return codings from one or several places, one below the other.

    Parameters
    ----------
    codings
        Tables, or files: what `bartleby code` writes, a table of labels (`.csv`, `.jsonl`, `.parquet`), a
        file of labels (`bartleby label`), or the log of a judge's run.

    Raises
    ------
    DataError, LogError
        If one cannot be read, or holds no codings.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> bb.annotation.code("leave.db").to_csv("codings.csv", index=False)
    >>> len(bb.annotation.read_codings("codings.csv")) == len(bb.annotation.code("leave.db"))
    True
    """
    import pandas as pd

    given = [codings] if isinstance(codings, (str, Path, pd.DataFrame)) else list(codings)
    if not given:
        raise DataError("codings: none are given")
    tables = [each if isinstance(each, pd.DataFrame) else _from_file(Path(each)) for each in given]
    # Columns that are empty in one table say nothing of what they hold in another.
    return pd.concat([each.dropna(axis="columns", how="all") for each in tables], ignore_index=True)


def _from_file(path: Path) -> pd.DataFrame:
    from bartleby.analysis.coding.judge_codings import judge_codings
    from bartleby.analysis.tables.files import read_table

    if path.suffix != ".db":
        table = read_table(path)
        judged = "code" not in table and any(str(name).startswith("code_") for name in table)
        return judge_codings(table) if judged else table
    import pandas as pd

    from bartleby.collectors.people.store import rows_of_labels
    from bartleby.collectors.trial_table import read

    try:
        rows = rows_of_labels(path)
    except LogError:
        return judge_codings(read(path))
    if not rows:
        raise DataError(f"{path}: nothing is labelled in it yet")
    return pd.DataFrame(rows)


def turn_chunks(
    source: str | Path | pd.DataFrame, counts: SourceCounts | None = None
) -> Iterator[pd.DataFrame]:
    """Yield turns as `read_turns` returns them: a table, given or in a file, as it is; the rest streams.

    Parameters
    ----------
    source
        Conversations, or a table of turns.
    counts
        To which what is read is added.

    Raises
    ------
    DataError
        If a source cannot be read, a table lacks a column of turns, or the assistant has no turn in it.
    """
    counted = SourceCounts() if counts is None else counts
    name = source if isinstance(source, (str, Path)) else "the table"
    for table in steps(_turn_tables(source), "reading turns", unit="turn", size=len):
        missing = [column for column in NEEDED if column not in table]
        if missing:
            raise DataError(
                [f"{name}: column {column!r} is missing; a table of turns has it" for column in missing]
            )
        _require_once(table, name)
        counted.add(table)
        yield table
    if not counted.speakers["assistant"]:
        speakers = ", ".join(map(repr, counted.speakers)) or "none"
        raise DataError(
            f"{name}: the assistant has no turn in it; speakers: {speakers}; the assistant is called "
            "'assistant', 'model', 'gpt' or the like"
        )


def _require_once(table: pd.DataFrame, name: object) -> None:
    """Raise `DataError` if a table has a turn of the assistant twice: labels and codes would meet in one."""
    own = table.loc[table["speaker"] == "assistant", ["conversation", "turn"]]
    twice = own[own.duplicated()].drop_duplicates()
    if len(twice):
        listed = ", ".join(f"{row.turn} of {row.conversation!r}" for row in twice.head(5).itertuples())
        raise DataError(
            f"{name}: turns of the assistant that are there more than once: {listed}; allowed: each turn "
            "of a conversation once, by its number"
        )


def _turn_tables(source: str | Path | pd.DataFrame) -> Iterator[pd.DataFrame]:
    if not isinstance(source, (str, Path)):
        yield source
    elif Path(source).suffix in TABLES:
        from bartleby.analysis.tables.files import read_table

        yield read_table(source)
    else:
        from bartleby.collectors.turn_texts import stream_turns

        yield from stream_turns(source)


def assistant_turns(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return one row a turn of the model: what it said, whether it left at it, what else is known of it.

    Parameters
    ----------
    source
        A log, an Inspect log, a file or folder of conversations, or a table of turns.

    Returns
    -------
    DataFrame
        `conversation`, `turn`, `text`, `exited` (where it is known that somebody left) and the columns of the
        source; of a log of ours those of its turn table, such as `refused` and `user_text_kind`.

    Raises
    ------
    DataError, LogError
        If a source cannot be read, or nothing was said in it.
    """
    import pandas as pd

    chunks = list(turn_chunks(source))
    if not chunks:
        raise DataError(f"{source}: there is no conversation in it")
    said = pd.concat(chunks, ignore_index=True)
    said["conversation"] = said["conversation"].astype(str)
    own = said[said["speaker"] == "assistant"].reset_index(drop=True)
    if own.empty:
        raise DataError("the assistant says nothing in these conversations")
    gone = said[said["speaker"] == "exit"]
    if len(gone) and "exited" not in own:
        # An exit stands behind the turn at which it was taken, and so before the next one.
        left = set(zip(gone["conversation"], gone["turn"] - 1, strict=True))
        own["exited"] = [key in left for key in zip(own["conversation"], own["turn"], strict=True)]
    return _with_turn_table(own, source)


def _with_turn_table(own: pd.DataFrame, source: Any) -> pd.DataFrame:  # noqa: ANN401 - as `assistant_turns`
    """Return turns with what a log of ours knows of each of them."""
    from bartleby.collectors.trial_table import read

    if not isinstance(source, (str, Path)) or Path(source).suffix != ".db":
        return own
    try:
        table = read(Path(source), None, "turn")
    except SettingError:  # nothing is known of turns, as of one task a trial
        return own
    new = [name for name in table if name not in own or name == "turn"]
    known = table.rename(columns={"trial": "conversation"})
    kept = ["conversation", *(name for name in new if name != "trial")]
    return own.merge(known[kept], on=["conversation", "turn"], how="left")


def conversations_of(source: str | Path | pd.DataFrame) -> Iterator[MarkedTranscript]:
    """Yield conversations of whatever holds turns (see `turn_chunks`), ready to be read."""
    from bartleby.analysis.report.marks import MarkedTranscript

    for table in turn_chunks(source):
        plain = table.astype(object).where(table.notna(), None)
        by_conversation: dict[Any, list[dict[Any, Any]]] = {}
        for row in plain.to_dict(orient="records"):
            by_conversation.setdefault(row["conversation"], []).append(row)
        for name, rows in by_conversation.items():
            items = (str(rows[0]["item"]),) if rows[0].get("item") is not None else ()
            outcome = str(rows[0].get("outcome") or "recorded")
            yield MarkedTranscript(str(name), items, {}, outcome, tuple(_turns(rows)))


def _turns(rows: Sequence[Mapping[Any, Any]]) -> Iterator[MarkedTurn]:
    """Yield what was said; that the model left is a mark of its last turn."""
    from bartleby.analysis.report.marks import Mark, MarkedTurn

    nothing: Mapping[Any, Any] = {}
    for row, following in zip(rows, [*rows[1:], nothing], strict=True):
        if row["speaker"] == "exit":
            continue
        of_model = row["speaker"] == "assistant"
        left = of_model and following.get("speaker") == "exit"
        yield MarkedTurn(
            role=str(row["speaker"]),
            text=row["text"] if isinstance(row["text"], str) else "",
            number=int(row["turn"]) if of_model else None,
            marks=(Mark("exit", "left here"),) if left else (),
        )


def coded_table(
    source: str | Path | pd.DataFrame,
    codings: Codings,
    *,
    coder: str | None = None,
    codes: Sequence[str] | None = None,
    present: int | None = 1,
) -> tuple[pd.DataFrame, list[str]]:
    """Return turns with a column for each code, as the functions that look at patterns take them.

    Parameters
    ----------
    source
        As for `assistant_turns`; also a table of turns of a model without what was said.
    codings
        As for `read_codings`.
    coder
        Whose; None where there is one only.
    codes
        Which; None takes all.
    present
        The level from which a code counts as there; None keeps the levels.

    Returns
    -------
    tuple
        The table, and the names of the codes.

    Raises
    ------
    DataError, LogError, SettingError
        If a file cannot be read, there are several coders and none is named, or nothing fits.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> table, codes = bb.annotation.coded_table("leave.db", bb.annotation.code("leave.db"))
    >>> len(table), codes
    (1053, ['expressed_distress', 'positive_affect', 'boundary_setting', 'appeasing',
    'disengagement'])
    """
    from bartleby.analysis.patterns.coded_turns import coded_turns

    found = read_codings(codings)
    missing = [name for name in ("conversation", "turn", "code", "coder", "value") if name not in found]
    if missing:
        raise DataError(
            [f"codings: no column {name!r}; columns: {', '.join(map(str, found))}" for name in missing]
        )
    coders = found["coder"].astype(str).unique().tolist()
    if coder is None and len(coders) > 1:
        raise SettingError(f"coder: there are several, name one: {', '.join(coders)}")
    table = _any_turns(source)
    own = coded_turns(table, found, coder=coder or coders[0], codes=codes, present=present)
    return own, [str(name) for name in own if name not in table]


def _any_turns(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return turns of a model, with or without what was said and what users said."""
    from bartleby.analysis.tables.files import read_table

    if isinstance(source, (str, Path)) and Path(source).suffix in TABLES:
        source = read_table(source)
    if isinstance(source, (str, Path)) or "speaker" in source:
        return assistant_turns(source)
    return source if "conversation" in source else source.rename(columns={"trial": "conversation"})
