"""The comparison of two runs as blocks: first what changed, then everything that was compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.claims import RULES_VERSION
from analysis.compare import tables
from analysis.compare.changes import Change, Compared, compared
from analysis.compare.comparison import LEAST, number_tested
from analysis.compare.exact import WHAT as BYTES
from analysis.compare.learning import STEPS
from analysis.compare.readings import PASSES
from analysis.document import Block, Bullets, Paragraph
from analysis.material import Material
from analysis.provenance import facts
from analysis.recorded import Records
from analysis.stats import LEVEL
from analysis.wording import printable

DRIFTED = 1.02
"""A ratio of machines nearer to 1 than this is not worth a word."""

KINDS = {
    **dict.fromkeys(PASSES.values(), ("became slower", "became faster", "as long")),
    **dict.fromkeys(BYTES.values(), ("needs more memory", "needs less memory", "as many bytes")),
    STEPS: ("needs more training", "needs less training", "as many"),
}
"""Figure that is a ratio -> how to say that it grew, that it fell, and what its factor multiplies."""
MOVED = "Cells of the table that moved with these changes, a cell being relative to the fastest family:"


def compare(a: Material, b: Material) -> list[Block]:
    """What changed from run a to run b, in blocks."""
    found = compared(a, b)
    known = [facts(material, Records.read(material.folder)) for material in (a, b)]
    return [
        *_lead(found),
        Paragraph("The two runs:"),
        Bullets((_side("A", a, known[0]), _side("B", b, known[1]))),
        *_method(found),
        *_moved(found),
        *tables.cell_table(found),
        *tables.timing_tables(found),
        *tables.learning_table(found),
        *tables.memory_table(found),
        *tables.provenance_table(*known),
        *tables.only_one(a, b),
    ]


def _moved(found: Compared) -> list[Block]:
    lines = tables.moved(found)
    return [Paragraph(MOVED), Bullets(lines)] if lines else []


def _lead(found: Compared) -> list[Block]:
    """What changed, in a paragraph that names it and a sentence for each figure of each architecture."""
    number = f"in {len(found.made):,} comparisons"
    if not found.made:
        return [Paragraph("Nothing can be compared: no measurement in common, the ten claims left aside.", lead=True)]
    if not found.changes:
        return [Paragraph(f"Nothing changed beyond doubt, {number}.", lead=True)]
    names = ", ".join(dict.fromkeys(change.subject for change in found.changes))
    lead = Paragraph(printable(f"Changed beyond doubt from A to B: {names}. Nothing else did, {number}."), lead=True)
    return [lead, Bullets(tuple(printable(f"{sentence}.") for sentence in sentences(found)))]


def sentences(found: Compared) -> list[str]:
    """One sentence per architecture and figure, however many conditions it changed in."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in found.changes:
        groups.setdefault((change.subject, change.what), []).append(change)
    return [_sentence(found, subject, what, group) for (subject, what), group in groups.items()]


def _sentence(found: Compared, subject: str, what: str, group: Sequence[Change]) -> str:
    first = group[0]
    of_many = len({c.condition for c in found.made if (c.subject, c.what) == (subject, what)})
    where = f"in {len(group)} of {of_many} conditions" if of_many > 1 else ", ".join(first.places)
    where = f" ({where})" if where else ""
    if first.scale == "difference":
        ends = "; ".join(f"{c.before:.2f} -> {c.after:.2f}" for c in group)
        return f"{subject}: {what} {ends}{where}"
    sizes = sorted(change.effect for change in group)
    times = f"{sizes[0]:.2f} to {sizes[-1]:.2f}" if f"{sizes[0]:.2f}" != f"{sizes[-1]:.2f}" else f"{sizes[0]:.2f}"
    more, less, as_much = KINDS[what]
    became = "changed" if sizes[0] < 1 < sizes[-1] else less if sizes[0] < 1 else more
    return f"{subject} {became}: {what}, {times} times {as_much}{where}"


def _side(name: str, material: Material, known: dict[str, str]) -> str:
    where = known["accelerator"] if material.device != "cpu" else known["processor"]
    return f"{name}: study {material.study} on {material.device} ({where}), commit {known['commit']}"


def _method(found: Compared) -> list[Block]:
    """What was taken out and what a difference must be to be named."""
    bands = [c.band for c in found.timings.made if c.band > 1]
    apart = f"; a time must also lie outside the A/A band of both runs (up to {max(bands) - 1:.1%})" if bands else ""
    rule = (
        f"A difference is named if it is larger than {LEAST - 1:.0%} ({LEAST - 1:.2f} for shares and scores) at a level"
        f" of {1 - LEVEL:.0%}, with Holm's correction over all {number_tested(found.made):,} tests made{apart}."
        " Counts of bytes are exact and need no test. Seconds of training are not compared."
        f" Both runs are judged by version {RULES_VERSION} of the rules."
    )
    drift = [Paragraph(_drift(found))] if np.isfinite(found.timings.drift) else []
    return [*drift, Paragraph(rule)]


def _drift(found: Compared) -> str:
    """What all architectures share, and what that hides."""
    drift = found.timings.drift
    size = "about none" if 1 / DRIFTED < drift < DRIFTED else f"{drift:.2f} times"
    whose = "the drift of the machine" if found.timings.is_one_machine else "between the two machines"
    taken = f"Times are B over A with what all architectures share taken out: {size}, {whose}, the median over"
    shy = max((c.least for c in found.timings.made), default=LEAST)
    hidden = " A machine that drifts does not slow everything alike, so a difference of times up to half of the drift"
    hidden += f" is not named either: up to {shy - 1:.0%} here."
    return (
        f"{taken} architectures, length by length. A change of more than half of the architectures would be taken for "
        f"the machine's.{hidden if shy > LEAST else ''}"
    )
