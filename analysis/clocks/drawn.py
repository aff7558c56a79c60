"""The four figures of the clock study: step time, memory, generation, kernels."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis.clocks import findings, wording
from analysis.clocks.across import pick
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks
from analysis.clocks.panels import Curve, draw
from analysis.clocks.samples import BYTES, FULL_PRECISION, LAYOUTS, PLAINEST, SINGLE
from analysis.drawing import Mark, label, marks, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = "figures"
KERNEL_MARKERS = ("X", "P", "*", "v")
WORTH = 1.05
"""A kernel is drawn in the figure of memory where its bytes differ by more than this factor."""
WIDTH, WIDE, HEIGHT = 3.4, 4.4, 2.7
"""Inches of a panel; the wide one has room for the names of kernels."""
TITLE_LETTERS, NOTE_LETTERS = 12, 17
"""Letters that fit in an inch."""


def write(clocks: Clocks, frames: Frames, folder: Path) -> list[str]:
    """Draw what was measured; returns the names of the files, relative to `folder`."""
    figures: dict[str, tuple[bool, Callable[[Clocks, Frames], Figure]]] = {
        "step-time.svg": (not pick(frames["seconds"], **PLAINEST).empty, step_time),
        "memory.svg": (not pick(frames["memory"], layout=SINGLE).empty, memory),
        "generation.svg": (not frames["generation"].empty, generation),
        "backends.svg": (not pick(frames["kernel_times"], **PLAINEST).empty, backends),
    }
    names = []
    for name, (measured, drawn) in figures.items():
        if measured:
            with style():
                save(drawn(clocks, frames), folder / FOLDER / name)
            names.append(f"{FOLDER}/{name}")
    return names


def step_time(clocks: Clocks, frames: Frames) -> Figure:
    """Milliseconds of a training step: a row for each layout, a column for each size; lead changes shaded."""
    steps = pick(frames["seconds"], **PLAINEST)
    layouts = [layout for layout in LAYOUTS if layout in set(steps["layout"])]
    sizes = sorted(steps["size"].unique())
    main = findings.headline_size(clocks)
    said = [
        f"with {findings.layout_name(clocks, layout)} {findings.fastest(frames, layout, main)}" for layout in layouts
    ]
    figure, grid = _panels(f"Fastest at {main:,} core parameters: {'; '.join(said)}", len(layouts), len(sizes))
    for row, layout in zip(grid, layouts, strict=True):
        for axes, size in zip(row, sizes, strict=True):
            own = pick(steps, layout=layout, size=size)
            draw(axes, _plain_curves(clocks, own, "length", 1e3), _tick)
            axes.set_title(f"{findings.layout_name(clocks, layout)}, {size:,} core parameters")
            _shade(axes, frames, layout, size)
        row[0].set_ylabel("ms per training step")
    _finish(figure, grid, "length n [tokens]", _where(clocks, steps["replicates"]) + "; grey: where the lead changes")
    return figure


def memory(clocks: Clocks, frames: Frames) -> Figure:
    """Bytes kept for the backward pass, and peak bytes, of one sequence: families and the kernels that differ."""
    size = findings.headline_size(clocks)
    held = pick(frames["memory"], layout=SINGLE, size=size, precision=FULL_PRECISION, threads=1)
    grown = pick(frames["memory_exponents"], layout=SINGLE, size=size, precision=FULL_PRECISION, threads=1, tail=True)
    apart = frames["kernel_bytes"]
    apart = apart[(apart["ratio"] > WORTH) | (apart["ratio"] < 1 / WORTH)]
    figure, grid = _panels(_memory_title(clocks, grown), 1, len(BYTES), WIDE)
    for axes, metric in zip(grid[0], BYTES, strict=True):
        own = pick(held, metric=metric).rename(columns={"bytes": "point"})
        exponents = pick(grown, metric=metric).set_index("subject")["point"]
        subjects = [*clocks.plain.values(), *(k for k in clocks.kernels if k in set(apart["subject"]))]
        suffix = {
            name: f"  n^{wording.decimals(value)}"
            for name, value in zip(exponents.index.astype(str), exponents, strict=True)
        }
        draw(axes, _curves(clocks, own, "length", subjects, 1.0, suffix), _byte_tick)
        axes.set_title({"saved_bytes": "kept for the backward pass", "peak_bytes": "peak of a training step"}[metric])
    grid[0][0].set_ylabel("memory")
    where = f"{findings.device(clocks)}, 1 thread, fp32, one sequence a step, {size:,} core parameters, measured once"
    _finish(figure, grid, "length n [tokens]", where + "; exponents over the last doubling")
    return figure


def _memory_title(clocks: Clocks, grown: pd.DataFrame) -> str:
    own = pick(grown, metric="saved_bytes").set_index("subject")["point"]
    plain = [f"{clocks.titles[f]} n^{wording.decimals(own[n])}" for f, n in clocks.plain.items() if n in own]
    others = [f"{name} n^{wording.decimals(own[name])}" for name in clocks.kernels if name in own and own[name] > 1.3]
    said = wording.listed([*plain, *others])
    return f"Memory kept for the backward pass grows as {said}" if said else "Memory of one sequence"


def generation(clocks: Clocks, frames: Frames) -> Figure:
    """Microseconds of a generated token, and bytes of the state, against the context."""
    seconds = frames["generation"]
    state = frames["state"].rename(columns={"state_bytes": "point"}).dropna(subset=["point"])
    longest = int(seconds["context"].max())
    at_end = pick(seconds, context=longest).set_index("subject")["point"]
    said = [f"{clocks.titles[f]} {wording.number(at_end[n] * 1e6)} µs" for f, n in clocks.plain.items() if n in at_end]
    figure, grid = _panels(f"A token after {longest:,} others takes: {', '.join(said)}", 1, 2)
    draw(grid[0][0], _plain_curves(clocks, seconds, "context", 1e6), _tick)
    draw(grid[0][1], _plain_curves(clocks, state, "context", 1.0), _byte_tick)
    grid[0][0].set_ylabel("µs per generated token")
    grid[0][1].set_ylabel("state")
    _finish(figure, grid, "context [tokens]", _where(clocks, seconds["replicates"]))
    return figure


def backends(clocks: Clocks, frames: Frames) -> Figure:
    """Seconds of a step on another kernel over those of the same architecture as shipped."""
    steps = pick(frames["kernel_times"], **PLAINEST)
    layouts = [layout for layout in LAYOUTS if layout in set(steps["layout"])]
    changed = [change for change in findings.word_changes(clocks, frames) if change.certain]
    said = "; ".join(f"{change.kernel}: {change}" for change in changed)
    title = (
        f"The kernel decides the word of training speed: {said}" if said else "No kernel changes a word beyond doubt"
    )
    figure, grid = _panels(title, 1, len(layouts), WIDE)
    for axes, layout in zip(grid[0], layouts, strict=True):
        own = pick(steps, layout=layout, size=findings.headline_size(clocks))
        draw(axes, _curves(clocks, own, "length", list(clocks.kernels)), _tick)
        axes.axhline(1.0, color="0.3", lw=0.8)
        axes.set_title(findings.layout_name(clocks, layout))
    grid[0][0].set_ylabel("step time / as shipped")
    size = f", {findings.headline_size(clocks):,} core parameters"
    _finish(figure, grid, "length n [tokens]", _where(clocks, steps["replicates"]) + size)
    return figure


def _panels(title: str, rows: int, columns: int, width: float = WIDTH) -> tuple[Figure, list[list[Axes]]]:
    from matplotlib.figure import Figure

    across = width * columns + 1.2
    figure = Figure(figsize=(across, HEIGHT * rows + 1.0), layout="constrained")
    lines = textwrap.wrap(title, int(TITLE_LETTERS * across))
    figure.suptitle("\n".join(map(label, lines)), x=0.01, ha="left", fontsize=10)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    return figure, [list(row) for row in grid]


def _finish(figure: Figure, grid: Sequence[Sequence[Axes]], along: str, where: str) -> None:
    for axes in grid[-1]:
        axes.set_xlabel(along)
    lines = textwrap.wrap(where, int(NOTE_LETTERS * figure.get_figwidth()))
    figure.supxlabel("\n".join(map(label, lines)), x=0.01, ha="left", fontsize=7.5, color="0.25")


def _plain_curves(clocks: Clocks, frame: pd.DataFrame, along: str, factor: float) -> list[Curve]:
    return _curves(clocks, frame, along, list(clocks.plain.values()), factor)


def _curves(
    clocks: Clocks,
    frame: pd.DataFrame,
    along: str,
    subjects: Sequence[str],
    factor: float = 1.0,
    suffix: Mapping[str, str] | None = None,
) -> list[Curve]:
    """A curve for each subject: a plain variant under its family's title, a kernel in its family's colour."""
    family_of = {name: family for family, name in clocks.plain.items()}
    known = marks(list(clocks.plain))
    found = []
    for name in subjects:
        columns = [c for c in ("point", "low", "high") if c in frame]
        points = pick(frame, subject=name)[[along, *columns]].rename(columns={along: "x"})
        points = points.assign(**{c: points[c] * factor for c in columns}).sort_values("x")
        mark = known.get(family_of.get(clocks.kernels.get(name, name), ""), Mark("0.4", "X", ":"))
        if name in clocks.kernels:
            number = list(clocks.kernels).index(name)
            mark = Mark(mark.colour, KERNEL_MARKERS[number % len(KERNEL_MARKERS)], ":")
        title = clocks.titles[family_of[name]] if name in family_of else name
        found.append(Curve(title + (suffix or {}).get(name, ""), mark, points))
    return found


def _shade(axes: Axes, frames: Frames, layout: str, size: int) -> None:
    """The interval of every length at which the lead changes hands."""
    left, right = axes.get_xlim()
    for row in findings.lead_changes(frames):
        if (row["layout"], row["size"]) == (layout, size):
            for point in row["crossing"].points:
                axes.axvspan(max(point.low, left), min(point.high, right), color="0.6", alpha=0.25, lw=0)
                axes.text(
                    point.point,
                    0.97,
                    f"{point.point:,.0f}",
                    transform=axes.get_xaxis_transform(),
                    ha="center",
                    va="top",
                )
    axes.set_xlim(left, right)


def _where(clocks: Clocks, replicates: pd.Series) -> str:
    count = wording.counted((int(n) for n in replicates), "replicate")
    return f"{findings.device(clocks)}, 1 thread, fp32, {count}; bars: 95 % intervals"


def _tick(value: float) -> str:
    return f"{value:,.10g}"


def _byte_tick(value: float) -> str:
    unit, name = next((pair for pair in wording.UNITS if value >= pair[0]), wording.UNITS[-1])
    return f"{value / unit:g} {name}"
