"""What a report tells, in which order: runs in, one Document out.

Parts are independent of each other, so they are made side by side on all cores, their figures drawn where they are
made: drawing takes longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from analysis import cells, clocks, figures, forked, lead, peers, provenance, statistics, theory
from analysis.document import Block, Bullets, Document, Download, Fold, Paragraph, Picture, Section, anchor
from analysis.drawing import drawn
from analysis.figures import holds
from analysis.ledger import page as claims
from analysis.material import Material

TITLE, CLAIMS_TITLE = "The interview table, measured", "Ten claims about generative AI, measured"
CELLS = "How every cell was decided"

MOST_UNMEASURED = 0.5
"""Share of cells not run up to which a table stands on the first screen."""

Make = Callable[[], Sequence[Block]]


@dataclass(frozen=True)
class Part:
    """A section in the making: what several calls return, one after the other."""

    title: str
    name: str
    calls: Sequence[Make]


def tell(materials: Sequence[Material]) -> Document:
    """One page on one run or several. The first run with a table is what a hurried reader sees."""
    ordered = sorted(materials, key=_unmeasured)
    alone = len(ordered) == 1
    where = [partial(_shown, holds.NAME, partial(holds.picture, ordered))]
    parts = [
        Part("Where each claim holds", "holds", where if any(material.verdicts for material in ordered) else []),
        *(part for material in ordered for part in _evidence(material, "" if alone else _name(material))),
    ]
    made = iter(forked.results([partial(_made, call) for part in parts for call in part.calls]))
    sections = [
        Section(p.title, p.name, _gathered([block for _ in p.calls for block in next(made)], p.name)) for p in parts
    ]
    shown = [m for m in ordered if m.verdicts and (_unmeasured(m) <= MOST_UNMEASURED or m is ordered[0])]
    told = [block for material in shown for block in _table(material, len(shown) == 1, alone)]
    ledgers = _ledgers(ordered, bool(told))
    first, *others = sections
    question, title = (lead.QUESTION, TITLE) if told or not ledgers else (claims.QUESTION, CLAIMS_TITLE)
    rest = others if alone else _by_run(ordered, others, shown)
    blocks = [Paragraph(question), *told, *ledgers, first, *rest]
    return Document(title, [block for block in blocks if not isinstance(block, Section) or block.blocks])


def _unmeasured(material: Material) -> float:
    """Share of the table's cells that were not run; 2 where there is no table."""
    verdicts = [cell["verdict"] for cell in material.verdicts.get("cells", ())]
    return verdicts.count("not run") / len(verdicts) if verdicts else 2.0


def _table(material: Material, only: bool, alone: bool) -> list[Block]:
    """What was found and the table, under a heading where there are several of them."""
    name = "" if alone else _name(material)
    found = [*lead.blocks(material), *cells.table(material, _prefix(name)), Paragraph(lead.KEY)]
    return found if only else [Section(material.title, _place(name, "table"), found)]


def _ledgers(materials: Sequence[Material], is_beside: bool) -> list[Block]:
    """The ledger of every run that has one, under headings where the page begins with a table or there are several."""
    found = [material for material in materials if material.ledger]
    alone = len(materials) == 1
    names = ["" if alone else _name(material) for material in found]
    told = [claims.blocks(m, _place(n, claims.PREFIX)) for m, n in zip(found, names, strict=True)]
    if len(found) == 1 and not is_beside:
        return told[0]
    titles = [claims.TITLE if alone else f"{claims.TITLE}: {material.title}" for material in found]
    return [Section(t, _place(n, "ledger"), own) for t, n, own in zip(titles, names, told, strict=True)]


