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
    from bartleby.analysis.co_occurrence import co_occurrence
    from bartleby.analysis.coded import judge_codings, units_table
    from bartleby.analysis.coded_turns import coded_turns
    from bartleby.analysis.coder_agreement import coder_agreement
    from bartleby.analysis.commitment import stated_and_revealed
    from bartleby.analysis.course import course
    from bartleby.analysis.differences import difference
    from bartleby.analysis.distress_exits import coded_before_exit
    from bartleby.analysis.effects import effects
    from bartleby.analysis.episodes import episode_kinds, episode_table, episodes
    from bartleby.analysis.exit_branches import branch_contrast
    from bartleby.analysis.exit_contrasts import corrected_rate
    from bartleby.analysis.exit_kinds import absent_where, specificity, wrong_exits
    from bartleby.analysis.exit_margins import exit_margins
    from bartleby.analysis.exit_order import order_effect
    from bartleby.analysis.exit_rules import follows_request, last_resort
    from bartleby.analysis.exits import exits
    from bartleby.analysis.expected import expected_choices
    from bartleby.analysis.framing import flips
    from bartleby.analysis.hazard import hazard
    from bartleby.analysis.phrases import phrases
    from bartleby.analysis.precedents import precedents
    from bartleby.analysis.predictive_fit import predictive_fit
    from bartleby.analysis.prevalence import label_next, prevalence
    from bartleby.analysis.rates import rate
    from bartleby.analysis.refusal_exit import refusal_by_exit
    from bartleby.analysis.self_report import self_report
    from bartleby.analysis.transitivity import transitivity
    from bartleby.analysis.triggers import around_trigger
    from bartleby.coding import code, judging_study
    from bartleby.collectors.models import open_model
    from bartleby.collectors.models.leaving import ExitRule
    from bartleby.collectors.models.simulated import SimulatedModel
    from bartleby.collectors.turn_texts import read_turns
    from bartleby.errors import BartlebyError
    from bartleby.exchange import Settings
    from bartleby.labelling import read_labels
    from bartleby.outcome import Outcome
    from bartleby.studies.batteries import Battery, Statement
    from bartleby.studies.caps import Caps
    from bartleby.studies.codebook import Codebook, load_codebook
    from bartleby.studies.design.graphs import AllPairs, SparsePairs, SwissRounds
    from bartleby.studies.items import Task
    from bartleby.studies.load import load
    from bartleby.studies.loading import load_battery, load_scenarios, load_tasks
    from bartleby.studies.paradigms.branches import Branch
    from bartleby.studies.paradigms.end_conversation import EndConversation
    from bartleby.studies.paradigms.exits.wordings import ExitWording
    from bartleby.studies.paradigms.judging import Judging
    from bartleby.studies.paradigms.opt_out import OptOut
    from bartleby.studies.paradigms.task_choice import TaskChoice
    from bartleby.studies.scenarios import Scenario
    from bartleby.studies.study import Study
    from bartleby.verbs import branches, check, collect, export, init, read, report, run, run_battery, status

__all__ = [
    "AllPairs",
    "BartlebyError",
    "Battery",
    "Branch",
    "Caps",
    "Codebook",
    "EndConversation",
    "ExitRule",
    "ExitWording",
    "Judging",
    "OptOut",
    "Outcome",
    "Scenario",
    "Settings",
    "SimulatedModel",
    "SparsePairs",
    "Statement",
    "Study",
    "SwissRounds",
    "Task",
    "TaskChoice",
    "absent_where",
    "agreement",
    "around_trigger",
    "branch_contrast",
    "branches",
    "check",
    "choice_model",
    "choice_sets",
    "co_occurrence",
    "code",
    "coded_before_exit",
    "coded_turns",
    "coder_agreement",
    "collect",
    "corrected_rate",
    "course",
    "difference",
    "effects",
    "episode_kinds",
    "episode_table",
    "episodes",
    "exit_margins",
    "exits",
    "expected_choices",
    "export",
    "flips",
    "follows_request",
    "hazard",
    "init",
    "judge_codings",
    "judging_study",
    "label_next",
    "last_resort",
    "load",
    "load_battery",
    "load_codebook",
    "load_scenarios",
    "load_tasks",
    "open_model",
    "order_effect",
    "phrases",
    "precedents",
    "predictive_fit",
    "prevalence",
    "rate",
    "read",
    "read_labels",
    "read_turns",
    "refusal_by_exit",
    "report",
    "run",
    "run_battery",
    "self_report",
    "specificity",
    "stated_and_revealed",
    "status",
    "transitivity",
    "units_table",
    "wrong_exits",
]

