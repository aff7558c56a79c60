"""The same content as Markdown, read back with a parser: texts stay texts, links arrive, tables stay whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from sample_document import ATTACKS, COLUMNS, VERDICTS, curves, sample, spoken

from analysis import html, markdown
from analysis.document import (
    Block,
    Bullets,
    Code,
    Document,
    Download,
    Entry,
    Fold,
    Line,
    Paragraph,
    Picture,
    Section,
    Table,
)
from analysis.placing import lines
from analysis.wording import printable

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def flat(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        for child in token.children or []:
            yield child
            yield from child.children or []


def shape(text: str) -> list[tuple[str, str]]:
    """Kinds of everything but texts, which an escape or a soft break may cut in pieces."""
    return [(token.type, token.tag) for token in flat(text) if token.type not in ("text", "text_special")]


def test_no_text_changes_what_the_page_is_made_of() -> None:
    assert shape(markdown.render(spoken(*ATTACKS))) == shape(
        markdown.render(spoken(*(f"word {i}" for i in range(len(ATTACKS)))))
    )


def test_raw_markup_is_only_ours() -> None:
    raw = {
        t.content.strip() for t in flat(markdown.render(spoken(*ATTACKS))) if t.type in ("html_inline", "html_block")
    }
    ours = r'<a id="[a-z0-9-]+">|</a>|<br>|</details>|<details><summary>[^<>]*</summary>'
    assert [piece for piece in raw if not re.fullmatch(ours, piece)] == []


def seen(text: str) -> str:
    """What a reader sees of inline Markdown."""
    (inline,) = (token for token in PARSER.parse(text) if token.type == "inline")
    return "".join(child.content for child in inline.children or [])


HARD = (
    *ATTACKS[:-1],
    "1) first",
    "2024. A year",
    "   # not a heading",
    "- not a list",
    "a\n\n# b",
    "~~~",
    "$a$ and $$b$$",
    "&lt;b&gt; &amp;",
    "<https://a.b>",
    "\\\\[x]",
    "---",
    "| a | b |",
)


@pytest.mark.parametrize("text", HARD)
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    for block in (Paragraph(text), Bullets((text,))):
        page = (
            markdown.render(Document("T", (block,)))
            .removeprefix("# T\n\n")
            .removeprefix("- " * (block != Paragraph(text)))
        )
        assert seen(page) == printable(text.strip()).strip()


def test_a_dollar_begins_no_formula() -> None:
    assert re.search(r"(?<!\\)\$", markdown.render(Document("$a$", (Paragraph("$x^2$"),)))) is None


def test_a_summary_is_html() -> None:
    page = markdown.render(Document("T", (Fold("a_b* <b> & [c]", "here", (Paragraph("in"),)),)))
    assert "<details><summary>a_b* &lt;b&gt; &amp; [c]</summary>\n\nin\n\n</details>" in page
    assert unescape("a_b* &lt;b&gt; &amp; [c]") == "a_b* <b> & [c]"


def test_links_lead_to_anchors_outside_the_folds_they_open() -> None:
    page = markdown.render(sample())
    wanted, given = set(re.findall(r"\]\(#([^)]+)\)", page)), re.findall(r'<a id="([^"]+)"></a>', page)
    assert len(wanted) == len(COLUMNS) * len(VERDICTS)
    assert wanted <= set(given)
    assert len(given) == len(set(given))
    assert page.count("<details>") == page.count("</details>") == len(wanted) + 2  # two pictures with numbers
    # A blank line before what is inside, or GitHub would not read it as Markdown.
    assert not re.search(r"</summary>\n[^\n]", page)


def test_tables_keep_their_places() -> None:
    table = Table("Two", ("a|b", "n"), (("x", "1"), ("y", Entry((Line("2"),)))))
    page = markdown.render(Document("T", (table,)))
    tokens = PARSER.parse(page)
    assert [t.content for i, t in enumerate(tokens) if tokens[i - 1].type in ("th_open", "td_open")] == [
        "a|b",
        "n",
        "x",
        "1",
        "y",
        "2",
    ]
    assert "---:|" in page
    stacked = markdown.render(Document("T", (Table("One", ("v",), ((Entry((Line("a"), Line("b", "dim"))),),)),)))
    assert "| a<br>b |" in stacked


def test_code_keeps_its_fences() -> None:
    page = markdown.render(Document("T", (Code("a\n````\n```\nb\x1b"), Code("x"))))
    assert [t.content for t in PARSER.parse(page) if t.type == "fence"] == ["a\n````\n```\nb \n", "x\n"]


def test_pictures_and_downloads_are_files_beside_the_page() -> None:
    page = markdown.render(Document("T", (curves("a b"), Download("raw data.csv", "text/csv", b"", "Raw"))), "pics")
    assert f"![{curves().finding}](pics/a%20b.svg)" in page
    assert "[Raw](raw%20data.csv)" in page


def texts(blocks: Sequence[Block]) -> Iterator[str]:
    """Every text of a document."""
    for block in blocks:
        found: list[Any] = []
        if isinstance(block, Section | Fold):
            found = [block.title if isinstance(block, Section) else block.summary, *texts(block.blocks)]
        elif isinstance(block, Table):
            entries = [line.text for row in block.rows for cell in row for line in lines(cell)]
            found = [block.caption, *block.header, *entries]
        elif isinstance(block, Picture):
            found = [
                block.title,
                block.finding,
                *block.data.columns,
                *map(str, block.data.iloc[:, :1].to_numpy().ravel()),
            ]
        elif isinstance(block, Paragraph | Code):
            found = block.text.splitlines()
        elif isinstance(block, Bullets):
            found = [*block.items]
        else:
            found = [block.label, block.name]
        yield from found


def test_both_pages_say_everything() -> None:
    document = sample()
    plain = unescape(re.sub(r"<[^>]*>", "", re.sub(r"\\(?=[^\w\s])", "", markdown.render(document))))
    page = unescape(re.sub(r"<[^>]*>", "", html.render(document)))
    said = [document.title, *texts(document.blocks)]
    assert len(said) > 100
    for text in said:
        assert text.rstrip("\\") in plain
        assert text in page


def test_the_same_document_gives_the_same_bytes() -> None:
    assert markdown.render(sample()) == markdown.render(sample())
    assert markdown.render(sample()).endswith("\n")


def test_a_dead_link_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        markdown.render(Document("Dead", (Table("Where", ("To",), ((Entry((Line("x"),), "nowhere"),),)),)))
