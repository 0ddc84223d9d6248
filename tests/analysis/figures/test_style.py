"""What all figures share."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from fontTools import subset
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backend_bases import RendererBase
from PIL import Image

from bartleby.analysis.figures.fonts import families, families_elsewhere
from bartleby.analysis.figures.labels import clip, visible
from bartleby.analysis.figures.style import CLASSES, Picture, looks, new_picture, save, style


def test_classes_keep_their_look_whatever_else_is_there() -> None:
    assert looks(["x", "harmful", "y"])["harmful"] == CLASSES["harmful"]
    others = looks([f"class {i}" for i in range(8)]).values()
    assert len({(each.colour, each.marker) for each in others}) == 8


def test_classes_differ_in_marker_and_are_dark_enough_on_white() -> None:
    assert len({each.marker for each in CLASSES.values()}) == len(CLASSES)
    for look in CLASSES.values():
        assert 1.05 / (luminance(look.colour) + 0.05) >= 3, look


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def times_drawn(picture: Picture, path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Save a figure, and return how often it was drawn for that."""
    drawn = []
    draw = Picture.draw

    def counted(self: Picture, renderer: RendererBase) -> None:
        drawn.append(renderer)
        draw(self, renderer)

    monkeypatch.setattr(Picture, "draw", counted)
    save(picture, path)
    return len(drawn)


def test_a_figure_is_drawn_once_for_all_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with style():
        picture = new_picture(3, 2)
        picture.add_subplot().set_ylabel("Utility")
    assert times_drawn(picture, tmp_path / "once", monkeypatch) == 1


def test_a_figure_with_an_image_is_drawn_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with style():
        picture = new_picture(3, 2)
        picture.add_subplot().imshow(np.eye(3))
    assert times_drawn(picture, tmp_path / "image", monkeypatch) == 4  # once in vain
    for ending in ("pdf", "svg", "png"):
        assert (tmp_path / f"image.{ending}").stat().st_size > 1_000


def test_a_saved_figure_looks_as_matplotlib_draws_it_by_itself(tmp_path: Path) -> None:
    with style():
        picture = new_picture(4, 3)
        axes = picture.add_subplot()
        axes.errorbar([1, 2, 3], [1, 10, 100], yerr=[0.5, 3, 20], fmt="s", label="a long label of a line")
        axes.scatter([1.5, 2.5], [5, 50], s=[9, 90], c=["red", "blue"])
        axes.fill_between([1, 3], [1, 2], [4, 90], hatch="//", alpha=0.3)
        axes.plot([-5, 9], [1e-3, 1e9], "--")  # cut off by the axes
        axes.set(yscale="log", xlim=(0.5, 3.5), ylim=(0.3, 300), title="Title")
        axes.text(2, 20, "boxed", rotation=30, bbox={"boxstyle": "round"})
        axes.legend()
    _, _, png = save(picture, tmp_path / "ours")
    ours = np.asarray(Image.open(png).convert("L").resize((240, 180)), float)
    with style():
        picture.savefig(tmp_path / "alone.png")
    alone = np.asarray(Image.open(tmp_path / "alone.png").convert("L").resize((240, 180)), float)
    assert np.abs(ours - alone).mean() < 2  # of 255 shades of grey; a line that is missing is 1 to 5
    assert np.corrcoef(ours.ravel(), alone.ravel())[0, 1] > 0.97


def test_saving_leaves_a_figure_as_it_was(tmp_path: Path) -> None:
    with style():
        picture = new_picture(3, 2)
        picture.add_subplot().set_ylabel("Utility")
    before = picture.dpi, picture.canvas, picture.get_layout_engine(), picture.get_facecolor()
    first = [file.read_bytes() for file in save(picture, tmp_path / "first")]
    assert (picture.dpi, picture.canvas, picture.get_layout_engine(), picture.get_facecolor()) == before
    assert "draw" not in vars(picture)
    assert [file.read_bytes() for file in save(picture, tmp_path / "second")] == first


def test_a_file_does_not_depend_on_what_was_saved_before_it(tmp_path: Path) -> None:
    def saved(name: str, title: str) -> bytes:
        with style():
            picture = new_picture(3, 2)
            picture.add_subplot().set_title(title)
        return save(picture, tmp_path / name)[0].read_bytes()

    first = saved("a", "Plain")
    saved("b", "ÄÖÜ")
    assert saved("c", "Plain") == first


