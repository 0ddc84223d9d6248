"""Bartleby measures what language models would prefer not to do.

Six verbs, the same here and on the command line: `load`, `check`, `run` (`collect` in async code), `read`,
`choice_model` and its fellow estimators, `report`. Everything is imported when it is first used, so that
`import bartleby` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bartleby.analysis.choice_model import choice_model
    from bartleby.analysis.differences import difference
    from bartleby.analysis.effects import effects
    from bartleby.analysis.expected import expected_choices
    from bartleby.analysis.rates import rate
    from bartleby.collectors.models import open_model
    from bartleby.collectors.models.simulated import SimulatedModel
    from bartleby.errors import BartlebyError
    from bartleby.exchange import Settings
    from bartleby.outcome import Outcome
    from bartleby.studies.design.graphs import AllPairs, SparsePairs, SwissRounds
    from bartleby.studies.items import Task
    from bartleby.studies.load import load
    from bartleby.studies.loading import load_tasks
    from bartleby.studies.paradigms.task_choice import TaskChoice
    from bartleby.studies.study import Study
    from bartleby.verbs import check, collect, export, init, read, report, run, status

__all__ = [
    "AllPairs",
    "BartlebyError",
    "Outcome",
    "Settings",
    "SimulatedModel",
    "SparsePairs",
    "Study",
    "SwissRounds",
    "Task",
    "TaskChoice",
    "check",
    "choice_model",
    "collect",
    "difference",
    "effects",
    "expected_choices",
    "export",
    "init",
    "load",
    "load_tasks",
    "open_model",
    "rate",
    "read",
    "report",
    "run",
    "status",
]

_WHERE = {
    "AllPairs": "studies.design.graphs",
    "BartlebyError": "errors",
    "Outcome": "outcome",
    "Settings": "exchange",
    "SimulatedModel": "collectors.models.simulated",
    "SparsePairs": "studies.design.graphs",
    "Study": "studies.study",
    "SwissRounds": "studies.design.graphs",
    "Task": "studies.items",
    "TaskChoice": "studies.paradigms.task_choice",
    "check": "verbs",
    "choice_model": "analysis.choice_model",
    "collect": "verbs",
    "difference": "analysis.differences",
    "effects": "analysis.effects",
    "expected_choices": "analysis.expected",
    "export": "verbs",
    "init": "verbs",
    "load": "studies.load",
    "load_tasks": "studies.loading",
    "open_model": "collectors.models",
    "rate": "analysis.rates",
    "read": "verbs",
    "report": "verbs",
    "run": "verbs",
    "status": "verbs",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("bartleby")
    if name not in _WHERE:
        raise AttributeError(f"module 'bartleby' has no attribute {name!r}")
    return getattr(import_module(f"bartleby.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
