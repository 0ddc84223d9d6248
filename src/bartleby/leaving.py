"""Leaving conversations and work: when, why, by which rules, and what it would take: `bb.leaving`."""

from __future__ import annotations

from bartleby.analysis.exits.branch_contrast import branch_contrast, carry_over
from bartleby.analysis.exits.corrected_rate import corrected_rate
from bartleby.analysis.exits.expectedness import absent_where, specificity, wrong_exits
from bartleby.analysis.exits.hazard import hazard
from bartleby.analysis.exits.margins import exit_margins
from bartleby.analysis.exits.order import order_effect
from bartleby.analysis.exits.refusal_exit import refusal_by_exit
from bartleby.analysis.exits.rules import follows_request, last_resort
from bartleby.analysis.rules.book import Rule, rules
from bartleby.analysis.rules.events import events
from bartleby.analysis.rules.scorecard import rule_scorecard
from bartleby.studies.paradigms.branches import Branch
from bartleby.studies.paradigms.exits.wordings import ExitWording
from bartleby.verbs.logs import branch_study, branches

__all__ = [
    "Branch",
    "ExitWording",
    "Rule",
    "absent_where",
    "branch_contrast",
    "branch_study",
    "branches",
    "carry_over",
    "corrected_rate",
    "events",
    "exit_margins",
    "follows_request",
    "hazard",
    "last_resort",
    "order_effect",
    "refusal_by_exit",
    "rule_scorecard",
    "rules",
    "specificity",
    "wrong_exits",
]
