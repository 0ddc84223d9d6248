"""Many studies on many models: each pair in its own log, one summary line each, whatever becomes of others.

A provider's limits are shared by all that ask it, so pairs that ask one provider run one after another, each
with all the concurrency that the model is worth; pairs that ask different providers run side by side. In
batches, which take their time and no concurrency, all pairs do.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from bartleby.collectors.summary import RunSummary
from bartleby.errors import BartlebyError, LogError, SettingError
from bartleby.exchange import content_hash
from bartleby.studies.study import Study
from bartleby.visible import Printed

__all__ = [
    "BadStudy",
    "BatterySummary",
    "Pair",
    "PairSummary",
    "collect_battery",
    "log_name",
    "logs_in",
    "pairs_of",
]

SUFFIX = ".db"


@dataclass(frozen=True)
class BadStudy:
    """A study file that cannot be used, and why."""

    name: str
    error: BartlebyError


@dataclass(frozen=True)
class Pair:
    """One study on one model.

    Parameters
    ----------
    study
        The study; or what was to be one, and why it is none.
    model, user
        Names of the model, and of the one that plays the user, where there is one.
    log
        Its log.
    """

    study: Study | BadStudy
    model: str
    user: str | None
    log: Path

    @property
    def providers(self) -> list[str]:
        """Return whose limits it shares, in one order for all pairs."""
        return sorted({name.partition("/")[0] for name in (self.model, self.user) if name is not None})


@dataclass(frozen=True, repr=False)
class PairSummary(Printed):
    """What became of a pair.

    Parameters
    ----------
    pair
        Which.
    summary
        What its run did; None where it failed.
    failure
        Why it failed, in words.
    """

    pair: Pair
    summary: RunSummary | None = None
    failure: str | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        if self.summary is None:
            said = " ".join((self.failure or "").split())
            return f"FAILED {self.pair.log}: {self.pair.study.name} on {self.pair.model}: {said}"
        new = f"{self.summary.replies} new replies in {self.summary.seconds:.1f} s"
        pilot = self.summary.pilot_of
        return f"{self.summary.status}; {new}" + (f"; a pilot of {pilot} trials" if pilot else "")


@dataclass(frozen=True, repr=False)
class BatterySummary(Printed):
    """What became of all pairs, in the order given."""

    pairs: Sequence[PairSummary] = field(default_factory=tuple)

    @property
    def failed(self) -> list[PairSummary]:
        """Return the pairs that failed."""
        return [each for each in self.pairs if each.summary is None]

    def to_dict(self) -> dict[str, Any]:
        """Return the summaries as JSON values: `runs`, each with its summary or why it failed."""
        return {
            "runs": [
                {
                    "study": each.pair.study.name,
                    "model": each.pair.model,
                    "log": str(each.pair.log),
                    "summary": None if each.summary is None else each.summary.to_dict(),
                    "failure": each.failure,
                }
                for each in self.pairs
            ]
        }

    def __str__(self) -> str:
        """Say it in one line a pair, and one for all."""
        return "\n".join([*map(str, self.pairs), self.last_line()])

    def last_line(self) -> str:
        """Say in one line how many came to their end."""
        stopped = sum(each.summary is not None and each.summary.stopped is not None for each in self.pairs)
        done = len(self.pairs) - len(self.failed) - stopped
        told = f"; {stopped} were stopped and can be resumed" if stopped else ""
        return f"{done} of {len(self.pairs)} runs came to their end{told}"


Collect = Callable[[Study, Pair], Awaitable[RunSummary]]
"""How a pair is run."""


async def collect_battery(
    pairs: Sequence[Pair],
    collect: Collect,
    told: Callable[[PairSummary], None] | None = None,
    *,
    together: bool = False,
) -> BatterySummary:
    """Run every pair; one that fails is told of and leaves the others as they are.

    Parameters
    ----------
    pairs
        Which.
    collect
        How one of them is run.
    told
        Called as each ends.
    together
        Whether pairs that ask one provider run side by side as well.

    Raises
    ------
    asyncio.CancelledError
        If it was cancelled; every log can be resumed.
    """
    turns = {name: asyncio.Lock() for pair in pairs for name in pair.providers}

    async def one(pair: Pair) -> PairSummary:
        async with AsyncExitStack() as stack:
            for name in () if together else pair.providers:
                await stack.enter_async_context(turns[name])
            ended = await _outcome(pair, collect)
        if told is not None:
            told(ended)
        return ended

    tasks = [asyncio.create_task(one(pair)) for pair in pairs]
    try:
        return BatterySummary(tuple(await asyncio.gather(*tasks)))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outcome(pair: Pair, collect: Collect) -> PairSummary:
    if isinstance(pair.study, BadStudy):
        return PairSummary(pair, failure=str(pair.study.error))
    try:
        return PairSummary(pair, await collect(pair.study, pair))
    except BartlebyError as error:
        return PairSummary(pair, failure=str(error))
    except Exception as error:  # whatever it is, the others have their night
        return PairSummary(pair, failure=f"{type(error).__name__}: {error}")


def pairs_of(
    studies: Sequence[Study | BadStudy], models: Sequence[str], folder: Path, user: str | None = None
) -> list[Pair]:
    """Return every study on every model, with the log of each pair in a folder.

    Raises
    ------
    SettingError
        If no study or no model is named, or one is named twice; all such problems at once.
    """
    problems = [f"no {what} is named" for what, given in (("study", studies), ("model", models)) if not given]
    for what, names in (("study", [each.name for each in studies]), ("model", list(models))):
        twice = [name for name, count in Counter(names).items() if count > 1]
        problems += [f"the {what} {name!r} is named twice; each pair has one log" for name in twice]
    if problems:
        raise SettingError("; ".join(problems))
    pairs = []
    for study, model in product(studies, models):
        played = user if isinstance(study, Study) and study.needs_user() else None
        pairs.append(Pair(study, model, played, folder / log_name(_stem(study), model, played)))
    return pairs


def _stem(study: Study | BadStudy) -> str:
    return study.name if isinstance(study, Study) else Path(study.name).stem


def log_name(study: str, model: str, user: str | None = None) -> str:
    """Return the name of the log of a pair: readable, and another one for every pair.

    What a file name cannot hold is replaced; a short hash then tells apart what that made alike.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", model)
    exact = plain == model.replace("/", "-", 1) and user is None
    return f"{study}--{plain}{'' if exact else '-' + content_hash([model, user], 6)}{SUFFIX}"


def logs_in(folder: Path) -> list[Path]:
    """Return the logs of a run directory and of those in it, by name.

    Raises
    ------
    LogError
        If there are none.
    """
    found = sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file() and path.stat().st_size)
    if not found:
        raise LogError(f"{folder}: there is no log in this directory (no file that ends in {SUFFIX})")
    return found
