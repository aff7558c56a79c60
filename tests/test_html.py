"""The page: nothing breaks out of it, nothing is fetched by it, and it can be read without eyes, mouse or colours."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sample_document import ATTACKS, COLUMNS, VERDICTS, curves, heat, sample, small, spoken, verdicts

from analysis import html
from analysis.document import Document, Entry, Fold, Line, Paragraph, Section, Table
from analysis.drawing import label, style
from analysis.placing import placed
from analysis.wording import UNPRINTABLE, printable

VOID = {"meta", "link", "br", "img", "input", "hr"}
STYLE = Path(html.__file__).parent / "templates" / "style.css"


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Node]:
        for child in self.children:
            if isinstance(child, Node):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class Strict(HTMLParser):
    """A tree, or an AssertionError where a tag is closed out of turn or an attribute given twice."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(text: str) -> Node:
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert parser.open == [parser.root]
    return parser.root


@cache
def sample_page() -> str:
    return html.render(sample())


@cache
def hostile_page() -> str:
    return html.render(spoken(*ATTACKS))


PAGES = pytest.mark.parametrize("page", [sample_page, hostile_page])


def test_no_text_changes_what_the_page_is_made_of() -> None:
    def skeleton(text: str) -> list[tuple[str, list[str]]]:
        return [(node.tag, sorted(node.attributes)) for node in parsed(text).all()]

    assert skeleton(hostile_page()) == skeleton(html.render(spoken(*(f"word {i}" for i in range(len(ATTACKS))))))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_text_is_shown_as_it_is_less_what_cannot_be_printed(attack: str) -> None:
    root = parsed(hostile_page())
    shown = printable(attack).encode("utf-8", "replace").decode()
    for tag in ("h2", "summary", "p", "li", "caption", "th", "td", "figcaption", "title", "desc", "a"):
        assert any(shown in node.text for node in root.all(tag)), tag
    assert any(f"{shown}\n```\n{shown}" == node.text for node in root.all("code"))


def test_no_control_character_reaches_the_page() -> None:
    assert UNPRINTABLE.findall(hostile_page().replace("\n", "")) == []
    assert "\u202e" in "".join(ATTACKS)
    hostile_page().encode("utf-8")


@PAGES
def test_the_page_asks_for_nothing_and_runs_one_script(page: object) -> None:
    root = parsed(page())  # type: ignore[operator]
    for node in root.all():
        assert not {"src", "srcset", "action", "poster", "background", "formaction"} & set(node.attributes)
        assert not [name for name in node.attributes if name.startswith("on")]
        for name in ("href", "xlink:href"):
            assert node.attributes.get(name, "#").startswith(("#", "data:")), node
        assert "url(" not in node.attributes.get("style", "").replace("url(#", "")
    assert not list(root.all("iframe", "object", "embed", "base", "form", "img"))
    (rules,) = (node.text for node in root.all("style"))
    assert "@import" not in rules
    assert "url(" not in rules
    (script,) = (node.text for node in root.all("script"))
    (policy,) = (n.attributes["content"] for n in root.all("meta") if "http-equiv" in n.attributes)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@PAGES
def test_names_are_unique_and_every_reference_finds_one(page: object) -> None:
    root = parsed(page())  # type: ignore[operator]
    names = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(names) == len(set(names))
    wanted: set[str] = set()
    for node in root.all():
        wanted |= {value[1:] for name, value in node.attributes.items() if name == "href" and value[:1] == "#"}
        wanted |= {n for key in ("aria-labelledby", "aria-describedby") for n in node.attributes.get(key, "").split()}
        wanted |= {name for value in node.attributes.values() for name in re.findall(r"url\(#([^)]+)\)", value)}
    assert wanted <= set(names)
    # Every name inside a picture is there because something refers to it.
    assert {name for name in names if name.startswith("_")} <= wanted


