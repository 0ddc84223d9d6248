"""What users do before a turn with a code: logistic regression on what happened at the turn and before it.

What the user's message answered by a turn does is at lag 0; what the one before it did, at lag 1.
The model's own earlier turn is in the regression too, since a code goes on by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import pandas as pd

from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.coded_turns import CodedTurns, previous, read_coded_turns
from bartleby.analysis.rates.effects import effects
from bartleby.analysis.sample.answer import estimator
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import as_names
from bartleby.errors import DataError, SettingError

__all__ = ["precedents"]

ADJUSTED_FOR = ("Intercept", "before_coded", "turn")


@estimator(course)
def precedents(
    turns: object,
    behaviours: str | Sequence[str],
    *,
    coded: str = "coded",
    lags: int | Sequence[int] = (0, 1),
    own_history: bool = True,
    conversation: str = "conversation",
    turn: str = "turn",
    also: str | Sequence[str] | None = None,
    cluster: str | bool | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    method: Literal["auto", "logistic", "firth"] = "auto",
    adjust: Adjustment | None = "holm",
) -> Estimates:
    """Estimate which behaviours of the user precede turns with a code.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns`).
    behaviours
        Columns of 1 and 0 that say what the message answered by the turn does: an insult, a request said
        again.
    coded
        Column of 1 and 0; missing where the coder gave no value.
    lags
        How many turns before, 0 being the message that the turn answers. A turn without so many turns before
        it is excluded.
    own_history
        Whether the code of the turn before is in the regression.
    conversation, turn
        Columns that say which turn it is; the turn is in the regression, as a line.
    also
        Further columns to adjust for.
    cluster
        One column, or two for two-way clustering (scenario and persona); None looks for one, as in `course`.
        Conversations within scenarios are allowed for by the scenarios.
    method
        `logistic`: maximum likelihood, undefined where the data are separated; `firth`: bias-reduced, with
        profile penalised-likelihood intervals; `auto`: `logistic`, or `firth` where they are separated.
    adjust
        `holm`, `bh` or None, over the behaviours of this call, at every lag and in every group.

    Returns
    -------
    Estimates
        As `effects`: `coefficient`, `odds_ratio` and `marginal_effect` (change of the chance of the code),
        with `p_value`, and `p_adjusted` of the behaviours. A behaviour at lag 0 has its own name,
        before it `before_` and `before_2_`.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Precedes is not causes: what users do depends on what was said before. Errors of whoever coded the turns
    draw these effects towards none if they do not depend on the behaviour, and anywhere if they do.

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
    >>> turns["press"] = (turns.index * 7 % 5 > 2).astype(int)
    >>> print(bb.patterns.precedents(turns, ["press"], lags=(0,)).verdict)
    Odds ratio: press 1.18 (95% interval 0.28 to 4.69), before_coded 131 (9 to 151217), turn 1.28
    (0.53 to 3.11) (all 120 observations used; 10 clusters by scenario; items as a random sample).
    """
    steps = sorted({lags} if isinstance(lags, int) else set(lags))
    if not steps or steps[0] < 0:
        raise SettingError(f"lags={lags!r}: must be numbers of turns, 0 or more")
    names, further = list(as_names(behaviours)), list(as_names(also))
    ways = [cluster] if isinstance(cluster, str) else list(cluster) if isinstance(cluster, Sequence) else []
    first = ways[0] if ways else cluster if isinstance(cluster, bool) else None
    others = list(dict.fromkeys([*further, *ways[1:]]))
    table = read_coded_turns(
        turns,
        coded=coded,
        conversation=conversation,
        turn=turn,
        cluster=first,
        by=by,
        others=others,
        flags=names,
    )
    data, tested = _lagged(table, names, steps)
    right = [*tested, *(["before_coded"] if own_history else []), *further, "turn"]
    kept = data.dropna(subset=[each for each in right if each in data])
    if kept.empty:
        raise DataError(f"lags={steps}: no conversation has so many turns before a coded one")
    kept = kept.assign(**{name: kept[name].astype(int) for name in tested})
    listed = " + ".join(name if name.isidentifier() else f"`{name}`" for name in right)
    fit = effects(
        kept,
        f"coded ~ {listed}",
        cluster=["_cluster", *ways[1:]],
        by=[name for name in table.groups if name != "model"],
        level=level,
        method=method,
    )
    frame = _adjusted(fit.frame, tested, adjust)
    without = len(data) - len(kept)
    lost = (f"{without} turns have not so many turns before them, or an empty column, and are excluded",)
    warnings = (*table.warnings, *fit.warnings, *(lost if without else ()))
    settings = {
        **fit.settings,
        "cluster": " and ".join([table.cluster, *ways[1:]]),
        "lags": steps,
        "family": f"{', '.join(tested)}, in every group of this call",
    }
    return dataclasses.replace(fit, frame=frame, warnings=warnings, settings=settings)


def _lagged(table: CodedTurns, names: Sequence[str], lags: Sequence[int]) -> tuple[pd.DataFrame, list[str]]:
    """Return coded turns with what happened before each, and the names of the columns that say it."""
    rows = table.rows
    made = {"coded": rows["_coded"], "turn": rows["_turn"], "before_coded": previous(rows["_coded"], rows, 1)}
    tested = []
    for name in names:
        for lag in lags:
            column = {0: name, 1: f"before_{name}"}.get(lag, f"before_{lag}_{name}")
            made[column] = previous(rows[name], rows, lag) if lag else rows[name]
            tested.append(column)
    kept = rows.drop(columns=[*names, "_coded", "_turn"])
    return pd.concat([kept, pd.DataFrame(made)], axis=1), tested


def _adjusted(frame: pd.DataFrame, tested: Sequence[str], adjust: Adjustment | None) -> pd.DataFrame:
    """Return the rows with p values adjusted over the tested terms; an odds ratio has its coefficient's."""
    frame = frame.assign(p_adjusted=float("nan"))
    for quantity in frame["quantity"].unique():
        mine = (frame["quantity"] == quantity) & frame["term"].isin(tested)
        frame.loc[mine, "p_adjusted"] = adjust_p(frame.loc[mine, "p_value"].to_numpy(dtype=float), adjust)
    return frame
