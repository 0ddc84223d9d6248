"""How often nominal 95% intervals of patterns in coded conversations hold the truth.

    python -m benchmarks.coding_patterns --save patterns.jsonl
    python -m benchmarks.coding_patterns --only triggers --replications 200

Conversations of new scenarios, which differ in how often the code is shown; the model leaves more often after
it. The truth is what the estimator finds in 20,000 conversations of as many scenarios. `usual` takes every
conversation for a cluster of its own, and for phrases every word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy import sparse
from scipy.special import expit

from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.patterns.co_occurrence import co_occurrence
from bartleby.analysis.patterns.codes_before_exit import coded_before_exit
from bartleby.analysis.patterns.episodes import episodes
from bartleby.analysis.patterns.phrases import log_odds
from bartleby.analysis.patterns.precedents import precedents
from bartleby.analysis.patterns.triggers import around_trigger
from bartleby.analysis.tables.estimates import Estimates

LEVEL = 0.95
TURNS = 8
Floats = npt.NDArray[np.float64]


def turns_of(rng: np.random.Generator, scenarios: int, repeats: int, spread: float) -> pd.DataFrame:
    """Return coded turns: insults of the user come at random, and raise the chance of the code at that turn.

    Every conversation has an insult for the first time at a turn of its own, and others later. The code goes
    on by itself, and the model leaves more often at and after a turn with it.
    """
    size = scenarios * repeats
    scenario = np.repeat(np.arange(scenarios), repeats)
    own = rng.normal(-1.5, spread, scenarios)[scenario]
    first = rng.integers(2, TURNS, size)
    here, before = np.ones(size, dtype=bool), np.zeros(size)
    parts = []
    for turn in range(1, TURNS + 1):
        insult = ((turn == first) | ((turn > first) & (rng.random(size) < 0.3))).astype(int)
        coded = (rng.random(size) < expit(own + 1.0 * before + 1.0 * insult)).astype(int)
        other = (rng.random(size) < expit(-1.0 + 1.2 * coded)).astype(int)
        leaves = here & (rng.random(size) < expit(-3.5 + 1.0 * coded + 1.0 * before))
        parts.append(
            pd.DataFrame(
                {
                    "conversation": np.arange(size),
                    "scenario": scenario,
                    "turn": turn,
                    "coded": coded,
                    "other": other,
                    "insult": insult,
                    "exited": leaves.astype(int),
                }
            )[here]
        )
        here, before = here & ~leaves, coded
    return pd.concat(parts, ignore_index=True)


def pattern(
    estimate: Callable[[pd.DataFrame, str], Estimates],
    wanted: Callable[[pd.DataFrame], pd.Series[bool]],
    scenarios: int,
    repeats: int,
) -> Scenario:
    """Return the intervals of the wanted rows of an estimator, by scenario and by conversation."""
    large = estimate(turns_of(np.random.default_rng(0), 20_000, 1, 1.0), "scenario").frame
    truth = {_name(row): float(row["estimate"]) for row in _rows(large, wanted)}

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        data = turns_of(rng, scenarios, repeats, 1.0)
        for name, cluster in (("", "scenario"), ("usual: ", "conversation")):
            for row in _rows(estimate(data, cluster).frame, wanted):
                yield f"{name}{_name(row)}", float(row["low"]), float(row["high"]), truth[_name(row)]

    return one_by_one(replicate)


def _rows(
    frame: pd.DataFrame, wanted: Callable[[pd.DataFrame], pd.Series[bool]]
) -> list[dict[str, float | str]]:
    return [{str(key): each for key, each in row.items()} for row in frame[wanted(frame)].to_dict("records")]


def _name(row: dict[str, float | str]) -> str:
    return f"{row['quantity']}, {row['term']}"


def triggers(scenarios: int, repeats: int) -> Scenario:
    """Return the difference of the code after and before the first insult."""
    return pattern(
        lambda data, cluster: around_trigger(data, "insult", exited="exited", cluster=cluster),
        lambda frame: frame["quantity"] == "difference",
        scenarios,
        repeats,
    )


def exits(scenarios: int, repeats: int) -> Scenario:
    """Return shares of exits that were preceded by the code, and the hazard after it."""
    return pattern(
        lambda data, cluster: coded_before_exit(data, cluster=cluster),
        lambda frame: frame["quantity"].isin(["preceded", "excess", "coefficient", "left_afterwards"]),
        scenarios,
        repeats,
    )


def insults(scenarios: int, repeats: int) -> Scenario:
    """Return the effect of an insult at the turn and before it."""
    return pattern(
        lambda data, cluster: precedents(data, "insult", lags=[0, 1], cluster=cluster),
        lambda frame: (
            frame["quantity"].isin(["coefficient", "marginal_effect"])
            & frame["term"].isin(["insult", "before_insult"])
        ),
        scenarios,
        repeats,
    )


def together(scenarios: int, repeats: int) -> Scenario:
    """Return how the code goes with another one."""
    return pattern(
        lambda data, cluster: co_occurrence(data, ["coded", "other"], cluster=cluster),
        lambda frame: frame["quantity"].isin(["odds_ratio", "phi", "kappa"]),
        scenarios,
        repeats,
    )


def clustering(scenarios: int, repeats: int) -> Scenario:
    """Return how the code goes on from turn to turn."""
    return pattern(
        lambda data, cluster: episodes(data, cluster=cluster),
        lambda frame: frame["estimate"].notna() & frame["low"].notna(),
        scenarios,
        repeats,
    )


def phrases(conversations: int, words: int, likeness: float) -> Scenario:
    """Return the log-odds of three words of a vocabulary of 50 between coded and other turns.

    Parameters
    ----------
    conversations
        Half their words are in coded turns.
    words
        Words of a conversation in each kind of turn.
    likeness
        How alike the words of a conversation are: correlation of its draws.
    """
    share = 1 / np.arange(2.0, 52.0)
    share = share / share.sum()
    tilts = (np.where(np.arange(50) == 9, 2.0, 1.0), np.ones(50))
    shown = (0, 9, 40)

    def chances(rng: np.random.Generator, size: int) -> list[Floats]:
        # What a conversation is about is the same in both kinds of turns.
        own = rng.standard_gamma(np.ones((size, 50)) * (1 / likeness - 1) * share)
        return [own * tilt / (own * tilt).sum(axis=1, keepdims=True) for tilt in tilts]

    coded, others = (each.mean(axis=0) for each in chances(np.random.default_rng(0), 100_000))
    truth = np.log(coded / (1 - coded)) - np.log(others / (1 - others))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        tables = [
            sparse.csr_array(rng.multinomial(words, chance).astype(float))
            for chance in chances(rng, conversations)
        ]
        every = np.asarray((tables[0] + tables[1]).sum(axis=0)).ravel()
        prior = 10 * every / every.sum()
        found = log_odds(tables[0], tables[1], prior)
        plain = np.sqrt(sum(1 / (np.asarray(each.sum(axis=0)).ravel() + prior) for each in tables))
        for at in shown:
            name = f"word {at + 1} of 50"
            half = critical_value(LEVEL, float(found.df[at])) * found.std_error[at]
            yield name, found.log_odds[at] - half, found.log_odds[at] + half, truth[at]
            half = critical_value(LEVEL) * plain[at]
            yield f"usual: {name}", found.log_odds[at] - half, found.log_odds[at] + half, truth[at]

    return one_by_one(replicate)


def scenarios() -> dict[str, Callable[[], Scenario]]:
    """Return what is simulated, made only when it is asked for, since each looks for its truth first."""
    found: dict[str, Callable[[], Scenario]] = {}
    for size, repeats in ((40, 10), (12, 20)):
        where = f"{size} scenarios of {repeats}"
        for name, make in (
            ("triggers", triggers),
            ("before exits", exits),
            ("precedents", insults),
            ("co-occurrence", together),
            ("episodes", clustering),
        ):
            found[f"{name}, {where}"] = partial(make, size, repeats)
    found["phrases, 200 conversations of 100 words"] = partial(phrases, 200, 50, 0.05)
    found["phrases, 30 conversations of 1,000 words"] = partial(phrases, 30, 500, 0.05)
    return found


class _Later:
    """A scenario that is made when it is first run."""

    def __init__(self, make: Callable[[], Scenario]) -> None:
        self.make = make
        self.made: Scenario | None = None

    def __call__(self, rng: np.random.Generator, replications: int) -> Iterator[Covered]:
        if self.made is None:
            self.made = self.make()
        return self.made(rng, replications)


SCENARIOS: dict[str, Scenario] = {name: _Later(make) for name, make in scenarios().items()}

if __name__ == "__main__":
    main(SCENARIOS, __doc__ or "")
