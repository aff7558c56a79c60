"""Document -> one HTML file that needs nothing else: no other file, no network, no script but a few inline lines.

Every text is escaped by the template engine, and freed of what cannot be printed on its way there.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from analysis.document import Block, Document, Download, Picture, Section, Table
from analysis.html.pictures import Sheet
from analysis.placing import lines, numeric, placed
from analysis.wording import printable


def render(document: Document) -> str:
    """The whole page. Raises ValueError for a link that leads nowhere."""
    document = placed(document)
    script = _templates().get_template("open.js").render().strip()
    page = (
        _templates()
        .get_template("page.html")
        .render(
            document=document,
            sections=[block for block in document.blocks if isinstance(block, Section)],
            sheet=Sheet(),
            script=Markup(script),  # ours, not a record's
            digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    # Half a surrogate pair, which JSON can hold, has no bytes in UTF-8.
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_clean,
    )
    environment.filters |= {
        "kind": _kind,
        "columns": _columns,
        "numbers": _numbers,
        "verbatim": _verbatim,
        "size": _size,
        "address": _address,
    }
    return environment


def _clean(value: object) -> object:
    """What an expression of a template puts into the page."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _kind(block: Block) -> str:
    return type(block).__name__


def _columns(table: Table) -> str:
    """Classes that tell how to set a table: which columns stand to the right, and whether it holds verdicts."""
    toned = any(line.tone not in ("", "dim") for row in table.rows for cell in row for line in lines(cell))
    right = [f"r{number}" for number, numbers in enumerate(numeric(table), start=1) if numbers]
    return " ".join([*["verdicts"] * toned, *right])


def _numbers(picture: Picture) -> Table:
    """What a picture shows, as a table."""
    return Table.of(f"The numbers: {picture.title}", picture.data)


def _verbatim(text: str) -> Markup:
    """Code keeps its line breaks, and nothing else that cannot be printed."""
    return Markup("\n").join(escape(printable(line)) for line in text.expandtabs(4).splitlines())


def _size(download: Download) -> str:
    """As decimal units: 999 bytes, 12 kB, 1.2 MB."""
    count = len(download.content)
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1e3:.0f} kB" if count < 999_500 else f"{count / 1e6:.1f} MB"


def _address(download: Download) -> str:
    """The file itself, as an address."""
    return f"data:{download.media_type};base64,{base64.b64encode(download.content).decode('ascii')}"
