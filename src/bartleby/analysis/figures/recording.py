"""Drawing a figure once for several files: what is drawn is recorded, and played into each of them.

Most of the time of drawing goes into finding out where everything is, texts above all, and that is the same
in every format. A PNG gets what is drawn as it is, a PDF and an SVG get it reduced to 72 dots an inch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import matplotlib
import numpy as np
from matplotlib.backend_bases import FigureCanvasBase, GraphicsContextBase, RendererBase
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, Transform, TransformedPath

__all__ = ["drawn_once"]


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
        if engine is not None:
            engine.execute(figure)
        # No engine at all: with a placeholder for one, matplotlib draws twice for every file.
        figure.set_layout_engine(None)
        try:
            figure.draw(recorder)
            setattr(figure, "draw", recorder.play)  # noqa: B010 - a method of the library's
        except _DependsOnFormat:
            pass
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


class _Recorder(RendererBase):
    """A renderer that keeps what it is to draw, with transformations and clipping as they are now."""

    def __init__(self, figure: Figure, dpi: float) -> None:
        super().__init__()
        self.dpi = dpi
        self._figure = figure
        self.calls: list[Callable[[_Target], None]] = []
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
        sizes = self._text2path.get_text_width_height_descent(s, prop, ismath)
        width, height, descent = (float(size) * self._dots for size in sizes)
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
        kept, font = _Look.of(gc), prop.copy()
        self.calls.append(
            lambda target: target.renderer.draw_text(
                target.gc(kept), *target.position(x, y), s, font, angle, ismath=ismath, mtext=mtext
            )
        )

    def _refuse(self, *_values: object, **_named: object) -> None:
        raise _DependsOnFormat

    draw_image = draw_quad_mesh = draw_gouraud_triangles = draw_tex = _refuse
    start_rasterizing = start_filter = _refuse


def _matrix(transform: Transform) -> np.ndarray:
    if not transform.is_affine:
        raise _DependsOnFormat
    return np.array(transform.get_matrix())
