"""Drawing a figure once for several files: what is drawn is recorded, and played into each of them.

Most of the time of drawing goes into finding out where everything is, texts above all, and that is the same
in every format. A PNG gets what is drawn as it is, a PDF and an SVG get it reduced to 72 dots an inch. Texts
are outlines in a PNG, and in a PDF and an SVG texts that can be searched and edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import Any, Literal, cast

import matplotlib
import numpy as np
from matplotlib.backend_bases import FigureCanvasBase, GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import rgb2hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, weight_dict
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.textpath import TextToPath, text_to_path
from matplotlib.transforms import Affine2D, Bbox, Transform, TransformedPath

from bartleby.analysis.figures.fonts import families_elsewhere

__all__ = ["drawn_once"]


_lock = RLock()


@contextmanager
def _measured_once() -> Iterator[None]:
    """Arrange the lines of equal texts of a figure once: layout and drawing ask for them five times over.

    matplotlib keeps no such arrangement from one question to the next, so its method is replaced meanwhile,
    for our recorder alone. It does not depend on where a text is, but for texts that are wrapped.
    """
    arrange: Any = vars(Text)["_get_layout"]

    def kept(text: Any, renderer: RendererBase) -> Any:  # noqa: ANN401 - a text of any kind, and the library's own value
        if not isinstance(renderer, _Recorder) or text.get_wrap():
            return arrange(text, renderer)
        names = ("rotation", "horizontalalignment", "verticalalignment", "linespacing", "multialignment")
        properties = tuple(getattr(text, f"_{name}", None) for name in names)
        modes = (text.get_rotation_mode(), text.get_parse_math(), text.get_usetex(), text.get_rotation())
        key = (text.get_text(), hash(text.get_fontproperties()), properties, modes)
        if key not in renderer.arranged:
            renderer.arranged[key] = arrange(text, renderer)
        return renderer.arranged[key]

    with _lock:
        setattr(Text, "_get_layout", kept)  # noqa: B010 - a method of the library's
        try:
            yield
        finally:
            setattr(Text, "_get_layout", arrange)  # noqa: B010 - a method of the library's


@contextmanager
def drawn_once(figure: Figure) -> Iterator[None]:
    """Lay a figure out and draw it once; whatever it is saved as meanwhile is that drawing.

    A figure with images or parts that are to be rasterized is laid out once and drawn for each file, since
    how these are drawn depends on the format.
    """
    engine, canvas, dpi, face = figure.get_layout_engine(), figure.canvas, figure.dpi, figure.get_facecolor()
    recorder = _Recorder(figure, float(matplotlib.rcParams["savefig.dpi"]))
    _Canvas(figure, recorder)
    figure.dpi = recorder.dpi
    figure.set_facecolor(matplotlib.rcParams["savefig.facecolor"])
    try:
        with _measured_once(), suppress(_DependsOnFormat):
            if engine is not None:
                engine.execute(figure)
            # No engine at all: with a placeholder for one, matplotlib draws twice for every file.
            figure.set_layout_engine(None)
            figure.draw(recorder)
            setattr(figure, "draw", recorder.play)  # noqa: B010 - a method of the library's
        figure.dpi = dpi
        figure.set_canvas(canvas)
        yield
    finally:
        vars(figure).pop("draw", None)
        recorder.calls.clear()  # texts keep the renderer that drew them
        figure.dpi = dpi
        figure.set_canvas(canvas)
        figure.set_layout_engine(engine)
        figure.set_facecolor(face)


class _DependsOnFormat(Exception):  # noqa: N818 - no error: it is drawn for each file then
    """What is drawn depends on the format."""


class _Canvas(FigureCanvasBase):
    """A canvas by which a figure is laid out with the sizes of texts that it is drawn with."""

    def __init__(self, figure: Figure, recorder: _Recorder) -> None:
        super().__init__(figure)
        self._recorder = recorder

    def get_renderer(self) -> RendererBase:
        return self._recorder


@dataclass(frozen=True, slots=True)
class _Look:
    """A graphics context as it was: artists change theirs, and clipping follows the figure."""

    context: GraphicsContextBase
    clip_rectangle: np.ndarray | None
    clip_path: tuple[Path, np.ndarray] | None

    @classmethod
    def of(cls, gc: GraphicsContextBase) -> _Look:
        context = GraphicsContextBase()
        context.copy_properties(gc)
        context.set_clip_rectangle(None)
        context.set_clip_path(None)
        rectangle = gc.get_clip_rectangle()
        corners = None if rectangle is None else np.array(rectangle.get_points())
        path, affine = gc.get_clip_path()
        clip = None if path is None or affine is None else (cast("Path", path), _matrix(affine))
        return cls(context, corners, clip)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a recording is played, and by how much it is scaled for that."""

    renderer: RendererBase
    factor: float

    def gc(self, kept: _Look) -> GraphicsContextBase:
        """Return a context of the renderer's own kind, its clipping scaled."""
        context = self.renderer.new_gc()
        context.copy_properties(kept.context)
        if kept.clip_rectangle is not None:
            context.set_clip_rectangle(Bbox(kept.clip_rectangle * self.factor))
        if kept.clip_path is not None:
            path, matrix = kept.clip_path
            context.set_clip_path(TransformedPath(path, self.scaled(matrix)))
        return context

    def scaled(self, matrix: np.ndarray) -> Affine2D:
        """Return a transformation that ends in the dots of the file."""
        return Affine2D(np.diag([self.factor, self.factor, 1.0]) @ matrix)

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Return a position in the file; some formats count from the top."""
        if self.renderer.flipy():
            return x * self.factor, self.renderer.get_canvas_width_height()[1] - y * self.factor
        return x * self.factor, y * self.factor


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of text where it begins, in dots of the recording."""

    look: _Look
    start: tuple[float, float]
    text: str
    font: FontProperties
    angle: float

    def as_matplotlib_does(self, target: _Target, ismath: Any, mtext: Text | None) -> None:  # noqa: ANN401 - as matplotlib declares it
        """Draw it by the renderer's own means."""
        target.renderer.draw_text(
            target.gc(self.look), *target.position(*self.start), self.text, self.font, self.angle,
            ismath=ismath, mtext=mtext,
        )  # fmt: skip

    def draw(self, target: _Target, shift: float, mtext: Text | None) -> None:
        """Draw it: an SVG anchors it at its left end, middle or right end (`shift` 0, 0.5, 1)."""
        if isinstance(target.renderer, RendererAgg):
            self._draw_outline(target)
        elif (writer := getattr(target.renderer, "writer", None)) and self.look.clip_rectangle is None:
            self._write(target, writer, shift)
        else:
            self.as_matplotlib_does(target, False, mtext)

    def _draw_outline(self, target: _Target) -> None:
        gc = target.gc(self.look)
        gc.set_linewidth(0.0)
        dots = float(cast("float", target.renderer.points_to_pixels(self.font.get_size_in_points())))
        x, y = (value * target.factor for value in self.start)
        place = Affine2D().scale(dots / TextToPath.FONT_SCALE).rotate_deg(self.angle).translate(x, y)
        target.renderer.draw_path(gc, _outline(self.text, self.font), place, gc.get_rgb())

    def _write(self, target: _Target, writer: Any, shift: float) -> None:  # noqa: ANN401 - the library's own
        """Write an SVG's own text, in fonts of the same widths where this one is missing."""
        width, _, _ = _size(self.text, self.font)
        turn = np.deg2rad(self.angle)
        x, y = target.position(*self.start)
        x, y = x + shift * width * float(np.cos(turn)), y - shift * width * float(np.sin(turn))
        colour, alpha = self.look.context.get_rgb(), self.look.context.get_rgb()[3]
        attributes = {
            "x": f"{x:.6g}",
            "y": f"{y:.6g}",
            "font-family": families_elsewhere(tuple(self.font.get_family())),
            "font-size": f"{self.font.get_size_in_points():g}",
            "font-weight": str(_WEIGHTS.get(self.font.get_weight(), self.font.get_weight())),
            "font-style": self.font.get_style(),
            "text-anchor": {0.0: "start", 0.5: "middle", 1.0: "end"}[shift],
            "fill": rgb2hex(colour),
        }
        usual = {"font-weight": "400", "font-style": "normal", "text-anchor": "start"}
        attributes = {name: value for name, value in attributes.items() if usual.get(name) != value}
        if alpha != 1:
            attributes["opacity"] = f"{alpha:.3g}"
        if self.angle:
            attributes["transform"] = f"rotate({-self.angle:g} {x:.6g} {y:.6g})"
        writer.element("text", self.text, attrib=attributes)


