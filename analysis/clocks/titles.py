"""What each figure of the clock study shows, in a line: its title, or the words beside it on a page."""

from __future__ import annotations

import pandas as pd

from analysis.clocks import findings, wording
from analysis.clocks.across import pick
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks
from analysis.clocks.samples import FULL_PRECISION, LAYOUTS, PLAINEST, SINGLE


def steps(clocks: Clocks, frames: Frames) -> str:
    """Which family leads over which lengths."""
    held = set(pick(frames["seconds"], **PLAINEST)["layout"])
    main = findings.headline_size(clocks)
    said = [
        f"with {findings.layout_name(clocks, layout)} {findings.fastest(frames, layout, main)}"
        for layout in LAYOUTS
        if layout in held
    ]
    return f"Fastest at {main:,} core parameters: {'; '.join(said)}"


def memory(clocks: Clocks, frames: Frames) -> str:
    """As which power of n the memory of each family grows, and that of kernels that grow faster than linearly."""
    own = pick(memory_exponents(clocks, frames), metric="saved_bytes").set_index("subject")["point"]
    plain = [f"{clocks.titles[f]} n^{wording.decimals(own[n])}" for f, n in clocks.plain.items() if n in own]
    others = [f"{name} n^{wording.decimals(own[name])}" for name in clocks.kernels if name in own and own[name] > 1.3]
    said = wording.listed([*plain, *others])
    return f"Memory kept for the backward pass grows as {said}" if said else "Memory of one sequence"


def memory_exponents(clocks: Clocks, frames: Frames) -> pd.DataFrame:
    """Exponents of one sequence's bytes over the last doubling, at the headline's size."""
    size = findings.headline_size(clocks)
    return pick(frames["memory_exponents"], layout=SINGLE, size=size, precision=FULL_PRECISION, threads=1, tail=True)


def generation(clocks: Clocks, frames: Frames) -> str:
    """What a token takes after the longest context."""
    longest = int(frames["generation"]["context"].max())
    at_end = pick(frames["generation"], context=longest).set_index("subject")["point"]
    said = [f"{clocks.titles[f]} {wording.number(at_end[n] * 1e6)} µs" for f, n in clocks.plain.items() if n in at_end]
    return f"A token after {longest:,} others takes: {', '.join(said)}"


def backends(clocks: Clocks, frames: Frames) -> str:
    """Which kernel changes a word of training speed."""
    changed = [change for change in findings.word_changes(clocks, frames) if change.certain]
    said = "; ".join(f"{change.kernel}: {change}" for change in changed)
    return f"The kernel decides the word of training speed: {said}" if said else "No kernel changes a word beyond doubt"