def test_headings_step_down_one_at_a_time() -> None:
    levels = [int(node.tag[1]) for node in parsed(sample_page()).all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels == [1, 2, 2, 3, 4, 2]
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


@PAGES
def test_every_table_can_be_read_cell_by_cell(page: object) -> None:
    root = parsed(page())  # type: ignore[operator]
    tables = list(root.all("table"))
    assert tables
    for table in tables:
        assert len(list(table.all("caption"))) == 1
        assert all(head.attributes.get("scope") in ("col", "row") for head in table.all("th"))
        for row in list(table.all("tr"))[1:]:
            assert [n.attributes.get("scope") for n in row.all("th")] == ["row"]
    regions = [node for node in root.all("div") if node.attributes.get("role") == "region"]
    assert len(regions) == len(tables)
    assert all(node.attributes["tabindex"] == "0" and node.attributes["aria-label"].strip() for node in regions)


def test_landmarks_language_and_a_way_past_the_navigation() -> None:
    root = parsed(sample_page())
    assert [node.attributes["lang"] for node in root.all("html")] == ["en"]
    assert any("width=device-width" in n.attributes["content"] for n in root.all("meta") if "name" in n.attributes)
    (main,) = root.all("main")
    assert next(root.all("a")).attributes["href"] == "#" + main.attributes["id"]
    (nav,) = root.all("nav")
    assert [link.text for link in nav.all("a")] == ["Evidence", "Figures", "Provenance"]


def test_a_picture_says_what_is_seen_and_shows_its_numbers() -> None:
    root = parsed(sample_page())
    drawn = [node for node in root.all("svg") if node.attributes.get("role") == "img"]
    findings = [node.text for svg in drawn for node in svg.all("desc")]
    assert findings == [curves().finding, heat().finding, curves().finding]
    assert all(any(f in n.text for n in root.all("figcaption")) for f in findings)
    numbers = [node for node in root.all("details") if node.attributes["class"] == "numbers"]
    assert [len(list(node.all("tr"))) for node in numbers] == [1 + len(curves().data)] * 2  # none behind the image


def test_a_verdict_has_a_word_beside_its_colour_and_leads_to_its_fold() -> None:
    root = parsed(sample_page())
    entries = [link for cell in root.all("td") for link in cell.all("a")]
    told = [tone for cells in VERDICTS.values() for _, _, tone in cells]
    assert [
        next(n.text for n in e.all("span") if n.attributes["class"] not in ("line", "line dim")) for e in entries
    ] == [f"{ {'agrees': '=', 'disagrees': 'x', 'undecided': '?', 'not run': '-'}[tone] } {tone}" for tone in told]
    folds = {node.attributes["id"]: node for node in root.all("details") if "fold" in node.attributes["class"]}
    for entry, column in zip(entries, COLUMNS * len(VERDICTS), strict=True):
        assert f", {column}:" in next(folds[entry.attributes["href"][1:]].all("summary")).text


def test_names_asked_for_twice_get_a_suffix_and_links_lead_to_the_first() -> None:
    table = Table("Where", ("To",), ((Entry((Line("there"),), "a"),), (Entry((Line("elsewhere"),), "b c"),)))
    folds = [Fold(str(number), name, ()) for number, name in enumerate(("a", "a", "a-2", "b c", "b-c"))]
    document = placed(Document("Twice", (table, Section("Here", "a", folds))))
    section = document.blocks[1]
    assert isinstance(section, Section)
    given = [section.anchor, *(block.anchor for block in section.blocks if isinstance(block, Fold))]
    assert given == ["a", "a-3", "a-4", "a-2", "b-c", "b-c-2"]
    moved = document.blocks[0]
    assert isinstance(moved, Table)
    assert [cell.anchor for row in moved.rows for cell in row if isinstance(cell, Entry)] == ["a", "b-c"]


def test_a_dead_link_and_a_ragged_table_are_refused() -> None:
    with pytest.raises(ValueError, match="no section or fold has the anchor 'nowhere'"):
        html.render(Document("Dead", (Table("Where", ("To",), ((Entry((Line("x"),), "nowhere"),),)),)))
    with pytest.raises(ValueError, match="a row of 1 entries below 2 headings"):
        html.render(Document("Ragged", (Table("Two", ("a", "b"), (("1",),)),)))


def test_columns_of_numbers_stand_to_the_right() -> None:
    rows = (("a 1", "1,024", "-3.5e-05", "-", "1.5 s"), ("b", "7", "nan", "", "2"), ("c", "95 %", "-", "-", "3"))
    page = html.render(Document("Sides", (Table("Numbers", tuple("vwxyz"), rows), Table("None", ("w",), ()))))
    assert [n.attributes["class"] for n in parsed(page).all("table")] == ["r2 r3", ""]
    assert ".r2 tr > :nth-child(2)," in page


def test_downloads_hold_the_bytes() -> None:
    (link,) = (node for node in parsed(sample_page()).all("a") if "download" in node.attributes)
    kind, content = link.attributes["href"].split(",")
    assert (link.attributes["download"], kind) == ("measurements.csv", "data:text/csv;base64")
    assert base64.b64decode(content) == b"metric,value\nloss,0.5\n" * 90
    assert "measurements.csv, 2 kB" in sample_page()


AGAIN = "import sys; sys.path.insert(0, 'tests'); from sample_document import *; from analysis import html\n"


def test_the_same_document_gives_the_same_bytes_in_another_process() -> None:
    assert html.render(sample()) == sample_page()
    code = AGAIN + "import hashlib; print(hashlib.sha256(html.render(sample()).encode()).hexdigest())"
    root = Path(__file__).resolve().parent.parent
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    out = subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env=environment, capture_output=True)
    assert out.stdout.decode().strip() == hashlib.sha256(sample_page().encode()).hexdigest()


