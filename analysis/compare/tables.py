"""The tables below a comparison: cells, times, learning, memory, provenance, and what only one run has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from analysis import wording
from analysis.compare import exact, learning
from analysis.compare.cells import CELL, RELATIVE, Pair
from analysis.compare.changes import Compared
from analysis.compare.comparison import Comparison
from analysis.compare.readings import PASSES, PLACE, condition, place, readings
from analysis.document import Block, Bullets, Entry, Fold, Line, Paragraph, Table, Tone
from analysis.material import Material
from analysis.wording import Cell, printable

STAR = "*"
"""After a figure that is named as changed."""
ONLY = 12
"""Names listed before the rest is counted."""


def moved(found: Compared) -> tuple[str, ...]:
    """Cells whose word, verdict or figure moved because of a named change, with both sides and the cause."""
    lines = []
    for pair in found.pairs:
        if pair.moved and (causes := _causes(found, pair)):
            ends = (wording.verdict_text(pair.before), wording.verdict_text(pair.after))
            lines.append(f"{pair.name}, with {', '.join(causes)}: {ends[0]}; now {ends[1]}")
    return tuple(map(printable, lines))


def cell_table(found: Compared) -> list[Block]:
    """Cells side by side."""
    shown = [pair for pair in found.pairs if {pair.before["verdict"], pair.after["verdict"]} != {"not run"}]
    rows = [(printable(pair.name), _cell(pair.before), _cell(pair.after), _fate(found, pair)) for pair in shown]
    left = f"; {len(found.pairs) - len(shown)} were run in neither" if len(shown) < len(found.pairs) else ""
    caption = f"Cells of the table in both runs; {STAR} beyond doubt{left}"
    return [Table(caption, ("cell", "A", "B", "difference"), tuple(rows))] if rows else []


def timing_tables(found: Compared) -> list[Block]:
    """Ratios of times by condition, one column an architecture; every length behind a fold."""
    made = found.timings.made
    if not made:
        return []
    caption = f"Time of B over A, what all architectures share taken out, with 95 % intervals; {STAR} beyond doubt"
    whole = {(c.subject, c.what, c.condition) for c in made if not c.place}
    means = [c for c in made if not c.place or (c.subject, c.what, c.condition) not in whole]
    each = _grid("The same at every length and context", made, found, lambda c: _place(c) if c.place else "")
    return [
        _grid(caption, means, found, lambda c: f"{c.what}, {c.condition}"),
        Fold("Times at every length and context", "compare-times", [each]),
    ]


def learning_table(found: Compared) -> list[Block]:
    """Share solved and steps to solve, pair by pair of trainings."""
    made = [c for c in found.made if c.what in (learning.SHARE, learning.STEPS)]
    rows = [(printable(f"{c.subject}, {c.what}"), c.condition, *_ends(c), c.place, _effect(c, found)) for c in made]
    header = ("figure", "of", "A", "B", "pairs", "B over A, or B - A")
    caption = f"What was learned, same task and seed on both sides; {STAR} beyond doubt"
    return [Table(caption, header, tuple(rows))] if rows else []


def memory_table(found: Compared) -> list[Block]:
    """The exact counts that differ."""
    made = [c for c in found.made if c.what in exact.WHAT.values()]
    rows = [
        (printable(f"{c.subject}, {c.what}"), f"{c.condition}; {c.place}", *_ends(c), _effect(c, found))
        for c in made
        if c.before != c.after
    ]
    if not rows:
        return [Paragraph(f"Memory: all {len(made):,} counts of bytes are equal.")] if made else []
    caption = f"Bytes that differ, {len(rows):,} of {len(made):,} counts; {STAR} by the least effect or more"
    return [Table(caption, ("figure", "of", "A", "B", "B over A"), tuple(rows))]


def provenance_table(a: Mapping[str, str], b: Mapping[str, str]) -> list[Block]:
    """The facts that differ, and the names of those that do not."""
    names = list(dict.fromkeys((*a, *b)))
    rows = [(name, a.get(name, "-"), b.get(name, "-")) for name in names if a.get(name) != b.get(name)]
    same = ", ".join(name for name in names if a.get(name) == b.get(name))
    table = Table("Provenance: what differs", ("fact", "A", "B"), tuple(rows))
    return [*([table] if rows else []), Paragraph(f"The same in both runs: {same or 'nothing'}.")]


def only_one(a: Material, b: Material) -> list[Block]:
    """Columns, architectures, tasks and places of one run alone; architectures that share no more than a name."""
    lines = []
    first, second = _held(a), _held(b)
    for name, own, other in (("A", first, second), ("B", second, first)):
        for kind, values in own.items():
            alone = [value for value in values if value not in set(other[kind])]
            more = f" and {len(alone) - ONLY:,} more" if len(alone) > ONLY else ""
            lines += [f"Only {name} has {kind}: {'; '.join(alone[:ONLY])}{more}"] if alone else []
    configured = [_configurations(material) for material in (a, b)]
    differ = [name for name, fields in configured[0].items() if configured[1].get(name, fields) != fields]
    lines += [f"Of one name but configured differently: {', '.join(differ)}"] if differ else []
    return [Bullets(tuple(map(printable, lines)))] if lines else [Paragraph("Neither run has what the other lacks.")]


def _causes(found: Compared, pair: Pair) -> list[str]:
    """Architectures whose named change decides the cell: those of its variant by the clock, else its own."""
    row, variant = pair.before["row"], pair.before["variant"]
    if row in RELATIVE:
        columns = [c for m in (found.a, found.b) for c in m.contenders if c.variant == variant]
        beside = {contender.architecture for contender in columns}
        names = [c.subject for c in found.changes if c.what == RELATIVE[row] and c.subject in beside]
    else:
        own = {pair.before["architecture"], pair.after["architecture"]}
        names = [c.subject for c in found.changes if c.subject in own and _is_of(c.what, c.condition, row)]
    return list(dict.fromkeys(names))


def _is_of(what: str, condition: str, row: str) -> bool:
    return what == f"{CELL}: {row}" or (what == learning.SHARE and condition.startswith(f"{row}, "))


def _fate(found: Compared, pair: Pair) -> str:
    """What became of a cell, and whether it is beyond doubt."""
    if bool(pair.before["measured"]) != bool(pair.after["measured"]):
        return f"measured in {'A' if pair.before['measured'] else 'B'} only"
    if not pair.moved:
        return "the same" if pair.before["figure"] == pair.after["figure"] else "within the intervals"
    causes, what = _causes(found, pair), " and ".join(pair.moved)
    return printable(f"{what}, with {', '.join(causes)} {STAR}" if causes else f"{what}; not beyond doubt")


def _cell(cell: Cell) -> Entry:
    """Word, figure and verdict, a line each."""
    word = cell["measured"] or ""
    tone: Tone = cell["verdict"] if cell["verdict"] in wording.STYLES and cell["verdict"] != "no claim" else ""
    sign = f"{wording.SIGNS[cell['verdict']]} {cell['verdict']}" if cell["verdict"] in wording.SIGNS else ""
    lines = [Line(word), Line(_figure(cell)), Line(sign, tone)]
    return Entry(tuple(line for line in lines if line.text) or (Line("-"),))


def _figure(cell: Cell) -> str:
    if cell["figure"] is None:
        return ""
    low, high = ("?" if cell[end] is None else f"{cell[end]:.2f}" for end in ("low", "high"))
    return f"{cell['figure']:.2f} [{low}, {high}]"


def _grid(caption: str, made: Sequence[Comparison], found: Compared, named: Callable[[Comparison], str]) -> Table:
    """Rows by what `named` says, in order of appearance; columns are architectures."""
    subjects = list(dict.fromkeys(c.subject for c in made))
    rows: dict[str, dict[str, str]] = {}
    for one in made:
        if name := named(one):
            rows.setdefault(name, {})[one.subject] = _effect(one, found)
    body = tuple((printable(name), *(row.get(s, "-") for s in subjects)) for name, row in rows.items())
    return Table(caption, ("condition", *map(printable, subjects)), body)


def _place(one: Comparison) -> str:
    return f"{one.what}, {one.condition}; {one.place}"


def _effect(one: Comparison, found: Compared) -> str:
    """`1.20 [1.17, 1.23] *`, or `-0.33 *`."""
    star = f" {STAR}" * (one in found.named)
    known = np.isfinite(one.low) and one.low < one.high
    sign = "+" if one.scale == "difference" else ""
    ends = f" [{one.low:{sign}.2f}, {one.high:{sign}.2f}]" if known else ""
    return f"{one.effect:{sign}.2f}{ends}{star}"


def _ends(one: Comparison) -> tuple[str, str]:
    form = ",.0f" if one.unit == "bytes" or one.what == learning.STEPS else ".2f"
    return f"{one.before:{form}}", f"{one.after:{form}}"


def _held(material: Material) -> dict[str, list[str]]:
    """What a run has, by kind, in its own order."""
    run = material.run
    trials = run.trials[run.trials["planned"]]
    learned = trials.dropna(subset=["length"])
    tasks = learned.loc[learned["task"] != "", ["task", "length"]].drop_duplicates()
    clocked: list[Any] = readings(run)[PLACE].drop_duplicates().to_dict("records")
    names = [a for names in trials["contenders"] for a in names] + [a for a in trials["architecture"] if a]
    return {
        "columns": [str(column["title"]) for column in run.plan["columns"]],
        "architectures": list(dict.fromkeys(names)),
        "tasks": [f"{task} at length {length}" for task, length in tasks.itertuples(index=False)],
        "clocks": list(dict.fromkeys(f"{PASSES[c['pass']]}, {condition(c)}, {place(c)}" for c in clocked)),
    }


def _configurations(material: Material) -> dict[str, object]:
    """Architecture -> its configuration without its size, as first planned."""
    found: dict[str, object] = {}
    for entry in material.run.plan["trials"]:
        trial = entry["trial"]
        for architecture in (*trial.get("architectures", ()), *filter(None, [trial.get("architecture")])):
            fields = {k: v for k, v in architecture.items() if k != "core_parameters"}
            found.setdefault(str(architecture.get("name", "")), fields)
    return found
