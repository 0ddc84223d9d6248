"""Bartleby measures what language models would prefer not to do.

Six verbs, the same here and on the command line: `load`, `check`, `run` (`collect` in async code), `read`,
`choice_model` and its fellow estimators, `report`. Everything is imported when it is first used, so that
`import bartleby` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bartleby.analysis.agreement import agreement
    from bartleby.analysis.choice_model import choice_model
    from bartleby.analysis.choice_sets import choice_sets
    from bartleby.analysis.coder_agreement import coder_agreement
    from bartleby.analysis.commitment import stated_and_revealed
    from bartleby.analysis.differences import difference
    from bartleby.analysis.effects import effects
    from bartleby.analysis.expected import expected_choices
    from bartleby.analysis.framing import flips
    from bartleby.analysis.predictive_fit import predictive_fit
    from bartleby.analysis.prevalence import label_next, prevalence
    from bartleby.analysis.rates import rate
    from bartleby.analysis.transitivity import transitivity
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
    "agreement",
    "check",
    "choice_model",
    "choice_sets",
    "coder_agreement",
    "collect",
    "difference",
    "effects",
    "expected_choices",
    "export",
    "flips",
    "init",
    "label_next",
    "load",
    "load_tasks",
    "open_model",
    "predictive_fit",
    "prevalence",
    "rate",
    "read",
    "report",
    "run",
    "stated_and_revealed",
    "status",
    "transitivity",
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
    "agreement": "analysis.agreement",
    "check": "verbs",
    "choice_model": "analysis.choice_model",
    "choice_sets": "analysis.choice_sets",
    "coder_agreement": "analysis.coder_agreement",
    "collect": "verbs",
    "difference": "analysis.differences",
    "effects": "analysis.effects",
    "expected_choices": "analysis.expected",
    "export": "verbs",
    "flips": "analysis.framing",
    "init": "verbs",
    "label_next": "analysis.prevalence",
    "load": "studies.load",
    "load_tasks": "studies.loading",
    "open_model": "collectors.models",
    "predictive_fit": "analysis.predictive_fit",
    "prevalence": "analysis.prevalence",
    "rate": "analysis.rates",
    "read": "verbs",
    "report": "verbs",
    "run": "verbs",
    "stated_and_revealed": "analysis.commitment",
    "status": "verbs",
    "transitivity": "analysis.transitivity",
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
