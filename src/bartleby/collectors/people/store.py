"""The file that keeps what people label: one SQLite file, every label committed when it is given."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from bartleby.collectors.people.sampling import Drawn
from bartleby.errors import DataError, LogError
from bartleby.studies.codebook import Code, Codebook

__all__ = ["LabelStore", "opened", "rows_of_labels"]

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
)


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
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            (marked,) = self._connection.execute("PRAGMA application_id").fetchone()
            if marked != APPLICATION_ID:
                raise LogError(f"{path}: not a file of labels of Bartleby's")
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise LogError(f"{path}: not readable as a file of labels: {error}") from None
        self.codebook = _codebook(json.loads(self._meta("codebook")))

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
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path)
        except (OSError, sqlite3.Error) as error:
            raise LogError(f"{path}: cannot be made: {error}") from None
        try:
            with connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                for table in TABLES:
                    connection.execute(table)
                told = {"codebook": json.dumps(codebook.to_dict(), ensure_ascii=False), "source": source}
                connection.executemany("INSERT INTO meta VALUES (?, ?)", told.items())
                connection.executemany("INSERT INTO units VALUES (?, ?, ?, ?, ?, ?, ?)", _unit_rows(drawn))
        finally:
            connection.close()
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def units(self) -> list[str]:
        """Return the units, in the order drawn."""
        return [row[0] for row in self.rows("SELECT unit FROM units ORDER BY number")]

    def passage(self, number: int) -> dict[str, Any]:
        """Return what a labeller is shown of a unit: no model, no class, no judge's verdict.

        Raises
        ------
        DataError
            If there is no such unit.
        """
        rows = self.rows("SELECT turn, said FROM units WHERE number = ?", number)
        if not rows:
            raise DataError(f"there is no unit number {number}")
        return {"turn": rows[0][0], "said": json.loads(rows[0][1])}

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

    def save(self, labeller: str, number: int, labels: Mapping[str, Mapping[str, Any]], note: str) -> None:
        """Keep what a labeller says of a unit; it replaces what the same one said before.

        Raises
        ------
        DataError
            If a code or a level is not in the codebook, or there is no such unit.
        """
        self.passage(number)
        problems = _problems(labels, self.codebook)
        if not labeller.strip():
            problems.append("the labeller has no name")
        if problems:
            raise DataError(problems)
        moment = time.time()
        rows = [
            (labeller, number, code, told.get("value"), told.get("quote"), told.get("start"), told.get("end"))
            for code, told in labels.items()
        ]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*row, note, moment) for row in rows],
            )
            self._connection.execute("COMMIT")

    def _meta(self, key: str) -> str:
        return str(self.rows("SELECT value FROM meta WHERE key = ?", key)[0][0])

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
        l.note, u.stratum, u.probability FROM labels l JOIN units u ON u.number = l.unit
        ORDER BY l.labeller, u.number, l.code"""
    names = ("unit", "conversation", "turn", "code", "coder", "value", "quote", "start", "end", "note")
    with opened(path) as store:
        rows = store.rows(query)
        book = store.codebook.hash
    return [
        {**dict(zip((*names, "label_stratum", "label_probability"), row, strict=True)), "codebook": book}
        for row in rows
    ]


def _unit_rows(drawn: Sequence[Drawn]) -> Iterator[tuple[Any, ...]]:
    for number, each in enumerate(drawn):
        passage = each.passage
        said = [{"turn": s.turn, "speaker": s.speaker, "text": s.text} for s in passage.said]
        # Lone surrogates have no place in UTF-8: they are kept as JSON escapes.
        told = json.dumps(said, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
        yield (
            number,
            passage.id,
            passage.conversation,
            passage.turn,
            told,
            each.stratum,
            each.probability,
        )


def _codebook(told: Mapping[str, Any]) -> Codebook:
    lists = ("inclusion", "exclusion", "examples", "levels")
    codes = [
        Code(each["name"], each["definition"], *(tuple(each[name]) for name in lists))
        for each in told["codes"]
    ]
    return Codebook(told["name"], tuple(codes), told["unit"], told["title"])


def _problems(labels: Mapping[str, Mapping[str, Any]], codebook: Codebook) -> list[str]:
    levels = {code.name: len(code.levels) for code in codebook.codes}
    problems = [] if labels else ["there is no label in it"]
    for code, told in labels.items():
        if code not in levels:
            problems.append(f"code {code!r} is not in the codebook; codes: {', '.join(levels)}")
            continue
        value = told.get("value")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and 0 <= value < levels[code]):
            problems.append(f"code {code!r}: value {value!r}; allowed: 0 to {levels[code] - 1}, or none")
        if not isinstance(told.get("quote"), (str, type(None))):
            problems.append(f"code {code!r}: the quotation is no text")
        problems += [
            f"code {code!r}: {name} is {told.get(name)!r}; allowed: a whole number"
            for name in ("start", "end")
            if not isinstance(told.get(name), (int, type(None)))
        ]
    return problems
