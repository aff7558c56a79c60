"""The theory table: what Vaswani et al. 2017 say of each kind of layer beside what was counted in ours, and why.

Counted are floating-point operations, operations that must follow one another, and the paths between positions; all of
them exactly, from the running modules, so a law that holds leaves no residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis import complexity
from analysis.complexity import ATTENTION, QUADRATIC, Form
from analysis.document import Block, Bullets, Entry, Line, Paragraph, Table
from analysis.laws import Law, fitted, series
from analysis.material import Material
from analysis.published import GROWTH, PUBLISHED, QUANTITIES, SOURCE, SPAN, Layer, Quantity
from analysis.rows.finding import absence
from analysis.rows.parallel import ELEMENTWISE
from analysis.theory_words import crossover, differences, texts, varied
from analysis.wording import SIGNS

COUNTING = (
    "Sequential operations and paths are counted in calls of a kernel; a tree adds up m numbers in log₂ m steps where "
    "scalar operations are counted. FLOPs are 2 a multiply-add, of the whole model with its read-out, fitted by "
    "non-negative least squares with relative residuals. k is the kernel's taps, d the width of the embedding."
)

UNLIKE = Line(f"{SIGNS['undecided']} not comparable: layers and width change with n", "undecided")
UNTRACED = Line(f"{SIGNS['not run']} too few lengths traced", "not run")


def blocks(material: Material) -> list[Block]:
    """The table, where it differs from the published one and why, and where attention starts to cost more."""
    layers = _layers(material)
    if not layers:
        return [Paragraph(f"No theory table: {absence(material.run, material.run.select(kind='trace'))}.")]
    header = ("Layer", "FLOPs", *(quantity.title for quantity in QUANTITIES))
    rows = [(_heading(layer), _flops(layer), *(_count(layer, q) for q in QUANTITIES)) for layer in layers]
    told = tuple(sentence for layer in layers for sentence in differences(layer))
    found: list[Block] = [Table(f"{SOURCE}, and what was counted here", header, tuple(rows)), Paragraph(COUNTING)]
    found += [Bullets(told)] if told else []
    return [*found, *(Paragraph(text) for text in (varied(layers), crossover(layers)) if text), *_fits(layers)]


def _layers(material: Material) -> list[Layer]:
    """Families with traces: the published ones first, then strangers in the order of their columns."""
    points = complexity.points(material.run)
    columns = {c.family: c.column for c in material.contenders}
    traced = material.run.select(kind="trace", status="ok")
    families = dict.fromkeys([*PUBLISHED, *columns, *traced["family"]])
    return [
        _layer(material, family, columns.get(family, family), points[points["family"] == family])
        for family in families
        if (traced["family"] == family).any()
    ]


def _layer(material: Material, family: str, title: str, points: pd.DataFrame) -> Layer:
    traced = material.run.select(kind="trace", status="ok", family=family)
    names = list(dict.fromkeys(traced["architecture"]))
    laws = {q.metric: _laws(material, names, q.metric, q.subject) for q in QUANTITIES}
    scalar = _laws(material, names, SPAN.metric, ELEMENTWISE)
    return Layer(family, title, PUBLISHED.get(family), complexity.fit(points), laws, scalar)


def _laws(material: Material, names: Sequence[str], metric: str, subject: str) -> Mapping[str, Law]:
    found = {name: fitted(series(material.run, name, metric, subject)) for name in names}
    return {name: law for name, law in found.items() if law}


def _heading(layer: Layer) -> Entry:
    kind = [Line(layer.published.layer, "dim")] if layer.published else []
    return Entry((Line(layer.title), *kind))


def _flops(layer: Layer) -> Entry:
    entry = layer.published.complexity if layer.published else ""
    lines = [Line(f"published: {entry} a layer", "dim")] if entry else []
    form = layer.form
    if form is None:
        return Entry((*lines, UNTRACED))
    lines.append(Line(f"{form.text}, {form.scope}"))
    if not form.has_width and form.points["layers"].nunique() > 1:
        return Entry((*lines, UNLIKE))
    return Entry((*lines, *_sign(["n²" if {ATTENTION, QUADRATIC} & set(form.terms) else "n"], entry)))


def _count(layer: Layer, quantity: Quantity) -> Entry:
    entry = getattr(layer.published, quantity.entry) if layer.published else ""
    lines = [Line(f"published: {entry}", "dim")] if entry else []
    laws = layer.laws[quantity.metric]
    if not laws:
        return Entry((*lines, UNTRACED))
    lines += [Line(text) for text in texts(laws)]
    if quantity is SPAN:
        lines += [Line(f"{text}, scalar operations", "dim") for text in texts(layer.scalar)]
    return Entry((*lines, *_sign([law.growth for law in laws.values()], entry)))


def _sign(growths: Sequence[str], entry: str) -> tuple[Line, ...]:
    """Whether the growth with n is the published one."""
    if not entry:
        return ()
    same = [growth == GROWTH[entry] for growth in growths]
    if all(same):
        return (Line(f"{SIGNS['agrees']} grows as published", "agrees"),)
    return (Line(f"{SIGNS['disagrees']} grows otherwise{' in part' * any(same)}", "disagrees"),)


def _fits(layers: Sequence[Layer]) -> list[Block]:
    rows = [
        {"layer": layer.title, "fitted": form.text, "of": form.scope, "n": form.span("n")}
        | {"d": form.span("d") if form.points["d"].notna().any() else "not recorded"}
        | {"core parameters": form.span("core_parameters"), "traces": len(form.points)}
        | {"largest residual": f"{form.misfit:.1%}", "exponent in n, last doubling": _last_exponent(form)}
        for layer in layers
        if (form := layer.form)
    ]
    return [Table.of("FLOPs of a forward pass, fitted", pd.DataFrame(rows))] if rows else []


def _last_exponent(form: Form) -> float:
    """Local exponent of FLOPs against n between the two longest lengths of one size, geometric mean over models."""
    own = form.points
    own = own[own["core_parameters"] == own["core_parameters"].value_counts(sort=False).sort_index().idxmax()]
    flops = own.groupby("n")["flops"].apply(lambda values: np.exp(np.log(values).mean())).iloc[-2:]
    return float(np.diff(np.log(flops))[0] / np.diff(np.log(flops.index.to_numpy(dtype=float)))[0])
