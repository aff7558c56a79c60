"""Loss by token position: whether a model goes on gaining from a longer context.

After Kaplan et al. 2020 (arXiv 2001.08361), figure 7: their LSTMs level off after some hundred tokens of context.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.clocks import wording
from analysis.document import Picture
from analysis.drawing import short, style
from analysis.figures.lines import GREY, WIDTH, End, Shown, compact, note, shown, tick_at, write_ends
from analysis.material import Material
from analysis.rows import scalability
from analysis.rows.finding import absence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "loss-by-position"
TITLE = "Loss by token position"
METRIC = "position_loss_nats"
PANEL = 3.2
"""Inches of a panel's height."""
ACROSS = 2
ROOM = 0.06
"""Share of the values' range left free above and below."""
TICKS = 9
MOST_SEEDS = 30
"""Single curves of an architecture: hundreds make a grey block."""
PER_DOUBLING = 2
"""Points of a curve in a doubling of the position."""


class Losses(NamedTuple):
    """One architecture on one source, at its largest size."""

    who: Shown
    size: int
    """Core parameters."""
    seeds: pd.DataFrame
    """Nats: one row per number of tokens read, one column per seed's trial."""

    @property
    def mean(self) -> pd.Series:
        """Over the seeds, where all of them were scored."""
        return self.seeds.dropna().mean(axis=1)

    def smooth(self) -> pd.Series:
        """The mean over stretches of positions, each longer by a factor of 2 ** (1 / PER_DOUBLING) than the one before.

        Single positions of a test sample are noisy, and there are ever more of them in a doubling.
        """
        mean = self.mean
        last = mean.index[-1]
        stretch = [int(PER_DOUBLING * np.log2(last / read) + 1e-9) for read in mean.index]
        read = pd.Series(np.log(mean.index.to_numpy(dtype=float)), mean.index)
        middle = np.exp(read.groupby(stretch).mean().to_numpy(dtype=float))
        return pd.Series(mean.groupby(stretch).mean().to_numpy(), middle).sort_index()

    def quarters(self) -> tuple[float, float]:
        """Mean loss over the first and over the last quarter of the positions."""
        part = max(1, len(self.mean) // 4)
        return float(self.mean.iloc[:part].mean()), float(self.mean.iloc[-part:].mean())


class Source(NamedTuple):
    """What was measured on one source."""

    losses: list[Losses]
    perfect: float
    """Loss of the best possible model, mean over the positions; NaN where the records do not give it."""


def picture(material: Material) -> Picture | str:
    """Nats against tokens read, a panel for each source; why not, if no model has them."""
    sources: dict[str, Source] = {}
    for one in shown(material, every=False):
        for name, losses in _losses(material, one).items():
            sources.setdefault(name, Source([], _perfect(material, name))).losses.append(losses)
    if not sources:
        return absence(material.run, material.run.select(row=scalability.ROW, split="report", data_tokens=0))
    with style():
        figure = _drawn(dict(sorted(sources.items())))
    return Picture(NAME, TITLE, _finding(sources), figure, _data(sources))


def _losses(material: Material, one: Shown) -> dict[str, Losses]:
    """Of every source, at the largest size that has any."""
    planned = scalability.select(material.run, one.architecture)
    held = material.run.of(METRIC)
    held = held[held["trial"].isin(planned.index[planned["status"] == "ok"]) & np.isfinite(held["value"])]
    found = {}
    for source, trials in planned[planned.index.isin(held["trial"])].groupby("task", sort=True):
        size = int(trials["core_parameters"].max())
        own = held[held["trial"].isin(trials.index[trials["core_parameters"] == size])]
        wide = own.pivot_table(index="step", columns="trial", values="value")
        wide.index = wide.index.astype(int) + 1  # a position that has been read, its own token included
        if len(wide.dropna()):
            found[str(source)] = Losses(one, size, wide)
    return found


def _perfect(material: Material, source: str) -> float:
    """What a source's excess losses are in excess of: its entropy rate, the same for every model."""
    trials = material.run.select(row=scalability.ROW, task=source, status="ok")
    perfect = material.run.last(trials, "test_loss_nats") - material.run.last(trials, "excess_loss_nats")
    return float(perfect.median())


def _drawn(sources: Mapping[str, Source]) -> Figure:
    from matplotlib.figure import Figure

    across = min(ACROSS, len(sources))
    down = -(-len(sources) // across)
    figure = Figure(figsize=(WIDTH, PANEL * down + 0.3), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(sources):
            axes.set_axis_off()
            continue
        name, source = list(sources.items())[place]
        _panel(axes, source)
        sizes = sorted({losses.size for losses in source.losses})
        axes.set_title(f"{short(name)}, {wording.listed(map(compact, sizes))} core parameters", loc="left")
        axes.set_xlabel("tokens read")
    for row in grid:
        row[0].set_ylabel("loss of the next token [nats]")
    most = max(losses.seeds.shape[1] for source in sources.values() for losses in source.losses)
    few = f" ({MOST_SEEDS} of them)" if most > MOST_SEEDS else ""
    note(figure, f"Thick: mean over the seeds and over half a doubling of positions; thin: every seed{few}.")
    return figure


def _panel(axes: Axes, source: Source) -> None:
    axes.set_xscale("log", base=2)
    ends = []
    for losses in source.losses:
        colour, marker, line = losses.who.mark
        axes.plot(losses.seeds.index, losses.seeds.iloc[:, :MOST_SEEDS], color=colour, lw=0.5, alpha=0.45)
        mean = losses.smooth()
        axes.plot(mean.index, mean, color=colour, marker=marker, linestyle=line, lw=1.6, markersize=4.5)
        ends.append(End(float(mean.index[-1]), float(mean.iloc[-1]), losses.who.title, colour))
    values = np.concatenate([losses.seeds.to_numpy(dtype=float).ravel() for losses in source.losses])
    low, high = np.nanmin([np.nanmin(values), source.perfect]), np.nanmax([np.nanmax(values), source.perfect])
    room = ROOM * (high - low) or ROOM
    axes.set_ylim(low - room, high + room)
    last = max(int(losses.seeds.index.max()) for losses in source.losses)
    first = min(int(losses.seeds.index.min()) for losses in source.losses)
    if np.isfinite(source.perfect):
        axes.axhline(source.perfect, color=GREY, lw=1.0, linestyle=(0, (1, 1)))
        ends.append(End(float(last), source.perfect, "best possible\n(mean)", GREY))
    tick_at(axes, {2**power for power in range(32) if first <= 2**power <= last} or {first, last}, TICKS)
    write_ends(axes, ends)


def _finding(sources: Mapping[str, Source]) -> str:
    said = []
    for name, source in sources.items():
        parts = [f"{' to '.join(f'{q:.2f}' for q in each.quarters())} ({each.who.column})" for each in source.losses]
        best = f", where {source.perfect:.2f} is the best possible mean" if np.isfinite(source.perfect) else ""
        said.append(f"on {name} from {wording.listed(parts)}{best}")
    return f"From the first to the last quarter of the positions, the loss in nats goes {'; '.join(said)}."


def _data(sources: Mapping[str, Source]) -> pd.DataFrame:
    """At positions that are powers of two, and at the last one."""
    rows = []
    for name, source in sources.items():
        for losses in source.losses:
            last = losses.mean.index[-1]
            for read in [n for n in losses.mean.index if n & (n - 1) == 0 or n == last]:
                facts: dict[str, object] = {
                    "source": name,
                    "column": losses.who.column,
                    "architecture": losses.who.architecture,
                }
                facts |= {"core parameters": losses.size, "seeds": losses.seeds.shape[1], "tokens read": int(read)}
                each = losses.seeds.loc[read]
                rows.append(facts | {"loss": each.mean(), "low": each.min(), "high": each.max()})
                rows[-1]["best possible mean"] = source.perfect
    return pd.DataFrame(rows)