_WEIGHTS: Mapping[Any, int] = {**weight_dict}


@lru_cache(4096)
def _size(text: str, font: FontProperties) -> tuple[float, float, float]:
    """Return width, height and descent of a text in points."""
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)


@lru_cache(4096)
def _outline(text: str, font: FontProperties) -> Path:
    """Return the outlines of a text: of labels that many figures have, once."""
    vertices, codes = text_to_path.get_text_path(font, text)
    return Path(np.asarray(vertices), codes or None)


class _Recorder(RendererBase):
    """A renderer that keeps what it is to draw, with transformations and clipping as they are now."""

    def __init__(self, figure: Figure, dpi: float) -> None:
        super().__init__()
        self.dpi = dpi
        self._figure = figure
        self.calls: list[Callable[[_Target], None]] = []
        self.arranged: dict[object, Any] = {}
        width, height = figure.get_size_inches() * dpi
        self._size = float(width), float(height)
        self._dots = dpi / 72

    def play(self, renderer: RendererBase) -> None:
        """Draw what was recorded by another renderer."""
        target = _Target(renderer, self._figure.dpi / self.dpi)
        for call in self.calls:
            call(target)

    def flipy(self) -> bool:
        return False

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self._size

    def points_to_pixels(self, points: Any) -> Any:  # noqa: ANN401 - a number or an array, as matplotlib declares it
        return points * self._dots

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | Literal["TeX"]
    ) -> tuple[float, float, float]:
        own = text_to_path.get_text_width_height_descent(s, prop, ismath) if ismath else _size(s, prop)
        width, height, descent = (float(size) * self._dots for size in own)
        return width, height, descent

    def open_group(self, s: str, gid: str | None = None) -> None:
        self.calls.append(lambda target: target.renderer.open_group(s, gid))

    def close_group(self, s: str) -> None:
        self.calls.append(lambda target: target.renderer.close_group(s))

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Path,
        transform: Transform,
        rgbFace: Any = None,  # noqa: ANN401 - as matplotlib declares it
    ) -> None:
        kept, matrix = _Look.of(gc), _matrix(transform)
        self.calls.append(
            lambda target: target.renderer.draw_path(target.gc(kept), path, target.scaled(matrix), rgbFace)
        )

    def draw_markers(  # noqa: PLR0917 - as matplotlib declares it
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,  # noqa: ANN401 - as matplotlib declares it
    ) -> None:
        kept, marker, matrix = _Look.of(gc), _matrix(marker_trans), _matrix(trans)
        self.calls.append(
            lambda target: target.renderer.draw_markers(
                target.gc(kept), marker_path, target.scaled(marker), path, target.scaled(matrix), rgbFace
            )
        )

    def draw_path_collection(  # noqa: PLR0917 - as matplotlib declares it
        self,
        gc: GraphicsContextBase,
        master_transform: Transform,
        paths: Any,  # noqa: ANN401 - as matplotlib declares it
        all_transforms: Any,  # noqa: ANN401 - as matplotlib declares it
        offsets: Any,  # noqa: ANN401 - as matplotlib declares it
        offset_trans: Transform,
        *looks: Any,  # noqa: ANN401 - as matplotlib declares it
        **more: Any,  # noqa: ANN401 - as matplotlib declares it
    ) -> None:
        kept, master, shift = _Look.of(gc), _matrix(master_transform), _matrix(offset_trans)
        self.calls.append(
            lambda target: target.renderer.draw_path_collection(
                target.gc(kept),
                target.scaled(master),
                paths,
                all_transforms,
                offsets,
                target.scaled(shift),
                *looks,
                **more,
            )
        )

    def draw_text(  # noqa: PLR0917 - as matplotlib declares it
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,  # noqa: ANN401 - as matplotlib declares it
        mtext: Text | None = None,
    ) -> None:
        text = _Line(_Look.of(gc), (x, y), s, prop.copy(), angle)
        if ismath:
            self.calls.append(lambda target: text.as_matplotlib_does(target, ismath, mtext))
            return
        # Of several lines matplotlib hands over each by itself, and not where it is anchored.
        anchored = "left" if mtext is None else mtext.get_horizontalalignment()
        shift = {"left": 0.0, "center": 0.5, "right": 1.0}[anchored]
        self.calls.append(lambda target: text.draw(target, shift, mtext))

    def _refuse(self, *_values: object, **_named: object) -> None:
        raise _DependsOnFormat

    draw_image = draw_quad_mesh = draw_gouraud_triangles = draw_tex = _refuse
    start_rasterizing = start_filter = _refuse


def _matrix(transform: Transform) -> np.ndarray:
    if not transform.is_affine:
        raise _DependsOnFormat
    return np.array(transform.get_matrix())
