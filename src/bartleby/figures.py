"""Figures beyond the `plot()` of a result, and how they are saved: `bb.figures`.

All take `width` (`one` or `two` journal columns, or inches) or `ax` (matplotlib axes to draw into), `models`
(which models, in which order) and `labels` (a mapping from names to what is written in their place).
"""

from __future__ import annotations

from bartleby.analysis.figures.course import plot_course
from bartleby.analysis.figures.estimates import (
    plot_estimates,
    plot_order_effects,
    plot_rate_differences,
    plot_shares,
)
from bartleby.analysis.figures.exit_rates import plot_exit_rates
from bartleby.analysis.figures.roles import roles_of
from bartleby.analysis.figures.style import save
from bartleby.analysis.figures.survival import plot_staying
from bartleby.analysis.figures.utilities import plot_utilities

__all__ = [
    "plot_course",
    "plot_estimates",
    "plot_exit_rates",
    "plot_order_effects",
    "plot_rate_differences",
    "plot_shares",
    "plot_staying",
    "plot_utilities",
    "roles_of",
    "save",
]
