"""The likelihood of a choice from a set: conditional logit, and rankings as choices one after another.

McFadden (1974); a ranking is a sequence of choices from what is left (Plackett 1975; Luce 1959).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.bradley_terry import Evaluation

__all__ = ["SetDesign"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SetDesign:
    """Alternatives, one a row, sorted by the set they are offered in.

    Parameters
    ----------
    X
        Features of each alternative in the estimated parameters (R, q).
    stage
        Set of each alternative, 0, 1, ... in order (R,).
    """

    X: Floats
    stage: Integers

    @property
    def n_estimated(self) -> int:
        """Number of estimated parameters."""
        return int(self.X.shape[1])

    @property
    def numbers(self) -> int:
        """Numbers that one data set of a batch takes while it is evaluated."""
        return int(self.X.size * 3)

    def start(self) -> Floats:
        """Return where to start."""
        return np.zeros(self.n_estimated)

    def probabilities(self, estimated: Floats) -> tuple[Floats, Floats]:
        """Return log probabilities of the alternatives (R,) and their features less the mean (R, q)."""
        score = self.X @ estimated
        starts = np.flatnonzero(np.diff(self.stage, prepend=-1))
        score = score - np.maximum.reduceat(score, starts)[self.stage]
        log_probability = score - np.log(np.add.reduceat(np.exp(score), starts))[self.stage]
        weighted = np.exp(log_probability)[:, None] * self.X
        return log_probability, self.X - np.add.reduceat(weighted, starts, axis=0)[self.stage]

    def evaluate(self, counts: Floats, estimated: Floats, *, penalised: bool) -> Evaluation:
        """Return the likelihood with its derivatives; counts are choices by alternative (B or 1, R)."""
        parts = [
            self._one(counts[0 if len(counts) == 1 else at], each, penalised=penalised)
            for at, each in enumerate(estimated)
        ]
        objective, score, information, curvature = (np.array([part[at] for part in parts]) for at in range(4))
        return Evaluation(objective, score, information, curvature)

    def _one(
        self, counts: Floats, estimated: Floats, *, penalised: bool
    ) -> tuple[float, Floats, Floats, Floats]:
        log_probability, centred = self.probabilities(estimated)
        total = np.bincount(self.stage, counts)[self.stage]
        weight = total * np.exp(log_probability)
        objective = float(counts @ log_probability)
        score = counts @ centred
        information = centred.T @ (weight[:, None] * centred)
        if not penalised:
            return objective, score, information, information
        sign, log_determinant = np.linalg.slogdet(information)
        if sign <= 0:
            return -np.inf, score, information, information
        size = np.einsum("rq,rq->r", centred @ np.linalg.inv(information), centred)
        leverage = np.bincount(self.stage, weight * size)[self.stage]
        pseudo = weight * (1 + leverage / np.where(total > 0, total, 1.0))
        curvature = centred.T @ (pseudo[:, None] * centred)
        score = score + 0.5 * (weight * size) @ centred
        return objective + 0.5 * float(log_determinant), score, information, curvature