def paths(root: ElementTree.Element | Node) -> list[list[float]]:
    """Coordinates of everything drawn, definitions left out."""
    if isinstance(root, Node):
        hidden = {id(path) for path in defined(root)}
        found = [(node.attributes, id(node) in hidden) for node in root.all("path")]
    else:
        inside = set(root.findall(".//{*}defs//{*}path"))
        found = [(path.attrib, path in inside) for path in root.findall(".//{*}path")]
    return [[float(x) for x in re.findall(r"-?\d+\.?\d*", a["d"])] for a, aside in found if not aside]


def defined(root: Node) -> list[Node]:
    return [path for defs in root.all("defs") for path in defs.all("path")]


def test_a_picture_keeps_its_shapes_in_fewer_bytes() -> None:
    picture = replace(curves(), data=curves().data.iloc[:0])
    plain = StringIO()
    with style():
        picture.figure.savefig(plain, format="svg")
    page = html.render(Document("One", (picture,)))
    root = parsed(page)
    before, after = paths(ElementTree.fromstring(plain.getvalue())), paths(root)
    assert [len(path) for path in before] == [len(path) for path in after]
    assert all(abs(x - y) <= 0.005001 for b, a in zip(before, after, strict=True) for x, y in zip(b, a, strict=True))
    first = len(page) - len(html.render(Document("One", (Paragraph("x"),))))
    assert first < 0.75 * len(plain.getvalue())
    # Letters are kept once for the whole page: a second picture costs less than the first.
    both = html.render(Document("Two", (picture, replace(picture, name="b"))))
    assert len(both) - len(page) < 0.4 * len(plain.getvalue())


def test_a_text_inside_a_figure_is_outlines_and_nothing_else() -> None:
    picture = small("said")
    for attack in ATTACKS[:-1]:
        picture.figure.text(0.1, 0.1, label(attack))
    page = html.render(Document("Drawn", (picture,)))
    assert "alert" not in page
    assert "<!--" not in page + hostile_page()


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TONES = ("agrees", "disagrees", "undecided", "not-run")
TEXTS = [(text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "panel")]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_of_texts_and_marks(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for text, ground in [*TEXTS, *((tone, f"{tone}-panel") for tone in TONES)]:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for mark in (*TONES, "edge"):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_page_without_sections_pictures_or_links() -> None:
    root = parsed(html.render(Document("Small", (replace(verdicts(), rows=()),), language="de")))
    assert not list(root.all("nav", "svg"))
    assert [node.text for node in root.all("td")] == ["nothing"]
