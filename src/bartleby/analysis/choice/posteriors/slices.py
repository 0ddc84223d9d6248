"""Steps for any likelihood of pairs: slices of ellipses about a normal approximation of it.

Models with ties by Rao and Kupper or with an outcome `neither` have no draw that is independent of where the
chain is, so their steps are shorter than those of choices between two items.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.choice.posteriors.normals import normal_parts
from bartleby.analysis.choice.posteriors.priors import Choose, Prior

__all__ = ["PairSlices", "slices_of"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SETTLED = 120
"""Steps that are not kept."""
_SETTLING = (10, 20, 40, 60, 80)
"""Steps of these after which the sampler learns from what it has seen."""


@dataclass(eq=False)
class PairSlices:
    """Any likelihood of pairs: elliptical slice sampling about a normal approximation of it.

    Parameters
    ----------
    design, counts
        What was shown, and the outcomes in each cell (M, A), divided by the overdispersion.
    precision, shift
        The approximation: exp(shift'x - x' precision x / 2).

    Notes
    -----
    Murray, Adams & MacKay (2010) for a normal prior, which here is the prior times the approximation, and a
    likelihood, which here is what the approximation leaves over: exact whatever the approximation, and the
    quicker to forget the better it is. `settle` takes the mean score and information over draws so far, so
    that the approximation is right on average over the posterior and not only at its top, which matters
    where an item never won.
    """

    design: PairDesign
    counts: Floats
    precision: Floats
    shift: Floats
    _seen: list[Floats] = field(default_factory=list, repr=False)

    @property
    def settled(self) -> int:
        """Steps after which draws are worth keeping."""
        return _SETTLED

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters."""
        total = np.broadcast_to(self.precision, (len(now), *self.precision.shape))
        mean, turned = normal_parts(total, self.shift, prior, rng)
        away = now - mean
        level = self._left(now) + np.log(rng.random(len(now)))
        angle = rng.uniform(0, 2 * np.pi, len(now))
        low, high = angle - 2 * np.pi, angle.copy()
        result = now.copy()
        open_ = np.arange(len(now))
        while len(open_):
            cosine, sine = np.cos(angle[open_])[:, None], np.sin(angle[open_])[:, None]
            tried = mean[open_] + cosine * away[open_] + sine * turned[open_]
            fine = self._left(tried) >= level[open_]
            result[open_[fine]] = tried[fine]
            open_ = open_[~fine]
            negative = angle[open_] < 0
            low[open_[negative]], high[open_[~negative]] = angle[open_[negative]], angle[open_[~negative]]
            angle[open_] = rng.uniform(low[open_], high[open_])
        return result

    def one_by_one(self, now: Floats, columns: Integers, choose: Choose) -> Floats:
        """Return parameters as they are: nothing is normal given all others."""
        return now

    def settle(self, now: Floats, step: int) -> None:
        """Learn the approximation from parameters drawn so far, after some of the steps."""
        if step not in _SETTLING:
            return
        self._seen.append(now)
        seen = np.concatenate(self._seen[-8:])
        found = self.design.evaluate(self.counts[None], seen, penalised=False)
        self.precision = found.information.mean(axis=0)
        self.shift = found.score.mean(axis=0) + self.precision @ seen.mean(axis=0)

    def log_likelihood(self, now: Floats) -> Floats:
        """Return the log likelihood (K,); minus infinity where a parameter is not allowed."""
        local = self.design.local(now)
        exact: Floats = np.einsum("ma,kma->k", self.counts, self.design.kernel.log_probability(local))
        if self.design.kernel.ties == "rao-kupper":
            exact = np.where(local[..., -1].min(axis=1) > 0, exact, -np.inf)
        return exact

    def _left(self, estimated: Floats) -> Floats:
        """Return the log likelihood less that of the approximation (K,)."""
        near = estimated @ self.shift - 0.5 * np.einsum(
            "kp,pq,kq->k", estimated, self.precision, estimated, optimize=True
        )
        left: Floats = self.log_likelihood(estimated) - near
        return left


def slices_of(design: PairDesign, counts: Floats, estimated: Floats) -> PairSlices:
    """Return the steps for any likelihood of pairs, beginning with the normal approximation at an estimate.

    Parameters
    ----------
    design, counts
        As in `PairSlices`.
    estimated
        Parameters (q,).
    """
    found = design.evaluate(counts[None], estimated[None], penalised=False)
    precision = found.information[0]
    return PairSlices(design, counts, precision, found.score[0] + precision @ estimated)
