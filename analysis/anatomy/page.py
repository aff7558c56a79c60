"""The whole document: what was done, positions, and each architecture as a diagram, in numbers, and piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.anatomy import attention, convolution, positions, recurrence
from analysis.anatomy.diagram import picture
from analysis.anatomy.numbers import number
from analysis.anatomy.record import Anatomy, Record
from analysis.anatomy.sources import PAPERS, file, source
from analysis.clocks.wording import listed
from analysis.document import Block, Bullets, Document, Fold, Paragraph, Section, Table

TITLE = "Anatomy of the architectures"
TASKS = {
    "induction": "say, at the second star, what followed the first",
    "reverse": "read a source, and after go say it backwards",
}
"""Task -> what it asks, of the symbols as they are shown."""


def document(record: Record) -> Document:
    """One section for each architecture, and one on positions; the same record gives the same document."""
    names = [anatomy.name for anatomy in record.architectures]
    return Document(
        TITLE,
        [
            Paragraph(
                f"{listed(names)}: each built by the code that is measured elsewhere, at a size that can be followed "
                "by hand, trained until its numbers mean something, and then taken apart in one forward pass.",
                lead=True,
            ),
            Paragraph(
                "Nothing here is drawn from memory: boxes and arrows are the modules and functions that were called "
                "and the tensors that went from one to the next (the lines of the LSTM cell alone, which runs inside "
                "one kernel, are laid out by us), and every number was recorded, or recomputed from what was recorded "
                "and compared with it. Numbers are cut to four significant digits, so a sum done "
                "by hand may differ in the last. Layers, heads, units, channels and positions count from 0."
            ),
            Paragraph(f"Seed {record.seed}, torch {record.torch}. The numbers themselves are in anatomy.json."),
            Section("Positions", "positions", positions.blocks(record.positions)),
            *(Section(anatomy.name, f"of-{anatomy.name}", list(_blocks(anatomy))) for anatomy in record.architectures),
            Section("Sources", "sources", [Bullets(tuple(f"{name}: {title}" for name, title in PAPERS))]),
        ],
    )


def _blocks(anatomy: Anatomy) -> Iterator[Block]:
    yield Paragraph(_summary(anatomy), lead=True)
    yield _answers(anatomy)
    yield picture(anatomy)
    yield Fold("Every module: shapes, parameters, where it stands", f"modules-{anatomy.name}", [_modules(anatomy)])
    yield from attention.blocks(anatomy)
    yield from recurrence.blocks(anatomy)
    yield from convolution.blocks(anatomy)


def _summary(anatomy: Anatomy) -> str:
    sequence = anatomy.sequence
    asked = TASKS.get(sequence.task, sequence.task)
    right = sum(a == b for a, b in zip(sequence.answers, sequence.predicted, strict=True) if a)
    count = sum(bool(answer) for answer in sequence.answers)
    return (
        f"{anatomy.role.capitalize()}, D = {anatomy.width}, {anatomy.parameters['core']:,} trainable numbers in its "
        f"core. Taught to {asked}: after {anatomy.steps:,} steps {anatomy.score:.0%} of the way from chance to perfect "
        f"on sequences it never saw; of the sequence below it has {right} of {count} right."
    )


def _answers(anatomy: Anatomy) -> Table:
    sequence = anatomy.sequence
    rows = []
    for place, symbol in enumerate(sequence.inputs):
        asked = bool(sequence.answers[place])
        chance = number(sequence.probability[place]) if asked else ""
        said = sequence.predicted[place]
        rows.append((str(place), symbol, sequence.answers[place], said, chance, number(anatomy.influence[place])))
    return Table(
        "The sequence that is followed: what goes in, the right answer where one is asked for, the model's, the "
        f"probability that it gives the right one, and the gradient of its answer at position {sequence.place} with "
        "respect to each embedding (norm)",
        ("position", "input", "right", "said", "probability", "gradient"),
        tuple(rows),
    )


def _modules(anatomy: Anatomy) -> Table:
    rows = [
        (
            module.path or "the whole model",
            module.name,
            ", ".join(map(_shape, module.inputs)),
            _shape(module.output),
            f"{module.parameters:,}",
            file(module),
            source(module),
        )
        for module in anatomy.modules
    ]
    return Table(
        "In the order of the calls; parameters include those of the modules within",
        ("path", "class", "in", "out", "parameters", "stands in", "source"),
        tuple(rows),
    )


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"
