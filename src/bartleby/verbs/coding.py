"""Coding conversations, joined: turns in, codings out, by the lexicon or by a model as judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bartleby.errors import DataError
from bartleby.studies.codebook import Codebook, load_codebook
from bartleby.studies.load import bundled
from bartleby.studies.study import Study
from bartleby.verbs.coded import SourceCounts, turn_chunks

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.collectors.models.base import Model
    from bartleby.studies.passages import Passage

__all__ = ["code", "judging_study", "lexicon_codings", "passages_of"]

LEXICON = "lexicon"


def judging_study(
    source: str | Path | pd.DataFrame,
    codebook: Codebook | str | Path = "apparent_distress",
    *,
    name: str = "judging",
    samples: int = 1,
    context: int | None = None,
    seed: int = 0,
    counts: SourceCounts | None = None,
) -> Study:
    """Return a study in which a model codes conversations; it is run, checked and resumed like any other.

    Parameters
    ----------
    source
        Conversations as `read_turns` takes them, or a table of turns (a subsample, say), also as a `.parquet`
        or `.csv` file.
    codebook
        What is coded: a codebook, a file, or the name of a bundled one.
    name
        Name of the study.
    samples
        Codings of each unit.
    context
        Lines shown before a coded turn; None for all.
    seed
        Order of the units.
    counts
        To which what is read is added.

    Raises
    ------
    DataError
        If a source or codebook cannot be read, or there is nothing to code.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> bb.annotation.judging_study("leave.db").count()
    1002
    """
    from bartleby.studies.paradigms.judging import Judging

    book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook)
    units = passages_of(source, book, context, counts)
    return Study(name, units, Judging(book), samples=samples, seed=seed, title=book.title)


def passages_of(
    source: str | Path | pd.DataFrame,
    codebook: Codebook,
    context: int | None = None,
    counts: SourceCounts | None = None,
) -> list[Passage]:
    """Return what a codebook is applied to: the turns or the whole of conversations.

    Raises
    ------
    DataError
        If a source cannot be read, or there is nothing to code.
    """
    import pandas as pd

    from bartleby.studies.passages import passages

    turns = pd.concat(list(turn_chunks(source, counts)), ignore_index=True)
    rows = ({str(key): _plain(each) for key, each in row.items()} for row in turns.to_dict(orient="records"))
    units = list(passages(rows, codebook.unit, context=context))
    if not units:
        raise DataError("the assistant says nothing in these conversations, so there is nothing to code")
    return units


def lexicon_codings(
    source: str | Path | pd.DataFrame,
    *,
    lexicon: str | Path | None = None,
    unit: str = "turn",
    codebook: Codebook | None = None,
    counts: SourceCounts | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the codings of the lexical baseline, table by table, in bounded memory.

    Parameters
    ----------
    source
        As for `judging_study`.
    lexicon
        A file; None for the bundled one.
    unit
        `turn` or `transcript`.
    codebook
        Whose codes are meant; None for all that the lexicon has phrases for.
    counts
        To which what is read is added.

    Raises
    ------
    DataError
        If a source or lexicon cannot be read, or the lexicon has no phrase for any code of the codebook.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> sum(len(table) for table in bb.annotation.lexicon_codings("leave.db"))
    5010
    """
    from bartleby.analysis.coding.lexicon import lexical_codings, load_lexicon

    words = load_lexicon(lexicon or bundled("data") / "apparent_distress" / "lexicon.toml")
    codes = [] if codebook is None else [each.name for each in codebook.codes]
    if codebook is not None and not set(codes) & set(words.phrases):
        raise DataError(
            f"lexicon {words.name!r}: has no phrase for a code of the codebook {codebook.name!r} "
            f"({', '.join(codes)}); name a lexicon of your own, or a model that judges"
        )
    return lexical_codings(turn_chunks(source, counts), words, unit=unit)


def code(
    source: str | Path | pd.DataFrame,
    coder: Model | str = LEXICON,
    *,
    codebook: Codebook | str | Path = "apparent_distress",
    log: str | Path | None = None,
    samples: int = 1,
    context: int | None = None,
    progress: bool | None = None,
    counts: SourceCounts | None = None,
) -> pd.DataFrame:
    """Code conversations.

    Parameters
    ----------
    source
        Conversations as `read_turns` takes them, or a table of turns.
    coder
        `lexicon`, or a model (or its name) that judges.
    codebook
        What is coded.
    log
        Log of the judge's run, which is resumed if it is there.
    samples, context
        As for `judging_study`.
    progress
        Show a progress bar.
    counts
        To which what is read of the source is added.

    Returns
    -------
    DataFrame
        Codings, one row a unit, code, coder and sample: see
        `bartleby.analysis.coding.judge_codings.CODING_COLUMNS`, and `codebook` (its hash).

    Raises
    ------
    DataError
        If a judge is asked for without a log.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> codings = bb.annotation.code("leave.db")
    >>> codings[["unit", "code", "value"]].head(1).values.tolist()
    [['e1c7b9fd30ab267853bf08e0:1', 'expressed_distress', 0]]
    """
    import pandas as pd

    book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook)
    if coder == LEXICON:
        found = pd.concat(
            list(lexicon_codings(source, unit=book.unit, codebook=book, counts=counts)), ignore_index=True
        )
        return found[found["code"].isin([each.name for each in book.codes])].assign(codebook=book.hash)
    if log is None:
        raise DataError("log: a judge's replies are kept; name a file, such as log='runs/judge.db'")
    from bartleby.analysis.coding.judge_codings import judge_codings
    from bartleby.verbs.logs import read
    from bartleby.verbs.running import run

    study = judging_study(source, book, samples=samples, context=context, counts=counts)
    run(study, coder, log=log, progress=progress)
    return judge_codings(read(log)).assign(codebook=book.hash)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever stands in a cell
    """Return a cell as a plain value; what is missing is None."""
    import pandas as pd

    if isinstance(value, (list, dict)):
        return None
    if pd.isna(value):
        return None
    item = getattr(value, "item", None)
    return item() if callable(item) else value
