"""Generation latency: tokens per second of generating one by one, relative to the fastest family in the same process.

A row of ours. The figure is that of training speed; what a state holds and how it grows is told beside it. Keys and
values of all that was read grow with the context, a recurrent state does not (Katharopoulos et al. 2020).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.load import Run
from analysis.rows import rates
from analysis.rows.finding import Contender, Finding
from analysis.rows.rates import Clocks, Timing
from analysis.stats import Array

TIMING = Timing("generation latency", "decode", call="token", size="context", symbol="context")
CANNOT_STEP = "cannot go position by position"
LINE = 3
"""Contexts that show a line: any two points lie on one."""


def find(run: Run, contender: Contender, contenders: list[Contender]) -> Finding:
    """Geometric mean over contexts of the ratio to the fastest family, its interval over replicates."""
    if _cannot_step(run, contender.architecture or ""):
        return Finding(missing=CANNOT_STEP)

    def remarks(clocks: Clocks, name: str, _: float) -> list[str]:
        return [*_state_notes(run, clocks, name), *_slowdown(clocks, name)]

    return rates.compare(run, TIMING, contender, contenders, remarks)


def select(run: Run, needed: list[str]) -> Clocks:
    """Generation trials of the newest machine that hold all the needed architectures."""
    return rates.select(run, TIMING, needed)


def state_bytes(run: Run, clocks: Clocks, name: str) -> pd.Series:
    """Bytes of one architecture's state by ascending context; empty where none was measured."""
    held = rates.medians(run, clocks.trials, "state_bytes", [name])[name]
    held = held.where(np.isfinite(held))
    return held.groupby(clocks.trials["context"].astype(int)).median().dropna().sort_index()


def _cannot_step(run: Run, name: str) -> bool:
    """Whether trials that held the architecture ended well without generating anything with it."""
    ok = run.select(row=TIMING.row, kind=TIMING.kind, status="ok")
    ok = ok[np.array([name in names for names in ok["contenders"]], dtype=bool)]
    held = pd.concat([run.of(TIMING.wall), run.of(TIMING.cpu)])
    return not ok.empty and not (held["trial"].isin(ok.index) & (held["subject"] == name)).any()


def _state_notes(run: Run, clocks: Clocks, name: str) -> list[str]:
    held = state_bytes(run, clocks, name)
    if held.empty:
        return ["bytes of the state not measured"]
    growth = _growth(held.index.to_numpy(dtype=float), held.to_numpy(dtype=float))
    return [f"state of {held.iloc[-1]:,.0f} bytes at context {held.index[-1]}" + f", {growth}" * bool(growth)]


def _growth(contexts: Array, held: Array) -> str:
    """How a state grows: not at all, by so many bytes a token exactly, or as a power between the two ends."""
    if contexts.size < 2 or held.min() <= 0:
        return ""
    if np.ptp(held) == 0:
        return "constant in the context"
    ends = [0, -1]
    if contexts.size >= LINE and np.allclose(np.interp(contexts, contexts[ends], held[ends]), held, rtol=1e-9, atol=0):
        return f"linear in the context ({(held[-1] - held[0]) / (contexts[-1] - contexts[0]):,.6g} a token)"
    return f"growing as context^{np.log(held[-1] / held[0]) / np.log(contexts[-1] / contexts[0]):.2f}"


def _slowdown(clocks: Clocks, name: str) -> list[str]:
    """Seconds per token after the longest context as a multiple of those after the shortest."""
    if len(clocks.sizes) < 2:
        return []
    logs = np.log(clocks.grid(clocks.rates[name])).mean(axis=0)
    first, last = clocks.sizes[0], clocks.sizes[-1]
    return [f"a token after {last} others takes {np.exp(logs[0] - logs[-1]):.2f} times as long as after {first}"]