def _evidence(material: Material, name: str) -> list[Part]:
    """Everything below the table of one run; `name` sets its places and files apart from other runs'."""
    made: list[tuple[str, str, Sequence[Make]]] = [
        (CELLS, "cells", cells.unopened(material, _prefix(name))),
        ("The claims, one by one", "claims", claims.unopened(material, _place(name, claims.PREFIX))),
        ("Speed, memory and generation", "speed", [partial(_told, clocks.summary, material)]),
        ("Beside other libraries", "peers", [partial(_told, peers.summary, material)]),
        ("Figures", "figures", [partial(_shown, n, partial(draw, material)) for n, draw in figures.PICTURES.items()]),
        ("The theory, counted", "theory", [partial(theory.blocks, material)]),
        ("Statistics over tasks and seeds", "statistics", [partial(statistics.blocks, material)]),
        ("What was run, and on what", "provenance", [partial(provenance.blocks, material)]),
        ("Raw measurements", "raw", [partial(_raw, material)]),
    ]
    return [
        Part(title, _place(name, place), [partial(_apart, call, name) for call in calls])
        for title, place, calls in made
    ]


def _by_run(materials: Sequence[Material], sections: Sequence[Section], shown: Sequence[Material]) -> list[Block]:
    """The sections of each run under a heading of its own, with its table if it was not shown before."""
    each = len(sections) // len(materials)
    found: list[Block] = []
    for number, material in enumerate(materials):
        own: list[Block] = [s for s in sections[number * each : (number + 1) * each] if s.blocks]
        if material.verdicts and all(material is not other for other in shown):
            own = [Section("The table", _place(_name(material), "table"), _table(material, True, False)), *own]
        found.append(Section(f"Evidence: {material.title}", _place(_name(material), "evidence"), own))
    return found


def _made(call: Make) -> list[Block]:
    """The blocks of one call, their figures drawn; those behind a fold only as the page needs them."""
    return _mapped(call(), lambda picture, folded: replace(picture, figure=drawn(picture.figure, not folded)))


def _apart(call: Make, name: str) -> list[Block]:
    """The blocks of one call, whose files are called after their run: two runs draw the same figures."""
    if not name:
        return list(call())
    return _mapped(
        call(), lambda picture, _: picture if picture.name.startswith(_prefix(name)) else _called(picture, name)
    )


def _called(picture: Picture, name: str) -> Picture:
    return replace(picture, name=f"{name}-{picture.name}")


def _mapped(blocks: Sequence[Block], change: Callable[[Picture, bool], Picture], folded: bool = False) -> list[Block]:
    """The same blocks with every picture changed, however deep; the change is told whether it lies in a fold."""
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, Picture):
            block = change(block, folded)
        elif isinstance(block, Section | Fold):
            inner = _mapped(block.blocks, change, folded or isinstance(block, Fold))
            block = replace(block, blocks=inner)
        found.append(block)
    return found


def _gathered(blocks: Sequence[Block], name: str) -> list[Block]:
    """What could not be drawn comes last, in one list behind a fold."""
    absent = tuple(block.why for block in blocks if isinstance(block, _Absent))
    kept = [block for block in blocks if not isinstance(block, _Absent)]
    return [*kept, Fold("Figures that this run does not hold", f"{name}-absent", [Bullets(absent)])] if absent else kept


@dataclass(frozen=True)
class _Absent(Paragraph):
    """A figure that could not be drawn."""

    @property
    def why(self) -> str:
        return self.text


def _shown(name: str, draw: Callable[[], Picture | str]) -> list[Block]:
    found = draw()
    return [found if isinstance(found, Picture) else _Absent(f"{name}: {found}")]


def _told(summary: Callable[..., Sequence[str]], material: Material) -> list[Block]:
    lines = summary(material.run)
    return [Bullets(tuple(lines))] if lines else []


def _raw(material: Material) -> list[Block]:
    return [provenance.measurements(material)]


def _name(material: Material) -> str:
    return anchor(material.study, material.device, material.label)


def _place(name: str, part: str) -> str:
    return f"{part}-{name}" if name else part


def _prefix(name: str) -> str:
    """What the anchors and files of a run's cells begin with."""
    return f"{cells.PREFIX}-{name}" if name else cells.PREFIX


def pictures(blocks: Sequence[Block]) -> Iterator[Picture]:
    """All figures among these blocks, however deep."""
    for block in blocks:
        if isinstance(block, Picture):
            yield block
        yield from pictures(getattr(block, "blocks", ()))


def downloads(blocks: Sequence[Block]) -> Iterator[Download]:
    """All files that come with these blocks."""
    for block in blocks:
        if isinstance(block, Download):
            yield block
        yield from downloads(getattr(block, "blocks", ()))
