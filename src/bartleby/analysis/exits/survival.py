"""How long a model stays: Kaplan-Meier over whole turns, from counts, with intervals that respect clusters.

Conversations of one scenario end alike, so Greenwood's formula, which takes each as a draw of its own,
promises far too much: its 95% intervals held the truth 62% of the time. Here the variance is that of
scenarios, by their influence on the curve. Functions of arrays; tables are elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bartleby.analysis.exits.survival_variance import Influence, clustered, independent, stratified
from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import (
    RateFit,
    clustered_rate,
    critical_value,
    independent_rate,
    wilson,
)
from bartleby.analysis.inference.stratified import stratified_rate
from bartleby.analysis.inference.unit_means import mean_within
from bartleby.errors import DataError

__all__ = ["Curve", "Stays", "kaplan_meier"]

Kind: TypeAlias = Literal["rows", "clusters", "these"]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stays:
    """Conversations, counted: how long each went and whether it ended in an exit.

    Parameters
    ----------
    time
        Turn of the exit, or number of turns that were had without one, 1 or more (m,).
    exited
        Whether it ended in an exit; if not, it is censored after its last turn (m,).
    weight
        Conversations of this kind (m,).
    cluster
        Code of the cluster, from 0 (m,); None if conversations are independent.
    """

    time: Integers
    exited: npt.NDArray[np.bool_]
    weight: Floats
    cluster: Integers | None = None

    def n_clusters(self) -> float:
        """Return the number of clusters, or of conversations where these are independent."""
        return float(self.weight.sum()) if self.cluster is None else len(np.unique(self.cluster))

    def counted(self) -> tuple[Floats, Floats]:
        """Return exits and conversations at risk by cluster and turn (G, T); G is 1 without clusters."""
        last = int(self.time.max())
        rows = np.zeros(len(self.time), dtype=np.int64) if self.cluster is None else self.cluster
        size = int(rows.max()) + 1
        position = rows * last + self.time - 1
        shape = (size, last)
        ended: Floats = np.bincount(position, self.weight, size * last).astype(float).reshape(shape)
        exits = np.bincount(position, self.weight * self.exited, size * last).astype(float).reshape(shape)
        at_risk: Floats = np.cumsum(ended[:, ::-1], axis=1)[:, ::-1]
        return exits, at_risk


@dataclass(frozen=True, eq=False)
class Status:
    """How many conversations of each cluster are known to have left by each turn.

    Parameters
    ----------
    left, stayed
        Conversations that had left by the turn, and that are known to have stayed beyond it (G, T). Each
        stands for itself and for those like it that were censored before.
    seen
        Which part of all conversations is known by itself (T,).
    kind
        `rows`, `clusters` or `these`: what varies.

    Notes
    -----
    Weights are one over the chance of not having been censored before (Robins & Rotnitzky 1992); then the
    share that stayed is Kaplan & Meier's, turn by turn. For intervals counts are scaled to what was seen.
    """

    left: Floats
    stayed: Floats
    seen: Floats
    kind: Kind

    @classmethod
    def of(cls, exits: Floats, risk: Floats, kind: Kind) -> Status:
        """Return it from exits and conversations at risk by cluster and turn (G, T)."""
        total, everyone = exits.sum(axis=0), risk.sum(axis=0)
        stayed = everyone - total
        # The chance of not being censored after turns 1 to t - 1: what is left at t of those who stayed.
        kept = np.divide(everyone[1:], stayed[:-1], out=np.ones(len(total) - 1), where=stayed[:-1] > 0)
        uncensored = np.cumprod(np.append(1.0, kept))
        known = stayed + np.cumsum(total)
        left = np.cumsum(exits / uncensored, axis=1)
        return cls(left, (risk - exits) / uncensored, known / everyone[0], kind)

    def is_rate(self, at: int) -> bool:
        """Whether the share that had left is a rate: with clusters, or while nobody was censored before."""
        return self.kind != "rows" or bool(self.seen[at] >= 1 - 1e-12)

    def leaving(self, at: int, level: float) -> RateFit:
        """Return the share that had left by a turn, with its interval."""
        left = self.left[:, at] * self.seen[at]
        n = left + self.stayed[:, at] * self.seen[at]
        if self.kind == "rows":
            return independent_rate(float(left.sum()), float(n.sum()), level)
        if self.kind == "these":
            return stratified_rate(left, n, level)
        fit = clustered_rate(left, n, level)
        # Weights of those censored before say less of how scenarios differ than answers do. Without them it
        # is the rate of exits, and stays that.
        return fit if self.seen[at] >= 1 - 1e-12 else with_room(fit, int(np.count_nonzero(n)), level)

    def mean(self, staying: Floats, level: float) -> RateFit:
        """Return the mean of turns stayed beyond the first, given the curve up to the horizon (H - 1,)."""
        upto = np.minimum(np.arange(len(staying)), len(self.seen) - 1)
        # Once nobody stays there is no turn to be seen, and all is known.
        stayed = self.stayed[:, upto] * (np.arange(len(staying)) < len(self.seen))
        n = self.left[:, upto] + self.stayed[:, upto]
        seen = float(self.seen[upto].mean())
        squares = float((2 * np.arange(len(staying)) + 1) @ staying)
        variance = squares - float(staying.sum()) ** 2
        return mean_within(
            stayed.sum(axis=1) * seen, n.mean(axis=1) * seen, variance=variance, top=len(staying), level=level
        )


@dataclass(frozen=True, eq=False)
class Curve:
    """A Kaplan-Meier curve over turns 1 to T.

    Parameters
    ----------
    turn, at_risk, exits, censored
        Conversations in which the turn was had, that ended in an exit at it, and that ended after it
        without one (T,).
    staying
        Chance of staying beyond the turn (T,).
    std_error, low, high, df
        Of `staying` (T,); NaN where undefined.
    methods
        In words (T,).
    influence
        What the variance of anything made of the curve is computed from.
    status
        What is known at each turn of those who had left by then.
    n, n_clusters
        Conversations, and clusters of them.
    """

    turn: Integers
    at_risk: Floats
    exits: Floats
    censored: Floats
    staying: Floats
    std_error: Floats
    low: Floats
    high: Floats
    df: Floats
    methods: tuple[str, ...]
    influence: Influence = field(repr=False)
    status: Status = field(repr=False)
    n: float
    n_clusters: float

    @property
    def known_to(self) -> float:
        """The last turn that is known: infinite once nobody stays."""
        return math.inf if self.staying[-1] <= 0 else float(self.turn[-1])

    def restricted_mean(self, horizon: int, level: float) -> RateFit:
        """Return the mean number of turns stayed, of the first `horizon`.

        Parameters
        ----------
        horizon
            A turn within `known_to`.
        level
            Of the interval.

        Notes
        -----
        The area under the curve from 0 to the horizon, 1 + S(1) + ... + S(horizon - 1), for an exit at turn t
        takes t turns. With clusters that are a sample the interval is that of a mean within limits
        (`mean_within`), otherwise it is on the logit scale between 1 and the horizon. Where nothing varies
        (nobody left before the horizon, or everybody at one turn) it is the area under the bounds of the
        curve.
        """
        if not 1 <= horizon <= self.known_to:
            raise DataError(
                f"horizon={horizon!r}: must lie between 1 and {self.known_to:g}, the last turn known"
            )
        upto = min(horizon - 1, len(self.turn))
        stays = np.zeros(horizon - 1)
        stays[:upto] = self.staying[:upto]
        mean = 1.0 + float(stays.sum())
        if horizon == 1:
            return RateFit(
                mean, math.nan, math.nan, math.nan, math.nan, "1 by definition, horizon of one turn"
            )
        area = np.cumsum(stays[::-1])[::-1][:upto]
        variance, df = self.influence.of(area)
        if variance > 0 and self.influence.share is not None:
            fit = self.status.mean(stays, level)
            if not math.isnan(fit.low):
                return RateFit(mean, math.sqrt(variance), 1 + fit.low, 1 + fit.high, df, fit.method)
        if variance > 0:
            error, room = math.sqrt(variance), horizon - 1.0
            part = (mean - 1.0) / room
            half = critical_value(level, df) * error / room / (part * (1 - part))
            low, high = (1.0 + room * float(expit(logit(part) + side)) for side in (-half, half))
            return RateFit(
                mean, error, low, high, df, f"logit {self.influence.kind}, {self.influence.method}"
            )
        if math.isnan(variance):
            return RateFit(mean, math.nan, math.nan, math.nan, math.nan, "undefined, one cluster")
        ends = [
            np.append(bound, np.full(horizon, bound[-1]))[: horizon - 1] for bound in (self.low, self.high)
        ]
        low, high = (1.0 + float(end.sum()) for end in ends)
        return RateFit(mean, math.nan, low, high, df, "bounds of the curve, nothing varies")


def kaplan_meier(stays: Stays, level: float, *, these_items: bool = False) -> Curve:
    """Return the Kaplan-Meier curve of conversations over whole turns.

    Parameters
    ----------
    stays
        The conversations.
    level
        Of the intervals.
    these_items
        Whether the question is about exactly these clusters, asked again.

    Raises
    ------
    DataError
        There is no conversation, or a time below 1.

    Notes
    -----
    Kaplan & Meier (1958), with exits before censorings in a turn. Where nobody was censored before a turn the
    curve is a rate, and has the interval of that rate. Elsewhere, with clusters: the same of rates in which
    every conversation whose state is known weighs as many as it stands for (`Status`). Without clusters:
    Greenwood's variance and z on the log(-log) scale (Kalbfleisch & Prentice 1980); while nobody has left, or
    once everybody has, that has no meaning and score bounds of the share are taken, so that 0 of n is not an
    interval of no width.

    Standard errors: Greenwood's; or the influence of each cluster on log S, as the infinitesimal jackknife of
    R's `survfit(cluster=)`, corrected as CR2 (Bell & McCaffrey 2002) in the saturated model of one hazard a
    turn, with degrees of freedom as in `intervals.clustered_variance`. Nothing is known of a hazard that one
    cluster alone was exposed to: from there on the interval is NaN.
    """
    if len(stays.time) == 0 or stays.weight.sum() <= 0:
        raise DataError("time: there is no conversation in which a turn was had")
    if stays.time.min() < 1:
        raise DataError(f"time: {int(stays.time.min())}: turns count from 1")
    by_cluster, risk = stays.counted()
    exits, at_risk = by_cluster.sum(axis=0), risk.sum(axis=0)
    staying = np.cumprod(1 - exits / at_risk)
    # Rounding must not keep a curve from reaching 0, or a curve without exits from staying at 1.
    staying[np.cumsum(exits >= at_risk) > 0] = 0.0
    influence = _influence(stays, by_cluster, risk, these_items=these_items)
    variance, df = influence.of_log_curve()
    error = staying * np.sqrt(variance)
    kind: Kind = "rows" if stays.cluster is None else "these" if these_items else "clusters"
    status = Status.of(by_cluster, risk, kind)
    low, high, methods = _bounds(staying, influence, status, (risk, exits), level)
    ended = at_risk - np.append(at_risk[1:], 0.0)
    error = np.where((staying > 0) & (staying < 1) & (variance > 0), error, np.nan)
    return Curve(
        turn=np.arange(1, len(staying) + 1),
        at_risk=at_risk,
        exits=exits,
        censored=ended - exits,
        staying=staying,
        std_error=error,
        low=low,
        high=high,
        df=df,
        methods=methods,
        influence=influence,
        status=status,
        n=float(stays.weight.sum()),
        n_clusters=stays.n_clusters(),
    )


def _influence(stays: Stays, exits: Floats, risk: Floats, *, these_items: bool) -> Influence:
    if stays.cluster is None:
        return independent(exits, risk)
    if these_items:
        return stratified(stays.time, stays.exited, stays.weight, stays.cluster)
    return clustered(exits, risk)


def _bounds(
    staying: Floats, influence: Influence, status: Status, counts: tuple[Floats, Floats], level: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return bounds of the curve at each turn, and how each was got."""
    risk, exits = counts
    variance, df = influence.of_log_curve()
    low, high = np.full(len(staying), np.nan), np.full(len(staying), np.nan)
    methods = []
    for index, stay in enumerate(staying):
        if math.isnan(variance[index]):
            methods.append("undefined, a turn was had in one cluster alone")
        elif status.is_rate(index):
            fit = status.leaving(index, level)
            low[index], high[index] = 1 - fit.high, 1 - fit.low
            methods.append(fit.method)
        elif 0 < stay < 1:
            half = critical_value(level, df[index]) * math.sqrt(variance[index]) / abs(math.log(stay))
            low[index], high[index] = stay ** math.exp(min(half, 700.0)), stay ** math.exp(-half)
            methods.append(f"log-log {influence.kind}, {influence.method}")
        elif stay >= 1:
            low[index], high[index] = wilson(1.0, float(risk[:, index].sum()), critical_value(level))[0], 1.0
            methods.append("wilson z, nobody has left")
        else:
            before = 1.0 if index == 0 else float(high[index - 1])
            last = wilson(0.0, float(risk[:, index].sum()), critical_value(level))[1]
            low[index], high[index] = 0.0, before * last if exits[index] > 0 else before
            methods.append("wilson z, everybody has left")
    return low, high, tuple(methods)
