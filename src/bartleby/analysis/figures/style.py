"""What all figures share: sizes, colours with a fixed meaning, fonts, and saving.

Figures are made without pyplot, so that nothing global is left behind and a figure can be made in any
thread. A colour never carries a meaning alone: every class has a marker of its own as well.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial, wraps
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, ParamSpec, cast

import matplotlib.style
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text

from bartleby.analysis.figures.fonts import families, plain_fonts
from bartleby.analysis.figures.labels import HIDDEN, visible
from bartleby.analysis.figures.recording import drawn_once
from bartleby.docstrings import parameters_of
from bartleby.errors import SettingError
from bartleby.storage import replacing

__all__ = [
    "CLASSES",
    "INK",
    "MUTED",
    "ONE_COLUMN",
    "PAGE_HEIGHT",
    "TWO_COLUMNS",
    "Look",
    "Picture",
    "Width",
    "described",
    "inches",
    "looks",
    "new_picture",
    "redrawable",
    "save",
    "style",
    "svg_text",
    "width_of",
]

ONE_COLUMN = 3.5
"""Width of one journal column, in inches (89 mm)."""
TWO_COLUMNS = 7.2
"""Width of two journal columns, in inches (183 mm)."""
PAGE_HEIGHT = 9.4
"""Height that a figure may have on a journal page, in inches."""

INK = "#1a1a1a"
MUTED = "#6b6b6b"

_Options = ParamSpec("_Options")
Width = Literal["one", "two"] | float
"""`one` or `two` journal columns, or inches."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a class of items is drawn: a colour, a marker, and what it is called."""

    colour: str
    marker: str
    label: str


CLASSES: Mapping[str, Look] = {
    "positive": Look("#0072B2", "o", "Positive impact"),
    "neutral": Look("#56789A", "s", "Neutral impact"),
    "harmful": Look("#D55E00", "v", "Harmful impact"),
    "free_choice": Look("#009E73", "P", "Free choice"),
    "opt_out": Look("#000000", "D", "Opting out"),
}
"""The classes with a fixed look, in the order in which figures show them (colours after Okabe and Ito)."""

_OTHERS = (
    ("#0072B2", "o"),
    ("#D55E00", "v"),
    ("#009E73", "s"),
    ("#CC79A7", "^"),
    ("#8A6D00", "D"),
    ("#1F9BCF", "X"),
    ("#56789A", "P"),
    ("#000000", "<"),
)

_SETTINGS: Mapping[str, Any] = {
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.prop_cycle": cycler(color=[colour for colour, _ in _OTHERS]),
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in an id is a dollar sign
    "text.usetex": False,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 0.9,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",  # texts that can be edited; `families_elsewhere` keeps their widths
    "svg.hashsalt": "bartleby",  # otherwise ids are random, and the file another one every time
}

_NO_LOOK = frozenset(
    {
        "backend",
        "backend_fallback",
        "date.epoch",
        "docstring.hardcopy",
        "figure.max_open_warning",
        "figure.raise_window",
        "interactive",
        "savefig.directory",
        "timezone",
        "tk.window_focus",
        "toolbar",
        "webagg.address",
        "webagg.open_in_browser",
        "webagg.port",
        "webagg.port_retries",
    }
)
"""Settings that are the user's and no part of a style, as `matplotlib.style.use` has it."""


