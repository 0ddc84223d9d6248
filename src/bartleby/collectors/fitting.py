"""Before anything is asked: models are opened and probed, and the study is fitted to what they can do."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields, replace
from itertools import product

from bartleby.collectors.environment import redact
from bartleby.collectors.frozen import Frozen, freeze
from bartleby.collectors.models.base import Capabilities, Model, TransientError
from bartleby.collectors.models.caching import Caching, Repeats
from bartleby.collectors.retry import waiting_time
from bartleby.errors import BartlebyError, ModelError, StudyError
from bartleby.exchange import Settings
from bartleby.studies.study import Study

__all__ = ["Opened", "cached", "fitted", "frozen", "misfits", "opened"]

_LOGGER = logging.getLogger(__name__)
MOMENT = 1.0
"""Seconds after which it is said that a model is being probed."""
ALWAYS_ACCEPTED = frozenset({"max_tokens", "system"})


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that is open, and what it can do."""

    model: Model
    name: str
    capabilities: Capabilities


async def opened(stack: AsyncExitStack, model: Model, max_attempts: int) -> Opened:
    """Open a model for as long as the stack lasts, and ask what it can do."""
    # What takes a moment needs no line: a simulated model, a server that is quick to answer.
    line = asyncio.get_running_loop().call_later(
        MOMENT, _LOGGER.info, "%s: finding out what it can do", model.name
    )
    try:
        entered = await stack.enter_async_context(model)
        return Opened(entered, entered.name, await _probe(entered, max_attempts))
    except (BartlebyError, TransientError, OSError):
        raise
    except Exception as error:  # a model may be other people's code
        raise _broken(model, error) from error
    finally:
        line.cancel()


def frozen(study: Study, subject: Opened, user: Opened | None) -> Frozen:
    """Return what the log of this run keeps of its study and models."""
    about = subject.capabilities.description
    if user is None:
        return freeze(study, subject.name, about)
    return freeze(study, subject.name, about, user.name, user.capabilities.description)


def _broken(model: Model, error: Exception) -> ModelError:
    return ModelError(f"{model.name}: cannot be opened: {redact(f'{type(error).__name__}: {error}')}")


async def _probe(model: Model, max_attempts: int) -> Capabilities:
    """Ask what a model can do, again after failures that may pass."""
    for count in range(1, max_attempts + 1):
        try:
            return await model.capabilities()
        except TransientError as error:
            if count == max_attempts:
                raise ModelError(f"{model.name}: cannot be reached: {error}") from error
            seconds = waiting_time(count, error.retry_after)
            _LOGGER.warning("%s: %s; asked again in %.0f s", model.name, redact(str(error)), seconds)
            await asyncio.sleep(seconds)
        except BartlebyError:
            raise
        except Exception as error:  # a model may be other people's code, and a server answer anything
            raise _broken(model, error) from error
    raise ModelError(f"{model.name}: cannot be reached")


def misfits(study: Study, model: str, capabilities: Capabilities) -> list[str]:
    """Return why a study cannot be run on this model, each with the repair; nothing where it can."""
    return _strange_settings(study, model, capabilities) + study.unsupported(capabilities.channels, model)


def fitted(study: Study, model: str, capabilities: Capabilities) -> Study:
    """Return the study as this model will be asked it.

    Raises
    ------
    StudyError
        With everything that this model cannot be asked.
    """
    problems = misfits(study, model, capabilities)
    if problems:
        raise StudyError("\n".join(problems))
    settings = study.settings
    if settings.max_tokens is None:
        settings = replace(settings, max_tokens=capabilities.ceiling or settings.ceiling)
    return replace(study, settings=settings).for_channels(capabilities.channels, model)


def _strange_settings(study: Study, model: str, capabilities: Capabilities) -> list[str]:
    default = Settings()
    names = {each.name for each in fields(Settings)} - ALWAYS_ACCEPTED - capabilities.settings
    wrong = sorted(name for name in names if getattr(study.settings, name) != getattr(default, name))
    if not wrong:
        return []
    given = ", ".join(f"{name}={getattr(study.settings, name)!r}" for name in wrong)
    allowed = ", ".join(sorted(ALWAYS_ACCEPTED | capabilities.settings))
    return [f"study {study.name!r} sets {given}, which {model} does not accept; allowed: {allowed}"]


def cached(model: Opened, study: Study, *, cache: bool) -> Opened:
    """Return a model that has what the study repeats kept by its provider, where there is such a thing.

    What is done is added to its description.
    """
    if not isinstance(model.model, Caching):
        return model
    levels = product(*study.conditions.values())
    cells = [dict(zip(study.conditions, each, strict=True)) for each in levels]
    repeats = Repeats(max(map(study.paradigm.asks, cells), default=1), study.samples)
    told = model.model.cache(repeats if cache else None)
    about = {**model.capabilities.description, "prompt_caching": told}
    return replace(model, capabilities=replace(model.capabilities, description=about))
