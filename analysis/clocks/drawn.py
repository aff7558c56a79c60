"""The four figures of the clock study: step time, memory, generation, kernels."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis.clocks import findings, titles, wording
from analysis.clocks.across import pick
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks
from analysis.clocks.panels import Curve, draw
from analysis.clocks.samples import BYTES, CONSTANT, FULL_PRECISION, LAYOUTS, PLAINEST, SINGLE
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
PAGE_WIDTH, PAGE_HEIGHT = 7.0, 2.2
"""Inches of a figure for a page of text, and the height of its panels."""
TITLE_LETTERS, NOTE_LETTERS = 12, 17
"""Letters that fit in an inch."""
NAME_LETTERS = 24
"""Of a name beside its curve."""


def write(clocks: Clocks, frames: Frames, folder: Path) -> list[str]:
    """Draw what was measured; returns the names of the files, relative to `folder`."""
    figures: dict[str, Callable[[Clocks, Frames], Figure]] = {
        "step-time": step_time,
        "memory": memory,
        "generation": generation,
        "backends": backends,
    }
    names = []
    for name, drawn in figures.items():
        if name in measured(frames):
            with style():
                save(drawn(clocks, frames), folder / FOLDER / f"{name}.svg")
            names.append(f"{FOLDER}/{name}.svg")
    return names


def measured(frames: Frames) -> list[str]:
    """Names of the figures for which there is something to draw."""
    empty = {
        "step-time": pick(frames["seconds"], **PLAINEST).empty,
        "memory": pick(frames["memory"], layout=SINGLE).empty,
        "generation": frames["generation"].empty,
        "backends": pick(frames["kernel_times"], **PLAINEST).empty,
    }
    return [name for name, is_empty in empty.items() if not is_empty]


def step_time(clocks: Clocks, frames: Frames, page: bool = False) -> Figure:
    """Milliseconds of a training step: a row for each layout, a column for each size; lead changes shaded.

    For a page of text, here and below, the figure has its width, panels below each other and no title of its own.
    """
    steps = pick(frames["seconds"], **PLAINEST)
    layouts = [layout for layout in LAYOUTS if layout in set(steps["layout"])]
    sizes = sorted(steps["size"].unique())
    figure, grid = _panels(titles.steps(clocks, frames), *_turned(len(layouts), len(sizes), page), page=page)
    for i, layout in enumerate(layouts):
        for j, size in enumerate(sizes):
            axes = grid[j][i] if page else grid[i][j]
            own = pick(steps, layout=layout, size=size)
            grown = _step_exponents(frames, layout, int(size)) if page else {}
            draw(axes, _curves(clocks, own, "length", list(clocks.plain.values()), 1e3, grown), _tick)
            between = ",\n" if page else ", "
            axes.set_title(f"{findings.layout_name(clocks, layout)}{between}{size:,} core parameters")
            _shade(axes, frames, layout, size)
    for row in grid:
        row[0].set_ylabel("ms per training step")
    said = "; grey: where the lead changes" + "; exponents over the last doubling" * page
    _finish(figure, grid, "length n [tokens]", _where(clocks, steps["replicates"]) + said)
    return figure


def _step_exponents(frames: Frames, layout: str, size: int) -> dict[str, str]:
    """Architecture -> the exponent of its step time over the last doubling, as it stands beside its name.

    With constant tokens a step holds 1/n as many sequences, so its exponent is one less than that of a sequence.
    """
    tails = pick(frames["exponents"], **PLAINEST, layout=layout, size=size, tail=True)
    less = 1.0 if layout == CONSTANT else 0.0
    return {
        str(name): f"  n^{wording.decimals(point - less)}"
        for name, point in zip(tails["subject"], tails["point"], strict=True)
    }


def memory(clocks: Clocks, frames: Frames, page: bool = False) -> Figure:
    """Bytes kept for the backward pass, and peak bytes, of one sequence: families and the kernels that differ."""
    size = findings.headline_size(clocks)
    held = pick(frames["memory"], layout=SINGLE, size=size, precision=FULL_PRECISION, threads=1)
    grown = titles.memory_exponents(clocks, frames)
    apart = frames["kernel_bytes"]
    apart = apart[(apart["ratio"] > WORTH) | (apart["ratio"] < 1 / WORTH)]
    figure, grid = _panels(titles.memory(clocks, frames), *_turned(1, len(BYTES), page), WIDE, page)
    for axes, metric in zip((axes for row in grid for axes in row), BYTES, strict=True):
        own = pick(held, metric=metric).rename(columns={"bytes": "point"})
        exponents = pick(grown, metric=metric).set_index("subject")["point"]
        subjects = [*clocks.plain.values(), *(k for k in clocks.kernels if k in set(apart["subject"]))]
        suffix = {
            name: f"  n^{wording.decimals(value)}"
            for name, value in zip(exponents.index.astype(str), exponents, strict=True)
        }
        draw(axes, _curves(clocks, own, "length", subjects, 1.0, suffix), _byte_tick)
        axes.set_title({"saved_bytes": "kept for the backward pass", "peak_bytes": "peak of a training step"}[metric])
    for row in grid:
        row[0].set_ylabel("memory")
    where = f"{findings.device(clocks)}, 1 thread, fp32, one sequence a step, {size:,} core parameters, measured once"
    _finish(figure, grid, "length n [tokens]", where + "; exponents over the last doubling")
    return figure


def generation(clocks: Clocks, frames: Frames, page: bool = False) -> Figure:
    """Microseconds of a generated token, and bytes of the state, against the context."""
    seconds = frames["generation"]
    state = frames["state"].rename(columns={"state_bytes": "point"}).dropna(subset=["point"])
    figure, grid = _panels(titles.generation(clocks, frames), 1, 2, page=page)
    draw(grid[0][0], _plain_curves(clocks, seconds, "context", 1e6), _tick)
    draw(grid[0][1], _plain_curves(clocks, state, "context", 1.0), _byte_tick)
    grid[0][0].set_ylabel("µs per generated token")
    grid[0][1].set_ylabel("state")
    _finish(figure, grid, "context [tokens]", _where(clocks, seconds["replicates"]))
    return figure


def backends(clocks: Clocks, frames: Frames, page: bool = False) -> Figure:
    """Seconds of a step on another kernel over those of the same architecture as shipped."""
    steps = pick(frames["kernel_times"], **PLAINEST)
    layouts = [layout for layout in LAYOUTS if layout in set(steps["layout"])]
    figure, grid = _panels(titles.backends(clocks, frames), *_turned(1, len(layouts), page), WIDE, page)
    for axes, layout in zip((axes for row in grid for axes in row), layouts, strict=True):
        own = pick(steps, layout=layout, size=findings.headline_size(clocks))
        draw(axes, _curves(clocks, own, "length", list(clocks.kernels)), _tick)
        axes.axhline(1.0, color="0.3", lw=0.8)
        axes.set_title(findings.layout_name(clocks, layout))
    for row in grid:
        row[0].set_ylabel("step time / as shipped")
    size = f", {findings.headline_size(clocks):,} core parameters"
    _finish(figure, grid, "length n [tokens]", _where(clocks, steps["replicates"]) + size)
    return figure


def _turned(rows: int, columns: int, page: bool) -> tuple[int, int]:
    return (columns, rows) if page else (rows, columns)


def _panels(
    title: str, rows: int, columns: int, width: float = WIDTH, page: bool = False
) -> tuple[Figure, list[list[Axes]]]:
    from matplotlib.figure import Figure

    across = PAGE_WIDTH if page else width * columns + 1.2
    height = PAGE_HEIGHT * rows + 0.6 if page else HEIGHT * rows + 1.0
    figure = Figure(figsize=(across, height), layout="constrained")
    if not page:
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
        title = title if len(title) <= NAME_LETTERS else title[: NAME_LETTERS - 1] + "…"
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
