"""How likely each outcome of one paired choice is: the likelihoods behind the choice model.

A trial shows item i first and item j second. With utilities u in logits and slot effect s, the outcomes
have these probabilities, each model containing Bradley & Terry (1952) as the case without ties and exits:

- `multinomial`: proportional to exp(u_i + s/2) for the first, exp(u_j - s/2) for the second,
  exp(log_nu + (u_i + u_j)/2) for a tie (Davidson 1970; with an order effect Davidson & Beaver 1977) and
  exp(u_neither) for taking neither. The slot effect is split evenly so that swapping the two items changes
  its sign and nothing else.
- `rao_kupper`: first L(u_i - u_j + s - t), second L(u_j - u_i - s - t), tie the rest, where L is the
  logistic function and t > 0 (Rao & Kupper 1967; t is the logarithm of their theta).

Everything works on a batch of B parameter vectors at once and on M cells (combinations of what was shown),
in *local* parameters: the few that bear on one cell. `bradley_terry` knows which they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LocalTerms", "PairKernel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LocalTerms:
    """The likelihood at one batch of local parameters.

    Parameters
    ----------
    log_probability
        Logarithms of the probabilities of the outcomes (B, M, A).
    gradient
        Their derivatives by the local parameters (B, M, A, L).
    curvature
        Their second derivatives (B, M, A, L, L), or None where these are the same for all outcomes of a
        cell (the multinomial model), in which case nothing here depends on them.
    """

    log_probability: Floats
    gradient: Floats
    curvature: Floats | None


@dataclass(frozen=True)
class PairKernel:
    """Which outcomes a paired choice has and which parameters they depend on.

    The local parameters are, in this order: utility of the first item, utility of the second, slot, tie,
    utility of taking neither; each of the last three only where the model has it.

    Parameters
    ----------
    slot
        Whether there is a slot effect.
    ties
        `none`, `davidson` or `rao-kupper`.
    neither
        Whether taking neither is an outcome.
    """

    slot: bool = True
    ties: str = "none"
    neither: bool = False

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes in order."""
        tie = ("tie",) if self.ties != "none" else ()
        return ("first", "second", *tie, *(("neither",) if self.neither else ()))

    @property
    def n_local(self) -> int:
        """Local parameters of a cell."""
        return 2 + self.slot + (self.ties != "none") + self.neither

    @property
    def features(self) -> Floats:
        """Features of the outcomes in the local parameters (A, L), for the multinomial model."""
        rows = {
            "first": [1.0, 0.0, 0.5, 0.0, 0.0],
            "second": [0.0, 1.0, -0.5, 0.0, 0.0],
            "tie": [0.5, 0.5, 0.0, 1.0, 0.0],
            "neither": [0.0, 0.0, 0.0, 0.0, 1.0],
        }
        present = np.array([True, True, self.slot, self.ties != "none", self.neither])
        return np.array([rows[name] for name in self.outcomes])[:, present]

    def terms(self, local: Floats) -> LocalTerms:
        """Return the likelihood at local parameters (B, M, L)."""
        if self.ties == "rao-kupper":
            return _rao_kupper(local, slot=self.slot)
        return _multinomial(local, self.features)

    def log_probability(self, local: Floats) -> Floats:
        """Return only the logarithms of the probabilities (B, M, A)."""
        if self.ties == "rao-kupper":
            return _rao_kupper_probability(local, slot=self.slot)
        return _log_softmax(local @ self.features.T)


def _log_softmax(scores: Floats) -> Floats:
    highest = scores.max(axis=-1, keepdims=True)
    shifted = scores - highest
    normalised: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def _multinomial(local: Floats, features: Floats) -> LocalTerms:
    log_probability = _log_softmax(local @ features.T)
    expected = np.exp(log_probability) @ features
    return LocalTerms(log_probability, features - expected[..., None, :], None)


def _log_logistic(value: Floats) -> Floats:
    result: Floats = -np.logaddexp(0.0, -value)
    return result


def _rao_kupper_arguments(local: Floats, *, slot: bool) -> tuple[Floats, Floats, Floats]:
    """Return the arguments of the two logistic functions, and the threshold."""
    difference = local[..., 0] - local[..., 1] + (local[..., 2] if slot else 0.0)
    threshold = np.maximum(local[..., -1], 1e-8)
    return difference - threshold, -difference - threshold, threshold


def _rao_kupper_probability(local: Floats, *, slot: bool) -> Floats:
    first, second, threshold = _rao_kupper_arguments(local, slot=slot)
    log_first, log_second = _log_logistic(first), _log_logistic(second)
    # 1 - L(d - t) - L(-d - t) = (exp(2t) - 1) L(d - t) L(-d - t), without cancellation.
    log_tie = np.log(np.expm1(2 * threshold)) + log_first + log_second
    return np.stack([log_first, log_second, log_tie], axis=-1)


def _rao_kupper(local: Floats, *, slot: bool) -> LocalTerms:
    first, second, threshold = _rao_kupper_arguments(local, slot=slot)
    direction = np.array([1.0, -1.0, *([1.0] if slot else []), 0.0])
    along = np.zeros_like(direction)
    along[-1] = 1.0
    up, down = direction - along, -direction - along
    fail_first, fail_second = 1 / (1 + np.exp(first)), 1 / (1 + np.exp(second))
    ease = np.exp(2 * threshold) / np.expm1(2 * threshold)
    gradient_first = fail_first[..., None] * up
    gradient_second = fail_second[..., None] * down
    gradient_tie = gradient_first + gradient_second + 2 * ease[..., None] * along
    bend_first = -(fail_first * (1 - fail_first))[..., None, None] * np.outer(up, up)
    bend_second = -(fail_second * (1 - fail_second))[..., None, None] * np.outer(down, down)
    slope = -4 * ease * (ease - 1)
    bend_tie = bend_first + bend_second + slope[..., None, None] * np.outer(along, along)
    return LocalTerms(
        _rao_kupper_probability(local, slot=slot),
        np.stack([gradient_first, gradient_second, gradient_tie], axis=-2),
        np.stack([bend_first, bend_second, bend_tie], axis=-3),
    )
