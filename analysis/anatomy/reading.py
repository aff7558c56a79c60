"""Reads anatomy.json. Whatever is not what `bench.anatomy` wrote is refused, with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from pathlib import Path

import msgspec

from analysis.anatomy.record import Anatomy, Diagram, Record
from bench.records import RecordsError

FILE = "anatomy.json"
MEND = "run `bakeoff anatomy` again"


def read(folder: Path) -> Record:
    """The file of a folder. Raises RecordsError where there is none, or not one of this version."""
    path = folder / FILE
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        for anatomy in record.architectures:
            _check(anatomy)
    except FileNotFoundError:
        raise RecordsError(f"{path} is missing: {MEND}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordsError(f"{path} is no anatomy of this version ({error}): {MEND}") from None
    return record


def _check(anatomy: Anatomy) -> None:
    """Raises ValueError where parts that belong together differ in number."""
    sequence, length = anatomy.sequence, len(anatomy.sequence.inputs)
    along = (sequence.answers, sequence.predicted, sequence.probability, anatomy.influence)
    _same("the sequence", length, along)
    _check_diagram(anatomy.diagram)
    if anatomy.inside is not None:
        _check_diagram(anatomy.inside.diagram)
    for head in anatomy.heads:
        queries, keys = (len(sequence.side(side)) for side in (head.queries, head.keys))
        for part in (head.scores, head.weights, head.visible):
            _same(head.path, queries, (part,))
            _same(head.path, keys, part)
    if (query := anatomy.worked_query) is not None:
        keys = len(sequence.side(query.keys))
        _same(query.path, keys, (query.k, query.v, query.products, query.scores, query.visible, query.weights))
    if (cell := anatomy.cell) is not None:
        _same(cell.path, length, (cell.gates, cell.cell[1:], cell.hidden[1:], cell.cells))
    for level in anatomy.taps.levels if anatomy.taps else ():
        _same(level.path, length, (level.gradient,))


def _check_diagram(diagram: Diagram) -> None:
    count = len(diagram.boxes)
    if any(arrow.source >= arrow.target or arrow.target >= count for arrow in diagram.arrows):
        raise ValueError(f"an arrow leads nowhere among {count} boxes")


def _same(what: str, count: int, parts: Sequence[Sized]) -> None:
    if any(len(part) != count for part in parts):
        raise ValueError(f"{what}: {count} entries expected everywhere")
