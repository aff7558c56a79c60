"""The figures of clocks and peers as pictures of a report: their own drawings, with a sentence and the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis import peers as peer_study
from analysis.clocks import drawn, titles
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks, figures, measure
from analysis.clocks.wording import decimals, listed
from analysis.document import Picture
from analysis.drawing import style
from analysis.figures import timed_numbers
from analysis.load import Run
from analysis.material import Material
from analysis.peers import figure as peer_figure
from analysis.peers import roofline as peer_roofline
from analysis.peers import words
from analysis.peers.compared import OURS, Row
from analysis.rows.finding import absence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST = 8.0
"""Points of the smallest letters on a page."""


def step_time(material: Material) -> Picture | str:
    """Milliseconds of a training step against length, with exponents between neighbouring lengths."""
    title = "Time of a training step against length"
    return _clocked(material, "step-time", title, drawn.step_time, titles.steps, timed_numbers.step)


def memory(material: Material) -> Picture | str:
    """Bytes of one sequence against length."""
    title = "Memory of one sequence against length"
    return _clocked(material, "memory", title, drawn.memory, titles.memory, timed_numbers.memory)


def generation(material: Material) -> Picture | str:
    """Time of a generated token and bytes of the state against context."""
    title = "Generation: time of a token, and size of the state, against context"
    return _clocked(material, "generation", title, drawn.generation, _generated, timed_numbers.generation)


def _generated(clocks: Clocks, frames: Frames) -> str:
    """The figure's sentence, and whose times they are: the table judges the best variants too."""
    return f"{titles.generation(clocks, frames).rstrip('.')} (plain variants)."


def backends(material: Material) -> Picture | str:
    """Step time on other kernels over that as shipped."""
    title = "Other kernels for the same architecture"
    return _clocked(material, "backends", title, drawn.backends, titles.backends, timed_numbers.backend)


def peers(material: Material) -> Picture | str:
    """Our layers over those of other libraries."""
    found = peer_study.figures(material.run)
    with style():
        figure = peer_figure.drawn(found, page=True) if found else None
    if figure is None:
        return _no_peers(material.run, found, "no peer was measured")
    return Picture(
        "peers",
        "Our layers beside those of other libraries",
        _peers_finding(found),
        _legible(figure),
        timed_numbers.peer(found),
    )


def roofline(material: Material) -> Picture | str:
    """The machine's limits, and every contender's share of them."""
    found = peer_study.figures(material.run)
    with style():
        figure = peer_roofline.drawn(found, page=True) if found else None
    if figure is None:
        return _no_peers(material.run, found, "the machine's limits were not measured beside a layer")
    title = "Roofline: what the machine allows, and what is reached"
    return Picture("roofline", title, _roofline_finding(found), _legible(figure), timed_numbers.roofline(found))


def _clocked(
    material: Material,
    name: str,
    title: str,
    draw: Callable[..., Figure],
    say: Callable[[Clocks, Frames], str],
    tell: Callable[[Clocks, Frames], pd.DataFrame],
) -> Picture | str:
    clocks = measure(material.run)
    frames = figures(clocks)
    if name not in drawn.measured(frames):
        if name == "backends" and not clocks.medians.empty:
            return "no other kernel was clocked"
        use = clocks.decodes if name == "generation" else clocks.grid
        return absence(material.run, use.planned)
    with style():
        figure = draw(clocks, frames, page=True)
    return Picture(name, title, f"{say(clocks, frames)}.", _legible(figure), tell(clocks, frames))


def _legible(figure: Figure) -> Figure:
    """No letters smaller than SMALLEST."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if isinstance(text, Text) and float(text.get_fontsize()) < SMALLEST:
            text.set_fontsize(SMALLEST)
    return figure


def _no_peers(run: Run, found: Mapping[str, Any], otherwise: str) -> str:
    if not found:
        return f"not planned in study {run.plan['study']}"
    return "; ".join([otherwise, *words.absent(found), *found["notes"]])


def _ranges(cells: Sequence[Row], key: str, groups: Sequence[str]) -> str:
    """`0.98 to 1.55 (Transformer), ...` over the cells of each group."""
    texts = []
    for group in groups:
        points = [float(row[key][0]) for row in cells if row["group"] == group]
        if points:
            low, high = decimals(min(points)), decimals(max(points))
            texts.append(f"{low if low == high else f'{low} to {high}'} ({words.name(group)})")
    return listed(texts)


def _peers_finding(found: Mapping[str, Any]) -> str:
    said = _ranges(found["fastest"], "ratio", words.groups(found))
    slower = [row for row in found["fastest"] if words.verdict(row["ratio"]) == words.SLOWER]
    behind = f"slower beyond doubt in {len(slower)} of {len(found['fastest'])} cells"
    return f"In tokens per second ours over the fastest peer is {said}, {behind}."


def _roofline_finding(found: Mapping[str, Any]) -> str:
    ours = [row for row in found["contenders"] if row["who"] == OURS and row["share_of_matmul"] is not None]
    if not ours:
        return "Only peers were measured beside the machine's limits."
    said = _ranges(ours, "share_of_matmul", words.groups(found))
    return f"Forward and backward, our layers reach {said} of the torch.mm peak."
