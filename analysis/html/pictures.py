"""matplotlib's SVG made fit to stand inside a page beside others: short, named apart, with a text for who cannot see.

Letters and markers are outlines that return in every figure; a Sheet keeps each of them once for the whole page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from markupsafe import Markup

from analysis import drawing
from analysis.document import Picture
from analysis.wording import printable

DECIMALS = 2
"""Of a coordinate in points, 72 to an inch: finer than any screen."""
POINT = 4 / 3
"""CSS pixels."""
COORDINATES = {"d", "points", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"}
FRACTION = re.compile(r"-?\d*\.\d+(?:e[-+]?\d+)?|-?\d+e[-+]?\d+")
TRANSLATION = re.compile(r"translate\(([^ )]+) ([^ )]+)\)")
REFERENCE = re.compile(r"(?<=url\(#)[^)]+|(?<=^#).+")
COMMAND = re.compile(r" ?([A-Za-z]) ?")


class Sheet:
    """The pictures of one page."""

    def __init__(self) -> None:
        self._outlines: dict[tuple[tuple[str, str], ...], str] = {}
        self._drawn = 0

    def draw(self, picture: Picture) -> Markup:
        """One picture as an svg element. Names in it begin with an underscore, which no anchor has."""
        self._drawn += 1
        prefix = f"_p{self._drawn}"
        root = fromstring(drawing.drawn(picture.figure, with_png=False).svg)
        _tidy(root)
        self._rename(root, prefix)
        width = float(root.attrib["viewBox"].split()[2]) * POINT
        named = {"role": "img", "aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-finding"}
        size = {"width": f"{width:.0f}", "style": f"--natural:{width:.0f}px"}
        svg = Element("svg", {"viewBox": root.attrib["viewBox"], **size, **named})
        SubElement(svg, "title", {"id": f"{prefix}-title"}).text = _said(picture.title)
        SubElement(svg, "desc", {"id": f"{prefix}-finding"}).text = _said(picture.finding)
        svg.extend(_unwrapped(root))
        return Markup(_written(svg))

    def outlines(self) -> Markup:
        """The shapes that the pictures drawn so far refer to; an empty text without any."""
        if not self._outlines:
            return Markup("")
        defs = Element("defs")
        for attributes, name in self._outlines.items():
            SubElement(defs, "path", {"id": name, **dict(attributes)})
        return Markup(_written(defs))

    def _rename(self, root: Element, prefix: str) -> None:
        """Names apart from all others of the page, none where none is needed; outlines move to the sheet."""
        elements = list(root.iter())
        wanted = {
            name for element in elements for value in element.attrib.values() for name in REFERENCE.findall(value)
        }
        names: dict[str, str] = {}
        for element in elements:
            name = element.attrib.pop("id", None)
            if name in wanted and name is not None:
                names[name] = element.attrib["id"] = f"{prefix}-{len(names)}"
        for element in elements:
            _point(element, names)
        for defs in [element for element in elements if element.tag == "defs"]:
            for path in [child for child in defs if child.tag == "path" and "id" in child.attrib]:
                defs.remove(path)
                own = path.attrib.pop("id")
                shape = tuple(sorted(path.attrib.items()))
                names[own] = self._outlines.setdefault(shape, f"_s{len(self._outlines)}")
        for element in elements:
            _point(element, names)


def _tidy(root: Element) -> None:
    """No namespaces, no rules for the whole page, no more decimals than can be seen."""
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _short(_local(key), value) for key, value in element.attrib.items()}
        element.text = element.tail = None
        moved = TRANSLATION.fullmatch(element.get("transform", ""))
        if element.tag == "use" and moved and not {"x", "y"} & set(element.attrib):
            # Where most bytes of a figure are: each letter is a use of its outline.
            del element.attrib["transform"]
            element.attrib |= {key: shift for key, shift in zip("xy", moved.groups(), strict=True) if shift != "0"}
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in ("style", "metadata")]:
            parent.remove(child)


def _point(element: Element, names: dict[str, str]) -> None:
    """Let references follow the elements that were renamed."""
    for key, value in element.attrib.items():
        if "#" in value:
            element.attrib[key] = REFERENCE.sub(lambda found: names.get(found[0], found[0]), value)


def _unwrapped(parent: Element) -> Iterator[Element]:
    """The children, without groups that group nothing and definitions that define nothing."""
    for child in list(parent):
        inner = list(_unwrapped(child))
        if child.tag == "g" and not child.attrib:
            yield from inner
        elif inner or child.tag not in ("g", "defs"):
            child[:] = inner
            yield child


def _written(element: Element) -> str:
    return tostring(element, encoding="unicode").replace(" />", "/>")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _said(text: str) -> str:
    return printable(text).encode("utf-8", "replace").decode("utf-8")


def _short(key: str, value: str) -> str:
    if key == "style":
        return value.replace(": ", ":").replace("; ", ";")
    if key == "transform":
        return TRANSLATION.sub(lambda found: FRACTION.sub(_rounded, found[0]), value)
    if key not in COORDINATES or value.endswith("%"):
        return value
    rounded = FRACTION.sub(_rounded, " ".join(value.split()))
    return COMMAND.sub(r"\1", rounded) if key == "d" else rounded


def _rounded(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