class Picture(Figure):
    """A matplotlib figure that shows itself in a notebook and says in words what is to be seen.

    `description` is the text alternative of the figure for those who cannot see it, `notes` how to read it.
    """

    description: str = ""
    notes: str = ""
    drawn_by: Callable[..., Picture] | None = None

    def at_width(self, width: Width) -> Picture:
        """Return the same figure drawn anew for another width; this one where that cannot be done."""
        return self if self.drawn_by is None else self.drawn_by(width=width)

    @property
    def caption(self) -> str:
        """What is to be seen and how to read it, as the text file beside a saved figure has it."""
        return " ".join(filter(None, [self.description, self.notes]))

    def draw(self, renderer: RendererBase) -> None:
        """Draw it; a character that no installed font has is drawn as a box, without a warning.

        Hidden characters are shown: names are other people's text, and one ESC makes an SVG unreadable.
        """
        _show_hidden(self)
        with _quiet_about_glyphs():
            super().draw(renderer)

    def savefig(self, fname: Any, **options: Any) -> None:  # noqa: ANN401 - as matplotlib declares it
        """Save it in the look it was made in; see `Figure.savefig`."""
        file = Path(fname) if isinstance(fname, (str, os.PathLike)) and Path(fname).suffix else None
        beside = nullcontext(fname) if file is None else replacing(file)
        with style(), _quiet_about_glyphs(), beside as target:
            super().savefig(target, **options)

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=150)
        return buffer.getvalue()