_WHERE = {
    "AllPairs": "studies.design.graphs",
    "BartlebyError": "errors",
    "Battery": "studies.batteries",
    "Branch": "studies.paradigms.branches",
    "Caps": "studies.caps",
    "Codebook": "studies.codebook",
    "EndConversation": "studies.paradigms.end_conversation",
    "ExitRule": "collectors.models.leaving",
    "ExitWording": "studies.paradigms.exits.wordings",
    "Judging": "studies.paradigms.judging",
    "OptOut": "studies.paradigms.opt_out",
    "Outcome": "outcome",
    "Scenario": "studies.scenarios",
    "Settings": "exchange",
    "SimulatedModel": "collectors.models.simulated",
    "SparsePairs": "studies.design.graphs",
    "Statement": "studies.batteries",
    "Study": "studies.study",
    "SwissRounds": "studies.design.graphs",
    "Task": "studies.items",
    "TaskChoice": "studies.paradigms.task_choice",
    "absent_where": "analysis.exit_kinds",
    "agreement": "analysis.agreement",
    "around_trigger": "analysis.triggers",
    "branch_contrast": "analysis.exit_branches",
    "branches": "verbs",
    "check": "verbs",
    "choice_model": "analysis.choice_model",
    "choice_sets": "analysis.choice_sets",
    "co_occurrence": "analysis.co_occurrence",
    "code": "coding",
    "coded_before_exit": "analysis.distress_exits",
    "coded_turns": "analysis.coded_turns",
    "coder_agreement": "analysis.coder_agreement",
    "collect": "verbs",
    "corrected_rate": "analysis.exit_contrasts",
    "course": "analysis.course",
    "difference": "analysis.differences",
    "effects": "analysis.effects",
    "episode_kinds": "analysis.episodes",
    "episode_table": "analysis.episodes",
    "episodes": "analysis.episodes",
    "exit_margins": "analysis.exit_margins",
    "exits": "analysis.exits",
    "expected_choices": "analysis.expected",
    "export": "verbs",
    "flips": "analysis.framing",
    "follows_request": "analysis.exit_rules",
    "hazard": "analysis.hazard",
    "init": "verbs",
    "judge_codings": "analysis.coded",
    "judging_study": "coding",
    "label_next": "analysis.prevalence",
    "last_resort": "analysis.exit_rules",
    "load": "studies.load",
    "load_battery": "studies.loading",
    "load_codebook": "studies.codebook",
    "load_scenarios": "studies.loading",
    "load_tasks": "studies.loading",
    "open_model": "collectors.models",
    "order_effect": "analysis.exit_order",
    "phrases": "analysis.phrases",
    "precedents": "analysis.precedents",
    "predictive_fit": "analysis.predictive_fit",
    "prevalence": "analysis.prevalence",
    "rate": "analysis.rates",
    "read": "verbs",
    "read_labels": "labelling",
    "read_turns": "collectors.turn_texts",
    "refusal_by_exit": "analysis.refusal_exit",
    "report": "verbs",
    "run": "verbs",
    "run_battery": "verbs",
    "self_report": "analysis.self_report",
    "specificity": "analysis.exit_kinds",
    "stated_and_revealed": "analysis.commitment",
    "status": "verbs",
    "transitivity": "analysis.transitivity",
    "units_table": "analysis.coded",
    "wrong_exits": "analysis.exit_kinds",
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
