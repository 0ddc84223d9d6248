"""A figure as SVG that can stand in a page: no styles of its own, no ids that clash, and said in words.

Style attributes become presentation attributes, so that the page's content-security policy can forbid inline
styles altogether.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from bartleby.analysis.figures.labels import visible

__all__ = ["inline_svg"]

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
DROPPED = ("metadata", "style", "title", "desc")
# Control characters are not allowed in XML, and matplotlib puts labels into comments as they are.
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def inline_svg(text: str, prefix: str, title: str, description: str = "") -> str:
    """Return the `<svg>` element of a figure, to be put into a page.

    Parameters
    ----------
    text
        An SVG file that matplotlib wrote.
    prefix
        Put before every id, so that several figures can stand in one page.
    title, description
        The text alternative.
    """
    root = ET.fromstring(_COMMENT.sub("", text).encode("utf-8", "replace"))  # noqa: S314 - written by matplotlib just now
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in DROPPED:
                parent.remove(child)
    for element in root.iter():
        _rewrite(element, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    _describe(root, prefix, title, description)
    root.set("stroke-linejoin", "round")
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    return ET.tostring(root, encoding="unicode")


def _rewrite(element: ET.Element, prefix: str) -> None:
    for declaration in element.attrib.pop("style", "").split(";"):
        name, found, value = declaration.partition(":")
        if found:
            element.set(name.strip(), value.strip())
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        elif "url(#" in value:
            element.set(name, value.replace("url(#", f"url(#{prefix}-"))


def _describe(root: ET.Element, prefix: str, title: str, description: str) -> None:
    named = [("title", title), ("desc", description)]
    for position, (name, text) in enumerate((n, t) for n, t in named if t):
        element = ET.Element(f"{{{SVG}}}{name}", {"id": f"{prefix}-{name}"})
        element.text = visible(text)
        root.insert(position, element)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title")
    if description:
        root.set("aria-describedby", f"{prefix}-desc")


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]