def _show_hidden(figure: Figure) -> None:
    """Make hidden characters visible in every text of a figure, and in the labels that its axes make."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for formatter in (axis.get_major_formatter(), axis.get_minor_formatter()):
                if not isinstance(formatter.format_ticks, partial):
                    setattr(formatter, "format_ticks", partial(_visible_ticks, formatter.format_ticks))  # noqa: B010 - a method of the library's
    for text in figure.findobj(Text):
        if isinstance(text, Text) and HIDDEN.search(text.get_text()):
            text.set_text(visible(text.get_text()))


def _visible_ticks(format_ticks: Callable[[list[float]], list[str]], values: list[float]) -> list[str]:
    return [visible(text) for text in format_ticks(values)]


@contextmanager
def style() -> Iterator[None]:
    """Draw in the look of all figures; the settings from before come back afterwards."""
    # matplotlib checks whatever is set, so only what differs is: usually a tenth, and nothing if nested.
    current = _current()
    changed: Any = {name: value for name, value in _look().items() if current[name] != value}
    with matplotlib.rc_context(changed) if changed else nullcontext():
        yield


def _current() -> dict[str, Any]:
    # As a plain dictionary: by the library's own `items` it would choose a backend, and look each value up.
    return dict.copy(cast("dict[str, Any]", matplotlib.rcParams))


@cache
def _look() -> Mapping[str, Any]:
    """Return all settings of matplotlib that decide how a figure looks."""
    own = {**_SETTINGS, "font.family": list(families())}
    with matplotlib.style.context(["default", own]):
        settings = _current()
    return {name: value for name, value in settings.items() if name not in _NO_LOOK}


def _shared(width: object, ax: object, models: object, labels: object) -> None:
    """Have the parameters that all figures share.

    Parameters
    ----------
    width
        Of a figure of its own: `one` or `two` journal columns, or inches.
    ax
        Matplotlib axes to draw into, in place of a figure of its own; how to read it is then in the `notes`
        of the figure alone, for a caption.
    models
        Which models, in which order; several share one figure. None takes all.
    labels
        What is written in place of names of models, classes, items and terms: a mapping.
    """


def redrawable(plot: Callable[_Options, Picture]) -> Callable[_Options, Picture]:
    """Let the figures that a function makes be drawn anew for another width (`Picture.at_width`).

    Its docstring gets the parameters that all figures share.
    """

    @wraps(parameters_of(_shared)(plot))
    def drawn(*values: _Options.args, **options: _Options.kwargs) -> Picture:
        picture = plot(*values, **options)
        if isinstance(picture, Picture) and options.get("ax") is None:
            picture.drawn_by = partial(plot, *values, **options)
        return picture

    return drawn


def inches(width: Width) -> float:
    """Return a width in inches.

    Raises
    ------
    SettingError
        If it is neither `one`, `two` nor a number above 1.
    """
    if width == "one":
        return ONE_COLUMN
    if width == "two":
        return TWO_COLUMNS
    if isinstance(width, bool) or not isinstance(width, int | float) or not 1 <= width <= 100:
        raise SettingError(f"width is {width!r}; allowed: 'one', 'two' (journal columns) or 1 to 100 inches")
    return float(width)


def width_of(width: Width | None, axes: Axes) -> float:
    """Return the width in inches of the figure that axes are in, or of these axes where it is not ours.

    Raises
    ------
    SettingError
        If a width is asked of axes that are the user's own.
    """
    if width is not None:
        raise SettingError("width is of a figure of its own; `ax` is in a figure that has a width already")
    figure = axes.get_figure(root=True)
    if isinstance(figure, Picture):
        return float(figure.get_figwidth())
    return float(axes.get_position().width * figure.get_figwidth()) if figure is not None else ONE_COLUMN


def described(axes: Axes, description: str, notes: str, picture: Picture | None = None) -> Picture:
    """Return the figure that axes are in, with what is to be seen there added to what it already says."""
    figure = cast("Picture", picture if picture is not None else axes.get_figure(root=True))
    for name, text in (("description", description), ("notes", notes)):
        setattr(figure, name, " ".join(filter(None, [getattr(figure, name, ""), text])))
    return figure


def new_picture(width: float, height: float) -> Picture:
    """Return an empty figure of a size in inches that finds room for its labels by itself."""
    return Picture(figsize=(width, height), layout="constrained")


def looks(values: Iterable[str]) -> dict[str, Look]:
    """Return a look for each class: the fixed one where it has one, else the next that is free."""
    names = list(dict.fromkeys(values))
    known = {name: CLASSES[name] for name in CLASSES if name in names}
    taken = {(each.colour, each.marker) for each in known.values()}
    free = [each for each in _OTHERS if each not in taken] or list(_OTHERS)
    others = [name for name in names if name not in known]
    for position, name in enumerate(others):
        colour, marker = free[position % len(free)]
        known[name] = Look(colour, marker, name)
    return known


def save(figure: Figure, path: Path | str) -> tuple[Path, Path, Path]:
    """Save a figure as PDF (fonts embedded), SVG (texts can be edited) and PNG (300 dots an inch).

    The files hold no date: the same figure gives the same bytes. What is to be seen and how to read it is
    written into a text file beside them, as a caption to begin with.

    Parameters
    ----------
    figure
        The figure.
    path
        Where to; the endings `.pdf`, `.svg` and `.png` are added. The folder is made if it is not there.

    Returns
    -------
    The three files.
    """
    stem = Path(path)
    pdf, svg, png = (stem.with_name(f"{stem.name}.{ending}") for ending in ("pdf", "svg", "png"))
    _show_hidden(figure)
    with style(), _quiet_about_glyphs(), plain_fonts(), drawn_once(figure):
        figure.savefig(pdf, metadata={"CreationDate": None, "Creator": "Bartleby", "Producer": "matplotlib"})
        figure.savefig(svg, metadata={"Date": None, "Creator": "Bartleby"})
        figure.savefig(png, metadata={"Software": "Bartleby"}, pil_kwargs=_PNG)
    if isinstance(figure, Picture) and figure.caption:
        with replacing(stem.with_name(f"{stem.name}.txt")) as beside:
            beside.write_text(f"{visible(figure.caption)}\n", encoding="utf-8", newline="\n")
    return pdf, svg, png


def svg_text(figure: Figure) -> str:
    """Return a figure as the text of an SVG file."""
    _show_hidden(figure)
    file = BytesIO()
    with style(), _quiet_about_glyphs(), drawn_once(figure):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "Bartleby"})
    return file.getvalue().decode("utf-8")


_PNG: Mapping[str, Any] = {"compress_level": 1}
"""Half the time of the usual compression, for files a fifth larger: they are lines on white."""


@contextmanager
def _quiet_about_glyphs() -> Iterator[None]:
    """Say nothing of fallback fonts without a glyph or a bold face: there is nothing to be done about it."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with _no_warnings():
            yield
    finally:
        log.setLevel(level)


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing", category=UserWarning)
        warnings.filterwarnings("ignore", message=r".*constrained_layout not applied", category=UserWarning)
        yield
