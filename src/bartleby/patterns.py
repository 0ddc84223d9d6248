"""Patterns of codes over the turns of conversations: `bb.patterns`."""

from __future__ import annotations

from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.co_occurrence import co_occurrence
from bartleby.analysis.patterns.coded_turns import coded_turns
from bartleby.analysis.patterns.codes_before_exit import coded_before_exit
from bartleby.analysis.patterns.episodes import episode_kinds, episode_table, episodes
from bartleby.analysis.patterns.phrases import phrases
from bartleby.analysis.patterns.precedents import precedents
from bartleby.analysis.patterns.triggers import around_trigger

__all__ = [
    "around_trigger",
    "co_occurrence",
    "coded_before_exit",
    "coded_turns",
    "course",
    "episode_kinds",
    "episode_table",
    "episodes",
    "phrases",
    "precedents",
]
