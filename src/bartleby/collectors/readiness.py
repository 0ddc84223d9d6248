"""Whether a run would start: the model is opened as a run opens it, and asked nothing of the study."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bartleby.collectors.fitting import fitted, frozen, misfits, opened
from bartleby.collectors.frozen import Frozen
from bartleby.collectors.models.base import Model, TransientError
from bartleby.collectors.models.registry import open_model
from bartleby.collectors.opening import no_name_of_a_log, obstacle
from bartleby.collectors.pilot import Pilot, pilot_in
from bartleby.collectors.retry import NO_USER
from bartleby.collectors.schema import open_to_read
from bartleby.errors import BartlebyError
from bartleby.studies.study import Study

__all__ = ["Readiness", "readiness"]


@dataclass(frozen=True)
class Readiness:
    """Whether a study can be run on a model, and as what.

    Parameters
    ----------
    study
        The study as the model would be asked it, as far as that is known.
    refusals
        What a run would refuse.
    pilot
        What was answered already, where a log is named.
    """

    study: Study
    refusals: tuple[str, ...] = ()
    pilot: Pilot | None = None


async def readiness(
    study: Study,
    model: Model | str,
    *,
    user: Model | str | None = None,
    log: Path | None = None,
    offline: bool = False,
) -> Readiness:
    """Return whether a run would start.

    Parameters
    ----------
    study
        The study.
    model, user
        The model, and the one that plays the user, or their names.
    log
        The log of the run, which may be begun.
    offline
        Send nothing: names are checked, and keys and servers are not.
    """
    refusals = [f"study {study.name!r}: {NO_USER}"] if study.needs_user() and user is None else []
    resolved = study
    async with AsyncExitStack() as stack:
        try:
            subject = open_model(model) if isinstance(model, str) else model
            player = open_model(user) if isinstance(user, str) else user
            if not offline:
                able = await opened(stack, subject, 1)
                player_able = None
                if player is not None and study.needs_user():
                    player_able = able if user == model else await opened(stack, player, 1)
                problems = misfits(study, able.name, able.capabilities)
                refusals += problems
                if not problems:
                    resolved = fitted(study, able.name, able.capabilities)
                    if log is not None:
                        refusals += _of_log(log, frozen(resolved, able, player_able))
        except (BartlebyError, TransientError, OSError) as error:
            refusals.append(str(error))
    try:
        pilot = _pilot(log)
    except BartlebyError as error:
        pilot, refusals = None, [*refusals, str(error)]
    return Readiness(resolved, tuple(dict.fromkeys(refusals)), pilot)


def _of_log(log: Path, record: Frozen) -> list[str]:
    problem = no_name_of_a_log(log)
    if problem is not None or not log.is_file():
        return [] if problem is None else [problem]
    with open_to_read(log) as connection:
        problem = obstacle(log, connection, record)
    return [] if problem is None else [problem]


def _pilot(log: Path | None) -> Pilot | None:
    if log is None or no_name_of_a_log(log) is not None or not log.is_file():
        return None
    with open_to_read(log) as connection:
        return pilot_in(connection)
