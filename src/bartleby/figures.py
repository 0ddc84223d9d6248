"""Figures beyond the `plot()` of a result, and how they are saved: `bb.figures`."""

from __future__ import annotations

from bartleby.analysis.figures.course import plot_course
from bartleby.analysis.figures.exit_rates import plot_exit_rates
from bartleby.analysis.figures.rate_differences import plot_order_effects, plot_rate_differences
from bartleby.analysis.figures.roles import roles_of
from bartleby.analysis.figures.style import save

__all__ = [
    "plot_course",
    "plot_exit_rates",
    "plot_order_effects",
    "plot_rate_differences",
    "roles_of",
    "save",
]
