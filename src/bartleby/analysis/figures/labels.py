"""Labels of figures and tables: on one line, hidden characters visible, long ones cut, numbers exact."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter

from bartleby.visible import HIDDEN, visible

__all__ = [
    "HIDDEN",
    "Labels",
    "broken",
    "clip",
    "named",
    "percent",
    "percent_ticks",
    "set_title",
    "visible",
    "words",
]

Labels = Mapping[str, str] | None
"""What names of models, classes, items and terms are replaced by in a figure."""


def clip(text: object, length: int) -> str:
    """Return visible text on one line, cut to `length` characters with an ellipsis where it is longer."""
    line = " ".join(visible(text).split())
    return line if len(line) <= length else f"{line[: max(length - 1, 1)].rstrip()}…"


def words(name: object) -> str:
    """Return a name of a class, a channel or a condition as words."""
    return str(name).replace("_", " ")


def named(name: object, labels: Labels = None) -> str:
    """Return the label of a name: the user's own where there is one, else its words."""
    own = (labels or {}).get(str(name))
    return words(name) if own is None else own


def percent(value: float) -> str:
    """Return a share for the text alternative of a figure, with a decimal where it is small."""
    return f"{value:.1%}" if 0 < value < 0.0995 else f"{value:.0%}"


def percent_ticks(axis: Axis, sign: str = "%") -> None:
    """Label ticks with as many decimals as their positions have: 2.5% is never written as 2%."""

    def exact(value: float, _position: int | None = None) -> str:
        return f"{round(100 * value, 6):g}{sign}".replace("-", "\N{MINUS SIGN}")

    axis.set_major_formatter(FuncFormatter(exact))


def broken(text: str, width: float, size: float = 7.0) -> str:
    """Return the label of an axis broken into lines that fit figures so many inches wide.

    Labels of rows and numbers beside them take a third of the width, and half of a narrow one.
    """
    share = 0.66 if width > 4 else 0.5
    across = max(int(share * width * 72 / (0.52 * size)), 16)
    lines = (textwrap.wrap(line, across, break_long_words=False) for line in text.split("\n"))
    return "\n".join(part for line in lines for part in line)


def set_title(axes: Axes, text: str, width: float, size: float = 6.8) -> None:
    """Set the title of a panel that is so many inches wide: on two lines at most, cut after these."""
    across = max(int(width * 72 / (0.6 * size)), 8)
    lines = textwrap.wrap(clip(text, 2 * across), across)
    kept = [*lines[:1], clip(" ".join(lines[1:]), across)] if len(lines) > 1 else lines
    axes.set_title("\n".join(kept), fontsize=size)
