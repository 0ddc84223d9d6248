"""How long a model stays: Kaplan-Meier over whole turns, from counts, with intervals that respect clusters.

Conversations of one scenario end alike, so Greenwood's formula, which takes each as a draw of its own,
promises far too much: its 95% intervals held the truth 62% of the time. Here the variance is that of
scenarios, by their influence on the curve. Functions of arrays; tables are elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bartleby.analysis.exits.survival_variance import Influence, clustered, independent, stratified
from bartleby.analysis.inference.intervals import RateFit, critical_value, wilson
from bartleby.errors import DataError

__all__ = ["Curve", "Stays", "kaplan_meier"]

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
        place = rows * last + self.time - 1
        shape = (size, last)
        ended: Floats = np.bincount(place, self.weight, size * last).astype(float).reshape(shape)
        exits = np.bincount(place, self.weight * self.exited, size * last).astype(float).reshape(shape)
        at_risk: Floats = np.cumsum(ended[:, ::-1], axis=1)[:, ::-1]
        return exits, at_risk


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
        takes t turns. The interval is on the logit scale between 1 and the horizon. Where nothing varies
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
    Kaplan & Meier (1958), with exits before censorings in a turn. Intervals are on the log(-log) scale
    (Kalbfleisch & Prentice 1980). Without clusters: Greenwood's variance and z. With them: the influence of
    each cluster on log S, as the infinitesimal jackknife of R's `survfit(cluster=)`, corrected as CR2 (Bell &
    McCaffrey 2002) in the saturated model of one hazard a turn, with degrees of freedom as in
    `intervals.clustered_variance`. Where that is wider than if every cluster were one conversation, it is cut
    there. While nobody has left, or once everybody has, log(-log) has no meaning and score bounds of the
    share are taken, so that 0 of n is not an interval of no width. Nothing is known of a hazard that one
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
    low, high, methods = _bounds(staying, influence, (risk, exits), level)
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
    staying: Floats, influence: Influence, counts: tuple[Floats, Floats], level: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return bounds of the curve at each turn, and how each was got."""
    risk, exits = counts
    variance, df = influence.of_log_curve()
    low, high = np.full(len(staying), np.nan), np.full(len(staying), np.nan)
    methods = []
    for at, stay in enumerate(staying):
        spread = influence.effective_n(risk[:, at])
        critical = critical_value(level, df[at]) if df[at] > 0 else math.nan
        if stay >= 1:
            low[at] = wilson(1.0, *spread.at(level))[0] if spread.known else math.nan
            high[at] = 1.0 if spread.known else math.nan
            methods.append(f"wilson {influence.kind}, nobody has left")
        elif stay <= 0:
            before = 1.0 if at == 0 else float(high[at - 1])
            if exits[at] > 0:
                high[at] = before * (wilson(0.0, *spread.at(level))[1] if spread.known else math.nan)
            else:
                high[at] = before
            low[at] = 0.0 if not math.isnan(high[at]) else math.nan
            methods.append(f"wilson {influence.kind}, everybody has left")
        elif variance[at] > 0:
            half = critical * math.sqrt(variance[at])
            alone = influence.alone(at, level)
            half = min(half, alone) / abs(math.log(stay))
            low[at], high[at] = stay ** math.exp(min(half, 700.0)), stay ** math.exp(-half)
            methods.append(f"log-log {influence.kind}, {influence.method}")
        else:
            methods.append("undefined, a turn was had in one cluster alone")
    return low, high, tuple(methods)