def test_settings_of_the_user_come_back_and_are_of_no_account_within() -> None:
    with matplotlib.rc_context({"lines.linewidth": 9.0, "axes.facecolor": "red", "timezone": "Asia/Tokyo"}):
        with style(), style():
            assert matplotlib.rcParams["lines.linewidth"] == 0.9
            assert matplotlib.rcParams["axes.facecolor"] == matplotlib.rcParamsDefault["axes.facecolor"]
            assert matplotlib.rcParams["timezone"] == "Asia/Tokyo"
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_fonts_in_a_pdf_have_no_tables_for_shaping_text_and_others_keep_them(tmp_path: Path) -> None:
    with style():
        picture = new_picture(3, 2)
        picture.add_subplot().set_title("Déjà vu: 0.5 ≤ x")
    pdf, _, _ = save(picture, tmp_path / "fonts")
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf.read_bytes(), re.DOTALL)
    # A TrueType file begins with its version, 1.0.
    fonts = [data for data in map(inflated, streams) if data.startswith(b"\x00\x01\x00\x00")]
    assert fonts
    assert not any(table in font for font in fonts for table in (b"GSUB", b"GPOS", b"GDEF"))
    assert all(table in font for font in fonts for table in (b"glyf", b"hmtx", b"cmap"))
    assert "GSUB" not in subset.Options().drop_tables


def inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def test_files_embed_their_fonts_and_hold_no_date(tmp_path: Path) -> None:
    with style():
        picture = new_picture(3, 2)
        picture.add_subplot().set_title("Title")
    pdf, svg, png = save(picture, tmp_path / "deeper" / "name.with.dots")
    assert pdf.name == "name.with.dots.pdf"
    assert b"/FontFile2" in pdf.read_bytes()
    assert b"CreationDate" not in pdf.read_bytes()
    assert b"<dc:date>" not in svg.read_bytes()
    assert b">Title</text>" in svg.read_bytes()  # can be edited
    assert png.read_bytes().startswith(b"\x89PNG")


def test_texts_of_an_svg_stand_where_those_of_the_png_do(tmp_path: Path) -> None:
    with style():
        picture = Picture(figsize=(4, 3))
        texts = [
            picture.text(0.5, 0.8, "middle", ha="center", va="bottom"),
            picture.text(0.9, 0.5, "right", ha="right", va="baseline", weight="bold"),
            picture.text(0.2, 0.3, "two\nlines", ha="left", rotation=90),
        ]
    _, svg, _ = save(picture, tmp_path / "a")
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))  # noqa: S314 - written just now
    written = {node.text: node.attrib for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert written.keys() == {"middle", "right", "two", "lines"}
    assert float(written["middle"]["x"]) == pytest.approx(144, abs=0.01)
    assert written["middle"]["text-anchor"] == "middle"
    assert float(written["right"]["x"]) == pytest.approx(0.9 * 288, abs=0.01)
    assert float(written["right"]["y"]) == pytest.approx(108, abs=0.01)
    assert written["right"]["font-weight"] == "700"
    assert written["two"]["transform"].startswith("rotate(-90 ")
    assert float(written["lines"]["x"]) > float(written["two"]["x"])
    assert len(texts) == 3


def test_a_text_is_set_in_fonts_of_one_width() -> None:
    assert families_elsewhere(("Liberation Sans", "DejaVu Sans")).startswith("'Arial', 'Helvetica', 'Lib")
    assert families_elsewhere(("DejaVu Sans",)) == "'DejaVu Sans', 'Verdana', sans-serif"
    assert families_elsewhere(("monospace",)) == "monospace, sans-serif"
    assert "DejaVu Sans" in families()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a⟨U+0000⟩b"),
        ("\u202etxt", "⟨U+202E⟩txt"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u200b", "⟨U+200B⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("a\r\nb\tc\n", "a\nb\tc\n"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),
    ],
)
def test_hidden_characters_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_visible_text_can_always_be_written_and_is_stable(text: str) -> None:
    once = visible(text)
    once.encode("utf-8")
    assert visible(once) == once


def test_clipping_keeps_one_line() -> None:
    assert clip("one\ntwo   three", 9) == "one two…"


def test_names_with_control_characters_leave_an_svg_that_can_be_read(tmp_path: Path) -> None:
    evil = "cl\x1b[2Jass\x00\u202e\ud800 -- $x$"
    with style():
        picture = new_picture(4, 3)
        axes = picture.add_subplot()
        axes.plot([0, 1], [0, 1], label=evil)
        axes.set_xticks([0, 1], [evil, "b"])
        axes.set_title(evil.replace("$", ""))
        axes.annotate(evil, (0.5, 0.5))
        axes.legend(title=evil)
    for ending, file in zip(("pdf", "svg", "png"), save(picture, tmp_path / "a"), strict=True):
        assert file.stat().st_size > 0, ending
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(text)  # noqa: S314 - written just now
    assert "⟨U+001B⟩" in text
    assert axes.get_xticklabels()[0].get_text().startswith("cl⟨U+001B⟩[2Jass⟨U+0000⟩")
