"""Coded conversations as arrays: who had shown the code by a turn, and who would had all stayed.

Functions of arrays; tables are elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from bartleby.analysis.inference.logistic import Cells, fit_firth

__all__ = ["Conversations", "aalen_johansen", "conversations", "incidence_counts", "staying_weights"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Conversations:
    """Coded conversations as arrays.

    Parameters
    ----------
    code
        1, 0, or NaN where not coded or not had, by conversation and turn (N, T).
    last
        Turns that were had (N,).
    left
        Whether the model left at the last of them (N,).
    cluster
        Code of the cluster (N,).
    """

    code: Floats
    last: Integers
    left: npt.NDArray[np.bool_]
    cluster: Integers

    @property
    def n_clusters(self) -> int:
        """The number of clusters."""
        return int(self.cluster.max()) + 1

    def there(self) -> npt.NDArray[np.bool_]:
        """Return whether a turn was had (N, T)."""
        return np.arange(1, self.code.shape[1] + 1) <= self.last[:, None]

    def by_cluster(self, values: Floats) -> Floats:
        """Return sums over the conversations of each cluster, of values (N, D)."""
        sums = np.zeros((self.n_clusters, values.shape[1]))
        np.add.at(sums, self.cluster, values)
        return sums

    def firsts(self) -> Floats:
        """Return how each conversation ended as one-hot (N, 3T): anyhow, with the code, by leaving before it.

        Notes
        -----
        Whether a turn that was not coded had the code is unknown: the conversation is censored
        before it. A turn with the code at which the model also left counts as coded: it wrote, then left.
        """
        size, turns = self.code.shape
        coded, unknown = self.code == 1, np.isnan(self.code) & self.there()
        first = np.where(coded.any(axis=1), coded.argmax(axis=1) + 1, turns + 1)
        seen = np.where(unknown.any(axis=1), unknown.argmax(axis=1), self.last)
        shows = first <= seen
        leaves = ~shows & self.left & (seen == self.last)
        time = np.where(shows, first, seen)
        ended = np.zeros((size, 3, turns))
        rows = np.flatnonzero(time > 0)
        for kind, chosen in enumerate((np.ones(size, dtype=bool), shows, leaves)):
            use = rows[chosen[rows]]
            ended[use, kind, time[use] - 1] = 1.0
        return ended.reshape(size, 3 * turns)


def conversations(part: pd.DataFrame) -> Conversations:
    """Return checked turns of one group as arrays."""
    where, turn = part["_conversation"].to_numpy(), part["_turn"].to_numpy(dtype=np.int64)
    size, last_of_all = int(where.max()) + 1, int(turn.max())
    code = np.full((size, last_of_all), np.nan)
    code[where, turn - 1] = part["_coded"].to_numpy(dtype=float)
    last, left, cluster = (np.zeros(size, dtype=kind) for kind in (np.int64, bool, np.int64))
    # Rows are in order of turns, so the last to be written is the last that was had.
    last[where], left[where] = turn, part["_exited"].to_numpy(dtype=bool)
    cluster[where] = part["_cluster"].to_numpy()
    return Conversations(code, last, left, cluster)


def aalen_johansen(sums: Floats) -> Floats:
    """Return cumulative incidences (..., 2T): with the code, and left before it.

    Parameters
    ----------
    sums
        From `Conversations.firsts`, summed (..., 3T): ended at each turn anyhow, with the code, by leaving.

    Notes
    -----
    Aalen & Johansen (1978): the sum over turns of S(t - 1) d(t) / Y(t), S falling by both kinds of end. NaN
    once no conversation is at risk while some may still show the code.
    """
    turns = sums.shape[-1] // 3
    ended, shows, leaves = (sums[..., index * turns : (index + 1) * turns] for index in range(3))
    at_risk = np.cumsum(ended[..., ::-1], axis=-1)[..., ::-1]
    known = at_risk > 0.5
    safe = np.where(known, at_risk, 1.0)
    falls = np.where(known, 1 - (shows + leaves) / safe, 1.0)
    free = np.cumprod(falls, axis=-1)
    before = np.concatenate([np.ones_like(free[..., :1]), free[..., :-1]], axis=-1)
    over = ~known & (before > 1e-12)
    steps = [np.where(over, np.nan, before * each / safe) for each in (shows, leaves)]
    return np.concatenate([np.cumsum(step, axis=-1) for step in steps], axis=-1)


def incidence_counts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return conversations by cluster and turn (G, T): with the code by then, left before it, and all.

    Parameters
    ----------
    sums
        From `Conversations.firsts`, by cluster (G, 3T).

    Notes
    -----
    A conversation that was cut off is made up for by those that went on: each counts one over the chance of
    not having been cut off before (Robins & Rotnitzky 1992), and then the shares are Aalen & Johansen's, as
    one share of counts at each turn. Counts are scaled to how many conversations are known by then.
    """
    turns = sums.shape[-1] // 3
    ended, shows, leaves = (sums[:, index * turns : (index + 1) * turns] for index in range(3))
    at_risk = np.cumsum(ended[:, ::-1], axis=1)[:, ::-1]
    events, everyone = (shows + leaves).sum(axis=0), at_risk.sum(axis=0)
    stayed = everyone - events
    kept = np.divide(everyone[1:], stayed[:-1], out=np.ones(turns - 1), where=stayed[:-1] > 0)
    # Once no conversation is left, later turns weigh nothing.
    uncut = np.cumprod(np.append(1.0, np.where(kept > 0, kept, 1.0)))
    seen = (stayed + np.cumsum(events)) / everyone[0]
    coded, left = (np.cumsum(kind / uncut, axis=1) for kind in (shows, leaves))
    free = (at_risk - shows - leaves) / uncut
    return coded * seen, left * seen, (coded + left + free) * seen


def staying_weights(data: Conversations) -> Floats:
    """Return one over the chance of each conversation of still being there, by turn (N, T); 0 once gone."""
    there = data.there()
    listed = np.nan_to_num(data.code) * there
    stays = _chance_of_staying(listed, there)
    weight = np.ones_like(data.code)
    for index in range(weight.shape[1] - 1):
        weight[:, index + 1] = weight[:, index] / np.maximum(
            stays[index, listed[:, index].astype(np.int64)], 1e-12
        )
    return weight * there


def _chance_of_staying(shown: Floats, there: npt.NDArray[np.bool_]) -> Floats:
    """Return the chance of a further turn after each turn (T - 1, 2), without and with the code at it."""
    turns = there.shape[1]
    n, gone = np.zeros((turns - 1, 2)), np.zeros((turns - 1, 2))
    for index in range(turns - 1):
        for value in (0, 1):
            here = there[:, index] & (shown[:, index] == value)
            n[index, value], gone[index, value] = here.sum(), (here & ~there[:, index + 1]).sum()
    stays = np.ones((turns - 1, 2))
    vary = np.flatnonzero((gone.sum(axis=1) > 0) & (gone.sum(axis=1) < n.sum(axis=1)))
    if len(vary) == 0:
        return stays
    use = n[vary].ravel() > 0
    both = (n[vary].sum(axis=0) > 0).all()
    design = np.repeat(np.eye(len(vary)), 2, axis=0)
    if both:
        design = np.column_stack([design, np.tile([0.0, 1.0], len(vary))])
    if np.linalg.matrix_rank(design[use]) < design.shape[1]:
        design = design[:, : len(vary)]
    fit = fit_firth(Cells(design[use], gone[vary].ravel()[use], n[vary].ravel()[use]))
    stays[vary] = 1 - expit(design @ fit.beta).reshape(-1, 2)
    return stays
