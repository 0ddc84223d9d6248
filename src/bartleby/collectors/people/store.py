"""The file that keeps what people label: one SQLite file, every save committed at once, none overwritten."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bartleby.collectors.people.sampling import Drawn
from bartleby.collectors.schema import storable
from bartleby.errors import DataError, LogError
from bartleby.exchange import content_hash, well_formed
from bartleby.storage import Identity, replacing, require_own, transaction
from bartleby.studies.codebook import Code, Codebook

__all__ = ["ConflictError", "LabelStore", "Saved", "opened", "rows_of_labels", "rows_of_saves"]

APPLICATION_ID = 0x4241524C
"""What marks a file as ours: the letters BARL."""
TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE units (number INTEGER PRIMARY KEY, unit TEXT NOT NULL UNIQUE,
        conversation TEXT NOT NULL, turn INTEGER, said TEXT NOT NULL, stratum TEXT NOT NULL,
        probability REAL NOT NULL)""",
    """CREATE TABLE labels (labeller TEXT NOT NULL, unit INTEGER NOT NULL REFERENCES units,
        code TEXT NOT NULL, value INTEGER, quote TEXT, start INTEGER, finish INTEGER, note TEXT,
        given REAL NOT NULL, PRIMARY KEY (labeller, unit, code)) WITHOUT ROWID""",
    # Every save, and every one taken back (no labels), in order: `labels` holds only what is true now.
    """CREATE TABLE saves (number INTEGER PRIMARY KEY, id TEXT UNIQUE, labeller TEXT NOT NULL,
        unit INTEGER NOT NULL REFERENCES units, labels TEXT NOT NULL, note TEXT, seconds REAL, steps TEXT,
        given REAL NOT NULL)""",
    "CREATE INDEX saves_of_units ON saves (labeller, unit)",
)
LARGEST = 2**31
"""No quotation starts beyond it, and SQLite can hold it."""


class ConflictError(DataError):
    """Labels of a unit that is not the one labelled, or that was labelled again meanwhile."""


@dataclass(frozen=True)
class Saved:
    """What a labeller says of a unit.

    Parameters
    ----------
    labels
        By code: `value`, and `quote` with `start` and `end`. Empty to take back what was saved.
    note
        What the labeller adds.
    id
        Names this save, so that one that is sent twice is kept once.
    revision
        The labeller's last save of the unit that these labels were made from (0 for none): they are refused
        if there is a later one. None to replace whatever there is.
    seconds
        How long the labeller had the unit before them.
    steps
        Every choice made, in order: code, value, and seconds since the unit was shown.
    """

    labels: Mapping[str, Mapping[str, Any]]
    note: str = ""
    id: str | None = None
    revision: int | None = None
    seconds: float | None = None
    steps: Sequence[Sequence[Any]] = ()


