"""Bartleby measures what language models would prefer not to do.

Six verbs, the same here and on the command line: `load`, `check`, `run` (`collect` in async code), `read`,
`choice_model` and its fellow estimators, `report`. Everything is imported when it is first used, so that
`import bartleby` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, whose import would take longer than all else here
if TYPE_CHECKING:
    from bartleby import figures, tables
    from bartleby.analysis.choice.model import choice_model
    from bartleby.analysis.choice.sets.model import choice_sets
    from bartleby.analysis.coding.coded import judge_codings, units_table
    from bartleby.analysis.coding.coder_agreement import coder_agreement
    from bartleby.analysis.coding.label_next import label_next
    from bartleby.analysis.coding.prevalence import prevalence
    from bartleby.analysis.consistency.agreement import agreement
    from bartleby.analysis.consistency.commitment import stated_and_revealed
    from bartleby.analysis.consistency.framing import flips
    from bartleby.analysis.consistency.predictive_fit import predictive_fit
    from bartleby.analysis.consistency.transitivity import transitivity
    from bartleby.analysis.exits.branches import branch_contrast
    from bartleby.analysis.exits.contrasts import corrected_rate
    from bartleby.analysis.exits.hazard import hazard
    from bartleby.analysis.exits.kinds import absent_where, specificity, wrong_exits
    from bartleby.analysis.exits.margins import exit_margins
    from bartleby.analysis.exits.order import order_effect
    from bartleby.analysis.exits.rates import exits
    from bartleby.analysis.exits.refusal_exit import refusal_by_exit
    from bartleby.analysis.exits.rules import follows_request, last_resort
    from bartleby.analysis.inference.families import adjust_p
    from bartleby.analysis.patterns.co_occurrence import co_occurrence
    from bartleby.analysis.patterns.coded_turns import coded_turns
    from bartleby.analysis.patterns.course import course
    from bartleby.analysis.patterns.distress_exits import coded_before_exit
    from bartleby.analysis.patterns.episodes import episode_kinds, episode_table, episodes
    from bartleby.analysis.patterns.phrases import phrases
    from bartleby.analysis.patterns.precedents import precedents
    from bartleby.analysis.patterns.triggers import around_trigger
    from bartleby.analysis.rates.differences import difference
    from bartleby.analysis.rates.effects import effects
    from bartleby.analysis.rates.means import mean
    from bartleby.analysis.rates.power import minimum_detectable_effect
    from bartleby.analysis.rates.rates import rate
    from bartleby.analysis.self_reports.self_report import self_report
    from bartleby.collectors.checking import check_log
    from bartleby.collectors.models import open_model
    from bartleby.collectors.models.leaving import ExitRule
    from bartleby.collectors.models.simulated import SimulatedModel
    from bartleby.collectors.turn_texts import read_turns
    from bartleby.errors import BartlebyError
    from bartleby.exchange import Settings
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
    from bartleby.verbs.coded import coded_table, read_codings
    from bartleby.verbs.coding import code, judging_study, lexicon_codings
    from bartleby.verbs.labelling import read_labels
    from bartleby.verbs.logs import branches, export, read, status
    from bartleby.verbs.reporting import report
    from bartleby.verbs.research import init
    from bartleby.verbs.running import check, collect, run, run_battery

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
    "adjust_p",
    "agreement",
    "around_trigger",
    "branch_contrast",
    "branches",
    "check",
    "check_log",
    "choice_model",
    "choice_sets",
    "co_occurrence",
    "code",
    "coded_before_exit",
    "coded_table",
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
    "export",
    "figures",
    "flips",
    "follows_request",
    "hazard",
    "init",
    "judge_codings",
    "judging_study",
    "label_next",
    "last_resort",
    "lexicon_codings",
    "load",
    "load_battery",
    "load_codebook",
    "load_scenarios",
    "load_tasks",
    "mean",
    "minimum_detectable_effect",
    "open_model",
    "order_effect",
    "phrases",
    "precedents",
    "predictive_fit",
    "prevalence",
    "rate",
    "read",
    "read_codings",
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
    "tables",
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
    "absent_where": "analysis.exits.kinds",
    "adjust_p": "analysis.inference.families",
    "agreement": "analysis.consistency.agreement",
    "around_trigger": "analysis.patterns.triggers",
    "branch_contrast": "analysis.exits.branches",
    "branches": "verbs.logs",
    "check": "verbs.running",
    "check_log": "collectors.checking",
    "choice_model": "analysis.choice.model",
    "choice_sets": "analysis.choice.sets.model",
    "co_occurrence": "analysis.patterns.co_occurrence",
    "code": "verbs.coding",
    "coded_before_exit": "analysis.patterns.distress_exits",
    "coded_table": "verbs.coded",
    "coded_turns": "analysis.patterns.coded_turns",
    "coder_agreement": "analysis.coding.coder_agreement",
    "collect": "verbs.running",
    "corrected_rate": "analysis.exits.contrasts",
    "course": "analysis.patterns.course",
    "difference": "analysis.rates.differences",
    "effects": "analysis.rates.effects",
    "episode_kinds": "analysis.patterns.episodes",
    "episode_table": "analysis.patterns.episodes",
    "episodes": "analysis.patterns.episodes",
    "exit_margins": "analysis.exits.margins",
    "exits": "analysis.exits.rates",
    "export": "verbs.logs",
    "flips": "analysis.consistency.framing",
    "follows_request": "analysis.exits.rules",
    "hazard": "analysis.exits.hazard",
    "init": "verbs.research",
    "judge_codings": "analysis.coding.coded",
    "judging_study": "verbs.coding",
    "label_next": "analysis.coding.label_next",
    "last_resort": "analysis.exits.rules",
    "lexicon_codings": "verbs.coding",
    "load": "studies.load",
    "load_battery": "studies.loading",
    "load_codebook": "studies.codebook",
    "load_scenarios": "studies.loading",
    "load_tasks": "studies.loading",
    "mean": "analysis.rates.means",
    "minimum_detectable_effect": "analysis.rates.power",
    "open_model": "collectors.models",
    "order_effect": "analysis.exits.order",
    "phrases": "analysis.patterns.phrases",
    "precedents": "analysis.patterns.precedents",
    "predictive_fit": "analysis.consistency.predictive_fit",
    "prevalence": "analysis.coding.prevalence",
    "rate": "analysis.rates.rates",
    "read": "verbs.logs",
    "read_codings": "verbs.coded",
    "read_labels": "verbs.labelling",
    "read_turns": "collectors.turn_texts",
    "refusal_by_exit": "analysis.exits.refusal_exit",
    "report": "verbs.reporting",
    "run": "verbs.running",
    "run_battery": "verbs.running",
    "self_report": "analysis.self_reports.self_report",
    "specificity": "analysis.exits.kinds",
    "stated_and_revealed": "analysis.consistency.commitment",
    "status": "verbs.logs",
    "transitivity": "analysis.consistency.transitivity",
    "units_table": "analysis.coding.coded",
    "wrong_exits": "analysis.exits.kinds",
}
_NAMESPACES = ("figures", "tables")


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("bartleby")
    if name in _NAMESPACES:
        return import_module(f"bartleby.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'bartleby' has no attribute {name!r}")
    return getattr(import_module(f"bartleby.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
