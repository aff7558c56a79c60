"""Evidence of the two rows that read clocks: training speed and generation latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.cells.case import Case, Dot, Evidence, Held, Panel, exact, listed, number, whole
from analysis.claims import GENERATION, SPEED, Rule
from analysis.document import Table
from analysis.drawing import label
from analysis.rows import generation, speed
from analysis.rows.finding import references
from analysis.rows.rates import Clocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SELECT = {SPEED.row: speed.select, GENERATION.row: generation.select}


@dataclass(frozen=True)
class Ratios:
    """Rates of one architecture against the fastest reference at each size."""

    clocks: Clocks
    trials: pd.DataFrame
    """Per trial: replicate, size, own and reference rate (tokens/s), ratio, trial id."""
    fastest: dict[int, str]
    """Size -> the reference that is fastest there over all replicates."""
    point: float
    """Geometric mean of all ratios, before it is held at 1."""


def evidence(case: Case) -> Evidence:
    """Tokens per second of every trial beside the fastest family's in the same process."""
    own = case.contender.architecture or ""
    names, _ = references(case.contender, case.material.contenders)
    clocks = SELECT[case.rule.row](case.run, [*names, own])
    if case.finding.estimate is None:
        return Evidence(clocks.planned)
    found = ratios(clocks, own, names)
    by_replicate = np.exp(np.log(found.trials["ratio"]).groupby(found.trials["replicate"]).mean())
    symbol = clocks.timing.symbol
    leaders = ", ".join(f"{name} at {symbol} = {size}" for size, name in found.fastest.items())
    held = (
        ", held at 1 because no family is faster than the fastest"
        if found.point > 1 >= case.finding.estimate.figure
        else ""
    )
    return Evidence(
        planned=clocks.planned,
        steps=(
            "In every process, take the median of the samples of each architecture and divide its tokens by it.",
            f"At each {symbol}, find the family that is fastest over all processes: {leaders}.",
            f"Divide the rate of {own} by that family's in the same process (column `ratio`).",
            f"The geometric mean of all ratios is {exact(found.point)}{held}; that of each process is a dot.",
        ),
        tables=(_table(found, own),),
        dots=tuple(Dot(float(value), f"replicate {name}") for name, value in by_replicate.items()),
        dots_are="each process",
        panels=(Panel(lambda axes: _draw(axes, found, case)),),
        height=1.6,
        flips=tuple(_factors(case.rule, case.finding.estimate.figure, found, names, own)),
    )


def ratios(clocks: Clocks, own: str, names: list[str]) -> Ratios:
    """Own rates over those of the reference that is fastest at each size."""
    size = clocks.timing.size
    placed = clocks.trials[["id", "replicate", size]].rename(columns={size: "size"}).astype({"size": int})
    means = pd.DataFrame(np.log(clocks.rates[names])).groupby(placed["size"]).mean()
    fastest = dict(zip(means.index.astype(int).tolist(), means.idxmax(axis=1).astype(str).tolist(), strict=True))
    theirs = np.array([clocks.rates.at[index, fastest[at]] for index, at in placed["size"].items()], dtype=float)
    found = placed.assign(own=clocks.rates[own], fastest=placed["size"].map(fastest), reference=theirs)
    found["ratio"] = found["own"] / found["reference"]
    return Ratios(
        clocks, found.sort_values(["size", "replicate"]), fastest, float(np.exp(np.log(found["ratio"]).mean()))
    )


def _table(found: Ratios, own: str) -> Table:
    def write(t: Held) -> list[str]:
        rates = [exact(t["own"]), t["fastest"], exact(t["reference"]), exact(t["ratio"])]
        return [whole(t["size"]), whole(t["replicate"]), *rates, t["id"]]

    header = (found.clocks.timing.symbol, "Replicate", f"Tokens/s of {own}", "Fastest family's", "Tokens/s of it")
    caption = "Every process: the figure is the geometric mean of the ratios, at most 1 for a family"
    return listed(caption, (*header, "Ratio", "Trial"), found.trials, write)


def _factors(rule: Rule, figure: float, found: Ratios, names: list[str], own: str) -> list[str]:
    """By how much a rate must change for the word to."""
    call = found.clocks.timing.call
    said = []
    for word, at in zip(rule.words, rule.thresholds, strict=False):
        if figure < at:
            said.append(
                f"For {word} a {call} would have to become {number(at / figure, 3)} times as fast beside the fastest "
                "family's."
            )
        elif found.point < 1:
            said.append(f"For less than {word} a {call} would have to take {number(figure / at, 3)} times as long.")
    others = [name for name in names if name != own]
    if set(found.fastest.values()) == {own} and others:
        logs = np.log(found.clocks.rates[[own, *others]]).mean()
        second = str(logs[others].idxmax())
        lead = float(np.exp(logs[own] - logs[second]))
        needed = lead / rule.thresholds[0]
        said.append(
            f"It is the yardstick itself. {second} comes next, at {number(1 / lead, 3)} of its rate; that family would "
            f"have to become {number(needed, 3)} times as fast before this one read less than {rule.words[0]}."
        )
    return said


def _draw(axes: Axes, found: Ratios, case: Case) -> None:
    """Ratio against size, every process a dot, the geometric mean as a line, thresholds across."""
    rule, mark = case.rule, case.mark
    sizes = sorted(found.fastest)
    replicates = sorted(found.trials["replicate"].unique())
    order = np.array([replicates.index(r) for r in found.trials["replicate"]], dtype=float)
    middle = (len(replicates) - 1) / 2
    places = np.array([sizes.index(size) for size in found.trials["size"]]) + 0.3 * (order - middle) / max(
        1, 2 * middle
    )
    axes.plot(places, found.trials["ratio"], mark.marker, ms=4.5, mfc="none", mec=mark.colour, ls="")
    means = np.exp(np.log(found.trials["ratio"]).groupby(found.trials["size"]).mean())
    axes.plot(range(len(sizes)), means[sizes], mark.line, color=mark.colour, lw=1.4)
    axes.grid(visible=False)
    right = len(sizes) - 0.6 + 0.24 * len(sizes)  # room for the names of the thresholds beside the last dots
    axes.axhline(1.0, color="#666666", lw=0.7, ls=":")
    for word, at in zip(rule.words, rule.thresholds, strict=False):
        axes.axhline(at, color="#222222", lw=1.0)
        axes.text(right, at, f"{word} from {at:g}", fontsize=8, va="bottom", ha="right")
    axes.set_xlim(-0.4, right)
    top = max(1.1, 1.1 * float(found.trials["ratio"].max()))
    axes.set_ylim(min(0.0, float(found.trials["ratio"].min())), top)
    symbol = found.clocks.timing.symbol
    axes.set_xticks(range(len(sizes)), labels=[f"{symbol} = {n:,}\nfastest: {label(found.fastest[n])}" for n in sizes])
    axes.set_ylabel("tokens/s, ratio\nto the fastest")
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