class LabelStore:
    """Units to label and the labels given to them.

    Parameters
    ----------
    path
        The file; it must have been made with `create`.

    Raises
    ------
    LogError
        If there is no such file, or it is another's.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise LogError(f"{path}: there is no such file of labels")
        self.path = path
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            _require_ours(path, self._connection)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("SELECT count(*) FROM meta").fetchone()  # makes what is written ahead
            self._file = Identity(path, "SELECT 1 FROM meta WHERE key = 'codebook'")
            self.codebook = _codebook(json.loads(self._meta("codebook")))
        except (sqlite3.Error, ValueError, TypeError, LookupError, RecursionError) as error:
            raise LogError(f"{path}: not readable as a file of labels: {error}") from None

    @classmethod
    def create(cls, path: Path, drawn: Sequence[Drawn], codebook: Codebook, source: str) -> Self:
        """Make a file of units to label.

        Raises
        ------
        LogError
            If there is a file already, or it cannot be written.
        """
        if path.exists():
            raise LogError(f"{path}: is there already; labels are added to it without --sample")
        try:
            with replacing(path) as beside, closing(sqlite3.connect(beside, isolation_level=None)) as made:
                _fill(made, drawn, codebook, source)
        except (OSError, sqlite3.Error) as error:
            raise LogError(f"{path}: cannot be made: {error}") from None
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def units(self) -> list[str]:
        """Return the units, in the order drawn."""
        return [row[0] for row in self.rows("SELECT unit FROM units ORDER BY number")]

    def units_by_text(self) -> dict[str, list[tuple[str, str]]]:
        """Return units with their conversation by the text that is labelled."""
        units: dict[str, list[tuple[str, str]]] = {}
        for unit, conversation, turn, said in self.rows("SELECT unit, conversation, turn, said FROM units"):
            text = "\n\n".join(_coded({"turn": turn, "said": json.loads(said)}))
            units.setdefault(text, []).append((unit, conversation))
        return units

    def passage(self, number: int) -> dict[str, Any]:
        """Return what a labeller is shown of a unit (no model, no class, no judge's verdict) and its version.

        Raises
        ------
        DataError
            If there is no such unit.
        """
        rows = self.rows("SELECT turn, said FROM units WHERE number = ?", number)
        if not rows:
            raise DataError(f"there is no unit number {number}")
        version = content_hash([rows[0][1], self.codebook.hash], 16)
        return {"turn": rows[0][0], "said": json.loads(rows[0][1]), "version": version}

    def done(self, labeller: str) -> set[int]:
        """Return the numbers of the units that a labeller has labelled."""
        return {row[0] for row in self.rows("SELECT DISTINCT unit FROM labels WHERE labeller = ?", labeller)}

    def labels(self, labeller: str, number: int) -> dict[str, dict[str, Any]]:
        """Return what a labeller said of a unit, by code."""
        rows = self.rows(
            "SELECT code, value, quote, start, finish, note FROM labels WHERE labeller = ? AND unit = ?",
            labeller,
            number,
        )
        names = ("value", "quote", "start", "end", "note")
        return {code: dict(zip(names, rest, strict=True)) for code, *rest in rows}

    def revision(self, labeller: str, number: int) -> int:
        """Return the number of a labeller's last save of a unit, 0 if there is none."""
        query = "SELECT max(number) FROM saves WHERE labeller = ? AND unit = ?"
        return self.rows(query, labeller, number)[0][0] or 0

    def save(self, labeller: str, number: int, saved: Saved) -> int:
        """Keep what a labeller says of a unit; it replaces what the same one said before of these codes.

        Returns
        -------
        int
            The number of the save, which is the unit's revision now.

        Raises
        ------
        DataError
            If a code or a level is not in the codebook, there is no such unit, or a quotation is not in it.
        ConflictError
            If the labeller has labelled the unit since the labels were begun.
        """
        problems = _problems(saved.labels, self.codebook, _coded(self.passage(number)))
        if not labeller.strip():
            problems.append("the labeller has no name")
        if problems:
            raise DataError(problems)
        with self.transaction():
            earlier = self.rows("SELECT number FROM saves WHERE id = ?", saved.id)
            if earlier:
                return int(earlier[0][0])
            if saved.revision is not None and saved.revision != self.revision(labeller, number):
                raise ConflictError("this unit was labelled again elsewhere after it was shown here")
            return self._write(labeller, number, saved)

    def _write(self, labeller: str, number: int, saved: Saved) -> int:
        moment, note = time.time(), well_formed(saved.note)
        if not saved.labels:
            self.rows("DELETE FROM labels WHERE labeller = ? AND unit = ?", labeller, number)
        for code, label in saved.labels.items():
            quote = label.get("quote")
            values = (label.get("value"), quote and well_formed(quote), label.get("start"), label.get("end"))
            row = (labeller, number, code, *values, note, moment)
            self.rows("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
        texts = [storable(json.dumps(part, ensure_ascii=False)) for part in (saved.labels, saved.steps)]
        save = (saved.id, labeller, number, texts[0], note, saved.seconds, texts[1], moment)
        query = """INSERT INTO saves (id, labeller, unit, labels, note, seconds, steps, given)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"""
        return int(self.rows(query, *save)[0][0])

    def remembered(self, key: str) -> str | None:
        """Return what was kept under a key with `remember`."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def remember(self, key: str, value: str) -> None:
        """Keep a text under a key, beside the labels."""
        self.rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all of what follows, or none of it: whatever goes wrong, the next writer finds it closed."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            change = self._file.change()
            if change is not None:
                raise LogError(f"{self.path}: {change}; nothing more is saved in it. Start `label` again")
            with transaction(self._connection):
                yield
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # into the file itself
            self._file.note()

    def _meta(self, key: str) -> str:
        value = self.remembered(key)
        if value is None:
            raise LogError(f"{self.path}: not a whole file of labels: it has no {key}")
        return value

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()


@contextmanager
def opened(path: Path) -> Iterator[LabelStore]:
    """Open a file of labels and close it again."""
    store = LabelStore(path)
    try:
        yield store
    finally:
        store.close()


def rows_of_labels(path: Path) -> list[dict[str, Any]]:
    """Return all labels as rows of codings, with the stratum and how likely a unit of it was drawn.

    Raises
    ------
    LogError
        If there is no such file, or it is another's.
    """
    query = """SELECT u.unit, u.conversation, u.turn, l.code, l.labeller, l.value, l.quote, l.start, l.finish,
        l.note, u.stratum, u.probability, s.seconds, s.saves
        FROM labels l JOIN units u ON u.number = l.unit
        LEFT JOIN (SELECT labeller, unit, sum(seconds) AS seconds, count(*) AS saves FROM saves
            GROUP BY labeller, unit) s ON s.labeller = l.labeller AND s.unit = l.unit
        ORDER BY l.labeller, u.number, l.code"""
    names = ["unit", "conversation", "turn", "code", "coder", "value", "quote", "start", "end", "note"]
    names += ["label_stratum", "label_probability", "seconds", "saves"]
    with opened(path) as store:
        rows = store.rows(query)
        book = store.codebook.hash
    return [{**dict(zip(names, row, strict=True)), "codebook": book} for row in rows]


def rows_of_saves(path: Path) -> list[dict[str, Any]]:
    """Return every save of every labeller, one row a code of each, in the order made.

    A save that was taken back has one row without a code.
    """
    query = """SELECT s.number, u.unit, s.labeller, s.labels, s.note, s.seconds, s.steps, s.given
        FROM saves s JOIN units u ON u.number = s.unit ORDER BY s.number"""
    rows = []
    with opened(path) as store:
        for number, unit, labeller, labels, note, seconds, steps, moment in store.rows(query):
            common = {"save": number, "unit": unit, "coder": labeller, "seconds": seconds, "steps": steps}
            for code, label in (json.loads(labels) or {None: {}}).items():
                what = {"code": code, "value": label.get("value"), "quote": label.get("quote"), "note": note}
                rows.append({**common, **what, "saved_at": moment})
    return rows


def _require_ours(path: Path, connection: sqlite3.Connection) -> None:
    """Raise `LogError` if a file is not one of labels."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        raise LogError(f"{path}: this is no file of labels written by Bartleby")
    require_own(path, connection, TABLES)


def _fill(connection: sqlite3.Connection, drawn: Sequence[Drawn], codebook: Codebook, source: str) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    book = storable(json.dumps(codebook.to_dict(), ensure_ascii=False))
    with transaction(connection):
        for statement in TABLES:
            connection.execute(statement)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", {"codebook": book, "source": source}.items())
        connection.executemany("INSERT INTO units VALUES (?, ?, ?, ?, ?, ?, ?)", _unit_rows(drawn))


def _unit_rows(drawn: Sequence[Drawn]) -> Iterator[tuple[Any, ...]]:
    for number, draw in enumerate(drawn):
        passage = draw.passage
        said = [{"turn": s.turn, "speaker": s.speaker, "text": s.text} for s in passage.said]
        text = storable(json.dumps(said, ensure_ascii=False))
        names = (passage.id, passage.conversation)
        yield (
            number,
            *map(well_formed, names),
            passage.turn,
            text,
            well_formed(draw.stratum),
            draw.probability,
        )


def _codebook(told: Mapping[str, Any]) -> Codebook:
    lists = ("inclusion", "exclusion", "examples", "levels")
    codes = [
        Code(each["name"], each["definition"], *(tuple(each[name]) for name in lists))
        for each in told["codes"]
    ]
    return Codebook(told["name"], tuple(codes), told["unit"], told["title"])


def _coded(passage: Mapping[str, Any]) -> list[str]:
    """Return the texts of a passage that are labelled, as `Passage.coded` does."""
    turn = passage["turn"]
    own = [line for line in passage["said"] if line["speaker"] == "assistant" and line["text"].strip()]
    return [line["text"] for line in own if turn is None or line["turn"] == turn]


def _problems(labels: Mapping[str, Mapping[str, Any]], codebook: Codebook, texts: Sequence[str]) -> list[str]:
    levels = {code.name: len(code.levels) for code in codebook.codes}
    problems = []
    for code, label in labels.items():
        if code not in levels:
            problems.append(f"code {code!r} is not in the codebook; codes: {', '.join(levels)}")
            continue
        value = label.get("value")
        if value is not None and not _whole(value, levels[code] - 1):
            problems.append(f"code {code!r}: value {value!r}; allowed: 0 to {levels[code] - 1}, or none")
        problems += [f"code {code!r}: {problem}" for problem in _quotation_problems(label, texts)]
    return problems


def _quotation_problems(label: Mapping[str, Any], texts: Sequence[str]) -> list[str]:
    quote, start, end = (label.get(name) for name in ("quote", "start", "end"))
    if not isinstance(quote, (str, type(None))):
        return ["the quotation is no text"]
    problems = [
        f"{name} is {value!r}; allowed: a whole number from 0"
        for name, value in (("start", start), ("end", end))
        if value is not None and not _whole(value, LARGEST)
    ]
    if problems or quote is None or start is None or end is None:
        return problems
    if any(text[start:end] == quote for text in texts):
        return []
    return [f"the quotation {quote[:80]!r} is not what the turn says from {start} to {end}"]


def _whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
