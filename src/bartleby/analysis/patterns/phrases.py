"""Phrases that set coded turns apart: weighted log-odds, with a prior that keeps rare words quiet.

A plain ratio of frequencies is led by words that occurred once. Here every phrase starts from its share in
all turns together, so it must be seen often to move; and its standard error is over conversations, because
one that says a phrase twenty times is one conversation.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.special import stdtr

from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.coded_turns import CodedTurns, read_coded_turns
from bartleby.analysis.sample.answer import Row, adjusted, answer, estimator
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import SettingError

__all__ = ["Contrasted", "log_odds", "phrases", "tokens"]

Floats = npt.NDArray[np.float64]

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


@dataclass(frozen=True, eq=False)
class Contrasted:
    """Phrases of coded turns against those of others (V,).

    Parameters
    ----------
    log_odds
        Difference of log-odds.
    std_error, df
        Over clusters, and never less than if every phrase said were independent.
    """

    log_odds: Floats
    std_error: Floats
    df: Floats


@estimator(course)
def phrases(
    turns: object,
    *,
    text: str = "text",
    coded: str = "coded",
    conversation: str = "conversation",
    turn: str = "turn",
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    longest: int = 2,
    least: int = 5,
    prior_size: float = 500.0,
    level: float = 0.95,
    adjust: Adjustment | None = "bh",
) -> Estimates:
    """Estimate which words and phrases set turns with a code apart from turns without it.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns` of `read_turns`).
    text
        Column of what was said.
    coded
        Column of 1 and 0; turns without a value are excluded.
    longest
        Words of the longest phrase.
    least
        Phrases said less often in all are excluded.
    prior_size
        Words that the prior is worth.
    adjust
        `bh`, `holm` or None, over the phrases of a group: with thousands of phrases, the share of false
        findings is what can be kept low.

    Returns
    -------
    Estimates
        One row a phrase, the most typical of coded turns first: the difference of log-odds, `p_value`,
        `p_adjusted`, `in_coded` and `in_others` (how often), `conversations` (clusters that say it).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Monroe, Colaresi & Quinn (2008), Political Analysis 16: 372-403, equations 15, 16, 20 and 22; phrases of
    each length are a vocabulary of their own. Their variance takes every word as independent; the larger of
    it and the one over clusters (linearised) is used, with degrees of freedom by the clusters that have
    the phrase. Words are runs of letters and digits in lower case; without spaces a run is one word.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (f"c{c}", f"s{c % 10}", turn, int(c % 3 == 0 and turn > 2))
    ...     for c in range(40)
    ...     for turn in (1, 2, 3, 4)
    ... ]
    >>> turns = pd.DataFrame(rows, columns=["conversation", "scenario", "turn", "coded"])
    >>> turns["text"] = turns["coded"].map({1: "please let me stop now", 0: "here is the list"})
    >>> print(bb.patterns.phrases(turns, longest=1).verdict)
    9 estimates from -0.46 (95% interval -0.70 to -0.23) for here to 1.38 (0.87 to 1.89) for stop;
    intervals above 0: 5, below it: 4 (all 160 observations used; 10 clusters by scenario; items as a
    random sample).
    """
    if longest < 1 or least < 1 or not prior_size > 0:
        raise SettingError(
            f"longest={longest!r}, least={least!r}, prior_size={prior_size!r}: must be 1 or more, "
            "1 or more, above 0"
        )
    table = read_coded_turns(
        turns, coded=coded, conversation=conversation, turn=turn, cluster=cluster, by=by, others=[text]
    )

    def rows_of(part: CodedTurns) -> Iterator[Row | str]:
        known = part.rows[part.rows["_coded"].notna()]
        if known["_coded"].nunique() < 2:
            yield f"{part.prefix}all turns are coded alike, so nothing sets them apart"
            return
        rows = [
            row
            for length in range(1, longest + 1)
            for row in _rows(known, text, length, (least, prior_size, level))
        ]
        if not rows:
            yield f"{part.prefix}no phrase was said {least} times or more"
        adjusted(rows, adjust)
        yield from sorted(rows, key=lambda row: (-row["estimate"] / row["std_error"], row["term"]))

    return answer(table, rows_of, settings={"family": "all phrases of a group"})


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case: runs of letters and digits, with apostrophes inside."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return _WORD.findall(plain)


def log_odds(coded: sparse.csr_array, others: sparse.csr_array, prior: Floats) -> Contrasted:
    """Return weighted log-odds of phrases with an informative Dirichlet prior.

    Parameters
    ----------
    coded, others
        How often each cluster says each phrase, in coded turns and in others (G, V).
    prior
        Pseudo-counts of the phrases (V,).

    Notes
    -----
    Monroe et al. (2008): delta = log((y + a) / (n + a0 - y - a)) of one less that of the other, variance
    1 / (y + a) of both. Over clusters: the sum of squares of each cluster's linearised contribution, times
    G / (G - 1).
    """
    weights, counts = [], []
    delta, plain = np.zeros(len(prior)), np.zeros(len(prior))
    for sign, table in ((1.0, coded), (-1.0, others)):
        said = np.asarray(table.sum(axis=0), dtype=float).ravel()
        mine, rest = said + prior, said.sum() + prior.sum() - said - prior
        delta += sign * np.log(mine / rest)
        plain += 1 / mine
        counts.append(said / max(float(said.sum()), 1.0))
        weights.append(sign * (1 / mine + 1 / rest))
    square, fourth, having = _cluster_moments((coded, others), counts, weights)
    groups = coded.shape[0]
    robust = square * groups / max(groups - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        peaked = fourth / square**2 - 1 / groups
        df = np.where(peaked > 0, 2 / peaked, np.inf)
    df = np.where(robust > plain, np.clip(df, 1.0, np.maximum(having - 1.0, 1.0)), np.inf)
    return Contrasted(delta, np.sqrt(np.maximum(robust, plain)), df)


def _cluster_moments(
    tables: tuple[sparse.csr_array, sparse.csr_array], shares: Sequence[Floats], weights: Sequence[Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return sums over clusters of squares and fourth powers of their contributions, and who has a phrase.

    A cluster contributes weight * (said - words * share) in both tables. Only what it says is written out:
    one that never says a phrase contributes -weight * words * share, whose sum of squares needs no table.
    """
    words = [np.asarray(table.sum(axis=1), dtype=float).ravel() for table in tables]
    slopes = [weight * share for weight, share in zip(weights, shares, strict=True)]
    silent = sum(
        np.outer(slopes[i] * slopes[j], [words[i] @ words[j]]).ravel() for i in (0, 1) for j in (0, 1)
    )
    one, other = (table.multiply(weight[None, :]) for table, weight in zip(tables, weights, strict=True))
    said = (one + other).tocsr()
    presence = ((tables[0] + tables[1]) > 0).astype(float).tocoo()
    row, column = presence.coords
    lacking = -sum(slope[column] * own[row] for slope, own in zip(slopes, words, strict=True))
    full = np.asarray(said[row, column]).ravel() + lacking
    size = presence.shape[1]
    square: Floats = np.maximum(silent + np.bincount(column, full**2 - lacking**2, size), 0.0)
    fourth: Floats = np.bincount(column, full**4, size).astype(float)
    return square, fourth, np.bincount(column, minlength=size).astype(float)


def _rows(
    part: pd.DataFrame, text: str, length: int, options: tuple[int, float, float]
) -> Iterator[dict[str, Any]]:
    least, prior_size, level = options
    vocabulary, tables = _counted(part, text, length, least)
    if not vocabulary or tables[0].shape[1] < 2:
        return
    said = [np.asarray(table.sum(axis=0), dtype=float).ravel() for table in tables]
    every = said[0] + said[1]
    found = log_odds(*tables, prior_size * every / every.sum())
    clusters = np.asarray(((tables[0] + tables[1]) > 0).sum(axis=0)).ravel()
    for index, phrase in enumerate(vocabulary):
        estimate, error, df = (
            float(found.log_odds[index]),
            float(found.std_error[index]),
            float(found.df[index]),
        )
        half = critical_value(level, df) * error
        yield {
            "term": phrase,
            "estimate": estimate,
            "std_error": error,
            "low": estimate - half,
            "high": estimate + half,
            "level": level,
            "n": float(every[index]),
            "n_clusters": float(clusters[index]),
            "method": "log-odds, informative Dirichlet prior, clusters",
            "p_value": float(2 * stdtr(min(df, 1e9), -abs(estimate) / error)),
            "df": df,
            "in_coded": float(said[0][index]),
            "in_others": float(said[1][index]),
            "words": length,
        }


def _counted(
    part: pd.DataFrame, text: str, length: int, least: int
) -> tuple[list[str], tuple[sparse.csr_array, sparse.csr_array]]:
    """Return phrases said often enough, and how often each cluster says them, and any other, by code."""
    where: list[Counter[tuple[int, str]]] = [Counter(), Counter()]
    lines = zip(part[text], part["_cluster"].astype(int), part["_coded"] == 1, strict=True)
    for line, cluster, shown in lines:
        if isinstance(line, str):
            words = tokens(line)
            own = (" ".join(words[at : at + length]) for at in range(len(words) - length + 1))
            where[0 if shown else 1].update((cluster, phrase) for phrase in own)
    totals: Counter[str] = Counter()
    for counts in where:
        for (_, phrase), count in counts.items():
            totals[phrase] += count
    vocabulary = sorted(phrase for phrase, count in totals.items() if count >= least)
    place = {phrase: at for at, phrase in enumerate(vocabulary)}
    # Phrases said too rarely to be told still count among all that was said: together they are the last.
    rare = len(vocabulary) < len(totals)
    shape = (int(part["_cluster"].max()) + 1, len(vocabulary) + rare)
    return vocabulary, (_table(where[0], place, shape), _table(where[1], place, shape))


def _table(
    counts: Counter[tuple[int, str]], place: dict[str, int], shape: tuple[int, int]
) -> sparse.csr_array:
    last = shape[1] - 1
    kept = [(cluster, place.get(phrase, last), count) for (cluster, phrase), count in counts.items()]
    row, column, value = np.array(kept, dtype=np.int64).reshape(-1, 3).T
    return sparse.coo_array((value.astype(float), (row, column)), shape=shape).tocsr()
