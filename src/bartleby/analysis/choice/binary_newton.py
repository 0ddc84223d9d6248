"""Newton's method for replicates of choices between two that differ much from the full data.

Sparse data have replicates whose information is little like that of the full data; each of these gets its
own, all of a batch being solved together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.binary_form import BinaryForm, logistic
from bartleby.analysis.choice.binary_replicates import Pull

__all__ = ["newton"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_ROUNDS = 60
_TOLERANCE = 1e-6
"""Logits: Newton's last step, beyond which the error is of its square."""
_LONGEST_STEP = 2.0
_BATCH_NUMBERS = 2_000_000


def newton(form: BinaryForm, won: Floats, total: Floats, pull: Pull) -> tuple[Floats, Booleans]:
    """Maximise the likelihoods of replicates, with a weak normal pull.

    Parameters
    ----------
    form
        What was shown.
    won
        What choices of the first item add to the score, by parameter and replicate (q, b).
    total
        Choices by cell and replicate (C, b).
    pull
        Towards the estimate of the full data, from which the search starts.

    Returns
    -------
    estimates (q, b), converged (b,)
    """
    step = max(1, _BATCH_NUMBERS // len(pull.centre) ** 2)
    parts = [
        _batch(form, won[:, at : at + step], total[:, at : at + step], pull)
        for at in range(0, won.shape[1], step)
    ]
    return np.concatenate([part[0] for part in parts], axis=1), np.concatenate([p[1] for p in parts])


def _batch(form: BinaryForm, won: Floats, total: Floats, pull: Pull) -> tuple[Floats, Booleans]:
    size, number = len(pull.centre), won.shape[1]
    now = pull.start(number)
    converged = np.zeros(number, dtype=bool)
    active = np.arange(number)
    diagonal = np.arange(size)
    for _ in range(_ROUNDS):
        share = logistic(form.logits(now[:, active].T))
        expected = total[:, active] * share
        score = won[:, active].T - form.score(expected) + pull.score(now[:, active]).T
        information = form.information(expected * (1 - share))
        information[:, diagonal, diagonal] += pull.weight
        step = np.linalg.solve(information, score[..., None])[..., 0].T
        length = np.abs(step).max(axis=0, initial=0.0)
        # A step of at most 2 logits keeps Newton's method on a concave function from overshooting.
        now[:, active] += step * np.minimum(1.0, _LONGEST_STEP / np.maximum(length, 1e-300))
        done = length < _TOLERANCE
        converged[active[done]] = True
        active = active[~done]
        if len(active) == 0:
            break
    return now, converged
